//! Objects that garbage collection manages: initializers can make them anew, but not as they are after a change.
//!
//! Those that globals and tables hold which code can write to are found in the state. What remains are those that are
//! made at instantiation where code never writes, and which it can change all the same.

use crate::{ConstExpr, ElementItems, ElementKind, Error, Module, Source, TableId};
use std::collections::BTreeSet;
use wasmparser::Operator;

/// Refuses a module whose code changes objects (first at `place`) where one may be lost. `tables` are those that code
/// writes to.
pub(super) fn refuse_lost(module: &Module<'_>, place: Option<usize>, tables: &BTreeSet<TableId>) -> Result<(), Error> {
    let Some(place) = place else { return Ok(()) };
    let Some(holder) = holder(module, tables) else { return Ok(()) };
    let message =
        format!("{holder} holds an object that code may change, and no initializer can make it again as it is then");
    Err(Error::input(message).at(place))
}

fn holder(module: &Module<'_>, tables: &BTreeSet<TableId>) -> Option<&'static str> {
    let in_global = module.globals.iter().any(|(_, global)| match &global.source {
        Source::Defined(init) => !global.ty.mutable && creates(init),
        Source::Import(_) => false,
    });
    if in_global {
        return Some("a constant global");
    }
    let in_table = module.tables.iter().any(|(id, table)| match &table.source {
        Source::Defined(Some(init)) => !tables.contains(&id) && creates(init),
        _ => false,
    });
    if in_table {
        return Some("a table");
    }
    let in_element = module.elements.iter().any(|(_, element)| {
        let stays = match &element.kind {
            ElementKind::Passive => true,
            ElementKind::Declared => false,
            ElementKind::Active { table, .. } => !tables.contains(table),
        };
        stays && matches!(&element.items, ElementItems::Expressions(_, list) if list.iter().any(creates))
    });
    in_element.then_some("an element segment")
}

fn creates(init: &ConstExpr<'_>) -> bool {
    let mut operators = init.reader().get_operators_reader();
    while let Ok(operator) = operators.read() {
        if matches!(
            operator,
            Operator::StructNew { .. }
                | Operator::StructNewDefault { .. }
                | Operator::StructNewDesc { .. }
                | Operator::StructNewDefaultDesc { .. }
                | Operator::ArrayNew { .. }
                | Operator::ArrayNewDefault { .. }
                | Operator::ArrayNewFixed { .. }
        ) {
            return true;
        }
    }
    false
}
