//! Loops without parameters. wasmi 2.0.0 is wrong about loops that have some: a `local.get` that waits on the stack
//! below the parameters is read again in every round, so that it gives what the loop has set the local to.
//! What it runs goes through here first: the parameters become locals.

use wbuild_passes::wasm_encoder::{BlockType, Instruction as I, ValType as Ty};
use wbuild_passes::wasmparser::{self, Operator as Op, ValType};
use wbuild_passes::{Error, FuncId, Id, Module, TypeId};

/// The module with the parameters of loops in locals. Tables of branches to such a loop are not known here.
pub fn without_parameters(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    for id in module.functions.ids() {
        let mut results = Vec::new();
        module.edit(id, |operator, _| {
            if let Some((_, gives)) = parameters(&module, operator)
                && gives.len() > 1
            {
                results.push(gives);
            }
            Ok(())
        })?;
        for gives in results {
            module.types.add_function(&[], &gives);
        }
        if let Some(body) = rewrite(&module, id)? {
            module.set_body(id, body)?;
        }
    }
    module.encode()
}

/// Parameters and results of a loop that has parameters.
fn parameters(module: &Module<'_>, operator: &Op<'_>) -> Option<(Vec<ValType>, Vec<ValType>)> {
    let Op::Loop { blockty: wasmparser::BlockType::FuncType(index) } = operator else { return None };
    let ty = module.types.function(TypeId::from_index(*index))?;
    (!ty.params().is_empty()).then(|| (ty.params().to_vec(), ty.results().to_vec()))
}

fn rewrite(module: &Module<'_>, id: FuncId) -> Result<Option<Vec<u8>>, Error> {
    // The locals of every open block; none but for loops with parameters.
    let mut open: Vec<Vec<u32>> = vec![Vec::new()];
    module.edit(id, |operator, edit| {
        let target = |open: &[Vec<u32>], depth: u32| -> Vec<u32> {
            open.len().checked_sub(depth as usize + 1).and_then(|at| open.get(at)).cloned().unwrap_or_default()
        };
        match operator {
            Op::Loop { .. } => {
                let Some((takes, gives)) = parameters(module, operator) else {
                    open.push(Vec::new());
                    return Ok(());
                };
                let mut locals = Vec::new();
                for ty in &takes {
                    locals.push(edit.local(encoded(*ty)?));
                }
                edit.remove();
                locals.iter().rev().for_each(|local| edit.before(&I::LocalSet(*local)));
                let block_type = match gives.as_slice() {
                    [] => BlockType::Empty,
                    [ty] => BlockType::Result(encoded(*ty)?),
                    gives => {
                        let wanted = wasmparser::FuncType::new([], gives.iter().copied());
                        let fits = |ty: &TypeId| module.types.function(*ty) == Some(&wanted);
                        let ty = (0..).map(TypeId::from_index).take(1 << 16).find(fits);
                        BlockType::FunctionType(ty.ok_or_else(|| Error::internal("no such type"))?.0)
                    }
                };
                edit.before(&I::Loop(block_type));
                locals.iter().for_each(|local| edit.before(&I::LocalGet(*local)));
                open.push(locals);
            }
            Op::Block { .. } | Op::If { .. } | Op::TryTable { .. } => open.push(Vec::new()),
            Op::End => drop(open.pop()),
            Op::Br { relative_depth } => {
                target(&open, *relative_depth).iter().rev().for_each(|local| edit.before(&I::LocalSet(*local)));
            }
            Op::BrIf { relative_depth } => {
                let locals = target(&open, *relative_depth);
                if !locals.is_empty() {
                    let condition = edit.local(Ty::I32);
                    edit.before(&I::LocalSet(condition));
                    locals.iter().rev().for_each(|local| edit.before(&I::LocalSet(*local)));
                    locals.iter().for_each(|local| edit.before(&I::LocalGet(*local)));
                    edit.before(&I::LocalGet(condition));
                }
            }
            Op::BrTable { targets } => {
                for depth in targets.targets().chain(std::iter::once(Ok(targets.default()))) {
                    if !target(&open, depth?).is_empty() {
                        return Err(Error::input("a table of branches to a loop with parameters"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    })
}

fn encoded(ty: ValType) -> Result<Ty, Error> {
    Ok(match ty {
        ValType::I32 => Ty::I32,
        ValType::I64 => Ty::I64,
        ValType::F32 => Ty::F32,
        ValType::F64 => Ty::F64,
        ValType::V128 => Ty::V128,
        ValType::Ref(_) => return Err(Error::input("a reference is the parameter of a loop")),
    })
}
