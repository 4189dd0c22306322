//! Random modules with everything that wasmtime knows (exceptions, GC, 64-bit memories, references to functions):
//! hardened and under chaos, nobody outside can tell them from the originals under the deterministic profile.
//!
//! WBUILD_CHAOS_MODULES says how many.

use std::collections::BTreeMap;

use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Nans, Options, Random, Traps, Verdict};
use wbuild_passes::{Blame, harden};
use wbuild_proof::chaos::sealed;

use crate::random::module;
use crate::spec::in_parallel;

/// Of so many that are tried, so many run at least.
const MODULES: u64 = 3_000;
const RAN: usize = 2_000;

enum Case {
    Ran { changed: bool },
    Skipped(String),
    Failed(String),
}

#[test]
fn random_modules_of_every_proposal_do_not_show_which_nans_were_made() {
    let wanted = std::env::var("WBUILD_CHAOS_MODULES").ok().map(|text| text.parse().expect("WBUILD_CHAOS_MODULES"));
    let seeds: Vec<u64> = (0..wanted.unwrap_or(MODULES)).collect();
    let engine = engine::engine(Profile::Compare).unwrap();
    let (mut ran, mut changed, mut skipped, mut failures) = (0, 0, BTreeMap::<String, usize>::new(), Vec::new());
    for (seed, case) in seeds.iter().zip(in_parallel(&seeds, |seed| case(&engine, *seed))) {
        match case {
            Case::Ran { changed: by_hardening } => {
                ran += 1;
                changed += usize::from(by_hardening);
            }
            Case::Skipped(why) => *skipped.entry(why.chars().take(50).collect()).or_default() += 1,
            Case::Failed(why) => failures.push(format!("module {seed}: {why}")),
        }
    }
    println!("{ran} ran, {changed} of them with guards; skipped: {skipped:?}");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures[..failures.len().min(10)].join("\n"));
    assert!(wanted.is_some() || ran >= RAN && changed * 4 >= ran, "only {ran} ran, {changed} with guards");
}

fn case(engine: &wasmtime::Engine, seed: u64) -> Case {
    let Some(before) = module(&mut Random::new("hardened", seed), false, true) else {
        return Case::Skipped("not generated".to_string());
    };
    let options = harden::Options { simd: true, ..harden::Options::default() };
    let hardened = match harden::harden(&before, &options) {
        Ok((hardened, _)) => hardened,
        Err(e) if e.blame == Blame::Internal => return Case::Failed(e.to_string()),
        Err(e) => return Case::Skipped(format!("refused: {e}")),
    };
    let after = match sealed(&hardened, seed) {
        Ok(after) => after,
        Err(e) => return Case::Failed(e.to_string()),
    };
    // Fused in the engine, and not in the specification's profile.
    let fused = |bytes: &[u8]| wasmprinter::print_bytes(bytes).is_ok_and(|text| text.contains(".relaxed_"));
    if fused(&before) {
        return Case::Skipped("relaxed".to_string());
    }
    let options = Options {
        rounds: 3,
        max_calls: 60,
        seed,
        nans: Nans::Any,
        traps: Traps::Exact,
        max_memory: 64 << 20,
        ..Options::default()
    };
    match Comparison::new(engine.clone(), options).compare(&before, &after) {
        Ok(Verdict::Same(tally)) if tally.executed == 0 => Case::Skipped("nothing ran".to_string()),
        Ok(Verdict::Same(_)) => Case::Ran { changed: hardened != before },
        Ok(Verdict::Different(found)) => Case::Failed(found.to_string()),
        Err(e) => Case::Skipped(e.causes.first().cloned().unwrap_or(e.message)),
    }
}
