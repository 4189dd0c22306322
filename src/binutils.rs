//! `wbuild ar`, `nm` and their kin: LLVM's tools for objects and archives, those that belong to the compiler.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::launcher;
use crate::process::Scratch;
use crate::toolchain::{self, Places, Request, Toolchain};

/// The tools, by the names that Makefiles have for them.
pub const NAMES: &[&str] = &["ar", "ranlib", "nm", "strip", "objdump"];

/// Becomes the tool, or runs it where launchers are given; the exit status is its own.
pub fn main(name: &str, words: &[OsString]) -> Result<i32> {
    let places = Places::of_process();
    let toolchain = toolchain::find(&Request::default(), &wbuild_targets::TARGETS[0])?;
    let mut command = Toolchain::command(&toolchain.binutil(name, &places)?);
    let scratch = Scratch::new()?;
    let mut opened = Vec::new();
    // An archive's members are what they are; the other tools look into programs.
    let looks_into = !matches!(name, "ar" | "ranlib");
    for (n, word) in words.iter().enumerate() {
        let opens = looks_into && !word.as_encoded_bytes().starts_with(b"-");
        match opens.then(|| open(word.as_ref(), &scratch.path().join(n.to_string()))).transpose()?.flatten() {
            Some(launched) => {
                command.arg(&launched.module);
                opened.push(launched);
            }
            None => drop(command.arg(word)),
        }
    }
    if opened.is_empty() {
        drop(scratch);
        return command.become_it();
    }
    let status = command.pass_through()?;
    for launched in opened {
        launched.close()?;
    }
    // What was a launcher is one under its new name, too.
    if let (0, "strip", Some(output)) = (status, name, output_of(words))
        && let Ok(module) = std::fs::read(&output)
    {
        launcher::write(&output, &module)?;
    }
    Ok(status)
}

/// The file that strip's `-o` names.
fn output_of(words: &[OsString]) -> Option<PathBuf> {
    let at = words.iter().rposition(|word| word == "-o");
    let next = at.and_then(|at| words.get(at + 1)).map(PathBuf::from);
    next.or_else(|| words.iter().find_map(|word| Some(PathBuf::from(word.to_str()?.strip_prefix("--output=")?))))
}

/// A launcher, and the module in it in a file of its own.
struct Launched {
    launcher: PathBuf,
    module: PathBuf,
    bytes: Vec<u8>,
}

/// Takes the module out of a launcher, into a new folder.
fn open(path: &Path, folder: &Path) -> Result<Option<Launched>> {
    let Ok(file) = std::fs::read(path) else { return Ok(None) };
    let (Some(bytes), Some(name)) = (launcher::module_in(&file), path.file_name()) else { return Ok(None) };
    let module = folder.join(name);
    std::fs::create_dir(folder)
        .and_then(|()| std::fs::write(&module, bytes))
        .map_err(|e| Error::build(format!("cannot write {}", module.display())).cause(e))?;
    Ok(Some(Launched { launcher: path.to_path_buf(), module, bytes: bytes.to_vec() }))
}

impl Launched {
    /// Puts the module back if the tool changed it.
    fn close(self) -> Result<()> {
        match std::fs::read(&self.module) {
            Ok(new) if new != self.bytes => launcher::write(&self.launcher, &new),
            _ => Ok(()),
        }
    }
}
