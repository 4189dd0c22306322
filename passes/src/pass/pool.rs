//! Pool constants: long constants that are used often become immutable globals, read in two or three bytes.
//!
//! **What.** `i32.const` of an address takes up to six bytes, `f64.const` nine; `global.get` of an early global takes
//! two. A constant is pooled where all its uses together shrink by more than its global takes. The globals come
//! behind those that are there; the constants with most uses come first, where indices have one byte. Each global takes an
//! engine some time at every start, so `pool-constants-for-startup` leaves out those that save little.
//!
//! **Why it is sound.** An immutable global with a constant for its value has that value whenever it is read. Floats are
//! told apart by their bits, and every bit of a constant is kept.
//!
//! **Example.** `pool-constants` makes of
//! ```wat
//! (module
//!   (func (export "f") (result f64)
//!     (f64.add (f64.const 0.1) (f64.mul (f64.const 0.1) (f64.const 0.1)))))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (result f64)))
//!   (global (;0;) f64 f64.const 0x1.999999999999ap-4 (;=0.1;))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (result f64)
//!     global.get 0
//!     global.get 0
//!     global.get 0
//!     f64.mul
//!     f64.add
//!   )
//! )
//! ```
//!
//! **Limits.** Only what functions compute with is pooled, not offsets of loads and stores. Compressed, a module gains
//! nothing: a constant that repeats is short there anyway. An engine that does not look into immutable globals loads
//! what it could have known.

use std::collections::BTreeMap;

use crate::{ConstExpr, Error, GlobalId, Module};
use wasm_encoder::{Encode, Ieee32, Ieee64, Instruction};
use wasmparser::{GlobalType, Operator, ValType};

/// The bytes of a global's definition beside its constant: type, mutability and end.
const DEFINITION: usize = 3;

/// The most that the section of globals takes beside what is in it, and what that may become longer by.
const SECTION: usize = 8;
const LONGER: usize = 3;

/// What a constant must save to be worth a global where starts count. wasmtime takes some 10 ns for each global, as we take
/// it from starts with and without; of the 136 in Lua's snapshot there are 62 left, for 0.15 % of its size.
const WORTH_A_START: usize = 16;

/// A constant by its bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Constant {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(i128),
}

impl Constant {
    fn of(operator: &Operator<'_>) -> Option<Constant> {
        Some(match operator {
            Operator::I32Const { value } => Constant::I32(*value),
            Operator::I64Const { value } => Constant::I64(*value),
            Operator::F32Const { value } => Constant::F32(value.bits()),
            Operator::F64Const { value } => Constant::F64(value.bits()),
            Operator::V128Const { value } => Constant::V128(value.i128()),
            _ => return None,
        })
    }

    fn instruction(self) -> Instruction<'static> {
        match self {
            Constant::I32(value) => Instruction::I32Const(value),
            Constant::I64(value) => Instruction::I64Const(value),
            Constant::F32(bits) => Instruction::F32Const(Ieee32::new(bits)),
            Constant::F64(bits) => Instruction::F64Const(Ieee64::new(bits)),
            Constant::V128(bits) => Instruction::V128Const(bits),
        }
    }

    fn ty(self) -> ValType {
        match self {
            Constant::I32(_) => ValType::I32,
            Constant::I64(_) => ValType::I64,
            Constant::F32(_) => ValType::F32,
            Constant::F64(_) => ValType::F64,
            Constant::V128(_) => ValType::V128,
        }
    }

    fn size(self) -> usize {
        size(&self.instruction())
    }
}

/// The bytes of an instruction.
fn size(instruction: &Instruction<'_>) -> usize {
    let mut bytes = Vec::new();
    instruction.encode(&mut bytes);
    bytes.len()
}

pub(super) fn all(module: &mut Module<'_>) -> Result<(), Error> {
    run(module, 1)
}

pub(super) fn for_startup(module: &mut Module<'_>) -> Result<(), Error> {
    run(module, WORTH_A_START)
}

/// Pools constants that save `least` bytes each.
fn run(module: &mut Module<'_>, least: usize) -> Result<(), Error> {
    let pooled = pool(module, &uses(module)?, least);
    let globals: BTreeMap<Constant, GlobalId> = pooled
        .into_iter()
        .map(|constant| {
            let ty = GlobalType { content_type: constant.ty(), mutable: false, shared: false };
            (constant, module.add_global(ty, ConstExpr::new(&[constant.instruction()])))
        })
        .collect();
    if globals.is_empty() {
        return Ok(());
    }
    for id in module.functions.ids() {
        let changed = module.edit(id, |operator, edit| {
            if let Some(global) = Constant::of(operator).and_then(|constant| globals.get(&constant)) {
                edit.remove();
                edit.before(&Instruction::GlobalGet(global.0));
            }
            Ok(())
        })?;
        if let Some(body) = changed {
            module.set_body(id, body)?;
        }
    }
    Ok(())
}

/// How often each constant is used that is long enough for a global to be shorter.
fn uses(module: &Module<'_>) -> Result<BTreeMap<Constant, usize>, Error> {
    let mut uses = BTreeMap::new();
    for (id, body) in module.bodies() {
        count(body, &mut uses).map_err(|error| error.in_function(id.0))?;
    }
    uses.retain(|constant, _| constant.size() > 2);
    Ok(uses)
}

fn count(body: &crate::Body<'_>, uses: &mut BTreeMap<Constant, usize>) -> Result<(), Error> {
    let mut operators = body.reader().get_operators_reader()?;
    while !operators.eof() {
        if let Some(constant) = Constant::of(&operators.read()?) {
            *uses.entry(constant).or_default() += 1;
        }
    }
    Ok(())
}

/// The constants whose pooling saves `least` bytes, in the order of their globals.
fn pool(module: &Module<'_>, uses: &BTreeMap<Constant, usize>, least: usize) -> Vec<Constant> {
    let saved = |constant: Constant, count: usize, index: usize| {
        let (alone, read) = (constant.size(), size(&Instruction::GlobalGet(index as u32)));
        (count * alone).saturating_sub(count * read + alone + DEFINITION)
    };
    let first = module.globals.iter().count();
    // A short index saves a byte for each use. One of three bytes is worth pooling with a short index only, and so
    // has the definition to pay.
    let worth = |constant: Constant, count: usize| match constant.size() {
        3 => count.saturating_sub(3 + DEFINITION),
        _ => count,
    };
    let mut sorted: Vec<(Constant, usize)> = uses.iter().map(|(constant, count)| (*constant, *count)).collect();
    sorted.sort_by_key(|(constant, count)| (std::cmp::Reverse(worth(*constant, *count)), *constant));
    let (mut pooled, mut total) = (Vec::new(), 0);
    for (constant, count) in sorted {
        let saved = saved(constant, count, first + pooled.len());
        if saved >= least {
            pooled.push(constant);
            total += saved;
        }
    }
    let section = if first == 0 { SECTION } else { LONGER };
    if total > section { pooled } else { Vec::new() }
}
