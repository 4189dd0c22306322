//! Data in the order of how often code names it: small things that are named often first, what nothing loads last.
//!
//! An address in a load or store becomes an offset from a base (`pool-addresses`), which takes one byte up to 127, two up to
//! 16,383 and three behind. So objects stand in the order of how many loads and stores name a place in them, for each byte of
//! theirs. What nothing loads becomes one with the zeros behind. All others stay in the order that they had, since neighbours
//! in a program are alike.
//!
//! Objects move within their segment, so that what marks its beginning and end stays true. They keep the alignment that
//! their addresses have, up to 16, and take along what lies behind them unless it can be nothing but padding. So there may be
//! no room for the best order: then zeros come as near to it as fits, and others change places with those of one size and
//! alignment. Those stay that somebody else may know: by a number that is no address as the linker says, by an export, by a
//! symbol without a size.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::Changes;
use super::knowledge::{Knowledge, Segment};
use super::uses::Uses;
use crate::Module;

/// The most that is kept of an address's alignment, that of C's `max_align_t`.
const MOST_ALIGNED: u32 = 16;

/// How many gaps between objects are kept in mind; the smallest is forgotten first.
const GAPS: usize = 64;

/// Where objects go.
pub(super) struct Order {
    /// Bytes that move together, in the order of their old addresses, and where to.
    moves: Vec<(Range<u32>, u32)>,
    /// By how much the address of each object becomes larger, or smaller by wrapping around.
    distances: Vec<u32>,
}

impl Order {
    /// The best order for objects of which those in `dead`, sorted, are never loaded.
    pub fn find(known: &Knowledge<'_>, uses: &Uses, changes: &Changes, dead: &[Range<u32>]) -> Order {
        let mut named = vec![0; known.objects.len()];
        for access in &uses.accesses {
            named[access.object] += u64::from(changes.fate(access.function, access.operator).is_none());
        }
        let mut moves: Vec<(Range<u32>, u32)> = Vec::new();
        for segment in &known.segments {
            let all_zero = segment.bytes.iter().all(|&byte| byte == 0);
            let mut moved = places(&units(known, uses, segment, &named, dead), all_zero);
            moved.sort_by_key(|(range, _)| range.start);
            moves.append(&mut moved);
        }
        let distance = |start: u32| {
            let (range, to) = &moves[moves.partition_point(|(range, _)| range.start <= start).checked_sub(1)?];
            range.contains(&start).then(|| to.wrapping_sub(range.start))
        };
        let distances = known.objects.iter().map(|object| distance(object.range.start).unwrap_or(0)).collect();
        Order { moves, distances }
    }

    /// How many objects move.
    pub fn moved(&self) -> usize {
        self.distances.iter().filter(|&&distance| distance != 0).count()
    }

    /// By how much the address of an object becomes larger; functions stay.
    pub fn distance(&self, object: usize) -> u32 {
        self.distances.get(object).copied().unwrap_or(0)
    }

    /// Has the addresses that stand in memory be the new ones. They stand where they stood.
    pub fn point(&self, known: &mut Knowledge<'_>) {
        for index in 0..known.pointers.len() {
            let (at, object) = known.pointers[index];
            let distance = self.distance(object);
            if distance != 0
                && let Some(bytes) = known.bytes_mut(at..at.saturating_add(4))
            {
                let address = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                bytes.copy_from_slice(&address.wrapping_add(distance).to_le_bytes());
            }
        }
    }

    /// The module that was read with the new addresses in its code.
    pub fn name(&self, known: &Knowledge<'_>, module: &[u8]) -> Vec<u8> {
        let mut named = module.to_vec();
        for (&at, relocation) in &known.code {
            let distance = relocation.object.map_or(0, |object| self.distance(object));
            if distance != 0 {
                add(&mut named[at..at + relocation.ty.extent()], distance);
            }
        }
        named
    }

    /// Puts everything where it goes in a module's data.
    pub fn arrange(&self, module: &mut Module<'_>, known: &Knowledge<'_>) {
        for (id, segment) in module.data.ids().into_iter().zip(&known.segments) {
            let Some(data) = module.data.get_mut(id) else { continue };
            let mut bytes = segment.bytes.to_vec();
            let inside =
                |range: &Range<u32>| (range.start - segment.start) as usize..(range.end - segment.start) as usize;
            let first = self.moves.partition_point(|(range, _)| range.start < segment.start);
            let moves = || self.moves[first..].iter().take_while(|(range, _)| range.end <= segment.end());
            moves().for_each(|(range, _)| bytes[inside(range)].fill(0));
            for (range, to) in moves() {
                bytes[(to - segment.start) as usize..][..range.len()].copy_from_slice(&segment.bytes[inside(range)]);
            }
            data.bytes = bytes.into();
        }
    }
}

/// Adds to a number that the linker padded to five bytes.
fn add(number: &mut [u8], distance: u32) {
    let value = number.iter().rev().fold(0, |value: u32, byte| value << 7 | u32::from(byte & 0x7f));
    let mut rest = value.wrapping_add(distance);
    for byte in number {
        *byte = *byte & 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
}

/// Bytes that stay together.
struct Unit {
    range: Range<u32>,
    /// How many loads and stores name a place in it.
    named: u64,
    is_dead: bool,
    is_fixed: bool,
}

impl Unit {
    fn size(&self) -> u32 {
        self.range.end - self.range.start
    }

    fn alignment(&self) -> u32 {
        alignment(self.range.start)
    }

    fn shape(&self) -> (u32, u32) {
        (self.size(), self.alignment())
    }

    /// Those that are named more often for each byte before others, dead ones behind.
    fn before(&self, other: &Unit) -> Ordering {
        let (one, two) = (self.named * u64::from(other.size()), other.named * u64::from(self.size()));
        (self.is_dead, two, self.range.start).cmp(&(other.is_dead, one, other.range.start))
    }

    /// Where in a gap it may begin. An address of more alignment than it needs is left to others if there is `room`.
    fn place(&self, gap: &Range<u32>, room: bool) -> Option<u32> {
        let needed = self.alignment();
        let first = gap.start.checked_next_multiple_of(needed)?;
        let start = if room && alignment(first) > needed { first.checked_add(needed)? } else { first };
        (start.checked_add(self.size())? <= gap.end).then_some(start)
    }
}

fn alignment(address: u32) -> u32 {
    1 << address.trailing_zeros().min(MOST_ALIGNED.ilog2())
}

/// What moves as a whole in a segment.
fn units(known: &Knowledge<'_>, uses: &Uses, segment: &Segment<'_>, named: &[u64], dead: &[Range<u32>]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let first = known.objects.partition_point(|object| object.range.start < segment.start);
    let objects = known.objects.iter().enumerate().skip(first);
    for (index, object) in objects.take_while(|(_, object)| object.range.end <= segment.end()) {
        if let Some(before) = units.last_mut() {
            let gap = before.range.end..object.range.start;
            let is_empty = || known.bytes(gap.clone()).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0));
            if before.is_fixed || gap.len() as u32 >= alignment(gap.end) || !is_empty() {
                before.range.end = gap.end;
            }
        }
        let range = object.range.clone();
        let is_dead = dead.binary_search_by_key(&range.start, |dead| dead.start).is_ok_and(|at| dead[at] == range);
        let is_fixed = object.is_fixed || uses.pinned[index];
        units.push(Unit { range, named: named[index], is_dead, is_fixed });
    }
    units
}

/// Where those go that move: in the best order if there is room for it, among zeros in one that comes near, and else to
/// places of their own size and alignment.
fn places(units: &[Unit], all_zero: bool) -> Vec<(Range<u32>, u32)> {
    let mut best: Vec<&Unit> = units.iter().filter(|unit| !unit.is_fixed).collect();
    best.sort_by(|one, two| one.before(two));
    if best.is_sorted_by_key(|unit| unit.range.start) {
        return Vec::new();
    }
    let mut starts = fit(&best, gaps(units));
    // Zeros have neighbours that are alike in any order, and with the largest first more fits behind those that are named.
    let mut first = if all_zero { best.partition_point(|unit| unit.named > 0) } else { 0 };
    while starts.is_none() && first > 0 {
        best[first..].sort_by_key(|unit| (Reverse(unit.size()), unit.range.start));
        starts = fit(&best, gaps(units));
        first /= 2;
    }
    let starts = starts.unwrap_or_else(|| exchange(&best));
    let moves = best.iter().zip(starts).filter(|(unit, start)| unit.range.start != *start);
    moves.map(|(unit, start)| (unit.range.clone(), start)).collect()
}

/// The bytes that are free, around those that stay.
fn gaps(units: &[Unit]) -> Vec<Range<u32>> {
    let (Some(first), Some(last)) = (units.first(), units.last()) else { return Vec::new() };
    let fixed = units.iter().filter(|unit| unit.is_fixed).map(|unit| &unit.range);
    let starts = std::iter::once(first.range.start).chain(fixed.clone().map(|range| range.end));
    let ends = fixed.map(|range| range.start).chain([last.range.end]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|gap| !gap.is_empty()).collect()
}

/// Puts one after another where it fits first. `None` if one fits nowhere.
fn fit(order: &[&Unit], mut gaps: Vec<Range<u32>>) -> Option<Vec<u32>> {
    let mut starts = Vec::new();
    for unit in order {
        let place = |room| gaps.iter().enumerate().find_map(|(index, gap)| Some((index, unit.place(gap, room)?)));
        let (index, start) = place(true).or_else(|| place(false))?;
        let gap = gaps[index].clone();
        let rest = [gap.start..start, start + unit.size()..gap.end];
        gaps.splice(index..=index, rest.into_iter().filter(|gap| !gap.is_empty()));
        if gaps.len() > GAPS {
            let smallest = (0..gaps.len()).min_by_key(|&index| gaps[index].len())?;
            gaps.remove(smallest);
        }
        starts.push(start);
    }
    Some(starts)
}

/// Gives those of one size and alignment each other's places, the first ones to the first.
fn exchange(order: &[&Unit]) -> Vec<u32> {
    let mut places: HashMap<(u32, u32), BTreeSet<u32>> = HashMap::new();
    for unit in order {
        places.entry(unit.shape()).or_default().insert(unit.range.start);
    }
    let mut first = |unit: &&Unit| places.get_mut(&unit.shape()).and_then(BTreeSet::pop_first);
    order.iter().map(|unit| first(unit).unwrap_or(unit.range.start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Numbers;

    fn random(numbers: &mut Numbers) -> Vec<Unit> {
        let mut below = |end| numbers.next() % end;
        let mut end = 1024 + 4 * below(9) as u32;
        let count = below(60);
        let unit = |_| {
            let start = end.next_multiple_of(1 << below(5));
            let most = [4, 20, 300][below(3) as usize];
            end = start + 1 + below(most) as u32;
            let is_dead = below(8) == 0;
            let named = if is_dead { 0 } else { below(30).saturating_sub(20) };
            Unit { range: start..end, named, is_dead, is_fixed: below(9) == 0 }
        };
        (0..count).map(unit).collect()
    }

    #[test]
    fn wherever_things_move_none_overlaps_another_or_loses_its_alignment() {
        let mut numbers = Numbers(1);
        let mut moved = 0;
        for round in 0..2000 {
            let (units, all_zero) = (random(&mut numbers), round % 2 == 1);
            let moves = places(&units, all_zero);
            let mut now: Vec<Range<u32>> = Vec::new();
            for unit in &units {
                let to = moves.iter().find(|(range, _)| *range == unit.range).map(|(_, to)| *to);
                assert!(to.is_none() || !unit.is_fixed);
                let start = to.unwrap_or(unit.range.start);
                assert_eq!(start % alignment(unit.range.start), 0);
                now.push(start..start + unit.size());
            }
            now.sort_by_key(|range| range.start);
            assert!(now.is_sorted_by(|one, two| one.end <= two.start), "{now:?}");
            if let (Some(first), Some(last)) = (units.first(), units.last()) {
                assert!(now[0].start >= first.range.start && now[now.len() - 1].end <= last.range.end);
            }
            moved += usize::from(!moves.is_empty());
        }
        assert!(moved > 1000, "{moved}");
    }

    #[test]
    fn what_is_named_most_for_its_size_comes_first_and_what_nothing_loads_last() {
        let unit = |start, size, named, is_dead| Unit { range: start..start + size, named, is_dead, is_fixed: false };
        let units = [
            unit(1024, 64, 0, false),
            unit(1088, 16, 0, true),
            unit(1104, 64, 8, false),
            unit(1168, 16, 0, false),
            unit(1184, 16, 8, false),
        ];
        let mut now: Vec<u32> = units.iter().map(|unit| unit.range.start).collect();
        for (range, to) in places(&units, false) {
            now[units.iter().position(|unit| unit.range == range).unwrap()] = to;
        }
        assert_eq!(now, [1104, 1184, 1040, 1168, 1024]);
    }

    #[test]
    fn padded_numbers_keep_their_length() {
        let mut number = [0x80 | 0x7f, 0x80 | 1, 0x80, 0x80, 0];
        add(&mut number, 1);
        assert_eq!(number, [0x80, 0x82, 0x80, 0x80, 0]);
        add(&mut number, 0u32.wrapping_sub(200));
        assert_eq!(number, [0x80 | 56, 0x80, 0x80, 0x80, 0]);
    }
}
