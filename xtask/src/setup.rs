//! Makes a machine ready. Each step looks first, so that a second time costs nothing.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use xtask::shell::{self, Result};

/// Programs that tests need beside Rust's, and the packages that bring them.
const NEEDED: &[Program] = &[
    Program { name: "gcc", package: "gcc" },
    Program { name: "g++", package: "g++" },
    Program { name: "node", package: "nodejs" },
    Program { name: "npm", package: "npm" },
    Program { name: "pip3", package: "python3-pip" },
    Program { name: "ccache", package: "ccache" },
    // The build systems of projects that tests build.
    Program { name: "make", package: "make" },
    Program { name: "cmake", package: "cmake" },
    Program { name: "ninja", package: "ninja-build" },
    Program { name: "meson", package: "meson" },
    Program { name: "tclsh", package: "tcl" },
    Program { name: "csmith", package: "csmith" },
    Program { name: "/usr/include/csmith/csmith.h", package: "libcsmith-dev" },
];

/// emcc, for the tests of `--compiler=emcc` and for comparison.
pub const EMCC: Program = Program { name: "emcc", package: "emscripten" };

/// A program and the Debian package that brings it.
pub struct Program {
    pub name: &'static str,
    pub package: &'static str,
}

/// Debian's own sysroot, which one test builds with, beside the pinned one. Its packages are named after
/// the LLVM they belong to: the one that `wbuild toolchain install` brought.
pub fn debian_sysroot() -> Result<()> {
    let llvm = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_prefix("llvm-")?.parse::<u32>().ok();
    let newest = std::fs::read_dir("/usr/lib").ok().and_then(|all| all.flatten().filter_map(llvm).max());
    let Some(llvm) = newest else { return Err("there is no LLVM in /usr/lib; cargo xtask setup installs one".into()) };
    install_missing(&[
        ("/usr/lib/wasm32-wasi/libc.a".into(), "wasi-libc".into()),
        (
            format!("/usr/lib/llvm-{llvm}/lib/clang/{llvm}/lib/wasi/libclang_rt.builtins-wasm32.a"),
            format!("libclang-rt-{llvm}-dev-wasm32"),
        ),
        ("/usr/lib/wasm32-wasi/libc++.a".into(), format!("libc++-{llvm}-dev-wasm32")),
        ("/usr/lib/wasm32-wasi/libc++abi.a".into(), format!("libc++abi-{llvm}-dev-wasm32")),
    ])
}

/// What is there once a machine is set up.
pub struct Machine {
    pub wbuild: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

/// What is compiled beside wbuild.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Programs,
    /// The tests too: what they depend on turns on features of what wbuild depends on, and so the
    /// engine is compiled once and not once without and once with them.
    Tests,
}

/// Packages, wbuild, and its toolchain.
pub fn everything(extent: Extent) -> Result<Machine> {
    packages(NEEDED)?;
    let machine = build(extent)?;
    // It says what it will do, and looks by itself whether there is anything to do.
    shell::run(Command::new(&machine.wbuild).args(["toolchain", "install", "--exceptions", "--yes"]))?;
    Ok(machine)
}

/// Rust's library for wasm, or what it is built from: Debian's second rustc, where rustup brought no target.
pub fn rust_library() -> Result<()> {
    let sysroot = shell::output(Command::new("rustc").args(["--print", "sysroot"]))?.stdout;
    let rustlib = PathBuf::from(String::from_utf8_lossy(sysroot.trim_ascii()).as_ref()).join("lib/rustlib");
    if ["wasm32-wasip1", "wasm32-unknown-unknown"].iter().all(|target| rustlib.join(target).is_dir()) {
        return Ok(());
    }
    install_missing(&[
        ("/usr/bin/rustc".into(), "rustc-web".into()),
        ("/usr/lib/rustlib/src/rust/library/std/Cargo.toml".into(), "rust-web-src".into()),
    ])
}

/// zig, for the tests of `--compiler=zig`: Python's package of it, in a folder of its own.
pub fn zig(machine: &Machine) -> Result<()> {
    let folder = machine.target.join("ziglang");
    if folder.join("ziglang/zig").is_file() {
        return Ok(());
    }
    shell::run(
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(&folder)
            .arg("ziglang==0.17.1"),
    )
}

/// Builds wbuild.
pub fn build(extent: Extent) -> Result<Machine> {
    let targets: &[&str] = if extent == Extent::Tests { &["--all-targets"] } else { &[] };
    shell::run(cargo("build").arg("--workspace").args(targets))?;
    let own = std::env::current_exe().map_err(|e| format!("cannot tell where xtask is: {e}"))?;
    let release = own.parent().ok_or("xtask is in no folder")?;
    let target = release.parent().ok_or("xtask is in no target folder")?.to_path_buf();
    Ok(Machine { wbuild: release.join("wbuild"), target })
}

/// Installs what is missing, as root; otherwise the error is the command to run.
pub fn packages(programs: &[Program]) -> Result<()> {
    install_missing(&programs.iter().map(|p| (p.name.to_string(), p.package.to_string())).collect::<Vec<_>>())
}

/// Pairs of a program's name or a file's path, and the package that has it.
fn install_missing(wanted: &[(String, String)]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(name, _)| shell::which(name).is_none()).map(|(_, package)| &**package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    if shell::which("apt-get").is_none() {
        return Err(format!("missing: {}; install them with this machine's package manager", missing.join(", ")));
    }
    if !is_root()? {
        return Err(format!("missing: {}\nhelp: sudo {install}", missing.join(", ")));
    }
    println!("installing: {install}");
    // The lists may be old or absent, which only a failure tells.
    let apt = |words: &str| {
        shell::run(Command::new("apt-get").args(words.split(' ').skip(1)).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&install).or_else(|_| apt("apt-get update").and_then(|()| apt(&install)))
}

fn is_root() -> Result<bool> {
    Ok(shell::output(Command::new("id").arg("-u"))?.stdout.trim_ascii() == b"0")
}

/// Cargo with the one profile of everything.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(cargo_path());
    command.args([subcommand, "--release"]).current_dir(shell::root());
    command
}

/// The cargo that runs us.
pub fn cargo_path() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
