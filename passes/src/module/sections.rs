//! The sections of the standard, all but code: copied if nothing in them changed, else written from the vectors.

use super::remap::{self, Remap};
use super::{
    Data, DataKind, Element, ElementItems, ElementKind, Encodings, Import, Item, Module, Place, Reference, Source,
};
use crate::Error;
use wasm_encoder::reencode::Reencode;
use wasm_encoder::{Encode, EntityType, ImportSection};

/// Writes one section, if there is anything to write. The code comes encoded.
pub(super) fn encode_section(
    module: &Module<'_>,
    remap: &Remap,
    place: Place,
    code: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    if place == Place::Code {
        if !code.is_empty() {
            put(section_id(place), code, out);
        }
        return Ok(());
    }
    let original = module.sections.get(&place).and_then(|range| module.input.get(range.clone()));
    let verbatim = original.filter(|_| remap.is_identity() && !is_changed(module, place));
    if let (Some(bytes), Encodings::AsRead) = (verbatim, module.encodings) {
        put(section_id(place), bytes, out);
        return Ok(());
    }
    let mut contents = Vec::new();
    encode_contents(module, remap, place, &mut contents)?;
    match verbatim {
        _ if contents.is_empty() => {}
        // Every encoder can be beaten by some input; then the input's own encoding stays.
        Some(bytes) if bytes.len() < contents.len() => put(section_id(place), bytes, out),
        _ => put(section_id(place), &contents, out),
    }
    Ok(())
}

/// Whether a section may differ from the input's beyond its indices.
fn is_changed(module: &Module<'_>, place: Place) -> bool {
    match place {
        Place::Types => module.types.is_changed(),
        Place::Imports => {
            module.functions.is_changed()
                || module.tables.is_changed()
                || module.memories.is_changed()
                || module.globals.is_changed()
                || module.tags.is_changed()
                || module.imports_changed
        }
        Place::Tables => module.tables.is_changed(),
        Place::Memories => module.memories.is_changed(),
        Place::Tags => module.tags.is_changed(),
        Place::Globals => module.globals.is_changed(),
        Place::Elements => module.elements.is_changed(),
        Place::Data => module.data.is_changed(),
        // These have one encoding, so it costs nothing to write them anew.
        Place::Start | Place::Functions | Place::Exports | Place::StartFunction | Place::DataCount | Place::Code => {
            true
        }
    }
}

/// Writes what stands between a section's size and its end; nothing if there is nothing to write.
fn encode_contents(module: &Module<'_>, mut remap: &Remap, place: Place, out: &mut Vec<u8>) -> Result<(), Error> {
    // A section that was there and empty stays there and empty, unless the shortest encoding is asked for.
    let was_empty = |place| {
        if module.encodings == Encodings::Shortest {
            return false;
        }
        let range = module.sections.get(&place);
        range.and_then(|range| module.input.get(range.clone())) == Some(&[0][..])
    };
    match place {
        Place::Types => {
            let count = module.types.groups().count();
            if count > 0 {
                let mut section = wasm_encoder::TypeSection::new();
                for group in module.types.groups() {
                    let mut types = Vec::new();
                    for ty in group.types() {
                        types.push(remap.sub_type(ty.clone()).map_err(remap::error)?);
                    }
                    match types.as_slice() {
                        [ty] if !group.is_explicit() => section.ty().subtype(ty),
                        _ => section.ty().rec(types),
                    }
                }
                contents_of(&section, out);
            }
        }
        Place::Imports => encode_imports(module, remap, out)?,
        Place::Functions => {
            let defined: Vec<_> =
                module.functions.iter().filter(|(_, function)| function.source.defined().is_some()).collect();
            if !defined.is_empty() || was_empty(place) {
                defined.len().encode(out);
                for (_, function) in defined {
                    remap.require(Reference::Type(function.ty))?.encode(out);
                }
            }
        }
        Place::Tables => {
            let mut section = wasm_encoder::TableSection::new();
            for (_, table) in module.tables.iter() {
                let Source::Defined(init) = &table.source else { continue };
                let ty = remap.table_type(table.ty).map_err(remap::error)?;
                match init {
                    None => section.table(ty),
                    Some(init) => section.table_with_init(ty, &remap.const_expr(init.reader()).map_err(remap::error)?),
                };
            }
            contents_of(&section, out);
        }
        Place::Memories => {
            let mut section = wasm_encoder::MemorySection::new();
            for (_, memory) in module.memories.iter().filter(|(_, memory)| memory.source.defined().is_some()) {
                section.memory(remap.memory_type(memory.ty).map_err(remap::error)?);
            }
            contents_of(&section, out);
        }
        Place::Tags => {
            let mut section = wasm_encoder::TagSection::new();
            for (_, tag) in module.tags.iter().filter(|(_, tag)| tag.source.defined().is_some()) {
                let func_type_idx = remap.require(Reference::Type(tag.ty))?;
                section.tag(wasm_encoder::TagType { kind: wasm_encoder::TagKind::Exception, func_type_idx });
            }
            contents_of(&section, out);
        }
        Place::Globals => {
            let mut section = wasm_encoder::GlobalSection::new();
            for (_, global) in module.globals.iter() {
                let Source::Defined(init) = &global.source else { continue };
                let ty = remap.global_type(global.ty).map_err(remap::error)?;
                section.global(ty, &remap.const_expr(init.reader()).map_err(remap::error)?);
            }
            contents_of(&section, out);
        }
        Place::Exports => {
            if !module.exports.is_empty() || was_empty(place) {
                module.exports.len().encode(out);
                for export in &module.exports {
                    export.name.as_ref().encode(out);
                    out.push(match export.item {
                        Item::Func(_) if export.exact => 0x20,
                        Item::Func(_) => 0,
                        Item::Table(_) => 1,
                        Item::Memory(_) => 2,
                        Item::Global(_) => 3,
                        Item::Tag(_) => 4,
                    });
                    remap.require(Reference::Item(export.item))?.encode(out);
                }
            }
        }
        Place::StartFunction => {
            if let Some(start) = module.start {
                remap.require(Reference::Item(Item::Func(start)))?.encode(out);
            }
        }
        Place::Elements => {
            let count = module.elements.len();
            if count > 0 {
                count.encode(out);
                for (_, element) in module.elements.iter() {
                    encode_element(element, module.encodings, remap, out)?;
                }
            }
        }
        Place::DataCount => {
            if module.data_count {
                module.data.len().encode(out);
            }
        }
        Place::Data => {
            let count = module.data.len();
            if count > 0 {
                count.encode(out);
                for (_, data) in module.data.iter() {
                    encode_data(data, remap, out)?;
                }
            }
        }
        Place::Start | Place::Code => {}
    }
    Ok(())
}

/// What an encoder's section holds, without the size in front; nothing if it has no entries.
fn contents_of(section: &impl wasm_encoder::Section, out: &mut Vec<u8>) {
    let mut sized = Vec::new();
    section.encode(&mut sized);
    let size = sized.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1);
    match sized.get(size..) {
        None | Some([0]) => {}
        Some(contents) => out.extend_from_slice(contents),
    }
}

fn encode_imports(module: &Module<'_>, remap: &Remap, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for item in module.live_imports() {
        let Some(import) = module.import(item) else { continue };
        entries.push((import, entity_type(module, remap, item)?));
    }
    let mut best = Vec::new();
    contents_of(&singly(&entries), &mut best);
    // Grouped imports are a proposal: written only into modules that have them already.
    if module.compact_imports {
        for group in [by_type, by_module] {
            let mut contents = Vec::new();
            contents_of(&group(&entries), &mut contents);
            if contents.len() < best.len() {
                best = contents;
            }
        }
    }
    out.append(&mut best);
    Ok(())
}

type Entry<'m> = (&'m Import<'m>, EntityType);

fn single<'m>((import, ty): &Entry<'m>) -> wasm_encoder::Imports<'m> {
    wasm_encoder::Imports::Single(wasm_encoder::Import { module: &import.module, name: &import.name, ty: *ty })
}

fn singly(entries: &[Entry<'_>]) -> ImportSection {
    let mut section = ImportSection::new();
    entries.iter().for_each(|entry| {
        section.imports(single(entry));
    });
    section
}

/// Imports of the same module and type in groups.
fn by_type(entries: &[Entry<'_>]) -> ImportSection {
    let mut section = ImportSection::new();
    for group in entries.chunk_by(|(a, s), (b, t)| a.module == b.module && s == t) {
        match group {
            [(first, ty), _, ..] => {
                let names: Vec<_> = group.iter().map(|(import, _)| import.name.as_ref()).collect();
                section.imports(wasm_encoder::Imports::Compact2 { module: &first.module, ty: *ty, names: names.into() })
            }
            _ => group.iter().fold(&mut section, |section, entry| section.imports(single(entry))),
        };
    }
    section
}

/// Imports of the same module in groups.
fn by_module(entries: &[Entry<'_>]) -> ImportSection {
    let mut section = ImportSection::new();
    for group in entries.chunk_by(|(a, _), (b, _)| a.module == b.module) {
        match group {
            [(first, _), _, ..] => {
                let items: Vec<_> = group
                    .iter()
                    .map(|(import, ty)| wasm_encoder::ImportCompact { name: &import.name, ty: *ty })
                    .collect();
                section.imports(wasm_encoder::Imports::Compact1 { module: &first.module, items: items.into() })
            }
            _ => group.iter().fold(&mut section, |section, entry| section.imports(single(entry))),
        };
    }
    section
}

fn entity_type(module: &Module<'_>, mut remap: &Remap, item: Item) -> Result<EntityType, Error> {
    let missing = || Error::internal("an import of something that does not exist");
    Ok(match item {
        Item::Func(id) => {
            let function = module.functions.get(id).ok_or_else(missing)?;
            let ty = remap.require(Reference::Type(function.ty))?;
            if function.exact { EntityType::FunctionExact(ty) } else { EntityType::Function(ty) }
        }
        Item::Table(id) => {
            let ty = module.tables.get(id).ok_or_else(missing)?.ty;
            EntityType::Table(remap.table_type(ty).map_err(remap::error)?)
        }
        Item::Memory(id) => {
            let ty = module.memories.get(id).ok_or_else(missing)?.ty;
            EntityType::Memory(remap.memory_type(ty).map_err(remap::error)?)
        }
        Item::Global(id) => {
            let ty = module.globals.get(id).ok_or_else(missing)?.ty;
            EntityType::Global(remap.global_type(ty).map_err(remap::error)?)
        }
        Item::Tag(id) => {
            let ty = module.tags.get(id).ok_or_else(missing)?.ty;
            let func_type_idx = remap.require(Reference::Type(ty))?;
            EntityType::Tag(wasm_encoder::TagType { kind: wasm_encoder::TagKind::Exception, func_type_idx })
        }
    })
}

fn encode_element(
    element: &Element<'_>,
    encodings: Encodings,
    mut remap: &Remap,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let expressions: u32 = match &element.items {
        ElementItems::Functions(_) => 0,
        ElementItems::Expressions(..) => 4,
    };
    // Without a table index the type is implied too, and implied is `funcref`.
    let implied = match &element.items {
        ElementItems::Functions(_) => true,
        ElementItems::Expressions(ty, _) => *ty == wasmparser::RefType::FUNCREF,
    };
    let mut typed = true;
    match &element.kind {
        ElementKind::Passive => (1 | expressions).encode(out),
        ElementKind::Declared => (3 | expressions).encode(out),
        ElementKind::Active { table, explicit, offset } => {
            let table = remap.require(Reference::Item(Item::Table(*table)))?;
            let explicit = *explicit && encodings == Encodings::AsRead;
            if table == 0 && implied && !explicit {
                expressions.encode(out);
                typed = false;
            } else {
                (2 | expressions).encode(out);
                table.encode(out);
            }
            remap.const_bytes(&offset.bytes, out)?;
        }
    }
    match &element.items {
        ElementItems::Functions(functions) => {
            if typed {
                out.push(0);
            }
            functions.len().encode(out);
            for &function in functions {
                remap.require(Reference::Item(Item::Func(function)))?.encode(out);
            }
        }
        ElementItems::Expressions(ty, list) => {
            if typed {
                remap.ref_type(*ty).map_err(remap::error)?.encode(out);
            }
            list.len().encode(out);
            for expression in list {
                remap.const_bytes(&expression.bytes, out)?;
            }
        }
    }
    Ok(())
}

fn encode_data(data: &Data<'_>, remap: &Remap, out: &mut Vec<u8>) -> Result<(), Error> {
    match &data.kind {
        DataKind::Passive => out.push(1),
        DataKind::Active { memory, offset } => {
            match remap.require(Reference::Item(Item::Memory(*memory)))? {
                0 => out.push(0),
                memory => {
                    out.push(2);
                    memory.encode(out);
                }
            }
            remap.const_bytes(&offset.bytes, out)?;
        }
    }
    data.bytes.as_ref().encode(out);
    Ok(())
}

fn section_id(place: Place) -> u8 {
    match place {
        Place::Start => 0,
        Place::Types => 1,
        Place::Imports => 2,
        Place::Functions => 3,
        Place::Tables => 4,
        Place::Memories => 5,
        Place::Globals => 6,
        Place::Exports => 7,
        Place::StartFunction => 8,
        Place::Elements => 9,
        Place::Code => 10,
        Place::Data => 11,
        Place::DataCount => 12,
        Place::Tags => 13,
    }
}

/// Writes a section's id, size and contents.
pub(super) fn put(id: u8, contents: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    contents.encode(out);
}
