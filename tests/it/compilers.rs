//! `--compiler=zig`, with the real one: `cargo xtask test` puts it below the target folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

fn zig() -> PathBuf {
    let zig = target().join("ziglang/ziglang/zig");
    assert!(zig.is_file(), "{} is missing; cargo xtask test installs it", zig.display());
    zig
}

/// wbuild with zig, in `folder`. What zig's C library becomes is kept between runs of the tests.
fn wbuild(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    for name in ["WBUILD_CLANG", "WBUILD_SYSROOT", "WBUILD_COMPILER", "SOURCE_DATE_EPOCH"] {
        command.env_remove(name);
    }
    command.env("WBUILD_ZIG", zig()).env("WBUILD_CACHE", target().join("zig-cache")).current_dir(folder);
    command
}

fn run(folder: &Path, words: &str) -> Output {
    wbuild(folder).args(words.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Builds with `words`, checks that the module is deterministic, and gives what it prints.
fn prints(folder: &Path, words: &str) -> String {
    let built = run(folder, &format!("{words} --compiler=zig --standalone -o out.wasm"));
    assert!(built.status.success(), "{words}: {}", text(&built.stderr));
    let checked = run(folder, "check out.wasm");
    assert!(checked.status.success(), "{words}: {}", text(&checked.stdout));
    let ran = run(folder, "run --dir . --env WHO=zig out.wasm one two");
    assert!(ran.status.success(), "{words}: {}", text(&ran.stderr));
    text(&ran.stdout)
}

fn folder(name: &str, source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), source).unwrap();
    folder
}

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

#[test]
fn zig_builds_c_at_every_kind_of_level() {
    let folder = folder("a.c", HELLO);
    for level in ["-O0", "-O2", "-Oz", "-O2 --lto=off", "-Oz --malloc=libc"] {
        assert_eq!(prints(folder.path(), &format!("a.c {level}")), "hello\n", "{level}");
    }
}

#[test]
fn zig_builds_cxx() {
    let source = "#include <iostream>\n#include <map>\nint main() { std::map<int, int> m; m[1] = 2; \
                  std::cout << m[1] << '\\n'; }\n";
    assert_eq!(prints(folder("a.cc", source).path(), "a.cc"), "2\n");
}

#[test]
fn setjmp_of_zig_s_headers_works_without_exceptions() {
    let source = "#include <setjmp.h>\n#include <stdio.h>\nstatic jmp_buf b;\n\
                  __attribute__((noinline)) static void down(int n) { if (n == 0) longjmp(b, 7); down(n - 1); }\n\
                  int main(void) { volatile int k = 1; int r = setjmp(b); if (r == 0) { k = 2; down(3); }\n\
                  printf(\"%d %d\\n\", r, k); }\n";
    let folder = folder("a.c", source);
    for level in ["-O0", "-O2", "-Oz"] {
        assert_eq!(prints(folder.path(), &format!("a.c {level}")), "7 2\n", "{level}");
    }
}

#[test]
fn a_program_of_zig_s_sees_arguments_environment_and_files() {
    let source = "#include <stdio.h>\n#include <stdlib.h>\nint main(int n, char **v) { char line[9] = \"\";\n\
                  FILE *f = fopen(\"in.txt\", \"r\"); if (!f || !fgets(line, 9, f)) return 1;\n\
                  printf(\"%d %s %s %s\", n, v[2], getenv(\"WHO\"), line); return 0; }\n";
    let folder = folder("a.c", source);
    std::fs::write(folder.path().join("in.txt"), "text\n").unwrap();
    assert_eq!(prints(folder.path(), "a.c"), "3 two zig text\n");
}

#[test]
fn zig_makes_the_same_bytes_in_two_folders() {
    let build = |source: &str| {
        let folder = folder("a.c", source);
        let path = folder.path().join("a.c");
        let built = run(folder.path(), &format!("{} --compiler=zig -g -O1 -o out.wasm", path.display()));
        assert!(built.status.success(), "{}", text(&built.stderr));
        std::fs::read(folder.path().join("out.wasm")).unwrap()
    };
    let source = "#include <stdio.h>\nint main(void) { puts(__FILE__ \" \" __DATE__); return 0; }\n";
    let module = build(source);
    assert!(module == build(source));
    assert!(text(&module).contains("Jan  1 1970"));
}

#[test]
fn the_other_target_and_a_reactor_are_built_with_zig_too() {
    let folder = folder("a.c", "int add(int a, int b) { return a + b; }\n");
    for shape in ["--target wasm32-unknown-unknown", "--reactor", "--no-entry"] {
        let built = run(folder.path(), &format!("a.c --export add {shape} --compiler=zig -o out.wasm"));
        assert!(built.status.success(), "{shape}: {}", text(&built.stderr));
        let shown = run(folder.path(), "wasm2wat out.wasm");
        assert!(text(&shown.stdout).contains("(export \"add\""), "{shape}");
    }
}

#[test]
fn the_report_and_the_plan_say_that_it_was_zig() {
    let folder = folder("a.c", HELLO);
    let built = run(folder.path(), "a.c --compiler=zig --json report.json -o out.wasm");
    assert!(built.status.success(), "{}", text(&built.stderr));
    let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let tool = &report["tools"][0];
    assert_eq!(tool["name"], "zig");
    assert_eq!(tool["path"], zig().to_str().unwrap());
    assert_eq!(tool["sha256"].as_str().unwrap().len(), 64);
    let plan = text(&run(folder.path(), "a.c --compiler=zig --dry-run").stdout);
    assert!(plan.contains("/zig cc -target wasm32-wasi") && plan.contains("/zig wasm-ld "), "{plan}");
}

#[test]
fn what_zig_s_clang_and_its_linker_complain_about_is_shown() {
    let broken = folder("a.c", "int main(void) { return x; }\n");
    let failed = text(&run(broken.path(), "a.c --compiler=zig").stderr);
    assert!(failed.contains("a.c:1:25: error: use of undeclared identifier 'x'"), "{failed}");
    let undefined = folder("a.c", "void nope(void);\nint main(void) { nope(); }\n");
    let failed = text(&run(undefined.path(), "a.c --compiler=zig").stderr);
    assert!(failed.contains("undefined symbol: nope, used by a.c"), "{failed}");
}

#[test]
fn without_zig_the_error_says_how_to_install_it() {
    let folder = folder("a.c", HELLO);
    let output = wbuild(folder.path())
        .env_remove("WBUILD_ZIG")
        .env("PATH", "")
        .args(["a.c", "--compiler=zig"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).ends_with("help: python3 -m pip install ziglang\n"), "{}", text(&output.stderr));
    let clash = run(folder.path(), "a.c --compiler=zig --clang clang");
    assert_eq!(clash.status.code(), Some(2));
}
