//! Outline: straight code that stands in several places becomes a function, and a call stands there.
//!
//! **What.** An expression, or a few statements one after the other, without control and without assignments to locals,
//! is outlined where it is repeated so often that calls are shorter. The locals that it reads become parameters, so
//! that copies which differ in their locals are copies still. The pieces are taken greedily, those first that save most.
//!
//! **Why it is sound.** Nothing in the piece assigns a local, so reading them all before it begins reads the same values.
//! All else happens in the same order. What a piece leaves on the stack is the function's result. A trap or an
//! exception inside goes up through one more frame, which holds nothing.
//!
//! **Example.** `outline` makes of
//! ```wat
//! (module
//!   (memory (export "m") 1)
//!   (func (export "a") (param i32)
//!     (i64.store offset=8 (local.get 0) (i64.load offset=1000 (local.get 0)))
//!     (i32.store offset=16 (local.get 0) (i32.const 77)))
//!   (func (export "b") (param i32)
//!     (i64.store offset=8 (local.get 0) (i64.load offset=1000 (local.get 0)))
//!     (i32.store offset=16 (local.get 0) (i32.const 77)))
//!   (func (export "c") (param i32)
//!     (i64.store offset=8 (local.get 0) (i64.load offset=1000 (local.get 0)))
//!     (i32.store offset=16 (local.get 0) (i32.const 77))))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (param i32)))
//!   (memory (;0;) 1)
//!   (export "m" (memory 0))
//!   (export "a" (func 0))
//!   (export "b" (func 1))
//!   (export "c" (func 2))
//!   (func (;0;) (type 0) (param i32)
//!     local.get 0
//!     call 3
//!   )
//!   (func (;1;) (type 0) (param i32)
//!     local.get 0
//!     call 3
//!   )
//!   (func (;2;) (type 0) (param i32)
//!     local.get 0
//!     call 3
//!   )
//!   (func (;3;) (type 0) (param i32)
//!     local.get 0
//!     local.get 0
//!     i64.load offset=1000
//!     i64.store offset=8
//!     local.get 0
//!     i32.const 77
//!     i32.store offset=16
//!   )
//! )
//! ```
//!
//! **Limits.** Code in loops that call nothing stays, since a call there costs time and not only bytes, and so does code in
//! loops that choose among 32 things or more, which are interpreters'. So do operators that may make a NaN, and pieces that
//! take or give floats, which hardening looks at; pieces of more than 64 operators; and whatever is new.

pub(crate) mod shape;
mod walk;

use std::collections::{HashMap, HashSet};

use crate::{Error, FuncId, Module};
use walk::each;
use wasm_encoder::Instruction;
use wasmparser::ValType;

/// A call with a function's number of two bytes.
const CALL: usize = 3;
/// A function beside its code: its type's number, its length, its locals, its end.
const FUNCTION: usize = 4;
/// A type beside its parameters and results.
const TYPE: usize = 3;
/// The most rounds, and the part of the code that one must save for another to follow.
const ROUNDS: usize = 4;
const WORTH_A_ROUND: usize = 5000;
/// Fewer bytes saved are not worth a function.
const LEAST: usize = 8;

/// A piece with all of its copies.
struct Copies {
    key: Vec<u8>,
    code: usize,
    types: Vec<ValType>,
    result: Option<ValType>,
    sites: Vec<Site>,
}

#[derive(Clone)]
struct Site {
    function: FuncId,
    from: u32,
    to: u32,
    locals: Vec<u32>,
}

/// What was outlined repeats as well, and so do calls of it. A second round finds nearly all of that.
pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    let code: usize = module.bodies().map(|(_, body)| body.bytes().len()).sum();
    for _ in 0..ROUNDS {
        if outline(module)? <= code / WORTH_A_ROUND {
            break;
        }
    }
    Ok(())
}

/// Outlines once; says how many bytes that saves.
fn outline(module: &mut Module<'_>) -> Result<usize, Error> {
    let found = copies(module)?;
    let known = module.types.groups().flat_map(|group| group.ids()).filter_map(|id| module.types.function(id));
    let chosen = choose(found, known.map(|ty| (ty.params().to_vec(), ty.results().to_vec())).collect());
    let mut calls: HashMap<FuncId, Vec<(Site, FuncId)>> = HashMap::new();
    let mut total = 0;
    for copies in chosen {
        total += worth(&copies);
        let ty = module.types.add_function(&copies.types, copies.result.as_slice());
        let body = [&[0], &copies.key[..copies.code], &[0x0b]].concat();
        let id = module.add_function(ty, &[], &[]);
        module.set_body(id, body)?;
        for site in copies.sites {
            calls.entry(site.function).or_default().push((site, id));
        }
    }
    let mut calls: Vec<_> = calls.into_iter().collect();
    calls.sort_by_key(|(function, _)| *function);
    for (function, mut sites) in calls {
        sites.sort_by_key(|(site, _)| site.from);
        let mut next = sites.iter().peekable();
        let body = module.edit(function, |_, edit| {
            let position = edit.position as u32;
            while next.next_if(|(site, _)| site.to < position).is_some() {}
            if let Some((site, outlined)) = next.peek().filter(|(site, _)| site.from <= position) {
                edit.remove();
                if position == site.from {
                    site.locals.iter().for_each(|local| edit.before(&Instruction::LocalGet(*local)));
                    edit.before(&Instruction::Call(outlined.0));
                }
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(function, body)?;
        }
    }
    Ok(total)
}

fn worth(copies: &Copies) -> usize {
    saved(copies.sites.len(), copies.code, copies.types.len()).unwrap_or_default()
}

/// Bytes saved by outlining so many copies, if any are.
fn saved(copies: usize, code: usize, parameters: usize) -> Option<usize> {
    let call = CALL + 2 * parameters;
    (copies * code).checked_sub(copies * call + code + FUNCTION).filter(|saved| *saved >= LEAST)
}

/// Every piece that is repeated often enough, with its copies.
fn copies(module: &Module<'_>) -> Result<Vec<Copies>, Error> {
    // Most pieces stand only once: they are counted before any is kept.
    let mut counts: HashMap<u64, u32> = HashMap::new();
    each(module, |_, piece| *counts.entry(hash(piece.key)).or_default() += 1)?;
    let mut copies: Vec<Copies> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    each(module, |function, piece| {
        let count = counts.get(&hash(piece.key)).copied().unwrap_or_default() as usize;
        if saved(count, piece.code, piece.locals.len()).is_none() {
            return;
        }
        let place = *places.entry(piece.key.to_vec()).or_insert_with(|| {
            copies.push(Copies {
                key: piece.key.to_vec(),
                code: piece.code,
                types: piece.types.to_vec(),
                result: piece.result,
                sites: Vec::new(),
            });
            copies.len() - 1
        });
        let site = Site { function, from: piece.from, to: piece.to, locals: piece.locals.to_vec() };
        copies[place].sites.push(site);
    })?;
    Ok(copies)
}

/// FNV-1a.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The pieces to outline, with the sites that none of them shares with another.
fn choose(mut found: Vec<Copies>, mut known: HashSet<(Vec<ValType>, Vec<ValType>)>) -> Vec<Copies> {
    found.sort_by(|a, b| worth(b).cmp(&worth(a)).then_with(|| a.key.cmp(&b.key)));
    let mut taken: HashMap<FuncId, Vec<u64>> = HashMap::new();
    found.retain_mut(|copies| {
        let mut last: Option<(FuncId, u32)> = None;
        copies.sites.retain(|site| {
            let overlaps = last.is_some_and(|(function, to)| function == site.function && site.from <= to);
            let is_free = !overlaps && taken.get(&site.function).is_none_or(|bits| !any(bits, site));
            if is_free {
                last = Some((site.function, site.to));
            }
            is_free
        });
        let ty = (copies.types.clone(), copies.result.as_slice().to_vec());
        let new_type = if known.contains(&ty) { 0 } else { TYPE + ty.0.len() + ty.1.len() };
        let pays = worth(copies) > new_type;
        if pays {
            known.insert(ty);
        }
        for site in copies.sites.iter().filter(|_| pays) {
            let bits = taken.entry(site.function).or_default();
            bits.resize(bits.len().max(site.to as usize / 64 + 1), 0);
            (site.from..=site.to).for_each(|n| bits[n as usize / 64] |= 1 << (n % 64));
        }
        pays
    });
    found
}

/// Whether one of a site's operators is taken.
fn any(bits: &[u64], site: &Site) -> bool {
    (site.from..=site.to).any(|n| bits.get(n as usize / 64).is_some_and(|word| word >> (n % 64) & 1 == 1))
}
