//! What hardening did, in numbers.

use super::graph::{Graph, Kind, NONE, Node, Reason};
use super::insert::Nan;
use super::place::{Guard, Plan};
use super::solve::{Links, States};
use super::state::State;
use std::collections::BTreeMap;

/// What hardening did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many guards were inserted, by the type of the value: `f32`, `f64`, `f32x4`, `f64x2`.
    pub guards: BTreeMap<&'static str, u32>,
    /// How many guards were inserted, by why bits are observed there first: `store`, `reinterpret`, `copysign`,
    /// `global.set`, `call of the host`, `indirect call`, `result`, `throw`, `heap`, `integer lanes`, `join`, `every`
    /// (of eager hardening).
    pub reasons: BTreeMap<&'static str, u32>,
    /// Where no guard is needed, by the fact that proves it: observed values by `exact bits`, `conversion`,
    /// `constant`, `square`, `range`, `compared with itself`, `already canonical`; and by `never observed`
    /// operators that may make a NaN whose bits nobody sees.
    pub proved: BTreeMap<&'static str, u32>,
    /// Functions whose locals were not followed, because that would have been too much work, by index.
    pub fell_back: Vec<u32>,
    /// How many relaxed SIMD operations were replaced.
    pub relaxed: u32,
    /// How many `memory.grow` and `table.grow` were replaced.
    pub grow_sites: u32,
    /// How many bytes longer the module is.
    pub bytes_added: i64,
}

impl Report {
    /// All guards.
    pub fn guards_inserted(&self) -> u32 {
        self.guards.values().sum()
    }

    pub(super) fn count_guard(&mut self, nan: Nan, reason: &'static str) {
        let name = match nan {
            Nan::F32 => "f32",
            Nan::F64 => "f64",
            Nan::F32x4 => "f32x4",
            Nan::F64x2 => "f64x2",
        };
        *self.guards.entry(name).or_default() += 1;
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Counts what an analysis proved and what guards it needs.
    pub(super) fn count(&mut self, graph: &Graph, links: &Links, plan: &Plan, states: &States) {
        for (at, observed) in graph.uses.iter().enumerate() {
            let guarded = plan.uses.get(at) == Some(&true) || plan.homes.get(observed.node as usize) == Some(&true);
            if guarded {
                continue;
            }
            if let Some(fact) = fact(graph, states, observed.node) {
                *self.proved.entry(fact).or_default() += 1;
            }
        }
        let seen = observed(graph, links);
        let is_fresh = |kind: Kind| matches!(kind, Kind::Arithmetic(_) | Kind::Vector(_));
        let unseen = graph.values.iter().enumerate().filter(|(node, value)| {
            is_fresh(value.kind) && seen.get(*node) == Some(&false) && !states.of(*node as Node).is_exact()
        });
        let unseen = unseen.count() as u32;
        if unseen > 0 {
            *self.proved.entry("never observed").or_default() += unseen;
        }
    }
}

/// Why the bits of a value are exact.
fn fact(graph: &Graph, states: &States, node: Node) -> Option<&'static str> {
    let value = graph.value(node)?;
    Some(match (value.kind, states.of(node)) {
        (_, State::Bottom | State::Made(_) | State::Mixed(_)) => return None,
        (Kind::Constant(_), _) => "constant",
        (Kind::Converted(_), _) => "conversion",
        (Kind::Compared | Kind::ComparedLanes(_), _) => "compared with itself",
        (Kind::Arithmetic(super::range::Arithmetic::Mul), _) if value.inputs[0] == value.inputs[1] => "square",
        (_, State::Never(_)) => "range",
        (_, State::Canon(_)) => "already canonical",
        (_, State::Raw) => "exact bits",
    })
}

/// Which values are observed, by themselves or as what they move into.
fn observed(graph: &Graph, links: &Links) -> Vec<bool> {
    let mut seen = vec![false; graph.values.len()];
    let mut open: Vec<Node> = graph.uses.iter().map(|observed| observed.node).collect();
    while let Some(node) = open.pop() {
        let Some(flag) = seen.get_mut(node as usize).filter(|flag| !**flag && node != NONE) else { continue };
        *flag = true;
        let edges = links.into.of(node).iter().filter_map(|&at| graph.edges.get(at as usize));
        open.extend(edges.map(|edge| edge.from));
    }
    seen
}

pub(super) fn reason(guard: &Guard) -> &'static str {
    match guard.reason {
        Reason::Store => "store",
        Reason::Reinterpret => "reinterpret",
        Reason::Copysign => "copysign",
        Reason::Global => "global.set",
        Reason::HostCall => "call of the host",
        Reason::IndirectCall => "indirect call",
        Reason::Result => "result",
        Reason::Throw => "throw",
        Reason::Heap => "heap",
        Reason::Lanes => "integer lanes",
        Reason::Other => "other",
        Reason::Moved => "join",
    }
}
