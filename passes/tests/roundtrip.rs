//! Reading and writing an unchanged module gives the same bytes.

use wbuild_passes::{Module, Options, run, validate};

#[track_caller]
fn same_bytes(wat: &str) {
    let bytes = wat::parse_str(wat).unwrap();
    validate(&bytes).unwrap_or_else(|error| panic!("{error}\n{wat}"));
    assert_eq!(Module::parse(&bytes).unwrap().encode().unwrap(), bytes, "{wat}");
    assert_eq!(run(&bytes, &[], &Options::default()).unwrap(), bytes, "{wat}");
}

#[test]
fn empty_and_tiny_modules_come_back_unchanged() {
    same_bytes("(module)");
    same_bytes("(module $named (func $f (export \"f\") (param $x i32) (result i32) (local i64 i64 i32) local.get $x))");
}

#[test]
fn every_kind_of_import_and_export_comes_back_unchanged() {
    same_bytes(
        r#"(module
            (type $t (func (param i32)))
            (import "a" "f" (func $f (type $t))) (import "a" "g" (global $g i32)) (import "b" "m" (memory 1 2))
            (import "b" "t" (table 1 funcref)) (import "c" "e" (tag $e (param i32))) (import "c" "h" (func $h))
            (export "f" (func $f)) (export "g" (global $g)) (export "m" (memory 0)) (export "t" (table 0))
            (export "e" (tag $e)) (start $h))"#,
    );
}

#[test]
fn segments_come_back_in_the_encoding_they_had() {
    same_bytes(
        r#"(module (table $t 10 funcref) (table $x 10 externref) (memory 1) (memory 1) (func $f)
            (elem (i32.const 0) $f) (elem (table $x) (offset (i32.const 0)) externref (ref.null extern))
            (elem (table $t) (i32.const 1) func $f) (elem declare func $f) (elem func $f $f)
            (elem (i32.const 3) funcref (ref.func $f) (ref.null func)) (elem funcref (item ref.func $f))
            (data (i32.const 0) "a") (data (memory 1) (i32.const 4) "b") (data "passive")
            (func (memory.init 2 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 2) (elem.drop 4)))"#,
    );
}

#[test]
fn types_of_the_gc_proposal_come_back_unchanged() {
    same_bytes(
        r#"(module
            (rec (type $a (struct (field (ref null $b)) (field (mut i8)))) (type $b (sub (array (mut (ref null $a))))))
            (rec (type $alone (func)))
            (type $s (sub (struct (field i32)))) (type $t (sub final $s (struct (field i32) (field f64))))
            (func (param (ref $a)) (result (ref null $b)) (struct.get $a 0 (local.get 0)))
            (global (ref null any) (ref.null any)))"#,
    );
}

#[test]
fn code_of_every_proposal_comes_back_unchanged() {
    same_bytes(
        r#"(module (memory i64 1) (memory 1 1 shared) (memory 1 (pagesize 1)) (tag $e (param i32)) (type $k (func)) (type $c (cont $k))
            (func $f (try_table (catch_all 0)) (throw $e (i32.const 1)))
            (func try catch $e drop catch_all rethrow 0 end)
            (func (result i64 i64) (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)))
            (func (drop (f32x4.relaxed_madd (v128.const i32x4 0 1 2 3) (v128.const i32x4 0 1 2 3) (v128.const i32x4 0 1 2 3))))
            (func (drop (i32.atomic.rmw.add 1 (i32.const 0) (i32.const 0))) (return_call $f))
            (func (drop (f32.const nan:0x200001)) (drop (f64.const -nan:0x1)))
            (elem declare func $f)
            (func (resume $c (cont.new $c (ref.func $f)))))"#,
    );
}

#[test]
fn custom_sections_stay_in_place_and_in_order() {
    same_bytes(
        r#"(module (@custom "first" (before first) "1") (@custom "second" (before first) "2") (type (func))
            (@custom "types" (after type) "3") (func (type 0)) (@custom "last" "4") (@custom "last" "5"))"#,
    );
}
