//! The hardening pass: refusals, facts, growth, hardening twice, and code made to hurt.

mod numbers;

use arbitrary::Unstructured;
use numbers::Numbers;
use wasm_encoder::{BlockType, Instruction};
use wasm_smith::{Config, Module as Smith};
use wbuild_passes::check::{self, Verdict, check};
use wbuild_passes::harden::{Options, Report, harden};
use wbuild_passes::{Error, harden_and_check, validate, wasm_encoder};

const PLAIN: Options = Options { simd: false, js_boundary: false, eager: false };
const SIMD: Options = Options { simd: true, ..PLAIN };

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn run(text: &str, options: &Options) -> (String, Report) {
    let (output, report) = harden(&wat(text), options).unwrap();
    let (twice, _) = harden(&output, options).unwrap();
    assert!(twice == output, "hardening twice changes more:\n{}", wasmprinter::print_bytes(&twice).unwrap());
    (wasmprinter::print_bytes(&output).unwrap(), report)
}

fn guards(text: &str) -> u32 {
    run(text, &PLAIN).1.guards_inserted()
}

fn refusal(text: &str) -> Error {
    harden(&wat(text), &PLAIN).unwrap_err()
}

fn random(seed: u64) -> Option<Vec<u8>> {
    let bytes = Numbers(seed).bytes(1000 + (seed as usize % 5) * 800);
    let config = Config {
        max_memories: 2,
        max_funcs: 12,
        min_funcs: 3,
        min_types: 2,
        simd_enabled: seed.is_multiple_of(2),
        relaxed_simd_enabled: seed.is_multiple_of(4),
        gc_enabled: seed.is_multiple_of(3),
        exceptions_enabled: seed % 3 != 1,
        tail_call_enabled: true,
        threads_enabled: false,
        memory64_enabled: seed.is_multiple_of(5),
        ..Config::default()
    };
    let bytes = Smith::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes();
    validate(&bytes).ok().map(|()| bytes)
}

#[test]
fn random_modules_stay_valid_and_hardening_twice_gives_the_bytes_of_once() {
    let (mut seen, mut guarded) = (0, 0);
    for seed in 0..4000 {
        let Some(module) = random(seed) else { continue };
        let js_boundary = seed % 7 == 0;
        let options = Options { simd: true, js_boundary, eager: seed % 11 == 0 };
        let (once, report) = match harden(&module, &options) {
            Ok(hardened) => hardened,
            Err(error) if js_boundary && error.message.contains("imported float") => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        seen += 1;
        guarded += u32::from(report.guards_inserted() > 0);
        let (twice, second) = harden(&once, &options).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(once == twice, "seed {seed}: hardening twice changes more, {:?}", second);
        if report.guards_inserted() + report.relaxed + report.grow_sites == 0 && !js_boundary {
            assert!(once == module, "seed {seed}: nothing to harden, but bytes changed");
        }
    }
    assert!(seen >= 2000 && guarded >= 1000, "{seen} modules, {guarded} with guards");
}

#[test]
fn what_is_not_known_is_refused_with_function_offset_and_operation() {
    let error = refusal("(module (func) (func (param v128) (drop (f32x4.add (local.get 0) (local.get 0)))))");
    assert_eq!((error.function, error.offset), (Some(1), Some(0x23)), "{error}");
    assert!(error.message.contains("`f32x4.add`"), "{error}");
    for (text, what) in [
        ("(module (memory 1 1 shared))", "memory 0 is shared"),
        ("(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))", "`i32.atomic.load`"),
        ("(module (memory 1) (func (drop (v128.load (i32.const 0)))))", "`v128.load`"),
        (
            "(module (func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))",
            "`v128.const`",
        ),
        ("(module (tag $t) (func try catch $t end))", "`try`"),
        ("(module (type $f (func)) (type $c (cont $f)) (tag $t) (func (suspend $t)))", "`suspend`"),
    ] {
        assert!(refusal(text).message.contains(what), "{text}: {}", refusal(text));
    }
}

#[test]
fn each_shape_of_control_makes_one_join_and_one_guard_where_it_runs_least() {
    let body = |code: &str| {
        let head = "(module (memory 1) (import \"h\" \"see\" (func $see (param f64))) (func (export \"f\") (param i32 f64 f64)";
        let head = head.replace("(memory 1) (import", "(import").replace("(func (export", "(memory 1) (func (export");
        format!("{head} {code}))")
    };
    let store = "(f64.store (i32.const 0) (local.get 1))";
    let sum = "(local.set 1 (f64.add (local.get 1) (local.get 2)))";
    for (code, expected) in [
        // One arm leaves raw bits, so the sum is guarded in the other.
        (format!("(if (local.get 0) (then {sum})) {store}"), 1),
        (format!("(block (br_if 0 (local.get 0)) {sum}) {store}"), 1),
        // A loop whose sum is carried around: raw bits come in, so the sum is guarded inside.
        (format!("(loop {sum} (br_if 0 (local.get 0))) {store}"), 1),
        // Both arms make it: one guard behind them.
        (format!("(if (local.get 0) (then {sum}) (else (local.set 1 (f64.sqrt (local.get 2))))) {store}"), 1),
        // Nobody looks.
        (format!("(loop {sum} (br_if 0 (f64.lt (local.get 1) (f64.const 9))))"), 0),
        // Values of blocks, branches and tables.
        ("(call $see (block (result f64) (f64.add (local.get 1) (local.get 2)) (br_if 0 (local.get 0)) (drop) (f64.const 1)))".into(), 1),
        ("(call $see (block (result f64) (block (result f64) (f64.sqrt (local.get 1)) (br_table 0 1 0 (local.get 0)))))".into(), 1),
        ("(call $see (select (f64.sqrt (local.get 1)) (f64.load (i32.const 0)) (local.get 0)))".into(), 1),
        ("(call $see (if (result f64) (local.get 0) (then (f64.sqrt (local.get 1))) (else (f64.const 2))))".into(), 1),
        // A value that is compared with itself is no NaN where that says so.
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.eq (local.get 1) (local.get 1)) (then (call $see (local.get 1))))".into(), 0),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.ne (local.get 1) (local.get 1)) (then (call $see (local.get 1))))".into(), 1),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.ne (local.get 1) (local.get 1)) (then) (else (call $see (local.get 1))))".into(), 0),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.ge (local.get 1) (local.get 1)) (then (call $see (local.get 1))))".into(), 0),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.le (local.get 1) (local.get 1)) (then (call $see (local.get 1))))".into(), 0),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.ge (local.get 1) (local.get 1)) (then) (else (call $see (local.get 1))))".into(), 1),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.ge (local.get 1) (local.get 2)) (then (call $see (local.get 1))))".into(), 1),
        ("(local.set 1 (f64.sqrt (local.get 2))) (if (f64.gt (local.get 1) (local.get 1)) (then) (else (call $see (local.get 1))))".into(), 1),
    ] {
        assert_eq!(guards(&body(&code)), expected, "{code}");
    }
}

#[test]
fn a_comparison_says_nothing_of_a_later_round_or_another_value() {
    // The condition is a parameter of the loop: in the second round it speaks of another value.
    let text = "(module (import \"h\" \"see\" (func $see (param f64))) (func (export \"f\") (param f64 i32) (local f64)
        (local.set 2 (f64.const 1))
        (f64.eq (local.get 2) (local.get 2))
        (loop (param i32)
            (if (then (call $see (local.get 2))))
            (local.set 2 (f64.sqrt (local.get 0)))
            (i32.const 1)
            (br_if 0 (local.get 1))
            (drop))))";
    assert_eq!(guards(text), 1);
    // The local was assigned since.
    let text = "(module (import \"h\" \"see\" (func $see (param f64))) (func (export \"f\") (param f64) (local f64 i32)
        (local.set 1 (f64.sqrt (local.get 0)))
        (f64.eq (local.get 1) (local.get 1))
        (local.set 1 (f64.sqrt (local.get 1)))
        (if (then (call $see (local.get 1))))))";
    assert_eq!(guards(text), 1);
    // A square of two reads with an assignment between is none.
    let text = "(module (func (export \"f\") (param i32) (result f64) (local f64)
        (local.set 1 (f64.convert_i32_s (local.get 0)))
        (local.get 1)
        (local.set 1 (f64.div (f64.const 1) (local.get 1)))
        (f64.mul (local.get 1))))";
    assert_eq!(guards(text), 1);
}

#[test]
fn uses_in_a_straight_line_share_a_guard_and_others_do_not() {
    let text = |between: &str| {
        format!(
            "(module (memory 1) (func (export \"f\") (param f64 i32) (local f64)
            (loop (local.set 2 (f64.sqrt (local.get 0))) (br_if 0 (local.get 1)))
            {between} (f64.store (i32.const 8) (local.get 2))))"
        )
    };
    let store = "(f64.store (i32.const 0) (local.get 2))";
    assert_eq!(guards(&text(store)), 1);
    assert_eq!(guards(&text(&format!("(if (local.get 1) (then {store}))"))), 2);
    assert_eq!(guards(&text(&format!("(if (local.get 1) (then {store}) (else {store}))"))), 3);
    assert_eq!(guards(&text(&format!("(block {store})"))), 2);
    assert_eq!(guards(&text(&format!("{store} (loop {store} (br_if 0 (local.get 1)))"))), 1);
}

#[test]
fn a_handler_sees_what_the_body_assigned_at_any_time() {
    let text = "(module (tag $e) (import \"h\" \"see\" (func $see (param f64))) (import \"h\" \"f\" (func $f))
        (func (export \"f\") (param f64) (local f64)
            (block $h
                (try_table (catch $e $h)
                    (local.set 1 (f64.sqrt (local.get 0)))
                    (call $f)
                    (local.set 1 (f64.const 1)))
                (return))
            (call $see (local.get 1))))";
    let text = text.replace("(tag $e) ", "").replace("(func (export", "(tag $e) (func (export");
    assert_eq!(guards(&text), 1);
}

#[test]
fn tail_calls_pass_what_is_needed_of_arguments_and_results() {
    let text = "(module (memory 1)
        (func $work (param f64) (result f64) (f64.sqrt (local.get 0)))
        (func $keep (param f64) (result f64) (f64.store (i32.const 0) (local.get 0)) (f64.const 0))
        (func (export \"result\") (param f64) (result f64) (return_call $work (local.get 0)))
        (func (export \"argument\") (param f64) (result f64) (return_call $keep (f64.sqrt (local.get 0)))))";
    // One in $work, whose result leaves, and one in $keep, which stores.
    assert_eq!(guards(text), 2);
}

#[test]
fn a_function_called_directly_and_through_a_table_keeps_bits_from_both() {
    let text = "(module (memory 1) (table 1 funcref) (elem (i32.const 0) $store)
        (func $store (param f64) (f64.store (i32.const 0) (local.get 0)))
        (func (export \"f\") (param f64) (call $store (f64.sqrt (local.get 0)))))";
    let (output, report) = run(text, &PLAIN);
    assert_eq!(report.guards_inserted(), 1);
    // The parameter may hold a caller's raw bits, so the guard is the caller's.
    let store = output.split("(func ").nth(2).unwrap();
    assert!(!store.contains("f64.ge"), "{output}");
}

#[test]
fn floats_from_javascript_are_canonicalized_and_bits_from_within_are_kept() {
    let js = Options { js_boundary: true, ..PLAIN };
    let text = "(module (memory 1) (import \"h\" \"get\" (func $get (result f64))) (import \"h\" \"g\" (global $g f64))
        (func (export \"store\") (param f64) (f64.store (i32.const 0) (local.get 0)))
        (func (export \"get\") (f64.store (i32.const 0) (call $get)))
        (func (export \"global\") (f64.store (i32.const 0) (global.get $g))))";
    let text =
        text.replace("(memory 1) ", "").replace("(func (export \"store\")", "(memory 1) (func (export \"store\")");
    assert_eq!(run(&text, &js).1.guards_inserted(), 3);
    assert_eq!(run(&text, &PLAIN).1.guards_inserted(), 0);
    let within = "(module (memory 1)
        (func $store (export \"store\") (param f64) (f64.store (i32.const 0) (local.get 0)))
        (func (export \"boxed\") (call $store (f64.load (i32.const 8)))))";
    let (output, report) = run(within, &js);
    assert_eq!(report.guards_inserted(), 1, "{output}");
    assert!(output.contains("(export \"store\" (func 2))"), "{output}");
}

#[test]
fn eager_guards_stand_behind_every_operator_once() {
    let eager = Options { eager: true, simd: true, ..PLAIN };
    let text =
        "(module (func (param f64 f32 v128) (drop (f64.add (f64.promote_f32 (local.get 1)) (f64.sqrt (local.get 0))))
        (drop (f32x4.mul (local.get 2) (f32x4.demote_f64x2_zero (f64x2.sqrt (local.get 2)))))))";
    assert_eq!(run(text, &eager).1.guards_inserted(), 6);
}

#[test]
fn vectors_are_guarded_by_lane_shape_and_relaxed_operations_become_strict() {
    let body =
        |code: &str| format!("(module (memory 1) (func (export \"f\") (param v128 v128 f32) (local v128) {code}))");
    let store = |value: &str| body(&format!("(v128.store (i32.const 0) {value})"));
    let count = |text: &str| run(text, &SIMD).1.guards_inserted();
    let sum = "(f32x4.add (local.get 0) (local.get 1))";
    assert_eq!(count(&store(sum)), 1);
    assert_eq!(count(&store(&format!("(f32x4.neg {sum})"))), 1);
    assert_eq!(count(&store(&format!("(f32x4.abs {sum})"))), 1);
    assert_eq!(count(&store(&format!("(f32x4.lt {sum} {sum})"))), 0);
    // Lanes of the other shape see the bits, and then make their own.
    assert_eq!(count(&store(&format!("(f64x2.mul {sum} (local.get 0))"))), 2);
    assert_eq!(count(&store(&format!("(f64x2.promote_low_f32x4 {sum})"))), 1);
    assert_eq!(count(&store(&format!("(i32x4.add {sum} (local.get 0))"))), 1);
    assert_eq!(count(&store(&format!("(f32x4.splat (f32x4.extract_lane 0 {sum}))"))), 1);
    assert_eq!(count(&store("(f32x4.convert_i32x4_s (local.get 0))")), 0);
    assert_eq!(count(&store("(f32x4.pmin (local.get 0) (local.get 1))")), 0);
    let (output, report) = run(&store("(f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 1))"), &SIMD);
    assert_eq!((report.relaxed, report.guards_inserted()), (1, 1));
    assert!(output.contains("f32x4.mul") && !output.contains("relaxed"));
    for name in ["i16x8.relaxed_dot_i8x16_i7x16_s", "i8x16.relaxed_swizzle", "i16x8.relaxed_q15mulr_s"] {
        assert_eq!(run(&store(&format!("({name} (local.get 0) (local.get 1))")), &SIMD).1.relaxed, 1);
    }
    for name in ["i32x4.relaxed_dot_i8x16_i7x16_add_s", "i8x16.relaxed_laneselect", "f64x2.relaxed_nmadd"] {
        assert_eq!(run(&store(&format!("({name} (local.get 0) (local.get 1) (local.get 0))")), &SIMD).1.relaxed, 1);
    }
}

/// A module with one function of these locals and this code, exported, and a memory.
fn function(locals: &[(u32, wasm_encoder::ValType)], code: &[Instruction<'_>]) -> Vec<u8> {
    use wasm_encoder::*;
    let (mut types, mut functions, mut memories, mut exports) =
        (TypeSection::new(), FunctionSection::new(), MemorySection::new(), ExportSection::new());
    types.ty().function([ValType::F64, ValType::I32], []);
    types.ty().function([ValType::F64], [ValType::F64]);
    types.ty().function(vec![ValType::F64; 1000], vec![ValType::F64; 1000]);
    functions.function(0);
    let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    exports.export("f", ExportKind::Func, 0);
    let mut body = Function::new(locals.iter().copied());
    code.iter().for_each(|instruction| {
        body.instruction(instruction);
    });
    body.instruction(&Instruction::End);
    let mut bodies = CodeSection::new();
    bodies.function(&body);
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&bodies);
    module.finish()
}

/// Hardens it, twice, and says what took how long for whoever watches.
fn survive(name: &str, module: &[u8]) -> Report {
    let start = std::time::Instant::now();
    validate(module).unwrap_or_else(|error| panic!("{name}: {error}"));
    let validated = start.elapsed();
    let start = std::time::Instant::now();
    let (once, report) = harden(module, &PLAIN).unwrap_or_else(|error| panic!("{name}: {error}"));
    let took = start.elapsed();
    eprintln!("{name}: {} bytes, validated in {validated:?}, hardened in {took:?}", module.len());
    assert!(harden(&once, &PLAIN).unwrap().0 == once, "{name}: hardening twice changes more");
    report
}

const EMPTY: BlockType = BlockType::Empty;

/// `local.set local (f64.sqrt 0)`.
fn root(local: u32) -> [Instruction<'static>; 3] {
    [Instruction::LocalGet(0), Instruction::F64Sqrt, Instruction::LocalSet(local)]
}

fn store(local: u32) -> [Instruction<'static>; 3] {
    let memarg = wasm_encoder::MemArg { offset: 0, align: 3, memory_index: 0 };
    [Instruction::I32Const(0), Instruction::LocalGet(local), Instruction::F64Store(memarg)]
}

#[test]
fn deep_nesting_and_many_locals_take_linear_work() {
    use Instruction::*;
    const COUNT: u32 = 50_000;
    let locals = [(COUNT - 2, wasm_encoder::ValType::F64)];
    // Blocks, each with a branch out, and a local assigned in each.
    let mut code = vec![];
    (0..COUNT).for_each(|_| code.push(Block(EMPTY)));
    for local in 2..COUNT {
        code.extend(root(local));
        code.extend([LocalGet(1), BrIf(0), End]);
    }
    code.extend([End, End]);
    code.extend(store(COUNT - 1));
    let report = survive("blocks and locals", &function(&locals, &code));
    assert_eq!(report.guards_inserted(), 1);
    // The same with loops: everything is assigned in each of them.
    let mut code = vec![];
    (0..COUNT).for_each(|_| code.push(Loop(EMPTY)));
    for local in 2..COUNT {
        code.extend(root(local));
        code.extend([LocalGet(1), BrIf(0), End]);
    }
    code.extend([End, End]);
    code.extend(store(COUNT - 1));
    let report = survive("loops and locals", &function(&locals, &code));
    assert_eq!((report.guards_inserted(), report.fell_back.len()), (1, 1));
    // Branches from the inside to each block.
    let mut code = vec![];
    (0..COUNT).for_each(|_| code.push(Block(EMPTY)));
    for local in 2..COUNT {
        code.extend(root(local));
        code.extend([LocalGet(1), BrIf(local)]);
    }
    (0..COUNT).for_each(|_| code.push(End));
    code.extend(store(9));
    assert_eq!(survive("branches to everywhere", &function(&locals, &code)).fell_back, [0]);
    // The same with nothing but nesting, and with nothing but locals.
    let mut code = vec![Block(EMPTY); COUNT as usize];
    code.extend(root(0));
    (0..COUNT).for_each(|_| code.extend([LocalGet(1), BrIf(0), End]));
    code.extend(store(0));
    survive("nesting", &function(&[], &code));
    let code: Vec<_> = (2..COUNT).flat_map(|local| root(local).into_iter().chain(store(local))).collect();
    survive("locals", &function(&locals, &code));
    // Ifs with an else, each with a join.
    let mut code = vec![];
    for _ in 0..COUNT {
        code.extend([LocalGet(1), If(EMPTY)]);
        code.extend(root(0));
        code.push(Else);
    }
    (0..COUNT).for_each(|_| code.push(End));
    code.extend(store(0));
    survive("else in else", &function(&[], &code));
}

#[test]
fn large_branch_tables_and_blocks_with_many_values_take_linear_work() {
    use Instruction::*;
    // 100,000 targets among 10,000 blocks, with locals that changed.
    let mut code = vec![Block(EMPTY); 10_000];
    (2..500).for_each(|local| code.extend(root(local)));
    code.extend([LocalGet(1), BrTable((0..100_000).map(|at| at % 10_000).collect(), 0)]);
    for at in 0..10_000 {
        code.push(End);
        code.extend(root(2 + at % 400));
    }
    code.extend(store(2));
    survive("table", &function(&[(500, wasm_encoder::ValType::F64)], &code));
    // Blocks with 1,000 parameters and results, nested and with branches.
    for (name, open) in [("wide blocks", Block as fn(BlockType) -> Instruction<'static>), ("wide loops", Loop)] {
        let mut code: Vec<_> = (0..1000).flat_map(|_| [LocalGet(0), F64Sqrt]).collect();
        (0..2000).for_each(|_| code.extend([open(BlockType::FunctionType(2)), LocalGet(1), BrIf(0)]));
        (0..2000).for_each(|_| code.push(End));
        code.extend((0..1000).map(|_| Drop));
        survive(name, &function(&[], &code));
    }
}

#[test]
fn call_chains_of_100_000_functions_take_linear_work() {
    use wasm_encoder::*;
    const COUNT: u32 = 100_000;
    let (mut types, mut functions, mut exports, mut bodies) =
        (TypeSection::new(), FunctionSection::new(), ExportSection::new(), CodeSection::new());
    types.ty().function([ValType::F64], [ValType::F64]);
    exports.export("f", ExportKind::Func, 0);
    for at in 0..COUNT {
        functions.function(0);
        let mut body = Function::new([]);
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&if at % 2 == 0 { Instruction::F64Sqrt } else { Instruction::F64Abs });
        if at + 1 < COUNT {
            body.instruction(&if at % 3 == 0 { Instruction::ReturnCall(at + 1) } else { Instruction::Call(at + 1) });
        }
        body.instruction(&Instruction::End);
        bodies.function(&body);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&exports).section(&bodies);
    assert_eq!(survive("call chain", &module.finish()).guards_inserted(), 1);
}

#[test]
fn guards_are_branches_in_loops_and_selects_elsewhere() {
    let text = "(module (memory 1) (func (export \"f\") (param f64 i32)
        (f64.store (i32.const 0) (f64.sqrt (local.get 0)))
        (loop (f64.store (i32.const 8) (f64.sqrt (local.get 0))) (br_if 0 (local.get 1)))))";
    let (output, report) = run(text, &PLAIN);
    assert_eq!(report.guards_inserted(), 2);
    let (outside, inside) = output.split_once("loop").unwrap();
    assert!(outside.contains("select") && !outside.contains("else"), "{output}");
    assert!(inside.contains("else") && !inside.contains("select"), "{output}");
}

#[test]
fn hardening_with_its_proof_is_hardening_and_then_checking() {
    let text = "(module (memory 1) (func (export \"f\") (param f64)
        (f64.store (i32.const 0) (f64.sqrt (local.get 0)))))";
    let bytes = wat(text);
    for eager in [false, true] {
        let options = Options { eager, ..PLAIN };
        let proved = harden_and_check(&bytes, &options).unwrap();
        let (module, report) = harden(&bytes, &options).unwrap();
        assert_eq!(proved.certificate, check(&module, &check::Options::default()).unwrap());
        assert_eq!(proved.certificate.verdict, Verdict::Deterministic);
        assert_eq!((proved.module, proved.report, proved.eager), (module, report, eager));
    }
    let mut damaged = bytes;
    damaged.pop();
    assert!(harden_and_check(&damaged, &PLAIN).is_err());
}
