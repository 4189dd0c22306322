//! The walk that finds pieces: over each body, with a stack of which operators made what is on it.

use super::CALL;
use super::shape::{Given, shape};
use crate::op::{self, Effects};
use crate::{Body, Error, FuncId, Module};
use wasm_encoder::{Encode, Instruction};
use wasmparser::{Operator, ValType};

/// The most operators, parameters and statements of a piece.
const OPERATORS: usize = 64;
const PARAMETERS: usize = 6;
const STATEMENTS: usize = 6;
/// As many ways to go on as an interpreter has.
const MANY: u32 = 32;
/// Code that may be outlined, with the locals that it reads in the order in which it does first.
pub(super) struct Piece<'p> {
    /// The operators' bytes with parameters' numbers instead of locals', then the types: what copies have in common.
    pub key: &'p [u8],
    /// How much of the key is code.
    pub code: usize,
    pub locals: &'p [u32],
    pub types: &'p [ValType],
    pub result: Option<ValType>,
    /// The numbers of its first and last operators.
    pub from: u32,
    pub to: u32,
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
pub(super) fn each(module: &Module<'_>, mut report: impl FnMut(FuncId, &Piece<'_>)) -> Result<(), Error> {
    for (id, function) in module.functions.iter() {
        let (Some(body), Some(ty)) = (function.source.defined(), module.types.function(function.ty)) else { continue };
        let mut locals = ty.params().to_vec();
        let mut declared = body.reader().get_locals_reader()?.into_iter();
        for group in declared.by_ref() {
            let (count, ty) = group?;
            locals.extend(std::iter::repeat_n(ty, count as usize));
        }
        let start = body.reader().range().start;
        let tight = tight_loops(body).map_err(|error| error.in_function(id.0))?;
        let mut operators = declared.into_operators_reader();
        let mut walk = Walk { module, locals: &locals, bytes: body.bytes(), tight: &tight, ..Walk::new(module) };
        while !operators.eof() {
            let from = operators.original_position() - start;
            let operator = operators.read().map_err(|error| Error::from(error).in_function(id.0))?;
            walk.operator(&operator, from..operators.original_position() - start, &mut |piece| report(id, piece));
        }
    }
    Ok(())
}

/// For each loop of a body, in the order in which they begin, whether a call would cost too much there: it calls nothing,
/// or it is an interpreter's, which chooses among many things to do.
fn tight_loops(body: &Body<'_>) -> Result<Vec<bool>, Error> {
    let mut operators = body.reader().get_operators_reader()?;
    let (mut tight, mut chooses) = (Vec::new(), Vec::new());
    // The open loops by number, and how many blocks were open where each began.
    let mut open: Vec<(usize, u32)> = Vec::new();
    let mut depth = 0;
    while !operators.eof() {
        match operators.read()? {
            Operator::Loop { .. } => {
                open.push((tight.len(), depth));
                depth += 1;
                tight.push(true);
                chooses.push(false);
            }
            Operator::BrTable { targets } if targets.len() >= MANY => {
                open.last().iter().for_each(|(number, _)| chooses[*number] = true);
            }
            operator if op::info(&operator).effects == Effects::CALL => {
                open.last().iter().for_each(|(number, _)| tight[*number] = false);
            }
            operator => depth = op::depth_after(depth, &operator),
        }
        // What a loop holds, the loop around it holds as well.
        while let Some((inner, _)) = open.pop_if(|(_, began)| *began >= depth) {
            if let Some(&(outer, _)) = open.last() {
                tight[outer] &= tight[inner];
                chooses[outer] |= chooses[inner];
            }
        }
    }
    Ok(tight.into_iter().zip(chooses).map(|(tight, chooses)| tight || chooses).collect())
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
    /// Whether each loop of the body is tight, and how many have begun.
    tight: &'w [bool],
    loops: usize,
    /// Whether the innermost loop around what is in each open block is tight.
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
            tight: &[],
            loops: 0,
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
            Operator::Loop { .. } => {
                self.blocks.push(self.tight.get(self.loops).is_none_or(|tight| *tight));
                self.loops += 1;
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::Try { .. } | Operator::TryTable { .. } => {
                self.blocks.push(self.is_tight());
            }
            Operator::End | Operator::Delegate { .. } => drop(self.blocks.pop()),
            _ => {}
        }
    }

    fn is_tight(&self) -> bool {
        self.blocks.last().is_some_and(|tight| *tight)
    }

    /// Reports the operators of a range, if they may be outlined and it could pay.
    fn piece(&mut self, from: u32, to: u32, result: Option<ValType>, report: &mut dyn FnMut(&Piece<'_>)) {
        let range = &self.read[from as usize..=to as usize];
        let is_plain = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64);
        let may = range.len() > 1 && range.len() <= OPERATORS && !self.is_tight();
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
