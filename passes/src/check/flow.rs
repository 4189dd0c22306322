//! The abstract machine: an operand stack and locals of abstract values, and what happens where control meets.
//!
//! Locals are kept once, with a trail of what each assignment replaced. Every block remembers where the trail stood
//! at its entry, so that leaving it costs as much as was assigned in it, not as much as there are locals.
//!
//! Two slots with the same id hold the same value whenever the point in question is reached. Joins keep an id
//! only if both sides agree, and at the head of a loop every local that the loop changes gets a fresh one.

use super::value::{State, Test};
use std::collections::BTreeMap;

/// No local.
pub(super) const NOWHERE: u32 = u32::MAX;

/// An abstract value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Value {
    pub state: State,
    pub id: u32,
    /// The slot that it was read from, or `NOWHERE`.
    pub from: u32,
}

/// What kind of block is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Block,
    /// The number of the operator that opened it.
    Loop(usize),
    If,
    Else,
    Try,
}

/// An open block.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// How high the stack is below its parameters.
    pub(super) height: usize,
    /// How many values a branch to it carries.
    pub(super) arity: usize,
    /// How many results it has.
    pub(super) results: usize,
    /// Where the trail stood at its entry.
    pub(super) mark: usize,
    /// How many paths have come to its end.
    pub(super) reached: u32,
    /// Locals that were changed on some of those paths, joined, and on how many.
    pub(super) joined: BTreeMap<u32, (Value, u32)>,
    /// The results, joined.
    pub(super) values: Vec<Value>,
    /// The parameters, for the `else` of an `if`.
    pub(super) params: Vec<Value>,
    /// What the condition of an `if` tests.
    pub(super) test: Option<Test>,
    /// Of a try: labels, with the payloads that go there.
    pub(super) catches: Vec<(u32, Vec<State>)>,
    /// Of a try: what was assigned to locals in it.
    pub(super) thrown: BTreeMap<u32, State>,
}

/// What comes back to the head of a loop; it outlives a pass.
#[derive(Debug, Default)]
pub(super) struct Loop {
    locals: BTreeMap<u32, (State, u32)>,
    params: Vec<(State, u32)>,
}

/// How many times a state at the head of a loop may change before its bounds are widened.
const UPDATES: u32 = 3;

/// The state of the abstract machine in one function.
#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) stack: Vec<Value>,
    pub(super) frames: Vec<Frame>,
    /// Whether the point is never reached.
    pub(super) dead: bool,
    /// Whether a state at a loop's head, or of a local in general, has changed: then another pass is needed.
    pub(super) changed: bool,
    /// Work done so far.
    pub(super) work: u64,
    /// States that are kept at labels and tries in this pass.
    pub(super) kept: u64,
    /// States that are kept at the heads of loops, for all passes.
    pub(super) carried: u64,
    /// How much may be done, and kept.
    pub(super) limits: (u64, u64),
    /// Whether each local has one state for the whole function.
    pub(super) insensitive: bool,
    pub(super) locals: Vec<Value>,
    /// Where in the trail each local was replaced last, plus one.
    pub(super) position: Vec<usize>,
    pub(super) initial: Vec<State>,
    pub(super) trail: Vec<(u32, Value, usize)>,
    pub(super) mark: usize,
    pub(super) tries: Vec<usize>,
    pub(super) loops: BTreeMap<usize, Loop>,
    pub(super) next_id: u32,
    pub(super) stamp: Vec<u32>,
    pub(super) stamps: u32,
    /// Without regard to flow: how often each local's state has changed, and when its id was set.
    pub(super) updates: Vec<u32>,
    pub(super) epochs: Vec<u32>,
    pub(super) epoch: u32,
}

impl Machine {
    /// One more local, with its first state. It must not have been mentioned before.
    pub fn add_local(&mut self, state: State) -> u32 {
        let slot = self.locals.len() as u32;
        let value = self.fresh(state);
        self.locals.push(value);
        self.position.push(0);
        self.initial.push(state);
        self.stamp.push(0);
        self.updates.push(0);
        self.epochs.push(self.epoch);
        slot
    }

    /// Whether too much was done or kept. What is known is then of no use, so nothing more is done.
    pub fn is_exhausted(&self) -> bool {
        self.work > self.limits.0 || self.kept + self.carried > self.limits.1
    }

    /// Starts a pass over the function.
    pub fn begin(&mut self, results: usize) {
        self.stack.clear();
        self.frames.clear();
        self.trail.clear();
        self.tries.clear();
        (self.mark, self.dead, self.changed, self.next_id, self.epoch) = (0, false, false, 0, 0);
        self.kept = 0;
        self.position.fill(0);
        for slot in 0..self.locals.len() {
            let state = match (self.insensitive, self.locals.get(slot), self.initial.get(slot)) {
                (true, Some(value), _) => value.state,
                (_, _, Some(&state)) => state,
                _ => State::Unknown,
            };
            let value = self.fresh(state);
            if let Some(local) = self.locals.get_mut(slot) {
                *local = value;
            }
        }
        self.epochs.fill(0);
        self.push_frame(Kind::Function, 0, results, results);
    }

    /// From here on each local has one state.
    pub fn forget_flow(&mut self) {
        self.insensitive = true;
        self.loops.clear();
        (self.work, self.carried) = (0, 0);
        for (local, &state) in self.locals.iter_mut().zip(&self.initial) {
            local.state = state;
        }
    }

    pub fn fresh(&mut self, state: State) -> Value {
        self.next_id = self.next_id.wrapping_add(1);
        Value { state, id: self.next_id, from: NOWHERE }
    }

    pub fn push(&mut self, state: State) {
        let value = self.fresh(state);
        self.stack.push(value);
    }

    pub fn pop(&mut self) -> Value {
        match self.stack.pop() {
            Some(value) => value,
            None => self.fresh(State::Unknown),
        }
    }

    /// The topmost values.
    pub fn top(&mut self, count: usize) -> Vec<Value> {
        self.work += count as u64;
        let from = self.stack.len().saturating_sub(count);
        self.stack.get(from..).unwrap_or_default().to_vec()
    }

    pub fn pop_many(&mut self, count: usize) -> Vec<Value> {
        let values = self.top(count);
        self.stack.truncate(self.stack.len().saturating_sub(count));
        values
    }

    pub fn get_local(&mut self, slot: u32) -> Value {
        let mut value = match self.locals.get(slot as usize) {
            Some(&local) => local,
            None => return self.fresh(State::Unknown),
        };
        if self.insensitive && self.epochs.get(slot as usize) != Some(&self.epoch) {
            value = self.fresh(value.state);
            if let (Some(local), Some(epoch)) = (self.locals.get_mut(slot as usize), self.epochs.get_mut(slot as usize))
            {
                (local.id, *epoch) = (value.id, self.epoch);
            }
        }
        Value { from: slot, ..value }
    }

    /// An assignment of the program.
    pub fn assign(&mut self, slot: u32, value: Value) {
        if slot == NOWHERE {
            return;
        }
        if self.insensitive {
            return self.assign_anywhere(slot, value);
        }
        if let Some(frame) = self.tries.last().and_then(|&index| self.frames.get_mut(index)) {
            let state = frame.thrown.entry(slot).or_insert(State::Bottom);
            *state = state.join(value.state);
        }
        self.set(slot, value);
    }

    fn assign_anywhere(&mut self, slot: u32, value: Value) {
        let at = slot as usize;
        let (Some(local), Some(updates), Some(epoch)) =
            (self.locals.get_mut(at), self.updates.get_mut(at), self.epochs.get_mut(at))
        else {
            return;
        };
        let mut state = local.state.join(value.state);
        if state != local.state {
            *updates += 1;
            if *updates > UPDATES {
                state = local.state.widen(state);
            }
            self.changed = true;
        }
        *local = Value { state, id: value.id, from: NOWHERE };
        *epoch = self.epoch;
    }

    pub(super) fn set(&mut self, slot: u32, value: Value) {
        let (Some(local), Some(position)) = (self.locals.get_mut(slot as usize), self.position.get_mut(slot as usize))
        else {
            return;
        };
        if *position <= self.mark {
            self.trail.push((slot, *local, *position));
            *position = self.trail.len();
        }
        *local = value;
    }

    pub(super) fn undo(&mut self, mark: usize) {
        while self.trail.len() > mark {
            let Some((slot, value, before)) = self.trail.pop() else { return };
            if let (Some(local), Some(position)) =
                (self.locals.get_mut(slot as usize), self.position.get_mut(slot as usize))
            {
                (*local, *position) = (value, before);
            }
            self.work += 1;
        }
    }

    /// Opens a block. Its parameters are on the stack already.
    pub fn push_frame(&mut self, kind: Kind, params: usize, arity: usize, results: usize) {
        self.epoch += 1;
        self.mark = self.trail.len();
        if kind == Kind::Try {
            self.tries.push(self.frames.len());
        }
        self.frames.push(Frame {
            kind,
            height: self.stack.len().saturating_sub(params),
            arity,
            results,
            mark: self.mark,
            reached: 0,
            joined: BTreeMap::new(),
            values: Vec::new(),
            params: Vec::new(),
            test: None,
            catches: Vec::new(),
            thrown: BTreeMap::new(),
        });
    }

    /// Opens a loop: what comes back to its head is joined with what is there.
    pub fn push_loop(&mut self, index: usize, params: usize, results: usize) {
        let mut known = self.loops.remove(&index).unwrap_or_default();
        if !self.insensitive {
            for (&slot, &(state, _)) in &known.locals {
                let entering = self.get_local(slot).state;
                let value = self.fresh(entering.join(state));
                self.set(slot, value);
            }
            self.work += known.locals.len() as u64;
        }
        known.params.resize(params, (State::Bottom, 0));
        let entering = self.pop_many(params);
        for (value, &(state, _)) in entering.iter().zip(&known.params) {
            self.push(value.state.join(state));
        }
        self.loops.insert(index, known);
        self.push_frame(Kind::Loop(index), params, params, results);
    }

    /// The locals that may have changed since the trail stood at a mark, each once.
    fn changed_since(&mut self, mark: usize) -> Vec<u32> {
        if self.insensitive {
            return Vec::new();
        }
        let segment = self.trail.get(mark..).unwrap_or_default();
        if segment.len() >= self.locals.len() {
            self.work += self.locals.len() as u64;
            return (0..self.locals.len() as u32).collect();
        }
        self.work += segment.len() as u64;
        self.stamps += 1;
        let mut found = Vec::new();
        for &(slot, ..) in segment {
            if let Some(stamp) = self.stamp.get_mut(slot as usize)
                && *stamp != self.stamps
            {
                *stamp = self.stamps;
                found.push(slot);
            }
        }
        found
    }

    /// Takes a path to a label other than the function's, with what it carries.
    pub fn reach(&mut self, index: usize, values: &[Value]) {
        self.work += 1 + values.len() as u64;
        if self.is_exhausted() {
            return;
        }
        let Some((mark, kind)) = self.frames.get(index).map(|frame| (frame.mark, frame.kind)) else { return };
        let slots = self.changed_since(mark);
        if let Kind::Loop(start) = kind {
            return self.come_back(start, &slots, values);
        }
        let mut joined = match self.frames.get_mut(index) {
            Some(frame) => std::mem::take(&mut frame.joined),
            None => return,
        };
        for slot in slots {
            let Some(&value) = self.locals.get(slot as usize) else { continue };
            match joined.get(&slot) {
                None => {
                    self.kept += 1;
                    joined.insert(slot, (value, 1));
                }
                Some(&(known, count)) => {
                    let value = self.join(known, value);
                    joined.insert(slot, (value, count + 1));
                }
            }
        }
        let known = match self.frames.get_mut(index) {
            Some(frame) => std::mem::take(&mut frame.values),
            None => return,
        };
        let values = match known.is_empty() {
            true => {
                self.kept += values.len() as u64;
                values.to_vec()
            }
            false => known.iter().zip(values).map(|(&a, &b)| self.join(a, b)).collect(),
        };
        if let Some(frame) = self.frames.get_mut(index) {
            frame.reached += 1;
            (frame.joined, frame.values) = (joined, values);
        }
    }

    fn come_back(&mut self, start: usize, slots: &[u32], values: &[Value]) {
        let Some(known) = self.loops.get_mut(&start) else { return };
        for &slot in slots {
            let Some(value) = self.locals.get(slot as usize) else { continue };
            // Even a state that is no news means that the local is another value in each round.
            let entry = known.locals.entry(slot).or_insert_with(|| {
                (self.changed, self.carried) = (true, self.carried + 1);
                (State::Bottom, 0)
            });
            self.changed |= update(entry, value.state);
        }
        for (entry, value) in known.params.iter_mut().zip(values) {
            self.changed |= update(entry, value.state);
        }
    }

    pub(super) fn join(&mut self, a: Value, b: Value) -> Value {
        let state = if a.state == b.state { a.state.settled() } else { a.state.join(b.state) };
        let from = if a.from == b.from { a.from } else { NOWHERE };
        match a.id == b.id {
            true => Value { state, id: a.id, from },
            false => Value { from: NOWHERE, ..self.fresh(state) },
        }
    }

    /// On this path the value that was tested is no NaN.
    pub fn learn(&mut self, test: &Test, values: &mut [Value]) {
        for value in values.iter_mut().filter(|value| value.id == test.id) {
            value.state = value.state.not_nan();
        }
        if self.insensitive {
            return;
        }
        for slot in test.locals {
            if let Some(&local) = self.locals.get(slot as usize)
                && local.id == test.id
            {
                self.set(slot, Value { state: local.state.not_nan(), ..local });
            }
        }
    }

    /// The same, of the topmost values of the innermost block and for the rest of it.
    pub fn learn_here(&mut self, test: &Test) {
        let bottom = self.frames.last().map_or(0, |frame| frame.height).max(self.stack.len().saturating_sub(4));
        let mut values = self.stack.split_off(bottom.min(self.stack.len()));
        self.learn(test, &mut values);
        self.stack.append(&mut values);
    }

    /// Takes a path to a label on which a test may tell something, and comes back.
    pub fn try_path(&mut self, test: Option<&Test>, mut values: Vec<Value>, path: impl FnOnce(&mut Machine, &[Value])) {
        let (mark, before) = (self.trail.len(), self.mark);
        self.mark = mark;
        if let Some(test) = test {
            self.learn(test, &mut values);
        }
        path(self, &values);
        self.undo(mark);
        self.mark = before;
    }

    /// Back to the entry of the innermost block, for its other arm.
    pub fn rewind(&mut self) {
        self.epoch += 1;
        if let Some(frame) = self.frames.last() {
            let (mark, height) = (frame.mark, frame.height);
            self.undo(mark);
            self.mark = mark;
            self.stack.truncate(height);
        }
        self.dead = false;
    }
}

/// Joins a state into one that is kept, and tells whether that is news.
fn update((known, updates): &mut (State, u32), state: State) -> bool {
    let mut joined = known.join(state);
    if joined == *known {
        return false;
    }
    *updates += 1;
    if *updates > UPDATES {
        joined = known.widen(joined);
    }
    *known = joined;
    true
}
