//! The checker bears any input, and takes a time that is linear in it.

mod numbers;

use arbitrary::Unstructured;
use numbers::Numbers;
use std::time::{Duration, Instant};
use wasm_smith::{Config, Module as Smith};
use wbuild_passes::check::{Options, Verdict, check};
use wbuild_passes::wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Ieee64, Instruction as I, MemArg,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wbuild_passes::{Blame, validate};

fn smith(seed: u64) -> Option<Vec<u8>> {
    let bytes = Numbers(seed).bytes(600 + (seed as usize % 5) * 500);
    let exotic = seed.is_multiple_of(3);
    let config = Config {
        max_memories: 3,
        max_tables: 4,
        max_funcs: 20,
        min_funcs: 2,
        min_types: 2,
        gc_enabled: seed % 4 != 1,
        exceptions_enabled: seed % 4 != 1,
        threads_enabled: exotic,
        wide_arithmetic_enabled: exotic,
        memory64_enabled: exotic,
        custom_descriptors_enabled: seed.is_multiple_of(7),
        ..Config::default()
    };
    let bytes = Smith::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes();
    validate(&bytes).ok().map(|()| bytes)
}

fn check_both(bytes: &[u8]) -> Option<Verdict> {
    let verdict = |js_boundary| match check(bytes, &Options { js_boundary }) {
        Ok(certificate) => Some(certificate.verdict),
        Err(error) => {
            assert_eq!(error.blame, Blame::Input, "{error}");
            None
        }
    };
    let (tame, js) = (verdict(false), verdict(true));
    assert!(tame <= js, "JavaScript makes nothing better");
    tame
}

#[test]
fn random_modules_get_a_certificate_and_broken_ones_an_error() {
    let (mut seen, mut verdicts) = (0, [0; 3]);
    for seed in 0..4000 {
        let Some(mut bytes) = smith(seed) else { continue };
        seen += 1;
        verdicts[check_both(&bytes).unwrap() as usize] += 1;
        let mut numbers = Numbers(!seed);
        for _ in 0..4 {
            let at = 8 + numbers.next() as usize % (bytes.len() - 8);
            bytes[at] ^= 1 << (numbers.next() % 8);
            check_both(&bytes);
        }
        bytes.truncate(8 + numbers.next() as usize % (bytes.len() - 8));
        check_both(&bytes);
    }
    assert!(seen > 3000, "{seen} modules");
    // Functions of the generator are exported and sums are of raw values, so that little is in between.
    assert!(verdicts[0] > 500 && verdicts[2] > 500, "{verdicts:?}");
}

/// A module of one memory and these functions, the last of which is exported.
fn module(functions: impl IntoIterator<Item = (Vec<ValType>, Vec<ValType>, Function)>) -> Vec<u8> {
    let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    let mut last = 0;
    let mut known = Vec::new();
    for (index, (params, results, function)) in functions.into_iter().enumerate() {
        let signature = (params, results);
        let ty = known.iter().position(|other| *other == signature).unwrap_or_else(|| {
            types.ty().function(signature.0.iter().copied(), signature.1.iter().copied());
            known.push(signature.clone());
            known.len() - 1
        });
        declared.function(ty as u32);
        code.function(&function);
        last = index as u32;
    }
    let (mut memories, mut exports) = (MemorySection::new(), ExportSection::new());
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export("f", ExportKind::Func, last);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&memories).section(&exports).section(&code);
    module.finish()
}

fn body(locals: u32, fill: impl FnOnce(&mut Function)) -> (Vec<ValType>, Vec<ValType>, Function) {
    let mut function = Function::new([(locals, ValType::F64)]);
    fill(&mut function);
    function.instruction(&I::End);
    (vec![ValType::I32], vec![], function)
}

const STORE: I<'static> = I::F64Store(MemArg { offset: 0, align: 0, memory_index: 0 });

fn number(value: f64) -> I<'static> {
    I::F64Const(Ieee64::from(value))
}

/// Stores a sum of two loaded numbers, which may be a NaN.
fn store_made(function: &mut Function) {
    let load = I::F64Load(MemArg { offset: 0, align: 0, memory_index: 0 });
    for instruction in [I::I32Const(0), I::I32Const(0), load, number(1.0), I::F64Add, STORE] {
        function.instruction(&instruction);
    }
}

/// What takes linear time is far below this even on a busy machine; what is quadratic far above.
fn in_time(what: &str, bytes: &[u8], wanted: &[Verdict]) {
    validate(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let start = Instant::now();
    let found = check(bytes, &Options::default()).unwrap().verdict;
    let time = start.elapsed();
    println!("{what}: {found:?} in {time:?}");
    assert!(wanted.contains(&found), "{what}: {found:?}");
    assert!(time < Duration::from_secs(20), "{what} took {time:?}");
}

#[test]
fn nothing_that_is_deep_or_wide_takes_more_than_linear_time() {
    use Verdict::{Deterministic as D, Nondeterministic as N, NotProved as P};
    const MANY: u32 = 50_000;
    let nested =
        |open: &dyn Fn(&mut Function, u32), middle: &dyn Fn(&mut Function), close: &dyn Fn(&mut Function, u32)| {
            body(MANY - 10, |f| {
                (0..MANY).for_each(|depth| open(f, depth));
                middle(f);
                (0..MANY).for_each(|depth| close(f, depth));
            })
        };
    let block = |kind: u32| match kind % 2 {
        0 => I::Block(BlockType::Empty),
        _ => I::Loop(BlockType::Empty),
    };
    let end = |f: &mut Function, _: u32| {
        f.instruction(&I::End);
    };
    for (what, alternate) in [("blocks", 0), ("blocks and loops", 1)] {
        let open = |f: &mut Function, depth: u32| {
            f.instruction(&block(depth * alternate));
        };
        in_time(what, &module([nested(&open, &store_made, &end)]), &[N]);
        // Each block assigns a local of its own, and a branch may leave it.
        let assign = |f: &mut Function, depth: u32| {
            f.instruction(&block(depth * alternate));
            f.instruction(&number(1.0)).instruction(&I::LocalSet(1 + depth % (MANY - 10)));
            f.instruction(&I::LocalGet(0)).instruction(&I::BrIf(depth / 2));
        };
        in_time(&format!("{what} with locals"), &module([nested(&assign, &|_| {}, &end)]), &[D, P]);
        in_time(&format!("{what} with locals, made"), &module([nested(&assign, &store_made, &end)]), &[N, P]);
    }
    let open_if = |f: &mut Function, depth: u32| {
        f.instruction(&I::LocalGet(0)).instruction(&I::If(BlockType::Empty));
        f.instruction(&number(1.0)).instruction(&I::LocalSet(1 + depth % (MANY - 10)));
    };
    let close_if = |f: &mut Function, depth: u32| {
        f.instruction(&I::Else).instruction(&number(2.0)).instruction(&I::LocalSet(1 + depth % (MANY - 10)));
        f.instruction(&I::End);
    };
    in_time("ifs", &module([nested(&open_if, &|_| {}, &close_if)]), &[D, P]);
    in_time("ifs, made", &module([nested(&open_if, &store_made, &close_if)]), &[N, P]);
    let open_try = |f: &mut Function, depth: u32| {
        f.instruction(&I::Block(BlockType::Empty));
        f.instruction(&I::TryTable(
            BlockType::Empty,
            vec![wbuild_passes::wasm_encoder::Catch::All { label: 0 }].into(),
        ));
        f.instruction(&number(1.0)).instruction(&I::LocalSet(1 + depth % (MANY - 10)));
    };
    let close_try = |f: &mut Function, _: u32| {
        f.instruction(&I::End).instruction(&I::End);
    };
    in_time("tries", &module([nested(&open_try, &|_| {}, &close_try)]), &[D, P]);
    in_time("tries, made", &module([nested(&open_try, &store_made, &close_try)]), &[N, P]);
    let old_try = |f: &mut Function, depth: u32| {
        f.instruction(&I::Try(BlockType::Empty));
        f.instruction(&number(1.0)).instruction(&I::LocalSet(1 + depth % (MANY - 10)));
    };
    let old_catch = |f: &mut Function, _: u32| {
        f.instruction(&I::CatchAll).instruction(&I::End);
    };
    in_time("old tries, made", &module([nested(&old_try, &store_made, &old_catch)]), &[N, P]);
    let targets = |f: &mut Function| {
        let labels: Vec<u32> = (0..100_000).map(|label| label % MANY).collect();
        f.instruction(&I::LocalGet(0)).instruction(&I::BrTable(labels.into(), 0));
    };
    let open = |f: &mut Function, _: u32| {
        f.instruction(&I::Block(BlockType::Empty));
    };
    in_time("a table of branches", &module([nested(&open, &targets, &end)]), &[D, P]);
    let assign = |f: &mut Function, depth: u32| {
        f.instruction(&block(depth));
        f.instruction(&number(1.0)).instruction(&I::LocalSet(1 + depth % (MANY - 10)));
    };
    in_time("a table of branches with locals", &module([nested(&assign, &targets, &end)]), &[D, P]);
    let dead = |f: &mut Function| {
        f.instruction(&I::Unreachable);
    };
    in_time(
        "unreachable code",
        &module([body(0, |f| {
            dead(f);
            for depth in 0..MANY {
                f.instruction(&block(depth));
            }
            store_made(f);
            for _ in 0..MANY {
                f.instruction(&I::End);
            }
            f.instruction(&I::F64Add).instruction(&I::Drop);
        })]),
        &[D],
    );
}

#[test]
fn a_chain_of_a_hundred_thousand_functions_is_followed_to_its_end() {
    use Verdict::{Deterministic as D, Nondeterministic as N};
    const MANY: u32 = 100_000;
    // Each calls the one before it, or the one behind it.
    for upwards in [false, true] {
        for (made, verdict) in [(false, D), (true, N)] {
            let chain = (0..MANY).map(|index| {
                let mut function = Function::new([]);
                let first = if upwards { MANY - 1 } else { 0 };
                function.instruction(&I::LocalGet(0));
                let next = if upwards { index + 1 } else { index.saturating_sub(1) };
                if index != first {
                    function.instruction(&I::Call(next));
                } else if made {
                    function.instruction(&number(1.0)).instruction(&I::F64Add);
                }
                function.instruction(&I::End);
                (vec![ValType::F64], vec![ValType::F64], function)
            });
            let mut functions: Vec<_> = chain.collect();
            // One more that is exported, and calls the beginning of the chain.
            let mut user = Function::new([]);
            let start = if upwards { 0 } else { MANY - 1 };
            user.instruction(&I::I32Const(0)).instruction(&I::LocalGet(0)).instruction(&I::Call(start));
            user.instruction(&STORE).instruction(&I::End);
            functions.push((vec![ValType::F64], vec![], user));
            in_time(&format!("a chain, upwards: {upwards}"), &module(functions), &[verdict]);
        }
    }
}

#[test]
fn many_functions_with_many_locals_cost_what_they_use() {
    let small = (0..50_000).map(|_| {
        let mut function = Function::new([(40_000, ValType::F64)]);
        function.instruction(&number(1.0)).instruction(&I::LocalSet(39_000)).instruction(&I::End);
        (vec![], vec![], function)
    });
    in_time("locals that are not used", &module(small), &[Verdict::Deterministic]);
}

#[test]
fn a_large_function_full_of_guards_is_proved() {
    let guarded = body(1000, |f| {
        for index in 0..100_000u32 {
            let local = 1 + index % 1000;
            let load = I::F64Load(MemArg { offset: 0, align: 0, memory_index: 0 });
            for instruction in [
                I::I32Const(0),
                I::I32Const(0),
                load,
                number(1.0),
                I::F64Add,
                I::LocalTee(local),
                I::LocalGet(local),
                I::F64Ne,
                I::If(BlockType::Empty),
                number(f64::from_bits(0x7ff8_0000_0000_0000)),
                I::LocalSet(local),
                I::End,
                I::LocalGet(local),
                STORE,
            ] {
                f.instruction(&instruction);
            }
        }
    });
    in_time("guards", &module([guarded]), &[Verdict::Deterministic]);
}

#[test]
fn wide_types_and_long_lists_of_handlers_cost_what_they_are_written_with() {
    use wbuild_passes::wasm_encoder::Catch;
    let wide = vec![ValType::F64; 900];
    let mut maker = Function::new([]);
    for _ in 0..900 {
        maker.instruction(&number(1.0));
    }
    maker.instruction(&I::End);
    let mut user = Function::new([]);
    for _ in 0..20_000 {
        user.instruction(&I::Call(0));
    }
    user.instruction(&I::Unreachable).instruction(&I::End);
    let functions = [(vec![], wide, maker), (vec![], vec![], user)];
    // So many values at once are more than the checker keeps.
    in_time("wide results", &module(functions), &[Verdict::Deterministic, Verdict::NotProved]);
    let handlers = body(40_000, |f| {
        f.instruction(&I::Block(BlockType::Empty));
        f.instruction(&I::TryTable(BlockType::Empty, vec![Catch::All { label: 0 }; 9_000].into()));
        for local in 0..40_000 {
            f.instruction(&number(1.0)).instruction(&I::LocalSet(1 + local));
        }
        f.instruction(&I::End).instruction(&I::End);
    });
    in_time("handlers", &module([handlers]), &[Verdict::Deterministic]);
}
