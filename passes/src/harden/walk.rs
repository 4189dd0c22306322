//! The walk over one body: an operand stack of values, and the blocks that are open.
//!
//! Code that no execution reaches is skipped. What is reached is valid, so the stack is never short of operands.

use super::build::{Builder, List, Mode, Port};
use super::graph::{Kind, NONE, Node, Reason, Site, Type, Use, Value};
use super::locals::Types;
use super::state::{Shape, State};
use crate::Error;
use std::collections::HashMap;
use wasmparser::{FuncType, Operator, ValType};

/// An operand on the stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operand {
    /// The value, if it is a float.
    pub node: Node,
    /// Behind this operator it was on the stack first, this far below the top.
    pub position: u32,
    pub below: u32,
    /// The local that it was read from or written to last.
    pub local: u32,
    /// Which assignment of it that was.
    pub version: u32,
    /// The number of the comparison that it is the result of.
    pub condition: u32,
}

/// A comparison of a value with itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    pub value: Node,
    /// The result, if the value is not a NaN. For lanes, a mask of those that are not.
    pub never_if: bool,
    /// The locals that the operands came from.
    pub locals: [u32; 2],
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Construct {
    Body,
    Block,
    Loop,
    If,
    Else,
}

/// A local that is one of several values behind a block.
pub(super) struct LocalJoin {
    pub local: u32,
    pub node: Node,
    /// How many branches brought a value, and the number of the last that did.
    pub branches: u32,
    pub last: u32,
}

/// An open block.
pub(super) struct Frame<'m> {
    pub id: u32,
    /// Counts blocks and `else` arms: code in a region runs only after all that stands before it in regions that are
    /// still open.
    pub region: u32,
    pub construct: Construct,
    /// The height of the stack below its parameters.
    pub height: usize,
    pub params: List<'m>,
    pub results: List<'m>,
    /// What its label takes, one node for each float, once it is branched to.
    pub label: Vec<Node>,
    /// How many branches to the end there are; of a `br_table`, each label has one.
    pub branches: u32,
    /// Where its assignments begin in the log.
    pub since: usize,
    pub joins: Vec<LocalJoin>,
    /// The parameters of an `if`, for its `else`.
    pub saved: Vec<Operand>,
    pub condition: Option<Condition>,
    /// Whether it is a `try_table` that catches.
    pub catches: bool,
    /// The last `br_table` that branched to it.
    pub table: u32,
}

pub(super) struct Walk<'w, 'm, 'a> {
    pub builder: &'w mut Builder<'m, 'a>,
    pub function: u32,
    pub types: Types<'m>,
    pub mode: Mode,
    pub stack: Vec<Operand>,
    pub frames: Vec<Frame<'m>>,
    pub conditions: Vec<Condition>,
    /// Which join of which open block belongs to a local.
    pub joins: HashMap<(u32, u32), usize>,
    /// For each open `try_table`, what a local may be while it runs.
    pub tries: Vec<HashMap<u32, Node>>,
    /// In pooled mode: what a local may be at all, and what branches carry.
    pub pools: HashMap<u32, Node>,
    pub carried: [Node; 3],
    /// What loops and `try_table`s assign, in their order.
    pub assigned: Vec<Vec<u32>>,
    pub next_list: usize,
    pub next_frame: u32,
    pub next_branch: u32,
    pub position: u32,
    pub depth: u8,
    dead: bool,
    /// How many blocks of dead code are open.
    skipped: u32,
    work: u64,
    budget: u64,
    results: &'m [ValType],
}

impl<'w, 'm, 'a> Walk<'w, 'm, 'a> {
    pub(super) fn new(
        builder: &'w mut Builder<'m, 'a>,
        function: u32,
        ty: &'m FuncType,
        types: Types<'m>,
        mode: Mode,
        budget: u64,
    ) -> Self {
        builder.locals.forget();
        Walk {
            builder,
            function,
            types,
            mode,
            stack: Vec::new(),
            frames: Vec::new(),
            conditions: Vec::new(),
            joins: HashMap::new(),
            tries: Vec::new(),
            pools: HashMap::new(),
            carried: [NONE; 3],
            assigned: Vec::new(),
            next_list: 0,
            next_frame: 0,
            next_branch: 0,
            position: 0,
            depth: 0,
            dead: false,
            skipped: 0,
            work: 0,
            budget,
            results: ty.results(),
        }
    }

    /// Walks a body. `false` if that took more work than allowed.
    pub(super) fn run(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<bool, Error> {
        let frame = self.frame(Construct::Body, List::Many(&[]), List::Many(self.results));
        self.frames.push(frame);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            self.step(&operator)?;
            self.position += 1;
            if self.is_exhausted() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn step(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        if self.dead {
            self.step_dead(operator);
            return Ok(());
        }
        if self.control(operator)? || self.variable(operator)? {
            return Ok(());
        }
        self.plain(operator)
    }

    fn step_dead(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. } | Operator::If { .. } => self.skipped += 1,
            Operator::Loop { .. } | Operator::TryTable { .. } => {
                self.skipped += 1;
                self.next_list += 1;
            }
            Operator::End if self.skipped > 0 => self.skipped -= 1,
            Operator::End => self.end(false),
            Operator::Else if self.skipped == 0 => self.else_(false),
            _ => {}
        }
    }

    /// Notes that what follows is not reached.
    pub(super) fn die(&mut self) {
        self.dead = true;
        self.skipped = 0;
    }

    pub(super) fn revive(&mut self) {
        self.dead = false;
    }

    pub(super) fn spend(&mut self, work: usize) {
        self.work += work as u64;
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.work > self.budget
    }

    pub(super) fn frame(&mut self, construct: Construct, params: List<'m>, results: List<'m>) -> Frame<'m> {
        self.next_frame += 1;
        self.spend(1);
        Frame {
            id: self.next_frame,
            region: self.next_frame,
            construct,
            height: self.stack.len().saturating_sub(params.len()),
            params,
            results,
            label: Vec::new(),
            branches: 0,
            since: self.builder.locals.mark(),
            joins: Vec::new(),
            saved: Vec::new(),
            condition: None,
            catches: false,
            table: NONE,
        }
    }

    /// A new value that stands nowhere yet.
    pub(super) fn value(&mut self, kind: Kind, ty: Type, inputs: [Node; 2]) -> Node {
        self.spend(3);
        let value = Value { kind, ty, function: self.function, home: Site::Nowhere, depth: self.depth, inputs };
        self.builder.graph.add(value)
    }

    pub(super) fn set_home(&mut self, node: Node, home: Site) {
        let depth = self.depth;
        if let Some(value) = self.builder.graph.values.get_mut(node as usize) {
            value.home = home;
            value.depth = depth;
        }
    }

    pub(super) fn pop(&mut self) -> Operand {
        self.stack.pop().unwrap_or(Operand {
            node: NONE,
            position: 0,
            below: 0,
            local: NONE,
            version: 0,
            condition: NONE,
        })
    }

    /// Pushes what is no float.
    pub(super) fn push_other(&mut self) {
        self.push_at(NONE, 0);
    }

    /// Pushes a value that was there before.
    pub(super) fn push_at(&mut self, node: Node, below: u32) {
        self.stack.push(Operand { node, position: self.position, below, local: NONE, version: 0, condition: NONE });
    }

    /// Pushes a new value.
    pub(super) fn push_new(&mut self, kind: Kind, ty: Type, inputs: [Node; 2]) -> Node {
        let node = self.value(kind, ty, inputs);
        self.set_home(node, Site::Stack { position: self.position, below: 0 });
        self.push_at(node, 0);
        node
    }

    /// Lets a value move into another.
    pub(super) fn edge(&mut self, operand: Operand, to: Node) {
        if operand.node != NONE && to != NONE {
            self.spend(2);
            let site = Site::Stack { position: operand.position, below: operand.below };
            self.builder.graph.edge(operand.node, to, site, self.depth);
        }
    }

    /// Notes that an operand's bits are seen.
    pub(super) fn observe(&mut self, operand: Operand, reason: Reason, tolerated: Option<Shape>) {
        if operand.node != NONE {
            let mut position = operand.position;
            // A vector's guard leaves the local as it is.
            let scalar = self.builder.graph.value(operand.node).is_some_and(|value| value.ty != Type::V128);
            if scalar && self.mode == Mode::Followed && operand.local != NONE && operand.below == 0 {
                let region = self.frames.last().map_or(0, |frame| frame.region);
                let frames = &self.frames;
                let is_open = |region: u32| frames.binary_search_by_key(&region, |frame| frame.region).is_ok();
                let read = (operand.local, operand.version);
                position = self.builder.locals.observe(read, position, region, is_open);
            }
            let site = Site::Stack { position, below: operand.below };
            let depth = self.depth;
            self.builder.graph.uses.push(Use { node: operand.node, site, depth, reason, tolerated });
        }
    }

    /// What a local holds.
    pub(super) fn local(&mut self, local: u32, ty: Type) -> Node {
        if let Some(node) = self.builder.locals.get(local) {
            return node;
        }
        let node = match self.mode {
            Mode::Followed => self.first_value(local, ty),
            Mode::Pooled => {
                let pool = self.local_pool(local, ty);
                let read = self.value(Kind::Join, ty, [NONE; 2]);
                self.builder.graph.edge(pool, read, Site::Nowhere, self.depth);
                read
            }
        };
        self.builder.locals.begin(local, node);
        node
    }

    /// What a local holds at the start.
    fn first_value(&mut self, local: u32, ty: Type) -> Node {
        if self.types.is_param(local) {
            return self.builder.port(self.function, Port::Param, local, ty);
        }
        self.value(Kind::Constant(State::of_constant(ty, 0)), ty, [NONE; 2])
    }

    /// Anything that a local ever holds.
    fn local_pool(&mut self, local: u32, ty: Type) -> Node {
        if let Some(&pool) = self.pools.get(&local) {
            return pool;
        }
        let pool = self.value(Kind::Pool, ty, [NONE; 2]);
        let first = self.first_value(local, ty);
        self.builder.graph.edge(first, pool, Site::Nowhere, 0);
        self.pools.insert(local, pool);
        pool
    }

    pub(super) fn assign(&mut self, local: u32, ty: Type, operand: Operand) {
        match self.mode {
            Mode::Followed => {
                if let Some(&pool) = self.tries.last().and_then(|inside| inside.get(&local)) {
                    self.edge(operand, pool);
                }
                self.set_local(local, ty, operand.node);
            }
            Mode::Pooled => {
                let pool = self.local_pool(local, ty);
                self.edge(operand, pool);
                self.builder.locals.begin(local, operand.node);
            }
        }
    }

    /// Makes a local hold a value that it may have held already.
    pub(super) fn set_local(&mut self, local: u32, ty: Type, node: Node) {
        self.spend(1);
        match self.mode {
            Mode::Followed => {
                self.local(local, ty);
                let since = self.frames.last().map_or(0, |frame| frame.since);
                self.builder.locals.assign(local, node, since);
            }
            Mode::Pooled => self.builder.locals.begin(local, node),
        }
    }

    pub(super) fn local_type(&self, local: u32) -> Option<Type> {
        self.types.of(local).and_then(Type::of)
    }
}
