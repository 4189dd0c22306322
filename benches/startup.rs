//! How long programs take from an instance's making to the end of main, compiled before: ours and somebody else's in
//! turns. Beside it how many instructions of wasm they run, which no noise changes. `cargo xtask bench --only
//! snapshots,speed` names the modules in the file WBUILD_MODULES, and reads what is written to WBUILD_ANSWER.
//!
//! Each run is a process of its own, which compiles both modules anew: where code and data come to lie makes some hundredths,
//! and within a process it stays so (Mytkowicz, Diwan, Hauswirth and Sweeney, "Producing wrong data without doing anything
//! obviously wrong!", 2009). What is told is the median of the runs' ratios.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use wbuild_proof::second::{self, Compiler, Subject};

/// Milliseconds for which a program is started again and again in each run, as one start may take microseconds.
const SAMPLE: f64 = 60.0;

/// What tells a process of ours that it is a run: the pair, and the run's number.
const RUN: &str = "WBUILD_RUN";

fn main() {
    if let Err(e) = std::env::var(RUN).map_or_else(|_| bench(), |what| run(&what)) {
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
        let times = (0..runs).map(|run| measure(pair, run)).collect::<Result<Vec<_>, _>>()?;
        let of = |side: fn(&[f64; 2]) -> f64| median(times.iter().map(side).collect());
        let (ours, theirs, ratio) = (of(|run| run[0]), of(|run| run[1]), of(|run| run[0] / run[1]));
        let [own, other] = count(pair)?;
        let name = pair["name"].as_str().unwrap_or_default();
        let counts = own as f64 / other as f64;
        println!("{name:>14} {:>7.1} us {:>7.1} us {ratio:>8.3} {counts:>13.6}", ours * 1000.0, theirs * 1000.0);
        answers.push(json!({ "name": name, "ratio": ratio }));
    }
    if let Some(file) = std::env::var_os("WBUILD_ANSWER") {
        std::fs::write(file, Value::from(answers).to_string()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

const SIDES: [&str; 2] = ["ours", "theirs"];

/// Both modules, compiled in this order, to count instructions or not.
fn subjects(pair: &Value, sides: [&str; 2], counting: bool) -> Result<[Subject; 2], String> {
    let engine = second::engine(Compiler::Cranelift, counting)?;
    let subject = |side: &str| {
        let file = pair[side].as_str().unwrap_or_default();
        let bytes = std::fs::read(file).map_err(|e| format!("cannot read {file}: {e}"))?;
        Subject::new(&engine, &bytes, false)
    };
    Ok([subject(sides[0])?, subject(sides[1])?])
}

/// The program's name and its arguments.
fn args(pair: &Value) -> Vec<&str> {
    let more = pair["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
    [pair["name"].as_str().unwrap_or_default()].into_iter().chain(more).collect()
}

/// The instructions of both.
fn count(pair: &Value) -> Result<[u64; 2], String> {
    let [ours, theirs] = subjects(pair, SIDES, true)?;
    Ok([ours.count_program(&args(pair))?, theirs.count_program(&args(pair))?])
}

/// Milliseconds of both in one run.
fn measure(pair: &Value, run: usize) -> Result<[f64; 2], String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let answer = Command::new(program).env(RUN, json!([pair, run]).to_string()).output().map_err(|e| e.to_string())?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).trim().to_string());
    }
    serde_json::from_slice(&answer.stdout).map_err(|e| e.to_string())
}

/// One run: measures, and prints the milliseconds of both.
fn run(what: &str) -> Result<(), String> {
    let (pair, run): (Value, usize) = serde_json::from_str(what).map_err(|e| e.to_string())?;
    let args = args(&pair);
    let once = |subject: &Subject| -> Result<(f64, Vec<u8>), String> {
        let begin = Instant::now();
        let (_, output) = subject.time_program(&args)?;
        Ok((begin.elapsed().as_secs_f64() * 1000.0, output))
    };
    // What is compiled first may lie better.
    let turned = run % 2 == 1;
    let subjects = subjects(&pair, if turned { [SIDES[1], SIDES[0]] } else { SIDES }, false)?;
    let first = [once(&subjects[0])?, once(&subjects[1])?];
    if first[0].1 != first[1].1 {
        return Err(format!("{}: the two modules print different things", args[0]));
    }
    // What is short is measured more often, and each time by itself: the median leaves out what others do meanwhile.
    let again = (SAMPLE / once(&subjects[0])?.0).ceil().clamp(1.0, 1000.0) as usize;
    let mut times = [const { Vec::new() }; 2];
    for start in 0..again {
        for side in [start % 2, 1 - start % 2] {
            times[side].push(once(&subjects[side])?.0);
        }
    }
    let [first, second] = times.map(median);
    println!("{}", if turned { json!([second, first]) } else { json!([first, second]) });
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
