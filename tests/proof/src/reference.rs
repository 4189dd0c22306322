//! The reference: wasmi under the specification's deterministic profile. What the original does here is
//! what the hardened module must do everywhere.

use wasmi::{
    Caller, Engine, Error, Extern, ExternType, F32, F64, Func, Global, Instance, Linker, Memory, Module, Mutability,
    Nullable, Ref, Store, Table, TrapCode, V128, Val, ValType,
};

use crate::chaos::{STATE, state};
use crate::loops::without_parameters;
use crate::numbers::Numbers;
use crate::observe::{End, Kind, Observed, Step, Value, hash, value};
use crate::random::{STEPS, STEPS_LEFT};
use crate::wasi::{Answer, Wasi};

/// What a call may take; a program takes what it takes.
pub const FUEL: u64 = 100_000;
/// How much more a module may take that does the same with more instructions.
pub const SLACK: u64 = 20;

/// A compiled module.
pub struct Subject {
    module: Module,
    changed: bool,
}

/// How exported functions are called.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// How often each.
    pub rounds: u64,
    /// Chooses the arguments.
    pub seed: u64,
}

struct Host {
    wasi: Wasi,
    calls: Vec<(String, Vec<Value>)>,
    count: u64,
}

/// The engine, with every feature that it has.
pub fn engine(fuel: bool) -> Engine {
    let mut config = wasmi::Config::default();
    config.wasm_multi_memory(true).wasm_memory64(true).wasm_simd(true).wasm_relaxed_simd(true);
    config.wasm_tail_call(true).wasm_extended_const(true).wasm_wide_arithmetic(true);
    config.consume_fuel(fuel);
    Engine::new(&config)
}

impl Subject {
    /// A module as it came.
    pub fn original(engine: &Engine, bytes: &[u8]) -> Result<Subject, String> {
        Subject::new(engine, bytes, false)
    }

    /// A module that should do the same as an original.
    pub fn changed(engine: &Engine, bytes: &[u8]) -> Result<Subject, String> {
        Subject::new(engine, bytes, true)
    }

    fn new(engine: &Engine, bytes: &[u8], changed: bool) -> Result<Subject, String> {
        let bytes = without_parameters(bytes).map_err(|e| e.to_string())?;
        Module::new(engine, bytes).map(|module| Subject { module, changed }).map_err(|e| e.to_string())
    }

    /// Calls every exported function, on one instance. `seed` is that of the chaos, if the module is under it. An
    /// error means that it was not instantiated.
    pub fn call_exports(&self, calls: Calls, seed: Option<u64>) -> Result<Observed, String> {
        let (mut store, instance) = self.instantiate(Wasi::default(), seed)?;
        let mut observed = Observed::default();
        let fuel = if self.changed { FUEL * SLACK } else { FUEL };
        let functions: Vec<(String, Func)> = instance
            .exports(&store)
            .filter_map(|export| Some((export.name().to_string(), export.into_func()?)))
            .collect();
        let steps_left = instance.get_global(&store, STEPS_LEFT);
        for round in 0..calls.rounds {
            for (n, (name, function)) in functions.iter().enumerate() {
                let mut numbers = Numbers::new(calls.seed ^ round << 32 ^ (n as u64) << 16);
                let ty = function.ty(&store);
                let args: Vec<Value> = ty.params().iter().map(|ty| value(kind(*ty), &mut numbers)).collect();
                let given: Vec<Val> = args.iter().zip(ty.params()).map(|(arg, ty)| val(*arg, *ty)).collect();
                let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
                if let Some(left) = steps_left {
                    left.set(&mut store, Val::I32(STEPS as i32)).map_err(|e| e.to_string())?;
                }
                store.set_fuel(fuel).map_err(|e| e.to_string())?;
                let end = match function.call(&mut store, &given, &mut results) {
                    Ok(()) => End::Returned(results.iter().map(see).collect()),
                    Err(e) => end(&e),
                };
                let exhausted = end == End::Exhausted;
                let host = std::mem::take(&mut store.data_mut().calls);
                observed.steps.push(Step { call: format!("{name}{args:?}"), host, end });
                if exhausted {
                    return Ok(observed);
                }
            }
        }
        observed.state = look(&instance, &store);
        Ok(observed)
    }

    /// Runs a program from `_start` to its end.
    pub fn run_program(&self, args: &[&str], seed: Option<u64>) -> Result<Observed, String> {
        let (mut store, instance) = self.instantiate(Wasi::new(args), seed)?;
        let start = instance.get_func(&store, "_start").ok_or("no _start")?;
        let end = match start.call(&mut store, &[], &mut []) {
            Ok(()) => End::Exited(0),
            Err(e) => match store.data().wasi.status {
                Some(status) => End::Exited(status),
                None => end(&e),
            },
        };
        let state = look(&instance, &store);
        let host = std::mem::take(&mut store.data_mut().calls);
        let steps = vec![Step { call: "_start".to_string(), host, end }];
        Ok(Observed { steps, output: std::mem::take(&mut store.data_mut().wasi.output), state })
    }

    fn instantiate(&self, wasi: Wasi, seed: Option<u64>) -> Result<(Store<Host>, Instance), String> {
        let mut store = Store::new(self.module.engine(), Host { wasi, calls: Vec::new(), count: 0 });
        // An engine that does not count has none to set.
        let _ = store.set_fuel(u64::MAX / 2);
        let mut linker = Linker::new(store.engine());
        for import in self.module.imports() {
            let (module, name) = (import.module().to_string(), import.name().to_string());
            let made = match import.ty() {
                ExternType::Func(ty) if module == "wasi_snapshot_preview1" => {
                    let called = name.clone();
                    let f = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
                        wasi_call(&mut caller, &called, args, results)
                    };
                    Extern::Func(Func::new(&mut store, ty.clone(), f))
                }
                ExternType::Func(ty) => {
                    let (called, ty) = (format!("{module}.{name}"), ty.clone());
                    let types = ty.results().to_vec();
                    let f = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
                        let host = caller.data_mut();
                        host.calls.push((called.clone(), args.iter().map(see).collect()));
                        host.count += 1;
                        let mut numbers = Numbers::new(host.count);
                        for (result, ty) in results.iter_mut().zip(&types) {
                            *result = val(value(kind(*ty), &mut numbers), *ty);
                        }
                        Ok(())
                    };
                    Extern::Func(Func::new(&mut store, ty, f))
                }
                ExternType::Global(ty) => {
                    let given = val(value(kind(ty.content()), &mut Numbers::new(7)), ty.content());
                    Extern::Global(Global::new(&mut store, given, ty.mutability()))
                }
                ExternType::Memory(ty) => Extern::Memory(Memory::new(&mut store, *ty).map_err(|e| e.to_string())?),
                ExternType::Table(ty) => {
                    let null = match ty.element() {
                        wasmi::RefType::Func => Ref::Func(Nullable::Null),
                        wasmi::RefType::Extern => Ref::Extern(Nullable::Null),
                    };
                    Extern::Table(Table::new(&mut store, *ty, null).map_err(|e| e.to_string())?)
                }
            };
            linker.define(&module, &name, made).map_err(|e| e.to_string())?;
        }
        let instance = linker.instantiate_and_start(&mut store, &self.module).map_err(|e| e.to_string())?;
        if let (Some(seed), Some(global)) = (seed, instance.get_global(&store, STATE)) {
            global.set(&mut store, Val::I64(state(seed))).map_err(|e| e.to_string())?;
        }
        Ok((store, instance))
    }
}

fn wasi_call(caller: &mut Caller<'_, Host>, name: &str, args: &[Val], results: &mut [Val]) -> Result<(), Error> {
    let numbers: Vec<u64> = args.iter().map(bits).collect();
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.ok_or_else(|| Error::new("no memory"))?;
    let (data, host) = memory.data_and_store_mut(caller);
    // The output, the arguments' effects and the end are what is seen; pointers may be anything.
    match host.wasi.call(name, &numbers, data) {
        Answer::Errno(errno) => {
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno);
            }
            Ok(())
        }
        Answer::Exit => Err(Error::new("the program's end")),
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        _ => 0,
    }
}

fn end(e: &Error) -> End {
    match e.as_trap_code() {
        Some(TrapCode::StackOverflow | TrapCode::OutOfFuel | TrapCode::OutOfSystemMemory) => End::Exhausted,
        Some(code) => End::Trapped(format!("{code:?}")),
        None => End::Trapped(e.to_string()),
    }
}

/// Exported globals and memories, but for the chaos itself.
fn look(instance: &Instance, store: &Store<Host>) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for export in instance.exports(store) {
        let name = export.name().to_string();
        match export.into_extern() {
            Extern::Global(global) if name != STATE && global.ty(store).mutability() == Mutability::Var => {
                seen.push((name, see(&global.get(store))));
            }
            Extern::Memory(memory) => seen.push((name, Value::I64(hash(memory.data(store))))),
            _ => {}
        }
    }
    seen
}

fn kind(ty: ValType) -> Kind {
    match ty {
        ValType::I32 => Kind::I32,
        ValType::I64 => Kind::I64,
        ValType::F32 => Kind::F32,
        ValType::F64 => Kind::F64,
        ValType::V128 => Kind::V128,
        ValType::FuncRef | ValType::ExternRef => Kind::Reference,
    }
}

fn val(value: Value, ty: ValType) -> Val {
    match value {
        Value::I32(v) => Val::I32(v),
        Value::I64(v) => Val::I64(v),
        Value::F32(v) => Val::F32(F32::from_bits(v)),
        Value::F64(v) => Val::F64(F64::from_bits(v)),
        Value::V128(v) => Val::V128(V128::from(v)),
        Value::Null | Value::Reference => Val::default_for_ty(ty),
    }
}

fn see(value: &Val) -> Value {
    match value {
        Val::I32(v) => Value::I32(*v),
        Val::I64(v) => Value::I64(*v),
        Val::F32(v) => Value::F32(v.to_bits()),
        Val::F64(v) => Value::F64(v.to_bits()),
        Val::V128(v) => Value::V128(v.as_u128()),
        Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => Value::Null,
        Val::FuncRef(_) | Val::ExternRef(_) => Value::Reference,
    }
}
