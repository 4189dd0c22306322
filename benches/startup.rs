//! How long programs take from an instance's making to the end of main, compiled before: ours and somebody else's in
//! turns. Beside it how many instructions of wasm they run, which no noise changes. `cargo xtask bench --only
//! snapshots,speed,determinism` names the modules in the file WBUILD_MODULES, and reads what is written to WBUILD_ANSWER.
//!
//! Each run is a process of its own, which compiles all modules anew: where code and data come to lie makes some hundredths,
//! and within a process it stays so (Mytkowicz, Diwan, Hauswirth and Sweeney, "Producing wrong data without doing anything
//! obviously wrong!", 2009). A pair may ask for `more` times as many. What is told is the median of the runs' ratios, and
//! beside it what somebody else's module takes against itself, which would be 1 if nothing disturbed.
//!
//! A pair that asks for `layouts` has the code of its modules elsewhere in each run but the first (see `wbuild_proof::scatter`),
//! somebody else's second time in yet another place. Then the ratio is the geometric mean of all runs', with its standard error.
//!
//! A pair that asks for `v8` runs in Node, or in that which WBUILD_NODE names, on `testdata/measure.mjs`.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use wbuild_proof::scatter;
use wbuild_proof::second::{self, Compiler, Subject};
use xtask::measure::{mean, median, standard_error};

/// Milliseconds for which a program is started again and again in each run, as one start may take microseconds.
const SAMPLE: f64 = 100.0;

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
        println!("cargo xtask bench --only snapshots,speed,determinism says what to measure");
        return Ok(());
    };
    let runs: usize = std::env::var("WBUILD_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    let text = std::fs::read_to_string(list).map_err(|e| e.to_string())?;
    let pairs: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    println!(
        "\n{:>18} {:>10} {:>10} {:>8} {:>7} {:>8} {:>8} {:>13}",
        "start to end", "wbuild", "theirs", "ratio", "+-", "as it is", "itself", "instructions"
    );
    let mut answers = Vec::new();
    for pair in &pairs {
        let runs = runs * pair["more"].as_u64().unwrap_or(1) as usize;
        let times = (0..runs).map(|run| measure(pair, run)).collect::<Result<Vec<_>, _>>()?;
        let each = |what: fn(&[f64; 3]) -> f64| -> Vec<f64> { times.iter().map(what).collect() };
        let middle = if pair["layouts"] == true { |ratios: Vec<f64>| mean(&ratios) } else { median };
        let (ours, theirs) = (median(each(|run| run[0])), median(each(|run| run[1])));
        let ratios = each(|run| run[0] / run[1]);
        let (as_it_is, error) = (ratios[0], standard_error(&ratios));
        let (ratio, itself) = (middle(ratios), middle(each(|run| run[2] / run[1])));
        let name = pair["name"].as_str().unwrap_or_default();
        print!(
            "{name:>18} {:>7.1} us {:>7.1} us {ratio:>8.3} {error:>7.3} {as_it_is:>8.3} {itself:>8.3}",
            ours * 1000.0,
            theirs * 1000.0
        );
        match pair["v8"] == true {
            true => println!("{:>14}", "V8"),
            false => println!(" {:>13.6}", count(pair, 0)? as f64 / count(pair, 1)? as f64),
        }
        answers.push(json!({ "name": name, "milliseconds": theirs, "ratio": ratio }));
    }
    if let Some(file) = std::env::var_os("WBUILD_ANSWER") {
        std::fs::write(file, Value::from(answers).to_string()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// What takes turns in a run.
const SIDES: [&str; 3] = ["ours", "theirs", "theirs"];

/// The bytes of a side's module, as a run has them: what both modules have in common lies alike.
fn module(pair: &Value, side: usize, run: usize) -> Result<Vec<u8>, String> {
    let file = pair[SIDES[side]].as_str().unwrap_or_default();
    let bytes = std::fs::read(file).map_err(|e| format!("cannot read {file}: {e}"))?;
    if pair["layouts"] == true && run > 0 {
        return scatter(&bytes, (2 * run + side / 2) as u64).map_err(|e| format!("{file}: {e}"));
    }
    Ok(bytes)
}

/// A side's module, compiled to count instructions or not. Where the pair asks for `canonical`, the engine makes the NaNs of
/// ours so.
fn subject(pair: &Value, side: usize, run: usize, counting: bool) -> Result<Subject, String> {
    let compiler = match SIDES[side] == "ours" && pair["canonical"] == true {
        true => Compiler::OptimizedCanonical,
        false => Compiler::Cranelift,
    };
    Subject::new(&second::engine(compiler, counting)?, &module(pair, side, run)?, false)
}

/// The program's name and its arguments.
fn args(pair: &Value) -> Vec<&str> {
    let more = pair["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
    [pair["name"].as_str().unwrap_or_default()].into_iter().chain(more).collect()
}

fn count(pair: &Value, side: usize) -> Result<u64, String> {
    subject(pair, side, 0, true)?.count_program(&args(pair))
}

/// The milliseconds of all sides in one run.
fn measure(pair: &Value, run: usize) -> Result<[f64; 3], String> {
    if pair["v8"] == true {
        return in_node(pair, run);
    }
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    answer(Command::new(program).env(RUN, json!([pair, run]).to_string()))
}

/// The same, of a run in V8.
fn in_node(pair: &Value, run: usize) -> Result<[f64; 3], String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    for side in 0..SIDES.len() {
        let file = folder.path().join(format!("{side}.wasm"));
        std::fs::write(file, module(pair, side, run)?).map_err(|e| e.to_string())?;
    }
    let mut node = Command::new(std::env::var_os("WBUILD_NODE").unwrap_or("node".into()));
    // Optimized from the start: what a long run settles on.
    node.args(["--no-liftoff", "--no-wasm-lazy-compilation"]);
    node.arg(xtask::shell::root().join("testdata/measure.mjs")).arg(folder.path());
    answer(node.arg(run.to_string()).args(args(pair)))
}

/// The milliseconds that a run's process prints.
fn answer(command: &mut Command) -> Result<[f64; 3], String> {
    let answer = command.output().map_err(|e| format!("cannot run {:?}: {e}", command.get_program()))?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).trim().to_string());
    }
    serde_json::from_slice(&answer.stdout).map_err(|e| e.to_string())
}

/// One run: measures, and prints the milliseconds.
fn run(what: &str) -> Result<(), String> {
    let (pair, run): (Value, usize) = serde_json::from_str(what).map_err(|e| e.to_string())?;
    let args = args(&pair);
    // What is compiled first may lie better.
    let mut subjects = Vec::new();
    for side in turns(run) {
        subjects.push((side, subject(&pair, side, run, false)?));
    }
    subjects.sort_by_key(|(side, _)| *side);
    let once = |side: usize| -> Result<(f64, Vec<u8>), String> {
        let begin = Instant::now();
        let (_, output) = subjects[side].1.time_program(&args)?;
        Ok((begin.elapsed().as_secs_f64() * 1000.0, output))
    };
    if once(0)?.1 != once(1)?.1 {
        return Err(format!("{}: the two modules print different things", args[0]));
    }
    // What is short is measured more often, and each time by itself: the median leaves out what others do meanwhile.
    let again = (SAMPLE / once(0)?.0).ceil().clamp(1.0, 1000.0) as usize;
    let mut times = [const { Vec::new() }; 3];
    for start in 0..again {
        for side in turns(start) {
            times[side].push(once(side)?.0);
        }
    }
    println!("{}", json!(times.map(median)));
    Ok(())
}

/// The sides in the order of a turn, each of them first now and then.
fn turns(turn: usize) -> [usize; 3] {
    std::array::from_fn(|at| (turn + at) % 3)
}
