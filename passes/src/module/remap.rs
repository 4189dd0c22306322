//! From ids to the indices of the output.

use super::{
    DataId, ElementId, ElementItems, Encodings, FuncId, GlobalId, Id, Item, MemoryId, Module, Reference, TableId,
    TagId, TypeId, Uses,
};
use crate::{Error, op::Naming};
use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{BinaryReader, FunctionBody};

/// What a removed entry maps to.
const GONE: u32 = u32::MAX;

/// The final index of every id, and the rewriting of code with it.
pub(super) struct Remap {
    types: Map,
    functions: Map,
    tables: Map,
    memories: Map,
    tags: Map,
    globals: Map,
    elements: Map,
    data: Map,
    identity: bool,
}

/// A use of something that was removed.
#[derive(Debug)]
pub(super) struct Dangling(Reference);

struct Map(Vec<u32>);

impl Map {
    fn new(bound: usize, order: impl Iterator<Item = u32>) -> Map {
        let mut map = vec![GONE; bound];
        for (index, id) in order.enumerate() {
            if let Some(slot) = map.get_mut(id as usize) {
                *slot = index as u32;
            }
        }
        Map(map)
    }

    fn get(&self, id: u32) -> Option<u32> {
        self.0.get(id as usize).copied().filter(|&index| index != GONE)
    }

    fn is_identity(&self) -> bool {
        self.0.iter().enumerate().all(|(id, &index)| id == index as usize)
    }
}

impl Remap {
    pub(super) fn of(module: &Module<'_>) -> Remap {
        let imported = |pick: fn(Item) -> Option<u32>| module.live_imports().filter_map(pick);
        let types = module.types.groups().flat_map(|group| group.ids()).map(Id::index);
        let functions = imported(|item| if let Item::Func(id) = item { Some(id.0) } else { None })
            .chain(module.functions.iter().filter(|(_, f)| f.source.import().is_none()).map(|(id, _)| id.0));
        let tables = imported(|item| if let Item::Table(id) = item { Some(id.0) } else { None })
            .chain(module.tables.iter().filter(|(_, t)| t.source.import().is_none()).map(|(id, _)| id.0));
        let memories = imported(|item| if let Item::Memory(id) = item { Some(id.0) } else { None })
            .chain(module.memories.iter().filter(|(_, m)| m.source.import().is_none()).map(|(id, _)| id.0));
        let tags = imported(|item| if let Item::Tag(id) = item { Some(id.0) } else { None })
            .chain(module.tags.iter().filter(|(_, t)| t.source.import().is_none()).map(|(id, _)| id.0));
        let globals = imported(|item| if let Item::Global(id) = item { Some(id.0) } else { None })
            .chain(module.globals.iter().filter(|(_, g)| g.source.import().is_none()).map(|(id, _)| id.0));
        let mut remap = Remap {
            types: Map::new(module.types.bound(), types),
            functions: Map::new(module.functions.bound(), functions),
            tables: Map::new(module.tables.bound(), tables),
            memories: Map::new(module.memories.bound(), memories),
            tags: Map::new(module.tags.bound(), tags),
            globals: Map::new(module.globals.bound(), globals),
            elements: Map::new(module.elements.bound(), module.elements.iter().map(|(id, _)| id.0)),
            data: Map::new(module.data.bound(), module.data.iter().map(|(id, _)| id.0)),
            identity: false,
        };
        let Remap { types, functions, tables, memories, tags, globals, elements, data, .. } = &remap;
        remap.identity =
            [types, functions, tables, memories, tags, globals, elements, data].iter().all(|map| map.is_identity());
        remap
    }

    /// Whether every index of the output equals the id.
    pub(super) fn is_identity(&self) -> bool {
        self.identity
    }

    /// The index of the output, unless the entry was removed.
    pub(super) fn index(&self, reference: Reference) -> Option<u32> {
        match reference {
            Reference::Type(id) => self.types.get(id.0),
            Reference::Item(Item::Func(id)) => self.functions.get(id.0),
            Reference::Item(Item::Table(id)) => self.tables.get(id.0),
            Reference::Item(Item::Memory(id)) => self.memories.get(id.0),
            Reference::Item(Item::Global(id)) => self.globals.get(id.0),
            Reference::Item(Item::Tag(id)) => self.tags.get(id.0),
            Reference::Element(id) => self.elements.get(id.0),
            Reference::Data(id) => self.data.get(id.0),
        }
    }

    /// Whether everything that a body names keeps its index.
    pub(super) fn keeps(&self, uses: &Uses) -> bool {
        uses.references.iter().all(|&reference| self.index(reference) == Some(reference.index()))
    }

    /// The index of the output, or an error that says what is missing.
    pub(super) fn require(&self, reference: Reference) -> Result<u32, Error> {
        self.index(reference).ok_or_else(|| Dangling(reference).into())
    }

    /// Writes a body with final indices. Reports for each operator where it stood and where it stands now, both counted
    /// from the start of the body.
    pub(super) fn body(
        mut self: &Self,
        body: &FunctionBody<'_>,
        encodings: Encodings,
        out: &mut Vec<u8>,
        mut moved: impl FnMut(usize, usize),
    ) -> Result<(), Error> {
        use wasm_encoder::Encode;
        let (old_start, new_start) = (body.range().start, out.len());
        let mut locals = body.get_locals_reader()?.into_iter();
        let mut groups: Vec<(u32, wasmparser::ValType)> = Vec::new();
        for group in locals.by_ref() {
            let (count, ty) = group?;
            match (encodings, groups.last_mut()) {
                (Encodings::Shortest, _) if count == 0 => {}
                (Encodings::Shortest, Some((total, last))) if *last == ty => *total = total.saturating_add(count),
                _ => groups.push((count, ty)),
            }
        }
        groups.len().encode(out);
        for (count, ty) in groups {
            count.encode(out);
            self.val_type(ty).map_err(error)?.encode(out);
        }
        let mut operators = locals.into_operators_reader();
        // What names nothing is copied, which is most of any code. Not told of is that nearly all loads and stores name the
        // first memory.
        let copies = encodings == Encodings::AsRead && self.memories.0.first().is_none_or(|&first| first == 0);
        let mut naming = Naming::default();
        let bytes = body.as_bytes();
        let mut copied = operators.original_position() - old_start;
        while !operators.eof() {
            let at = operators.original_position() - old_start;
            moved(at, out.len() - new_start + at - copied);
            let written = if copies { operators.visit_operator(&mut naming)? } else { Some(operators.read()?) };
            if let Some(operator) = written {
                out.extend_from_slice(&bytes[copied..at]);
                self.instruction(operator).map_err(error)?.encode(out);
                copied = operators.original_position() - old_start;
            }
        }
        out.extend_from_slice(&bytes[copied..]);
        Ok(())
    }

    /// Writes an initializer with final indices.
    pub(super) fn const_bytes(mut self: &Self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        use wasm_encoder::Encode;
        let expr = wasmparser::ConstExpr::new(BinaryReader::new(bytes, 0));
        self.const_expr(expr).map_err(error)?.encode(out);
        Ok(())
    }
}

/// What an error of the re-encoder is for us.
pub(super) fn error(error: reencode::Error<Dangling>) -> Error {
    match error {
        reencode::Error::ParseError(error) => error.into(),
        reencode::Error::UserError(dangling) => dangling.into(),
        other => Error::internal(format!("cannot encode: {other}")),
    }
}

impl From<Dangling> for Error {
    fn from(Dangling(reference): Dangling) -> Error {
        let what = match reference {
            Reference::Type(_) => "type",
            Reference::Item(Item::Func(_)) => "function",
            Reference::Item(Item::Table(_)) => "table",
            Reference::Item(Item::Memory(_)) => "memory",
            Reference::Item(Item::Global(_)) => "global",
            Reference::Item(Item::Tag(_)) => "tag",
            Reference::Element(_) => "element segment",
            Reference::Data(_) => "data segment",
        };
        let index = reference.index();
        Error::internal(format!("{what} {index} is used but does not exist"))
    }
}

impl std::fmt::Display for Dangling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&Error::from(Dangling(self.0)).message)
    }
}

/// A walk over code and types that sees each index, in whatever space, as a [`Reference`]:
/// `translate` says which index is written instead.
macro_rules! translate_references {
    ($walk:ty, $error:ty $(, $generic:ident: $bound:path)?) => {
        translate_references! { @ $walk, $error, [$($generic: $bound)?],
            type_index: |id| Reference::Type(TypeId(id));
            function_index: |id| Reference::Item(Item::Func(FuncId(id)));
            table_index: |id| Reference::Item(Item::Table(TableId(id)));
            memory_index: |id| Reference::Item(Item::Memory(MemoryId(id)));
            global_index: |id| Reference::Item(Item::Global(GlobalId(id)));
            tag_index: |id| Reference::Item(Item::Tag(TagId(id)));
            element_index: |id| Reference::Element(ElementId(id));
            data_index: |id| Reference::Data(DataId(id));
        }
    };
    (@ $walk:ty, $error:ty, [$($generics:tt)*], $($method:ident: $make:expr;)*) => {
        impl<$($generics)*> Reencode for $walk {
            type Error = $error;
            $(fn $method(&mut self, id: u32) -> Result<u32, reencode::Error<$error>> {
                let make: fn(u32) -> Reference = $make;
                self.translate(make(id), id)
            })*
        }
    };
}

translate_references!(&Remap, Dangling);

impl Remap {
    fn translate(&self, reference: Reference, _: u32) -> Result<u32, reencode::Error<Dangling>> {
        self.index(reference).ok_or(reencode::Error::UserError(Dangling(reference)))
    }
}

/// Reports every reference that code and types make. It stands on the same walk as [`Remap`],
/// so what would be renumbered is exactly what is reported.
pub(crate) struct Collect<F>(pub(crate) F);

translate_references!(Collect<F>, Infallible, F: FnMut(Reference));

impl<F: FnMut(Reference)> Collect<F> {
    fn translate(&mut self, reference: Reference, id: u32) -> Result<u32, reencode::Error<Infallible>> {
        (self.0)(reference);
        Ok(id)
    }

    /// Reports what a body refers to, its locals' types included. Shows `note` the operators that do and where they stand,
    /// before it reports, but for loads and stores; and all operators of vectors.
    pub(crate) fn body(
        &mut self,
        body: &FunctionBody<'_>,
        mut note: impl FnMut(&wasmparser::Operator<'_>, usize),
    ) -> Result<(), Error> {
        let mut locals = body.get_locals_reader()?.into_iter();
        for group in locals.by_ref() {
            self.val_type(group?.1).map_err(collect_error)?;
        }
        let mut operators = locals.into_operators_reader();
        let mut naming = Naming::default();
        while !operators.eof() {
            let offset = operators.original_position();
            if let Some(operator) = operators.visit_operator(&mut naming)? {
                note(&operator, offset);
                self.instruction(operator).map_err(collect_error)?;
            }
        }
        if naming.first_memory {
            self.memory_index(0).map_err(collect_error)?;
        }
        Ok(())
    }

    /// Reports what an initializer refers to.
    pub(crate) fn expr(&mut self, expr: wasmparser::ConstExpr<'_>) -> Result<(), Error> {
        self.const_expr(expr).map_err(collect_error)?;
        Ok(())
    }

    /// Reports which functions are named outside of code: by segments, initializers of globals, exports and the start.
    pub(crate) fn functions_outside_code(&mut self, module: &Module<'_>) -> Result<(), Error> {
        let mut named: Vec<FuncId> = module.start.into_iter().collect();
        for (_, element) in module.elements.iter() {
            match &element.items {
                ElementItems::Functions(functions) => named.extend(functions),
                ElementItems::Expressions(_, list) => list.iter().try_for_each(|item| self.expr(item.reader()))?,
            }
        }
        for (_, global) in module.globals.iter() {
            if let Some(init) = global.source.defined() {
                self.expr(init.reader())?;
            }
        }
        module.exports.iter().for_each(|export| (self.0)(Reference::Item(export.item)));
        named.into_iter().for_each(|id| (self.0)(Reference::Item(Item::Func(id))));
        Ok(())
    }

    /// Reports what a type refers to.
    pub(crate) fn ty(&mut self, ty: &wasmparser::SubType) -> Result<(), Error> {
        self.sub_type(ty.clone()).map_err(collect_error)?;
        Ok(())
    }

    /// Reports what a reference type refers to.
    pub(crate) fn reference(&mut self, ty: wasmparser::RefType) -> Result<(), Error> {
        self.ref_type(ty).map_err(collect_error)?;
        Ok(())
    }

    /// Reports what a value type refers to.
    pub(crate) fn value(&mut self, ty: wasmparser::ValType) -> Result<(), Error> {
        self.val_type(ty).map_err(collect_error)?;
        Ok(())
    }
}

fn collect_error(error: reencode::Error) -> Error {
    match error {
        reencode::Error::ParseError(error) => error.into(),
        other => Error::internal(format!("cannot read: {other}")),
    }
}
