//! The one place that writes outputs: whole or not at all.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process;

/// Reads a file, or standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let fail = |e: std::io::Error| {
        let error = Error::build(format!("cannot read {}", path.display())).cause(&e);
        match e.kind() {
            std::io::ErrorKind::IsADirectory => error.help("give a file, not a folder"),
            std::io::ErrorKind::NotFound => error.help("check the path; it is taken from the current folder"),
            _ => error,
        }
    };
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(fail)?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(fail)
}

/// A module of `size` bytes is no larger than what was allowed.
pub fn check_size(what: &str, size: usize, limit: Option<u64>) -> Result<()> {
    match limit {
        Some(limit) if size as u64 > limit => {
            Err(Error::build(format!("{what} has {size} bytes, and --size-limit allows {limit}"))
                .help("allow more, or optimize for size: -Oz"))
        }
        _ => Ok(()),
    }
}

/// Writes `bytes` to `path` through a temporary file beside it and a rename, or to standard
/// output for `-`. On failure an existing file is as it was, and nothing new is left.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_as(path, bytes, Mode::Data)
}

/// As [`write`], and the file can be run, as far as the user's umask allows.
pub fn write_executable(path: &Path, bytes: &[u8]) -> Result<()> {
    write_as(path, bytes, Mode::Executable)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// That of the file that is replaced, or of any new file.
    Data,
    /// That of a linker's output.
    Executable,
}

fn write_as(path: &Path, bytes: &[u8], as_what: Mode) -> Result<()> {
    let fail = |e: &dyn std::fmt::Display| Error::build(format!("cannot write {}", path.display())).cause(e);
    if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        if out.is_terminal() && bytes.contains(&0) {
            return Err(Error::usage("refusing to write a binary module to the terminal")
                .help("name a file with -o, or redirect standard output"));
        }
        return out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| fail(&e));
    }
    // Devices and pipes (`-o /dev/null`) cannot be renamed over, and hold nothing that could be lost.
    if let Ok(meta) = std::fs::metadata(path) {
        if meta.is_dir() {
            return Err(fail(&"it is a folder").help("give a file's name with -o"));
        }
        if !meta.is_file() {
            return std::fs::write(path, bytes).map_err(|e| fail(&e));
        }
        if meta.permissions().readonly() {
            return Err(fail(&"the file is read-only").help(format!("chmod +w {}", path.display())));
        }
    }
    // A link is written through, so that the link stays one.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = match target.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wbuild-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the user's umask leaves of 0666, not tempfile's private 0600.
        let mode = match as_what {
            Mode::Data => std::fs::metadata(&target).map_or(0o666, |m| m.permissions().mode() & 0o7777),
            Mode::Executable => 0o777,
        };
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    let mut file = builder.tempfile_in(&folder).map_err(|e| {
        // The temporary file's name, which tempfile adds, would only confuse.
        let error = match e.get_ref().and_then(|named| named.source()) {
            Some(plain) => fail(&plain),
            None => fail(&e),
        };
        if folder.is_dir() { error } else { error.help(format!("mkdir -p {}", folder.display())) }
    })?;
    let temporary = file.path().to_path_buf();
    process::remove_on_interrupt(&temporary);
    let written = file.write_all(bytes).map_err(|e| fail(&e));
    let renamed = written.and_then(|()| file.persist(&target).map_err(|e| fail(&e.error)));
    process::keep(&temporary);
    renamed.map(drop)
}
