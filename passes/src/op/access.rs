//! The offset of a load or a store.

use crate::Error;
use std::convert::Infallible;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{Instruction, MemArg};
use wasmparser::Operator;

/// The offset of an operator that accesses memory at an address and an offset.
pub(crate) fn offset(operator: &Operator<'_>) -> Result<Option<u64>, Error> {
    let mut found = Found(None);
    found.instruction(operator.clone()).map_err(unreadable)?;
    Ok(found.0)
}

/// The same operator with this offset.
pub(crate) fn with_offset<'o>(operator: &Operator<'o>, offset: u64) -> Result<Instruction<'o>, Error> {
    Given(offset).instruction(operator.clone()).map_err(unreadable)
}

struct Found(Option<u64>);

impl Reencode for Found {
    type Error = Infallible;

    fn mem_arg(&mut self, arg: wasmparser::MemArg) -> Result<MemArg, reencode::Error> {
        self.0 = Some(arg.offset);
        reencode::utils::mem_arg(self, arg)
    }
}

struct Given(u64);

impl Reencode for Given {
    type Error = Infallible;

    fn mem_arg(&mut self, arg: wasmparser::MemArg) -> Result<MemArg, reencode::Error> {
        reencode::utils::mem_arg(self, wasmparser::MemArg { offset: self.0, ..arg })
    }
}

fn unreadable(error: reencode::Error) -> Error {
    Error::internal(format!("cannot read an operator: {error}"))
}
