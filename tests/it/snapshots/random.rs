//! Random modules of everything that wasm-smith knows and a snapshot may hold: after a random initialization, the
//! module and its snapshot are the same to everybody.
//!
//! WBUILD_SNAPSHOT_MODULES says how many (10,000 unless set); WBUILD_SNAPSHOT_SEED repeats one.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use wasm_smith::{Config, Module as Smith};
use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Nans, Options, Random, Traps};
use wbuild_passes::GlobalId;

use super::subject::{INITIALIZER, Wanted, subject};
use super::{Case, Count, MAX_MEMORY, Measure, expose, judge, options};
use crate::spec::in_parallel;

/// How many rounds of loops and calls a call has before it traps.
const STEPS: u32 = 200;

#[test]
fn random_modules_are_after_initialization_what_their_snapshots_are_from_the_start() {
    let number = |variable: &str| std::env::var(variable).ok().map(|text| text.parse::<u64>().expect(variable));
    if let Some(seed) = number("WBUILD_SNAPSHOT_SEED") {
        let engine = engine::engine(Profile::Compare).unwrap();
        let case = case(&engine, seed);
        println!("seed {seed}: {case:?}");
        return assert!(!matches!(case, Case::Failed(_)), "{case:?}");
    }
    let wanted = number("WBUILD_SNAPSHOT_MODULES").unwrap_or(10_000);
    // Of five, two may trap, call their host or be refused.
    let seeds: Vec<u64> = (0..wanted * 5 / 3).collect();
    let engine = engine::engine(Profile::Compare).unwrap();
    let cases = in_parallel(&seeds, |seed| case(&engine, *seed));
    let named = |seed: &u64| {
        format!("WBUILD_SNAPSHOT_SEED={seed} cargo test --release --workspace --test it random_modules_are_after")
    };
    let count = Count::of(seeds.iter().map(named).zip(cases));
    count.report();
    let tried = seeds.len();
    assert!(count.same - count.nothing_ran >= wanted as usize, "only {} of {tried} were compared", count.same);
    assert!(count.refusals() * 50 <= tried, "{} of {tried} were refused", count.refusals());
}

fn case(engine: &wasmtime::Engine, seed: u64) -> Case {
    let mut numbers = Random::new("snapshots", seed);
    let Some(module) = module(&mut numbers, Extent::Everything) else {
        return Case::Inconclusive("not generated".to_string());
    };
    let mut asked = options(INITIALIZER);
    asked.keep = numbers.next().is_multiple_of(2);
    asked.measure = if numbers.next().is_multiple_of(2) { Measure::Raw } else { Measure::Compressed };
    // Half of them show everything.
    let module = if seed.is_multiple_of(2) { expose(&module).unwrap() } else { module };
    judge(&comparison(engine, seed), &module, &asked)
}

pub fn comparison(engine: &wasmtime::Engine, seed: u64) -> Comparison {
    let options = Options {
        fuel: 200_000,
        rounds: 2,
        max_calls: 120,
        seed,
        nans: Nans::Any,
        traps: Traps::Exact,
        max_memory: MAX_MEMORY,
    };
    Comparison::new(engine.clone(), options)
}

/// What modules may import: only functions, since everything else belongs to the host and is refused.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    wat::parse_str(
        r#"(module
            (import "host" "say" (func (param i32)))
            (import "host" "ask" (func (result i32)))
            (import "host" "change" (func (param i64 f64) (result f32)))
            (import "host" "nothing" (func)))"#,
    )
    .unwrap()
});

/// What a random module may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Everything,
    /// What every engine has, and half of them no references.
    Scalars,
}

/// A random module with an initializer.
pub fn module(numbers: &mut Random, extent: Extent) -> Option<Vec<u8>> {
    let length = 400 + numbers.next() as usize % 2000;
    let bytes: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
    // A quarter has garbage collection and exceptions, which half of the engines do not know.
    let objects = numbers.next().is_multiple_of(4) && extent == Extent::Everything;
    let all = extent == Extent::Everything;
    let references = all || numbers.next().is_multiple_of(2);
    let config = Config {
        available_imports: Some(IMPORTS.clone()),
        // Functions that only a global or a segment names are another case.
        export_everything: !numbers.next().is_multiple_of(4),
        min_funcs: 2,
        max_funcs: 8,
        max_instructions: 60,
        min_types: 2,
        max_types: 12,
        // What initialization calls of its host is refused.
        max_imports: if numbers.next().is_multiple_of(6) { 3 } else { 0 },
        allow_start_export: numbers.next().is_multiple_of(4),
        min_memories: u32::from(!numbers.next().is_multiple_of(8)),
        max_memories: 3,
        max_tables: if references { 3 } else { 1 },
        min_globals: 1,
        max_globals: 8,
        max_memory32_bytes: 1 << 18,
        max_memory64_bytes: 1 << 18,
        max_table_elements: 40,
        max_data_segments: 6,
        max_element_segments: 6,
        disallow_traps: !numbers.next().is_multiple_of(5),
        limit_arrays_in_const_exprs: true,
        memory_max_size_required: !numbers.next().is_multiple_of(8),
        table_max_size_required: true,
        memory64_enabled: true,
        custom_page_sizes_enabled: numbers.next().is_multiple_of(4) && all,
        gc_enabled: objects,
        exceptions_enabled: objects,
        reference_types_enabled: references,
        simd_enabled: all,
        relaxed_simd_enabled: all,
        tail_call_enabled: all,
        wide_arithmetic_enabled: all,
        threads_enabled: false,
        ..Config::default()
    };
    let mut smith = Smith::new(config, &mut Unstructured::new(&bytes)).ok()?;
    // Loops without an end would leave little to compare.
    let steps = GlobalId(smith.ensure_termination(STEPS).ok()?);
    let wanted = Wanted { steps: Some((steps, STEPS as i32)), probes: numbers.next().is_multiple_of(2) };
    subject(&smith.to_bytes(), &wanted, numbers).ok()
}
