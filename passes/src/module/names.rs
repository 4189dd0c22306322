//! The name section: names follow what they name. What cannot be read is dropped only where it must be rewritten.

use super::remap::Remap;
use super::{Custom, DataId, ElementId, FuncId, GlobalId, Item, MemoryId, Module, Reference, TableId, TagId, TypeId};
use std::borrow::Cow;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, IndirectNameMap, Name, NameMap, NameSectionReader};

/// The section's contents in the output, or `None` if no name is left.
pub(super) fn encode<'m>(module: &'m Module<'_>, custom: &'m Custom<'_>, remap: &Remap) -> Option<Cow<'m, [u8]>> {
    let edited = |id| {
        let body = module.functions.get(id).and_then(|function| function.source.defined());
        body.is_none_or(|body| body.offset.is_none())
    };
    let any_edited = module.bodies_changed;
    if remap.is_identity() && !any_edited && module.new_names.is_empty() {
        return Some(Cow::Borrowed(&custom.data));
    }
    let item = |make: fn(u32) -> Item| move |id: u32| remap.index(Reference::Item(make(id)));
    let function = item(|id| Item::Func(FuncId(id)));
    let mut out = Vec::new();
    let mut functions_done = false;
    let added = |out: &mut Vec<u8>, map: Option<NameMap<'_>>| {
        let mut names = map.map(|map| read_map(map, function)).unwrap_or_default();
        for (id, name) in &module.new_names {
            if let Some(index) = function(id.0) {
                names.retain(|(other, _)| *other != index);
                names.push((index, name));
            }
        }
        put(1, write_map(names), out);
    };
    let sections = NameSectionReader::new(BinaryReader::new(&custom.data, 0));
    for section in sections.into_iter().map_while(Result::ok) {
        if !functions_done && !matches!(section, Name::Module { .. } | Name::Function(_)) {
            functions_done = true;
            added(&mut out, None);
        }
        match section {
            Name::Module { name, .. } => {
                let mut contents = Vec::new();
                name.encode(&mut contents);
                put(0, Some(contents), &mut out);
            }
            Name::Function(map) => {
                functions_done = true;
                added(&mut out, Some(map));
            }
            Name::Local(map) => {
                let kept = |id| if module.renumbered.contains(&FuncId(id)) { None } else { function(id) };
                put(2, write_indirect(read_indirect(map, kept)), &mut out);
            }
            // Labels are counted through the code, which an edit may have changed.
            Name::Label(map) => {
                let kept = |id| if edited(FuncId(id)) { None } else { function(id) };
                put(3, write_indirect(read_indirect(map, kept)), &mut out);
            }
            Name::Type(map) => put(4, rename(map, |id| remap.index(Reference::Type(TypeId(id)))), &mut out),
            Name::Table(map) => put(5, rename(map, item(|id| Item::Table(TableId(id)))), &mut out),
            Name::Memory(map) => put(6, rename(map, item(|id| Item::Memory(MemoryId(id)))), &mut out),
            Name::Global(map) => put(7, rename(map, item(|id| Item::Global(GlobalId(id)))), &mut out),
            Name::Element(map) => put(8, rename(map, |id| remap.index(Reference::Element(ElementId(id)))), &mut out),
            Name::Data(map) => put(9, rename(map, |id| remap.index(Reference::Data(DataId(id)))), &mut out),
            Name::Field(map) => {
                let ty = |id| remap.index(Reference::Type(TypeId(id)));
                put(10, write_indirect(read_indirect(map, ty)), &mut out);
            }
            Name::Tag(map) => put(11, rename(map, item(|id| Item::Tag(TagId(id)))), &mut out),
            // Of a meaning that is not known here, so its indices cannot follow.
            Name::Unknown { .. } => {}
        }
    }
    if !functions_done {
        added(&mut out, None);
    }
    (!out.is_empty()).then_some(Cow::Owned(out))
}

fn put(id: u8, contents: Option<Vec<u8>>, out: &mut Vec<u8>) {
    if let Some(contents) = contents {
        out.push(id);
        contents.as_slice().encode(out);
    }
}

fn rename(map: NameMap<'_>, index: impl Fn(u32) -> Option<u32>) -> Option<Vec<u8>> {
    write_map(read_map(map, index))
}

fn read_map<'a>(map: NameMap<'a>, index: impl Fn(u32) -> Option<u32>) -> Vec<(u32, &'a str)> {
    let names = map.into_iter().map_while(Result::ok);
    names.filter_map(|naming| Some((index(naming.index)?, naming.name))).collect()
}

fn write_map(mut names: Vec<(u32, &str)>) -> Option<Vec<u8>> {
    names.sort_by_key(|&(index, _)| index);
    names.dedup_by_key(|&mut (index, _)| index);
    if names.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    names.len().encode(&mut out);
    for (index, name) in names {
        index.encode(&mut out);
        name.encode(&mut out);
    }
    Some(out)
}

fn read_indirect<'a>(map: IndirectNameMap<'a>, index: impl Fn(u32) -> Option<u32>) -> Vec<(u32, Vec<(u32, &'a str)>)> {
    let groups = map.into_iter().map_while(Result::ok);
    groups.filter_map(|group| Some((index(group.index)?, read_map(group.names, Some)))).collect()
}

fn write_indirect(mut groups: Vec<(u32, Vec<(u32, &str)>)>) -> Option<Vec<u8>> {
    groups.sort_by_key(|&(index, _)| index);
    groups.dedup_by_key(|(index, _)| *index);
    let groups: Vec<_> = groups.into_iter().filter_map(|(index, names)| Some((index, write_map(names)?))).collect();
    if groups.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    groups.len().encode(&mut out);
    for (index, names) in groups {
        index.encode(&mut out);
        out.extend_from_slice(&names);
    }
    Some(out)
}
