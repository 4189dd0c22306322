//! Blocks that take values, and blocks and functions that give several: values go through locals, results of functions
//! through globals.
//!
//! What a branch, or the end or the beginning of a block, carries is put into locals in front of it and read behind it. Nothing
//! stands between, so one local for each position and type serves a whole function. Where a loop takes one value, all
//! that branches carry in its function goes that way, because the targets of a `br_table` must take the same. Code that
//! cannot be reached is left out: operands have no types there.
//!
//! A function's results go through globals where every use of it is a call: nobody else has it, nor its type. Between
//! its end and its caller's reading nothing runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::module::Collect;
use crate::{ConstExpr, Edit, Error, FuncId, GlobalId, Item, Module, Reference, Source, TypeId, op};
use wasm_encoder::{BlockType, Ieee32, Ieee64, Instruction as I};
use wasmparser::{GlobalType, Operator, ValType};

/// What a function's code has to do with several values.
#[derive(Default)]
struct Code {
    /// Whether nothing in it is unknown here.
    is_plain: bool,
    has_typed_blocks: bool,
    /// Whether a loop takes exactly one value.
    has_narrow_loop: bool,
    calls: BTreeSet<FuncId>,
}

/// The globals that functions give their results in.
type Returned = BTreeMap<FuncId, Vec<GlobalId>>;

pub(super) fn lower(module: &mut Module<'_>) -> Result<(), Error> {
    let mut codes = BTreeMap::new();
    let mut referenced = BTreeSet::new();
    let mut note = |reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            referenced.insert(id);
        }
    };
    Collect(&mut note).functions_outside_code(module)?;
    for (id, function) in module.functions.iter() {
        let Source::Defined(body) = &function.source else { continue };
        let code = read(module, id, body, &mut note).map_err(|error| error.in_function(id.0))?;
        codes.insert(id, code);
    }
    let has_computed_tables = module.tables.iter().any(|(_, table)| matches!(table.source, Source::Defined(Some(_))));
    let returned = match codes.values().all(|code| code.is_plain) && !has_computed_tables {
        true => returned(module, |id| codes.contains_key(&id) && !referenced.contains(&id)),
        false => Returned::new(),
    };
    for (id, code) in &codes {
        let concerned =
            code.has_typed_blocks || returned.contains_key(id) || code.calls.iter().any(|id| returned.contains_key(id));
        if !code.is_plain || !concerned {
            continue;
        }
        let Some(ty) = module.function_type(*id) else { continue };
        let keep = usize::from(!code.has_narrow_loop);
        let body =
            Frame { is_loop: false, is_open_if: false, keep, params: Vec::new(), results: ty.results().to_vec() };
        let mut walk = Walk {
            module,
            returned: &returned,
            globals: returned.get(id).map(Vec::as_slice),
            keep,
            frames: vec![body],
            locals: BTreeMap::new(),
            condition: None,
            is_dead: false,
            nested: 0,
        };
        if let Some(body) = module.edit(*id, |operator, edit| walk.step(operator, edit))? {
            module.set_body(*id, body)?;
        }
    }
    for id in returned.keys() {
        let Some(params) = module.function_type(*id).map(|ty| ty.params().to_vec()) else { continue };
        let ty = module.types.add_function(&params, &[]);
        module.functions.get_mut(*id).into_iter().for_each(|function| function.ty = ty);
    }
    Ok(())
}

fn read(
    module: &Module<'_>,
    id: FuncId,
    body: &crate::Body<'_>,
    note: &mut impl FnMut(Reference),
) -> Result<Code, Error> {
    // What these have that is not in WebAssembly 1.0 neither branches nor calls.
    const PLAIN: [&str; 5] = ["mvp", "sign_extension", "saturating_float_to_int", "bulk_memory", "simd"];
    let is_plain = |types: &[ValType]| {
        types.iter().all(|ty| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64))
    };
    let mut code = Code { is_plain: true, ..Code::default() };
    code.is_plain &= module.function_type(id).is_some_and(|ty| is_plain(ty.results()));
    let mut operators = body.reader().get_operators_reader()?;
    while !operators.eof() {
        let operator = operators.read()?;
        code.is_plain &= PLAIN.contains(&op::proposal(&operator));
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let (params, results) = values(module, blockty);
                code.is_plain &= is_plain(&params) && is_plain(&results);
                code.has_typed_blocks |= matches!(blockty, wasmparser::BlockType::FuncType(_));
                code.has_narrow_loop |= matches!(operator, Operator::Loop { .. }) && params.len() == 1;
            }
            Operator::Call { function_index } => {
                code.calls.insert(FuncId(function_index));
            }
            Operator::RefFunc { function_index } => note(Reference::Item(Item::Func(FuncId(function_index)))),
            _ => {}
        }
    }
    Ok(code)
}

/// Chooses the functions whose results go through globals, and adds those.
fn returned(module: &mut Module<'_>, is_only_called: impl Fn(FuncId) -> bool) -> Returned {
    let mut globals: BTreeMap<(usize, ValType), GlobalId> = BTreeMap::new();
    let mut returned = Returned::new();
    for id in module.functions.ids() {
        let results = module.function_type(id).map_or_else(Vec::new, |ty| ty.results().to_vec());
        if results.len() < 2 || !is_only_called(id) {
            continue;
        }
        let mut global = |place: (usize, ValType)| {
            *globals.entry(place).or_insert_with(|| {
                let ty = GlobalType { content_type: place.1, mutable: true, shared: false };
                module.add_global(ty, ConstExpr::new(&[zero(place.1)]))
            })
        };
        returned.insert(id, results.into_iter().enumerate().map(&mut global).collect());
    }
    returned
}

fn zero(ty: ValType) -> I<'static> {
    match ty {
        ValType::I64 => I::I64Const(0),
        ValType::F32 => I::F32Const(Ieee32::from(0.0)),
        ValType::F64 => I::F64Const(Ieee64::from(0.0)),
        _ => I::I32Const(0),
    }
}

/// What a block takes and gives.
fn values(module: &Module<'_>, ty: wasmparser::BlockType) -> (Vec<ValType>, Vec<ValType>) {
    match ty {
        wasmparser::BlockType::Empty => Default::default(),
        wasmparser::BlockType::Type(ty) => (Vec::new(), vec![ty]),
        wasmparser::BlockType::FuncType(id) => {
            let ty = module.types.function(TypeId(id));
            ty.map_or_else(Default::default, |ty| (ty.params().to_vec(), ty.results().to_vec()))
        }
    }
}

/// A block, loop or if that is open, or the function.
struct Frame {
    is_loop: bool,
    /// An if that has had no else so far.
    is_open_if: bool,
    /// How many results it may give as it is.
    keep: usize,
    params: Vec<ValType>,
    results: Vec<ValType>,
}

impl Frame {
    /// What it gives through locals.
    fn given(&self) -> &[ValType] {
        if self.results.len() > self.keep { &self.results } else { &[] }
    }

    /// What a branch to it carries through locals.
    fn carried(&self) -> &[ValType] {
        if self.is_loop { &self.params } else { self.given() }
    }
}

struct Walk<'m, 'a> {
    module: &'m Module<'a>,
    returned: &'m Returned,
    /// Where the function's own results go, if that is into globals.
    globals: Option<&'m [GlobalId]>,
    /// How many values a branch may carry as it is.
    keep: usize,
    frames: Vec<Frame>,
    locals: BTreeMap<(usize, ValType), u32>,
    condition: Option<u32>,
    is_dead: bool,
    /// How many blocks are open in dead code.
    nested: u32,
}

impl Walk<'_, '_> {
    fn step(&mut self, operator: &Operator<'_>, edit: &mut Edit<'_>) -> Result<(), Error> {
        if edit.position == 0 && self.frames.first().is_some_and(|body| !body.given().is_empty()) {
            // A branch to the function goes to this instead.
            edit.before(&I::Block(BlockType::Empty));
        }
        if self.is_dead && !self.ends_dead_code(operator) {
            edit.remove();
            return Ok(());
        }
        match *operator {
            Operator::Block { blockty } => self.open(operator, blockty, I::Block, edit),
            Operator::Loop { blockty } => self.open(operator, blockty, I::Loop, edit),
            Operator::If { blockty } => self.open(operator, blockty, I::If, edit),
            Operator::Else => {
                if let Some(mut frame) = self.frames.pop() {
                    self.give(&frame, edit);
                    for local in self.locals(&frame.params, edit) {
                        edit.after(&I::LocalGet(local));
                    }
                    frame.is_open_if = false;
                    self.frames.push(frame);
                }
            }
            Operator::End => self.end(edit),
            Operator::Br { relative_depth } => {
                let carried = self.carried(relative_depth)?;
                self.store(&carried, edit);
                self.is_dead = true;
            }
            Operator::BrIf { relative_depth } => {
                let carried = self.carried(relative_depth)?;
                self.below_condition(&carried, edit, |walk, edit| {
                    walk.store(&carried, edit);
                    walk.load(&carried, edit);
                });
            }
            Operator::BrTable { ref targets } => {
                let carried = self.carried(targets.default())?;
                self.below_condition(&carried, edit, |walk, edit| walk.store(&carried, edit));
                self.is_dead = true;
            }
            Operator::Return => {
                self.to_globals(edit);
                self.is_dead = true;
            }
            Operator::Unreachable => self.is_dead = true,
            Operator::Call { function_index } => {
                let results = self.returned.get(&FuncId(function_index));
                results.into_iter().flatten().for_each(|global| edit.after(&I::GlobalGet(global.0)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether an operator in dead code closes the block that the code is dead in.
    fn ends_dead_code(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.nested += 1,
            Operator::End | Operator::Else if self.nested == 0 => return true,
            Operator::End => self.nested -= 1,
            _ => {}
        }
        false
    }

    fn open(
        &mut self,
        operator: &Operator<'_>,
        ty: wasmparser::BlockType,
        opener: fn(BlockType) -> I<'static>,
        edit: &mut Edit<'_>,
    ) {
        let (params, results) = values(self.module, ty);
        let is_loop = matches!(operator, Operator::Loop { .. });
        let is_open_if = matches!(operator, Operator::If { .. });
        // No branch carries a loop's results.
        let keep = if is_loop { 1 } else { self.keep };
        let frame = Frame { is_loop, is_open_if, keep, params, results };
        if matches!(ty, wasmparser::BlockType::FuncType(_)) || !frame.given().is_empty() {
            edit.remove();
            match is_open_if {
                true => self.below_condition(&frame.params, edit, |walk, edit| walk.store(&frame.params, edit)),
                false => self.store(&frame.params, edit),
            }
            edit.before(&opener(match frame.results[..] {
                [ty] if frame.given().is_empty() => BlockType::Result(encoded(ty)),
                _ => BlockType::Empty,
            }));
            self.load(&frame.params, edit);
        }
        self.frames.push(frame);
    }

    fn end(&mut self, edit: &mut Edit<'_>) {
        let Some(frame) = self.frames.pop() else { return };
        self.give(&frame, edit);
        // Without an else, what an if takes is what it gives, and what it gives in locals is there.
        if frame.is_open_if && frame.given().is_empty() && !frame.params.is_empty() {
            edit.before(&I::Else);
            self.load(&frame.params, edit);
        }
        let given = frame.given();
        if !self.frames.is_empty() {
            for local in self.locals(given, edit) {
                edit.after(&I::LocalGet(local));
            }
        } else if !given.is_empty() {
            edit.before(&I::End);
            self.load(given, edit);
            self.to_globals(edit);
        }
    }

    /// At the end of a block, or of one half of an if; what follows is reached, as far as types go.
    fn give(&mut self, frame: &Frame, edit: &mut Edit<'_>) {
        if !self.is_dead {
            self.store(frame.given(), edit);
        }
        self.is_dead = false;
    }

    fn carried(&self, depth: u32) -> Result<Vec<ValType>, Error> {
        let target = self.frames.iter().rev().nth(depth as usize);
        target.map(|frame| frame.carried().to_vec()).ok_or_else(|| Error::internal("a branch to nowhere"))
    }

    fn to_globals(&self, edit: &mut Edit<'_>) {
        self.globals.into_iter().flatten().rev().for_each(|global| edit.before(&I::GlobalSet(global.0)));
    }

    /// Does something with the values below the operand on top, if there are any.
    fn below_condition(
        &mut self,
        values: &[ValType],
        edit: &mut Edit<'_>,
        what: impl FnOnce(&mut Self, &mut Edit<'_>),
    ) {
        if values.is_empty() {
            return;
        }
        let condition = *self.condition.get_or_insert_with(|| edit.local(wasm_encoder::ValType::I32));
        edit.before(&I::LocalSet(condition));
        what(self, edit);
        edit.before(&I::LocalGet(condition));
    }

    fn store(&mut self, values: &[ValType], edit: &mut Edit<'_>) {
        self.locals(values, edit).into_iter().rev().for_each(|local| edit.before(&I::LocalSet(local)));
    }

    fn load(&mut self, values: &[ValType], edit: &mut Edit<'_>) {
        self.locals(values, edit).into_iter().for_each(|local| edit.before(&I::LocalGet(local)));
    }

    /// The locals for values of these types.
    fn locals(&mut self, values: &[ValType], edit: &mut Edit<'_>) -> Vec<u32> {
        let mut local =
            |place: (usize, ValType)| *self.locals.entry(place).or_insert_with(|| edit.local(encoded(place.1)));
        values.iter().copied().enumerate().map(&mut local).collect()
    }
}

fn encoded(ty: ValType) -> wasm_encoder::ValType {
    match ty {
        ValType::I64 => wasm_encoder::ValType::I64,
        ValType::F32 => wasm_encoder::ValType::F32,
        ValType::F64 => wasm_encoder::ValType::F64,
        _ => wasm_encoder::ValType::I32,
    }
}
