//! The hardening pass: refusals, facts, growth, hardening twice, and code made to hurt.

use arbitrary::Unstructured;
use wasm_smith::{Config, Module as Smith};
use wbuild_passes::harden::{Options, Report, harden};
use wbuild_passes::{Error, validate};

const PLAIN: Options = Options { simd: false, js_boundary: false, eager: false };
const SIMD: Options = Options { simd: true, ..PLAIN };

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn run(text: &str, options: &Options) -> (String, Report) {
    let (output, report) = harden(&wat(text), options).unwrap();
    let (twice, _) = harden(&output, options).unwrap();
    assert!(twice == output, "hardening twice changes more:\n{}", wasmprinter::print_bytes(&twice).unwrap());
    (wasmprinter::print_bytes(&output).unwrap(), report)
}

fn guards(text: &str) -> u32 {
    run(text, &PLAIN).1.guards_inserted()
}

fn refusal(text: &str) -> Error {
    harden(&wat(text), &PLAIN).unwrap_err()
}

/// Random bytes of a seed, for modules.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn random(seed: u64) -> Option<Vec<u8>> {
    let bytes = bytes(seed, 1000 + (seed as usize % 5) * 800);
    let config = Config {
        max_memories: 2,
        max_funcs: 12,
        min_funcs: 3,
        min_types: 2,
        simd_enabled: seed.is_multiple_of(2),
        relaxed_simd_enabled: seed.is_multiple_of(4),
        gc_enabled: seed.is_multiple_of(3),
        exceptions_enabled: seed % 3 != 1,
        tail_call_enabled: true,
        threads_enabled: false,
        memory64_enabled: seed.is_multiple_of(5),
        ..Config::default()
    };
    let bytes = Smith::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes();
    validate(&bytes).ok().map(|()| bytes)
}

#[test]
fn random_modules_stay_valid_and_hardening_twice_gives_the_bytes_of_once() {
    let (mut seen, mut guarded) = (0, 0);
    for seed in 0..4000 {
        let Some(module) = random(seed) else { continue };
        seen += 1;
        let js_boundary = seed % 7 == 0;
        let options = Options { simd: true, js_boundary, eager: seed % 11 == 0 };
        let (once, report) = harden(&module, &options).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        guarded += u32::from(report.guards_inserted() > 0);
        let (twice, second) = harden(&once, &options).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if once != twice {
            std::fs::write("/tmp/fail.wasm", &module).unwrap();
        }
        assert!(once == twice, "seed {seed}: hardening twice changes more, {:?}", second);
        if report.guards_inserted() + report.relaxed + report.grow_sites == 0 && !js_boundary {
            assert!(once == module, "seed {seed}: nothing to harden, but bytes changed");
        }
    }
    assert!(seen >= 2000 && guarded >= 1000, "{seen} modules, {guarded} with guards");
}
