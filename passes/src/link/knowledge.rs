//! Reading what the linker says: symbols, data objects and relocations, each checked against the module.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmparser::{
    BinaryReader, DataKind, ElementItems, ElementKind, KnownCustom, Linking, Operator, Parser, Payload,
    RelocSectionReader, RelocationType, SymbolFlags, SymbolInfo,
};

use crate::{FuncId, TableId};

/// Why it is not believed.
pub(super) type Doubt = String;

/// What the linker said of a module, as far as it is true.
pub(super) struct Knowledge<'a> {
    pub symbols: Vec<Symbol>,
    /// In the order of their addresses; none overlaps another.
    pub objects: Vec<Object>,
    /// The functions in the table, in order. They are objects too, behind those in memory: their places are addresses.
    pub functions: Vec<FuncId>,
    /// Their places, where one is the only one.
    pub places: Vec<Option<u32>>,
    /// The table, if anything is in it.
    pub table: Option<TableId>,
    /// By where in the file the number stands that was relocated.
    pub code: BTreeMap<usize, Relocation>,
    /// Addresses that stand in memory: where, and of which object.
    pub pointers: Vec<(u32, usize)>,
    /// Functions by the names that the linker knows in all objects.
    pub named: BTreeMap<&'a str, FuncId>,
    pub segments: Vec<Segment<'a>>,
}

/// What memory holds at first.
#[derive(Clone)]
pub(super) struct Segment<'a> {
    /// Where in the file its bytes are.
    pub at: usize,
    /// The address of the first byte.
    pub start: u32,
    pub bytes: Cow<'a, [u8]>,
}

impl Segment<'_> {
    /// The address behind the last byte.
    pub fn end(&self) -> u32 {
        self.start.wrapping_add(self.bytes.len() as u32)
    }
}

/// What a symbol stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Function(u32),
    /// An address, and the object there if it is one of a program's own.
    Data {
        address: u32,
        object: Option<usize>,
    },
    Other,
}

/// Memory that belongs together: nothing that knows the address of one byte of it reaches bytes of another object.
#[derive(Debug)]
pub(super) struct Object {
    pub range: Range<u32>,
    /// Whether others than the code and data that are relocated may know it.
    pub known_elsewhere: bool,
    /// Whether it was declared to be constant.
    pub constant: bool,
    /// Whether it must stay where it is, since more than relocated addresses lead to it.
    pub is_fixed: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Relocation {
    pub ty: RelocationType,
    /// The object whose address it is.
    pub object: Option<usize>,
}

/// Symbols that wasm-ld defines, which mark places and no objects.
const PLACES: &[&str] = &[
    "__data_end",
    "__dso_handle",
    "__global_base",
    "__heap_base",
    "__heap_end",
    "__memory_base",
    "__rodata_end",
    "__rodata_start",
    "__stack_high",
    "__stack_low",
    "__table_base",
    "__wasm_first_page_end",
];

/// The sections that hold what is reached by symbols only. Of others the linker may give the first and the last address.
const SEGMENTS: &[&str] = &[".bss", ".data", ".rodata"];

/// An absolute symbol, whose value stands where the offset of others stands.
const ABSOLUTE: u32 = 0x200;

/// What the sections say that are of interest here.
#[derive(Default)]
struct Sections<'a> {
    /// Where the contents of the section of code are, and of that of data, with their numbers in the file.
    code: Option<(u32, Range<usize>)>,
    data: Option<(u32, Range<usize>)>,
    segments: Vec<Segment<'a>>,
    names: Vec<&'a str>,
    symbols: Vec<SymbolInfo<'a>>,
    relocations: Vec<RelocSectionReader<'a>>,
    functions: u32,
    /// The table of functions, and what stands in it.
    table: Option<u32>,
    places: BTreeMap<u32, u32>,
    /// The numbers of the sections of debug information.
    debug: BTreeSet<u32>,
}

/// Reads it all. `None` for a module without link information.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Knowledge<'_>>, Doubt> {
    let sections = sections(bytes)?;
    if sections.relocations.is_empty() {
        return Ok(None);
    }
    let (symbols, objects) = symbols(&sections)?;
    let named = sections.symbols.iter().filter_map(|info| match info {
        SymbolInfo::Func { flags, index, name } if !flags.contains(SymbolFlags::BINDING_LOCAL) => {
            Some(((*name)?, FuncId(*index)))
        }
        _ => None,
    });
    let mut placed: BTreeMap<FuncId, Option<u32>> = BTreeMap::new();
    for (&place, &function) in &sections.places {
        placed.entry(FuncId(function)).and_modify(|only| *only = None).or_insert(Some(place));
    }
    let mut known = Knowledge {
        symbols,
        objects,
        functions: placed.keys().copied().collect(),
        places: placed.into_values().collect(),
        table: sections.table.map(TableId),
        code: BTreeMap::new(),
        pointers: Vec::new(),
        named: named.collect(),
        segments: sections.segments.clone(),
    };
    for reader in &sections.relocations {
        relocations(bytes, &sections, reader, &mut known)?;
    }
    let announced = known.code.values().filter_map(|relocation| relocation.object);
    let announced: BTreeSet<usize> = announced.chain(known.pointers.iter().map(|(_, object)| *object)).collect();
    if !(known.objects.len()..known.count()).all(|function| announced.contains(&function)) {
        return Err("a function is in the table, and nothing names its place".into());
    }
    Ok(Some(known))
}

impl Knowledge<'_> {
    /// How many objects there are, functions included.
    pub fn count(&self) -> usize {
        self.objects.len() + self.functions.len()
    }

    /// The number of a function among the objects, if it is in the table.
    pub fn function(&self, id: FuncId) -> Option<usize> {
        self.functions.binary_search(&id).ok().map(|at| self.objects.len() + at)
    }

    /// What memory holds at first from an address on, if the module says so.
    pub fn bytes(&self, range: Range<u32>) -> Option<&[u8]> {
        self.segments.iter().find_map(|segment| {
            let from = range.start.checked_sub(segment.start)? as usize;
            segment.bytes.get(from..from + range.len())
        })
    }

    /// The same, to change.
    pub fn bytes_mut(&mut self, range: Range<u32>) -> Option<&mut [u8]> {
        self.segments.iter_mut().find_map(|segment| {
            let from = range.start.checked_sub(segment.start)? as usize;
            segment.bytes.get(from..from + range.len())?;
            segment.bytes.to_mut().get_mut(from..from + range.len())
        })
    }

    /// The string that begins at an address, without its zero, if it was declared to be constant.
    pub fn constant_string(&self, address: u32) -> Option<&[u8]> {
        let object = &self.objects[self.object_of(&(address..address.checked_add(1)?))?];
        let bytes = self.bytes(address..object.range.end).filter(|_| object.constant && !object.known_elsewhere)?;
        bytes.iter().position(|&byte| byte == 0).map(|end| &bytes[..end])
    }

    /// The words of four bytes that stand in memory at first, with their addresses.
    pub fn words(&self) -> impl Iterator<Item = (u32, u32)> {
        self.segments.iter().flat_map(|Segment { start, bytes, .. }| {
            // Segments start at addresses that are aligned, or hold no words.
            let skipped = (4 - start % 4) % 4;
            let words = bytes.get(skipped as usize..).unwrap_or_default().chunks_exact(4);
            words.zip(0u32..).map(move |(word, at)| {
                (start + skipped + 4 * at, u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            })
        })
    }

    /// The object that has all of these bytes.
    pub fn object_of(&self, range: &Range<u32>) -> Option<usize> {
        let after = self.objects.partition_point(|object| object.range.start <= range.start);
        let index = after.checked_sub(1)?;
        let object = &self.objects[index].range;
        (range.start >= object.start && range.end <= object.end && !range.is_empty()).then_some(index)
    }
}

fn sections(bytes: &[u8]) -> Result<Sections<'_>, Doubt> {
    let mut found = Sections::default();
    let mut number = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(broken)?;
        match &payload {
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    let is_function = matches!(import.map_err(broken)?.ty, wasmparser::TypeRef::Func(_));
                    found.functions += u32::from(is_function);
                }
            }
            Payload::FunctionSection(reader) => found.functions += reader.count(),
            Payload::ElementSection(reader) => {
                for element in reader.clone() {
                    let element = element.map_err(broken)?;
                    let (ElementKind::Active { offset_expr, table_index }, ElementItems::Functions(functions)) =
                        (&element.kind, element.items)
                    else {
                        return Err("the table is filled in an unusual way".into());
                    };
                    let table = table_index.unwrap_or_default();
                    if *found.table.get_or_insert(table) != table {
                        return Err("several tables are filled".into());
                    }
                    let first = constant(offset_expr).ok_or("the table is filled at a place that is no constant")?;
                    for (at, function) in functions.into_iter().enumerate() {
                        found.places.insert(first.wrapping_add(at as u32), function.map_err(broken)?);
                    }
                }
            }
            Payload::CodeSectionStart { range, .. } => found.code = Some((number, range.clone())),
            Payload::DataSection(reader) => {
                found.data = Some((number, reader.range()));
                for data in reader.clone() {
                    let data = data.map_err(broken)?;
                    let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                        return Err("there are segments of data without a place".into());
                    };
                    let address = constant(&offset_expr).ok_or("a segment's place is no constant")?;
                    let at = data.range.end - data.data.len();
                    let segment = Segment { at, start: address, bytes: data.data.into() };
                    if found.segments.last().map_or(0, Segment::end) > address || segment.end() < address {
                        return Err("segments of data overlap, or are not in order".into());
                    }
                    found.segments.push(segment);
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Linking(reader) => {
                    for part in reader.subsections() {
                        match part.map_err(broken)? {
                            Linking::SegmentInfo(names) => {
                                for segment in names {
                                    found.names.push(segment.map_err(broken)?.name);
                                }
                            }
                            Linking::SymbolTable(symbols) => {
                                for symbol in symbols {
                                    found.symbols.push(symbol.map_err(broken)?);
                                }
                            }
                            _ => {}
                        }
                    }
                }
                KnownCustom::Reloc(reader) => found.relocations.push(reader),
                _ if section.name().starts_with(".debug") => drop(found.debug.insert(number)),
                _ => {}
            },
            _ => {}
        }
        let is_section = payload.as_section().is_some();
        number += u32::from(is_section && !matches!(payload, Payload::CodeSectionEntry(_)));
    }
    Ok(found)
}

/// The symbols, and the objects that they name.
fn symbols(sections: &Sections<'_>) -> Result<(Vec<Symbol>, Vec<Object>), Doubt> {
    let mut symbols = Vec::new();
    // Address, end, flags, and whether it is in a segment of a program's own objects, and of constant ones.
    let mut named: Vec<(Range<u32>, bool, bool)> = Vec::new();
    let mut places = Vec::new();
    for info in &sections.symbols {
        symbols.push(match info {
            SymbolInfo::Func { index, .. } if *index >= sections.functions => {
                return Err(format!("a symbol is of function {index}, which does not exist"));
            }
            SymbolInfo::Func { index, .. } => Symbol::Function(*index),
            SymbolInfo::Data { symbol: None, .. } => Symbol::Data { address: 0, object: None },
            SymbolInfo::Data { flags, symbol: Some(place), .. } if flags.bits() & ABSOLUTE != 0 => {
                Symbol::Data { address: place.offset, object: None }
            }
            SymbolInfo::Data { flags, name, symbol: Some(place) } => {
                let segment = place.index as usize;
                let Segment { start, bytes, .. } = sections.segments.get(segment).ok_or("a symbol is of no segment")?;
                let end = place.offset.checked_add(place.size).filter(|end| *end as usize <= bytes.len());
                let end = end.ok_or_else(|| format!("{name} does not fit into its segment"))?;
                let segment = sections.names.get(segment).copied().unwrap_or_default();
                let range = start.wrapping_add(place.offset)..start.wrapping_add(end);
                let address = range.start;
                if range.is_empty() && !PLACES.contains(name) {
                    places.push(address);
                }
                let elsewhere = flags.intersects(SymbolFlags::EXPORTED | SymbolFlags::NO_STRIP);
                if !range.is_empty() {
                    named.push((range, elsewhere || !SEGMENTS.contains(&segment), segment == ".rodata"));
                }
                Symbol::Data { address, object: None }
            }
            _ => Symbol::Other,
        });
    }
    let mut objects: Vec<Object> = Vec::new();
    named.sort_by_key(|(range, ..)| (range.start, range.end));
    for (range, known_elsewhere, constant) in named {
        match objects.last_mut().filter(|last| range.start < last.range.end) {
            Some(last) => {
                last.range.end = last.range.end.max(range.end);
                last.known_elsewhere |= known_elsewhere;
                last.constant &= constant;
                last.is_fixed |= known_elsewhere;
            }
            None => objects.push(Object { range, known_elsewhere, constant, is_fixed: known_elsewhere }),
        }
    }
    // A symbol without a size may be that of an object whose size nobody wrote down.
    for place in places {
        let at = objects.partition_point(|object| object.range.end <= place);
        if let Some(object) = objects.get_mut(at) {
            object.known_elsewhere = true;
            object.is_fixed = true;
        }
        // Or it marks the end of the one before it.
        if let Some(object) = at.checked_sub(1).and_then(|before| objects.get_mut(before)) {
            object.is_fixed = true;
        }
    }
    for (symbol, info) in symbols.iter_mut().zip(&sections.symbols) {
        let (Symbol::Data { address, object }, SymbolInfo::Data { symbol: Some(place), .. }) = (symbol, info) else {
            continue;
        };
        let after = objects.partition_point(|object| object.range.start <= *address);
        let holds = |index: &usize| objects[*index].range.contains(address);
        *object = after.checked_sub(1).filter(holds).filter(|_| place.size > 0);
    }
    Ok((symbols, objects))
}

fn relocations(
    bytes: &[u8],
    sections: &Sections<'_>,
    reader: &RelocSectionReader<'_>,
    known: &mut Knowledge<'_>,
) -> Result<(), Doubt> {
    use RelocationType::*;
    let of = |section: &Option<(u32, Range<usize>)>| {
        section.clone().filter(|(number, _)| *number == reader.section_index()).map(|(_, range)| range)
    };
    let (section, is_code) = match (of(&sections.code), of(&sections.data)) {
        (Some(code), _) => (code, true),
        (None, Some(data)) => (data, false),
        // Debug information, which goes where code changes.
        (None, None) if sections.debug.contains(&reader.section_index()) => return Ok(()),
        (None, None) => return Err("there are relocations of a section that has none".into()),
    };
    let mut free = section.start;
    for entry in reader.entries() {
        let entry = entry.map_err(broken)?;
        let at = section.start.saturating_add(entry.offset as usize);
        let end = at.saturating_add(entry.ty.extent());
        if at < free || end > section.end {
            return Err(format!("the relocation at byte {at} overlaps another, or lies outside"));
        }
        free = end;
        let symbol = match entry.ty {
            TypeIndexLeb => Symbol::Other,
            _ => *known.symbols.get(entry.index as usize).ok_or("a relocation is by a symbol that does not exist")?,
        };
        let mut number = BinaryReader::new(&bytes[at..end], at);
        let value = match entry.ty {
            FunctionIndexLeb | MemoryAddrLeb | TypeIndexLeb | GlobalIndexLeb | TableNumberLeb | EventIndexLeb => {
                number.read_var_u32().map_err(broken)?
            }
            TableIndexSleb | MemoryAddrSleb | MemoryAddrRelSleb | TableIndexRelSleb => {
                number.read_var_i32().map_err(broken)? as u32
            }
            MemoryAddrI32 | TableIndexI32 => number.read_u32().map_err(broken)?,
            other => return Err(format!("there is a relocation of a kind that is not known here ({other:?})")),
        };
        let is_true = number.eof()
            && match (entry.ty, symbol) {
                (FunctionIndexLeb, Symbol::Function(index)) => value == index,
                (MemoryAddrLeb | MemoryAddrSleb | MemoryAddrI32, Symbol::Data { address, .. }) => {
                    value == address.wrapping_add(entry.addend as u32)
                }
                // That of an undefined weak function is 0, where nothing stands.
                (TableIndexSleb | TableIndexI32, Symbol::Function(index)) => match sections.places.get(&value) {
                    Some(&function) => function == index,
                    None => value == 0 && known.function(FuncId(index)).is_none(),
                },
                (TypeIndexLeb, _) => value == entry.index,
                (GlobalIndexLeb | TableNumberLeb | EventIndexLeb | MemoryAddrRelSleb | TableIndexRelSleb, _) => true,
                _ => false,
            };
        if !is_true {
            return Err(format!("the relocation at byte {at} is not what the linker wrote there"));
        }
        let object = match (entry.ty, symbol) {
            (_, Symbol::Data { object, .. }) => object,
            // A call.
            (FunctionIndexLeb, _) => None,
            (_, Symbol::Function(index)) => known.function(FuncId(index)),
            _ => None,
        };
        if let Some(object) = object.and_then(|object| known.objects.get_mut(object)) {
            // An offset in front of an object, which must not wrap around.
            let is_before = entry.ty == MemoryAddrLeb && value < object.range.start;
            object.is_fixed |= is_before || !matches!(entry.ty, MemoryAddrLeb | MemoryAddrSleb | MemoryAddrI32);
        }
        if is_code {
            known.code.insert(at, Relocation { ty: entry.ty, object });
        } else if let Some(object) = object {
            let holds = |segment: &&Segment<'_>| segment.at <= at && end <= segment.at + segment.bytes.len();
            let segment = sections.segments.iter().find(holds).ok_or("a relocation is of no segment's bytes")?;
            known.pointers.push((segment.start + (at - segment.at) as u32, object));
        }
    }
    Ok(())
}

fn constant(expr: &wasmparser::ConstExpr<'_>) -> Option<u32> {
    match expr.get_operators_reader().read().ok()? {
        Operator::I32Const { value } => Some(value as u32),
        _ => None,
    }
}

fn broken(error: wasmparser::BinaryReaderError) -> Doubt {
    format!("it cannot be read: {error}")
}
