//! Meson: a cross file.

use std::ffi::OsString;

use super::{Tools, given, provide};
use crate::error::Result;
use crate::output;
use crate::toolchain::Places;

const CROSS: &str = include_str!("meson.ini");

pub fn run(places: &Places, tools: &Tools, words: &[OsString]) -> Result<i32> {
    let text = CROSS
        .replace("@LINKS@", &tools.links.display().to_string())
        .replace("@WBUILD@", &tools.own.display().to_string());
    let cross = provide(places, "wbuild.ini", &text)?;
    if given(words, "--print-cross-file") {
        return output::write("-".as_ref(), format!("{}\n", cross.display()).as_bytes()).map(|()| 0);
    }
    let mut command = crate::process::Command::new("meson");
    command.args(words);
    // Meson compiles programs for this machine, too, by their usual names: PATH and CC stay as they are.
    command.env.push(("WBUILD".into(), tools.own.clone().into_os_string()));
    if words.first().is_some_and(|word| word == "setup") && !given(words, "--cross-file") {
        command.arg("--cross-file").arg(cross);
    }
    command.become_it()
}
