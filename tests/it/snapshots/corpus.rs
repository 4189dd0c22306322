//! Every module of the specification's testsuite and of the golden tests, and real programs: initialized, and snapshots.

use std::path::Path;
use std::time::Duration;

use wbuild::engine::{self, Profile};
use wbuild::oracle::{Comparison, Random};
use wbuild::preinit;
use wbuild::run;
use wbuild::ui::{Ui, Verbosity};
use wbuild_passes::snapshot::Initializer;
use wbuild_passes::{Item, Module};
use xtask::programs::{self, Language, Program};

use super::random::comparison;
use super::subject::{INITIALIZER, Wanted, subject};
use super::{Case, Count, expose, judge, options};
use crate::programs::build;
use crate::spec::{in_parallel, modules, scripts};

/// Of a module's own functions without parameters and results, so many are taken for its initialization.
const OWN: usize = 3;

#[test]
fn modules_of_the_specification_are_after_initialization_what_their_snapshots_are_from_the_start() {
    let modules = modules(&engine::engine(Profile::Deterministic).unwrap(), &scripts());
    let modules: Vec<Vec<u8>> = modules.into_iter().map(|(bytes, _)| bytes).collect();
    let count = cases(&modules);
    count.report();
    assert!(count.same >= 2_700 && count.nothing_ran <= 600, "only {} were compared", count.same);
    let of_the_host = count.refused.iter().filter(|(why, _)| why.contains("host")).map(|(_, n)| n).sum::<usize>();
    assert!((count.refusals() - of_the_host) * 20 <= count.same, "{:?}", count.refused);
}

#[test]
fn golden_modules_are_after_initialization_what_their_snapshots_are_from_the_start() {
    let mut modules = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/passes");
    for folder in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "wat") {
                modules.push(wat::parse_file(&path).unwrap());
            }
        }
    }
    let count = cases(&modules);
    count.report();
    assert!(count.same >= 40, "only {} of {} were compared", count.same, modules.len());
}

/// Each module with functions of its own as its initialization, and with one that is made up.
fn cases(modules: &[Vec<u8>]) -> Count {
    let engine = engine::engine(Profile::Compare).unwrap();
    let numbered: Vec<(usize, &Vec<u8>)> = modules.iter().enumerate().collect();
    let cases = in_parallel(&numbered, |(n, module)| {
        let comparison = comparison(&engine, *n as u64);
        let mut cases = Vec::new();
        for name in own_initializers(module) {
            cases.push((format!("module {n}, `{name}`"), judge(&comparison, module, &options(&name))));
        }
        for probes in [false, true] {
            cases.push((format!("module {n}, probes {probes}"), made_up(&comparison, module, probes, *n as u64)));
        }
        cases
    });
    Count::of(cases.into_iter().flatten())
}

fn own_initializers(bytes: &[u8]) -> Vec<String> {
    let Ok(module) = Module::parse(bytes) else { return Vec::new() };
    let plain = |item: Item| match item {
        Item::Func(id) => module.function_type(id).is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty()),
        _ => false,
    };
    module.exports.iter().filter(|export| plain(export.item)).take(OWN).map(|export| export.name.to_string()).collect()
}

fn made_up(comparison: &Comparison, module: &[u8], probes: bool, seed: u64) -> Case {
    match subject(module, &Wanted { steps: None, probes }, &mut Random::new("corpus", seed)) {
        Ok(module) if probes => judge(comparison, &expose(&module).unwrap(), &options(INITIALIZER)),
        Ok(module) => judge(comparison, &module, &options(INITIALIZER)),
        Err(e) => Case::Inconclusive(format!("our reader: {}", e.message)),
    }
}

/// The constructors run at build time; then main does what it does in the program as it was.
fn main_is_the_same_after_its_constructors(program: &Program) {
    let folder = tempfile::tempdir().unwrap();
    let module = std::fs::read(build(program, &["-O2", "-g1", "--binaryen=off"], folder.path())).unwrap();
    let asked = preinit::Options { initializer: Initializer::Constructors, ..preinit::Options::default() };
    let ui = Ui::new(Verbosity::Quiet);
    let snapshot = preinit::run(program.name, &module, &asked, false, &ui).unwrap_or_else(|e| panic!("{e}")).module;
    let run = |module: &[u8]| {
        let home = tempfile::tempdir().unwrap();
        program.place_files(home.path()).unwrap();
        let args = std::iter::once(program.name.to_string()).chain(program.args.iter().cloned()).collect();
        let options = run::Options {
            args,
            dirs: vec![(home.path().to_path_buf(), ".".to_string())],
            timeout: Some(Duration::from_secs(300)),
            stdio: run::Stdio::Captured { stdin: Vec::new() },
            ..run::Options::default()
        };
        let ran = run::run(module, &options).unwrap();
        (ran.ended.status(), String::from_utf8_lossy(&ran.stdout).into_owned(), ran.stderr)
    };
    let (before, after) = (run(&module), run(&snapshot));
    assert!(!after.1.is_empty(), "{} printed nothing, which proves nothing", program.name);
    // What constructors print is printed once, at build time.
    assert!(before.1.ends_with(&after.1), "{} printed\n{}\nnot\n{}", program.name, after.1, before.1);
    assert_eq!((before.0, before.2), (after.0, after.2), "{}", program.name);
}

#[test]
fn programs_do_in_main_what_they_did_when_their_constructors_ran_at_build_time() {
    let programs = [
        programs::hello(),
        programs::hello_cxx(),
        programs::single("library", Language::Cxx, "cpp/library.cpp"),
        programs::single("setjmp-cxx", Language::Cxx, "cpp/setjmp.cpp"),
        programs::lua().unwrap(),
        programs::zlib().unwrap(),
    ];
    for program in &programs {
        main_is_the_same_after_its_constructors(program);
    }
}
