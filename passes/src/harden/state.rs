//! What is known of a value: the lattice of states.
//!
//! Every value and its counterpart in the deterministic execution are equal, or both are a NaN (of a v128: lane by
//! lane). A state says more. It is *exact* if both are equal bit for bit.

use super::range::{Arithmetic, Range};
use crate::harden::graph::Type;

/// Which lanes of a value may hold a NaN that arithmetic made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The value is a scalar.
    Scalar,
    /// Four `f32`.
    F32x4,
    /// Two `f64`.
    F64x2,
    /// Both shapes at once: of a vector without a NaN in either, or of one of which nothing is known.
    Both,
}

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    /// No execution comes here.
    Bottom,
    /// A scalar that is never a NaN.
    Never(Range),
    /// Exact, and a NaN in it is the positive canonical one.
    Canon(Shape),
    /// Exact bits of any kind, which must be kept.
    Raw,
    /// A NaN in it came from arithmetic: it ought to be the positive canonical one and may be any.
    Made(Shape),
    /// A NaN in it may be any, and which one it ought to be cannot be told.
    Mixed(Shape),
}

impl State {
    /// Whether the bits are those of the deterministic execution.
    pub(super) fn is_exact(self) -> bool {
        !matches!(self, State::Made(_) | State::Mixed(_))
    }

    /// What a guard makes of it.
    pub(super) fn guarded(self) -> State {
        match self {
            State::Made(shape) => State::Canon(shape),
            other => other,
        }
    }

    /// Whether a use that does not care for NaN bits of this shape may have it.
    pub(super) fn is_fit_for(self, tolerated: Option<Shape>) -> bool {
        match self {
            State::Made(shape) | State::Mixed(shape) => tolerated == Some(shape),
            _ => true,
        }
    }

    pub(super) fn join(self, other: State) -> State {
        use State::*;
        match (self, other) {
            (Bottom, state) | (state, Bottom) => state,
            (Never(a), Never(b)) => Never(a.hull(b)),
            (Never(_), Canon(_)) | (Canon(_), Never(_)) => Canon(Shape::Scalar),
            (Canon(a), Canon(b)) if a == b => Canon(a),
            (Canon(Shape::Both), Canon(shape)) | (Canon(shape), Canon(Shape::Both)) => Canon(shape),
            (Never(_) | Canon(_) | Raw, Never(_) | Canon(_) | Raw) => Raw,
            (Made(a), Made(b)) if a == b => Made(a),
            (Never(_), Made(shape)) | (Made(shape), Never(_)) => Made(shape),
            (Canon(exact), Made(shape)) | (Made(shape), Canon(exact)) if exact == shape || exact == Shape::Both => {
                Made(shape)
            }
            (Made(a) | Mixed(a), Made(b) | Mixed(b)) if a != b => Mixed(Shape::Both),
            (Made(shape) | Mixed(shape), _) | (_, Made(shape) | Mixed(shape)) => Mixed(shape),
        }
    }

    /// As what lanes of this shape are taken from: what is known of other lanes no longer holds of the result.
    pub(super) fn in_lanes(self, shape: Shape) -> State {
        match self {
            State::Canon(Shape::Both) => State::Canon(shape),
            State::Canon(canon) if canon != shape => State::Raw,
            State::Made(other) | State::Mixed(other) if other != shape => State::Mixed(Shape::Both),
            state => state,
        }
    }

    /// Of `neg` of lanes of this shape.
    pub(super) fn negated(self, shape: Shape) -> State {
        match self.in_lanes(shape) {
            State::Never(range) => State::Never(range.negated()),
            State::Canon(_) => State::Raw,
            State::Made(shape) => State::Mixed(shape),
            other => other,
        }
    }

    /// Of `abs` of lanes of this shape.
    pub(super) fn absolute(self, shape: Shape) -> State {
        match self.in_lanes(shape) {
            State::Never(range) => State::Never(range.absolute()),
            other => other,
        }
    }

    pub(super) fn copysign(self) -> State {
        match self {
            State::Never(range) => {
                let high = range.absolute().high;
                State::Never(Range::new(-high, high))
            }
            State::Bottom => State::Bottom,
            _ => State::Raw,
        }
    }

    /// Of arithmetic on scalars.
    pub(super) fn arithmetic(operator: Arithmetic, ty: Type, left: State, right: State, same: bool) -> State {
        match (left, right) {
            (State::Bottom, _) | (_, State::Bottom) => State::Bottom,
            (State::Never(left), State::Never(right)) => match super::range::of(operator, ty, left, right, same) {
                Some(range) => State::Never(range),
                None => State::Made(Shape::Scalar),
            },
            _ => State::Made(Shape::Scalar),
        }
    }

    /// Of a vector whose lanes of this shape are such a scalar.
    pub(super) fn lifted(self, shape: Shape) -> State {
        match self {
            State::Never(_) | State::Canon(_) => State::Canon(shape),
            State::Made(_) => State::Made(shape),
            State::Mixed(_) => State::Mixed(shape),
            other => other,
        }
    }

    /// Of a lane of this shape.
    pub(super) fn lane(self, shape: Shape) -> State {
        match self {
            State::Canon(canon) if canon == shape || canon == Shape::Both => State::Canon(Shape::Scalar),
            State::Made(made) if made == shape => State::Made(Shape::Scalar),
            State::Made(_) | State::Mixed(_) => State::Mixed(Shape::Scalar),
            State::Bottom => State::Bottom,
            _ => State::Raw,
        }
    }

    /// Of a constant of this type.
    pub(super) fn of_constant(ty: Type, bits: u128) -> State {
        match ty {
            Type::F32 => {
                let value = f32::from_bits(bits as u32);
                scalar(f64::from(value), bits == u128::from(NAN32))
            }
            Type::F64 => scalar(f64::from_bits(bits as u64), bits == u128::from(NAN64)),
            Type::V128 => {
                let bytes = bits.to_le_bytes();
                let words = |size: usize| bytes.chunks_exact(size);
                let word = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
                let narrow = words(4).map(word).all(|w| w == u64::from(NAN32) || !f32::from_bits(w as u32).is_nan());
                let wide = words(8).map(word).all(|w| w == NAN64 || !f64::from_bits(w).is_nan());
                match (narrow, wide) {
                    (true, true) => State::Canon(Shape::Both),
                    (true, false) => State::Canon(Shape::F32x4),
                    (false, true) => State::Canon(Shape::F64x2),
                    (false, false) => State::Raw,
                }
            }
        }
    }
}

fn scalar(value: f64, canonical: bool) -> State {
    match (value.is_nan(), canonical) {
        (false, _) => State::Never(Range::new(value, value)),
        (true, true) => State::Canon(Shape::Scalar),
        (true, false) => State::Raw,
    }
}

/// The positive canonical NaN of 32 bits.
pub(super) const NAN32: u32 = 0x7fc0_0000;
/// The positive canonical NaN of 64 bits.
pub(super) const NAN64: u64 = 0x7ff8_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<State> {
        let mut all = vec![State::Bottom, State::Raw];
        for shape in [Shape::Scalar, Shape::F32x4, Shape::F64x2, Shape::Both] {
            all.extend([State::Canon(shape), State::Made(shape), State::Mixed(shape)]);
        }
        all
    }

    /// States of one type only ever meet each other.
    fn vectors() -> Vec<State> {
        let scalar = |state: &State| {
            matches!(state, State::Canon(Shape::Scalar) | State::Made(Shape::Scalar) | State::Mixed(Shape::Scalar))
        };
        all().into_iter().filter(|state| !scalar(state)).collect()
    }

    #[test]
    fn joins_are_commutative_associative_and_idempotent() {
        let scalars = vec![State::Bottom, State::Raw, State::Canon(Shape::Scalar), State::Made(Shape::Scalar)];
        for states in [vectors(), scalars] {
            for &a in &states {
                assert_eq!(a.join(a), a);
                for &b in &states {
                    assert_eq!(a.join(b), b.join(a), "{a:?} {b:?}");
                    for &c in &states {
                        assert_eq!(a.join(b).join(c), a.join(b.join(c)), "{a:?} {b:?} {c:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_inexact_part_makes_the_whole_inexact() {
        for a in all() {
            for b in all() {
                assert!(!a.join(b).is_exact() || a.is_exact() && b.is_exact(), "{a:?} {b:?}");
            }
        }
    }
}
