//! The one place that configures the engine: what it runs, how fast it compiles, and what it bounds.

use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm, Store, StoreLimits, StoreLimitsBuilder, Strategy};

use crate::error::{Error, Result};

/// What the engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A user's program: optimized code, stopped by the clock if at all.
    Run,
    /// The same under the specification's deterministic profile, at the engine's price: what hardening
    /// gives to any engine.
    RunDeterministic,
    /// Comparing two modules: the specification's deterministic profile (canonical NaNs, one
    /// answer from relaxed SIMD), bounded by fuel, quick to compile.
    Compare,
    /// As `Compare` without fuel: for code that is known to end.
    Deterministic,
    /// Initialization under the deterministic profile, stopped by whoever moves the epoch.
    Initialize {
        /// Compiled in a fraction of the time, without the proposals that Winch has not.
        quickly: bool,
        /// Instructions are counted.
        counting: bool,
        /// Bytes of native stack for wasm.
        stack: usize,
    },
}

/// Bounds on what a module takes. The default is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Bytes of each linear memory.
    pub memory: Option<u64>,
    /// Elements of each table.
    pub table: Option<usize>,
}

impl Limits {
    /// For a store. A module that wants more gets -1 from `memory.grow`, or fails to start.
    pub fn store_limits(&self) -> StoreLimits {
        let mut builder = StoreLimitsBuilder::new();
        if let Some(memory) = self.memory {
            builder = builder.memory_size(usize::try_from(memory).unwrap_or(usize::MAX));
        }
        if let Some(table) = self.table {
            builder = builder.table_elements(table);
        }
        builder.build()
    }
}

/// How much of the native stack [`Profile::Run`] lets wasm use: as much as a native program has,
/// since C programs recurse deeper than the engine's default of half a megabyte.
pub const STACK: usize = 8 << 20;

/// How often the clock of [`tick`] moves.
pub const TICK: Duration = Duration::from_millis(10);

/// An engine for that profile. Every standard feature is on, and the proposals that it has.
pub fn engine(profile: Profile) -> Result<Engine> {
    let mut config = Config::new();
    if !matches!(profile, Profile::Initialize { quickly: true, .. }) {
        config.wasm_tail_call(true);
        config.wasm_function_references(true);
        config.wasm_gc(true);
        config.wasm_exceptions(true);
        config.wasm_relaxed_simd(true);
    }
    config.wasm_multi_memory(true);
    config.wasm_memory64(true);
    config.wasm_extended_const(true);
    config.wasm_custom_page_sizes(true);
    config.wasm_wide_arithmetic(true);
    config.wasm_threads(true);
    config.shared_memory(true);
    match profile {
        Profile::Run | Profile::RunDeterministic => {
            config.cranelift_nan_canonicalization(profile == Profile::RunDeterministic);
            config.relaxed_simd_deterministic(profile == Profile::RunDeterministic);
            config.cranelift_opt_level(OptLevel::Speed);
            config.epoch_interruption(true);
            config.max_wasm_stack(STACK);
            config.async_stack_size(STACK + (1 << 20));
        }
        Profile::Initialize { quickly, counting, stack } => {
            if quickly {
                config.strategy(Strategy::Winch);
            }
            config.cranelift_nan_canonicalization(true);
            config.relaxed_simd_deterministic(true);
            config.epoch_interruption(true);
            config.consume_fuel(counting);
            // Backtraces name functions. Offsets would be those of the copy that runs, and not of the user's module.
            config.generate_address_map(false);
            config.max_wasm_stack(stack);
            config.async_stack_size(stack + (1 << 20));
        }
        Profile::Compare | Profile::Deterministic => {
            config.cranelift_opt_level(OptLevel::None);
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
            config.cranelift_nan_canonicalization(true);
            config.relaxed_simd_deterministic(true);
            config.consume_fuel(profile == Profile::Compare);
            // Thousands of short-lived instances: no gigabytes of address space for each.
            config.memory_reservation(0);
            config.memory_reservation_for_growth(1 << 20);
            config.memory_guard_size(0);
            config.parallel_compilation(false);
        }
    }
    Engine::new(&config).map_err(|e| Error::internal("cannot set up the engine").cause(e))
}

/// Ends calls into `store` after `limit` of wall-clock time; without a limit, never. Needs
/// [`Profile::Run`].
pub fn set_deadline<T>(store: &mut Store<T>, limit: Option<Duration>) {
    let Some(limit) = limit else { return store.set_epoch_deadline(u64::MAX / 2) };
    let ticks = limit.as_nanos().div_ceil(TICK.as_nanos());
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2).max(1));
    let engine = store.engine().weak();
    // The thread ends with the engine.
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    });
}
