//! The least states that satisfy the graph, by a worklist.
//!
//! A state only ever rises, and each node's rises a bounded number of times: a range's bounds are widened after three
//! changes. Each rise visits the node's users once, so the whole is linear in the graph.

use super::graph::{Edge, Graph, Index, Kind, Node, Type, Value};
use super::place::Plan;
use super::state::{Shape, State};

/// How often a range may grow before its bounds are widened.
const PATIENCE: u8 = 3;

/// Who uses what, of a graph that is complete.
pub(super) struct Links {
    /// The edges out of a node.
    pub out: Index,
    /// The edges into a node.
    pub into: Index,
    /// The arithmetic with a node as operand.
    users: Index,
}

impl Links {
    pub(super) fn new(graph: &Graph) -> Links {
        let nodes = graph.values.len();
        let numbered = || graph.edges.iter().enumerate();
        let operands = |(node, value): (usize, &Value)| {
            let [a, b] = value.inputs;
            let b = if b == a { super::graph::NONE } else { b };
            [(a, node as Node), (b, node as Node)]
        };
        let is_one = |&(input, _): &(Node, Node)| input != super::graph::NONE;
        Links {
            out: Index::new(nodes, numbered().map(|(at, edge)| (edge.from, at as u32))),
            into: Index::new(nodes, numbered().map(|(at, edge)| (edge.to, at as u32))),
            users: Index::new(nodes, graph.values.iter().enumerate().flat_map(operands).filter(is_one)),
        }
    }
}

/// The state of every node as it is made, before a guard at its home.
pub(super) struct States(Vec<State>);

impl States {
    pub(super) fn of(&self, node: Node) -> State {
        self.0.get(node as usize).copied().unwrap_or(State::Mixed(Shape::Both))
    }
}

/// Solves a graph in which the guards of a plan stand.
pub(super) fn solve(graph: &Graph, links: &Links, plan: &Plan) -> States {
    let nodes = graph.values.len();
    let mut solver = Solver {
        graph,
        links,
        plan,
        states: vec![State::Bottom; nodes],
        rises: vec![0; nodes],
        queued: vec![false; nodes],
        queue: std::collections::VecDeque::new(),
    };
    for (node, value) in graph.values.iter().enumerate() {
        let state = match value.kind {
            Kind::Constant(state) | Kind::Converted(state) => state,
            Kind::Raw => State::Raw,
            Kind::Foreign => State::Made(value.ty.shape()),
            Kind::Compared => State::Never(super::range::Range::ALL),
            Kind::ComparedLanes(shape) => State::Canon(shape),
            Kind::Vector(shape) => State::Made(shape),
            _ => continue,
        };
        solver.raise(node as Node, state);
    }
    solver.run();
    States(solver.states)
}

struct Solver<'s> {
    graph: &'s Graph,
    links: &'s Links,
    plan: &'s Plan,
    states: Vec<State>,
    rises: Vec<u8>,
    queued: Vec<bool>,
    queue: std::collections::VecDeque<Node>,
}

impl Solver<'_> {
    fn run(&mut self) {
        while let Some(node) = self.queue.pop_front() {
            if let Some(queued) = self.queued.get_mut(node as usize) {
                *queued = false;
            }
            let links = self.links;
            for &at in links.out.of(node) {
                let Some(edge) = self.graph.edges.get(at as usize) else { continue };
                let guarded = self.plan.edges.get(at as usize).is_some_and(|&guarded| guarded);
                let state = self.seen(node);
                let state = self.moved(edge, if guarded { state.guarded() } else { state });
                self.raise(edge.to, state);
            }
            for &user in links.users.of(node) {
                self.compute(user);
            }
        }
    }

    /// The state behind the guard at its home, if there is one.
    fn seen(&self, node: Node) -> State {
        let state = self.states.get(node as usize).copied().unwrap_or(State::Bottom);
        match self.plan.homes.get(node as usize) {
            Some(true) => state.guarded(),
            _ => state,
        }
    }

    fn moved(&self, edge: &Edge, state: State) -> State {
        let is_vector = |node| self.graph.value(node).is_some_and(|value| value.ty == Type::V128);
        match self.graph.value(edge.to).map(|value| value.kind) {
            Some(Kind::Neg(shape)) => state.negated(shape),
            Some(Kind::Abs(shape)) => state.absolute(shape),
            Some(Kind::Splat(shape)) => state.lifted(shape),
            Some(Kind::Extract(shape)) => state.lane(shape),
            Some(Kind::Lanes(shape)) if is_vector(edge.from) => state.in_lanes(shape),
            Some(Kind::Lanes(shape)) => state.lifted(shape),
            _ => state,
        }
    }

    fn compute(&mut self, node: Node) {
        let Some(value) = self.graph.value(node) else { return };
        let [a, b] = value.inputs;
        let state = match value.kind {
            Kind::Arithmetic(arithmetic) => {
                let same = a == b && self.graph.is_one_value(a);
                State::arithmetic(arithmetic, value.ty, self.seen(a), self.seen(b), same)
            }
            Kind::Copysign => self.seen(a).copysign(),
            _ => return,
        };
        self.raise(node, state);
    }

    fn raise(&mut self, node: Node, state: State) {
        let (Some(old), Some(rises)) = (self.states.get_mut(node as usize), self.rises.get_mut(node as usize)) else {
            return;
        };
        let mut new = old.join(state);
        if new == *old {
            return;
        }
        if let (State::Never(before), State::Never(after)) = (*old, new) {
            *rises = rises.saturating_add(1);
            if *rises > PATIENCE {
                new = State::Never(before.widen(after));
            }
        }
        *old = new;
        if let Some(queued) = self.queued.get_mut(node as usize).filter(|queued| !**queued) {
            *queued = true;
            self.queue.push_back(node);
        }
    }
}
