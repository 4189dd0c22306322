//! `cargo xtask bench`: the gates, as ratios within one run. Times are medians; the contenders take
//! turns, so that what else the machine does falls on all alike.
//!
//! "By hand" is what one would type without wbuild: clang with the same sysroot, which links, and
//! then Debian's own native `wasm-opt` on what came out, at the same level. emcc is Debian's too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use xtask::measure::median;
use xtask::programs;
use xtask::shell::{self, Result};

use crate::demo::report;
use crate::setup::{self, Machine, Program};
use crate::{
    bench_builds, bench_cache, bench_determinism, bench_effort, bench_optimizer, bench_rust, bench_snapshots,
    bench_speed,
};

const NEEDED: &[Program] = &[Program { name: "wasm-opt", package: "binaryen" }, setup::EMCC];

/// A number that must not be larger than its limit.
pub struct Gate {
    pub name: String,
    pub value: f64,
    pub limit: f64,
    pub unit: &'static str,
}

struct Settings {
    runs: usize,
    check: bool,
    only: Vec<String>,
}

/// Measures the gates and prints them. With `--check` a missed one is an error.
pub fn bench(words: &[OsString]) -> Result<()> {
    let settings = settings(words)?;
    let machine = setup::everything(setup::Extent::Programs)?;
    setup::packages(NEEDED)?;
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let wanted = |name: &str| settings.only.is_empty() || settings.only.iter().any(|only| only == name);
    let mut gates = Vec::new();
    if wanted("hello") {
        gates.extend(hello(&machine, folder.path(), settings.runs)?);
    }
    if wanted("cache") {
        gates.extend(bench_cache::cache(&machine, folder.path(), settings.runs)?);
    }
    if wanted("builds") {
        gates.extend(bench_builds::builds(&machine, folder.path(), settings.runs)?);
    }
    if wanted("sqlite") {
        gates.extend(sqlite(&machine, folder.path(), settings.runs)?);
    }
    if wanted("rust") {
        gates.extend(bench_rust::rust(&machine, folder.path(), settings.runs)?);
    }
    if wanted("determinism") {
        gates.extend(bench_determinism::determinism(&machine, folder.path(), settings.runs)?);
    }
    if wanted("snapshots") {
        gates.extend(bench_snapshots::snapshots(&machine, folder.path(), settings.runs)?);
    }
    if wanted("optimizer") {
        gates.extend(bench_optimizer::optimizer(&machine, folder.path())?);
    }
    if wanted("linked") {
        gates.extend(bench_optimizer::linked(&machine, folder.path())?);
    }
    if wanted("effort") {
        gates.extend(bench_effort::effort(&machine, folder.path(), settings.runs)?);
    }
    if wanted("speed") {
        gates.extend(bench_speed::speed(&machine, folder.path(), settings.runs)?);
    }
    println!("\n{:<62} {:>9} {:>9}", "gate", "measured", "limit");
    for gate in &gates {
        let verdict = if gate.value <= gate.limit { "ok" } else { "MISSED" };
        println!("{:<62} {:>7.3} {} {:>7.3} {}  {verdict}", gate.name, gate.value, gate.unit, gate.limit, gate.unit);
    }
    match gates.iter().filter(|gate| gate.value > gate.limit).count() {
        missed if missed > 0 && settings.check => Err(format!("{missed} of {} gates missed", gates.len())),
        _ => Ok(()),
    }
}

fn settings(words: &[OsString]) -> Result<Settings> {
    let mut settings = Settings { runs: 9, check: false, only: Vec::new() };
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match &*word {
            "--check" => settings.check = true,
            "--runs" => settings.runs = value()?.parse().map_err(|_| "--runs needs a number".to_string())?,
            "--only" => settings.only = value()?.split(',').map(str::to_string).collect(),
            _ => return Err(format!("bench does not know {word}; cargo xtask help")),
        }
    }
    if settings.runs < 7 {
        return Err("fewer than 7 runs have no median worth the name".to_string());
    }
    Ok(settings)
}

/// `wbuild hello.c -O3 --standalone` against clang and Binaryen by hand, and against emcc.
fn hello(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let by_hand = ByHand::new(machine, folder)?;
    let mut times = [const { Vec::new() }; 3];
    // The first of each is left out: it reads files that the others find in memory.
    for run in 0..=runs {
        let wbuild = || shell::output(&mut wbuild_hello(machine, folder)).map(drop);
        let emcc = || shell::output(&mut emcc_hello(folder)).map(drop);
        let by_hand = || by_hand.build(folder);
        let contenders: [&dyn Fn() -> Result<()>; 3] = [&wbuild, &by_hand, &emcc];
        for (times, contender) in times.iter_mut().zip(contenders) {
            let start = Instant::now();
            contender()?;
            if run > 0 {
                times.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
    let [wbuild, by_hand, emcc] = times.map(median);
    println!("\nhello.c at -O3, median of {runs}:");
    for (name, time, file) in
        [("wbuild", wbuild, "wbuild.wasm"), ("clang, wasm-opt", by_hand, "by-hand.wasm"), ("emcc", emcc, "emcc.wasm")]
    {
        println!("{name:>18} {time:>8.1} ms {:>8} B", size(&folder.join(file))?);
    }
    let ratio = |name: &str, value, limit| Gate { name: name.to_string(), value, limit, unit: "x" };
    Ok(vec![
        ratio("hello -O3: time against clang and Binaryen by hand", wbuild / by_hand, 1.3),
        ratio("hello -O3: time against emcc", wbuild / emcc, 0.6),
    ])
}

fn wbuild_hello(machine: &Machine, folder: &Path) -> Command {
    let mut command = Command::new(&machine.wbuild);
    command.args(["hello.c", "-O3", "--standalone", "-o", "wbuild.wasm"]).current_dir(folder);
    command
}

fn emcc_hello(folder: &Path) -> Command {
    let mut command = Command::new("emcc");
    command.args(["-O3", "-s", "STANDALONE_WASM", "hello.c", "-o", "emcc.wasm"]).current_dir(folder);
    command
}

/// clang and Binaryen without wbuild, on the toolchain that wbuild found.
pub struct ByHand {
    clang: PathBuf,
    sysroot: PathBuf,
    resources: PathBuf,
}

impl ByHand {
    pub fn new(machine: &Machine, folder: &Path) -> Result<ByHand> {
        let source = folder.join("hello.c");
        std::fs::copy(&programs::hello().sources[0], &source).map_err(|e| format!("cannot copy hello.c: {e}"))?;
        shell::output(wbuild_hello(machine, folder).args(["--json", "tools.json"]))?;
        let report = report(&folder.join("tools.json"))?;
        let (clang, sysroot) = (tool(&report, "clang")?, tool(&report, "sysroot")?);
        // clang's own headers, with the sysroot's libraries for the compiler beside them.
        let own = shell::output(Command::new(&clang).arg("-print-resource-dir"))?;
        let own = PathBuf::from(String::from_utf8_lossy(&own.stdout).trim());
        let resources = folder.join("resources");
        shell::output(Command::new("mkdir").arg("-p").arg(&resources))?;
        shell::output(Command::new("ln").arg("-sfn").arg(own.join("include")).arg(resources.join("include")))?;
        shell::output(Command::new("ln").arg("-sfn").arg(sysroot.join("lib")).arg(resources.join("lib")))?;
        Ok(ByHand { clang, sysroot, resources })
    }

    fn build(&self, folder: &Path) -> Result<()> {
        self.link(folder, &["hello.c".into()], "linked.wasm")?;
        let mut binaryen = Command::new("wasm-opt");
        binaryen.args(["-O3", "--strip-producers", "--strip-target-features", "linked.wasm", "-o", "by-hand.wasm"]);
        shell::output(binaryen.current_dir(folder)).map(drop)
    }

    /// clang at -O3, which links.
    pub fn link(&self, folder: &Path, words: &[OsString], out: &str) -> Result<()> {
        let mut clang = Command::new(&self.clang);
        clang.args(["--target=wasm32-wasip1", "-O3", "--no-wasm-opt", "-Wl,--strip-debug"]);
        clang.arg(format!("--sysroot={}", self.sysroot.display()));
        clang.arg(format!("-resource-dir={}", self.resources.display()));
        shell::output(clang.args(words).args(["-o", out]).current_dir(folder)).map(drop)
    }
}

/// How much of building SQLite is wbuild's own, in time and in memory.
fn sqlite(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let program = programs::sqlite()?;
    let (mut shares, mut memory, mut own_times) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = Value::Null;
    for _ in 0..runs {
        let mut command = Command::new(&machine.wbuild);
        command.args(["-O2", "-o", "sqlite.wasm", "--json", "sqlite.json"]).current_dir(folder);
        shell::output(command.args(&program.flags).args(&program.wasi_flags).args(&program.sources))?;
        let report = report(&folder.join("sqlite.json"))?;
        let whole = number(&report, "milliseconds")?;
        let stages = report["stages"].as_array().ok_or("the report has no stages")?;
        // The compiler's, the linker's and Binaryen's stages run as other processes. A stage of one of
        // several ways to link has that way's name in front.
        let others = ["compile ", "link", "binaryen "];
        let foreign =
            |name: &str| others.iter().any(|other| name.starts_with(other) || name.contains(&format!(": {other}")));
        let foreign: f64 = stages
            .iter()
            .filter(|stage| stage["name"].as_str().is_some_and(foreign))
            .filter_map(|stage| stage["milliseconds"].as_f64())
            .sum();
        shares.push((whole - foreign) / whole * 100.0);
        own_times.push(whole - foreign);
        memory.push(number(&report, "peak_memory")? / number(&report, "size")?);
        last = report;
    }
    println!("\nSQLite at -O2, median of {runs}: {:.0} ms of wbuild's own; the last run:", median(own_times));
    println!(
        "{:>10.0} ms, {} B, wbuild's own peak {} B",
        number(&last, "milliseconds")?,
        last["size"],
        last["peak_memory"]
    );
    for stage in last["stages"].as_array().into_iter().flatten() {
        println!("{:>10.1} ms  {}", number(stage, "milliseconds")?, stage["name"].as_str().unwrap_or_default());
    }
    Ok(vec![
        Gate { name: "SQLite -O2: wbuild's own part of the time".into(), value: median(shares), limit: 5.0, unit: "%" },
        Gate {
            name: "SQLite -O2: wbuild's own peak memory over the module's size".into(),
            value: median(memory),
            limit: 20.0,
            unit: "x",
        },
    ])
}

/// Where a tool is, as a report has it.
pub fn tool(report: &Value, name: &str) -> Result<PathBuf> {
    let tools = report["tools"].as_array().into_iter().flatten();
    let tool = tools.filter(|tool| tool["name"] == name).find_map(|tool| tool["path"].as_str());
    tool.map(PathBuf::from).ok_or_else(|| format!("wbuild's report names no {name}"))
}

/// A field of a report.
pub fn number(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().ok_or_else(|| format!("the report has no number {name}"))
}

/// Bytes of a file.
pub fn size(path: &Path) -> Result<u64> {
    std::fs::metadata(path).map(|meta| meta.len()).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// What a benchmark of the package `wbuild` says of modules, where the engine and the passes are needed: `modules` is what it
/// takes, a list of objects.
pub fn in_engine(bench: &str, folder: &Path, modules: &[Value], runs: usize) -> Result<Vec<Value>> {
    let (list, answer) = (folder.join("modules.json"), folder.join("answer.json"));
    std::fs::write(&list, Value::from(modules).to_string()).map_err(|e| e.to_string())?;
    // `cargo bench` is always a release build, and knows no `--release`.
    let mut cargo = Command::new(setup::cargo_path());
    cargo.args(["bench", "--workspace", "--bench", bench]).current_dir(shell::root());
    cargo.env("WBUILD_MODULES", &list).env("WBUILD_ANSWER", &answer).env("WBUILD_RUNS", runs.to_string());
    shell::run(&mut cargo)?;
    let text = std::fs::read_to_string(&answer).map_err(|e| format!("cannot read the answer: {e}"))?;
    serde_json::from_str(&text).map_err(|e| format!("cannot read the answer: {e}"))
}

/// The ratios among such answers.
pub fn ratios(answers: &[Value]) -> Result<Vec<f64>> {
    answers.iter().map(|answer| number(answer, "ratio")).collect()
}
