//! Native builds with the machine's gcc: they say what a program should print. Kept in the target
//! folder under a hash of everything that goes in.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::programs::{Language, Program};
use crate::shell::{self, Result};

/// Builds the program unless that was done before; gives the executable. `target` is cargo's target folder.
pub fn build(program: &Program, target: &Path) -> Result<PathBuf> {
    let compiler = match program.language {
        Language::C => "gcc",
        Language::Cxx => "g++",
    };
    let mut command = Command::new(compiler);
    command.args(["-O1", "-w"]).args(&program.flags).args(&program.sources).args(&program.native_flags);
    let mut hash = DefaultHasher::new();
    shell::line(&command).hash(&mut hash);
    for source in &program.sources {
        std::fs::read(source).map_err(|e| format!("cannot read {}: {e}", source.display()))?.hash(&mut hash);
    }
    let folder = target.join("native");
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let executable = folder.join(format!("{}-{:016x}", program.name, hash.finish()));
    if !executable.exists() {
        // Several tests may build at once: each into a file of its own, and the last rename wins.
        let part = tempfile::Builder::new().prefix(".part-").tempdir_in(&folder).map_err(|e| e.to_string())?;
        let made = part.path().join("program");
        shell::output(command.arg("-o").arg(&made))?;
        std::fs::rename(&made, &executable).map_err(|e| e.to_string())?;
    }
    Ok(executable)
}

/// Runs the native build in `folder`, where the program's files are. A program may end with any status.
pub fn run(program: &Program, target: &Path, folder: &Path) -> Result<Output> {
    let executable = build(program, target)?;
    shell::unchecked_output(Command::new(executable).args(&program.args).current_dir(folder))
}
