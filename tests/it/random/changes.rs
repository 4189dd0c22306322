//! What random modules are given, as random code alone has little of what passes look for.

use wasm_encoder::{BlockType, Instruction, MemArg};
use wbuild::oracle::Random;
use wbuild_passes::Item;

pub fn changed(bytes: &[u8], change: impl FnOnce(&mut wbuild_passes::Module<'_>)) -> Vec<u8> {
    let Ok(mut module) = wbuild_passes::Module::parse(bytes) else { return bytes.to_vec() };
    change(&mut module);
    module.encode().unwrap_or_else(|_| bytes.to_vec())
}

/// Every function three times over, each exported.
pub fn repeat(module: &mut wbuild_passes::Module<'_>) {
    for id in module.functions.ids() {
        let Some(function) = module.functions.get(id).filter(|function| function.source.defined().is_some()).cloned()
        else {
            continue;
        };
        for copy in 1..3 {
            let item = Item::Func(module.functions.push(function.clone()));
            let name = format!("copy {copy} of {id:?}").into();
            module.exports.push(wbuild_passes::Export { name, item, exact: false });
        }
    }
}

/// Tables are the module's own, and so are most functions.
pub fn hide_tables(module: &mut wbuild_passes::Module<'_>) {
    let mut functions = 0;
    module.exports.retain(|export| {
        functions += usize::from(matches!(export.item, Item::Func(_)));
        !matches!(export.item, Item::Table(_)) && (!matches!(export.item, Item::Func(_)) || functions % 3 == 0)
    });
}

/// Whether the first memory has addresses of 32 bits and pages of 64 KiB.
fn begins_with_usual_memory(module: &wbuild_passes::Module<'_>) -> bool {
    let first = module.memories.iter().next();
    first.is_some_and(|(_, memory)| !memory.ty.memory64 && memory.ty.page_size_log2.is_none())
}

/// Functions that load and store at sums of random values and constants. Some of the sums may wrap around, others not;
/// most locals are assigned on one of two ways, and read behind both.
pub fn sums(module: &mut wbuild_passes::Module<'_>, numbers: &mut Random) {
    if !begins_with_usual_memory(module) {
        return;
    }
    const CONSTANTS: [i32; 16] =
        [0, 1, 3, 7, 8, 15, 255, 1000, 4096, 65_528, 70_000, i32::MAX, i32::MIN, -1, -8, -4096];
    let number = wasmparser::ValType::I32;
    let ty = module.types.add_function(&[number, number], &[number]);
    for n in 0..6 {
        let mut pick = |below: usize| numbers.next() as usize % below;
        let mut code = Vec::new();
        for _ in 0..4 {
            if pick(3) == 0 {
                let set = [Instruction::LocalGet(1), Instruction::I32Const(255), Instruction::I32And];
                code.extend([Instruction::LocalGet(0), Instruction::If(BlockType::Empty)]);
                code.extend(set.into_iter().chain([Instruction::LocalSet(pick(4) as u32), Instruction::End]));
            }
            code.push(match pick(4) {
                0 => Instruction::I32Const(CONSTANTS[pick(16)]),
                _ => Instruction::LocalGet(pick(4) as u32),
            });
            for _ in 0..pick(4) {
                let operators = [
                    Instruction::I32And,
                    Instruction::I32And,
                    Instruction::I32Or,
                    Instruction::I32Xor,
                    Instruction::I32Add,
                    Instruction::I32Mul,
                    Instruction::I32Shl,
                    Instruction::I32ShrU,
                    Instruction::I32ShrS,
                    Instruction::I32LtS,
                ];
                code.extend([Instruction::I32Const(CONSTANTS[pick(16)]), operators[pick(10)].clone()]);
            }
            let sum = if pick(4) == 0 { Instruction::I32Or } else { Instruction::I32Add };
            code.extend([Instruction::I32Const(CONSTANTS[pick(16)]), sum]);
            let at = MemArg { offset: [0, 0, 1, 8, 70_000, u32::MAX.into()][pick(6)], align: 0, memory_index: 0 };
            match pick(3) {
                0 => code.extend([Instruction::LocalGet(2), Instruction::I32Store16(at)]),
                1 => code.extend([Instruction::I32Load8U(at), Instruction::LocalSet(pick(4) as u32)]),
                _ => code.extend([Instruction::I32Load16S(at), Instruction::LocalSet(pick(4) as u32)]),
            }
        }
        code.extend([Instruction::LocalGet(2), Instruction::LocalGet(3), Instruction::I32Xor, Instruction::End]);
        let item = Item::Func(module.add_function(ty, &[wasm_encoder::ValType::I32; 2], &code));
        module.exports.push(wbuild_passes::Export { name: format!("sums {n}").into(), item, exact: false });
    }
}

/// Functions that choose between constants and locals, before loops and in them; the loops read what was chosen, and set some of it.
pub fn choices(module: &mut wbuild_passes::Module<'_>, numbers: &mut Random) {
    let number = wasmparser::ValType::I32;
    let ty = module.types.add_function(&[number, number], &[number]);
    // The locals that are chosen and read, the parameters among them, and the one that counts rounds.
    const LOCALS: usize = 5;
    const ROUNDS: u32 = LOCALS as u32;
    for n in 0..4 {
        let mut pick = |below: usize| numbers.next() as usize % below;
        let mut code = Vec::new();
        for around in 1..=2 + pick(3) as i32 {
            let is_loop = pick(2) == 0;
            if is_loop {
                code.push(Instruction::Loop(BlockType::Empty));
            }
            for _ in 0..1 + pick(3) {
                // Two arms and a condition.
                for _ in 0..3 {
                    match pick(4) {
                        0 => code.push(Instruction::I32Const(pick(300) as i32 - 20)),
                        1 => {
                            let [from, to] = [(); 2].map(|()| pick(LOCALS) as u32);
                            code.extend([Instruction::LocalGet(from), Instruction::I32Const(pick(40) as i32)]);
                            code.extend([Instruction::I32Sub, Instruction::LocalTee(to)]);
                        }
                        _ => code.push(Instruction::LocalGet(pick(LOCALS) as u32)),
                    }
                }
                code.extend([Instruction::I32Const(pick(40) as i32), Instruction::I32GtS, Instruction::Select]);
                let to = pick(LOCALS) as u32;
                match pick(3) {
                    0 => code.extend([Instruction::LocalTee(to), Instruction::LocalSet(pick(LOCALS) as u32)]),
                    _ => code.push(Instruction::LocalSet(to)),
                }
            }
            if is_loop {
                code.extend([Instruction::LocalGet(ROUNDS), Instruction::I32Const(1), Instruction::I32Add]);
                code.extend([Instruction::LocalTee(ROUNDS), Instruction::I32Const(around * 3), Instruction::I32LtS]);
                code.extend([Instruction::BrIf(0), Instruction::End]);
            }
        }
        code.push(Instruction::I32Const(0));
        for local in 0..LOCALS as u32 {
            code.extend([
                Instruction::I32Const(31),
                Instruction::I32Mul,
                Instruction::LocalGet(local),
                Instruction::I32Add,
            ]);
        }
        code.push(Instruction::End);
        let item = Item::Func(module.add_function(ty, &[wasm_encoder::ValType::I32; LOCALS - 1], &code));
        module.exports.push(wbuild_passes::Export { name: format!("choices {n}").into(), item, exact: false });
    }
}

/// Loads and stores at addresses near each other, in a function of their own.
pub fn address(module: &mut wbuild_passes::Module<'_>) {
    if !begins_with_usual_memory(module) {
        return;
    }
    let at = |n: u64| MemArg { offset: n % 3 * 4, align: 0, memory_index: 0 };
    let mut code = Vec::new();
    for n in 0..16u64 {
        let address = (n * 0x9e37_79b9 % 400 + 65_000 + n % 2 * 30_000) as i32;
        code.extend([Instruction::I32Const(address), Instruction::I32Const(address ^ 4), Instruction::I32Load(at(n))]);
        code.push(Instruction::I32Store8(at(n + 1)));
    }
    code.extend([Instruction::I32Const(65_100), Instruction::I64Load(at(1)), Instruction::End]);
    let ty = module.types.add_function(&[], &[wasmparser::ValType::I64]);
    let item = Item::Func(module.add_function(ty, &[], &code));
    module.exports.push(wbuild_passes::Export { name: "addresses".into(), item, exact: false });
}

/// So many functions in front that those that were there have numbers of two bytes.
pub fn crowd(module: &mut wbuild_passes::Module<'_>) {
    let there = module.functions.bound() as u32;
    let ty = module.types.add_function(&[], &[]);
    for _ in 0..140 {
        module.add_function(ty, &[], &[Instruction::End]);
    }
    module.functions.sort_by_key(|id| id.0 < there);
}
