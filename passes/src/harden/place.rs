//! Where guards stand.
//!
//! A value that is observed and may hold a NaN of arithmetic's making is guarded where it is made or where it is
//! observed, whichever runs less often, a loop counted as eight rounds. Of a value that cannot be guarded itself
//! (a negated one, a join of made and raw bits), what moves into it is asked to be exact instead. Guards make more
//! values exact than were asked for, so states are solved again until nothing is left to do; then guards that others
//! made needless go, once.

use super::graph::{Graph, Node, Reason, Site, Use};
use super::solve::{Links, States, solve};
use super::state::State;
use crate::Error;

/// Where guards stand: at the homes of nodes, on edges and at uses, numbered as in the graph.
#[derive(Clone)]
pub(super) struct Plan {
    pub homes: Vec<bool>,
    pub edges: Vec<bool>,
    pub uses: Vec<bool>,
}

/// More rounds than any module was seen to take; each is linear.
const ROUNDS: usize = 40;

/// Finds a plan under which every observation is of exact bits, and the states under it.
pub(super) fn place(graph: &Graph, links: &Links) -> Result<(Plan, States), Error> {
    let mut plan = Plan {
        homes: vec![false; graph.values.len()],
        edges: vec![false; graph.edges.len()],
        uses: vec![false; graph.uses.len()],
    };
    let mut trimmed = false;
    for _ in 0..ROUNDS {
        let states = solve(graph, links, &plan);
        if retract(graph, &states, &mut plan) {
            continue;
        }
        let mut round = Round { graph, links, plan: &plan, states: &states, wants: Vec::new(), asked: Vec::new() };
        let violated = round.collect();
        if !violated {
            if trimmed || !trim(graph, &states, &mut plan) {
                return Ok((plan, states));
            }
            trimmed = true;
            continue;
        }
        let wants = std::mem::take(&mut round.wants);
        if !decide(graph, wants, &mut plan) {
            return Err(Error::internal("a float whose bits are observed cannot be made exact"));
        }
    }
    Err(Error::internal("placing guards did not come to an end"))
}

/// Takes away guards that would change bits which must be kept, as may be when other guards went.
fn retract(graph: &Graph, states: &States, plan: &mut Plan) -> bool {
    let mut changed = false;
    let mut drop_if_raw = |guarded: &mut bool, node: Node| {
        if *guarded && matches!(states.of(node), State::Raw | State::Mixed(_)) {
            *guarded = false;
            changed = true;
        }
    };
    plan.homes.iter_mut().enumerate().for_each(|(node, guarded)| drop_if_raw(guarded, node as Node));
    graph.edges.iter().zip(&mut plan.edges).for_each(|(edge, guarded)| drop_if_raw(guarded, edge.from));
    graph.uses.iter().zip(&mut plan.uses).for_each(|(observed, guarded)| drop_if_raw(guarded, observed.node));
    changed
}

/// Takes away guards of values that are exact without them. Says whether there were any.
fn trim(graph: &Graph, states: &States, plan: &mut Plan) -> bool {
    let mut changed = false;
    let mut drop_if = |guarded: &mut bool, needless: bool| {
        if *guarded && needless {
            *guarded = false;
            changed = true;
        }
    };
    for (node, guarded) in plan.homes.iter_mut().enumerate() {
        drop_if(guarded, states.of(node as Node).is_exact());
    }
    let homes = &plan.homes;
    let is_exact = |node: Node| states.of(node).is_exact() || homes.get(node as usize) == Some(&true);
    for (edge, guarded) in graph.edges.iter().zip(&mut plan.edges) {
        drop_if(guarded, is_exact(edge.from));
    }
    for (observed, guarded) in graph.uses.iter().zip(&mut plan.uses) {
        drop_if(guarded, is_exact(observed.node));
    }
    changed
}

/// Somebody wants a value exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Want {
    node: Node,
    how: How,
}

/// Where a value may be guarded for one who wants it exact, besides at its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    AtHome,
    OnEdge(u32),
    AtUse(u32),
}

struct Round<'r> {
    graph: &'r Graph,
    links: &'r Links,
    plan: &'r Plan,
    states: &'r States,
    wants: Vec<Want>,
    /// Whether the edges into a node were asked to be exact.
    asked: Vec<bool>,
}

impl Round<'_> {
    /// Collects what must be guarded. Says whether any observation is of bits that are not exact.
    fn collect(&mut self) -> bool {
        self.asked = vec![false; self.graph.values.len()];
        let mut open: Vec<Node> = Vec::new();
        let mut violated = false;
        for (at, observed) in self.graph.uses.iter().enumerate() {
            if self.plan.uses.get(at) == Some(&true) && observed.site != Site::Nowhere && self.is_made(observed.node) {
                continue;
            }
            if !self.seen(observed.node).is_fit_for(observed.tolerated) {
                violated = true;
                let how = if observed.site == Site::Nowhere { How::AtHome } else { How::AtUse(at as u32) };
                self.want(observed.node, how, &mut open);
            }
        }
        while let Some(node) = open.pop() {
            let links = self.links;
            for &at in links.into.of(node) {
                let Some(edge) = self.graph.edges.get(at as usize) else { continue };
                if self.plan.edges.get(at as usize) == Some(&true) && self.is_made(edge.from) {
                    continue;
                }
                let how = if edge.site == Site::Nowhere { How::AtHome } else { How::OnEdge(at) };
                self.want(edge.from, how, &mut open);
            }
        }
        violated
    }

    fn is_made(&self, node: Node) -> bool {
        matches!(self.states.of(node), State::Made(_)) || self.states.of(node).is_exact()
    }

    fn seen(&self, node: Node) -> State {
        match self.plan.homes.get(node as usize) {
            Some(true) => self.states.of(node).guarded(),
            _ => self.states.of(node),
        }
    }

    fn want(&mut self, node: Node, how: How, open: &mut Vec<Node>) {
        let homeless = self.graph.value(node).is_none_or(|value| value.home == Site::Nowhere);
        match self.seen(node) {
            State::Made(_) if how != How::AtHome || !homeless => self.wants.push(Want { node, how }),
            State::Made(_) | State::Mixed(_) => {
                if let Some(asked) = self.asked.get_mut(node as usize).filter(|asked| !**asked) {
                    *asked = true;
                    open.push(node);
                }
            }
            _ => {}
        }
    }
}

/// Chooses home or use for each value that is wanted exact. Says whether there was anything to choose.
fn decide(graph: &Graph, mut wants: Vec<Want>, plan: &mut Plan) -> bool {
    wants.sort_unstable();
    wants.dedup();
    for group in wants.chunk_by(|a, b| a.node == b.node) {
        let Some(first) = group.first() else { continue };
        let Some(value) = graph.value(first.node) else { continue };
        let place = |want: &Want| match want.how {
            How::AtHome => (value.home, value.depth),
            How::OnEdge(at) => graph.edges.get(at as usize).map_or((Site::Nowhere, 0), |edge| (edge.site, edge.depth)),
            How::AtUse(at) => graph.uses.get(at as usize).map_or((Site::Nowhere, 0), |seen| (seen.site, seen.depth)),
        };
        // Uses may share a site.
        let mut places: Vec<(Site, u8)> = group.iter().map(place).collect();
        places.sort_unstable();
        places.dedup_by_key(|(site, _)| *site);
        let weight = |depth: u8| 1u64 << (3 * u64::from(depth.min(15)));
        let at_uses: u64 = places.iter().map(|&(_, depth)| weight(depth)).fold(0, u64::saturating_add);
        let has_home = value.home != Site::Nowhere;
        let must = group.iter().any(|want| want.how == How::AtHome);
        let home = weight(value.depth);
        let at_home = must || has_home && (home < at_uses || home == at_uses && places.len() > 1);
        if at_home {
            set(&mut plan.homes, first.node);
            continue;
        }
        for want in group {
            match want.how {
                How::AtHome => {}
                How::OnEdge(at) => set(&mut plan.edges, at),
                How::AtUse(at) => set(&mut plan.uses, at),
            }
        }
    }
    !wants.is_empty()
}

fn set(flags: &mut [bool], at: u32) {
    if let Some(flag) = flags.get_mut(at as usize) {
        *flag = true;
    }
}

/// A guard: where, of what, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub function: u32,
    pub site: Site,
    pub node: Node,
    pub reason: Reason,
    /// How deep in loops it stands.
    pub depth: u8,
}

/// The guards of a plan in the order of functions and sites, one for each site.
pub(super) fn guards(graph: &Graph, plan: &Plan) -> Vec<Guard> {
    let mut guards = Vec::new();
    let flagged = |flags: &[bool], at: usize| flags.get(at) == Some(&true);
    let mut add = |node: Node, site: Site, depth: u8, reason: Reason| {
        if let Some(value) = graph.value(node).filter(|_| site != Site::Nowhere) {
            guards.push(Guard { function: value.function, site, node, reason, depth });
        }
    };
    for (at, Use { node, site, reason, depth, .. }) in graph.uses.iter().enumerate() {
        if flagged(&plan.uses, at) {
            add(*node, *site, *depth, *reason);
        } else if flagged(&plan.homes, *node as usize) {
            let home = graph.value(*node).map_or((Site::Nowhere, 0), |value| (value.home, value.depth));
            add(*node, home.0, home.1, *reason);
        }
    }
    for (at, edge) in graph.edges.iter().enumerate() {
        if flagged(&plan.edges, at) {
            add(edge.from, edge.site, edge.depth, Reason::Moved);
        }
    }
    for (node, value) in graph.values.iter().enumerate() {
        if flagged(&plan.homes, node) {
            add(node as Node, value.home, value.depth, Reason::Moved);
        }
    }
    guards.sort_by_key(|guard| (guard.function, guard.site, guard.reason));
    guards.dedup_by_key(|guard| (guard.function, guard.site));
    guards
}
