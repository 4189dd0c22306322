//! Shortest encodings: write every number, type and declaration of locals as short as it can be.
//!
//! **What.** Linkers leave room in numbers that they fill in later: `wasm-ld` writes every function index, address and
//! table offset in five bytes. This pass has the encoder write all sections and bodies anew. Neighbouring
//! declarations of locals with the same type are joined, and empty sections go.
//!
//! **Why it is sound.** The encodings mean the same; no operator changes, and locals keep their numbers.
//! Where the input's own encoding of a section is shorter, it stays.
//!
//! **Example.** `shortest-encodings` makes of
//! ```wat
//! (module
//!   (table (export "t") 1 funcref)
//!   (elem (table 0) (i32.const 0) func))
//! ```
//! this (padded numbers show in bytes only):
//! ```wat
//! (module
//!   (table (;0;) 1 funcref)
//!   (export "t" (table 0))
//!   (elem (;0;) (i32.const 0) func)
//! )
//! ```
//!
//! **Limits.** Custom sections are copied as they are. Indices are not reordered so that frequent ones become short.

use crate::{Encodings, Error, Module};

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    module.encodings = Encodings::Shortest;
    Ok(())
}
