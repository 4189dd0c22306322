//! Operators of random code, most of them on floats.

use wbuild_passes::wasm_encoder::Instruction as I;

use super::code::{Body, T};

const F64_BINARY: [I<'static>; 12] = [
    I::F64Add,
    I::F64Add,
    I::F64Sub,
    I::F64Sub,
    I::F64Mul,
    I::F64Mul,
    I::F64Div,
    I::F64Div,
    I::F64Min,
    I::F64Max,
    I::F64Copysign,
    I::F64Sub,
];
const F32_BINARY: [I<'static>; 12] = [
    I::F32Add,
    I::F32Add,
    I::F32Sub,
    I::F32Sub,
    I::F32Mul,
    I::F32Mul,
    I::F32Div,
    I::F32Div,
    I::F32Min,
    I::F32Max,
    I::F32Copysign,
    I::F32Sub,
];
const F64_UNARY: [I<'static>; 9] =
    [I::F64Sqrt, I::F64Sqrt, I::F64Neg, I::F64Neg, I::F64Abs, I::F64Ceil, I::F64Floor, I::F64Trunc, I::F64Nearest];
const F32_UNARY: [I<'static>; 9] =
    [I::F32Sqrt, I::F32Sqrt, I::F32Neg, I::F32Neg, I::F32Abs, I::F32Ceil, I::F32Floor, I::F32Trunc, I::F32Nearest];
const F64_COMPARE: [I<'static>; 6] = [I::F64Eq, I::F64Ne, I::F64Lt, I::F64Gt, I::F64Le, I::F64Ge];
const F32_COMPARE: [I<'static>; 6] = [I::F32Eq, I::F32Ne, I::F32Lt, I::F32Gt, I::F32Le, I::F32Ge];
const I32_BINARY: [I<'static>; 6] = [I::I32Add, I::I32Sub, I::I32Mul, I::I32And, I::I32Xor, I::I32LtS];
const I64_BINARY: [I<'static>; 5] = [I::I64Add, I::I64Sub, I::I64Mul, I::I64And, I::I64Xor];
const V_BINARY: [I<'static>; 27] = [
    I::F32x4Add,
    I::F32x4Sub,
    I::F32x4Mul,
    I::F32x4Div,
    I::F32x4Min,
    I::F32x4Max,
    I::F32x4PMin,
    I::F32x4PMax,
    I::F64x2Add,
    I::F64x2Sub,
    I::F64x2Mul,
    I::F64x2Div,
    I::F64x2Min,
    I::F64x2Max,
    I::F64x2PMin,
    I::F64x2PMax,
    I::F32x4Eq,
    I::F64x2Lt,
    I::F32x4Ne,
    I::I32x4Add,
    I::I64x2Sub,
    I::V128And,
    I::V128Or,
    I::V128Xor,
    I::V128AndNot,
    I::I8x16Swizzle,
    I::I16x8Mul,
];
const V_UNARY: [I<'static>; 18] = [
    I::F32x4Sqrt,
    I::F32x4Neg,
    I::F32x4Abs,
    I::F32x4Ceil,
    I::F32x4Nearest,
    I::F64x2Sqrt,
    I::F64x2Neg,
    I::F64x2Abs,
    I::F64x2Floor,
    I::F64x2Trunc,
    I::F32x4DemoteF64x2Zero,
    I::F64x2PromoteLowF32x4,
    I::F32x4ConvertI32x4S,
    I::F64x2ConvertLowI32x4U,
    I::I32x4TruncSatF32x4S,
    I::V128Not,
    I::I32x4Neg,
    I::I64x2ExtendLowI32x4S,
];

impl Body<'_> {
    fn push(&mut self, list: &[I<'static>]) {
        let instruction = self.numbers.pick(list).clone();
        self.code.push(instruction);
    }

    /// Takes one of the type and gives one.
    pub(super) fn unary(&mut self, ty: T) {
        match ty {
            T::F64 => self.push(&F64_UNARY),
            T::F32 => self.push(&F32_UNARY),
            T::I32 => self.push(&[I::I32Eqz, I::I32Popcnt, I::I32Extend8S]),
            T::I64 => self.push(&[I::I64Popcnt, I::I64Extend16S]),
            T::V => self.push(&V_UNARY),
        }
    }

    /// Takes two of the type and gives one.
    pub(super) fn binary(&mut self, ty: T) {
        match ty {
            T::F64 => self.push(&F64_BINARY),
            T::F32 => self.push(&F32_BINARY),
            T::I32 => self.push(&I32_BINARY),
            T::I64 => self.push(&I64_BINARY),
            T::V => self.push(&V_BINARY),
        }
    }

    /// An operator with its operands.
    pub(super) fn operator(&mut self, ty: T, depth: u32) {
        match (ty, self.numbers.below(10)) {
            (_, 0..=3) => {
                self.expression(ty, depth);
                self.expression(ty, depth);
                self.binary(ty);
            }
            (_, 4) => {
                self.expression(ty, depth);
                self.unary(ty);
            }
            (T::F64, 5) => self.of(T::F32, depth, &[I::F64PromoteF32]),
            (T::F32, 5) => self.of(T::F64, depth, &[I::F32DemoteF64]),
            (T::F64, 6) => self.of(T::I64, depth, &[I::F64ReinterpretI64, I::F64ConvertI64S, I::F64ConvertI64U]),
            (T::F32, 6) => self.of(T::I32, depth, &[I::F32ReinterpretI32, I::F32ConvertI32S, I::F32ConvertI32U]),
            // A square, and a number less its floor: what facts are about.
            (T::F64 | T::F32, 7) => {
                self.expression(ty, depth);
                let local = self.local(ty);
                let multiply = if ty == T::F64 { I::F64Mul } else { I::F32Mul };
                self.code.extend([I::LocalTee(local), I::LocalGet(local), multiply]);
            }
            (T::F64, 8) if self.world.simd => self.of(T::V, depth, &[I::F64x2ExtractLane(0), I::F64x2ExtractLane(1)]),
            (T::F32, 8) if self.world.simd => self.of(T::V, depth, &[I::F32x4ExtractLane(0), I::F32x4ExtractLane(3)]),
            (T::I32, 5 | 6) => self.compare(T::F64, depth, &F64_COMPARE),
            (T::I32, 7) => self.compare(T::F32, depth, &F32_COMPARE),
            (T::I32, 8) => self.of(T::F32, depth, &[I::I32ReinterpretF32, I::I32TruncSatF32S]),
            (T::I32, _) if self.world.simd => {
                self.of(T::V, depth, &[I::I32x4ExtractLane(2), I::V128AnyTrue, I::I8x16Bitmask, I::I64x2AllTrue]);
            }
            (T::I64, 5..=7) => {
                self.of(T::F64, depth, &[I::I64ReinterpretF64, I::I64ReinterpretF64, I::I64TruncSatF64U])
            }
            (T::I64, _) => self.of(T::I32, depth, &[I::I64ExtendI32S, I::I64ExtendI32U]),
            (T::V, 5) => self.of(T::F64, depth, &[I::F64x2Splat]),
            (T::V, 6) => self.of(T::F32, depth, &[I::F32x4Splat]),
            (T::V, 7) => self.replace_lane(depth),
            (T::V, 8) => self.three(depth),
            (T::V, _) => {
                self.expression(ty, depth);
                self.expression(ty, depth);
                let lanes = std::array::from_fn(|_| self.numbers.below(32) as u8);
                self.code.push(I::I8x16Shuffle(lanes));
            }
            _ => {
                self.expression(ty, depth);
                self.unary(ty);
            }
        }
    }

    fn of(&mut self, ty: T, depth: u32, list: &[I<'static>]) {
        self.expression(ty, depth);
        self.push(list);
    }

    fn compare(&mut self, ty: T, depth: u32, list: &[I<'static>]) {
        self.expression(ty, depth);
        self.expression(ty, depth);
        self.push(list);
    }

    fn replace_lane(&mut self, depth: u32) {
        self.expression(T::V, depth);
        match self.numbers.below(3) {
            0 => self.of(T::F64, depth, &[I::F64x2ReplaceLane(1)]),
            1 => self.of(T::F32, depth, &[I::F32x4ReplaceLane(2)]),
            _ => self.of(T::I32, depth, &[I::I32x4ReplaceLane(0)]),
        }
    }

    fn three(&mut self, depth: u32) {
        (0..3).for_each(|_| self.expression(T::V, depth.min(2)));
        self.push(&[I::V128Bitselect, I::I32x4RelaxedLaneselect]);
    }
}
