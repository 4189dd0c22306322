//! The proof's own tools do what they say.

use wbuild_proof::chaos::{chaos, sealed};
use wbuild_proof::guards::{guards, without};
use wbuild_proof::observe::{End, Observed, Value, Verdict};
use wbuild_proof::reference::{self, Calls, Subject};

const CALLS: Calls = Calls { rounds: 1, seed: 0 };

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))
}

fn run(bytes: &[u8], seed: Option<u64>) -> Observed {
    let subject = Subject::original(&reference::engine(true), bytes).unwrap();
    subject.call_exports(CALLS, seed).unwrap()
}

/// Each makes a NaN in another way; what is returned are its bits.
const NANS: &str = r#"(module
    (func (export "div") (result i64) (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))
    (func (export "sqrt") (result i32) (i32.reinterpret_f32 (f32.sqrt (f32.const -1))))
    (func (export "promote") (result i64) (i64.reinterpret_f64 (f64.promote_f32 (f32.const nan:0x400001))))
    (func (export "demote") (result i32) (i32.reinterpret_f32 (f32.demote_f64 (f64.const -nan))))
    (func (export "lanes") (result v128) (f32x4.sub (v128.const f32x4 inf 1 inf 1) (v128.const f32x4 inf 1 inf 1)))
    (func (export "wide") (result v128) (f64x2.mul (v128.const f64x2 0 0) (v128.const f64x2 inf inf))))"#;

#[test]
fn chaos_makes_other_nans_under_every_seed_and_the_same_ones_again() {
    let bytes = wasm(NANS);
    let before = run(&bytes, None);
    let wild = chaos(&bytes, 1).unwrap();
    let (one, two) = (run(&wild, Some(1)), run(&wild, Some(2)));
    for ((a, b), c) in before.steps.iter().zip(&one.steps).zip(&two.steps) {
        assert!(a.end != b.end && b.end != c.end && a.end != c.end, "{}: {:?} {:?} {:?}", a.call, a.end, b.end, c.end);
    }
    assert_eq!(one, run(&wild, Some(1)), "the same seed is the same run");
    assert_eq!(run(&sealed(&bytes, 1).unwrap(), None).steps, one.steps, "the export is all that differs");
}

#[test]
fn chaos_lets_numbers_signs_and_copies_of_nans_through() {
    let bytes = wasm(
        r#"(module
        (func (export "number") (result f64) (f64.div (f64.const 1) (f64.const 3)))
        (func (export "infinity") (result f32) (f32.div (f32.const 1) (f32.const 0)))
        (func (export "neg") (result i64) (i64.reinterpret_f64 (f64.neg (f64.const nan:0x8000000001234))))
        (func (export "abs") (result i64) (i64.reinterpret_f64 (f64.abs (f64.const -nan:0x8000000001234))))
        (func (export "lanes") (result v128) (f32x4.add (v128.const f32x4 1 2 3 4) (v128.const f32x4 1 2 3 4))))"#,
    );
    assert_eq!(run(&bytes, None).compare(&run(&chaos(&bytes, 9).unwrap(), Some(9))), Verdict::Same);
}

/// What wasmi 2.0.0 gets wrong by itself: 1 waits on the stack while the loop sets its local.
#[test]
fn the_reference_is_right_about_loops_with_parameters() {
    let bytes = wasm(
        r#"(module (func (export "f") (result f64 f64) (local $x f64) (local $n i32)
            (local.set $x (f64.const 1))
            local.get $x
            f64.const 16
            (loop (param f64) (result f64)
                f64.sqrt
                local.tee $x
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $n) (i32.const 2))))))"#,
    );
    let one = |x: f64| Value::F64(x.to_bits());
    assert_eq!(run(&bytes, None).steps[0].end, End::Returned(vec![one(1.0), one(2.0)]));
}

#[test]
fn a_guard_is_found_and_without_it_nothing_is_guarded() {
    let guarded = wasm(
        r#"(module (func (export "f") (result i64) (local $t f64)
            (f64.div (f64.const 0) (f64.const 0))
            local.tee $t
            local.get $t
            f64.ge
            (if (result f64) (then (local.get $t)) (else (f64.const nan)))
            i64.reinterpret_f64))"#,
    );
    let found = guards(&guarded).unwrap();
    assert_eq!(found.len(), 1);
    let bare = without(&guarded, found[0]).unwrap();
    let before = run(&guarded, None);
    assert_eq!(before.compare(&run(&chaos(&guarded, 3).unwrap(), Some(3))), Verdict::Same);
    assert!(matches!(before.compare(&run(&chaos(&bare, 3).unwrap(), Some(3))), Verdict::Different(_)));
}
