//! One program, many engines.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use wbuild_proof::expose;
use wbuild_proof::observe::{End, Observed, Step, Value, Verdict, hash};
use wbuild_proof::reference;
use wbuild_proof::second::{self, Compiler};
use wbuild_proof::third;
use xtask::{programs, shell};

use super::{all_kernels, harden, kernel, unhardened};
use crate::spec::in_parallel;

/// A program by its name, before and after.
struct Case {
    name: String,
    original: Vec<u8>,
    hardened: Vec<u8>,
}

impl Case {
    fn new(name: &str, original: &[u8]) -> Case {
        let hardened = expose(&harden(original)).unwrap();
        Case { name: name.to_string(), original: expose(original).unwrap(), hardened }
    }

    /// What everybody must see.
    fn reference(&self) -> Observed {
        let engine = reference::engine(false);
        let subject = reference::Subject::original(&engine, &self.original).unwrap();
        subject.run_program(&[&self.name], None).unwrap()
    }
}

/// What each engine makes of each of the modules, by the engine's name.
fn on_every_engine(modules: &[(&str, &[u8])]) -> BTreeMap<&'static str, Vec<Observed>> {
    let mut seen = BTreeMap::new();
    let engine = reference::engine(false);
    let wasmi = in_parallel(modules, |(name, bytes)| {
        let subject = reference::Subject::changed(&engine, bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        subject.run_program(&[name], None).unwrap()
    });
    seen.insert("wasmi", wasmi);
    for (engine_name, compiler) in [("Cranelift", Compiler::Cranelift), ("Winch", Compiler::Winch)] {
        let engine = second::engine(compiler, false).unwrap();
        let runs = in_parallel(modules, |(name, bytes)| {
            let subject = second::Subject::new(&engine, bytes, true).unwrap_or_else(|e| panic!("{name}: {e}"));
            subject.run_program(&[name], None).unwrap()
        });
        seen.insert(engine_name, runs);
    }
    let wasmer = in_parallel(modules, |(name, bytes)| {
        third::run_program(bytes, &[name]).unwrap_or_else(|e| panic!("{name}: {e}"))
    });
    seen.insert("wasmer", wasmer);
    seen.insert("V8 Liftoff", in_node(modules, &["--liftoff-only", "--no-wasm-tier-up"]));
    seen.insert("V8 TurboFan", in_node(modules, &["--no-liftoff"]));
    seen
}

/// V8 shows its memory and those of its globals that are integers: floats would go through JavaScript's hands.
fn in_node(modules: &[(&str, &[u8])], flags: &[&str]) -> Vec<Observed> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in modules {
        std::fs::write(folder.path().join(format!("{name}.wasm")), bytes).unwrap();
    }
    let mut node = Command::new("node");
    node.args(flags).arg(shell::root().join("testdata/engines.mjs")).arg(folder.path());
    shell::output(&mut node).unwrap();
    modules.iter().map(|(name, _)| read_back(folder.path(), name)).collect()
}

fn read_back(folder: &Path, name: &str) -> Observed {
    let read = |suffix: &str| std::fs::read(folder.join(format!("{name}.{suffix}"))).unwrap();
    let text = String::from_utf8(read("txt")).unwrap();
    let mut lines = text.lines();
    let end = match lines.next().unwrap().split_once(' ').unwrap() {
        ("exited", status) => End::Exited(status.parse().unwrap()),
        (_, what) => End::Trapped(what.to_string()),
    };
    let mut state: Vec<(String, Value)> = lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_string(), Value::I64(value.parse().unwrap()))
        })
        .collect();
    state.push(("memory".to_string(), Value::I64(hash(&read("mem")))));
    Observed { steps: vec![Step { call: "_start".to_string(), host: Vec::new(), end }], output: read("out"), state }
}

/// The parts of the state that every engine shows, in one form.
fn integers(observed: &Observed) -> Observed {
    let number = |value: &Value| match value {
        Value::I32(v) => Some(Value::I64(i64::from(*v))),
        Value::I64(v) => Some(Value::I64(*v)),
        _ => None,
    };
    let state = observed.state.iter().filter_map(|(name, value)| Some((name.clone(), number(value)?)));
    let mut state: Vec<_> = state.collect();
    state.sort_by(|a, b| a.0.cmp(&b.0));
    Observed { state, ..observed.clone() }
}

fn assert_same_everywhere(cases: &[Case]) {
    let expected = in_parallel(cases, Case::reference);
    for (case, expected) in cases.iter().zip(&expected) {
        assert!(matches!(expected.steps[0].end, End::Exited(0)), "{}: {:?}", case.name, expected.steps[0].end);
        assert!(!expected.output.is_empty(), "{} wrote nothing, which proves nothing", case.name);
    }
    let hardened: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.hardened.as_slice())).collect();
    for (engine, runs) in on_every_engine(&hardened) {
        for ((case, expected), run) in cases.iter().zip(&expected).zip(&runs) {
            let verdict = match engine.starts_with("V8") {
                true => integers(expected).compare(&integers(run)),
                false => expected.compare(run),
            };
            assert_eq!(verdict, Verdict::Same, "{} on {engine}", case.name);
        }
    }
}

/// How many of the modules as they were print something else on some engine.
fn divided(cases: &[Case]) -> Vec<String> {
    let originals: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.original.as_slice())).collect();
    let seen = on_every_engine(&originals);
    let differs = |n: &usize| seen.values().any(|runs| runs[*n].output != seen["wasmi"][*n].output);
    (0..cases.len()).filter(differs).map(|n| cases[n].name.clone()).collect()
}

#[test]
fn hardened_kernels_give_the_same_bits_on_every_engine_and_the_originals_do_not() {
    let cases: Vec<Case> = in_parallel(&all_kernels(), |name| Case::new(name, &kernel(name)));
    assert_same_everywhere(&cases);
    let divided = divided(&cases);
    println!("unhardened, these print something else on some engine: {divided:?}");
    assert!(!divided.is_empty(), "engines agree on the originals, so this proves nothing");
}

#[test]
fn sqlite_gives_the_same_bits_on_every_engine() {
    let program = programs::sqlite_floats().unwrap();
    assert_same_everywhere(&[Case::new(program.name, &unhardened(&program))]);
}

#[test]
fn lua_gives_the_same_bits_on_every_engine() {
    let program = programs::lua_floats().unwrap();
    assert_same_everywhere(&[Case::new(program.name, &unhardened(&program))]);
}
