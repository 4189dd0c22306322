//! What hardening costs: run time of kernels and programs on wasmtime and V8, size, and the time that hardening and
//! checking take. Prints tables, and writes the gates as JSON where WBUILD_GATES says. `cargo xtask bench --only
//! determinism` runs it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use wbuild_passes::{harden, harden_and_check};
use wbuild_proof::second::{self, Compiler, Subject};
use xtask::programs::{self, KERNELS, Program};
use xtask::shell::{self, Result};

/// Milliseconds that a sample takes at least.
const SAMPLE: f64 = 60.0;

/// A program in its two forms.
struct Case {
    name: &'static str,
    kernel: bool,
    plain: Vec<u8>,
    hardened: Vec<u8>,
}

/// What was measured of one, as ratios to the plain form.
struct Row {
    milliseconds: f64,
    wasmtime: f64,
    flag: f64,
    v8: f64,
    size: f64,
}

fn main() {
    if let Err(e) = bench() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn bench() -> Result<()> {
    let runs = std::env::var("WBUILD_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    let only = std::env::var("WBUILD_ONLY").unwrap_or_default();
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut programs: Vec<(Program, bool)> = KERNELS.iter().map(|name| (programs::kernel(name), true)).collect();
    programs.extend([programs::sqlite()?, programs::lua_at_work()?, programs::zlib_at_work()?].map(|p| (p, false)));
    programs.retain(|(program, _)| only.is_empty() || only.split(',').any(|name| name == program.name));
    let mut cases = Vec::new();
    for (program, kernel) in programs {
        let plain = build(&program, folder.path())?;
        let proved = harden_and_check(&plain, &harden::Options::default()).map_err(|e| e.to_string())?;
        cases.push(Case { name: program.name, kernel, plain, hardened: proved.module });
    }
    let v8 = in_node(&cases, folder.path(), runs)?;
    let mut rows = Vec::new();
    println!("{:>14} {:>9} {:>9} {:>9} {:>9} {:>8}", "", "plain", "wasmtime", "its flag", "V8", "size");
    for (case, v8) in cases.iter().zip(v8) {
        let (milliseconds, wasmtime, flag) = in_wasmtime(case, runs)?;
        let size = case.hardened.len() as f64 / case.plain.len() as f64;
        println!(
            "{:>14} {milliseconds:>6.0} ms {wasmtime:>9.3} {flag:>9.3} {v8:>9.3} {:>+7.2}%",
            case.name,
            (size - 1.0) * 100.0
        );
        rows.push(Row { milliseconds, wasmtime, flag, v8, size });
    }
    let gates = gates(&cases, &rows, runs)?;
    if let Some(file) = std::env::var_os("WBUILD_GATES") {
        std::fs::write(file, Value::from(gates).to_string()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// As a build makes it at -O3, but not hardened.
fn build(program: &Program, folder: &Path) -> Result<Vec<u8>> {
    let module = folder.join("module");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    command.args(["-O3", "--no-deterministic"]).args(&program.flags).args(&program.wasi_flags).args(&program.sources);
    shell::output(command.arg("-o").arg(&module))?;
    std::fs::read(&module).map_err(|e| e.to_string())
}

/// Milliseconds of the plain form, and the ratios of the hardened one and of wasmtime's own flag.
fn in_wasmtime(case: &Case, runs: usize) -> Result<(f64, f64, f64)> {
    let (engine, flag) =
        (second::engine(Compiler::Cranelift, false)?, second::engine(Compiler::OptimizedCanonical, false)?);
    let subjects = [
        Subject::new(&engine, &case.plain, false)?,
        Subject::new(&engine, &case.hardened, false)?,
        Subject::new(&flag, &case.plain, false)?,
    ];
    let time = |subject: &Subject| -> Result<(f64, Vec<u8>)> {
        let (time, output) = subject.time_program(&[case.name, "large"])?;
        Ok((time.as_secs_f64() * 1000.0, output))
    };
    // The first run of each is left out; it says how often a short program must run to be measured.
    let mut written = Vec::new();
    let mut first = Vec::new();
    for subject in &subjects {
        let (time, output) = time(subject)?;
        first.push(time);
        written.push(output);
    }
    let again = (SAMPLE / first[0]).ceil().clamp(1.0, 100.0) as usize;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..runs {
        for (times, subject) in times.iter_mut().zip(&subjects) {
            let mut sum = 0.0;
            for _ in 0..again {
                sum += time(subject)?.0;
            }
            times.push(sum / again as f64);
        }
    }
    if written[0] != written[1] || written[0] != written[2] {
        return Err(format!("{} writes something else when hardened", case.name));
    }
    let [plain, hardened, flag] = times.map(median);
    Ok((plain, hardened / plain, flag / plain))
}

/// The ratios of the hardened forms, in the order of the cases.
fn in_node(cases: &[Case], folder: &Path, runs: usize) -> Result<Vec<f64>> {
    for case in cases {
        for (kind, bytes) in [("plain", &case.plain), ("hardened", &case.hardened)] {
            let file = folder.join(format!("{}.{kind}.wasm", case.name));
            std::fs::write(file, bytes).map_err(|e| e.to_string())?;
        }
    }
    let mut node = Command::new("node");
    // Optimized from the start: what a long run settles on.
    node.args(["--no-liftoff", "--no-wasm-lazy-compilation"]).arg(shell::root().join("testdata/measure.mjs"));
    let output = shell::output(node.arg(folder).arg(runs.to_string()))?;
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|e| format!("{line}: {e}")))
        .collect::<Result<_>>()?;
    let ratio = |case: &Case| {
        let line = lines.iter().find(|line| line["name"] == case.name)?;
        Some(line["hardened"].as_f64()? / line["plain"].as_f64()?)
    };
    cases.iter().map(|case| ratio(case).ok_or_else(|| format!("Node said nothing of {}", case.name))).collect()
}

fn gates(cases: &[Case], rows: &[Row], runs: usize) -> Result<Vec<Value>> {
    let of_kernels = |value: fn(&Row) -> f64| -> Vec<f64> {
        cases.iter().zip(rows).filter(|(case, _)| case.kernel).map(|(_, row)| value(row)).collect()
    };
    let gate = |name: String, value: f64, limit: f64, unit: &str| json!({ "name": name, "value": value, "limit": limit, "unit": unit });
    let mut gates = Vec::new();
    let kernels = of_kernels(|row| row.milliseconds);
    if !kernels.is_empty() {
        println!(
            "\n{} kernels; wasmtime's own flag: {:.2}x, worst {:.2}x",
            kernels.len(),
            mean(&of_kernels(|row| row.flag)),
            worst(&of_kernels(|row| row.flag))
        );
        println!("shortest kernel: {:.0} ms", kernels.iter().copied().fold(f64::INFINITY, f64::min));
        for (engine, ratios) in [("wasmtime", of_kernels(|row| row.wasmtime)), ("V8", of_kernels(|row| row.v8))] {
            gates.push(gate(format!("hardened kernels on {engine}: time, geometric mean"), mean(&ratios), 1.10, "x"));
            gates.push(gate(format!("hardened kernels on {engine}: time, worst"), worst(&ratios), 1.4, "x"));
        }
        let sizes = of_kernels(|row| row.size);
        println!("kernels' size: worst {:+.2} %", (worst(&sizes) - 1.0) * 100.0);
        gates.push(gate("hardened kernels: size".to_string(), (mean(&sizes) - 1.0) * 100.0, 8.0, "%"));
    }
    for (case, row) in cases.iter().zip(rows).filter(|(case, _)| !case.kernel) {
        gates.push(gate(format!("hardened {} on wasmtime: time", case.name), row.wasmtime, 1.01, "x"));
        gates.push(gate(format!("hardened {} on V8: time", case.name), row.v8, 1.01, "x"));
        gates.push(gate(format!("hardened {}: size", case.name), (row.size - 1.0) * 100.0, 0.5, "%"));
    }
    let share = share_of_compilation(cases, runs)?;
    gates.push(gate("hardening and checking over Cranelift's time".to_string(), share, 0.1, "x"));
    Ok(gates)
}

/// Hardening a module and checking the result as a build does it, over compiling that result with one thread: the largest
/// share of the programs, and of the kernels together.
fn share_of_compilation(cases: &[Case], runs: usize) -> Result<f64> {
    let engine = second::engine(Compiler::Cranelift, false)?;
    let (mut kernels, mut largest) = ([0.0; 2], 0f64);
    println!("\n{:>14} {:>10} {:>10}", "", "hardening", "Cranelift");
    for case in cases {
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..runs {
            let start = Instant::now();
            let proved = harden_and_check(&case.plain, &harden::Options::default()).map_err(|e| e.to_string())?;
            let done = Instant::now();
            Subject::new(&engine, &proved.module, false)?;
            for (times, time) in times.iter_mut().zip([done - start, done.elapsed()]) {
                times.push(time.as_secs_f64() * 1000.0);
            }
        }
        let times = times.map(median);
        if case.kernel {
            kernels.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
        } else {
            largest = largest.max(show(case.name, times));
        }
    }
    if kernels[1] > 0.0 {
        largest = largest.max(show("kernels", kernels));
    }
    Ok(largest)
}

fn show(name: &str, [hardening, compiling]: [f64; 2]) -> f64 {
    println!("{name:>14} {hardening:>7.1} ms {compiling:>7.1} ms");
    hardening / compiling
}

fn mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

fn worst(ratios: &[f64]) -> f64 {
    ratios.iter().copied().fold(0.0, f64::max)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
