//! Binaryen as a guarded child: whatever goes wrong in it, the module stays as it was.

use std::path::PathBuf;
use std::time::Duration;

use wbuild::binaryen::{
    Accept, Imports, LEVELS, Level, Names, Order, Outcome, Reason, Request, Tool, optimize, optimize_all,
};
use wbuild::process::Limits;

/// The Binaryen that is linked into the wbuild under test.
pub fn builtin() -> Tool {
    Tool::BuiltinOf(PathBuf::from(env!("CARGO_BIN_EXE_wbuild")))
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module")
}

/// Something at every level to take away: dead code, a constant sum, a function called once.
const WASTEFUL: &str = r#"(module
    (import "host" "used" (func $used (param i32)))
    (import "host" "unused" (func $unused))
    (global $g (mut i32) (i32.const 1))
    (memory (export "memory") 1)
    (func $once (param $x i32) (result i32) (i32.add (local.get $x) (i32.const 0)))
    (func $dead (result i32) (i32.const 99))
    (func (export "f") (param $n i32) (result i32) (local $t i32)
        (local.set $t (i32.add (i32.const 20) (i32.const 22)))
        (call $used (local.get $t))
        (drop (i32.mul (local.get $n) (i32.const 8)))
        (call $once (local.get $n))))"#;

fn better(outcome: Outcome) -> Vec<u8> {
    match outcome {
        Outcome::Better(bytes) => bytes,
        Outcome::Kept(reason) => panic!("kept: {reason}"),
    }
}

fn kept(outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Better(_) => panic!("not kept"),
        Outcome::Kept(reason) => reason,
    }
}

#[test]
fn every_level_makes_a_wasteful_module_smaller_and_keeps_its_interface() {
    let (module, tool) = (wasm(WASTEFUL), builtin());
    for level in LEVELS {
        let after = better(optimize(&Request::new(&module, level, &tool)).unwrap());
        assert!(after.len() < module.len(), "{level:?}");
        let text = wasmprinter::print_bytes(&after).unwrap();
        assert!(text.contains("\"unused\"") && text.contains("(export \"f\""), "{level:?}: {text}");
        assert!(!text.contains("wbuild:keep"), "{level:?}: {text}");
    }
}

#[test]
fn unused_imports_go_only_when_asked() {
    let (module, tool) = (wasm(WASTEFUL), builtin());
    let request = Request { imports: Imports::MayDrop, ..Request::new(&module, Level::O2, &tool) };
    let text = wasmprinter::print_bytes(better(optimize(&request).unwrap())).unwrap();
    assert!(!text.contains("\"unused\"") && text.contains("\"used\""), "{text}");
}

#[test]
fn added_constants_become_offsets_only_where_low_memory_is_unused() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "f") (param i32) (result i32) (i32.load (i32.add (local.get 0) (i32.const 1000)))))"#;
    let (module, tool) = (wasm(text), builtin());
    for level in LEVELS {
        let request = Request { accept: Accept::AnySize, ..Request::new(&module, level, &tool) };
        let folded = |request: &Request<'_>| {
            wasmprinter::print_bytes(better(optimize(request).unwrap())).unwrap().contains("i32.load offset=1000")
        };
        assert!(!folded(&request), "{level:?}: an address that wraps around would trap");
        assert!(folded(&Request { low_memory_unused: true, ..request }), "{level:?}");
    }
    let far = wasm(&text.replace("1000", "1024"));
    let request = Request { low_memory_unused: true, ..Request::new(&far, Level::Oz, &tool) };
    assert_eq!(kept(optimize(&request).unwrap()), Reason::NotBetter);
}

/// Of a module of our own links it needs no option to be told so: `--zero-filled-memory` and
/// `directize-initial-contents-immutable` are about those of others.
#[test]
fn a_memory_of_ones_own_is_zero_and_a_table_of_ones_own_stays_as_it_was_filled() {
    let tool = builtin();
    let optimized = |text: &str| {
        let module = wasm(text);
        let request = Request { accept: Accept::AnySize, ..Request::new(&module, Level::Oz, &tool) };
        wasmprinter::print_bytes(better(optimize(&request).unwrap())).unwrap()
    };
    let memory = |memory: &str| {
        let zeros = "\\00".repeat(100);
        optimized(&format!(r#"(module (memory {memory} 1) (data (i32.const 1024) "begin{zeros}end"))"#))
    };
    let is_split = |text: String| text.contains("\"begin\"") && text.contains("\"end\"");
    assert!(is_split(memory("(export \"m\")")));
    assert!(!is_split(memory("(import \"m\" \"m\")")));
    let table = |table: &str| {
        optimized(&format!(
            r#"(module (type $t (func (param i32))) (import "m" "f" (func $f (param i32))) (table {table} 2 funcref)
            (elem (i32.const 1) $f)
            (func (export "f") (param i32) (call_indirect (type $t) (local.get 0) (i32.const 1))))"#
        ))
    };
    assert!(!table("").contains("call_indirect"));
    assert!(table("(export \"t\")").contains("call_indirect"));
    assert!(table("(import \"m\" \"t\")").contains("call_indirect"));
}

/// Only one function can be called indirectly, and it gives 7 each time.
const CONSTANT_CALL: &str = r#"(module (type $t (func (result i32)))
    (table TABLE 1 funcref) (elem (i32.const 0) $seven)
    (func $seven (result i32) (i32.const 7))
    (func (export "f") (param i32) (result i32) (i32.eqz (call_indirect (type $t) (local.get 0)))))"#;

#[test]
fn values_are_followed_twice_over_and_through_closed_tables_only() {
    let tool = builtin();
    let known = |text: &str, order: Order| {
        let module = wasm(text);
        let request = Request { order, accept: Accept::AnySize, ..Request::new(&module, Level::Oz, &tool) };
        !wasmprinter::print_bytes(better(optimize(&request).unwrap())).unwrap().contains("i32.eqz")
    };
    let closed = CONSTANT_CALL.replace("TABLE", "");
    for order in [Order::Twice, Order::Inlining] {
        assert!(known(&closed, order), "{order:?}");
        // Others may put functions there that give something else.
        for table in ["(export \"t\")", "(import \"m\" \"t\")"] {
            assert!(!known(&CONSTANT_CALL.replace("TABLE", table), order), "{order:?} {table}");
        }
        let stored = r#"(func (export "g") (param funcref) (table.set 0 (i32.const 0) (local.get 0))) (func $seven"#;
        assert!(!known(&closed.replace("(func $seven", stored), order), "{order:?}");
    }
    assert!(!known(&closed, Order::Once));
}

#[test]
fn small_functions_are_inlined_everywhere_where_that_is_asked_for() {
    let text = r#"(module (func $small (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1)))
        (func (export "a") (param i32) (result i32) (call $small (local.get 0) (local.get 0)))
        (func (export "b") (param i32) (result i32) (call $small (local.get 0) (i32.const 3))))"#;
    let (module, tool) = (wasm(text), builtin());
    let calls = |order: Order| {
        let request = Request { order, accept: Accept::AnySize, ..Request::new(&module, Level::Oz, &tool) };
        wasmprinter::print_bytes(better(optimize(&request).unwrap())).unwrap().contains("call")
    };
    assert!(calls(Order::Once) && calls(Order::Twice) && !calls(Order::Inlining));
}

#[test]
fn names_are_kept_on_request_and_never_change_the_code() {
    let (module, tool) = (wasm(WASTEFUL), builtin());
    for level in LEVELS {
        let without = better(optimize(&Request::new(&module, level, &tool)).unwrap());
        let request = Request { names: Names::Keep, ..Request::new(&module, level, &tool) };
        let with = better(optimize(&request).unwrap());
        assert!(with.starts_with(&without), "{level:?}: the code differs");
        let text = wasmprinter::print_bytes(&with).unwrap();
        assert!(text.contains("$used"), "{level:?}: {text}");
        assert!(!wasmprinter::print_bytes(&without).unwrap().contains("$used"));
    }
}

#[test]
fn custom_sections_stay_but_for_those_that_point_into_code() {
    let mut module = wasm(WASTEFUL);
    for name in ["mine", ".debug_info", "sourceMappingURL", "producers"] {
        use wasm_encoder::Section;
        wasm_encoder::CustomSection { name: name.into(), data: (&b"123"[..]).into() }.append_to(&mut module);
    }
    let after = better(optimize(&Request::new(&module, Level::O2, &builtin())).unwrap());
    let mut found = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&after) {
        if let wasmparser::Payload::CustomSection(section) = payload.unwrap() {
            found.push(section.name().to_string());
        }
    }
    assert_eq!(found, ["mine", "producers"]);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    // Enough functions that threads have something to divide.
    let mut text = String::from("(module (memory 1) (global $g (mut i32) (i32.const 0))");
    for n in 0..200 {
        text += &format!(
            "(func $f{n} (export \"f{n}\") (param i32 i32) (result i32) (local i32)
               (local.set 2 (i32.mul (i32.add (local.get 0) (i32.const {n})) (local.get 1)))
               (loop (if (i32.lt_s (local.get 2) (i32.const {m})) (then
                 (global.set $g (i32.add (global.get $g) (local.get 2)))
                 (i32.store (local.get 0) (i32.load (i32.add (local.get 1) (i32.const 8))))
                 (local.set 2 (i32.add (local.get 2) (i32.const 1))) (br 1))))
               (i32.add (call $f{prev} (local.get 1) (local.get 2)) (i32.const {n})))",
            m = n * 17 % 91,
            prev = (n * 7 + 3) % 200,
        );
    }
    let (module, tool) = (wasm(&(text + ")")), builtin());
    for level in LEVELS {
        let with = |threads| {
            let accept = Accept::AnySize;
            let request = Request { threads: Some(threads), accept, ..Request::new(&module, level, &tool) };
            better(optimize(&request).unwrap())
        };
        let one = with(1);
        assert_eq!(one, with(2), "{level:?}: 1 and 2 threads");
        assert_eq!(one, with(7), "{level:?}: 1 and 7 threads");
        assert_eq!(one, with(1), "{level:?}: twice the same");
    }
}

#[test]
fn many_in_one_child_come_out_as_each_alone_and_a_crash_takes_only_its_own() {
    let (good, small, tool) = (wasm(WASTEFUL), wasm("(module)"), builtin());
    let garbage = b"\0asm\x01\0\0\0\xff\xff\xff".to_vec();
    let unknown = wasm("(module (type (struct (field i32))) (func (param (ref 0))))");
    let modules = [&good, &small, &garbage, &good, &unknown, &good];
    let requests: Vec<_> = modules.iter().map(|m| Request::new(m, Level::O3, &tool)).collect();
    let together = optimize_all(&requests).unwrap();
    let alone: Vec<_> = requests.iter().map(|r| optimize(r).unwrap()).collect();
    assert_eq!(together, alone);
    assert!(matches!(together[0], Outcome::Better(_)));
    assert_eq!(together[0], together[5]);
    assert_eq!(kept(together[1].clone()), Reason::NotBetter);
    assert!(matches!(kept(together[2].clone()), Reason::Refused(_)));
    assert_eq!(kept(together[4].clone()), Reason::Unsupported("function-references".to_string()));
}

#[test]
fn what_binaryen_116_does_not_know_is_not_given_to_it() {
    let cases = [
        ("(module (memory i64 1))", "memory64"),
        (
            "(module (func (param i32) (result i32) (local.get 0) (loop (param i32) (result i32))))",
            "blocks with parameters",
        ),
        (
            "(module (func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))",
            "relaxed-simd",
        ),
        ("(module (tag $t) (func (block $b (try_table (catch $t $b) (throw $t)))))", "the final form of exceptions"),
        ("(module (func $f) (func (call_ref 0 (ref.func $f))) (elem declare func $f))", "function-references"),
    ];
    for (text, what) in cases {
        let module = wasm(text);
        let reason = kept(optimize(&Request::new(&module, Level::O2, &builtin())).unwrap());
        assert_eq!(reason, Reason::Unsupported(what.to_string()), "{text}");
    }
    let mut object = wasm("(module)");
    use wasm_encoder::Section;
    wasm_encoder::CustomSection { name: "linking".into(), data: (&b"\x02"[..]).into() }.append_to(&mut object);
    let reason = kept(optimize(&Request::new(&object, Level::O2, &builtin())).unwrap());
    assert_eq!(reason, Reason::Unsupported("a module with a `linking` section".to_string()));
}

#[test]
fn off_means_off() {
    assert_eq!(kept(optimize(&Request::new(b"anything", Level::O2, &Tool::Off)).unwrap()), Reason::Off);
}

/// A program that takes Binaryen's place.
#[cfg(unix)]
fn impostor(folder: &std::path::Path, script: &str) -> Tool {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("wasm-opt");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Tool::WasmOpt(path)
}

#[cfg(unix)]
#[test]
fn a_child_that_fails_in_any_way_leaves_the_module_and_a_reason() {
    let module = wasm(WASTEFUL);
    let folder = tempfile::tempdir().unwrap();
    let outcome = |script: &str, limits: Limits| {
        let tool = impostor(folder.path(), script);
        kept(optimize(&Request { limits, ..Request::new(&module, Level::O2, &tool) }).unwrap())
    };
    let none = Limits::default();
    assert_eq!(outcome("echo no thanks >&2; exit 3", none), Reason::Refused("no thanks".to_string()));
    assert!(matches!(outcome("kill -SEGV $$", none), Reason::Crashed(_)));
    assert!(matches!(outcome("exit 0", none), Reason::Crashed(_)));
    assert_eq!(outcome("kill -KILL $$", none), Reason::OutOfMemory);
    // Words: IN -o OUT.
    assert!(matches!(outcome("echo garbage > $3", none), Reason::Wrong(_)));
    assert!(matches!(outcome("head -c 30 $1 > $3", none), Reason::Wrong(_)));
    assert!(matches!(outcome(r"printf '\0asm\1\0\0\0' > $3", none), Reason::Wrong(why) if why.contains("exports")));
    let short = Limits { time: Some(Duration::from_millis(50)), memory: None };
    let reason = outcome("exec sleep 60", short);
    assert_eq!(reason, Reason::TimedOut);
    assert!(!reason.is_reproducible());
}

#[test]
fn a_limit_on_memory_keeps_the_module() {
    let module = wasm(WASTEFUL);
    let limits = Limits { time: None, memory: Some(24 << 20) };
    let tool = builtin();
    let request = Request { limits, ..Request::new(&module, Level::O2, &tool) };
    let reason = kept(optimize(&request).unwrap());
    assert!(matches!(reason, Reason::OutOfMemory | Reason::Crashed(_) | Reason::Refused(_)), "{reason}");
}

#[test]
fn a_tool_that_is_not_there_is_an_error_with_its_name() {
    let module = wasm(WASTEFUL);
    let tool = Tool::WasmOpt(PathBuf::from("/no/such/wasm-opt"));
    let error = optimize(&Request::new(&module, Level::O2, &tool)).unwrap_err();
    assert!(error.to_string().contains("/no/such/wasm-opt"), "{error}");
}
