//! `--target-features`: what is lowered runs where the features are unknown, and what cannot be lowered is named.

use std::path::Path;

use crate::programs;
use crate::rust::{output, text};

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
        assert!(!at.join("out.wasm").exists());
        text(&refused)
    };
    let several = "(module (func (export \"f\")) (func (export \"g\") (result i32 i32) (i32.const 1) (i32.const 2)))";
    let said = refused(several, "mvp");
    assert!(said.contains("a.wat uses multivalue, which mvp has not"), "{said}");
    assert!(said.contains("caused by: function 1 is the first that does"), "{said}");
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
