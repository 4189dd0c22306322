//! The operators that compute: floats by rule, all else observes its operands and gives exact results.

use super::flow::{NOWHERE, Value};
use super::value::{self, Binary, Shape, State, Test, Unary, Width};
use super::walk::Walk;
use crate::{FuncId, TagId, TypeId};
use Width::{W32, W64};
use wasmparser::{BlockType, ContType, FrameKind, FuncType, ModuleArity, Operator, RefType, SubType};

impl Walk<'_, '_> {
    /// Follows an operator that is not control and no call; `None` if it is not understood.
    pub fn compute(&mut self, operator: &Operator<'_>) -> Option<()> {
        use Operator as O;
        const TWO31: f64 = 2_147_483_648.0;
        const TWO63: f64 = 9_223_372_036_854_775_808.0;
        match operator {
            O::F32Const { value } => self.machine.push(value::constant32(value.bits())),
            O::F64Const { value } => self.machine.push(value::constant64(value.bits())),
            O::V128Const { value } => self.machine.push(value::constant128(value.bytes())),
            O::Drop => drop(self.machine.pop()),
            O::Nop => {}
            O::Select | O::TypedSelect { .. } => self.select(),
            O::GlobalGet { global_index } => {
                let state = self.facts.globals.get(*global_index as usize).copied().unwrap_or(State::Unknown);
                self.machine.push(state);
            }
            O::I32Eqz => {
                let state = match self.machine.pop().state {
                    State::Test(test) => State::Test(Test { holds_for_nan: !test.holds_for_nan, ..test }),
                    _ => State::Raw,
                };
                self.machine.push(state);
            }
            // A number equals itself, and is not less than itself.
            O::F32Eq | O::F64Eq | O::F32Le | O::F64Le | O::F32Ge | O::F64Ge => {
                self.compare(Shape::Scalar, Some(false));
            }
            O::F32Ne | O::F64Ne => self.compare(Shape::Scalar, Some(true)),
            O::F32Lt | O::F32Gt | O::F64Lt | O::F64Gt => self.compare(Shape::Scalar, None),
            O::I32TruncF32S
            | O::I32TruncF32U
            | O::I32TruncF64S
            | O::I32TruncF64U
            | O::I64TruncF32S
            | O::I64TruncF32U
            | O::I64TruncF64S
            | O::I64TruncF64U
            | O::I32TruncSatF32S
            | O::I32TruncSatF32U
            | O::I32TruncSatF64S
            | O::I32TruncSatF64U
            | O::I64TruncSatF32S
            | O::I64TruncSatF32U
            | O::I64TruncSatF64S
            | O::I64TruncSatF64U => {
                self.machine.pop();
                self.machine.push(State::Raw);
            }
            O::F32ConvertI32S => self.convert(W32, -TWO31, TWO31),
            O::F32ConvertI32U => self.convert(W32, 0.0, 2.0 * TWO31),
            O::F32ConvertI64S => self.convert(W32, -TWO63, TWO63),
            O::F32ConvertI64U => self.convert(W32, 0.0, 2.0 * TWO63),
            O::F64ConvertI32S => self.convert(W64, -TWO31, TWO31),
            O::F64ConvertI32U => self.convert(W64, 0.0, 2.0 * TWO31),
            O::F64ConvertI64S => self.convert(W64, -TWO63, TWO63),
            O::F64ConvertI64U => self.convert(W64, 0.0, 2.0 * TWO63),
            O::F32Add => self.binary(Binary::Add, W32),
            O::F32Sub => self.binary(Binary::Sub, W32),
            O::F32Mul => self.binary(Binary::Mul, W32),
            O::F32Div => self.binary(Binary::Div, W32),
            O::F32Min => self.binary(Binary::Min, W32),
            O::F32Max => self.binary(Binary::Max, W32),
            O::F64Add => self.binary(Binary::Add, W64),
            O::F64Sub => self.binary(Binary::Sub, W64),
            O::F64Mul => self.binary(Binary::Mul, W64),
            O::F64Div => self.binary(Binary::Div, W64),
            O::F64Min => self.binary(Binary::Min, W64),
            O::F64Max => self.binary(Binary::Max, W64),
            O::F32Ceil => self.unary(Unary::Ceil, W32),
            O::F32Floor => self.unary(Unary::Floor, W32),
            O::F32Trunc => self.unary(Unary::Trunc, W32),
            O::F32Nearest => self.unary(Unary::Nearest, W32),
            O::F32Sqrt => self.unary(Unary::Sqrt, W32),
            O::F64Ceil => self.unary(Unary::Ceil, W64),
            O::F64Floor => self.unary(Unary::Floor, W64),
            O::F64Trunc => self.unary(Unary::Trunc, W64),
            O::F64Nearest => self.unary(Unary::Nearest, W64),
            O::F64Sqrt => self.unary(Unary::Sqrt, W64),
            O::F64PromoteF32 => self.unary(Unary::Promote, W64),
            O::F32DemoteF64 => self.unary(Unary::Demote, W32),
            O::F32Neg | O::F64Neg => self.map(value::negate),
            O::F32Abs | O::F64Abs => self.map(value::absolute),
            O::F32Copysign | O::F64Copysign => {
                let sign = self.machine.pop();
                let magnitude = self.machine.pop();
                self.observe(magnitude, operator);
                self.observe(sign, operator);
                self.machine.push(value::copysign(magnitude.state));
            }
            _ if self.vector(operator) => {}
            _ => {
                let (operands, results) = operator.operator_arity(&Arity(self))?;
                self.observe_many(operands as usize, operator);
                (0..results).for_each(|_| self.machine.push(State::Raw));
            }
        }
        Some(())
    }

    fn map(&mut self, rule: impl Fn(State) -> State) {
        let operand = self.machine.pop();
        self.machine.push(rule(operand.state));
    }

    fn unary(&mut self, operator: Unary, width: Width) {
        self.map(|state| value::unary(operator, width, state));
    }

    fn binary(&mut self, operator: Binary, width: Width) {
        let right = self.machine.pop();
        let left = self.machine.pop();
        self.machine.push(value::binary(operator, width, left.state, right.state, left.id == right.id));
    }

    fn convert(&mut self, width: Width, low: f64, high: f64) {
        self.machine.pop();
        self.machine.push(value::converted(width, low, high));
    }

    /// A comparison; `holds_for_nan` says that of a value with itself it tells a NaN, and how.
    pub fn compare(&mut self, shape: Shape, holds_for_nan: Option<bool>) {
        let right = self.machine.pop();
        let left = self.machine.pop();
        let state = match holds_for_nan {
            Some(holds_for_nan) if left.id == right.id => {
                State::Test(Test { id: left.id, locals: [left.from, right.from], holds_for_nan, shape })
            }
            _ => State::Raw,
        };
        self.machine.push(state);
    }

    fn select(&mut self) {
        let test = self.condition();
        let mut right = self.machine.pop();
        let mut left = self.machine.pop();
        if let Some(test) = test {
            // The first operand is taken where the condition holds, the second where it does not.
            let chosen = if test.holds_for_nan { &mut right } else { &mut left };
            if chosen.id == test.id {
                chosen.state = chosen.state.not_nan();
            }
        }
        let state = left.state.join(right.state);
        match left.id == right.id {
            true => self.machine.stack.push(Value { state, from: NOWHERE, ..left }),
            false => self.machine.push(state),
        }
    }
}

/// The types of the module, for the number of operands that an operator takes.
struct Arity<'a, 'b, 'm>(&'a Walk<'b, 'm>);

impl ModuleArity for Arity<'_, '_, '_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.0.facts.module.types.get(TypeId(index))
    }

    fn tag_type_arity(&self, tag: u32) -> Option<(u32, u32)> {
        let TypeId(ty) = self.0.facts.module.tags.get(TagId(tag))?.ty;
        self.sub_type_arity(self.sub_type_at(ty)?)
    }

    fn type_index_of_function(&self, function: u32) -> Option<u32> {
        Some(self.0.facts.module.functions.get(FuncId(function))?.ty.0)
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        self.0.machine.frames.len() as u32
    }

    /// Labels are followed elsewhere.
    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}
