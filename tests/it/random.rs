//! Random modules through random lists of passes, and through Binaryen between them: nobody outside
//! may be able to tell.
//!
//! WBUILD_RANDOM_MODULES says how many (20,000 unless set); WBUILD_RANDOM_SEED repeats one.

mod changes;

use std::collections::BTreeMap;

use arbitrary::Unstructured;
use wasm_smith::{Config, Module as Smith};
use wasmparser::{Operator, Parser, Payload};
use wbuild::binaryen::{Accept, LEVELS, Outcome, Request, optimize_all};
use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Nans, Options, Random, Tally, Traps, Verdict};
use wbuild_passes::Blame;

use self::changes::{address, changed, choices, crowd, hide_tables, repeat, sums};
use crate::spec::in_parallel;

/// Modules that share a child of Binaryen's.
const BATCH: u64 = 50;
/// How many rounds of loops and calls a module has before it traps.
const STEPS: u32 = 300;
/// The passes that keep the interface, so that before and after can be compared.
const PASSES: [&str; 19] = [
    "lower-to-mvp",
    "remove-unused-module-elements",
    "trim-data",
    "pack-data",
    "pack-data-for-compression",
    "fold-offsets",
    "branch-before-loops",
    "pool-addresses",
    "outline",
    "pool-constants",
    "pool-constants-for-startup",
    "reorder-functions",
    "reorder-functions-for-compression",
    "reorder-locals",
    "shortest-encodings",
    "strip-debug",
    "strip-producers",
    "strip-target-features",
    "strip",
];

/// Those that find little to do in random code; they must change one module in a hundred.
const RARE: [&str; 6] = [
    "branch-before-loops",
    "fold-offsets",
    "outline",
    "pool-addresses",
    "pool-constants-for-startup",
    "reorder-functions",
];

#[test]
fn random_modules_behave_the_same_after_random_passes() {
    if let Some(seed) = number("WBUILD_RANDOM_SEED") {
        let case = batch(&[seed]).remove(0);
        println!("seed {seed}: {case:?}");
        return assert!(!matches!(case, Case::Failed(_)), "{case:?}");
    }
    let wanted = number("WBUILD_RANDOM_MODULES").unwrap_or(20_000);
    // One in ten may be skipped.
    let seeds: Vec<u64> = (0..wanted * 10 / 9).collect();
    let batches: Vec<&[u64]> = seeds.chunks(BATCH as usize).collect();
    let mut failures = Vec::new();
    let (mut ran, mut skipped) = (0, BTreeMap::<String, usize>::new());
    let (mut total, mut optimized, mut changed) = (Tally::default(), 0, 0);
    let mut fired = RARE.map(|_| 0);
    let cases = in_parallel(&batches, |seeds| batch(seeds));
    for (seed, case) in seeds.iter().zip(cases.into_iter().flatten()) {
        match case {
            Case::Ran { tally, by_binaryen, different_bytes, rare } => {
                ran += 1;
                fired.iter_mut().zip(rare).for_each(|(count, fires)| *count += usize::from(fires));
                optimized += usize::from(by_binaryen);
                changed += usize::from(different_bytes);
                total.calls += tally.calls;
                total.executed += tally.executed;
                total.trapped += tally.trapped;
                total.inconclusive += tally.inconclusive;
            }
            Case::Skipped(why) => *skipped.entry(why).or_default() += 1,
            Case::Failed(why) => failures.push(format!(
                "seed {seed}: {why}\n  WBUILD_RANDOM_SEED={seed} cargo test --release --workspace --test it random -- --nocapture"
            )),
        }
    }
    println!(
        "{ran} modules ran ({changed} with other bytes, {optimized} through Binaryen, {RARE:?} in {fired:?}): {total:?}"
    );
    println!("skipped: {skipped:?}");
    assert!(failures.is_empty(), "{} of {ran} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(ran >= wanted, "only {ran} of {} modules ran; skipped: {skipped:?}", seeds.len());
    assert!(fired.iter().all(|count| count * 100 >= ran as usize), "of {ran}, {RARE:?} changed only {fired:?}");
    assert!(optimized * 5 >= ran as usize && changed * 2 >= ran as usize, "{optimized} and {changed} of {ran}");
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

#[derive(Debug)]
enum Case {
    Ran { tally: Tally, by_binaryen: bool, different_bytes: bool, rare: [bool; RARE.len()] },
    Skipped(String),
    Failed(String),
}

/// What is done with a module.
struct Plan {
    before: Vec<u8>,
    /// After our passes, and so far.
    after: Result<Vec<u8>, Case>,
    level: Option<wbuild::binaryen::Level>,
    rare: [bool; RARE.len()],
    seed: u64,
}

fn batch(seeds: &[u64]) -> Vec<Case> {
    let mut plans: Vec<Result<Plan, Case>> = seeds.iter().map(|seed| plan(*seed)).collect();
    let tool = crate::binaryen::builtin();
    let mut for_binaryen = Vec::new();
    for (n, plan) in plans.iter().enumerate() {
        if let Ok(Plan { after: Ok(module), level: Some(level), .. }) = plan {
            for_binaryen.push((n, module.clone(), *level));
        }
    }
    let requests: Vec<_> = for_binaryen
        .iter()
        .map(|(_, module, level)| Request {
            accept: Accept::AnySize,
            threads: Some(1),
            allow: &["bulk-memory", "mutable-globals", "nontrapping-fptoint", "reference-types", "sign-ext"],
            ..Request::new(module, *level, &tool)
        })
        .collect();
    let outcomes = optimize_all(&requests).unwrap();
    for ((n, ..), outcome) in for_binaryen.iter().zip(outcomes) {
        let Ok(plan) = &mut plans[*n] else { continue };
        match outcome {
            Outcome::Better(bytes) => plan.after = passes(&bytes, &mut Random::new("plans", plan.seed ^ 0xa5a5)).0,
            Outcome::Kept(_) => plan.level = None,
        }
    }
    let engine = engine::engine(Profile::Compare).unwrap();
    plans.into_iter().map(|plan| plan.map_or_else(|case| case, |plan| compare(&engine, plan))).collect()
}

fn plan(seed: u64) -> Result<Plan, Case> {
    let mut numbers = Random::new("plans", seed);
    // Half of the modules have what Binaryen reads, the others everything there is.
    let plain = seed.is_multiple_of(2);
    let before = module(&mut numbers, plain, false).ok_or_else(|| Case::Skipped("not generated".to_string()))?;
    // Random code repeats nothing by itself.
    let before = if numbers.next().is_multiple_of(3) { changed(&before, repeat) } else { before };
    // A table that is exported keeps all its functions.
    let before = if numbers.next().is_multiple_of(2) { changed(&before, hide_tables) } else { before };
    let before = if numbers.next().is_multiple_of(4) { changed(&before, address) } else { before };
    let before = if numbers.next().is_multiple_of(8) { changed(&before, crowd) } else { before };
    let before =
        if numbers.next().is_multiple_of(2) { changed(&before, |module| sums(module, &mut numbers)) } else { before };
    let before = if numbers.next().is_multiple_of(4) {
        changed(&before, |module| choices(module, &mut numbers))
    } else {
        before
    };
    let level = plain.then(|| LEVELS[(numbers.next() % LEVELS.len() as u64) as usize]);
    let (after, rare) = passes(&before, &mut numbers);
    Ok(Plan { before, after, level, rare, seed })
}

/// A random list of passes, in random order; and which of the rare ones among them change something.
fn passes(module: &[u8], numbers: &mut Random) -> (Result<Vec<u8>, Case>, [bool; RARE.len()]) {
    let count = 1 + numbers.next() % 4;
    let names: Vec<&str> = (0..count).map(|_| PASSES[(numbers.next() % PASSES.len() as u64) as usize]).collect();
    let passes: Vec<_> = names.iter().map(|name| wbuild_passes::find(name).unwrap()).collect();
    let run = |passes: &[_]| {
        wbuild_passes::run(module, passes, &wbuild_passes::Options { verify_each: true, ..Default::default() })
    };
    let rare = RARE.map(|rare| {
        let pass = passes.iter().find(|pass| pass.name == rare).copied();
        pass.is_some_and(|pass| run(&[pass]).is_ok_and(|after| after != module))
    });
    let after = run(&passes).map_err(|e| match e.blame {
        Blame::Internal => Case::Failed(format!("{names:?}: {e}")),
        _ => Case::Skipped(format!("our reader: {e}")),
    });
    (after, rare)
}

/// A module of wasm-smith's: `plain` ones have what Binaryen reads; `bounded` ones say how far memories and tables grow.
pub fn module(numbers: &mut Random, plain: bool, bounded: bool) -> Option<Vec<u8>> {
    let length = 600 + numbers.next() as usize % 3000;
    let bytes: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
    // Binaryen gets blocks with parameters wrong, and is not given them.
    let config = Config {
        export_everything: true,
        min_funcs: 3,
        max_funcs: 12,
        min_types: 3,
        max_types: 20,
        max_imports: 8,
        max_memories: if plain { 1 } else { 3 },
        max_tables: 3,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_table_elements: 500,
        max_data_segments: 6,
        max_element_segments: 6,
        // Traps end much; without them more is computed.
        disallow_traps: !numbers.next().is_multiple_of(3),
        limit_arrays_in_const_exprs: true,
        memory_max_size_required: bounded,
        table_max_size_required: bounded,
        canonicalize_nans: plain,
        multi_value_enabled: !plain,
        gc_enabled: !plain,
        exceptions_enabled: !plain,
        threads_enabled: false,
        memory64_enabled: !plain,
        relaxed_simd_enabled: !plain,
        extended_const_enabled: !plain,
        custom_page_sizes_enabled: !plain,
        wide_arithmetic_enabled: !plain,
        ..Config::default()
    };
    let mut module = Smith::new(config, &mut Unstructured::new(&bytes)).ok()?;
    // Loops without an end would leave little to compare.
    module.ensure_termination(STEPS).ok()?;
    let mut bytes = module.to_bytes();
    if plain {
        make_constant_nans_canonical(&mut bytes);
    }
    Some(bytes)
}

/// Binaryen folds conversions of constants, and gives a NaN the bits that this machine gives it:
/// allowed by the specification, and no concern of these tests.
fn make_constant_nans_canonical(module: &mut [u8]) {
    let mut patches = Vec::new();
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        let Payload::CodeSectionEntry(body) = payload else { continue };
        let Ok(operators) = body.get_operators_reader() else { continue };
        for (operator, offset) in operators.into_iter_with_offsets().map_while(Result::ok) {
            match operator {
                Operator::F32Const { value } if f32::from_bits(value.bits()).is_nan() => {
                    patches.push((offset + 1, 0x7fc0_0000u32.to_le_bytes().to_vec()));
                }
                Operator::F64Const { value } if f64::from_bits(value.bits()).is_nan() => {
                    patches.push((offset + 1, (0x7ff8u64 << 48).to_le_bytes().to_vec()));
                }
                _ => {}
            }
        }
    }
    for (offset, bytes) in patches {
        module[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }
}

fn compare(engine: &wasmtime::Engine, plan: Plan) -> Case {
    let after = match plan.after {
        Ok(after) => after,
        Err(case) => return case,
    };
    let by_binaryen = plan.level.is_some();
    let options = Options {
        fuel: 1_000_000,
        rounds: 2,
        max_calls: 40,
        seed: plan.seed,
        nans: if by_binaryen { Nans::Canonical } else { Nans::Any },
        traps: if by_binaryen { Traps::AnyTrap } else { Traps::Exact },
        max_memory: 4 << 20,
    };
    match Comparison::new(engine.clone(), options).compare(&plan.before, &after) {
        Ok(Verdict::Same(tally)) if tally.executed == 0 => {
            Case::Skipped(if tally.inconclusive > 0 { "inconclusive" } else { "nothing ran" }.to_string())
        }
        Ok(Verdict::Same(tally)) => {
            Case::Ran { tally, by_binaryen, different_bytes: plan.before != after, rare: plan.rare }
        }
        Ok(Verdict::Different(found)) => Case::Failed(format!("{:?}: {found}", plan.level)),
        Err(e) => Case::Skipped(e.causes.first().map_or(e.message.clone(), |c| c.chars().take(60).collect())),
    }
}
