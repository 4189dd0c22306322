//! The oracle itself can fail: it tells apart what differs, says nothing where nothing can be said,
//! and agrees with every golden test of the passes.

use std::path::{Path, PathBuf};

use wbuild::engine::{self, Profile};
use wbuild::oracle::{Call, Comparison, Nans, Options, Tally, Verdict, compare, compare_programs};
use wbuild::run;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))
}

/// Something of everything that can be told apart.
const SUBJECT: &str = r#"(module
    (import "host" "log" (func $log (param i32)))
    (import "host" "ask" (func $ask (result i32)))
    (import "host" "memory" (memory $shared 1))
    (global $count (export "count") (mut i32) (i32.const 0))
    (table $table (export "table") 4 funcref)
    (elem (i32.const 1) $div)
    (tag $tag (export "tag") (param i32))
    (func (export "constant") (result i32) (i32.const 42))
    (func (export "sum") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))
    (func $div (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func (export "talk") (call $log (i32.const 1)) (call $log (call $ask)))
    (func (export "store") (i32.store (i32.const 60000) (i32.const 7)))
    (func (export "count up") (global.set $count (i32.add (global.get $count) (i32.const 1))))
    (func (export "clear") (table.set $table (i32.const 1) (ref.null func)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "throw") (throw $tag (i32.const 5)))
    (func (export "nan") (result i32) (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.const 0)))))"#;

fn verdict(before: &str, after: &str) -> Verdict {
    compare(&wasm(before), &wasm(after), &Options { rounds: ROUNDS, ..Options::default() }).unwrap()
}

const ROUNDS: u32 = 20;

#[test]
fn a_module_is_the_same_as_itself_and_every_function_ran() {
    let Verdict::Same(tally) = verdict(SUBJECT, SUBJECT) else { panic!("differs from itself") };
    assert_eq!((tally.inconclusive, tally.calls), (0, 1 + 10 * ROUNDS as usize), "the start, and ten functions");
    assert!(tally.executed >= 9 * ROUNDS as usize && tally.trapped >= ROUNDS as usize, "{tally:?}");
}

#[test]
fn every_kind_of_difference_is_told() {
    let cases = [
        ("(i32.const 42)", "(i32.const 43)", "result of call of `constant`"),
        ("f32.add", "f32.sub", "result of call of `sum`"),
        ("i32.div_s", "i32.div_u", "result of call of `divide`"),
        ("(i32.div_s (local.get 0) (local.get 1))", "(unreachable)", "result of call of `divide`"),
        (
            "(call $log (i32.const 1)) (call $log (call $ask))",
            "(call $log (call $ask)) (call $log (i32.const 1))",
            "host call 0",
        ),
        ("(call $log (i32.const 1))", "(call $log (i32.const 2))", "host call 0"),
        ("(call $log (i32.const 1))", "", "host call"),
        ("(call $log (call $ask))", "(call $log (call $ask)) (call $log (i32.const 3))", "host call 3"),
        ("(i32.store (i32.const 60000) (i32.const 7))", "", "memory import host.memory"),
        ("(i32.const 60000)", "(i32.const 60001)", "memory import host.memory"),
        ("(global.get $count) (i32.const 1)", "(global.get $count) (i32.const 2)", "global export count"),
        ("(table.set $table (i32.const 1) (ref.null func))", "", "table export table at 1"),
        ("(elem (i32.const 1) $div)", "(elem (i32.const 2) $div)", "table export table at 1"),
        ("(memory.grow (i32.const 1))", "(memory.size)", "memory import host.memory"),
        ("(throw $tag (i32.const 5))", "(throw $tag (i32.const 6))", "result of call of `throw`"),
        ("(throw $tag (i32.const 5))", "(unreachable)", "result of call of `throw`"),
        ("(mut i32) (i32.const 0))", "(mut i32) (i32.const 9))", "global export count"),
        ("(i32.const 42)", "(loop (br 0)) (i32.const 42)", "call of `constant`"),
        ("(export \"sum\")", "(export \"difference\")", "exports"),
        ("(export \"tag\")", "", "exports"),
        ("\"ask\"", "\"demand\"", "imports"),
        ("(func (export \"constant\")", "(start $s) (func $s unreachable) (func (export \"constant\")", "the start"),
        (
            "(func (export \"constant\")",
            "(start $s) (func $s (call $log (i32.const 0))) (func (export \"constant\")",
            "the start",
        ),
    ];
    for (from, to, place) in cases {
        let changed = SUBJECT.replacen(from, to, 1);
        assert_ne!(changed, SUBJECT, "`{from}` is not there");
        match verdict(SUBJECT, &changed) {
            Verdict::Different(found) => assert!(found.place.contains(place), "`{to}`: {found}"),
            Verdict::Same(tally) => panic!("`{from}` became `{to}`, and nobody saw it: {tally:?}"),
        }
    }
}

#[test]
fn bits_of_nans_are_told_apart_unless_the_host_has_only_canonical_ones() {
    let times_one = "(module (func (export \"f\") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 1))))";
    let nothing = "(module (func (export \"f\") (param f32) (result f32) (local.get 0)))";
    let options = Options { rounds: 60, ..Options::default() };
    let with = |nans| compare(&wasm(times_one), &wasm(nothing), &Options { nans, ..options.clone() }).unwrap();
    assert!(matches!(with(Nans::Any), Verdict::Different(_)));
    assert!(matches!(with(Nans::Canonical), Verdict::Same(_)));
}

#[test]
fn what_cannot_be_decided_is_counted_and_the_rest_still_compared() {
    let text = |constant: i32| {
        format!(
            "(module (global (export \"g\") (mut i32) (i32.const 0))
               (func (export \"spin\") (loop (br 0)))
               (func $deep (export \"deep\") (call $deep) (global.set 0 (i32.const 1)))
               (func (export \"f\") (result i32) (i32.const {constant})))"
        )
    };
    let Verdict::Same(tally) = verdict(&text(1), &text(1)) else { panic!("differs") };
    assert_eq!(tally.inconclusive, 2 * ROUNDS as usize, "{tally:?}");
    assert!(matches!(verdict(&text(1), &text(2)), Verdict::Different(_)));
}

#[test]
fn imports_may_go_and_none_may_come() {
    let with = "(module (import \"a\" \"b\" (func)) (import \"a\" \"t\" (table 1 funcref)) (func (export \"f\")))";
    let without = "(module (func (export \"f\")))";
    assert!(matches!(verdict(with, without), Verdict::Same(_)));
    assert!(matches!(verdict(without, with), Verdict::Different(_)));
}

#[test]
fn an_error_is_no_verdict() {
    let error = compare(b"nonsense", &wasm("(module)"), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("the engine refuses the module"), "{error}");
    assert!(matches!(compare(&wasm("(module)"), b"nonsense", &Options::default()).unwrap(), Verdict::Different(_)));
}

#[test]
fn programs_are_compared_by_what_they_do_and_how_they_end() {
    let program = |text: &str, end: &str| {
        wasm(&format!(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1) (data (i32.const 64) "{text}")
            (func (export "_start")
                (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 5))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) {end}))"#
        ))
    };
    let verdict = |a: &[u8], b: &[u8]| compare_programs(a, b, || Ok(run::Options::default())).unwrap();
    let hello = program("hello", "");
    let clock_and_noise = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 128)))
        (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 136)))
        (drop (call $random (i32.const 256) (i32.const 1000)))";
    for same in [hello.clone(), program("hello", clock_and_noise), program("hello", "(call $exit (i32.const 3))")] {
        assert!(matches!(verdict(&same, &same), Verdict::Same(Tally { calls: 1, trapped: 0, inconclusive: 0, .. })));
    }
    for (text, end, place) in [
        ("jello", "", "standard output"),
        ("hello", "(call $exit (i32.const 1))", "the program's end"),
        ("hello", "unreachable", "the program's end"),
        ("hello", "(call $exit (i32.const 0))", "host call 1"),
        ("hello", "(drop (call $yield))", "host call 1"),
        ("hello", "(i32.store8 (i32.const 4096) (i32.const 1))", "memory after the end at 0x1000"),
        ("hello", "(drop (memory.grow (i32.const 1)))", "size of memory after the end"),
    ] {
        match verdict(&hello, &program(text, end)) {
            Verdict::Different(found) => assert_eq!(found.place, place),
            Verdict::Same(_) => panic!("{place} was not told apart"),
        }
    }
    let yields = |order: &str| program("hello", order);
    let (a, b) = ("(drop (call $yield))", "(drop (call $random (i32.const 256) (i32.const 0)))");
    match verdict(&yields(&format!("{a}{b}")), &yields(&format!("{b}{a}"))) {
        Verdict::Different(found) => {
            assert_eq!((found.place, found.before), ("host call 1".into(), "sched_yield() = 0".into()))
        }
        Verdict::Same(_) => panic!("the order of calls was not told apart"),
    }
}

#[test]
fn golden_modules_behave_the_same_before_and_after_their_passes() {
    let comparison = Comparison::new(engine::engine(Profile::Compare).unwrap(), Options::default());
    let (mut calls, mut executed) = (0, 0);
    for path in cases() {
        let name = path.display();
        let text = std::fs::read_to_string(&path).unwrap();
        let before = wasm(&text);
        let (mut passes, mut given) = (Vec::new(), Vec::new());
        for line in text.lines().filter_map(|line| line.strip_prefix(";;!")) {
            match line.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("passes", list)) => {
                    passes = list.split(',').map(|pass| wbuild_passes::find(pass.trim()).unwrap()).collect();
                }
                Some(("call", call)) => given.push(call.parse::<Call>().unwrap()),
                _ => {}
            }
        }
        if passes.iter().any(|pass| CHANGES_INTERFACE.contains(&pass.name)) {
            continue;
        }
        let after =
            wbuild_passes::run(&before, &passes, &wbuild_passes::Options { verify_each: true, ..Default::default() })
                .unwrap();
        for verdict in [comparison.compare_calls(&before, &after, &given), comparison.compare(&before, &after)] {
            match verdict.unwrap_or_else(|e| panic!("{name}: {e}")) {
                Verdict::Same(tally) => {
                    calls += tally.calls;
                    executed += tally.executed;
                }
                Verdict::Different(found) => panic!("{name}: {found}"),
            }
        }
    }
    assert!(calls >= 60 && executed >= 30, "only {calls} calls, of which {executed} ran anything");
}

/// Lowerings that turn imports into code: what they call is no longer the host's to see. Tests of
/// their own run what they make.
const CHANGES_INTERFACE: [&str; 1] = ["sjlj"];

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/passes");
    let list = |path: &Path| -> Vec<PathBuf> {
        let mut found: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let cases: Vec<_> = list(&root).iter().filter(|p| p.is_dir()).flat_map(|folder| list(folder)).collect();
    assert!(cases.len() >= 20, "only {} cases found", cases.len());
    cases
}
