//! What operators do with floats. What is not here takes any float for its bits and gives none.

use super::graph::{Reason, Type};
use super::range::{Arithmetic, Range};
use super::state::Shape;
use wasmparser::Operator;

/// What an operator with a fixed number of operands does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// It gives bits that are deterministic, and sees those of its operands.
    Raw(Type, Reason),
    /// It converts an integer, the result within these bounds.
    Converted(Type, Range),
    /// It makes of scalars a scalar, perhaps a new NaN.
    Arithmetic(Arithmetic, Type),
    /// It makes of vectors of one shape one of another, perhaps with new NaNs.
    Vector {
        from: Shape,
        to: Shape,
    },
    /// It converts integers in lanes to floats of this shape.
    ConvertedLanes(Shape),
    Neg(Type, Shape),
    Abs(Type, Shape),
    Copysign(Type),
    /// It gives lanes of any operand: `pmin` and `pmax`.
    EitherLanes(Shape),
    Splat(Shape),
    Extract(Type, Shape),
    Replace(Shape),
    /// It compares scalars; `never` is what it gives for a value and itself if that is no NaN, and the other answer is
    /// what it gives if it is.
    Comparison {
        never: bool,
    },
    /// It compares lanes for equality, and gives a mask of those that are equal.
    LaneEquality(Shape),
    Bitselect,
    /// It does not care for the bits of a NaN of this shape, and gives no float.
    Ignores(Shape, Gives),
    /// It sees its operands' bits and gives no float.
    Sees(Reason),
    /// It sees its operands' bits and gives a vector.
    SeesLanes,
}

/// What an operator gives that has a vector or scalar operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Other,
    Vector,
}

const F32X4: Shape = Shape::F32x4;
const F64X2: Shape = Shape::F64x2;

fn whole(low: f64, high: f64) -> Range {
    Range { low, high }
}

pub(super) fn meaning(operator: &Operator<'_>) -> Meaning {
    use Arithmetic::*;
    use Operator::*;
    let (i31, i32, i63, i64) = (2147483648.0, 4294967296.0, 9223372036854775808.0, 18446744073709551616.0);
    match operator {
        F32Load { .. } => Meaning::Raw(Type::F32, Reason::Other),
        F64Load { .. } => Meaning::Raw(Type::F64, Reason::Other),
        F32ReinterpretI32 => Meaning::Raw(Type::F32, Reason::Other),
        F64ReinterpretI64 => Meaning::Raw(Type::F64, Reason::Other),
        F32ConvertI32S => Meaning::Converted(Type::F32, whole(-i31, i31)),
        F32ConvertI32U => Meaning::Converted(Type::F32, whole(0.0, i32)),
        F32ConvertI64S => Meaning::Converted(Type::F32, whole(-i63, i63)),
        F32ConvertI64U => Meaning::Converted(Type::F32, whole(0.0, i64)),
        F64ConvertI32S => Meaning::Converted(Type::F64, whole(-i31, i31 - 1.0)),
        F64ConvertI32U => Meaning::Converted(Type::F64, whole(0.0, i32 - 1.0)),
        F64ConvertI64S => Meaning::Converted(Type::F64, whole(-i63, i63)),
        F64ConvertI64U => Meaning::Converted(Type::F64, whole(0.0, i64)),
        F32Add => Meaning::Arithmetic(Add, Type::F32),
        F32Sub => Meaning::Arithmetic(Sub, Type::F32),
        F32Mul => Meaning::Arithmetic(Mul, Type::F32),
        F32Div => Meaning::Arithmetic(Div, Type::F32),
        F32Min => Meaning::Arithmetic(Min, Type::F32),
        F32Max => Meaning::Arithmetic(Max, Type::F32),
        F32Sqrt => Meaning::Arithmetic(Sqrt, Type::F32),
        F32Ceil => Meaning::Arithmetic(Ceil, Type::F32),
        F32Floor => Meaning::Arithmetic(Floor, Type::F32),
        F32Trunc => Meaning::Arithmetic(Trunc, Type::F32),
        F32Nearest => Meaning::Arithmetic(Nearest, Type::F32),
        F32DemoteF64 => Meaning::Arithmetic(Convert, Type::F32),
        F64Add => Meaning::Arithmetic(Add, Type::F64),
        F64Sub => Meaning::Arithmetic(Sub, Type::F64),
        F64Mul => Meaning::Arithmetic(Mul, Type::F64),
        F64Div => Meaning::Arithmetic(Div, Type::F64),
        F64Min => Meaning::Arithmetic(Min, Type::F64),
        F64Max => Meaning::Arithmetic(Max, Type::F64),
        F64Sqrt => Meaning::Arithmetic(Sqrt, Type::F64),
        F64Ceil => Meaning::Arithmetic(Ceil, Type::F64),
        F64Floor => Meaning::Arithmetic(Floor, Type::F64),
        F64Trunc => Meaning::Arithmetic(Trunc, Type::F64),
        F64Nearest => Meaning::Arithmetic(Nearest, Type::F64),
        F64PromoteF32 => Meaning::Arithmetic(Convert, Type::F64),
        F32Neg => Meaning::Neg(Type::F32, Shape::Scalar),
        F64Neg => Meaning::Neg(Type::F64, Shape::Scalar),
        F32Abs => Meaning::Abs(Type::F32, Shape::Scalar),
        F64Abs => Meaning::Abs(Type::F64, Shape::Scalar),
        F32Copysign => Meaning::Copysign(Type::F32),
        F64Copysign => Meaning::Copysign(Type::F64),
        F32Eq | F64Eq | F32Le | F32Ge | F64Le | F64Ge => Meaning::Comparison { never: true },
        F32Ne | F64Ne => Meaning::Comparison { never: false },
        F32Lt | F32Gt | F64Lt | F64Gt | I32TruncF32S | I32TruncF32U | I32TruncF64S | I32TruncF64U | I64TruncF32S
        | I64TruncF32U | I64TruncF64S | I64TruncF64U | I32TruncSatF32S | I32TruncSatF32U | I32TruncSatF64S
        | I32TruncSatF64U | I64TruncSatF32S | I64TruncSatF32U | I64TruncSatF64S | I64TruncSatF64U => {
            Meaning::Ignores(Shape::Scalar, Gives::Other)
        }
        F32Store { .. }
        | F64Store { .. }
        | V128Store { .. }
        | V128Store8Lane { .. }
        | V128Store16Lane { .. }
        | V128Store32Lane { .. }
        | V128Store64Lane { .. } => Meaning::Sees(Reason::Store),
        I32ReinterpretF32 | I64ReinterpretF64 => Meaning::Sees(Reason::Reinterpret),
        GlobalSet { .. } => Meaning::Sees(Reason::Global),
        StructSet { .. } | ArraySet { .. } | ArrayNew { .. } | ArrayFill { .. } => Meaning::Sees(Reason::Heap),
        F32x4Splat => Meaning::Splat(F32X4),
        F64x2Splat => Meaning::Splat(F64X2),
        F32x4ExtractLane { .. } => Meaning::Extract(Type::F32, F32X4),
        F64x2ExtractLane { .. } => Meaning::Extract(Type::F64, F64X2),
        F32x4ReplaceLane { .. } => Meaning::Replace(F32X4),
        F64x2ReplaceLane { .. } => Meaning::Replace(F64X2),
        F32x4Add | F32x4Sub | F32x4Mul | F32x4Div | F32x4Min | F32x4Max | F32x4Sqrt | F32x4Ceil | F32x4Floor
        | F32x4Trunc | F32x4Nearest => Meaning::Vector { from: F32X4, to: F32X4 },
        F64x2Add | F64x2Sub | F64x2Mul | F64x2Div | F64x2Min | F64x2Max | F64x2Sqrt | F64x2Ceil | F64x2Floor
        | F64x2Trunc | F64x2Nearest => Meaning::Vector { from: F64X2, to: F64X2 },
        F32x4DemoteF64x2Zero => Meaning::Vector { from: F64X2, to: F32X4 },
        F64x2PromoteLowF32x4 => Meaning::Vector { from: F32X4, to: F64X2 },
        F32x4ConvertI32x4S | F32x4ConvertI32x4U => Meaning::ConvertedLanes(F32X4),
        F64x2ConvertLowI32x4S | F64x2ConvertLowI32x4U => Meaning::ConvertedLanes(F64X2),
        F32x4Neg => Meaning::Neg(Type::V128, F32X4),
        F64x2Neg => Meaning::Neg(Type::V128, F64X2),
        F32x4Abs => Meaning::Abs(Type::V128, F32X4),
        F64x2Abs => Meaning::Abs(Type::V128, F64X2),
        F32x4PMin | F32x4PMax => Meaning::EitherLanes(F32X4),
        F64x2PMin | F64x2PMax => Meaning::EitherLanes(F64X2),
        F32x4Eq => Meaning::LaneEquality(F32X4),
        F64x2Eq => Meaning::LaneEquality(F64X2),
        F32x4Ne | F32x4Lt | F32x4Gt | F32x4Le | F32x4Ge | I32x4TruncSatF32x4S | I32x4TruncSatF32x4U => {
            Meaning::Ignores(F32X4, Gives::Vector)
        }
        F64x2Ne | F64x2Lt | F64x2Gt | F64x2Le | F64x2Ge | I32x4TruncSatF64x2SZero | I32x4TruncSatF64x2UZero => {
            Meaning::Ignores(F64X2, Gives::Vector)
        }
        V128Bitselect => Meaning::Bitselect,
        other if !is_simd(other) => Meaning::Sees(Reason::Other),
        other if is_vector_with_scalar_result(other) => Meaning::Sees(Reason::Lanes),
        _ => Meaning::SeesLanes,
    }
}

fn is_simd(operator: &Operator<'_>) -> bool {
    macro_rules! is_simd {
        (simd) => {
            true
        };
        (relaxed_simd) => {
            true
        };
        ($other:ident) => {
            false
        };
    }
    macro_rules! proposals {
        ($(@$proposal:ident $name:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match operator {
                $(Operator::$name { .. } => is_simd!($proposal),)*
                _ => false,
            }
        };
    }
    wasmparser::for_each_operator!(proposals)
}

fn is_vector_with_scalar_result(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        I8x16ExtractLaneS { .. }
            | I8x16ExtractLaneU { .. }
            | I16x8ExtractLaneS { .. }
            | I16x8ExtractLaneU { .. }
            | I32x4ExtractLane { .. }
            | I64x2ExtractLane { .. }
            | V128AnyTrue
            | I8x16AllTrue
            | I16x8AllTrue
            | I32x4AllTrue
            | I64x2AllTrue
            | I8x16Bitmask
            | I16x8Bitmask
            | I32x4Bitmask
            | I64x2Bitmask
    )
}
