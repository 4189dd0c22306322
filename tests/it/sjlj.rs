//! setjmp and longjmp in the form that needs no wasm exceptions, and in the two that do.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::programs::{Language, Program, single};
use xtask::{native, shell};

use crate::programs::{assert_same, build, run, run_in_node, target_folder, wbuild};

fn setjmp() -> Program {
    single("setjmp", Language::C, "c/setjmp.c")
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// What a module imports, and the operators of exceptions in it.
fn text(module: &Path) -> String {
    wasmprinter::print_bytes(std::fs::read(module).unwrap()).unwrap()
}

fn uses_exceptions(text: &str) -> bool {
    ["(tag ", "try_table", "\n    try ", "throw"].iter().any(|word| text.contains(word))
}

#[test]
fn by_default_no_exception_and_no_import_but_wasi_is_left() {
    let folder = tempfile::tempdir().unwrap();
    for options in [&["-O0"][..], &["-O2", "--lto=full"], &["-O2", "--lto=thin"], &["-Os", "--lto=off"]] {
        let module = build(&setjmp(), &[options, &["--standalone"]].concat(), folder.path());
        let text = text(&module);
        assert!(!uses_exceptions(&text), "{options:?}");
        for line in text.lines().filter(|line| line.trim_start().starts_with("(import ")) {
            assert!(line.contains("\"wasi_snapshot_preview1\""), "{options:?}: {line}");
        }
    }
}

#[test]
fn a_program_linked_with_lto_jumps_as_a_native_one() {
    let folder = tempfile::tempdir().unwrap();
    let expected = native::run(&setjmp(), &target_folder(), folder.path()).unwrap();
    for lto in ["--lto=full", "--lto=thin", "--lto=off"] {
        let module = build(&setjmp(), &["-O2", lto], folder.path());
        assert_same(lto, &expected, &run(&setjmp(), &module, folder.path()));
    }
}

#[test]
fn a_jump_from_one_file_to_another_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let header = "#include <setjmp.h>\nextern jmp_buf env;\nvoid jump(int);\n";
    write(folder.path(), "jump.h", header);
    let jump = write(folder.path(), "jump.c", "#include \"jump.h\"\nvoid jump(int n) { longjmp(env, n); }\n");
    let main = "#include \"jump.h\"\n#include <stdio.h>\njmp_buf env;\n\
        int main(void) { int n = setjmp(env); if (n < 3) jump(n + 1); printf(\"%d\\n\", n); return 0; }\n";
    let main = write(folder.path(), "main.c", main);
    for options in [["-O0", "--lto=off"], ["-O2", "--lto=off"], ["-O2", "--lto=thin"]] {
        let module = folder.path().join("two.wasm");
        shell::output(wbuild().args(options).args([&main, &jump]).arg("-o").arg(&module)).unwrap();
        let output = shell::output(wbuild().arg("run").arg(&module)).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "3\n", "{options:?}");
    }
}

/// C leaves this undefined; a trap is the one answer that hides nothing.
#[test]
fn a_jump_to_a_frame_that_is_gone_traps() {
    let folder = tempfile::tempdir().unwrap();
    let source = write(
        folder.path(),
        "stray.c",
        "#include <setjmp.h>\n#include <stdio.h>\n\
         static jmp_buf env;\n\
         __attribute__((noinline)) static void arm(void) { if (setjmp(env)) puts(\"impossible\"); }\n\
         int main(void) { arm(); puts(\"armed\"); fflush(stdout); longjmp(env, 1); }\n",
    );
    for level in ["-O0", "-O3"] {
        let module = folder.path().join("stray.wasm");
        shell::output(wbuild().arg(level).arg(&source).arg("-o").arg(&module)).unwrap();
        let output = shell::unchecked_output(wbuild().arg("run").arg(&module)).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "armed\n", "{level}");
        assert_eq!(output.status.code(), Some(134), "{level}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_program_without_setjmp_is_not_a_byte_larger_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = write(folder.path(), "nothing.c", "int main(void) { return 0; }\n");
    let module = folder.path().join("nothing.wasm");
    shell::output(wbuild().args(["-Oz", "-g1"]).arg(&source).arg("-o").arg(&module)).unwrap();
    let text = text(&module);
    for name in ["longjmp", "THREW", "TempRet0", "invoke_"] {
        assert!(!text.contains(name), "{name} in\n{text}");
    }
}

#[test]
fn wasm_exceptions_on_request_run_in_the_embedded_engine() {
    let folder = tempfile::tempdir().unwrap();
    let expected = native::run(&setjmp(), &target_folder(), folder.path()).unwrap();
    for level in ["-O0", "-O2", "-Oz"] {
        let module = build(&setjmp(), &[level, "--exceptions=wasm"], folder.path());
        assert!(text(&module).contains("try_table"), "{level}");
        assert_same(level, &expected, &run(&setjmp(), &module, folder.path()));
    }
}

#[test]
fn legacy_wasm_exceptions_on_request_run_in_node() {
    let folder = tempfile::tempdir().unwrap();
    let expected = native::run(&setjmp(), &target_folder(), folder.path()).unwrap();
    for level in ["-O0", "-O2", "-Oz"] {
        let module = build(&setjmp(), &[level, "--exceptions=wasm-legacy", "--no-deterministic"], folder.path());
        let text = text(&module);
        assert!(uses_exceptions(&text) && !text.contains("try_table"), "{level}");
        assert_same(level, &expected, &run_in_node(&setjmp(), &module, folder.path()));
    }
}

/// The header must not stand in the way of a C++ program that includes everything.
#[test]
fn the_header_can_be_included_in_every_order_and_language() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (
            "a.c",
            "#include <setjmp.h>\n#include <stdlib.h>\n#include <signal.h>\n#include <setjmp.h>\nint main(void) { return 0; }\n",
        ),
        (
            "b.c",
            "#define _POSIX_C_SOURCE 200809L\n#include <stdio.h>\n#include <setjmp.h>\nsigjmp_buf b;\nint main(void) { return 0; }\n",
        ),
        ("c.cpp", "#include <setjmp.h>\n#include <csetjmp>\n#include <string>\nstd::jmp_buf b;\nint main() {}\n"),
        (
            "d.cpp",
            "#include <csetjmp>\n#include <setjmp.h>\nstd::jmp_buf b;\nint main(int n, char **) { if (n > 9) std::longjmp(b, 1); }\n",
        ),
    ];
    for (name, text) in cases {
        let source = write(folder.path(), name, text);
        let mut command: Command = wbuild();
        command.args(["-O1", "-Wall", "-Werror", "-D_WASI_EMULATED_SIGNAL", "-lwasi-emulated-signal"]).arg(&source);
        shell::output(command.arg("-o").arg(folder.path().join("out.wasm"))).unwrap();
    }
}
