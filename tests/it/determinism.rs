//! Hardening in every way to build, `wbuild harden` and `wbuild check`, as a person uses them.

use std::path::Path;

use serde_json::Value;
use xtask::shell;

use crate::rust::{line, output, text};

fn succeed(folder: &Path, words: &[&str]) -> String {
    let output = output(folder, words);
    assert!(output.status.success(), "{words:?}: {}", text(&output));
    text(&output)
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    folder
}

/// The status of `wbuild check`, and its certificate.
fn certificate(folder: &Path, words: &[&str]) -> (Option<i32>, Value) {
    let checked = output(folder, &[&["check", "--json"], words].concat());
    (
        checked.status.code(),
        serde_json::from_slice(&checked.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&checked))),
    )
}

/// Prints the bits of NaNs that arithmetic makes.
const BITS: &str = "#include <stdio.h>\n#include <string.h>\n\
    static void show(double x) { unsigned long long bits; memcpy(&bits, &x, 8); printf(\"%016llx\\n\", bits); }\n\
    int main(int c, char **v) { (void)v; volatile double zero = c - 1; double nan = zero / zero;\n\
    show(nan); show(-nan); show(nan * 2); show((float)nan); show(__builtin_copysign(3, nan)); return 0; }\n";

#[test]
fn every_level_hardens_and_the_checker_proves_it_and_what_is_not_hardened_it_does_not() {
    let folder = folder(&[("bits.c", BITS)]);
    for level in ["-O0", "-O1", "-O2", "-O3", "-O4", "-Os", "-Oz"] {
        succeed(folder.path(), &["bits.c", level, "-o", "bits.wasm", "--json", "report.json"]);
        let (status, certificate) = certificate(folder.path(), &["bits.wasm"]);
        assert_eq!((status, certificate["verdict"].as_str()), (Some(0), Some("deterministic")), "{level}");
        // The canonical NaN, its negation, and so on, exactly.
        let printed = succeed(folder.path(), &["run", "bits.wasm"]);
        let canonical = "7ff8000000000000";
        let expected = [canonical, "fff8000000000000", canonical, canonical, "4008000000000000"];
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{level}");
        let report: Value = serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
        assert_eq!((&report["hardened"], &report["hardening"]["verdict"]), (&true.into(), &"deterministic".into()));
        assert!(report["hardening"]["guards"]["f64"].as_u64() > Some(0), "{level}: {report}");

        succeed(folder.path(), &["bits.c", level, "--no-deterministic", "-o", "left.wasm", "--json", "report.json"]);
        let (status, certificate) = self::certificate(folder.path(), &["left.wasm"]);
        assert_eq!((status, certificate["verdict"].as_str()), (Some(1), Some("nondeterministic")), "{level}");
        let report: Value = serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
        assert_eq!(report["hardened"], false);
    }
}

#[test]
fn harden_makes_of_a_module_what_a_build_makes_and_twice_is_once() {
    let folder = folder(&[("bits.c", BITS)]);
    let folder = folder.path();
    succeed(folder, &["bits.c", "-O2", "--no-deterministic", "-o", "left.wasm"]);
    let told = succeed(folder, &["harden", "left.wasm", "-o", "once.wasm", "--json", "report.json"]);
    assert!(told.contains("guards") && told.contains("proved deterministic"), "{told}");
    succeed(folder, &["harden", "-q", "once.wasm", "-o", "twice.wasm"]);
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(read("once.wasm") == read("twice.wasm"));
    assert_eq!(succeed(folder, &["run", "once.wasm"]).lines().next(), Some("7ff8000000000000"));
    // A module is hardened as a build, too, and opt hardens nothing.
    succeed(folder, &["left.wasm", "-O0", "-o", "built.wasm"]);
    assert_eq!(certificate(folder, &["built.wasm"]).0, Some(0));
    succeed(folder, &["opt", "left.wasm", "-O1", "-o", "opt.wasm"]);
    assert_eq!(certificate(folder, &["opt.wasm"]).0, Some(1));
    succeed(folder, &["opt", "left.wasm", "--passes=harden", "-o", "pass.wasm"]);
    assert!(read("pass.wasm") == read("once.wasm"));
}

#[test]
fn a_module_with_nothing_to_harden_comes_out_as_it_went_in() {
    let text = "(module (memory (export \"m\") 1) (func (export \"copy\") (param i32 i32)\n\
                (f64.store (local.get 0) (f64.load (local.get 1)))))";
    let folder = folder(&[("copy.wat", text)]);
    let folder = folder.path();
    succeed(folder, &["wat2wasm", "copy.wat", "-o", "before.wasm"]);
    succeed(folder, &["harden", "before.wasm", "-o", "after.wasm"]);
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(read("before.wasm") == read("after.wasm"));
}

#[test]
fn what_cannot_be_hardened_is_refused_by_function_offset_and_operation_and_leaves_no_output() {
    let simd = "(module (func (export \"f\") (param v128) (result i32) (i32x4.extract_lane 0 (local.get 0))))";
    let threads = "(module (memory 1 1 shared) (func (export \"f\") (result i32) (i32.atomic.load (i32.const 0))))";
    let folder = folder(&[("simd.wat", simd), ("threads.wat", threads)]);
    let folder = folder.path();
    for (file, wanted) in [
        ("simd.wat", &["i32x4.extract_lane", "function 0", "offset 0x", "--simd", "--no-deterministic"][..]),
        ("threads.wat", &["memory 0 is shared", "threads cannot be hardened", "--no-deterministic"]),
    ] {
        for words in [&[file, "-o", "out.wasm"][..], &["harden", file, "-o", "out.wasm"]] {
            let refused = output(folder, words);
            assert_eq!(refused.status.code(), Some(1), "{words:?}: {}", text(&refused));
            wanted.iter().for_each(|word| assert!(text(&refused).contains(word), "{words:?}: {}", text(&refused)));
            assert!(!folder.join("out.wasm").exists());
        }
        succeed(folder, &[file, "--no-deterministic", "-o", "left.wasm"]);
    }
    assert_eq!(certificate(folder, &["threads.wat"]).0, Some(1));
    succeed(folder, &["simd.wat", "--simd", "-o", "simd.wasm"]);
    assert_eq!(certificate(folder, &["simd.wasm"]).0, Some(0));
}

#[test]
fn simd_that_was_asked_for_is_made_deterministic() {
    let source = "#include <stdio.h>\n#include <string.h>\n#include <wasm_simd128.h>\n\
        int main(int c, char **v) { (void)v; volatile float zero = c - 1; v128_t x = wasm_f32x4_splat(zero);\n\
        x = wasm_f32x4_div(x, x); unsigned bits[4]; wasm_v128_store(bits, x);\n\
        printf(\"%08x %08x\\n\", bits[0], bits[3]); return 0; }\n";
    let folder = folder(&[("simd.c", source)]);
    let folder = folder.path();
    succeed(folder, &["simd.c", "--simd", "-O2"]);
    assert_eq!(succeed(folder, &["run", "simd.wasm"]), "7fc00000 7fc00000\n");
    let (status, certificate) = certificate(folder, &["simd.wasm"]);
    assert_eq!(status, Some(0), "{certificate}");
    let sources = certificate["sources"].as_array().unwrap();
    let simd = sources.iter().find(|source| source["kind"] == "simd").unwrap();
    assert_eq!(simd["status"], "fine", "{simd}");
}

#[test]
fn growth_past_the_maximum_fails_and_a_refusal_below_it_traps() {
    let source = "#include <stdio.h>\n#include <stdlib.h>\n\
        int main(int c, char **v) { (void)v; char *p = malloc((size_t)c * (100 << 20)); puts(p ? \"had\" : \"none\");\n\
        free(p); return 0; }\n";
    let folder = folder(&[("grow.c", source)]);
    let folder = folder.path();
    succeed(folder, &["grow.c", "-O1", "-fno-builtin", "--max-memory=64MB", "-o", "small.wasm"]);
    assert_eq!(succeed(folder, &["run", "small.wasm"]), "none\n");
    succeed(folder, &["grow.c", "-O1", "-fno-builtin", "--max-memory=256MB", "-o", "large.wasm"]);
    assert_eq!(succeed(folder, &["run", "large.wasm"]), "had\n");
    let refused = output(folder, &["run", "--max-memory", "32MB", "large.wasm"]);
    assert_eq!(refused.status.code(), Some(134), "{}", text(&refused));
    succeed(folder, &["grow.c", "-O1", "-fno-builtin", "--max-memory=256MB", "--no-deterministic", "-o", "left.wasm"]);
    assert_eq!(succeed(folder, &["run", "--max-memory", "32MB", "left.wasm"]), "none\n");
    assert_eq!(certificate(folder, &["left.wasm"]).0, Some(1));
}

#[test]
fn a_certificate_names_every_source_and_reads_well() {
    let text = "(module (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $clock (param i32 i64 i32) (result i32)))\n\
        (memory (export \"memory\") 1)\n\
        (func $add (export \"add\") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1))))";
    let folder = folder(&[("add.wat", text)]);
    let shown = output(folder.path(), &["check", "add.wat"]);
    assert_eq!(shown.status.code(), Some(1));
    let printed = self::text(&shown);
    for wanted in ["add.wat: nondeterministic", "nan-bits", "in add", "clock_time_get", "wbuild harden", "stack-depth"]
    {
        assert!(printed.contains(wanted), "{wanted}: {printed}");
    }
    let (_, certificate) = certificate(folder.path(), &["add.wat"]);
    let kinds: Vec<_> =
        certificate["sources"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    let all = "nan-bits simd threads growth stack-depth host-functions host-state float-boundary proposals";
    assert_eq!(kinds.join(" "), all);
}

#[test]
fn check_and_harden_refuse_what_is_no_module() {
    let folder = folder(&[("bad.wasm", "\0asm\u{1}\0\0\0nonsense"), ("empty.wasm", ""), ("text.wat", "(module (func")]);
    for file in ["bad.wasm", "empty.wasm", "text.wat", "absent.wasm", "."] {
        for words in [&["check", file][..], &["harden", file, "-o", "out.wasm"]] {
            let refused = output(folder.path(), words);
            assert_eq!(refused.status.code(), Some(1), "{words:?}: {}", text(&refused));
            assert!(text(&refused).contains("error: "), "{words:?}: {}", text(&refused));
        }
    }
    assert!(!folder.path().join("out.wasm").exists());
    assert_eq!(output(folder.path(), &["harden", "bad.wasm"]).status.code(), Some(2));
}

#[test]
fn cargo_hardens_dev_builds_and_releases() {
    let folder = folder(&[("Cargo.toml", "[package]\nname = \"p\"\nedition = \"2024\"\n")]);
    std::fs::create_dir(folder.path().join("src")).unwrap();
    let main =
        "fn main() { let n = std::env::args().count() as f64 - 1.0; println!(\"{:016x}\", (n / n).to_bits()); }\n";
    std::fs::write(folder.path().join("src/main.rs"), main).unwrap();
    for (words, profile) in [(&["cargo", "build"][..], "debug"), (&["cargo", "build", "--release"], "release")] {
        let mut build = line(folder.path(), words);
        let built = shell::unchecked_output(build.env("CARGO_TARGET_DIR", folder.path().join("target"))).unwrap();
        assert!(built.status.success(), "{}", text(&built));
        let module = folder.path().join("target/wasm32-wasip1").join(profile).join("p.wasm");
        let module = module.to_str().unwrap();
        assert_eq!(certificate(folder.path(), &[module]).0, Some(0), "{profile}");
        assert_eq!(succeed(folder.path(), &["run", module]), "7ff8000000000000\n", "{profile}");
    }
}
