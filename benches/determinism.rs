//! How long hardening and checking take, over the time in which Cranelift compiles what comes out. `cargo xtask bench --only
//! determinism` names the modules in the file WBUILD_MODULES, and reads what is written to WBUILD_ANSWER.

use std::time::Instant;

use serde_json::{Value, json};
use wbuild_passes::{harden, harden_and_check};
use wbuild_proof::second::{self, Compiler, Subject};
use xtask::measure::median;

fn main() {
    if let Err(e) = bench() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn bench() -> Result<(), String> {
    let Some(list) = std::env::var_os("WBUILD_MODULES") else {
        println!("cargo xtask bench --only determinism says what to measure");
        return Ok(());
    };
    let runs = std::env::var("WBUILD_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    let text = std::fs::read_to_string(list).map_err(|e| e.to_string())?;
    let modules: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let shares: Vec<Value> = shares(&modules, runs)?.iter().map(|share| json!({ "ratio": share })).collect();
    if let Some(file) = std::env::var_os("WBUILD_ANSWER") {
        std::fs::write(file, Value::from(shares).to_string()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Hardening a module and checking the result as a build does it, over compiling that result with one thread: of each
/// program, and of the kernels together.
fn shares(modules: &[Value], runs: usize) -> Result<Vec<f64>, String> {
    let engine = second::engine(Compiler::Cranelift, false)?;
    let (mut kernels, mut shares) = ([0.0; 2], Vec::new());
    println!("\n{:>14} {:>10} {:>10}", "", "hardening", "Cranelift");
    for module in modules {
        let name = module["name"].as_str().unwrap_or_default();
        let file = module["theirs"].as_str().unwrap_or_default();
        let plain = std::fs::read(file).map_err(|e| format!("cannot read {file}: {e}"))?;
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..runs {
            let start = Instant::now();
            let proved = harden_and_check(&plain, &harden::Options::default()).map_err(|e| e.to_string())?;
            let done = Instant::now();
            Subject::new(&engine, &proved.module, false)?;
            for (times, time) in times.iter_mut().zip([done - start, done.elapsed()]) {
                times.push(time.as_secs_f64() * 1000.0);
            }
        }
        let times = times.map(median);
        if module["kernel"] == true {
            kernels.iter_mut().zip(times).for_each(|(sum, time)| *sum += time);
        } else {
            shares.push(show(name, times));
        }
    }
    if kernels[1] > 0.0 {
        shares.push(show("kernels", kernels));
    }
    Ok(shares)
}

fn show(name: &str, [hardening, compiling]: [f64; 2]) -> f64 {
    println!("{name:>14} {hardening:>7.1} ms {compiling:>7.1} ms");
    hardening / compiling
}
