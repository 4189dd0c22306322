//! Tests of what the interface hides: functions whose locals are not followed.

use super::{LIMITS, Limits, Options, Report, run_within};
use crate::numbers::Numbers;
use crate::{Module, validate};
use arbitrary::Unstructured;

const NOTHING: Limits = Limits { work: 0, work_per_byte: 0 };

fn harden(bytes: &[u8], limits: &Limits) -> (Vec<u8>, Report) {
    let options = Options { simd: true, ..Options::default() };
    let mut module = Module::parse(bytes).unwrap();
    let report = run_within(&mut module, &options, limits).unwrap();
    (module.encode().unwrap(), report)
}

fn modules() -> impl Iterator<Item = (u64, Vec<u8>)> {
    (0..1600u64).filter_map(|seed| {
        let bytes = Numbers(seed).bytes(2000);
        let config = wasm_smith::Config {
            gc_enabled: true,
            exceptions_enabled: true,
            threads_enabled: false,
            min_funcs: 2,
            ..Default::default()
        };
        let bytes = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes();
        validate(&bytes).ok().map(|()| (seed, bytes))
    })
}

#[test]
fn without_following_locals_output_is_valid_and_hardening_twice_gives_the_bytes_of_once() {
    let mut guarded = 0;
    for (seed, bytes) in modules() {
        let (once, report) = harden(&bytes, &NOTHING);
        guarded += u32::from(report.guards_inserted() > 0);
        validate(&once).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let (twice, report) = harden(&once, &NOTHING);
        assert!(twice == once, "seed {seed}: hardening twice changes more, {report:?}");
    }
    assert!(guarded > 300, "only {guarded} modules had guards");
}

#[test]
fn what_is_hardened_without_following_locals_needs_nothing_more_when_they_are() {
    for (seed, bytes) in modules() {
        let (once, _) = harden(&bytes, &NOTHING);
        let (again, report) = harden(&once, &LIMITS);
        assert!(again == once, "seed {seed}: {report:?}");
    }
}
