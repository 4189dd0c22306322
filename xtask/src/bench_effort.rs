//! The effort's part of `cargo xtask bench`: time and memory of `wbuild opt` against those of the crate `wasm-opt` alone
//! at the same level, as its documentation runs it (`benches/wasm_opt.rs`).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use xtask::measure::{mean, median, worst};
use xtask::programs;
use xtask::shell::{self, Result};

use crate::bench::{Gate, size};
use crate::setup::{self, Machine};

/// A level, and how many times the crate's time may be taken.
const LEVELS: [(&str, f64); 2] = [("-O2", 1.0), ("-Oz", 1.5)];

/// How often memory is measured, which varies little.
const PEAKS: usize = 3;

/// Time and memory at both levels.
pub fn effort(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    setup::rust_library()?;
    shell::run(setup::cargo("build").args(["--workspace", "--example", "wasm_opt"]))?;
    let bench = Bench { machine, folder };
    let modules = bench.modules()?;
    let mut gates = Vec::new();
    for (level, limit) in LEVELS {
        println!("\n{level}: wbuild opt and the crate wasm-opt alone, medians of {runs}:");
        let (mut times, mut peaks) = (Vec::new(), Vec::new());
        for (name, module) in &modules {
            let [time, peak] = bench.measure(name, module, level, runs)?;
            times.push(time);
            peaks.push(peak);
        }
        let gate = |what: &str, value, limit| Gate {
            name: format!("opt {level}: {what} against the crate wasm-opt"),
            value,
            limit,
            unit: "x",
        };
        println!("{:>14} {:.3} times the time, {:.3} times the memory", "geometric mean", mean(&times), mean(&peaks));
        gates.push(gate("time", worst(&times), limit));
        gates.push(gate("peak memory", worst(&peaks), 1.5));
    }
    Ok(gates)
}

struct Bench<'a> {
    machine: &'a Machine,
    folder: &'a Path,
}

impl Bench<'_> {
    /// Programs as they were linked, not hardened.
    fn modules(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        let mut modules = Vec::new();
        for program in [programs::sqlite()?, programs::lua()?, programs::hello_cxx()] {
            let words = [&program.flags[..], &program.wasi_flags].concat();
            modules.push((
                program.name,
                self.link(program.name, |command| {
                    command.args(words).args(&program.sources);
                })?,
            ));
        }
        modules.push((
            "patterns",
            self.link("patterns", |command| {
                command.arg(shell::root().join("testdata/rust/projects/patterns"));
                command.env("CARGO_TARGET_DIR", self.machine.target.join("rust-projects/effort"));
                command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
            })?,
        ));
        Ok(modules)
    }

    fn link(&self, name: &str, source: impl FnOnce(&mut Command)) -> Result<PathBuf> {
        let out = self.folder.join(format!("{name}.effort.wasm"));
        let mut command = self.wbuild();
        source(&mut command);
        command.args(["-O2", "--binaryen=off", "--no-deterministic", "-o"]).arg(&out);
        shell::output(&mut command).map(|_| out)
    }

    fn wbuild(&self) -> Command {
        let mut command = Command::new(&self.machine.wbuild);
        command.current_dir(self.folder).env("WBUILD_NO_CACHE", "1");
        command
    }

    /// The ratios of time and of memory.
    fn measure(&self, name: &str, module: &Path, level: &str, runs: usize) -> Result<[f64; 2]> {
        let ours = || {
            let mut command = self.wbuild();
            command.args(["opt", level, "-o", "effort.ours.wasm"]).arg(module);
            command
        };
        let alone = || {
            let mut command = Command::new(self.machine.target.join("release/examples/wasm_opt"));
            command.current_dir(self.folder).arg(level).arg(module).arg("effort.alone.wasm");
            command
        };
        let contenders: [&dyn Fn() -> Command; 2] = [&ours, &alone];
        let (mut times, mut peaks) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
        for run in 0..=runs {
            for which in [run % 2, 1 - run % 2] {
                let start = Instant::now();
                shell::output(&mut contenders[which]())?;
                let time = start.elapsed().as_secs_f64() * 1000.0;
                // The first reads files that the others find in memory.
                if run > 0 {
                    times[which].push(time);
                }
                if (1..=PEAKS).contains(&run) {
                    peaks[which].push(peak(&mut contenders[which]())? / 1e6);
                }
            }
        }
        let ([ours, alone], [ours_peak, alone_peak]) = (times.map(median), peaks.map(median));
        println!(
            "{name:>14} {:>8} B   {ours:>7.1} ms {alone:>7.1} ms {:.3}   {ours_peak:>6.1} MB {alone_peak:>6.1} MB {:.3}",
            size(module)?,
            ours / alone,
            ours_peak / alone_peak
        );
        Ok([ours / alone, ours_peak / alone_peak])
    }
}

/// The most bytes that a command and its children held at a time. Pages that several share count once: the kernel gives
/// each process its share of them.
fn peak(command: &mut Command) -> Result<f64> {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn().map_err(|e| format!("cannot run {}: {e}", shell::line(command)))?;
    let mut peak = 0u64;
    loop {
        peak = peak.max(held(&child));
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) if status.success() => return Ok(peak as f64),
            Some(status) => return Err(format!("{} ({status})", shell::line(command))),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// What a process and its children hold. Whoever ends meanwhile holds nothing.
fn held(child: &Child) -> u64 {
    let mut open = vec![child.id()];
    let mut sum = 0;
    while let Some(process) = open.pop() {
        let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        sum += line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024;
        for thread in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    sum
}
