//! The snapshots' part of `cargo xtask bench`: `wbuild preinit` against wizer 10 with its code cache cold, the size of
//! what comes out of the whole pipeline against wizer followed by npm's Binaryen, and the time to the first output.
//! Both sides get the same linked modules, which do what wizer's own header asks for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use xtask::initialized::{self, Initialized};
use xtask::measure::{mean, median, worst};
use xtask::shell::{self, Result};

use crate::bench::{Gate, in_engine, ratios, size};
use crate::bench_rust::binaryen;
use crate::setup::{self, Machine};

const WIZER: &str = "10.0.0";

/// A linked module, and what both sides are told about it.
struct Subject {
    name: &'static str,
    module: PathBuf,
    /// For `wbuild preinit`.
    command: Vec<&'static str>,
    /// For a build.
    build: Vec<&'static str>,
    wizer: Vec<&'static str>,
    args: Vec<String>,
}

/// Everything that is measured, in one folder.
struct Bench<'a> {
    machine: &'a Machine,
    folder: &'a Path,
    wizer: PathBuf,
    runs: usize,
}

pub fn snapshots(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    setup::rust_library()?;
    let bench = Bench { machine, folder, wizer: wizer(machine)?, runs };
    let programs = bench.programs()?;
    let mut gates = bench.times(&programs)?;
    gates.extend(bench.sizes(&programs)?);
    gates.push(bench.startup(&programs)?);
    Ok(gates)
}

/// Installs the tool once.
fn wizer(machine: &Machine) -> Result<PathBuf> {
    let root = machine.target.join("bench-wizer");
    let tool = root.join("bin/wizer");
    if !tool.exists() {
        println!("installing wizer {WIZER}, which takes some minutes");
        let mut cargo = Command::new(setup::cargo_path());
        cargo.args(["install", "wizer", "--version", WIZER, "--locked", "--features", "env_logger,structopt"]);
        shell::run(cargo.arg("--root").arg(&root).env("CARGO_TARGET_DIR", root.join("target")))?;
    }
    Ok(tool)
}

impl Bench<'_> {
    fn wbuild(&self) -> Command {
        let mut command = Command::new(&self.machine.wbuild);
        command.current_dir(self.folder);
        command
    }

    /// The real programs.
    fn programs(&self) -> Result<Vec<Subject>> {
        let all = [initialized::sqlite()?, initialized::lua()?, initialized::constructors(), initialized::dictionary()];
        let mut subjects = all.iter().map(|program| self.link(program, "-Oz")).collect::<Result<Vec<_>>>()?;
        let project = shell::root().join("testdata/rust/projects/patterns");
        let mut command = self.wbuild();
        command.arg(project).args([
            "-Oz",
            "-g1",
            "--binaryen=off",
            "--no-deterministic",
            "-o",
            "patterns.wasm",
            "--optimize-for=compressed",
        ]);
        command.env("CARGO_TARGET_DIR", self.machine.target.join("rust-projects/preinit"));
        shell::output(command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN"))?;
        subjects.push(Subject {
            name: "patterns",
            module: self.folder.join("patterns.wasm"),
            command: Vec::new(),
            build: Vec::new(),
            // Rust's `_start` calls constructors, of which there are none but the C library's.
            wizer: vec!["-f", "wbuild_preinit"],
            args: Vec::new(),
        });
        Ok(subjects)
    }

    fn link(&self, program: &Initialized, level: &str) -> Result<Subject> {
        let name = program.program.name;
        program.program.place_files(self.folder)?;
        let module = self.folder.join(format!("{name}.wasm"));
        program.link(self.wbuild().arg("-o").arg(&module), level)?;
        let rename = "_start=wizer.resume";
        let build = program.preinit.iter().skip(1).copied().chain(["--preinit-rename", rename]).collect();
        let command = program.command.iter().copied().chain(["--rename", rename]).collect();
        let wizer = program.wizer.iter().copied().chain(["-r", rename]).collect();
        Ok(Subject { name, module, command, build, wizer, args: program.program.args.clone() })
    }

    /// `wbuild preinit` and wizer in turns.
    fn times(&self, programs: &[Subject]) -> Result<Vec<Gate>> {
        let mut large = initialized::counting();
        let counting = self.link(&large, "-O2")?;
        let source = self.folder.join("large.c");
        std::fs::write(&source, initialized::large_source()).map_err(|e| format!("cannot write large.c: {e}"))?;
        let headers = shell::root().join("testdata/preinit");
        large.program.name = "large";
        large.program.sources = vec![source];
        large.program.flags = vec![format!("-I{}", headers.display())];
        let large = self.link(&large, "-O0")?;
        let least = 5_000_000;
        if size(&large.module)? < least {
            return Err(format!("the large module has only {} bytes", size(&large.module)?));
        }
        let sqlite = programs.iter().find(|subject| subject.name == "sqlite").ok_or("SQLite is not there")?;
        let cases = [
            ("SQLite with 20,000 rows inserted", sqlite, 0.3),
            ("5 MB, a short initialization", &large, 0.05),
            ("10^9 instructions", &counting, 1.05),
        ];
        println!("\nwbuild preinit against wizer {WIZER} with its code cache cold, median of {}:", self.runs);
        let mut gates = Vec::new();
        for (name, subject, limit) in cases {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for run in 0..=self.runs {
                let times = [self.preinit(subject)?, self.run_wizer(subject)?];
                // The first reads files that the others find in memory.
                if run > 0 {
                    ours.push(times[0]);
                    theirs.push(times[1]);
                }
            }
            self.same_output(subject)?;
            let (ours, theirs) = (median(ours), median(theirs));
            let bytes = size(&subject.module)?;
            println!("{name:>34} ({bytes:>9} B) wbuild {ours:>8.1} ms, wizer {theirs:>8.1} ms, {:.3}", ours / theirs);
            gates.push(Gate {
                name: format!("preinit, {name}: time against wizer"),
                value: ours / theirs,
                limit,
                unit: "x",
            });
        }
        Ok(gates)
    }

    fn preinit(&self, subject: &Subject) -> Result<f64> {
        let mut command = self.wbuild();
        command.args(["preinit", "--quiet", "-o", "ours.wasm"]).args(&subject.command).arg(&subject.module);
        timed(&mut command)
    }

    /// wizer keeps compiled code below XDG_CACHE_HOME, so that is an empty folder each time.
    fn run_wizer(&self, subject: &Subject) -> Result<f64> {
        let cache = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut command = Command::new(&self.wizer);
        // Its options take as many words as follow.
        command.arg(&subject.module).args(["--allow-wasi", "-o", "theirs.wasm"]).args(&subject.wizer);
        command.current_dir(self.folder).env("XDG_CACHE_HOME", cache.path()).env("HOME", cache.path());
        timed(&mut command)
    }

    /// What is compared does the same, or the comparison means nothing.
    fn same_output(&self, subject: &Subject) -> Result<()> {
        let printed = |module: &str| {
            let run = shell::output(self.wbuild().args(["run", module]).args(&subject.args))?;
            Ok::<_, String>(run.stdout)
        };
        match printed("ours.wasm")? == printed("theirs.wasm")? {
            true => Ok(()),
            false => Err(format!("{}: wbuild's snapshot and wizer's print different things", subject.name)),
        }
    }

    /// The whole pipeline against wizer and Binaryen, by size and compressed.
    fn sizes(&self, programs: &[Subject]) -> Result<Vec<Gate>> {
        println!("\nbytes after the whole pipeline, wbuild's and wizer's with Binaryen, -Oz; compressed by gzip -9:");
        let (mut raw, mut compressed) = (Vec::new(), Vec::new());
        for subject in programs {
            self.run_wizer(subject)?;
            let theirs = self.folder.join(format!("{}.theirs.wasm", subject.name));
            let mut optimize = binaryen(self.machine, "-Oz")?;
            optimize.args(["--strip-debug", "--strip-producers", "--strip-target-features", "theirs.wasm", "-o"]);
            shell::output(optimize.arg(&theirs).current_dir(self.folder))?;
            let packed = gzip(&theirs)?;
            let ours = |suffix: &str, more: &[&str]| -> Result<PathBuf> {
                let out = self.folder.join(format!("{}.{suffix}.wasm", subject.name));
                let mut command = self.wbuild();
                command.arg(&subject.module).args(["-Oz", "--no-deterministic"]).args(&subject.build).args(more);
                shell::output(command.args(["--preinit", "-o"]).arg(&out))?;
                Ok(out)
            };
            let (small, dense) = (ours("ours", &[])?, ours("dense", &["--optimize-for=compressed"])?);
            for module in [&small, &dense] {
                shell::output(Command::new("cp").arg(module).arg(self.folder.join("ours.wasm")))?;
                shell::output(Command::new("cp").arg(&theirs).arg(self.folder.join("theirs.wasm")))?;
                self.same_output(subject)?;
            }
            let sizes = [size(&small)? as f64, size(&theirs)? as f64];
            let dense = gzip(&dense)?;
            raw.push(sizes[0] / sizes[1]);
            compressed.push(dense as f64 / packed as f64);
            println!(
                "{:>14} {:>9} {:>9} {:.3}   gzip {:>9} {:>9} {:.3}",
                subject.name,
                sizes[0],
                sizes[1],
                sizes[0] / sizes[1],
                dense,
                packed,
                dense as f64 / packed as f64
            );
        }
        let gate = |name: &str, value, limit| Gate { name: name.to_string(), value, limit, unit: "x" };
        Ok(vec![
            gate("snapshots: size against wizer and Binaryen, geometric mean", mean(&raw), 0.985),
            gate("snapshots: size against wizer and Binaryen, worst", worst(&raw), 1.0),
            gate("snapshots: compressed size, geometric mean", mean(&compressed), 0.97),
            gate("snapshots: compressed size, worst", worst(&compressed), 1.0),
        ])
    }

    /// From an instance's making to the end of main, compiled before.
    fn startup(&self, programs: &[Subject]) -> Result<Gate> {
        let pairs: Vec<Value> = programs
            .iter()
            .map(|subject| {
                let file = |side: &str| self.folder.join(format!("{}.{side}.wasm", subject.name));
                json!({ "name": subject.name, "ours": file("ours"), "theirs": file("theirs"), "args": subject.args })
            })
            .collect();
        let ratios = ratios(&in_engine("startup", self.folder, &pairs, self.runs)?)?;
        let name = "snapshots: time to the end of main against wizer's, worst".to_string();
        Ok(Gate { name, value: worst(&ratios), limit: 1.0, unit: "x" })
    }
}

/// Milliseconds of a command that must succeed.
fn timed(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    shell::output(command)?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

pub fn gzip(file: &Path) -> Result<u64> {
    Ok(shell::output(Command::new("gzip").args(["-9", "-n", "-c"]).arg(file))?.stdout.len() as u64)
}
