//! Which compiler, linker and sysroot a build uses, and how they are found.

use std::path::PathBuf;

use crate::error::Result;
use crate::process::Command;
use wbuild_targets::Target;

/// Which compiler the user asked for (`--compiler`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The native clang with the pinned sysroot, else the hermetic one.
    #[default]
    Auto,
    /// A clang of the machine's.
    Native,
    /// The clang that is itself wasm, through Node: the same bits on every machine.
    Hermetic,
}

/// What to look for. Every path that is `None` is looked for in the environment, in the known
/// places and on PATH, in that order.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub choice: Choice,
    /// `--clang PATH`
    pub clang: Option<PathBuf>,
    /// `--sysroot DIR`
    pub sysroot: Option<PathBuf>,
}

/// A compiler, a linker and a sysroot that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The words that start the compiler: `[clang-22]`, or `[node, hermetic.mjs, clang]`.
    pub clang: Vec<PathBuf>,
    /// The words that start the C++ compiler.
    pub clangxx: Vec<PathBuf>,
    /// The words that start wasm-ld.
    pub wasm_ld: Vec<PathBuf>,
    /// True where the tools are wasm themselves and several jobs are cheaper in one process.
    pub hermetic: bool,
    /// The major version of LLVM.
    pub llvm_major: u32,
    /// Arguments that every compilation for the target needs: `--target=`, `--sysroot=`, ...
    pub compile_args: Vec<String>,
    /// Folders for the linker's `-L`.
    pub library_dirs: Vec<PathBuf>,
    /// crt1-command.o and crt1-reactor.o.
    pub crt_command: PathBuf,
    pub crt_reactor: PathBuf,
    /// libclang_rt.builtins-wasm32.a, or what it is called there.
    pub builtins: PathBuf,
    /// wbuild's own runtime for this compiler (setjmp, mem*), compiled once and kept in the cache.
    pub runtime: Option<PathBuf>,
    /// What the report says of the tools: name, version, path, hash.
    pub identity: Vec<Tool>,
}

/// A tool's identity, for the report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
    pub path: PathBuf,
    /// SHA-256 in hex, of the file or of the sysroot's archive.
    pub sha256: String,
}

impl Toolchain {
    /// A command that starts with `words`.
    pub fn command(words: &[PathBuf]) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }
}

/// Finds the toolchain for `target`, or says what is missing and which command installs it.
pub fn find(request: &Request, target: &Target) -> Result<Toolchain> {
    let _ = (request, target);
    Err(crate::error::Error::build("no compiler found").help("wbuild toolchain install"))
}
