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
//! **Limits.** Code in loops stays, since a call there costs time and not only bytes. So do operators that may make a NaN, and pieces
//! that take or give floats, which hardening looks at; pieces of more than 64 operators; and whatever is new.

mod shape;

use std::collections::{HashMap, HashSet};

use crate::{Error, FuncId, Module};
use shape::{Given, shape};
use wasm_encoder::{Encode, Instruction};
use wasmparser::{Operator, ValType};

/// The most operators, parameters and statements of a piece.
const OPERATORS: usize = 64;
const PARAMETERS: usize = 6;
const STATEMENTS: usize = 6;
/// A call with a function's number of two bytes.
const CALL: usize = 3;
/// A function beside its code: its type's number, its length, its locals, its end.
const FUNCTION: usize = 4;
/// A type beside its parameters and results.
const TYPE: usize = 3;
/// Fewer bytes saved are not worth a function.
const LEAST: usize = 8;

/// Code that may be outlined, with the locals that it reads in the order in which it does first.
struct Piece<'p> {
    /// The operators' bytes with parameters' numbers instead of locals', then the types: what copies have in common.
    key: &'p [u8],
    /// How much of the key is code.
    code: usize,
    locals: &'p [u32],
    types: &'p [ValType],
    result: Option<ValType>,
    /// The numbers of its first and last operators.
    from: u32,
    to: u32,
}

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

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    let found = copies(module)?;
    let known = module.types.groups().flat_map(|group| group.ids()).filter_map(|id| module.types.function(id));
    let chosen = choose(found, known.map(|ty| (ty.params().to_vec(), ty.results().to_vec())).collect());
    let mut calls: HashMap<FuncId, Vec<(Site, FuncId)>> = HashMap::new();
    for copies in chosen {
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
    Ok(())
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
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The pieces to outline, with the sites that none of them shares with another.
fn choose(mut found: Vec<Copies>, mut known: HashSet<(Vec<ValType>, Vec<ValType>)>) -> Vec<Copies> {
    let worth = |copies: &Copies| saved(copies.sites.len(), copies.code, copies.types.len()).unwrap_or_default();
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

/// A value on the stack, as far as the operators are known that made it.
#[derive(Clone, Copy)]
struct Value {
    /// The first of them.
    from: Option<u32>,
    ty: Option<ValType>,
}

/// An operator of the function at hand: where its bytes are, and the local that it reads.
struct Read {
    bytes: std::ops::Range<usize>,
    local: Option<u32>,
}

/// Reports every piece of every function.
fn each(module: &Module<'_>, mut report: impl FnMut(FuncId, &Piece<'_>)) -> Result<(), Error> {
    for (id, function) in module.functions.iter() {
        let (Some(body), Some(ty)) = (function.source.defined(), module.types.function(function.ty)) else { continue };
        let mut locals = ty.params().to_vec();
        let mut declared = body.reader().get_locals_reader()?.into_iter();
        for group in declared.by_ref() {
            let (count, ty) = group?;
            locals.extend(std::iter::repeat_n(ty, count as usize));
        }
        let start = body.reader().range().start;
        let mut operators = declared.into_operators_reader();
        let mut walk = Walk { module, locals: &locals, bytes: body.bytes(), ..Walk::new(module) };
        while !operators.eof() {
            let from = operators.original_position() - start;
            let operator = operators.read().map_err(|error| Error::from(error).in_function(id.0))?;
            walk.operator(&operator, from..operators.original_position() - start, &mut |piece| report(id, piece));
        }
    }
    Ok(())
}

/// The walk over one body. Its stack is the end of the real one, as far back as it is known.
struct Walk<'w, 'a> {
    module: &'w Module<'a>,
    locals: &'w [ValType],
    bytes: &'w [u8],
    read: Vec<Read>,
    stack: Vec<Value>,
    /// Statements that follow each other, by their first and last operators.
    statements: Vec<(u32, u32)>,
    /// The first operator behind the last that must stay.
    free_from: u32,
    /// Whether each open block is a loop.
    blocks: Vec<bool>,
    key: Vec<u8>,
    reads: Vec<u32>,
    types: Vec<ValType>,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(module: &'w Module<'a>) -> Walk<'w, 'a> {
        Walk {
            module,
            locals: &[],
            bytes: &[],
            read: Vec::new(),
            stack: Vec::new(),
            statements: Vec::new(),
            free_from: 0,
            blocks: Vec::new(),
            key: Vec::new(),
            reads: Vec::new(),
            types: Vec::new(),
        }
    }

    fn operator(&mut self, operator: &Operator<'_>, bytes: std::ops::Range<usize>, report: &mut dyn FnMut(&Piece<'_>)) {
        let number = self.read.len() as u32;
        let local = match operator {
            Operator::LocalGet { local_index } => Some(*local_index),
            _ => None,
        };
        self.read.push(Read { bytes, local });
        if let Some(local) = local {
            self.stack.push(Value { from: Some(number), ty: self.locals.get(local as usize).copied() });
            return;
        }
        let Some(shape) = shape(self.module, operator) else {
            self.stays(operator, number);
            return;
        };
        let mut from = Some(number);
        let mut first = None;
        for _ in 0..shape.pops {
            let value = self.stack.pop().unwrap_or(Value { from: None, ty: None });
            from = from.and(value.from);
            first = value.ty;
        }
        let ty = match shape.result {
            Given::Nothing => None,
            Given::Type(ty) => Some(ty),
            Given::AsTaken => first,
        };
        let from = from.filter(|from| *from >= self.free_from);
        match (shape.result, from) {
            (Given::Nothing, Some(from)) => {
                if self.statements.last().is_none_or(|(_, to)| *to + 1 != from) {
                    self.statements.clear();
                }
                self.statements.push((from, number));
                let starts: Vec<u32> = self.statements.iter().rev().take(STATEMENTS).map(|(from, _)| *from).collect();
                starts.into_iter().for_each(|from| self.piece(from, number, None, report));
            }
            (Given::Nothing, None) => self.statements.clear(),
            (_, from) => {
                // A type that is not known makes no piece, and no piece of what it is part of.
                let from = from.filter(|_| ty.is_some());
                self.stack.push(Value { from, ty });
                if let (Some(from), Some(ty)) = (from, ty) {
                    self.piece(from, number, Some(ty), report);
                }
            }
        }
    }

    /// An operator that no piece may hold.
    fn stays(&mut self, operator: &Operator<'_>, number: u32) {
        self.free_from = number + 1;
        self.statements.clear();
        match operator {
            Operator::LocalSet { .. } | Operator::Drop => drop(self.stack.pop()),
            Operator::LocalTee { .. } => {
                let ty = self.stack.pop().and_then(|value| value.ty);
                self.stack.push(Value { from: None, ty });
            }
            _ => self.stack.clear(),
        }
        match operator {
            Operator::Loop { .. } => self.blocks.push(true),
            Operator::Block { .. } | Operator::If { .. } | Operator::Try { .. } | Operator::TryTable { .. } => {
                self.blocks.push(false);
            }
            Operator::End | Operator::Delegate { .. } => drop(self.blocks.pop()),
            _ => {}
        }
    }

    /// Reports the operators of a range, if they may be outlined and it could pay.
    fn piece(&mut self, from: u32, to: u32, result: Option<ValType>, report: &mut dyn FnMut(&Piece<'_>)) {
        let range = &self.read[from as usize..=to as usize];
        let is_plain = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
        let may = range.len() > 1 && range.len() <= OPERATORS && !self.blocks.contains(&true);
        if !may || from < self.free_from || result.is_some_and(|ty| !is_plain(&ty)) {
            return;
        }
        self.key.clear();
        self.reads.clear();
        self.types.clear();
        for read in range {
            let Some(local) = read.local else {
                self.key.extend_from_slice(&self.bytes[read.bytes.clone()]);
                continue;
            };
            let parameter = self.reads.iter().position(|known| *known == local).unwrap_or(self.reads.len());
            if parameter == self.reads.len() {
                let Some(ty) = self.locals.get(local as usize).filter(|ty| is_plain(ty)) else { return };
                self.reads.push(local);
                self.types.push(*ty);
            }
            Instruction::LocalGet(parameter as u32).encode(&mut self.key);
        }
        let code = self.key.len();
        if self.reads.len() > PARAMETERS || code <= CALL + 2 * self.reads.len() {
            return;
        }
        self.types.iter().for_each(|ty| self.key.push(u8::from(*ty == ValType::I64)));
        report(&Piece { key: &self.key, code, locals: &self.reads, types: &self.types, result, from, to });
    }
}
