//! wasm-smith's modules seldom make a NaN, and hardly ever show one. Here constants become infinities and zeros,
//! and what some operators make is mixed into an exported global.

use wbuild_passes::wasm_encoder::{Instruction as I, ValType as Ty};
use wbuild_passes::wasmparser::{GlobalType, Operator as Op, ValType};
use wbuild_passes::{ConstExpr, Error, Export, Item, Module};

use crate::chaos::{Shape, fresh};
use crate::numbers::Numbers;

/// Edges: what becomes of a float constant.
const EDGES: [f64; 5] = [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MAX];

pub(super) fn stir(bytes: &[u8], numbers: &mut Numbers) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    let ids = module.functions.ids();
    let ty = GlobalType { content_type: ValType::I64, mutable: true, shared: false };
    let mixed = module.add_global(ty, ConstExpr::new(&[I::I64Const(0)]));
    module.exports.push(Export { name: "wbuild.mixed".into(), item: Item::Global(mixed), exact: false });
    for id in ids {
        let body = module.edit(id, |operator, edit| {
            let edge = *numbers.pick(&EDGES);
            match operator {
                Op::F32Const { .. } if numbers.one_in(2) => {
                    edit.remove();
                    edit.before(&I::F32Const((edge as f32).into()));
                }
                Op::F64Const { .. } if numbers.one_in(2) => {
                    edit.remove();
                    edit.before(&I::F64Const(edge.into()));
                }
                _ => {}
            }
            let Some(shape) = fresh(operator)?.filter(|_| numbers.one_in(3)) else { return Ok(()) };
            let (ty, bits): (Ty, &[I<'static>]) = match shape {
                Shape::F32 => (Ty::F32, &[I::I32ReinterpretF32, I::I64ExtendI32U]),
                Shape::F64 => (Ty::F64, &[I::I64ReinterpretF64]),
                Shape::F32x4 | Shape::F64x2 => (Ty::V128, &[I::I64x2ExtractLane(1)]),
            };
            let local = edit.local(ty);
            edit.after(&I::LocalTee(local));
            edit.after(&I::LocalGet(local));
            bits.iter().for_each(|i| edit.after(i));
            for i in [I::GlobalGet(mixed.0), I::I64Const(1), I::I64Rotl, I::I64Xor, I::GlobalSet(mixed.0)] {
                edit.after(&i);
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(id, body)?;
        }
    }
    module.encode()
}
