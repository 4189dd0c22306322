//! `wbuild ar`, `nm` and their kin: LLVM's tools for objects and archives, those that belong to the compiler.

use std::ffi::OsString;

use crate::error::Result;
use crate::launcher;
use crate::toolchain::{self, Places, Request, Toolchain};

/// The tools, by the names that Makefiles have for them.
pub const NAMES: &[&str] = &["ar", "ranlib", "nm", "strip", "objdump"];

/// Becomes the tool; the exit status is its own.
pub fn main(name: &str, words: &[OsString]) -> Result<i32> {
    let places = Places::of_process();
    let toolchain = toolchain::find(&Request::default(), &wbuild_targets::TARGETS[0])?;
    let mut command = Toolchain::command(&toolchain.binutil(name, &places)?);
    // A program of `--launcher` is looked into where it is.
    command.args(words.iter().map(|word| match word.as_encoded_bytes() {
        [b'-', ..] => word.clone(),
        _ => launcher::module_of(word.as_ref()).into_os_string(),
    }));
    command.become_it()
}
