//! The part of `cargo xtask bench` about determinism: what hardening costs in time and size, on wasmtime and on V8, with
//! wasmtime's own flag beside it. Everything is built at -O3 and differs in nothing but hardening.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use xtask::programs::{self, Program};
use xtask::shell::{self, Result};

use crate::bench::{Gate, median, number, size};
use crate::demo::report;
use crate::setup::Machine;

/// What runs a module, and whether that one is hardened.
const CONTENDERS: [(&str, Engine, bool); 5] = [
    ("wasmtime", Engine::Wasmtime, false),
    ("wasmtime, hardened", Engine::Wasmtime, true),
    ("wasmtime's own flag", Engine::WasmtimeFlag, false),
    ("V8", Engine::V8, false),
    ("V8, hardened", Engine::V8, true),
];

#[derive(Clone, Copy)]
enum Engine {
    Wasmtime,
    WasmtimeFlag,
    V8,
}

/// Kernels, then whole programs.
pub fn determinism(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let mut gates = kernels(machine, folder, runs)?;
    for (program, name) in [(programs::sqlite()?, "SQLite"), (programs::lua()?, "Lua"), (programs::zlib()?, "zlib")] {
        gates.extend(whole(machine, folder, runs, &program, name)?);
    }
    Ok(gates)
}

fn kernels(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let sources = shell::root().join("testdata/c/kernels");
    let entries = std::fs::read_dir(&sources).map_err(|e| format!("cannot read {}: {e}", sources.display()))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_string());
    let is_kernel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "c");
    let mut names: Vec<String> = entries.flatten().map(|e| e.path()).filter(is_kernel).filter_map(stem).collect();
    // Edge kernels are for comparing bits; some have no size for measuring.
    names.retain(|name| !name.starts_with("edge_"));
    names.sort();
    println!("\nfloat kernels at -O3, medians of {runs}, milliseconds:");
    println!(
        "{:<14}{:>10}{:>10}{:>8}{:>10}{:>8}{:>10}{:>10}{:>8}{:>10}",
        "", "wasmtime", "hardened", "", "its flag", "", "V8", "hardened", "", "bytes"
    );
    let mut ratios = [const { Vec::new() }; 4];
    for name in &names {
        let program = programs::single("kernel", programs::Language::C, &format!("c/kernels/{name}.c"));
        let modules = both(machine, folder, &program)?;
        let times = times(machine, folder, runs, &modules, &["large".to_string()], true)?;
        let [plain, hardened, flag, v8, v8_hardened] = times;
        let [before, after] = [size(&modules[0])?, size(&modules[1])?].map(|bytes| bytes as f64);
        let row = [hardened / plain, flag / plain, v8_hardened / v8, after / before];
        println!(
            "{name:<14}{plain:>10.1}{hardened:>10.1}{:>7.2}x{flag:>10.1}{:>7.2}x{v8:>10.1}{v8_hardened:>10.1}{:>7.2}x{:>+9.1}%",
            row[0],
            row[1],
            row[2],
            (row[3] - 1.0) * 100.0
        );
        ratios.iter_mut().zip(row).for_each(|(all, ratio)| all.push(ratio));
    }
    let [wasmtime, flag, v8, bytes] = ratios.map(|all| (mean(&all), all.iter().copied().fold(0.0, f64::max)));
    println!("{} kernels; wasmtime's own flag: {:.2}x (geometric mean), {:.2}x at worst", names.len(), flag.0, flag.1);
    let gate = |name: &str, value, limit| Gate { name: name.to_string(), value, limit, unit: "x" };
    Ok(vec![
        gate("float kernels hardened, wasmtime: time, geometric mean", wasmtime.0, 1.10),
        gate("float kernels hardened, wasmtime: time, worst", wasmtime.1, 1.4),
        gate("float kernels hardened, V8: time, geometric mean", v8.0, 1.10),
        gate("float kernels hardened, V8: time, worst", v8.1, 1.4),
        gate("float kernels hardened: size, worst", bytes.1, 1.08),
    ])
}

/// A program that computes with few floats, hardened and not: time, size, and what hardening itself takes.
fn whole(machine: &Machine, folder: &Path, runs: usize, program: &Program, name: &str) -> Result<Vec<Gate>> {
    program.place_files(folder)?;
    let modules = both(machine, folder, program)?;
    let times = times(machine, folder, runs, &modules, &program.args, false)?;
    let [plain, hardened, flag, v8, v8_hardened] = times;
    let [before, after] = [size(&modules[0])?, size(&modules[1])?].map(|bytes| bytes as f64);
    println!("\n{name}: {before} B, hardened {after} B; {}", "medians of milliseconds");
    for ((contender, ..), time) in CONTENDERS.iter().zip([plain, hardened, flag, v8, v8_hardened]) {
        println!("{contender:>22} {time:>9.1}");
    }
    let gate = |what: &str, value, limit| Gate { name: format!("{name} hardened{what}"), value, limit, unit: "x" };
    let mut gates = vec![
        gate(", wasmtime: time", hardened / plain, 1.01),
        gate(", V8: time", v8_hardened / v8, 1.01),
        gate(": size", after / before, 1.005),
    ];
    if name == "SQLite" {
        gates.push(gate(
            ": hardening and checking against Cranelift",
            against_cranelift(machine, folder, runs, &modules[0])?,
            0.1,
        ));
    }
    Ok(gates)
}

/// The program at -O3, as it is and hardened.
fn both(machine: &Machine, folder: &Path, program: &Program) -> Result<[PathBuf; 2]> {
    let build = |name: &str, option: Option<&str>| {
        let module = folder.join(name);
        let mut command = Command::new(&machine.wbuild);
        command.args(["-O3", "-q"]).args(option).args(&program.flags).args(&program.wasi_flags).args(&program.sources);
        shell::output(command.arg("-o").arg(&module)).map(|_| module)
    };
    Ok([build("left.wasm", Some("--no-deterministic"))?, build("hardened.wasm", None)?])
}

/// Median times of the contenders, in turns. With `less_start`, less what the same module takes without arguments: the
/// engine's start and its compiling.
fn times(
    machine: &Machine,
    folder: &Path,
    runs: usize,
    modules: &[PathBuf; 2],
    args: &[String],
    less_start: bool,
) -> Result<[f64; 5]> {
    let timed = |engine: Engine, module: &Path, args: &[String]| -> Result<f64> {
        let mut command = match engine {
            Engine::V8 => Command::new("node"),
            _ => Command::new(&machine.wbuild),
        };
        match engine {
            Engine::V8 => command.arg("--no-warnings").arg(shell::root().join("testdata/wasi.mjs")),
            Engine::Wasmtime => command.args(["run", "--dir", "."]),
            Engine::WasmtimeFlag => command.args(["run", "--deterministic", "--dir", "."]),
        };
        command.arg(module).args(args).current_dir(folder);
        let start = Instant::now();
        shell::output(&mut command)?;
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    };
    let mut all = [const { Vec::new() }; 5];
    for run in 0..=runs {
        for (times, (_, engine, hardened)) in all.iter_mut().zip(CONTENDERS) {
            let module = &modules[usize::from(hardened)];
            let start = if less_start { timed(engine, module, &[])? } else { 0.0 };
            let time = timed(engine, module, args)? - start;
            if run > 0 {
                times.push(time);
            }
        }
    }
    Ok(all.map(median))
}

/// What `wbuild harden` takes inside, over what wasmtime takes to compile the same module.
fn against_cranelift(machine: &Machine, folder: &Path, runs: usize, module: &Path) -> Result<f64> {
    let (mut hardening, mut compiling) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let mut harden = Command::new(&machine.wbuild);
        harden.args(["harden", "-q", "--json", "harden.json", "-o", "again.wasm"]).arg(module).current_dir(folder);
        shell::output(&mut harden)?;
        hardening.push(number(&report(&folder.join("harden.json"))?, "milliseconds")?);
        // The module is compiled, and then found to want a memory larger than it may have: nothing runs.
        let mut compile = Command::new(&machine.wbuild);
        compile.args(["run", "--max-memory", "1"]).arg(module).current_dir(folder);
        let start = Instant::now();
        let output = shell::unchecked_output(&mut compile)?;
        compiling.push(start.elapsed().as_secs_f64() * 1000.0);
        if output.status.success() {
            return Err("a module ran that was to be compiled only".to_string());
        }
    }
    let (hardening, compiling) = (median(hardening), median(compiling));
    println!("hardening and checking {hardening:.1} ms, Cranelift on all cores {compiling:.1} ms");
    Ok(hardening / compiling)
}

fn mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}
