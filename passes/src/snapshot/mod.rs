//! Snapshots: a module that starts where its initialization ended, as Wizer makes them.
//!
//! Two steps, with a run in between that belongs to whoever has an engine:
//! 1. [`prepare`] finds what initialization calls, and makes a copy of the module in which everything that
//!    a snapshot holds can be read from outside.
//! 2. The engine instantiates the copy, makes the calls, and reads a [`State`].
//! 3. [`apply`] writes the state into the original module.
//!
//! **Why it is sound.** All that lasts from one call into a module to the next is its memories, globals, tables,
//! which of its passive segments were dropped, and what its host remembers. The first four are in the state; the
//! last is the caller's to judge. What cannot be written as an initializer (a reference to something of the host's)
//! is refused when it is found in the state, not because an instruction could have made it.

mod apply;
mod freed;
mod objects;
mod prepare;
mod reach;
mod tableless;

pub use apply::{Options, Report, apply};
pub use prepare::prepare;
pub use tableless::without_tables;

use crate::module::Uses;
use crate::segments::Image;
use crate::{DataId, ElementId, FuncId, GlobalId, MemoryId, Module, TableId};
use std::collections::BTreeSet;
use wasmparser::{BinaryReader, Name, NameSectionReader};

/// What initialization is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initializer {
    /// The first of [`NAMES`] that is exported.
    Found,
    /// The exported function of this name.
    Named(String),
    /// What runs before main, and nothing else.
    Constructors,
}

/// The exports that are taken for initialization if none is named: Wizer's two, and our own.
pub const NAMES: [&str; 3] = ["wizer.initialize", "wizer-initialize", "wbuild_preinit"];

/// The function that modules linked by wbuild export to be called after initialization: it empties the buffers
/// of the C library, and has it forget what it knows of its surroundings. Where it is, freed memory is zeroed too.
pub const DONE: &str = "__wbuild_preinit_done";

/// The function of wasi-libc that learns the environment anew where a program reads it directly. It must not be lost
/// in a link whose module is initialized.
pub const ENVIRONMENT: &str = "__wasilibc_maybe_reinitialize_environ_eagerly";

/// The linker's function that calls all constructors.
pub const CONSTRUCTORS: &str = "__wasm_call_ctors";

/// The function of `wbuild.h` that says whether initialization has run, for main to ask.
pub const MARKER: &str = "__wbuild_preinitialized";

/// What an engine is to run, and how to read what it left.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The copy to instantiate.
    pub module: Vec<u8>,
    /// The functions to call, in order.
    pub calls: Vec<Call>,
    /// The memories, in order, by the names of their exports in the copy.
    pub memories: Vec<(MemoryId, String)>,
    /// The globals that can change.
    pub globals: Vec<(GlobalId, String)>,
    /// The tables that code can change. An engine that cannot tell which function a reference is cannot be used
    /// where there are any.
    pub tables: Vec<(TableId, String)>,
    /// Globals that are 1 once this data segment is dropped.
    pub dropped_data: Vec<(DataId, String)>,
    /// Globals that are 1 once this element segment is dropped.
    pub dropped_elements: Vec<(ElementId, String)>,
    /// Every function, where references are to be read.
    pub functions: Vec<(FuncId, String)>,
    /// Whether the code has vector instructions, which not every engine computes alike.
    pub simd: bool,
    /// What becomes of the original's functions and exports.
    ended: Ended,
    /// What the original's bodies name, so that they are read once.
    uses: Vec<(FuncId, Uses)>,
    /// The functions that initialization can reach. Others are traps in the copy.
    reached: BTreeSet<FuncId>,
}

/// A call that is a part of initialization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name of the function's export in the copy.
    pub export: String,
    /// What people call it.
    pub name: String,
    /// No memory may grow while it runs: growth must fail.
    pub fixed_memory: bool,
}

/// What is over once initialization is.
#[derive(Debug, Clone, Default)]
struct Ended {
    /// Exports that nobody is to call again.
    exports: Vec<String>,
    /// The one of them that was asked for, which may be kept.
    initializer: Option<String>,
    /// The function that calls all constructors, if it has been called: it does nothing from now on but
    /// what is in `at_start`.
    constructors: Option<FuncId>,
    /// The function that says whether initialization has run; from now on it has.
    marker: Option<FuncId>,
    /// What must run again in the place of constructors, since what it learns from the host is not carried.
    at_start: Vec<FuncId>,
}

/// What a started module holds.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// As in [`Prepared::memories`]: the size in pages of that memory, and what is not zero.
    pub memories: Vec<(u64, Image)>,
    /// As in [`Prepared::globals`].
    pub globals: Vec<Value>,
    /// As in [`Prepared::tables`].
    pub tables: Vec<Vec<Value>>,
    /// As in [`Prepared::dropped_data`].
    pub dropped_data: Vec<bool>,
    /// As in [`Prepared::dropped_elements`].
    pub dropped_elements: Vec<bool>,
}

/// A value in a global or a table. Floats are their bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the standard's types say what they are")]
pub enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    Func(FuncId),
    /// A reference to a small number.
    I31(i32),
    /// A reference that no initializer can make again, by what it refers to: `an object of the host`.
    Other(&'static str),
}

/// The functions' names, in the order of the name section, for as far as it can be read.
fn function_names<'m>(module: &'m Module<'_>) -> Vec<(FuncId, &'m str)> {
    names(module, |name| match name {
        Name::Function(map) => Some(map),
        _ => None,
    })
    .into_iter()
    .map(|(index, name)| (FuncId(index), name))
    .collect()
}

/// The global of this name.
fn global_named(module: &Module<'_>, wanted: &str) -> Option<GlobalId> {
    let globals = names(module, |name| match name {
        Name::Global(map) => Some(map),
        _ => None,
    });
    globals.into_iter().find(|(_, name)| *name == wanted).map(|(index, _)| GlobalId(index))
}

fn names<'m>(
    module: &'m Module<'_>,
    pick: impl Fn(Name<'m>) -> Option<wasmparser::NameMap<'m>>,
) -> Vec<(u32, &'m str)> {
    let mut found = Vec::new();
    for custom in module.customs.iter().filter(|custom| custom.name == "name") {
        let sections = NameSectionReader::new(BinaryReader::new(&custom.data, 0));
        for map in sections.into_iter().map_while(Result::ok).filter_map(&pick) {
            found.extend(map.into_iter().map_while(Result::ok).map(|naming| (naming.index, naming.name)));
        }
    }
    found
}
