//! A first walk over a body: what a loop or a `try_table` may assign while it runs, which must be known at its start.

use super::graph::Type;
use super::locals::Types;
use crate::Error;
use std::collections::HashSet;
use wasmparser::Operator;

/// The locals that hold floats and are assigned inside of each loop that is branched to, and of each `try_table`
/// that catches: one list for each operator `loop` and `try_table`, in their order.
pub(super) struct Assigned {
    pub lists: Vec<Vec<u32>>,
    /// What it took to compute them.
    pub work: u64,
}

struct Open {
    /// Its list, if it is a loop or a `try_table`.
    list: Option<usize>,
    /// Whether the list is wanted.
    wanted: bool,
    is_loop: bool,
}

/// Walks a body. Stops with what it has when the work is more than `budget`.
pub(super) fn assigned(
    operators: wasmparser::OperatorsReader<'_>,
    types: &Types<'_>,
    budget: u64,
) -> Result<Assigned, Error> {
    let mut found = Assigned { lists: Vec::new(), work: 0 };
    let mut open: Vec<Open> = Vec::new();
    // The lists of open loops, from the outermost.
    let mut nest: Vec<usize> = Vec::new();
    let mut seen: HashSet<(usize, u32)> = HashSet::new();
    for operator in operators {
        let operator = operator?;
        let target = |open: &mut Vec<Open>, depth: u32| {
            let at = open.len().checked_sub(1 + depth as usize);
            if let Some(frame) = at.and_then(|at| open.get_mut(at)).filter(|frame| frame.is_loop) {
                frame.wanted = true;
            }
        };
        match &operator {
            Operator::Block { .. } | Operator::If { .. } => {
                open.push(Open { list: None, wanted: false, is_loop: false })
            }
            Operator::Loop { .. } | Operator::TryTable { .. } => {
                let list = found.lists.len();
                found.lists.push(Vec::new());
                nest.push(list);
                let (is_loop, wanted) = match &operator {
                    Operator::TryTable { try_table } => {
                        for catch in &try_table.catches {
                            target(&mut open, label(catch));
                        }
                        (false, !try_table.catches.is_empty())
                    }
                    _ => (true, false),
                };
                open.push(Open { list: Some(list), wanted, is_loop });
            }
            Operator::End => {
                let Some(Open { list: Some(list), wanted, .. }) = open.pop() else { continue };
                nest.pop();
                let locals = found.lists.get(list).cloned().unwrap_or_default();
                if let Some(&outer) = nest.last() {
                    found.work += 3 * locals.len() as u64;
                    if let Some(outer_list) = found.lists.get_mut(outer) {
                        outer_list.extend(locals.iter().filter(|&&local| seen.insert((outer, local))));
                    }
                }
                if let Some(locals) = found.lists.get_mut(list).filter(|_| !wanted) {
                    *locals = Vec::new();
                }
                if found.work > budget {
                    return Ok(found);
                }
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let Some(&list) = nest.last() else { continue };
                if types.of(*local_index).and_then(Type::of).is_some() && seen.insert((list, *local_index)) {
                    found.work += 3;
                    if let Some(list) = found.lists.get_mut(list) {
                        list.push(*local_index);
                    }
                }
            }
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => target(&mut open, *relative_depth),
            Operator::BrTable { targets } => {
                target(&mut open, targets.default());
                for depth in targets.targets() {
                    target(&mut open, depth?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Where a catch goes.
pub(super) fn label(catch: &wasmparser::Catch) -> u32 {
    match *catch {
        wasmparser::Catch::One { label, .. }
        | wasmparser::Catch::OneRef { label, .. }
        | wasmparser::Catch::All { label }
        | wasmparser::Catch::AllRef { label } => label,
    }
}
