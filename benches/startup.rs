//! How long programs take from an instance's making to the end of main, compiled before: ours and somebody else's in
//! turns. `cargo xtask bench --only snapshots,speed` names the modules in the file WBUILD_MODULES, and reads what is written
//! to WBUILD_ANSWER.

use std::time::Instant;

use serde_json::{Value, json};
use wbuild_proof::second::{self, Compiler, Subject};

/// Milliseconds that a sample takes at least: a start takes microseconds, and the machine has other work.
const SAMPLE: f64 = 20.0;

fn main() {
    if let Err(e) = bench() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn bench() -> Result<(), String> {
    let Some(list) = std::env::var_os("WBUILD_MODULES") else {
        println!("cargo xtask bench --only snapshots,speed says what to measure");
        return Ok(());
    };
    let runs: usize = std::env::var("WBUILD_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    let text = std::fs::read_to_string(list).map_err(|e| e.to_string())?;
    let pairs: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    println!("\n{:>14} {:>10} {:>10} {:>8}", "start to end", "wbuild", "theirs", "ratio");
    let mut answers = Vec::new();
    for pair in &pairs {
        let [ours, theirs] = measure(pair, runs)?;
        let name = pair["name"].as_str().unwrap_or_default();
        println!("{name:>14} {:>7.1} us {:>7.1} us {:>8.3}", ours * 1000.0, theirs * 1000.0, ours / theirs);
        answers.push(json!({ "name": name, "ratio": ours / theirs }));
    }
    if let Some(file) = std::env::var_os("WBUILD_ANSWER") {
        std::fs::write(file, Value::from(answers).to_string()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Milliseconds of both.
fn measure(pair: &Value, runs: usize) -> Result<[f64; 2], String> {
    let engine = second::engine(Compiler::Cranelift, false)?;
    let subject = |side: &str| {
        let file = pair[side].as_str().unwrap_or_default();
        let bytes = std::fs::read(file).map_err(|e| format!("cannot read {file}: {e}"))?;
        Subject::new(&engine, &bytes, false)
    };
    let subjects = [subject("ours")?, subject("theirs")?];
    let name = pair["name"].as_str().unwrap_or_default();
    let mut args = vec![name];
    args.extend(pair["args"].as_array().into_iter().flatten().filter_map(Value::as_str));
    let once = |subject: &Subject| -> Result<(f64, Vec<u8>), String> {
        let begin = Instant::now();
        let (_, output) = subject.time_program(&args)?;
        Ok((begin.elapsed().as_secs_f64() * 1000.0, output))
    };
    let first = [once(&subjects[0])?, once(&subjects[1])?];
    if first[0].1 != first[1].1 {
        return Err(format!("{name}: the two modules print different things"));
    }
    let again = (SAMPLE / once(&subjects[0])?.0).ceil().clamp(1.0, 1000.0) as usize;
    // What is short is measured more often.
    let runs = if again > 1 { runs * 3 } else { runs };
    let mut times = [const { Vec::new() }; 2];
    for run in 0..runs {
        for side in [run % 2, 1 - run % 2] {
            let mut sum = 0.0;
            for _ in 0..again {
                sum += once(&subjects[side])?.0;
            }
            times[side].push(sum / again as f64);
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}
