//! The abstract domain: what is known of one value, and how float operators carry it on.
//!
//! A state relates a value of the execution that runs to the same value in the deterministic execution, in
//! which every NaN that an operator makes is the positive canonical one: the two are equal, or both are a NaN
//! (of a vector: each of its lanes). The exact states say that they are equal bit for bit.

/// How the bits of a value are divided into floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Scalar,
    F32x4,
    F64x2,
}

/// A comparison of a value with itself, as a condition or a mask: it tells a NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    /// The value that was compared.
    pub id: u32,
    /// The locals that it was read from.
    pub locals: [u32; 2],
    /// Whether the test holds for a NaN (`ne`), or for anything else (`eq`).
    pub holds_for_nan: bool,
    pub shape: Shape,
}

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    /// There is no such value as far as is known yet.
    Bottom,
    /// Exact, and a number between these bounds.
    Never(f64, f64),
    /// Exact, and if it is a NaN then the positive canonical one. A vector: no lane of any shape is another NaN.
    Canon,
    /// Exact. All that is no float is this.
    Raw,
    /// Exact, and made by comparing a value with itself.
    Test(Test),
    /// In the deterministic execution a NaN in it is the canonical one; here it may have any bits.
    Made(Shape),
    /// A NaN here is a NaN there, and no more is known.
    Mixed(Shape),
    /// Nothing is known: a vector that was divided into floats in two ways.
    Unknown,
}

use State::{Bottom, Canon, Made, Mixed, Never, Raw, Unknown};

/// Any number.
pub(super) const NUMBER: State = Never(f64::NEG_INFINITY, f64::INFINITY);

impl State {
    /// Whether its bits are the same in every execution.
    pub fn is_exact(self) -> bool {
        !matches!(self, Made(_) | Mixed(_) | Unknown)
    }

    /// Without what a test says of another value, which may be gone.
    pub fn settled(self) -> State {
        match self {
            State::Test(_) => Raw,
            other => other,
        }
    }

    /// What is known of a value that is one or the other.
    pub fn join(self, other: State) -> State {
        match (self.settled(), other.settled()) {
            (Bottom, known) | (known, Bottom) => known,
            (Never(a, b), Never(c, d)) => Never(a.min(c), b.max(d)),
            (Never(..) | Canon, Never(..) | Canon) => Canon,
            (Made(s), Made(t)) if s == t => Made(s),
            (Made(s), Never(..) | Canon) | (Never(..) | Canon, Made(s)) => Made(s),
            (Made(s) | Mixed(s), Made(t) | Mixed(t)) if s == t => Mixed(s),
            (a, b) if a.is_exact() && b.is_exact() => Raw,
            (Made(s) | Mixed(s), exact) | (exact, Made(s) | Mixed(s)) if exact.is_exact() => Mixed(s),
            _ => Unknown,
        }
    }

    /// A bound that still moves goes to 0 if the value stays on that side, else to infinity.
    pub fn widen(self, wider: State) -> State {
        let (Never(a, b), Never(c, d)) = (self, wider) else { return wider };
        let low = match c < a {
            true if c >= 0.0 => 0.0,
            true => f64::NEG_INFINITY,
            false => c,
        };
        let high = match d > b {
            true if d <= 0.0 => 0.0,
            true => f64::INFINITY,
            false => d,
        };
        Never(low, high)
    }

    /// The same value where it is known to be no NaN. Both executions agree on that.
    pub fn not_nan(self) -> State {
        match self {
            Bottom | Never(..) => self,
            _ => NUMBER,
        }
    }
}

/// What is known of an `f32` constant.
pub(super) fn constant32(bits: u32) -> State {
    match f32::from_bits(bits) {
        value if !value.is_nan() => Never(f64::from(value), f64::from(value)),
        _ if bits == 0x7fc0_0000 => Canon,
        _ => Raw,
    }
}

/// What is known of an `f64` constant.
pub(super) fn constant64(bits: u64) -> State {
    match f64::from_bits(bits) {
        value if !value.is_nan() => Never(value, value),
        _ if bits == 0x7ff8_0000_0000_0000 => Canon,
        _ => Raw,
    }
}

/// What is known of a `v128` constant: one without any NaN, however it is divided, is as good as canonical.
pub(super) fn constant128(bytes: &[u8; 16]) -> State {
    let bits = u128::from_le_bytes(*bytes);
    let nan32 = (0..4).any(|lane| f32::from_bits((bits >> (32 * lane)) as u32).is_nan());
    let nan64 = (0..2).any(|lane| f64::from_bits((bits >> (64 * lane)) as u64).is_nan());
    if nan32 || nan64 { Raw } else { Canon }
}

/// The width of a scalar operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    W32,
    W64,
}

impl Width {
    /// A bound, rounded as results are. Rounding is monotone, and rounding an `f32` operation first to `f64` and
    /// then to `f32` gives the same as rounding once, so rounded bounds are bounds.
    fn round(self, bound: f64) -> f64 {
        match self {
            Width::W32 => f64::from(bound as f32),
            Width::W64 => bound,
        }
    }

    fn range(self, bounds: &[f64]) -> State {
        let low = bounds.iter().fold(f64::INFINITY, |low, &bound| low.min(self.round(bound)));
        let high = bounds.iter().fold(f64::NEG_INFINITY, |high, &bound| high.max(self.round(bound)));
        // A bound that is no number would bound nothing.
        if bounds.iter().any(|bound| bound.is_nan()) { Made(Shape::Scalar) } else { Never(low, high) }
    }
}

/// An arithmetic operator of one operand, or a conversion between floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Ceil,
    Floor,
    Trunc,
    Nearest,
    Sqrt,
    Promote,
    Demote,
}

/// An arithmetic operator of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

pub(super) fn unary(operator: Unary, width: Width, operand: State) -> State {
    let (low, high) = match operand {
        Bottom => return Bottom,
        Never(low, high) => (low, high),
        _ => return Made(Shape::Scalar),
    };
    let of = |f: fn(f64) -> f64| width.range(&[f(low), f(high)]);
    match operator {
        Unary::Ceil => of(f64::ceil),
        Unary::Floor => of(f64::floor),
        Unary::Trunc => of(f64::trunc),
        Unary::Nearest => of(f64::round_ties_even),
        // The root of -0 is -0, which is not less than 0.
        Unary::Sqrt if low >= 0.0 => of(f64::sqrt),
        Unary::Sqrt => Made(Shape::Scalar),
        Unary::Promote | Unary::Demote => of(|bound| bound),
    }
}

pub(super) fn binary(operator: Binary, width: Width, left: State, right: State, same: bool) -> State {
    let ((a, b), (c, d)) = match (left, right) {
        (Bottom, _) | (_, Bottom) => return Bottom,
        (Never(a, b), Never(c, d)) => ((a, b), (c, d)),
        _ => return Made(Shape::Scalar),
    };
    let infinite = |low: f64, high: f64| low == f64::NEG_INFINITY || high == f64::INFINITY;
    let zero = |low: f64, high: f64| low <= 0.0 && high >= 0.0;
    let opposite =
        |(a, b): (f64, f64), (c, d): (f64, f64)| (b == f64::INFINITY && c == -b) || (a == -f64::INFINITY && d == -a);
    match operator {
        Binary::Add if opposite((a, b), (c, d)) => Made(Shape::Scalar),
        Binary::Add => width.range(&[a + c, b + d]),
        Binary::Sub if opposite((a, b), (-d, -c)) => Made(Shape::Scalar),
        Binary::Sub => width.range(&[a - d, b - c]),
        // A square is no NaN whatever the number: 0 times 0 is 0, infinity times infinity is infinity.
        Binary::Mul if same && zero(a, b) => width.range(&[0.0, a * a, b * b]),
        Binary::Mul if same => width.range(&[a * a, b * b]),
        Binary::Mul if zero(a, b) && infinite(c, d) || infinite(a, b) && zero(c, d) => Made(Shape::Scalar),
        Binary::Mul => width.range(&[a * c, a * d, b * c, b * d]),
        Binary::Div if zero(a, b) && zero(c, d) || infinite(a, b) && infinite(c, d) => Made(Shape::Scalar),
        Binary::Div if zero(c, d) => NUMBER,
        Binary::Div => width.range(&[a / c, a / d, b / c, b / d]),
        Binary::Min => width.range(&[a.min(c), b.min(d)]),
        Binary::Max => width.range(&[a.max(c), b.max(d)]),
    }
}

/// `neg`: moves the sign of a NaN, so that a NaN that was made is not canonical in the deterministic execution.
pub(super) fn negate(operand: State) -> State {
    match operand {
        Never(low, high) => Never(-high, -low),
        Canon => Raw,
        Made(shape) => Mixed(shape),
        other => other.settled(),
    }
}

/// `abs`: a made NaN is positive in the deterministic execution already.
pub(super) fn absolute(operand: State) -> State {
    match operand {
        Never(low, high) if low <= 0.0 && high >= 0.0 => Never(0.0, high.max(-low)),
        Never(low, high) => Never(low.abs().min(high.abs()), low.abs().max(high.abs())),
        other => other.settled(),
    }
}

/// `copysign`, whose operands were observed.
pub(super) fn copysign(magnitude: State) -> State {
    match magnitude {
        Bottom => Bottom,
        Never(low, high) => {
            let most = low.abs().max(high.abs());
            Never(-most, most)
        }
        _ => Raw,
    }
}

/// An integer between these bounds, converted.
pub(super) fn converted(width: Width, low: f64, high: f64) -> State {
    width.range(&[low, high])
}
