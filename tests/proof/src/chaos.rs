//! NaN chaos: a module in which every operator that may make a NaN makes a different one each time,
//! with a random sign and payload. The specification allows nearly all of it, and a hardened module
//! must not show any of it.
//!
//! Behind each such operator stands a call of a function that lets numbers through, and answers a NaN with the next
//! one of a stream (xorshift). The stream's state is a mutable global, exported as [`STATE`] behind all
//! exports of the module, so that one compilation serves many seeds.

use wbuild_passes::op::{self, Nan};
use wbuild_passes::wasm_encoder::{BlockType, Instruction as I, ValType as Ty};
use wbuild_passes::wasmparser::{self, Operator as Op, ValType};
use wbuild_passes::{ConstExpr, Error, Export, FuncId, GlobalId, Item, Module};

/// The export that holds the state; never zero.
pub const STATE: &str = "wbuild.chaos";

/// The state for a seed.
pub fn state(seed: u64) -> i64 {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d) as i64 | 1
}

/// What an operator gives, by the shape of its NaNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    F32,
    F64,
    F32x4,
    F64x2,
}

const SHAPES: [Shape; 4] = [Shape::F32, Shape::F64, Shape::F32x4, Shape::F64x2];

/// The module under chaos, with this seed.
pub fn chaos(bytes: &[u8], seed: u64) -> Result<Vec<u8>, Error> {
    transform(bytes, seed, true)
}

/// As [`chaos`], without the export: the interface stays what it was.
pub fn sealed(bytes: &[u8], seed: u64) -> Result<Vec<u8>, Error> {
    transform(bytes, seed, false)
}

fn transform(bytes: &[u8], seed: u64, exported: bool) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    let ids = module.functions.ids();
    let ty = wasmparser::GlobalType { content_type: ValType::I64, mutable: true, shared: false };
    let global = module.add_global(ty, ConstExpr::new(&[I::I64Const(state(seed))]));
    if exported {
        module.exports.push(Export { name: STATE.into(), item: Item::Global(global), exact: false });
    }
    let next = next_function(&mut module, global);
    let mut helpers = [None; SHAPES.len()];
    for id in ids {
        // Which helpers it needs must be known before the walk, which only reads the module.
        let mut needed = [false; SHAPES.len()];
        module.edit(id, |operator, _| {
            if let Some(shape) = fresh(operator)? {
                needed[shape as usize] = true;
            }
            Ok(())
        })?;
        for shape in SHAPES {
            if needed[shape as usize] && helpers[shape as usize].is_none() {
                helpers[shape as usize] = Some(helper(&mut module, shape, next));
            }
        }
        let body = module.edit(id, |operator, edit| {
            if let Some(FuncId(helper)) = fresh(operator)?.and_then(|shape| helpers[shape as usize]) {
                edit.after(&I::Call(helper));
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(id, body)?;
        }
    }
    module.encode()
}

/// The shape of the NaNs that this operator may make, if it may make any whose bits are open.
pub fn fresh(operator: &Op<'_>) -> Result<Option<Shape>, Error> {
    if op::info(operator).nan != Nan::Fresh {
        return Ok(None);
    }
    Ok(Some(match operator {
        Op::F32Ceil
        | Op::F32Floor
        | Op::F32Trunc
        | Op::F32Nearest
        | Op::F32Sqrt
        | Op::F32Add
        | Op::F32Sub
        | Op::F32Mul
        | Op::F32Div
        | Op::F32Min
        | Op::F32Max
        | Op::F32DemoteF64 => Shape::F32,
        Op::F64Ceil
        | Op::F64Floor
        | Op::F64Trunc
        | Op::F64Nearest
        | Op::F64Sqrt
        | Op::F64Add
        | Op::F64Sub
        | Op::F64Mul
        | Op::F64Div
        | Op::F64Min
        | Op::F64Max
        | Op::F64PromoteF32 => Shape::F64,
        Op::F32x4Ceil
        | Op::F32x4Floor
        | Op::F32x4Trunc
        | Op::F32x4Nearest
        | Op::F32x4Sqrt
        | Op::F32x4Add
        | Op::F32x4Sub
        | Op::F32x4Mul
        | Op::F32x4Div
        | Op::F32x4Min
        | Op::F32x4Max
        | Op::F32x4DemoteF64x2Zero
        | Op::F32x4RelaxedMadd
        | Op::F32x4RelaxedNmadd
        | Op::F32x4RelaxedMin
        | Op::F32x4RelaxedMax => Shape::F32x4,
        Op::F64x2Ceil
        | Op::F64x2Floor
        | Op::F64x2Trunc
        | Op::F64x2Nearest
        | Op::F64x2Sqrt
        | Op::F64x2Add
        | Op::F64x2Sub
        | Op::F64x2Mul
        | Op::F64x2Div
        | Op::F64x2Min
        | Op::F64x2Max
        | Op::F64x2PromoteLowF32x4
        | Op::F64x2RelaxedMadd
        | Op::F64x2RelaxedNmadd
        | Op::F64x2RelaxedMin
        | Op::F64x2RelaxedMax => Shape::F64x2,
        // What the table does not know may make anything.
        other => return Err(Error::input(format!("chaos does not know {other:?}"))),
    }))
}

/// Steps the stream, and gives its state.
fn next_function(module: &mut Module<'_>, GlobalId(global): GlobalId) -> FuncId {
    let ty = module.types.add_function(&[], &[ValType::I64]);
    let mut code = vec![I::GlobalGet(global), I::LocalSet(0)];
    for (by, shift) in [(13, I::I64Shl), (7, I::I64ShrU), (17, I::I64Shl)] {
        code.extend([I::LocalGet(0), I::LocalGet(0), I::I64Const(by), shift, I::I64Xor, I::LocalSet(0)]);
    }
    code.extend([I::LocalGet(0), I::GlobalSet(global), I::LocalGet(0), I::End]);
    module.add_function(ty, &[Ty::I64], &code)
}

const EXPONENT32: i32 = 0x7fc0_0000;
const EXPONENT64: i64 = 0x7ff8 << 48;

/// Lets numbers through, and answers a NaN with another.
fn helper(module: &mut Module<'_>, shape: Shape, FuncId(next): FuncId) -> FuncId {
    let float = match shape {
        Shape::F32 => ValType::F32,
        Shape::F64 => ValType::F64,
        Shape::F32x4 | Shape::F64x2 => ValType::V128,
    };
    let ty = module.types.add_function(&[float], &[float]);
    let code = match shape {
        Shape::F32 => vec![
            I::LocalGet(0),
            I::LocalGet(0),
            I::F32Ne,
            I::If(BlockType::Result(Ty::F32)),
            I::Call(next),
            I::I32WrapI64,
            I::I32Const(EXPONENT32),
            I::I32Or,
            I::F32ReinterpretI32,
            I::Else,
            I::LocalGet(0),
            I::End,
            I::End,
        ],
        Shape::F64 => vec![
            I::LocalGet(0),
            I::LocalGet(0),
            I::F64Ne,
            I::If(BlockType::Result(Ty::F64)),
            I::Call(next),
            I::I64Const(EXPONENT64),
            I::I64Or,
            I::F64ReinterpretI64,
            I::Else,
            I::LocalGet(0),
            I::End,
            I::End,
        ],
        Shape::F32x4 | Shape::F64x2 => {
            let (equal, quiet) = match shape {
                Shape::F32x4 => (I::F32x4Eq, i64::from(EXPONENT32) << 32 | i64::from(EXPONENT32)),
                _ => (I::F64x2Eq, EXPONENT64),
            };
            let lane = [I::Call(next), I::I64Const(quiet), I::I64Or];
            let mut code = vec![I::LocalGet(0)];
            code.extend(lane.clone());
            code.push(I::I64x2Splat);
            code.extend(lane);
            code.extend([I::I64x2ReplaceLane(1), I::LocalGet(0), I::LocalGet(0), equal, I::V128Bitselect, I::End]);
            code
        }
    };
    module.add_function(ty, &[], &code)
}
