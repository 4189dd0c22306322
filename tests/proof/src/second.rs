//! Other engines: wasmtime with either of its compilers, and with NaNs made canonical as a second
//! opinion where wasmi is suspected.

use std::time::{Duration, Instant};

use wasmtime::{
    Caller, Config, Engine, Extern, ExternType, Func, Global, HeapType, Instance, Linker, Memory, Module, Mutability,
    OptLevel, Store, Strategy, Table, Trap, V128, Val, ValType,
};

use crate::chaos::{STATE, state};
use crate::numbers::Numbers;
use crate::observe::{End, Kind, Observed, Step, Value, hash, value};
use crate::random::{STEPS, STEPS_LEFT};
use crate::reference::{Calls, FUEL, SLACK};
use crate::wasi::{Answer, Wasi};

/// How wasmtime compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiler {
    /// Cranelift, with all its optimizations.
    Cranelift,
    /// Cranelift, with canonical NaNs: the deterministic profile.
    Canonical,
    /// Cranelift with its optimizations and canonical NaNs: what wasmtime offers by itself.
    OptimizedCanonical,
    /// The one that compiles in one pass.
    Winch,
}

pub fn engine(compiler: Compiler, fuel: bool) -> Result<Engine, String> {
    let mut config = Config::new();
    config.strategy(if compiler == Compiler::Winch { Strategy::Winch } else { Strategy::Cranelift });
    if compiler == Compiler::Canonical {
        config.cranelift_nan_canonicalization(true);
        config.cranelift_opt_level(OptLevel::None);
        config.relaxed_simd_deterministic(true);
        // Thousands of instances: no gigabytes of addresses for each.
        config.memory_reservation(0).memory_guard_size(0);
    }
    if compiler == Compiler::OptimizedCanonical {
        config.cranelift_nan_canonicalization(true);
    }
    // Compilation is measured by its work.
    config.parallel_compilation(false);
    config.consume_fuel(fuel);
    if compiler != Compiler::Winch {
        config.wasm_tail_call(true);
    }
    Engine::new(&config).map_err(|e| format!("{e:#}"))
}

struct Host {
    wasi: Wasi,
    calls: Vec<(String, Vec<Value>)>,
    count: u64,
}

/// A compiled module.
pub struct Subject {
    module: Module,
    changed: bool,
}

impl Subject {
    pub fn new(engine: &Engine, bytes: &[u8], changed: bool) -> Result<Subject, String> {
        Module::new(engine, bytes).map(|module| Subject { module, changed }).map_err(|e| format!("{e:#}"))
    }

    /// As [`crate::reference::Subject::call_exports`]; the engine counts fuel.
    pub fn call_exports(&self, calls: Calls, seed: Option<u64>) -> Result<Observed, String> {
        let (mut store, instance) = self.instantiate(Wasi::default(), seed, true)?;
        let mut observed = Observed::default();
        let fuel = if self.changed { FUEL * SLACK } else { FUEL };
        let functions: Vec<(String, Func)> = instance
            .exports(&mut store)
            .filter_map(|export| Some((export.name().to_string(), export.into_func()?)))
            .collect();
        let steps_left = instance.get_global(&mut store, STEPS_LEFT);
        for round in 0..calls.rounds {
            for (n, (name, function)) in functions.iter().enumerate() {
                let mut numbers = Numbers::new(calls.seed ^ round << 32 ^ (n as u64) << 16);
                let ty = function.ty(&store);
                let args: Vec<Value> = ty.params().map(|ty| value(kind(&ty), &mut numbers)).collect();
                let given: Vec<Val> = args.iter().zip(ty.params()).map(|(arg, ty)| val(*arg, &ty)).collect();
                let mut results = vec![Val::I32(0); ty.results().len()];
                if let Some(left) = steps_left {
                    left.set(&mut store, Val::I32(STEPS as i32)).map_err(|e| format!("{e:#}"))?;
                }
                store.set_fuel(fuel).map_err(|e| format!("{e:#}"))?;
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
        observed.state = look(&instance, &mut store);
        Ok(observed)
    }

    /// Runs a program from `_start` to its end; the engine counts no fuel.
    pub fn run_program(&self, args: &[&str], seed: Option<u64>) -> Result<Observed, String> {
        let (mut store, instance) = self.instantiate(Wasi::new(args), seed, false)?;
        let start = instance.get_func(&mut store, "_start").ok_or("no _start")?;
        let end = match start.call(&mut store, &[], &mut []) {
            Ok(()) => End::Exited(0),
            Err(e) => match store.data().wasi.status {
                Some(status) => End::Exited(status),
                None => end(&e),
            },
        };
        let state = look(&instance, &mut store);
        let host = std::mem::take(&mut store.data_mut().calls);
        let steps = vec![Step { call: "_start".to_string(), host, end }];
        Ok(Observed { steps, output: std::mem::take(&mut store.data_mut().wasi.output), state })
    }

    /// How long a program runs, from `_start` to its end, and what it writes.
    pub fn time_program(&self, args: &[&str]) -> Result<(Duration, Vec<u8>), String> {
        let (mut store, instance) = self.instantiate(Wasi::new(args), None, false)?;
        let clock = Instant::now();
        start(&mut store, instance)?;
        Ok((clock.elapsed(), std::mem::take(&mut store.data_mut().wasi.output)))
    }

    /// How many instructions a program runs, from `_start` to its end; the engine counts fuel.
    pub fn count_program(&self, args: &[&str]) -> Result<u64, String> {
        let (mut store, instance) = self.instantiate(Wasi::new(args), None, true)?;
        let before = store.get_fuel().map_err(|e| format!("{e:#}"))?;
        start(&mut store, instance)?;
        store.get_fuel().map(|after| before - after).map_err(|e| format!("{e:#}"))
    }

    fn instantiate(&self, wasi: Wasi, seed: Option<u64>, fuel: bool) -> Result<(Store<Host>, Instance), String> {
        let mut store = Store::new(self.module.engine(), Host { wasi, calls: Vec::new(), count: 0 });
        if fuel {
            store.set_fuel(u64::MAX / 2).map_err(|e| format!("{e:#}"))?;
        }
        let mut linker = Linker::new(store.engine());
        for import in self.module.imports() {
            let made = make(&mut store, import.module(), import.name(), &import.ty()).map_err(|e| format!("{e:#}"))?;
            linker.define(&store, import.module(), import.name(), made).map_err(|e| format!("{e:#}"))?;
        }
        let instance = linker.instantiate(&mut store, &self.module).map_err(|e| format!("{e:#}"))?;
        if let (Some(seed), Some(global)) = (seed, instance.get_global(&mut store, STATE)) {
            global.set(&mut store, Val::I64(state(seed))).map_err(|e| format!("{e:#}"))?;
        }
        Ok((store, instance))
    }
}

/// Runs a program that must end well.
fn start(store: &mut Store<Host>, instance: Instance) -> Result<(), String> {
    let start = instance.get_func(&mut *store, "_start").ok_or("no _start")?;
    match (start.call(&mut *store, &[], &mut []), store.data().wasi.status) {
        (Ok(()), _) | (Err(_), Some(0)) => Ok(()),
        (Err(e), _) => Err(format!("{e:#}")),
    }
}

fn make(store: &mut Store<Host>, module: &str, name: &str, ty: &ExternType) -> wasmtime::Result<Extern> {
    Ok(match ty {
        ExternType::Func(ty) if module == "wasi_snapshot_preview1" => {
            let called = name.to_string();
            let f = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
                let numbers: Vec<u64> = args.iter().map(bits).collect();
                let memory = caller.get_export("memory").and_then(Extern::into_memory);
                let memory = memory.ok_or_else(|| wasmtime::Error::msg("no memory"))?;
                let (data, host) = memory.data_and_store_mut(&mut caller);
                match host.wasi.call(&called, &numbers, data) {
                    Answer::Errno(errno) => {
                        if let Some(result) = results.first_mut() {
                            *result = Val::I32(errno);
                        }
                        Ok(())
                    }
                    Answer::Exit => Err(wasmtime::Error::msg("the program's end")),
                }
            };
            Func::new(store, ty.clone(), f).into()
        }
        ExternType::Func(ty) => {
            let (called, types) = (format!("{module}.{name}"), ty.results().collect::<Vec<_>>());
            let f = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
                let host = caller.data_mut();
                host.calls.push((called.clone(), args.iter().map(see).collect()));
                host.count += 1;
                let mut numbers = Numbers::new(host.count);
                for (result, ty) in results.iter_mut().zip(&types) {
                    *result = val(value(kind(ty), &mut numbers), ty);
                }
                Ok(())
            };
            Func::new(store, ty.clone(), f).into()
        }
        ExternType::Global(ty) => {
            let given = val(value(kind(ty.content()), &mut Numbers::new(7)), ty.content());
            Global::new(store, ty.clone(), given)?.into()
        }
        ExternType::Memory(ty) => Memory::new(store, ty.clone())?.into(),
        ExternType::Table(ty) => {
            let null = Val::default_for_ty(&ValType::Ref(ty.element().clone()));
            let null = null.as_ref().and_then(|null| null.ref_()).ok_or_else(|| wasmtime::Error::msg("no null"))?;
            Table::new(store, ty.clone(), null)?.into()
        }
        ExternType::Tag(_) => return Err(wasmtime::Error::msg("a tag")),
    })
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(v) => u64::from(*v as u32),
        Val::I64(v) => *v as u64,
        _ => 0,
    }
}

/// The words are wasmi's, so that ends can be compared.
fn end(e: &wasmtime::Error) -> End {
    let word = match e.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow | Trap::OutOfFuel | Trap::AllocationTooLarge) => return End::Exhausted,
        Some(Trap::UnreachableCodeReached) => "UnreachableCodeReached",
        Some(Trap::MemoryOutOfBounds) => "MemoryOutOfBounds",
        Some(Trap::TableOutOfBounds) => "TableOutOfBounds",
        Some(Trap::IndirectCallToNull) => "IndirectCallToNull",
        Some(Trap::IntegerDivisionByZero) => "IntegerDivisionByZero",
        Some(Trap::IntegerOverflow) => "IntegerOverflow",
        Some(Trap::BadConversionToInteger) => "BadConversionToInteger",
        Some(Trap::BadSignature) => "BadSignature",
        _ => return End::Trapped(format!("{e:#}")),
    };
    End::Trapped(word.to_string())
}

fn look(instance: &Instance, store: &mut Store<Host>) -> Vec<(String, Value)> {
    let exports: Vec<(String, Extern)> =
        instance.exports(&mut *store).map(|e| (e.name().to_string(), e.into_extern())).collect();
    let mut seen = Vec::new();
    for (name, item) in exports {
        match item {
            Extern::Global(global) if name != STATE && global.ty(&*store).mutability() == Mutability::Var => {
                seen.push((name, see(&global.get(&mut *store))));
            }
            Extern::Memory(memory) => seen.push((name, Value::I64(hash(memory.data(&*store))))),
            _ => {}
        }
    }
    seen
}

fn kind(ty: &ValType) -> Kind {
    match ty {
        ValType::I32 => Kind::I32,
        ValType::I64 => Kind::I64,
        ValType::F32 => Kind::F32,
        ValType::F64 => Kind::F64,
        ValType::V128 => Kind::V128,
        ValType::Ref(_) => Kind::Reference,
    }
}

fn val(value: Value, ty: &ValType) -> Val {
    match value {
        Value::I32(v) => Val::I32(v),
        Value::I64(v) => Val::I64(v),
        Value::F32(v) => Val::F32(v),
        Value::F64(v) => Val::F64(v),
        Value::V128(v) => Val::V128(V128::from(v)),
        Value::Null | Value::Reference => match ty {
            ValType::Ref(ty) if matches!(ty.heap_type(), HeapType::Extern) => Val::ExternRef(None),
            _ => Val::FuncRef(None),
        },
    }
}

fn see(value: &Val) -> Value {
    match value {
        Val::I32(v) => Value::I32(*v),
        Val::I64(v) => Value::I64(*v),
        Val::F32(v) => Value::F32(*v),
        Val::F64(v) => Value::F64(*v),
        Val::V128(v) => Value::V128(v.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) => Value::Null,
        _ => Value::Reference,
    }
}
