//! Indirect calls: of which only one function can be meant, or none.

use std::collections::HashMap;

use wasm_encoder::Instruction;
use wasmparser::{FuncType, Operator};

use super::knowledge::Knowledge;
use super::live::Live;
use super::{Changes, Fate};
use crate::{Error, FuncId, Module, TableId, TypeId};

/// What an operator is to one who does not want its value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Simple {
    /// It gives a value and does nothing else.
    Value,
    /// It loads from the address that it takes.
    Load,
    Other,
}

/// Makes such calls direct, or traps.
pub(super) fn direct(
    module: &Module<'_>,
    known: &Knowledge<'_>,
    live: &Live,
    changes: &mut Changes,
) -> Result<(), Error> {
    if live.table_is_shared {
        return Ok(());
    }
    let mut targets: HashMap<&FuncType, Vec<FuncId>> = HashMap::new();
    for id in live.taken(known) {
        let ty = module.function_type(id).ok_or_else(|| Error::internal("a function without a type"))?;
        targets.entry(ty).or_default().push(id);
    }
    for &id in &live.functions {
        let Some(body) = module.functions.get(id).and_then(|function| function.source.defined()) else { continue };
        let mut before = Vec::new();
        for operator in body.reader().get_operators_reader()? {
            let operator = operator?;
            if let Some((ty, returns)) = indirect(&operator, known.table)
                && let Some(ty) = module.types.function(ty)
            {
                let code = match targets.get(ty).map_or(&[][..], Vec::as_slice) {
                    [] => Some(vec![Instruction::Unreachable]),
                    [target] => {
                        let call = if returns { Instruction::ReturnCall } else { Instruction::Call };
                        let place = if changes.discard(id, &before) { None } else { Some(Instruction::Drop) };
                        Some(place.into_iter().chain([call(target.0)]).collect())
                    }
                    _ => None,
                };
                if let Some(code) = code {
                    changes.calls += 1;
                    changes.set(id, before.len(), Fate::Becomes(code));
                }
            }
            before.push(Simple::of(&operator));
        }
    }
    Ok(())
}

/// The type of a call out of this table, and whether it returns what it is given.
fn indirect(operator: &Operator<'_>, table: Option<TableId>) -> Option<(TypeId, bool)> {
    let (ty, of, returns) = match *operator {
        Operator::CallIndirect { type_index, table_index } => (type_index, table_index, false),
        Operator::ReturnCallIndirect { type_index, table_index } => (type_index, table_index, true),
        _ => return None,
    };
    (Some(TableId(of)) == table).then_some((TypeId(ty), returns))
}

impl Simple {
    fn of(operator: &Operator<'_>) -> Simple {
        match operator {
            Operator::LocalGet { .. } | Operator::GlobalGet { .. } | Operator::I32Const { .. } => Simple::Value,
            Operator::I32Load { .. } => Simple::Load,
            _ => Simple::Other,
        }
    }
}
