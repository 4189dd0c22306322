//! Guards one by one: what a hardened module is without one of them. A guard that nobody misses
//! should not be there.
//!
//! They are found by their shape: a local compared with itself, and a NaN put in its place by `if`, `select` or
//! `v128.bitselect`. Without its guard the value is what it was: the comparison is replaced by its answer for a number.

use wbuild_passes::wasm_encoder::Instruction as I;
use wbuild_passes::wasmparser::Operator as Op;
use wbuild_passes::{Error, FuncId, Module};

/// A guard: its function, and the number of its comparison among the function's operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    pub function: FuncId,
    position: usize,
}

/// What the parts of a guard are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Local(u32),
    /// A comparison that holds for a number and itself.
    Number,
    If,
    Else,
    Nan,
    Set(u32),
    End,
    Select,
    Other,
}

fn part(operator: &Op<'_>) -> Part {
    match operator {
        Op::LocalGet { local_index } | Op::LocalTee { local_index } => Part::Local(*local_index),
        Op::F32Ge | Op::F64Ge | Op::F32x4Eq | Op::F64x2Eq => Part::Number,
        Op::If { .. } => Part::If,
        Op::Else => Part::Else,
        Op::GlobalGet { .. } => Part::Nan,
        Op::F32Const { value } if f32::from_bits(value.bits()).is_nan() => Part::Nan,
        Op::F64Const { value } if f64::from_bits(value.bits()).is_nan() => Part::Nan,
        Op::V128Const { .. } => Part::Nan,
        Op::LocalSet { local_index } => Part::Set(*local_index),
        Op::End => Part::End,
        Op::Select | Op::V128Bitselect => Part::Select,
        _ => Part::Other,
    }
}

/// All guards of a module.
pub fn guards(bytes: &[u8]) -> Result<Vec<Guard>, Error> {
    let module = Module::parse(bytes)?;
    let mut found = Vec::new();
    for function in module.functions.ids() {
        let mut parts = Vec::new();
        module.edit(function, |operator, _| {
            parts.push(part(operator));
            Ok(())
        })?;
        for start in 0..parts.len() {
            let position = match parts[start..] {
                [
                    Part::Local(a),
                    Part::Local(b),
                    Part::Number,
                    Part::If,
                    Part::Local(c),
                    Part::Else,
                    Part::Nan | Part::Local(_),
                    Part::End,
                    ..,
                ]
                | [
                    Part::Local(a),
                    Part::Local(b),
                    Part::Number,
                    Part::If,
                    Part::Else,
                    Part::Nan | Part::Local(_),
                    Part::Set(c),
                    Part::End,
                    ..,
                ] if a == b && b == c => start + 2,
                [Part::Local(c), Part::Nan, Part::Local(a), Part::Local(b), Part::Number, Part::Select, ..]
                    if a == b && b == c =>
                {
                    start + 4
                }
                _ => continue,
            };
            found.push(Guard { function, position });
        }
    }
    Ok(found)
}

/// The module without the effect of one guard.
pub fn without(bytes: &[u8], guard: Guard) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    let body = module.edit(guard.function, |operator, edit| {
        if edit.position == guard.position {
            edit.remove();
            edit.before(&I::Drop);
            edit.before(&I::Drop);
            edit.before(&match operator {
                Op::F32x4Eq | Op::F64x2Eq => I::V128Const(-1),
                _ => I::I32Const(1),
            });
        }
        Ok(())
    })?;
    if let Some(body) = body {
        module.set_body(guard.function, body)?;
    }
    module.encode()
}
