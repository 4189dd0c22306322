//! Bytes to [`Module`]: one walk over the sections; function bodies stay where they are.

use super::{
    Body, ConstExpr, Custom, Data, DataKind, Element, ElementItems, ElementKind, Export, FuncId, Function, Global,
    GlobalId, Import, Item, Memory, MemoryId, Module, Place, Source, Table, TableId, Tag, TagId, TypeId,
};
use crate::Error;
use wasmparser::{Encoding, ExternalKind, Imports, Parser, Payload, TypeRef};

pub(super) fn parse(bytes: &[u8]) -> Result<Module<'_>, Error> {
    let mut module = Module { input: bytes, ..Module::default() };
    let mut place = Place::Start;
    let mut declared = Vec::new();
    let mut bodies = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if let Some(next) = place_of(&payload) {
            place = next;
            let range = match &payload {
                Payload::CodeSectionStart { range, .. } => Some(range.clone()),
                other => other.as_section().map(|(_, range)| range),
            };
            module.sections.insert(place, range.unwrap_or_default());
        }
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                return Err(Error::input("this is a component, not a core module"));
            }
            Payload::TypeSection(section) => {
                for group in section {
                    module.types.append_parsed(group?);
                }
            }
            Payload::ImportSection(section) => {
                for imports in section {
                    read_imports(&mut module, imports?)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    declared.push(TypeId(ty?));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    let init = match table.init {
                        wasmparser::TableInit::RefNull => None,
                        wasmparser::TableInit::Expr(expr) => Some(ConstExpr::from_parsed(&expr)?),
                    };
                    module.tables.append(Table { ty: table.ty, source: Source::Defined(init) });
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    module.memories.append(Memory { ty: ty?, source: Source::Defined(()) });
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    module.tags.append(Tag { ty: TypeId(tag?.func_type_idx), source: Source::Defined(()) });
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let init = ConstExpr::from_parsed(&global.init_expr)?;
                    module.globals.append(Global { ty: global.ty, source: Source::Defined(init) });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    module.exports.push(Export {
                        name: export.name.into(),
                        item: item(export.kind, export.index),
                        exact: matches!(export.kind, ExternalKind::FuncExact),
                    });
                }
            }
            Payload::StartSection { func, .. } => module.start = Some(FuncId(func)),
            Payload::ElementSection(section) => {
                for element in section {
                    module.elements.append(read_element(element?)?);
                }
            }
            Payload::DataCountSection { .. } => module.data_count = true,
            Payload::CodeSectionStart { .. } => {}
            Payload::CodeSectionEntry(body) => {
                let Some(&ty) = declared.get(bodies) else {
                    return Err(Error::input("more function bodies than declared functions").at(body.range().start));
                };
                bodies += 1;
                let source = Body::new(body.as_bytes().into(), Some(body.range().start));
                module.functions.append(Function { ty, exact: false, source: Source::Defined(source) });
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let kind = match data.kind {
                        wasmparser::DataKind::Passive => DataKind::Passive,
                        wasmparser::DataKind::Active { memory_index, offset_expr } => DataKind::Active {
                            memory: MemoryId(memory_index),
                            offset: ConstExpr::from_parsed(&offset_expr)?,
                        },
                    };
                    module.data.append(Data { kind, bytes: data.data.into() });
                }
            }
            Payload::CustomSection(section) => {
                module.customs.push(Custom { name: section.name().into(), data: section.data().into(), after: place })
            }
            Payload::Version { .. } | Payload::End(_) => {}
            other => {
                let offset = other.as_section().map_or(0, |(_, range)| range.start);
                return Err(Error::input("a section that no core module has").at(offset));
            }
        }
    }
    if bodies != declared.len() {
        return Err(Error::input(format!("{} functions are declared, but {bodies} have a body", declared.len())));
    }
    Ok(module)
}

fn place_of(payload: &Payload<'_>) -> Option<Place> {
    Some(match payload {
        Payload::TypeSection(_) => Place::Types,
        Payload::ImportSection(_) => Place::Imports,
        Payload::FunctionSection(_) => Place::Functions,
        Payload::TableSection(_) => Place::Tables,
        Payload::MemorySection(_) => Place::Memories,
        Payload::TagSection(_) => Place::Tags,
        Payload::GlobalSection(_) => Place::Globals,
        Payload::ExportSection(_) => Place::Exports,
        Payload::StartSection { .. } => Place::StartFunction,
        Payload::ElementSection(_) => Place::Elements,
        Payload::DataCountSection { .. } => Place::DataCount,
        Payload::CodeSectionStart { .. } => Place::Code,
        Payload::DataSection(_) => Place::Data,
        _ => return None,
    })
}

fn item(kind: ExternalKind, index: u32) -> Item {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => Item::Func(FuncId(index)),
        ExternalKind::Table => Item::Table(TableId(index)),
        ExternalKind::Memory => Item::Memory(MemoryId(index)),
        ExternalKind::Global => Item::Global(GlobalId(index)),
        ExternalKind::Tag => Item::Tag(TagId(index)),
    }
}

fn read_imports<'a>(module: &mut Module<'a>, imports: Imports<'a>) -> Result<(), Error> {
    match imports {
        Imports::Single(_, import) => read_import(module, import.module, import.name, import.ty),
        Imports::Compact1 { module: from, items } => {
            module.compact_imports = true;
            for item in items {
                let item = item?;
                read_import(module, from, item.name, item.ty);
            }
        }
        Imports::Compact2 { module: from, ty, names } => {
            module.compact_imports = true;
            for name in names {
                read_import(module, from, name?, ty);
            }
        }
    }
    Ok(())
}

fn read_import<'a>(module: &mut Module<'a>, from: &'a str, name: &'a str, ty: TypeRef) {
    let import = Import { module: from.into(), name: name.into() };
    let item = match ty {
        TypeRef::Func(index) | TypeRef::FuncExact(index) => Item::Func(module.functions.append(Function {
            ty: TypeId(index),
            exact: matches!(ty, TypeRef::FuncExact(_)),
            source: Source::Import(import),
        })),
        TypeRef::Table(ty) => Item::Table(module.tables.append(Table { ty, source: Source::Import(import) })),
        TypeRef::Memory(ty) => Item::Memory(module.memories.append(Memory { ty, source: Source::Import(import) })),
        TypeRef::Global(ty) => Item::Global(module.globals.append(Global { ty, source: Source::Import(import) })),
        TypeRef::Tag(tag) => {
            Item::Tag(module.tags.append(Tag { ty: TypeId(tag.func_type_idx), source: Source::Import(import) }))
        }
    };
    module.imports.push(item);
}

fn read_element(element: wasmparser::Element<'_>) -> Result<Element<'_>, Error> {
    let kind = match element.kind {
        wasmparser::ElementKind::Passive => ElementKind::Passive,
        wasmparser::ElementKind::Declared => ElementKind::Declared,
        wasmparser::ElementKind::Active { table_index, offset_expr } => ElementKind::Active {
            table: TableId(table_index.unwrap_or(0)),
            explicit: table_index.is_some(),
            offset: ConstExpr::from_parsed(&offset_expr)?,
        },
    };
    let items = match element.items {
        wasmparser::ElementItems::Functions(functions) => {
            let mut ids = Vec::new();
            for function in functions {
                ids.push(FuncId(function?));
            }
            ElementItems::Functions(ids)
        }
        wasmparser::ElementItems::Expressions(ty, expressions) => {
            let mut list = Vec::new();
            for expression in expressions {
                list.push(ConstExpr::from_parsed(&expression?)?);
            }
            ElementItems::Expressions(ty, list)
        }
    };
    Ok(Element { kind, items })
}
