//! What an operator takes from the stack and puts on it, for those that may be in outlined code.

use crate::op::{self, Nan};
use crate::{FuncId, Module, TypeId};
use wasmparser::{FuncType, Operator, ValType};

/// How an operator changes the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub pops: usize,
    /// What it puts there.
    pub result: Given,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    Nothing,
    Type(ValType),
    /// A value of the type of the first that it takes.
    AsTaken,
}

/// The shape of an operator that may move into another function: it does not touch locals or control, and makes no NaN,
/// which hardening wants to see where it is made.
pub(crate) fn shape(module: &Module<'_>, operator: &Operator<'_>) -> Option<Shape> {
    use Operator::*;
    let call = |ty: Option<&FuncType>, more: usize| {
        let ty = ty?;
        let result = match ty.results() {
            [] => Given::Nothing,
            [result] => Given::Type(*result),
            _ => return None,
        };
        Some(Shape { pops: ty.params().len() + more, result })
    };
    match operator {
        Call { function_index } => return call(module.function_type(FuncId(*function_index)), 0),
        CallIndirect { type_index, .. } => return call(module.types.function(TypeId(*type_index)), 1),
        GlobalGet { global_index } => {
            let global = module.globals.get(crate::GlobalId(*global_index))?;
            return Some(Shape { pops: 0, result: Given::Type(global.ty.content_type) });
        }
        _ if op::info(operator).nan == Nan::Fresh => return None,
        _ => {}
    }
    let (pops, result) = match operator {
        I32Const { .. } => (0, Given::Type(ValType::I32)),
        I64Const { .. } => (0, Given::Type(ValType::I64)),
        F32Const { .. } => (0, Given::Type(ValType::F32)),
        F64Const { .. } => (0, Given::Type(ValType::F64)),
        GlobalSet { .. } => (1, Given::Nothing),
        Select => (3, Given::AsTaken),
        MemoryCopy { .. } | MemoryFill { .. } => (3, Given::Nothing),
        I32Load { .. } | I32Load8S { .. } | I32Load8U { .. } | I32Load16S { .. } | I32Load16U { .. } => {
            (1, Given::Type(ValType::I32))
        }
        I64Load { .. }
        | I64Load8S { .. }
        | I64Load8U { .. }
        | I64Load16S { .. }
        | I64Load16U { .. }
        | I64Load32S { .. }
        | I64Load32U { .. } => (1, Given::Type(ValType::I64)),
        F32Load { .. } => (1, Given::Type(ValType::F32)),
        F64Load { .. } => (1, Given::Type(ValType::F64)),
        I32Store { .. }
        | I32Store8 { .. }
        | I32Store16 { .. }
        | I64Store { .. }
        | I64Store8 { .. }
        | I64Store16 { .. }
        | I64Store32 { .. }
        | F32Store { .. }
        | F64Store { .. } => (2, Given::Nothing),
        I32Eqz | I32Clz | I32Ctz | I32Popcnt | I32Extend8S | I32Extend16S | I64Eqz | I32WrapI64 => {
            (1, Given::Type(ValType::I32))
        }
        I64Clz | I64Ctz | I64Popcnt | I64Extend8S | I64Extend16S | I64Extend32S | I64ExtendI32S | I64ExtendI32U => {
            (1, Given::Type(ValType::I64))
        }
        I32Add | I32Sub | I32Mul | I32DivS | I32DivU | I32RemS | I32RemU | I32And | I32Or | I32Xor | I32Shl
        | I32ShrS | I32ShrU | I32Rotl | I32Rotr | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS
        | I32LeU | I32GeS | I32GeU | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS
        | I64GeU => (2, Given::Type(ValType::I32)),
        I64Add | I64Sub | I64Mul | I64DivS | I64DivU | I64RemS | I64RemU | I64And | I64Or | I64Xor | I64Shl
        | I64ShrS | I64ShrU | I64Rotl | I64Rotr => (2, Given::Type(ValType::I64)),
        _ => return None,
    };
    Some(Shape { pops, result })
}
