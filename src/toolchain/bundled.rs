//! What `--compiler=zig` and `--compiler=emcc` share: compilers that bring a C library, which they build when they
//! link and which nobody else can ask them for.
//!
//! So one link is made for the sake of what it prints (`-v`): the start objects and archives. They are copied into
//! WBUILD_CACHE, where our own link finds them under their usual names, and where they stay when the compiler's own
//! cache is emptied.

use std::path::{Path, PathBuf};

use super::{Choice, Toolchain, emcc, zig};
use crate::error::{Error, Result};
use crate::process::{Command, Limits, Scratch};

/// A compiler's own C library, made when something is first linked with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Whose it is.
    pub(super) choice: Choice,
    /// The compiler as it is started by its users.
    pub(super) driver: PathBuf,
    /// Where the library is, or will be.
    pub(super) folder: PathBuf,
    /// What brings a compiler that works.
    pub(super) install: &'static str,
}

impl Bundled {
    /// Makes this the library that a toolchain links with.
    pub(super) fn serve(self, toolchain: &mut Toolchain) {
        toolchain.crt_command = Some(self.folder.join("crt1-command.o"));
        toolchain.crt_reactor = Some(self.folder.join("crt1-reactor.o"));
        toolchain.builtins = Some(self.folder.join("libcompiler_rt.a"));
        toolchain.library_dirs.push(self.folder.clone());
        toolchain.bundled = Some(self);
    }

    /// Makes the library, unless it is there: whole or not at all, also when two builds do so at once.
    pub(super) fn ensure(&self, toolchain: &Toolchain) -> Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let parent = self.folder.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(parent).map_err(|e| self.cannot_write(e))?;
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(|e| self.cannot_write(e))?;
        crate::process::remove_on_interrupt(new.path());
        let made = match self.choice {
            Choice::Emcc => emcc::fill(new.path(), toolchain, self),
            _ => zig::fill(new.path(), toolchain, self),
        };
        // What stands apart in other C libraries is in libc here.
        let made = made.and_then(|()| {
            let file = |(_, library): &(_, &str)| new.path().join(format!("lib{}.a", library.trim_start_matches("-l")));
            let missing = crate::c::EMULATIONS.iter().map(file).filter(|file| !file.exists());
            missing.into_iter().try_for_each(|file| crate::output::write(&file, b"!<arch>\n"))
        });
        crate::process::keep(new.path());
        made?;
        match std::fs::rename(new.path(), &self.folder) {
            // Another build was faster, with the same result.
            Err(_) if self.folder.is_dir() => Ok(()),
            other => other.map_err(|e| self.cannot_write(e)),
        }
    }

    /// The error for a program that needs them: libc++ with exceptions does not build on these C libraries.
    pub(super) fn no_exceptions(&self) -> Error {
        Error::build(format!("--compiler={} has no exceptions here", self.choice.name()))
            .cause("its libc++ comes without them")
            .help("use --compiler=auto, or leave -fexceptions and --exceptions out")
    }

    /// Lets the compiler link a small program with `-v`, a reactor or not, in C++, and gives the words of its linker.
    pub(super) fn linked_with(&self, mut command: Command, reactor: bool) -> Result<Vec<String>> {
        let scratch = Scratch::new()?;
        let source = scratch.path().join("wbuild_probe.cc");
        let text = match reactor {
            true => "#include <string>\nextern \"C\" int probe(int n) { return std::to_string(n).size(); }\n",
            false => "#include <string>\nint main(int n, char **) { return std::to_string(n).size(); }\n",
        };
        crate::output::write(&source, text.as_bytes())?;
        command.arg(&source).arg("-o").arg(scratch.path().join("probe.wasm"));
        let said = self.run(&command)?;
        let mut lines = said.lines().map(crate::args::split);
        lines.find(|words| words.first().is_some_and(|tool| file_name(tool).starts_with("wasm-ld"))).ok_or_else(|| {
            Error::build(format!("{} does not say how it links", self.choice.name()))
                .diagnostics(said.clone())
                .help(self.install)
        })
    }

    /// Puts archives and objects into one, in their order: of two that have a symbol the first serves.
    pub(super) fn join(&self, mut ar: Command, archive: &Path, others: &[PathBuf]) -> Result<()> {
        ar.args(["qLc"]).arg(archive).args(others);
        self.run(&ar).map(drop)
    }

    pub(super) fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::copy(from, to).map(drop).map_err(|e| self.cannot_write(e))
    }

    /// Runs one of the compiler's tools, and gives what it complains about.
    pub(super) fn run(&self, command: &Command) -> Result<String> {
        let out = command.run(Limits::default())?;
        match out.status.success() {
            true => Ok(out.stderr),
            false => Err(Error::build(format!("{} cannot build its C library for WebAssembly", self.choice.name()))
                .cause(format!("{}: {}", command.shell(), out.status))
                .diagnostics(out.stderr)
                .help(format!("{} brings a version that can", self.install))),
        }
    }

    fn cannot_write(&self, e: std::io::Error) -> Error {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        Error::build(format!("cannot write {}'s C library to {}", self.choice.name(), parent.display()))
            .cause(e)
            .help("set WBUILD_CACHE to a folder that can be written")
    }
}

/// The last part of a path that a command line names.
pub(super) fn file_name(word: &str) -> &str {
    Path::new(word).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
