//! Pass `sjlj`: setjmp and longjmp with no more than plain wasm.
//!
//! clang under `-enable-emscripten-sjlj` lets a function that calls setjmp make its other calls through imports
//! `env.invoke_<signature>`, which take the callee's place in the table and then its arguments, and asks after each
//! whether a jump arrived. wbuild's runtime (`sjlj.c`) keeps where a jump goes, and starts it with the import
//! `wbuild.unwind`. This pass defines both kinds of import, and lets a jump walk up the frames between them:
//!
//! - `wbuild.unwind` sets a new global, the flag.
//! - Behind every call that may start a jump and not catch it stands: if the flag is set, return at once.
//!   What is returned is zero and nobody reads it.
//! - `env.invoke_<signature>` calls through the table; if it finds the flag set, it clears it and puts the stack
//!   pointer back to where it was before the call.
//! - Nothing above an export can catch a jump, so such an export gets a wrapper that traps if the flag is set.
//!   That is a longjmp to a frame that is gone, which C leaves undefined; here it always traps.
//!
//! C++ exceptions walk up the same way (`exceptions.cpp`). Their runtime says by `wbuild.uncaught` which place of the table
//! the wrapper of an export is to call before it traps.
//!
//! **Why it is sound.** While the flag is set only these checks run: from the call that set it, each frame returns
//! before its next operator, up to an `invoke` or an export. Calls that may start a jump are found from the call
//! graph: `unwind` may; so may a function with a call of one that may, and an indirect call through whose type some
//! function with a place in a table may be called that may. Imports cannot: the host comes back through exports, which trap.
//! A call whose result the function returns as it is needs no check. The stack pointer is the global that the runtime
//! reads in front of `unwind`; it says so with its code, so names are not needed.
//!
//! **Example.** `sjlj` makes of a function that jumps, its caller, and a call of that one that catches the jump
//! ```wat
//! (module
//!   (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
//!   (import "wbuild" "unwind" (func $unwind (param i32)))
//!   (table 2 funcref)
//!   (global $sp (mut i32) (i32.const 1024))
//!   (elem (i32.const 1) $work)
//!   (func $jump
//!     global.get $sp
//!     call $unwind
//!     unreachable)
//!   (func $work (param i32) (result i32)
//!     call $jump
//!     i32.const 7)
//!   (func (export "run") (result i32)
//!     i32.const 1
//!     i32.const 5
//!     call $invoke))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func (param i32 i32) (result i32)))
//!   (type (;1;) (func (param i32)))
//!   (type (;2;) (func))
//!   (type (;3;) (func (param i32) (result i32)))
//!   (type (;4;) (func (result i32)))
//!   (table (;0;) 2 funcref)
//!   (global $sp (;0;) (mut i32) i32.const 1024)
//!   (global (;1;) (mut i32) i32.const 0)
//!   (export "run" (func 4))
//!   (elem (;0;) (i32.const 1) func $work)
//!   (func $invoke (;0;) (type 0) (param i32 i32) (result i32)
//!     (local i32)
//!     global.get $sp
//!     local.set 2
//!     local.get 1
//!     local.get 0
//!     call_indirect (type 3)
//!     global.get 1
//!     if ;; label = @1
//!       i32.const 0
//!       global.set 1
//!       local.get 2
//!       global.set $sp
//!     end
//!   )
//!   (func $unwind (;1;) (type 1) (param i32)
//!     i32.const 1
//!     global.set 1
//!   )
//!   (func $jump (;2;) (type 2)
//!     global.get $sp
//!     call $unwind
//!     global.get 1
//!     br_if 0
//!     unreachable
//!   )
//!   (func $work (;3;) (type 3) (param i32) (result i32)
//!     call $jump
//!     i32.const 0
//!     global.get 1
//!     br_if 0
//!     drop
//!     i32.const 7
//!   )
//!   (func (;4;) (type 4) (result i32)
//!     i32.const 1
//!     i32.const 5
//!     call $invoke
//!   )
//! )
//! ```
//!
//! **Limits.** A host that takes a function out of an exported table and calls it meets no wrapper; a wrapper that it
//! puts into a table stops every jump. A function that may be jumped out of cannot return a reference that is never null. Without the imports the pass does nothing.

mod calls;

use crate::{ConstExpr, ElementKind, Error, FuncId, GlobalId, Id, Item, Module, TableId, op};
use calls::Calls;
use wasm_encoder::{BlockType, Instruction, ValType};
use wasmparser::{FuncType, Operator};

/// What the pass adds or found, for writing code with.
struct Parts {
    flag: GlobalId,
    stack_pointer: GlobalId,
    table: TableId,
    /// The place in the table of what is called when nothing caught.
    handler: Option<GlobalId>,
}

/// Which clause of C++ takes an exception: a function for each number of clauses.
const CATCH: &str = "__cxa_find_matching_catch_";

pub(super) fn run(module: &mut Module<'_>) -> Result<(), Error> {
    for name in ["__wasm_setjmp", "__wasm_setjmp_test", "emscripten_longjmp"] {
        if module.imported_function("env", name).is_some() {
            let error = Error::input(format!("`env.{name}` is imported, but wbuild's runtime should have defined it"));
            return Err(error.help("link with wbuild, which brings its setjmp runtime"));
        }
    }
    let clauses = |id: FuncId| module.import(Item::Func(id)).is_some_and(|import| import.name.starts_with(CATCH));
    if module.functions.ids().into_iter().any(clauses) {
        let error = Error::input(format!("`env.{CATCH}N` is imported, but wbuild's runtime should have defined it"));
        return Err(error.help("link with wbuild -fexceptions; a try block has at most 40 handlers around it"));
    }
    let invokes = invokes(module);
    let unwind = module.imported_function("wbuild", "unwind");
    let uncaught = module.imported_function("wbuild", "uncaught");
    if invokes.is_empty() && unwind.is_none() && uncaught.is_none() {
        return Ok(());
    }
    let takes_a_number = |id: &FuncId| {
        let ty = module.function_type(*id);
        ty.is_some_and(|ty| ty.params() == [wasmparser::ValType::I32] && ty.results().is_empty())
    };
    if ![unwind, uncaught].iter().flatten().all(takes_a_number) {
        return Err(not_ours());
    }
    let calls = Calls::read(module, unwind)?;
    let table = if invokes.is_empty() && uncaught.is_none() { TableId(0) } else { table(module)? };
    let ty = wasmparser::GlobalType { content_type: wasmparser::ValType::I32, mutable: true, shared: false };
    let handler = uncaught.map(|_| module.add_global(ty, ConstExpr::new(&[Instruction::I32Const(0)])));
    if let (Some(import), Some(handler)) = (uncaught, handler) {
        let keep = [Instruction::LocalGet(0), Instruction::GlobalSet(handler.0), Instruction::End];
        module.define_function(import, &[], &keep)?;
    }
    let Some(unwind) = unwind else {
        // Nothing ever jumps, so there is nothing to catch.
        return invokes.iter().try_for_each(|&invoke| define_plain_invoke(module, invoke, table));
    };
    let stack_pointer = stack_pointer(module, unwind)?;
    let flag = module.add_global(ty, ConstExpr::new(&[Instruction::I32Const(0)]));
    let parts = Parts { flag, stack_pointer, table, handler };
    for id in module.functions.ids() {
        if calls.may_unwind(id)
            && let Some(body) = checked_body(module, id, &calls, &parts)?
        {
            module.set_body(id, body)?;
        }
    }
    module.define_function(
        unwind,
        &[],
        &[Instruction::I32Const(1), Instruction::GlobalSet(flag.0), Instruction::End],
    )?;
    for invoke in invokes {
        match callee(module, invoke) {
            Some((ty, _)) if calls.indirect_may_unwind(ty) => define_invoke(module, invoke, &parts)?,
            _ => define_plain_invoke(module, invoke, table)?,
        }
    }
    guard_exports(module, &calls, &parts);
    Ok(())
}

/// The imports that are calls on behalf of a function with a setjmp. The letters in the name must say
/// the type: otherwise it is a function of somebody else's that happens to be called so.
fn invokes(module: &Module<'_>) -> Vec<FuncId> {
    let is_invoke = |id: FuncId| {
        let import = module.import(Item::Func(id))?;
        let letters = import.name.strip_prefix("invoke_").filter(|_| import.module == "env")?;
        let (params, results) = signature(module.function_type(id)?)?;
        (letters == format!("{results}{params}")).then_some(())
    };
    module.functions.ids().into_iter().filter(|&id| is_invoke(id).is_some()).collect()
}

/// The letters that LLVM gives the parameters behind the first, and the result.
fn signature(ty: &FuncType) -> Option<(String, String)> {
    let letter = |ty: &wasmparser::ValType| match ty {
        wasmparser::ValType::I32 => 'i',
        wasmparser::ValType::I64 => 'j',
        wasmparser::ValType::F32 => 'f',
        wasmparser::ValType::F64 => 'd',
        wasmparser::ValType::V128 => 'V',
        wasmparser::ValType::Ref(ty) if ty.is_extern_ref() => 'X',
        wasmparser::ValType::Ref(_) => 'F',
    };
    let (first, params) = ty.params().split_first()?;
    let results = match ty.results() {
        [] => "v".to_owned(),
        results => results.iter().map(letter).collect(),
    };
    (*first == wasmparser::ValType::I32).then(|| (params.iter().map(letter).collect(), results))
}

/// The type of the functions that an invoke calls, added if need be, and how many parameters they take.
fn callee(module: &mut Module<'_>, invoke: FuncId) -> Option<(crate::TypeId, u32)> {
    let ty = module.function_type(invoke)?.clone();
    let params = ty.params().get(1..)?;
    Some((module.types.add_function(params, ty.results()), params.len() as u32))
}

/// The table that function pointers are places in: the one that element segments fill.
fn table(module: &Module<'_>) -> Result<TableId, Error> {
    let filled = module.elements.iter().find_map(|(_, element)| match element.kind {
        ElementKind::Active { table, .. } => Some(table),
        _ => None,
    });
    let of_functions = |id: &TableId| module.tables.get(*id).is_some_and(|t| t.ty.element_type.is_func_ref());
    filled
        .filter(of_functions)
        .or_else(|| module.tables.ids().into_iter().find(of_functions))
        .ok_or_else(|| Error::input("`env.invoke_*` is imported, but there is no table of functions to call through"))
}

/// The global that is read in front of every call of `unwind`.
fn stack_pointer(module: &Module<'_>, unwind: FuncId) -> Result<GlobalId, Error> {
    let mut found = None;
    for (id, body) in module.bodies() {
        let mut before = None;
        for operator in body.reader().get_operators_reader()? {
            let operator = operator?;
            match (&operator, before) {
                (Operator::Call { function_index }, Some(Operator::GlobalGet { global_index }))
                    if *function_index == unwind.0 && found.is_none_or(|found| found == global_index) =>
                {
                    found = Some(global_index);
                }
                (Operator::Call { function_index }, _) if *function_index == unwind.0 => {
                    return Err(not_ours().in_function(id.0));
                }
                _ => {}
            }
            before = Some(operator);
        }
    }
    let global = found.map(GlobalId).ok_or_else(not_ours)?;
    let ty = module.globals.get(global).map(|global| global.ty);
    if ty.is_some_and(|ty| ty.mutable && ty.content_type == wasmparser::ValType::I32) {
        Ok(global)
    } else {
        Err(not_ours())
    }
}

fn not_ours() -> Error {
    Error::input("`wbuild.unwind` is not imported and called the way wbuild's setjmp runtime does it")
        .help("run this pass on what the linker wrote, before any other tool")
}

fn define_plain_invoke(module: &mut Module<'_>, invoke: FuncId, table: TableId) -> Result<(), Error> {
    let mut code = indirect_call(module, invoke, table);
    code.push(Instruction::End);
    module.define_function(invoke, &[], &code)
}

fn define_invoke(module: &mut Module<'_>, invoke: FuncId, parts: &Parts) -> Result<(), Error> {
    let call = indirect_call(module, invoke, parts.table);
    let saved = module.function_type(invoke).map_or(0, |ty| ty.params().len() as u32);
    let mut code = vec![Instruction::GlobalGet(parts.stack_pointer.0), Instruction::LocalSet(saved)];
    code.extend(call);
    code.extend([
        Instruction::GlobalGet(parts.flag.0),
        Instruction::If(BlockType::Empty),
        Instruction::I32Const(0),
        Instruction::GlobalSet(parts.flag.0),
        Instruction::LocalGet(saved),
        Instruction::GlobalSet(parts.stack_pointer.0),
        Instruction::End,
        Instruction::End,
    ]);
    module.define_function(invoke, &[ValType::I32], &code)
}

fn indirect_call(module: &mut Module<'_>, invoke: FuncId, table: TableId) -> Vec<Instruction<'static>> {
    let Some((ty, params)) = callee(module, invoke) else { return vec![Instruction::Unreachable] };
    let mut code: Vec<_> = (1..=params).map(Instruction::LocalGet).collect();
    code.push(Instruction::LocalGet(0));
    code.push(Instruction::CallIndirect { type_index: ty.0, table_index: table.0 });
    code
}

/// The body with a check behind each call that may come back with the flag set.
fn checked_body(module: &Module<'_>, id: FuncId, calls: &Calls, parts: &Parts) -> Result<Option<Vec<u8>>, Error> {
    let Some(function) = module.functions.get(id) else { return Ok(None) };
    let Some(body) = function.source.defined() else { return Ok(None) };
    let results = module.function_type(id).map_or(&[][..], |ty| ty.results());
    let zeros =
        results.iter().map(|&ty| zero(ty).map_err(|error| error.in_function(id.0))).collect::<Result<Vec<_>, _>>()?;
    let mut returns_next = Vec::new();
    let mut depth = 0;
    for operator in body.reader().get_operators_reader()? {
        let operator = operator?;
        returns_next.push(match operator {
            Operator::Return => true,
            Operator::End => depth == 0,
            _ => false,
        });
        depth = op::depth_after(depth, &operator);
    }
    module.edit(id, |operator, site| {
        let tail = returns_next.get(site.position + 1) == Some(&true)
            && calls.results(module, operator).is_some_and(|given| given == results);
        if !calls.operator_may_unwind(operator) || tail {
            return Ok(());
        }
        zeros.iter().for_each(|zero| site.after(zero));
        site.after(&Instruction::GlobalGet(parts.flag.0));
        site.after(&Instruction::BrIf(site.depth));
        zeros.iter().for_each(|_| site.after(&Instruction::Drop));
        Ok(())
    })
}

fn zero(ty: wasmparser::ValType) -> Result<Instruction<'static>, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => Instruction::I32Const(0),
        wasmparser::ValType::I64 => Instruction::I64Const(0),
        wasmparser::ValType::F32 => Instruction::F32Const(0.0f32.into()),
        wasmparser::ValType::F64 => Instruction::F64Const(0.0f64.into()),
        wasmparser::ValType::V128 => Instruction::V128Const(0),
        wasmparser::ValType::Ref(ty) => match wasm_encoder::RefType::try_from(ty) {
            Ok(ty) if ty.nullable => Instruction::RefNull(ty.heap_type),
            _ => return Err(Error::input("longjmp may leave a function that returns a reference that is never null")),
        },
    })
}

/// Lets the host call wrappers that trap where a jump found nobody to catch it.
fn guard_exports(module: &mut Module<'_>, calls: &Calls, parts: &Parts) {
    let mut wrapped = std::collections::BTreeMap::new();
    for at in 0..module.exports.len() {
        let Some(export) = module.exports.get(at) else { continue };
        let Item::Func(id) = export.item else { continue };
        if !calls.may_unwind(id) {
            continue;
        }
        let name = format!("{}.trap_stray_longjmp", export.name);
        let wrapper = *wrapped.entry(id).or_insert_with(|| guard(module, id, parts, &name));
        if let Some(export) = module.exports.get_mut(at) {
            export.item = Item::Func(wrapper);
        }
    }
    if let Some(start) = module.start.filter(|&start| calls.may_unwind(start)) {
        let wrapper = *wrapped.entry(start).or_insert_with(|| guard(module, start, parts, "start.trap_stray_longjmp"));
        module.start = Some(wrapper);
    }
}

fn guard(module: &mut Module<'_>, id: FuncId, parts: &Parts, name: &str) -> FuncId {
    let params = module.function_type(id).map_or(0, |ty| ty.params().len() as u32);
    let mut code: Vec<_> = (0..params).map(Instruction::LocalGet).collect();
    code.extend([
        Instruction::Call(id.index()),
        Instruction::GlobalGet(parts.flag.0),
        Instruction::If(BlockType::Empty),
    ]);
    if let Some(handler) = parts.handler {
        let ty = module.types.add_function(&[], &[]);
        code.extend([
            // It is a program's code, which must run as if nothing were under way.
            Instruction::I32Const(0),
            Instruction::GlobalSet(parts.flag.0),
            Instruction::GlobalGet(handler.0),
            Instruction::If(BlockType::Empty),
            Instruction::GlobalGet(handler.0),
            Instruction::CallIndirect { type_index: ty.0, table_index: parts.table.0 },
            Instruction::End,
        ]);
    }
    code.extend([Instruction::Unreachable, Instruction::End, Instruction::End]);
    let Some(ty) = module.functions.get(id).map(|function| function.ty) else { return id };
    let wrapper = module.add_function(ty, &[], &code);
    module.name_function(wrapper, name);
    wrapper
}
