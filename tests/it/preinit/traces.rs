//! What initialization leaves with its host, or has learned from it: refused by name where a snapshot cannot carry it.

use super::{folder, output, refused, succeed, text};

/// WASI's functions by hand, and a body.
fn module(body: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 100) "words.txt") (data (i32.const 8) "\00\02\00\00\10\00\00\00")
        ;; The file's number, at 0.
        (func $open (call $must (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 9)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))))
        (func $must (param i32) (if (local.get 0) (then (unreachable))))
        (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "wizer.initialize") {body}))"#
    )
}

const READ: &str = "(call $must (call $read (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 4)))";

#[test]
fn a_file_left_open_is_refused_by_its_path_and_a_closed_one_is_fine() {
    let open = module(&format!("(call $open) {READ}"));
    let closed = module(&format!("(call $open) {READ} (call $must (call $close (i32.load (i32.const 0))))"));
    let folder = folder(&[("open.wat", &open), ("closed.wat", &closed), ("words.txt", "some words")]);
    let folder = folder.path();
    for engine in ["winch", "cranelift", "fastest", "wasmi"] {
        let wanted = ["words.txt open, as file 4", "close it before initialization ends"];
        refused(folder, &["preinit", "open.wat", "--dir", ".", "--engine", engine], 1, &wanted);
        succeed(folder, &["preinit", "closed.wat", "--dir", ".", "--engine", engine, "-o", "out.wasm"]);
        let module = std::fs::read(folder.join("out.wasm")).unwrap();
        assert_eq!(super::Observed::of(&module, &[], &["byte 512", "byte 521"]).results, ["115", "115"]);
    }
    // Without the folder it cannot be opened.
    refused(folder, &["preinit", "closed.wat"], 1, &["trapped", "in open"]);
}

#[test]
fn folders_and_streams_closed_or_moved_are_refused_by_name() {
    let folder = folder(&[
        ("stream.wat", &module("(call $must (call $close (i32.const 1)))")),
        ("folder.wat", &module("(call $must (call $close (i32.const 3)))")),
        ("moved.wat", &module("(call $must (call $renumber (i32.const 1) (i32.const 2)))")),
    ]);
    let folder = folder.path();
    refused(folder, &["preinit", "stream.wat"], 1, &["it closed standard output, file 1"]);
    refused(folder, &["preinit", "folder.wat", "--dir", ".::/data"], 1, &["it closed /data, file 3"]);
    refused(folder, &["preinit", "moved.wat"], 1, &["standard output", "file 2"]);
}

#[test]
fn the_clock_is_refused_unless_it_is_allowed_and_then_stands_at_the_same_time() {
    let text = module("(call $must (call $clock (i32.const 0) (i64.const 0) (i32.const 16)))");
    let folder = folder(&[("in.wat", &text)]);
    let folder = folder.path();
    refused(folder, &["preinit", "in.wat"], 1, &["it asked the clock", "--preinit-allow-clock"]);
    let mut results = Vec::new();
    for engine in ["wasmi", "winch", "cranelift"] {
        succeed(folder, &["preinit", "in.wat", "--allow-clock", "--engine", engine, "-o", "out.wasm"]);
        results.push(std::fs::read(folder.join("out.wasm")).unwrap());
    }
    assert!(results.iter().all(|other| *other == results[0]));
}

#[test]
fn random_numbers_are_the_same_every_time_and_the_report_says_that_they_were_asked_for() {
    let folder = folder(&[(
        "in.wat",
        &module(
            "(call $must (call $random (i32.const 512) (i32.const 64))) (drop (call $environ (i32.const 16) (i32.const 20)))",
        ),
    )]);
    let folder = folder.path();
    let mut results = Vec::new();
    for engine in ["wasmi", "winch", "cranelift"] {
        let words = ["preinit", "in.wat", "--engine", engine, "-o", "out.wasm", "--json", "report.json"];
        succeed(folder, &words);
        results.push(std::fs::read(folder.join("out.wasm")).unwrap());
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
        let learned = report["snapshot"]["learned"].to_string();
        for wanted in ["asked for random numbers", "asked for its environment"] {
            assert!(learned.contains(wanted), "{engine}: {report}");
        }
    }
    assert!(results.iter().all(|other| *other == results[0]));
    let bytes: Vec<String> =
        super::Observed::of(&results[0], &[], &["byte 512", "byte 513", "byte 514", "byte 515"]).results;
    assert!(bytes.iter().any(|byte| byte != "0"));
}

#[test]
fn standard_input_is_empty_or_what_was_granted_and_never_that_of_the_build() {
    let text = module("(call $must (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 4)))");
    let folder = folder(&[("in.wat", &text), ("input.txt", "given")]);
    let folder = folder.path();
    // The end of it is no harm: the program may look again.
    succeed(folder, &["preinit", "in.wat", "-o", "empty.wasm"]);
    succeed(folder, &["preinit", "in.wat", "--stdin", "input.txt", "-o", "given.wasm"]);
    let of = |name: &str| {
        let module = std::fs::read(folder.join(name)).unwrap();
        super::Observed::of(&module, &[], &["byte 4", "byte 512"]).results
    };
    assert_eq!(of("empty.wasm"), ["0", "0"]);
    assert_eq!(of("given.wasm"), ["5", "103"]);
}

#[test]
fn what_it_prints_goes_to_standard_error_once_even_when_two_engines_ran() {
    // 3,000,000 turns are more than the interpreter may do, so another engine begins again.
    let text = module(
        "(local $n i32)
         (i64.store (i32.const 512) (i64.const 0x0a6f6c6c6568))
         (i32.store (i32.const 12) (i32.const 6))
         (call $must (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 4)))
         (loop (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if 0 (i32.lt_u (local.get $n) (i32.const 3000000))))",
    );
    let folder = folder(&[("in.wat", &text)]);
    let done = output(folder.path(), &["preinit", "-q", "in.wat", "-o", "-"]);
    assert!(done.status.success(), "{}", text_of(&done.stderr));
    assert_eq!(text_of(&done.stderr), "hello\n");
    assert!(done.stdout.starts_with(b"\0asm"), "{}", super::text(&done));
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_it_printed_is_shown_where_it_traps_too() {
    let body = module(
        "(i64.store (i32.const 512) (i64.const 0x0a6f6c6c6568)) (i32.store (i32.const 12) (i32.const 6))
         (call $must (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 4))) (unreachable)",
    );
    let folder = folder(&[("in.wat", &body)]);
    let failed = output(folder.path(), &["preinit", "in.wat", "-o", "out.wasm"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed).contains("hello\n") && text(&failed).contains("trapped"), "{}", text(&failed));
}
