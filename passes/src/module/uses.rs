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
            references.push(reference);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Numbers;
    use crate::{Encodings, Module, op};
    use arbitrary::Unstructured;
    use std::collections::BTreeSet;

    /// A random module with everything in it that the generator knows.
    fn random(seed: u64) -> Vec<u8> {
        let bytes = Numbers(seed).bytes(4096);
        let config = wasm_smith::Config {
            max_memories: 3,
            max_tables: 3,
            min_funcs: 2,
            bulk_memory_enabled: true,
            exceptions_enabled: true,
            gc_enabled: true,
            memory64_enabled: true,
            reference_types_enabled: true,
            relaxed_simd_enabled: true,
            simd_enabled: true,
            tail_call_enabled: true,
            threads_enabled: true,
            ..wasm_smith::Config::default()
        };
        wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).map_or(Vec::new(), |module| module.to_bytes())
    }

    #[test]
    fn what_is_read_over_names_nothing() {
        let (mut bodies, mut several) = (0, 0);
        for seed in 1..600 {
            let bytes = random(seed);
            let Ok(module) = Module::parse(&bytes) else { continue };
            for (_, body) in module.bodies() {
                let mut all = BTreeSet::new();
                let (mut simd, mut takes) = (false, 0);
                let mut types = Collect(|reference| all.extend([reference]));
                for group in body.reader().get_locals_reader().unwrap() {
                    types.value(group.unwrap().1).unwrap();
                }
                for operator in body.reader().get_operators_reader().unwrap() {
                    let operator = operator.unwrap();
                    op::references(&operator, |reference| all.extend([reference])).unwrap();
                    simd |= matches!(op::proposal(&operator), "simd" | "relaxed_simd");
                    takes += usize::from(matches!(operator, Operator::RefFunc { .. }));
                }
                let uses = body.uses().unwrap();
                assert!(uses.references.iter().eq(&all), "seed {seed}: {:?}, not {all:?}", uses.references);
                assert_eq!(uses.simd, simd, "seed {seed}");
                assert_eq!(uses.taken.is_empty(), takes == 0, "seed {seed}");
                bodies += 1;
                several += usize::from(all.len() > 1);
            }
        }
        assert!(bodies > 500 && several > 200, "{bodies} bodies, {several} of which name several things");
    }

    #[test]
    fn what_names_nothing_that_moved_is_copied_and_the_rest_is_written_anew() {
        let text =
            "(module (func $gone) (func $first (export \"a\") call $second) (func $second) (func (export \"b\")))";
        let bytes = wat::parse_str(text).unwrap();
        let mut module = Module::parse(&bytes).unwrap();
        // `i32.const 1`, padded to two bytes, and `drop`.
        module.set_body(FuncId(3), vec![0, 0x41, 0x81, 0, 0x1a, 0x0b]).unwrap();
        let bytes = module.encode().unwrap();
        crate::validate(&bytes).unwrap();
        let encoded = |knows: bool, encodings| {
            let mut module = Module::parse(&bytes).unwrap();
            if knows {
                Uses::of_all(module.bodies().collect()).unwrap();
            }
            module.encodings = encodings;
            module.functions.remove(FuncId(0));
            let out = module.encode().unwrap();
            crate::validate(&out).unwrap();
            out
        };
        let padded = |bytes: &[u8]| bytes.windows(4).any(|window| window == [0x41, 0x81, 0, 0x1a]);
        assert!(padded(&encoded(true, Encodings::AsRead)));
        assert_eq!(encoded(false, Encodings::AsRead), encoded(true, Encodings::AsRead));
        assert!(!padded(&encoded(false, Encodings::Shortest)));
        assert_eq!(encoded(true, Encodings::Shortest), encoded(false, Encodings::Shortest));
        let calls = |bytes: &[u8]| bytes.windows(2).filter(|window| *window == [0x10, 1]).count();
        assert_eq!(calls(&encoded(true, Encodings::AsRead)), 1);
    }
}
