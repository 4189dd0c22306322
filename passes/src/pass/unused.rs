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
//!   type, that does nothing, stands in the slots of them all. It stands in those of functions that are called by name too:
//!   what is in no table can be inlined away.
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

mod live;

use crate::{Element, ElementId, ElementItems, ElementKind, Error, FuncId, Item, Module, Reference, TypeId};
use live::{Imports, Live, is_plain_declaration};
pub(crate) use live::{functions_in, functions_of, initializers};
use std::collections::BTreeSet;

pub(super) fn elements(module: &mut Module<'_>) -> Result<(), Error> {
    remove(module, Imports::AreSeen)
}

pub(crate) fn imports(module: &mut Module<'_>) -> Result<(), Error> {
    remove(module, Imports::MayGo)
}

fn remove(module: &mut Module<'_>, imports: Imports) -> Result<(), Error> {
    let live = Live::find(module, imports)?;
    let undeclared = live.undeclared(module)?;
    sweep(module, &live);
    sweep_elements(module, &live, undeclared)
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

/// Puts the table's stand-in into the slots of others, and takes its code away if that is all it is for.
fn put_stand_ins(module: &mut Module<'_>, live: &Live, id: ElementId) -> Result<(), Error> {
    const NOTHING: [u8; 3] = [0, 0x00, 0x0b];
    let Some(Element { kind: ElementKind::Active { table, .. }, items: ElementItems::Functions(functions) }) =
        module.elements.get(id)
    else {
        return Ok(());
    };
    let Some(stand_in) = live.stand_ins.get(table) else { return Ok(()) };
    let leaves = |id: &FuncId| stand_in.others.contains(id);
    if functions.iter().any(leaves)
        && let Some(Element { items: ElementItems::Functions(functions), .. }) = module.elements.get_mut(id)
    {
        functions.iter_mut().filter(|id| leaves(id)).for_each(|id| *id = stand_in.id);
    }
    let body = module.functions.get(stand_in.id).and_then(|function| function.source.defined());
    if stand_in.does_nothing && body.is_some_and(|body| body.bytes().len() > NOTHING.len()) {
        module.set_body(stand_in.id, NOTHING.to_vec())?;
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
