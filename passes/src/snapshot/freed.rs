//! Zeroes memory that initialization has freed, so that it need not be shipped.
//!
//! A function is added to the copy that runs, and to nothing else: it takes everything that is free from the program's
//! own malloc, the largest pieces first, zeroes it and gives it back. So it works with any allocator. Memory must not
//! grow meanwhile, or there would be no end.

use crate::{FuncId, Module};
use wasm_encoder::{BlockType, Instruction, MemArg, ValType};

/// Where the search begins: no piece is larger, as it would be a quarter of what a memory can have.
const LARGEST: i32 = 1 << 30;
/// Where it ends, and the least step.
const SMALLEST: i32 = 8;

/// Adds the function, if the program has `malloc` and `free` under these names.
pub(super) fn add(module: &mut Module<'_>, malloc: Option<FuncId>, free: Option<FuncId>) -> Option<FuncId> {
    let (malloc, free) = (malloc?, free?);
    let i32 = wasmparser::ValType::I32;
    let is = |id: FuncId, params: &[wasmparser::ValType], results: &[wasmparser::ValType]| {
        module.function_type(id).is_some_and(|ty| ty.params() == params && ty.results() == results)
    };
    if !is(malloc, &[i32], &[i32]) || !is(free, &[i32], &[]) || module.memories.is_empty() {
        return None;
    }
    let ty = module.types.add_function(&[], &[]);
    Some(module.add_function(ty, &[ValType::I32; 3], &code(malloc, free)))
}

fn code(malloc: FuncId, free: FuncId) -> Vec<Instruction<'static>> {
    use Instruction::*;
    let (size, piece, all) = (0, 1, 2);
    let next = MemArg { offset: 0, align: 2, memory_index: 0 };
    vec![
        I32Const(LARGEST),
        LocalSet(size),
        // For each size, down to the smallest ...
        Loop(BlockType::Empty),
        // ... while there are pieces of it ...
        Loop(BlockType::Empty),
        LocalGet(size),
        Call(malloc.0),
        LocalTee(piece),
        If(BlockType::Empty),
        // ... zero it, and remember it in its first word.
        LocalGet(piece),
        I32Const(0),
        LocalGet(size),
        MemoryFill(0),
        LocalGet(piece),
        LocalGet(all),
        I32Store(next),
        LocalGet(piece),
        LocalSet(all),
        Br(1),
        End,
        End,
        // The next size is an eighth smaller, so that little of a piece is left over.
        LocalGet(size),
        LocalGet(size),
        I32Const(3),
        I32ShrU,
        I32Const(SMALLEST),
        LocalGet(size),
        I32Const(SMALLEST * 8),
        I32GtU,
        Select,
        I32Sub,
        LocalTee(size),
        I32Const(SMALLEST),
        I32GeU,
        BrIf(0),
        End,
        // Give everything back, the last first.
        Loop(BlockType::Empty),
        LocalGet(all),
        If(BlockType::Empty),
        LocalGet(all),
        LocalTee(piece),
        I32Load(next),
        LocalSet(all),
        LocalGet(piece),
        I32Const(0),
        I32Store(next),
        LocalGet(piece),
        Call(free.0),
        Br(1),
        End,
        End,
        End,
    ]
}
