//! `--target-features`: what is lowered runs where the features are unknown, and what cannot be lowered is named.

use std::path::Path;

use arbitrary::Unstructured;
use wasm_smith::{Config, Module as Smith};
use wasmparser::{Validator, WasmFeatures};
use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Nans, Options, Random, Traps, Verdict};

use crate::programs;
use crate::rust::{output, text};
use crate::spec::in_parallel;

/// Copies, fills, converts and extends.
const SOURCE: &str = "#include <math.h>\n#include <stdio.h>\n#include <string.h>\n\
    int main(int n, char **v) {\n\
        char a[300], b[300]; memset(a, 'x' + n, sizeof a); memcpy(b, a, sizeof b); memmove(b + 1, b, 200 + n);\n\
        signed char c = (signed char)(n + 199); short s = (short)(n + 40000); long long l = (int)(n + 4000000000u);\n\
        double d = n * 1e10; printf(\"%d %d %lld %d %u %c\\n\", c, s, l, (int)(n * -1.5), (unsigned)(d / 3), b[299]);\n\
        printf(\"%.3f %zu\\n\", sqrt(n + 1), strlen(v[0])); return 0; }\n";

fn features(module: &Path) -> wbuild_passes::Features {
    wbuild_passes::features(&std::fs::read(module).unwrap()).unwrap()
}

#[test]
fn c_runs_on_engines_that_know_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("a.c"), SOURCE).unwrap();
    let build = |words: &[&str]| {
        let built = output(at, &[&["a.c", "-o", "out.wasm"], words].concat());
        assert!(built.status.success(), "{words:?}: {}", text(&built));
        let ran = output(at, &["run", "out.wasm"]);
        assert!(ran.status.success(), "{words:?}: {}", text(&ran));
        (text(&ran), features(&at.join("out.wasm")))
    };
    for level in ["-O0", "-O2", "-O3", "-Oz"] {
        let (expected, used) = build(&[level]);
        assert!(used.contains("bulk-memory-opt"), "{used}");
        let (printed, used) = build(&[level, "--target-features=mvp"]);
        assert_eq!(printed, expected, "{level}");
        assert!(used.is_empty(), "{level}: {used}");
        assert_eq!(build(&[level, "--target-features=lime1"]).0, expected);
    }
    assert!(build(&["-Oz", "--target-features=mvp", "--optimize-for=compressed"]).1.is_empty());
    // A finished module.
    let (expected, _) = build(&["-O2"]);
    let lowered = output(at, &["opt", "out.wasm", "--target-features=mvp", "-o", "low.wasm"]);
    assert!(lowered.status.success() && features(&at.join("low.wasm")).is_empty(), "{}", text(&lowered));
    assert_eq!(text(&output(at, &["run", "low.wasm"])), expected);
}

#[test]
fn real_programs_print_the_same_lowered() {
    let folder = tempfile::tempdir().unwrap();
    for program in [xtask::programs::hello_cxx(), xtask::programs::zlib().unwrap(), xtask::programs::lua().unwrap()] {
        program.place_files(folder.path()).unwrap();
        let run = |words: &[&str]| {
            let module = programs::build(&program, words, folder.path());
            (programs::run(&program, &module, folder.path()), features(&module))
        };
        let (expected, _) = run(&["-O2"]);
        let (actual, used) = run(&["-O2", "--target-features=mvp"]);
        programs::assert_same(program.name, &expected, &actual);
        assert!(used.is_empty(), "{}: {used}", program.name);
    }
}

#[test]
fn what_cannot_be_lowered_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let refused = |wat: &str, set: &str| {
        std::fs::write(at.join("a.wat"), wat).unwrap();
        let refused = output(at, &["opt", "a.wat", "--target-features", set, "-o", "out.wasm"]);
        assert_eq!(refused.status.code(), Some(1), "{wat}");
        assert!(!at.join("out.wasm").exists(), "{wat}");
        text(&refused)
    };
    let several = "(module (func (export \"f\")) (func (export \"g\") (result i32 i32) (i32.const 1) (i32.const 2)))";
    let said = refused(several, "mvp");
    assert!(said.contains("a.wat uses multivalue, which mvp has not"), "{said}");
    assert!(said.contains("caused by: function 1 is the first that does"), "{said}");
    // What is only called can be lowered, at every level.
    let inner = "(module (func $g (result i32 i32) (i32.const 1) (i32.const 2)) \
                 (func (export \"f\") (result i32) (call $g) (block (param i32 i32) (result i32) (i32.sub))))";
    std::fs::write(at.join("inner.wat"), inner).unwrap();
    for level in ["-O0", "-O2", "-Oz"] {
        let lowered = output(at, &["opt", "inner.wat", level, "--target-features=mvp", "-o", "inner.wasm"]);
        assert!(lowered.status.success() && features(&at.join("inner.wasm")).is_empty(), "{}", text(&lowered));
    }
    let said = refused("(module (func (export \"f\") (param v128)))", "lime1");
    assert!(said.contains("uses simd128, which lime1 has not"), "{said}");
    let said = refused("(module (memory 1) (memory 1) (export \"l\" (memory 0)) (export \"m\" (memory 1)))", "lime1");
    assert!(said.contains("multimemory") && said.contains("caused by: its types, tables, memories"), "{said}");
    let said = refused("(module (global (export \"g\") (mut i32) (i32.const 0)))", "mvp");
    assert!(said.contains("mutable-globals"), "{said}");
    let unknown = output(at, &["a.c", "--target-features=mvp2"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("help: one of mvp, lime1"), "{}", text(&unknown));
}

/// A module of wasm-smith's with nothing newer than several values; `closed` ones have no imports and no tables, and export
/// no function that gives several.
fn with_several_values(seed: u64, closed: bool) -> Option<Vec<u8>> {
    let mut numbers = Random::new("several values", seed);
    let length = 600 + numbers.next() as usize % 3000;
    let bytes: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
    let config = Config {
        export_everything: true,
        min_funcs: 4,
        max_funcs: 12,
        min_types: 4,
        max_types: 12,
        max_imports: if closed { 0 } else { 6 },
        max_memories: 1,
        max_tables: usize::from(!closed),
        max_memory32_bytes: 1 << 20,
        max_table_elements: 500,
        // What is in a segment is not only called.
        max_element_segments: if closed { 0 } else { 6 },
        disallow_traps: true,
        multi_value_enabled: true,
        reference_types_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        extended_const_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    let mut module = Smith::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(300).ok()?;
    let bytes = module.to_bytes();
    let mut module = wbuild_passes::Module::parse(&bytes).unwrap();
    if closed {
        let mut exports = std::mem::take(&mut module.exports);
        exports.retain(|export| match export.item {
            wbuild_passes::Item::Func(id) => module.function_type(id).is_some_and(|ty| ty.results().len() < 2),
            _ => true,
        });
        module.exports = exports;
    }
    Some(module.encode().unwrap())
}

#[test]
fn random_modules_with_several_values_do_the_same_lowered() {
    let engine = engine::engine(Profile::Compare).unwrap();
    let passes: Vec<_> = ["lower-to-mvp", "remove-unused-module-elements"]
        .iter()
        .map(|name| wbuild_passes::find(name).unwrap())
        .collect();
    let seeds: Vec<u64> = (0..3000).collect();
    let ran = in_parallel(&seeds, |&seed| {
        let closed = !seed.is_multiple_of(3);
        let before = with_several_values(seed, closed)?;
        let after = wbuild_passes::run(&before, &passes, &wbuild_passes::Options::default());
        let after = after.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        if closed {
            let old = WasmFeatures::all() - WasmFeatures::MULTI_VALUE;
            let valid = Validator::new_with_features(old).validate_all(&after);
            valid.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        let options = Options {
            fuel: 1_000_000,
            rounds: 3,
            max_calls: 40,
            seed,
            nans: Nans::Any,
            traps: Traps::Exact,
            max_memory: 4 << 20,
        };
        match Comparison::new(engine.clone(), options).compare(&before, &after) {
            Ok(Verdict::Same(tally)) => {
                let had = wbuild_passes::features(&before).unwrap().contains("multivalue");
                Some(had && tally.executed > 0)
            }
            Ok(Verdict::Different(found)) => panic!("seed {seed}: {found}"),
            Err(_) => None,
        }
    });
    let lowered = ran.iter().flatten().filter(|had| **had).count();
    println!("{lowered} of {} modules had several values and ran", seeds.len());
    assert!(lowered * 3 > seeds.len() * 2, "only {lowered} of {}", seeds.len());
}
