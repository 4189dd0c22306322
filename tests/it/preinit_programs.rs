//! Real programs that are initialized while they are built print what they print when they initialize at their start,
//! and what native builds print.

use std::path::Path;
use std::process::{Command, Output};

use xtask::initialized::{self, Initialized};
use xtask::{native, shell};

use crate::programs::{assert_same, target_folder, wbuild};

/// What a program says when its initialization runs.
const SAID: &str = "initialized";

fn says(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains(SAID)
}

/// Builds a program from its sources, and gives the module.
fn build(subject: &Initialized, options: &[&str], name: &str, folder: &Path) -> (Vec<u8>, Output) {
    let program = &subject.program;
    let mut command = wbuild();
    command.args(options).args(&program.flags).args(&program.wasi_flags).args(&program.sources);
    let output = shell::output(command.args(["-o", name]).current_dir(folder)).unwrap();
    (std::fs::read(folder.join(name)).unwrap(), output)
}

/// Runs a module, which sees the folder or nothing.
fn run(subject: &Initialized, module: &str, folder: &Path, sees_folder: bool) -> Output {
    let mut command = wbuild();
    command.args(["run", "--timeout", "60s"]).args(if sees_folder { &["--dir", "."][..] } else { &[] });
    shell::unchecked_output(command.arg(module).args(&subject.program.args).current_dir(folder)).unwrap()
}

/// That a module was initialized: it says nothing of it, sees no files, and prints what is expected.
fn assert_started(subject: &Initialized, module: &str, folder: &Path, expected: &Output) {
    let printed = run(subject, module, folder, false);
    assert!(!says(&printed), "{module} initializes at its start");
    assert_same(&format!("{} as {module}", subject.program.name), expected, &printed);
}

/// From its sources, at one level: initialized at its start, and initialized while it is built.
fn prints_the_same_initialized_while_it_is_built(subject: &Initialized, level: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    subject.program.place_files(folder).unwrap();
    let expected = native::run(&subject.program, &target_folder(), folder).unwrap();
    assert!(expected.stdout.len() > 50 && says(&expected), "the native build printed next to nothing");
    let (plain, output) = build(subject, &[level, "--lto=off"], "plain.wasm", folder);
    assert!(!says(&output));
    let at_start = run(subject, "plain.wasm", folder, true);
    assert!(says(&at_start), "the module that is to be initialized at its start is not");
    assert_same(&format!("{} without --preinit", subject.program.name), &expected, &at_start);
    let options = [&[level, "--lto=off"], subject.preinit].concat();
    let (started, output) = build(subject, &options, "started.wasm", folder);
    assert!(says(&output) && started != plain, "nothing was initialized");
    assert_started(subject, "started.wasm", folder, &expected);
    if level == "-Oz" {
        assert!(build(subject, &options, "again.wasm", folder).0 == started, "the second build gave other bytes");
    }
}

/// Of one module, initialized by `wbuild preinit` in every engine, and twice by whichever is fastest.
fn is_the_same_bytes_from_every_engine(subject: &Initialized, linked: &str, folder: &Path) {
    let mut bytes = Vec::new();
    for (run, engine) in ["wasmi", "winch", "cranelift", "fastest", "fastest"].into_iter().enumerate() {
        let out = if run < 4 { format!("{engine}.wasm") } else { "again.wasm".to_string() };
        let mut command = wbuild();
        command.args(["preinit", "--quiet", linked, "-o", &out, "--engine", engine]).args(subject.command);
        let output = shell::unchecked_output(command.current_dir(folder)).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && says(&output), "{engine}: {error}");
        bytes.push((engine, std::fs::read(folder.join(out)).unwrap()));
    }
    for (engine, other) in &bytes {
        assert!(*other == bytes[0].1, "{} and {engine} make different snapshots of {linked}", bytes[0].0);
    }
}

/// Links once, and compares the engines' snapshots, which must behave as the linked module does.
fn engines_agree(subject: &Initialized) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    subject.program.place_files(folder).unwrap();
    build(subject, &["-O1", "-g1", "--binaryen=off", "--no-deterministic"], "linked.wasm", folder);
    let mut subject = subject.clone();
    if subject.preinit.contains(&"--preinit=ctors") {
        subject.command = &["--func", "ctors"];
    }
    is_the_same_bytes_from_every_engine(&subject, "linked.wasm", folder);
    let expected = run(&subject, "linked.wasm", folder, true);
    assert_started(&subject, "fastest.wasm", folder, &expected);
}

macro_rules! programs_that_initialize {
    ($($name:ident: $subject:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn prints_at_o2_what_it_prints_when_initialized_at_its_start() {
                prints_the_same_initialized_while_it_is_built(&$subject, "-O2");
            }

            #[test]
            fn prints_at_oz_what_it_prints_when_initialized_at_its_start() {
                prints_the_same_initialized_while_it_is_built(&$subject, "-Oz");
            }

            #[test]
            fn is_the_same_bytes_whichever_engine_initializes_it() {
                engines_agree(&$subject);
            }
        }
    )*};
}

programs_that_initialize! {
    lua: initialized::lua().unwrap();
    constructors: initialized::constructors();
    dictionary: initialized::dictionary();
}

/// One linked module, finished at both levels with and without its initialization, since linking it is slow.
fn a_linked_module_prints_the_same_once_initialized(subject: &Initialized, folder: &Path, expected: &Output) {
    let at_start = run(subject, "linked.wasm", folder, true);
    assert!(says(&at_start), "the module that is to be initialized at its start is not");
    assert_same("the linked module", expected, &at_start);
    for level in ["-O2", "-Oz"] {
        let mut command = wbuild();
        command.args(["linked.wasm", level, "-o", "started.wasm"]).args(subject.preinit).current_dir(folder);
        assert!(says(&shell::output(&mut command).unwrap()), "{level}: nothing was initialized");
        assert_started(subject, "started.wasm", folder, expected);
    }
}

#[test]
fn sqlite_with_a_database_loaded_answers_as_one_that_loads_it_at_its_start() {
    let subject = initialized::sqlite().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let expected = native::run(&subject.program, &target_folder(), folder).unwrap();
    assert!(expected.stdout.len() > 200 && expected.status.success(), "the native build failed");
    build(&subject, &["-O1", "-g1", "--binaryen=off", "--no-deterministic"], "linked.wasm", folder);
    is_the_same_bytes_from_every_engine(&subject, "linked.wasm", folder);
    assert_started(&subject, "fastest.wasm", folder, &expected);
    a_linked_module_prints_the_same_once_initialized(&subject, folder, &expected);
}

#[test]
fn rust_with_regular_expressions_compiled_matches_as_one_that_compiles_them_at_its_start() {
    let project = shell::root().join("testdata/rust/projects/patterns");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let project_build = |options: &[&str], name: &str| {
        let mut command = wbuild();
        command.arg(&project).args(options).args(["-o", name]).current_dir(folder);
        command.env("CARGO_TARGET_DIR", target_folder().join("rust-projects/preinit"));
        shell::output(&mut command).unwrap()
    };
    project_build(&["-Oz", "-g1", "--binaryen=off", "--no-deterministic"], "linked.wasm");
    let program = xtask::programs::hello();
    let subject = Initialized { program, preinit: &["--preinit"], command: &[], wizer: &[] };
    let expected = run(&subject, "linked.wasm", folder, false);
    assert!(expected.stdout.len() > 200 && expected.status.success(), "{}", String::from_utf8_lossy(&expected.stderr));
    is_the_same_bytes_from_every_engine(&subject, "linked.wasm", folder);
    a_linked_module_prints_the_same_once_initialized(&subject, folder, &expected);
    assert!(says(&project_build(&["-Oz", "--preinit"], "project.wasm")), "nothing was initialized");
    assert_started(&subject, "project.wasm", folder, &expected);
}

#[test]
fn lua_is_refused_until_its_clock_may_stand_still() {
    let subject = initialized::lua().unwrap();
    let folder = tempfile::tempdir().unwrap();
    build(&subject, &["-O1", "-g1", "--binaryen=off", "--no-deterministic"], "linked.wasm", folder.path());
    let mut command: Command = wbuild();
    command.args(["preinit", "linked.wasm", "-o", "out.wasm"]).current_dir(folder.path());
    let output = shell::unchecked_output(&mut command).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("it asked the clock"), "{error}");
    assert!(error.contains("--preinit-allow-clock") && !folder.path().join("out.wasm").exists(), "{error}");
}

#[test]
fn data_for_compression_is_still_in_few_segments_behind_binaryen() {
    let subject = initialized::dictionary();
    let folder = tempfile::tempdir().unwrap();
    subject.program.place_files(folder.path()).unwrap();
    let size = |measure: &str| {
        let options = [&["-Oz", "--lto=off", measure], subject.preinit].concat();
        build(&subject, &options, "out.wasm", folder.path()).0.len()
    };
    let (small, dense) = (size("--optimize-for=size"), size("--optimize-for=compressed"));
    assert!(dense > small + 10_000, "{small} bytes for size and {dense} for compression: zeros were cut out again");
}
