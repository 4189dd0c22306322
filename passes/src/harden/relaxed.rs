//! Relaxed SIMD operations become the strict ones that they are under the specification's deterministic profile.

use super::report::Report;
use crate::{Edit, Error, Module};
use wasm_encoder::{Instruction, ValType};
use wasmparser::Operator;

/// The even and the odd 16-bit lanes of two vectors.
const EVEN: [u8; 16] = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29];
const ODD: [u8; 16] = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];

pub(super) fn run(module: &mut Module<'_>, report: &mut Report) -> Result<(), Error> {
    for id in module.functions.ids() {
        let mut temps = Vec::new();
        let body = module.edit(id, |operator, edit| {
            if let Some(code) = strict(operator, edit, &mut temps) {
                report.relaxed += 1;
                edit.remove();
                code.iter().for_each(|instruction| edit.after(instruction));
            }
            Ok(())
        })?;
        if let Some(body) = body {
            module.set_body(id, body)?;
        }
    }
    Ok(())
}

/// The strict code for a relaxed operator.
fn strict(operator: &Operator<'_>, edit: &mut Edit<'_>, temps: &mut Vec<u32>) -> Option<Vec<Instruction<'static>>> {
    use Instruction::*;
    let mut temp = |edit: &mut Edit<'_>, number: usize| {
        while temps.len() <= number {
            temps.push(edit.local(ValType::V128));
        }
        temps.get(number).copied().unwrap_or(0)
    };
    Some(match operator {
        Operator::I8x16RelaxedSwizzle => vec![I8x16Swizzle],
        Operator::I32x4RelaxedTruncF32x4S => vec![I32x4TruncSatF32x4S],
        Operator::I32x4RelaxedTruncF32x4U => vec![I32x4TruncSatF32x4U],
        Operator::I32x4RelaxedTruncF64x2SZero => vec![I32x4TruncSatF64x2SZero],
        Operator::I32x4RelaxedTruncF64x2UZero => vec![I32x4TruncSatF64x2UZero],
        Operator::I8x16RelaxedLaneselect
        | Operator::I16x8RelaxedLaneselect
        | Operator::I32x4RelaxedLaneselect
        | Operator::I64x2RelaxedLaneselect => vec![V128Bitselect],
        Operator::F32x4RelaxedMin => vec![F32x4Min],
        Operator::F32x4RelaxedMax => vec![F32x4Max],
        Operator::F64x2RelaxedMin => vec![F64x2Min],
        Operator::F64x2RelaxedMax => vec![F64x2Max],
        Operator::I16x8RelaxedQ15mulrS => vec![I16x8Q15MulrSatS],
        Operator::F32x4RelaxedMadd => {
            let c = temp(edit, 0);
            vec![LocalSet(c), F32x4Mul, LocalGet(c), F32x4Add]
        }
        Operator::F64x2RelaxedMadd => {
            let c = temp(edit, 0);
            vec![LocalSet(c), F64x2Mul, LocalGet(c), F64x2Add]
        }
        // The product's sign is all that the negation of a factor changes, and a NaN's goes in the sum.
        Operator::F32x4RelaxedNmadd => {
            let c = temp(edit, 0);
            vec![LocalSet(c), F32x4Mul, F32x4Neg, LocalGet(c), F32x4Add]
        }
        Operator::F64x2RelaxedNmadd => {
            let c = temp(edit, 0);
            vec![LocalSet(c), F64x2Mul, F64x2Neg, LocalGet(c), F64x2Add]
        }
        Operator::I16x8RelaxedDotI8x16I7x16S => dot(temp(edit, 0), temp(edit, 1)),
        Operator::I32x4RelaxedDotI8x16I7x16AddS => {
            let c = temp(edit, 2);
            let mut code = vec![LocalSet(c)];
            code.extend(dot(temp(edit, 0), temp(edit, 1)));
            code.extend([I32x4ExtAddPairwiseI16x8S, LocalGet(c), I32x4Add]);
            code
        }
        _ => return None,
    })
}

/// Products of bytes, added in pairs with saturation.
fn dot(a: u32, b: u32) -> Vec<Instruction<'static>> {
    use Instruction::*;
    vec![
        LocalSet(b),
        LocalTee(a),
        LocalGet(b),
        I16x8ExtMulLowI8x16S,
        LocalGet(a),
        LocalGet(b),
        I16x8ExtMulHighI8x16S,
        LocalSet(b),
        LocalTee(a),
        LocalGet(b),
        I8x16Shuffle(EVEN),
        LocalGet(a),
        LocalGet(b),
        I8x16Shuffle(ODD),
        I16x8AddSatS,
    ]
}
