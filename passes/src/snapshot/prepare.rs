//! Finds what initialization calls, and makes everything readable that it may change.

use super::reach::Closed;
use super::{
    CONSTRUCTORS, Call, DONE, ENVIRONMENT, Ended, Initializer, MARKER, NAMES, Prepared, freed, function_names, objects,
};
use crate::module::Uses;
use crate::{
    ConstExpr, Data, DataId, DataKind, Element, ElementId, ElementKind, Error, Export, FuncId, GlobalId, Item, Module,
    Reference, Source, TableId,
};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::Instruction;
use wasmparser::{GlobalType, Operator, RefType, ValType};

/// What a reactor's host calls first.
const INITIALIZE: &str = "_initialize";
/// What the linker appends to the name of an export that it wrapped in constructors and destructors.
const WRAPPED: &str = ".command_export";
/// Functions of wasi-libc that learn something from the host and keep it, and which must do so again where the
/// program starts. A newer wasi-libc has a function to forget the first, and asks again when it needs to.
const PREOPENS: &str = "__wasilibc_populate_preopens";
const FORGET_PREOPENS: &str = "__wasilibc_reset_preopens";

/// Gets a valid module ready for an engine. Refuses, by name, what makes a snapshot impossible from the start: no
/// such function, one that takes or gives values, and state that belongs to the host.
pub fn prepare(bytes: &[u8], initializer: &Initializer) -> Result<Prepared, Error> {
    crate::run::refuse_linkable(bytes)?;
    let mut module = Module::parse(bytes)?;
    refuse_imported_state(&module)?;
    let names = function_names(&module);
    let code = Code::read(&module)?;
    let (functions, ended) = plan(&module, &names, &code, initializer)?;
    let named: BTreeMap<FuncId, String> = names.iter().map(|(id, name)| (*id, (*name).to_owned())).collect();
    let allocator = ["malloc", "free"].map(|wanted| names.iter().find(|(_, name)| *name == wanted).map(|(id, _)| *id));
    drop(names);
    objects::refuse_lost(&module, code.changes_objects, &code.tables)?;

    let mut scaffold = Scaffold::new(&module);
    let mut calls = Vec::new();
    for (name, function) in functions {
        let mut call = |module: &mut Module<'_>, name: String, function: FuncId, fixed_memory: bool| {
            let export = scaffold.export(module, "call", calls.len() as u32, Item::Func(function));
            calls.push(Call { export, name, fixed_memory });
        };
        let name = name.or_else(|| named.get(&function).cloned()).unwrap_or_default();
        // Before the end, which leaves errno as a program expects it.
        if name == DONE
            && let Some(zero) = freed::add(&mut module, allocator[0], allocator[1])
        {
            call(&mut module, "zeroing of freed memory".to_owned(), zero, true);
        }
        call(&mut module, name, function, false);
    }
    let memories = module.memories.ids();
    let globals: Vec<GlobalId> =
        module.globals.iter().filter(|(_, global)| global.ty.mutable).map(|(id, _)| id).collect();
    let tables: Vec<TableId> = module.tables.ids().into_iter().filter(|id| code.tables.contains(id)).collect();
    let holds_functions = |ty: ValType| matches!(ty, ValType::Ref(ty) if is_function(&module, ty));
    let reads_functions = tables
        .iter()
        .any(|id| module.tables.get(*id).is_some_and(|table| holds_functions(ValType::Ref(table.ty.element_type))))
        || globals.iter().any(|id| module.globals.get(*id).is_some_and(|g| holds_functions(g.ty.content_type)));
    let functions = if reads_functions { module.functions.ids() } else { Vec::new() };

    let mut marks: BTreeMap<Reference, GlobalId> = BTreeMap::new();
    for &key in code.dropped.keys() {
        let ty = GlobalType { content_type: ValType::I32, mutable: true, shared: false };
        marks.insert(key, module.add_global(ty, ConstExpr::new(&[Instruction::I32Const(0)])));
    }
    for id in code.dropped.values().flatten().copied().collect::<BTreeSet<FuncId>>() {
        mark_drops(&mut module, id, &marks)?;
    }
    let mut dropped_data = Vec::new();
    let mut dropped_elements = Vec::new();
    for (&segment, &global) in &marks {
        let export = scaffold.export(&mut module, "dropped", global.0, Item::Global(global));
        match segment {
            Reference::Data(id) => dropped_data.push((id, export)),
            Reference::Element(id) => dropped_elements.push((id, export)),
            _ => {}
        }
    }
    let memories =
        memories.into_iter().map(|id| (id, scaffold.export(&mut module, "memory", id.0, Item::Memory(id)))).collect();
    let globals =
        globals.into_iter().map(|id| (id, scaffold.export(&mut module, "global", id.0, Item::Global(id)))).collect();
    let tables =
        tables.into_iter().map(|id| (id, scaffold.export(&mut module, "table", id.0, Item::Table(id)))).collect();
    let functions =
        functions.into_iter().map(|id| (id, scaffold.export(&mut module, "func", id.0, Item::Func(id)))).collect();
    let reached = reached(&mut module, &calls, &code.tables)?;
    Ok(Prepared {
        module: module.encode()?,
        calls,
        memories,
        globals,
        tables,
        dropped_data,
        dropped_elements,
        functions,
        simd: code.simd,
        ended,
        uses: code.uses,
        reached,
    })
}

/// The functions that the calls can reach. The others become traps.
fn reached(module: &mut Module<'_>, calls: &[Call], changed: &BTreeSet<TableId>) -> Result<BTreeSet<FuncId>, Error> {
    let uses = Uses::of_all(module.bodies().collect())?;
    let reached = Closed::find(module, &uses, changed.iter().copied()).reached(module, calls, &uses)?;
    let others: Vec<FuncId> = uses.iter().map(|(id, _)| *id).filter(|id| !reached.contains(id)).collect();
    for id in others {
        module.define_function(id, &[], &[Instruction::Unreachable, Instruction::End])?;
    }
    Ok(reached)
}

type Planned = (Vec<(Option<String>, FuncId)>, Ended);

/// What is called, and what is over afterwards.
fn plan(
    module: &Module<'_>,
    names: &[(FuncId, &str)],
    code: &Code,
    initializer: &Initializer,
) -> Result<Planned, Error> {
    let named = |wanted: &str| names.iter().find(|(_, name)| *name == wanted).map(|(id, _)| *id);
    let exported = |name: &str| match module.export(name) {
        Some(Item::Func(id)) => Some(id),
        _ => None,
    };
    let mut calls = Vec::new();
    let mut ended = Ended::default();
    if let Some(id) = exported(INITIALIZE) {
        require_plain(module, INITIALIZE, id)?;
        calls.push((Some(INITIALIZE.to_owned()), id));
        ended.exports.push(INITIALIZE.to_owned());
    }
    let function = match initializer {
        Initializer::Constructors => None,
        // It is called anyway, and once.
        Initializer::Named(name) if name == INITIALIZE && !calls.is_empty() => None,
        Initializer::Named(name) => Some(name.as_str()),
        Initializer::Found => Some(found(module)?),
    };
    let function = match function {
        Some(name) => Some((name, find(module, name)?)),
        None => None,
    };
    let constructors = named(CONSTRUCTORS);
    match function {
        // Wizer's contract: the function calls the constructors by itself, as the macro in its header does. That is not
        // so where the linker had to do it, or where nobody does.
        Some((name, id))
            if NAMES[..2].contains(&name)
                && unwrapped(module, names, id)? == id
                && constructors.is_none_or(|callee| code.names(callee)) => {}
        _ if !calls.is_empty() => ended.constructors = constructors,
        _ => match constructors {
            Some(id) => {
                calls.push((Some(CONSTRUCTORS.to_owned()), id));
                ended.constructors = constructors;
            }
            None if function.is_none() => {
                return Err(Error::input(
                    "there is no telling what runs before main: no `_initialize` is exported, \
                                         and no function is named `__wasm_call_ctors`",
                )
                .help("link it with names (-g1, and no --strip-all), or name a function: --preinit=NAME"));
            }
            None if exported("_start").is_some() && is_linked(module) => {
                return Err(Error::input(
                    "its constructors would run twice: `_start` runs them, and no function is \
                                         named `__wasm_call_ctors`",
                )
                .help(
                    "link it with names (-g1, and no --strip-all), or export the function as wizer.initialize \
                           if it runs the constructors by itself",
                ));
            }
            None => {}
        },
    }
    if let Some((name, id)) = function {
        calls.push((Some(name.to_owned()), unwrapped(module, names, id)?));
        ended.exports.push(name.to_owned());
        ended.initializer = Some(name.to_owned());
        let asks = |id: &FuncId| {
            let ty = module.function_type(*id);
            ty.is_some_and(|ty| ty.params().is_empty() && ty.results() == [ValType::I32])
        };
        ended.marker = named(MARKER).filter(asks);
    }
    if let Some(id) = exported(DONE) {
        calls.push((Some(DONE.to_owned()), unwrapped(module, names, id)?));
        // What wbuild's link exported for us.
        ended.exports.extend([DONE, ENVIRONMENT, CONSTRUCTORS].map(String::from));
    }
    if ended.constructors.is_some() {
        // Stand-ins of wbuild's runtime do nothing.
        let forgets = named(FORGET_PREOPENS).is_some_and(|id| !does_nothing(module, id));
        ended.at_start.extend(named(PREOPENS).filter(|_| !forgets));
        ended.at_start.extend(named(ENVIRONMENT));
        ended.at_start.retain(|&id| is_plain(module, id) && !does_nothing(module, id));
        ended.exports.extend([PREOPENS, ENVIRONMENT].map(String::from));
        if let (Some(id), false) = (exported(INITIALIZE), ended.at_start.is_empty()) {
            // Nobody but its host calls a reactor's constructors, and it may do so again.
            ended.constructors = Some(id);
            ended.exports.retain(|name| name != INITIALIZE);
        }
    }
    Ok((calls, ended))
}

/// What stands in a wrapper that the linker made for an export of a command, between the constructors and the
/// destructors, which are not to run yet.
fn unwrapped(module: &Module<'_>, names: &[(FuncId, &str)], id: FuncId) -> Result<FuncId, Error> {
    let name = |id: FuncId| names.iter().find(|(other, _)| *other == id).map_or("", |(_, name)| name);
    let Some(Source::Defined(body)) = module.functions.get(id).map(|function| &function.source) else { return Ok(id) };
    if !name(id).ends_with(WRAPPED) {
        return Ok(id);
    }
    let mut called = Vec::new();
    for operator in body.reader().get_operators_reader()? {
        if let Operator::Call { function_index } = operator? {
            called.push(FuncId(function_index));
        }
    }
    called.retain(|id| ![CONSTRUCTORS, "__wasm_call_dtors"].contains(&name(*id)));
    match called[..] {
        [inner] => Ok(inner),
        _ => Ok(id),
    }
}

fn found<'m>(module: &'m Module<'_>) -> Result<&'m str, Error> {
    let exports = || module.exports.iter().filter(|export| matches!(export.item, Item::Func(_)));
    let found = NAMES.iter().find_map(|name| exports().find(|export| export.name == *name));
    found.map(|export| export.name.as_ref()).ok_or_else(|| {
        Error::input(format!("nothing to initialize: no function is exported as {}", NAMES.join(", ")))
            .help("mark it with WBUILD_PREINIT(function) of <wbuild.h>, or name an exported one: --preinit=NAME")
    })
}

fn find(module: &Module<'_>, name: &str) -> Result<FuncId, Error> {
    match module.export(name) {
        Some(Item::Func(id)) => require_plain(module, name, id).map(|()| id),
        Some(_) => Err(Error::input(format!("its export `{name}` is no function"))),
        None => {
            let mut shown: Vec<&str> = module
                .exports
                .iter()
                .filter(|export| matches!(export.item, Item::Func(id) if is_plain(module, id)))
                .filter(|export| !export.name.starts_with("__"))
                .map(|export| export.name.as_ref())
                .collect();
            let all = shown.len();
            shown.truncate(10);
            let error = Error::input(format!("it exports no function `{name}` to initialize it"));
            Err(match shown.is_empty() {
                true => error.help(format!("build it with --export {name}")),
                false => error.help(format!(
                    "exported without parameters are {}{}",
                    shown.join(", "),
                    if all > 10 { ", and others" } else { "" }
                )),
            })
        }
    }
}

fn is_plain(module: &Module<'_>, id: FuncId) -> bool {
    module.function_type(id).is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty())
}

/// Whether it is a function of the module that returns at once.
fn does_nothing(module: &Module<'_>, id: FuncId) -> bool {
    let Some(Source::Defined(body)) = module.functions.get(id).map(|function| &function.source) else { return false };
    let Ok(operators) = body.reader().get_operators_reader() else { return false };
    operators.into_iter().all(|operator| matches!(operator, Ok(Operator::Nop | Operator::Return | Operator::End)))
}

fn require_plain(module: &Module<'_>, name: &str, id: FuncId) -> Result<(), Error> {
    match is_plain(module, id) {
        true => Ok(()),
        false => Err(Error::input(format!("its export `{name}` takes parameters or gives results"))
            .help("initialization is a function without either")),
    }
}

/// Whether a linker of C, C++ or Rust made it, so that there may be constructors.
fn is_linked(module: &Module<'_>) -> bool {
    let wasi =
        module.live_imports().any(|item| module.import(item).is_some_and(|import| import.module.starts_with("wasi_")));
    wasi || module.customs.iter().any(|custom| custom.name == "producers" || custom.name == "target_features")
}

fn refuse_imported_state(module: &Module<'_>) -> Result<(), Error> {
    for item in module.live_imports() {
        let what = match item {
            Item::Func(_) => continue,
            Item::Table(_) => "table",
            Item::Memory(_) => "memory",
            Item::Global(_) => "global",
            Item::Tag(_) => "tag",
        };
        let Some(import) = module.import(item) else { continue };
        return Err(Error::input(format!(
            "it imports the {what} `{}` of `{}`, which is its host's and cannot be part of a snapshot",
            import.name, import.module
        ))
        .help(format!("link it with a {what} of its own")));
    }
    for (_, memory) in module.memories.iter() {
        if memory.ty.shared {
            return Err(Error::input("its memory is shared with other threads, so no moment of it is a snapshot")
                .help("build it without threads"));
        }
    }
    Ok(())
}

fn is_function(module: &Module<'_>, ty: RefType) -> bool {
    use wasmparser::{AbstractHeapType, HeapType};
    match ty.heap_type() {
        HeapType::Abstract { ty, .. } => matches!(ty, AbstractHeapType::Func | AbstractHeapType::NoFunc),
        HeapType::Concrete(index) | HeapType::Exact(index) => {
            index.as_module_index().is_none_or(|index| module.types.function(crate::TypeId(index)).is_some())
        }
    }
}

/// What the code may do to what a snapshot holds.
#[derive(Default)]
struct Code {
    /// Tables that it may change.
    tables: BTreeSet<TableId>,
    /// Passive segments that it may drop, and the functions that do.
    dropped: BTreeMap<Reference, Vec<FuncId>>,
    /// Where it changes an object.
    changes_objects: Option<usize>,
    simd: bool,
    uses: Vec<(FuncId, Uses)>,
}

impl Code {
    /// Whether any code calls that function, or takes a reference to it.
    fn names(&self, function: FuncId) -> bool {
        let wanted = Reference::Item(Item::Func(function));
        self.uses.iter().any(|(_, uses)| uses.references.binary_search(&wanted).is_ok())
    }

    fn read(module: &Module<'_>) -> Result<Code, Error> {
        let is_passive = |segment: &Reference| match *segment {
            Reference::Data(id) => matches!(module.data.get(id), Some(Data { kind: DataKind::Passive, .. })),
            Reference::Element(id) => {
                matches!(module.elements.get(id), Some(Element { kind: ElementKind::Passive, .. }))
            }
            _ => false,
        };
        let mut code = Code::default();
        for (id, uses) in Uses::of_all(module.bodies().collect())? {
            code.tables.extend(&uses.changes);
            for &segment in uses.drops.iter().filter(|segment| is_passive(segment)) {
                code.dropped.entry(segment).or_default().push(id);
            }
            code.changes_objects = uses.changes_objects.or(code.changes_objects);
            code.simd |= uses.simd;
            code.uses.push((id, uses.clone()));
        }
        Ok(code)
    }
}

/// Makes every drop of a passive segment known to the outside.
fn mark_drops(module: &mut Module<'_>, id: FuncId, marks: &BTreeMap<Reference, GlobalId>) -> Result<(), Error> {
    let body = module.edit(id, |operator, edit| {
        let key = match operator {
            Operator::DataDrop { data_index } => Reference::Data(DataId(*data_index)),
            Operator::ElemDrop { elem_index } => Reference::Element(ElementId(*elem_index)),
            _ => return Ok(()),
        };
        if let Some(global) = marks.get(&key) {
            edit.before(&Instruction::I32Const(1));
            edit.before(&Instruction::GlobalSet(global.0));
        }
        Ok(())
    })?;
    match body {
        Some(body) => module.set_body(id, body),
        None => Ok(()),
    }
}

/// Hands out names for exports that the module has not.
struct Scaffold {
    prefix: String,
}

impl Scaffold {
    fn new(module: &Module<'_>) -> Scaffold {
        let mut prefix = "wbuild:".to_owned();
        while module.exports.iter().any(|export| export.name.starts_with(&prefix)) {
            prefix.push(':');
        }
        Scaffold { prefix }
    }

    fn export(&mut self, module: &mut Module<'_>, kind: &str, number: u32, item: Item) -> String {
        let name = format!("{}{kind}:{number}", self.prefix);
        module.exports.push(Export { name: name.clone().into(), item, exact: false });
        name
    }
}
