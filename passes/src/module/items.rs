//! What a module's index spaces hold.

use super::Uses;
use super::arena::{DataId, ElementId, FuncId, GlobalId, MemoryId, TableId, TagId, TypeId};
use crate::Error;
use std::borrow::Cow;
use std::sync::OnceLock;
use wasm_encoder::{Encode, Instruction};
use wasmparser::{BinaryReader, Operator};

/// Something that can be imported and exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A function.
    Func(FuncId),
    /// A table.
    Table(TableId),
    /// A memory.
    Memory(MemoryId),
    /// A global.
    Global(GlobalId),
    /// A tag.
    Tag(TagId),
}

/// The two names of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import<'a> {
    /// The module imported from.
    pub module: Cow<'a, str>,
    /// The name within that module.
    pub name: Cow<'a, str>,
}

/// Where an item comes from: the host, or here with its definition.
#[derive(Debug, Clone)]
pub enum Source<'a, D> {
    /// The host gives it.
    Import(Import<'a>),
    /// This module defines it.
    Defined(D),
}

impl<'a, D> Source<'a, D> {
    /// The import, if it is one.
    pub fn import(&self) -> Option<&Import<'a>> {
        match self {
            Source::Import(import) => Some(import),
            Source::Defined(_) => None,
        }
    }

    /// The definition, if there is one.
    pub fn defined(&self) -> Option<&D> {
        match self {
            Source::Import(_) => None,
            Source::Defined(definition) => Some(definition),
        }
    }
}

/// A function.
#[derive(Debug, Clone)]
pub struct Function<'a> {
    /// Its type, a function type.
    pub ty: TypeId,
    /// Whether an import demands exactly this type (custom descriptors proposal).
    pub exact: bool,
    /// An import, or a body.
    pub source: Source<'a, Body<'a>>,
}

/// A function's declarations of locals and its operators, as in the code section without the size in front.
/// Indices in it are ids, which for a body that was read are the indices of the file.
#[derive(Debug, Clone)]
pub struct Body<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Where in the input it stands; none once a pass has written it.
    pub(crate) offset: Option<usize>,
    uses: OnceLock<Uses>,
}

impl<'a> Body<'a> {
    pub(crate) fn new(bytes: Cow<'a, [u8]>, offset: Option<usize>) -> Body<'a> {
        Body { bytes, offset, uses: OnceLock::new() }
    }

    /// What it names and does, which is read once.
    pub(crate) fn uses(&self) -> Result<&Uses, Error> {
        match self.uses.get() {
            Some(uses) => Ok(uses),
            None => {
                let uses = Uses::of(self)?;
                Ok(self.uses.get_or_init(|| uses))
            }
        }
    }

    /// As [`Body::uses`], if anyone has asked before.
    pub(crate) fn known_uses(&self) -> Option<&Uses> {
        self.uses.get()
    }

    /// As [`Body::uses`] of the same bytes has it, which need not be read again.
    pub(crate) fn know_uses(&mut self, uses: Uses) {
        self.uses = uses.into();
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the input it stands, if no pass has written it.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// A reader that reports offsets in the input, or in the body if a pass wrote it.
    pub fn reader(&self) -> wasmparser::FunctionBody<'_> {
        wasmparser::FunctionBody::new(BinaryReader::new(&self.bytes, self.offset.unwrap_or(0)))
    }
}

/// An initializer: its operators with the closing `end`, written with ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstExpr<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
}

impl<'a> ConstExpr<'a> {
    /// An initializer of one or several operators, without the closing `end`.
    pub fn new(operators: &[Instruction<'_>]) -> ConstExpr<'static> {
        let mut bytes = Vec::new();
        operators.iter().for_each(|operator| operator.encode(&mut bytes));
        Instruction::End.encode(&mut bytes);
        ConstExpr { bytes: bytes.into() }
    }

    /// The place of a segment in a memory or a table, of 64 bits or of 32.
    pub fn address(is_64: bool, at: u64) -> ConstExpr<'static> {
        match is_64 {
            true => ConstExpr::new(&[Instruction::I64Const(at as i64)]),
            false => ConstExpr::new(&[Instruction::I32Const(at as u32 as i32)]),
        }
    }

    /// The bytes, with the closing `end`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The expression as wasmparser reads it.
    pub fn reader(&self) -> wasmparser::ConstExpr<'_> {
        wasmparser::ConstExpr::new(BinaryReader::new(&self.bytes, 0))
    }

    /// The number, if the expression is one integer constant. 32-bit constants come as unsigned:
    /// that is how addresses are meant.
    pub fn integer(&self) -> Option<u64> {
        let mut operators = self.reader().get_operators_reader();
        let value = match operators.read().ok()? {
            Operator::I32Const { value } => u64::from(value as u32),
            Operator::I64Const { value } => value as u64,
            _ => return None,
        };
        operators.is_end_then_eof().then_some(value)
    }

    pub(crate) fn from_parsed(expr: &wasmparser::ConstExpr<'a>) -> Result<ConstExpr<'a>, Error> {
        let mut reader = expr.get_binary_reader();
        let bytes = reader.read_bytes(reader.bytes_remaining())?;
        Ok(ConstExpr { bytes: bytes.into() })
    }
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// Its type.
    pub ty: wasmparser::TableType,
    /// An import, or what its entries start as (`None` for null).
    pub source: Source<'a, Option<ConstExpr<'a>>>,
}

/// A memory.
#[derive(Debug, Clone)]
pub struct Memory<'a> {
    /// Its type.
    pub ty: wasmparser::MemoryType,
    /// An import, or defined here.
    pub source: Source<'a, ()>,
}

/// A tag of an exception or effect.
#[derive(Debug, Clone)]
pub struct Tag<'a> {
    /// The function type whose parameters it carries.
    pub ty: TypeId,
    /// An import, or defined here.
    pub source: Source<'a, ()>,
}

/// A global.
#[derive(Debug, Clone)]
pub struct Global<'a> {
    /// Its type.
    pub ty: wasmparser::GlobalType,
    /// An import, or its first value.
    pub source: Source<'a, ConstExpr<'a>>,
}

/// An export.
#[derive(Debug, Clone)]
pub struct Export<'a> {
    /// The name that the host sees.
    pub name: Cow<'a, str>,
    /// What is exported.
    pub item: Item,
    /// Whether it is a function exported with its exact type.
    pub exact: bool,
}

/// An element segment.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    /// When it is used.
    pub kind: ElementKind<'a>,
    /// What it holds.
    pub items: ElementItems<'a>,
}

/// When an element segment is used.
#[derive(Debug, Clone)]
pub enum ElementKind<'a> {
    /// By `table.init` and `array.new_elem`.
    Passive,
    /// Never: it only makes functions known to `ref.func`.
    Declared,
    /// At instantiation.
    Active {
        /// The table written to.
        table: TableId,
        /// Whether the file named table 0 although it need not.
        explicit: bool,
        /// The first entry written.
        offset: ConstExpr<'a>,
    },
}

/// What an element segment holds.
#[derive(Debug, Clone)]
pub enum ElementItems<'a> {
    /// Functions.
    Functions(Vec<FuncId>),
    /// References of this type, computed by expressions.
    Expressions(wasmparser::RefType, Vec<ConstExpr<'a>>),
}

impl ElementItems<'_> {
    /// How many entries it has.
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Functions(functions) => functions.len(),
            ElementItems::Expressions(_, expressions) => expressions.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A data segment.
#[derive(Debug, Clone)]
pub struct Data<'a> {
    /// When it is used.
    pub kind: DataKind<'a>,
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
}

/// When a data segment is used.
#[derive(Debug, Clone)]
pub enum DataKind<'a> {
    /// By `memory.init` and `array.new_data`.
    Passive,
    /// At instantiation.
    Active {
        /// The memory written to.
        memory: MemoryId,
        /// The first address written.
        offset: ConstExpr<'a>,
    },
}

/// A custom section.
#[derive(Debug, Clone)]
pub struct Custom<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its contents behind the name.
    pub data: Cow<'a, [u8]>,
    /// Which section of the standard it follows.
    pub after: Place,
}

/// A position between the sections of the standard, in the order that the standard demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names of the standard's sections say what they are")]
pub enum Place {
    Start,
    Types,
    Imports,
    Functions,
    Tables,
    Memories,
    Tags,
    Globals,
    Exports,
    StartFunction,
    Elements,
    DataCount,
    Code,
    Data,
}

/// An index space, for references found in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A type.
    Type(TypeId),
    /// A function, table, memory, global or tag.
    Item(Item),
    /// An element segment.
    Element(ElementId),
    /// A data segment.
    Data(DataId),
}

impl Reference {
    /// Its number among its kind.
    pub(crate) fn index(self) -> u32 {
        match self {
            Reference::Type(id) => id.0,
            Reference::Item(Item::Func(id)) => id.0,
            Reference::Item(Item::Table(id)) => id.0,
            Reference::Item(Item::Memory(id)) => id.0,
            Reference::Item(Item::Global(id)) => id.0,
            Reference::Item(Item::Tag(id)) => id.0,
            Reference::Element(id) => id.0,
            Reference::Data(id) => id.0,
        }
    }
}
