//! The optimizer's part of `cargo xtask bench`: `wbuild opt -Oz` of modules that others made, and `wbuild -Oz` of programs
//! that it links, against npm's Binaryen 132 (`wasm-opt -Oz --converge`) on the same modules. Both sides strip.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::measure::{mean, worst};
use xtask::others::PUBLISHED;
use xtask::programs::{self, Program};
use xtask::shell::{self, Result};
use xtask::sources;
use xtask::{initialized, others::Published};

use crate::bench::{Gate, number, size};
use crate::bench_rust::binaryen;
use crate::bench_snapshots::gzip;
use crate::demo::report;
use crate::setup::{self, Machine};

/// What both made of one module, in bytes, raw and by gzip.
struct Sizes {
    name: String,
    ours: f64,
    theirs: f64,
    /// Without the stage that is Binaryen's.
    alone: Option<f64>,
    /// Ours made to be small once compressed.
    dense: f64,
    packed: f64,
    /// Of the time of all stages, what was not Binaryen's, over what was.
    time: f64,
}

/// The gates on modules that others made.
pub fn optimizer(machine: &Machine, folder: &Path) -> Result<Vec<Gate>> {
    let bench = Bench { machine, folder };
    let others: Vec<Sizes> = PUBLISHED.iter().map(|module| bench.published(module)).collect::<Result<_>>()?;
    show("modules of others", &others);
    let alone: Vec<f64> = others.iter().filter_map(|s| Some(s.alone? / s.theirs)).collect();
    println!("modules of others without the Binaryen stage: {:.3} of theirs in the geometric mean", mean(&alone));
    Ok(vec![
        gate("modules of others, geometric mean", mean(&ratios(&others, RAW)), 0.965),
        gate("modules of others, worst", worst(&ratios(&others, RAW)), 1.0),
        gate("modules of others, gzip, geometric mean", mean(&ratios(&others, PACKED)), 0.99),
        gate("all stages' time over Binaryen's", mean(&ratios(&others, |s| s.time)), 1.5),
    ])
}

/// The gates on programs that wbuild links.
pub fn linked(machine: &Machine, folder: &Path) -> Result<Vec<Gate>> {
    setup::rust_library()?;
    let linked = Bench { machine, folder }.linked()?;
    show("programs linked by wbuild", &linked);
    let hello = size(&folder.join("hello.ours.wasm"))? as f64;
    Ok(vec![
        gate("programs linked by wbuild, geometric mean", mean(&ratios(&linked, RAW)), 0.93),
        gate("programs linked by wbuild, worst", worst(&ratios(&linked, RAW)), 1.0),
        Gate { name: "hello.c -Oz --standalone: size".into(), value: hello, limit: 1800.0, unit: "B" },
    ])
}

const RAW: fn(&Sizes) -> f64 = |s| s.ours / s.theirs;
const PACKED: fn(&Sizes) -> f64 = |s| s.dense / s.packed;

fn ratios(all: &[Sizes], of: fn(&Sizes) -> f64) -> Vec<f64> {
    all.iter().map(of).collect()
}

fn gate(name: &str, value: f64, limit: f64) -> Gate {
    Gate { name: format!("optimizer: {name}"), value, limit, unit: "x" }
}

struct Bench<'a> {
    machine: &'a Machine,
    folder: &'a Path,
}

impl Bench<'_> {
    fn wbuild(&self) -> Command {
        let mut command = Command::new(&self.machine.wbuild);
        command.current_dir(self.folder).env("WBUILD_NO_CACHE", "1");
        command
    }

    fn published(&self, module: &Published) -> Result<Sizes> {
        let input = module.fetch(&self.machine.target)?;
        let opt = |suffix: &str, more: &[&str]| -> Result<PathBuf> {
            let out = self.folder.join(format!("{}.{suffix}.wasm", module.name));
            let mut command = self.wbuild();
            command.arg("opt").arg(&input).args(["-Oz", "--json", "opt.json"]).args(more).arg("-o").arg(&out);
            shell::output(&mut command).map(|_| out)
        };
        let alone = size(&opt("alone", &["--binaryen=off"])?)? as f64;
        let dense = opt("dense", &["--optimize-for=compressed"])?;
        let ours = opt("ours", &[])?;
        let time = self.time()?;
        let sizes = self.against(module.name, &input, &ours, &dense)?;
        Ok(Sizes { alone: Some(alone), time, ..sizes })
    }

    /// All stages of the last report over Binaryen's.
    fn time(&self) -> Result<f64> {
        let report = report(&self.folder.join("opt.json"))?;
        let stages = report["stages"].as_array().ok_or("the report has no stages")?;
        let of = |is: fn(&str) -> bool| -> Result<f64> {
            let meant = stages.iter().filter(|stage| stage["name"].as_str().is_some_and(is));
            meant.map(|stage| number(stage, "milliseconds")).sum()
        };
        Ok(of(|_| true)? / of(|name| name.starts_with("binaryen"))?)
    }

    fn against(&self, name: &str, input: &Path, ours: &Path, dense: &Path) -> Result<Sizes> {
        let theirs = self.folder.join(format!("{name}.theirs.wasm"));
        let mut optimize = binaryen(self.machine, "-Oz")?;
        optimize.args(["--converge", "--strip-debug", "--strip-producers", "--strip-target-features"]);
        optimize.args(["--enable-simd", "--enable-extended-const"]).arg(input).arg("-o").arg(&theirs);
        shell::output(&mut optimize)?;
        Ok(Sizes {
            name: name.to_string(),
            ours: size(ours)? as f64,
            theirs: size(&theirs)? as f64,
            alone: None,
            dense: gzip(dense)? as f64,
            packed: gzip(&theirs)? as f64,
            time: 1.0,
        })
    }

    fn linked(&self) -> Result<Vec<Sizes>> {
        let constructors = initialized::constructors().program;
        let programs = [
            programs::hello(),
            programs::zlib()?,
            programs::lua()?,
            programs::sqlite()?,
            programs::hello_cxx(),
            constructors,
        ];
        let mut sizes = programs.iter().map(|program| self.program(program)).collect::<Result<Vec<_>>>()?;
        let bzip2 = sources::unpacked(&sources::BZIP2, &self.machine.target)?;
        let names = ["bzip2", "blocksort", "huffman", "crctable", "randtable", "compress", "decompress", "bzlib"];
        sizes.push(self.cc("bzip2", names.iter().map(|name| bzip2.join(name).with_extension("c")), &[])?);
        let sqlite = sqlite_shell(&self.machine.target)?;
        let defined = ["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"];
        sizes.push(self.cc("sqlite-shell", ["shell.c", "sqlite3.c"].iter().map(|name| sqlite.join(name)), &defined)?);
        let zstd = sources::unpacked(&sources::ZSTD, &self.machine.target)?;
        let mut files: Vec<PathBuf> = ["zstdcli", "util", "timefn", "fileio", "fileio_asyncio"]
            .iter()
            .map(|name| zstd.join("programs").join(name).with_extension("c"))
            .collect();
        for part in ["common", "compress", "decompress"] {
            files.extend(programs::c_files(&zstd.join("lib").join(part))?);
        }
        // Its headers forget one of their own.
        let less = ["-include", "stdio.h", "-DZSTD_NOBENCH", "-DZSTD_NODICT", "-DZSTD_NOTRACE", "-DZSTD_DISABLE_ASM"];
        sizes.push(self.cc("zstd", files, &less)?);
        let rust = shell::root().join("testdata/rust");
        sizes.push(self.build("hello-rust", |command| {
            command.arg(rust.join("hello.rs"));
        })?);
        let target = self.machine.target.join("rust-projects/optimizer");
        for project in ["patterns", "json", "markdown", "picture"] {
            sizes.push(self.build(project, |command| {
                command.arg(rust.join("projects").join(project)).env("CARGO_TARGET_DIR", &target);
                command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
            })?);
        }
        Ok(sizes)
    }

    /// A program for POSIX, which takes `wbuild cc`.
    fn cc(&self, name: &str, files: impl IntoIterator<Item = PathBuf>, words: &[&str]) -> Result<Sizes> {
        let files: Vec<PathBuf> = files.into_iter().collect();
        self.build(name, |command| {
            command.arg("cc").args(words).args(&files);
        })
    }

    fn program(&self, program: &Program) -> Result<Sizes> {
        self.build(program.name, |command| {
            command.args(&program.flags).args(&program.wasi_flags).args(&program.sources);
        })
    }

    /// Both sides' of one program: the linked module is what comes of our build with nothing in it that
    /// the linker knew or that makes it smaller raw.
    fn build(&self, name: &str, source: impl Fn(&mut Command)) -> Result<Sizes> {
        let build = |suffix: &str, more: &[&str]| -> Result<PathBuf> {
            let out = self.folder.join(format!("{name}.{suffix}.wasm"));
            let mut command = self.wbuild();
            source(&mut command);
            command.args(["-Oz", "--no-deterministic"]).args(more).arg("-o").arg(&out);
            shell::output(&mut command).map(|_| out)
        };
        let linked = build("linked", &["--binaryen=off", "--optimize-for=compressed", "--no-link-information"])?;
        self.against(name, &linked, &build("ours", &[])?, &build("dense", &["--optimize-for=compressed"])?)
    }
}

/// The folder of SQLite's sources in one file, and of its shell: its own build makes them.
fn sqlite_shell(target: &Path) -> Result<PathBuf> {
    let folder = sources::unpacked(&sources::SQLITE, target)?;
    if !folder.join("shell.c").is_file() {
        let run = |program: &str, words: &[&str]| {
            shell::output(Command::new(program).args(words).current_dir(&folder)).map(drop)
        };
        run("./configure", &["--disable-tcl", "--disable-readline"])?;
        run("make", &["sqlite3.c", "shell.c"])?;
    }
    Ok(folder)
}

fn show(what: &str, all: &[Sizes]) {
    println!("\n{what} at -Oz, wbuild and Binaryen 132; with --optimize-for=compressed by gzip -9:");
    for s in all {
        let (raw, packed) = (s.ours / s.theirs, s.dense / s.packed);
        println!(
            "{:>14} {:>9} {:>9} {raw:.3}   gzip {:>8} {:>8} {packed:.3}",
            s.name, s.ours, s.theirs, s.dense, s.packed
        );
    }
}
