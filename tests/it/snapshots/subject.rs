//! Makes a subject of any module: adds an initializer that changes something of everything that a snapshot holds, and
//! probes through which what segments and tables hold can be told from outside.

use wbuild::oracle::Random;
use wbuild_passes::wasm_encoder::{HeapType, Ieee32, Ieee64, Instruction as I, MemArg};
use wbuild_passes::wasmparser::{self, RefType, ValType};
use wbuild_passes::{
    DataId, ElementId, ElementItems, Error, Export, FuncId, GlobalId, Item, MemoryId, Module, TableId,
};

/// The name of the initializer that [`subject`] adds.
pub const INITIALIZER: &str = "wbuild.initializer";

/// What is added.
pub struct Wanted {
    /// The global that counts a module of wasm-smith's down to a trap, and what it is filled up with.
    pub steps: Option<(GlobalId, i32)>,
    /// Functions that show what segments and tables hold. They name every segment, after which all must be kept.
    pub probes: bool,
}

/// Adds an initializer of the name [`INITIALIZER`], and what else is wanted.
pub fn subject(bytes: &[u8], wanted: &Wanted, numbers: &mut Random) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    let mut code = Vec::new();
    for _ in 0..1 + numbers.next() % 6 {
        change(&module, numbers, &mut code);
    }
    if let Some((GlobalId(steps), most)) = wanted.steps {
        code.extend([I::I32Const(most), I::GlobalSet(steps)]);
    }
    module.data_count |= code.iter().any(|one| matches!(one, I::MemoryInit { .. } | I::DataDrop(_)));
    code.push(I::End);
    let plain = module.types.add_function(&[], &[]);
    let id = module.add_function(plain, &[], &code);
    export(&mut module, INITIALIZER.to_string(), Item::Func(id));
    if wanted.probes {
        probes(&mut module, numbers);
    }
    if let Some((GlobalId(steps), most)) = wanted.steps {
        let refill = module.add_function(plain, &[], &[I::I32Const(most), I::GlobalSet(steps), I::End]);
        refill_before_each(&mut module, refill);
    }
    module.encode()
}

fn export(module: &mut Module<'_>, name: String, item: Item) {
    module.exports.push(Export { name: name.into(), item, exact: false });
}

/// Who calls all exports in order calls this one before each, so that none finds its steps used up.
fn refill_before_each(module: &mut Module<'_>, refill: FuncId) {
    let exports = std::mem::take(&mut module.exports);
    for (n, one) in exports.into_iter().enumerate() {
        if matches!(one.item, Item::Func(_)) {
            export(module, format!("wbuild.refill.{n}"), Item::Func(refill));
        }
        module.exports.push(one);
    }
}

fn pick<T: Copy>(list: &[T], numbers: &mut Random) -> Option<T> {
    match list.len() {
        0 => None,
        length => Some(list[(numbers.next() % length as u64) as usize]),
    }
}

/// One change of something, or nothing where the module has nothing of the kind.
fn change(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) {
    let from = code.len();
    let done = match numbers.next() % 10 {
        0 | 1 => call(module, numbers, code),
        2..=4 => memory(module, numbers, code),
        5 => data(module, numbers, code),
        6 => element(module, numbers, code),
        7 | 8 => table(module, numbers, code),
        _ => global(module, numbers, code),
    };
    if done.is_none() {
        code.truncate(from);
    }
}

fn call(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) -> Option<()> {
    let defined: Vec<FuncId> =
        module.functions.iter().filter(|(_, function)| function.source.import().is_none()).map(|(id, _)| id).collect();
    let id = pick(&defined, numbers)?;
    call_with(module, I::Call(id.0), module.function_type(id)?, None, numbers, code)
}

/// A call with constants, whose results are dropped. `index` comes before the call.
fn call_with(
    module: &Module<'_>,
    call: I<'static>,
    ty: &wasmparser::FuncType,
    index: Option<Vec<I<'static>>>,
    numbers: &mut Random,
    code: &mut Vec<I<'static>>,
) -> Option<()> {
    for ty in ty.params() {
        code.extend(value(module, *ty, numbers)?);
    }
    code.extend(index.into_iter().flatten());
    code.push(call);
    code.extend(ty.results().iter().map(|_| I::Drop));
    Some(())
}

/// Constants that give a value of this type.
fn value(module: &Module<'_>, ty: ValType, numbers: &mut Random) -> Option<Vec<I<'static>>> {
    let bits = numbers.next();
    let small = !numbers.next().is_multiple_of(3);
    Some(match ty {
        ValType::I32 if small => vec![I::I32Const((bits % 256) as i32)],
        ValType::I32 => vec![I::I32Const(bits as i32)],
        ValType::I64 if small => vec![I::I64Const((bits % 256) as i64)],
        ValType::I64 => vec![I::I64Const(bits as i64)],
        ValType::F32 => vec![I::F32Const(Ieee32::new(bits as u32))],
        ValType::F64 => vec![I::F64Const(Ieee64::new(bits))],
        ValType::V128 => vec![I::V128Const(i128::from(bits) << 64 | i128::from(numbers.next()))],
        ValType::Ref(ty) => reference(module, ty, numbers)?,
    })
}

fn reference(module: &Module<'_>, ty: RefType, numbers: &mut Random) -> Option<Vec<I<'static>>> {
    let (heap, null) = (ty.heap_type(), numbers.next().is_multiple_of(4));
    let holds_numbers = ty == RefType::I31REF || ty == RefType::ANYREF || ty == RefType::EQREF;
    if holds_numbers && !(null && ty.is_nullable()) {
        return Some(vec![I::I32Const(numbers.next() as i32), I::RefI31]);
    }
    // What is exported may be referred to anywhere.
    let fits = |id: FuncId| match heap {
        wasmparser::HeapType::Concrete(index) => {
            Some(module.functions.get(id).map(|function| function.ty.0)) == Some(index.as_module_index())
        }
        _ => ty.is_func_ref(),
    };
    let functions: Vec<FuncId> = module
        .exports
        .iter()
        .filter_map(|export| match export.item {
            Item::Func(id) if fits(id) => Some(id),
            _ => None,
        })
        .collect();
    match pick(&functions, numbers) {
        Some(id) if !(null && ty.is_nullable()) => Some(vec![I::RefFunc(id.0)]),
        _ if !ty.is_nullable() => None,
        _ => Some(vec![I::RefNull(match heap {
            wasmparser::HeapType::Concrete(index) => HeapType::Concrete(index.as_module_index()?),
            heap => HeapType::try_from(heap).ok()?,
        })]),
    }
}

fn index(is_64: bool, at: u64) -> I<'static> {
    if is_64 { I::I64Const(at as i64) } else { I::I32Const(at as u32 as i32) }
}

/// A memory, whether its addresses are of 64 bits, and the bytes that it has at least.
fn any_memory(module: &Module<'_>, numbers: &mut Random) -> Option<(MemoryId, bool, u64)> {
    let id = pick(&module.memories.ids(), numbers)?;
    let ty = &module.memories.get(id)?.ty;
    Some((id, ty.memory64, ty.initial << ty.page_size_log2.unwrap_or(16)))
}

fn memory(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) -> Option<()> {
    let (MemoryId(memory), is_64, size) = any_memory(module, numbers)?;
    if size < 64 || numbers.next().is_multiple_of(4) {
        code.extend([index(is_64, 1), I::MemoryGrow(memory), I::Drop]);
        return Some(());
    }
    let at = numbers.next() % (size - 32);
    if numbers.next().is_multiple_of(3) {
        code.extend([index(is_64, at), I::I32Const(numbers.next() as i32), index(is_64, numbers.next() % 32)]);
        code.push(I::MemoryFill(memory));
    } else {
        let memarg = MemArg { offset: 0, align: 0, memory_index: memory };
        code.extend([index(is_64, at), I::I64Const(numbers.next() as i64), I::I64Store(memarg)]);
    }
    Some(())
}

fn data(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) -> Option<()> {
    let DataId(segment) = pick(&module.data.ids(), numbers)?;
    if numbers.next().is_multiple_of(2) {
        code.push(I::DataDrop(segment));
        return Some(());
    }
    let length = module.data.get(DataId(segment))?.bytes.len() as u64;
    let (MemoryId(memory), is_64, size) = any_memory(module, numbers)?;
    let passive = matches!(module.data.get(DataId(segment))?.kind, wbuild_passes::DataKind::Passive);
    let length = if passive { length.min(size) } else { 0 };
    code.extend([index(is_64, numbers.next() % (size - length + 1)), I::I32Const(0), I::I32Const(length as i32)]);
    code.push(I::MemoryInit { mem: memory, data_index: segment });
    Some(())
}

/// A segment, and a table that it can be copied into, with its length, and whether its indices are of 64 bits.
type Segment = (u32, Option<(TableId, u64, bool)>);

fn any_element(module: &Module<'_>, numbers: &mut Random) -> Option<Segment> {
    let id = pick(&module.elements.ids(), numbers)?;
    Some((id.0, table_for(module, id, numbers)))
}

fn table_for(module: &Module<'_>, id: ElementId, numbers: &mut Random) -> Option<(TableId, u64, bool)> {
    let ty = match &module.elements.get(id)?.items {
        ElementItems::Functions(_) => RefType::FUNCREF,
        ElementItems::Expressions(ty, _) => *ty,
    };
    let tables: Vec<_> = module.tables.iter().filter(|(_, table)| table.ty.element_type == ty).collect();
    let n = pick(&(0..tables.len()).collect::<Vec<_>>(), numbers)?;
    let (id, table) = tables[n];
    Some((id, table.ty.initial, table.ty.table64))
}

fn element(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) -> Option<()> {
    let (segment, table) = any_element(module, numbers)?;
    match table {
        Some((table, size, is_64)) if numbers.next().is_multiple_of(2) => {
            let element = module.elements.get(ElementId(segment))?;
            let passive = matches!(element.kind, wbuild_passes::ElementKind::Passive);
            let length = if passive { (element.items.len() as u64).min(size) } else { 0 };
            code.extend([index(is_64, size - length), I::I32Const(0), I::I32Const(length as i32)]);
            code.push(I::TableInit { elem_index: segment, table: table.0 });
        }
        _ => code.push(I::ElemDrop(segment)),
    }
    Some(())
}

fn table(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) -> Option<()> {
    let id = pick(&module.tables.ids(), numbers)?;
    let ty = &module.tables.get(id)?.ty;
    let (number, is_64, size) = (id.0, ty.table64, ty.initial);
    let value = reference(module, ty.element_type, numbers)?;
    if size == 0 || numbers.next().is_multiple_of(3) {
        code.extend(value);
        code.extend([index(is_64, 1 + numbers.next() % 3), I::TableGrow(number), I::Drop]);
        return Some(());
    }
    let at = numbers.next() % size;
    match numbers.next() % 3 {
        0 => {
            let half = size / 2;
            code.extend([index(is_64, 0), index(is_64, size - half), index(is_64, half)]);
            code.push(I::TableCopy { src_table: number, dst_table: number });
        }
        1 => {
            code.push(index(is_64, at));
            code.extend(value);
            code.extend([index(is_64, (size - at).min(5)), I::TableFill(number)]);
        }
        _ => {
            code.push(index(is_64, at));
            code.extend(value);
            code.push(I::TableSet(number));
        }
    }
    Some(())
}

fn global(module: &Module<'_>, numbers: &mut Random, code: &mut Vec<I<'static>>) -> Option<()> {
    let mutable: Vec<GlobalId> =
        module.globals.iter().filter(|(_, global)| global.ty.mutable).map(|(id, _)| id).collect();
    let id = pick(&mutable, numbers)?;
    code.extend(value(module, module.globals.get(id)?.ty.content_type, numbers)?);
    code.push(I::GlobalSet(id.0));
    Some(())
}

/// The types of functions that are called through each table.
const CALLED_TYPES: usize = 3;

/// Functions that copy from each segment, call through each table, and in the end drop every segment.
fn probes(module: &mut Module<'_>, numbers: &mut Random) {
    let mut bodies: Vec<(String, Vec<I<'static>>)> = Vec::new();
    for DataId(segment) in module.data.ids() {
        let Some((MemoryId(memory), is_64, _)) = any_memory(module, numbers) else { break };
        let length = module.data.get(DataId(segment)).map_or(0, |data| data.bytes.len());
        for length in [1, length] {
            let copy = I::MemoryInit { mem: memory, data_index: segment };
            let code = vec![index(is_64, 0), I::I32Const(0), I::I32Const(length as i32), copy];
            bodies.push((format!("data.{segment}.{length}"), code));
        }
    }
    for id in module.elements.ids() {
        let Some((table, _, is_64)) = table_for(module, id, numbers) else { continue };
        let (segment, copy) = (id.0, I::TableInit { elem_index: id.0, table: table.0 });
        let code = vec![index(is_64, 0), I::I32Const(0), I::I32Const(1), copy];
        bodies.push((format!("element.{segment}"), code));
    }
    for table in module.tables.ids() {
        let Some(ty) = module.tables.get(table).map(|table| table.ty) else { continue };
        if !ty.element_type.is_func_ref() {
            continue;
        }
        for _ in 0..CALLED_TYPES {
            let Some(id) = pick(&module.functions.ids(), numbers) else { break };
            let Some(called) = module.functions.get(id).map(|function| function.ty) else { continue };
            for at in 0..ty.initial.min(4) {
                let mut code = Vec::new();
                let call = I::CallIndirect { type_index: called.0, table_index: table.0 };
                let index = Some(vec![index(ty.table64, at)]);
                let Some(ty) = module.function_type(id) else { continue };
                if call_with(module, call, ty, index, numbers, &mut code).is_some() {
                    bodies.push((format!("call.{}.{at}", table.0), code));
                }
            }
        }
    }
    let drops = module.data.ids().into_iter().map(|id| (format!("drop.data.{}", id.0), vec![I::DataDrop(id.0)]));
    bodies.extend(drops);
    let drops = module.elements.ids().into_iter().map(|id| (format!("drop.elem.{}", id.0), vec![I::ElemDrop(id.0)]));
    bodies.extend(drops);
    let plain = module.types.add_function(&[], &[]);
    for (n, (name, mut code)) in bodies.into_iter().enumerate() {
        module.data_count |= code.iter().any(|one| matches!(one, I::MemoryInit { .. } | I::DataDrop(_)));
        code.push(I::End);
        let id = module.add_function(plain, &[], &code);
        export(module, format!("wbuild.probe.{n}.{name}"), Item::Func(id));
    }
}
