//! All integration tests in one program, which saves the time of linking many.

mod binaryen;
mod build;
mod cc;
mod cli;
mod cmake_projects;
mod determinism;
mod hardened;
mod malloc;
mod oracle;
mod plan;
mod preinit;
mod preinit_programs;
mod programs;
mod random;
mod reproducible;
mod run;
mod rust;
mod rust_projects;
mod rust_settings;
mod second_reader;
mod sjlj;
mod snapshots;
mod spec;
mod toolchain;
