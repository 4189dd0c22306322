//! Real programs, each built by one `wbuild` line, print what a native build prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use wbuild::oracle::{Verdict, compare_programs};
use wbuild::run;
use xtask::programs::{self, Language, Program};
use xtask::{native, shell};

/// The wbuild under test.
pub fn wbuild() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wbuild"))
}

/// Cargo's target folder, where native builds are kept.
pub fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("tmp is in the target folder").to_path_buf()
}

/// Builds with one line, and gives the module.
pub fn build(program: &Program, options: &[&str], folder: &Path) -> PathBuf {
    let module = folder.join(format!("{}.wasm", program.name));
    let mut command = wbuild();
    command.args(options).args(&program.flags).args(&program.wasi_flags).args(&program.sources);
    shell::output(command.arg("-o").arg(&module)).unwrap();
    module
}

/// Runs a module with `wbuild run`, in the folder where its files are.
pub fn run(program: &Program, module: &Path, folder: &Path) -> Output {
    let mut command = wbuild();
    command.args(["run", "--timeout", "300s", "--dir", "."]).arg(module).args(&program.args);
    shell::unchecked_output(command.current_dir(folder)).unwrap()
}

/// Runs a module in V8, through Node's own WASI.
pub fn run_in_node(program: &Program, module: &Path, folder: &Path) -> Output {
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(shell::root().join("testdata/wasi.mjs")).arg(module).args(&program.args);
    shell::unchecked_output(command.current_dir(folder)).unwrap()
}

pub fn assert_same(name: &str, expected: &Output, actual: &Output) {
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&actual.stderr);
    assert!(text(expected) == text(actual), "{name} printed\n{}\nnot\n{}\n{error}", text(actual), text(expected));
    assert_eq!(expected.status.code(), actual.status.code(), "{name}: {error}");
}

fn prints_what_a_native_build_prints(program: &Program, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    program.place_files(folder.path()).unwrap();
    let expected = native::run(program, &target_folder(), folder.path()).unwrap();
    assert!(!expected.stdout.is_empty(), "{} printed nothing, which proves nothing", program.name);
    program.place_files(folder.path()).unwrap();
    let module = build(program, options, folder.path());
    assert_same(program.name, &expected, &run(program, &module, folder.path()));
    assert_same(&format!("{} in Node", program.name), &expected, &run_in_node(program, &module, folder.path()));
}

/// Optimizes a module that was only linked, and compares both: how they end, what they write, every
/// call to their host, and memory.
fn opt_changes_nothing_that_the_host_sees(program: &Program, base: &str, levels: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let before = build(program, &[base, "--binaryen=off"], folder.path());
    let bytes = std::fs::read(&before).unwrap();
    let mut homes = Vec::new();
    for level in levels {
        let after = folder.path().join("after.wasm");
        shell::output(wbuild().arg("opt").arg(level).arg(&before).arg("-o").arg(&after)).unwrap();
        let after = std::fs::read(after).unwrap();
        assert!(after.len() < bytes.len(), "{level} changed nothing, which proves nothing");
        let verdict = compare_programs(&bytes, &after, || {
            let home = tempfile::tempdir().unwrap();
            program.place_files(home.path()).unwrap();
            let args = std::iter::once(program.name.to_string()).chain(program.args.iter().cloned()).collect();
            let dirs = vec![(home.path().to_path_buf(), ".".to_string())];
            homes.push(home);
            Ok(run::Options { args, dirs, timeout: Some(Duration::from_secs(300)), ..run::Options::default() })
        });
        match verdict.unwrap() {
            Verdict::Same(tally) => assert_eq!((tally.inconclusive, tally.trapped), (0, 0), "{} {level}", program.name),
            Verdict::Different(found) => panic!("{} {base}, then opt {level}: {found}", program.name),
        }
    }
}

macro_rules! at_three_levels {
    ($($name:ident: $program:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn prints_at_o0_what_a_native_build_prints() {
                prints_what_a_native_build_prints(&$program, &["-O0"]);
            }

            #[test]
            fn prints_at_o3_what_a_native_build_prints() {
                prints_what_a_native_build_prints(&$program, &["-O3"]);
            }

            #[test]
            fn prints_at_oz_what_a_native_build_prints() {
                prints_what_a_native_build_prints(&$program, &["-Oz"]);
            }

            #[test]
            fn opt_changes_nothing_of_what_o0_made() {
                opt_changes_nothing_that_the_host_sees(&$program, "-O0", &["-O1", "-Oz"]);
            }

            #[test]
            fn opt_changes_nothing_of_what_o2_made() {
                opt_changes_nothing_that_the_host_sees(&$program, "-O2", &["-O4"]);
            }
        }
    )*};
}

at_three_levels! {
    hello: programs::hello();
    hello_cxx: programs::hello_cxx();
    cxx_library: programs::single("library", Language::Cxx, "cpp/library.cpp");
    setjmp: programs::single("setjmp", Language::C, "c/setjmp.c");
    setjmp_cxx: programs::single("setjmp-cxx", Language::Cxx, "cpp/setjmp.cpp");
    sqlite: programs::sqlite().unwrap();
    lua: programs::lua().unwrap();
    zlib: programs::zlib().unwrap();
}
