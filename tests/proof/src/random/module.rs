//! A module of our own: its memory, globals, table and functions.

use wbuild_passes::wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction as I, MemorySection, MemoryType, Module,
    RefType, TableSection, TableType, TypeSection, ValType,
};

use super::code::{Body, FUEL, GLOBALS, T};
use crate::numbers::Numbers;

/// A function's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub params: Vec<T>,
    pub results: Vec<T>,
}

/// What code may refer to.
pub(super) struct World {
    pub simd: bool,
    /// By index; the first is the host's.
    pub functions: Vec<Signature>,
    pub types: Vec<Signature>,
    /// Functions in the table.
    pub table: Vec<u32>,
}

impl World {
    /// The number of a type, new or not.
    pub fn type_index(&mut self, signature: Signature) -> u32 {
        let at = self.types.iter().position(|ty| *ty == signature).unwrap_or_else(|| {
            self.types.push(signature);
            self.types.len() - 1
        });
        at as u32
    }
}

const FUEL_AT_START: i32 = 40;

/// A module in which floats are computed, stored, passed and returned. It ends: loops count, and calls take
/// fuel, which each exported function refills.
pub fn floats(seed: u64, simd: bool) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let host = Signature { params: vec![T::F64, T::F32], results: vec![T::F64] };
    let mut world = World { simd, functions: vec![host.clone()], types: vec![host], table: Vec::new() };
    let count = 1 + numbers.below(5) as u32;
    for _ in 0..count {
        let mut list = |least: u64, most: u64| {
            (0..least + numbers.below(most - least + 1)).map(|_| T::random(&mut numbers, simd)).collect::<Vec<_>>()
        };
        let signature = Signature { params: list(0, 3), results: list(1, 2) };
        world.type_index(signature.clone());
        world.functions.push(signature);
    }
    // Functions in the table escape; the others are only called from here.
    world.table = (1..=count).filter(|_| numbers.one_in(3)).collect();
    let bodies: Vec<Function> = (1..=count).map(|id| Body::new(&mut world, &mut numbers, id).function()).collect();

    let (mut functions, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (id, body) in (1..).zip(&bodies) {
        let signature = world.functions[id as usize].clone();
        functions.function(world.type_index(signature));
        code.function(body);
    }
    for id in 1..=count {
        let signature = world.functions[id as usize].clone();
        let mut wrapper = Function::new([]);
        wrapper.instruction(&I::I32Const(FUEL_AT_START));
        wrapper.instruction(&I::GlobalSet(FUEL));
        for n in 0..signature.params.len() as u32 {
            wrapper.instruction(&I::LocalGet(n));
        }
        wrapper.instruction(&I::Call(id));
        wrapper.instruction(&I::End);
        code.function(&wrapper);
        functions.function(world.type_index(signature));
        exports.export(&format!("f{id}"), ExportKind::Func, count + id);
        if numbers.one_in(6) {
            exports.export(&format!("direct{id}"), ExportKind::Func, id);
        }
    }
    exports.export("memory", ExportKind::Memory, 0);
    let mut globals = GlobalSection::new();
    for (n, ty) in GLOBALS.iter().enumerate() {
        let init = match ty {
            T::I32 => ConstExpr::i32_const(FUEL_AT_START),
            T::I64 => ConstExpr::i64_const(7),
            T::F32 => ConstExpr::f32_const(1.5f32.into()),
            T::F64 => ConstExpr::f64_const(0.1.into()),
            T::V => ConstExpr::v128_const(0),
        };
        globals.global(GlobalType { val_type: ty.val(), mutable: true, shared: false }, &init);
        if n as u32 != FUEL {
            exports.export(&format!("g{n}"), ExportKind::Global, n as u32);
        }
    }

    let mut types = TypeSection::new();
    let list = |list: &[T]| list.iter().map(|ty| ty.val()).collect::<Vec<ValType>>();
    world.types.iter().for_each(|ty| types.ty().function(list(&ty.params), list(&ty.results)));
    let mut imports = ImportSection::new();
    imports.import("host", "see", EntityType::Function(0));
    let mut tables = TableSection::new();
    let minimum = world.table.len() as u64;
    let (element_type, table64, shared) = (RefType::FUNCREF, false, false);
    tables.table(TableType { element_type, table64, minimum, maximum: Some(minimum), shared });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: Some(1), memory64: false, shared: false, page_size_log2: None });
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(world.table.clone().into()));
    let mut data = DataSection::new();
    let awkward: Vec<u8> = (0..32).flat_map(|_| T::F64.awkward(&mut numbers).to_le_bytes()).collect();
    data.active(0, &ConstExpr::i32_const(0), awkward);

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements).section(&code).section(&data);
    module.finish()
}
