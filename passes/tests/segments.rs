//! Data segments for a memory: that they make it again, that they are as small as can be, and that limits hold.

use std::borrow::Cow;
use wasm_encoder::{ConstExpr, DataSection, Encode};
use wbuild_passes::segments::{COMPRESSED_GAP, Image, Limits, Measure, size, split};
use wbuild_passes::{wasm_encoder, wasmparser};

/// A generator of numbers with a fixed seed, so that every run of the tests sees the same images.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of(&mut self, choices: &[u64]) -> u64 {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn nonzero(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8 | 1).collect()
    }
}

/// Which memory the segments are for.
#[derive(Debug, Clone, Copy)]
struct Memory {
    index: u32,
    memory64: bool,
}

/// A memory of each kind, with indices of one byte, of two and of five.
fn memories() -> impl Iterator<Item = Memory> {
    let of = |memory64| [0, 1, 127, 128, u32::MAX].map(|index| Memory { index, memory64 });
    of(false).into_iter().chain(of(true))
}

const NO_LIMIT: Limits = Limits { segments: usize::MAX };

type Segments<'a> = [(u64, Cow<'a, [u8]>)];

/// What wasm-encoder makes of segments, without the section's size and number of segments.
fn encoded(memory: Memory, segments: &Segments<'_>) -> u64 {
    let mut section = DataSection::new();
    for (address, bytes) in segments {
        let offset = match memory.memory64 {
            true => ConstExpr::i64_const(*address as i64),
            false => ConstExpr::i32_const(u32::try_from(*address).unwrap() as i32),
        };
        section.active(memory.index, &offset, bytes.iter().copied());
    }
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    let mut reader = wasmparser::BinaryReader::new(&bytes, 0);
    reader.read_var_u32().unwrap();
    assert_eq!(reader.read_var_u32().unwrap() as usize, segments.len());
    reader.bytes_remaining() as u64
}

/// The same by the function under test.
fn computed(memory: Memory, segments: &Segments<'_>) -> u64 {
    segments.iter().map(|(address, bytes)| size(memory.index, memory.memory64, *address, bytes.len() as u64)).sum()
}

fn runs(image: &Image) -> Vec<(u64, Vec<u8>)> {
    image.runs().map(|(address, bytes)| (address, bytes.to_vec())).collect()
}

/// Segments of an image, after checking all that must hold of any.
fn checked<'a>(image: &'a Image, memory: Memory, measure: Measure, limits: &Limits) -> Vec<(u64, Cow<'a, [u8]>)> {
    let segments = split(image, memory.index, memory.memory64, measure, limits);
    assert!(segments.len() <= limits.segments.max(1));
    let mut end = 0;
    for (address, bytes) in &segments {
        assert!(*address >= end, "segments are in order and do not overlap");
        assert!(bytes.first().is_some_and(|&byte| byte != 0) && bytes.last().is_some_and(|&byte| byte != 0));
        end = address.checked_add(bytes.len() as u64).unwrap();
    }
    let parts = segments.iter().map(|(address, bytes)| (*address, bytes.as_ref()));
    assert!(Image::from_parts(parts).runs().eq(image.runs()), "segments make the image again");
    segments
}

/// Random runs with gaps about as long as a header, on both sides of an address where encodings change.
fn image_at(numbers: &mut Numbers, boundary: u64, long: u64, count: u64) -> Image {
    let mut parts = Vec::new();
    let mut address = boundary.saturating_sub(numbers.below(2 * count + 1) * 2);
    for _ in 0..count {
        // A run that is itself just short of a class of lengths makes what follows decide.
        let length = match numbers.below(5) {
            0 => long.saturating_sub(numbers.below(40)).max(1),
            1 => numbers.one_of(&[long / 2, long / 3, 1]).max(1),
            _ => 1 + numbers.below(6),
        };
        parts.push((address, numbers.nonzero(length)));
        address += length + 1 + numbers.below(13) + numbers.one_of(&[0, 0, 0, 0, 8, 300]);
    }
    Image::from_parts(parts.iter().map(|(address, bytes)| (*address, bytes.as_slice())))
}

/// Addresses at which the encoding's length changes, with more of them where only 64-bit memories reach.
const BOUNDARIES: [u64; 11] = [0, 64, 8192, 1 << 20, 1 << 27, 1 << 31, 1 << 32, 1 << 34, 1 << 41, 1 << 48, 1 << 63];

/// Shifts an image that would end beyond the memory.
fn fit(image: Image, memory: Memory) -> Image {
    let runs = runs(&image);
    let end = runs.last().map_or(0, |(address, bytes)| address + bytes.len() as u64);
    let back = if memory.memory64 { 0 } else { end.saturating_sub(1 << 32) };
    Image::from_parts(runs.iter().map(|(address, bytes)| (address - back, bytes.as_slice())))
}

/// The smallest encoding with segments that begin and end with runs, by trying all subsets of gaps, and the fewest
/// segments that reach it. Sizes are wasm-encoder's.
fn least_of_all_subsets(image: &Image, memory: Memory) -> (u64, usize) {
    let runs = runs(image);
    let sizes: Vec<Vec<u64>> = (0..runs.len())
        .map(|first| {
            let start = runs[first].0;
            let ends = runs[first..].iter().map(|(address, bytes)| address + bytes.len() as u64);
            ends.map(|end| encoded(memory, &[(start, vec![1; (end - start) as usize].into())])).collect()
        })
        .collect();
    let mut least = (u64::MAX, 0);
    for cuts in 0..1u32 << (runs.len() - 1) {
        let (mut total, mut segments, mut first) = (0, 0, 0);
        for last in 0..runs.len() {
            if last + 1 == runs.len() || cuts & (1 << last) != 0 {
                total += sizes[first][last - first];
                segments += 1;
                first = last + 1;
            }
        }
        least = least.min((total, segments));
    }
    least
}

#[test]
fn no_choice_of_gaps_is_smaller() {
    let mut numbers = Numbers(1);
    let (mut split_somewhere, mut joined_somewhere) = (0, 0);
    for round in 0..40 {
        for memory in memories() {
            let long = numbers.one_of(&[127, 128, 129, 160, 3]);
            let (boundary, count) =
                (numbers.one_of(&BOUNDARIES[..if memory.memory64 { 11 } else { 7 }]), 2 + round % 9);
            let image = fit(image_at(&mut numbers, boundary, long, count), memory);
            let segments = checked(&image, memory, Measure::Raw, &NO_LIMIT);
            let found = (computed(memory, &segments), segments.len());
            assert_eq!(found.0, encoded(memory, &segments));
            assert_eq!(found, least_of_all_subsets(&image, memory), "{memory:?} at {boundary}: {:?}", runs(&image));
            split_somewhere += usize::from(segments.len() > 1);
            joined_somewhere += usize::from(segments.len() < image.runs().len());
        }
    }
    assert!(split_somewhere > 200 && joined_somewhere > 200, "{split_somewhere} split, {joined_somewhere} joined");
}

#[test]
fn no_choice_of_gaps_is_smaller_at_long_lengths() {
    let mut numbers = Numbers(2);
    for round in 0..60 {
        let memory = Memory { index: round % 2, memory64: round % 3 == 0 };
        let long = numbers.one_of(&[16383, 16384, 16385, 16400]);
        let boundary = numbers.one_of(&BOUNDARIES[..7]);
        let image = fit(image_at(&mut numbers, boundary, long, 6), memory);
        let segments = checked(&image, memory, Measure::Raw, &NO_LIMIT);
        let found = (computed(memory, &segments), segments.len());
        assert_eq!(found, least_of_all_subsets(&image, memory), "{memory:?} at {boundary}");
    }
}

#[test]
fn a_length_that_takes_one_more_byte_decides_about_a_gap() {
    let memory = Memory { index: 0, memory64: false };
    for longest in [127u64, 16383, (1 << 21) - 1] {
        let bytes = vec![1; longest as usize + 3];
        for total in longest - 2..longest + 3 {
            for gap in 3..8 {
                for first in [1, 20, total - gap - 20, total - gap - 1] {
                    let second = total - gap - first;
                    let parts = [(0, &bytes[..first as usize]), (first + gap, &bytes[..second as usize])];
                    let image = Image::from_parts(parts);
                    let segments = checked(&image, memory, Measure::Raw, &NO_LIMIT);
                    let apart = size(0, false, 0, first) + size(0, false, first + gap, second);
                    let joined = size(0, false, 0, total);
                    assert_eq!(segments.len() == 1, joined <= apart, "{first} bytes, {gap} zeros, {second} bytes");
                }
            }
        }
    }
    // Written down once: a header here takes 5 bytes, and joined the length takes 1 or 2.
    let (first, second) = ([1; 20], [2; 103]);
    let wide = Image::from_parts([(0, first.as_slice()), (25, &second)]);
    assert_eq!(checked(&wide, memory, Measure::Raw, &NO_LIMIT).len(), 2, "133 bytes, and 134 in one");
    let narrow = Image::from_parts([(0, first.as_slice()), (25, &second[..102])]);
    assert_eq!(checked(&narrow, memory, Measure::Raw, &NO_LIMIT).len(), 1, "132 bytes either way, so fewer segments");
}

#[test]
fn no_segments_at_all_are_smaller() {
    // All segments that do not overlap: they may cut runs and may begin and end with zeros.
    let mut numbers = Numbers(3);
    for round in 0..60 {
        for memory in memories() {
            let base =
                numbers.one_of(&[0, 40, 60, 8180, (1 << 20) - 9, (1 << 31) - 20, (1 << 32) - 8300, (1 << 32) - 400]);
            let length = if round % 6 == 0 { 300 } else { 30 };
            let dense = numbers.one_of(&[2, 5, 9, 50]);
            let mut bytes: Vec<u8> = (0..length).map(|_| u8::from(numbers.below(12) < dense)).collect();
            // Longer gaps, too.
            for _ in 0..numbers.below(4) {
                let from = numbers.below(length) as usize;
                let to = (from + 12).min(bytes.len());
                bytes[from..to].fill(0);
            }
            let mut least = vec![0; bytes.len() + 1];
            for end in 1..=bytes.len() {
                let skip = if bytes[end - 1] == 0 { least[end - 1] } else { u64::MAX };
                let segment = |start: usize| {
                    let (address, length) = (base + start as u64, (end - start) as u64);
                    least[start] + size(memory.index, memory.memory64, address, length)
                };
                least[end] = (0..end).map(segment).min().unwrap().min(skip);
            }
            let image = Image::from_parts([(base, bytes.as_slice())]);
            let segments = checked(&image, memory, Measure::Raw, &NO_LIMIT);
            assert_eq!(computed(memory, &segments), least[bytes.len()], "{memory:?} at {base}: {bytes:?}");
        }
    }
}

#[test]
fn sizes_are_those_of_the_encoder() {
    let edges = [6, 7, 13, 14, 20, 21, 27, 28, 31, 32, 34, 35, 41, 48, 55, 62, 63];
    let around = |edge: u64| [edge.wrapping_sub(1), edge, edge + 1];
    for memory in memories() {
        let addresses = edges.iter().flat_map(|&bit| around(1 << bit));
        // From 2^31 on, addresses are negative and get shorter again.
        let negative = edges[..8].iter().flat_map(|&bit| around((1 << 32) - (1 << bit)));
        for address in addresses.chain(negative).chain([0, 1, u32::MAX.into(), u64::MAX]) {
            for length in [0usize, 1, 127, 128, 16383, 16384] {
                if memory.memory64 || u32::try_from(address).is_ok() {
                    let real = encoded(memory, &[(address, vec![1; length].into())]);
                    assert_eq!(size(memory.index, memory.memory64, address, length as u64), real, "{address} {length}");
                }
            }
        }
        for length in [(1 << 21) - 1, 1 << 21] {
            let real = encoded(memory, &[(0, vec![1; length].into())]);
            assert_eq!(size(memory.index, memory.memory64, 0, length as u64), real);
        }
    }
    assert_eq!(size(0, false, 0, u32::MAX.into()), 4 + 5 + u64::from(u32::MAX));
    assert_eq!(size(0, false, 0, (1 << 28) - 1), 4 + 4 + (1 << 28) - 1);
}

#[test]
fn compressed_writes_gaps_up_to_a_constant() {
    let (gap, one) = (COMPRESSED_GAP, [1].as_slice());
    let image = Image::from_parts([(3, one), (4 + gap, one), (4 + gap + 1 + gap + 1, one)]);
    let memory = Memory { index: 0, memory64: false };
    let segments = checked(&image, memory, Measure::Compressed, &NO_LIMIT);
    let lengths: Vec<_> = segments.iter().map(|(address, bytes)| (*address, bytes.len() as u64)).collect();
    assert_eq!(lengths, [(3, gap + 2), (6 + 2 * gap, 1)]);
}

#[test]
fn limits_join_the_closest() {
    // Gaps of 100, 30, 50, 30, 200.
    let one = [7].as_slice();
    let image = Image::from_parts([0, 101, 132, 183, 214, 415].map(|address| (address, one)));
    let memory = Memory { index: 0, memory64: false };
    let starts_at = |segments, measure| -> Vec<u64> {
        checked(&image, memory, measure, &Limits { segments }).iter().map(|(address, _)| *address).collect()
    };
    for measure in [Measure::Raw, Measure::Compressed] {
        assert_eq!(starts_at(6, measure), [0, 101, 132, 183, 214, 415]);
        assert_eq!(starts_at(5, measure), [0, 101, 183, 214, 415], "of equal gaps the lowest");
        assert_eq!(starts_at(4, measure), [0, 101, 183, 415]);
        assert_eq!(starts_at(3, measure), [0, 101, 415]);
        assert_eq!(starts_at(2, measure), [0, 415]);
        assert_eq!(starts_at(1, measure), [0]);
        assert_eq!(starts_at(0, measure), [0]);
    }
    let mut numbers = Numbers(4);
    for segments in 0..30 {
        for memory in memories() {
            let image = image_at(&mut numbers, 60, 127, 25);
            checked(&image, memory, Measure::Raw, &Limits { segments });
            checked(&image, memory, Measure::Compressed, &Limits { segments });
        }
    }
}

#[test]
fn an_image_without_content_has_no_segments() {
    let memory = Memory { index: 0, memory64: false };
    let mut cleared = Image::new(b"\0\0ab\0c");
    cleared.zero_range(0..u64::MAX);
    let zeros = vec![0; 1 << 20];
    for image in [Image::default(), Image::new(&[]), Image::new(&zeros), cleared, Image::from_parts([])] {
        for measure in [Measure::Raw, Measure::Compressed] {
            for segments in [0, 1, 100_000] {
                assert!(checked(&image, memory, measure, &Limits { segments }).is_empty());
            }
        }
    }
}

#[test]
fn images_hold_what_was_put_in() {
    // Against a memory that is written and cleared byte by byte.
    let mut numbers = Numbers(5);
    for _ in 0..400 {
        let mut memory = vec![0u8; 700];
        let mut parts = Vec::new();
        for _ in 0..numbers.below(12) {
            let start = numbers.below(700) as usize;
            let length = (numbers.below(200) as usize).min(700 - start);
            let zero = numbers.below(4);
            let bytes: Vec<u8> = (0..length).map(|_| if numbers.below(4) < zero { 0 } else { 9 }).collect();
            memory[start..start + length].copy_from_slice(&bytes);
            parts.push((start as u64, bytes));
        }
        let mut image = Image::from_parts(parts.iter().map(|(start, bytes)| (*start, bytes.as_slice())));
        assert_eq!(runs(&image), runs(&Image::new(&memory)));
        assert_eq!(runs(&image), runs_of(&memory));
        for _ in 0..2 {
            let dead: Vec<_> = (0..numbers.below(10))
                .map(|_| {
                    let start = numbers.below(720);
                    start..start + numbers.below(120)
                })
                .collect();
            for range in &dead {
                memory[range.start.min(700) as usize..range.end.min(700) as usize].fill(0);
            }
            image.zero_ranges(&dead);
            assert_eq!(runs(&image), runs_of(&memory), "{dead:?}");
            checked(&image, Memory { index: 0, memory64: false }, Measure::Raw, &NO_LIMIT);
        }
    }
}

/// The runs of a memory, found byte by byte.
fn runs_of(memory: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
    for (address, &byte) in memory.iter().enumerate() {
        match runs.last_mut() {
            _ if byte == 0 => {}
            Some((start, bytes)) if *start as usize + bytes.len() == address => bytes.push(byte),
            _ => runs.push((address as u64, vec![byte])),
        }
    }
    runs
}

#[test]
fn the_last_byte_of_a_memory_can_be_written() {
    let memory = Memory { index: 0, memory64: false };
    let image = Image::from_parts([(0, [1].as_slice()), (u32::MAX.into(), &[2])]);
    let segments = checked(&image, memory, Measure::Raw, &Limits::default());
    // The address of the last byte is -1, so it is as short as 0.
    assert_eq!((segments.len(), encoded(memory, &segments)), (2, 12));
    // Beyond every memory there is nothing.
    let image = Image::from_parts([(u64::MAX - 1, [1, 2, 3].as_slice()), (u64::MAX, &[4])]);
    assert_eq!(runs(&image), [(u64::MAX - 1, vec![1])]);
}

#[test]
fn a_million_runs() {
    let mut numbers = Numbers(6);
    let mut bytes = Vec::new();
    for _ in 0..1_000_000 {
        let length = 1 + numbers.below(8);
        bytes.extend(numbers.nonzero(length));
        bytes.resize(bytes.len() + 1 + numbers.below(20) as usize, 0);
    }
    let mut image = Image::new(&bytes);
    assert_eq!(image.runs().len(), 1_000_000);
    for memory in [Memory { index: 0, memory64: false }, Memory { index: 300, memory64: true }] {
        let unlimited = checked(&image, memory, Measure::Raw, &NO_LIMIT);
        let limited = checked(&image, memory, Measure::Raw, &Limits::default());
        assert!(unlimited.len() > 100_000 && limited.len() == 100_000);
        assert_eq!(computed(memory, &unlimited), encoded(memory, &unlimited));
        let compressed = checked(&image, memory, Measure::Compressed, &Limits::default());
        assert!(computed(memory, &unlimited) <= computed(memory, &compressed).min(computed(memory, &limited)));
    }
    // As many dead chunks as a large heap may have.
    let dead: Vec<_> = (0..100_000).rev().map(|chunk| chunk * 150..chunk * 150 + 60).collect();
    image.zero_ranges(&dead);
    dead.iter().for_each(|range| {
        let end = bytes.len() as u64;
        bytes[range.start.min(end) as usize..range.end.min(end) as usize].fill(0);
    });
    assert!(Image::new(&bytes).runs().eq(image.runs()));
}
