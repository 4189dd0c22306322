//! What cannot be initialized: each ends soon, with an error that says why, and leaves no output.

use super::{folder, output, refused, succeed, text, wasm};

/// `wbuild preinit` of this text, refused with status 1.
fn no(module: &str, options: &[&str], wanted: &[&str]) {
    let folder = folder(&[("in.wat", module)]);
    refused(folder.path(), &[&["preinit", "in.wat"], options].concat(), 1, wanted);
}

/// A module with this initialization.
fn with(body: &str) -> String {
    format!("(module (memory (export \"memory\") 1) (func $setup (export \"wizer.initialize\") {body}))")
}

#[test]
fn no_such_function() {
    let other = "(module (func (export \"setup\")) (func (export \"add\") (param i32)) (memory (export \"m\") 1))";
    no(other, &[], &["in.wat: nothing to initialize", "wizer.initialize", "wizer-initialize", "wbuild_preinit"]);
    no(other, &["--func", "stup"], &["it exports no function `stup`", "exported without parameters are setup"]);
    no(other, &["--func", "m"], &["its export `m` is no function"]);
    no("(module)", &["-f", "stup"], &["it exports no function `stup`", "--export stup"]);
    no("(module)", &["-f", "ctors"], &["there is no telling what runs before main"]);
}

#[test]
fn a_function_with_parameters_or_results() {
    for ty in ["(param i32)", "(result i32) (i32.const 0)"] {
        no(
            &format!("(module (func (export \"wizer.initialize\") {ty}))"),
            &[],
            &["`wizer.initialize` takes parameters or gives results"],
        );
    }
    let reactor = "(module (func (export \"_initialize\") (param i32)) (func (export \"wizer.initialize\")))";
    no(reactor, &[], &["`_initialize` takes parameters or gives results"]);
}

#[test]
fn state_that_belongs_to_the_host() {
    for (import, what) in [
        ("(memory 1)", "the memory `x` of `host`"),
        ("(table 1 funcref)", "the table `x` of `host`"),
        ("(global i32)", "the global `x` of `host`"),
        ("(global (mut i32))", "the global `x` of `host`"),
        ("(tag)", "the tag `x` of `host`"),
    ] {
        let module = format!("(module (import \"host\" \"x\" {import}) (func (export \"wizer.initialize\")))");
        no(&module, &[], &["it imports", what, "cannot be part of a snapshot"]);
    }
}

#[test]
fn a_trap_is_told_with_the_functions_that_led_there() {
    let module = "(module (func $inner (unreachable)) (func $outer (call $inner))
        (func $setup (export \"wizer.initialize\") (call $outer)))";
    for engine in ["winch", "cranelift", "fastest"] {
        let wanted = ["initialization (`wizer.initialize`) trapped", "in inner", "in outer", "in setup"];
        no(module, &["--engine", engine], &wanted);
    }
    no(&with("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), &[], &["trapped: integer divide by zero"]);
    no(&with("(i32.store (i32.const -1) (i32.const 0))"), &[], &["trapped: out of bounds memory access"]);
    // The start function and the constructors are a part of it.
    let start = "(module (start $s) (func $s (unreachable)) (func (export \"wizer.initialize\")))";
    no(start, &[], &["initialization (`instantiation`) trapped", "in s"]);
    let reactor = "(module (func (export \"_initialize\") (unreachable)) (func (export \"wizer.initialize\")))";
    no(reactor, &[], &["initialization (`_initialize`) trapped"]);
}

#[test]
fn an_exception_that_nobody_catches() {
    no(
        "(module (tag $t) (func (export \"wizer.initialize\") (throw $t)))",
        &[],
        &["initialization (`wizer.initialize`)"],
    );
}

#[test]
fn an_exit() {
    let module = "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory (export \"memory\") 1) (func $quit (call $exit (i32.const 3)))
        (func (export \"wizer.initialize\") (call $quit)))";
    no(module, &[], &["it called exit(3)", "in quit", "initialization is a function that returns"]);
    no(&module.replace("const 3", "const 0"), &[], &["it called exit(0)"]);
}

#[test]
fn a_loop_without_an_end_is_ended_by_the_timeout_and_by_the_fuel() {
    let spin = with("(loop (br 0))");
    for engine in ["winch", "cranelift", "fastest"] {
        let wanted = ["initialization ran longer than 300ms", "--preinit-timeout"];
        no(&spin, &["--timeout", "300ms", "--engine", engine], &wanted);
    }
    no(&spin, &["--fuel", "1000000"], &["initialization ran more than 1000000 instructions", "--preinit-fuel"]);
}

#[test]
fn fuel_is_the_same_limit_every_time() {
    let module = with(
        "(local $n i32) (loop (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 1000))))",
    );
    let folder = folder(&[("in.wat", &module)]);
    succeed(folder.path(), &["preinit", "in.wat", "--fuel", "100000", "-o", "out.wasm", "--json", "report.json"]);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    let needed = report["snapshot"]["instructions"].as_u64().unwrap_or_else(|| panic!("{report}"));
    assert!((5_000..=10_000).contains(&needed), "{needed}");
    std::fs::remove_file(folder.path().join("report.json")).unwrap();
    succeed(folder.path(), &["preinit", "in.wat", "--fuel", &needed.to_string(), "-o", "out.wasm"]);
    // It is looked at once in every turn of a loop.
    refused(folder.path(), &["preinit", "in.wat", "--fuel", &(needed - 20).to_string()], 1, &["instructions"]);
}

#[test]
fn recursion_without_an_end() {
    let module = "(module (global $g (mut i64) (i64.const 0))
        (func $deep (result i64) (i64.add (call $deep) (i64.const 1)))
        (func (export \"wizer.initialize\") (global.set $g (call $deep))))";
    for engine in ["winch", "cranelift", "fastest"] {
        no(module, &["--engine", engine], &["nested its calls deeper than", "in deep"]);
    }
}

#[test]
fn growth_without_an_end() {
    let grow = with("(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))");
    for engine in ["winch", "cranelift", "fastest"] {
        let wanted = ["initialization wanted more than 67108864 bytes in a memory", "--preinit-max-memory"];
        no(&grow, &["--max-memory", "64MB", "--engine", engine], &wanted);
    }
    // The module's own maximum is no error: growth fails there wherever it runs.
    let own = folder(&[("in.wat", &grow.replace("\"memory\") 1)", "\"memory\") 1 100)"))]);
    succeed(own.path(), &["preinit", "in.wat", "--max-memory", "64MB", "-o", "out.wasm"]);
    // A memory that begins larger than it may be.
    no(&grow.replace("\"memory\") 1)", "\"memory\") 2000)"), &["--max-memory", "64MB"], &["wanted more than 67108864"]);
    let table = "(module (table $t 1 funcref) (func (export \"wizer.initialize\")
        (loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1))))))";
    no(table, &[], &["initialization wanted a table of more than 10000000 elements"]);
}

#[test]
fn a_call_that_nothing_answers() {
    let module =
        "(module (import \"env\" \"ask\" (func $ask)) (func $setup (export \"wizer.initialize\") (call $ask)))";
    let wanted = ["initialization called `ask` of `env`, which nothing provides", "in setup", "--preload env="];
    no(module, &[], &wanted);
    // A function of WASI's name with another type is none of WASI's.
    let wrong = "(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i64)))
        (func (export \"wizer.initialize\") (call $close (i64.const 0))))";
    no(wrong, &[], &["called `fd_close` of `wasi_snapshot_preview1`, which nothing provides"]);
}

#[test]
fn gigabytes_of_output() {
    let module = "(module (import \"wasi_snapshot_preview1\" \"fd_write\"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export \"memory\") 17) (data (i32.const 8) \"\\00\\00\\10\\00\")
        (func (export \"wizer.initialize\")
          (loop (br_if 0 (i32.eqz (call $write (i32.const 1) (i32.const 4) (i32.const 1) (i32.const 0)))))))";
    let folder = folder(&[("in.wat", module)]);
    let words = ["preinit", "in.wat", "--max-output", "3MB"];
    refused(folder.path(), &words, 1, &["initialization printed more than 3145728 bytes", "--preinit-max-output"]);
}

#[test]
fn what_is_no_module() {
    let whole = wasm(&with(""));
    let folder = folder(&[("empty.wasm", ""), ("text.wasm", "hello"), ("text.wat", "(module (func")]);
    let folder = folder.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("component.wasm", b"\0asm\x0d\0\x01\0");
    write("cut.wasm", &whole[..whole.len() - 5]);
    write("header.wasm", &whole[..6]);
    write("garbage.wasm", &[&whole[..8], &[0xff; 100][..]].concat());
    for (file, wanted) in [
        ("empty.wasm", "is empty"),
        ("text.wasm", "text.wasm:1:1"),
        ("text.wat", "text.wat"),
        ("component.wasm", "is a component, not a module"),
        ("cut.wasm", "cut.wasm"),
        ("header.wasm", "cut short"),
        ("garbage.wasm", "garbage.wasm"),
        ("absent.wasm", "absent.wasm"),
        (".", "."),
    ] {
        refused(folder, &["preinit", file], 1, &["error: ", wanted]);
    }
    // Every beginning of a module that is no module itself is an error, and none is a panic.
    for length in 0..whole.len() {
        write("cut.wasm", &whole[..length]);
        let cut = super::start(&whole[..length], &Default::default());
        assert!(cut.is_err() || wbuild_passes::validate(&whole[..length]).is_ok(), "{length} bytes");
    }
}

#[test]
fn a_module_that_has_been_initialized() {
    let folder = folder(&[("in.wat", &with("(i32.store (i32.const 0) (i32.const 1))"))]);
    let folder = folder.path();
    succeed(folder, &["preinit", "in.wat", "-o", "once.wasm"]);
    refused(folder, &["preinit", "once.wasm"], 1, &["nothing to initialize: no function is exported as"]);
    refused(folder, &["preinit", "once.wasm", "-f", "wizer.initialize"], 1, &["exports no function"]);
}

#[test]
fn words_that_make_no_sense_are_usage_errors() {
    let folder = folder(&[("in.wat", &with("")), ("in.c", "int main(void) { return 0; }")]);
    let folder = folder.path();
    for words in [
        &["--timeout", "soon"][..],
        &["--max-memory", "much"],
        &["--fuel", "-1"],
        &["--fuel", "some"],
        &["--env", "=1"],
        &["--env", "A"],
        &["--rename", "a"],
        &["--rename", "=a"],
        &["--preload", "env"],
        &["--optimize-for", "beauty"],
        &["--engine", "v8"],
        &["--dir", "absent"],
    ] {
        refused(folder, &[&["preinit", "in.wat"], words].concat(), 2, &["error: "]);
    }
    // In a build, where a word without --preinit has nothing to say.
    refused(folder, &["in.c", "--preinit-keep"], 2, &["--preinit-keep", "--preinit"]);
    refused(folder, &["in.c", "--preinit=a", "--preinit-timeout", "soon"], 2, &["soon"]);
    let none = output(folder, &["preinit", "in.wat"]);
    assert_eq!(none.status.code(), Some(2), "{}", text(&none));
}
