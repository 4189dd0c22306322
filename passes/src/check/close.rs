//! The ends of blocks: what comes together there, and what a try hands to its handlers.

use super::flow::{Kind, Machine, Value};
use super::value::State;
use std::collections::BTreeMap;

impl Machine {
    /// The locals are those of some point in the innermost try.
    pub fn have_thrown(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let thrown = std::mem::take(&mut frame.thrown);
        self.apply(&thrown);
        if let Some(frame) = self.frames.last_mut() {
            frame.thrown = thrown;
        }
    }

    fn apply(&mut self, thrown: &BTreeMap<u32, State>) {
        self.work += thrown.len() as u64;
        for (&slot, &state) in thrown {
            let entering = self.get_local(slot).state;
            let value = self.fresh(entering.join(state));
            self.set(slot, value);
        }
    }

    /// Closes the innermost block, which is not the function's. What arrives at its end was not counted yet if the
    /// point is alive. `branch` takes a path to a label.
    pub fn close(&mut self, mut branch: impl FnMut(&mut Machine, u32, &[Value])) {
        self.epoch += 1;
        let Some(index) = self.frames.len().checked_sub(1) else { return };
        let Some((simple, results)) = self.frames.get(index).map(|frame| {
            let simple = frame.reached == 0 && frame.catches.is_empty() && frame.kind != Kind::If;
            (simple || matches!(frame.kind, Kind::Loop(_)), frame.results)
        }) else {
            return;
        };
        if !simple && !self.dead {
            let values = self.top(results);
            self.reach(index, &values);
        }
        if let Some(frame) = self.frames.last()
            && frame.kind == Kind::If
        {
            // Without an `else` the parameters are the results.
            let (params, test) = (frame.params.clone(), frame.test);
            self.rewind();
            let test = test.filter(|test| test.holds_for_nan);
            self.try_path(test.as_ref(), params, |machine, values| machine.reach(index, values));
        }
        let Some(mut frame) = self.frames.pop() else { return };
        let mark = self.frames.last().map_or(0, |outer| outer.mark);
        let alive = !self.dead;
        if !simple {
            self.undo(frame.mark);
        }
        self.mark = mark;
        for (label, payload) in std::mem::take(&mut frame.catches) {
            if self.is_exhausted() {
                break;
            }
            let thrown = &frame.thrown;
            let values: Vec<Value> = payload.iter().map(|&state| self.fresh(state)).collect();
            self.try_path(None, values, |machine, values| {
                if !machine.insensitive {
                    machine.apply(thrown);
                }
                branch(machine, label, values);
            });
        }
        if frame.kind == Kind::Try {
            self.tries.pop();
            self.pass_on(std::mem::take(&mut frame.thrown));
        }
        if simple {
            self.dead = !alive;
            return self.stack.truncate(if alive { self.stack.len() } else { frame.height });
        }
        self.stack.truncate(frame.height);
        self.dead = frame.reached == 0;
        if self.dead {
            return;
        }
        self.work += frame.joined.len() as u64;
        for (&slot, &(value, count)) in &frame.joined {
            let value = match self.locals.get(slot as usize) {
                Some(&entering) if count < frame.reached => self.join(value, entering),
                _ => value,
            };
            self.set(slot, value);
        }
        self.stack.append(&mut frame.values);
    }

    /// What was assigned in a try was assigned in the one around it, too.
    fn pass_on(&mut self, mut inner: BTreeMap<u32, State>) {
        let Some(outer) = self.tries.last().and_then(|&index| self.frames.get_mut(index)) else { return };
        if inner.len() > outer.thrown.len() {
            std::mem::swap(&mut inner, &mut outer.thrown);
        }
        self.work += inner.len() as u64;
        for (slot, state) in inner {
            let known = outer.thrown.entry(slot).or_insert(State::Bottom);
            *known = known.join(state);
        }
    }
}
