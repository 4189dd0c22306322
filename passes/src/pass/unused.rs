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
//! **Limits.** A table counts as read wholly by any code that names it, so a function in a live table stays; link
//! information will tell more. Custom sections of unknown names are kept and not read.

use super::segments;
use crate::module::Collect;
use crate::{
    ConstExpr, DataKind, Element, ElementItems, ElementKind, Error, FuncId, Id, Item, Module, Reference, Source, TypeId,
};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::Operator;

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
                        self.follow_element(element)?;
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
                    self.follow_body(body).map_err(|error| error.in_function(id.index()))?;
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

    fn follow_body(&mut self, body: &crate::Body<'_>) -> Result<(), Error> {
        let mut found = BTreeSet::new();
        let mut taken = Vec::new();
        let note = |operator: &Operator<'_>| {
            if let Operator::RefFunc { function_index } = operator {
                taken.push(FuncId(*function_index));
            }
        };
        Collect(|reference| {
            found.insert(reference);
        })
        .body(&body.reader(), note)?;
        for reference in found {
            self.code_names_data |= matches!(reference, Reference::Data(_));
            self.mark(reference);
        }
        for function in taken {
            self.taken.insert(function);
            if let Some(&item) = self.only_in_initializer.get(&function) {
                self.mark(Reference::Item(item));
            }
        }
        Ok(())
    }

    fn follow_element(&mut self, element: &Element<'_>) -> Result<(), Error> {
        if let ElementKind::Active { table, offset, .. } = &element.kind {
            self.mark(Reference::Item(Item::Table(*table)));
            Collect(|reference| self.mark(reference)).expr(offset.reader())?;
        }
        match &element.items {
            ElementItems::Functions(_) if is_plain_declaration(element) => {}
            ElementItems::Functions(functions) => {
                functions.iter().for_each(|&id| self.mark(Reference::Item(Item::Func(id))));
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

/// Removes segments, cuts declarative ones down to what must be declared, and adds one for what
/// was declared by a segment that goes.
fn sweep_elements(module: &mut Module<'_>, live: &Live, mut undeclared: BTreeSet<FuncId>) -> Result<(), Error> {
    for id in module.elements.ids() {
        let Some(element) = module.elements.get(id) else { continue };
        let is_live = live.has(Reference::Element(id));
        if is_live && !is_plain_declaration(element) {
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
