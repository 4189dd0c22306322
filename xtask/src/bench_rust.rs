//! The Rust part of `cargo xtask bench`: sizes against Rust's own options and npm's Binaryen, and what
//! wbuild adds to cargo's time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use xtask::measure::median;
use xtask::shell::{self, Result};

use crate::bench::{Gate, number, size, tool};
use crate::demo::report;
use crate::setup::{self, Machine};

/// The Binaryen to compare with, newer than the one that wbuild has inside.
const BINARYEN: &str = "132.0.0";

/// rustc, its library and its linker, as wbuild found them.
pub struct Tools {
    rustc: PathBuf,
    sysroot: Option<PathBuf>,
    linker: PathBuf,
}

/// Hello's size, and `wbuild cargo build` against cargo's own.
pub fn rust(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    setup::rust_library()?;
    let root = shell::root().join("testdata/rust");
    shell::output(Command::new("cp").arg("-R").arg(root.join("hello.rs")).arg(root.join("workspace")).arg(folder))?;
    let tools = tools(machine, folder)?;
    let mut gates = vec![hello(machine, folder, &tools)?, small(machine, folder)?];
    // What is linked is the same on both sides: what cargo makes unasked, which has no link time optimization; a release
    // with it, as the contract has it; and one without it, as a project may say instead.
    for (profile, lto) in [("dev", "off"), ("release", "fat"), ("release", "off")] {
        gates.extend(cargo(machine, folder, &tools, runs, profile, lto)?);
    }
    Ok(gates)
}

pub fn tools(machine: &Machine, folder: &Path) -> Result<Tools> {
    let source = shell::root().join("testdata/rust/hello.rs");
    let mut command = Command::new(&machine.wbuild);
    shell::output(command.arg(source).args(["-Oz", "-o", "wbuild.wasm", "--json", "rust.json"]).current_dir(folder))?;
    let report = report(&folder.join("rust.json"))?;
    // An installed library is a file in rustc's own sysroot, one that was built is a sysroot of its own.
    let sysroot = Some(tool(&report, "rust-std")?).filter(|path| path.is_dir());
    Ok(Tools { rustc: tool(&report, "rustc")?, sysroot, linker: tool(&report, "wasm-ld")? })
}

impl Tools {
    /// Makes a cargo without wbuild use them.
    pub fn name(&self, cargo: &mut Command) {
        cargo.env("CARGO_BUILD_TARGET", "wasm32-wasip1").env("CARGO_TARGET_WASM32_WASIP1_LINKER", &self.linker);
        if let Some(sysroot) = &self.sysroot {
            cargo.env("RUSTC", sysroot.join("bin/rustc"));
        }
    }
}

fn hello(machine: &Machine, folder: &Path, tools: &Tools) -> Result<Gate> {
    let mut rustc = Command::new(&tools.rustc);
    rustc.args([
        "hello.rs",
        "--target",
        "wasm32-wasip1",
        "-C",
        "opt-level=z",
        "-C",
        "lto=fat",
        "-C",
        "codegen-units=1",
    ]);
    rustc.args(["-C", "panic=abort", "-C", "strip=symbols", "-C"]).arg(format!("linker={}", tools.linker.display()));
    if let Some(sysroot) = &tools.sysroot {
        rustc.arg("--sysroot").arg(sysroot);
    }
    shell::output(rustc.args(["-o", "linked.wasm"]).current_dir(folder))?;
    let mut binaryen = binaryen(machine, "-Oz")?;
    shell::output(binaryen.args(["linked.wasm", "-o", "by-hand.wasm"]).current_dir(folder))?;
    let (wbuild, by_hand) = (size(&folder.join("wbuild.wasm"))?, size(&folder.join("by-hand.wasm"))?);
    println!("\nhello.rs at -Oz: wbuild {wbuild} B, rustc and Binaryen {BINARYEN} by hand {by_hand} B");
    let name = "hello.rs -Oz: size against rustc and Binaryen by hand".to_string();
    Ok(Gate { name, value: wbuild as f64 / by_hand as f64, limit: 0.9, unit: "x" })
}

/// The features that wbuild and today's compilers take for granted, as `wasm-opt` spells them.
const FEATURES: [&str; 6] =
    ["bulk-memory", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext"];

/// npm's Binaryen at a level, installed once, with those features and no others.
pub fn binaryen(machine: &Machine, level: &str) -> Result<Command> {
    let npm = machine.target.join("bench-npm");
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&npm).arg(format!("binaryen@{BINARYEN}"));
    shell::output(&mut install)?;
    let mut binaryen = Command::new("node");
    binaryen.arg(npm.join("node_modules/binaryen/bin/wasm-opt")).args([level, "-mvp"]);
    // Its newer versions know parts of two features by names of their own.
    let parts = ["bulk-memory-opt", "call-indirect-overlong"];
    binaryen.args(FEATURES.iter().chain(&parts).map(|feature| format!("--enable-{feature}")));
    Ok(binaryen)
}

/// Hello with a library for size, as it is and with the stack that wasm-ld gives where nobody asks for more.
fn small(machine: &Machine, folder: &Path) -> Result<Gate> {
    let build = |more: &[&str]| {
        let mut command = Command::new(&machine.wbuild);
        command.args(["hello.rs", "-Oz", "--std=small", "-o", "small.wasm"]).args(more).current_dir(folder);
        shell::output(&mut command).and_then(|_| size(&folder.join("small.wasm")))
    };
    let (tight, whole) = (build(&["--stack-size=64KiB"])?, build(&[])?);
    println!("hello.rs at -Oz --std=small: {whole} B, with a stack of 64 KiB {tight} B");
    Ok(Gate { name: "hello.rs -Oz --std=small: size".into(), value: whole as f64, limit: 14000.0, unit: "B" })
}

fn cargo(machine: &Machine, folder: &Path, tools: &Tools, runs: usize, profile: &str, lto: &str) -> Result<Vec<Gate>> {
    let place = folder.join("workspace");
    let timed = |command: &mut Command| {
        command.args(["build", "-p", "app", "--bin", "app", "--profile", profile]).current_dir(&place);
        timed(command.env("CARGO_PROFILE_RELEASE_LTO", lto))
    };
    let wbuild = || {
        let mut command = Command::new(&machine.wbuild);
        timed(command.arg("cargo").env("CARGO_TARGET_DIR", folder.join("with")))
    };
    let plain = || {
        let mut command = Command::new("cargo");
        tools.name(&mut command);
        timed(command.env("CARGO_TARGET_DIR", folder.join("without")))
    };
    let (mut unchanged, mut edited) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    let main = place.join("app/src/main.rs");
    let source = std::fs::read_to_string(&main).map_err(|e| format!("cannot read {}: {e}", main.display()))?;
    let write = |text: &str| std::fs::write(&main, text).map_err(|e| format!("cannot write {}: {e}", main.display()));
    // wbuild's cache remembers what it made of every line of an earlier benchmark.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|e| e.to_string())?.as_secs();
    for run in 0..=runs {
        let line = now * 100 + run as u64;
        write(&format!("{source}\n#[unsafe(no_mangle)]\npub extern \"C\" fn edited() -> u64 {{ {line} }}\n"))?;
        let after_edit = [wbuild()?, plain()?];
        let again = [wbuild()?, plain()?];
        // The first compiles everything.
        for which in (0..2).filter(|_| run > 0) {
            edited[which].push(after_edit[which]);
            unchanged[which].push(again[which]);
        }
    }
    write(&source)?;
    let stages = if profile == "dev" { 0.0 } else { stages(machine, folder)? };
    let [[with, without], [with_edit, without_edit]] = [unchanged.map(median), edited.map(median)];
    println!("\ncargo build --profile {profile} of a small program, lto = {lto}, median of {runs}: wbuild's, cargo's");
    println!("   nothing changed {with:>8.1} ms {without:>8.1} ms");
    println!("   one edited line {with_edit:>8.1} ms {without_edit:>8.1} ms; the stages after the link {stages:.1} ms");
    let gate = |what: &str, value, limit| Gate {
        name: format!("wbuild cargo build --profile {profile}, lto = {lto}, {what}"),
        value,
        limit,
        unit: "x",
    };
    Ok(vec![
        gate("nothing changed: time against cargo", with / without, 1.2),
        gate("a line edited: against cargo and stages", with_edit / (without_edit + stages), 1.3),
    ])
}

/// Milliseconds that the stages of a release say they take, on what cargo alone makes.
fn stages(machine: &Machine, folder: &Path) -> Result<f64> {
    let module = folder.join("without/wasm32-wasip1/release/app.wasm");
    let mut opt = Command::new(&machine.wbuild);
    opt.args(["opt", "-O3", "-g", "--json", "opt.json", "-o", "opt.wasm"]).arg(&module).current_dir(folder);
    shell::output(&mut opt)?;
    number(&report(&folder.join("opt.json"))?, "milliseconds")
}

/// What the cargo above us says to its programs is no business of the one that is measured.
pub fn alone(command: &mut Command) -> &mut Command {
    for name in ["CARGO", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

/// Milliseconds of a command that must succeed.
fn timed(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    shell::output(alone(command))?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}
