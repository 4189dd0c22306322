//! The functions of a module, each followed again while what it depends on changes.
//!
//! What a function takes is the join over its direct calls, and what the host may give if it escapes; what it gives is
//! the join over its returns. Both start at nothing and only grow. A function that is followed too often is
//! followed once more without regard to any other, so that the whole ends.

use super::facts::{Caller, Facts, is_followed};
use super::value::State;
use super::walk::{Outcome, Summary, follow};
use crate::{Error, Source};
use std::collections::VecDeque;

/// How often a function is followed before its bounds are widened, and before it is taken alone.
const RUNS: (u8, u8) = (3, 8);

struct Calls<'a, 'm> {
    facts: &'a Facts<'m>,
    summaries: Vec<Summary>,
    runs: Vec<u8>,
    queue: VecDeque<u32>,
    queued: Vec<bool>,
    /// Callee and caller of every call whose results matter, sorted.
    callers: Vec<(u32, u32)>,
}

/// Follows all functions. What comes back has an outcome for each function with floats.
pub(super) fn follow_all(facts: &Facts<'_>) -> Result<Vec<(u32, Outcome)>, Error> {
    let count = facts.functions.len();
    let mut calls = Calls {
        facts,
        summaries: vec![Summary::default(); count],
        runs: vec![0; count],
        queue: VecDeque::new(),
        queued: vec![false; count],
        callers: Vec::new(),
    };
    for (id, function) in facts.module.functions.iter() {
        calls.start(id.0, matches!(function.source, Source::Defined(_)));
    }
    let results_matter = |callee| {
        let ty = facts.signature(callee);
        ty.is_some_and(|ty| ty.results().iter().any(|&ty| is_followed(ty)))
    };
    calls.callers.extend(facts.calls.iter().filter(|&&(_, callee)| results_matter(callee)).map(|&(a, b)| (b, a)));
    calls.callers.sort_unstable();
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(count, || None);
    while let Some(function) = calls.queue.pop_front() {
        let outcome = calls.run(function).map_err(|error| error.in_function(function))?;
        if let Some(kept) = outcomes.get_mut(function as usize) {
            *kept = Some(outcome);
        }
    }
    Ok(outcomes.into_iter().enumerate().filter_map(|(index, outcome)| Some((index as u32, outcome?))).collect())
}

impl Calls<'_, '_> {
    fn start(&mut self, function: u32, defined: bool) {
        let index = function as usize;
        let (Some(ty), Some(known)) = (self.facts.signature(function), self.facts.functions.get(index)) else {
            return;
        };
        if !defined || !known.floats {
            return;
        }
        if ty.params().iter().chain(ty.results()).any(|&ty| is_followed(ty)) {
            let param = |ty| match (known.escapes, known.hosts) {
                _ if !is_followed(ty) => State::Raw,
                (false, _) => State::Bottom,
                (true, Caller::Module) => State::Raw,
                (true, Caller::Host) => self.facts.host_gives(ty),
                (true, Caller::Both) => self.facts.anyone_gives(ty),
            };
            let summary = Summary {
                params: ty.params().iter().map(|&ty| param(ty)).collect(),
                results: vec![State::Bottom; ty.results().len()],
            };
            if let Some(kept) = self.summaries.get_mut(index) {
                *kept = summary;
            }
        }
        self.enqueue(function);
    }

    fn enqueue(&mut self, function: u32) {
        // One that was taken alone depends on nothing.
        let done = self.runs.get(function as usize).is_none_or(|&runs| runs > RUNS.1);
        if let Some(queued) = self.queued.get_mut(function as usize)
            && !done
            && !*queued
        {
            *queued = true;
            self.queue.push_back(function);
        }
    }

    fn run(&mut self, function: u32) -> Result<Outcome, Error> {
        let index = function as usize;
        if let Some(queued) = self.queued.get_mut(index) {
            *queued = false;
        }
        let runs = match self.runs.get_mut(index) {
            Some(runs) => {
                *runs += 1;
                *runs
            }
            None => RUNS.1 + 1,
        };
        let mut outcome = follow(self.facts, &self.summaries, function, runs > RUNS.1)?;
        if outcome.gave_up {
            self.give_up(function, &mut outcome);
        }
        for (callee, arguments) in std::mem::take(&mut outcome.calls) {
            let widen = self.runs.get(callee as usize).is_some_and(|&runs| runs > RUNS.0);
            let known = self.summaries.get_mut(callee as usize).map(|summary| &mut summary.params);
            if known.is_some_and(|known| grow(known, &arguments, widen)) {
                self.enqueue(callee);
            }
        }
        let known = self.summaries.get_mut(index).map(|summary| &mut summary.results);
        if known.is_some_and(|known| grow(known, &outcome.results, runs > RUNS.0)) {
            let from = self.callers.partition_point(|&(callee, _)| callee < function);
            let callers = self.callers.iter().skip(from).take_while(|&&(callee, _)| callee == function);
            let callers: Vec<u32> = callers.map(|&(_, caller)| caller).collect();
            callers.into_iter().for_each(|caller| self.enqueue(caller));
        }
        Ok(outcome)
    }

    /// Nothing is known of a function: neither what it gives nor what it passes on. It is not followed again.
    fn give_up(&mut self, function: u32, outcome: &mut Outcome) {
        if let Some(runs) = self.runs.get_mut(function as usize) {
            *runs = RUNS.1 + 1;
        }
        let anything = |types: &[wasmparser::ValType]| -> Vec<State> {
            types.iter().map(|&ty| if is_followed(ty) { State::Unknown } else { State::Raw }).collect()
        };
        outcome.results = self.facts.signature(function).map(|ty| anything(ty.results())).unwrap_or_default();
        let from = self.facts.calls.partition_point(|&(caller, _)| caller < function);
        let calls = self.facts.calls.iter().skip(from).take_while(|&&(caller, _)| caller == function);
        outcome.calls =
            calls.filter_map(|&(_, callee)| Some((callee, anything(self.facts.signature(callee)?.params())))).collect();
    }
}

/// Joins states into those that are kept, and tells whether that is news.
fn grow(known: &mut [State], states: &[State], widen: bool) -> bool {
    let mut news = false;
    for (known, &state) in known.iter_mut().zip(states) {
        let joined = known.join(state);
        if joined != *known {
            *known = if widen { known.widen(joined) } else { joined };
            news = true;
        }
    }
    news
}
