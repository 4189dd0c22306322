//! The copy that runs, without functions in tables, for an engine that compiles before it runs: whatever is in a
//! table can be called from outside, and gets a way in from there, which wasmtime compiles by Cranelift even beside
//! Winch. Of SQLite's compilation that is a quarter.
//!
//! A call through a table that nobody changes is a choice among known functions, so it becomes a call of a function
//! that makes the choice, by the same number. What would trap in the call traps there. Functions that initialization
//! cannot reach have nothing to compile but a trap.

use super::Prepared;
use crate::module::Uses;
use crate::{
    ElementId, ElementItems, ElementKind, Error, FuncId, Item, Module, Reference, Source, Table, TableId, TypeId,
    parallel,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wasm_encoder::{BlockType, Instruction};
use wasmparser::{FuncType, Operator, RefType};

/// What a table holds from the beginning to the end.
type Entries = BTreeMap<u32, FuncId>;
/// The same by type, in order.
type ByType = HashMap<FuncType, Vec<(u32, FuncId)>>;

/// As many entries as a `br_table` may have: wasmparser's limit, and so the engine's.
const MOST_ENTRIES: usize = 65_520;
/// Tables that are called with more types are left as they are: each choice is looked up among all types.
const MOST_CHOICES: usize = 1_000;

/// The copy with such tables empty, or none if there is no such table.
pub fn without_tables(prepared: &Prepared) -> Result<Option<Vec<u8>>, Error> {
    let mut module = Module::parse(&prepared.module)?;
    // Those that drop something have other bodies in the copy.
    module.know_uses(prepared.uses.iter().filter(|(_, uses)| uses.drops.is_empty()));
    let all = Uses::of_all(module.bodies().collect())?;
    let mut open: BTreeSet<TableId> = all.iter().flat_map(|(_, uses)| &uses.reads).copied().collect();
    open.extend(prepared.tables.iter().map(|(id, _)| *id));
    let (tables, segments) = closed(&module, &open);
    let tables: BTreeMap<TableId, _> = tables.iter().map(|(id, entries)| (*id, by_type(&module, entries))).collect();
    let reached = reached(&module, prepared, &all, &tables, &segments);
    let of_reached = || all.iter().filter(|(id, _)| reached.contains(id));
    let calls: BTreeSet<(TableId, TypeId)> = of_reached().flat_map(|(_, uses)| &uses.calls).copied().collect();
    let callers: Vec<FuncId> = of_reached().filter(|(_, uses)| !uses.calls.is_empty()).map(|(id, _)| *id).collect();
    let others: Vec<FuncId> = all.iter().map(|(id, _)| *id).filter(|id| !reached.contains(id)).collect();
    drop(all);
    if segments.is_empty() || calls.len() > MOST_CHOICES || !module.types.differ_by_shape() {
        return Ok(None);
    }
    // All choices together are no larger than the module.
    let mut room = prepared.module.len();
    let mut choices = BTreeMap::new();
    for (table, ty) in calls {
        let (Some(by_type), Some(of)) = (tables.get(&table), module.types.function(ty).cloned()) else { continue };
        let Some(choice) = Choice::new(by_type.get(&of).map_or(&[], Vec::as_slice)) else { return Ok(None) };
        let size = choice.targets.len() + choice.functions.len() * (of.params().len() + 1);
        let Some(left) = room.checked_sub(size) else { return Ok(None) };
        room = left;
        choices.insert((table, ty), choice.add(&mut module, &of));
    }
    let bodies = parallel::map(callers, prepared.module.len(), |id| {
        let body = module.edit(id, |operator, edit| {
            if let Operator::CallIndirect { type_index, table_index } = *operator
                && let Some(choice) = choices.get(&(TableId(table_index), TypeId(type_index)))
            {
                edit.remove();
                edit.before(&Instruction::Call(choice.0));
            }
            Ok(())
        });
        body.map(|body| (id, body))
    })?;
    for (id, body) in bodies {
        if let Some(body) = body {
            module.set_body(id, body)?;
        }
    }
    for id in others {
        module.define_function(id, &[], &[Instruction::Unreachable, Instruction::End])?;
    }
    // They stay, of nothing, so that no index moves and all other code is copied.
    for id in segments {
        if let Some(element) = module.elements.get_mut(id) {
            element.items = ElementItems::Functions(Vec::new());
        }
    }
    // Names are for backtraces, which the other copy is for.
    module.customs.clear();
    module.encode().map(Some)
}

/// The functions that the calls of initialization can reach.
fn reached(
    module: &Module<'_>,
    prepared: &Prepared,
    all: &[(FuncId, &Uses)],
    tables: &BTreeMap<TableId, ByType>,
    segments: &[ElementId],
) -> BTreeSet<FuncId> {
    let everything = || all.iter().map(|(id, _)| *id).collect();
    let mut pending: Vec<FuncId> = module.start.into_iter().collect();
    for call in &prepared.calls {
        let Some(Item::Func(id)) = module.export(&call.export) else { return everything() };
        pending.push(id);
    }
    // What other tables and globals hold may be called from anywhere.
    let mut others = module.elements.iter().filter(|(id, _)| !segments.contains(id));
    if others.any(|(_, element)| !element.items.is_empty()) || !prepared.functions.is_empty() {
        return everything();
    }
    let uses: HashMap<FuncId, &Uses> = all.iter().copied().collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = pending.pop() {
        let Some(uses) = uses.get(&id).filter(|_| reached.insert(id)) else { continue };
        let named = uses.references.iter().filter_map(|reference| match reference {
            Reference::Item(Item::Func(id)) => Some(*id),
            _ => None,
        });
        pending.extend(named);
        for (table, ty) in &uses.calls {
            let of = module.types.function(*ty).and_then(|ty| tables.get(table)?.get(ty));
            pending.extend(of.into_iter().flatten().map(|(_, id)| *id));
        }
    }
    reached
}

/// The tables of functions that hold what their segments wrote, all of them, and those segments.
fn closed(module: &Module<'_>, open: &BTreeSet<TableId>) -> (BTreeMap<TableId, Entries>, Vec<ElementId>) {
    let is_plain = |table: &Table<'_>| {
        let ty = &table.ty;
        ty.element_type == RefType::FUNCREF && !ty.table64 && matches!(table.source, Source::Defined(None))
    };
    let candidates = module.tables.iter().filter(|(id, table)| !open.contains(id) && is_plain(table));
    let mut tables: BTreeMap<TableId, Option<Entries>> = candidates.map(|(id, _)| (id, Some(Entries::new()))).collect();
    let mut segments = Vec::new();
    for (id, element) in module.elements.iter() {
        let ElementKind::Active { table, offset, .. } = &element.kind else { continue };
        let Some(held) = tables.get_mut(table) else { continue };
        segments.push((*table, id));
        match written(module, *table, offset.integer(), &element.items) {
            Some(written) => held.iter_mut().for_each(|entries| entries.extend(&written)),
            None => *held = None,
        }
    }
    let tables: BTreeMap<TableId, Entries> = tables.into_iter().filter_map(|(id, held)| Some((id, held?))).collect();
    let segments = segments.into_iter().filter(|(table, _)| tables.contains_key(table)).map(|(_, id)| id).collect();
    (tables, segments)
}

/// What a segment writes, if that is known and does not trap.
fn written(module: &Module<'_>, table: TableId, at: Option<u64>, items: &ElementItems<'_>) -> Option<Entries> {
    let ElementItems::Functions(functions) = items else { return None };
    let (at, size) = (at?, module.tables.get(table)?.ty.initial);
    let fits = at.checked_add(functions.len() as u64)? <= size;
    fits.then(|| (at as u32..).zip(functions.iter().copied()).collect())
}

/// What of a table is of each type.
fn by_type(module: &Module<'_>, entries: &Entries) -> ByType {
    let mut by_type = ByType::new();
    for (at, id) in entries {
        if let Some(ty) = module.function_type(*id) {
            by_type.entry(ty.clone()).or_default().push((*at, *id));
        }
    }
    by_type
}

/// A choice among the functions of one type in a table.
struct Choice {
    /// The first entry that has one.
    first: u32,
    functions: Vec<FuncId>,
    /// For each entry from the first to the last that has one, which it is. That many is none of them.
    targets: Vec<u32>,
}

impl Choice {
    /// None if there are too many entries from the first to the last.
    fn new(suitable: &[(u32, FuncId)]) -> Option<Choice> {
        let functions: BTreeSet<FuncId> = suitable.iter().map(|(_, id)| *id).collect();
        let functions: Vec<FuncId> = functions.into_iter().collect();
        let first = suitable.first().map_or(0, |(at, _)| *at);
        let span = suitable.last().map_or(0, |(at, _)| (at - first) as usize + 1);
        if span > MOST_ENTRIES {
            return None;
        }
        let mut targets = vec![functions.len() as u32; span];
        for (at, id) in suitable {
            if let (Some(target), Ok(which)) = (targets.get_mut((at - first) as usize), functions.binary_search(id)) {
                *target = which as u32;
            }
        }
        Some(Choice { first, functions, targets })
    }

    /// Adds it as a function, which takes what the functions take, and the entry.
    fn add(&self, module: &mut Module<'_>, of: &FuncType) -> FuncId {
        let params: Vec<_> = of.params().iter().copied().chain([wasmparser::ValType::I32]).collect();
        let own = module.types.add_function(&params, of.results());
        let entry = of.params().len() as u32;
        let none = self.functions.len() as u32;
        let mut code = vec![Instruction::Block(BlockType::Empty); none as usize + 1];
        code.extend([Instruction::LocalGet(entry), Instruction::I32Const(self.first as i32), Instruction::I32Sub]);
        code.push(Instruction::BrTable(self.targets.as_slice().into(), none));
        for function in &self.functions {
            code.push(Instruction::End);
            code.extend((0..entry).map(Instruction::LocalGet));
            code.extend([Instruction::Call(function.0), Instruction::Return]);
        }
        code.extend([Instruction::End, Instruction::Unreachable, Instruction::End]);
        module.add_function(own, &[], &code)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Initializer, prepare};
    use super::*;

    /// The copy of this module without tables, which is valid.
    fn without(text: &str) -> Option<Vec<u8>> {
        let bytes = wat::parse_str(text).unwrap();
        let copy = without_tables(&prepare(&bytes, &Initializer::Found).unwrap()).unwrap()?;
        crate::validate(&copy).unwrap();
        Some(copy)
    }

    /// Types, functions and two tables, and what initialization does with them.
    fn module(initialize: &str, more: &str) -> String {
        format!(
            "(module (type $f (func (param i32) (result i32))) (type $g (func))
               (table $t 3 funcref) (table $u 3 funcref) (elem (table $t) (i32.const 1) func $one $two)
               (elem (table $u) (i32.const 0) func $two)
               (func $one (type $f) (local.get 0)) (func $two) {more}
               (func (export \"wizer.initialize\")
                 (drop (call_indirect $t (type $f) (i32.const 5) (i32.const 1)))
                 (call_indirect $u (type $g) (i32.const 0)) {initialize}))"
        )
    }

    /// How many calls go through tables, and how many functions stand in them.
    fn left(copy: &[u8]) -> (usize, usize) {
        let module = Module::parse(copy).unwrap();
        let calls = Uses::of_all(module.bodies().collect()).unwrap().iter().map(|(_, uses)| uses.calls.len()).sum();
        (calls, module.elements.iter().map(|(_, element)| element.items.len()).sum())
    }

    #[test]
    fn tables_that_nobody_changes_or_reads_hold_nothing() {
        assert_eq!(left(&without(&module("", "")).unwrap()), (0, 0));
        // The other one is left as it is.
        let changed = module("(table.set $u (i32.const 1) (ref.null func))", "");
        assert_eq!(left(&without(&changed).unwrap()), (1, 1));
        let read = module("(drop (table.get $t (i32.const 1)))", "");
        assert_eq!(left(&without(&read).unwrap()), (1, 2));
        let unknown = module("", "(global $at i32 (i32.const 1)) (elem (table $u) (global.get $at) func $one)");
        assert_eq!(left(&without(&unknown).unwrap()), (1, 2));
        // A segment that does not fit traps, and so it must.
        let beyond = module("", "(elem (table $t) (i32.const 2) func $one $two)");
        assert_eq!(left(&without(&beyond).unwrap()), (1, 4));
    }

    #[test]
    fn what_initialization_cannot_reach_does_nothing() {
        let more =
            "(func $three (type $f) (i32.const 33)) (func (export \"later\") (drop (call $three (i32.const 44))))
            (func $named (result i32) (i32.const 55)) (elem (table $t) (i32.const 0) func $named)";
        let printed = |initialize: &str, more: &str| {
            wasmprinter::print_bytes(without(&module(initialize, more)).unwrap()).unwrap()
        };
        // `three` is called by name, `named` by its type.
        let there = |text: String| ["33", "44", "55"].map(|number| text.contains(&format!("i32.const {number}\n")));
        assert_eq!(there(printed("", more)), [false; 3]);
        assert_eq!(there(printed("(drop (call $three (i32.const 0)))", more)), [true, false, false]);
        let call = "(drop (call_indirect $t (result i32) (i32.const 0)))";
        assert_eq!(there(printed(call, more)), [false, false, true]);
        // Somebody else may call what stands elsewhere.
        assert_eq!(there(printed("", &format!("{more} (elem func $one)"))), [true; 3]);
    }

    #[test]
    fn a_copy_without_such_tables_is_not_made() {
        assert!(without("(module (func (export \"wizer.initialize\")))").is_none());
        let both = module("(table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 1))", "");
        assert!(without(&both).is_none());
        // Types that are more than their shapes.
        let subtype = module("", "(type $sub (sub (func (param i32) (result i32))))");
        assert!(without(&subtype).is_none());
        // A choice among few functions that stand far apart would be larger than the module.
        let far =
            "(module (type $f (func)) (table 60000 funcref) (elem (i32.const 0) $one) (elem (i32.const 59999) $one)
            (func $one) (func (export \"wizer.initialize\") (call_indirect (type $f) (i32.const 0))))";
        assert!(without(far).is_none());
        // And one among many functions with many parameters.
        let few = |functions: usize| {
            let (params, args) = ("i32 ".repeat(900), "(i32.const 0) ".repeat(900));
            format!(
                "(module (type $f (func (param {params}))) (table {functions} funcref) (func $one (type $f)) {}
                   (elem (i32.const 0) {}) (func (export \"wizer.initialize\") {args} (call_indirect (type $f) (i32.const 0))))",
                "(func (type $f))".repeat(functions - 1),
                (0..functions).map(|n| format!("{n} ")).collect::<String>()
            )
        };
        assert!(without(&few(2)).is_some() && without(&few(20)).is_none());
        // More types than are worth it: each has ten results.
        let results = |n: usize| (0..10).map(|bit| ["i32 ", "i64 "][n >> bit & 1]).collect::<String>();
        let types: String = (0..=MOST_CHOICES).map(|n| format!("(type (func (result {})))", results(n))).collect();
        let calls: String = (0..=MOST_CHOICES)
            .map(|n| format!("(call_indirect (type {n}) (i32.const 0)) {} ", "drop ".repeat(10)))
            .collect();
        let many = format!(
            "(module {types} (table 1 funcref) (elem (i32.const 0) 0) (func)
               (func (export \"wizer.initialize\") {calls}))"
        );
        assert!(without(&many).is_none());
    }
}
