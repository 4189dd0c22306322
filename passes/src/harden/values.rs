//! What operators that are not control do with the operand stack.

use super::build::{Builder, List, Port, of_operator};
use super::graph::{Kind, NONE, Node, Reason, Site, Type};
use super::operators::{Gives, Meaning, meaning};
use super::state::{Shape, State};
use super::walk::{Condition, Operand, Walk};
use crate::{Error, FuncId, Item, TypeId, op};
use wasmparser::{CompositeInnerType, FuncType, Operator, StorageType};

impl<'m> Walk<'_, 'm, '_> {
    /// Locals, globals, fields, constants, `select`, and calls that come back. `false` if the operator is none of them.
    pub(super) fn variable(&mut self, operator: &Operator<'_>) -> Result<bool, Error> {
        match operator {
            Operator::LocalGet { local_index } => match self.local_type(*local_index) {
                Some(ty) => {
                    let node = self.local(*local_index, ty);
                    self.push_at(node, 0);
                    self.note_local(*local_index);
                }
                None => self.push_other(),
            },
            Operator::LocalSet { local_index } => {
                let operand = self.pop();
                if let Some(ty) = self.local_type(*local_index) {
                    let operand = self.as_one_value(operand, ty);
                    self.assign(*local_index, ty, operand);
                }
            }
            Operator::LocalTee { local_index } => {
                if let Some(ty) = self.local_type(*local_index) {
                    let operand = self.pop();
                    let operand = self.as_one_value(operand, ty);
                    self.assign(*local_index, ty, operand);
                    self.push_at(operand.node, 0);
                    self.note_local(*local_index);
                }
            }
            Operator::GlobalGet { global_index } => match self.builder.global(*global_index) {
                Some((kind, ty)) => {
                    self.push_new(kind, ty, [NONE; 2]);
                }
                None => self.push_other(),
            },
            Operator::StructGet { struct_type_index, field_index } => {
                self.pop();
                let ty = field_type(self.builder, *struct_type_index, *field_index);
                self.push_raw(ty);
            }
            Operator::ArrayGet { array_type_index } => {
                self.pop();
                self.pop();
                let ty = field_type(self.builder, *array_type_index, 0);
                self.push_raw(ty);
            }
            Operator::StructNew { struct_type_index } => {
                let fields = match self.builder.module.types.get(TypeId(*struct_type_index)) {
                    Some(ty) => match &ty.composite_type.inner {
                        CompositeInnerType::Struct(ty) => ty.fields.len(),
                        _ => 0,
                    },
                    None => 0,
                };
                self.observe_all(fields, Reason::Heap);
                self.push_other();
            }
            Operator::ArrayNewFixed { array_size, .. } => {
                self.observe_all(*array_size as usize, Reason::Heap);
                self.push_other();
            }
            Operator::Select | Operator::TypedSelect { .. } => self.select(1),
            Operator::TypedSelectMulti { tys } => self.select(tys.len()),
            Operator::Call { function_index } => self.call(*function_index),
            Operator::CallIndirect { type_index, .. } => {
                self.pop();
                let ty = self.builder.module.types.function(TypeId(*type_index));
                self.unknown_call(ty, Reason::IndirectCall);
            }
            Operator::CallRef { type_index } => {
                self.pop();
                let ty = self.builder.module.types.function(TypeId(*type_index));
                self.unknown_call(ty, Reason::IndirectCall);
            }
            Operator::I32Eqz => {
                let operand = self.pop();
                self.push_other();
                if let Some(condition) = self.condition(operand) {
                    self.note_condition(Condition { never_if: !condition.never_if, ..condition });
                }
            }
            Operator::F32Const { .. } | Operator::F64Const { .. } | Operator::V128Const { .. } => {
                let Some((ty, bits)) = of_operator(operator) else { return Ok(false) };
                self.push_new(Kind::Constant(State::of_constant(ty, bits)), ty, [NONE; 2]);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The value that a branch carried this time, rather than anything that branches carry.
    fn as_one_value(&mut self, operand: Operand, ty: Type) -> Operand {
        if self.builder.graph.is_one_value(operand.node) {
            return operand;
        }
        let node = self.value(Kind::Join, ty, [NONE; 2]);
        self.edge(operand, node);
        Operand { node, ..operand }
    }

    /// Operators that take and give what their name says.
    pub(super) fn plain(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        let Some((pops, pushes)) = op::arity(operator) else {
            let name = super::refuse::name(operator);
            return Err(Error::internal(format!("hardening met the operation `{name}`, which it should have refused")));
        };
        self.spend(1);
        let base = self.stack.len().saturating_sub(pops as usize);
        let operands: [Operand; 2] = match self.stack.get(base..) {
            Some([a, b, ..]) => [*a, *b],
            Some([a]) => [*a, *a],
            _ => [Operand { node: NONE, position: 0, below: 0, local: NONE, version: 0, condition: NONE }; 2],
        };
        let [a, b] = operands;
        // Whatever takes no float and gives none is done with quickly.
        let meaning = meaning(operator);
        match meaning {
            Meaning::Raw(ty, reason) => {
                self.observe_all(pops as usize, reason);
                self.push_raw(Some(ty));
            }
            Meaning::Converted(ty, range) => {
                self.pop();
                self.push_new(Kind::Converted(State::Never(range)), ty, [NONE; 2]);
            }
            Meaning::Arithmetic(arithmetic, ty) => {
                self.stack.truncate(base);
                self.push_new(Kind::Arithmetic(arithmetic), ty, [a.node, b.node]);
            }
            Meaning::Copysign(ty) => {
                self.observe(a, Reason::Copysign, None);
                self.observe(b, Reason::Copysign, None);
                self.stack.truncate(base);
                self.push_new(Kind::Copysign, ty, [a.node, b.node]);
            }
            Meaning::Neg(ty, shape) => self.moved(1, Kind::Neg(shape), ty, shape),
            Meaning::Abs(ty, shape) => self.moved(1, Kind::Abs(shape), ty, shape),
            Meaning::EitherLanes(shape) => self.moved(2, Kind::Lanes(shape), Type::V128, shape),
            Meaning::Replace(shape) => self.replace(shape),
            Meaning::Splat(shape) => self.moved(1, Kind::Splat(shape), Type::V128, Shape::Scalar),
            Meaning::Extract(ty, shape) => self.moved(1, Kind::Extract(shape), ty, shape),
            Meaning::Vector { from, to } => {
                self.observe_with(pops as usize, Reason::Lanes, Some(from));
                self.push_new(Kind::Vector(to), Type::V128, [NONE; 2]);
            }
            Meaning::ConvertedLanes(shape) => {
                self.observe_all(pops as usize, Reason::Lanes);
                self.push_new(Kind::Converted(State::Canon(shape)), Type::V128, [NONE; 2]);
            }
            Meaning::Comparison { never } => {
                self.stack.truncate(base);
                self.push_other();
                self.note_comparison(a, b, never, Shape::Scalar);
            }
            Meaning::LaneEquality(shape) => {
                self.observe_with(2, Reason::Lanes, Some(shape));
                self.push_raw(Some(Type::V128));
                self.note_comparison(a, b, true, shape);
            }
            Meaning::Bitselect => self.bitselect(),
            Meaning::Ignores(shape, gives) => {
                match shape {
                    Shape::Scalar => self.stack.truncate(base),
                    shape => self.observe_with(pops as usize, Reason::Lanes, Some(shape)),
                }
                match gives {
                    Gives::Other => self.push_other(),
                    Gives::Vector => self.push_raw(Some(Type::V128)),
                }
            }
            Meaning::SeesLanes => {
                self.observe_all(pops as usize, Reason::Lanes);
                (0..pushes).for_each(|_| self.push_raw(Some(Type::V128)));
            }
            Meaning::Sees(_) if matches!(operator, Operator::Drop) => {
                self.pop();
            }
            Meaning::Sees(reason) => {
                self.observe_all(pops as usize, reason);
                (0..pushes).rev().for_each(|below| self.push_at(NONE, below));
            }
        }
        Ok(())
    }

    /// Takes operands whose bits are seen.
    pub(super) fn observe_all(&mut self, count: usize, reason: Reason) {
        self.observe_with(count, reason, None);
    }

    fn observe_with(&mut self, count: usize, reason: Reason, tolerated: Option<Shape>) {
        for at in self.stack.len().saturating_sub(count)..self.stack.len() {
            if let Some(&operand) = self.stack.get(at) {
                self.observe(operand, reason, tolerated);
            }
        }
        self.stack.truncate(self.stack.len().saturating_sub(count));
    }

    /// Gives a value that is made of operands' values, without any arithmetic.
    fn moved(&mut self, count: usize, kind: Kind, ty: Type, tolerated: Shape) {
        let base = self.stack.len().saturating_sub(count);
        let operands = self.stack.split_off(base);
        let node = self.push_new(kind, ty, [NONE; 2]);
        for operand in operands {
            if tolerated != Shape::Scalar {
                self.observe(operand, Reason::Lanes, Some(tolerated));
            }
            self.edge(operand, node);
        }
    }

    fn replace(&mut self, shape: Shape) {
        let lane = self.pop();
        let vector = self.pop();
        self.observe(vector, Reason::Lanes, Some(shape));
        let node = self.push_new(Kind::Lanes(shape), Type::V128, [NONE; 2]);
        self.edge(vector, node);
        self.edge(lane, node);
    }

    fn push_raw(&mut self, ty: Option<Type>) {
        match ty {
            Some(ty) => {
                self.push_new(Kind::Raw, ty, [NONE; 2]);
            }
            None => self.push_other(),
        }
    }

    fn note_local(&mut self, local: u32) {
        let version = self.builder.locals.version(local);
        if let Some(operand) = self.stack.last_mut() {
            operand.local = local;
            operand.version = version;
        }
    }

    pub(super) fn condition(&self, operand: Operand) -> Option<Condition> {
        self.conditions.get(operand.condition as usize).copied()
    }

    fn note_condition(&mut self, condition: Condition) {
        if let Some(operand) = self.stack.last_mut() {
            operand.condition = self.conditions.len() as u32;
            self.conditions.push(condition);
        }
    }

    fn note_comparison(&mut self, a: Operand, b: Operand, never_if: bool, shape: Shape) {
        if a.node != NONE && a.node == b.node && self.builder.graph.is_one_value(a.node) {
            let locals = [a.local, b.local];
            self.note_condition(Condition { value: a.node, never_if, locals, shape });
        }
    }

    /// A value that was compared with itself, where it is known not to be a NaN.
    pub(super) fn compared(&mut self, condition: &Condition) -> Node {
        let ty = self.builder.graph.value(condition.value).map_or(Type::F64, |value| value.ty);
        match condition.shape {
            Shape::Scalar => self.value(Kind::Compared, ty, [NONE; 2]),
            shape => self.value(Kind::ComparedLanes(shape), ty, [NONE; 2]),
        }
    }

    fn select(&mut self, count: usize) {
        let condition = self.pop();
        let condition = self.condition(condition).filter(|condition| condition.shape == Shape::Scalar);
        let second = self.stack.split_off(self.stack.len().saturating_sub(count));
        let first = self.stack.split_off(self.stack.len().saturating_sub(count));
        for (at, (first, second)) in first.into_iter().zip(second).enumerate() {
            let below = (count - 1 - at) as u32;
            if first.node == NONE {
                self.push_at(NONE, below);
                continue;
            }
            let ty = self.builder.graph.value(first.node).map_or(Type::F64, |value| value.ty);
            let node = self.push_new(Kind::Join, ty, [NONE; 2]);
            self.set_home(node, Site::Stack { position: self.position, below });
            if let Some(operand) = self.stack.last_mut() {
                operand.below = below;
            }
            for (operand, taken_if) in [(first, true), (second, false)] {
                let mut operand = operand;
                if let Some(condition) = condition.filter(|c| c.value == operand.node && c.never_if == taken_if) {
                    operand.node = self.compared(&condition);
                }
                self.edge(operand, node);
            }
        }
    }

    /// Under a mask of the lanes that are no NaN, the first operand's are none.
    fn bitselect(&mut self) {
        let mask = self.pop();
        let condition = self.condition(mask);
        let second = self.pop();
        let first = self.pop();
        self.observe(mask, Reason::Lanes, None);
        match condition.filter(|condition| condition.value == first.node) {
            Some(condition) => {
                self.observe(first, Reason::Lanes, Some(condition.shape));
                self.observe(second, Reason::Lanes, Some(condition.shape));
                let compared = self.compared(&condition);
                let node = self.push_new(Kind::Lanes(condition.shape), Type::V128, [NONE; 2]);
                self.edge(Operand { node: compared, ..first }, node);
                self.edge(second, node);
            }
            None => {
                self.observe(first, Reason::Lanes, None);
                self.observe(second, Reason::Lanes, None);
                self.push_raw(Some(Type::V128));
            }
        }
    }

    fn call(&mut self, function: u32) {
        let Some(ty) = self.builder.signature(function) else { return };
        if self.builder.module.import(Item::Func(FuncId(function))).is_some() {
            return self.unknown_call(Some(ty), Reason::HostCall);
        }
        self.pass_arguments(function, ty);
        let count = ty.results().len();
        for (index, &result) in ty.results().iter().enumerate() {
            let below = (count - 1 - index) as u32;
            let Some(result_ty) = Type::of(result) else {
                self.push_at(NONE, below);
                continue;
            };
            let result = self.builder.port(function, Port::Result, index as u32, result_ty);
            let node = self.push_new(Kind::Join, result_ty, [NONE; 2]);
            self.builder.graph.edge(result, node, Site::Nowhere, self.depth);
            self.place_at(node, below);
        }
    }

    /// Takes the arguments of a direct call.
    pub(super) fn pass_arguments(&mut self, function: u32, ty: &FuncType) {
        let base = self.stack.len().saturating_sub(ty.params().len());
        for (index, &param) in ty.params().iter().enumerate() {
            let (Some(ty), Some(&operand)) = (Type::of(param), self.stack.get(base + index)) else { continue };
            let node = self.builder.port(function, Port::Param, index as u32, ty);
            self.edge(operand, node);
        }
        self.stack.truncate(base);
    }

    /// The value on top is not on top where it stands first.
    fn place_at(&mut self, node: Node, below: u32) {
        self.set_home(node, Site::Stack { position: self.position, below });
        if let Some(operand) = self.stack.last_mut() {
            operand.below = below;
        }
    }

    /// A call of whatever has this type.
    fn unknown_call(&mut self, ty: Option<&'m FuncType>, reason: Reason) {
        let Some(ty) = ty else { return };
        self.observe_all(ty.params().len(), reason);
        let types = List::Many(ty.results());
        let count = types.len();
        let foreign = self.builder.js_boundary && reason == Reason::HostCall;
        for (index, &result) in types.types().iter().enumerate() {
            let below = (count - 1 - index) as u32;
            match Type::of(result) {
                Some(ty) => {
                    let foreign = foreign && ty != Type::V128;
                    let node = self.push_new(if foreign { Kind::Foreign } else { Kind::Raw }, ty, [NONE; 2]);
                    self.place_at(node, below);
                }
                None => self.push_at(NONE, below),
            }
        }
    }
}

/// The type of a field, or of an array's entries if it is an array.
fn field_type(builder: &Builder<'_, '_>, ty: u32, field: u32) -> Option<Type> {
    let storage = match &builder.module.types.get(TypeId(ty))?.composite_type.inner {
        CompositeInnerType::Struct(ty) => ty.fields.get(field as usize)?.element_type,
        CompositeInnerType::Array(ty) => ty.0.element_type,
        _ => return None,
    };
    match storage {
        StorageType::Val(ty) => Type::of(ty),
        _ => None,
    }
}
