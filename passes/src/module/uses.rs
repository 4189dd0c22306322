//! What a function's body names, and what it does to things that outlive a call: all that whole-module passes ask of it.

use super::{Body, Collect, DataId, ElementId, FuncId, Item, Reference, TableId, TypeId};
use crate::{Error, parallel};
use std::cell::Cell;
use wasmparser::Operator;

/// The first byte of every vector instruction.
const SIMD_PREFIX: u8 = 0xfd;

/// Each thing once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    /// Everything that has a number, the types of locals included.
    pub references: Vec<Reference>,
    /// Functions that it takes references to.
    pub taken: Vec<FuncId>,
    /// The tables out of which it calls, and with which types.
    pub calls: Vec<(TableId, TypeId)>,
    /// Tables whose entries it may take elsewhere than into a call.
    pub reads: Vec<TableId>,
    /// Tables that it may change.
    pub changes: Vec<TableId>,
    /// Segments that it may drop.
    pub drops: Vec<Reference>,
    /// Where it changes an object, last.
    pub changes_objects: Option<usize>,
    /// Whether there is a vector instruction.
    pub simd: bool,
}

impl Uses {
    pub(super) fn of(body: &Body<'_>) -> Result<Uses, Error> {
        let mut uses = Uses::default();
        let mut references = Vec::new();
        let mut reads = Vec::new();
        // Whether the operator that is looked at leaves the entries of the tables that it names.
        let leaves = Cell::new(false);
        let start = body.offset().unwrap_or(0);
        let note = |operator: &Operator<'_>, offset: usize| {
            uses.simd |= body.bytes().get(offset - start) == Some(&SIMD_PREFIX);
            leaves.set(true);
            match *operator {
                Operator::RefFunc { function_index } => uses.taken.push(FuncId(function_index)),
                Operator::CallIndirect { type_index, table_index }
                | Operator::ReturnCallIndirect { type_index, table_index } => {
                    uses.calls.push((TableId(table_index), TypeId(type_index)));
                }
                Operator::TableSize { .. } => {}
                Operator::TableSet { table }
                | Operator::TableGrow { table }
                | Operator::TableFill { table }
                | Operator::TableInit { table, .. } => uses.changes.push(TableId(table)),
                Operator::TableCopy { dst_table, .. } => {
                    uses.changes.push(TableId(dst_table));
                    leaves.set(false);
                }
                Operator::DataDrop { data_index } => uses.drops.push(Reference::Data(DataId(data_index))),
                Operator::ElemDrop { elem_index } => uses.drops.push(Reference::Element(ElementId(elem_index))),
                Operator::StructSet { .. }
                | Operator::ArraySet { .. }
                | Operator::ArrayFill { .. }
                | Operator::ArrayCopy { .. }
                | Operator::ArrayInitData { .. }
                | Operator::ArrayInitElem { .. } => uses.changes_objects = Some(offset),
                _ => leaves.set(false),
            }
        };
        let report = |reference| {
            // Every load and store names the memory.
            if references.last() != Some(&reference) {
                references.push(reference);
            }
            if let (Reference::Item(Item::Table(id)), false) = (reference, leaves.get()) {
                reads.push(id);
            }
        };
        Collect(report).body(&body.reader(), note)?;
        (uses.references, uses.reads) = (references, reads);
        sort(&mut uses.references);
        sort(&mut uses.taken);
        sort(&mut uses.calls);
        sort(&mut uses.reads);
        sort(&mut uses.changes);
        sort(&mut uses.drops);
        Ok(uses)
    }

    /// Of many bodies, in order. They are read by many threads at once where there is much to read.
    pub fn of_all<'m>(bodies: Vec<(FuncId, &'m Body<'_>)>) -> Result<Vec<(FuncId, &'m Uses)>, Error> {
        let unread = |body: &&Body<'_>| body.known_uses().is_none();
        let code = bodies.iter().map(|(_, body)| *body).filter(unread).map(|body| body.bytes().len()).sum();
        parallel::map(bodies, code, |(id, body)| Ok((id, body.uses().map_err(|error: Error| error.in_function(id.0))?)))
    }
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
    list.shrink_to_fit();
}
