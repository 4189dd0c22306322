//! Random modules in which NaNs matter: of wasm-smith, which knows every operator, and of our own,
//! which does little else than arithmetic that ends in something visible.

mod code;
mod module;
mod operators;
mod stir;

use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds};

use crate::numbers::Numbers;

pub use module::floats;

/// How many rounds of loops and calls a call into a module of wasm-smith's has before it traps.
pub(crate) const STEPS: u32 = 100;

/// The export that holds how many rounds are left: filled up again before every call, or the first call would
/// leave nothing to the others.
pub const STEPS_LEFT: &str = "wbuild.steps";

/// A module of wasm-smith's with floats, everything exported. `None`: it made none of these bytes.
pub fn smith(seed: u64, simd: bool) -> Option<Vec<u8>> {
    let mut numbers = Numbers::new(seed);
    let length = 1000 + numbers.below(6000) as usize;
    let bytes: Vec<u8> = (0..length).map(|_| numbers.bits() as u8).collect();
    let mut kinds = vec![
        InstructionKind::Numeric,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Memory,
        InstructionKind::Control,
    ];
    if simd {
        kinds.push(InstructionKind::Vector);
    }
    let config = Config {
        export_everything: true,
        allowed_instructions: InstructionKinds::new(&kinds),
        min_funcs: 4,
        max_instructions: 400,
        max_funcs: 8,
        min_types: 2,
        max_types: 8,
        max_imports: 3,
        min_memories: 1,
        max_memories: 1,
        max_tables: 1,
        min_globals: 2,
        max_globals: 6,
        max_memory32_bytes: 1 << 16,
        max_memory64_bytes: 1 << 16,
        max_table_elements: 50,
        max_data_segments: 2,
        max_element_segments: 2,
        // Traps end much; without them more is computed.
        disallow_traps: !numbers.one_in(8),
        simd_enabled: simd,
        // Both engines fuse `relaxed_madd` in their deterministic modes; the specification's first choice does not.
        relaxed_simd_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        extended_const_enabled: false,
        bulk_memory_enabled: false,
        reference_types_enabled: false,
        ..Config::default()
    };
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    let left = module.ensure_termination(STEPS).ok()?;
    let bytes = module.to_bytes();
    let mut module = wbuild_passes::Module::parse(&bytes).ok()?;
    let item = wbuild_passes::Item::Global(wbuild_passes::GlobalId(left));
    module.exports.push(wbuild_passes::Export { name: STEPS_LEFT.into(), item, exact: false });
    // It would mostly trap, and then there is nothing to call.
    module.start = None;
    let bytes = module.encode().ok()?;
    // Some of them as they are.
    if numbers.one_in(4) { Some(bytes) } else { stir::stir(&bytes, &mut numbers).ok() }
}
