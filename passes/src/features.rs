//! Which features of WebAssembly a module uses, read off its code and sections: `target_features` may be stripped,
//! and says what the compiler was allowed rather than what it did.

use crate::{DataKind, ElementItems, ElementKind, Error, Item, Module, Source, op, validate};
use std::collections::BTreeSet;
use std::fmt;
use wasmparser::{CompositeInnerType, HeapType, Operator, RefType, StorageType, SubType, ValType};

/// Names of features, as in LLVM's `target_features`. What LLVM has no name for is called as its proposal:
/// `function-references`, `custom-page-sizes`, `stack-switching`, `legacy-exceptions` (beside
/// `exception-handling`), `shared-everything-threads`, `custom-descriptors`, `compact-imports`, `memory-control`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features(BTreeSet<&'static str>);

impl Features {
    /// Whether this feature is used.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The names in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }

    /// Whether the module is one of WebAssembly 1.0.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, name: &'static str) {
        self.0.insert(name);
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().collect::<Vec<_>>().join(","))
    }
}

/// Reads off which features a module uses. The bytes must be a valid module.
pub fn features(bytes: &[u8]) -> Result<Features, Error> {
    validate(bytes)?;
    module_features(&Module::parse(bytes)?)
}

/// Like [`features`], of a module that is read already.
pub fn module_features(module: &Module<'_>) -> Result<Features, Error> {
    let mut found = Features::default();
    for group in module.types.groups() {
        if group.is_explicit() {
            found.add("gc");
        }
        group.types().iter().for_each(|ty| of_type(ty, &mut found));
    }
    of_memories_and_tables(module, &mut found)?;
    for (_, global) in module.globals.iter() {
        of_value(global.ty.content_type, &mut found);
        if global.ty.shared {
            found.add("shared-everything-threads");
        }
        if let Source::Defined(init) = &global.source {
            of_initializer(init, &mut found)?;
        }
    }
    let shared_mutable =
        |item| matches!(item, Item::Global(id) if module.globals.get(id).is_some_and(|g| g.ty.mutable));
    if module.live_imports().chain(module.exports.iter().map(|export| export.item)).any(shared_mutable) {
        found.add("mutable-globals");
    }
    if !module.tags.is_empty() {
        found.add("exception-handling");
    }
    if module.has_compact_imports() {
        found.add("compact-imports");
    }
    if module.functions.iter().any(|(_, function)| function.exact) {
        found.add("custom-descriptors");
    }
    of_segments(module, &mut found)?;
    for (id, function) in module.functions.iter() {
        if let Source::Defined(body) = &function.source {
            of_body(body, &mut found).map_err(|error| error.in_function(id.0))?;
        }
    }
    Ok(found)
}

/// The first function whose code uses a feature; none where something else than code uses it, or nothing does.
pub fn function_with(bytes: &[u8], feature: &str) -> Result<Option<crate::FuncId>, Error> {
    let module = Module::parse(bytes)?;
    for (id, function) in module.functions.iter() {
        let Source::Defined(body) = &function.source else { continue };
        let mut found = Features::default();
        of_body(body, &mut found).map_err(|error| error.in_function(id.0))?;
        if let Some(ty) = module.function_type(id) {
            ty.params().iter().chain(ty.results()).for_each(|&ty| of_value(ty, &mut found));
            if ty.results().len() > 1 {
                found.add("multivalue");
            }
        }
        if found.contains(feature) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn of_memories_and_tables(module: &Module<'_>, found: &mut Features) -> Result<(), Error> {
    if module.memories.len() > 1 {
        found.add("multimemory");
    }
    for (_, memory) in module.memories.iter() {
        if memory.ty.memory64 {
            found.add("memory64");
        }
        if memory.ty.shared {
            found.add("atomics");
        }
        if memory.ty.page_size_log2.is_some() {
            found.add("custom-page-sizes");
        }
    }
    if module.tables.len() > 1 {
        found.add("reference-types");
    }
    for (_, table) in module.tables.iter() {
        if table.ty.table64 {
            found.add("memory64");
        }
        if table.ty.shared {
            found.add("shared-everything-threads");
        }
        if table.ty.element_type != RefType::FUNCREF {
            of_reference(table.ty.element_type, found);
        }
        if let Source::Defined(Some(init)) = &table.source {
            found.add("function-references");
            of_initializer(init, found)?;
        }
    }
    Ok(())
}

fn of_segments(module: &Module<'_>, found: &mut Features) -> Result<(), Error> {
    if module.data_count {
        found.add("bulk-memory");
    }
    for (_, data) in module.data.iter() {
        match &data.kind {
            DataKind::Passive => found.add("bulk-memory"),
            DataKind::Active { offset, .. } => of_initializer(offset, found)?,
        }
    }
    for (_, element) in module.elements.iter() {
        match &element.kind {
            ElementKind::Passive => found.add("bulk-memory"),
            ElementKind::Declared => found.add("reference-types"),
            ElementKind::Active { offset, .. } => of_initializer(offset, found)?,
        }
        if let ElementItems::Expressions(ty, list) = &element.items {
            of_reference(*ty, found);
            found.add("bulk-memory");
            for expression in list {
                of_initializer(expression, found)?;
            }
        }
    }
    Ok(())
}

fn of_type(ty: &SubType, found: &mut Features) {
    if !ty.is_final || ty.supertype_idx.is_some() {
        found.add("gc");
    }
    if ty.composite_type.shared {
        found.add("shared-everything-threads");
    }
    if ty.composite_type.descriptor_idx.is_some() || ty.composite_type.describes_idx.is_some() {
        found.add("custom-descriptors");
    }
    let field = |ty: &StorageType, found: &mut Features| {
        if let StorageType::Val(ty) = ty {
            of_value(*ty, found);
        }
    };
    match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => {
            if ty.results().len() > 1 {
                found.add("multivalue");
            }
            ty.params().iter().chain(ty.results()).for_each(|&ty| of_value(ty, found));
        }
        CompositeInnerType::Array(ty) => {
            found.add("gc");
            field(&ty.0.element_type, found);
        }
        CompositeInnerType::Struct(ty) => {
            found.add("gc");
            ty.fields.iter().for_each(|ty| field(&ty.element_type, found));
        }
        CompositeInnerType::Cont(_) => found.add("stack-switching"),
    }
}

fn of_value(ty: ValType, found: &mut Features) {
    match ty {
        ValType::V128 => found.add("simd128"),
        ValType::Ref(ty) => of_reference(ty, found),
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {}
    }
}

fn of_reference(ty: RefType, found: &mut Features) {
    found.add("reference-types");
    if !ty.is_nullable() {
        found.add("function-references");
    }
    of_heap(ty.heap_type(), found);
}

fn of_heap(ty: HeapType, found: &mut Features) {
    use wasmparser::AbstractHeapType as A;
    match ty {
        HeapType::Concrete(_) => found.add("function-references"),
        HeapType::Exact(_) => found.add("custom-descriptors"),
        HeapType::Abstract { shared, ty } => {
            if shared {
                found.add("shared-everything-threads");
            }
            match ty {
                A::Func | A::Extern => found.add("reference-types"),
                A::Exn | A::NoExn => found.add("exception-handling"),
                A::Cont | A::NoCont => found.add("stack-switching"),
                A::Any | A::None | A::NoExtern | A::NoFunc | A::Eq | A::Struct | A::Array | A::I31 => found.add("gc"),
            }
        }
    }
}

fn of_initializer(expr: &crate::ConstExpr<'_>, found: &mut Features) -> Result<(), Error> {
    let mut operators = expr.reader().get_operators_reader();
    let mut count = 0;
    while !operators.is_end_then_eof() {
        let operator = operators.read()?;
        of_operator(&operator, found);
        count += 1;
        let arithmetic = matches!(
            operator,
            Operator::I32Add
                | Operator::I32Sub
                | Operator::I32Mul
                | Operator::I64Add
                | Operator::I64Sub
                | Operator::I64Mul
        );
        if arithmetic && count > 1 {
            found.add("extended-const");
        }
    }
    Ok(())
}

fn of_body(body: &crate::Body<'_>, found: &mut Features) -> Result<(), Error> {
    let reader = body.reader();
    let start = reader.range().start;
    let mut locals = reader.get_locals_reader()?.into_iter();
    for group in locals.by_ref() {
        of_value(group?.1, found);
    }
    let mut operators = locals.into_operators_reader();
    while !operators.eof() {
        let operator = operators.read()?;
        of_operator(&operator, found);
        if let Operator::CallIndirect { table_index, .. } | Operator::ReturnCallIndirect { table_index, .. } = operator
        {
            // The table's index was one zero byte once; a longer zero is a feature of its own.
            let end = operators.original_position() - start;
            let overlong = end >= 2 && body.bytes().get(end - 2).is_some_and(|byte| byte & 0x80 != 0);
            match (table_index, overlong) {
                (0, false) => {}
                (0, true) => found.add("call-indirect-overlong"),
                _ => found.add("reference-types"),
            }
        }
    }
    Ok(())
}

fn of_operator(operator: &Operator<'_>, found: &mut Features) {
    let block = match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => Some(blockty),
        Operator::Try { blockty } => Some(blockty),
        Operator::TryTable { try_table } => Some(&try_table.ty),
        _ => None,
    };
    match block {
        Some(wasmparser::BlockType::FuncType(_)) => found.add("multivalue"),
        Some(wasmparser::BlockType::Type(ty)) => of_value(*ty, found),
        Some(wasmparser::BlockType::Empty) | None => {}
    }
    match operator {
        // LLVM's name for these two.
        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => return found.add("bulk-memory-opt"),
        Operator::TypedSelect { ty } => of_value(*ty, found),
        Operator::RefNull { hty } => of_heap(*hty, found),
        _ => {}
    }
    let name = match op::proposal(operator) {
        "mvp" => return,
        "sign_extension" => "sign-ext",
        "saturating_float_to_int" => "nontrapping-fptoint",
        "bulk_memory" => "bulk-memory",
        "reference_types" => "reference-types",
        "tail_call" => "tail-call",
        "threads" => "atomics",
        "simd" => "simd128",
        "relaxed_simd" => {
            found.add("simd128");
            "relaxed-simd"
        }
        "exceptions" => "exception-handling",
        "legacy_exceptions" => {
            found.add("exception-handling");
            "legacy-exceptions"
        }
        "gc" => "gc",
        "function_references" => "function-references",
        "memory_control" => "memory-control",
        "stack_switching" => "stack-switching",
        "wide_arithmetic" => "wide-arithmetic",
        "shared_everything_threads" => "shared-everything-threads",
        "custom_descriptors" => "custom-descriptors",
        _ => "unknown",
    };
    found.add(name);
}
