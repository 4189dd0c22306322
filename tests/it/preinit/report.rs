//! What is reported: sizes, what it costs, and a warning where that is more than it saves (wizer#7).

use serde_json::Value;

use super::{folder, succeed};

fn snapshot(folder: &std::path::Path, words: &[&str]) -> (String, Value) {
    let said = succeed(folder, &[&["preinit"], words, &["-o", "out.wasm", "--json", "report.json"]].concat());
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    (said, report["snapshot"].clone())
}

#[test]
fn sizes_pages_segments_and_what_changed_are_counted() {
    let module = "(module (memory (export \"memory\") 2) (data (i32.const 0) \"four\")
        (global $a (mut i32) (i32.const 1)) (global $b (mut i32) (i32.const 1)) (table $t 1 funcref)
        (func (export \"wizer.initialize\")
          (global.set $b (i32.const 2)) (table.set $t (i32.const 0) (ref.null func))
          (i64.store (i32.const 8000) (i64.const -1)) (i64.store (i32.const 8190) (i64.const -1))
          (i64.store (i32.const 70000) (i64.const -1))))";
    let folder = folder(&[("in.wat", module)]);
    let (said, report) = snapshot(folder.path(), &["in.wat"]);
    let counts = ["data_before", "data_after", "segments", "pages_written", "globals_changed", "tables_rewritten"];
    let found: Vec<Option<u64>> = counts.iter().map(|name| report[name].as_u64()).collect();
    // A page with the text, the two that the second number lies on, and the last one's.
    assert_eq!(found, [4, 28, 4, 4, 1, 1].map(Some), "{report}");
    for wanted in ["ran wizer.initialize in", "which wrote 4 pages", "data 4 to 28 bytes in 4 segments", "start-up"] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_snapshot_that_costs_more_than_it_saves_is_said_to_and_another_is_not() {
    // Fifty megabytes of what one instruction makes, and a few bytes that took many.
    let large = "(module (memory (export \"memory\") 1000) (func (export \"wizer.initialize\")
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 50000000))))";
    let small = "(module (memory (export \"memory\") 1) (global $n (mut i32) (i32.const 0)) (func (export \"wizer.initialize\")
        (loop (global.set $n (i32.add (global.get $n) (i32.const 1))) (br_if 0 (i32.lt_u (global.get $n) (i32.const 50000000))))
        (i32.store (i32.const 0) (global.get $n))))";
    let folder = folder(&[("large.wat", large), ("small.wat", small)]);
    let warning = "this snapshot costs more than it saves";
    let (said, _) = snapshot(folder.path(), &["large.wat"]);
    assert!(said.contains(warning) && said.contains("it adds 49999"), "{said}");
    let (said, _) = snapshot(folder.path(), &["small.wat"]);
    assert!(!said.contains(warning), "{said}");
}

#[test]
fn the_dead_stack_is_zeroed_where_names_tell_where_it_is() {
    let module = |name: &str, written: u32| {
        format!(
            "(module (memory (export \"memory\") 300) (global ${name} (mut i32) (i32.const 1024)) (data (i32.const 2000) \"x\")
               (func (export \"wizer.initialize\")
                 (global.set 0 (i32.sub (global.get 0) (i32.const 16)))
                 (i64.store (global.get 0) (i64.const -1))
                 (global.set 0 (i32.add (global.get 0) (i32.const 16)))
                 (i32.store8 (i32.const {written}) (i32.const 1))))"
        )
    };
    let far = module("__stack_pointer", 17 << 20);
    let (named, other) = (module("__stack_pointer", 1024), module("pointer", 1024));
    let folder = folder(&[("named.wat", &named), ("other.wat", &other), ("far.wat", &far)]);
    let (_, report) = snapshot(folder.path(), &["named.wat"]);
    // A byte on the stack, for the page that it is in.
    assert_eq!((report["dead_stack"].as_u64(), report["data_after"].as_u64()), (Some(8), Some(4)), "{report}");
    let (_, report) = snapshot(folder.path(), &["other.wat"]);
    assert_eq!((report["dead_stack"].as_u64(), report["data_after"].as_u64()), (Some(0), Some(10)), "{report}");
    // An engine might make no image of so much, most of it zero.
    let (_, report) = snapshot(folder.path(), &["far.wat"]);
    assert_eq!((report["dead_stack"].as_u64(), report["data_after"].as_u64()), (Some(8), Some(2)), "{report}");
}

#[test]
fn a_quiet_one_says_nothing_and_the_same_module_twice_is_the_same_bytes() {
    let module = "(module (memory 1) (func (export \"wizer.initialize\") (i32.store (i32.const 9) (i32.const 1))))";
    let folder = folder(&[("in.wat", module)]);
    let folder = folder.path();
    assert_eq!(succeed(folder, &["preinit", "-q", "in.wat", "-o", "once.wasm"]), "");
    let once = std::fs::read(folder.join("once.wasm")).unwrap();
    for _ in 0..10 {
        succeed(folder, &["preinit", "-q", "in.wat", "-o", "again.wasm"]);
        assert!(std::fs::read(folder.join("again.wasm")).unwrap() == once);
    }
    // It is what a build does, too.
    succeed(folder, &["in.wat", "--preinit", "-O0", "--no-deterministic", "-o", "built.wasm"]);
    assert!(!succeed(folder, &["wasm2wat", "built.wasm"]).contains("wizer"));
}
