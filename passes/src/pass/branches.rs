//! Branch before loops: what a loop only reads is chosen by a branch in front of it, not by a `select`.
//!
//! **What.** Engines move what a `select` computes to where it is used, and where that is a loop they may choose again in every round.
//! What a branch has chosen is there. Cranelift does not move a value out of a loop's parts that stand behind a way out of the loop in
//! the tree of dominators (as of 0.135, `egraph/elaborate.rs`: the loop is left there for good); in zlib's search for the longest match,
//! where nearly all of its time goes, six of 28 instructions of a round chose the same limit again.
//!
//! **Why it is sound.** Both arms are constants or locals that nobody sets up to the `select`, so that they may be read behind the
//! condition, and only one of them.
//!
//! **Example.** `branch-before-loops` makes of
//! ```wat
//! (module
//!   (memory (export "m") 1)
//!   (func (export "f") (param i32) (local i32)
//!     (local.set 1 (select (local.get 0) (i32.const 9) (i32.lt_u (local.get 0) (i32.const 9))))
//!     (loop
//!       (br_if 0 (i32.load (local.get 1))))))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (param i32)))
//!   (memory (;0;) 1)
//!   (export "m" (memory 0))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (param i32)
//!     (local i32)
//!     local.get 0
//!     i32.const 9
//!     i32.lt_u
//!     if ;; label = @1
//!       local.get 0
//!       local.set 1
//!     else
//!       i32.const 9
//!       local.set 1
//!     end
//!     loop ;; label = @1
//!       local.get 1
//!       i32.load
//!       br_if 0 (;@1;)
//!     end
//!   )
//! )
//! ```
//!
//! **Limits.** The module becomes some bytes longer, so it is for builds for speed. Arms that compute something are left alone.

use std::collections::{HashMap, HashSet};

use crate::module::Body;
use crate::op::{self, Effects};
use crate::{Error, FuncId, Module};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, Instruction};
use wasmparser::Operator;

/// The most operands that are known; what lies deeper is forgotten.
const DEEPEST: usize = 64;

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    module.rewrite_bodies(
        || (),
        |module, (), id, body| {
            let choices = Walk::default().over(body)?;
            if choices.is_empty() { Ok(None) } else { branched(module, id, &choices) }
        },
    )
}

/// A `select` between what is at hand, whose result a local gets.
struct Choice<'b> {
    /// The number of the `select` among the operators of the function; the next one sets the local.
    position: usize,
    local: u32,
    arms: [Arm<'b>; 2],
}

/// A constant, or a local, on the stack.
#[derive(Clone)]
struct Arm<'b> {
    /// The number of the operator that put it there.
    position: usize,
    /// What gives it again.
    operator: Operator<'b>,
}

impl Arm<'_> {
    fn reads(&self, local: u32) -> bool {
        matches!(self.operator, Operator::LocalGet { local_index } if local_index == local)
    }
}

/// The function's body with these choices made by branches.
fn branched(module: &Module<'_>, id: FuncId, choices: &[Choice<'_>]) -> Result<Option<Vec<u8>>, Error> {
    let arms: HashSet<usize> = choices.iter().flat_map(|choice| &choice.arms).map(|arm| arm.position).collect();
    let at: HashMap<usize, &Choice<'_>> = choices.iter().map(|choice| (choice.position, choice)).collect();
    module.edit(id, |operator, edit| {
        let is_arm = arms.contains(&edit.position);
        if let Some(choice) = edit.position.checked_sub(1).and_then(|before| at.get(&before)) {
            edit.remove();
            if matches!(operator, Operator::LocalTee { .. }) && !is_arm {
                edit.before(&Instruction::LocalGet(choice.local));
            }
        } else if is_arm {
            edit.remove();
            if let Operator::LocalTee { local_index } = *operator {
                edit.before(&Instruction::LocalSet(local_index));
            }
        } else if let Some(choice) = at.get(&edit.position) {
            let set = Instruction::LocalSet(choice.local);
            edit.remove();
            edit.before(&Instruction::If(BlockType::Empty));
            for (arm, end) in choice.arms.iter().zip([Instruction::Else, Instruction::End]) {
                let again = RoundtripReencoder.instruction(arm.operator.clone());
                edit.before(&again.map_err(|_| Error::internal("an arm that cannot be written"))?);
                edit.before(&set);
                edit.before(&end);
            }
        }
        Ok(())
    })
}

/// One reading of a function.
#[derive(Default)]
struct Walk<'b> {
    /// The end of the stack, as far down as it is known.
    stack: Vec<Option<Arm<'b>>>,
    /// The arms of the `select` in front of the operator.
    selected: Option<[Arm<'b>; 2]>,
    choices: Vec<Choice<'b>>,
    /// Of the blocks around the operator, with the body itself, the innermost loop.
    blocks: Vec<Option<usize>>,
    /// Where loops begin and end.
    loops: Vec<(usize, usize)>,
    /// Locals that are read in a loop, and in which; and where each local is set.
    reads: Vec<(u32, usize)>,
    sets: HashMap<u32, Vec<usize>>,
}

impl<'b> Walk<'b> {
    /// The choices that a loop only reads.
    fn over(mut self, body: &'b Body<'_>) -> Result<Vec<Choice<'b>>, Error> {
        let mut operators = body.reader().get_operators_reader()?;
        let mut position = 0;
        self.blocks.push(None);
        while !operators.eof() {
            self.step(position, operators.read()?);
            position += 1;
        }
        let Walk { choices, loops, reads, sets, .. } = self;
        if choices.is_empty() {
            return Ok(choices);
        }
        let only_read = |&(local, around): &(u32, usize)| {
            let (from, to) = loops[around];
            let sets = sets.get(&local).map_or(&[][..], Vec::as_slice);
            sets.get(sets.partition_point(|&set| set < from)).is_none_or(|&set| set > to)
        };
        let only_read: HashSet<u32> = reads.iter().filter(|read| only_read(read)).map(|&(local, _)| local).collect();
        Ok(choices.into_iter().filter(|choice| only_read.contains(&choice.local)).collect())
    }

    fn step(&mut self, position: usize, operator: Operator<'b>) {
        let selected = self.selected.take();
        match operator {
            Operator::LocalGet { local_index } => {
                if let Some(&Some(around)) = self.blocks.last() {
                    self.reads.push((local_index, around));
                }
                self.stack.push(Some(Arm { position, operator }));
            }
            Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. } => {
                self.stack.push(Some(Arm { position, operator }));
            }
            Operator::LocalSet { local_index: local } | Operator::LocalTee { local_index: local } => {
                self.stack.pop();
                self.sets.entry(local).or_default().push(position);
                let arms = self.stack.iter_mut();
                arms.filter(|arm| arm.as_ref().is_some_and(|arm| arm.reads(local))).for_each(|arm| *arm = None);
                if let Operator::LocalTee { local_index } = operator {
                    self.stack.push(Some(Arm { position, operator: Operator::LocalGet { local_index } }));
                }
                if let Some(arms) = selected {
                    self.choices.push(Choice { position: position - 1, local, arms });
                }
            }
            Operator::Select => {
                self.stack.pop();
                let [second, first] = [(); 2].map(|()| self.stack.pop().flatten());
                self.selected = first.zip(second).map(|(first, second)| [first, second]);
                self.stack.push(None);
            }
            _ => self.other(position, &operator),
        }
        if self.stack.len() > DEEPEST {
            self.stack.drain(..DEEPEST / 2);
        }
    }

    fn other(&mut self, position: usize, operator: &Operator<'_>) {
        let follows = !op::info(operator).effects.contains(Effects::CONTROL);
        if let Some((pops, pushes)) = op::arity(operator).filter(|_| follows) {
            self.stack.truncate(self.stack.len().saturating_sub(pops as usize));
            self.stack.extend((0..pushes).map(|_| None));
            return;
        }
        self.stack.clear();
        let around = self.blocks.last().copied().flatten();
        match operator {
            Operator::Loop { .. } => {
                self.blocks.push(Some(self.loops.len()));
                self.loops.push((position, usize::MAX));
            }
            Operator::End | Operator::Delegate { .. } => {
                self.blocks.pop();
                let outer = self.blocks.last().copied().flatten();
                if let Some(ended) = around.filter(|_| outer != around) {
                    self.loops[ended].1 = position;
                }
            }
            _ if op::depth_after(0, operator) == 1 => self.blocks.push(around),
            _ => {}
        }
    }
}
