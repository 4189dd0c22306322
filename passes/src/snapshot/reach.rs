//! What initialization can reach: by name, by the types of calls through tables that nobody changes, and whatever gets
//! elsewhere. Functions that it cannot reach are traps in the copy that runs, so that no engine has to compile them.

use super::Call;
use crate::module::Uses;
use crate::pass::unused::{functions_in, functions_of, initializers};
use crate::{ElementId, ElementItems, ElementKind, Error, FuncId, Item, Module, Reference, Source, Table, TableId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use wasmparser::{FuncType, RefType};

/// What a table holds from the beginning to the end.
type Entries = BTreeMap<u32, FuncId>;
/// The same by type, in order.
pub(super) type ByType = HashMap<FuncType, Vec<(u32, FuncId)>>;

/// The tables of functions that hold what their segments wrote, all of them, and nobody reads but in a call.
#[derive(Default)]
pub(super) struct Closed {
    /// What they hold.
    pub tables: BTreeMap<TableId, ByType>,
    /// Those segments.
    pub segments: BTreeSet<ElementId>,
}

impl Closed {
    /// Looks for them beside those that are `changed`. There are none where a type is more than its shape.
    pub fn find(module: &Module<'_>, uses: &[(FuncId, &Uses)], changed: impl Iterator<Item = TableId>) -> Closed {
        if !module.types.differ_by_shape() {
            return Closed::default();
        }
        let open: BTreeSet<TableId> = uses.iter().flat_map(|(_, uses)| &uses.reads).copied().chain(changed).collect();
        let is_plain = |table: &Table<'_>| {
            let ty = &table.ty;
            ty.element_type == RefType::FUNCREF && !ty.table64 && matches!(table.source, Source::Defined(None))
        };
        let candidates = module.tables.iter().filter(|(id, table)| !open.contains(id) && is_plain(table));
        let mut tables: BTreeMap<TableId, Option<Entries>> =
            candidates.map(|(id, _)| (id, Some(Entries::new()))).collect();
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
        let tables: BTreeMap<TableId, ByType> =
            tables.into_iter().filter_map(|(id, held)| Some((id, by_type(module, &held?)))).collect();
        let segments = segments.into_iter().filter(|(table, _)| tables.contains_key(table)).map(|(_, id)| id).collect();
        Closed { tables, segments }
    }

    /// The functions that these calls and the start of the module can reach. What an initializer or another segment gives away
    /// may be called from anywhere.
    pub fn reached(
        &self,
        module: &Module<'_>,
        calls: &[Call],
        uses: &[(FuncId, &Uses)],
    ) -> Result<BTreeSet<FuncId>, Error> {
        let mut pending: Vec<FuncId> = module.start.into_iter().collect();
        for call in calls {
            match module.export(&call.export) {
                Some(Item::Func(id)) => pending.push(id),
                _ => return Err(Error::internal("a call of initialization is not exported")),
            }
        }
        for (_, init) in initializers(module) {
            functions_in(init, |id| pending.push(id))?;
        }
        for (_, element) in module.elements.iter().filter(|(id, _)| !self.segments.contains(id)) {
            functions_of(element, |id| pending.push(id))?;
        }
        let uses: HashMap<FuncId, &Uses> = uses.iter().copied().collect();
        let (mut reached, mut called) = (BTreeSet::new(), HashSet::new());
        while let Some(id) = pending.pop() {
            let Some(uses) = uses.get(&id).filter(|_| reached.insert(id)) else { continue };
            let named = uses.references.iter().filter_map(|reference| match reference {
                Reference::Item(Item::Func(id)) => Some(*id),
                _ => None,
            });
            pending.extend(named);
            for (table, ty) in &uses.calls {
                if let Some(ty) = module.types.function(*ty).filter(|ty| called.insert((*table, *ty))) {
                    let of = self.tables.get(table).and_then(|table| table.get(ty));
                    pending.extend(of.into_iter().flatten().map(|(_, id)| *id));
                }
            }
        }
        Ok(reached)
    }
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

#[cfg(test)]
mod tests {
    use super::super::tableless::tests::module;
    use super::super::{Initializer, prepare};

    #[test]
    fn what_initialization_cannot_reach_does_nothing() {
        let more =
            "(func $three (type $f) (i32.const 33)) (func (export \"later\") (drop (call $three (i32.const 44))))
            (func $named (result i32) (i32.const 55)) (elem (table $t) (i32.const 0) func $named)";
        let printed = |initialize: &str, more: &str| {
            let text = module(initialize, more);
            let copy = prepare(&wat::parse_str(text).unwrap(), &Initializer::Found).unwrap().module;
            crate::validate(&copy).unwrap();
            wasmprinter::print_bytes(copy).unwrap()
        };
        // `three` is called by name, `named` by its type.
        let there = |text: String| ["33", "44", "55"].map(|number| text.contains(&format!("i32.const {number}\n")));
        assert_eq!(there(printed("", more)), [false; 3]);
        assert_eq!(there(printed("(drop (call $three (i32.const 0)))", more)), [true, false, false]);
        let call = "(drop (call_indirect $t (result i32) (i32.const 0)))";
        assert_eq!(there(printed(call, more)), [false, false, true]);
        // Somebody may call what stands elsewhere.
        for (elsewhere, reached) in [
            ("(elem func $three)", [true, false, false]),
            ("(elem func $named)", [false, false, true]),
            ("(elem funcref (ref.func $three))", [true, false, false]),
            ("(global funcref (ref.func $three))", [true, false, false]),
            ("(table 1 1 (ref func) (ref.func $three))", [true, false, false]),
            ("(type $sub (sub (func)))", [false, false, true]),
        ] {
            assert_eq!(there(printed("", &format!("{more} {elsewhere}"))), reached, "{elsewhere}");
        }
        assert_eq!(there(printed("(drop (table.get $t (i32.const 0)))", more)), [false, false, true]);
        assert_eq!(there(printed("(table.set $t (i32.const 0) (ref.null func))", more)), [false, false, true]);
    }

    /// Each of 40,000 functions may call all of them: what each leads to is followed once, or this takes minutes.
    #[test]
    fn a_table_that_many_call_is_followed_once() {
        let functions = 40_000;
        let text = format!(
            "(module (type $f (func)) (table {functions} funcref) {} (elem (i32.const 0) func {}) (export \"wizer.initialize\" (func 0)))",
            "(func (type $f) (call_indirect (type $f) (i32.const 1)))".repeat(functions),
            (0..functions).map(|n| format!("{n} ")).collect::<String>()
        );
        let prepared = prepare(&wat::parse_str(text).unwrap(), &Initializer::Found).unwrap();
        assert_eq!(prepared.reached.len(), functions);
    }
}
