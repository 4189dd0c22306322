//! Data segments for what is in a memory, as few bytes of them as can be.
//!
//! [`Image`] is what a memory holds, [`split`] turns it into active segments at constant addresses that make the same
//! memory out of zeros. The question is which gaps of zeros to write and which to skip at the price of a segment's
//! header, which is 5 to 23 bytes and depends on where the segment starts and how long it is.
//!
//! **What is exact.** By [`Measure::Raw`], no other active segments at constant addresses that make this memory out of
//! zeros take fewer bytes, in whatever order and however they overlap, unless [`Limits`] forced segments together. Of
//! those that take as few bytes, one with the fewest segments is taken. Not counted is how the section writes its own
//! size and its number of segments. It is enough to choose among segments that start where a run of other bytes than
//! zero starts and end where one ends:
//! - Of two segments that overlap, the one that starts first can end where the other starts, or, where it reaches as
//!   far, can hold the other's bytes in its place. Neither costs anything.
//! - A zero at a segment's end can go. A zero at its start can go as well: that saves a byte, and no address takes more
//!   than one byte more than the address before it.
//! - A run is never worth cutting. The length of the longer part takes at most one byte less than that of the whole,
//!   and the length of the other part takes at least one, so lengths save nothing, and the rest of a second header
//!   takes four bytes or more.
//!
//! [`Measure::Compressed`] is a rule of thumb, and so is what happens at the limit.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// What a memory holds: runs of bytes of which none is zero. Everything else is zero.
///
/// Runs are in ascending order, never overlap and never touch. It takes memory in proportion to the bytes that are not
/// zero and to the number of runs.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// The bytes of all runs, one run after the other; between them may be bytes that were forgotten.
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// A run of bytes that are not zero. It is never empty.
#[derive(Debug, Clone, Copy)]
struct Run {
    address: u64,
    length: u64,
    /// Where its bytes begin in those of the image.
    at: usize,
}

impl Run {
    fn end(&self) -> u64 {
        self.address + self.length
    }

    /// The part of it that lies at these addresses, which must be within it.
    fn part(&self, range: Range<u64>) -> Run {
        let skipped = range.start - self.address;
        Run { address: range.start, length: range.end - range.start, at: self.at + skipped as usize }
    }
}

impl Image {
    /// The image of a whole memory, from address 0 on.
    pub fn new(memory: &[u8]) -> Image {
        Image::from_parts([(0, memory)])
    }

    /// The image of a memory of which only some parts may differ from zero: an address and the bytes from there on.
    ///
    /// The parts may come in any order. Where they overlap, the later one counts, as it does with segments. Bytes at
    /// address 2^64 - 1 and beyond are left out; no memory reaches that far.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = (u64, &'a [u8])>) -> Image {
        let mut seen: BTreeMap<u64, &[u8]> = BTreeMap::new();
        for (start, bytes) in parts {
            let room = usize::try_from(u64::MAX - start).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(room)];
            if bytes.is_empty() {
                continue;
            }
            let end = start + bytes.len() as u64;
            while let Some((&from, &old)) = seen.range(..end).next_back() {
                let to = from + old.len() as u64;
                if to <= start {
                    break;
                }
                seen.remove(&from);
                if from < start {
                    seen.insert(from, &old[..(start - from) as usize]);
                }
                if to > end {
                    seen.insert(end, &old[(end - from) as usize..]);
                }
            }
            seen.insert(start, bytes);
        }
        let mut image = Image::default();
        for (start, bytes) in seen {
            image.scan(start, bytes);
        }
        image
    }

    /// Adds what is not zero in bytes that lie behind everything added so far.
    fn scan(&mut self, mut address: u64, mut bytes: &[u8]) {
        loop {
            let zeros = leading_zeros(bytes);
            bytes = &bytes[zeros..];
            address += zeros as u64;
            let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            if length == 0 {
                return;
            }
            match self.runs.last_mut() {
                // Two parts may touch in the middle of a run.
                Some(last) if last.end() == address => last.length += length as u64,
                _ => self.runs.push(Run { address, length: length as u64, at: self.bytes.len() }),
            }
            self.bytes.extend_from_slice(&bytes[..length]);
            bytes = &bytes[length..];
            address += length as u64;
        }
    }

    /// Makes bytes zero that nobody will read any more. Takes time in proportion to the number of runs.
    pub fn zero_range(&mut self, dead: Range<u64>) {
        self.zero_ranges(&[dead]);
    }

    /// Makes bytes zero that nobody will read any more, at many places at once.
    ///
    /// The ranges may come in any order and may overlap. All of them together take one walk over the runs.
    pub fn zero_ranges(&mut self, dead: &[Range<u64>]) {
        let mut dead: Vec<_> = dead.iter().filter(|range| !range.is_empty()).collect();
        dead.sort_unstable_by_key(|range| (range.start, range.end));
        let mut dead = dead.into_iter().peekable();
        let mut left = Vec::with_capacity(self.runs.len());
        for &run in &self.runs {
            let mut rest = run.address..run.end();
            while let Some(range) = dead.peek().filter(|range| range.start < rest.end && !rest.is_empty()) {
                if range.end > rest.start {
                    if range.start > rest.start {
                        left.push(run.part(rest.start..range.start));
                    }
                    rest.start = range.end.min(rest.end);
                }
                // A range that reaches beyond this run may cover the next one too.
                if range.end > run.end() {
                    break;
                }
                dead.next();
            }
            if !rest.is_empty() {
                left.push(run.part(rest));
            }
        }
        self.runs = left;
    }

    /// Writes a byte that is not zero, where it and its neighbours are.
    pub fn put(&mut self, address: u64, byte: u8) {
        let place = self.runs.partition_point(|run| run.address < address);
        self.runs.insert(place, Run { address, length: 1, at: self.bytes.len() });
        self.bytes.push(byte);
    }

    /// The runs in ascending order: address and bytes. No byte is zero, and between two runs there is at least one.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
        self.runs.iter().map(|run| (run.address, self.bytes_of(run)))
    }

    fn bytes_of(&self, run: &Run) -> &[u8] {
        &self.bytes[run.at..][..run.length as usize]
    }
}

/// How many zeros bytes begin with.
fn leading_zeros(bytes: &[u8]) -> usize {
    // A block is compared with a handful of vector instructions; a memory of gigabytes is nearly all zeros.
    let (blocks, _) = bytes.as_chunks::<64>();
    let skipped = blocks.iter().take_while(|block| block.iter().fold(0, |all, byte| all | byte) == 0).count() * 64;
    let rest = &bytes[skipped..];
    skipped + rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len())
}

/// What is to become small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    #[default]
    /// The bytes of the data section as it is written.
    Raw,
    /// The bytes after compression, for a module that is compressed for transport. Zeros cost little then and headers
    /// much, as they are all different, so every gap of up to [`COMPRESSED_GAP`] zeros is written.
    Compressed,
}

/// The widest gap, in bytes, that [`Measure::Compressed`] writes.
///
/// Measured on a snapshot of SQLite: gaps of 16, with dead bytes zeroed besides, took gzip's result from 446,041 bytes to
/// 434,060. It need not be best elsewhere.
pub const COMPRESSED_GAP: u64 = 16;

/// As many segments as engines take (the JavaScript API's limit).
pub const MOST_SEGMENTS: usize = 100_000;

/// What the segments must stay within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most segments there may be. Nothing can be said with none at all, so 0 counts as 1.
    ///
    /// It is on the whole module: who writes segments of other memories too subtracts them.
    pub segments: usize,
}

impl Default for Limits {
    /// 100,000 segments: what the JavaScript API of WebAssembly lets engines stop at, and what wasmparser stops at.
    fn default() -> Limits {
        Limits { segments: 100_000 }
    }
}

/// Segments that make this image out of a memory of zeros, as addresses and bytes, in ascending order.
///
/// `memory` is the index of the memory, which is written in every segment unless it is 0. Addresses are `i64` with
/// `memory64`, else `i32`, so that those from 2^31 on are written as negative numbers; the image of such a memory must
/// end within 4 GiB.
///
/// No segment is empty or begins or ends with a zero, so none reaches beyond what the image holds: where the image is
/// that of a memory, they fit. They do not overlap and their order does not matter. The same image gives the same
/// segments, however it came about.
///
/// If there would be more segments than the limit, the closest ones are joined, that is, those with the smallest gaps,
/// and of equally small gaps those at the lowest addresses. This writes as few additional zeros as that many joins can.
///
/// Takes time and memory in proportion to the bytes that are not zero, the number of runs and the zeros that are
/// written. Without more segments than the limit, those are at most 23 in a gap by [`Measure::Raw`]. At the limit the
/// gaps may be wide, up to the whole memory if that is what the limit asks for.
///
/// A length from 4 GiB on has no encoding. Nothing is done about it, as no module can be that long.
pub fn split<'a>(
    image: &'a Image,
    memory: u32,
    memory64: bool,
    measure: Measure,
    limits: &Limits,
) -> Vec<(u64, Cow<'a, [u8]>)> {
    let runs = &image.runs;
    let mut starts = match measure {
        Measure::Raw => cheapest(runs, memory, memory64),
        Measure::Compressed => (0..runs.len()).filter(|&run| run == 0 || gap(runs, run) > COMPRESSED_GAP).collect(),
    };
    join_closest(runs, &mut starts, limits.segments.max(1));
    let ends = starts.iter().skip(1).copied().chain([runs.len()]);
    starts.iter().zip(ends).filter_map(|(&start, end)| segment(image, &runs[start..end])).collect()
}

/// How many bytes the data section takes for one active segment of this many bytes at this address, header included.
///
/// `memory` and `memory64` are as for [`split`]. The length is at most 2^32 - 1, as the format has it.
pub fn size(memory: u32, memory64: bool, address: u64, length: u64) -> u64 {
    header(memory, memory64, address) + unsigned(length) + length
}

/// The bytes of a segment's header but for the length: a flag, the memory's index if the flag says that there is one,
/// and the address between the operator for a constant and `end`.
fn header(memory: u32, memory64: bool, address: u64) -> u64 {
    let index = if memory == 0 { 0 } else { unsigned(memory.into()) };
    let address = if memory64 { address as i64 } else { (address as u32 as i32).into() };
    1 + index + 1 + signed(address) + 1
}

/// The length of an unsigned LEB128: seven bits a byte.
fn unsigned(value: u64) -> u64 {
    u64::from((u64::BITS - value.leading_zeros()).max(1).div_ceil(7))
}

/// The length of a signed LEB128, which has a bit for the sign besides.
fn signed(value: i64) -> u64 {
    let magnitude = value ^ (value >> 63);
    u64::from((u64::BITS - magnitude.leading_zeros() + 1).div_ceil(7))
}

/// How many zeros there are before a run that is not the first.
fn gap(runs: &[Run], run: usize) -> u64 {
    run.checked_sub(1).map_or(0, |before| runs[run].address - runs[before].end())
}

/// The longest segment whose length takes one byte, two, and so on. Five bytes take every length that there is.
const LONGEST: [u64; 5] = [(1 << 7) - 1, (1 << 14) - 1, (1 << 21) - 1, (1 << 28) - 1, u64::MAX];

/// A run at which the last segment may start.
#[derive(Clone, Copy)]
struct Candidate {
    run: usize,
    address: u64,
    cost: Cost,
}

/// The bytes of headers less the zeros that are skipped, then the number of segments, which decides between equals.
///
/// The sum of all gaps may take 64 bits, so this takes more.
type Cost = (i128, usize);

/// At which runs the segments start that take the fewest bytes.
///
/// The cheapest segments up to a run's end consist of one last segment and the cheapest ones before it. The last
/// segment's cost depends on where it starts, and beyond that only on how many bytes its length takes. So for each
/// number of bytes there is a queue of the starts from which the length takes no more than those. The starts leave a
/// queue at its front, in order, as ends move up. One that costs as much as a later one leaves as well: the later one
/// is as good and stays longer. So costs rise in a queue, and the cheapest start is always at the front.
fn cheapest(runs: &[Run], memory: u32, memory64: bool) -> Vec<usize> {
    let mut queues: [VecDeque<Candidate>; LONGEST.len()] = Default::default();
    let mut cost: Cost = (0, 0);
    // At which run the last segment starts if there is nothing after this run.
    let mut start_of_last = Vec::with_capacity(runs.len());
    for (index, run) in runs.iter().enumerate() {
        let skipped = i128::from(gap(runs, index));
        let added = i128::from(header(memory, memory64, run.address));
        let new = Candidate { run: index, address: run.address, cost: (cost.0 + added - skipped, cost.1 + 1) };
        let mut best: Option<(Cost, usize)> = None;
        for ((queue, longest), length_bytes) in queues.iter_mut().zip(LONGEST).zip(1..) {
            while queue.pop_back_if(|other| other.cost >= new.cost).is_some() {}
            queue.push_back(new);
            while queue.pop_front_if(|start| run.end() - start.address > longest).is_some() {}
            if let Some(start) = queue.front() {
                let cost = (start.cost.0 + length_bytes, start.cost.1);
                best = best.filter(|best| best.0 <= cost).or(Some((cost, start.run)));
            }
        }
        // The last queue never loses the newest start, so there is a best one.
        let (least, start) = best.unwrap_or((new.cost, index));
        cost = least;
        start_of_last.push(start);
    }
    let mut starts = Vec::new();
    let mut end = runs.len();
    while let Some(last) = end.checked_sub(1) {
        end = start_of_last[last];
        starts.push(end);
    }
    starts.reverse();
    starts
}

/// Joins segments until there are no more than this many, which must be at least one.
fn join_closest(runs: &[Run], starts: &mut Vec<usize>, most: usize) {
    let excess = starts.len().saturating_sub(most);
    if excess == 0 {
        return;
    }
    let mut gaps: Vec<_> = starts.iter().skip(1).map(|&start| (gap(runs, start), start)).collect();
    // No two entries are equal, so the same ones come first however this works.
    gaps.select_nth_unstable(excess - 1);
    starts.truncate(1);
    starts.extend(gaps[excess..].iter().map(|&(_, start)| start));
    starts.sort_unstable();
}

/// One segment that holds these runs and the zeros between them.
fn segment<'a>(image: &'a Image, runs: &[Run]) -> Option<(u64, Cow<'a, [u8]>)> {
    let (first, last) = (runs.first()?, runs.last()?);
    if runs.len() == 1 {
        return Some((first.address, image.bytes_of(first).into()));
    }
    let mut bytes = Vec::with_capacity((last.end() - first.address) as usize);
    for run in runs {
        bytes.resize((run.address - first.address) as usize, 0);
        bytes.extend_from_slice(image.bytes_of(run));
    }
    Some((first.address, bytes.into()))
}
