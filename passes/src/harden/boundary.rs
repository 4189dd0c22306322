//! Functions that a host calls which may change the bits of NaNs.
//!
//! Such a parameter's NaN counts as made by arithmetic. If the function is called from within as well, bits that it
//! gets there must be kept, and nobody can tell which caller it was. So it is exported by way of a function that
//! nothing else calls, and that canonicalizes what the callee cares for.

use super::graph::Type;
use crate::{ElementItems, Error, FuncId, Item, Module};
use std::collections::BTreeMap;
use wasm_encoder::Instruction;
use wasmparser::{Operator, ValType};

/// Refuses what cannot be told apart, and wraps exported functions that are called from within, too.
pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    refuse_globals(module)?;
    let is_float = |ty: &ValType| matches!(Type::of(*ty), Some(Type::F32 | Type::F64));
    let exported = |module: &Module<'_>, export: &crate::Export<'_>| match export.item {
        Item::Func(id) => {
            let defined = module.import(export.item).is_none();
            let takes = module.function_type(id).is_some_and(|ty| ty.params().iter().any(is_float));
            (defined && takes).then_some(id)
        }
        _ => None,
    };
    // Whether each of them is called from within.
    let mut wanted: BTreeMap<FuncId, bool> =
        module.exports.iter().filter_map(|export| Some((exported(module, export)?, false))).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut called = |id: u32| {
        if let Some(called) = wanted.get_mut(&FuncId(id)) {
            *called = true;
        }
    };
    for (_, function) in module.functions.iter() {
        let Some(body) = function.source.defined() else { continue };
        for operator in body.reader().get_operators_reader()? {
            if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = operator? {
                called(function_index);
            }
        }
    }
    for (_, element) in module.elements.iter() {
        match &element.items {
            ElementItems::Functions(functions) => functions.iter().for_each(|id| called(id.0)),
            ElementItems::Expressions(_, list) => {
                list.iter().for_each(|e| super::build::functions_of(e, |id| called(id.0)))
            }
        }
    }
    for (_, global) in module.globals.iter() {
        if let Some(init) = global.source.defined() {
            super::build::functions_of(init, |id| called(id.0));
        }
    }
    for (_, table) in module.tables.iter() {
        if let Some(Some(init)) = table.source.defined() {
            super::build::functions_of(init, |id| called(id.0));
        }
    }
    let mut wrappers = BTreeMap::new();
    for (id, _) in wanted.into_iter().filter(|(_, called)| *called) {
        wrappers.insert(id, wrapper(module, id));
    }
    for export in &mut module.exports {
        if let Item::Func(id) = &mut export.item {
            *id = wrappers.get(id).copied().flatten().unwrap_or(*id);
        }
    }
    Ok(())
}

/// A function that only calls another.
fn wrapper(module: &mut Module<'_>, id: FuncId) -> Option<FuncId> {
    let ty = module.functions.get(id)?.ty;
    let params = module.function_type(id)?.params().len() as u32;
    let mut code: Vec<_> = (0..params).map(Instruction::LocalGet).collect();
    code.extend([Instruction::Call(id.0), Instruction::End]);
    Some(module.add_function(ty, &[], &code))
}

/// Of a global that both sides set, nobody can tell whose bits it has.
fn refuse_globals(module: &Module<'_>) -> Result<(), Error> {
    let shared = |global: u32| {
        let id = crate::GlobalId(global);
        let ty = module.globals.get(id).map(|global| global.ty.content_type);
        let is_float = matches!(ty.and_then(Type::of), Some(Type::F32 | Type::F64));
        is_float && module.import(Item::Global(id)).is_some()
    };
    if !module.globals.ids().into_iter().any(|id| shared(id.0)) {
        return Ok(());
    }
    for (id, function) in module.functions.iter() {
        let Some(body) = function.source.defined() else { continue };
        let mut operators = body.reader().get_operators_reader()?;
        while !operators.eof() {
            let offset = operators.original_position();
            if let Operator::GlobalSet { global_index } = operators.read()?
                && shared(global_index)
            {
                let message = "`global.set` of an imported float, whose NaN bits the host may change as well";
                return Err(Error::input(message).at(offset).in_function(id.0));
            }
        }
    }
    Ok(())
}
