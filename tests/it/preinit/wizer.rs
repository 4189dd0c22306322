//! Wizer itself, of our engine's version, driven by our engine.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::{Instance, Linker, Module, Store, Val};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};
use wbuild::engine::{self, Profile};

struct State<'s> {
    store: &'s mut Store<WasiP1Ctx>,
    instance: Instance,
}

impl InstanceState for State<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut *self.store, name).unwrap();
        match global.get(&mut *self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            Val::F32(bits) => SnapshotVal::F32(bits),
            Val::F64(bits) => SnapshotVal::F64(bits),
            Val::V128(value) => SnapshotVal::V128(value.as_u128()),
            other => panic!("Wizer asks for {other:?}"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut *self.store, name).unwrap();
        contents(memory.data(&*self.store));
    }
}

/// Wizer's snapshot, or what it says against it.
pub fn run(module: &[u8], function: &str, renames: &[(String, String)], keep: bool) -> Result<Vec<u8>, String> {
    let mut wizer = Wizer::new();
    wizer.init_func(function).keep_init_func(keep);
    for (new, old) in renames {
        wizer.func_rename(new, old);
    }
    let text = |e: wasmtime::Error| format!("{e:#}");
    let (context, instrumented) = wizer.instrument(module).map_err(text)?;
    let engine = engine::engine(Profile::Deterministic).unwrap();
    let module = Module::new(&engine, instrumented).map_err(text)?;
    let mut linker = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |wasi| wasi).map_err(text)?;
    linker.define_unknown_imports_as_traps(&module).map_err(text)?;
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
    let instance = linker.instantiate(&mut store, &module).map_err(text)?;
    // What its own driver does: the reactor's function first, and once.
    let first = instance.get_func(&mut store, "_initialize").map(|_| "_initialize");
    for name in first.into_iter().chain((function != "_initialize").then_some(function)) {
        let initialize = instance.get_typed_func::<(), ()>(&mut store, name).map_err(text)?;
        initialize.call(&mut store, ()).map_err(text)?;
    }
    let mut state = State { store: &mut store, instance };
    let snapshot = pin!(wizer.snapshot(&context, &mut state));
    // Nothing here waits for anything.
    match snapshot.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(snapshot) => snapshot.map_err(text),
        Poll::Pending => panic!("Wizer waits"),
    }
}
