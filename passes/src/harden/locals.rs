//! What each local holds at the place of the walk.
//!
//! Assignments are logged, so that what a block did can be undone where its other way begins, and so that a branch
//! knows what changed since the block it leaves began. Nothing here costs anything for a local that is never used:
//! a function may declare 50,000 of them in four bytes.

use super::graph::{NONE, Node};
use crate::Error;
use wasmparser::ValType;

/// The types of a function's parameters and locals.
pub(super) struct Types<'t> {
    params: &'t [ValType],
    /// The first index behind each group, and its type.
    groups: Vec<(u32, ValType)>,
}

impl<'t> Types<'t> {
    pub(super) fn read(params: &'t [ValType], body: &wasmparser::FunctionBody<'_>) -> Result<Types<'t>, Error> {
        let mut end = params.len() as u32;
        let mut groups = Vec::new();
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            end = end.saturating_add(count);
            groups.push((end, ty));
        }
        Ok(Types { params, groups })
    }

    pub(super) fn of(&self, local: u32) -> Option<ValType> {
        if let Some(&ty) = self.params.get(local as usize) {
            return Some(ty);
        }
        let at = self.groups.partition_point(|&(end, _)| end <= local);
        self.groups.get(at).map(|&(_, ty)| ty)
    }

    pub(super) fn is_param(&self, local: u32) -> bool {
        (local as usize) < self.params.len()
    }

    /// Whether a value of one of these types can be in a local at all.
    pub(super) fn any(&self, mut wanted: impl FnMut(ValType) -> bool) -> bool {
        self.params.iter().any(|&ty| wanted(ty)) || self.groups.iter().any(|&(_, ty)| wanted(ty))
    }
}

#[derive(Clone, Copy)]
struct Slot {
    node: Node,
    /// The entry is of an earlier function, or of before the last label, unless this is the current era.
    era: u32,
    /// The last entry of the log about this local.
    logged: u32,
    /// Counts assignments of all locals: which one this is.
    version: u32,
    /// The first place at which what the local holds was read to be observed, and the region that it is in.
    observed: Option<(u32, u32)>,
}

struct Entry {
    local: u32,
    node: Node,
    logged: u32,
}

/// What each local holds.
#[derive(Default)]
pub(super) struct Locals {
    slots: Vec<Slot>,
    log: Vec<Entry>,
    era: u32,
    version: u32,
}

impl Locals {
    /// Forgets everything: at the start of a function, and where locals are not followed at every label.
    pub(super) fn forget(&mut self) {
        self.log.clear();
        self.era = self.era.wrapping_add(1);
        if self.era == 0 {
            self.slots.clear();
            self.era = 1;
        }
    }

    /// What a local holds, if that is known.
    pub(super) fn get(&self, local: u32) -> Option<Node> {
        self.slots.get(local as usize).filter(|slot| slot.era == self.era).map(|slot| slot.node)
    }

    /// Notes what a local held from the start.
    pub(super) fn begin(&mut self, local: u32, node: Node) {
        if self.slots.len() <= local as usize {
            let unused = Slot { node: NONE, era: 0, logged: NONE, version: 0, observed: None };
            self.slots.resize(local as usize + 1, unused);
        }
        self.version = self.version.wrapping_add(1);
        if let Some(slot) = self.slots.get_mut(local as usize) {
            *slot = Slot { node, era: self.era, logged: NONE, version: self.version, observed: None };
        }
    }

    /// Assigns a local that is known; `since` is where the innermost block began in the log.
    pub(super) fn assign(&mut self, local: u32, node: Node, since: usize) {
        let Some(slot) = self.slots.get_mut(local as usize) else { return };
        if slot.logged == NONE || (slot.logged as usize) < since {
            self.log.push(Entry { local, node: slot.node, logged: slot.logged });
            slot.logged = self.log.len() as u32 - 1;
        }
        slot.node = node;
        self.version = self.version.wrapping_add(1);
        slot.version = self.version;
        slot.observed = None;
    }

    /// Which assignment a local holds.
    pub(super) fn version(&self, local: u32) -> u32 {
        self.slots.get(local as usize).map_or(0, |slot| slot.version)
    }

    /// Where else a value can be guarded that was read from a local at this position to be observed: at an earlier
    /// such read in a region that `is_open`, because its guard changes the local, too.
    pub(super) fn observe(
        &mut self,
        (local, version): (u32, u32),
        position: u32,
        region: u32,
        is_open: impl Fn(u32) -> bool,
    ) -> u32 {
        let slot = self.slots.get_mut(local as usize);
        let Some(slot) = slot.filter(|slot| slot.era == self.era && slot.version == version) else { return position };
        match slot.observed {
            Some((earlier, region)) if is_open(region) => earlier.min(position),
            _ => {
                slot.observed = Some((position, region));
                position
            }
        }
    }

    /// Where the log ends now.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// The locals that were assigned since, some perhaps more than once, and how many entries that are.
    pub(super) fn assigned(&self, since: usize, at: usize) -> Option<u32> {
        self.log.get(since + at).map(|entry| entry.local)
    }

    /// Makes everything as it was.
    pub(super) fn undo(&mut self, since: usize) {
        while self.log.len() > since {
            let Some(entry) = self.log.pop() else { return };
            self.version = self.version.wrapping_add(1);
            if let Some(slot) = self.slots.get_mut(entry.local as usize) {
                slot.node = entry.node;
                slot.logged = entry.logged;
                slot.version = self.version;
                slot.observed = None;
            }
        }
    }
}
