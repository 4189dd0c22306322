//! Initialization in the embedded engine, compiled quickly by Winch or well by Cranelift.

use std::sync::atomic::Ordering;
use std::time::Instant;

use wasmtime::{AsContextMut, Caller, Engine, Extern, ExternType, Func, Instance, Linker, Module, Store, Val};
use wasmtime::{FuncType, ResourceLimiter, Trap, ValType};
use wbuild_passes::FuncId;
use wbuild_passes::segments::Image;
use wbuild_passes::snapshot::{self, Prepared, State, Value};

use super::host::{self, Function, Host, Stop, Type};
use super::{Failure, Job, Ran, Stopped, limits};
use crate::engine::{self, Profile};
use crate::error::{Error, Result};
use crate::run;

/// Which compiler of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compiler {
    /// Fast to compile. It has not every proposal.
    Winch,
    /// Fast to run.
    Cranelift,
}

/// What the engine's store holds.
struct Surroundings {
    host: Host,
    bounds: Bounds,
    /// Calls between the module and its host, until one too many.
    stopped: Option<Error>,
}

/// What the sandbox takes from the module. Going over a bound ends initialization: if growth failed instead, the
/// snapshot would be of a program that ran out of memory.
struct Bounds {
    memory: u64,
    table: usize,
    /// No memory may grow just now: growth fails.
    frozen: bool,
    /// What went over, for the message.
    exceeded: Option<Error>,
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // What the module itself forbids fails as it would anywhere.
        if self.frozen || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if desired as u64 > self.memory {
            self.exceeded = Some(limits::memory(self.memory));
            return Err(wasmtime::Error::msg("more memory than initialization may have"));
        }
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if desired > self.table {
            self.exceeded = Some(limits::table(self.table));
            return Err(wasmtime::Error::msg("larger tables than initialization may have"));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        1_000
    }

    fn memories(&self) -> usize {
        1_000
    }

    fn tables(&self) -> usize {
        1_000
    }
}

/// The engine, made before it is needed so that another thread can interrupt it.
pub(super) fn engine(compiler: Compiler, job: &Job) -> Result<Engine> {
    engine::engine(Profile::Initialize {
        quickly: compiler == Compiler::Winch,
        counting: job.options.fuel.is_some(),
        stack: job.options.max_stack,
    })
}

/// Initializes. `started` is told when the code is compiled and runs.
pub(super) fn run(engine: &Engine, job: &Job, compiler: Compiler, started: impl Fn()) -> Result<Ran, Stopped> {
    if compiler == Compiler::Winch
        && !job.runs_once()
        && let Ok(Some(module)) = snapshot::without_tables(&job.prepared)
    {
        match run_copy(engine, job, &module, &started) {
            // What goes wrong is repeated by the copy that traps where the program does.
            Err(_) if !job.over.load(Ordering::SeqCst) => {}
            ended => return ended,
        }
    }
    run_copy(engine, job, &job.prepared.module, &started)
}

fn run_copy(engine: &Engine, job: &Job, copy: &[u8], started: &impl Fn()) -> Result<Ran, Stopped> {
    let prepared = &job.prepared;
    // It is valid, so it is the engine that lacks something.
    let unable = |e: wasmtime::Error| Stopped::Unable(format!("{e:#}"));
    let module = Module::new(engine, copy).map_err(unable)?;
    let preloads = job.preloads.iter().map(|(name, bytes)| Ok((name.as_str(), Module::new(engine, bytes)?)));
    let preloads = preloads.collect::<wasmtime::Result<Vec<_>>>().map_err(unable)?;
    let host = Host::new(&job.options.grants)?;
    let bounds = Bounds { memory: job.options.max_memory, table: limits::TABLE, frozen: false, exceeded: None };
    let mut store = Store::new(engine, Surroundings { host, bounds, stopped: None });
    store.limiter(|all| &mut all.bounds);
    // Whoever watches the clock moves the epoch by one, and that is the end.
    store.set_epoch_deadline(1);
    if let Some(fuel) = job.options.fuel {
        store.set_fuel(fuel).map_err(|e| Error::internal("cannot count instructions").cause(e))?;
    }
    let mut linker = Linker::new(engine);
    provide(&mut store, &mut linker, &module, &preloads)?;
    started();
    if job.over.load(Ordering::SeqCst) {
        return Err(limits::time(job.options.timeout).into());
    }
    let begin = Instant::now();
    match initialize(&mut store, &linker, &module, prepared) {
        Ok(instance) => {
            let took = begin.elapsed();
            let state = read(&mut store, instance, prepared)?;
            let instructions = job.options.fuel.and_then(|fuel| Some(fuel - store.get_fuel().ok()?));
            Ok(Ran { state, host: store.into_data().host, instructions, took })
        }
        Err((what, e)) => Err(stopped(&mut store, job, &what, &e)),
    }
}

fn initialize(
    store: &mut Store<Surroundings>,
    linker: &Linker<Surroundings>,
    module: &Module,
    prepared: &Prepared,
) -> Result<Instance, (String, wasmtime::Error)> {
    let instance = linker.instantiate(&mut *store, module).map_err(|e| ("instantiation".to_string(), e))?;
    for call in &prepared.calls {
        store.data_mut().bounds.frozen = call.fixed_memory;
        let called = instance.get_typed_func::<(), ()>(&mut *store, &call.export);
        called.and_then(|f| f.call(&mut *store, ())).map_err(|e| (call.name.clone(), e))?;
    }
    Ok(instance)
}

/// Why it ended early, in words.
fn stopped(store: &mut Store<Surroundings>, job: &Job, what: &str, e: &wasmtime::Error) -> Stopped {
    let all = store.data_mut();
    let mut printed = all.host.take_output();
    printed.drain(..printed.len().saturating_sub(SHOWN));
    let hints = all.host.hints().to_vec();
    let hinted = |error: Error| hints.iter().fold(error, |error, hint| error.cause(hint));
    if let Some(error) = all.bounds.exceeded.take().or_else(|| all.stopped.take()) {
        let error = hinted(run::with_backtrace(error, e));
        return Stopped::Failed(Box::new(Failure { error, printed }));
    }
    let what = format!("initialization (`{what}`)");
    let error = match e.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => limits::time(job.options.timeout),
        Some(Trap::OutOfFuel) => limits::fuel(job.options.fuel.unwrap_or_default()),
        Some(Trap::StackOverflow) => {
            let error = run::with_backtrace(limits::stack(job.options.max_stack), e);
            return Stopped::TooDeep(Box::new(Failure { error, printed }));
        }
        _ => hinted(run::trapped(&what, e)),
    };
    Stopped::Failed(Box::new(Failure { error, printed }))
}

/// How much of what it printed is shown where it fails: the end of it.
const SHOWN: usize = 16 << 10;

/// Gives the module what it imports: WASI, preloaded modules, and for everything else a function that says what
/// is missing, if it is ever called.
fn provide(
    store: &mut Store<Surroundings>,
    linker: &mut Linker<Surroundings>,
    module: &Module,
    preloads: &[(&str, Module)],
) -> Result<()> {
    for (name, preload) in preloads {
        let failed = |e: wasmtime::Error| Error::build(format!("cannot preload `{name}`")).cause(format!("{e:#}"));
        stand_ins(store, linker, preload)?;
        let instance = linker.instantiate(&mut *store, preload).map_err(failed)?;
        if let Some(initialize) = instance.get_func(&mut *store, "_initialize") {
            initialize.call(&mut *store, &[], &mut []).map_err(failed)?;
        }
        linker.instance(&mut *store, name, instance).map_err(failed)?;
    }
    stand_ins(store, linker, module)
}

fn stand_ins(store: &mut Store<Surroundings>, linker: &mut Linker<Surroundings>, module: &Module) -> Result<()> {
    let internal = |e: wasmtime::Error| Error::internal("cannot link initialization").cause(e);
    for import in module.imports() {
        if linker.get_by_import(&mut *store, &import).is_some() {
            continue;
        }
        let ExternType::Func(ty) = import.ty() else { continue };
        let (from, name) = (import.module().to_string(), import.name().to_string());
        let function = Function::find(&name).filter(|function| from == host::MODULE && is_of(*function, &ty));
        match function {
            Some(function) => {
                linker.func_new(&from, &name, ty, move |caller, args, results| wasi(caller, function, args, results))
            }
            None => {
                let (from_, name_) = (from.clone(), name.clone());
                linker.func_new(&from, &name, ty, move |mut caller: Caller<'_, Surroundings>, _, _| {
                    caller.data_mut().stopped = Some(limits::missing(&from_, &name_));
                    Err(wasmtime::Error::msg("nothing provides it"))
                })
            }
        }
        .map_err(internal)?;
    }
    Ok(())
}

/// Whether an import of this type is that function.
fn is_of(function: Function, ty: &FuncType) -> bool {
    let is = |ty: ValType, of: &Type| match of {
        Type::I32 => ty.is_i32(),
        Type::I64 => ty.is_i64(),
    };
    ty.params().len() == function.params().len()
        && ty.params().zip(function.params()).all(|(ty, of)| is(ty, of))
        && ty.results().len() == usize::from(function.has_result())
        && ty.results().all(|ty| ty.is_i32())
}

fn wasi(
    mut caller: Caller<'_, Surroundings>,
    function: Function,
    args: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let mut numbers = [0; 16];
    for (number, arg) in numbers.iter_mut().zip(args) {
        *number = match arg {
            Val::I32(value) => u64::from(*value as u32),
            Val::I64(value) => *value as u64,
            _ => 0,
        };
    }
    let numbers = &numbers[..args.len().min(16)];
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let answer = match memory {
        Some(memory) => {
            let (data, all) = memory.data_and_store_mut(&mut caller);
            all.host.call(function, numbers, data)
        }
        None => caller.data_mut().host.call(function, numbers, &mut []),
    };
    match answer {
        Ok(errno) => {
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno as i32);
            }
            Ok(())
        }
        Err(stop) => {
            caller.data_mut().stopped = Some(match stop {
                Stop::Exit(status) => limits::exit(status),
                Stop::Refused(error) => error,
            });
            Err(wasmtime::Error::msg(format!("stopped by {}", function.name())))
        }
    }
}

/// Reads what the instance holds.
fn read(store: &mut Store<Surroundings>, instance: Instance, prepared: &Prepared) -> Result<State> {
    let gone = || Error::internal("an export of the copy is not there");
    let mut state = State::default();
    for (_, name) in &prepared.memories {
        let memory = instance.get_memory(&mut *store, name).ok_or_else(gone)?;
        let pages = memory.size(&*store);
        state.memories.push((pages, Image::new(memory.data(&*store))));
    }
    let functions = functions(store, instance, prepared);
    for (_, name) in &prepared.globals {
        let global = instance.get_global(&mut *store, name).ok_or_else(gone)?;
        let value = global.get(store.as_context_mut());
        state.globals.push(value_of(store, &value, &functions));
    }
    for (_, name) in &prepared.tables {
        let table = instance.get_table(&mut *store, name).ok_or_else(gone)?;
        let mut values = Vec::new();
        for at in 0..table.size(&*store) {
            let value = table.get(&mut *store, at).ok_or_else(gone)?;
            values.push(value_of(store, &Val::from(value), &functions));
        }
        state.tables.push(values);
    }
    let mut dropped = |names: Vec<&String>| -> Result<Vec<bool>> {
        names
            .into_iter()
            .map(|name| {
                let global = instance.get_global(&mut *store, name).ok_or_else(gone)?;
                Ok(global.get(store.as_context_mut()).i32() == Some(1))
            })
            .collect()
    };
    state.dropped_data = dropped(prepared.dropped_data.iter().map(|(_, name)| name).collect())?;
    state.dropped_elements = dropped(prepared.dropped_elements.iter().map(|(_, name)| name).collect())?;
    Ok(state)
}

/// The module's functions by what the engine knows them by, sorted.
fn functions(store: &mut Store<Surroundings>, instance: Instance, prepared: &Prepared) -> Vec<(usize, FuncId)> {
    let mut found: Vec<(usize, FuncId)> = Vec::new();
    for (id, name) in &prepared.functions {
        if let Some(function) = instance.get_func(&mut *store, name) {
            found.push((identity(store, &function), *id));
        }
    }
    found.sort();
    found
}

fn identity(store: &mut Store<Surroundings>, function: &Func) -> usize {
    function.to_raw(&mut *store) as usize
}

fn value_of(store: &mut Store<Surroundings>, value: &Val, functions: &[(usize, FuncId)]) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(Some(function)) => {
            let identity = identity(store, function);
            match functions.binary_search_by_key(&identity, |(other, _)| *other) {
                Ok(at) => Value::Func(functions[at].1),
                Err(_) => Value::Other("a function of another module"),
            }
        }
        Val::AnyRef(Some(any)) => match any.as_i31(&mut *store) {
            Ok(Some(value)) => Value::I31(value.get_i32()),
            _ => Value::Other("an object that garbage collection manages"),
        },
        Val::ExternRef(Some(_)) => Value::Other("an object of the host"),
        Val::ExnRef(Some(_)) => Value::Other("an exception"),
        Val::ContRef(Some(_)) => Value::Other("a suspended stack"),
        Val::FuncRef(None) | Val::AnyRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::ContRef(None) => {
            Value::Null
        }
    }
}
