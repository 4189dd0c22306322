//! CMake: a toolchain file, with a platform file beside it for a system that older CMakes do not know.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Tools, given, provide};
use crate::error::Result;
use crate::output;
use crate::toolchain::Places;

const TOOLCHAIN: &str = include_str!("toolchain.cmake");
const PLATFORM: &str = include_str!("WASI.cmake");

/// Words with which cmake configures nothing.
const OTHER_MODES: &[&str] =
    &["--build", "--install", "--open", "-E", "-P", "--find-package", "--workflow", "--help", "--version"];

pub fn run(places: &Places, tools: &Tools, words: &[OsString]) -> Result<i32> {
    if given(words, "--print-toolchain-file") {
        let path = toolchain_file(places, tools)?;
        return output::write(Path::new("-"), format!("{}\n", path.display()).as_bytes()).map(|()| 0);
    }
    let mut command = tools.command(places, "cmake", &[]);
    let configures = !OTHER_MODES.iter().any(|mode| given(words, mode));
    let named = given(words, "--toolchain")
        || words.iter().any(|word| word.to_string_lossy().starts_with("-DCMAKE_TOOLCHAIN_FILE"));
    if configures && !named {
        let mut word = OsString::from("-DCMAKE_TOOLCHAIN_FILE=");
        word.push(toolchain_file(places, tools)?);
        command.arg(word);
    }
    command.args(words).become_it()
}

fn toolchain_file(places: &Places, tools: &Tools) -> Result<PathBuf> {
    let platform = provide(places, "Platform/WASI.cmake", PLATFORM)?;
    let modules = platform.ancestors().nth(2).unwrap_or(&platform);
    let text = TOOLCHAIN
        .replace("@LINKS@", &tools.links.display().to_string())
        .replace("@WBUILD@", &tools.own.display().to_string())
        .replace("@MODULES@", &modules.display().to_string());
    provide(places, "wbuild.cmake", &text)
}
