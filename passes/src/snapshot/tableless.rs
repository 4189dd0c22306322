//! The copy that runs, without functions in tables, for an engine that compiles before it runs: whatever is in a
//! table can be called from outside, and gets a way in from there, which wasmtime compiles by Cranelift even beside
//! Winch. Of SQLite's compilation that is a quarter.
//!
//! A call through a table that nobody changes is a choice among known functions, so it becomes a call of a function
//! that makes the choice, by the same number. What would trap in the call traps there.

use super::Prepared;
use super::reach::Closed;
use crate::module::Uses;
use crate::{ElementItems, Error, FuncId, Module, TableId, TypeId, parallel};
use std::collections::{BTreeMap, BTreeSet};
use wasm_encoder::{BlockType, Instruction};
use wasmparser::{FuncType, Operator};

/// As many entries as a `br_table` may have: wasmparser's limit, and so the engine's.
const MOST_ENTRIES: usize = 65_520;
/// Tables that are called with more types are left as they are: each choice is looked up among all types.
const MOST_CHOICES: usize = 1_000;

/// The copy with such tables empty, or none if there is no such table.
pub fn without_tables(prepared: &Prepared) -> Result<Option<Vec<u8>>, Error> {
    let mut module = Module::parse(&prepared.module)?;
    // The others have other bodies in the copy.
    let same = |id: &FuncId, uses: &Uses| uses.drops.is_empty() && prepared.reached.contains(id);
    module.know_uses(prepared.uses.iter().filter(|(id, uses)| same(id, uses)));
    let all = Uses::of_all(module.bodies().collect())?;
    let Closed { tables, segments } = Closed::find(&module, &all, prepared.tables.iter().map(|(id, _)| *id));
    let calls: BTreeSet<(TableId, TypeId)> = all.iter().flat_map(|(_, uses)| &uses.calls).copied().collect();
    let callers: Vec<FuncId> = all.iter().filter(|(_, uses)| !uses.calls.is_empty()).map(|(id, _)| *id).collect();
    drop(all);
    if segments.is_empty() || calls.len() > MOST_CHOICES {
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
pub(super) mod tests {
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
    pub(in super::super) fn module(initialize: &str, more: &str) -> String {
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
