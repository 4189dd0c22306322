//! Bare wasm: no library, no entry, no imports but the user's own.

use crate::{STACK, Target};

pub(crate) const TARGET: Target = Target {
    name: "wasm32-unknown-unknown",
    aliases: &["wasm32"],
    has_libc: false,
    standalone_imports: &[],
    stack_size: STACK,
};
