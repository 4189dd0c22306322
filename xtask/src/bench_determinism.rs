//! What hardening costs: run time of kernels and programs on wasmtime and on V8, and size, hardened against not hardened and
//! both optimized alike; and the time that hardening and checking take. Each run is a process of its own, on V8 too: see
//! `benches/startup.rs`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use xtask::measure::{mean, worst};
use xtask::programs::{self, KERNELS, Program};
use xtask::shell::{self, Result};

use crate::bench::{Gate, in_engine, number, ratios, size};
use crate::bench_rust::alone;
use crate::setup::Machine;

/// How many times as many processes a whole program takes: Lua's ratios went from 0.81 to 1.32 in 60 of V8, and with 7 of
/// wasmtime a module differed from itself by a fortieth; zstd's times differ by a tenth between layouts.
pub const MORE: usize = 5;

/// What the time that a program takes is held to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kernel,
    Program,
    /// Nothing: it is shown because it is what costs a program most.
    Part,
}

/// What was measured of a program, as ratios to the plain form.
struct Row {
    name: &'static str,
    kind: Kind,
    wasmtime: f64,
    v8: f64,
    size: f64,
}

/// With WBUILD_ONLY the programs whose names stand there, with commas between them.
pub fn determinism(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let mut programs: Vec<(Program, Kind)> =
        KERNELS.iter().map(|name| (programs::kernel(name), Kind::Kernel)).collect();
    let whole = [programs::sqlite()?, programs::lua_at_work()?, programs::zlib_at_work()?];
    programs.extend(whole.map(|program| (program, Kind::Program)));
    programs.push((programs::lua_bodies()?, Kind::Part));
    let only = std::env::var("WBUILD_ONLY").unwrap_or_default();
    programs.retain(|(program, _)| only.is_empty() || only.split(',').any(|name| name == program.name));
    let more = |kind: Kind| if kind == Kind::Kernel { 1 } else { MORE };
    let modules = programs.iter().map(|(program, _)| build(machine, program, folder)).collect::<Result<Vec<_>>>()?;
    let pairs = modules.iter().zip(&programs).map(|([plain, hardened], (program, kind))| {
        let (name, more, kernel) = (program.name, more(*kind), *kind == Kind::Kernel);
        json!({ "name": name, "ours": hardened, "theirs": plain, "more": more, "kernel": kernel, "layouts": true, "args": ["large"] })
    });
    let pairs: Vec<Value> = pairs.collect();
    let on_v8 = pairs.iter().cloned().map(|mut pair| {
        pair["v8"] = true.into();
        pair
    });
    let in_wasmtime = in_engine("startup", folder, &pairs, runs)?;
    let in_v8 = in_engine("startup", folder, &on_v8.collect::<Vec<_>>(), runs)?;
    println!("\n{:>14} {:>9} {:>9} {:>9} {:>8}", "", "plain", "wasmtime", "V8", "size");
    let mut rows = Vec::new();
    for (n, ((program, kind), [plain, hardened])) in programs.iter().zip(&modules).enumerate() {
        let milliseconds = number(&in_wasmtime[n], "milliseconds")?;
        let (wasmtime, v8) = (number(&in_wasmtime[n], "ratio")?, number(&in_v8[n], "ratio")?);
        let size = size(Path::new(hardened))? as f64 / size(Path::new(plain))? as f64;
        let percent = (size - 1.0) * 100.0;
        println!("{:>14} {milliseconds:>6.0} ms {wasmtime:>9.3} {v8:>9.3} {percent:>+7.2}%", program.name);
        rows.push(Row { name: program.name, kind: *kind, wasmtime, v8, size });
    }
    let mut gates = gates(&rows);
    if rows.iter().any(|row| row.kind == Kind::Kernel) {
        flag(folder, &pairs)?;
    }
    let name = "hardening and checking over Cranelift's time".to_string();
    let value = worst(&ratios(&in_engine("determinism", folder, &pairs, runs)?)?);
    gates.push(Gate { name, value, limit: 0.1, unit: "x" });
    Ok(gates)
}

/// As a build makes it at -O3, but not hardened; and that hardened.
fn build(machine: &Machine, program: &Program, folder: &Path) -> Result<[String; 2]> {
    let [plain, hardened] = ["plain", "hardened"].map(|kind| folder.join(format!("{}.{kind}.wasm", program.name)));
    let mut command = Command::new(&machine.wbuild);
    command.args(["-O3", "--no-deterministic"]).args(&program.flags).args(&program.wasi_flags).args(&program.sources);
    shell::output(alone(command.arg("-o").arg(&plain)))?;
    shell::output(Command::new(&machine.wbuild).arg("harden").arg(&plain).arg("-o").arg(&hardened))?;
    Ok([plain, hardened].map(|file| file.display().to_string()))
}

/// Prints what wasmtime's own way costs the kernels. It is no gate, and slow: one run is enough.
fn flag(folder: &Path, pairs: &[Value]) -> Result<()> {
    let kernels = pairs.iter().filter(|pair| pair["kernel"] == true);
    let canonical = |pair: &Value| {
        let plain = &pair["theirs"];
        json!({ "name": pair["name"], "ours": plain, "theirs": plain, "canonical": true, "args": pair["args"] })
    };
    let pairs: Vec<Value> = kernels.map(canonical).collect();
    let ratios = ratios(&in_engine("startup", folder, &pairs, 1)?)?;
    println!("{} kernels; wasmtime's own flag: {:.2}x, worst {:.2}x", ratios.len(), mean(&ratios), worst(&ratios));
    Ok(())
}

fn gates(rows: &[Row]) -> Vec<Gate> {
    let gate = |name: String, value: f64, limit: f64, unit: &'static str| Gate { name, value, limit, unit };
    let percent = |size: f64| (size - 1.0) * 100.0;
    let mut gates = Vec::new();
    let kernels: Vec<&Row> = rows.iter().filter(|row| row.kind == Kind::Kernel).collect();
    if !kernels.is_empty() {
        let of = |value: fn(&Row) -> f64| -> Vec<f64> { kernels.iter().map(|row| value(row)).collect() };
        for (engine, ratios) in [("wasmtime", of(|row| row.wasmtime)), ("V8", of(|row| row.v8))] {
            gates.push(gate(format!("hardened kernels on {engine}: time, geometric mean"), mean(&ratios), 1.10, "x"));
            gates.push(gate(format!("hardened kernels on {engine}: time, worst"), worst(&ratios), 1.4, "x"));
        }
        let sizes = of(|row| row.size);
        println!("kernels' size: worst {:+.2} %", percent(worst(&sizes)));
        gates.push(gate("hardened kernels: size".to_string(), percent(mean(&sizes)), 8.0, "%"));
    }
    for row in rows.iter().filter(|row| row.kind == Kind::Program) {
        gates.push(gate(format!("hardened {} on wasmtime: time", row.name), row.wasmtime, 1.01, "x"));
        gates.push(gate(format!("hardened {} on V8: time", row.name), row.v8, 1.01, "x"));
        gates.push(gate(format!("hardened {}: size", row.name), percent(row.size), 0.5, "%"));
    }
    gates
}
