//! What build systems ask of a compiler before they use it: programs that must compile, link and run, those that must
//! not, and words that no compiler knows.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::programs::wbuild;

fn run(at: &Path, words: &[&str]) -> Output {
    wbuild().arg("cc").args(words).current_dir(at).env("WBUILD_LAUNCHER", "1").output().unwrap()
}

/// How far a probe gets.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Gets {
    Refused,
    Compiled,
    Linked,
    Run(i32),
}

fn gets(at: &Path, source: &str, flags: &[&str]) -> Gets {
    std::fs::write(at.join("conftest.c"), source).unwrap();
    for old in ["conftest.o", "conftest"] {
        let _ = std::fs::remove_file(at.join(old));
    }
    let compiled = run(at, &[&["-c", "conftest.c"], flags].concat());
    assert_eq!(compiled.status.success(), at.join("conftest.o").exists(), "{source}");
    if !compiled.status.success() {
        assert!(!compiled.stderr.is_empty(), "{source}");
        return Gets::Refused;
    }
    let linked = run(at, &[&["-o", "conftest", "conftest.c"], flags, &["-lm"]].concat());
    assert_eq!(linked.status.success(), at.join("conftest").exists(), "{source}");
    if !linked.status.success() {
        assert!(String::from_utf8_lossy(&linked.stderr).contains("error: "), "{source}");
        return Gets::Compiled;
    }
    let ran = Command::new(at.join("conftest"))
        .current_dir(at)
        .env("WBUILD", env!("CARGO_BIN_EXE_wbuild"))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    ran.code().map_or(Gets::Linked, Gets::Run)
}

#[test]
fn a_probe_gets_as_far_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let probes: &[(&str, &[&str], Gets)] = &[
        ("int main(void) { return 0; }", &[], Gets::Run(0)),
        ("int main() { return 7; }", &["-O2"], Gets::Run(7)),
        // autoconf's way to ask for a function: declared as something else, called, the result returned.
        (
            "#ifdef __cplusplus\nextern \"C\"\n#endif\nchar fork(void);\nint main(void) { return fork(); }",
            &["-w"],
            Gets::Compiled,
        ),
        ("char gethostbyname(void);\nint main(void) { return gethostbyname(); }", &["-w"], Gets::Compiled),
        ("char sin(void);\nint main(void) { return sin != 0 ? 0 : 1; }", &["-w"], Gets::Run(0)),
        // Headers.
        ("#include <stdint.h>\n#include <unistd.h>\nint main(void) { return 0; }", &[], Gets::Run(0)),
        ("#include <sys/epoll.h>\nint main(void) { return 0; }", &[], Gets::Refused),
        ("#include <windows.h>\nint main(void) { return 0; }", &[], Gets::Refused),
        // Sizes: by an array of a negative one, and by running.
        ("int test[1 - 2 * !(sizeof(long) == 4)];\nint main(void) { return 0; }", &[], Gets::Run(0)),
        ("int test[1 - 2 * !(sizeof(long) == 8)];\nint main(void) { return 0; }", &[], Gets::Refused),
        ("int main(void) { return sizeof(void *); }", &[], Gets::Run(4)),
        ("int main(void) { union { long l; char c[4]; } u = {1}; return u.c[0] == 1; }", &[], Gets::Run(1)),
        // What must not work, and what fails when it runs.
        ("choke me\nint main(void) { return 0; }", &[], Gets::Refused),
        ("int main(void) { return unknown; }", &[], Gets::Refused),
        ("int other(void) { return 0; }", &[], Gets::Compiled),
        ("#include <stdlib.h>\nint main(void) { abort(); }", &[], Gets::Run(134)),
        ("int main(void) { volatile int *p = (int *)0xfffffff0; return *p; }", &[], Gets::Run(134)),
        // Flags: known, unknown, unknown and asked for strictly, for other machines.
        ("int main(void) { return 0; }", &["-fstack-protector-strong", "-ffunction-sections"], Gets::Run(0)),
        ("int main(void) { return 0; }", &["-Wno-such-warning"], Gets::Run(0)),
        ("int main(void) { return 0; }", &["-Werror", "-Wno-such-warning-at-all", "-Wsuch-warning"], Gets::Refused),
        ("int main(void) { return 0; }", &["-fno-such-flag"], Gets::Refused),
        ("int main(void) { return 0; }", &["-march=native"], Gets::Refused),
        ("int main(void) { return 0; }", &["-fPIC"], Gets::Run(0)),
        // Files are found where the program is.
        ("#include <stdio.h>\nint main(void) { return !fopen(\"conftest.c\", \"r\"); }", &[], Gets::Run(0)),
    ];
    for (source, flags, expected) in probes {
        assert_eq!(gets(at, source, flags), *expected, "{source}\n{flags:?}");
    }
}

#[test]
fn words_that_ask_for_another_compiler_fail_as_clang_fails() {
    let folder = tempfile::tempdir().unwrap();
    let clang = wbuild().args(["cc", "-print-prog-name=clang"]).output().unwrap();
    let clang = String::from_utf8(clang.stdout).unwrap();
    let mut seen = 0;
    for word in ["-V", "-qversion", "-version", "--no-such-option", "-print-no-such-thing", "-no-such"] {
        let ours = run(folder.path(), &[word]);
        let theirs = Command::new(clang.trim()).arg("--target=wasm32-wasip1").arg(word).output().unwrap();
        assert_eq!(ours.status.code(), theirs.status.code(), "{word}");
        let first = |output: &Output| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            text.lines().next().unwrap_or_default().replace("clang-22", "clang")
        };
        assert_eq!(first(&ours), first(&theirs), "{word}");
        seen += usize::from(!ours.status.success());
    }
    assert!(seen >= 5);
}

#[test]
fn builds_that_write_one_output_at_once_leave_one_of_them_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("a.c"), "#include <stdio.h>\nint main(void) { printf(\"%d %s\\n\", N, TEXT); }\n").unwrap();
    let text = "x".repeat(3000);
    let build = |n: usize, to: &str| {
        let (number, text) = (format!("-DN={n}"), format!("-DTEXT=\"{}\"", &text[..n * 300]));
        let mut command = wbuild();
        command.args(["cc", "-O1", "a.c", "-o", to, &number, &text]).current_dir(at);
        command.env("WBUILD_LAUNCHER", "1").stderr(Stdio::piped()).spawn().unwrap()
    };
    let expected: Vec<Vec<u8>> = (1..=8)
        .map(|n| {
            assert!(build(n, "alone").wait_with_output().unwrap().status.success());
            std::fs::read(at.join("alone")).unwrap()
        })
        .collect();
    for round in 0..3 {
        let children: Vec<_> = (1..=8).map(|n| build(n, "shared")).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let left = std::fs::read(at.join("shared")).unwrap();
        assert!(expected.contains(&left), "round {round}: {} bytes", left.len());
    }
    let left: Vec<_> = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}
