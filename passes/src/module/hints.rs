//! Branch hints: they name functions by index and branches by offset, so both follow the code.

use super::remap::Remap;
use super::{FuncId, Item, Module, Reference};
use crate::{Error, op};
use std::collections::BTreeMap;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, BranchHintSectionReader, FunctionBody, Operator};

/// The name of their section.
pub(super) const SECTION: &str = "metadata.code.branch_hint";

/// The hints of all functions, with offsets that are brought up to date while the code is encoded.
pub(super) struct Hints(BTreeMap<FuncId, Vec<(u32, bool)>>);

/// Where the hinted operators of one function went.
pub(super) struct Moves {
    wanted: Vec<u32>,
    found: Vec<(u32, u32)>,
}

impl Moves {
    /// Notes one operator's old and new offset.
    pub(super) fn record(&mut self, old: usize, new: usize) {
        if !self.wanted.is_empty() && self.wanted.binary_search(&(old as u32)).is_ok() {
            self.found.push((old as u32, new as u32));
        }
    }
}

impl Hints {
    /// Reads the hints of functions that no pass has edited. What cannot be read is not there.
    pub(super) fn read(module: &Module<'_>) -> Hints {
        let mut hints = BTreeMap::new();
        let sections = module.customs.iter().filter(|custom| custom.name == SECTION);
        for custom in sections {
            let Ok(section) = BranchHintSectionReader::new(BinaryReader::new(&custom.data, 0)) else { continue };
            for function in section.into_iter().map_while(Result::ok) {
                let id = FuncId(function.func);
                let body = module.functions.get(id).and_then(|function| function.source.defined());
                if body.is_some_and(|body| body.offset.is_some()) {
                    let list = function.hints.into_iter().map_while(Result::ok);
                    hints.insert(id, list.map(|hint| (hint.func_offset, hint.taken)).collect());
                }
            }
        }
        Hints(hints)
    }

    /// What must be recorded while this function is encoded.
    pub(super) fn moves_of(&self, id: FuncId) -> Moves {
        let mut wanted: Vec<u32> = self.0.get(&id).into_iter().flatten().map(|&(offset, _)| offset).collect();
        wanted.sort_unstable();
        Moves { wanted, found: Vec::new() }
    }

    /// Takes over what was recorded. A hint at no operator is dropped.
    pub(super) fn moved(&mut self, id: FuncId, moves: Moves) {
        if let Some(hints) = self.0.get_mut(&id) {
            // Found in the order of the code, so in order.
            let at = |old| moves.found.binary_search_by_key(&old, |&(from, _)| from).ok();
            let new = |old| at(old).and_then(|at| moves.found.get(at)).map(|&(_, to)| to);
            *hints = hints.iter().filter_map(|&(offset, taken)| Some((new(offset)?, taken))).collect();
        }
    }

    /// Adds hints that branches are taken which stand at these offsets in a function as it is written. Where there is
    /// a hint already, that stays.
    pub(super) fn taken(&mut self, id: FuncId, offsets: &[u32]) {
        if offsets.is_empty() {
            return;
        }
        let hints = self.0.entry(id).or_default();
        let there: Vec<u32> = hints.iter().map(|&(offset, _)| offset).collect();
        hints.extend(offsets.iter().filter(|offset| !there.contains(offset)).map(|&offset| (offset, true)));
        hints.sort_unstable();
    }

    /// The section's new contents, if any hint is left.
    pub(super) fn encode(&self, remap: &Remap) -> Option<Vec<u8>> {
        let index = |id: FuncId| remap.index(Reference::Item(Item::Func(id)));
        let mut functions: Vec<_> = self
            .0
            .iter()
            .filter(|(_, hints)| !hints.is_empty())
            .filter_map(|(&id, hints)| Some((index(id)?, hints)))
            .collect();
        functions.sort_by_key(|&(index, _)| index);
        if functions.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        functions.len().encode(&mut out);
        for (index, hints) in functions {
            index.encode(&mut out);
            hints.len().encode(&mut out);
            for &(offset, taken) in hints {
                offset.encode(&mut out);
                out.extend_from_slice(&[1, u8::from(taken)]);
            }
        }
        Some(out)
    }
}

/// Where in a body those guards of NaNs stand that are branches in innermost loops: each `if` on whether a local is not
/// less than itself, as `harden` writes them.
pub(super) fn guards(body: &[u8]) -> Result<Vec<u32>, Error> {
    let mut operators = FunctionBody::new(BinaryReader::new(body, 0)).get_operators_reader()?;
    let mut found = Vec::new();
    // For each open block the loop around or at it, by its number; and of each loop whether it has others in it.
    let (mut open, mut has_inner): (Vec<Option<usize>>, Vec<bool>) = Default::default();
    // The local that is on top of the stack, whether it is there twice, and whether it was just compared with itself.
    let (mut top, mut twice, mut compared) = (None, false, false);
    let mut depth = 0;
    while !operators.eof() {
        let offset = operators.original_position();
        let operator = operators.read()?;
        let around = open.last().copied().flatten();
        if let (true, Operator::If { .. }, Some(innermost)) = (compared, &operator, around) {
            found.push((offset as u32, innermost));
        }
        compared = twice && matches!(operator, Operator::F32Ge | Operator::F64Ge);
        (top, twice) = match operator {
            Operator::LocalGet { local_index } => (Some(local_index), top == Some(local_index)),
            Operator::LocalTee { local_index } => (Some(local_index), false),
            _ => (None, false),
        };
        depth = op::depth_after(depth, &operator);
        if let Operator::Loop { .. } = operator {
            around.and_then(|outer| has_inner.get_mut(outer)).into_iter().for_each(|has_inner| *has_inner = true);
            open.push(Some(has_inner.len()));
            has_inner.push(false);
        } else if depth as usize > open.len() {
            open.push(around);
        }
        open.truncate(depth as usize);
    }
    let innermost = |&(_, around): &(u32, usize)| has_inner.get(around) == Some(&false);
    Ok(found.into_iter().filter(innermost).map(|(offset, _)| offset).collect())
}
