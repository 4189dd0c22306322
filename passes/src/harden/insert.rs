//! Writing guards into bodies.
//!
//! In a loop, a scalar's guard is `local.tee t; local.get t; f64.ge; if (result f64); local.get t; else; NaN; end`, and
//! where the value is in a local anyway `local.get t; local.get t; f64.ge; if; else; NaN; local.set t; end`. A value is not
//! less than itself unless it is a NaN, and engines test that with one branch, where `f64.ne` takes two on x86; a
//! branch that always goes the same way costs less than a select. The NaN is a constant there, or a local that is one
//! where that is shorter, and not a global, which V8 loads from the instance: Lua took 1.035 times as long there as not
//! hardened, and takes 1.025 (medians of 60 processes and more). Elsewhere the guard is
//! `local.tee t; NaN; local.get t; local.get t; f64.ge; select`, which is three bytes shorter, and the NaN whatever is
//! shortest. In functions whose locals are not followed it is always that one, which the analysis of the output
//! understands there as well.

use super::build::{List, constant};
use super::graph::{Graph, Site, Type};
use super::place::Guard;
use super::solve::States;
use super::state::{NAN32, NAN64, Shape, State};
use crate::{ConstExpr, Edit, Error, FuncId, GlobalId, Module, TypeId, Types};
use std::collections::{BTreeMap, HashMap};
use wasm_encoder::{BlockType, Instruction};
use wasmparser::{GlobalType, Operator, ValType};

/// The NaNs that guards put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nan {
    F32,
    F64,
    F32x4,
    F64x2,
}

impl Nan {
    const ALL: [Nan; 4] = [Nan::F32, Nan::F64, Nan::F32x4, Nan::F64x2];

    fn of(ty: Type, state: State) -> Nan {
        match (ty, state) {
            (Type::F32, _) => Nan::F32,
            (Type::F64, _) => Nan::F64,
            (Type::V128, State::Made(Shape::F64x2) | State::Canon(Shape::F64x2)) => Nan::F64x2,
            (Type::V128, _) => Nan::F32x4,
        }
    }

    pub(super) fn ty(self) -> ValType {
        match self {
            Nan::F32 => ValType::F32,
            Nan::F64 => ValType::F64,
            Nan::F32x4 | Nan::F64x2 => ValType::V128,
        }
    }

    /// Whether a constant is it.
    pub(super) fn is(self, ty: Type, bits: u128) -> bool {
        Type::of(self.ty()) == Some(ty) && self.bits() == bits
    }

    fn bits(self) -> u128 {
        match self {
            Nan::F32 => NAN32.into(),
            Nan::F64 => NAN64.into(),
            Nan::F32x4 => u128::from(NAN32) * 0x1_0000_0001_0000_0001_0000_0001,
            Nan::F64x2 => u128::from(NAN64) << 64 | u128::from(NAN64),
        }
    }

    fn constant(self) -> Instruction<'static> {
        match self {
            Nan::F32 => Instruction::F32Const(wasm_encoder::Ieee32::new(NAN32)),
            Nan::F64 => Instruction::F64Const(wasm_encoder::Ieee64::new(NAN64)),
            Nan::F32x4 | Nan::F64x2 => Instruction::V128Const(self.bits() as i128),
        }
    }

    fn is_scalar(self) -> bool {
        matches!(self, Nan::F32 | Nan::F64)
    }

    /// Of a scalar twice on the stack: whether it is no NaN.
    fn is_number(self) -> Instruction<'static> {
        if self == Nan::F32 { Instruction::F32Ge } else { Instruction::F64Ge }
    }

    /// How many bytes the constant takes in code.
    fn size(self) -> usize {
        match self {
            Nan::F32 => 5,
            Nan::F64 => 9,
            Nan::F32x4 | Nan::F64x2 => 18,
        }
    }
}

/// Where guards outside of loops take their NaNs from: a global, or code.
pub(super) struct Nans([Option<GlobalId>; 4]);

impl Nans {
    fn get(&self, nan: Nan) -> Instruction<'static> {
        let global = Nan::ALL.iter().zip(&self.0).find(|(of, _)| **of == nan).and_then(|(_, global)| *global);
        global.map_or(nan.constant(), |global| Instruction::GlobalGet(global.0))
    }

    /// Chooses what is shorter for so many guards of each kind; may define globals.
    pub(super) fn choose(module: &mut Module<'_>, counts: [usize; 4]) -> Nans {
        let mut chosen = [None; 4];
        for ((nan, count), slot) in Nan::ALL.into_iter().zip(counts).zip(&mut chosen) {
            let cost = |global: usize| {
                1 + if global < 128 {
                    1
                } else if global < 16384 {
                    2
                } else {
                    3
                }
            };
            let wanted = |global: &crate::Global<'_>| {
                let init = global.source.defined().filter(|_| !global.ty.mutable);
                init.and_then(constant).is_some_and(|(ty, bits)| nan.is(ty, bits))
            };
            let existing = module.globals.iter().find(|(_, global)| wanted(global)).map(|(id, _)| id);
            if let Some(id) = existing.filter(|id| cost(id.0 as usize) < nan.size()) {
                *slot = Some(id);
                continue;
            }
            let section = if module.globals.is_empty() { 3 } else { 0 };
            if count * cost(module.globals.len()) + nan.size() + 3 + section < count * nan.size() {
                let ty = GlobalType { content_type: nan.ty(), mutable: false, shared: false };
                *slot = Some(module.add_global(ty, ConstExpr::new(&[nan.constant()])));
            }
        }
        Nans(chosen)
    }
}

/// How a scalar's guard is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The faster one.
    Branch,
    /// The shorter one.
    Select,
}

/// What a guard does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fix {
    pub nan: Nan,
    pub form: Form,
}

impl Fix {
    /// Whether it is written as a branch, and has its NaN from the function that it is in.
    pub fn is_branch(&self) -> bool {
        self.form == Form::Branch && self.nan.is_scalar()
    }
}

/// What all guards do, in their order.
pub(super) fn fixes(graph: &Graph, states: &States, guards: &[Guard]) -> Vec<Fix> {
    let fix = |guard: &Guard| {
        let ty = graph.value(guard.node).map_or(Type::F64, |value| value.ty);
        let pooled = graph.fell_back.binary_search(&guard.function).is_ok();
        let form = if guard.depth == 0 || pooled { Form::Select } else { Form::Branch };
        Fix { nan: Nan::of(ty, states.of(guard.node)), form }
    };
    guards.iter().map(fix).collect()
}

/// How many guards of each kind there are.
pub(super) fn counts(kinds: impl Iterator<Item = Nan>) -> [usize; 4] {
    let mut counts = [0; 4];
    for kind in kinds {
        if let Some((_, count)) = Nan::ALL.iter().zip(&mut counts).find(|(nan, _)| **nan == kind) {
            *count += 1;
        }
    }
    counts
}

/// Writes the guards of one function into its body.
pub(super) fn insert(
    module: &Module<'_>,
    function: FuncId,
    guards: &[(Site, Fix)],
    nans: &Nans,
    pooled: bool,
) -> Result<Option<Vec<u8>>, Error> {
    let mut at: BTreeMap<u32, Here> = BTreeMap::new();
    for &(site, fix) in guards {
        match site {
            Site::Nowhere => {}
            Site::LocalBefore { position, local } => at.entry(position).or_default().before.push((local, fix)),
            Site::LocalAfter { position, local } => at.entry(position).or_default().after.push((local, fix)),
            Site::Stack { position, below } => at.entry(position).or_default().stack.push((below, fix)),
        }
    }
    let mut writer = Writer::new(nans, pooled);
    let branches = counts(guards.iter().filter(|(_, fix)| fix.is_branch()).map(|(_, fix)| fix.nan));
    let mut blocks = Vec::new();
    let mut pending: Option<Fix> = None;
    // The local that the operator in front has set and guarded.
    let mut set = None;
    module.edit(function, |operator, edit| {
        if edit.position == 0 {
            writer.keep(edit, branches)?;
        }
        let here = at.get(&(edit.position as u32));
        let mut handled = false;
        let guarded = set.take();
        match (pending.take(), operator) {
            (Some(fix), _) => handled = writer.pending(edit, operator, fix)?,
            // What is set and then guarded is guarded on its way, which spares a read.
            (None, Operator::LocalSet { local_index }) if !pooled => {
                let next = at.get(&(edit.position as u32 + 1)).map_or(&[][..], |next| &next.before);
                if let Some((local, fix)) = next.iter().find(|(local, _)| local == local_index) {
                    writer.set(edit, *local, *fix);
                    set = Some(*local);
                }
            }
            _ => {}
        }
        if let Some(here) = here {
            let before = here.before.iter().filter(|(local, _)| guarded != Some(*local));
            before.for_each(|&(local, fix)| writer.local(local, fix).iter().for_each(|i| edit.before(i)));
            here.after.iter().for_each(|&(local, fix)| writer.local(local, fix).iter().for_each(|i| edit.after(i)));
            match (here.stack.as_slice(), operator) {
                ([], _) => {}
                _ if handled => {}
                (&[(0, fix)], Operator::LocalGet { local_index } | Operator::LocalTee { local_index }) => {
                    writer.top_and_local(*local_index, fix).iter().for_each(|i| edit.after(i));
                }
                (&[(0, fix)], _) => pending = Some(fix),
                (several, _) => {
                    let types = given(module, operator, blocks.last());
                    writer.several(edit, several, types.types())?;
                }
            }
        }
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                blocks.push(*blockty)
            }
            Operator::TryTable { try_table } => blocks.push(try_table.ty),
            Operator::End => {
                blocks.pop();
            }
            _ => {}
        }
        Ok(())
    })
}

fn new_local(edit: &mut Edit<'_>, ty: ValType) -> Result<u32, Error> {
    let encoded = wasm_encoder::ValType::try_from(ty);
    Ok(edit.local(encoded.map_err(|_| Error::internal("a type that cannot be written"))?))
}

/// Guards around one operator.
#[derive(Default)]
struct Here {
    before: Vec<(u32, Fix)>,
    after: Vec<(u32, Fix)>,
    stack: Vec<(u32, Fix)>,
}

/// What is on top of the stack behind an operator that gives several operands, inside of its block if it opens one.
fn given<'m>(module: &'m Module<'_>, operator: &'m Operator<'_>, block: Option<&wasmparser::BlockType>) -> List<'m> {
    let results =
        |types: &'m Types, ty: u32| types.function(TypeId(ty)).map_or(List::Many(&[]), |ty| List::Many(ty.results()));
    let of_block =
        |ty: Option<&wasmparser::BlockType>| ty.map_or((List::Many(&[]), List::Many(&[])), |&ty| List::of(module, ty));
    match operator {
        Operator::Call { function_index } => {
            module.function_type(FuncId(*function_index)).map_or(List::Many(&[]), |ty| List::Many(ty.results()))
        }
        Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
            results(&module.types, *type_index)
        }
        Operator::TypedSelectMulti { tys } => List::Many(tys),
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            of_block(Some(blockty)).0
        }
        Operator::TryTable { try_table } => of_block(Some(&try_table.ty)).0,
        Operator::Else => of_block(block).0,
        Operator::End => of_block(block).1,
        _ => List::Many(&[]),
    }
}

pub(super) struct Writer<'n> {
    nans: &'n Nans,
    pooled: bool,
    /// Locals of guards, by type and number.
    temps: HashMap<(ValType, u32), u32>,
    /// The NaNs of branches.
    kept: Vec<(Nan, Instruction<'static>)>,
}

impl<'n> Writer<'n> {
    pub(super) fn new(nans: &'n Nans, pooled: bool) -> Writer<'n> {
        Writer { nans, pooled, temps: HashMap::new(), kept: Vec::new() }
    }

    /// At the front of a function, chooses for so many branches of each kind what is shorter: a local, or constants.
    fn keep(&mut self, edit: &mut Edit<'_>, branches: [usize; 4]) -> Result<(), Error> {
        for (nan, count) in Nan::ALL.into_iter().zip(branches).filter(|&(_, count)| count > 0) {
            let mut kept = nan.constant();
            // A local is declared, set, and read each time, by two bytes.
            if nan.size() + 4 + 2 * count < nan.size() * count {
                let local = new_local(edit, nan.ty())?;
                edit.before(&kept);
                edit.before(&Instruction::LocalSet(local));
                kept = Instruction::LocalGet(local);
            }
            self.kept.push((nan, kept));
        }
        Ok(())
    }

    /// The NaN of a branch.
    fn kept(&self, nan: Nan) -> Instruction<'static> {
        let kept = self.kept.iter().find(|(of, _)| *of == nan);
        kept.map_or_else(|| self.nans.get(nan), |(_, instruction)| instruction.clone())
    }

    /// A local of this type for guards, the same one for the same number.
    pub(super) fn temp(&mut self, edit: &mut Edit<'_>, ty: ValType, number: u32) -> Result<u32, Error> {
        if let Some(&local) = self.temps.get(&(ty, number)) {
            return Ok(local);
        }
        let local = new_local(edit, ty)?;
        self.temps.insert((ty, number), local);
        Ok(local)
    }

    /// With a value on top of the stack that is in a local, puts the exact one in its place.
    fn select(&self, local: u32, nan: Nan) -> [Instruction<'static>; 5] {
        let get = Instruction::LocalGet(local);
        let (same, choose) = match nan {
            Nan::F32 => (Instruction::F32Ge, Instruction::Select),
            Nan::F64 => (Instruction::F64Ge, Instruction::Select),
            Nan::F32x4 => (Instruction::F32x4Eq, Instruction::V128Bitselect),
            Nan::F64x2 => (Instruction::F64x2Eq, Instruction::V128Bitselect),
        };
        [self.nans.get(nan), get.clone(), get, same, choose]
    }

    /// With a value on top of the stack that is in a local, makes what is in the local exact, and takes it off the stack.
    fn branch(&self, local: u32, nan: Nan) -> [Instruction<'static>; 7] {
        let (get, set) = (Instruction::LocalGet(local), Instruction::LocalSet(local));
        let (branch, nan_here) = (Instruction::If(BlockType::Empty), self.kept(nan));
        [get, nan.is_number(), branch, Instruction::Else, nan_here, set, Instruction::End]
    }

    /// With a value on top of the stack that is in a local of the program, makes the top exact, and of a scalar the
    /// local, too, if it is followed.
    fn top_and_local(&self, local: u32, fix: Fix) -> Vec<Instruction<'static>> {
        match fix.form {
            _ if !fix.nan.is_scalar() || self.pooled => self.select(local, fix.nan).into(),
            Form::Select => self.select(local, fix.nan).into_iter().chain([Instruction::LocalTee(local)]).collect(),
            Form::Branch => self.branch(local, fix.nan).into_iter().chain([Instruction::LocalGet(local)]).collect(),
        }
    }

    /// With a value on top of the stack that is in a local which nobody else reads, makes the top exact.
    pub(super) fn top(&self, temp: u32, fix: Fix) -> Vec<Instruction<'static>> {
        let ty = match fix.nan {
            Nan::F32 if fix.form == Form::Branch => wasm_encoder::ValType::F32,
            Nan::F64 if fix.form == Form::Branch => wasm_encoder::ValType::F64,
            nan => return self.select(temp, nan).into(),
        };
        let (get, branch) = (Instruction::LocalGet(temp), Instruction::If(BlockType::Result(ty)));
        vec![get.clone(), fix.nan.is_number(), branch, get, Instruction::Else, self.kept(fix.nan), Instruction::End]
    }

    /// Makes what is in a local exact.
    fn local(&self, local: u32, fix: Fix) -> Vec<Instruction<'static>> {
        [Instruction::LocalGet(local)].into_iter().chain(self.taken(local, fix)).collect()
    }

    /// With a value on top of the stack that is in a local, makes what is in the local exact.
    fn taken(&self, local: u32, fix: Fix) -> Vec<Instruction<'static>> {
        match fix.form {
            Form::Branch if fix.nan.is_scalar() => self.branch(local, fix.nan).into(),
            _ => self.select(local, fix.nan).into_iter().chain([Instruction::LocalSet(local)]).collect(),
        }
    }

    /// Guards what is set, in place of a `local.set`.
    fn set(&self, edit: &mut Edit<'_>, local: u32, fix: Fix) {
        edit.remove();
        edit.after(&Instruction::LocalTee(local));
        self.taken(local, fix).iter().for_each(|i| edit.after(i));
    }

    /// Guards what the operator in front has left on top. Says whether that is the guard of this operator, too.
    fn pending(&mut self, edit: &mut Edit<'_>, operator: &Operator<'_>, fix: Fix) -> Result<bool, Error> {
        match operator {
            Operator::LocalSet { local_index } if !self.pooled => {
                self.set(edit, *local_index, fix);
                Ok(true)
            }
            Operator::LocalTee { local_index } if !self.pooled && fix.nan.is_scalar() => {
                self.top_and_local(*local_index, fix).iter().for_each(|i| edit.after(i));
                Ok(true)
            }
            _ => {
                let temp = self.temp(edit, fix.nan.ty(), 0)?;
                edit.before(&Instruction::LocalTee(temp));
                self.top(temp, fix).iter().for_each(|i| edit.before(i));
                Ok(false)
            }
        }
    }

    /// Guards operands that are not on top, by way of locals.
    fn several(&mut self, edit: &mut Edit<'_>, guards: &[(u32, Fix)], types: &[ValType]) -> Result<(), Error> {
        let deepest = guards.iter().map(|&(below, _)| below).max().unwrap_or(0);
        let mut spilled = Vec::new();
        let mut numbers: HashMap<ValType, u32> = HashMap::new();
        for &ty in types.iter().rev().take(deepest as usize + 1) {
            let number = numbers.entry(ty).or_insert(0);
            *number += 1;
            spilled.push(self.temp(edit, ty, *number)?);
        }
        if spilled.len() <= deepest as usize {
            return Err(Error::internal("a guard of an operand that is not there"));
        }
        spilled.iter().for_each(|&temp| edit.after(&Instruction::LocalSet(temp)));
        let wanted: HashMap<u32, Fix> = guards.iter().copied().collect();
        for (below, &temp) in spilled.iter().enumerate().rev() {
            edit.after(&Instruction::LocalGet(temp));
            if let Some(&fix) = wanted.get(&(below as u32)) {
                self.top(temp, fix).iter().for_each(|i| edit.after(i));
            }
        }
        Ok(())
    }
}
