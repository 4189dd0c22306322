//! A program's calls to its host, written down, and a host that answers the same every time: for
//! comparing two runs.
//!
//! A WASI function finds memory as an export of the instance that calls it, so it cannot be called
//! from here. Between the program and WASI stands a relay, a module with one function for each
//! import and the program's memory: program, this log, relay, WASI.

use std::fmt::{self, Write as _};
use std::time::Duration;

use wasmtime::{Caller, Extern, ExternType, Func, Instance, Linker, Module, Store, Val, ValType};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use super::Host;

/// One call of the program to its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCall {
    pub name: String,
    /// WASI has integers only.
    pub args: Vec<i64>,
    /// What was answered; nothing where the call did not return.
    pub results: Vec<i64>,
}

impl fmt::Display for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |numbers: &[i64]| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{}({})", self.name, list(&self.args))?;
        match self.results.is_empty() {
            true => Ok(()),
            false => write!(f, " = {}", list(&self.results)),
        }
    }
}

/// What a store of a recorded program holds.
#[derive(Default)]
pub(super) struct Record {
    pub(super) calls: Vec<HostCall>,
    relay: Option<Instance>,
}

/// Time stands still at the first second of 2020, and random numbers are always the same.
pub(super) fn fix_what_varies(wasi: &mut WasiCtxBuilder) {
    let noise: Vec<u8> = (0..251u32).map(|i| (i * 167 + 13) as u8).collect();
    wasi.wall_clock(Still).monotonic_clock(Still);
    wasi.secure_random(Deterministic::new(noise.clone())).insecure_random(Deterministic::new(noise));
    wasi.insecure_random_seed(0);
}

struct Still;

const NOW: Duration = Duration::from_secs(1_577_836_800);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
    fn now(&self) -> Duration {
        NOW
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }
    fn now(&self) -> u64 {
        NOW.as_nanos() as u64
    }
}

/// Instantiates a program whose calls are recorded. Nothing of it has run, but for a start function,
/// which may not call its host.
pub(super) fn instantiate(
    store: &mut Store<Host>,
    linker: &Linker<Host>,
    module: &Module,
) -> wasmtime::Result<Instance> {
    let mut imports = Vec::new();
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else {
            wasmtime::bail!("import `{}` is not a function", import.name());
        };
        // One name in two modules of imports would be one export of the relay.
        let name = format!("{}.{}", import.module(), import.name());
        let shown = import.name().to_string();
        let log = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
            let record = &mut caller.data_mut().record;
            let (relay, at) = (record.relay, record.calls.len());
            record.calls.push(HostCall { name: shown.clone(), args: numbers(args), results: Vec::new() });
            let relayed = relay.and_then(|relay| relay.get_func(&mut caller, &name));
            let relayed = relayed.ok_or_else(|| wasmtime::format_err!("a start function calls its host"))?;
            relayed.call(&mut caller, args, results)?;
            caller.data_mut().record.calls[at].results = numbers(results);
            if shown.ends_with("_filestat_get") && matches!(results, [Val::I32(0)]) {
                forget_the_disk(&mut caller, args);
            }
            Ok(())
        };
        imports.push(Extern::Func(Func::new(&mut *store, ty, log)));
    }
    let instance = Instance::new(&mut *store, module, &imports)?;
    let memory = instance.get_memory(&mut *store, "memory");
    let relay = Module::new(store.engine(), wat::parse_str(relay(module, memory.is_some()))?)?;
    let mut behind = Vec::new();
    for import in relay.imports() {
        behind.push(match memory {
            Some(memory) if import.module().is_empty() => Extern::Memory(memory),
            _ => linker.get_by_import(&mut *store, &import).ok_or_else(|| wasmtime::format_err!("no host function"))?,
        });
    }
    store.data_mut().record.relay = Some(Instance::new(&mut *store, &relay, &behind)?);
    Ok(instance)
}

/// The relay's text: `MODULE.NAME` calls what is imported as MODULE and NAME.
fn relay(program: &Module, memory: bool) -> String {
    let (mut imports, mut functions) = (String::new(), String::new());
    for (i, import) in program.imports().enumerate() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let types = |types: &mut dyn Iterator<Item = ValType>| types.map(|t| format!("{t} ")).collect::<String>();
        let (params, results) = (types(&mut ty.params()), types(&mut ty.results()));
        let gets: String = (0..ty.params().len()).map(|n| format!("local.get {n} ")).collect();
        let (module, name) = (quoted(import.module()), quoted(import.name()));
        let both = quoted(&format!("{}.{}", import.module(), import.name()));
        let signature = format!("(param {params}) (result {results})");
        let _ = writeln!(imports, "(import {module} {name} (func $f{i} {signature}))");
        let _ = writeln!(functions, "(func (export {both}) {signature} {gets} call $f{i})");
    }
    if memory {
        imports.push_str("(import \"\" \"memory\" (memory 0)) (export \"memory\" (memory 0))\n");
    }
    format!("(module {imports} {functions})")
}

fn quoted(name: &str) -> String {
    let bytes: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!("\"{bytes}\"")
}

/// Which device and inode a file has and when it was touched is another thing in each run.
fn forget_the_disk(caller: &mut Caller<'_, Host>, args: &[Val]) {
    // Of a `filestat`, in bytes: device and inode; the times of access, change and status.
    const VARIES: [std::ops::Range<usize>; 2] = [0..16, 40..64];
    let Some(Val::I32(at)) = args.last() else { return };
    let relay = caller.data().record.relay;
    let Some(memory) = relay.and_then(|relay| relay.get_memory(&mut *caller, "memory")) else { return };
    for range in VARIES {
        let start = *at as u32 as usize + range.start;
        if let Some(bytes) = memory.data_mut(&mut *caller).get_mut(start..start + range.len()) {
            bytes.fill(0);
        }
    }
}

fn numbers(values: &[Val]) -> Vec<i64> {
    let number = |value: &Val| match value {
        Val::I32(n) => i64::from(*n as u32),
        Val::I64(n) => *n,
        // No interface that a program can be linked with here has others.
        _ => 0,
    };
    values.iter().map(number).collect()
}
