//! Reorder locals: each function's locals are numbered in the order in which its code uses them first.
//!
//! **What.** Of the same type, the local that is used first gets the lowest number; types stand in the order of their first
//! uses. Locals that nothing uses go. Parameters stay. Functions whose numbers would take more bytes are left alone.
//!
//! **Why it is sound.** A local means nothing but its number, and all locals start as zero or null.
//!
//! **Example.** `reorder-locals` makes of
//! ```wat
//! (module
//!   (func (export "f") (param i32) (result i32) (local i64 i32 i32)
//!     (local.set 3 (local.get 0))
//!     (local.set 2 (local.get 3))
//!     (local.get 2)))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (param i32) (result i32)))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (param i32) (result i32)
//!     (local i32 i32)
//!     local.get 0
//!     local.set 1
//!     local.get 1
//!     local.set 2
//!     local.get 2
//!   )
//! )
//! ```
//!
//! **Limits.** It is for modules that are compressed: functions that do alike come to look alike. The names of locals are lost.

use std::collections::BTreeMap;

use crate::{Body, Error, Module};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Encode, Instruction};
use wasmparser::{Operator, ValType};

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    for id in module.functions.ids() {
        let Some(function) = module.functions.get(id) else { continue };
        let Some(body) = function.source.defined() else { continue };
        let params = module.types.function(function.ty).map_or(0, |ty| ty.params().len() as u32);
        let reordered = reordered(body, params).map_err(|error| error.in_function(id.0))?;
        if let Some(body) = reordered.filter(|new| new.len() <= body.bytes().len() && new != body.bytes()) {
            module.set_renumbered_body(id, body)?;
        }
    }
    Ok(())
}

/// The body with its locals in order; none if a type of a local cannot be written.
fn reordered(body: &Body<'_>, params: u32) -> Result<Option<Vec<u8>>, Error> {
    let start = body.reader().range().start;
    let mut declared = body.reader().get_locals_reader()?.into_iter();
    let mut types: Vec<ValType> = Vec::new();
    for group in declared.by_ref() {
        let (count, ty) = group?;
        types.extend(std::iter::repeat_n(ty, count as usize));
    }
    let mut operators = declared.into_operators_reader();
    // By type, in the order of first uses; and where each use stands.
    let mut order: Vec<(ValType, Vec<u32>)> = Vec::new();
    let mut seen = vec![false; types.len()];
    let mut uses = Vec::new();
    let code = operators.original_position() - start;
    while !operators.eof() {
        let from = operators.original_position() - start;
        let operator = operators.read()?;
        let (Operator::LocalGet { local_index: index }
        | Operator::LocalSet { local_index: index }
        | Operator::LocalTee { local_index: index }) = operator
        else {
            continue;
        };
        let Some(local) = index.checked_sub(params).map(|local| local as usize) else { continue };
        let Some(&ty) = types.get(local) else { continue };
        if !std::mem::replace(&mut seen[local], true) {
            match order.iter_mut().find(|(known, _)| *known == ty) {
                Some((_, locals)) => locals.push(index),
                None => order.push((ty, vec![index])),
            }
        }
        uses.push((from..operators.original_position() - start, operator));
    }
    let mut out = Vec::with_capacity(body.bytes().len());
    order.len().encode(&mut out);
    for (ty, locals) in &order {
        let Ok(ty) = RoundtripReencoder.val_type(*ty) else { return Ok(None) };
        locals.len().encode(&mut out);
        ty.encode(&mut out);
    }
    let sorted = order.iter().flat_map(|(_, locals)| locals);
    let new: BTreeMap<u32, u32> = sorted.zip(params..).map(|(old, new)| (*old, new)).collect();
    let renumbered = |index: u32| new.get(&index).copied().unwrap_or(index);
    let mut copied = code;
    for (bytes, operator) in uses {
        out.extend_from_slice(body.bytes().get(copied..bytes.start).unwrap_or_default());
        match operator {
            Operator::LocalGet { local_index } => Instruction::LocalGet(renumbered(local_index)),
            Operator::LocalSet { local_index } => Instruction::LocalSet(renumbered(local_index)),
            Operator::LocalTee { local_index } => Instruction::LocalTee(renumbered(local_index)),
            _ => return Err(Error::internal("a use of a local that is none")),
        }
        .encode(&mut out);
        copied = bytes.end;
    }
    out.extend_from_slice(body.bytes().get(copied..).unwrap_or_default());
    Ok(Some(out))
}
