//! Trim data: remove zeros at the ends of active data segments, where memory is zero anyway.
//!
//! **What.** `.bss` written out as zeros, and the zeros around other data, cost space and say nothing.
//!
//! **Why it is sound.** A memory defined here starts as zeros, and only segments write to it until all segments are
//! copied. So zeros that no earlier segment overlaps write what is there already. The trimmed segment must provably
//! fit, because one that does not fit traps, and a shorter one might not. A segment whose bytes all went is removed,
//! unless code can name segments by number. An active segment is dropped at instantiation, so code that names it
//! finds it empty in any case.
//!
//! **Example.** `trim-data` makes of
//! ```wat
//! (module
//!   (memory (export "m") 1)
//!   (data (i32.const 16) "\00\00\00\00ab\00\00"))
//! ```
//! this:
//! ```wat
//! (module
//!   (memory (;0;) 1)
//!   (export "m" (memory 0))
//!   (data (;0;) (i32.const 20) "ab")
//! )
//! ```
//!
//! **Limits.** Zeros inside a segment stay. One earlier segment of the same memory at an offset that is not a constant
//! stops the trimming of all later ones. Imported memories are not trimmed: the host may have written to them.

use super::segments;
use crate::{ConstExpr, Data, DataId, DataKind, Error, MemoryId, Module, Source};
use std::collections::BTreeMap;
use std::ops::Range;

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    let mut written: BTreeMap<MemoryId, Written> = BTreeMap::new();
    for id in module.data.ids() {
        let Some(data) = module.data.get(id) else { continue };
        let DataKind::Active { memory, offset } = &data.kind else { continue };
        let (memory, start) = (*memory, offset.integer());
        let written = written.entry(memory).or_default();
        if let Some(trim) = start.and_then(|start| trim(module, data, memory, start, written)) {
            apply(module, id, trim);
        }
        // Noted is what is left: what was trimmed wrote nothing new.
        if let Some(data) = module.data.get(id) {
            written.note(data);
        }
    }
    Ok(())
}

/// Which addresses of a memory the segments so far may have written.
#[derive(Default)]
struct Written {
    /// Disjoint ranges by their start; neighbours are joined.
    ranges: BTreeMap<u64, u64>,
    anywhere: bool,
}

impl Written {
    fn note(&mut self, data: &Data<'_>) {
        let DataKind::Active { offset, .. } = &data.kind else { return };
        let length = data.bytes.len() as u64;
        match offset.integer().and_then(|start| Some((start, start.checked_add(length)?))) {
            None => self.anywhere = true,
            Some((start, end)) if start < end => self.insert(start, end),
            Some(_) => {}
        }
    }

    fn insert(&mut self, mut start: u64, mut end: u64) {
        while let Some((&from, &to)) = self.ranges.range(..=end).next_back().filter(|&(_, &to)| to >= start) {
            self.ranges.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        self.ranges.insert(start, end);
    }

    /// The first written address in a range, and the end of the last.
    fn hull(&self, range: Range<u64>) -> Option<(u64, u64)> {
        let last = self.ranges.range(..range.end).next_back().filter(|&(_, &to)| to > range.start)?;
        let first = self.ranges.range(..=range.start).next_back().filter(|&(_, &to)| to > range.start);
        let first = first.or_else(|| self.ranges.range(range.start..range.end).next())?;
        Some(((*first.0).max(range.start), (*last.1).min(range.end)))
    }
}

/// What of a segment is to stay, and where it is then written.
struct Trim {
    keep: Range<usize>,
    offset: ConstExpr<'static>,
}

fn trim(module: &Module<'_>, data: &Data<'_>, memory: MemoryId, start: u64, written: &Written) -> Option<Trim> {
    let memory = module.memories.get(memory)?;
    if !matches!(memory.source, Source::Defined(())) || written.anywhere || !segments::data_fits(module, data) {
        return None;
    }
    let length = data.bytes.len();
    let mut first = data.bytes.iter().position(|&byte| byte != 0).unwrap_or(length);
    let mut last = data.bytes.iter().rposition(|&byte| byte != 0).map_or(first, |at| at + 1);
    if let Some((from, to)) = written.hull(start..start.checked_add(length as u64)?) {
        // Zeros over what another segment wrote do something.
        if first == length {
            (first, last) = ((from - start) as usize, (to - start) as usize);
        } else {
            first = first.min((from - start) as usize);
            last = last.max((to - start) as usize);
        }
    }
    let at = |skipped: usize| ConstExpr::address(memory.ty.memory64, start + skipped as u64);
    if first == last {
        // Nothing is left, so it does not matter where it is written: zero is shortest.
        let offset = ConstExpr::address(memory.ty.memory64, 0);
        let shorter = length > 0 || offset.bytes().len() < at(0).bytes().len();
        return shorter.then_some(Trim { keep: 0..0, offset });
    }
    // A later address may take more bytes than the zeros that are skipped.
    let growth = at(first).bytes().len().saturating_sub(at(0).bytes().len());
    if growth >= first {
        first = 0;
    }
    (first > 0 || last < length).then(|| Trim { keep: first..last, offset: at(first) })
}

fn apply(module: &mut Module<'_>, id: DataId, trim: Trim) {
    if trim.keep.is_empty() && !module.data_count {
        module.data.remove(id);
        return;
    }
    let Some(data) = module.data.get_mut(id) else { return };
    data.bytes = match &data.bytes {
        std::borrow::Cow::Borrowed(bytes) => bytes.get(trim.keep).unwrap_or_default().into(),
        std::borrow::Cow::Owned(bytes) => bytes.get(trim.keep).unwrap_or_default().to_vec().into(),
    };
    if let DataKind::Active { offset, .. } = &mut data.kind {
        *offset = trim.offset;
    }
}
