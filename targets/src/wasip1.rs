//! WASI preview 1: files, clocks and a C library through `wasi_snapshot_preview1`.

use crate::{STACK, Target};

pub(crate) const TARGET: Target = Target {
    name: "wasm32-wasip1",
    aliases: &["wasm32-wasi"],
    has_libc: true,
    standalone_imports: &["wasi_snapshot_preview1"],
    stack_size: STACK,
};
