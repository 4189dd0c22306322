//! The run time's part of `cargo xtask bench`: what `wbuild -O3` makes against what `clang -O3`, or `cargo build --release`,
//! and npm's `wasm-opt -O3` behind it make by hand, on wasmtime. Ours is not hardened, as theirs is not; what the hardened
//! module takes is printed beside it. All of it over many layouts of the code: see `benches/startup.rs`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use xtask::measure::{mean, worst};
use xtask::programs::{self, Program};
use xtask::shell::{self, Result};

use crate::bench::{ByHand, Gate, in_engine, ratios};
use crate::bench_determinism::MORE;
use crate::bench_rust::{self, binaryen};
use crate::setup::{self, Machine};

/// Projects in `testdata/rust/projects`.
const PROJECTS: [(&str, &str); 2] = [("regex", "patterns"), ("serde_json", "json")];

pub fn speed(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    setup::rust_library()?;
    let bench = Bench { machine, folder };
    let mut pairs = Vec::new();
    let by_hand = ByHand::new(machine, folder)?;
    let zstd = programs::zstd_at_work(&machine.target)?;
    for program in [programs::sqlite()?, programs::lua_at_work()?, programs::zlib_at_work()?, zstd] {
        pairs.extend(bench.program(&program, &by_hand)?);
    }
    let tools = bench_rust::tools(machine, folder)?;
    for (name, project) in PROJECTS {
        pairs.extend(bench.project(name, project, &tools)?);
    }
    let ratios = ratios(&in_engine("startup", folder, &pairs, runs)?)?;
    let of = |hardened: bool| -> Vec<f64> {
        let chosen = pairs.iter().zip(&ratios).filter(|(pair, _)| pair["hardened"] == hardened);
        chosen.map(|(_, ratio)| *ratio).collect()
    };
    println!("hardened: {:.3} in the geometric mean, {:.3} at worst", mean(&of(true)), worst(&of(true)));
    let gate = |what: &str, value, limit| Gate {
        name: format!("run time at -O3 against compiler and Binaryen by hand, {what}"),
        value,
        limit,
        unit: "x",
    };
    Ok(vec![gate("geometric mean", mean(&of(false)), 1.0), gate("worst", worst(&of(false)), 1.03)])
}

struct Bench<'a> {
    machine: &'a Machine,
    folder: &'a Path,
}

impl Bench<'_> {
    fn program(&self, program: &Program, by_hand: &ByHand) -> Result<[Value; 2]> {
        let flags = program.flags.iter().chain(&program.wasi_flags).map(OsString::from);
        let mut words: Vec<OsString> = flags.chain(program.sources.iter().map(OsString::from)).collect();
        let ours = self.ours(program.name, |command| {
            command.args(&words);
        })?;
        if program.name.starts_with("lua") {
            // Without wbuild, setjmp is by exceptions.
            let setjmp = ["-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh=false", "-lsetjmp"];
            words.extend(setjmp.map(OsString::from));
        }
        let linked = format!("{}.linked.wasm", program.name);
        by_hand.link(self.folder, &words, &linked)?;
        self.pairs(program.name, ours, &self.folder.join(linked))
    }

    fn project(&self, name: &str, project: &str, tools: &bench_rust::Tools) -> Result<[Value; 2]> {
        let place = shell::root().join("testdata/rust/projects").join(project);
        let target = self.machine.target.join("rust-projects/speed");
        let ours = self.ours(name, |command| {
            command.arg(&place).env("CARGO_TARGET_DIR", target.join("with"));
        })?;
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release"]).current_dir(&place).env("CARGO_TARGET_DIR", target.join("without"));
        tools.name(&mut cargo);
        shell::output(bench_rust::alone(&mut cargo))?;
        let linked = target.join("without/wasm32-wasip1/release").join(project).with_extension("wasm");
        self.pairs(name, ours, &linked)
    }

    /// Not hardened, and hardened.
    fn ours(&self, name: &str, source: impl Fn(&mut Command)) -> Result<[PathBuf; 2]> {
        let build = |suffix: &str, more: &[&str]| -> Result<PathBuf> {
            let out = self.folder.join(format!("{name}.{suffix}.wasm"));
            let mut command = Command::new(&self.machine.wbuild);
            source(&mut command);
            command.current_dir(self.folder).args(["-O3", "-o"]).arg(&out).args(more);
            shell::output(bench_rust::alone(&mut command)).map(|_| out)
        };
        Ok([build("plain", &["--no-deterministic"])?, build("hardened", &[])?])
    }

    fn pairs(&self, name: &str, ours: [PathBuf; 2], linked: &Path) -> Result<[Value; 2]> {
        let theirs = self.folder.join(format!("{name}.theirs.wasm"));
        let mut optimize = binaryen(self.machine, "-O3")?;
        optimize.args(["--enable-exception-handling", "--strip-debug", "--strip-producers", "--strip-target-features"]);
        shell::output(optimize.arg(linked).arg("-o").arg(&theirs))?;
        let [plain, hardened] = ours;
        let pair = |ours: PathBuf, is_hardened: bool| {
            let name = if is_hardened { format!("{name}, hard") } else { name.to_string() };
            let (more, layouts, args) = (MORE, true, ["large"]);
            json!({ "name": name, "hardened": is_hardened, "ours": ours, "theirs": theirs, "more": more, "layouts": layouts, "args": args })
        };
        Ok([pair(plain, false), pair(hardened, true)])
    }
}
