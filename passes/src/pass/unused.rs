//! Remove unused module elements: functions, globals, types, tables, memories, segments and tags that nothing needs.
//!
//! **What.** Starting from what the outside can see (exports, imports, the start function, and segments whose copying
//! may trap or reach an imported table or memory), everything that is referred to is kept, through code, initializers
//! and types; the rest goes. `remove-unused-imports` does the same without counting imports among what the outside
//! can see, so imports that nothing needs go too: that changes what the host must give, and is asked for by name.
//!
//! **Why it is sound.** Code that nothing can reach cannot run. What remains to be shown is that instantiation, which
//! runs no code before the start function, does the same:
//! - An active segment traps if it does not fit, so it stays unless it provably fits: constant offset, and no longer
//!   than the minimum size that its table or memory has. So does an initializer with an operator that may trap.
//! - A memory or table that no code names, that is neither imported nor exported, and whose segments all fit cannot
//!   be observed; it goes together with its segments. An empty segment that fits does nothing.
//! - `ref.func` in code is valid only for functions that occur outside of code. If the segment in which a function
//!   occurs goes, a declarative segment takes its place.
//! - Types are compared by structure, so removing one that is not used changes no other. A recursion group is part of
//!   the structure and stays whole.
//! - A function in a table that only `call_indirect` reads is called only by one with its type. If no live code has
//!   such a call, the function can be reached by a call with another type alone, which traps. So one function with such a
//!   type, that does nothing, stands in the slots of them all.
//!
//! **Example.** `remove-unused-module-elements` makes of
//! ```wat
//! (module
//!   (memory 1)
//!   (data (i32.const 0) "never read")
//!   (func (export "f") (result i32) i32.const 1)
//!   (func (result f64) f64.const 1))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (result i32)))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0) (result i32)
//!     i32.const 1
//!   )
//! )
//! ```
//!
//! **Limits.** A table that is exported, imported or read by anything else counts as read wholly, and so does
//! every table of a module that declares subtypes. Custom sections of unknown names are kept and not read.

use super::segments;
use crate::module::Collect;
use crate::{
    ConstExpr, DataKind, Element, ElementId, ElementItems, ElementKind, Error, FuncId, Id, Item, Module, Reference,
    Source, TableId, TypeId, op,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use wasmparser::{FuncType, Operator, RefType};

pub(super) fn elements(module: &mut Module<'_>) -> Result<(), Error> {
    remove(module, Imports::AreSeen)
}

pub(crate) fn imports(module: &mut Module<'_>) -> Result<(), Error> {
    remove(module, Imports::MayGo)
}

#[derive(PartialEq)]
enum Imports {
    AreSeen,
    MayGo,
}

fn remove(module: &mut Module<'_>, imports: Imports) -> Result<(), Error> {
    let mut live = Live { only_in_initializer: only_in_initializers(module)?, ..Live::default() };
    live.mark_roots(module, imports);
    live.follow(module)?;
    live.stand_ins(module)?;
    let undeclared = live.undeclared(module)?;
    sweep(module, &live);
    sweep_elements(module, &live, undeclared)
}

/// What is needed, and what of it has not been followed yet.
#[derive(Default)]
struct Live {
    needed: BTreeSet<Reference>,
    pending: Vec<Reference>,
    /// Functions that code takes references to: they must occur outside of code.
    taken: BTreeSet<FuncId>,
    /// For functions that occur outside of code only in initializers: one of those. It stays when the function
    /// is taken, because a declarative segment in its place could be longer.
    only_in_initializer: BTreeMap<FuncId, Item>,
    /// Whether code names a data segment, so that their number must be announced.
    code_names_data: bool,
    /// Tables whose functions may get elsewhere than into a call.
    read: BTreeSet<TableId>,
    /// The types with which functions are called out of tables.
    called: HashSet<(TableId, FuncType)>,
    /// Functions that a call of such a type would make live.
    waiting: HashMap<(TableId, FuncType), BTreeSet<FuncId>>,
    /// What stands in the slots of functions that nothing can call, for each table.
    stand_ins: BTreeMap<TableId, FuncId>,
}

impl Live {
    fn mark(&mut self, reference: Reference) {
        if self.needed.insert(reference) {
            self.pending.push(reference);
        }
    }

    fn has(&self, reference: Reference) -> bool {
        self.needed.contains(&reference)
    }

    fn mark_roots(&mut self, module: &Module<'_>, imports: Imports) {
        module.exports.iter().for_each(|export| self.mark(Reference::Item(export.item)));
        let has_subtypes = module.types.groups().any(|group| {
            group.is_explicit() || group.types().iter().any(|ty| !ty.is_final || ty.supertype_idx.is_some())
        });
        for (id, table) in module.tables.iter() {
            let is_plain = table.ty.element_type == RefType::FUNCREF && matches!(table.source, Source::Defined(None));
            let is_exported = module.exports.iter().any(|export| export.item == Item::Table(id));
            if !is_plain || is_exported || has_subtypes {
                self.read.insert(id);
            }
        }
        if let Some(start) = module.start {
            self.mark(Reference::Item(Item::Func(start)));
        }
        if imports == Imports::AreSeen {
            module.live_imports().for_each(|item| self.mark(Reference::Item(item)));
        }
        for (id, element) in module.elements.iter() {
            let reaches_host = matches!(&element.kind, ElementKind::Active { table, .. }
                if module.import(Item::Table(*table)).is_some() && !element.items.is_empty());
            if reaches_host || !segments::element_fits(module, element) {
                self.mark(Reference::Element(id));
            }
        }
        for (id, data) in module.data.iter() {
            let reaches_host = matches!(&data.kind, DataKind::Active { memory, .. }
                if module.import(Item::Memory(*memory)).is_some() && !data.bytes.is_empty());
            if reaches_host || !segments::data_fits(module, data) {
                self.mark(Reference::Data(id));
            }
        }
        for (item, init) in initializers(module) {
            if segments::may_trap(init) {
                self.mark(Reference::Item(item));
            }
        }
    }

    fn follow(&mut self, module: &Module<'_>) -> Result<(), Error> {
        while let Some(reference) = self.pending.pop() {
            match reference {
                Reference::Type(id) => self.follow_type(module, id)?,
                Reference::Item(item) => self.follow_item(module, item)?,
                Reference::Element(id) => {
                    if let Some(element) = module.elements.get(id) {
                        self.follow_element(module, element)?;
                    }
                }
                Reference::Data(id) => {
                    if let Some(DataKind::Active { memory, offset }) = module.data.get(id).map(|data| &data.kind) {
                        self.mark(Reference::Item(Item::Memory(*memory)));
                        Collect(|reference| self.mark(reference)).expr(offset.reader())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn follow_type(&mut self, module: &Module<'_>, id: TypeId) -> Result<(), Error> {
        let Some(group) = module.types.group(id) else { return Ok(()) };
        // Of a large group every type leads here; one is enough.
        if group.ids().next() == Some(id) {
            group.ids().for_each(|id| self.mark(Reference::Type(id)));
            for ty in group.types() {
                Collect(|reference| self.mark(reference)).ty(ty)?;
            }
        } else {
            group.ids().take(1).for_each(|id| self.mark(Reference::Type(id)));
        }
        Ok(())
    }

    fn follow_item(&mut self, module: &Module<'_>, item: Item) -> Result<(), Error> {
        match item {
            Item::Func(id) => {
                let Some(function) = module.functions.get(id) else { return Ok(()) };
                self.mark(Reference::Type(function.ty));
                if let Source::Defined(body) = &function.source {
                    self.follow_body(module, body).map_err(|error| error.in_function(id.index()))?;
                }
            }
            Item::Table(id) => {
                let Some(table) = module.tables.get(id) else { return Ok(()) };
                let mut collect = Collect(|reference| self.mark(reference));
                collect.reference(table.ty.element_type)?;
                if let Source::Defined(Some(init)) = &table.source {
                    collect.expr(init.reader())?;
                }
                for (element_id, element) in module.elements.iter() {
                    let ours = matches!(&element.kind, ElementKind::Active { table, .. } if *table == id);
                    if ours && !element.items.is_empty() {
                        self.mark(Reference::Element(element_id));
                    }
                }
            }
            Item::Memory(id) => {
                for (data_id, data) in module.data.iter() {
                    let ours = matches!(&data.kind, DataKind::Active { memory, .. } if *memory == id);
                    if ours && !data.bytes.is_empty() {
                        self.mark(Reference::Data(data_id));
                    }
                }
            }
            Item::Global(id) => {
                let Some(global) = module.globals.get(id) else { return Ok(()) };
                let mut collect = Collect(|reference| self.mark(reference));
                collect.value(global.ty.content_type)?;
                if let Source::Defined(init) = &global.source {
                    collect.expr(init.reader())?;
                }
            }
            Item::Tag(id) => {
                if let Some(tag) = module.tags.get(id) {
                    self.mark(Reference::Type(tag.ty));
                }
            }
        }
        Ok(())
    }

    fn follow_body(&mut self, module: &Module<'_>, body: &crate::Body<'_>) -> Result<(), Error> {
        let mut found = BTreeSet::new();
        let (mut taken, mut calls, mut reads) = (Vec::new(), BTreeSet::new(), Vec::new());
        let note = |operator: &Operator<'_>| match *operator {
            Operator::RefFunc { function_index } => taken.push(FuncId(function_index)),
            Operator::CallIndirect { type_index, table_index }
            | Operator::ReturnCallIndirect { type_index, table_index } => {
                calls.insert((TableId(table_index), TypeId(type_index)));
            }
            Operator::TableSet { .. }
            | Operator::TableSize { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableInit { .. } => {}
            ref other => drop(op::references(other, |reference| {
                if let Reference::Item(Item::Table(id)) = reference {
                    reads.push(id);
                }
            })),
        };
        Collect(|reference| {
            found.insert(reference);
        })
        .body(&body.reader(), note)?;
        for reference in found {
            self.code_names_data |= matches!(reference, Reference::Data(_));
            self.mark(reference);
        }
        reads.into_iter().for_each(|table| self.is_read(table));
        for (table, ty) in calls {
            if let Some(ty) = module.types.function(ty) {
                let key = (table, ty.clone());
                let reached = self.waiting.remove(&key).into_iter().flatten();
                reached.for_each(|id| self.mark(Reference::Item(Item::Func(id))));
                self.called.insert(key);
            }
        }
        for function in taken {
            self.taken.insert(function);
            if let Some(&item) = self.only_in_initializer.get(&function) {
                self.mark(Reference::Item(item));
            }
        }
        Ok(())
    }

    /// All functions in a table may get anywhere.
    fn is_read(&mut self, table: TableId) {
        if self.read.insert(table) {
            let of_table: Vec<_> = self.waiting.keys().filter(|(waiting, _)| *waiting == table).cloned().collect();
            let reached: Vec<FuncId> = of_table.iter().filter_map(|key| self.waiting.remove(key)).flatten().collect();
            reached.into_iter().for_each(|id| self.mark(Reference::Item(Item::Func(id))));
        }
    }

    /// A function stands in a table: it is live if a call of its type is.
    fn stands_in(&mut self, module: &Module<'_>, table: TableId, id: FuncId) {
        let key = module.function_type(id).map(|ty| (table, ty.clone()));
        match key.filter(|key| !self.read.contains(&table) && !self.called.contains(key)) {
            Some(key) => drop(self.waiting.entry(key).or_default().insert(id)),
            None => self.mark(Reference::Item(Item::Func(id))),
        }
    }

    /// Chooses what stands in the slots of functions that nothing can call. Imported ones cannot do nothing, and stay.
    fn stand_ins(&mut self, module: &Module<'_>) -> Result<(), Error> {
        let mut dead: BTreeMap<TableId, BTreeSet<FuncId>> = BTreeMap::new();
        for ((table, _), functions) in std::mem::take(&mut self.waiting) {
            let is_dead = |id: &FuncId| !self.has(Reference::Item(Item::Func(*id)));
            dead.entry(table).or_default().extend(functions.into_iter().filter(is_dead));
        }
        for (table, functions) in dead {
            let defined = |id: &&FuncId| module.functions.get(**id).is_some_and(|f| f.source.defined().is_some());
            match functions.iter().find(defined) {
                Some(&id) => {
                    self.needed.insert(Reference::Item(Item::Func(id)));
                    self.stand_ins.insert(table, id);
                    module.functions.get(id).into_iter().for_each(|function| self.mark(Reference::Type(function.ty)));
                }
                None => functions.iter().for_each(|id| self.mark(Reference::Item(Item::Func(*id)))),
            }
        }
        self.follow(module)
    }

    fn follow_element(&mut self, module: &Module<'_>, element: &Element<'_>) -> Result<(), Error> {
        if let ElementKind::Active { table, offset, .. } = &element.kind {
            self.mark(Reference::Item(Item::Table(*table)));
            Collect(|reference| self.mark(reference)).expr(offset.reader())?;
        }
        match &element.items {
            ElementItems::Functions(_) if is_plain_declaration(element) => {}
            ElementItems::Functions(functions) => {
                functions.iter().for_each(|&id| match &element.kind {
                    ElementKind::Active { table, .. } => self.stands_in(module, *table, id),
                    _ => self.mark(Reference::Item(Item::Func(id))),
                });
            }
            ElementItems::Expressions(ty, list) => {
                let mut collect = Collect(|reference| self.mark(reference));
                collect.reference(*ty)?;
                for expression in list {
                    collect.expr(expression.reader())?;
                }
            }
        }
        Ok(())
    }

    /// The functions whose references code takes and that occur nowhere outside of code in what stays.
    fn undeclared(&self, module: &Module<'_>) -> Result<BTreeSet<FuncId>, Error> {
        let mut missing = self.taken.clone();
        for export in &module.exports {
            if let Item::Func(id) = export.item {
                missing.remove(&id);
            }
        }
        for (id, element) in module.elements.iter() {
            if self.has(Reference::Element(id)) && !is_plain_declaration(element) {
                functions_of(element, |id| {
                    missing.remove(&id);
                })?;
            }
        }
        for (item, init) in initializers(module) {
            if self.has(Reference::Item(item)) {
                functions_in(init, |id| {
                    missing.remove(&id);
                })?;
            }
        }
        Ok(missing)
    }
}

/// Whether a segment is a list of declared functions. It is never read, even where code names it, so it can be cut
/// down to what must be declared; one that holds expressions stays whole if code names it.
fn is_plain_declaration(element: &Element<'_>) -> bool {
    matches!((&element.kind, &element.items), (ElementKind::Declared, ElementItems::Functions(_)))
}

/// All initializers of globals and tables.
fn initializers<'m, 'a>(module: &'m Module<'a>) -> impl Iterator<Item = (Item, &'m ConstExpr<'a>)> {
    let globals = module.globals.iter().filter_map(|(id, global)| Some((Item::Global(id), global.source.defined()?)));
    let tables =
        module.tables.iter().filter_map(|(id, table)| Some((Item::Table(id), table.source.defined()?.as_ref()?)));
    globals.chain(tables)
}

fn only_in_initializers(module: &Module<'_>) -> Result<BTreeMap<FuncId, Item>, Error> {
    let mut found = BTreeMap::new();
    for (item, init) in initializers(module) {
        functions_in(init, |id| {
            found.entry(id).or_insert(item);
        })?;
    }
    for (_, element) in module.elements.iter() {
        functions_of(element, |id| {
            found.remove(&id);
        })?;
    }
    for export in &module.exports {
        if let Item::Func(id) = export.item {
            found.remove(&id);
        }
    }
    Ok(found)
}

fn functions_in(init: &ConstExpr<'_>, mut report: impl FnMut(FuncId)) -> Result<(), Error> {
    Collect(|reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            report(id);
        }
    })
    .expr(init.reader())
}

fn functions_of(element: &Element<'_>, mut report: impl FnMut(FuncId)) -> Result<(), Error> {
    match &element.items {
        ElementItems::Functions(functions) => {
            functions.iter().for_each(|&id| report(id));
            Ok(())
        }
        ElementItems::Expressions(_, list) => list.iter().try_for_each(|init| functions_in(init, &mut report)),
    }
}

fn sweep(module: &mut Module<'_>, live: &Live) {
    let item = |item| live.has(Reference::Item(item));
    module.functions.retain(|id| item(Item::Func(id)));
    module.tables.retain(|id| item(Item::Table(id)));
    module.memories.retain(|id| item(Item::Memory(id)));
    module.globals.retain(|id| item(Item::Global(id)));
    module.tags.retain(|id| item(Item::Tag(id)));
    module.data.retain(|id| live.has(Reference::Data(id)));
    module.data_count &= live.code_names_data;
    let first_of = |group: &crate::TypeGroup| group.ids().next();
    let dead: Vec<TypeId> =
        module.types.groups().filter_map(first_of).filter(|&id| !live.has(Reference::Type(id))).collect();
    dead.into_iter().for_each(|id| module.types.remove_group(id));
}

/// Puts the table's stand-in into the slots of functions that are gone, and takes its code away.
fn put_stand_ins(module: &mut Module<'_>, live: &Live, id: ElementId) -> Result<(), Error> {
    const NOTHING: [u8; 3] = [0, 0x00, 0x0b];
    let Some(Element { kind: ElementKind::Active { table, .. }, items: ElementItems::Functions(functions) }) =
        module.elements.get(id)
    else {
        return Ok(());
    };
    let Some(&stand_in) = live.stand_ins.get(table) else { return Ok(()) };
    let is_gone = |id: &FuncId| !live.has(Reference::Item(Item::Func(*id)));
    if functions.iter().any(is_gone)
        && let Some(Element { items: ElementItems::Functions(functions), .. }) = module.elements.get_mut(id)
    {
        functions.iter_mut().filter(|id| is_gone(id)).for_each(|id| *id = stand_in);
    }
    let body = module.functions.get(stand_in).and_then(|function| function.source.defined());
    if body.is_some_and(|body| body.bytes().len() > NOTHING.len()) {
        module.set_body(stand_in, NOTHING.to_vec())?;
    }
    Ok(())
}

/// Removes segments, cuts declarative ones down to what must be declared, and adds one for what
/// was declared by a segment that goes.
fn sweep_elements(module: &mut Module<'_>, live: &Live, mut undeclared: BTreeSet<FuncId>) -> Result<(), Error> {
    for id in module.elements.ids() {
        let Some(element) = module.elements.get(id) else { continue };
        let is_live = live.has(Reference::Element(id));
        if is_live && !is_plain_declaration(element) {
            put_stand_ins(module, live, id)?;
            continue;
        }
        let mut declared = Vec::new();
        if matches!(element.kind, ElementKind::Declared) {
            functions_of(element, |function| {
                if undeclared.remove(&function) {
                    declared.push(function);
                }
            })?;
        }
        let unchanged = matches!(&element.items, ElementItems::Functions(functions) if *functions == declared);
        if declared.is_empty() && !is_live {
            module.elements.remove(id);
        } else if !unchanged && let Some(element) = module.elements.get_mut(id) {
            element.items = ElementItems::Functions(declared);
        }
    }
    if !undeclared.is_empty() {
        let items = ElementItems::Functions(undeclared.into_iter().collect());
        module.elements.push(Element { kind: ElementKind::Declared, items });
    }
    Ok(())
}
