//! Running other programs, with an error that says which and why.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What went wrong, in words for people.
pub type Result<T, E = String> = std::result::Result<T, E>;

/// Runs to the end with output taken; a failing status is an error that carries what was printed.
pub fn output(command: &mut Command) -> Result<Output> {
    let output = unchecked_output(command)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    Err(format!("{} ({})\n{}", line(command), output.status, said.trim_end()))
}

/// Runs to the end with output taken, whatever the status.
pub fn unchecked_output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|e| format!("cannot run {}: {e}", line(command)))
}

/// Runs with the output shown.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|e| format!("cannot run {}: {e}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ({status})", line(command))) }
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The repository's root. Cargo says at run time which package it runs; what was compiled in could be that of
/// another clone with the same target folder, whose program cargo takes for this one's.
pub fn root() -> PathBuf {
    let compiled = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or(compiled, PathBuf::from);
    let root = package.ancestors().find(|folder| folder.join("xtask").is_dir());
    root.unwrap_or(&package).to_path_buf()
}

/// Where this program is on PATH.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
