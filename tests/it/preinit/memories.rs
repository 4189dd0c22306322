//! Memories and data segments: contents, sizes, several memories, 64-bit ones, dropped and passive segments.

use super::{Case, Observed};

#[test]
fn what_was_stored_is_there() {
    Case::new(
        "(module (memory (export \"memory\") 1)
           (func (export \"wizer.initialize\") (i32.store offset=1337 (i32.const 0) (i32.const 42)))
           (func (export \"run\") (result i32) (i32.load offset=1337 (i32.const 0))))",
    )
    .gives("run", "42")
    .check();
}

#[test]
fn the_last_byte_of_a_memory_is_there() {
    Case::new(
        "(module (memory (export \"memory\") 1)
           (func (export \"wizer.initialize\") (i32.store8 offset=65535 (i32.const 0) (i32.const 42)))
           (func (export \"run\") (result i32) (i32.load8_u offset=65535 (i32.const 0))))",
    )
    .gives("run", "42")
    .check();
}

#[test]
fn what_was_overwritten_with_zeros_is_zero() {
    Case::new(
        "(module (memory (export \"memory\") 1) (data (i32.const 100) \"abcdefgh\")
           (func (export \"wizer.initialize\") (i32.store (i32.const 100) (i32.const 0)))
           (func (export \"run\") (result i64) (i64.load (i32.const 100))))",
    )
    .gives("run", "7523094286523432960")
    .check();
}

#[test]
fn all_memories_are_there_and_each_has_its_own_bytes() {
    Case::new(
        "(module (memory $a (export \"a\") 1) (memory $b 1 4) (memory $c (export \"c\") 2)
           (data (memory $b) (i32.const 8) \"left\")
           (func (export \"wizer.initialize\")
             (i32.store $a offset=1337 (i32.const 0) (i32.const 41))
             (i32.store $b offset=1337 (i32.const 0) (i32.const 1))
             (i32.store8 $c offset=131071 (i32.const 0) (i32.const 7)))
           (func (export \"sum\") (result i32)
             (i32.add (i32.load $a offset=1337 (i32.const 0)) (i32.load $b offset=1337 (i32.const 0))))
           (func (export \"last\") (result i32) (i32.load8_u $c (i32.const 131071)))
           (func (export \"left\") (result i32) (i32.load8_u $b (i32.const 8))))",
    )
    .gives("sum", "42")
    .gives("last", "7")
    .gives("left", "108")
    .check();
}

#[test]
fn a_memory_that_has_grown_starts_grown_and_grows_on_to_its_maximum() {
    Case::new(
        "(module (memory (export \"memory\") 1 5)
           (func (export \"wizer.initialize\")
             (drop (memory.grow (i32.const 2)))
             (i32.store8 (i32.const 196607) (i32.const 9)))
           (func (export \"run\") (result i32 i32) (memory.size) (i32.load8_u (i32.const 196607)))
           (func (export \"grow\") (result i32 i32) (memory.grow (i32.const 2)) (memory.grow (i32.const 1))))",
    )
    .gives("run", "3, 9")
    .gives("grow", "3, -1")
    .check();
}

#[test]
fn a_memory_with_64_bit_addresses_is_there() {
    Case::new(
        "(module (memory (export \"memory\") i64 1)
           (func (export \"wizer.initialize\")
             (drop (memory.grow (i64.const 1)))
             (i64.store (i64.const 70000) (i64.const 42)))
           (func (export \"run\") (result i64 i64) (i64.load (i64.const 70000)) (memory.size)))",
    )
    .gives("run", "42, 2")
    .check();
}

#[test]
fn bulk_copies_and_fills_are_there() {
    Case::new(
        "(module (memory (export \"memory\") 1) (data (i32.const 0) \"hello, wizer!\")
           (func (export \"wizer.initialize\")
             (memory.copy (i32.const 42) (i32.const 0) (i32.const 13))
             (memory.fill (i32.const 100) (i32.const 77) (i32.const 13)))
           (func (export \"copied\") (result i32)
             (i32.add (i32.load8_u (i32.const 42)) (i32.load8_u (i32.const 49))))
           (func (export \"filled\") (result i32) (i32.load (i32.const 109))))",
    )
    .gives("copied", "223")
    .gives("filled", "1296911693")
    .check();
}

#[test]
fn passive_data_is_copied_then_and_can_be_copied_later() {
    Case::new(
        "(module (memory (export \"memory\") 1) (data (i32.const 500) \"active\") (data $text \"hello, wizer!\")
           (func (export \"wizer.initialize\")
             (memory.init $text (i32.const 42) (i32.const 0) (i32.const 5)))
           (func (export \"run\") (result i32 i32)
             (memory.init $text (i32.const 200) (i32.const 7) (i32.const 6))
             (i32.load8_u (i32.const 46)) (i32.load8_u (i32.const 200))))",
    )
    .gives("run", "111, 119")
    .check();
}

#[test]
fn dropped_data_stays_dropped_and_other_data_does_not() {
    Case::new(
        "(module (memory (export \"memory\") 1) (data $gone \"gone\") (data $here \"here\")
           (func (export \"wizer.initialize\")
             (memory.init $gone (i32.const 0) (i32.const 0) (i32.const 4)) (data.drop $gone))
           (func (export \"drop later\") (data.drop $here))
           (func (export \"here\") (result i32)
             (memory.init $here (i32.const 8) (i32.const 0) (i32.const 4)) (i32.load8_u (i32.const 8)))
           (func (export \"gone\") (memory.init $gone (i32.const 16) (i32.const 0) (i32.const 1)))
           (func (export \"nothing of it\") (memory.init $gone (i32.const 16) (i32.const 0) (i32.const 0))))",
    )
    .wizer_refuses("data.drop")
    .gives("here", "104")
    .gives("gone", "wasm trap: out of bounds memory access")
    .check();
}

#[test]
fn a_drop_that_initialization_does_not_reach_is_no_drop() {
    Case::new(
        "(module (memory (export \"memory\") 1) (data $text \"text\") (global $drop (mut i32) (i32.const 0))
           (func (export \"wizer.initialize\") (if (global.get $drop) (then (data.drop $text))))
           (func (export \"run\") (result i32)
             (memory.init $text (i32.const 0) (i32.const 0) (i32.const 4)) (i32.load8_u (i32.const 0))))",
    )
    .wizer_refuses("data.drop")
    .gives("run", "116")
    .check();
}

#[test]
fn active_data_counts_as_dropped_where_code_names_it() {
    // It is dropped when the module has started, by the specification; a snapshot must not bring it back.
    Case::new(
        "(module (memory (export \"memory\") 1) (data $active (i32.const 0) \"abc\") (data $passive \"def\")
           (func (export \"wizer.initialize\") (i32.store8 (i32.const 1) (i32.const 0)))
           (func (export \"active\") (memory.init $active (i32.const 9) (i32.const 0) (i32.const 1)))
           (func (export \"passive\") (result i32)
             (memory.init $passive (i32.const 9) (i32.const 2) (i32.const 1)) (i32.load8_u (i32.const 9)))
           (func (export \"bytes\") (result i32) (i32.load (i32.const 0))))",
    )
    .gives("active", "wasm trap: out of bounds memory access")
    .gives("passive", "102")
    .gives("bytes", "6488161")
    .check();
}

#[test]
fn segments_are_fewer_than_engines_take_though_more_would_be_smaller() {
    // A byte in every sixteen, 600,000 of them: a segment each would be more than the 100,000 that engines take.
    let module = Case::new(
        "(module (memory (export \"memory\") 150)
           (func (export \"wizer.initialize\") (local $at i32)
             (loop
               (i32.store8 (local.get $at) (i32.const 42))
               (local.set $at (i32.add (local.get $at) (i32.const 16)))
               (br_if 0 (i32.lt_u (local.get $at) (i32.const 9830400)))))
           (func (export \"run\") (result i32) (i32.load8_u (i32.const 9830384))))",
    )
    .gives("run", "42")
    .check();
    assert!(segments(&module) <= 100_000, "{}", segments(&module));
}

#[test]
fn neighbouring_bytes_make_one_segment_and_zeros_none() {
    // wizer#70: a segment for each word, though a segment costs more than the gap.
    let module = Case::new(
        "(module (memory (export \"memory\") 16) (data (i32.const 0) \"\\00\\00\\00\\00\")
           (func (export \"wizer.initialize\") (local $at i32)
             (loop
               (i32.store8 (i32.add (i32.const 1000) (local.get $at)) (i32.const 1))
               (local.set $at (i32.add (local.get $at) (i32.const 4)))
               (br_if 0 (i32.lt_u (local.get $at) (i32.const 400)))))
           (func (export \"run\") (result i32) (i32.load8_u (i32.const 1396))))",
    )
    .gives("run", "1")
    .check();
    assert_eq!(segments(&module), 1);
}

#[test]
fn bytes_at_both_ends_of_4_gb_take_two_segments() {
    let text = "(module (memory 65536)
        (func (export \"wizer.initialize\") (i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const -1) (i32.const 2)))
        (func (export \"run\") (result i32 i32) (i32.load8_u (i32.const 0)) (i32.load8_u (i32.const -1))))";
    let module = super::start(&super::wasm(text), &Default::default()).unwrap().module;
    assert_eq!(segments(&module), 2);
    assert!(module.len() < 200, "{}", module.len());
    assert_eq!(Observed::of(&module, &[], &["run"]).results, ["1, 2"]);
}

#[test]
fn a_module_without_a_memory_keeps_its_globals() {
    let module = Case::new(
        "(module (global $g (mut i32) (i32.const 0))
           (func (export \"wizer.initialize\") (global.set $g (i32.const 42)))
           (func (export \"run\") (result i32) (global.get $g)))",
    )
    .gives("run", "42")
    .check();
    assert_eq!(segments(&module), 0);
}

#[test]
fn data_for_compression_is_the_same_data_in_wider_segments() {
    let text = "(module (memory (export \"memory\") 4)
        (func (export \"wizer.initialize\") (local $at i32)
          (loop
            (i32.store8 (i32.mul (local.get $at) (i32.const 13)) (i32.const 7))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $at) (i32.const 2000)))))
        (func (export \"run\") (result i32) (i32.load8_u (i32.const 13))))";
    let raw = Case::new(text).gives("run", "7").check();
    let compressed =
        Case::new(text).with(|o| o.measure = wbuild_passes::segments::Measure::Compressed).gives("run", "7").check();
    assert!(segments(&compressed) < segments(&raw), "{} and {}", segments(&compressed), segments(&raw));
    assert!(raw.len() < compressed.len());
}

/// How many data segments there are.
fn segments(module: &[u8]) -> u32 {
    let mut count = 0;
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let wasmparser::Payload::DataSection(section) = payload.unwrap() {
            count = section.count();
        }
    }
    count
}
