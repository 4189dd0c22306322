//! What is needed: everything that the outside can see leads to.

use crate::module::{Collect, Uses};
use crate::pass::segments;
use crate::{
    ConstExpr, DataKind, Element, ElementItems, ElementKind, Error, FuncId, Item, Module, Reference, Source, TableId,
    TypeId,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use wasmparser::{FuncType, RefType};

/// Whether imports are among what the outside can see.
#[derive(PartialEq)]
pub(super) enum Imports {
    AreSeen,
    MayGo,
}

/// What is needed, and what of it has not been followed yet.
#[derive(Default)]
pub(super) struct Live {
    needed: BTreeSet<Reference>,
    pending: Vec<Reference>,
    /// Functions that code takes references to: they must occur outside of code.
    taken: BTreeSet<FuncId>,
    /// For functions that occur outside of code only in initializers: one of those. It stays when the function
    /// is taken, because a declarative segment in its place could be longer.
    only_in_initializer: BTreeMap<FuncId, Item>,
    /// Whether code names a data segment, so that their number must be announced.
    pub code_names_data: bool,
    /// Tables whose functions may get elsewhere than into a call.
    read: BTreeSet<TableId>,
    /// The types with which functions are called out of tables.
    called: HashSet<(TableId, FuncType)>,
    /// Functions that a call of such a type would make live.
    waiting: HashMap<(TableId, FuncType), BTreeSet<FuncId>>,
    /// What stands in the slots of functions that nothing can call out of a table, for each table.
    pub stand_ins: BTreeMap<TableId, StandIn>,
}

/// One function in the slots of others.
pub(super) struct StandIn {
    pub id: FuncId,
    /// Whether that is all it is for.
    pub does_nothing: bool,
    pub others: BTreeSet<FuncId>,
}

impl Live {
    pub fn find(module: &Module<'_>, imports: Imports) -> Result<Live, Error> {
        let mut live = Live { only_in_initializer: only_in_initializers(module)?, ..Live::default() };
        live.mark_roots(module, imports);
        live.follow(module)?;
        live.stand_ins(module)?;
        Ok(live)
    }

    fn mark(&mut self, reference: Reference) {
        if self.needed.insert(reference) {
            self.pending.push(reference);
        }
    }

    pub fn has(&self, reference: Reference) -> bool {
        self.needed.contains(&reference)
    }

    fn mark_roots(&mut self, module: &Module<'_>, imports: Imports) {
        module.exports.iter().for_each(|export| self.mark(Reference::Item(export.item)));
        let has_parts = !module.types.differ_by_shape();
        for (id, table) in module.tables.iter() {
            let is_plain = table.ty.element_type == RefType::FUNCREF && matches!(table.source, Source::Defined(None));
            let is_exported = module.exports.iter().any(|export| export.item == Item::Table(id));
            if !is_plain || is_exported || has_parts {
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

    /// Bodies are read by many at once, which is most of the work, and in rounds: those that the last ones led to.
    fn follow(&mut self, module: &Module<'_>) -> Result<(), Error> {
        loop {
            let mut bodies = Vec::new();
            while let Some(reference) = self.pending.pop() {
                match reference {
                    Reference::Type(id) => self.follow_type(module, id)?,
                    Reference::Item(Item::Func(id)) => {
                        let Some(function) = module.functions.get(id) else { continue };
                        self.mark(Reference::Type(function.ty));
                        bodies.extend(function.source.defined().map(|body| (id, body)));
                    }
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
            if bodies.is_empty() {
                return Ok(());
            }
            for (_, uses) in Uses::of_all(bodies)? {
                self.mark_uses(module, uses);
            }
        }
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
            // Many at a time, in `follow`.
            Item::Func(_) => {}
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

    fn mark_uses(&mut self, module: &Module<'_>, uses: &Uses) {
        for &reference in &uses.references {
            self.code_names_data |= matches!(reference, Reference::Data(_));
            self.mark(reference);
        }
        uses.reads.iter().for_each(|&table| self.is_read(table));
        for &(table, ty) in &uses.calls {
            if let Some(ty) = module.types.function(ty) {
                let key = (table, ty.clone());
                let reached = self.waiting.remove(&key).into_iter().flatten();
                reached.for_each(|id| self.mark(Reference::Item(Item::Func(id))));
                self.called.insert(key);
            }
        }
        for &function in &uses.taken {
            self.taken.insert(function);
            if let Some(&item) = self.only_in_initializer.get(&function) {
                self.mark(Reference::Item(item));
            }
        }
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

    /// Chooses what stands in the slots of functions that nothing can call out of a table. Imported ones cannot do
    /// nothing, and stay where no other can be chosen.
    fn stand_ins(&mut self, module: &Module<'_>) -> Result<(), Error> {
        let mut uncalled: BTreeMap<TableId, BTreeSet<FuncId>> = BTreeMap::new();
        for ((table, _), functions) in std::mem::take(&mut self.waiting) {
            uncalled.entry(table).or_default().extend(functions);
        }
        for (table, functions) in uncalled {
            let is_dead = |id: &FuncId| !self.has(Reference::Item(Item::Func(*id)));
            let is_defined = |id: &FuncId| module.functions.get(*id).is_some_and(|f| f.source.defined().is_some());
            let spare = functions.iter().copied().find(|id| is_dead(id) && is_defined(id));
            let Some(id) = spare.or_else(|| functions.iter().copied().find(|id| !is_dead(id))) else {
                functions.iter().for_each(|id| self.mark(Reference::Item(Item::Func(*id))));
                continue;
            };
            // Numbers below that of the stand-in may be shorter, and what code refers to must stand somewhere.
            let may_leave = |other: &FuncId| is_dead(other) || (*other > id && !self.taken.contains(other));
            let others = functions.iter().copied().filter(|other| *other != id && may_leave(other)).collect();
            self.needed.insert(Reference::Item(Item::Func(id)));
            self.stand_ins.insert(table, StandIn { id, does_nothing: spare.is_some(), others });
            module.functions.get(id).into_iter().for_each(|function| self.mark(Reference::Type(function.ty)));
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
    pub fn undeclared(&self, module: &Module<'_>) -> Result<BTreeSet<FuncId>, Error> {
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
pub(super) fn is_plain_declaration(element: &Element<'_>) -> bool {
    matches!((&element.kind, &element.items), (ElementKind::Declared, ElementItems::Functions(_)))
}

/// All initializers of globals and tables.
pub(crate) fn initializers<'m, 'a>(module: &'m Module<'a>) -> impl Iterator<Item = (Item, &'m ConstExpr<'a>)> {
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

/// Reports the functions that an initializer refers to.
pub(crate) fn functions_in(init: &ConstExpr<'_>, mut report: impl FnMut(FuncId)) -> Result<(), Error> {
    Collect(|reference| {
        if let Reference::Item(Item::Func(id)) = reference {
            report(id);
        }
    })
    .expr(init.reader())
}

/// Reports the functions that stand in a segment.
pub(crate) fn functions_of(element: &Element<'_>, mut report: impl FnMut(FuncId)) -> Result<(), Error> {
    match &element.items {
        ElementItems::Functions(functions) => {
            functions.iter().for_each(|&id| report(id));
            Ok(())
        }
        ElementItems::Expressions(_, list) => list.iter().try_for_each(|init| functions_in(init, &mut report)),
    }
}
