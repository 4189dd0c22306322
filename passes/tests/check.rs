//! Every rule of the checker, with a twin that differs in as little as can be and gets another verdict.

use Verdict::{Deterministic as D, Nondeterministic as N, NotProved as P};
use wbuild_passes::check::{Options, Verdict, check};

/// Verdicts on modules, with a word on each.
fn expect(options: &Options, cases: &[(Verdict, &str, &str)]) {
    let mut wrong = String::new();
    for (verdict, what, wat) in cases {
        let bytes = wat::parse_str(wat).unwrap_or_else(|error| panic!("{what}: {error}\n{wat}"));
        let found = check(&bytes, options).unwrap_or_else(|error| panic!("{what}: {error}"));
        if found.verdict != *verdict {
            wrong += &format!("\n{what}: {:?} instead of {verdict:?}\n{wat}\n", found.verdict);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A module with one function of these locals and operators, which are in the function `$f`.
fn function(signature: &str, body: &str) -> String {
    format!(
        r#"(module
            (import "h" "take" (func $take (param f64)))
            (import "h" "give" (func $give (result f64)))
            (import "h" "give32" (func $give32 (result f32)))
            (type $ff (func (param f64) (result f64)))
            (memory 1)
            (table 2 funcref)
            (tag $tag (param f64))
            (global $nan f64 (f64.const nan))
            (global $minus_nan f64 (f64.const -nan))
            (global $payload f64 (f64.const nan:0x8000000000001))
            (global $mutable_nan (mut f64) (f64.const nan))
            (global $g (mut f64) (f64.const 0))
            (func $f (export "f") {signature} {body})
        )"#
    )
}

/// Verdicts on bodies of a function of one `f64` to nothing, with locals `$t` and `$u`.
fn expect_bodies(cases: &[(Verdict, &str, &str)]) {
    let signature = "(param $x f64) (param $c i32) (local $t f64) (local $u f64)";
    let cases: Vec<_> = cases.iter().map(|&(v, what, body)| (v, what, function(signature, body))).collect();
    let cases: Vec<_> = cases.iter().map(|(v, what, wat)| (*v, *what, wat.as_str())).collect();
    expect(&Options::default(), &cases);
}

const MADE: &str = "(f64.add (local.get $x) (local.get $x))";
/// Guards what is on the stack, by way of `$t`.
const GUARD: &str = "local.tee $t local.get $t f64.ne if global.get $nan local.set $t end local.get $t";

fn store(value: &str) -> String {
    format!("i32.const 0 {value} f64.store")
}

#[test]
fn every_observer_sees_a_made_nan_and_none_that_is_guarded() {
    let observers: &[(&str, &str, &str)] = &[
        ("store", "i32.const 0", "f64.store"),
        ("store of a demoted value", "i32.const 0", "f32.demote_f64 f32.store"),
        ("reinterpret", "", "i64.reinterpret_f64 drop"),
        ("copysign, magnitude", "", "f64.const 1 f64.copysign drop"),
        ("copysign, sign", "f64.const 1", "f64.copysign drop"),
        ("global.set", "", "global.set $g"),
        ("call of an import", "", "call $take"),
        ("call_indirect", "", "i32.const 0 call_indirect (param f64)"),
        ("call_ref", "", "ref.null $ff call_ref $ff drop"),
        ("throw", "", "throw $tag"),
    ];
    for (name, before, after) in observers {
        let made = format!("{before} {MADE} {after}");
        let guarded = format!("{before} {MADE} {GUARD} {after}");
        let raw = format!("{before} local.get $x {after}");
        let demoted = name.contains("demoted");
        let safe = if demoted { N } else { D };
        expect_bodies(&[(N, name, &made), (safe, name, &guarded), (safe, name, &raw)]);
    }
}

#[test]
fn operators_that_ignore_nan_bits_are_let_pass() {
    for harmless in ["f64.eq (f64.const 1)", "f64.lt (f64.const 1)"] {
        let (operator, operand) = harmless.split_once(' ').unwrap();
        expect_bodies(&[(D, harmless, &format!("{MADE} {operand} {operator} drop"))]);
    }
    for harmless in ["drop", "i32.trunc_f64_s drop", "i64.trunc_sat_f64_u drop", "f64.sqrt drop", "local.set $t"] {
        expect_bodies(&[(D, harmless, &format!("{MADE} {harmless}"))]);
    }
}

#[test]
fn a_guard_must_give_the_canonical_constant() {
    let guard =
        |nan: &str| store(&format!("{MADE} local.tee $t local.get $t f64.ne if {nan} local.set $t end local.get $t"));
    expect_bodies(&[
        (D, "global", &guard("global.get $nan")),
        (D, "constant", &guard("f64.const nan")),
        (D, "a number", &guard("f64.const 1")),
        (D, "a fixed negative NaN: deterministic, though no guard", &guard("f64.const -nan")),
        (D, "a payload, which is fixed", &guard("f64.const nan:0x8000000000001")),
        (D, "what is stored in a global is exact", &guard("global.get $mutable_nan")),
        (N, "the value itself", &guard("local.get $t")),
        (N, "another made value", &guard(MADE)),
    ]);
}

#[test]
fn a_guard_must_test_the_value_that_it_replaces() {
    let case = |body: &str| store(&format!("{MADE} {body} local.get $t"));
    let set = "if global.get $nan local.set $t end";
    let otherwise = "if else global.get $nan local.set $t end";
    let chosen = "if (result f64) local.get $t else global.get $nan end local.set $t";
    expect_bodies(&[
        (D, "ne", &case(&format!("local.tee $t local.get $t f64.ne {set}"))),
        (N, "no guard", &case("local.set $t")),
        (N, "eq", &case(&format!("local.tee $t local.get $t f64.eq {set}"))),
        (D, "eq, eqz", &case(&format!("local.tee $t local.get $t f64.eq i32.eqz {set}"))),
        (N, "ne, eqz", &case(&format!("local.tee $t local.get $t f64.ne i32.eqz {set}"))),
        (N, "another local is compared", &case(&format!("local.tee $t local.get $u f64.ne {set}"))),
        (N, "another local is tested", &case(&format!("local.set $t local.get $u local.get $u f64.ne {set}"))),
        (N, "another local is set", &case("local.tee $t local.get $t f64.ne if global.get $nan local.set $u end")),
        (D, "ge, else", &case(&format!("local.tee $t local.get $t f64.ge {otherwise}"))),
        (D, "le, else", &case(&format!("local.tee $t local.get $t f64.le {otherwise}"))),
        (N, "gt, which never holds", &case(&format!("local.tee $t local.get $t f64.gt {otherwise}"))),
        (N, "ge, of another local", &case(&format!("local.tee $t local.get $u f64.ge {otherwise}"))),
        (N, "ge, of another first", &case(&format!("local.set $t local.get $u local.get $t f64.ge {otherwise}"))),
        (N, "ge", &case(&format!("local.tee $t local.get $t f64.ge {set}"))),
        (D, "ge, a value of if", &case(&format!("local.tee $t local.get $t f64.ge {chosen}"))),
        (N, "lt, a value of if", &case(&format!("local.tee $t local.get $t f64.lt {chosen}"))),
        (N, "le", &case(&format!("local.tee $t local.get $t f64.le {set}"))),
        (
            N,
            "the local is assigned between test and use",
            &case(&format!("local.tee $t local.get $t f64.ne {MADE} local.set $t {set}")),
        ),
        (
            N,
            "the local is assigned between the operands",
            &case(&format!("local.tee $t {MADE} local.set $t local.get $t f64.ne {set}")),
        ),
        (N, "assigned behind the guard", &case(&format!("local.tee $t local.get $t f64.ne {set} {MADE} local.set $t"))),
        (
            D,
            "the value is tested through a copy",
            &case("local.tee $t local.tee $u local.get $t f64.ne if global.get $nan local.set $t end"),
        ),
        (
            N,
            "the copy is another value by then",
            &case(&format!("local.tee $t {MADE} local.tee $u f64.ne if global.get $nan local.set $t end")),
        ),
    ]);
}

#[test]
fn a_guard_by_else_or_branch_or_select_is_understood_in_the_right_order_only() {
    let test = |operator: &str| format!("{MADE} local.tee $t local.get $t {operator}");
    let (eq, ne) = (test("f64.eq"), test("f64.ne"));
    let arms = |test: &str, then: &str, other: &str| store(&format!("{test} if (result f64) {then} else {other} end"));
    let (t, nan) = ("local.get $t", "f64.const nan");
    let branch = |test: &str| store(&format!("block {test} br_if 0 {nan} local.set $t end {t}"));
    let out = |test: &str| store(&format!("{MADE} local.set $t block (result f64) {t} {test} br_if 0 drop {nan} end"));
    let select = |a: &str, b: &str, test: &str| store(&format!("{MADE} local.set $t {a} {b} {t} {t} {test} select"));
    expect_bodies(&[
        (D, "eq then", &arms(&eq, t, nan)),
        (N, "eq else", &arms(&eq, nan, t)),
        (D, "ne else", &arms(&ne, nan, t)),
        (N, "ne then", &arms(&ne, t, nan)),
        (D, "branch on eq", &branch(&eq)),
        (N, "branch on ne", &branch(&ne)),
        (N, "the value carried is an older one", &out(&eq)),
        (
            D,
            "carried on eq",
            &store(&format!("block (result f64) {MADE} local.tee $t {t} {t} f64.eq br_if 0 drop {nan} end")),
        ),
        (
            N,
            "carried on ne",
            &store(&format!("block (result f64) {MADE} local.tee $t {t} {t} f64.ne br_if 0 drop {nan} end")),
        ),
        (
            D,
            "kept behind a branch on ne",
            &store(&format!("block (result f64) {MADE} local.tee $t {nan} {t} {t} f64.ne br_if 0 drop end")),
        ),
        (D, "select eq", &select(t, nan, "f64.eq")),
        (N, "select eq, swapped", &select(nan, t, "f64.eq")),
        (D, "select ne", &select(nan, t, "f64.ne")),
        (N, "select ne, swapped", &select(t, nan, "f64.ne")),
        (N, "select another value", &select(MADE, nan, "f64.eq")),
        (
            D,
            "a value on the stack, by a tee alone",
            &store(&format!("{MADE} local.tee $t {nan} {t} {t} f64.eq select")),
        ),
        (
            N,
            "a value on the stack, by a tee alone, the wrong test",
            &store(&format!("{MADE} local.tee $t {nan} {t} {t} f64.ne select")),
        ),
    ]);
}

#[test]
fn a_join_is_as_good_as_its_worst_side() {
    let either =
        |a: &str, b: &str| store(&format!("local.get $c if {a} local.set $u else {b} local.set $u end local.get $u"));
    let guarded = format!("{MADE} {GUARD}");
    expect_bodies(&[
        (D, "both guarded", &either(&guarded, &guarded)),
        (N, "one guarded", &either(&guarded, MADE)),
        (N, "the other guarded", &either(MADE, &guarded)),
        (P, "raw or made", &either("local.get $x", MADE)),
        (D, "raw or guarded", &either("local.get $x", &guarded)),
        (N, "number or made", &either("f64.const 1", MADE)),
        (
            N,
            "guard on one path into a join only",
            &store(&format!(
                "{MADE} local.set $t local.get $c if local.get $t local.get $t f64.ne if f64.const nan local.set $t \
                 end end local.get $t"
            )),
        ),
        (
            N,
            "guard on a path that leaves",
            &store(&format!(
                "{MADE} local.set $t block local.get $c br_if 0 local.get $t {GUARD} drop end local.get $t"
            )),
        ),
        (
            D,
            "guard ahead of the fork",
            &store(&format!("{MADE} {GUARD} drop block local.get $c br_if 0 nop end local.get $t")),
        ),
        (
            N,
            "br_table from an unguarded place",
            &store(&format!(
                "{MADE} local.set $t block block local.get $c br_table 0 1 end local.get $t {GUARD} drop end local.get $t"
            )),
        ),
        (D, "unreachable code is no path", &store(&format!("block (result f64) f64.const 1 br 0 {MADE} end"))),
        (N, "the same without the branch", &store(&format!("block (result f64) f64.const 1 drop {MADE} end"))),
        (
            D,
            "a trap is no path",
            &store(&format!("local.get $c if (result f64) f64.const 1 else {MADE} unreachable end")),
        ),
        (N, "no trap", &store(&format!("local.get $c if (result f64) f64.const 1 else {MADE} nop end"))),
    ]);
}

#[test]
fn loops_carry_what_they_make_to_their_heads() {
    let turn = |before: &str, head: &str, tail: &str| {
        format!("{before} loop {head} {tail} local.get $c i32.const 1 i32.sub local.tee $c br_if 0 end")
    };
    let store_t = store("local.get $t");
    let make = "local.get $t local.get $x f64.mul local.set $t";
    let guarded =
        "local.get $t local.get $x f64.mul local.tee $t local.get $t f64.ne if f64.const nan local.set $t end";
    expect_bodies(&[
        (N, "made in the last round", &turn("", &store_t, make)),
        (D, "guarded in the last round", &turn("", &store_t, guarded)),
        (D, "guarded at the head, by copy", &turn("", &format!("local.get $t {GUARD} drop {store_t}"), make)),
        (N, "stored before the guard", &turn("", &store_t, &format!("{make} nop"))),
        (
            D,
            "sums guarded behind the loop",
            &format!("{} {}", turn("", "", make), store(&format!("local.get $t {GUARD}"))),
        ),
        (N, "sums not guarded behind the loop", &format!("{} {store_t}", turn("", "", make))),
        (
            N,
            "a copy of the last round's value is another value",
            &turn(
                "",
                // $u is the last round's $t; comparing the two is no test.
                "local.get $x local.get $x f64.add local.tee $t local.get $u f64.ne if f64.const nan local.set $t end",
                &format!("{} local.get $t local.set $u", &store_t),
            ),
        ),
        (
            N,
            "a test of the last round's value",
            &format!(
                "(local $b i32) {}",
                turn(
                    "",
                    "",
                    &format!(
                        "{MADE} local.set $t local.get $b if else {store_t} end local.get $t local.get $t f64.ne local.set $b"
                    )
                )
            ),
        ),
        (D, "a counter that only grows", &turn("", &store_t, "local.get $t f64.const 1 f64.add local.set $t")),
        (
            N,
            "a counter may reach infinity",
            &turn("", &store("local.get $t local.get $t f64.sub"), "local.get $t f64.const 1 f64.add local.set $t"),
        ),
        (
            D,
            "a sum of squares of numbers",
            &turn(
                "",
                &store_t,
                "local.get $t local.get $c f64.convert_i32_s local.tee $u local.get $u f64.mul f64.add local.set $t",
            ),
        ),
        (
            N,
            "a sum of products that may be of both signs and infinite",
            &turn(
                "",
                &store_t,
                "local.get $t local.get $t f64.sub local.get $u f64.mul f64.const inf f64.add f64.const -inf f64.add local.set $t",
            ),
        ),
        (
            P,
            "a loop's parameter",
            &format!(
                "local.get $x loop (param f64) {} f64.const 1 f64.add local.get $c br_if 0 drop end",
                "local.tee $t i32.const 0 local.get $t f64.store"
            ),
        ),
        (
            D,
            "a loop's parameter, guarded",
            &format!(
                "local.get $x loop (param f64) {} f64.const 1 f64.add {GUARD} local.get $c br_if 0 drop end",
                "local.tee $t i32.const 0 local.get $t f64.store"
            ),
        ),
        (N, "two loops, made in the inner one", &turn("", &store_t, &format!("loop {make} local.get $c br_if 0 end"))),
        (
            D,
            "two loops, guarded in the inner one",
            &turn("", &store_t, &format!("loop {guarded} local.get $c br_if 0 end")),
        ),
        (
            N,
            "two locals that swap",
            &turn(
                "",
                &store("local.get $u"),
                "local.get $t local.get $x f64.add local.get $t local.set $u local.set $t",
            ),
        ),
    ]);
}

#[test]
fn signs_are_moved_before_the_guard_or_the_guard_comes_after() {
    expect_bodies(&[
        (P, "neg of a made NaN", &store(&format!("{MADE} f64.neg"))),
        (D, "neg, then a guard", &store(&format!("{MADE} f64.neg {GUARD}"))),
        (D, "a guard, then neg", &store(&format!("{MADE} {GUARD} f64.neg"))),
        (D, "neg of a raw value", &store("local.get $x f64.neg")),
        (N, "abs of a made NaN", &store(&format!("{MADE} f64.abs"))),
        (D, "abs of a guarded one", &store(&format!("{MADE} {GUARD} f64.abs"))),
        (D, "copysign of guarded ones", &store(&format!("{MADE} {GUARD} local.get $x f64.copysign"))),
        (N, "copysign onto a made NaN", &store(&format!("{MADE} local.get $x f64.copysign"))),
        (N, "the sign of a made NaN", &store(&format!("local.get $x {MADE} f64.copysign"))),
        (N, "the sign of a made NaN, though the result is a number", &format!("f64.const 1 {MADE} f64.copysign drop")),
        (N, "promote", &store("call $give32 f64.promote_f32")),
        (D, "promote of a number", &store("local.get $c f32.convert_i32_s f64.promote_f32")),
        (N, "demote", "i32.const 0 local.get $x f32.demote_f64 f32.store"),
        (D, "demote of a number", "i32.const 0 local.get $c f64.convert_i32_s f32.demote_f64 f32.store"),
        (D, "reinterpreted bits stay", &store("i64.const 1 f64.reinterpret_i64")),
        (D, "loaded bits stay", &store("i32.const 8 f64.load")),
        (N, "arithmetic on loaded bits", &store("i32.const 8 f64.load f64.floor")),
    ]);
}

#[test]
fn ranges_prove_what_makes_no_nan_and_no_more() {
    let int = "(f64.convert_i32_s (local.get $c))";
    let uint = "(f64.convert_i32_u (local.get $c))";
    let number = format!("(f64.div (f64.const 1) {uint})"); // Of [-inf, inf]: never a NaN, maybe infinite.
    let case = |verdict: Verdict, body: String| (verdict, body.clone(), store(&body));
    let cases = [
        case(D, format!("(f64.add {int} {int})")),
        case(D, format!("(f64.sub {int} {int})")),
        case(D, format!("(f64.mul {int} {int})")),
        case(N, format!("(f64.div {int} {int})")),
        case(D, format!("(f64.div {int} (f64.const 2))")),
        case(D, format!("(f64.div {int} (f64.add {uint} (f64.const 1)))")),
        case(N, format!("(f64.div {int} {uint})")),
        case(D, format!("(f64.sqrt {uint})")),
        case(N, format!("(f64.sqrt {int})")),
        case(D, format!("(f64.sqrt (f64.abs {int}))")),
        case(D, "(f64.sqrt (f64.const -0))".to_owned()),
        case(D, number.clone()),
        case(N, format!("(f64.add {number} {number})")),
        case(N, format!("(f64.sub {number} {number})")),
        case(N, format!("(f64.mul {number} {int})")),
        case(D, format!("(f64.mul {number} (f64.const 2))")),
        case(D, format!("(f64.mul (local.tee $t {number}) (local.get $t))")),
        case(N, format!("(f64.mul (local.tee $t {number}) (local.get $u))")),
        case(N, "(f64.mul (local.get $x) (local.get $x))".to_owned()),
        case(D, format!("(f64.min {number} {int})")),
        case(N, format!("(f64.min {number} (local.get $x))")),
        case(D, format!("(f64.nearest {number})")),
        case(D, format!("(f64.ceil (f64.neg {number}))")),
        case(N, "(f64.trunc (local.get $x))".to_owned()),
        case(N, "(f64.sub (f64.const inf) (f64.const inf))".to_owned()),
        case(D, "(f64.sub (f64.const inf) (f64.const -inf))".to_owned()),
        case(N, "(f64.add (f64.const inf) (f64.const -inf))".to_owned()),
        case(D, "(f64.add (f64.const inf) (f64.const inf))".to_owned()),
        case(N, "(f64.mul (f64.const 1e308) (f64.mul (f64.const 0) (f64.mul (f64.const 1e308) (f64.const 1e308))))".to_owned()),
        case(D, format!("(f64.copysign {int} (local.get $x))")),
        case(N, format!("(f64.sqrt (f64.copysign {int} (local.get $x)))")),
        case(N, "(f64.sub (local.tee $t (f64.promote_f32 (f32.demote_f64 (f64.const 1e300)))) (local.get $t))".to_owned()),
        case(D, "(f64.sub (local.tee $t (f64.promote_f32 (f32.demote_f64 (f64.const 1e30)))) (local.get $t))".to_owned()),
        case(
            N,
            "(f64.promote_f32 (f32.sub (f32.mul (f32.const 1e30) (f32.const 1e30)) (f32.mul (f32.const 1e30) (f32.const 1e30))))"
                .to_owned(),
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(v, what, body)| (*v, what.as_str(), body.as_str())).collect();
    expect_bodies(&cases);
}

#[test]
fn globals_are_constants_only_if_nothing_can_change_them() {
    let module = |globals: &str, body: &str| format!("(module {globals} (memory 1) (func (export \"f\") {body}))");
    let sub = "(f64.store (i32.const 0) (f64.sub (global.get $a) (f64.const 1)))";
    let cases = [
        (D, "immutable", module("(global $a f64 (f64.const 1))", sub)),
        (N, "mutable", module("(global $a (mut f64) (f64.const 1))", sub)),
        (N, "imported", module("(import \"h\" \"a\" (global $a f64))", sub)),
        (N, "infinite is what it is", module("(global $a f64 (f64.const nan))", sub)),
        (D, "of another global", module("(global $b f64 (f64.const 1)) (global $a f64 (global.get $b))", sub)),
        (
            N,
            "of an imported global",
            module("(import \"h\" \"b\" (global $b f64)) (global $a f64 (global.get $b))", sub),
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(v, what, wat)| (*v, *what, wat.as_str())).collect();
    expect(&Options::default(), &cases);
}

#[test]
fn vectors_carry_their_shape_and_any_other_use_of_them_shows_their_bits() {
    let made4 = "(f32x4.add (local.get $v) (local.get $v))";
    let made2 = "(f64x2.add (local.get $v) (local.get $v))";
    let nan4 = "v128.const i32x4 0x7fc00000 0x7fc00000 0x7fc00000 0x7fc00000";
    let guard = |made: &str, shape: &str, order: &str| {
        let (a, b) = if order == "eq" { ("", nan4) } else { (nan4, "") };
        match order {
            "eq" => format!("{made} local.tee $t {b} local.get $t local.get $t {shape}.eq v128.bitselect"),
            _ => format!("{made} local.set $t {a} local.get $t local.get $t local.get $t {shape}.ne v128.bitselect"),
        }
    };
    let cases: Vec<(Verdict, String)> = vec![
        (N, made4.to_owned()),
        (N, made2.to_owned()),
        (D, "local.get $v".to_owned()),
        (D, guard(made4, "f32x4", "eq")),
        (N, guard(made4, "f64x2", "eq")),
        (D, guard(made4, "f32x4", "ne")),
        (N, guard(made2, "f32x4", "eq")),
        (D, guard(made2, "f64x2", "eq")),
        (N, format!("{made4} local.tee $t {nan4} local.get $t local.get $t f32x4.ne v128.bitselect")),
        (D, format!("{made4} local.tee $t {nan4} local.get $t local.get $t f32x4.ne v128.not v128.bitselect")),
        (N, format!("{made4} local.tee $t {nan4} local.get $v local.get $v f32x4.eq v128.bitselect")),
        (N, format!("{made4} local.tee $t {nan4} local.get $t local.get $v f32x4.eq v128.bitselect")),
        (N, format!("{made4} local.set $t {made4} {nan4} local.get $t local.get $t f32x4.eq v128.bitselect")),
        (N, format!("{made4} i32x4.abs")),
        (N, format!("{made4} {made4} i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15")),
        (N, format!("{made4} {made4} i8x16.swizzle")),
        (P, format!("{made4} f32x4.neg")),
        (D, guard(&format!("{made4} f32x4.neg"), "f32x4", "eq")),
        (N, guard(&format!("{made4} f64x2.neg"), "f64x2", "eq")),
        (N, format!("{made4} f32x4.abs")),
        (N, guard(&format!("{made4} f64x2.abs"), "f64x2", "eq")),
        (N, guard(&format!("{made4} local.get $v f64x2.mul"), "f64x2", "eq")),
        (D, guard(&format!("{made4} f64x2.promote_low_f32x4"), "f64x2", "eq")),
        (N, guard(&format!("{made4} f64x2.promote_low_f32x4"), "f32x4", "eq")),
        (D, guard(&format!("{made2} f32x4.demote_f64x2_zero"), "f32x4", "eq")),
        (N, guard(&format!("{made4} f32x4.demote_f64x2_zero"), "f32x4", "eq")),
        (P, format!("{made4} local.get $v f32x4.pmin")),
        (D, "local.get $v local.get $v f32x4.pmin".to_owned()),
        (N, format!("{made4} {made4} f32x4.pmax")),
        (N, "local.get $v local.get $v f32x4.max".to_owned()),
        (D, format!("{made4} {made4} f32x4.lt")),
        (N, format!("{made4} {made4} f64x2.lt")),
        (N, format!("{made4} {made4} i32x4.lt_s")),
        (D, format!("{made4} i32x4.trunc_sat_f32x4_s")),
        (N, format!("{made4} i32x4.trunc_sat_f64x2_s_zero")),
        (D, "local.get $c f32x4.splat".to_owned()),
        (N, "local.get $c local.get $c f32.add f32x4.splat".to_owned()),
        (D, guard("local.get $c local.get $c f32.add f32x4.splat", "f32x4", "eq")),
        (N, guard("local.get $c local.get $c f32.add f32x4.splat", "f64x2", "eq")),
        (P, "local.get $v local.get $c local.get $c f32.add f32x4.replace_lane 1".to_owned()),
        (D, "local.get $v local.get $c f32x4.replace_lane 1".to_owned()),
        (N, format!("{made4} f32x4.extract_lane 0 f32x4.splat")),
        (N, format!("{made4} f64x2.extract_lane 0 drop local.get $v")),
        (D, format!("{made4} f32x4.extract_lane 0 drop local.get $v")),
        (N, format!("{made4} i32x4.extract_lane 0 drop local.get $v")),
        (N, format!("{made4} v128.any_true drop local.get $v")),
        (P, format!("{made4} local.get $v i32.const 1 select")),
        (P, guard(&format!("{made4} {made2} i32.const 1 select"), "f32x4", "eq")),
        (D, "i32.const 1 i32x4.splat f32x4.convert_i32x4_s".to_owned()),
        (N, "(f32x4.relaxed_min (local.get $v) (local.get $v)) drop local.get $v".to_owned()),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(verdict, body)| {
            let wat = format!(
                "(module (memory 1) (func (export \"f\") (param $v v128) (param $c f32) (local $t v128)
                 i32.const 0 {body} v128.store))"
            );
            (*verdict, body.as_str(), wat)
        })
        .collect();
    let cases: Vec<_> = cases.iter().map(|(v, what, wat)| (*v, *what, wat.as_str())).collect();
    expect(&Options::default(), &cases);
}
