//! One function, followed operator by operator: control flow, locals and calls.

use super::facts::Facts;
use super::flow::{Kind, Machine, NOWHERE, Value};
use super::value::{State, Test};
use super::{Site, Status};
use crate::{Error, FuncId, TagId, TypeId};
use std::collections::HashMap;
use wasmparser::{BlockType, Catch, Operator, ValType};

/// What a function takes and gives, as far as is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    pub params: Vec<State>,
    pub results: Vec<State>,
}

/// An operator that shows the bits of a NaN.
#[derive(Debug, Clone)]
pub(super) struct Observation {
    pub site: Site,
    pub status: Status,
}

/// What following a function gave.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The first observations, those that are surely wrong and those that are not proved.
    pub observations: Vec<Observation>,
    pub total: u64,
    pub worst: Option<Status>,
    pub results: Vec<State>,
    /// Arguments of direct calls.
    pub calls: Vec<(u32, Vec<State>)>,
    /// It is too complex, or not understood; nothing else is known then.
    pub gave_up: bool,
}

pub(super) struct Walk<'a, 'm> {
    pub(super) facts: &'a Facts<'m>,
    pub(super) summaries: &'a [Summary],
    pub(super) function: u32,
    /// Whether nothing is to depend on what is known of other functions.
    pub(super) alone: bool,
    pub(super) machine: Machine,
    pub(super) outcome: Outcome,
    pub(super) offset: usize,
    pub(super) index: usize,
    /// How many blocks are open since the point became unreachable.
    pub(super) nested: u32,
    pub(super) params: Vec<ValType>,
    /// Declared locals: one past the last of each group.
    pub(super) groups: Vec<(u32, ValType)>,
    pub(super) near: Vec<u32>,
    pub(super) far: HashMap<u32, u32>,
    pub(super) escapes: bool,
}

/// Work for each byte of a body, and for any function however small.
const WORK: (u64, u64) = (30, 1_000_000);
/// The same of states that are kept at once.
const KEPT: (u64, u64) = (8, 1_000_000);
/// Passes over a function each of whose locals has one state.
const PASSES: u32 = 12;

/// Follows a function until nothing changes any more. `alone` assumes the worst of all other functions.
pub(super) fn follow(facts: &Facts<'_>, summaries: &[Summary], function: u32, alone: bool) -> Result<Outcome, Error> {
    let given_up = || Ok(Outcome { gave_up: true, ..Outcome::default() });
    let Some(body) = facts.module.functions.get(FuncId(function)).and_then(|f| f.source.defined()) else {
        return given_up();
    };
    let (Some(ty), Some(known)) = (facts.signature(function), facts.functions.get(function as usize)) else {
        return given_up();
    };
    if known.unknown {
        return given_up();
    }
    let reader = body.reader();
    let mut end = ty.params().len() as u32;
    let mut groups = Vec::new();
    for group in reader.get_locals_reader()? {
        let (count, ty) = group?;
        end = end.saturating_add(count);
        groups.push((end, ty));
    }
    let mut walk = Walk {
        facts,
        summaries,
        function,
        alone,
        machine: Machine::default(),
        outcome: Outcome::default(),
        offset: 0,
        index: 0,
        nested: 0,
        params: ty.params().to_vec(),
        groups,
        near: Vec::new(),
        far: HashMap::new(),
        escapes: known.escapes,
    };
    let size = body.bytes().len() as u64;
    walk.machine.limits = (WORK.0 * size + WORK.1, KEPT.0 * size + KEPT.1);
    let mut passes = 0;
    loop {
        let operators = reader.get_operators_reader()?;
        match walk.pass(operators, ty.results().len())? {
            true if !walk.machine.changed => return Ok(walk.outcome),
            true if !walk.machine.insensitive || passes < PASSES => passes += 1,
            false if !walk.machine.insensitive => {
                walk.machine.forget_flow();
                passes = 0;
            }
            _ => return given_up(),
        }
    }
}

impl Walk<'_, '_> {
    /// One pass over the function; `false` if the work has become too much.
    fn pass(&mut self, mut operators: wasmparser::OperatorsReader<'_>, results: usize) -> Result<bool, Error> {
        self.outcome = Outcome { results: vec![State::Bottom; results], ..Outcome::default() };
        self.machine.begin(results);
        (self.nested, self.index) = (0, 0);
        while !operators.eof() {
            self.offset = operators.original_position();
            let operator = operators.read()?;
            self.index += 1;
            self.machine.work += 1;
            if self.machine.is_exhausted() {
                return Ok(false);
            }
            if self.machine.dead && !self.revives(&operator) {
                continue;
            }
            if self.step(&operator).is_none() {
                self.outcome.gave_up = true;
                return Ok(true);
            }
        }
        Ok(!self.machine.is_exhausted())
    }

    /// Whether an operator that cannot be reached still closes a block that can.
    fn revives(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => {
                self.nested += 1;
                false
            }
            Operator::End | Operator::Delegate { .. } if self.nested > 0 => {
                self.nested -= 1;
                false
            }
            Operator::End
            | Operator::Delegate { .. }
            | Operator::Else
            | Operator::Catch { .. }
            | Operator::CatchAll => self.nested == 0,
            _ => false,
        }
    }

    /// Follows one operator; `None` if it is not understood.
    fn step(&mut self, operator: &Operator<'_>) -> Option<()> {
        match operator {
            Operator::Block { blockty } => {
                let (params, results) = self.block_type(*blockty)?;
                self.machine.push_frame(Kind::Block, params, results, results);
            }
            Operator::Loop { blockty } => {
                let (params, results) = self.block_type(*blockty)?;
                self.machine.push_loop(self.index, params, results);
            }
            Operator::If { blockty } => {
                let (params, results) = self.block_type(*blockty)?;
                let test = self.condition();
                let entering = self.machine.top(params);
                self.machine.kept += params as u64;
                self.machine.push_frame(Kind::If, params, results, results);
                if let Some(frame) = self.machine.frames.last_mut() {
                    (frame.params, frame.test) = (entering, test);
                }
                if let Some(test) = test.filter(|test| !test.holds_for_nan) {
                    self.machine.learn_here(&test);
                }
            }
            Operator::Else => self.otherwise(),
            Operator::Try { blockty } => {
                let (params, results) = self.block_type(*blockty)?;
                self.machine.push_frame(Kind::Try, params, results, results);
            }
            Operator::TryTable { try_table } => {
                let (params, results) = self.block_type(try_table.ty)?;
                let mut catches = Vec::new();
                for catch in &try_table.catches {
                    catches.push(match *catch {
                        Catch::One { tag, label } => (label, self.payload(tag)?),
                        Catch::OneRef { tag, label } => {
                            let mut payload = self.payload(tag)?;
                            payload.push(State::Raw);
                            (label, payload)
                        }
                        Catch::All { label } => (label, Vec::new()),
                        Catch::AllRef { label } => (label, vec![State::Raw]),
                    });
                }
                self.machine.push_frame(Kind::Try, params, results, results);
                if let Some(frame) = self.machine.frames.last_mut() {
                    frame.catches = catches;
                }
            }
            Operator::Catch { tag_index } => {
                let payload = self.payload(*tag_index)?;
                self.handle(payload);
            }
            Operator::CatchAll => self.handle(Vec::new()),
            Operator::End | Operator::Delegate { .. } => self.end(operator),
            Operator::Br { relative_depth } => {
                let values = self.carried(*relative_depth)?;
                self.branch(*relative_depth, &values, operator);
                self.machine.dead = true;
            }
            Operator::BrIf { relative_depth } => {
                let test = self.condition();
                let values = self.carried(*relative_depth)?;
                self.branch_if(*relative_depth, values, test, operator);
            }
            Operator::BrTable { targets } => {
                self.machine.pop();
                let mut labels = vec![targets.default()];
                for target in targets.targets() {
                    labels.push(target.ok()?);
                }
                self.machine.work += labels.len() as u64 / 8;
                labels.sort_unstable();
                labels.dedup();
                for label in labels {
                    let values = self.carried(label)?;
                    self.branch(label, &values, operator);
                }
                self.machine.dead = true;
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.machine.pop();
                let values = self.carried(*relative_depth)?;
                self.branch(*relative_depth, &values, operator);
                self.machine.stack.push(reference);
            }
            Operator::BrOnNonNull { relative_depth } => {
                let values = self.carried(*relative_depth)?;
                self.branch(*relative_depth, &values, operator);
                self.machine.pop();
            }
            Operator::BrOnCast { relative_depth, .. } | Operator::BrOnCastFail { relative_depth, .. } => {
                let values = self.carried(*relative_depth)?;
                self.branch(*relative_depth, &values, operator);
            }
            Operator::Return => {
                let values = self.machine.pop_many(self.outcome.results.len());
                self.returns(&values, operator);
                self.machine.dead = true;
            }
            Operator::Unreachable => self.machine.dead = true,
            Operator::Throw { tag_index } => {
                let count = self.payload(*tag_index)?.len();
                self.observe_many(count, operator);
                self.machine.dead = true;
            }
            Operator::ThrowRef | Operator::Rethrow { .. } => self.machine.dead = true,
            Operator::LocalGet { local_index } => {
                let value = match self.slot(*local_index) {
                    NOWHERE => self.machine.fresh(State::Raw),
                    slot => self.machine.get_local(slot),
                };
                self.machine.stack.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.machine.pop();
                let slot = self.slot(*local_index);
                self.machine.assign(slot, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.machine.pop();
                let slot = self.slot(*local_index);
                self.machine.assign(slot, value);
                self.machine.stack.push(Value { from: slot, ..value });
            }
            Operator::Call { function_index } => {
                let results = self.call(*function_index, operator)?;
                self.machine.work += results.len() as u64;
                results.into_iter().for_each(|state| self.machine.push(state));
            }
            Operator::ReturnCall { function_index } => {
                let results = self.call(*function_index, operator)?;
                self.return_states(results, operator);
            }
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                let results = self.call_anything(*type_index, operator)?;
                self.machine.work += results.len() as u64;
                results.into_iter().for_each(|state| self.machine.push(state));
            }
            Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                let results = self.call_anything(*type_index, operator)?;
                self.return_states(results, operator);
            }
            other => return self.compute(other),
        }
        Some(())
    }

    fn block_type(&self, ty: BlockType) -> Option<(usize, usize)> {
        Some(match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = self.facts.function_type(index)?;
                (ty.params().len(), ty.results().len())
            }
        })
    }

    fn payload(&self, tag: u32) -> Option<Vec<State>> {
        let TypeId(ty) = self.facts.module.tags.get(TagId(tag))?.ty;
        let ty = self.facts.function_type(ty)?;
        Some(ty.params().iter().map(|&ty| self.facts.tag_gives(tag, ty)).collect())
    }

    /// Takes a condition.
    pub fn condition(&mut self) -> Option<Test> {
        match self.machine.pop().state {
            State::Test(test) => Some(test),
            _ => None,
        }
    }

    fn carried(&mut self, label: u32) -> Option<Vec<Value>> {
        let index = self.machine.frames.len().checked_sub(1)?.checked_sub(label as usize)?;
        let arity = self.machine.frames.get(index)?.arity;
        Some(self.machine.top(arity))
    }

    fn branch(&mut self, label: u32, values: &[Value], operator: &Operator<'_>) {
        match self.machine.frames.len().saturating_sub(1).checked_sub(label as usize) {
            Some(0) | None => self.returns(values, operator),
            Some(index) => self.machine.reach(index, values),
        }
    }

    fn branch_if(&mut self, label: u32, values: Vec<Value>, test: Option<Test>, operator: &Operator<'_>) {
        let taken = test.filter(|test| !test.holds_for_nan);
        let mut machine = std::mem::take(&mut self.machine);
        machine.try_path(taken.as_ref(), values, |machine, values| {
            std::mem::swap(&mut self.machine, machine);
            self.branch(label, values, operator);
            std::mem::swap(&mut self.machine, machine);
        });
        self.machine = machine;
        if let Some(test) = test.filter(|test| test.holds_for_nan) {
            self.machine.learn_here(&test);
        }
    }

    fn otherwise(&mut self) {
        let Some(index) = self.machine.frames.len().checked_sub(1) else { return };
        if !self.machine.dead {
            let results = self.machine.frames.get(index).map_or(0, |frame| frame.results);
            let values = self.machine.top(results);
            self.machine.reach(index, &values);
        }
        self.machine.rewind();
        let Some(frame) = self.machine.frames.last_mut() else { return };
        frame.kind = Kind::Else;
        let (mut params, test) = (std::mem::take(&mut frame.params), frame.test.take());
        self.machine.stack.append(&mut params);
        if let Some(test) = test.filter(|test| test.holds_for_nan) {
            self.machine.learn_here(&test);
        }
    }

    /// A handler of the old kind begins.
    fn handle(&mut self, payload: Vec<State>) {
        let Some(index) = self.machine.frames.len().checked_sub(1) else { return };
        if !self.machine.dead {
            let results = self.machine.frames.get(index).map_or(0, |frame| frame.results);
            let values = self.machine.top(results);
            self.machine.reach(index, &values);
        }
        self.machine.rewind();
        self.machine.have_thrown();
        payload.into_iter().for_each(|state| self.machine.push(state));
    }

    fn end(&mut self, operator: &Operator<'_>) {
        if self.machine.frames.len() > 1 {
            let mut machine = std::mem::take(&mut self.machine);
            machine.close(|machine, label, values| {
                std::mem::swap(&mut self.machine, machine);
                self.branch(label, values, operator);
                std::mem::swap(&mut self.machine, machine);
            });
            self.machine = machine;
        } else if !self.machine.dead {
            let values = self.machine.pop_many(self.outcome.results.len());
            self.returns(&values, operator);
            self.machine.dead = true;
        }
    }
}
