//! An engine that shares no code with the others: wasmer, whose Singlepass compiles straight to machine code and takes
//! the NaNs as the processor makes them.

use wasmer::sys::{EngineBuilder, Singlepass};
use wasmer::{
    AsStoreMut, ExternType, Function, FunctionEnv, FunctionEnvMut, Imports, Instance, Memory, Module, RuntimeError,
    Store, Value as Val,
};

use crate::observe::{End, Observed, Step, Value, hash};
use crate::wasi::{Answer, Wasi};

struct Host {
    wasi: Wasi,
    memory: Option<Memory>,
}

/// Runs a program that imports WASI alone, from `_start` to its end.
pub fn run_program(bytes: &[u8], args: &[&str]) -> Result<Observed, String> {
    let mut store = Store::new(EngineBuilder::new(Singlepass::default()));
    let module = Module::new(&store, bytes).map_err(|e| e.to_string())?;
    let host = FunctionEnv::new(&mut store, Host { wasi: Wasi::new(args), memory: None });
    let mut imports = Imports::new();
    for import in module.imports() {
        let ExternType::Function(ty) = import.ty() else { return Err(format!("{} is no function", import.name())) };
        let name = import.name().to_string();
        let call = move |host: FunctionEnvMut<Host>, args: &[Val]| answer(host, &name, args);
        imports.define(import.module(), import.name(), Function::new_with_env(&mut store, &host, ty.clone(), call));
    }
    let instance = Instance::new(&mut store, &module, &imports).map_err(|e| e.to_string())?;
    host.as_mut(&mut store).memory = instance.exports.get_memory("memory").ok().cloned();
    let start = instance.exports.get_function("_start").map_err(|e| e.to_string())?;
    let end = match (start.call(&mut store, &[]), host.as_ref(&store).wasi.status) {
        (Ok(_), None) => End::Exited(0),
        (_, Some(status)) => End::Exited(status),
        (Err(e), None) => End::Trapped(e.message()),
    };
    let steps = vec![Step { call: "_start".to_string(), host: Vec::new(), end }];
    let state = look(&instance, &mut store);
    Ok(Observed { steps, output: std::mem::take(&mut host.as_mut(&mut store).wasi.output), state })
}

fn answer(mut host: FunctionEnvMut<Host>, name: &str, args: &[Val]) -> Result<Vec<Val>, RuntimeError> {
    let numbers: Vec<u64> = args.iter().map(bits).collect();
    let (host, store) = host.data_and_store_mut();
    let view = host.memory.as_ref().ok_or_else(|| RuntimeError::new("no memory"))?.view(&store);
    let mut memory = view.copy_to_vec().map_err(|e| RuntimeError::new(e.to_string()))?;
    let answer = host.wasi.call(name, &numbers, &mut memory);
    view.write(0, &memory).map_err(|e| RuntimeError::new(e.to_string()))?;
    match answer {
        Answer::Errno(errno) => Ok(vec![Val::I32(errno)]),
        Answer::Exit => Err(RuntimeError::new("the program's end")),
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        _ => 0,
    }
}

fn look(instance: &Instance, store: &mut impl AsStoreMut) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    for (name, item) in instance.exports.iter() {
        match item {
            wasmer::Extern::Global(global) if global.ty(store).mutability.is_mutable() => {
                let value = match global.get(store) {
                    Val::I32(v) => Value::I32(v),
                    Val::I64(v) => Value::I64(v),
                    Val::F32(v) => Value::F32(v.to_bits()),
                    Val::F64(v) => Value::F64(v.to_bits()),
                    Val::V128(v) => Value::V128(v),
                    Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
                    _ => Value::Reference,
                };
                seen.push((name.clone(), value));
            }
            wasmer::Extern::Memory(memory) => {
                let bytes = memory.view(store).copy_to_vec().unwrap_or_default();
                seen.push((name.clone(), Value::I64(hash(&bytes))));
            }
            _ => {}
        }
    }
    seen
}
