//! Random modules: whatever NaNs their operators make, hardened they do what the original does under
//! the deterministic profile; unhardened many do not.
//!
//! WBUILD_CHAOS_MODULES says how many of each kind (long form: `cargo xtask chaos N`), WBUILD_CHAOS_SEEDS how many
//! seeds of the chaos for each (100 unless set), WBUILD_CHAOS_MODULE repeats one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use wbuild_passes::harden;
use wbuild_proof::judge::{self, Judge, Judgement, Way};
use wbuild_proof::random;
use wbuild_proof::reference::Calls;

/// A generator, how many of its modules are tried, and of how many the NaNs must matter.
struct Family {
    name: &'static str,
    make: fn(u64) -> Option<Vec<u8>>,
    count: u64,
    at_least: u64,
    /// Of the chaos.
    seeds: u64,
}

#[test]
fn scalar_float_code_of_ours_is_hardened() {
    let make = |seed| Some(random::floats(seed, false));
    try_all(&Family { name: "ours", make, count: 12_000, at_least: 6_000, seeds: 100 });
}

#[test]
fn vector_float_code_of_ours_is_hardened() {
    let make = |seed| Some(random::floats(seed, true));
    try_all(&Family { name: "ours-simd", make, count: 8_000, at_least: 4_000, seeds: 100 });
}

#[test]
fn scalar_code_of_wasm_smith_is_hardened() {
    let make = |seed| random::smith(seed, false);
    try_all(&Family { name: "smith", make, count: 12_000, at_least: 400, seeds: 100 });
}

#[test]
fn vector_code_of_wasm_smith_is_hardened() {
    let make = |seed| random::smith(seed, true);
    try_all(&Family { name: "smith-simd", make, count: 12_000, at_least: 400, seeds: 100 });
}

#[test]
fn guards_of_random_code_are_missed_when_they_are_gone() {
    let judge = Judge::new(true).unwrap();
    let options = harden::Options { simd: true, ..harden::Options::default() };
    let results = in_parallel(GUARDED, |module| {
        let bytes = random::floats(module, module % 2 == 0);
        let (hardened, _) = harden::harden(&bytes, &options).unwrap();
        // What the checker does not understand with all guards in place says nothing without one.
        judge::objections(&hardened, false).ok()?;
        let way = Way::Exports(Calls { rounds: 2, seed: module });
        let (all, unmissed) = judge.unmissed_guards(&bytes, &hardened, 5, way).ok()?;
        Some((all, unmissed.len()))
    });
    let total: usize = results.iter().filter_map(|(_, found)| Some(found.as_ref()?.0)).sum();
    let unmissed: usize = results.iter().filter_map(|(_, found)| Some(found.as_ref()?.1)).sum();
    let examples = results.iter().filter(|(_, found)| found.is_some_and(|(_, unmissed)| unmissed > 0)).map(|(n, _)| n);
    let examples: Vec<_> = examples.take(8).collect();
    println!("{total} guards in {} modules; nobody misses {unmissed}, of modules {examples:?} …", results.len());
    assert!(total > 5 * GUARDED as usize, "too few guards to prove anything");
    // The pass chooses all guards at once. What one of them makes needless elsewhere stays: they cost, and harm nothing.
    assert!(unmissed * 50 < total, "nobody misses {unmissed} of {total} guards");
}

/// How many modules lose their guards one by one.
const GUARDED: u64 = 2_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn try_all(family: &Family) {
    let judge = Judge::new(true).unwrap();
    let seeds = number("WBUILD_CHAOS_SEEDS").unwrap_or(family.seeds);
    let options = harden::Options { simd: true, ..harden::Options::default() };
    let one = |module: u64| {
        let Some(bytes) = (family.make)(module) else { return Judgement::Skipped("not generated".to_string()) };
        let calls = Calls { rounds: 2, seed: module };
        judge.judge(&bytes, &options, seeds, Way::Exports(calls))
    };
    if let Some(module) = number("WBUILD_CHAOS_MODULE") {
        let judgement = one(module);
        if let Some(bytes) = (family.make)(module) {
            let path = format!("{}/{}-{module}.wasm", env!("CARGO_TARGET_TMPDIR"), family.name);
            std::fs::write(&path, &bytes).unwrap();
            if let Ok((hardened, _)) = harden::harden(&bytes, &options) {
                std::fs::write(path.replace(".wasm", ".hardened.wasm"), &hardened).unwrap();
                std::fs::write(path.replace(".wasm", ".chaos.wasm"), wbuild_proof::chaos(&hardened, 0).unwrap())
                    .unwrap();
            }
            println!("{path}");
        }
        println!("{}, module {module}: {judgement:?}", family.name);
        return assert!(!matches!(judgement, Judgement::Failed(_)));
    }
    let wanted = number("WBUILD_CHAOS_MODULES");
    let count = wanted.unwrap_or(family.count);
    let (mut held, mut sensitive, mut guards) = (0u64, 0u64, 0u64);
    let (mut skipped, mut disputed, mut failures) = (BTreeMap::<String, u64>::new(), Vec::new(), Vec::new());
    for (module, judgement) in in_parallel(count, one) {
        match judgement {
            Judgement::Held { sensitive: matters, guards: inserted } => {
                held += 1;
                sensitive += u64::from(matters);
                guards += u64::from(inserted);
            }
            Judgement::Disputed(why) => disputed.push(format!("module {module}: {why}")),
            Judgement::Skipped(why) => *skipped.entry(why.chars().take(40).collect()).or_default() += 1,
            Judgement::Failed(why) => {
                let size = (family.make)(module).map_or(0, |bytes| bytes.len());
                failures.push((size, format!("module {module} of {size} bytes: {why}")));
            }
        }
    }
    println!(
        "{}: {held} held under {seeds} seeds, {sensitive} of them change unhardened, {guards} guards",
        family.name
    );
    println!("  skipped: {skipped:?}; wasmi against wasmtime: {}", disputed.len());
    disputed.iter().take(3).for_each(|why| println!("  {why:.300}"));
    // The smallest ones are the most easily understood.
    failures.sort();
    let shown = failures.iter().take(10).map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("\n");
    assert!(
        failures.is_empty(),
        "{}: {} of {count} failed; repeat one with WBUILD_CHAOS_MODULE:\n{shown}",
        family.name,
        failures.len()
    );
    assert!(wanted.is_some() || sensitive >= family.at_least, "{}: only {sensitive} prove anything", family.name);
}

/// For every number below `count`, on all processors.
fn in_parallel<R: Send>(count: u64, f: impl Fn(u64) -> R + Sync) -> Vec<(u64, R)> {
    let (next, results) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |n| n.get()) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        break;
                    }
                    let result = f(n);
                    results.lock().unwrap().push((n, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(n, _)| *n);
    results
}
