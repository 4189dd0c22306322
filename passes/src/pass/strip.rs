//! Strip: remove custom sections that only describe.
//!
//! **Why it is sound.** Custom sections have no meaning to an engine. Removed is what is known to describe code for
//! people and tools; everything else stays, because somebody may need it: `component-type*` for making a component,
//! `__wasm_bindgen_unstable` and the like for wasm-bindgen, sections of unknown names, and branch hints, which are
//! not a description but make code faster.
//!
//! - `strip`: names, DWARF, source maps, `producers`, `target_features`
//! - `strip-debug`: names, DWARF, source maps
//! - `strip-dwarf`: DWARF
//! - `strip-producers`, `strip-target-features`: the section of that name
//!
//! **Example.** `strip` makes of
//! ```wat
//! (module
//!   (func $f (export "f"))
//!   (@custom "producers" (before first) "\00")
//!   (@custom "mine" "kept"))
//! ```
//! this:
//! ```wat
//! (module
//!   (type (;0;) (func))
//!   (export "f" (func 0))
//!   (func (;0;) (type 0))
//!   (@custom "mine" (after code) "kept")
//! )
//! ```
//!
//! **Limits.** What a custom section of an unknown name is good for is unknown, so it stays.

use crate::{Error, Module, is_debug_info};

pub(super) fn all(module: &mut Module<'_>) -> Result<(), Error> {
    module.customs.retain(|custom| {
        !(is_names(&custom.name) || is_dwarf(&custom.name) || matches!(&*custom.name, "producers" | "target_features"))
    });
    Ok(())
}

pub(super) fn debug(module: &mut Module<'_>) -> Result<(), Error> {
    module.customs.retain(|custom| !(is_names(&custom.name) || is_dwarf(&custom.name)));
    Ok(())
}

pub(super) fn dwarf(module: &mut Module<'_>) -> Result<(), Error> {
    module.customs.retain(|custom| !is_debug_info(&custom.name));
    Ok(())
}

pub(super) fn producers(module: &mut Module<'_>) -> Result<(), Error> {
    module.customs.retain(|custom| custom.name != "producers");
    Ok(())
}

pub(super) fn target_features(module: &mut Module<'_>) -> Result<(), Error> {
    module.customs.retain(|custom| custom.name != "target_features");
    Ok(())
}

fn is_names(name: &str) -> bool {
    name == "name"
}

fn is_dwarf(name: &str) -> bool {
    is_debug_info(name) || name == "sourceMappingURL"
}
