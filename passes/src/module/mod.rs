//! One module in memory: [`Module`], what it holds, and how it is read, edited and written.

mod arena;
mod edit;
mod encode;
mod hints;
mod items;
mod names;
mod parse;
mod remap;
mod sections;
mod types;
mod uses;

pub use arena::{Arena, DataId, ElementId, FuncId, GlobalId, Id, MemoryId, TableId, TagId, TypeId};
pub use edit::Edit;
pub use items::{
    Body, ConstExpr, Custom, Data, DataKind, Element, ElementItems, ElementKind, Export, Function, Global, Import,
    Item, Memory, Place, Reference, Source, Table, Tag,
};
pub use types::{TypeGroup, Types};

pub(crate) use encode::is_debug_info;
pub(crate) use remap::Collect;
pub(crate) use uses::Uses;

use crate::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use wasm_encoder::{Encode, Instruction};

/// A core module: sections as typed vectors, ids that stay valid, bodies raw until a pass edits them.
///
/// - [`Module::parse`] walks the sections once. Function bodies, data and custom sections stay slices of the input.
/// - Everything refers by id. An id that was read equals the index in the file; what is added gets the next number;
///   what is removed leaves a gap. Code is written with ids too, so reading a body needs no translation.
/// - [`Module::encode`] computes the final indices and rewrites what they touch: bodies, initializers, segments,
///   the name section, branch hints. If no index changed, every section and body that no pass changed is copied.
/// - Debug information that describes code by offset (`.debug_*`, source maps) is kept exactly as long as the code
///   section comes out as it went in.
///
/// A pass that rewrites code reads it with [`Module::edit`], which copies what is not touched:
/// ```
/// use wbuild_passes::{Error, Module, wasm_encoder::Instruction, wasmparser::Operator};
///
/// /// Tells the host about every call.
/// fn announce_calls(module: &mut Module<'_>) -> Result<(), Error> {
///     let ty = module.types.add_function(&[], &[]);
///     let hook = module.add_function_import("host", "call", ty);
///     for id in module.functions.ids() {
///         let body = module.edit(id, |operator, edit| {
///             if let Operator::Call { .. } = operator {
///                 edit.before(&Instruction::Call(hook.0));
///             }
///             Ok(())
///         })?;
///         if let Some(body) = body {
///             module.set_body(id, body)?;
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Module<'a> {
    input: &'a [u8],
    /// Where the contents of each section of the standard stand in the input.
    sections: BTreeMap<Place, Range<usize>>,
    /// The types.
    pub types: Types,
    /// All functions, imported ones included.
    pub functions: Arena<FuncId, Function<'a>>,
    /// All tables.
    pub tables: Arena<TableId, Table<'a>>,
    /// All memories.
    pub memories: Arena<MemoryId, Memory<'a>>,
    /// All tags.
    pub tags: Arena<TagId, Tag<'a>>,
    /// All globals.
    pub globals: Arena<GlobalId, Global<'a>>,
    /// The exports, in order.
    pub exports: Vec<Export<'a>>,
    /// The function that instantiation calls.
    pub start: Option<FuncId>,
    /// The element segments.
    pub elements: Arena<ElementId, Element<'a>>,
    /// Whether the number of data segments is announced before the code: it must be where code names a segment.
    pub data_count: bool,
    /// The data segments.
    pub data: Arena<DataId, Data<'a>>,
    /// The custom sections, in order.
    pub customs: Vec<Custom<'a>>,
    /// How what no pass changed is written.
    pub encodings: Encodings,
    imports: Vec<Item>,
    imports_changed: bool,
    compact_imports: bool,
    bodies_changed: bool,
    new_names: Vec<(FuncId, String)>,
    /// Functions whose locals have other numbers than the names of locals say.
    renumbered: BTreeSet<FuncId>,
}

/// How [`Module::encode`] writes what no pass changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encodings {
    /// As it was read, padding included.
    #[default]
    AsRead,
    /// As short as it can be.
    Shortest,
}

impl<'a> Module<'a> {
    /// Reads a core module. Function bodies are not read, and nothing is validated beyond what reading needs:
    /// [`crate::run`] validates first. Any bytes give a module or an error.
    pub fn parse(bytes: &'a [u8]) -> Result<Module<'a>, Error> {
        parse::parse(bytes)
    }

    /// Writes the module. A use of something that was removed is an internal error.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        encode::encode(self)
    }

    /// The imported items that are there, in the order of the import section.
    pub fn live_imports(&self) -> impl Iterator<Item = Item> {
        self.imports.iter().copied().filter(|&item| self.import(item).is_some())
    }

    /// The import behind an item, if it is there and imported.
    pub fn import(&self, item: Item) -> Option<&Import<'a>> {
        match item {
            Item::Func(id) => self.functions.get(id)?.source.import(),
            Item::Table(id) => self.tables.get(id)?.source.import(),
            Item::Memory(id) => self.memories.get(id)?.source.import(),
            Item::Global(id) => self.globals.get(id)?.source.import(),
            Item::Tag(id) => self.tags.get(id)?.source.import(),
        }
    }

    /// Whether the import section groups its entries (compact imports proposal).
    pub fn has_compact_imports(&self) -> bool {
        self.compact_imports
    }

    /// The imported function with these names.
    pub fn imported_function(&self, module: &str, name: &str) -> Option<FuncId> {
        self.functions.iter().find_map(|(id, function)| {
            let import = function.source.import()?;
            (import.module == module && import.name == name).then_some(id)
        })
    }

    /// What is exported under a name.
    pub fn export(&self, name: &str) -> Option<Item> {
        self.exports.iter().find(|export| export.name == name).map(|export| export.item)
    }

    /// Takes an export away; says what it exported.
    pub fn remove_export(&mut self, name: &str) -> Option<Item> {
        let at = self.exports.iter().position(|export| export.name == name)?;
        Some(self.exports.remove(at).item)
    }

    /// Imports one more function.
    pub fn add_function_import(&mut self, module: &str, name: &str, ty: TypeId) -> FuncId {
        let import = Import { module: module.to_owned().into(), name: name.to_owned().into() };
        let id = self.functions.push(Function { ty, exact: false, source: Source::Import(import) });
        self.imports.push(Item::Func(id));
        id
    }

    /// Imports one more global.
    pub fn add_global_import(&mut self, module: &str, name: &str, ty: wasmparser::GlobalType) -> GlobalId {
        let import = Import { module: module.to_owned().into(), name: name.to_owned().into() };
        let id = self.globals.push(Global { ty, source: Source::Import(import) });
        self.imports.push(Item::Global(id));
        id
    }

    /// Defines one more function. `code` is written with ids and ends with `End`.
    pub fn add_function(&mut self, ty: TypeId, locals: &[wasm_encoder::ValType], code: &[Instruction<'_>]) -> FuncId {
        let body = Body::new(body_bytes(locals, code).into(), None);
        self.functions.push(Function { ty, exact: false, source: Source::Defined(body) })
    }

    /// Gives a function this body, also where it had none: an imported function becomes a defined one,
    /// keeps its id and so all its uses, and its import is gone.
    pub fn define_function(
        &mut self,
        id: FuncId,
        locals: &[wasm_encoder::ValType],
        code: &[Instruction<'_>],
    ) -> Result<(), Error> {
        self.set_body(id, body_bytes(locals, code))
    }

    /// Like [`Module::define_function`] with a body that is encoded already, such as one from [`Module::edit`].
    pub fn set_body(&mut self, id: FuncId, bytes: Vec<u8>) -> Result<(), Error> {
        let missing = || Error::internal("a body for a function that does not exist").in_function(id.0);
        self.bodies_changed = true;
        let function = self.functions.get_mut_quietly(id).ok_or_else(missing)?;
        self.imports_changed |= function.source.import().is_some();
        function.exact = false;
        function.source = Source::Defined(Body::new(bytes.into(), None));
        Ok(())
    }

    /// Makes calls of `from` calls of `to` in everything that refers to a function by id outside of code:
    /// exports, the start function and element segments of functions. Code is for [`Module::edit`].
    pub fn replace_function_uses(&mut self, from: FuncId, to: FuncId) {
        for export in &mut self.exports {
            if export.item == Item::Func(from) {
                export.item = Item::Func(to);
            }
        }
        if self.start == Some(from) {
            self.start = Some(to);
        }
        for id in self.elements.ids() {
            let uses =
                |element: &Element<'_>| matches!(&element.items, ElementItems::Functions(f) if f.contains(&from));
            if !self.elements.get(id).is_some_and(uses) {
                continue;
            }
            if let Some(Element { items: ElementItems::Functions(functions), .. }) = self.elements.get_mut(id) {
                functions.iter_mut().filter(|function| **function == from).for_each(|function| *function = to);
            }
        }
    }

    /// Defines one more global.
    pub fn add_global(&mut self, ty: wasmparser::GlobalType, init: ConstExpr<'a>) -> GlobalId {
        self.globals.push(Global { ty, source: Source::Defined(init) })
    }

    /// Names a function in the name section, if there is one. Code never depends on it.
    pub fn name_function(&mut self, id: FuncId, name: &str) {
        self.new_names.push((id, name.to_owned()));
    }

    /// Like [`Module::set_body`] where the locals of the function have new numbers: their names go.
    pub fn set_renumbered_body(&mut self, id: FuncId, bytes: Vec<u8>) -> Result<(), Error> {
        self.renumbered.insert(id);
        self.set_body(id, bytes)
    }

    /// The functions that have bodies, and those.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = (FuncId, &Body<'a>)> {
        self.functions.iter().filter_map(|(id, function)| Some((id, function.source.defined()?)))
    }

    /// Takes over what was read in another reading of the same bytes.
    pub(crate) fn know_uses<'u>(&mut self, uses: impl IntoIterator<Item = &'u (FuncId, Uses)>) {
        for (id, uses) in uses {
            if let Some(Function { source: Source::Defined(body), .. }) = self.functions.get_mut_quietly(*id) {
                body.know_uses(uses.clone());
            }
        }
    }

    /// The type of a function.
    pub fn function_type(&self, id: FuncId) -> Option<&wasmparser::FuncType> {
        self.types.function(self.functions.get(id)?.ty)
    }
}

fn body_bytes(locals: &[wasm_encoder::ValType], code: &[Instruction<'_>]) -> Vec<u8> {
    let mut function = wasm_encoder::Function::new_with_locals_types(locals.iter().copied());
    code.iter().for_each(|instruction| {
        function.instruction(instruction);
    });
    function.into_raw_body()
}

/// Encodes instructions one after another, for bodies built by hand.
pub fn encode_instructions(code: &[Instruction<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    code.iter().for_each(|instruction| instruction.encode(&mut out));
    out
}
