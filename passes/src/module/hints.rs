//! Branch hints: they name functions by index and branches by offset, so both follow the code.

use super::remap::Remap;
use super::{FuncId, Item, Module, Reference};
use std::collections::BTreeMap;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, BranchHintSectionReader};

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
        let sections = module.customs.iter().filter(|custom| custom.name == "metadata.code.branch_hint");
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
