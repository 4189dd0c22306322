//! The proof can fail: snapshots that are broken on purpose, in one place each, are told from what they should be.

use std::collections::BTreeMap;

use wbuild::engine::{self, Profile};
use wbuild::oracle::{Initialized, Random, Verdict};
use wbuild_passes::wasm_encoder::Instruction as I;
use wbuild_passes::{ConstExpr, DataKind, ElementItems, ElementKind, Module, Source};

use super::random::{self, Extent, comparison};
use super::subject::INITIALIZER;
use super::{expose, options, snapshot};
use crate::spec::in_parallel;

/// A module whose initializer changes one of everything, and which shows all of it.
pub const RICH: &str = r#"(module
    (type $none (func))
    (memory $m (export "m") 1 4)
    (memory $n i64 1 4)
    (table $t 4 10 funcref)
    (table $u 2 5 externref)
    (global $g (mut i32) (i32.const 1))
    (global $f (mut f64) (f64.const 1))
    (global $r (mut funcref) (ref.func $one))
    (data $active (i32.const 8) "active")
    (data $dropped "dropped")
    (data $kept "kept")
    (elem $first (table $t) (i32.const 1) func $one $two)
    (elem $gone func $one $two)
    (elem $there func $two)
    (func $one (result i32) (i32.const 1))
    (func $two (param i32))
    (func (export "init")
        (i64.store $m (i32.const 100) (i64.const 0x0102030405060708))
        (i64.store $n (i64.const 65000) (i64.const 77))
        (drop (memory.grow $m (i32.const 1)))
        (drop (memory.grow $n (i64.const 1)))
        (memory.init $m $dropped (i32.const 3000) (i32.const 1) (i32.const 4))
        (data.drop $dropped)
        (table.set $t (i32.const 0) (ref.func $two))
        (table.set $t (i32.const 1) (ref.null func))
        (drop (table.grow $t (ref.func $one) (i32.const 2)))
        (drop (table.grow $u (ref.null extern) (i32.const 1)))
        (elem.drop $gone)
        (global.set $g (i32.const 42))
        (global.set $f (f64.div (f64.const 0) (f64.const 0)))
        (global.set $r (ref.func $two)))
    (func (export "copy dropped") (memory.init $m $dropped (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (export "copy kept") (memory.init $m $kept (i32.const 0) (i32.const 0) (i32.const 4)))
    (func (export "copy active") (memory.init $m $active (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (export "load gone") (table.init $t $gone (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (export "load there") (table.init $t $there (i32.const 3) (i32.const 0) (i32.const 1)))
    (func (export "load first") (table.init $t $first (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (export "call") (result i32) (call_indirect $t (result i32) (i32.const 4)))
    (func (export "grow") (result i32) (memory.grow $m (i32.const 1))))"#;

/// A snapshot with one thing changed, and what that is.
struct Mutant {
    what: &'static str,
    bytes: Vec<u8>,
}

/// One of each kind at each place that this snapshot has for it.
fn mutants(snapshot: &[u8], numbers: &mut Random) -> Vec<Mutant> {
    let mut all = Vec::new();
    let mut add = |what: &'static str, change: &mut dyn FnMut(&mut Module<'_>) -> bool| {
        let mut module = Module::parse(snapshot).unwrap();
        if change(&mut module) {
            all.push(Mutant { what, bytes: module.encode().unwrap() });
        }
    };
    let mut some = |count: usize| numbers.next() as usize % count.max(1);
    let module = Module::parse(snapshot).unwrap();
    let first = module.functions.ids()[0];
    for id in module.data.ids() {
        let active = |module: &Module<'_>| matches!(module.data.get(id).unwrap().kind, DataKind::Active { .. });
        let at = some(module.data.get(id).unwrap().bytes.len());
        add("a byte of a memory", &mut |module| {
            let fits = active(module) && !module.data.get(id).unwrap().bytes.is_empty();
            if fits {
                module.data.get_mut(id).unwrap().bytes.to_mut()[at] ^= 1;
            }
            fits
        });
        add("a byte of a segment", &mut |module| {
            let fits = !active(module) && !module.data.get(id).unwrap().bytes.is_empty();
            if fits {
                module.data.get_mut(id).unwrap().bytes.to_mut()[0] ^= 1;
            }
            fits
        });
        add("an undone drop of data", &mut |module| {
            let there = module.data.get_mut(id).unwrap();
            let fits = matches!(there.kind, DataKind::Passive) && there.bytes.is_empty();
            there.bytes = b"what is not there any more".into();
            fits
        });
    }
    for id in module.elements.ids() {
        add("an entry of a table", &mut |module| {
            let element = module.elements.get_mut(id).unwrap();
            matches!(element.kind, ElementKind::Active { .. })
                && match &mut element.items {
                    ElementItems::Functions(list) => list.pop().is_some(),
                    // The last may be null, and so no difference.
                    ElementItems::Expressions(..) => false,
                }
        });
        add("an undone drop of elements", &mut |module| {
            let there = module.elements.get_mut(id).unwrap();
            let fits = matches!(there.kind, ElementKind::Passive) && there.items.is_empty();
            let ElementItems::Functions(list) = &mut there.items else { return false };
            list.push(first);
            fits
        });
    }
    for id in module.globals.ids() {
        add("a number in a global", &mut |module| {
            let global = module.globals.get_mut(id).unwrap();
            let Source::Defined(init) = &global.source else { return false };
            let Some(number) = init.integer().filter(|_| global.ty.mutable) else { return false };
            global.source = Source::Defined(ConstExpr::new(&[match global.ty.content_type {
                wbuild_passes::wasmparser::ValType::I32 => I::I32Const(number as u32 as i32 ^ 1),
                _ => I::I64Const(number as i64 ^ 1),
            }]));
            true
        });
    }
    for id in module.memories.ids() {
        add("the size of a memory", &mut |module| {
            let ty = &mut module.memories.get_mut(id).unwrap().ty;
            ty.initial += 1;
            ty.maximum.is_none_or(|most| ty.initial <= most)
        });
    }
    for id in module.tables.ids() {
        add("the size of a table", &mut |module| {
            let ty = &mut module.tables.get_mut(id).unwrap().ty;
            ty.initial += 1;
            ty.maximum.is_none_or(|most| ty.initial <= most)
        });
    }
    all
}

/// Which kinds of mutants of this module's snapshot were noticed, and which were not. Nothing, if it has no snapshot.
fn noticed(engine: &wasmtime::Engine, module: &[u8], initializer: &str, seed: u64) -> Vec<(&'static str, bool)> {
    let module = expose(module).unwrap();
    let comparison = comparison(engine, seed);
    let Ok(started) = comparison.start(&module, initializer) else { return Vec::new() };
    let (Initialized::Returned, Ok(right)) = (&started.initialized, snapshot(&module, &options(initializer))) else {
        return Vec::new();
    };
    assert!(matches!(started.compare(&right), Ok(Verdict::Same(_))), "seed {seed}");
    mutants(&right, &mut Random::new("mutants", seed))
        .iter()
        .map(|mutant| match started.compare(&mutant.bytes) {
            Ok(Verdict::Different(_)) => (mutant.what, true),
            _ => {
                if !SEEN_BY_CODE.contains(&mutant.what) {
                    println!("module {seed}: nobody saw {}", mutant.what);
                }
                (mutant.what, false)
            }
        })
        .collect()
}

const KINDS: [&str; 8] = [
    "a byte of a memory",
    "a byte of a segment",
    "an undone drop of data",
    "an entry of a table",
    "an undone drop of elements",
    "a number in a global",
    "the size of a memory",
    "the size of a table",
];

#[test]
fn every_kind_of_broken_snapshot_is_told_from_the_right_one() {
    let engine = engine::engine(Profile::Compare).unwrap();
    let module = wat::parse_str(RICH).unwrap();
    let found = noticed(&engine, &module, "init", 0);
    for kind in KINDS {
        let of_kind: Vec<bool> = found.iter().filter(|(what, _)| *what == kind).map(|(_, noticed)| *noticed).collect();
        assert!(!of_kind.is_empty() && of_kind.iter().all(|noticed| *noticed), "{kind}: {of_kind:?}");
    }
}

/// What a segment holds is seen only by code that copies it, which not every random module has.
const SEEN_BY_CODE: [&str; 3] = ["a byte of a segment", "an undone drop of data", "an undone drop of elements"];

#[test]
fn broken_snapshots_of_random_modules_are_told_from_the_right_ones() {
    let engine = engine::engine(Profile::Compare).unwrap();
    let seeds: Vec<u64> = (0..1_000).collect();
    let mut counts = BTreeMap::<&str, (usize, usize)>::new();
    let found = in_parallel(&seeds, |seed| {
        let module = random::module(&mut Random::new("mutants", *seed), Extent::Everything)?;
        Some(noticed(&engine, &module, INITIALIZER, *seed))
    });
    for (kind, noticed) in found.into_iter().flatten().flatten() {
        let (all, of_them) = counts.entry(kind).or_default();
        *all += 1;
        *of_them += usize::from(noticed);
    }
    println!("{counts:?}");
    for kind in KINDS {
        let (all, noticed) = counts.get(kind).copied().unwrap_or_default();
        let enough = match kind {
            kind if SEEN_BY_CODE.contains(&kind) => noticed * 5 >= all,
            // Another segment, or what the table is filled with, may be the same.
            "an entry of a table" => noticed * 10 >= all * 9,
            _ => noticed == all,
        };
        assert!(all >= 8 && enough, "{kind}: {noticed} of {all} noticed");
    }
}
