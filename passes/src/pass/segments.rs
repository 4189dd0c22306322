//! What can be proved about segments before a module runs; shared by the passes that remove and shorten them.

use crate::{ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, MemoryId, Module, op};

/// Whether copying this segment at instantiation can provably not trap. A passive segment copies nothing.
pub(super) fn element_fits(module: &Module<'_>, element: &Element<'_>) -> bool {
    if let ElementItems::Expressions(_, list) = &element.items
        && list.iter().any(may_trap)
    {
        return false;
    }
    let ElementKind::Active { table, offset, .. } = &element.kind else { return true };
    let Some(table) = module.tables.get(*table) else { return false };
    let end = offset.integer().and_then(|offset| offset.checked_add(element.items.len() as u64));
    end.is_some_and(|end| end <= table.ty.initial)
}

/// Whether copying this segment at instantiation can provably not trap. A passive segment copies nothing.
pub(super) fn data_fits(module: &Module<'_>, data: &Data<'_>) -> bool {
    let DataKind::Active { memory, offset } = &data.kind else { return true };
    let end = offset.integer().and_then(|offset| offset.checked_add(data.bytes.len() as u64));
    end.is_some_and(|end| u128::from(end) <= least_size(module, *memory))
}

/// The size that a memory has at least, in bytes.
fn least_size(module: &Module<'_>, memory: MemoryId) -> u128 {
    module
        .memories
        .get(memory)
        .map_or(0, |memory| u128::from(memory.ty.initial) << memory.ty.page_size_log2.unwrap_or(16).min(16))
}

/// Whether computing an initializer may trap, as making a huge array does.
pub(super) fn may_trap(init: &ConstExpr<'_>) -> bool {
    let mut operators = init.reader().get_operators_reader();
    while !operators.is_end_then_eof() {
        match operators.read() {
            Ok(operator) if !op::info(&operator).effects.intersects(op::Effects::TRAPS) => {}
            _ => return true,
        }
    }
    false
}
