//! Random modules through reading, writing and every pass.

mod numbers;

use arbitrary::Unstructured;
use numbers::Numbers;
use wasm_smith::{Config, Module as Smith};
use wbuild_passes::{
    DataKind, DebugInfo, Encodings, Module, Options, Pass, find, registry, run, validate, wasm_encoder,
};

fn module(seed: u64) -> Option<Vec<u8>> {
    let bytes = Numbers(seed).bytes(600 + (seed as usize % 5) * 500);
    let mut source = Unstructured::new(&bytes);
    let exotic = seed.is_multiple_of(3);
    let config = Config {
        max_memories: 3,
        max_tables: 4,
        max_funcs: 20,
        max_types: 30,
        min_funcs: 2,
        min_types: 2,
        generate_custom_sections: seed.is_multiple_of(2),
        gc_enabled: seed % 4 != 1,
        exceptions_enabled: seed % 4 != 1,
        threads_enabled: exotic,
        custom_page_sizes_enabled: exotic,
        wide_arithmetic_enabled: exotic,
        memory64_enabled: exotic,
        custom_descriptors_enabled: seed.is_multiple_of(7),
        ..Config::default()
    };
    let bytes = Smith::new(config, &mut source).ok()?.to_bytes();
    // The generator is not always right about proposals in flux.
    validate(&bytes).ok().map(|()| bytes)
}

/// Runs a check on many random modules and sees to it that there were many.
fn for_each_module(count: u64, check: impl Fn(u64, &[u8])) {
    let mut seen = 0;
    for seed in 0..count {
        if let Some(bytes) = module(seed) {
            seen += 1;
            check(seed, &bytes);
        }
    }
    assert!(seen * 10 >= count * 9, "only {seen} of {count} seeds gave a module");
}

/// The contents of the code section.
fn code(bytes: &[u8]) -> Option<&[u8]> {
    use wbuild_passes::wasmparser::{Parser, Payload};
    Parser::new(0).parse_all(bytes).find_map(|payload| match payload {
        Ok(Payload::CodeSectionStart { range, .. }) => bytes.get(range),
        _ => None,
    })
}

fn passes(names: &[&str]) -> Vec<&'static Pass> {
    names.iter().map(|name| find(name).unwrap()).collect()
}

#[test]
fn unchanged_modules_come_back_byte_for_byte() {
    for_each_module(3000, |seed, bytes| {
        let output = Module::parse(bytes).and_then(|module| module.encode());
        assert_eq!(output.unwrap(), bytes, "seed {seed}");
    });
}

#[test]
fn shortest_encodings_of_short_modules_are_the_same_size_or_smaller_and_valid() {
    for_each_module(1500, |seed, bytes| {
        let mut module = Module::parse(bytes).unwrap();
        module.encodings = Encodings::Shortest;
        let output = module.encode().unwrap();
        assert!(output.len() <= bytes.len(), "seed {seed}: {} became {}", bytes.len(), output.len());
        validate(&output).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    });
}

#[test]
fn every_pass_gives_valid_modules_that_are_not_larger_and_that_it_then_leaves_alone() {
    for_each_module(1000, |seed, bytes| {
        // Hardening refuses what it does not know, and adds code: it has its own such test.
        for pass in registry().iter().filter(|pass| pass.name != "harden") {
            let once = run(bytes, &[pass], &Options::default());
            let once = once.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            // What is lowered grows; an order for compression has no reason to be short.
            let may_grow = ["lower-to-mvp", "reorder-functions-for-compression"].contains(&pass.name);
            let (before, after) = (bytes.len(), once.len());
            assert!(may_grow || after <= before, "seed {seed}, {}: {before} became {after}", pass.name);
            if pass.debug_info == DebugInfo::Keeps {
                assert!(code(bytes) == code(&once), "seed {seed}: {} changes code", pass.name);
            }
            let twice = run(&once, &[pass], &Options::default()).unwrap();
            // From another order, halving may come to a third.
            let settles = pass.name != "reorder-functions-for-compression";
            assert!(!settles || once == twice, "seed {seed}: a second {} changes more", pass.name);
        }
    });
}

#[test]
fn an_import_that_nobody_uses_shifts_every_function_and_goes_without_a_trace() {
    let list = passes(&["remove-unused-imports", "shortest-encodings", "strip"]);
    for_each_module(1000, |seed, bytes| {
        let mut module = Module::parse(bytes).unwrap();
        let ty = module.types.add_function(&[], &[]);
        module.add_function_import("nobody", "uses this", ty);
        let shifted = module.encode().unwrap();
        validate(&shifted).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let options = Options::default();
        assert_eq!(run(&shifted, &list, &options).unwrap(), run(bytes, &list, &options).unwrap(), "seed {seed}");
    });
}

#[test]
fn an_edit_that_inserts_everywhere_keeps_modules_valid() {
    use wasm_encoder::{Instruction, ValType};
    for_each_module(500, |seed, bytes| {
        let mut module = Module::parse(bytes).unwrap();
        for id in module.functions.ids() {
            let edited = module.edit(id, |_, edit| {
                if edit.position % 5 == 0 {
                    let local = edit.local(ValType::I32);
                    edit.before(&Instruction::I32Const(1));
                    edit.before(&Instruction::LocalSet(local));
                }
                Ok(())
            });
            if let Some(body) = edited.unwrap() {
                module.set_body(id, body).unwrap();
            }
        }
        let output = module.encode().unwrap();
        validate(&output).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    });
}

/// What the segments of a module leave in its first memory.
fn memory_after_start(bytes: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; 1 << 16];
    for (_, data) in Module::parse(bytes).unwrap().data.iter() {
        let DataKind::Active { offset, .. } = &data.kind else { continue };
        let start = offset.integer().unwrap() as usize;
        memory[start..start + data.bytes.len()].copy_from_slice(&data.bytes);
    }
    memory
}

#[test]
fn trimmed_data_leaves_the_same_memory() {
    let mut numbers = Numbers(99);
    let mut below = |bound: u64| numbers.next() % bound;
    let mut smaller = 0;
    for round in 0..5000 {
        let mut wat = String::from("(module (memory (export \"m\") 1)");
        for _ in 0..below(7) {
            let bytes: String = (0..below(12)).map(|_| ["\\00", "\\00", "a", "b"][below(4) as usize]).collect();
            wat += &format!("(data (i32.const {}) \"{bytes}\")", below(20) + 55);
        }
        let before = wat::parse_str(wat + ")").unwrap();
        let after = run(&before, &passes(&["trim-data"]), &Options::default()).unwrap();
        assert!(memory_after_start(&before) == memory_after_start(&after), "round {round}");
        assert!(after.len() <= before.len(), "round {round}");
        smaller += u32::from(after.len() < before.len());
    }
    assert!(smaller > 1000, "only {smaller} became smaller");
}
