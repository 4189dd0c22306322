//! wbuild: C, C++, WAT or any module in; a small, deterministic WebAssembly module out.
//!
//! This crate is the driver: the only code that reads files, starts processes or prints.
//! ARCHITECTURE.md says where each thing lives.

mod archive;
pub mod args;
pub mod binaryen;
pub mod binutils;
pub mod bitcode;
pub mod build;
pub mod c;
pub mod cache;
pub mod cargo;
pub mod cc;
pub mod cli;
pub mod compressed;
pub mod config;
pub mod depfile;
pub mod determinism;
pub mod engine;
pub mod error;
pub mod exec;
pub mod explain;
pub mod exports;
pub mod help;
pub mod inputs;
pub mod launcher;
pub mod link;
pub mod linker;
pub mod links;
pub mod manifest;
pub mod opt;
pub mod options;
pub mod oracle;
pub mod output;
pub mod pipeline;
pub mod plan;
pub mod preinit;
mod printf;
pub mod process;
pub mod project;
pub mod report;
pub mod reproducible;
pub mod run;
pub mod runtime;
pub mod rust;
pub mod settings;
pub mod source;
pub mod standalone;
pub mod target_features;
pub mod toolchain;
pub mod ui;
pub mod wasm;
pub mod wat;
pub mod wrap;
