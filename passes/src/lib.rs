//! Passes over WebAssembly modules: bytes in, bytes out. No files, no environment, no processes, no clock.
//!
//! [`run`] is the whole story for most callers: it validates, reads, runs the passes that were asked for and
//! writes a valid module. [`Module`] is what a pass works on, [`registry`] lists the passes.

#![warn(missing_docs)]

pub mod check;
mod error;
mod features;
pub mod harden;
mod kind;
pub mod link;
mod module;
#[cfg(test)]
#[path = "../tests/numbers/mod.rs"]
mod numbers;
pub mod op;
mod parallel;
mod pass;
mod proved;
mod registry;
mod run;
pub mod segments;
pub mod snapshot;
mod validate;

pub use error::{Blame, Error};
pub use features::{Features, features, function_with, module_features};
pub use kind::{Kind, kind};
pub use module::*;
pub use proved::{Proved, harden_and_check};
pub use registry::{DebugInfo, Pass, find, registry};
pub use run::{Input, Options, run};
pub use validate::validate;

pub use wasm_encoder;
pub use wasmparser;
