//! What the passes cost in memory, measured by an allocator that counts. One test, so that nothing else allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use wbuild_passes::wasm_encoder::{self, Instruction};
use wbuild_passes::{Options, Pass, registry, run};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most memory that was in use while `work` ran, beyond what was in use before.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// A module like a linked program: thousands of functions that call each other, a table, names and data.
fn large_module() -> Vec<u8> {
    let count = 3000;
    let mut types = wasm_encoder::TypeSection::new();
    types.ty().function([wasm_encoder::ValType::I32], [wasm_encoder::ValType::I32]);
    let mut functions = wasm_encoder::FunctionSection::new();
    let mut code = wasm_encoder::CodeSection::new();
    let mut names = wasm_encoder::NameMap::new();
    for index in 0..count {
        functions.function(0);
        names.append(index, &format!("function_number_{index}"));
        let mut body = wasm_encoder::Function::new([(2, wasm_encoder::ValType::I32)]);
        body.instruction(&Instruction::LocalGet(0));
        for step in 0..55 {
            body.instruction(&Instruction::I32Const(step * 1000));
            body.instruction(&Instruction::I32Add);
            if step % 11 == 0 && index > 0 {
                body.instruction(&Instruction::Call((index * 7 + step as u32) % index));
            }
        }
        body.instruction(&Instruction::End);
        code.function(&body);
    }
    let mut memories = wasm_encoder::MemorySection::new();
    let ty =
        wasm_encoder::MemoryType { minimum: 16, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(ty);
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export("run", wasm_encoder::ExportKind::Func, count - 1);
    exports.export("memory", wasm_encoder::ExportKind::Memory, 0);
    let mut data = wasm_encoder::DataSection::new();
    data.active(0, &wasm_encoder::ConstExpr::i32_const(1024), (0..400_000u32).map(|i| (i % 251) as u8));
    let mut name_section = wasm_encoder::NameSection::new();
    name_section.functions(&names);
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports);
    module.section(&code).section(&data).section(&name_section);
    module.finish()
}

#[test]
fn a_large_module_costs_a_small_multiple_and_a_lying_one_costs_nothing() {
    let bytes = large_module();
    assert!((1_000_000..1_400_000).contains(&bytes.len()), "{}", bytes.len());
    let all: Vec<&Pass> = registry().iter().collect();
    let peak_of_run = peak(|| assert!(run(&bytes, &all, &Options::default()).is_ok()));
    println!("{} bytes in, peak {peak_of_run}", bytes.len());
    assert!(peak_of_run < 10_000_000 - bytes.len(), "peak {peak_of_run}");

    // Sections that promise four billion entries and hold none.
    for id in (0..=13).filter(|id| *id != 8) {
        let mut lying = b"\0asm\x01\0\0\0".to_vec();
        lying.extend_from_slice(&[id, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
        let peak = peak(|| {
            let _ = (run(&lying, &all, &Options::default()), wbuild_passes::Module::parse(&lying));
        });
        assert!(peak < 200_000, "section {id}: peak {peak}");
    }
}
