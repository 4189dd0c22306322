//! Each proposal that a module may use: several results, vectors, tail calls, exceptions, objects.

use wbuild::preinit::Choice;

use super::{Case, start, wasm};

/// wasmi lacks these proposals, and Winch does.
const CRANELIFT: &[Choice] = &[Choice::Interpreter, Choice::Winch];

#[test]
fn functions_with_several_results() {
    Case::new(
        "(module (global $a (mut i32) (i32.const 0)) (global $b (mut i64) (i64.const 0))
           (func $two (result i32 i64) (i32.const 7) (i64.const 35))
           (func (export \"wizer.initialize\") (call $two) (global.set $b) (global.set $a))
           (func (export \"run\") (result i32 i64) (global.get $a) (global.get $b)))",
    )
    .gives("run", "7, 35")
    .check();
}

#[test]
fn vectors_in_globals_and_memory() {
    Case::new(
        "(module (memory (export \"memory\") 1) (global $g (mut v128) (v128.const i32x4 2 3 5 7))
           (func (export \"wizer.initialize\")
             (global.set $g (i32x4.mul (global.get $g) (global.get $g)))
             (v128.store (i32.const 16) (global.get $g)))
           (func (export \"run\") (result i32 v128)
             (i32x4.extract_lane 3 (global.get $g)) (v128.load (i32.const 16))))",
    )
    .perhaps_without(&[Choice::Winch])
    .gives("run", "49, 0x31000000190000000900000004")
    .check();
}

#[test]
fn floats_keep_their_bits_and_nans_are_canonical() {
    // Every operator makes another NaN on another processor, unless somebody sees to it.
    Case::new(
        "(module (memory (export \"memory\") 1)
           (global $f (mut f32) (f32.const 0)) (global $d (mut f64) (f64.const -0))
           (func (export \"wizer.initialize\")
             (f32.store (i32.const 0) (f32.div (f32.const 0) (global.get $f)))
             (f64.store (i32.const 8) (f64.sqrt (f64.const -1)))
             (global.set $f (f32.const nan:0x200001))
             (global.set $d (f64.div (f64.const -1) (f64.const 3))))
           (func (export \"run\") (result i32 i64 i32 f64)
             (i32.load (i32.const 0)) (i64.load (i32.const 8)) (i32.reinterpret_f32 (global.get $f)) (global.get $d)))",
    )
    .gives("run", "2143289344, 9221120237041090560, 2141192193, -0.3333333333333333")
    .check();
}

#[test]
fn relaxed_vectors_have_one_answer() {
    Case::new(
        "(module (memory (export \"memory\") 1)
           (func (export \"wizer.initialize\")
             (v128.store (i32.const 0)
               (i32x4.relaxed_trunc_f32x4_u (v128.const f32x4 -1 nan 5000000000 2))))
           (func (export \"run\") (result i64 i64) (i64.load (i32.const 0)) (i64.load (i32.const 8))))",
    )
    .without(&[Choice::Winch])
    .gives("run", "0, 12884901887")
    .check();
}

#[test]
fn tail_calls() {
    Case::new(
        "(module (global $g (mut i32) (i32.const 0))
           (func $count (param i32)
             (global.set $g (i32.add (global.get $g) (i32.const 1)))
             (if (local.get 0) (then (return_call $count (i32.sub (local.get 0) (i32.const 1))))))
           (func (export \"wizer.initialize\") (call $count (i32.const 99999)))
           (func (export \"run\") (result i32) (global.get $g)))",
    )
    .without(&[Choice::Winch])
    .gives("run", "100000")
    .check();
}

#[test]
fn exceptions_that_are_caught() {
    Case::new(
        "(module (tag $tag (param i32)) (global $g (mut i32) (i32.const 0))
           (func $throw (throw $tag (i32.const 42)))
           (func (export \"wizer.initialize\")
             (global.set $g (block $caught (result i32)
               (try_table (catch $tag $caught) (call $throw)) (i32.const 0))))
           (func (export \"run\") (result i32) (global.get $g)))",
    )
    .without(CRANELIFT)
    .gives("run", "42")
    .check();
}

#[test]
fn small_numbers_as_references() {
    Case::new(
        "(module (global $g (mut i31ref) (ref.null i31)) (table $t 2 i31ref)
           (func (export \"wizer.initialize\")
             (global.set $g (ref.i31 (i32.const -7)))
             (table.set $t (i32.const 1) (ref.i31 (i32.const 9))))
           (func (export \"run\") (result i31ref i32 i31ref)
             (global.get $g) (i31.get_s (table.get $t (i32.const 1))) (table.get $t (i32.const 0))))",
    )
    .without(CRANELIFT)
    .wizer_refuses("unsupported")
    .gives("run", "i31 -7, 9, null")
    .check();
}

#[test]
fn objects_made_and_left_behind_in_no_global_are_carried_as_what_they_computed() {
    Case::new(
        "(module (type $box (struct (field (mut i32)))) (global $g (mut i32) (i32.const 0))
           (global $null (mut (ref null $box)) (ref.null $box))
           (func (export \"wizer.initialize\") (local $b (ref $box))
             (local.set $b (struct.new $box (i32.const 20)))
             (struct.set $box 0 (local.get $b) (i32.add (struct.get $box 0 (local.get $b)) (i32.const 22)))
             (global.set $g (struct.get $box 0 (local.get $b))))
           (func (export \"run\") (result i32 i32) (global.get $g) (ref.is_null (global.get $null))))",
    )
    .without(CRANELIFT)
    .wizer_refuses("unsupported")
    .gives("run", "42, 1")
    .check();
}

#[test]
fn an_object_in_a_global_is_refused_by_its_number() {
    let module = wasm(
        "(module (type $box (struct (field i32))) (global $other (mut i32) (i32.const 0))
           (global $g (mut (ref null $box)) (ref.null $box))
           (func (export \"wizer.initialize\") (global.set $g (struct.new $box (i32.const 1)))))",
    );
    let refused = start(&module, &Default::default()).err().expect("it was carried");
    let wanted = "module.wasm: global 1 holds an object that garbage collection manages after initialization";
    assert!(refused.to_string().contains(wanted), "{refused}");
}

#[test]
fn constant_objects_that_code_may_change_are_refused_and_others_are_made_again() {
    let text = |body: &str| {
        format!(
            "(module (type $box (struct (field (mut i32))))
               (global $g (ref $box) (struct.new $box (i32.const 41)))
               (func (export \"wizer.initialize\") {body})
               (func (export \"run\") (result i32) (i32.add (struct.get $box 0 (global.get $g)) (i32.const 1))))"
        )
    };
    let changed = start(&wasm(&text("(struct.set $box 0 (global.get $g) (i32.const 5))")), &Default::default());
    let refused = changed.err().expect("it was carried");
    assert!(refused.to_string().contains("a constant global holds an object"), "{refused}");
    Case::new(&text("")).without(CRANELIFT).gives("run", "42").check();
}

#[test]
fn shared_memory_is_refused() {
    let module = wasm("(module (memory 1 1 shared) (func (export \"wizer.initialize\")))");
    let refused = start(&module, &Default::default()).err().expect("it was accepted");
    assert!(refused.to_string().contains("its memory is shared with other threads"), "{refused}");
}

#[test]
fn extended_constants_and_globals_that_globals_begin_with() {
    Case::new(
        "(module (global $a i32 (i32.const 40)) (global $b (mut i32) (i32.add (global.get $a) (i32.const 1)))
           (memory (export \"memory\") 1) (data (offset (i32.mul (global.get $a) (i32.const 2))) \"x\")
           (func (export \"wizer.initialize\") (global.set $b (i32.add (global.get $b) (i32.const 1))))
           (func (export \"run\") (result i32 i32) (global.get $b) (i32.load8_u (i32.const 80))))",
    )
    .without(CRANELIFT)
    .gives("run", "42, 120")
    .check();
}
