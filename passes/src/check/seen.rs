//! What a function shows and what it calls: observations, returns, calls, and its locals by number.

use super::facts::is_followed;
use super::flow::{NOWHERE, Value};
use super::operation::operation;
use super::value::State;
use super::walk::{Observation, Walk};
use super::{MOST_FINDINGS, Place, Site, Status};
use crate::{FuncId, Source};
use wasmparser::{FuncType, Operator, ValType};

/// A local that has not been met yet.
const UNMET: u32 = NOWHERE - 1;
/// Locals below this are found by an index, the others by a hash.
const NEAR: u32 = 4096;

impl Walk<'_, '_> {
    pub(super) fn return_states(&mut self, states: Vec<State>, operator: &Operator<'_>) {
        let values: Vec<Value> = states.into_iter().map(|state| self.machine.fresh(state)).collect();
        self.returns(&values, operator);
        self.machine.dead = true;
    }

    pub(super) fn returns(&mut self, values: &[Value], operator: &Operator<'_>) {
        self.machine.work += values.len() as u64;
        if self.escapes {
            values.iter().for_each(|&value| self.observe(value, operator));
        }
        for (known, value) in self.outcome.results.iter_mut().zip(values) {
            *known = known.join(value.state);
        }
    }

    pub(super) fn call(&mut self, callee: u32, operator: &Operator<'_>) -> Option<Vec<State>> {
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

    pub(super) fn call_anything(&mut self, type_index: u32, operator: &Operator<'_>) -> Option<Vec<State>> {
        let ty = self.facts.function_type(type_index)?;
        self.observe_many(ty.params().len() + 1, operator);
        Some(ty.results().iter().map(|&ty| self.facts.indirect_gives(ty)).collect())
    }

    /// Takes operands whose bits are seen.
    pub(super) fn observe_many(&mut self, count: usize, operator: &Operator<'_>) {
        match count {
            0 => {}
            1 => {
                let value = self.machine.pop();
                self.observe(value, operator);
            }
            // As most operators have: without a list.
            2 => {
                let second = self.machine.pop();
                let first = self.machine.pop();
                self.observe(first, operator);
                self.observe(second, operator);
            }
            _ => self.machine.pop_many(count).into_iter().for_each(|value| self.observe(value, operator)),
        }
    }

    /// The bits of a value are seen.
    pub(super) fn observe(&mut self, value: Value, operator: &Operator<'_>) {
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
    pub(super) fn slot(&mut self, local: u32) -> u32 {
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
    pub(super) fn first_state(&self, local: u32) -> Option<State> {
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
