//! Blocks and branches: where values meet.
//!
//! A block that nothing branches to joins nothing. Behind another, each value that it gives and each local that some
//! branch to its end left changed is a join. A loop that is branched to begins with a join for each of its
//! parameters and each local that is assigned inside. A handler of an exception sees each local that is assigned in
//! the body of its `try_table` as anything that the local is while the body runs.

use super::build::{List, Mode};
use super::graph::{Kind, NONE, Node, Reason, Site, Type};
use super::scan;
use super::state::Shape;
use super::walk::{Construct, LocalJoin, Operand, Walk};
use crate::Error;
use std::collections::HashMap;
use wasmparser::{BlockType, Catch, Operator, TryTable};

impl<'m> Walk<'_, 'm, '_> {
    /// Blocks, branches and calls that do not come back. `false` if the operator is none of them.
    pub(super) fn control(&mut self, operator: &Operator<'_>) -> Result<bool, Error> {
        match operator {
            Operator::Block { blockty } => {
                self.open(Construct::Block, *blockty);
            }
            Operator::Loop { blockty } => self.open_loop(*blockty),
            Operator::If { blockty } => self.open_if(*blockty),
            Operator::TryTable { try_table } => self.open_try(try_table),
            Operator::Else => self.else_(true),
            Operator::End => self.end(true),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth, true);
                self.die();
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrTable { targets } => {
                self.pop();
                self.branch_table(targets)?;
                self.die();
            }
            Operator::BrOnNull { relative_depth } => {
                self.pop();
                self.branch(*relative_depth, true);
                self.push_other();
            }
            Operator::BrOnNonNull { relative_depth } => {
                self.branch(*relative_depth, true);
                self.pop();
            }
            Operator::BrOnCast { relative_depth, .. } | Operator::BrOnCastFail { relative_depth, .. } => {
                self.branch(*relative_depth, true);
                self.pop();
                self.push_other();
            }
            Operator::Return => {
                self.give_results();
                self.die();
            }
            Operator::ReturnCall { function_index } => {
                self.return_call(*function_index);
                self.die();
            }
            Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                self.pop();
                self.return_unknown(*type_index, Reason::IndirectCall);
                self.die();
            }
            Operator::Throw { tag_index } => {
                let count = self.tag_types(*tag_index).len();
                self.observe_all(count, Reason::Throw);
                self.die();
            }
            Operator::ThrowRef | Operator::Unreachable => self.die(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn open(&mut self, construct: Construct, ty: BlockType) -> usize {
        let (params, results) = List::of(self.builder.module, ty);
        let frame = self.frame(construct, params, results);
        self.frames.push(frame);
        params.len()
    }

    fn open_if(&mut self, ty: BlockType) {
        let operand = self.pop();
        let condition = self.condition(operand).filter(|condition| condition.shape == Shape::Scalar);
        let params = self.open(Construct::If, ty);
        let saved = match self.mode {
            Mode::Followed => self.top(params).to_vec(),
            // They are what branches carry, in both arms.
            Mode::Pooled => {
                self.pool_operands(params);
                Vec::new()
            }
        };
        self.spend(saved.len());
        if let Some(frame) = self.frames.last_mut() {
            frame.saved = saved;
            frame.condition = condition;
        }
        if let Some(condition) = condition {
            self.learn(&condition, true);
        }
    }

    fn open_loop(&mut self, ty: BlockType) {
        let assigned = self.next_assigned();
        let params = self.open(Construct::Loop, ty);
        let before = self.depth;
        self.depth = self.depth.saturating_add(1);
        if self.mode == Mode::Pooled {
            self.pool_operands(params);
            for operand in self.stack.iter_mut().rev().take(params) {
                operand.condition = NONE;
            }
            self.builder.locals.forget();
            return;
        }
        let base = self.stack.len().saturating_sub(params);
        let mut label = Vec::with_capacity(params);
        for index in 0..params {
            let Some(&operand) = self.stack.get(base + index) else { continue };
            let mut node = NONE;
            let below = (params - 1 - index) as u32;
            if operand.node != NONE {
                let ty = self.type_of(operand.node);
                node = self.value(Kind::Join, ty, [NONE; 2]);
                self.set_home(node, Site::Stack { position: self.position, below });
                self.entry_edge(operand, node, before);
            }
            if let Some(slot) = self.stack.get_mut(base + index) {
                *slot = Operand { node, position: self.position, below, local: NONE, version: 0, condition: NONE };
            }
            label.push(node);
        }
        let mut joins = Vec::with_capacity(assigned.len());
        for local in assigned {
            let Some(ty) = self.local_type(local) else { continue };
            let entry = self.local(local, ty);
            let node = self.value(Kind::Join, ty, [NONE; 2]);
            self.set_home(node, Site::LocalAfter { position: self.position, local });
            self.builder.graph.edge(entry, node, Site::LocalBefore { position: self.position, local }, before);
            self.set_local(local, ty, node);
            joins.push(LocalJoin { local, node, branches: 0, last: 0 });
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.label = label;
            frame.joins = joins;
        }
    }

    /// An edge that is as deep in loops as said.
    fn entry_edge(&mut self, operand: Operand, to: Node, depth: u8) {
        let inside = std::mem::replace(&mut self.depth, depth);
        self.edge(operand, to);
        self.depth = inside;
    }

    fn open_try(&mut self, table: &TryTable) {
        let assigned = self.next_assigned();
        let catches = !table.catches.is_empty();
        if catches && self.mode == Mode::Followed {
            self.followed_handlers(table, &assigned);
        } else {
            for catch in &table.catches {
                self.handler_edge(catch);
            }
        }
        self.open(Construct::Block, table.ty);
        if let Some(frame) = self.frames.last_mut() {
            frame.catches = catches && self.mode == Mode::Followed;
        }
    }

    /// The ways to handlers, with each local that the body assigns being anything that it is in there.
    fn followed_handlers(&mut self, table: &TryTable, assigned: &[u32]) {
        let mut pools = HashMap::new();
        let mut before = Vec::new();
        for &local in assigned {
            let Some(ty) = self.local_type(local) else { continue };
            let entry = self.local(local, ty);
            let pool = self.value(Kind::Pool, ty, [NONE; 2]);
            let site = Site::LocalBefore { position: self.position, local };
            self.builder.graph.edge(entry, pool, site, self.depth);
            if let Some(&outer) = self.tries.last().and_then(|outer| outer.get(&local)) {
                self.builder.graph.edge(pool, outer, Site::Nowhere, self.depth);
            }
            pools.insert(local, pool);
            before.push((local, ty, entry));
            self.set_local(local, ty, pool);
        }
        for catch in &table.catches {
            self.handler_edge(catch);
        }
        for (local, ty, entry) in before {
            self.set_local(local, ty, entry);
        }
        self.tries.push(pools);
    }

    fn handler_edge(&mut self, catch: &Catch) {
        let height = self.stack.len();
        let (tag, reference) = match catch {
            Catch::One { tag, .. } => (Some(*tag), false),
            Catch::OneRef { tag, .. } => (Some(*tag), true),
            Catch::All { .. } => (None, false),
            Catch::AllRef { .. } => (None, true),
        };
        let types = tag.map_or(&[][..], |tag| self.tag_types(tag));
        for &ty in types {
            let node = match Type::of(ty) {
                Some(ty) => self.value(Kind::Raw, ty, [NONE; 2]),
                None => NONE,
            };
            self.push_at(node, 0);
        }
        if reference {
            self.push_other();
        }
        // No code can be put on this way.
        self.branch(scan::label(catch), false);
        self.stack.truncate(height);
    }

    pub(super) fn else_(&mut self, live: bool) {
        if live {
            self.branch(0, true);
        }
        self.revive();
        self.next_frame += 1;
        let region = self.next_frame;
        let Some(frame) = self.frames.last_mut() else { return };
        frame.construct = Construct::Else;
        frame.region = region;
        self.begin_else();
    }

    /// The state at the start of an `else`, written or not.
    fn begin_else(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let (height, since, condition) = (frame.height, frame.since, frame.condition.take());
        let (saved, params) = (std::mem::take(&mut frame.saved), frame.params);
        self.stack.truncate(height);
        if self.mode == Mode::Pooled {
            self.push_carried(params);
        }
        self.stack.extend(saved);
        match self.mode {
            Mode::Followed => {
                self.builder.locals.undo(since);
                if let Some(condition) = condition {
                    self.learn(&condition, false);
                }
            }
            Mode::Pooled => self.builder.locals.forget(),
        }
    }

    pub(super) fn end(&mut self, mut live: bool) {
        let Some(frame) = self.frames.last() else { return };
        let mut placed = true;
        if frame.construct == Construct::If {
            if live {
                self.branch(0, true);
            }
            self.begin_else();
            live = true;
            // There is no `else` to put code into.
            placed = false;
        }
        if self.frames.len() == 1 {
            if live {
                self.give_results();
            }
            self.frames.pop();
            return;
        }
        let Some(frame) = self.frames.last() else { return };
        let is_loop = frame.construct == Construct::Loop;
        if live && !is_loop && frame.branches > 0 {
            self.branch(0, placed);
        }
        let Some(frame) = self.frames.pop() else { return };
        if frame.catches {
            self.tries.pop();
        }
        if is_loop {
            self.depth = self.depth.saturating_sub(1);
        }
        if self.mode == Mode::Pooled {
            self.builder.locals.forget();
        }
        for join in &frame.joins {
            self.joins.remove(&(frame.id, join.local));
        }
        if is_loop || frame.branches == 0 {
            match live {
                true => self.revive(),
                false => {
                    self.builder.locals.undo(frame.since);
                    self.stack.truncate(frame.height);
                    self.die();
                }
            }
            return;
        }
        self.revive();
        self.join_behind(frame);
    }

    /// Values and locals behind a block whose end is branched to.
    fn join_behind(&mut self, frame: super::walk::Frame<'m>) {
        if self.mode == Mode::Followed {
            self.builder.locals.undo(frame.since);
            for join in &frame.joins {
                let Some(ty) = self.local_type(join.local) else { continue };
                if join.branches < frame.branches {
                    // Some branch left it as it was.
                    let entry = self.local(join.local, ty);
                    self.builder.graph.edge(entry, join.node, Site::Nowhere, self.depth);
                }
                self.set_home(join.node, Site::LocalAfter { position: self.position, local: join.local });
                self.set_local(join.local, ty, join.node);
            }
        }
        self.stack.truncate(frame.height);
        if self.mode == Mode::Pooled {
            return self.push_carried(frame.results);
        }
        let count = frame.results.len();
        self.spend(count);
        for index in 0..count {
            let below = (count - 1 - index) as u32;
            let node = frame.label.get(index).copied().unwrap_or(NONE);
            if node != NONE {
                self.set_home(node, Site::Stack { position: self.position, below });
            }
            self.push_at(node, below);
        }
    }

    /// In pooled mode, pushes what branches carry.
    fn push_carried(&mut self, types: List<'m>) {
        let count = types.len();
        for (index, &ty) in types.types().iter().enumerate() {
            let node = Type::of(ty).map_or(NONE, |ty| self.carried(ty));
            self.push_at(node, (count - 1 - index) as u32);
        }
    }

    fn top(&self, count: usize) -> &[Operand] {
        self.stack.get(self.stack.len().saturating_sub(count)..).unwrap_or_default()
    }

    /// What the scan found to be assigned in the loop or `try_table` at hand.
    fn next_assigned(&mut self) -> Vec<u32> {
        let list = self.assigned.get_mut(self.next_list).map(std::mem::take).unwrap_or_default();
        self.next_list += 1;
        list
    }
}
