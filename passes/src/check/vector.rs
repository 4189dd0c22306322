//! The operators on vectors of floats: as the scalar ones in each lane, as long as all divide the vector alike.

use super::flow::Value;
use super::value::{self, Shape, State, Test};
use super::walk::Walk;
use Shape::{F32x4, F64x2, Scalar};
use wasmparser::Operator;

impl Walk<'_, '_> {
    /// Follows an operator on vectors of floats; `false` if it is another.
    pub fn vector(&mut self, operator: &Operator<'_>) -> bool {
        use Operator as O;
        match operator {
            O::F32x4Ceil | O::F32x4Floor | O::F32x4Trunc | O::F32x4Nearest | O::F32x4Sqrt => {
                self.makes(1, F32x4, F32x4, operator);
            }
            O::F64x2Ceil | O::F64x2Floor | O::F64x2Trunc | O::F64x2Nearest | O::F64x2Sqrt => {
                self.makes(1, F64x2, F64x2, operator);
            }
            O::F32x4Add | O::F32x4Sub | O::F32x4Mul | O::F32x4Div | O::F32x4Min | O::F32x4Max => {
                self.makes(2, F32x4, F32x4, operator);
            }
            O::F64x2Add | O::F64x2Sub | O::F64x2Mul | O::F64x2Div | O::F64x2Min | O::F64x2Max => {
                self.makes(2, F64x2, F64x2, operator);
            }
            O::F32x4DemoteF64x2Zero => self.makes(1, F64x2, F32x4, operator),
            O::F64x2PromoteLowF32x4 => self.makes(1, F32x4, F64x2, operator),
            O::F32x4PMin | O::F32x4PMax => self.picks(F32x4, operator),
            O::F64x2PMin | O::F64x2PMax => self.picks(F64x2, operator),
            O::F32x4Neg => self.moves(F32x4, operator, value::negate),
            O::F64x2Neg => self.moves(F64x2, operator, value::negate),
            O::F32x4Abs => self.moves(F32x4, operator, value::absolute),
            O::F64x2Abs => self.moves(F64x2, operator, value::absolute),
            O::F32x4Splat => self.splat(F32x4),
            O::F64x2Splat => self.splat(F64x2),
            O::F32x4ExtractLane { .. } => self.extract(F32x4, operator),
            O::F64x2ExtractLane { .. } => self.extract(F64x2, operator),
            O::F32x4ReplaceLane { .. } => self.replace(F32x4, operator),
            O::F64x2ReplaceLane { .. } => self.replace(F64x2, operator),
            O::F32x4Eq => self.compares(F32x4, Some(false), operator),
            O::F32x4Ne => self.compares(F32x4, Some(true), operator),
            O::F32x4Lt | O::F32x4Gt | O::F32x4Le | O::F32x4Ge => self.compares(F32x4, None, operator),
            O::F64x2Eq => self.compares(F64x2, Some(false), operator),
            O::F64x2Ne => self.compares(F64x2, Some(true), operator),
            O::F64x2Lt | O::F64x2Gt | O::F64x2Le | O::F64x2Ge => self.compares(F64x2, None, operator),
            O::I32x4TruncSatF32x4S | O::I32x4TruncSatF32x4U => self.truncates(F32x4, operator),
            O::I32x4TruncSatF64x2SZero | O::I32x4TruncSatF64x2UZero => self.truncates(F64x2, operator),
            O::V128Not => {
                let operand = self.machine.pop();
                let state = match operand.state {
                    State::Test(test) => State::Test(Test { holds_for_nan: !test.holds_for_nan, ..test }),
                    _ => {
                        self.observe(operand, operator);
                        State::Raw
                    }
                };
                self.machine.push(state);
            }
            O::V128Bitselect => self.bitselect(operator),
            _ => return false,
        }
        true
    }

    /// Takes a vector as one of this shape. One that is known in another shape only shows its bits.
    fn take(&mut self, shape: Shape, operator: &Operator<'_>) -> Value {
        let operand = self.machine.pop();
        let state = match operand.state {
            State::Bottom => State::Bottom,
            State::Made(other) | State::Mixed(other) if other == shape => operand.state,
            State::Made(_) | State::Mixed(_) | State::Unknown => {
                self.observe(operand, operator);
                State::Raw
            }
            State::Canon => State::Canon,
            State::Never(..) | State::Raw | State::Test(_) => State::Raw,
        };
        Value { state, ..operand }
    }

    fn makes(&mut self, operands: usize, from: Shape, to: Shape, operator: &Operator<'_>) {
        let mut bottom = false;
        for _ in 0..operands {
            bottom |= self.take(from, operator).state == State::Bottom;
        }
        self.machine.push(if bottom { State::Bottom } else { State::Made(to) });
    }

    fn moves(&mut self, shape: Shape, operator: &Operator<'_>, rule: fn(State) -> State) {
        let operand = self.take(shape, operator);
        // A vector without a NaN of any shape need not stay one when signs of one shape change.
        let state = if operand.state == State::Canon { State::Raw } else { rule(operand.state) };
        self.machine.push(state);
    }

    /// Each lane of the result is a lane of one of the operands, chosen by a comparison.
    fn picks(&mut self, shape: Shape, operator: &Operator<'_>) {
        let right = self.take(shape, operator);
        let left = self.take(shape, operator);
        self.machine.push(mixed_lanes(left.state, right.state));
    }

    fn splat(&mut self, shape: Shape) {
        let operand = self.machine.pop();
        self.machine.push(to_vector(shape, operand.state));
    }

    fn extract(&mut self, shape: Shape, operator: &Operator<'_>) {
        let operand = self.take(shape, operator);
        self.machine.push(match operand.state {
            State::Made(_) => State::Made(Scalar),
            State::Mixed(_) => State::Mixed(Scalar),
            state => state,
        });
    }

    fn replace(&mut self, shape: Shape, operator: &Operator<'_>) {
        let lane = self.machine.pop();
        let vector = self.take(shape, operator);
        self.machine.push(mixed_lanes(vector.state, to_vector(shape, lane.state)));
    }

    fn compares(&mut self, shape: Shape, holds_for_nan: Option<bool>, operator: &Operator<'_>) {
        let right = self.take(shape, operator);
        let left = self.take(shape, operator);
        self.machine.stack.extend([left, right]);
        self.compare(shape, holds_for_nan);
    }

    fn truncates(&mut self, shape: Shape, operator: &Operator<'_>) {
        self.take(shape, operator);
        self.machine.push(State::Raw);
    }

    /// Bits of the first where the mask has ones, of the second elsewhere. A mask that tells NaN lanes from others
    /// takes only such lanes of the tested vector as are no NaN.
    fn bitselect(&mut self, operator: &Operator<'_>) {
        let mask = self.machine.pop();
        let mut right = self.machine.pop();
        let mut left = self.machine.pop();
        if let State::Test(test) = mask.state {
            let chosen = if test.holds_for_nan { &mut right } else { &mut left };
            let same_shape = matches!(chosen.state, State::Made(shape) | State::Mixed(shape) if shape == test.shape);
            if chosen.id == test.id && same_shape {
                chosen.state = State::Raw;
            }
        }
        for value in [left, right, mask] {
            self.observe(value, operator);
        }
        self.machine.push(State::Raw);
    }
}

/// A scalar in every lane of a vector. The other lanes of a division are not known to be canonical.
fn to_vector(shape: Shape, lane: State) -> State {
    match lane {
        State::Bottom => State::Bottom,
        State::Made(_) => State::Made(shape),
        State::Mixed(_) => State::Mixed(shape),
        State::Unknown => State::Mixed(shape),
        State::Never(..) | State::Canon | State::Raw | State::Test(_) => State::Raw,
    }
}

/// A vector whose lanes come from two.
fn mixed_lanes(left: State, right: State) -> State {
    match left.join(right) {
        // Lanes of two vectors side by side may be a NaN in a wider shape.
        State::Canon => State::Raw,
        joined => joined,
    }
}
