//! Fold offsets: a constant that is added to an address becomes the offset of the access, where the sum cannot wrap around.
//!
//! **What.** An access adds its offset for nothing, in a byte or three that are there anyway; an addition takes an operator,
//! a constant, and time. Compilers fold a constant only if they know that the sum stays below 2^32, and forget what they
//! knew of an index that is a byte, was masked, shifted or compared. Here bounds of unsigned values are followed: through
//! operators, through locals as long as the code is straight, and through those that never hold more than some bound
//! anywhere in the function.
//!
//! **Why it is sound.** The sum of address and offset does not wrap around. If the addition does not either, both name
//! the same byte, inside the memory or outside.
//!
//! **Example.** `fold-offsets` makes of
//! ```wat
//! (module
//!   (memory (export "m") 1)
//!   (func (export "f") (param i32) (result i32)
//!     (i32.load (i32.add (i32.shl (i32.and (local.get 0) (i32.const 255)) (i32.const 2)) (i32.const 2048)))))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (param i32) (result i32)))
//!   (memory (;0;) 1)
//!   (export "m" (memory 0))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (param i32) (result i32)
//!     local.get 0
//!     i32.const 255
//!     i32.and
//!     i32.const 2
//!     i32.shl
//!     i32.load offset=2048
//!   )
//! )
//! ```
//!
//! **Limits.** The addition must stand in the operand itself. What a loop carries has a bound only if all that is
//! ever put into the local has one that does not depend on the local. Memories of 64 bits are left alone.

use std::collections::{HashMap, HashSet};

use crate::module::Body;
use crate::{Error, FuncId, Module, TypeId, op};
use wasmparser::Operator;

const MOST: u64 = u32::MAX as u64;
/// Of a value of which nothing is known.
const UNKNOWN: u64 = u64::MAX;

/// The most locals that a function has.
const MOST_LOCALS: usize = 50_000;
/// The most operands that are known; what lies deeper is forgotten.
const DEEPEST: usize = 1 << 12;

/// A constant that an access can take over.
struct Fold {
    /// The numbers of the constant, the addition and the access among the operators of the function.
    constant: usize,
    sum: usize,
    access: usize,
    /// The access's new offset.
    offset: u64,
}

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    if module.memories.is_empty() {
        return Ok(());
    }
    module.rewrite_bodies(Locals::default, |module, locals, id, body| {
        let params = module.function_type(id).map_or(0, |ty| ty.params().len());
        locals.forget();
        let mut folds = Vec::new();
        for complete in [false, true] {
            folds = Walk { module, params, locals, complete, stack: Vec::new(), folds: Vec::new() }.over(body)?;
        }
        if folds.is_empty() { Ok(None) } else { folded(module, id, &folds) }
    })
}

/// The function's body with these constants folded.
fn folded(module: &Module<'_>, id: FuncId, folds: &[Fold]) -> Result<Option<Vec<u8>>, Error> {
    let gone: HashSet<usize> = folds.iter().flat_map(|fold| [fold.constant, fold.sum]).collect();
    let offsets: HashMap<usize, u64> = folds.iter().map(|fold| (fold.access, fold.offset)).collect();
    module.edit(id, |operator, edit| {
        if gone.contains(&edit.position) {
            edit.remove();
        } else if let Some(&offset) = offsets.get(&edit.position) {
            edit.remove();
            edit.before(&op::with_offset(operator, offset)?);
        }
        Ok(())
    })
}

/// An operand.
#[derive(Clone, Copy)]
struct Operand {
    /// It is not more, as an unsigned number.
    most: u64,
    /// The number of the operator that gave it, if that is a constant.
    constant: Option<usize>,
    /// It is a sum that does not wrap around: the numbers of constant and addition, and the constant.
    sum: Option<(usize, usize, u64)>,
}

impl Operand {
    fn of(most: u64) -> Operand {
        Operand { most, constant: None, sum: None }
    }
}

/// What is known of locals, each with the time at which it was learned, so that forgetting costs nothing.
#[derive(Default)]
struct Locals {
    /// What each holds at the place of the walk, if that was learned in this era, which ends where control meets.
    here: Vec<(u32, u64)>,
    era: u32,
    /// What no assignment of this function exceeds.
    anywhere: Vec<(u32, u64)>,
    function: u32,
}

impl Locals {
    /// Begins another function.
    fn forget(&mut self) {
        self.function += 1;
    }

    fn assign(&mut self, local: usize, most: u64) {
        // Of a module that is not valid.
        if local >= MOST_LOCALS {
            return;
        }
        if self.here.len() <= local {
            self.here.resize(local + 1, (0, 0));
            self.anywhere.resize(local + 1, (0, 0));
        }
        self.here[local] = (self.era, most);
        // It begins as zero.
        let before = self.anywhere(local);
        self.anywhere[local] = (self.function, before.max(most));
    }

    fn here(&self, local: usize) -> Option<u64> {
        self.here.get(local).filter(|(era, _)| *era == self.era).map(|&(_, most)| most)
    }

    fn anywhere(&self, local: usize) -> u64 {
        self.anywhere.get(local).filter(|(function, _)| *function == self.function).map_or(0, |&(_, most)| most)
    }
}

/// One reading of a function.
struct Walk<'w> {
    module: &'w Module<'w>,
    params: usize,
    locals: &'w mut Locals,
    /// Whether all assignments were seen in an earlier reading.
    complete: bool,
    /// The end of the stack, as far down as it is known.
    stack: Vec<Operand>,
    folds: Vec<Fold>,
}

impl Walk<'_> {
    fn over(mut self, body: &Body<'_>) -> Result<Vec<Fold>, Error> {
        self.locals.era += 1;
        let mut operators = body.reader().get_operators_reader()?;
        let mut number = 0;
        while !operators.eof() {
            self.step(number, &operators.read()?)?;
            if self.stack.len() > DEEPEST {
                self.stack.drain(..DEEPEST / 2);
            }
            number += 1;
        }
        Ok(self.folds)
    }

    fn step(&mut self, number: usize, operator: &Operator<'_>) -> Result<(), Error> {
        match *operator {
            Operator::LocalGet { local_index } => {
                let local = local_index as usize;
                let anywhere = match self.complete && local >= self.params {
                    true => self.locals.anywhere(local),
                    false => UNKNOWN,
                };
                self.stack.push(Operand::of(self.locals.here(local).unwrap_or(anywhere)));
            }
            Operator::LocalSet { local_index } => {
                let most = self.pop().most;
                self.locals.assign(local_index as usize, most);
            }
            Operator::LocalTee { local_index } => {
                let most = self.pop().most;
                self.locals.assign(local_index as usize, most);
                self.stack.push(Operand::of(most));
            }
            Operator::Call { function_index } => {
                let ty = self.module.function_type(FuncId(function_index));
                self.call(ty, 0);
            }
            Operator::CallIndirect { type_index, .. } => {
                let ty = self.module.types.function(TypeId(type_index));
                self.call(ty, 1);
            }
            _ => match op::arity(operator) {
                Some((pops, pushes)) => self.compute(number, operator, pops as usize, pushes as usize)?,
                None => {
                    self.stack.clear();
                    let meets = matches!(
                        operator,
                        Operator::Loop { .. }
                            | Operator::Else
                            | Operator::End
                            | Operator::Catch { .. }
                            | Operator::CatchAll
                            | Operator::Delegate { .. }
                    );
                    self.locals.era += u32::from(meets);
                }
            },
        }
        Ok(())
    }

    fn pop(&mut self) -> Operand {
        self.stack.pop().unwrap_or(Operand::of(UNKNOWN))
    }

    fn call(&mut self, ty: Option<&wasmparser::FuncType>, more: usize) {
        let (params, results) = ty.map_or((self.stack.len(), 0), |ty| (ty.params().len(), ty.results().len()));
        self.stack.truncate(self.stack.len().saturating_sub(params + more));
        self.stack.extend(std::iter::repeat_n(Operand::of(UNKNOWN), results));
    }

    fn compute(&mut self, number: usize, operator: &Operator<'_>, pops: usize, pushes: usize) -> Result<(), Error> {
        let mut operands = [Operand::of(UNKNOWN); 3];
        for at in (0..pops).rev() {
            let operand = self.pop();
            if let Some(slot) = operands.get_mut(at) {
                *slot = operand;
            }
        }
        let [a, b, _] = operands;
        if let Some((constant, sum, value)) = a.sum
            && let Some(offset) = op::offset(operator)?
            && let offset @ ..=MOST = offset.saturating_add(value)
        {
            self.folds.push(Fold { constant, sum, access: number, offset });
        }
        if pushes != 1 {
            self.stack.extend(std::iter::repeat_n(Operand::of(UNKNOWN), pushes));
            return Ok(());
        }
        let mut result = Operand::of(bound(operator, a, b));
        match operator {
            Operator::I32Const { .. } => result.constant = Some(number),
            Operator::I32Add if a.most.saturating_add(b.most) <= MOST => {
                let constant = |of: Operand| of.constant.map(|constant| (constant, number, of.most));
                result.sum = constant(b).or_else(|| constant(a));
            }
            // It has none of the constant's bits.
            Operator::I32Or if b.most != 0 && a.most < 1 << b.most.trailing_zeros() => {
                result.sum = b.constant.map(|constant| (constant, number, b.most));
            }
            _ => {}
        }
        self.stack.push(result);
        Ok(())
    }
}

/// What the result of an operator does not exceed, as an unsigned number.
fn bound(operator: &Operator<'_>, a: Operand, b: Operand) -> u64 {
    use Operator::*;
    let shift = b.constant.map(|_| b.most % 32);
    let (a64, b64) = (a.most, b.most);
    let (a, b) = (a64.min(MOST), b64.min(MOST));
    let below = |most: u64, limit: u64| if most <= limit { most } else { UNKNOWN };
    // All ones from the highest one on.
    let ones = |value: u64| UNKNOWN.checked_shr(value.leading_zeros()).unwrap_or(0);
    let (positive, divisor) = (a < 1 << 31, b.max(1));
    match operator {
        I32Const { value } => u64::from(*value as u32),
        I64Const { value } => *value as u64,
        I32And => a.min(b),
        I64And => a64.min(b64),
        I32Or | I32Xor => ones(a | b),
        I64Or | I64Xor => ones(a64 | b64),
        I32Add => below(a + b, MOST),
        I64Add => a64.saturating_add(b64),
        I32Mul => below(a.saturating_mul(b), MOST),
        I32Shl => shift.map_or(UNKNOWN, |shift| below(a << shift, MOST)),
        I32ShrU => a >> shift.unwrap_or(0),
        I32ShrS if positive => a >> shift.unwrap_or(0),
        I64ShrU => a64,
        I32DivU => a,
        I32DivS if positive && b < 1 << 31 => a,
        I32RemU => a.min(divisor - 1),
        I32RemS if positive => a,
        I32WrapI64 => below(a64, MOST),
        I64ExtendI32U => a,
        I64ExtendI32S => below(a, MOST >> 1),
        I32Load8U { .. } | I64Load8U { .. } => 0xff,
        I32Load16U { .. } | I64Load16U { .. } => 0xffff,
        I32Clz | I32Ctz | I32Popcnt => 32,
        I64Clz | I64Ctz | I64Popcnt => 64,
        I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU | I64Eqz
        | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS | I64GeU | F32Eq | F32Ne
        | F32Lt | F32Gt | F32Le | F32Ge | F64Eq | F64Ne | F64Lt | F64Gt | F64Le | F64Ge => 1,
        Select => a64.max(b64),
        _ => UNKNOWN,
    }
}
