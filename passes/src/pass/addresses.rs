//! Pool addresses: constant addresses of loads and stores become a near immutable global and an offset.
//!
//! **What.** `i32.const` of an address takes up to six bytes, `global.get` of an early global and `i32.const 0` two, and
//! an offset up to 127 no more than the offset 0 that is there anyway. So a global for each neighbourhood that is used
//! often makes loads and stores at constant addresses two to four bytes shorter, and up to one byte more for offsets up
//! to 16383. Where there is none, the address as an offset takes a byte less than as a constant for one address in two.
//! The globals are chosen greedily, those first that save most, at most 48 of them.
//!
//! **Why it is sound.** An immutable global with a constant for its value has that value whenever it is read. An access
//! adds its offset to its address without wrapping around, so base and offset name the very byte that address and
//! offset named before, inside the memory or outside. Where that lies beyond 2^32, the access is left as it is.
//!
//! **Example.** `pool-addresses` makes of
//! ```wat
//! (module
//!   (memory (export "m") 32)
//!   (func (export "f") (result i32)
//!     (i32.store (i32.const 1048580) (i32.load (i32.const 1048576)))
//!     (i32.store (i32.const 1048588) (i32.load offset=8 (i32.const 1048576)))
//!     (i32.store (i32.const 12000) (i32.load offset=16 (i32.const 1048576)))
//!     (i32.load (i32.const 1048576))))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (result i32)))
//!   (memory (;0;) 32)
//!   (global (;0;) i32 i32.const 1048576)
//!   (export "m" (memory 0))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (result i32)
//!     global.get 0
//!     global.get 0
//!     i32.load
//!     i32.store offset=4
//!     global.get 0
//!     global.get 0
//!     i32.load offset=8
//!     i32.store offset=12
//!     i32.const 0
//!     global.get 0
//!     i32.load offset=16
//!     i32.store offset=12000
//!     global.get 0
//!     i32.load
//!   )
//! )
//! ```
//!
//! **Limits.** An address is seen where the code between it and its use is straight and makes no NaN. Compressed, a module
//! gains nothing. An engine that does not look into immutable globals loads what it could have known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::outline::shape::{Given, shape};
use crate::{ConstExpr, Error, FuncId, Module, op};
use wasm_encoder::Instruction;
use wasmparser::{GlobalType, Operator, ValType};

/// `global.get` of one of the first 128 globals, and [`ZERO`].
const READ: usize = 2;
/// The base that needs no global.
const ZERO: Instruction<'static> = Instruction::I32Const(0);
/// A global beside the constant that is its value: type, mutability and end.
const DEFINITION: usize = 3;
/// The section of globals where there was none: its number, its size and how many there are.
const SECTION: usize = 3;
/// The most globals, so that those for other constants find short numbers as well.
const MOST: usize = 48;
/// The offsets that take one byte, two and three.
const REACH: [u64; 3] = [1 << 7, 1 << 14, 1 << 21];

/// A load or a store at a constant address.
struct Access {
    /// The numbers of the constant and of the load or store among the operators of the function.
    constant: usize,
    operator: usize,
    address: u32,
    /// The byte that is loaded or stored first.
    target: u32,
}

impl Access {
    fn size(&self) -> usize {
        constant(self.address) + unsigned((self.target - self.address).into())
    }
}

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    let mut found: Vec<(FuncId, Vec<Access>)> = Vec::new();
    for id in module.functions.ids() {
        let accesses = accesses(module, id)?;
        if !accesses.is_empty() {
            found.push((id, accesses));
        }
    }
    let bases = choose(module.globals.iter().count(), found.iter().flat_map(|(_, accesses)| accesses));
    let ty = GlobalType { content_type: ValType::I32, mutable: false, shared: false };
    let init = |base: u32| ConstExpr::new(&[Instruction::I32Const(base as i32)]);
    let globals = bases.into_iter().map(|base| (base, Instruction::GlobalGet(module.add_global(ty, init(base)).0)));
    let bases: BTreeMap<u32, Instruction<'_>> = [(0, ZERO)].into_iter().chain(globals).collect();
    for (id, accesses) in found {
        let (mut reads, mut offsets) = (HashMap::new(), HashMap::new());
        for access in accesses {
            let Some((&base, read)) = bases.range(..=access.target).next_back() else { continue };
            let offset = access.target - base;
            if READ + unsigned(offset.into()) < access.size() {
                reads.insert(access.constant, read);
                offsets.insert(access.operator, offset);
            }
        }
        let changed = module.edit(id, |operator, edit| {
            if let Some(read) = reads.get(&edit.position) {
                edit.remove();
                edit.before(read);
            } else if let Some(&offset) = offsets.get(&edit.position) {
                edit.remove();
                edit.before(&op::with_offset(operator, offset.into())?);
            }
            Ok(())
        })?;
        if let Some(body) = changed {
            module.set_body(id, body)?;
        }
    }
    Ok(())
}

/// Loads and stores of a function at constant addresses.
fn accesses(module: &Module<'_>, id: FuncId) -> Result<Vec<Access>, Error> {
    let mut found = Vec::new();
    let Some(body) = module.functions.get(id).and_then(|function| function.source.defined()) else { return Ok(found) };
    let mut operators = body.reader().get_operators_reader()?;
    // The end of the stack, as far back as it is known: the constants on it, with their numbers.
    let mut stack: Vec<Option<(usize, u32)>> = Vec::new();
    let mut number = 0;
    while !operators.eof() {
        let operator = operators.read().map_err(|error| Error::from(error).in_function(id.0))?;
        match operator {
            Operator::I32Const { value } => stack.push(Some((number, value as u32))),
            Operator::LocalGet { .. } => stack.push(None),
            Operator::LocalSet { .. } | Operator::Drop => drop(stack.pop()),
            Operator::LocalTee { .. } => {
                stack.pop();
                stack.push(None);
            }
            _ => match shape(module, &operator) {
                None => stack.clear(),
                Some(shape) => {
                    // The address is the first operand.
                    let rest = stack.len().saturating_sub(shape.pops);
                    let first = stack.get(rest).copied().flatten().filter(|_| stack.len() - rest == shape.pops);
                    stack.truncate(rest);
                    if shape.result != Given::Nothing {
                        stack.push(None);
                    }
                    if let Some((constant, address)) = first
                        && let Some(offset) = op::offset(&operator)?
                        && let Ok(target) = u32::try_from(u64::from(address) + offset)
                    {
                        found.push(Access { constant, operator: number, address, target });
                    }
                }
            },
        }
        number += 1;
    }
    Ok(found)
}

/// The bases worth a global each, those that save most first.
fn choose<'c>(globals: usize, accesses: impl Iterator<Item = &'c Access>) -> Vec<u32> {
    let mut counts: BTreeMap<(u32, usize), usize> = BTreeMap::new();
    let mut candidates = BTreeSet::new();
    for access in accesses {
        *counts.entry((access.target, access.size())).or_default() += 1;
        candidates.extend([access.target, access.address]);
    }
    // What is accessed, how many bytes that takes as it is, and how often.
    let mut uses: Vec<(u32, usize, usize)> = counts
        .into_iter()
        .map(|((target, size), count)| (target, size.min(READ + unsigned(target.into())), count))
        .collect();
    let mut bases = Vec::new();
    let mut total = 0;
    while globals + bases.len() < 128 && bases.len() < MOST {
        let Some((saved, base)) = best(&uses, &candidates) else { break };
        total += saved;
        bases.push(base);
        for (target, size, _) in &mut uses {
            if let Some(offset) = target.checked_sub(base) {
                *size = (*size).min(READ + unsigned(offset.into()));
            }
        }
    }
    if globals == 0 && total <= SECTION { Vec::new() } else { bases }
}

/// The base that saves most, and how many bytes that is, if it saves any.
fn best(uses: &[(u32, usize, usize)], candidates: &BTreeSet<u32>) -> Option<(usize, u32)> {
    // For each length of an offset: what all uses up to here save by it.
    let sums: Vec<Vec<usize>> = (1..=REACH.len())
        .map(|length| {
            let saved = |&(_, size, count): &(u32, usize, usize)| size.saturating_sub(READ + length) * count;
            let mut sum = 0;
            std::iter::once(0).chain(uses.iter().map(|entry| (sum += saved(entry), sum).1)).collect()
        })
        .collect();
    let mut ends = [0; REACH.len() + 1];
    let mut most: Option<(usize, u32)> = None;
    for &base in candidates {
        let mut saved = 0;
        for (index, reach) in [0].into_iter().chain(REACH).enumerate() {
            let end = u64::from(base) + reach;
            while uses.get(ends[index]).is_some_and(|(target, ..)| u64::from(*target) < end) {
                ends[index] += 1;
            }
            if let Some(shorter) = index.checked_sub(1) {
                saved += sums[shorter][ends[index]] - sums[shorter][ends[shorter]];
            }
        }
        let saved = saved.saturating_sub(constant(base) + DEFINITION);
        if saved > most.map_or(0, |(most, _)| most) {
            most = Some((saved, base));
        }
    }
    most
}

/// The bytes of `i32.const`.
fn constant(value: u32) -> usize {
    let value = value as i32;
    1 + (33 - (value ^ (value >> 31)).leading_zeros() as usize).div_ceil(7)
}

/// The bytes of an unsigned LEB128.
fn unsigned(value: u64) -> usize {
    (64 - value.leading_zeros() as usize).max(1).div_ceil(7)
}
