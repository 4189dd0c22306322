//! How much work an optimization is, what more of it brings, and what is left out of large modules.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module, TypeSection,
};
use wasm_encoder::{MemArg, MemorySection, MemoryType, ValType};
use wbuild::binaryen::{MOST_WORK, work};
use wbuild::compressed;
use xtask::{programs, shell};

use crate::programs::wbuild;

/// Code of many kinds, the same each time: sums, loads, stores, branches, loops, and calls of functions before it.
fn body(state: &mut u64, length: usize, number: u32) -> Function {
    let mut next = |below: u64| {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (*state >> 33) % below
    };
    let at = |offset: u64| MemArg { offset, align: 2, memory_index: 0 };
    let mut function = Function::new([(3, ValType::I32)]);
    while function.byte_len() < length {
        let (a, b, constant) = (next(5) as u32, next(5) as u32, next(1000) as i32);
        let mut emit = |all: &[Instruction<'_>]| {
            all.iter().for_each(|one| {
                function.instruction(one);
            });
        };
        let (get, set) = (Instruction::LocalGet(a), Instruction::LocalSet(b));
        match next(6) {
            0 => emit(&[get, Instruction::I32Const(constant), Instruction::I32Add, set]),
            1 => emit(&[get, Instruction::I32Load(at(next(100) * 4)), set]),
            2 => emit(&[get, Instruction::LocalGet(b), Instruction::I32Store(at(next(100) * 4))]),
            3 => {
                emit(&[get, Instruction::If(wasm_encoder::BlockType::Empty), Instruction::I32Const(constant), set]);
                emit(&[Instruction::End]);
            }
            4 => {
                emit(&[Instruction::Loop(wasm_encoder::BlockType::Empty), Instruction::LocalGet(b)]);
                emit(&[Instruction::I32Const(1), Instruction::I32ShrU, Instruction::LocalTee(b)]);
                emit(&[Instruction::BrIf(0), Instruction::End]);
            }
            _ if number > 0 => {
                let callee = next(u64::from(number)) as u32;
                emit(&[get, Instruction::LocalGet(b), Instruction::Call(callee), set]);
            }
            _ => emit(&[get, Instruction::I32Eqz, set]),
        }
    }
    function.instruction(&Instruction::LocalGet(2)).instruction(&Instruction::End);
    function
}

/// A module of functions of these lengths, in bytes of code.
fn module(lengths: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let (mut types, mut functions, mut exports) = (TypeSection::new(), FunctionSection::new(), ExportSection::new());
    let (mut memories, mut code, mut state) = (MemorySection::new(), CodeSection::new(), 7);
    types.ty().function([ValType::I32, ValType::I32], [ValType::I32]);
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    for (number, length) in lengths.into_iter().enumerate() {
        functions.function(0);
        exports.export(&number.to_string(), ExportKind::Func, number as u32);
        code.function(&body(&mut state, length, number as u32));
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// Optimizes a module at `-Oz`: what comes out, the report, and what was said.
fn opt(folder: &Path, before: &[u8], more: &[&str]) -> (Vec<u8>, Value, Output) {
    std::fs::write(folder.join("in.wasm"), before).unwrap();
    let mut command = wbuild();
    command.args(["opt", "-Oz", "in.wasm", "-o", "out.wasm", "--json", "out.json"]).args(more).current_dir(folder);
    let said = shell::output(&mut command).unwrap();
    let report = serde_json::from_slice(&std::fs::read(folder.join("out.json")).unwrap()).unwrap();
    let after = std::fs::read(folder.join("out.wasm")).unwrap();
    wbuild_passes::validate(&after).unwrap();
    (after, report, said)
}

/// The note of the stage whose name begins so.
fn note<'a>(report: &'a Value, stage: &str) -> &'a str {
    let stages = report["stages"].as_array().unwrap();
    let found = stages.iter().find(|found| found["name"].as_str().unwrap().starts_with(stage));
    found.unwrap_or_else(|| panic!("{report:#}"))["note"].as_str().unwrap_or_default()
}

#[test]
fn more_effort_is_never_larger_and_says_what_was_tried() {
    let folder = tempfile::tempdir().unwrap();
    let before = module((0..60).map(|n| 40 + n * 37 % 1200));
    for (measure, size) in
        [("size", (|bytes| bytes.len()) as fn(&[u8]) -> usize), ("compressed", compressed::gzip as fn(&[u8]) -> usize)]
    {
        let goal = format!("--optimize-for={measure}");
        let (usual, ..) = opt(folder.path(), &before, &[&goal]);
        let (most, report, _) = opt(folder.path(), &before, &[&goal, "--opt-effort=max"]);
        assert!(size(&most) <= size(&usual), "{measure}: {} and {}", size(&most), size(&usual));
        let note = note(&report, "smallest of 3");
        assert!(["once ", "twice ", "inlining "].iter().all(|way| note.contains(way)), "{note}");
        assert!(note.contains(&size(&most).to_string()), "{note}");
        assert_eq!(opt(folder.path(), &before, &[&goal, "--opt-effort=max", "--no-cache"]).0, most);
    }
}

#[test]
fn a_program_built_with_more_effort_does_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let zlib = programs::zlib().unwrap();
    zlib.place_files(folder.path()).unwrap();
    let mut ran = Vec::new();
    for options in [&["-Oz"][..], &["-Oz", "--opt-effort=max"], &["-Oz", "--optimize-for=speed"]] {
        let built = crate::programs::build(&zlib, options, folder.path());
        ran.push((std::fs::metadata(&built).unwrap().len(), crate::programs::run(&zlib, &built, folder.path())));
    }
    for (size, output) in &ran[1..] {
        crate::programs::assert_same("zlib", &ran[0].1, output);
        assert!(*size > 0);
    }
    assert!(ran[1].0 <= ran[0].0, "{} and {} bytes", ran[1].0, ran[0].0);
    assert!(ran[2].0 > ran[0].0, "for speed nothing is outlined: {} and {} bytes", ran[2].0, ran[0].0);
}

#[test]
fn more_effort_is_never_larger_for_linked_programs() {
    let folder = tempfile::tempdir().unwrap();
    for source in ["c/hello.c", "c/malloc.c", "cpp/setjmp.cpp", "rust/hello.rs"] {
        let size = |effort| {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(source);
            let mut command = wbuild();
            command.arg(source).args(["-Oz", "-o", "out.wasm", effort]).current_dir(folder.path());
            let said = shell::output(&mut command).unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            std::fs::metadata(folder.path().join("out.wasm")).unwrap().len()
        };
        let (usual, most) = (size("--opt-effort=default"), size("--opt-effort=max"));
        assert!(most <= usual, "{source}: {most} and {usual}");
    }
}

#[test]
fn what_is_too_much_for_binaryen_is_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    // One function which is more work than a module of 30 MB.
    let large = module([10, 1_600_000, 100]);
    assert!(work(&large) > MOST_WORK, "{}", work(&large));
    let (after, report, said) = opt(folder.path(), &large, &[]);
    assert!(after.len() < large.len());
    assert!(note(&report, "binaryen").contains("too large"), "{}", note(&report, "binaryen"));
    assert!(report["not_reproducible"].as_array().unwrap().is_empty());
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("--opt-effort=max") && said.contains("left out"), "{said}");
    // As much code in small functions is no trouble.
    let small = module((0..40_000).map(|_| 40));
    assert!(work(&small) < MOST_WORK && small.len() > 1_600_000, "{}", work(&small));
    let (after, report, said) = opt(folder.path(), &small, &["--binaryen=off"]);
    assert!(after.len() < small.len() && !String::from_utf8_lossy(&said.stderr).contains("left out"), "{report:#}");
}

#[test]
fn a_budget_that_runs_out_leaves_binaryen_out_and_marks_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let before = module((0..200).map(|n| 100 + n % 700));
    let (after, report, said) = opt(folder.path(), &before, &["--opt-budget", "1ms"]);
    assert!(after.len() < before.len());
    assert!(note(&report, "binaryen").contains("took too long"), "{report:#}");
    assert_eq!(report["not_reproducible"].as_array().unwrap().len(), 1);
    assert!(String::from_utf8_lossy(&said.stderr).contains("took too long"));
    let (_, report, _) = opt(folder.path(), &before, &["--opt-budget", "5m"]);
    assert!(report["not_reproducible"].as_array().unwrap().is_empty());
    assert_eq!(note(&report, "binaryen"), "");
    let mut wrong = wbuild();
    wrong.args(["opt", "in.wasm", "-o", "out.wasm", "--opt-budget", "soon"]).current_dir(folder.path());
    assert_eq!(shell::unchecked_output(&mut wrong).unwrap().status.code(), Some(2));
}
