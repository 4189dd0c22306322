//! `--compiler=zig` and `--compiler=emcc`, with the real ones: `cargo xtask test` puts zig below the target folder and
//! installs Debian's emscripten.

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

const BOTH: [&str; 2] = ["zig", "emcc"];

/// wbuild with zig, in `folder`. What the compilers' C libraries become is kept between runs of the tests.
fn wbuild(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    for name in ["WBUILD_CLANG", "WBUILD_SYSROOT", "WBUILD_COMPILER", "WBUILD_EMCC", "SOURCE_DATE_EPOCH"] {
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

/// Builds with `words`, checks that the module is deterministic, and gives what it prints, in wasmtime as in Node.
fn prints(compiler: &str, folder: &Path, words: &str) -> String {
    let built = run(folder, &format!("{words} --compiler={compiler} --standalone -o out.wasm"));
    assert!(built.status.success(), "{compiler} {words}: {}", text(&built.stderr));
    let checked = run(folder, "check out.wasm");
    assert!(checked.status.success(), "{compiler} {words}: {}", text(&checked.stdout));
    let ran = run(folder, "run --dir . --env WHO=me out.wasm one two");
    assert!(ran.status.success(), "{compiler} {words}: {}", text(&ran.stderr));
    let node = Command::new("node").args(["--no-warnings", "-e", NODE]).current_dir(folder).output().unwrap();
    assert_eq!(text(&node.stdout), text(&ran.stdout), "{compiler} {words}: {}", text(&node.stderr));
    text(&ran.stdout)
}

/// Runs out.wasm as `run` does it.
const NODE: &str = "const { WASI } = require('node:wasi'), { readFileSync } = require('fs');\n\
    const wasi = new WASI({ version: 'preview1', args: ['out.wasm', 'one', 'two'], env: { WHO: 'me' },\n\
        preopens: { '.': '.' } });\n\
    WebAssembly.instantiate(readFileSync('out.wasm'), wasi.getImportObject()).then(it => wasi.start(it.instance));";

/// What wbuild says where it cannot build.
fn refused(folder: &Path, words: &str) -> String {
    let output = run(folder, words);
    assert!(!output.status.success(), "{words}");
    text(&output.stderr)
}

fn folder(name: &str, source: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), source).unwrap();
    folder
}

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

#[test]
fn c_is_built_at_every_kind_of_level() {
    let folder = folder("a.c", HELLO);
    for compiler in BOTH {
        for level in ["-O0", "-O2", "-Oz", "-O2 --lto=off", "-Oz --malloc=libc"] {
            assert_eq!(prints(compiler, folder.path(), &format!("a.c {level}")), "hello\n", "{compiler} {level}");
        }
    }
}

#[test]
fn cxx_is_built() {
    let source = "#include <iostream>\n#include <map>\n#include <random>\nint main() { std::map<int, int> m; m[1] = 2; \
                  std::random_device d; d(); std::cout << m[1] << '\\n'; }\n";
    let folder = folder("a.cc", source);
    for compiler in BOTH {
        for level in ["-O2", "-Oz"] {
            assert_eq!(prints(compiler, folder.path(), &format!("a.cc {level}")), "2\n", "{compiler} {level}");
        }
    }
}

#[test]
fn setjmp_of_their_headers_works_without_exceptions() {
    let source = "#include <setjmp.h>\n#include <stdio.h>\nstatic jmp_buf b, outer;\n\
                  __attribute__((noinline)) static void down(int n) { if (n == 0) longjmp(b, 7); down(n - 1); }\n\
                  __attribute__((noinline)) static void deeper(int n) { jmp_buf mine;\n\
                  if (setjmp(mine) == 0) { if (n) deeper(n - 1); else longjmp(outer, 5); } }\n\
                  int main(void) { volatile int k = 1; int r = setjmp(b); if (r == 0) { k = 2; down(3); }\n\
                  int far = setjmp(outer); if (far == 0) deeper(3);\n\
                  volatile int n = 0; int s = setjmp(b); if (n < 1000) { n = n + 1; longjmp(b, n); }\n\
                  printf(\"%d %d %d %d\\n\", r, k, far, s); }\n";
    let folder = folder("a.c", source);
    for compiler in BOTH {
        for level in ["-O0", "-O2", "-O2 --lto=off", "-Oz"] {
            let words = format!("a.c {level}");
            assert_eq!(prints(compiler, folder.path(), &words), "7 2 5 1000\n", "{compiler} {level}");
        }
    }
}

#[test]
fn a_program_sees_arguments_environment_and_much_memory() {
    let source = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(int n, char **v) {\n\
                  char *p = malloc(50000000), line[9] = \"\"; if (!p) return 1; memset(p, 'x', 50000000);\n\
                  if (n > 9 && !fgets(line, 9, stdin)) return 1;\n\
                  printf(\"%d %s %s %c %.2f\\n\", n, v[2], getenv(\"WHO\"), p[49999999], n / 2.0); free(p); return 0; }\n";
    let folder = folder("a.c", source);
    for compiler in BOTH {
        for level in ["-O2", "-Oz"] {
            let words = format!("a.c {level}");
            assert_eq!(prints(compiler, folder.path(), &words), "3 two me x 1.50\n", "{compiler} {level}");
        }
    }
}

#[test]
fn a_program_of_zig_s_reads_files_and_one_of_emcc_s_is_told_what_needs_javascript() {
    let source = "#include <stdio.h>\nint main(void) { char line[9] = \"\";\n\
                  FILE *f = fopen(\"in.txt\", \"r\"); if (!f || !fgets(line, 9, f)) return 1;\n\
                  printf(\"%s\", line); return 0; }\n";
    let folder = folder("a.c", source);
    std::fs::write(folder.path().join("in.txt"), "text\n").unwrap();
    assert_eq!(prints("zig", folder.path(), "a.c"), "text\n");
    std::fs::write(folder.path().join("b.c"), "#include <unistd.h>\nint main(void) { return unlink(\"x\"); }\n")
        .unwrap();
    let failed = refused(folder.path(), "b.c --compiler=emcc");
    assert!(failed.contains("undefined symbol: __syscall_unlink, used by"), "{failed}");
    assert!(failed.contains("help: emcc's C library leaves this to JavaScript: use --compiler=auto"), "{failed}");
    std::fs::write(folder.path().join("c.c"), "#include <emscripten.h>\nint main(void) { EM_ASM({ f(); }); }\n")
        .unwrap();
    let failed = refused(folder.path(), "c.c --compiler=emcc");
    assert!(failed.contains("help: it is emcc's, and needs JavaScript"), "{failed}");
}

#[test]
fn snapshots_vectors_and_emulations() {
    let snapshot = "#include <stdio.h>\n#include <wbuild.h>\nstatic int t[3];\n\
                    static void load(void) { for (int i = 0; i < 3; i++) t[i] = i * 7; }\nWBUILD_PREINIT(load)\n\
                    int main(void) { if (!WBUILD_PREINITIALIZED) return 1; printf(\"%d\\n\", t[2]); return 0; }\n";
    let vectors = "#include <stdio.h>\n#include <wasm_simd128.h>\nint main(int n, char **v) {\n\
                   v128_t a = wasm_i32x4_add(wasm_i32x4_splat(n), wasm_i32x4_make(1, 2, 3, 4));\n\
                   printf(\"%d\\n\", wasm_i32x4_extract_lane(a, 3)); return 0; }\n";
    let folder = folder("a.c", snapshot);
    std::fs::write(folder.path().join("v.c"), vectors).unwrap();
    for compiler in BOTH {
        assert_eq!(prints(compiler, folder.path(), "a.c --preinit -O2"), "14\n", "{compiler}");
        assert_eq!(prints(compiler, folder.path(), "a.c --preinit -Oz"), "14\n", "{compiler}");
        assert_eq!(prints(compiler, folder.path(), "v.c --simd -O2"), "7\n", "{compiler}");
    }
    let signals = "#include <signal.h>\n#include <stdio.h>\nstatic void got(int n) { printf(\"%d\\n\", n); }\n\
                   int main(void) { signal(SIGTERM, got); raise(SIGTERM); return 0; }\n";
    std::fs::write(folder.path().join("s.c"), signals).unwrap();
    for compiler in BOTH {
        let words = "s.c -D_WASI_EMULATED_SIGNAL -lwasi-emulated-signal";
        assert_eq!(prints(compiler, folder.path(), words), "15\n", "{compiler}");
    }
}

#[test]
fn exceptions_are_refused() {
    let source = "#include <cstdio>\n#include <stdexcept>\nint main() {\n\
                  try { throw std::runtime_error(\"thrown\"); } catch (const std::exception &e) { std::puts(e.what()); } }\n";
    let folder = folder("a.cc", source);
    for compiler in BOTH {
        let failed = refused(folder.path(), &format!("a.cc -fexceptions --compiler={compiler}"));
        let said = format!("--compiler={compiler} has no exceptions here");
        assert!(failed.contains(&said) && failed.contains("help: use --compiler=auto"), "{failed}");
    }
}

#[test]
fn the_same_bytes_are_made_in_two_folders() {
    let source = "#include <stdio.h>\nint main(void) { puts(__FILE__ \" \" __DATE__); return 0; }\n";
    for compiler in BOTH {
        let build = || {
            let folder = folder("a.c", source);
            let path = folder.path().join("a.c");
            let words = format!("{} --compiler={compiler} -g -O1 -o out.wasm", path.display());
            let built = run(folder.path(), &words);
            assert!(built.status.success(), "{}", text(&built.stderr));
            std::fs::read(folder.path().join("out.wasm")).unwrap()
        };
        let module = build();
        assert!(module == build(), "{compiler}");
        assert!(text(&module).contains("Jan  1 1970"), "{compiler}");
    }
}

#[test]
fn the_other_target_and_reactors_are_built_too() {
    let folder = folder("a.c", "int add(int a, int b) { return a + b; }\n");
    for compiler in BOTH {
        for shape in ["--target wasm32-unknown-unknown", "--reactor", "--no-entry"] {
            let words = format!("a.c --export add {shape} --compiler={compiler} -o out.wasm");
            let built = run(folder.path(), &words);
            assert!(built.status.success(), "{words}: {}", text(&built.stderr));
            let shown = run(folder.path(), "wasm2wat out.wasm");
            assert!(text(&shown.stdout).contains("(export \"add\""), "{words}");
        }
    }
}

#[test]
fn the_report_says_whose_compiler_it_was_and_a_plan_builds_no_library() {
    let folder = folder("a.c", HELLO);
    let starts = [" wasm-ld ", "wasm-ld"];
    for (compiler, linker) in BOTH.into_iter().zip(starts) {
        let built = run(folder.path(), &format!("a.c --compiler={compiler} --json report.json -o out.wasm"));
        assert!(built.status.success(), "{}", text(&built.stderr));
        let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let tool = &report["tools"][0];
        assert_eq!(tool["name"], compiler);
        assert_eq!(tool["sha256"].as_str().unwrap().len(), 64);
        if compiler == "zig" {
            assert_eq!(tool["path"], zig().to_str().unwrap());
        }
        let cache = tempfile::tempdir().unwrap();
        let words = format!("a.c --compiler={compiler} --dry-run");
        let plan = wbuild(folder.path()).env("WBUILD_CACHE", cache.path()).args(words.split(' ')).output().unwrap();
        let plan = text(&plan.stdout);
        assert!(plan.contains(&format!("/{compiler}/")) && plan.contains(linker), "{plan}");
        let libraries = std::fs::read_dir(cache.path().join(compiler)).into_iter().flatten().flatten();
        assert!(!libraries.into_iter().any(|entry| entry.path().join("libc.a").exists()), "{compiler}");
    }
}

#[test]
fn what_their_clang_and_linker_complain_about_is_shown() {
    let broken = folder("a.c", "int main(void) { return x; }\n");
    let undefined = folder("a.c", "void nope(void);\nint main(void) { nope(); }\n");
    for compiler in BOTH {
        let failed = refused(broken.path(), &format!("a.c --compiler={compiler}"));
        assert!(failed.contains("a.c:1:25: error: use of undeclared identifier 'x'"), "{failed}");
        let failed = refused(undefined.path(), &format!("a.c --compiler={compiler}"));
        assert!(failed.contains("undefined symbol: nope, used by a.c"), "{failed}");
    }
}

#[test]
fn wbuild_cc_compiles_and_links_with_them() {
    let folder = folder("a.c", HELLO);
    for compiler in BOTH {
        for words in ["cc -c a.c -o a.o", "cc a.o -o out.wasm"] {
            let mut command = wbuild(folder.path());
            let done = command.env("WBUILD_COMPILER", compiler).args(words.split(' ')).output().unwrap();
            assert!(done.status.success(), "{compiler} {words}: {}", text(&done.stderr));
        }
        assert_eq!(text(&run(folder.path(), "run out.wasm").stdout), "hello\n", "{compiler}");
    }
}

#[test]
fn without_them_the_error_says_how_to_install_them() {
    let folder = folder("a.c", HELLO);
    let installs = ["python3 -m pip install ziglang", "apt-get install emscripten"];
    for (compiler, install) in BOTH.into_iter().zip(installs) {
        let words = format!("a.c --compiler={compiler}");
        let mut command = wbuild(folder.path());
        let output = command.env_remove("WBUILD_ZIG").env("PATH", "").args(words.split(' ')).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output.stderr);
        assert!(said.ends_with(&format!("help: {install}\n")), "{said}");
        let clash = run(folder.path(), &format!("{words} --clang clang"));
        assert_eq!(clash.status.code(), Some(2));
    }
}
