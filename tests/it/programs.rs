//! Real programs, each built by one `wbuild` line, print what a native build prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
