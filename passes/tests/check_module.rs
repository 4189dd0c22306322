//! The checker across functions, at the borders of a module, and on sources other than NaN bits.

use Verdict::{Deterministic as D, Nondeterministic as N, NotProved as P};
use wbuild_passes::check::{Certificate, Kind, Options, Source, Status, Verdict, check};

fn certify(wat: &str, js_boundary: bool) -> Certificate {
    let bytes = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
    check(&bytes, &Options { js_boundary }).unwrap_or_else(|error| panic!("{error}\n{wat}"))
}

fn source(certificate: &Certificate, kind: Kind) -> &Source {
    certificate.sources.iter().find(|source| source.kind == kind).unwrap()
}

fn expect_with(js_boundary: bool, cases: &[(Verdict, &str, &str)]) {
    let mut wrong = String::new();
    for (verdict, what, fields) in cases {
        let wat = format!("(module {fields})");
        let found = certify(&wat, js_boundary);
        if found.verdict != *verdict {
            wrong += &format!("\n{what}: {:?} instead of {verdict:?}\n{wat}\n{found:#?}", found.verdict);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn expect(cases: &[(Verdict, &str, &str)]) {
    expect_with(false, cases);
}

const STORE: &str = "(memory 1) (func $store (param f64) (f64.store (i32.const 0) (local.get 0)))";
const MAKE: &str = "(func $make (param f64) (result f64) (f64.add (local.get 0) (local.get 0)))";
const MADE: &str = "(f64.add (local.get $x) (local.get $x))";
const GUARD: &str = "local.tee $t local.get $t f64.ne if f64.const nan local.set $t end local.get $t";

fn user(body: &str) -> String {
    format!("{STORE} {MAKE} (func (export \"f\") (param $x f64) (local $t f64) {body})")
}

#[test]
fn arguments_and_results_of_functions_that_do_not_escape_are_followed() {
    expect(&[
        (D, "a raw argument", &user("(call $store (local.get $x))")),
        (N, "a made argument", &user(&format!("(call $store {MADE})"))),
        (D, "a guarded argument", &user(&format!("{MADE} {GUARD} call $store"))),
        (N, "one call of two", &user(&format!("{MADE} {GUARD} call $store (call $store {MADE})"))),
        (P, "a raw and a made one", &user(&format!("local.get $x call $store (call $store {MADE})"))),
        (N, "a made result", &user("(call $store (call $make (local.get $x)))")),
        (D, "a made result that is dropped", &user("(drop (call $make (local.get $x)))")),
        (D, "a guarded result", &user(&format!("(call $make (local.get $x)) {GUARD} call $store"))),
        (D, "a result that is a number", &user("(call $store (call $make (f64.const 1)))")),
        (N, "a tail call's argument", &user(&format!("{MADE} return_call $store"))),
        (D, "a guarded tail call", &user(&format!("{MADE} {GUARD} return_call $store"))),
        (D, "a function that nobody calls", &format!("{STORE} {MAKE}")),
    ]);
    let tail = |body: &str| {
        format!(
            "{STORE} {MAKE} (func $g (param f64) (result f64) {body})
             (func (export \"f\") (param f64) (call $store (call $g (local.get 0))))"
        )
    };
    expect(&[
        (N, "a tail call's result", &tail("local.get 0 return_call $make")),
        (D, "of a number", &tail("f64.const 2 return_call $make")),
        (N, "a return in the middle", &tail("local.get 0 call $make return")),
        (
            N,
            "a branch to the function",
            &tail("local.get 0 call $make local.get 0 f64.const 0 f64.lt br_if 0 drop f64.const 1"),
        ),
        (
            D,
            "a branch to the function with a number",
            &tail("f64.const 3 local.get 0 f64.const 0 f64.lt br_if 0 drop f64.const 1"),
        ),
    ]);
}

#[test]
fn results_of_functions_that_escape_are_seen() {
    let made = "(func $m (param $x f64) (result f64) (f64.add (local.get 0) (local.get 0)))";
    let guarded = format!("(func $m (param $x f64) (result f64) (local $t f64) {MADE} {GUARD})");
    for (how, rest) in [
        ("exported", "(export \"m\" (func $m))"),
        ("in an element segment", "(table 1 funcref) (elem (i32.const 0) $m)"),
        ("in a passive segment", "(elem func $m)"),
        ("declared", "(elem declare func $m)"),
        ("in a global", "(global funcref (ref.func $m))"),
        ("in a table's initializer", "(type $t (func (param f64) (result f64))) (table 1 (ref func) (ref.func $m))"),
        ("by ref.func", "(elem declare func $m) (func (drop (ref.func $m)))"),
    ] {
        expect(&[
            (N, how, &format!("{made} {rest}")),
            (D, how, &format!("{guarded} {rest}")),
            (D, "does not escape", made),
        ]);
    }
    expect(&[
        (
            N,
            "a tail call into a made result",
            &format!("{MAKE} (func (export \"f\") (param f64) (result f64) local.get 0 return_call $make)"),
        ),
        (N, "a return", "(func (export \"f\") (param f64) (result f64) (return (f64.floor (local.get 0))))"),
        (N, "a branch out", "(func (export \"f\") (param f64) (result f64) (br 0 (f64.floor (local.get 0))))"),
        (
            N,
            "a br_table out",
            "(func (export \"f\") (param f64) (result f64) (br_table 0 0 (f64.floor (local.get 0)) (i32.const 0)))",
        ),
        (D, "a raw value", "(func (export \"f\") (param f64) (result f64) (return (local.get 0)))"),
    ]);
}

#[test]
fn recursion_and_long_ways_around_come_to_an_end() {
    expect(&[
        (
            P,
            "a recursive sum, raw or made",
            "(func $r (export \"r\") (param i32 f64) (result f64) local.get 0 if (result f64) local.get 0 i32.const 1 \
             i32.sub local.get 1 local.get 1 f64.add call $r else local.get 1 end)",
        ),
        (
            D,
            "a recursive counter",
            "(memory 1) (func $r (param i32 f64) local.get 0 if local.get 0 i32.const 1 i32.sub local.get 1 f64.const 1 \
             f64.add call $r end i32.const 0 local.get 1 f64.store) (func (export \"f\") i32.const 9 f64.const 0 call $r)",
        ),
        (
            N,
            "a recursive counter that may be infinite, minus itself",
            "(memory 1) (func $r (param i32 f64) local.get 0 if local.get 0 i32.const 1 i32.sub local.get 1 f64.const 1 \
             f64.add call $r end i32.const 0 local.get 1 local.get 1 f64.sub f64.store) \
             (func (export \"f\") i32.const 9 f64.const 0 call $r)",
        ),
        (
            N,
            "two functions that call each other",
            "(memory 1) (func $a (param f64) (result f64) local.get 0 f64.const 0 f64.lt if (result f64) local.get 0 call $b \
             else local.get 0 end) (func $b (param f64) (result f64) local.get 0 f64.const 1 f64.add call $a) \
             (func (export \"f\") (param f64) i32.const 0 local.get 0 f64.const 1 f64.mul call $a f64.store)",
        ),
    ]);
}

#[test]
fn catch_handlers_see_what_a_try_assigned_anywhere() {
    let new = |body: &str, after: &str| {
        format!(
            "{STORE} (tag $e (param f64)) (func $may (if (i32.load (i32.const 0)) (then (throw $e (f64.const 1)))))
             (func (export \"f\") (param $x f64) (local $t f64)
               block $h try_table (catch_all $h) {body} end end {after})"
        )
    };
    let store_t = "local.get $t call $store";
    expect(&[
        (
            N,
            "assigned before the throw",
            &new(&format!("{MADE} local.set $t call $may f64.const 1 local.set $t"), store_t),
        ),
        (D, "numbers only", &new("f64.const 2 local.set $t call $may f64.const 1 local.set $t", store_t)),
        (
            D,
            "guarded before it is assigned",
            &new("local.get $x local.set $t call $may f64.const 1 local.set $t", store_t),
        ),
        (
            N,
            "a guard behind the throw",
            &new(&format!("{MADE} local.set $t call $may local.get $t {GUARD} drop"), store_t),
        ),
        (
            D,
            "a guard in the handler",
            &new(&format!("{MADE} local.set $t call $may"), &format!("local.get $t {GUARD} call $store")),
        ),
        (
            N,
            "in a try within, to the handler without",
            &new(&format!("try_table {MADE} local.set $t call $may f64.const 1 local.set $t end"), store_t),
        ),
        (
            N,
            "a handler that is a loop's head",
            &format!(
                "{STORE} (tag $e) (func $may (if (i32.load (i32.const 0)) (then (throw $e))))
                 (func (export \"f\") (param $x f64) (local $t f64)
                   loop $h local.get $t call $store try_table (catch_all $h) {MADE} local.set $t call $may end end)"
            ),
        ),
    ]);
    let old = |body: &str, handler: &str| {
        format!(
            "{STORE} (tag $e (param f64)) (func $may (if (i32.load (i32.const 0)) (then (throw $e (f64.const 1)))))
             (func (export \"f\") (param $x f64) (local $t f64) try {body} catch $e {handler} end)"
        )
    };
    expect(&[
        (
            N,
            "old: assigned before the throw",
            &old(&format!("{MADE} local.set $t call $may f64.const 1 local.set $t"), &format!("drop {store_t}")),
        ),
        (D, "old: numbers only", &old("f64.const 2 local.set $t call $may", &format!("drop {store_t}"))),
        (D, "old: a payload is raw", &old("call $may", "call $store")),
        (N, "old: arithmetic on a payload", &old("call $may", "f64.sqrt call $store")),
        (N, "old: throw of a made value", &old(&format!("{MADE} throw $e"), "drop")),
        (D, "old: throw of a guarded value", &old(&format!("{MADE} {GUARD} throw $e"), "drop")),
        (N, "old: made in the handler", &old("call $may", &format!("drop {MADE} call $store"))),
        (
            N,
            "old: made in the handler, seen behind",
            &format!(
                "{STORE} (tag $e) (func (export \"f\") (param $x f64) (local $t f64) try nop catch $e {MADE} local.set $t end {store_t})"
            ),
        ),
        (
            N,
            "old: a delegate",
            &format!(
                "{STORE} (tag $e) (func $may throw $e) (func (export \"f\") (param $x f64) (local $t f64)
                 try try {MADE} local.set $t call $may f64.const 1 local.set $t delegate 0 catch_all {store_t} end)"
            ),
        ),
    ]);
}

#[test]
fn payloads_come_to_labels() {
    let with = |use_: &str| {
        format!(
            "{STORE} (tag $e (param f64)) (func (export \"f\") (param $x f64) (local $t f64)
             block $h (result f64) try_table (catch $e $h) local.get $x throw $e end f64.const 1 end {use_})"
        )
    };
    expect(&[(D, "raw", &with("call $store")), (N, "arithmetic", &with("f64.floor call $store"))]);
}

#[test]
fn objects_hold_bits() {
    let with = |body: &str| {
        format!(
            "(type $s (struct (field (mut f64)))) (type $a (array (mut f64)))
             (func (export \"f\") (param $x f64) (local $t f64) (local $s (ref null $s)) (local $a (ref null $a)) {body})"
        )
    };
    for body in [
        "VALUE struct.new $s drop",
        "local.get $s VALUE struct.set $s 0",
        "VALUE i32.const 3 array.new $a drop",
        "VALUE VALUE array.new_fixed $a 2 drop",
        "local.get $a i32.const 0 VALUE array.set $a",
        "local.get $a i32.const 0 VALUE i32.const 1 array.fill $a",
    ] {
        expect(&[
            (N, body, &with(&body.replace("VALUE", MADE))),
            (D, body, &with(&body.replace("VALUE", &format!("{MADE} {GUARD}")))),
            (D, body, &with(&body.replace("VALUE", "local.get $s struct.get $s 0"))),
            (N, body, &with(&body.replace("VALUE", "local.get $s struct.get $s 0 f64.ceil"))),
        ]);
    }
}

#[test]
fn javascript_may_change_the_bits_of_what_it_passes() {
    let cases = [
        (
            N,
            "an exported parameter",
            "(memory 1) (func (export \"f\") (param f64) (f64.store (i32.const 0) (local.get 0)))",
        ),
        (D, "an exported parameter, ignored", "(func (export \"f\") (param f64) (drop (local.get 0)))"),
        (
            D,
            "an exported parameter, guarded",
            "(memory 1) (func (export \"f\") (param $x f64) local.get $x local.get $x f64.ne if f64.const nan local.set $x end \
             i32.const 0 local.get $x f64.store)",
        ),
        (
            N,
            "a result",
            "(import \"h\" \"g\" (func $g (result f64))) (func (export \"f\") (drop (i64.reinterpret_f64 (call $g))))",
        ),
        (
            N,
            "a global",
            "(import \"h\" \"g\" (global $g f64)) (func (export \"f\") (drop (i64.reinterpret_f64 (global.get $g))))",
        ),
        (
            P,
            "an exported global",
            "(global $g (export \"g\") (mut f64) (f64.const 0)) (func (export \"f\") (drop (i64.reinterpret_f64 (global.get $g))))",
        ),
        (
            D,
            "a global of its own",
            "(global $g (mut f64) (f64.const 0)) (func (export \"f\") (drop (i64.reinterpret_f64 (global.get $g))))",
        ),
        (
            P,
            "a function in an exported table",
            "(memory 1) (table (export \"t\") 1 funcref) (elem (i32.const 0) $f) (func $f (param f64) (f64.store (i32.const 0) (local.get 0)))",
        ),
        (
            D,
            "a function in a table of its own",
            "(memory 1) (table 1 funcref) (elem (i32.const 0) $f) (func $f (param f64) (f64.store (i32.const 0) (local.get 0)))",
        ),
        (
            P,
            "an import in a table",
            "(import \"h\" \"g\" (func $g (result f64))) (table 1 funcref) (elem (i32.const 0) $g) \
             (func (export \"f\") (drop (i64.reinterpret_f64 (call_indirect (result f64) (i32.const 0)))))",
        ),
        (
            D,
            "a table of its own",
            "(table 1 funcref) (func (export \"f\") (drop (i64.reinterpret_f64 (call_indirect (result f64) (i32.const 0)))))",
        ),
        (
            P,
            "a table that JavaScript fills",
            "(table (export \"t\") 1 funcref) (func (export \"f\") (drop (i64.reinterpret_f64 (call_indirect (result f64) (i32.const 0)))))",
        ),
        (
            P,
            "an exception of an imported tag",
            "(import \"h\" \"e\" (tag $e (param f64))) (func (export \"f\") \
             block (result f64) try_table (catch $e 0) end f64.const 0 end i64.reinterpret_f64 drop)",
        ),
        (
            D,
            "an exception of a tag of its own",
            "(tag $e (param f64)) (func (export \"f\") \
             block (result f64) try_table (catch $e 0) end f64.const 0 end i64.reinterpret_f64 drop)",
        ),
    ];
    expect_with(true, &cases);
    let tame: Vec<_> = cases.iter().map(|&(_, what, wat)| (D, what, wat)).collect();
    expect(&tame);
}

#[test]
fn growth_is_deterministic_only_if_a_refusal_traps() {
    let with = |body: &str| {
        format!("(memory 1 9) (table $t 1 9 funcref) (func (export \"g\") (param $d i32) (result i32) {body})")
    };
    let grow = "local.get $d memory.grow";
    let full = "i32.const 9 memory.size i32.sub local.get $d i32.lt_u if i32.const -1 return end";
    expect(&[
        (N, "bare", &with(grow)),
        (D, "none", &with("memory.size")),
        (
            D,
            "the guard",
            &with(&format!("{full} {grow} local.tee $d i32.const -1 i32.eq if unreachable end local.get $d")),
        ),
        (
            D,
            "without a check ahead it traps too",
            &with(&format!("{grow} local.tee $d i32.const -1 i32.eq if unreachable end local.get $d")),
        ),
        (N, "ne", &with(&format!("{grow} local.tee $d i32.const -1 i32.ne if unreachable end local.get $d"))),
        (
            D,
            "ne, eqz",
            &with(&format!("{grow} local.tee $d i32.const -1 i32.ne i32.eqz if unreachable end local.get $d")),
        ),
        (
            N,
            "another constant",
            &with(&format!("{grow} local.tee $d i32.const 0 i32.eq if unreachable end local.get $d")),
        ),
        (N, "no trap", &with(&format!("{grow} local.tee $d i32.const -1 i32.eq if nop end local.get $d"))),
        (
            N,
            "a trap too late",
            &with(
                &format!("{grow} local.tee $d i32.const -1 i32.eq if nop unreachable end local.get $d")
                    .replace("nop", "i32.const 0 i32.const 1 i32.store"),
            ),
        ),
        (
            N,
            "another value is compared",
            &with(&format!("{grow} local.set $d memory.size i32.const -1 i32.eq if unreachable end local.get $d")),
        ),
        (
            N,
            "the local is assigned between",
            &with(&format!(
                "{grow} local.set $d i32.const 5 local.set $d local.get $d i32.const -1 i32.eq if unreachable end local.get $d"
            )),
        ),
        (
            D,
            "set and get",
            &with(&format!("{grow} local.set $d local.get $d i32.const -1 i32.eq if unreachable end local.get $d")),
        ),
        (
            D,
            "a branch",
            &with(&format!(
                "{grow} local.set $d block local.get $d i32.const -1 i32.ne br_if 0 unreachable end local.get $d"
            )),
        ),
        (
            N,
            "a branch the other way",
            &with(&format!(
                "{grow} local.set $d block local.get $d i32.const -1 i32.eq br_if 0 unreachable end local.get $d"
            )),
        ),
        (N, "a table", &with("ref.null func local.get $d table.grow $t")),
        (
            D,
            "a table with a guard",
            &with(
                "ref.null func local.get $d table.grow $t local.tee $d i32.const -1 i32.eq if unreachable end local.get $d",
            ),
        ),
        (
            N,
            "one guarded, one bare",
            &with(&format!("{grow} local.tee $d i32.const -1 i32.eq if unreachable end {grow}")),
        ),
        (N, "at the very end", &with(grow)),
    ]);
    expect(&[
        (N, "64 bits", "(memory i64 1 9) (func (export \"g\") (result i64) i64.const 1 memory.grow)"),
        (
            D,
            "64 bits with a guard",
            "(memory i64 1 9) (func (export \"g\") (local $d i64) i64.const 1 memory.grow local.tee $d i64.const -1 i64.eq if unreachable end)",
        ),
    ]);
}

#[test]
fn threads_relaxed_vectors_and_unknown_proposals_are_named() {
    let certificate =
        certify("(module (memory 1 1 shared) (func (export \"f\") (drop (i32.atomic.load (i32.const 0)))))", false);
    let threads = source(&certificate, Kind::Threads);
    assert_eq!((certificate.verdict, threads.status, threads.total), (N, Status::Nondeterministic, 2));
    assert_eq!(threads.findings[1].operation.as_deref(), Some("i32.atomic.load"));
    let certificate =
        certify("(module (memory 1 1) (func (export \"f\") (drop (i32.atomic.load (i32.const 0)))))", false);
    assert_eq!((certificate.verdict, source(&certificate, Kind::Threads).status), (D, Status::Fine));
    let certificate = certify(
        "(module (func $dot (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
        false,
    );
    let finding = &source(&certificate, Kind::Simd).findings[0];
    assert_eq!(certificate.verdict, N);
    assert_eq!((finding.name.as_deref(), finding.operation.as_deref()), (Some("dot"), Some("i8x16.relaxed_swizzle")));
    assert!(finding.offset.is_some() && finding.function == Some(0));
    expect(&[
        (P, "continuations", "(type $f (func)) (type $c (cont $f)) (func)"),
        (D, "no continuations", "(type $f (func)) (func)"),
        (P, "discarded memory", "(memory 1) (func (export \"f\") (memory.discard (i32.const 0) (i32.const 0)))"),
    ]);
}

#[test]
fn host_functions_are_named_with_what_they_vary() {
    let certificate = certify(
        "(module (import \"wasi_snapshot_preview1\" \"random_get\" (func (param i32 i32) (result i32)))
                 (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))
                 (import \"env\" \"random_get\" (func (result f64)))
                 (memory (export \"memory\") 1) (global (export \"g\") (mut i32) (i32.const 0))
                 (global (export \"c\") i32 (i32.const 0)))",
        false,
    );
    assert_eq!(certificate.verdict, D);
    let messages: Vec<_> = certificate
        .sources
        .iter()
        .flat_map(|source| &source.findings)
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "`random_get` from `wasi_snapshot_preview1` may vary random numbers",
            "`proc_exit` from `wasi_snapshot_preview1` varies nothing but errors",
            "`random_get` from `env` is not known here; it may vary anything",
            "the host may change the exported memory `memory` between calls",
            "the host may change the exported mutable global `g` between calls",
            "`random_get` from `env` gives a float",
        ]
    );
    for (kind, status) in
        [(Kind::HostFunctions, Status::Given), (Kind::HostState, Status::Given), (Kind::Growth, Status::Absent)]
    {
        assert_eq!(source(&certificate, kind).status, status);
    }
}

#[test]
fn the_depth_of_calls_is_bounded_where_the_call_graph_says_so() {
    let summary =
        |fields: &str| source(&certify(&format!("(module {fields})"), false), Kind::StackDepth).summary.clone();
    assert!(summary("(func call 1) (func call 2) (func)").contains("at most 3 calls"));
    assert!(summary("(func call 1) (func call 0)").contains("recur"));
    assert!(summary("(table 1 funcref) (func i32.const 0 call_indirect)").contains("indirect"));
}

#[test]
fn findings_are_capped_and_counted_and_every_certificate_is_the_same() {
    let stores = "(f64.store (i32.const 0) (f64.add (local.get 0) (local.get 0)))".repeat(50);
    let wat = format!("(module (memory 1) (func $hot (export \"f\") (param f64) {stores}))");
    let certificate = certify(&wat, false);
    let nan = source(&certificate, Kind::NanBits);
    assert_eq!((nan.findings.len(), nan.total), (20, 50));
    assert_eq!(nan.findings[0].name.as_deref(), Some("hot"));
    assert_eq!(nan.findings[0].operation.as_deref(), Some("f64.store"));
    assert_eq!(nan.fix.as_deref(), Some("wbuild harden IN -o OUT"));
    assert_eq!(certificate, certify(&wat, false));
}

#[test]
fn object_files_and_dynamic_libraries_are_refused() {
    for (section, what) in [("linking", "object file"), ("dylink.0", "dynamic library")] {
        let bytes = wat::parse_str(format!("(module (@custom \"{section}\" \"\"))")).unwrap();
        let error = check(&bytes, &Options::default()).unwrap_err();
        assert!(error.message.contains(what), "{error}");
    }
}

#[test]
fn the_checker_and_the_pass_share_no_code() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let forbidden: [(&str, &[&str]); 2] =
        [("check", &["crate::harden", "crate::pass", "super::super"]), ("harden", &["crate::check", "check::"])];
    for (folder, names) in forbidden {
        let Ok(entries) = std::fs::read_dir(source.join(folder)) else {
            assert_eq!(folder, "harden", "the checker is gone");
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let text = std::fs::read_to_string(&path).unwrap();
            for name in names {
                assert!(!text.contains(name), "{} uses {name}", path.display());
            }
        }
    }
}
