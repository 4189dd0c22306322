//! wbuild: C, C++, WAT or any module in; a small, deterministic WebAssembly module out.
//!
//! This crate is the driver: the only code that reads files, starts processes or prints.
//! ARCHITECTURE.md says where each thing lives.

pub mod binaryen;
pub mod engine;
pub mod error;
pub mod oracle;
pub mod output;
pub mod process;
pub mod run;
pub mod runtime;
pub mod toolchain;
pub mod ui;
