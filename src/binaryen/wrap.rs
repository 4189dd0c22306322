//! What goes to Binaryen is not quite the user's module, and what comes back is not quite ours:
//! names are replaced by numbers, so that what the functions are called cannot change the code;
//! custom sections wait outside; imports that must stay are held by exports of our own.

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{CustomSection, ExportKind, ExportSection, NameMap, NameSection, RawSection, Section};
use wasmparser::{BinaryReader, ExternalKind, Name, NameSectionReader, Parser, Payload, TypeRef};

use super::{Imports, Names, Reason, Request};

/// A module in Binaryen's clothes.
pub(super) struct Wrapped {
    pub(super) bytes: Vec<u8>,
    /// Of the user's module, without custom sections.
    pub(super) size: usize,
    interface: Interface,
    /// Exports of ours begin with this.
    prefix: String,
    functions: BTreeMap<u32, String>,
    globals: BTreeMap<u32, String>,
    module_name: Option<String>,
    customs: Vec<(String, Vec<u8>)>,
}

/// What came back, in the user's clothes again.
pub(super) struct Unwrapped {
    pub(super) bytes: Vec<u8>,
    pub(super) size: usize,
}

/// What others see: the names of imports and exports, in an order that does not matter to them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Interface {
    imports: Vec<(String, String, &'static str)>,
    exports: Vec<(String, &'static str)>,
}

/// The parts of a module that this file works with.
#[derive(Default)]
struct Parts<'a> {
    /// All but custom sections, in order, with their ids.
    sections: Vec<(u8, Range<usize>)>,
    exports: Vec<wasmparser::Export<'a>>,
    imports: Vec<wasmparser::Import<'a>>,
    functions: u32,
    globals: u32,
    customs: Vec<(&'a str, &'a [u8])>,
}

fn parts(module: &[u8]) -> Result<Parts<'_>, wasmparser::BinaryReaderError> {
    let mut parts = Parts::default();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section()
            && id != 0
        {
            parts.sections.push((id, range));
        }
        match payload {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => parts.functions += 1,
                        TypeRef::Global(_) => parts.globals += 1,
                        _ => {}
                    }
                    parts.imports.push(import);
                }
            }
            Payload::FunctionSection(reader) => parts.functions += reader.count(),
            Payload::GlobalSection(reader) => parts.globals += reader.count(),
            Payload::ExportSection(reader) => parts.exports = reader.into_iter().collect::<Result<_, _>>()?,
            Payload::CustomSection(reader) => parts.customs.push((reader.name(), reader.data())),
            _ => {}
        }
    }
    Ok(parts)
}

impl Parts<'_> {
    fn interface(&self, prefix: &str, imports: Imports) -> Interface {
        let mut interface = Interface::default();
        if imports == Imports::Keep {
            let imports = self.imports.iter();
            interface.imports =
                imports.map(|i| (i.module.to_string(), i.name.to_string(), type_kind(i.ty).0)).collect();
            interface.imports.sort_unstable();
            // Importing a thing twice is no different from importing it once.
            interface.imports.dedup();
        }
        let exports = self.exports.iter().filter(|e| prefix.is_empty() || !e.name.starts_with(prefix));
        interface.exports = exports.map(|e| (e.name.to_string(), kind(e.kind).0)).collect();
        interface.exports.sort_unstable();
        interface
    }

    /// Bytes of everything but custom sections.
    fn size(&self) -> usize {
        self.sections.iter().map(|(_, range)| range.len() + 1 + leb_len(range.len())).sum()
    }
}

fn leb_len(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

fn kind(kind: ExternalKind) -> (&'static str, ExportKind) {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ("func", ExportKind::Func),
        ExternalKind::Table => ("table", ExportKind::Table),
        ExternalKind::Memory => ("memory", ExportKind::Memory),
        ExternalKind::Global => ("global", ExportKind::Global),
        ExternalKind::Tag => ("tag", ExportKind::Tag),
    }
}

fn type_kind(ty: TypeRef) -> (&'static str, ExportKind) {
    kind(match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => ExternalKind::Func,
        TypeRef::Table(_) => ExternalKind::Table,
        TypeRef::Memory(_) => ExternalKind::Memory,
        TypeRef::Global(_) => ExternalKind::Global,
        TypeRef::Tag(_) => ExternalKind::Tag,
    })
}

/// Custom sections that hold offsets into the code, and so mean nothing once it has changed.
fn is_stale(name: &str) -> bool {
    name == "name"
        || name == "sourceMappingURL"
        || name == "external_debug_info"
        || name.starts_with(".debug")
        || name.starts_with("metadata.code.")
}

pub(super) fn wrap(module: &[u8], imports: Imports) -> Result<Wrapped, Reason> {
    let parts = parts(module).map_err(|e| Reason::Refused(e.to_string()))?;
    if let Some((name, _)) = parts
        .customs
        .iter()
        .find(|(name, _)| matches!(*name, "linking" | "dylink" | "dylink.0") || name.starts_with("reloc."))
    {
        return Err(Reason::Unsupported(format!("a module with a `{name}` section")));
    }
    let mut prefix = "wbuild:keep:".to_string();
    while parts.exports.iter().any(|e| e.name.starts_with(&prefix)) {
        prefix.push(':');
    }
    let mut bytes = module[..8].to_vec();
    let mut exports = Some(export_section(&parts, &prefix, imports));
    for (id, range) in &parts.sections {
        // The sections that follow exports: start, elements, data count, code, data.
        if matches!(id, 7..=12)
            && let Some(section) = exports.take()
            && !section.is_empty()
        {
            section.append_to(&mut bytes);
        }
        if *id != 7 {
            RawSection { id: *id, data: &module[range.clone()] }.append_to(&mut bytes);
        }
    }
    if let Some(section) = exports
        && !section.is_empty()
    {
        section.append_to(&mut bytes);
    }
    let mut names = NameSection::new();
    names.functions(&numbers(parts.functions));
    names.globals(&numbers(parts.globals));
    names.append_to(&mut bytes);

    let mut wrapped = Wrapped {
        bytes,
        size: parts.size(),
        interface: parts.interface("", imports),
        prefix,
        functions: BTreeMap::new(),
        globals: BTreeMap::new(),
        module_name: None,
        customs: Vec::new(),
    };
    for (name, data) in parts.customs {
        if name == "name" {
            wrapped.read_names(data);
        } else if !is_stale(name) {
            wrapped.customs.push((name.to_string(), data.to_vec()));
        }
    }
    Ok(wrapped)
}

fn export_section(parts: &Parts<'_>, prefix: &str, imports: Imports) -> ExportSection {
    let mut section = ExportSection::new();
    for export in &parts.exports {
        section.export(export.name, kind(export.kind).1, export.index);
    }
    if imports == Imports::Keep {
        let mut counts = BTreeMap::new();
        for import in &parts.imports {
            let (name, kind) = type_kind(import.ty);
            let index = counts.entry(name).or_insert(0);
            section.export(&format!("{prefix}{name}{index}"), kind, *index);
            *index += 1;
        }
    }
    section
}

fn numbers(count: u32) -> NameMap {
    let mut map = NameMap::new();
    for index in 0..count {
        map.append(index, &index.to_string());
    }
    map
}

impl Wrapped {
    /// A name section that is damaged gives the names up to the damage: it is no part of the module.
    fn read_names(&mut self, data: &[u8]) {
        let read = |map: wasmparser::NameMap<'_>| -> BTreeMap<u32, String> {
            map.into_iter().map_while(|n| n.ok()).map(|n| (n.index, n.name.to_string())).collect()
        };
        for name in NameSectionReader::new(BinaryReader::new(data, 0)).map_while(|n| n.ok()) {
            match name {
                Name::Module { name, .. } => self.module_name = Some(name.to_string()),
                Name::Function(map) => self.functions = read(map),
                Name::Global(map) => self.globals = read(map),
                _ => {}
            }
        }
    }
}

pub(super) fn unwrap(module: &[u8], wrapped: &Wrapped, request: &Request<'_>) -> Result<Unwrapped, String> {
    let parts = parts(module).map_err(|e| e.to_string())?;
    if parts.interface(&wrapped.prefix, request.imports) != wrapped.interface {
        return Err("its imports or exports are others".to_string());
    }
    let mut bytes = module[..8].to_vec();
    for (id, range) in &parts.sections {
        if *id == 7 && parts.exports.iter().any(|e| e.name.starts_with(&wrapped.prefix)) {
            let mut section = ExportSection::new();
            for export in parts.exports.iter().filter(|e| !e.name.starts_with(&wrapped.prefix)) {
                section.export(export.name, kind(export.kind).1, export.index);
            }
            if !section.is_empty() {
                section.append_to(&mut bytes);
            }
        } else {
            RawSection { id: *id, data: &module[range.clone()] }.append_to(&mut bytes);
        }
    }
    let size = bytes.len() - 8;
    for (name, data) in &wrapped.customs {
        CustomSection { name: name.into(), data: data.into() }.append_to(&mut bytes);
    }
    if request.names == Names::Keep {
        let theirs = parts.customs.iter().find(|(name, _)| *name == "name").map_or(&[][..], |(_, data)| data);
        if let Some(section) = wrapped.original_names(theirs) {
            section.append_to(&mut bytes);
        }
    }
    // What was taken apart and put together here is checked as well as what Binaryen wrote.
    wbuild_passes::validate(&bytes).map_err(|e| format!("invalid: {e}"))?;
    Ok(Unwrapped { bytes, size })
}

impl Wrapped {
    /// The name section for the result: numbers become the names they stood for. What Binaryen
    /// made itself keeps the name that Binaryen gave it.
    fn original_names(&self, theirs: &[u8]) -> Option<NameSection> {
        let (mut functions, mut globals) = (NameMap::new(), NameMap::new());
        let translate = |map: wasmparser::NameMap<'_>, names: &BTreeMap<u32, String>, to: &mut NameMap| {
            for name in map.into_iter().map_while(|n| n.ok()) {
                match name.name.parse::<u32>() {
                    Ok(number) => names.get(&number).into_iter().for_each(|n| to.append(name.index, n)),
                    Err(_) => to.append(name.index, name.name),
                }
            }
        };
        for name in NameSectionReader::new(BinaryReader::new(theirs, 0)).map_while(|n| n.ok()) {
            match name {
                Name::Function(map) => translate(map, &self.functions, &mut functions),
                Name::Global(map) => translate(map, &self.globals, &mut globals),
                _ => {}
            }
        }
        if self.functions.is_empty() && self.globals.is_empty() && self.module_name.is_none() {
            return None;
        }
        let mut section = NameSection::new();
        if let Some(name) = &self.module_name {
            section.module(name);
        }
        if !functions.is_empty() {
            section.functions(&functions);
        }
        if !globals.is_empty() {
            section.globals(&globals);
        }
        Some(section)
    }
}
