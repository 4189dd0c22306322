use std::path::Path;
use std::process::{Command, Output};

use wbuild::toolchain::{Choice, Request, Toolchain, find};

use super::{builds_hello, hello, stderr, succeeds, wbuild};

fn hermetic() -> Toolchain {
    let request = Request { choice: Choice::Hermetic, ..Request::default() };
    find(&request, wbuild_targets::find("wasm32-wasip1").unwrap()).unwrap()
}

/// The hermetic clang as a command of its own, in `folder`.
fn clang(folder: &Path) -> Command {
    let found = hermetic();
    let mut command = Command::new(&found.clang[0]);
    command.args(&found.clang[1..]).args(&found.compile_args).current_dir(folder);
    command
}

fn exists(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

#[test]
fn it_builds_a_program_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    builds_hello(folder.path(), |build| {
        build.arg("--compiler=hermetic");
    });
}

#[test]
fn it_makes_the_same_bytes_in_two_folders_by_two_users() {
    let build = |name: &str| {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        hello(folder.path());
        let mut command = wbuild();
        command.current_dir(folder.path()).env("WBUILD_CACHE", folder.path().join("cache")).env("USER", name);
        command.args(["--compiler=hermetic", "-g", "-O2", "hello.c", "-o", "hello.wasm"]);
        succeeds(&mut command);
        std::fs::read(folder.path().join("hello.wasm")).unwrap()
    };
    assert!(build("one") == build("another-with-a-longer-name"));
}

#[test]
fn it_reads_and_writes_relative_and_absolute_paths_as_a_native_compiler_does() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["work", "include", "lib"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    std::fs::write(at("include/a.h"), "#define A 1\n").unwrap();
    std::fs::write(at("include/ü b.h"), "#define B 1\n").unwrap();
    // A folder named like one below the root is still the one that is here.
    std::fs::write(at("lib/c.h"), "#define C 1\n").unwrap();
    std::fs::write(at("main.c"), "#include \"a.h\"\n#include \"ü b.h\"\n#include \"c.h\"\nint x = A + B + C;\n")
        .unwrap();
    succeeds(clang(&at("work")).args([
        "-c",
        "../main.c",
        "-I../include",
        "-I../lib",
        "-o",
        "out.o",
        "-MD",
        "-MF",
        "out.d",
    ]));
    assert!(exists(&at("work"), "out.o"));
    let dependencies = std::fs::read_to_string(at("work/out.d")).unwrap();
    assert!(dependencies.contains("../include/a.h") && dependencies.contains("../lib/c.h"), "{dependencies}");
    let include = format!("-I{}", at("include").display());
    succeeds(clang(folder.path()).arg(include).args(["-Ilib", "-c"]).arg(at("main.c")).arg("-o").arg(at("work/two.o")));
    assert!(std::fs::read(at("work/out.o")).unwrap() == std::fs::read(at("work/two.o")).unwrap());
}

#[test]
fn errors_come_with_line_and_caret_and_leave_no_output() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.c"), "int main(void) {\n    return x;\n}\n").unwrap();
    let output: Output = clang(folder.path()).args(["-c", "bad.c", "-o", "bad.o"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("bad.c:2:12: error: use of undeclared identifier 'x'"), "{}", stderr(&output));
    assert!(stderr(&output).contains("           ^"), "{}", stderr(&output));
    assert!(!exists(folder.path(), "bad.o"));
    let output = clang(folder.path()).args(["-c", "missing.c"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no such file or directory: 'missing.c'"), "{}", stderr(&output));
}

#[test]
fn it_reads_standard_input_and_writes_standard_output() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut command = clang(folder.path());
    command.args(["-E", "-P", "-x", "c", "-"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"#define X 42\nint y = X;\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(super::stdout(&output).trim(), "int y = 42;");
}

#[test]
fn a_script_in_the_cache_that_was_changed_is_put_right() {
    let cache = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let build = || {
        builds_hello(folder.path(), |build| {
            build.arg("--compiler=hermetic").env("WBUILD_CACHE", cache.path());
        });
    };
    build();
    let entries = std::fs::read_dir(cache.path()).unwrap().flatten().map(|e| e.path());
    let script = entries.filter(|p| p.extension().is_some_and(|e| e == "mjs")).last().unwrap();
    std::fs::write(script, "process.exit(3);").unwrap();
    build();
}
