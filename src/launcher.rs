//! The program that a launcher is: a script with the module behind it, so that what builds call by its path can be
//! called, and still can where it is moved, copied or installed.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::output;
use crate::run::Options;

/// WBUILD is what `wbuild make` and its kin set, so that it works where wbuild is not on PATH; no path of this machine
/// is in it. A shell reads no further than `exec`. The module is in it as it is, since CMake and autoconf look for
/// strings in what they linked.
const SCRIPT: &str = "#!/bin/sh\n\
    # Runs the WebAssembly module that follows (wbuild --launcher).\n\
    exec \"${WBUILD:-wbuild}\" run --inherit \"$0\" \"$@\"\n";

/// Writes a launcher of the module.
pub fn write(path: &Path, module: &[u8]) -> Result<()> {
    output::write_executable(path, &[SCRIPT.as_bytes(), module].concat())
}

/// The module in a launcher.
pub fn module_in(file: &[u8]) -> Option<&[u8]> {
    file.strip_prefix(SCRIPT.as_bytes())
}

/// Gives a program what a native one would have: the environment, the current folder and those above it, `/dev`, `/tmp`,
/// and the folders at the root of the file system in which its absolute paths lie.
///
/// wasi-libc takes `tmp/x` and `/tmp/x` for the same path, and the longest granted folder that fits; so a folder at
/// the root is left out where the current one has an entry of its name.
pub fn inherit(options: &mut Options) {
    let text = |word: std::ffi::OsString| word.into_string().ok();
    options.env.extend(std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))));
    let current = std::env::current_dir().unwrap_or_default();
    let mut named: Vec<PathBuf> = vec![current.clone()];
    named.extend([std::env::temp_dir(), PathBuf::from("/dev/null")]);
    let words = options.args.iter().skip(1).chain(options.env.iter().map(|(_, value)| value));
    // `--file=/path`, `-I/path` and lists of paths name folders, too.
    let paths =
        words.flat_map(|word| word.split([':', '=', ','])).filter_map(|part| part.find('/').map(|at| &part[at..]));
    named.extend(paths.map(PathBuf::from));
    let mut granted: Vec<PathBuf> = Vec::new();
    for path in named.iter().filter(|path| path.is_absolute()) {
        let top: PathBuf = path.components().take(2).collect();
        let Some(name) = top.file_name() else { continue };
        if top.is_dir() && !granted.contains(&top) && !Path::new(name).exists() {
            granted.push(top);
        }
    }
    options.dirs.push((PathBuf::from("."), ".".to_string()));
    for level in 1..current.components().count() {
        let above = vec![".."; level].join("/");
        if std::fs::read_dir(&above).is_ok() {
            options.dirs.push((PathBuf::from(&above), above));
        }
    }
    options.dirs.extend(granted.into_iter().filter_map(|top| Some((top.clone(), top.to_str()?.to_string()))));
}
