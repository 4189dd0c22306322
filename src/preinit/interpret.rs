//! Initialization in wasmi, which begins at once where others compile first. It is given up where it has not ended
//! after [`fuel`], and whatever goes wrong is left to the compiled engine to repeat and to explain.

use std::time::{Duration, Instant};

use wasmi::{
    Caller, CompilationMode, Config, Engine, Error, Extern, ExternType, Linker, Module, Nullable, Store, StoreLimits,
    StoreLimitsBuilder, Val, ValType,
};
use wbuild_passes::segments::Image;
use wbuild_passes::snapshot::{State, Value};

use super::host::{self, Function, Host, Type};
use super::{Choice, Job, Ran};

/// How long it takes for one of its own units, in nanoseconds. An instruction takes about one.
const NANOSECONDS: u64 = 5;

/// How long it takes for what it may spend, about.
pub(super) fn patience(job: &Job) -> Duration {
    Duration::from_nanos(fuel(job).saturating_mul(NANOSECONDS))
}

/// What the interpreter may spend before it is given up, in its own units. It is less than compiling by Winch takes
/// (0.15 s for each MB), since most of what has not ended by then does not end soon: SQLite's 20,000 rows cost 12 ms here
/// instead of 40. A count and no clock, so that the report is the same everywhere. Where nothing else is to be tried, it
/// may take what it needs, and the clock ends it.
fn fuel(job: &Job) -> u64 {
    if job.options.engine == Choice::Interpreter {
        return u64::MAX;
    }
    1_000_000 + job.prepared.module.len() as u64 * 2
}

/// Memory is moved when it grows here, so that large ones are left to the other engine.
const MEMORY: usize = 64 << 20;

struct Surroundings {
    host: Host,
    limits: StoreLimits,
}

/// Initializes, or does not.
pub(super) fn run(job: &Job) -> Option<Ran> {
    let prepared = &job.prepared;
    // It cannot say which function a reference is.
    if !prepared.tables.is_empty() || !prepared.functions.is_empty() || !job.preloads.is_empty() {
        return None;
    }
    let mut config = Config::default();
    config.wasm_multi_memory(true).wasm_memory64(true).wasm_simd(true).wasm_tail_call(true);
    config.wasm_relaxed_simd(true).wasm_extended_const(true).wasm_wide_arithmetic(true);
    // Its input was validated.
    config.compilation_mode(CompilationMode::Lazy).ignore_custom_sections(true).consume_fuel(true);
    config.set_max_recursion_depth(100_000).set_max_stack_height(16 << 20);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, &prepared.module).ok()?;
    let host = Host::new(&job.options.grants).ok()?;
    let most = usize::try_from(job.options.max_memory).unwrap_or(usize::MAX).min(MEMORY);
    // What is more is left to the other engine.
    let limits = || StoreLimitsBuilder::new().memory_size(most).trap_on_grow_failure(true).build();
    let mut store = Store::new(&engine, Surroundings { host, limits: limits() });
    store.limiter(|all| &mut all.limits);
    let budget = job.options.fuel.unwrap_or(u64::MAX).min(fuel(job));
    store.set_fuel(budget).ok()?;
    let mut linker = Linker::new(&engine);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { return None };
        let function = Function::find(import.name()).filter(|function| {
            let kind = |kind: &Type| match kind {
                Type::I32 => ValType::I32,
                Type::I64 => ValType::I64,
            };
            import.module() == host::MODULE
                && ty.params().iter().copied().eq(function.params().iter().map(kind))
                && ty.results() == &[ValType::I32][..usize::from(function.has_result())]
        });
        let call = move |caller: Caller<'_, Surroundings>, args: &[Val], results: &mut [Val]| match function {
            Some(function) => wasi(caller, function, args, results),
            None => Err(Error::new("nothing provides it")),
        };
        linker.func_new(import.module(), import.name(), ty.clone(), call).ok()?;
    }
    let begin = Instant::now();
    let instance = linker.instantiate_and_start(&mut store, &module).ok()?;
    for call in &prepared.calls {
        let limits = match call.fixed_memory {
            true => StoreLimitsBuilder::new().memory_size(0).build(),
            false => limits(),
        };
        store.data_mut().limits = limits;
        instance.get_typed_func::<(), ()>(&store, &call.export).ok()?.call(&mut store, ()).ok()?;
    }
    let took = begin.elapsed();
    let mut state = State::default();
    for (_, name) in &prepared.memories {
        let memory = instance.get_memory(&store, name)?;
        state.memories.push((memory.size(&store), Image::new(memory.data(&store))));
    }
    for (_, name) in &prepared.globals {
        state.globals.push(match instance.get_global(&store, name)?.get(&store) {
            Val::I32(value) => Value::I32(value),
            Val::I64(value) => Value::I64(value),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(Nullable::Null) | Val::ExternRef(Nullable::Null) => Value::Null,
            Val::FuncRef(_) | Val::ExternRef(_) => return None,
        });
    }
    let dropped = |name: &str| Some(instance.get_global(&store, name)?.get(&store).i32() == Some(1));
    for (_, name) in &prepared.dropped_data {
        state.dropped_data.push(dropped(name)?);
    }
    for (_, name) in &prepared.dropped_elements {
        state.dropped_elements.push(dropped(name)?);
    }
    let instructions = Some(budget - store.get_fuel().ok()?);
    Some(Ran { state, host: store.into_data().host, instructions, took })
}

fn wasi(
    mut caller: Caller<'_, Surroundings>,
    function: Function,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), Error> {
    let numbers: Vec<u64> = args
        .iter()
        .map(|arg| match arg {
            Val::I32(value) => u64::from(*value as u32),
            Val::I64(value) => *value as u64,
            _ => 0,
        })
        .collect();
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let answer = match memory {
        Some(memory) => {
            let (data, all) = memory.data_and_store_mut(&mut caller);
            all.host.call(function, &numbers, data)
        }
        None => caller.data_mut().host.call(function, &numbers, &mut []),
    };
    match (answer, results.first_mut()) {
        (Ok(errno), Some(result)) => {
            *result = Val::I32(errno as i32);
            Ok(())
        }
        (Ok(_), None) => Ok(()),
        (Err(_), _) => Err(Error::new("stopped")),
    }
}
