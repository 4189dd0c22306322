//! How long programs take from an instance's making to the end of main, compiled before: ours and somebody else's in
//! turns. Beside it how many instructions of wasm they run, which no noise changes. `cargo xtask bench --only
//! snapshots,speed` names the modules in the file WBUILD_MODULES, and reads what is written to WBUILD_ANSWER.

use std::time::Instant;

use serde_json::{Value, json};
use wbuild_proof::second::{self, Compiler, Subject};

/// Milliseconds for which a program is started again and again in each run, as one start may take microseconds.
const SAMPLE: f64 = 60.0;

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
    println!("\n{:>14} {:>10} {:>10} {:>8} {:>13}", "start to end", "wbuild", "theirs", "ratio", "instructions");
    let mut answers = Vec::new();
    for pair in &pairs {
        let [ours, theirs] = measure(pair, runs)?;
        let [own, other] = count(pair)?;
        let name = pair["name"].as_str().unwrap_or_default();
        let (times, counts) = (ours / theirs, own as f64 / other as f64);
        println!("{name:>14} {:>7.1} us {:>7.1} us {times:>8.3} {counts:>13.6}", ours * 1000.0, theirs * 1000.0);
        answers.push(json!({ "name": name, "ratio": times }));
    }
    if let Some(file) = std::env::var_os("WBUILD_ANSWER") {
        std::fs::write(file, Value::from(answers).to_string()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Both modules, compiled to count instructions or not.
fn subjects(pair: &Value, counting: bool) -> Result<[Subject; 2], String> {
    let engine = second::engine(Compiler::Cranelift, counting)?;
    let subject = |side: &str| {
        let file = pair[side].as_str().unwrap_or_default();
        let bytes = std::fs::read(file).map_err(|e| format!("cannot read {file}: {e}"))?;
        Subject::new(&engine, &bytes, false)
    };
    Ok([subject("ours")?, subject("theirs")?])
}

/// The program's name and its arguments.
fn args(pair: &Value) -> Vec<&str> {
    let more = pair["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
    [pair["name"].as_str().unwrap_or_default()].into_iter().chain(more).collect()
}

/// The instructions of both.
fn count(pair: &Value) -> Result<[u64; 2], String> {
    let [ours, theirs] = subjects(pair, true)?;
    Ok([ours.count_program(&args(pair))?, theirs.count_program(&args(pair))?])
}

/// Milliseconds of both. They are compiled anew for each run, since where code and data come to lie makes some hundredths.
fn measure(pair: &Value, runs: usize) -> Result<[f64; 2], String> {
    let args = args(pair);
    let once = |subject: &Subject| -> Result<(f64, Vec<u8>), String> {
        let begin = Instant::now();
        let (_, output) = subject.time_program(&args)?;
        Ok((begin.elapsed().as_secs_f64() * 1000.0, output))
    };
    let mut times = [const { Vec::new() }; 2];
    for run in 0..runs {
        let subjects = subjects(pair, false)?;
        let first = [once(&subjects[0])?, once(&subjects[1])?];
        if first[0].1 != first[1].1 {
            return Err(format!("{}: the two modules print different things", args[0]));
        }
        // What is short is measured more often, and each time by itself: the median leaves out what others do meanwhile.
        let again = (SAMPLE / once(&subjects[0])?.0).ceil().clamp(1.0, 1000.0) as usize;
        let mut starts = [const { Vec::new() }; 2];
        for start in 0..again {
            for side in [(run + start) % 2, 1 - (run + start) % 2] {
                starts[side].push(once(&subjects[side])?.0);
            }
        }
        for (times, starts) in times.iter_mut().zip(starts) {
            times.push(median(starts));
        }
    }
    Ok(times.map(median))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
