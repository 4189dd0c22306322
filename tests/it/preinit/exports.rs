//! Functions: which is called, what else runs, and what is exported and named afterwards.

use wasmparser::{KnownCustom, Name, Payload};
use wbuild::preinit::Options;
use wbuild_passes::snapshot::Initializer;

use super::{Case, folder, output, start, succeed, text, wasm};

#[test]
fn the_three_usual_names_are_found_and_wizers_first() {
    for name in ["wizer.initialize", "wizer-initialize", "wbuild_preinit"] {
        Case::new(&format!(
            "(module (global $g (mut i32) (i32.const 0))
               (func (export \"{name}\") (global.set $g (i32.const 42)))
               (func (export \"run\") (result i32) (global.get $g)))"
        ))
        .gives("run", "42")
        .check();
    }
    Case::new(
        "(module (global $g (mut i32) (i32.const 0))
           (func (export \"wbuild_preinit\") (global.set $g (i32.const 1)))
           (func (export \"wizer.initialize\") (global.set $g (i32.const 2)))
           (func (export \"run\") (result i32) (global.get $g)))",
    )
    .gives("run", "2")
    .check();
}

#[test]
fn the_function_that_was_called_is_no_longer_exported_and_everything_else_is() {
    let case = || {
        Case::new(
            "(module (memory (export \"memory\") 1) (table (export \"table\") 1 funcref)
               (global $g (export \"global\") (mut i32) (i32.const 0)) (global (export \"constant\") i32 (i32.const 4))
               (tag (export \"tag\"))
               (func (export \"wizer.initialize\") (global.set $g (i32.const 42)))
               (func (export \"run\") (result i32) (global.get $g)))",
        )
        .without(&[wbuild::preinit::Choice::Interpreter, wbuild::preinit::Choice::Winch])
        .gives("run", "42")
    };
    let expected = ["memory", "table", "global", "constant", "tag", "run"];
    assert_eq!(exports(&case().check()), expected);
    let kept = case().with(|options| options.keep = true).check();
    assert_eq!(exports(&kept), ["memory", "table", "global", "constant", "tag", "wizer.initialize", "run"]);
}

#[test]
fn a_second_export_of_the_same_function_stays() {
    let module = Case::new(
        "(module (global $g (mut i32) (i32.const 0))
           (func (export \"wizer.initialize\") (export \"again\") (global.set $g (i32.add (global.get $g) (i32.const 1))))
           (func (export \"run\") (result i32) (global.get $g)))",
    )
    .gives("run", "1")
    .gives("again", "")
    .gives("run", "2")
    .check();
    assert_eq!(exports(&module), ["again", "run"]);
}

#[test]
fn the_start_function_has_run_and_does_not_run_again() {
    Case::new(
        "(module (global $g (export \"g\") (mut i32) (i32.const 1)) (start $start)
           (func $start (global.set $g (i32.mul (global.get $g) (i32.const 2))))
           (func (export \"wizer.initialize\") (global.set $g (i32.add (global.get $g) (i32.const 40))))
           (func (export \"run\") (result i32) (global.get $g)))",
    )
    .gives("run", "42")
    .check();
}

#[test]
fn a_reactors_initialize_is_called_first_and_nobody_is_to_call_it_again() {
    let case = || {
        Case::new(
            "(module (global $g (mut i32) (i32.const 0))
               (func (export \"_initialize\") (global.set $g (i32.add (global.get $g) (i32.const 6))))
               (func (export \"wizer.initialize\") (global.set $g (i32.mul (global.get $g) (i32.const 7))))
               (func (export \"run\") (result i32) (global.get $g)))",
        )
        .gives("run", "42")
    };
    assert_eq!(exports(&case().check()), ["run"]);
    // Wizer's rule: not even where the function is to be kept.
    assert_eq!(exports(&case().with(|options| options.keep = true).check()), ["wizer.initialize", "run"]);
}

#[test]
fn a_reactors_initialize_may_be_the_function_itself_and_is_called_once() {
    let case = |initializer| {
        Case::new(
            "(module (global $g (mut i32) (i32.const 41))
               (func (export \"_initialize\") (global.set $g (i32.add (global.get $g) (i32.const 1))))
               (func (export \"run\") (result i32) (global.get $g)))",
        )
        .with(|options| options.initializer = initializer)
        .gives("run", "42")
        .check()
    };
    assert_eq!(exports(&case(Initializer::Named("_initialize".to_string()))), ["run"]);
    assert_eq!(exports(&case(Initializer::Constructors)), ["run"]);
}

const THREE: &str = "(module (func (export \"wizer.initialize\"))
    (func (export \"a\") (result i32) (i32.const 1))
    (func (export \"b\") (result i32) (i32.const 2))
    (func (export \"c\") (result i32) (i32.const 3)))";

fn pairs(renames: &[(&str, &str)]) -> Vec<(String, String)> {
    renames.iter().map(|(new, old)| ((*new).to_string(), (*old).to_string())).collect()
}

#[test]
fn functions_are_renamed_as_wizer_does_in_whichever_order_the_renames_are_given() {
    for renames in [[("a", "b"), ("b", "c")], [("b", "c"), ("a", "b")]] {
        let module =
            Case::new(THREE).with(|options| options.renames = pairs(&renames)).gives("a", "2").gives("b", "3").check();
        assert_eq!(exports(&module), ["a", "b"]);
    }
    // Each takes the other's place.
    Case::new(THREE)
        .with(|options| options.renames = pairs(&[("a", "b"), ("b", "a")]))
        .gives("a", "2")
        .gives("b", "1")
        .gives("c", "3")
        .check();
    Case::new(THREE).with(|options| options.renames = pairs(&[("new", "c")])).gives("new", "3").check();
}

#[test]
fn renames_that_cannot_be_are_refused() {
    for (renames, wanted) in [
        (&[("a", "absent")][..], "there is no exported function `absent` to become `a`"),
        (&[("a", "wizer.initialize")], "there is no exported function `wizer.initialize` to become `a`"),
        (&[("a", "b"), ("a", "c")], "two functions are to become `a`"),
        (&[("x", "b"), ("y", "b")], "`b` is to become both `x` and `y`"),
    ] {
        let options = Options { renames: pairs(renames), ..Options::default() };
        let refused = start(&wasm(THREE), &options).err().expect(wanted);
        assert!(refused.to_string().contains(wanted), "{refused}");
    }
}

#[test]
fn names_stay_those_of_the_same_functions_and_other_sections_stay() {
    let module = Case::new(
        "(module $app (@custom \"mine\" \"bytes\") (global $counter (mut i32) (i32.const 0))
           (func $setup (export \"wizer.initialize\") (global.set $counter (call $answer)))
           (func $answer (export \"ask\") (result i32) (i32.const 42))
           (func $run (export \"run\") (result i32) (global.get $counter)))",
    )
    .gives("run", "42")
    .check();
    let mut found = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&module) {
        let Payload::CustomSection(section) = payload.unwrap() else { continue };
        match section.as_known() {
            KnownCustom::Name(names) => {
                for name in names {
                    match name.unwrap() {
                        Name::Module { name, .. } => found.push(name.to_string()),
                        Name::Function(map) => found.extend(map.into_iter().map(|n| n.unwrap().name.to_string())),
                        Name::Global(map) => found.extend(map.into_iter().map(|n| n.unwrap().name.to_string())),
                        _ => {}
                    }
                }
            }
            _ => found.push(format!("{}={}", section.name(), String::from_utf8_lossy(section.data()))),
        }
    }
    found.sort();
    // `setup` is gone: only initialization needed it.
    assert_eq!(found, ["answer", "app", "counter", "mine=bytes", "run"]);
}

#[test]
fn imports_that_initialization_does_not_call_are_no_reason_to_refuse() {
    Case::new(
        "(module (import \"x\" \"f\" (func $f)) (func (export \"wizer.initialize\"))
           (func (export \"run\") (result i32) (i32.const 42)) (func (export \"call\") (call $f)))",
    )
    .gives("run", "42")
    .check();
}

#[test]
fn a_preloaded_module_gives_what_is_imported_while_initializing() {
    let folder = folder(&[
        ("lib.wat", "(module (global $n (mut i32) (i32.const 0)) (func (export \"_initialize\") (global.set $n (i32.const 40)))
            (func (export \"f\") (param i32) (result i32) (i32.add (global.get $n) (local.get 0))))"),
        ("app.wat", "(module (import \"env\" \"f\" (func $f (param i32) (result i32))) (global $g (export \"g\") (mut i32) (i32.const 0))
            (func (export \"wizer.initialize\") (global.set $g (call $f (i32.const 2))))
            (func (export \"run\") (result i32) (global.get $g)))"),
    ]);
    let folder = folder.path();
    Case::new(&std::fs::read_to_string(folder.join("app.wat")).unwrap())
        .with(|options| options.preloads = vec![("env".to_string(), folder.join("lib.wat"))])
        .without(&[wbuild::preinit::Choice::Interpreter])
        .wizer_refuses("unknown import")
        .gives("run", "42")
        .check();
    succeed(folder, &["preinit", "app.wat", "-o", "out.wasm", "--preload", "env=lib.wat"]);
    // Only initialization called it.
    assert!(!succeed(folder, &["wasm2wat", "out.wasm"]).contains("import"));
    let bad = output(folder, &["preinit", "app.wat", "-o", "no.wasm", "--preload", "env=app.wasm"]);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad));
}

#[test]
fn a_module_may_have_exports_like_those_that_the_copy_gets() {
    let module = Case::new(
        "(module (global $g (export \"wbuild:global:0\") (mut i32) (i32.const 0))
           (func (export \"wizer.initialize\") (global.set $g (i32.const 42)))
           (func (export \"wbuild:call:0\") (result i32) (global.get $g)))",
    )
    .gives("wbuild:call:0", "42")
    .check();
    assert_eq!(exports(&module), ["wbuild:global:0", "wbuild:call:0"]);
}

fn exports(module: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload.unwrap() {
            names.extend(section.into_iter().map(|export| export.unwrap().name.to_string()));
        }
    }
    names
}
