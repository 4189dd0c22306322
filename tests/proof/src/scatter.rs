//! Other places for the same code.
//!
//! Where code comes to lie makes most of a small difference in time: zstd took 50 to 68 ms on AMD's Zen 5, by nothing but that,
//! and zstd made otherwise another 54 to 65. So a comparison of two modules as they are compares two draws of a lottery. What is
//! measured over many layouts is the modules (Curtsinger and Berger, "Stabilizer: statistically sound performance
//! evaluation", 2013).

use crate::numbers::Numbers;
use wbuild_passes::wasm_encoder::{BlockType, Instruction, MemArg};
use wbuild_passes::{Error, Module};

/// Fewer stores than these stand in front of a function. One is some 12 to 20 bytes of an engine's code.
const MOST: u64 = 16;

/// Puts code of random length, which is jumped over, at the front of each function. A module without a memory stays as it is.
/// Each call takes three instructions more, in whatever is measured so, which brings ratios a little nearer to 1.
pub fn scatter(module: &[u8], seed: u64) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(module)?;
    if module.memories.is_empty() {
        return module.encode();
    }
    let mut numbers = Numbers::new(seed);
    let mut bodies = Vec::new();
    for (id, _) in module.functions.iter() {
        let stores = numbers.below(MOST) as i32;
        let body = module.edit(id, |_, edit| {
            if edit.position == 0 {
                // No engine knows at compile time that a memory is not empty, so none leaves the code out.
                let jump = [Instruction::Block(BlockType::Empty), Instruction::MemorySize(0), Instruction::BrIf(0)];
                jump.iter().for_each(|instruction| edit.before(instruction));
                for number in 0..stores {
                    edit.before(&Instruction::I32Const(8 * number));
                    edit.before(&Instruction::I32Const(number));
                    edit.before(&Instruction::I32Store8(MemArg { offset: 0, align: 0, memory_index: 0 }));
                }
                edit.before(&Instruction::End);
            }
            Ok(())
        })?;
        bodies.extend(body.map(|body| (id, body)));
    }
    for (id, body) in bodies {
        module.set_body(id, body)?;
    }
    module.encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmi::{Engine, Linker, Store};

    const MODULE: &str = r#"(module (memory (export "m") 1)
        (func (export "f") (param i32) (result i32) (i32.store (i32.const 64) (call $g (local.get 0))) (i32.load (i32.const 64)))
        (func $g (param i32) (result i32) (local i32)
            (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
                  (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1)))"#;

    /// What the function gives, and the memory that it leaves.
    fn run(wasm: &[u8]) -> (i32, Vec<u8>) {
        let engine = Engine::default();
        let module = wasmi::Module::new(&engine, wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module).unwrap();
        let result = instance.get_typed_func::<i32, i32>(&store, "f").unwrap().call(&mut store, 100).unwrap();
        (result, instance.get_memory(&store, "m").unwrap().data(&store).to_vec())
    }

    #[test]
    fn scattered_code_lies_elsewhere_and_does_the_same() {
        let wasm = wat::parse_str(MODULE).unwrap();
        let mut sizes: Vec<usize> = Vec::new();
        for seed in 0..20 {
            let scattered = scatter(&wasm, seed).unwrap();
            assert_eq!(scattered, scatter(&wasm, seed).unwrap());
            assert_eq!(run(&scattered), run(&wasm), "{seed}");
            sizes.push(scattered.len());
        }
        sizes.sort();
        sizes.dedup();
        assert!(sizes.len() > 5, "{sizes:?}");
    }
}
