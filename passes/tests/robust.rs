//! No bytes whatever make this crate panic or hang. (What they may cost in memory is in `memory.rs`.)

mod exercise;

use std::path::Path;

use exercise::exercise;
use wbuild_passes::{Blame, Kind, Options, kind, run, validate};

fn golden_modules() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/passes");
    let mut paths = Vec::new();
    for folder in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    paths.sort();
    paths.iter().map(|path| wat::parse_file(path).unwrap()).collect()
}

#[test]
fn a_module_cut_off_at_any_byte_is_an_error_or_a_smaller_module() {
    for module in golden_modules() {
        for end in 0..module.len() {
            exercise(&module[..end]);
        }
    }
}

#[test]
fn a_hundred_thousand_mutated_modules_do_no_harm() {
    let modules = golden_modules();
    let mut state = 1u64;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % bound
    };
    for round in 0..100_000 {
        let mut bytes = modules[round % modules.len()].clone();
        for _ in 0..=next(3) {
            // The header is left alone: without it nothing is read.
            let at = 8 + next(bytes.len() - 8);
            match next(5) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes[at] ^= 1 << next(8),
                2 => bytes.insert(at, next(256) as u8),
                3 if bytes.len() > 10 => drop(bytes.remove(at)),
                _ => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0x40, 0x0b, 0xfd][next(8)],
            }
        }
        exercise(&bytes);
    }
}

#[test]
fn random_bytes_are_an_error() {
    let mut state = 7u64;
    for length in 0..2000 {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        for _ in 0..length % 300 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            bytes.push((state >> 33) as u8);
        }
        exercise(&bytes);
        exercise(&bytes[8..]);
    }
}

/// A module of one function of type `() -> ()` with this body, locals included.
fn with_body(body: &[u8]) -> Vec<u8> {
    use wasm_encoder::{CodeSection, FunctionSection, TypeSection};
    use wbuild_passes::wasm_encoder;
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.raw(body);
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&code);
    module.finish()
}

#[test]
fn fifty_thousand_nested_blocks_go_through() {
    let depth = 50_000;
    let body = [&[0][..], &[0x02, 0x40].repeat(depth), &[0x0b].repeat(depth + 1)].concat();
    let bytes = with_body(&body);
    exercise(&bytes);
    validate(&bytes).unwrap();
    // Left open, they are an error.
    exercise(&with_body(&[&[0][..], &[0x02, 0x40].repeat(depth)].concat()));
}

/// Would take hours if anything were done for every pair of them.
#[test]
fn tens_of_thousands_of_everything_go_through() {
    use wasm_encoder::*;
    use wbuild_passes::wasm_encoder;
    let count = 90_000;
    let results = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut globals, mut elements, mut data) = (GlobalSection::new(), ElementSection::new(), DataSection::new());
    let (mut code, mut hints) = (CodeSection::new(), vec![1]);
    types.ty().function([], []);
    types.ty().function([ValType::I32], []);
    let reference = GlobalType { val_type: ValType::Ref(RefType::FUNCREF), mutable: false, shared: false };
    for i in 0..count {
        types.ty().function([ValType::I32], [results[i as usize % 4]]);
        imports.import("same", &i.to_string(), EntityType::Function(0));
        globals.global(reference, &ConstExpr::ref_func(count + i));
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&[count][..]).into()));
        data.active(0, &ConstExpr::i32_const(i as i32 * 3 % 65_000), [0, 0]);
        // Each takes a reference that only the next global's initializer declares.
        functions.function(0);
        let mut body = Function::new([]);
        body.instruction(&Instruction::RefFunc(count + (i + 1) % count)).instruction(&Instruction::Drop);
        code.function(body.instruction(&Instruction::End));
    }
    functions.function(1);
    let mut body = Function::new([]);
    (2 * count).encode(&mut hints);
    count.encode(&mut hints);
    for _ in 0..count {
        body.instruction(&Instruction::LocalGet(0));
        (body.byte_len() as u32).encode(&mut hints);
        hints.extend([1, 1]);
        body.instruction(&Instruction::If(BlockType::Empty)).instruction(&Instruction::End);
    }
    code.function(body.instruction(&Instruction::End));
    let (mut tables, mut memories, mut exports) = (TableSection::new(), MemorySection::new(), ExportSection::new());
    let table64 = false;
    tables.table(TableType { element_type: RefType::FUNCREF, table64, minimum: 1, maximum: None, shared: false });
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export("m", ExportKind::Memory, 0).export("f", ExportKind::Func, count);
    exports.export("h", ExportKind::Func, 2 * count);
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements);
    module.section(&CustomSection { name: "metadata.code.branch_hint".into(), data: hints.into() });
    module.section(&code).section(&data);
    let bytes = module.finish();
    validate(&bytes).unwrap();
    exercise(&bytes);
}

#[test]
fn limits_of_the_parser_are_reported_as_such() {
    let error = validate(&with_body(&[1, 0xd1, 0x86, 0x03, 0x7f, 0x0b])).unwrap_err();
    assert!(error.message.contains("locals exceed maximum"), "{error}");
    assert_eq!((error.function, error.blame), (Some(0), Blame::Input));
    let error = validate(&with_body(&[&[0][..], &[0x01].repeat(7_654_321), &[0x0b]].concat())).unwrap_err();
    assert!(error.message.contains("size"), "{error}");
    assert!(error.offset.is_some());
}

#[test]
fn what_is_no_module_is_called_by_its_name() {
    let cases: &[(&[u8], Kind, &str)] = &[
        (b"", Kind::Empty, "the file is empty"),
        (b"\0as", Kind::Truncated, "ends inside its header"),
        (b"\0asm\x0d\0\x01\0", Kind::Component, "a component"),
        (b"\0asm\x07\0\0\0", Kind::UnknownVersion, "a version that does not exist"),
        (b"\x7fELF\x02\x01\x01\0\0\0", Kind::Native, "native code"),
        (b"MZ\x90\0\x03\0\0\0", Kind::Native, "native code"),
        (b"!<arch>\nx.o/", Kind::Archive, "an archive"),
        (b"BC\xc0\xde\x35\x14\0\0", Kind::Bitcode, "LLVM bitcode"),
        (b"(module)", Kind::Text, "text"),
        (b"\xff\xfe\x00\x01\x02\x03\x04\x05", Kind::Unknown, "not a wasm file"),
    ];
    for (bytes, expected, message) in cases {
        assert_eq!(kind(bytes), *expected);
        let error = run(bytes, &[], &Options::default()).unwrap_err();
        assert!(error.message.contains(message) && error.help.is_some(), "{error}");
    }
}

#[test]
fn object_files_and_dynamic_libraries_are_refused_by_name() {
    for (section, expected) in [("linking", Kind::Relocatable), ("dylink.0", Kind::DynamicLibrary)] {
        let bytes = wat::parse_str(format!(r#"(module (@custom "{section}" "\02"))"#)).unwrap();
        assert_eq!(kind(&bytes), expected);
        let error = run(&bytes, &[], &Options::default()).unwrap_err();
        assert!(error.message.contains(section), "{error}");
    }
}

#[test]
fn imports_of_other_types_are_not_taken_for_wbuilds_own() {
    let module = |ty: &str| {
        let text = format!(
            r#"(module (import "wbuild" "unwind" (func {ty})) (import "wbuild" "uncaught" (func (param i32))))"#
        );
        wat::parse_str(text).unwrap()
    };
    let sjlj = wbuild_passes::find("sjlj").unwrap();
    for ty in ["(param i32) (result i32)", "(param i64)", ""] {
        let error = run(&module(ty), &[sjlj], &Options::default()).unwrap_err();
        assert_eq!(error.blame, Blame::Input, "{ty}: {error}");
    }
}
