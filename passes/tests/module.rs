//! What reading, editing and writing do to the bytes.

use wbuild_passes::wasm_encoder::{BlockType, Instruction, ValType};
use wbuild_passes::{
    ConstExpr, Encodings, FuncId, GlobalId, Item, Module, Options, find, run, validate, wasm_encoder, wasmparser,
};

fn print(bytes: &[u8]) -> String {
    validate(bytes).unwrap_or_else(|error| panic!("{error}"));
    wasmprinter::print_bytes(bytes).unwrap()
}

/// What a linker writes: one function that calls itself, with every number in five bytes.
fn padded() -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.extend([1, 0x84, 0x80, 0x80, 0x80, 0, 1, 0x60, 0, 0]);
    bytes.extend([3, 0x82, 0x80, 0x80, 0x80, 0, 1, 0]);
    let body = [2, 1, 0x7f, 1, 0x7f, 0x10, 0x80, 0x80, 0x80, 0x80, 0, 0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a, 0x0b];
    bytes.extend([10, 0x95 + 4, 0x80, 0x80, 0x80, 0, 1, 0x80 + body.len() as u8, 0x80, 0x80, 0x80, 0]);
    bytes.extend(body);
    bytes
}

#[test]
fn padding_stays_in_code_until_it_is_asked_to_go() {
    let bytes = padded();
    let copy = Module::parse(&bytes).unwrap().encode().unwrap();
    assert!(copy.windows(6).any(|window| window == [0x10, 0x80, 0x80, 0x80, 0x80, 0]), "{copy:x?}");
    let short = run(&bytes, &[find("shortest-encodings").unwrap()], &Options::default()).unwrap();
    let code = [10, 11, 1, 9, 1, 2, 0x7f, 0x10, 0, 0x41, 0x7f, 0x1a, 0x0b];
    assert!(short.ends_with(&code), "{short:x?}");
    assert_eq!(print(&copy), print(&short));
}

#[test]
fn every_kind_of_name_follows_what_it_names() {
    let wat = r#"(module $m
        (type $dead (func (param i64))) (type $s (struct (field $x i32)))
        (type $t (func (param i32) (result i32)))
        (func $gone (type $dead)) (table $gone 1 funcref) (memory $gone 1) (global $gone i32 (i32.const 0))
        (tag $gone (param f32)) (data $gone "x") (elem $gone func $gone)
        (table $tab 1 funcref) (memory $mem 1) (global $glob (mut i32) (i32.const 0)) (tag $tag (param i32))
        (data $dat "y") (elem $el func $f)
        (func $f (export "f") (type $t) (param $p i32) (result i32) (local $l (ref null $s))
            (block $label (br_if $label (local.get $p)))
            (memory.init $mem $dat (i32.const 0) (i32.const 0) (i32.const 0))
            (table.init $tab $el (i32.const 0) (i32.const 0) (i32.const 0))
            (global.set $glob (i32.const 1)) (local.set $l (struct.new $s (i32.const 1)))
            (if (local.get $p) (then (throw $tag (i32.const 1))))
            (struct.get $s $x (local.get $l))))"#;
    let bytes = wat::parse_str(wat).unwrap();
    let output = run(&bytes, &[find("remove-unused-module-elements").unwrap()], &Options::default()).unwrap();
    let printed = print(&output);
    assert!(!printed.contains("gone"), "{printed}");
    for name in ["$m", "$s", "$t ", "$tab", "$mem", "$glob", "$tag", "$dat", "$el", "$f", "$p", "$l", "$label", "$x"] {
        assert!(printed.contains(name), "{name} is missing\n{printed}");
    }
}

#[test]
fn a_name_section_that_cannot_be_read_is_copied_while_nothing_moves_and_cut_where_it_must_be_rewritten() {
    let mut bytes = wat::parse_str("(module (func) (func (export \"f\")))").unwrap();
    // Names for functions 1 and 7 (there is no 7), then a subsection that ends too late.
    bytes.extend([0, 19, 4, b'n', b'a', b'm', b'e', 1, 7, 2, 1, 1, b'a', 7, 1, b'b', 2, 99, 1, 1, 0]);
    validate(&bytes).unwrap();
    assert_eq!(Module::parse(&bytes).unwrap().encode().unwrap(), bytes);
    let output = run(&bytes, &[find("remove-unused-module-elements").unwrap()], &Options::default()).unwrap();
    assert!(output.ends_with(&[4, b'n', b'a', b'm', b'e', 1, 4, 1, 0, 1, b'a']), "{output:x?}");
}

#[test]
fn branch_hints_follow_offsets_when_the_code_is_written_shorter() {
    let wat = r#"(module (func (param i32) (i32.const 1) (drop) (local.get 0)
        (@metadata.code.branch_hint "\01") (if (then))))"#;
    let bytes = wat::parse_str(wat).unwrap();
    let mut module = Module::parse(&bytes).unwrap();
    // Made longer first: the constant in five bytes, by hand, with the hint moved by four.
    let long = [0, 0x41, 0x81, 0x80, 0x80, 0x80, 0, 0x1a, 0x20, 0, 0x04, 0x40, 0x0b, 0x0b];
    module.set_body(FuncId(0), long.to_vec()).unwrap();
    let hint = [1, 0, 1, 10, 1, 1].to_vec();
    let mut long = module.encode().unwrap();
    assert!(!print(&long).contains("branch_hint"), "hints of an edited body go");
    let code = long.iter().rposition(|&byte| byte == 10).unwrap();
    let code = long[..code].iter().rposition(|&byte| byte == 10).unwrap_or(code);
    let section = [&[0, 26 + hint.len() as u8, 25][..], b"metadata.code.branch_hint", &hint].concat();
    long.splice(code..code, section);
    assert!(print(&long).contains("branch_hint"), "{}", print(&long));
    let short = run(&long, &[find("shortest-encodings").unwrap()], &Options::default()).unwrap();
    assert_eq!(short, bytes);
}

#[test]
fn an_import_becomes_a_definition_and_its_uses_follow() {
    let wat = r#"(module
        (import "env" "first" (func $first)) (import "env" "invoke" (func $invoke (param i32) (result i32)))
        (table 1 funcref) (elem (i32.const 0) $invoke) (export "i" (func $invoke))
        (func (export "f") (result i32) (call $first) (call $invoke (i32.const 1))))"#;
    let bytes = wat::parse_str(wat).unwrap();
    let mut module = Module::parse(&bytes).unwrap();
    let id = module.imported_function("env", "invoke").unwrap();
    let code = [Instruction::LocalGet(0), Instruction::LocalTee(1), Instruction::End];
    module.define_function(id, &[ValType::I32], &code).unwrap();
    module.remove_export("i").unwrap();
    module.name_function(id, "invoked");
    let printed = print(&module.encode().unwrap());
    assert!(!printed.contains("\"invoke\"") && !printed.contains("(export \"i\""), "{printed}");
    assert!(printed.contains("func $invoked (;1;)") && printed.contains("func $invoked)"), "{printed}");
    assert!(printed.contains("i32.const 1\n    call $invoked"), "{printed}");
}

#[test]
fn an_edit_inserts_around_operators_and_adds_locals() {
    let wat = r#"(module (func $callee) (func (export "f") (param i64) (local f32) (call $callee) (call $callee)))"#;
    let bytes = wat::parse_str(wat).unwrap();
    let mut module = Module::parse(&bytes).unwrap();
    let global_type = wasmparser::GlobalType { content_type: wasmparser::ValType::I32, mutable: true, shared: false };
    let flag: GlobalId = module.add_global(global_type, ConstExpr::new(&[Instruction::I32Const(0)]));
    let Some(Item::Func(id)) = module.export("f") else { panic!("f is not exported") };
    let mut first_local = None;
    let body = module.edit(id, |operator, edit| {
        if let wasmparser::Operator::Call { .. } = operator {
            assert_eq!(edit.depth, 0);
            let local = *first_local.get_or_insert_with(|| edit.local(ValType::I32));
            edit.before(&Instruction::GlobalGet(flag.0));
            edit.before(&Instruction::LocalSet(local));
            edit.after(&Instruction::GlobalGet(flag.0));
            edit.after(&Instruction::If(BlockType::Empty));
            edit.after(&Instruction::Return);
            edit.after(&Instruction::End);
        }
        if edit.position == 1 {
            edit.remove();
        }
        Ok(())
    });
    assert_eq!(first_local, Some(2));
    module.set_body(id, body.unwrap().unwrap()).unwrap();
    let printed = print(&module.encode().unwrap());
    assert!(printed.contains("(local f32 i32)"), "{printed}");
    assert_eq!((printed.matches("return").count(), printed.matches("call $callee").count()), (2, 1), "{printed}");
    assert!(module.edit(id, |_, _| Ok(())).unwrap().is_none(), "nothing was changed");
}

#[test]
fn a_use_of_something_removed_is_our_error_that_names_it() {
    let bytes = wat::parse_str("(module (func $a) (func (export \"f\") (call $a)))").unwrap();
    let mut module = Module::parse(&bytes).unwrap();
    module.functions.remove(FuncId(0));
    let error = module.encode().unwrap_err();
    assert_eq!(error.message, "function 0 is used but does not exist");
    assert_eq!(error.function, Some(1));
}

#[test]
fn an_invalid_body_from_a_pass_is_found_and_blamed() {
    let bytes = wat::parse_str("(module (func (export \"f\")))").unwrap();
    static BREAKS: wbuild_passes::Pass = wbuild_passes::Pass {
        name: "breaks",
        summary: "",
        run: |module| module.set_body(FuncId(0), vec![0, 0x1a, 0x0b]),
        debug_info: wbuild_passes::DebugInfo::Invalidates,
    };
    for verify_each in [false, true] {
        let error = run(&bytes, &[&BREAKS, find("strip").unwrap()], &Options { verify_each, ..Options::default() })
            .unwrap_err();
        assert_eq!((error.blame, error.function), (wbuild_passes::Blame::Internal, Some(0)));
        assert!(error.message.contains("breaks"), "{error}");
        assert_eq!(error.message.starts_with("pass `breaks`"), verify_each, "{error}");
    }
}

#[test]
fn grouped_imports_stay_grouped_when_they_are_written_anew() {
    use wasm_encoder::{EntityType, ImportSection, Imports, TypeSection};
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], []);
    let mut imports = ImportSection::new();
    let names = vec!["a", "b", "c"];
    imports.imports(Imports::Compact2 { module: "host", ty: EntityType::Function(1), names: names.into() });
    let mut module = wasm_encoder::Module::new();
    let bytes = module.section(&types).section(&imports).clone().finish();
    validate(&bytes).unwrap();
    assert_eq!(Module::parse(&bytes).unwrap().encode().unwrap(), bytes);
    let output = run(&bytes, &[find("remove-unused-module-elements").unwrap()], &Options::default()).unwrap();
    assert_eq!(output.len(), bytes.len() - 3, "only the type that nobody uses goes: {output:x?}");
    let mut again = Module::parse(&output).unwrap();
    again.encodings = Encodings::Shortest;
    assert_eq!(again.encode().unwrap(), output);
}

#[test]
fn features_are_read_off_the_code() {
    let cases = [
        ("(module (func (param i32)))", ""),
        ("(module (func (result i32 i32) unreachable))", "multivalue"),
        ("(module (func (drop (i32.extend8_s (i32.const 1)))))", "sign-ext"),
        ("(module (func (drop (i32.trunc_sat_f32_s (f32.const 1)))))", "nontrapping-fptoint"),
        ("(module (global (export \"g\") (mut i32) (i32.const 0)))", "mutable-globals"),
        ("(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))", "bulk-memory-opt"),
        ("(module (memory 1) (data \"\"))", "bulk-memory"),
        ("(module (func (param externref)))", "reference-types"),
        ("(module (func (local v128)))", "simd128"),
        ("(module (memory 1 1 shared))", "atomics"),
        ("(module (memory i64 1))", "memory64"),
        ("(module (memory 1) (memory 1))", "multimemory"),
        ("(module (memory 1 (pagesize 1)))", "custom-page-sizes"),
        ("(module (func $f (return_call $f)))", "tail-call"),
        ("(module (tag (param i32)))", "exception-handling"),
        ("(module (func try end))", "exception-handling,legacy-exceptions"),
        ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", "extended-const"),
        ("(module (type (struct)))", "gc"),
        ("(module (func (result i64 i64) (i64.mul_wide_u (i64.const 1) (i64.const 1))))", "multivalue,wide-arithmetic"),
        ("(module (table 1 funcref) (table 1 funcref) (func (call_indirect 1 (i32.const 0))))", "reference-types"),
        ("(module (table 1 funcref) (func (call_indirect (i32.const 0))))", ""),
        (
            "(module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))",
            "function-references,reference-types",
        ),
    ];
    for (wat, expected) in cases {
        let bytes = wat::parse_str(wat).unwrap();
        assert_eq!(wbuild_passes::features(&bytes).unwrap().to_string(), expected, "{wat}");
    }
}
