//! What nothing needs: places in the table, and bytes of objects.

use std::collections::BTreeSet;
use std::ops::Range;

use super::knowledge::Knowledge;
use super::live::Live;
use super::{Changes, Fate};
use crate::{Element, ElementItems, ElementKind, FuncId, Module};

/// Takes functions out of the table whose places get nowhere. Says how many those are.
pub(super) fn empty_places(module: &mut Module<'_>, known: &Knowledge<'_>, live: &Live) -> usize {
    let taken: BTreeSet<FuncId> = live.taken(known).collect();
    if taken.len() == known.functions.len() {
        return 0;
    }
    leave_table(module, |_, id| taken.contains(&id));
    known.functions.len() - taken.len()
}

/// Has functions leave the table but for those that stay, by their place and what they are. What stands beside such a place
/// stands there too, so that no other moves.
pub(super) fn leave_table(module: &mut Module<'_>, stays: impl Fn(u64, FuncId) -> bool) {
    for id in module.elements.ids() {
        let Some(Element { kind: ElementKind::Active { offset, .. }, items: ElementItems::Functions(functions) }) =
            module.elements.get_mut(id)
        else {
            continue;
        };
        let Some(first) = offset.integer() else { continue };
        let stays = |at: usize, id: FuncId| stays(first.saturating_add(at as u64), id);
        let count = (0..functions.len()).rev().find(|&at| stays(at, functions[at])).map_or(0, |last| last + 1);
        functions.truncate(count);
        let mut beside = (0..count).find(|&at| stays(at, functions[at])).map(|first| functions[first]);
        for (at, place) in functions.iter_mut().enumerate() {
            if stays(at, *place) {
                beside = Some(*place);
            } else if let Some(other) = beside {
                *place = other;
            }
        }
    }
}

/// Clears the bytes that nothing loads. Says how many were not zero.
pub(super) fn clear(known: &mut Knowledge<'_>, dead: &[Range<u32>]) -> usize {
    dead.iter().filter_map(|range| known.bytes_mut(range.clone()).map(wipe)).sum()
}

/// The same of these.
pub(super) fn wipe(bytes: &mut [u8]) -> usize {
    let count = bytes.iter().filter(|&&byte| byte != 0).count();
    bytes.fill(0);
    count
}

/// The parts of objects that nothing loads, in order.
pub(super) fn never_loaded(known: &Knowledge<'_>, live: &Live, changes: &Changes) -> Vec<Range<u32>> {
    let uses = &live.uses;
    let mut found = Vec::new();
    let mut accesses = uses.accesses.iter().peekable();
    for (index, object) in known.objects.iter().enumerate() {
        let mut free = object.range.start;
        while let Some(access) = accesses.next_if(|access| access.object <= index) {
            let is_constant = matches!(changes.fate(access.function, access.operator), Some(Fate::Constant(_)));
            if !access.is_store && !is_constant && access.object == index {
                found.push((index, free..access.range.start.max(free)));
                free = free.max(access.range.end);
            }
        }
        found.push((index, free..object.range.end.max(free)));
    }
    let is_followed = |index: usize| !uses.escaped[index] && !uses.loaded[index];
    let some = found.into_iter().filter(|(index, range)| is_followed(*index) && !range.is_empty());
    some.map(|(_, range)| range).collect()
}
