//! Growth that does the same everywhere: past the maximum it gives -1, and a refusal below it traps.
//!
//! Each memory and table that grows gets one function, and calls of it take the place of the operators:
//! ```wat
//! (func (param i32) (result i32)
//!   (if (i32.gt_u (local.get 0) (i32.sub (i32.const MAX) (memory.size))) (then (return (i32.const -1))))
//!   (if (i32.eq (local.tee 0 (memory.grow (local.get 0))) (i32.const -1)) (then unreachable))
//!   (local.get 0))
//! ```
//! The maximum of an imported memory or table is the declared one; the actual one may be less, and then it traps.

use super::report::Report;
use crate::{Error, FuncId, MemoryId, Module, TableId, TypeId, encode_instructions};
use std::collections::BTreeMap;
use wasm_encoder::{BlockType, Instruction};
use wasmparser::{Operator, ValType};

/// A memory or table that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Growing {
    Memory(u32),
    Table(u32),
}

impl Growing {
    fn of(operator: &Operator<'_>) -> Option<Growing> {
        match operator {
            Operator::MemoryGrow { mem } => Some(Growing::Memory(*mem)),
            Operator::TableGrow { table } => Some(Growing::Table(*table)),
            _ => None,
        }
    }
}

/// What grows in which function.
pub(super) type Sites = BTreeMap<FuncId, Vec<Growing>>;

/// Notes an operator if it grows something.
pub(super) fn note(sites: &mut Sites, function: FuncId, operator: &Operator<'_>) {
    if let Some(growing) = Growing::of(operator) {
        sites.entry(function).or_default().push(growing);
    }
}

/// Replaces every operator that grows, but in functions that are such a replacement already.
pub(super) fn run(module: &mut Module<'_>, sites: &Sites, report: &mut Report) -> Result<(), Error> {
    if sites.is_empty() {
        return Ok(());
    }
    let mut growers = BTreeMap::new();
    let mut own = Vec::new();
    for &growing in sites.values().flatten() {
        if growers.contains_key(&growing) {
            continue;
        }
        let Some((params, result, code)) = grower(module, growing) else { continue };
        let mut bytes = vec![0];
        bytes.extend(encode_instructions(&code));
        let is_it = |id: &FuncId| {
            let function = module.functions.get(*id).and_then(|function| function.source.defined());
            let ty = module.function_type(*id);
            function.is_some_and(|body| body.bytes() == bytes)
                && ty.is_some_and(|ty| ty.params() == params.as_slice() && ty.results() == [result])
        };
        // Only a function with the operator in it can be one.
        let candidates = sites.iter().filter(|(_, list)| list.as_slice() == [growing]).map(|(id, _)| *id);
        let found = candidates.clone().find(is_it);
        own.extend(candidates.filter(is_it));
        growers.insert(growing, (found, params, result, code));
    }
    let mut functions = BTreeMap::new();
    for id in sites.keys().filter(|id| !own.contains(id)) {
        for growing in sites.get(id).into_iter().flatten() {
            if functions.contains_key(growing) {
                continue;
            }
            let Some((found, params, result, code)) = growers.get(growing) else { continue };
            let function = found.unwrap_or_else(|| {
                let ty: TypeId = module.types.add_function(params, &[*result]);
                module.add_function(ty, &[], code)
            });
            functions.insert(*growing, function);
        }
    }
    for id in sites.keys().filter(|id| !own.contains(id)) {
        let body = module.edit(*id, |operator, edit| {
            if let Some(function) = Growing::of(operator).and_then(|growing| functions.get(&growing)) {
                edit.remove();
                edit.after(&Instruction::Call(function.0));
                report.grow_sites += 1;
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(*id, body)?;
        }
    }
    Ok(())
}

/// The function that grows in its place: parameters, result and code.
fn grower(module: &Module<'_>, growing: Growing) -> Option<(Vec<ValType>, ValType, Vec<Instruction<'static>>)> {
    let (wide, maximum, mut params, size, grow) = match growing {
        Growing::Memory(memory) => {
            let ty = module.memories.get(MemoryId(memory))?.ty;
            let bits = if ty.memory64 { 64 } else { 32 };
            let limit = u128::from(u64::MAX).min(1u128 << (bits - ty.page_size_log2.unwrap_or(16).min(bits))) as u64;
            (
                ty.memory64,
                ty.maximum.unwrap_or(limit).min(limit),
                vec![],
                Instruction::MemorySize(memory),
                Instruction::MemoryGrow(memory),
            )
        }
        Growing::Table(table) => {
            let ty = module.tables.get(TableId(table))?.ty;
            let limit = if ty.table64 { u64::MAX } else { u64::from(u32::MAX) };
            let init = ValType::Ref(ty.element_type);
            (
                ty.table64,
                ty.maximum.unwrap_or(limit),
                vec![init],
                Instruction::TableSize(table),
                Instruction::TableGrow(table),
            )
        }
    };
    let delta = params.len() as u32;
    let address = if wide { ValType::I64 } else { ValType::I32 };
    params.push(address);
    let constant = |value: u64| match wide {
        true => Instruction::I64Const(value as i64),
        false => Instruction::I32Const(u32::try_from(value).unwrap_or(u32::MAX) as i32),
    };
    let [subtract, above, equal] = match wide {
        true => [Instruction::I64Sub, Instruction::I64GtU, Instruction::I64Eq],
        false => [Instruction::I32Sub, Instruction::I32GtU, Instruction::I32Eq],
    };
    let failed = constant(u64::MAX);
    let mut code = vec![
        Instruction::LocalGet(delta),
        constant(maximum),
        size,
        subtract,
        above,
        Instruction::If(BlockType::Empty),
        failed.clone(),
        Instruction::Return,
        Instruction::End,
    ];
    code.extend((0..=delta).map(Instruction::LocalGet));
    code.extend([
        grow,
        Instruction::LocalTee(delta),
        failed,
        equal,
        Instruction::If(BlockType::Empty),
        Instruction::Unreachable,
        Instruction::End,
        Instruction::LocalGet(delta),
        Instruction::End,
    ]);
    Some((params, address, code))
}
