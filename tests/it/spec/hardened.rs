//! The testsuite once more, every module hardened and then put under NaN chaos: each NaN that an assertion asks for
//! must be the positive canonical one, as the deterministic profile has it. What passes as it is must pass.

use std::collections::{BTreeMap, HashMap};

use wasmtime::Module;
use wbuild::engine::{Profile, engine};
use wbuild_passes::{Blame, harden};
use wbuild_proof::chaos;

use super::play::{Nans, play};
use super::{in_parallel, modules, passed, regressions, scripts};

/// What was once reached.
const CHANGED: usize = 150;
const SEEDS: u64 = 3;

/// `f64x2.neg` of a positive NaN, for which `nan:canonical` stands: the deterministic profile says the negative one.
const NEGATED: &str = "simd/simd_f64x2_arith.wast:5297: ";
/// How often, of each chaos, an imported memory may be refused growth that its declared maximum allows: its actual
/// maximum is smaller, and a refusal below the declared one traps, as a hardened module must.
const REFUSED_GROWTH: usize = 10;

#[test]
fn every_assertion_of_the_specification_holds_once_hardened_whatever_nans_are_made() {
    let engine = engine(Profile::Deterministic).unwrap();
    let scripts = scripts();
    let modules = modules(&engine, &scripts);
    let options = harden::Options { simd: true, ..harden::Options::default() };
    let hardened = in_parallel(&modules, |(bytes, _)| harden::harden(bytes, &options).map(|(hardened, _)| hardened));
    let mut refused = BTreeMap::<String, usize>::new();
    let mut tame = HashMap::new();
    for ((bytes, _), hardened) in modules.iter().zip(hardened) {
        match hardened {
            Ok(hardened) => drop(tame.insert(bytes.as_slice(), hardened)),
            Err(e) if e.blame == Blame::Internal => panic!("{e}"),
            Err(e) => *refused.entry(e.message).or_default() += 1,
        }
    }
    let changed = tame.iter().filter(|(before, after)| **before != after.as_slice()).count();
    println!("{} of {} modules hardened, {changed} of them changed; refused: {refused:?}", tame.len(), modules.len());
    assert!(changed >= CHANGED, "only {changed} modules changed");

    let plain = |bytes: &[u8]| Module::new(&engine, bytes).map_err(|e| format!("{e:#}"));
    let baseline = in_parallel(&scripts, |script| play(&engine, script, Nans::Allowed, &plain));
    let (mut failures, mut refused_growth) = (Vec::new(), 0);
    for seed in 0..SEEDS {
        let compile = |bytes: &[u8]| match tame.get(bytes) {
            Some(hardened) => plain(&chaos(hardened, seed).map_err(|e| e.to_string())?),
            None => plain(bytes),
        };
        let results = in_parallel(&scripts, |script| play(&engine, script, Nans::Deterministic, &compile));
        println!("chaos {seed}: {} assertions pass", results.iter().map(passed).sum::<usize>());
        for ((script, before), after) in scripts.iter().zip(&baseline).zip(&results) {
            for failure in regressions(script, before, after) {
                if failure.contains("wasm `unreachable`") && script.modules().any(|module| imports_memory(module)) {
                    refused_growth += 1;
                } else if !failure.starts_with(NEGATED) {
                    failures.push(failure);
                }
            }
        }
    }
    assert!(refused_growth <= REFUSED_GROWTH * SEEDS as usize, "growth was refused {refused_growth} times");
    assert!(failures.is_empty(), "{} regressions:\n{}", failures.len(), failures[..failures.len().min(40)].join("\n"));
}

fn imports_memory(module: &[u8]) -> bool {
    let module = wbuild_passes::Module::parse(module);
    module.is_ok_and(|module| module.live_imports().any(|item| matches!(item, wbuild_passes::Item::Memory(_))))
}
