//! Modules that Binaryen 116 takes without a word and then gets wrong: each was found by a test of
//! ours, which runs what comes out, and has a case in tests/it/binaryen.rs.

use wasmparser::{
    BlockType, CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, Operator, Parser,
    Payload, TryTable, TypeRef,
};

const BLOCK_PARAMETERS: &str = "blocks with parameters";
const OUT_OF_BOUNDS: &str = "a segment that may lie out of bounds";
const COMPUTED_TABLE: &str = "tables filled from globals";

/// What there is in a module that Binaryen must not be given.
pub(super) fn find(module: &[u8]) -> Option<&'static str> {
    // By type index, whether it is a function with parameters; by index, the least size.
    let (mut parameters, mut memories, mut tables) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        match payload {
            Payload::TypeSection(reader) => {
                let groups = reader.into_iter().map_while(Result::ok);
                parameters.extend(groups.flat_map(|group| group.into_types()).map(
                    |ty| matches!(ty.composite_type.inner, CompositeInnerType::Func(f) if !f.params().is_empty()),
                ));
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports().map_while(Result::ok) {
                    match import.ty {
                        TypeRef::Memory(ty) => memories.push(ty.initial.saturating_mul(1 << 16)),
                        TypeRef::Table(ty) => tables.push(ty.initial),
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(reader) => {
                let sizes = reader.into_iter().map_while(Result::ok).map(|ty| ty.initial.saturating_mul(1 << 16));
                memories.extend(sizes);
            }
            Payload::TableSection(reader) => {
                tables.extend(reader.into_iter().map_while(Result::ok).map(|table| table.ty.initial));
            }
            Payload::ElementSection(reader) => {
                for element in reader.into_iter().map_while(Result::ok) {
                    let count = match &element.items {
                        ElementItems::Functions(items) => items.count(),
                        // It takes such an entry for a null when it makes calls direct.
                        ElementItems::Expressions(_, items) => {
                            if items.clone().into_iter().map_while(Result::ok).any(|item| !is_literal(item)) {
                                return Some(COMPUTED_TABLE);
                            }
                            items.count()
                        }
                    };
                    if let ElementKind::Active { table_index, offset_expr } = element.kind
                        && !fits(offset_expr, u64::from(count), tables.get(table_index.unwrap_or(0) as usize))
                    {
                        return Some(OUT_OF_BOUNDS);
                    }
                }
            }
            Payload::DataSection(reader) => {
                for data in reader.into_iter().map_while(Result::ok) {
                    if let DataKind::Active { memory_index, offset_expr } = data.kind
                        && !fits(offset_expr, data.data.len() as u64, memories.get(memory_index as usize))
                    {
                        return Some(OUT_OF_BOUNDS);
                    }
                }
            }
            // It ignores them, and the values go missing.
            Payload::CodeSectionEntry(body) => {
                let Ok(operators) = body.get_operators_reader() else { continue };
                if operators.into_iter().map_while(Result::ok).any(|op| takes_values(&op, &parameters)) {
                    return Some(BLOCK_PARAMETERS);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether nobody but the module can put functions where it calls them from, or throw what it catches: following values
/// through a module takes the results of all such calls to be those of the module's own functions.
pub(super) fn is_closed(module: &[u8], used: &wbuild_passes::Features) -> bool {
    const OPEN: &[&str] = &["reference-types", "function-references", "gc", "exception-handling", "legacy-exceptions"];
    if OPEN.iter().any(|feature| used.contains(feature)) {
        return false;
    }
    let is_open = |payload| match payload {
        Payload::ImportSection(reader) => {
            reader.into_imports().map_while(Result::ok).any(|import| matches!(import.ty, TypeRef::Table(_)))
        }
        Payload::ExportSection(reader) => {
            reader.into_iter().map_while(Result::ok).any(|export| export.kind == ExternalKind::Table)
        }
        _ => false,
    };
    !Parser::new(0).parse_all(module).map_while(Result::ok).any(is_open)
}

/// Whether a segment surely lies inside: it removes segments that nobody reads, and the trap at the
/// start that one of them would have been.
fn fits(offset: ConstExpr<'_>, length: u64, size: Option<&u64>) -> bool {
    let mut operators = offset.get_operators_reader().into_iter().map_while(Result::ok);
    let start = match (operators.next(), operators.next()) {
        (Some(Operator::I32Const { value }), Some(Operator::End)) => u64::from(value as u32),
        (Some(Operator::I64Const { value }), Some(Operator::End)) => value as u64,
        _ => return false,
    };
    start.checked_add(length).zip(size).is_some_and(|(end, size)| end <= *size)
}

fn is_literal(item: ConstExpr<'_>) -> bool {
    let first = item.get_operators_reader().into_iter().map_while(Result::ok).next();
    matches!(first, Some(Operator::RefFunc { .. } | Operator::RefNull { .. }))
}

fn takes_values(operator: &Operator<'_>, parameters: &[bool]) -> bool {
    let (Operator::Block { blockty }
    | Operator::Loop { blockty }
    | Operator::If { blockty }
    | Operator::Try { blockty }
    | Operator::TryTable { try_table: TryTable { ty: blockty, .. } }) = operator
    else {
        return false;
    };
    matches!(blockty, BlockType::FuncType(index) if parameters.get(*index as usize).copied().unwrap_or(true))
}
