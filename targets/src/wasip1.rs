//! WASI preview 1: files, clocks and a C library through `wasi_snapshot_preview1`.

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "wasm32-wasip1",
    aliases: &["wasm32-wasi"],
    has_libc: true,
    standalone_imports: &["wasi_snapshot_preview1"],
    // 1 MiB, as Rust has it: wasm-ld's 64 KiB is overflowed by the tests of cJSON.
    stack_size: 1 << 20,
};
