//! Tables and references: what initialization did to them is written down, which Wizer refuses to try.

use wbuild::preinit::{Choice, ENGINES, Options};

use super::{Case, Observed, start, wasm};

/// wasmi cannot tell which function a reference is.
const COMPILED: &[Choice] = &[Choice::Interpreter];
/// Winch has no references of other kinds.
const CRANELIFT: &[Choice] = &[Choice::Interpreter, Choice::Winch];

/// Three functions in a table of four, and a call into it.
fn table(body: &str) -> Case {
    Case::new(&format!(
        "(module (type $f (func (result i32)))
           (table $t (export \"table\") 4 10 funcref)
           (elem (i32.const 0) $one $two $three)
           (func $one (result i32) (i32.const 1))
           (func $two (result i32) (i32.const 2))
           (func $three (result i32) (i32.const 3))
           (func (export \"at\") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
           (func (export \"size\") (result i32) (table.size $t))
           {body})"
    ))
    .without(COMPILED)
}

#[test]
fn a_table_that_code_cannot_change_is_left_as_it_is() {
    Case::new(
        "(module (type $f (func (result i32))) (table 0 funcref) (table $t 1 funcref)
           (elem (table $t) (i32.const 0) func $f) (func $f (result i32) (i32.const 42))
           (func (export \"wizer.initialize\"))
           (func (export \"run\") (result i32) (call_indirect $t (type $f) (i32.const 0))))",
    )
    .gives("run", "42")
    .check();
}

#[test]
fn initialization_calls_what_stands_in_tables_of_any_layout() {
    // Two tables, one function at several places, a segment over another, functions of one shape under two types, and
    // rows with others between.
    Case::new(
        "(module
           (type $number (func (param i32) (result i32))) (type $again (func (param i32) (result i32)))
           (type $float (func (param i64 f64) (result f64))) (type $plain (func))
           (memory (export \"memory\") 1) (global $times (mut i32) (i32.const 0))
           (table $t 12 funcref) (table $u (export \"others\") 3 3 funcref)
           (elem (table $t) (i32.const 2) func $double $half $count $float $double)
           (elem (table $t) (i32.const 3) func $triple)
           (elem (table $t) (i32.const 11) func $count)
           (elem (table $u) (i32.const 1) func $triple $float)
           (func $double (type $number) (i32.mul (local.get 0) (i32.const 2)))
           (func $half (type $number) (i32.div_u (local.get 0) (i32.const 2)))
           (func $triple (type $again) (i32.mul (local.get 0) (i32.const 3)))
           (func $float (type $float) (f64.add (f64.convert_i64_s (local.get 0)) (local.get 1)))
           (func $count (global.set $times (i32.add (global.get $times) (i32.const 1))))
           (func (export \"times\") (result i32) (global.get $times))
           (func (export \"at\") (param i32) (result i32) (i32.load (local.get 0)))
           (func (export \"wizer.initialize\")
             (i32.store (i32.const 0) (call_indirect $t (type $number) (i32.const 7) (i32.const 2)))
             (i32.store (i32.const 4) (call_indirect $t (type $number) (i32.const 7) (i32.const 3)))
             (i32.store (i32.const 8) (call_indirect $t (type $again) (i32.const 7) (i32.const 6)))
             (i32.store (i32.const 12) (call_indirect $u (type $number) (i32.const 9) (i32.const 1)))
             (i32.store (i32.const 16) (i32.trunc_f64_s
               (call_indirect $t (type $float) (i64.const 40) (f64.const 2.5) (i32.const 5))))
             (call_indirect $t (type $plain) (i32.const 4))
             (call_indirect $t (type $plain) (i32.const 11))))",
    )
    .gives("at 0", "14")
    .gives("at 4", "21")
    .gives("at 8", "14")
    .gives("at 12", "27")
    .gives("at 16", "42")
    .gives("times", "2")
    .check();
}

#[test]
fn a_function_of_the_host_can_stand_in_a_table() {
    let module = wasm(
        "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))
           (type $f (func (param i32 i32) (result i32))) (memory (export \"memory\") 1) (table 2 funcref)
           (elem (i32.const 1) $random)
           (func (export \"at\") (param i32) (result i32) (i32.load (local.get 0)))
           (func (export \"wizer.initialize\")
             (i32.store (i32.const 16) (call_indirect (type $f) (i32.const 0) (i32.const 8) (i32.const 1)))))",
    );
    let snapshots: Vec<Vec<u8>> = ENGINES
        .iter()
        .map(|(name, engine)| {
            let options = Options { engine: *engine, ..Options::default() };
            start(&module, &options).unwrap_or_else(|e| panic!("{name}: {e}")).module
        })
        .collect();
    assert!(snapshots.iter().all(|other| *other == snapshots[0]));
    let results = Observed::of(&snapshots[0], &[], &["at 0", "at 16"]).results;
    assert!(results[0] != "0" && results[1] == "0", "{results:?}");
}

#[test]
fn a_call_through_a_table_that_traps_is_told_as_what_it_is() {
    let calls = [
        ("(i32.const 0)", "uninitialized element"),
        ("(i32.const 2)", "indirect call type mismatch"),
        ("(i32.const 4)", "out of bounds"),
        ("(i32.const -1)", "out of bounds"),
    ];
    for (entry, trap) in calls {
        let module = format!(
            "(module (type $f (func (result i32))) (table 4 funcref) (elem (i32.const 1) $one $other $one)
               (func $one (result i32) (i32.const 1)) (func $other)
               (func $setup (export \"wizer.initialize\") (drop (call_indirect (type $f) {entry}))))"
        );
        let folder = super::folder(&[("in.wat", &module)]);
        for engine in ["winch", "cranelift", "fastest"] {
            super::refused(folder.path(), &["preinit", "in.wat", "--engine", engine], 1, &[trap, "in setup"]);
        }
    }
}

#[test]
fn calls_through_a_table_after_table_set_reach_the_function_that_was_set() {
    table(
        "(elem declare func $three)
         (func (export \"wizer.initialize\") (table.set $t (i32.const 0) (ref.func $three))
           (table.set $t (i32.const 1) (ref.null func)) (table.set $t (i32.const 3) (table.get $t (i32.const 2))))",
    )
    .wizer_refuses("table.set")
    .gives("at 0", "3")
    .gives("at 1", "wasm trap: uninitialized element")
    .gives("at 2", "3")
    .gives("at 3", "3")
    .check();
}

#[test]
fn a_table_that_has_grown_starts_grown() {
    table(
        "(elem declare func $two)
         (func (export \"wizer.initialize\") (drop (table.grow $t (ref.func $two) (i32.const 3))))
         (func (export \"grow\") (result i32 i32) (table.grow $t (ref.null func) (i32.const 3))
           (table.grow $t (ref.null func) (i32.const 1)))",
    )
    .wizer_refuses("table.grow")
    .gives("size", "7")
    .gives("at 6", "2")
    .gives("at 3", "wasm trap: uninitialized element")
    .gives("grow", "7, -1")
    .check();
}

#[test]
fn what_table_fill_wrote_is_there() {
    table("(elem declare func $one) (func (export \"wizer.initialize\") (table.fill $t (i32.const 1) (ref.func $one) (i32.const 3)))")
        .wizer_refuses("table.fill")
        .gives("at 1", "1")
        .gives("at 3", "1")
        .check();
}

#[test]
fn what_table_copy_wrote_is_there() {
    table("(func (export \"wizer.initialize\") (table.copy (i32.const 1) (i32.const 0) (i32.const 3)))")
        .wizer_refuses("table.copy")
        .gives("at 1", "1")
        .gives("at 3", "3")
        .check();
}

#[test]
fn what_table_init_wrote_is_there_and_its_segment_can_be_used_again() {
    table(
        "(elem $more func $three $two)
         (func (export \"wizer.initialize\") (table.init $more (i32.const 0) (i32.const 0) (i32.const 2)))
         (func (export \"again\") (table.init $more (i32.const 2) (i32.const 0) (i32.const 2)))",
    )
    .wizer_refuses("table.init")
    .gives("at 0", "3")
    .gives("at 1", "2")
    .gives("again", "")
    .gives("at 3", "2")
    .check();
}

#[test]
fn dropped_elements_stay_dropped() {
    table(
        "(elem $more func $three $two) (elem $kept func $two)
         (func (export \"wizer.initialize\")
           (table.init $more (i32.const 0) (i32.const 0) (i32.const 2)) (elem.drop $more))
         (func (export \"later\") (elem.drop $kept))
         (func (export \"kept\") (table.init $kept (i32.const 3) (i32.const 0) (i32.const 1)))
         (func (export \"gone\") (table.init $more (i32.const 2) (i32.const 0) (i32.const 1)))",
    )
    .wizer_refuses("table.init")
    .gives("at 0", "3")
    .gives("kept", "")
    .gives("at 3", "2")
    .gives("gone", "wasm trap: undefined element: out of bounds table access")
    .check();
}

#[test]
fn table_instructions_that_initialization_never_reaches_are_no_reason_to_refuse() {
    // wizer#98: what is there is no reason, what is done is.
    let module = table(
        "(elem declare func $three)
         (func (export \"wizer.initialize\"))
         (func (export \"later\") (table.set $t (i32.const 0) (ref.func $three)))",
    )
    .wizer_refuses("table.set")
    .gives("at 0", "1")
    .gives("later", "")
    .gives("at 0", "3")
    .check();
    assert!(!module.is_empty());
}

#[test]
fn a_table_with_a_first_value_for_all_has_it_where_nothing_else_was_set() {
    Case::new(
        "(module (type $f (func (result i32)))
           (table $t 3 (ref null $f) (ref.func $one))
           (elem declare func $one $two)
           (func $one (type $f) (i32.const 1))
           (func $two (type $f) (i32.const 2))
           (func (export \"wizer.initialize\") (table.set $t (i32.const 1) (ref.func $two))
             (table.set $t (i32.const 2) (ref.null $f)))
           (func (export \"at\") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
           (func (export \"null\") (result i32) (ref.is_null (table.get $t (i32.const 2)))))",
    )
    .without(CRANELIFT)
    .wizer_refuses("table.set")
    .gives("at 0", "1")
    .gives("at 1", "2")
    .gives("null", "1")
    .check();
}

#[test]
fn a_table_with_64_bit_addresses_is_written() {
    Case::new(
        "(module (type $f (func (result i32))) (table $t i64 3 funcref) (elem declare func $one)
           (func $one (type $f) (i32.const 1))
           (func (export \"wizer.initialize\") (table.set $t (i64.const 2) (ref.func $one)))
           (func (export \"run\") (result i32) (call_indirect $t (type $f) (i64.const 2))))",
    )
    .without(COMPILED)
    .wizer_refuses("table.set")
    .gives("run", "1")
    .check();
}

#[test]
fn an_imported_function_in_a_table_stays_that_import() {
    Case::new(
        "(module (import \"host\" \"f\" (func $host)) (table $t 2 funcref) (elem declare func $host)
           (func (export \"wizer.initialize\") (table.set $t (i32.const 1) (ref.func $host)))
           (func (export \"run\") (result i32) (ref.is_null (table.get $t (i32.const 1)))))",
    )
    .without(COMPILED)
    .wizer_refuses("table.set")
    .gives("run", "0")
    .check();
}

#[test]
fn a_global_keeps_the_function_that_it_was_given() {
    Case::new(
        "(module (type $f (func (result i32))) (global $g (mut funcref) (ref.null func))
           (table $t 1 funcref) (elem declare func $one)
           (func $one (type $f) (i32.const 1))
           (func (export \"wizer.initialize\") (global.set $g (ref.func $one)))
           (func (export \"run\") (result i32) (table.set $t (i32.const 0) (global.get $g))
             (call_indirect $t (type $f) (i32.const 0))))",
    )
    .without(COMPILED)
    .wizer_refuses("unsupported")
    .gives("run", "1")
    .check();
}

#[test]
fn null_references_to_the_hosts_objects_are_carried() {
    Case::new(
        "(module (table $t (export \"t\") 1 externref) (global $g (mut externref) (ref.null extern))
           (func (export \"wizer.initialize\") (drop (table.grow $t (ref.null extern) (i32.const 2))))
           (func (export \"run\") (result i32 i32) (table.size $t) (ref.is_null (global.get $g))))",
    )
    .without(CRANELIFT)
    .wizer_refuses("unsupported")
    .gives("run", "3, 1")
    .check();
}

/// A module that gives objects of its own, preloaded as `host`.
fn preloaded(text: &str, wanted: &[&str]) {
    let folder = super::folder(&[(
        "host.wat",
        "(module (func (export \"object\") (result externref) (extern.convert_any (ref.i31 (i32.const 5))))
                 (func $f (export \"function\") (result funcref) (ref.func $f)))",
    )]);
    let options = wbuild::preinit::Options {
        preloads: vec![("host".to_string(), folder.path().join("host.wat"))],
        ..Default::default()
    };
    let refused = start(&wasm(text), &options).err().expect("it was carried");
    let said = format!("{refused} {:?} {:?}", refused.causes, refused.help);
    wanted.iter().for_each(|part| assert!(said.contains(part), "no `{part}` in {said}"));
}

#[test]
fn objects_of_the_host_are_refused_by_where_they_are() {
    preloaded(
        "(module (import \"host\" \"object\" (func $object (result externref)))
           (global $g (mut externref) (ref.null extern))
           (func (export \"wizer.initialize\") (global.set $g (call $object))))",
        &["global 0 holds an object of the host", "set it to null"],
    );
    preloaded(
        "(module (import \"host\" \"object\" (func $object (result externref))) (table $t 3 externref)
           (func (export \"wizer.initialize\") (table.set $t (i32.const 2) (call $object))))",
        &["table 0 at 2 holds an object of the host"],
    );
}

#[test]
fn functions_of_other_modules_are_refused_by_where_they_are() {
    preloaded(
        "(module (import \"host\" \"function\" (func $function (result funcref))) (table $t 3 funcref)
           (func (export \"wizer.initialize\") (table.set $t (i32.const 1) (call $function))))",
        &["table 0 at 1 holds a function of another module"],
    );
}
