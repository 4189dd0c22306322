//! Which strings a function may be given, where the linker knows all of them: what printf needs of its formats.
//!
//! From the function that is asked for, callers are followed upwards. A caller that hands on a parameter of its own is
//! asked for as well; every other must give addresses of strings that are declared constant, perhaps one of several. A
//! function that is named outside of calls may be given anything, and so may one whose address is taken.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{Operator, RelocationType};

use super::knowledge::{self, Knowledge};
use crate::module::Collect;
use crate::pass::outline::shape::{Given, shape};
use crate::{Error, FuncId, Item, Module, Reference};

/// How often a function is walked: once to learn what its locals are, once to use it, and some more where one is set to
/// another. Beyond that, nothing is said of it.
const ROUNDS: usize = 8;

/// A parameter of a function.
type Parameter = (FuncId, u32);

/// Where a value may come from; `None` where that is not known.
type Sources = Option<BTreeSet<Source>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Address(u32),
    Parameter(u32),
}

/// Every string, without its zero, that `parameter` (from 0) of the function of this name can be in a module that wasm-ld
/// made with `--emit-relocs`. `None` where one of them is no constant, where nothing is known of the module, and where
/// there is no such function.
pub fn strings(bytes: &[u8], function: &str, parameter: u32) -> Result<Option<BTreeSet<Vec<u8>>>, Error> {
    crate::validate(bytes)?;
    let Ok(Some(known)) = knowledge::read(bytes) else { return Ok(None) };
    let Some(&function) = known.named.get(function) else { return Ok(None) };
    let module = Module::parse(bytes)?;
    let Some(addresses) = addresses(&module, &known, (function, parameter))? else { return Ok(None) };
    Ok(addresses.into_iter().map(|address| known.constant_string(address).map(<[u8]>::to_vec)).collect())
}

/// The addresses that a parameter can be.
fn addresses(module: &Module<'_>, known: &Knowledge<'_>, asked: Parameter) -> Result<Option<BTreeSet<u32>>, Error> {
    let callers = callers(module)?;
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([asked]);
    let mut open = vec![asked];
    while let Some((function, parameter)) = open.pop() {
        let Some(calling) = callers.get(&function) else { continue };
        for caller in calling {
            let Some(caller) = *caller else { return Ok(None) };
            let walk = Walk::new(module, known, caller, (function, parameter));
            let Some(sources) = walk.run().map_err(|error| error.in_function(caller.0))? else { return Ok(None) };
            for source in sources {
                match source {
                    Source::Address(address) => {
                        found.insert(address);
                    }
                    Source::Parameter(own) if seen.insert((caller, own)) => open.push((caller, own)),
                    Source::Parameter(_) => {}
                }
            }
        }
    }
    Ok(Some(found))
}

/// Who calls each function; `None` among them where it is named in another way.
fn callers(module: &Module<'_>) -> Result<BTreeMap<FuncId, BTreeSet<Option<FuncId>>>, Error> {
    let mut callers: BTreeMap<FuncId, BTreeSet<Option<FuncId>>> = BTreeMap::new();
    let mut report = Collect(|reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            callers.entry(id).or_default().insert(None);
        }
    });
    report.functions_outside_code(module)?;
    for (id, body) in module.bodies() {
        for operator in body.reader().get_operators_reader()? {
            let (callee, caller) = match operator? {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    (function_index, Some(id))
                }
                Operator::RefFunc { function_index } => (function_index, None),
                _ => continue,
            };
            callers.entry(FuncId(callee)).or_default().insert(caller);
        }
    }
    Ok(callers)
}

/// What locals are; those that are not among them are zero, which is no string's address.
type Locals = BTreeMap<u32, Sources>;

/// Follows what a function gives to another. Where ways of control meet at the end of a block, a local is what it was at
/// the block's beginning or one of what it was set to within; where a loop begins, the same.
struct Walk<'w, 'a> {
    module: &'w Module<'a>,
    known: &'w Knowledge<'w>,
    function: FuncId,
    asked: Parameter,
    now: Locals,
    blocks: Vec<Block>,
    /// What locals are set to within each loop, as far as it was found by earlier rounds.
    loops: Vec<Locals>,
    /// How many loops began in this round.
    begun: usize,
    /// The end of the stack, as far back as it is known.
    stack: Vec<Sources>,
    given: Sources,
}

/// A block that has not ended.
#[derive(Default)]
struct Block {
    /// Which loop it is.
    number: Option<usize>,
    /// Of the locals that are set within: what they were at its beginning, and what they are set to.
    first: Locals,
    sets: Locals,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(module: &'w Module<'a>, known: &'w Knowledge<'w>, function: FuncId, asked: Parameter) -> Self {
        let (now, blocks, loops, begun, stack, given) = Default::default();
        Walk { module, known, function, asked, now, blocks, loops, begun, stack, given }
    }

    /// Everything that it gives.
    fn run(mut self) -> Result<Sources, Error> {
        let Some(body) = self.module.functions.get(self.function).and_then(|f| f.source.defined()) else {
            return Ok(None);
        };
        let parameters = self.module.function_type(self.function).map_or(0, |ty| ty.params().len() as u32);
        for _ in 0..ROUNDS {
            self.now = (0..parameters).map(|local| (local, Some([Source::Parameter(local)].into()))).collect();
            (self.begun, self.given) = (0, Some(BTreeSet::new()));
            self.stack.clear();
            let before = self.loops.clone();
            let mut operators = body.reader().get_operators_reader()?;
            while !operators.eof() {
                let at = operators.original_position();
                let operator = operators.read()?;
                let relocation = self.known.code.range(at..operators.original_position()).next();
                let is_address = relocation.is_some_and(|(_, known)| known.ty == RelocationType::MemoryAddrSleb);
                self.operator(&operator, is_address);
            }
            if self.loops == before {
                return Ok(self.given);
            }
        }
        Ok(None)
    }

    fn operator(&mut self, operator: &Operator<'_>, is_address: bool) {
        match *operator {
            Operator::I32Const { value } if is_address => {
                self.stack.push(Some([Source::Address(value as u32)].into()));
            }
            Operator::LocalGet { local_index } => {
                let value = self.now.get(&local_index).cloned().unwrap_or_else(nothing);
                self.stack.push(value);
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let value = self.stack.pop().flatten();
                if matches!(operator, Operator::LocalTee { .. }) {
                    self.stack.push(value.clone());
                }
                let before = self.now.insert(local_index, value.clone()).unwrap_or_else(nothing);
                if let Some(block) = self.blocks.last_mut() {
                    block.first.entry(local_index).or_insert(before);
                    join(block.sets.entry(local_index).or_insert_with(nothing), &value);
                }
            }
            Operator::Select => {
                self.stack.pop();
                let (mut either, other) = (self.stack.pop().flatten(), self.stack.pop().flatten());
                join(&mut either, &other);
                self.stack.push(either);
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index }
                if FuncId(function_index) == self.asked.0 =>
            {
                let parameters = self.module.function_type(self.asked.0).map_or(0, |ty| ty.params().len());
                let behind = parameters.saturating_sub(self.asked.1 as usize);
                let value = self.stack.len().checked_sub(behind).and_then(|at| self.stack[at].clone());
                join(&mut self.given, &value);
                self.other(operator);
            }
            _ => {
                self.control(operator);
                self.other(operator);
            }
        }
    }

    fn control(&mut self, operator: &Operator<'_>) {
        use Operator::*;
        match operator {
            Block { .. } | If { .. } | Try { .. } | TryTable { .. } => self.blocks.push(Default::default()),
            Loop { .. } => self.begin_loop(),
            Else | Catch { .. } | CatchAll => {
                if let Some(block) = self.blocks.last() {
                    block.meet(&mut self.now);
                }
            }
            End | Delegate { .. } => self.end_block(),
            _ => {}
        }
    }

    fn begin_loop(&mut self) {
        let number = self.begun;
        self.begun += 1;
        self.loops.resize_with(self.loops.len().max(self.begun), Locals::new);
        let mut block = self::Block { number: Some(number), sets: self.loops[number].clone(), ..Default::default() };
        for (&local, sets) in &block.sets {
            let value = self.now.entry(local).or_insert_with(nothing);
            block.first.insert(local, value.clone());
            join(value, sets);
        }
        self.blocks.push(block);
    }

    fn end_block(&mut self) {
        let Some(block) = self.blocks.pop() else { return };
        block.meet(&mut self.now);
        if let Some(number) = block.number {
            self.loops[number].clone_from(&block.sets);
        }
        if let Some(around) = self.blocks.last_mut() {
            for (local, first) in block.first {
                around.first.entry(local).or_insert(first);
            }
            for (local, sets) in &block.sets {
                join(around.sets.entry(*local).or_insert_with(nothing), sets);
            }
        }
    }

    fn other(&mut self, operator: &Operator<'_>) {
        match shape(self.module, operator) {
            None => self.stack.clear(),
            Some(shape) => {
                self.stack.truncate(self.stack.len().saturating_sub(shape.pops));
                if shape.result != Given::Nothing {
                    self.stack.push(None);
                }
            }
        }
    }
}

impl Block {
    /// What locals are where a way from within meets others.
    fn meet(&self, now: &mut Locals) {
        for (&local, sets) in &self.sets {
            let mut value = self.first.get(&local).cloned().unwrap_or_else(nothing);
            join(&mut value, sets);
            now.insert(local, value);
        }
    }
}

fn nothing() -> Sources {
    Some(BTreeSet::new())
}

/// What comes from either.
fn join(sources: &mut Sources, more: &Sources) {
    match (&mut *sources, more) {
        (Some(sources), Some(more)) => sources.extend(more),
        _ => *sources = None,
    }
}
