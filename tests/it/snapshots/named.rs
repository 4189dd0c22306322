//! Small modules, each the smallest of its kind that a random test, or a doubt, has shown to be difficult.

use wbuild::engine::{self, Profile};

use super::random::comparison;
use super::{Case, expose, judge, options};

/// What becomes of a module in the text format, whose initializer is exported as `init`, and of one that shows more.
fn cases(text: &str) -> [Case; 2] {
    let module = wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"));
    let comparison = comparison(&engine::engine(Profile::Compare).unwrap(), 0);
    [&module, &expose(&module).unwrap()].map(|module| judge(&comparison, module, &options("init")))
}

fn is_the_same(text: &str) {
    for case in cases(text) {
        assert!(matches!(case, Case::Same(tally) if tally.executed > 0), "{case:?}");
    }
}

fn is_refused(text: &str, reason: &str) {
    for case in cases(text) {
        assert!(matches!(case, Case::Refused(why) if why == reason), "{case:?}");
    }
}

#[test]
fn a_function_that_only_a_changed_global_named_can_still_be_referred_to() {
    is_the_same(
        r#"(module
            (global $g (mut funcref) (ref.func $f))
            (func $f)
            (func (export "init") (global.set $g (ref.null func)))
            (func (export "again") (global.set $g (ref.func $f))))"#,
    );
}

#[test]
fn an_initializer_that_only_its_export_named_can_still_be_referred_to() {
    is_the_same(
        r#"(module
            (global $g (mut funcref) (ref.null func))
            (func $init (export "init"))
            (func (export "again") (global.set $g (ref.func $init))))"#,
    );
}

#[test]
fn a_function_that_only_a_used_segment_named_can_still_be_referred_to() {
    is_the_same(
        r#"(module
            (table $t 2 funcref)
            (elem $e (table $t) (i32.const 0) func $f)
            (func $f)
            (func (export "init") (table.set $t (i32.const 0) (ref.null func)))
            (func (export "again") (table.set $t (i32.const 1) (ref.func $f))))"#,
    );
}

#[test]
fn proposals_that_winch_lacks_are_left_to_another_engine() {
    is_the_same(
        r#"(module
            (table 1 funcref)
            (global $g (mut i32) (i32.const 0))
            (func $count (param i32) (global.set $g (local.get 0)))
            (func (export "init") (table.set (i32.const 0) (ref.null func)) (return_call $count (i32.const 7)))
            (func (export "get") (result i32) (global.get $g)))"#,
    );
}

/// Objects in a table that code never writes to, and in a segment, are changed all the same.
#[test]
fn an_object_in_a_table_that_code_may_change_is_refused() {
    is_refused(
        r#"(module
            (type $s (struct (field (mut i32))))
            (table $t 1 1 (ref null $s) (struct.new $s (i32.const 1)))
            (func (export "init") (struct.set $s 0 (table.get $t (i32.const 0)) (i32.const 2)))
            (func (export "get") (result i32) (struct.get $s 0 (table.get $t (i32.const 0)))))"#,
        "an object that may change",
    );
}

#[test]
fn an_object_in_a_segment_that_code_may_change_is_refused() {
    is_refused(
        r#"(module
            (type $s (struct (field (mut i32))))
            (table $t 1 1 (ref null $s))
            (elem $e (ref null $s) (item (struct.new $s (i32.const 1))))
            (func $load (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))
            (func (export "init")
                (call $load)
                (struct.set $s 0 (table.get $t (i32.const 0)) (i32.const 2))
                (table.set $t (i32.const 0) (ref.null $s)))
            (func (export "get") (result i32) (call $load) (struct.get $s 0 (table.get $t (i32.const 0)))))"#,
        "an object that may change",
    );
}

#[test]
fn an_object_in_a_constant_global_that_code_may_change_is_refused() {
    is_refused(
        r#"(module
            (type $a (array (mut i8)))
            (global $g (ref $a) (array.new $a (i32.const 1) (i32.const 4)))
            (func (export "init") (array.set $a (global.get $g) (i32.const 0) (i32.const 2)))
            (func (export "get") (result i32) (array.get_u $a (global.get $g) (i32.const 0))))"#,
        "an object that may change",
    );
}

/// None of these objects can change, and none is lost.
#[test]
fn objects_that_code_only_reads_are_made_again() {
    is_the_same(
        r#"(module
            (type $s (struct (field (mut i32))))
            (table $t 1 1 (ref null $s) (struct.new $s (i32.const 1)))
            (global $g (ref $s) (struct.new $s (i32.const 3)))
            (global $n (mut i32) (i32.const 0))
            (func (export "init") (global.set $n (struct.get $s 0 (table.get $t (i32.const 0)))))
            (func (export "get") (result i32) (i32.add (global.get $n) (struct.get $s 0 (global.get $g)))))"#,
    );
}
