//! One function, followed operator by operator: control flow, locals and calls.

use super::facts::{Facts, is_followed};
use super::flow::{Kind, Machine, NOWHERE, Value};
use super::operation::operation;
use super::value::{State, Test};
use super::{MOST_FINDINGS, Place, Site, Status};
use crate::{Error, FuncId, Source, TagId, TypeId};
use std::collections::HashMap;
use wasmparser::{BlockType, Catch, FuncType, Operator, ValType};

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
    pub facts: &'a Facts<'m>,
    summaries: &'a [Summary],
    function: u32,
    /// Whether nothing is to depend on what is known of other functions.
    alone: bool,
    pub machine: Machine,
    pub outcome: Outcome,
    offset: usize,
    index: usize,
    /// How many blocks are open since the point became unreachable.
    nested: u32,
    params: Vec<ValType>,
    /// Declared locals: one past the last of each group.
    groups: Vec<(u32, ValType)>,
    near: Vec<u32>,
    far: HashMap<u32, u32>,
    escapes: bool,
}

/// A local that has not been met yet.
const UNMET: u32 = NOWHERE - 1;
/// Locals below this are found by an index, the others by a hash.
const NEAR: u32 = 4096;
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

    fn return_states(&mut self, states: Vec<State>, operator: &Operator<'_>) {
        let values: Vec<Value> = states.into_iter().map(|state| self.machine.fresh(state)).collect();
        self.returns(&values, operator);
        self.machine.dead = true;
    }

    fn returns(&mut self, values: &[Value], operator: &Operator<'_>) {
        self.machine.work += values.len() as u64;
        if self.escapes {
            values.iter().for_each(|&value| self.observe(value, operator));
        }
        for (known, value) in self.outcome.results.iter_mut().zip(values) {
            *known = known.join(value.state);
        }
    }

    fn call(&mut self, callee: u32, operator: &Operator<'_>) -> Option<Vec<State>> {
        let ty: &FuncType = self.facts.signature(callee)?;
        let import = matches!(self.facts.module.functions.get(FuncId(callee))?.source, Source::Import(_));
        if import {
            self.observe_many(ty.params().len(), operator);
            return Some(ty.results().iter().map(|&ty| self.facts.host_gives(ty)).collect());
        }
        let arguments = self.machine.pop_many(ty.params().len());
        if ty.params().iter().any(|&ty| is_followed(ty)) {
            self.outcome.calls.push((callee, arguments.iter().map(|value| value.state.settled()).collect()));
        }
        let known = self.summaries.get(callee as usize)?;
        let results = ty.results().iter().enumerate().map(|(i, &ty)| match known.results.get(i) {
            _ if !is_followed(ty) => State::Raw,
            Some(&state) if !self.alone => state,
            _ => State::Unknown,
        });
        Some(results.collect())
    }

    fn call_anything(&mut self, type_index: u32, operator: &Operator<'_>) -> Option<Vec<State>> {
        let ty = self.facts.function_type(type_index)?;
        self.observe_many(ty.params().len() + 1, operator);
        Some(ty.results().iter().map(|&ty| self.facts.indirect_gives(ty)).collect())
    }

    /// Takes operands whose bits are seen.
    pub fn observe_many(&mut self, count: usize, operator: &Operator<'_>) {
        match count {
            0 => {}
            1 => {
                let value = self.machine.pop();
                self.observe(value, operator);
            }
            _ => self.machine.pop_many(count).into_iter().for_each(|value| self.observe(value, operator)),
        }
    }

    /// The bits of a value are seen.
    pub fn observe(&mut self, value: Value, operator: &Operator<'_>) {
        let status = match value.state {
            State::Made(_) => Status::Nondeterministic,
            State::Mixed(_) | State::Unknown => Status::NotProved,
            _ => return,
        };
        self.outcome.total += 1;
        self.outcome.worst = self.outcome.worst.max(Some(status));
        if self.outcome.observations.len() < MOST_FINDINGS {
            let place = Place { function: Some(self.function), offset: Some(self.offset) };
            let site = Site { place, operation: operation(operator) };
            self.outcome.observations.push(Observation { site, status });
        }
    }

    /// Where a local is kept, or `NOWHERE` if it is not followed.
    fn slot(&mut self, local: u32) -> u32 {
        let known = match local < NEAR {
            true => self.near.get(local as usize).copied().unwrap_or(UNMET),
            false => self.far.get(&local).copied().unwrap_or(UNMET),
        };
        if known != UNMET {
            return known;
        }
        let slot = match self.first_state(local) {
            Some(state) => self.machine.add_local(state),
            None => NOWHERE,
        };
        if local < NEAR {
            if self.near.len() <= local as usize {
                self.near.resize(local as usize + 1, UNMET);
            }
            if let Some(near) = self.near.get_mut(local as usize) {
                *near = slot;
            }
        } else {
            self.far.insert(local, slot);
        }
        slot
    }

    /// What a local holds at first, if it is followed at all.
    fn first_state(&self, local: u32) -> Option<State> {
        let zero = |ty| if ty == ValType::V128 { State::Canon } else { State::Never(0.0, 0.0) };
        match self.params.get(local as usize) {
            Some(&ty) if !is_followed(ty) => None,
            Some(_) if self.alone => Some(State::Unknown),
            Some(_) => {
                let known = self.summaries.get(self.function as usize).and_then(|s| s.params.get(local as usize));
                Some(known.copied().unwrap_or(State::Unknown))
            }
            None => {
                let group = self.groups.partition_point(|&(end, _)| end <= local);
                let ty = self.groups.get(group)?.1;
                is_followed(ty).then(|| zero(ty))
            }
        }
    }
}
