//! Branches, and what they carry: operands and locals that changed since the block they leave began.

use super::build::{Mode, Port};
use super::graph::{Kind, NONE, Node, Reason, Site, Type};
use super::state::Shape;
use super::walk::{Condition, Construct, LocalJoin, Walk};
use crate::{Error, FuncId, Item, TagId, TypeId};
use wasmparser::ValType;

impl<'m> Walk<'_, 'm, '_> {
    pub(super) fn branch_if(&mut self, depth: u32) {
        let operand = self.pop();
        let condition = self.condition(operand).filter(|condition| condition.shape == Shape::Scalar);
        let Some(condition) = condition else { return self.branch(depth, true) };
        let ty = self.type_of(condition.value);
        let held = self.learn(&condition, true);
        self.branch(depth, true);
        for local in held {
            self.set_local(local, ty, condition.value);
        }
        self.learn(&condition, false);
    }

    /// Lets the locals that were compared hold what is known of them on this way; says which those are.
    pub(super) fn learn(&mut self, condition: &Condition, taken: bool) -> Vec<u32> {
        if condition.never_if != taken {
            return Vec::new();
        }
        let ty = self.type_of(condition.value);
        let [a, b] = condition.locals;
        let mut held: Vec<u32> = [a, b].into_iter().filter(|&local| local != NONE).collect();
        held.dedup();
        held.retain(|&local| self.builder.locals.get(local) == Some(condition.value));
        if !held.is_empty() {
            let node = self.compared(condition);
            held.iter().for_each(|&local| self.set_local(local, ty, node));
        }
        held
    }

    pub(super) fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<(), Error> {
        let position = self.position;
        let mut pooled = false;
        for target in targets.targets().chain(std::iter::once(Ok(targets.default()))) {
            let target = target?;
            let at = self.frames.len().checked_sub(1 + target as usize);
            let Some(frame) = at.and_then(|at| self.frames.get_mut(at)) else { continue };
            if frame.table == position {
                continue;
            }
            frame.table = position;
            let is_body = frame.construct == Construct::Body;
            match (self.mode, is_body) {
                // Whatever is carried is in the pool after the first target.
                (Mode::Pooled, false) if pooled => frame.branches += 1,
                _ => self.branch(target, true),
            }
            pooled |= !is_body;
            if self.mode == Mode::Followed && self.is_exhausted() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A branch to a label. `placed` says whether code right in front of this operator is on its way.
    pub(super) fn branch(&mut self, depth: u32, placed: bool) {
        let Some(at) = self.frames.len().checked_sub(1 + depth as usize) else { return };
        let Some(frame) = self.frames.get_mut(at) else { return };
        if frame.construct == Construct::Body {
            return self.give_results();
        }
        frame.branches += 1;
        let is_loop = frame.construct == Construct::Loop;
        if self.mode == Mode::Pooled {
            let count = if is_loop { frame.params.len() } else { frame.results.len() };
            self.pool_operands(count);
            return;
        }
        if !is_loop && frame.label.is_empty() && frame.results.len() > 0 {
            let results = frame.results;
            let types = results.types();
            let label = types.iter().map(|&ty| Type::of(ty).map_or(NONE, |ty| self.value(Kind::Join, ty, [NONE; 2])));
            let label: Vec<Node> = label.collect();
            if let Some(frame) = self.frames.get_mut(at) {
                frame.label = label;
            }
        }
        let Some(frame) = self.frames.get(at) else { return };
        let (count, id, since) = (frame.label.len(), frame.id, frame.since);
        let base = self.stack.len().saturating_sub(count);
        self.spend(count);
        for index in 0..count {
            let label = self.frames.get(at).and_then(|frame| frame.label.get(index)).copied();
            if let (Some(label), Some(&operand)) = (label, self.stack.get(base + index)) {
                self.edge(operand, label);
            }
        }
        match is_loop {
            true => self.locals_to_loop(at, placed),
            false => self.locals_to_end(at, id, since, placed),
        }
    }

    fn locals_to_loop(&mut self, at: usize, placed: bool) {
        let mut index = 0;
        while let Some(join) = self.frames.get(at).and_then(|frame| frame.joins.get(index)) {
            let (local, node) = (join.local, join.node);
            index += 1;
            self.spend(1);
            if let Some(value) = self.builder.locals.get(local) {
                self.local_edge(local, value, node, placed);
            }
        }
    }

    fn locals_to_end(&mut self, at: usize, id: u32, since: usize, placed: bool) {
        self.next_branch += 1;
        let this = self.next_branch;
        let mut index = 0;
        while let Some(local) = self.builder.locals.assigned(since, index) {
            index += 1;
            self.spend(1);
            let (Some(ty), Some(value)) = (self.local_type(local), self.builder.locals.get(local)) else { continue };
            let slot = match self.joins.get(&(id, local)) {
                Some(&slot) => slot,
                None => {
                    let node = self.value(Kind::Join, ty, [NONE; 2]);
                    let Some(frame) = self.frames.get_mut(at) else { return };
                    frame.joins.push(LocalJoin { local, node, branches: 0, last: 0 });
                    let slot = frame.joins.len() - 1;
                    self.joins.insert((id, local), slot);
                    slot
                }
            };
            let Some(join) = self.frames.get_mut(at).and_then(|frame| frame.joins.get_mut(slot)) else { return };
            if join.last == this {
                continue;
            }
            join.last = this;
            join.branches += 1;
            let node = join.node;
            self.local_edge(local, value, node, placed);
        }
    }

    fn local_edge(&mut self, local: u32, from: Node, to: Node, placed: bool) {
        self.spend(2);
        let site = match placed {
            true => Site::LocalBefore { position: self.position, local },
            false => Site::Nowhere,
        };
        self.builder.graph.edge(from, to, site, self.depth);
    }

    /// The function returns what is on the stack.
    pub(super) fn give_results(&mut self) {
        let Some(ty) = self.builder.signature(self.function) else { return };
        let base = self.stack.len().saturating_sub(ty.results().len());
        for (index, &result) in ty.results().iter().enumerate() {
            let (Some(ty), Some(&operand)) = (Type::of(result), self.stack.get(base + index)) else { continue };
            let node = self.builder.port(self.function, Port::Result, index as u32, ty);
            self.edge(operand, node);
        }
        self.spend(ty.results().len());
    }

    pub(super) fn return_call(&mut self, function: u32) {
        let Some(ty) = self.builder.signature(function) else { return };
        if self.builder.module.import(Item::Func(FuncId(function))).is_some() {
            return self.return_results(ty.params().len(), ty.results(), Reason::HostCall);
        }
        self.pass_arguments(function, ty);
        for (index, &result) in ty.results().iter().enumerate() {
            let Some(ty) = Type::of(result) else { continue };
            let from = self.builder.port(function, Port::Result, index as u32, ty);
            let to = self.builder.port(self.function, Port::Result, index as u32, ty);
            self.builder.graph.edge(from, to, Site::Nowhere, self.depth);
        }
    }

    pub(super) fn return_unknown(&mut self, ty: u32, reason: Reason) {
        if let Some(ty) = self.builder.module.types.function(TypeId(ty)) {
            self.return_results(ty.params().len(), ty.results(), reason);
        }
    }

    /// Results of whatever is called become those of this function.
    fn return_results(&mut self, params: usize, results: &'m [ValType], reason: Reason) {
        self.observe_all(params, reason);
        for (index, &result) in results.iter().enumerate() {
            let Some(ty) = Type::of(result) else { continue };
            let foreign = self.builder.js_boundary && reason == Reason::HostCall && ty != Type::V128;
            let from = self.value(if foreign { Kind::Foreign } else { Kind::Raw }, ty, [NONE; 2]);
            let to = self.builder.port(self.function, Port::Result, index as u32, ty);
            self.builder.graph.edge(from, to, Site::Nowhere, self.depth);
        }
    }

    /// In pooled mode, lets operands on top be anything that branches carry.
    pub(super) fn pool_operands(&mut self, count: usize) {
        self.spend(count);
        for at in self.stack.len().saturating_sub(count)..self.stack.len() {
            let Some(&operand) = self.stack.get(at).filter(|operand| operand.node != NONE) else { continue };
            let pool = self.carried(self.type_of(operand.node));
            self.edge(operand, pool);
            if let Some(slot) = self.stack.get_mut(at) {
                slot.node = pool;
            }
        }
    }

    pub(super) fn carried(&mut self, ty: Type) -> Node {
        let at = match ty {
            Type::F32 => 0,
            Type::F64 => 1,
            Type::V128 => 2,
        };
        match self.carried.get(at) {
            Some(&node) if node != NONE => node,
            _ => {
                let node = self.value(Kind::Pool, ty, [NONE; 2]);
                if let Some(slot) = self.carried.get_mut(at) {
                    *slot = node;
                }
                node
            }
        }
    }

    pub(super) fn type_of(&self, node: Node) -> Type {
        self.builder.graph.value(node).map_or(Type::F64, |value| value.ty)
    }

    pub(super) fn tag_types(&self, tag: u32) -> &'m [ValType] {
        let ty = self.builder.module.tags.get(TagId(tag)).and_then(|tag| self.builder.module.types.function(tag.ty));
        ty.map_or(&[], |ty| ty.params())
    }
}
