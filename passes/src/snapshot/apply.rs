//! Writes a state into the module that it comes from.

use super::{Prepared, State, Value, global_named};
use crate::pass::unused;
use crate::segments::{self, Image, Limits, MOST_SEGMENTS, Measure};
use crate::{
    ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, Error, FuncId, Id, Item, MemoryId, Module, Source,
    TableId,
};
use wasm_encoder::{HeapType, Ieee32, Ieee64, Instruction};
use wasmparser::{RefType, ValType};

/// How a snapshot is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// What data segments are to be small by.
    pub measure: Measure,
    /// The function that was called stays exported.
    pub keep: bool,
    /// Exports that take the place of others, as (the name that is wanted, the name that there is).
    pub renames: Vec<(String, String)>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of data segments in the original.
    pub data_before: u64,
    /// Bytes of data segments in the snapshot.
    pub data_after: u64,
    /// Data segments in the snapshot.
    pub segments: usize,
    /// Bytes below the stack pointer that initialization had written, and nobody reads again.
    pub dead_stack: u64,
    /// Globals whose value initialization changed.
    pub globals: usize,
    /// Tables that were written anew.
    pub tables: usize,
}

/// Writes `state` into the module that `prepared` was made from, and removes what only initialization needed, imports
/// included. What comes out is valid.
pub fn apply(
    bytes: &[u8],
    prepared: &Prepared,
    mut state: State,
    options: &Options,
) -> Result<(Vec<u8>, Report), Error> {
    let mut report = Report::default();
    let module = crate::run::rewrite(bytes, "snapshot", |module| {
        module.know_uses(&prepared.uses);
        report.data_before = data_size(module);
        report.dead_stack = forget_dead_stack(module, prepared, &mut state);
        end_initialization(module, prepared, options)?;
        globals(module, prepared, &state, &mut report)?;
        tables(module, prepared, &state, &mut report)?;
        memories(module, prepared, &state, options);
        // In the same reading of the module, which is most of the work on a large one.
        unused::imports(module)?;
        report.data_after = data_size(module);
        report.segments = module.data.len();
        Ok(())
    })?;
    Ok((module, report))
}

fn data_size(module: &Module<'_>) -> u64 {
    module.data.iter().map(|(_, data)| data.bytes.len() as u64).sum()
}

/// Takes away what has done its work, and gives exports their new names.
fn end_initialization(module: &mut Module<'_>, prepared: &Prepared, options: &Options) -> Result<(), Error> {
    module.start = None;
    let ended = &prepared.ended;
    if let Some(id) = ended.constructors {
        let mut code: Vec<Instruction<'_>> = ended.at_start.iter().map(|id| Instruction::Call(id.0)).collect();
        code.push(Instruction::End);
        module.define_function(id, &[], &code)?;
    }
    if let Some(id) = ended.marker {
        module.define_function(id, &[], &[Instruction::I32Const(1), Instruction::End])?;
    }
    for name in &ended.exports {
        if !(options.keep && ended.initializer.as_ref() == Some(name)) {
            module.remove_export(name);
        }
    }
    rename(module, &options.renames)
}

/// Gives exports their new names, all at once: two may change places.
fn rename(module: &mut Module<'_>, renames: &[(String, String)]) -> Result<(), Error> {
    let mut found = Vec::new();
    for (at, (wanted, there)) in renames.iter().enumerate() {
        let Some(item @ Item::Func(_)) = module.export(there) else {
            return Err(Error::input(format!("there is no exported function `{there}` to become `{wanted}`"))
                .help("write the new name first: --preinit-rename _start=wizer.resume"));
        };
        for (other, from) in &renames[..at] {
            if other == wanted {
                return Err(Error::input(format!("two functions are to become `{wanted}`: `{from}` and `{there}`")));
            }
            if from == there {
                return Err(Error::input(format!("`{there}` is to become both `{other}` and `{wanted}`")));
            }
        }
        found.push(item);
    }
    // Where a name is both taken and given away, its export stays in its place and gets another function.
    for (_, there) in renames {
        if !renames.iter().any(|(wanted, _)| wanted == there) {
            module.remove_export(there);
        }
    }
    for ((wanted, _), item) in renames.iter().zip(found) {
        match module.exports.iter_mut().find(|export| export.name == *wanted) {
            Some(export) => export.item = item,
            None => module.exports.push(crate::Export { name: wanted.clone().into(), item, exact: false }),
        }
    }
    Ok(())
}

/// Where the byte lies that is put on the dead stack, unless that is smaller: in the first page, and behind the fields that a
/// program finds by way of a null pointer.
const FIRST_PAGE: u64 = 4095;

/// Images up to this size wasmtime makes of any memory, however much of it is zero (`memory_guaranteed_dense_image_size`).
const DENSE: u64 = 16 << 20;

/// What lies below the stack pointer is dead between calls. Where the linker put the stack first, and the pointer
/// is back where it began, that is everything below it.
///
/// Then a byte is put at its bottom, seven bytes of module, since engines map data as pages of a file: from there on all of
/// the memory is one mapping. Else the stack's last page, which every program writes first, lies in one of its own in front of
/// the data's, for which Linux has more to do (wasmtime: one of 76 microseconds from start to end).
fn forget_dead_stack(module: &Module<'_>, prepared: &Prepared, state: &mut State) -> u64 {
    let Some(id) = global_named(module, "__stack_pointer") else { return 0 };
    let Some(Source::Defined(init)) = module.globals.get(id).map(|global| &global.source) else { return 0 };
    let now = prepared.globals.iter().zip(&state.globals).find(|((other, _), _)| *other == id);
    let pointer = match (init.integer(), now) {
        (Some(first), Some((_, Value::I32(now)))) if first == u64::from(*now as u32) => first,
        (Some(first), Some((_, Value::I64(now)))) if first == *now as u64 => first,
        _ => return 0,
    };
    let data_below = module.data.iter().any(|(_, data)| match &data.kind {
        DataKind::Active { offset, .. } => offset.integer().is_none_or(|at| at < pointer) && !data.bytes.is_empty(),
        DataKind::Passive => false,
    });
    match state.memories.first_mut() {
        Some((_, image)) if !data_below => {
            let written = |image: &Image| image.runs().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
            let before = written(image);
            image.zero_range(0..pointer);
            let zeroed = before - written(image);
            let end = image.runs().last().map_or(0, |(at, bytes)| at + bytes.len() as u64);
            if (pointer..=DENSE).contains(&end) && pointer >= 2 {
                // Next to the pointer it might touch data.
                image.put(FIRST_PAGE.min(pointer - 2), 1);
            }
            zeroed
        }
        _ => 0,
    }
}

fn globals(module: &mut Module<'_>, prepared: &Prepared, state: &State, report: &mut Report) -> Result<(), Error> {
    for ((id, _), value) in prepared.globals.iter().zip(&state.globals) {
        let Some(global) = module.globals.get(*id) else { continue };
        let init = constant(*value, global.ty.content_type).map_err(|what| lost(&format!("global {}", id.0), what))?;
        let Source::Defined(before) = &global.source else { continue };
        if *before == init {
            continue;
        }
        report.globals += 1;
        if let Some(global) = module.globals.get_mut(*id) {
            global.source = Source::Defined(init);
        }
    }
    Ok(())
}

fn lost(place: &str, what: &str) -> Error {
    Error::input(format!("{place} holds {what} after initialization, which no snapshot can carry"))
        .help("have initialization drop it (set it to null), and make it where the program starts")
}

/// The initializer that gives a value.
fn constant(value: Value, ty: ValType) -> Result<ConstExpr<'static>, &'static str> {
    Ok(ConstExpr::new(&match value {
        Value::I32(value) => vec![Instruction::I32Const(value)],
        Value::I64(value) => vec![Instruction::I64Const(value)],
        Value::F32(bits) => vec![Instruction::F32Const(Ieee32::new(bits))],
        Value::F64(bits) => vec![Instruction::F64Const(Ieee64::new(bits))],
        Value::V128(bits) => vec![Instruction::V128Const(bits as i128)],
        Value::Null => {
            let ValType::Ref(ty) = ty else { return Err("a null that is no reference") };
            vec![Instruction::RefNull(heap_type(ty)?)]
        }
        Value::Func(id) => vec![Instruction::RefFunc(id.0)],
        Value::I31(value) => vec![Instruction::I32Const(value), Instruction::RefI31],
        Value::Other(what) => return Err(what),
    }))
}

fn heap_type(ty: RefType) -> Result<HeapType, &'static str> {
    use wasmparser::HeapType as Heap;
    match ty.heap_type() {
        // Written with ids, which encoding follows.
        Heap::Concrete(index) => index.as_module_index().map(HeapType::Concrete).ok_or("a reference of a hidden type"),
        Heap::Exact(index) => index.as_module_index().map(HeapType::Exact).ok_or("a reference of a hidden type"),
        other => HeapType::try_from(other).map_err(|_| "a reference of an unknown type"),
    }
}

/// Writes the tables that code can change, and the segments that it may have dropped.
fn tables(module: &mut Module<'_>, prepared: &Prepared, state: &State, report: &mut Report) -> Result<(), Error> {
    let mut declared: Vec<FuncId> = Vec::new();
    for ((id, _), values) in prepared.tables.iter().zip(&state.tables) {
        for element_id in module.elements.ids() {
            let Some(element) = module.elements.get(element_id) else { continue };
            if matches!(&element.kind, ElementKind::Active { table, .. } if table == id) {
                empty_element(module, element_id, &mut declared);
            }
        }
        table(module, *id, values)?;
        report.tables += 1;
    }
    for ((id, _), dropped) in prepared.dropped_elements.iter().zip(&state.dropped_elements) {
        if *dropped {
            empty_element(module, *id, &mut declared);
        }
    }
    declared.sort();
    declared.dedup();
    if !declared.is_empty() {
        // Code may take references to them, for which they must occur somewhere.
        module.elements.push(Element { kind: ElementKind::Declared, items: ElementItems::Functions(declared) });
    }
    Ok(())
}

/// Leaves a segment of nothing, as a dropped one is, since code may name it; collects the functions in it.
fn empty_element(module: &mut Module<'_>, id: crate::ElementId, functions: &mut Vec<FuncId>) {
    let Some(element) = module.elements.get_mut(id) else { return };
    element.kind = ElementKind::Passive;
    match &mut element.items {
        ElementItems::Functions(list) => functions.append(list),
        ElementItems::Expressions(_, list) => {
            for init in list.drain(..) {
                let mut operators = init.reader().get_operators_reader();
                while let Ok(operator) = operators.read() {
                    if let wasmparser::Operator::RefFunc { function_index } = operator {
                        functions.push(FuncId(function_index));
                    }
                }
            }
        }
    }
}

/// Gives a table its size and its entries: a segment for each row of entries that differ from what the table
/// starts with.
fn table(module: &mut Module<'_>, id: TableId, values: &[Value]) -> Result<(), Error> {
    let Some(table) = module.tables.get_mut(id) else { return Ok(()) };
    table.ty.initial = values.len() as u64;
    let (ty, is_64) = (table.ty.element_type, table.ty.table64);
    let filled = match &table.source {
        Source::Defined(Some(init)) => Some(init.clone()),
        _ => None,
    };
    let mut at = 0;
    while at < values.len() {
        let mut row = Vec::new();
        let first = at;
        while let Some(value) = values.get(at) {
            let init = constant(*value, ValType::Ref(ty))
                .map_err(|what| lost(&format!("table {} at {at}", id.index()), what))?;
            let same = match &filled {
                Some(filled) => *filled == init,
                None => *value == Value::Null,
            };
            if same {
                break;
            }
            row.push((*value, init));
            at += 1;
        }
        if row.is_empty() {
            at += 1;
            continue;
        }
        let functions: Option<Vec<FuncId>> = row
            .iter()
            .map(|(value, _)| match value {
                Value::Func(id) if ty == RefType::FUNCREF => Some(*id),
                _ => None,
            })
            .collect();
        let items = match functions {
            Some(functions) => ElementItems::Functions(functions),
            None => ElementItems::Expressions(ty, row.into_iter().map(|(_, init)| init).collect()),
        };
        let offset = ConstExpr::address(is_64, first as u64);
        let explicit = id.index() != 0;
        module.elements.push(Element { kind: ElementKind::Active { table: id, explicit, offset }, items });
    }
    Ok(())
}

/// Gives memories their sizes and contents.
fn memories(module: &mut Module<'_>, prepared: &Prepared, state: &State, options: &Options) {
    // Active segments were dropped when they had been copied. Where code may name segments by number, one of
    // nothing stays in the place of each.
    for id in module.data.ids() {
        let Some(data) = module.data.get(id) else { continue };
        let dropped = prepared.dropped_data.iter().zip(&state.dropped_data).any(|((other, _), is)| *is && *other == id);
        match data.kind {
            DataKind::Active { .. } if !module.data_count => drop(module.data.remove(id)),
            DataKind::Active { .. } => {
                if let Some(data) = module.data.get_mut(id) {
                    *data = Data { kind: DataKind::Passive, bytes: (&[][..]).into() };
                }
            }
            DataKind::Passive if dropped => {
                if let Some(data) = module.data.get_mut(id) {
                    data.bytes = (&[][..]).into();
                }
            }
            DataKind::Passive => {}
        }
    }
    let others = module.data.len() + prepared.memories.len();
    let limits = Limits { segments: MOST_SEGMENTS.saturating_sub(others).max(1) / prepared.memories.len().max(1) };
    for ((id, _), (pages, image)) in prepared.memories.iter().zip(&state.memories) {
        let Some(memory) = module.memories.get_mut(*id) else { continue };
        let is_64 = memory.ty.memory64;
        if memory.ty.initial != *pages {
            memory.ty.initial = *pages;
        }
        for (at, bytes) in segments::split(image, id.index(), is_64, options.measure, &limits) {
            let kind = DataKind::Active { memory: MemoryId(id.index()), offset: ConstExpr::address(is_64, at) };
            module.data.push(Data { kind, bytes: bytes.into_owned().into() });
        }
    }
}
