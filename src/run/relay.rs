//! What stands between a program and its host: functions that see each call first.
//!
//! A WASI function finds memory as an export of the instance that calls it, so it cannot be called
//! from here. Between the program and WASI stands a relay, a module with one function for each
//! import and the program's memory: program, what sees the call first, relay, WASI.

use std::fmt::Write as _;

use wasmtime::{Caller, Extern, ExternType, Func, Instance, Linker, Memory, Module, Store, Val, ValType};

use super::Host;

/// One call of a program to its host, that has not been answered yet.
pub(super) struct Call<'a> {
    pub name: &'a str,
    pub args: &'a [Val],
    pub results: &'a mut [Val],
    /// Of the import in the relay.
    full_name: &'a str,
}

impl Call<'_> {
    /// Has the host answer it.
    pub(super) fn pass_on(&mut self, caller: &mut Caller<'_, Host>) -> wasmtime::Result<()> {
        let relay = caller.data().relay;
        let relayed = relay.and_then(|relay| relay.get_func(&mut *caller, self.full_name));
        let relayed = relayed.ok_or_else(|| wasmtime::format_err!("a start function calls its host"))?;
        relayed.call(caller, self.args, self.results)
    }
}

/// The memory that the program exports as `memory`.
pub(super) fn memory(caller: &mut Caller<'_, Host>) -> Option<Memory> {
    let relay = caller.data().relay;
    relay.and_then(|relay| relay.get_memory(caller, "memory"))
}

/// Instantiates a program whose calls to functions of a wanted name `first` sees and answers. Nothing of it has run,
/// but for a start function, which may not call those.
pub(super) fn instantiate(
    store: &mut Store<Host>,
    linker: &Linker<Host>,
    module: &Module,
    wanted: fn(&str) -> bool,
    first: fn(&mut Caller<'_, Host>, Call<'_>) -> wasmtime::Result<()>,
) -> wasmtime::Result<Instance> {
    let mut imports = Vec::new();
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else {
            wasmtime::bail!("import `{}` is not a function", import.name());
        };
        if !wanted(import.name()) {
            imports.push(host_function(store, linker, &import)?);
            continue;
        }
        // One name in two modules of imports would be one export of the relay.
        let full_name = format!("{}.{}", import.module(), import.name());
        let name = import.name().to_string();
        let see = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
            first(&mut caller, Call { name: &name, args, results, full_name: &full_name })
        };
        imports.push(Extern::Func(Func::new(&mut *store, ty, see)));
    }
    let instance = Instance::new(&mut *store, module, &imports)?;
    let memory = instance.get_memory(&mut *store, "memory");
    let relay = Module::new(store.engine(), wat::parse_str(text(module, wanted, memory.is_some()))?)?;
    let mut behind = Vec::new();
    for import in relay.imports() {
        behind.push(match memory {
            Some(memory) if import.module().is_empty() => Extern::Memory(memory),
            _ => host_function(store, linker, &import)?,
        });
    }
    store.data_mut().relay = Some(Instance::new(&mut *store, &relay, &behind)?);
    Ok(instance)
}

fn host_function(
    store: &mut Store<Host>,
    linker: &Linker<Host>,
    import: &wasmtime::ImportType<'_>,
) -> wasmtime::Result<Extern> {
    linker.get_by_import(store, import).ok_or_else(|| wasmtime::format_err!("no host function"))
}

/// The relay's text: `MODULE.NAME` calls what is imported as MODULE and NAME.
fn text(program: &Module, wanted: fn(&str) -> bool, memory: bool) -> String {
    let (mut imports, mut functions) = (String::new(), String::new());
    for (i, import) in program.imports().filter(|import| wanted(import.name())).enumerate() {
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
