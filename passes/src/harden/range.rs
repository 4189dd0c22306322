//! Facts about floats that are never a NaN: intervals of extended reals, and what arithmetic makes of them.
//!
//! Both kinds of zero are the same bound. All bounds are computed with the very rounding of the operator at hand:
//! every operator here rounds to nearest and is monotone, so the rounded bounds bound the rounded results. An `f32`
//! result is computed in `f64` and rounded once more, which for one operation is the same as rounding once.

use super::graph::Type;

/// The operators that may make a NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Sqrt,
    Ceil,
    Floor,
    Trunc,
    Nearest,
    /// Promotion and demotion.
    Convert,
}

/// All values from `low` to `high`, infinities included; never a NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
}

impl Range {
    pub(super) const ALL: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// A range, everything if a bound is a NaN.
    pub(super) fn new(low: f64, high: f64) -> Range {
        if low <= high { Range { low, high } } else { Range::ALL }
    }

    pub(super) fn hull(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// `next` contains `self`; a bound that moved goes on to 0 or, past it, to infinity.
    pub(super) fn widen(self, next: Range) -> Range {
        let low = match next.low {
            low if low >= self.low => low,
            low if low >= 0.0 => 0.0,
            _ => f64::NEG_INFINITY,
        };
        let high = match next.high {
            high if high <= self.high => high,
            high if high <= 0.0 => 0.0,
            _ => f64::INFINITY,
        };
        Range { low, high }
    }

    pub(super) fn negated(self) -> Range {
        Range { low: -self.high, high: -self.low }
    }

    pub(super) fn absolute(self) -> Range {
        let high = self.high.max(-self.low);
        let low = if self.has_zero() { 0.0 } else { self.low.abs().min(self.high.abs()) };
        Range { low, high }
    }

    fn has_zero(self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    fn has_infinity(self) -> bool {
        self.low == f64::NEG_INFINITY || self.high == f64::INFINITY
    }

    /// The smallest range around results at the corners.
    fn around(corners: [f64; 4]) -> Range {
        if corners.iter().any(|corner| corner.is_nan()) {
            return Range::ALL;
        }
        let [a, b, c, d] = corners;
        Range { low: a.min(b).min(c.min(d)), high: a.max(b).max(c.max(d)) }
    }
}

/// The range of a result, if it is never a NaN. `right` is `left` for operators with one operand; `same` says that
/// both operands are one and the same value.
pub(super) fn of(operator: Arithmetic, ty: Type, left: Range, right: Range, same: bool) -> Option<Range> {
    let exact = match operator {
        Arithmetic::Add => sum(left, right)?,
        Arithmetic::Sub => sum(left, right.negated())?,
        Arithmetic::Mul if same => {
            let Range { low, high } = left.absolute();
            Range { low: low * low, high: high * high }
        }
        Arithmetic::Mul => product(left, right)?,
        Arithmetic::Div => quotient(left, right)?,
        Arithmetic::Min => Range { low: left.low.min(right.low), high: left.high.min(right.high) },
        Arithmetic::Max => Range { low: left.low.max(right.low), high: left.high.max(right.high) },
        Arithmetic::Sqrt if left.low >= 0.0 => Range { low: left.low.sqrt(), high: left.high.sqrt() },
        Arithmetic::Sqrt => return None,
        Arithmetic::Ceil => Range { low: left.low.ceil(), high: left.high.ceil() },
        Arithmetic::Floor => Range { low: left.low.floor(), high: left.high.floor() },
        Arithmetic::Trunc => Range { low: left.low.trunc(), high: left.high.trunc() },
        Arithmetic::Nearest => Range { low: left.low.round_ties_even(), high: left.high.round_ties_even() },
        Arithmetic::Convert => left,
    };
    Some(match ty {
        Type::F32 => Range::new(f64::from(exact.low as f32), f64::from(exact.high as f32)),
        _ => Range::new(exact.low, exact.high),
    })
}

/// A NaN comes of opposite infinities only.
fn sum(left: Range, right: Range) -> Option<Range> {
    let opposite = |a: Range, b: Range| a.high == f64::INFINITY && b.low == f64::NEG_INFINITY;
    if opposite(left, right) || opposite(right, left) {
        return None;
    }
    Some(Range::new(left.low + right.low, left.high + right.high))
}

/// A NaN comes of zero times infinity only.
fn product(left: Range, right: Range) -> Option<Range> {
    let bad = |a: Range, b: Range| a.has_zero() && b.has_infinity();
    if bad(left, right) || bad(right, left) {
        return None;
    }
    let corner = |a: f64, b: f64| a * b;
    Some(Range::around([
        corner(left.low, right.low),
        corner(left.low, right.high),
        corner(left.high, right.low),
        corner(left.high, right.high),
    ]))
}

/// A NaN comes of 0/0 and of infinity by infinity only.
fn quotient(left: Range, right: Range) -> Option<Range> {
    if left.has_zero() && right.has_zero() || left.has_infinity() && right.has_infinity() {
        return None;
    }
    if right.has_zero() {
        // A zero of either sign may give an infinity of either sign.
        return Some(Range::ALL);
    }
    let corner = |a: f64, b: f64| a / b;
    Some(Range::around([
        corner(left.low, right.low),
        corner(left.low, right.high),
        corner(left.high, right.low),
        corner(left.high, right.high),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERESTING: [f64; 13] = [
        f64::NEG_INFINITY,
        f64::MIN,
        -2.5,
        -1.0,
        -f64::MIN_POSITIVE,
        -0.0,
        0.0,
        f64::MIN_POSITIVE,
        0.5,
        1.0,
        3.0,
        f64::MAX,
        f64::INFINITY,
    ];
    const BINARY: [Arithmetic; 6] =
        [Arithmetic::Add, Arithmetic::Sub, Arithmetic::Mul, Arithmetic::Div, Arithmetic::Min, Arithmetic::Max];

    fn compute(operator: Arithmetic, a: f64, b: f64) -> f64 {
        match operator {
            Arithmetic::Add => a + b,
            Arithmetic::Sub => a - b,
            Arithmetic::Mul => a * b,
            Arithmetic::Div => a / b,
            Arithmetic::Min => a.min(b),
            Arithmetic::Max => a.max(b),
            Arithmetic::Sqrt => a.sqrt(),
            Arithmetic::Ceil => a.ceil(),
            Arithmetic::Floor => a.floor(),
            Arithmetic::Trunc => a.trunc(),
            Arithmetic::Nearest => a.round_ties_even(),
            Arithmetic::Convert => a,
        }
    }

    fn ranges() -> Vec<Range> {
        let pairs = INTERESTING.iter().flat_map(|&low| INTERESTING.iter().map(move |&high| (low, high)));
        pairs.filter(|(low, high)| low <= high).map(|(low, high)| Range { low, high }).collect()
    }

    fn members(range: Range) -> impl Iterator<Item = f64> {
        INTERESTING.into_iter().filter(move |&v| range.low <= v && v <= range.high)
    }

    #[test]
    fn results_of_members_are_in_the_range_and_never_a_nan() {
        for operator in BINARY {
            for left in ranges() {
                for right in ranges() {
                    let Some(range) = of(operator, Type::F64, left, right, false) else { continue };
                    for a in members(left) {
                        for b in members(right) {
                            let result = compute(operator, a, b);
                            assert!(range.low <= result && result <= range.high, "{operator:?} {a} {b} {range:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn results_of_one_operand_are_in_the_range_in_both_widths() {
        use Arithmetic::*;
        for operator in [Sqrt, Ceil, Floor, Trunc, Nearest, Convert] {
            for left in ranges() {
                let (wide, narrow) =
                    (of(operator, Type::F64, left, left, false), of(operator, Type::F32, left, left, false));
                for a in members(left) {
                    let result = compute(operator, a, a);
                    let single = f64::from(result as f32);
                    assert!(wide.is_none_or(|range| range.low <= result && result <= range.high), "{operator:?} {a}");
                    assert!(narrow.is_none_or(|range| range.low <= single && single <= range.high), "{operator:?} {a}");
                }
            }
        }
    }

    #[test]
    fn a_square_of_anything_but_a_nan_is_not_negative() {
        for left in ranges() {
            let range = of(Arithmetic::Mul, Type::F64, left, left, true).unwrap();
            assert!(range.low >= 0.0);
            members(left).for_each(|a| assert!(range.low <= a * a && a * a <= range.high));
        }
    }
}
