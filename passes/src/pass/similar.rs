//! Reorder functions for compression: functions that are alike come to stand near each other.
//!
//! **What.** A compressor finds what repeats only so far back (gzip 32 KiB), and repeats that are near are cheaper to name.
//! The order is found by recursive bisection: halve the functions so that few pieces of code occur in both halves, then
//! halve the halves. It is what "Compressing Graphs and Indexes with Recursive Graph Bisection" (Dhulipala and others,
//! 2016) does to documents, and what LLVM's linkers do to functions.
//!
//! **Why it is sound.** A function's number means nothing but the function; everything that names one is renumbered.
//!
//! **Example.** Of four functions of which the first and the third, and the second and the fourth are alike, the third
//! comes second.
//!
//! **Limits.** Raw, a module may become a little larger or smaller. It takes time in proportion to the code and the logarithm of the
//! number of functions; of large modules only a part of the pieces is looked at.

use std::collections::HashMap;

use super::outline::hash;
use crate::{Error, FuncId, Module};

/// The bytes of a piece of code.
const PIECE: usize = 8;
/// The most pieces that are looked at, over all functions.
const MOST: usize = 1 << 21;
/// How often the halves exchange functions at most.
const ROUNDS: usize = 12;
/// With how many of the other half an exchange is tried.
const PARTNERS: usize = 8;
/// So few functions are not halved any more.
const FEW: usize = 1;

/// A function with the pieces of code in it, by number.
struct Node {
    id: FuncId,
    pieces: Vec<u32>,
}

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    let mut nodes = nodes(module);
    let pieces = nodes.iter().flat_map(|node| &node.pieces).max().map_or(0, |most| *most as usize + 1);
    let mut counts = vec![[0u32; 2]; pieces];
    bisect(&mut nodes, &mut counts);
    let places: HashMap<FuncId, usize> = nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
    module.functions.sort_by_key(|id| places.get(&id).copied());
    Ok(())
}

fn nodes(module: &Module<'_>) -> Vec<Node> {
    let bodies = || module.bodies().map(|(id, body)| (id, body.bytes()));
    let total: usize = bodies().map(|(_, body)| body.len()).sum();
    let sparse = (total / MOST) as u64 + 1;
    // How many functions have each piece, and its number: those of one function tell nothing and have none.
    let mut found: HashMap<u64, (u32, Option<u32>)> = HashMap::new();
    let hashes: Vec<(FuncId, Vec<u64>)> = bodies()
        .map(|(id, body)| {
            let hashes = body.windows(PIECE).map(hash).filter(|hash| (hash >> 40).is_multiple_of(sparse));
            let mut hashes: Vec<u64> = hashes.collect();
            hashes.sort_unstable();
            hashes.dedup();
            (id, hashes)
        })
        .collect();
    for hash in hashes.iter().flat_map(|(_, hashes)| hashes) {
        found.entry(*hash).or_default().0 += 1;
    }
    let mut next = 0;
    hashes
        .into_iter()
        .map(|(id, hashes)| {
            let mut pieces = Vec::new();
            for hash in hashes {
                if let Some((_, number)) = found.get_mut(&hash).filter(|(count, _)| *count > 1) {
                    pieces.push(*number.get_or_insert_with(|| {
                        next += 1;
                        next - 1
                    }));
                }
            }
            Node { id, pieces }
        })
        .collect()
}

/// Orders functions; `counts` has a place for each piece, and is zero.
fn bisect(nodes: &mut [Node], counts: &mut [[u32; 2]]) {
    if nodes.len() <= FEW {
        return;
    }
    let middle = nodes.len() / 2;
    for (at, node) in nodes.iter().enumerate() {
        node.pieces.iter().for_each(|&piece| counts[piece as usize][usize::from(at >= middle)] += 1);
    }
    let sizes = [middle, nodes.len() - middle].map(|size| log2(size as u32));
    for _ in 0..ROUNDS {
        let gains: Vec<i64> = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| {
                node.pieces.iter().map(|&piece| gain(counts[piece as usize], usize::from(at >= middle), sizes)).sum()
            })
            .collect();
        let ranked = |range: std::ops::Range<usize>| {
            let mut places: Vec<usize> = range.collect();
            places.sort_by(|a, b| gains[*b].cmp(&gains[*a]).then(a.cmp(b)));
            places
        };
        let mut rest = ranked(middle..nodes.len()).into_iter();
        // The best of those that nobody was exchanged with.
        let mut partners: Vec<usize> = rest.by_ref().take(PARTNERS).collect();
        let mut moved = false;
        for left in ranked(0..middle) {
            let may = |right: &usize| gains[left] + gains[*right] > 0;
            let found = partners.iter().position(|right| may(right) && exchange(nodes, [left, *right], counts, sizes));
            if let Some(found) = found {
                partners.remove(found);
                partners.extend(rest.next());
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    for piece in nodes.iter().flat_map(|node| &node.pieces) {
        counts[*piece as usize] = [0, 0];
    }
    let (left, right) = nodes.split_at_mut(middle);
    bisect(left, counts);
    bisect(right, counts);
}

/// Exchanges two functions of both halves, if that saves something as things stand.
fn exchange(nodes: &mut [Node], pair: [usize; 2], counts: &mut [[u32; 2]], sizes: [i64; 2]) -> bool {
    let mut saved = 0;
    for (from, at) in pair.into_iter().enumerate() {
        for &piece in &nodes[at].pieces {
            saved += gain(counts[piece as usize], from, sizes);
            shift(&mut counts[piece as usize], from);
        }
    }
    if saved <= 0 {
        for (from, at) in pair.into_iter().enumerate() {
            nodes[at].pieces.iter().for_each(|&piece| shift(&mut counts[piece as usize], 1 - from));
        }
        return false;
    }
    nodes.swap(pair[0], pair[1]);
    true
}

fn shift(count: &mut [u32; 2], from: usize) {
    count[from] -= 1;
    count[1 - from] += 1;
}

/// What moving a function to the other half saves for one of its pieces: of the bits that naming the functions which have
/// it takes.
fn gain(count: [u32; 2], from: usize, sizes: [i64; 2]) -> i64 {
    let bits = |count: u32, half: usize| i64::from(count) * (sizes[half] - log2(count + 1));
    let both = |left: u32, right: u32| bits(left, 0) + bits(right, 1);
    let [left, right] = count;
    let moved = if from == 0 { both(left - 1, right + 1) } else { both(left + 1, right - 1) };
    both(left, right) - moved
}

/// The logarithm of a number that is not zero, in 65536ths. In whole numbers, since those are the same on every machine.
fn log2(number: u32) -> i64 {
    let whole = i64::from(number.ilog2());
    // Between 1 and 2, in 2^31sts; squaring it doubles the logarithm.
    let mut rest = u64::from(number) << (31 - whole);
    let mut fraction = 0;
    for _ in 0..16 {
        rest = (rest * rest) >> 31;
        fraction *= 2;
        if rest >= 1 << 32 {
            rest >>= 1;
            fraction += 1;
        }
    }
    whole << 16 | fraction
}
