//! The script beside a linked module that runs it, so that what builds call by its path can be called.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::output;
use crate::run::Options;

/// It finds the module beside itself. WBUILD is what `wbuild make` and its kin set, so that it works where wbuild is
/// not on PATH; no path of this machine is in it.
const SCRIPT: &str = "#!/bin/sh\n\
    # Runs the WebAssembly module of this name beside it (wbuild --launcher).\n\
    exec \"${WBUILD:-wbuild}\" run --inherit \"$0.wasm\" \"$@\"\n";

/// Writes the script.
pub fn write(path: &Path) -> Result<()> {
    output::write_executable(path, SCRIPT.as_bytes())
}

/// The module that `path` stands for: the one beside it, if it is a launcher, also through a link to the launcher.
pub fn module_of(path: &Path) -> PathBuf {
    let beside = |path: &Path| -> PathBuf {
        [path.as_os_str(), ".wasm".as_ref()].into_iter().collect::<std::ffi::OsString>().into()
    };
    if std::fs::read(path).is_ok_and(|text| text == SCRIPT.as_bytes()) {
        return beside(&path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
    }
    let script = path.with_extension("");
    match script.canonicalize() {
        Ok(real) if !path.exists() => beside(&real),
        _ => path.to_path_buf(),
    }
}

/// Gives a program what a native one would have: the environment, the current folder, and the folders at the root of
/// the file system in which its absolute paths lie.
///
/// wasi-libc takes `tmp/x` and `/tmp/x` for the same path, and the longest granted folder that fits; so a folder at
/// the root is left out where the current one has an entry of its name.
pub fn inherit(options: &mut Options) {
    let text = |word: std::ffi::OsString| word.into_string().ok();
    options.env.extend(std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))));
    let mut named: Vec<PathBuf> = Vec::new();
    named.extend(std::env::current_dir());
    named.push(std::env::temp_dir());
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
    options.dirs.extend(granted.into_iter().filter_map(|top| Some((top.clone(), top.to_str()?.to_string()))));
}
