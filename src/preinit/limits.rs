//! What ends initialization before its time, each with the way to allow more.

use std::time::Duration;

use crate::error::Error;

/// Bytes of each memory, unless given (contract: 4 GiB).
pub(super) const MEMORY: u64 = 4 << 30;
/// Time, unless given (contract: 10 s).
pub(super) const TIME: Duration = Duration::from_secs(10);
/// Elements of each table: what engines allow.
pub(super) const TABLE: usize = 10_000_000;

pub(super) fn memory(limit: u64) -> Error {
    Error::build(format!("initialization wanted more than {limit} bytes in a memory"))
        .help("give it more with --preinit-max-memory, such as 8GB")
}

pub(super) fn table(limit: usize) -> Error {
    Error::build(format!("initialization wanted a table of more than {limit} elements"))
        .help("no engine takes larger ones")
}

/// Bytes of native stack, unless given: as much as a native program has.
pub(super) const STACK: usize = crate::engine::STACK;

pub(super) fn stack(limit: usize) -> Error {
    Error::build(format!("initialization nested its calls deeper than {limit} bytes of stack hold"))
        .help("give it more with --preinit-max-stack, such as 64MB")
}

pub(super) fn time(limit: Duration) -> Error {
    Error::build(format!("initialization ran longer than {limit:?}"))
        .help("give it more time with --preinit-timeout, such as 60s")
}

pub(super) fn fuel(limit: u64) -> Error {
    Error::build(format!("initialization ran more than {limit} instructions"))
        .help("give it more with --preinit-fuel, or leave that out")
}

pub(super) fn exit(status: u32) -> Error {
    Error::build(format!("initialization ended the program: it called exit({status})"))
        .help("initialization is a function that returns; leave main for the program's start")
}

pub(super) fn missing(module: &str, name: &str) -> Error {
    Error::build(format!("initialization called `{name}` of `{module}`, which nothing provides"))
        .help(format!("--preload {module}=FILE.wasm, or leave that call for the program's start"))
}
