//! wbuild in other people's builds: what `wbuild cc` adds to clang, and what a warm cache leaves of `make`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use xtask::measure::median;
use xtask::programs::{self, Program};
use xtask::shell::{self, Result};
use xtask::sources::{self, Archive};

use crate::bench::{Gate, tool};
use crate::demo::report;
use crate::setup::Machine;

const ZLIB: Archive = Archive {
    package: "zlib",
    file: "zlib_1.2.13.dfsg.orig.tar.bz2",
    sha256: "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1",
};

/// Measures the gates of builds.
pub fn builds(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let folder = &folder.join("builds");
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let mut gates = Vec::new();
    for program in [programs::zlib()?, programs::lua()?] {
        gates.push(compile_steps(machine, folder, &program, runs)?);
    }
    gates.push(make(machine, folder, runs)?);
    Ok(gates)
}

/// Every source of a program, by clang named directly and by `wbuild cc` without a cache; then the link.
fn compile_steps(machine: &Machine, folder: &Path, program: &Program, runs: usize) -> Result<Gate> {
    let own = || {
        let mut command = Command::new(&machine.wbuild);
        command.arg("cc").current_dir(folder).env("WBUILD_NO_CACHE", "1");
        command
    };
    let linking = |objects: &[PathBuf]| {
        let mut command = own();
        command.args(objects).args(&program.wasi_flags).args(["-o", program.name]);
        command
    };
    let reported = |objects: &[PathBuf]| shell::output(linking(objects).args(["--json", "report.json"]));
    let compiling = |mut command: Command, source: &Path, object: &Path| {
        command.args(["-O2", "-c"]).args(&program.flags).args(&program.wasi_flags).arg("-Qunused-arguments");
        command.arg(source).arg("-o").arg(object).stdin(Stdio::null());
        command
    };
    let objects: Vec<PathBuf> =
        (0..program.sources.len()).map(|n| folder.join(format!("{}{n}.o", program.name))).collect();
    for (source, object) in program.sources.iter().zip(&objects) {
        shell::output(&mut compiling(own(), source, object))?;
    }
    reported(&objects)?;
    let tools = report(&folder.join("report.json"))?;
    let (clang, sysroot) = (tool(&tools, "clang")?, tool(&tools, "sysroot")?);
    let mut sums = [0.0, 0.0];
    for (source, object) in program.sources.iter().zip(&objects) {
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..runs {
            let mut direct = Command::new(&clang);
            direct.arg("--target=wasm32-wasip1").arg(format!("--sysroot={}", sysroot.display())).current_dir(folder);
            direct.args(["-D__wasm_exception_handling__", "-mllvm", "-wasm-enable-sjlj"]);
            let contenders = [compiling(direct, source, &folder.join("direct.o")), compiling(own(), source, object)];
            for (times, mut command) in times.iter_mut().zip(contenders) {
                let start = Instant::now();
                shell::output(&mut command)?;
                times.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
        let medians = times.map(median);
        sums = [sums[0] + medians[0], sums[1] + medians[1]];
    }
    let mut links = Vec::new();
    let mut parts = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        shell::output(&mut linking(&objects))?;
        links.push(start.elapsed().as_secs_f64() * 1000.0);
        // By itself, since a report compresses the module.
        reported(&objects)?;
        let report = report(&folder.join("report.json"))?;
        let stages = report["stages"].as_array().map_or(&[][..], Vec::as_slice);
        parts.push(stages.iter().filter_map(|stage| stage["milliseconds"].as_f64()).sum());
    }
    println!(
        "\n{}: {} files at -O2, clang {:.0} ms, wbuild cc {:.0} ms; link {:.0} ms, of which wasm-ld and stages {:.0} ms",
        program.name,
        objects.len(),
        sums[0],
        sums[1],
        median(links),
        median(parts)
    );
    Ok(Gate {
        name: format!("builds: {}'s compile steps against clang", program.name),
        value: sums[1] / sums[0],
        limit: 1.05,
        unit: "x",
    })
}

/// zlib by its own configure and make: `make clean && make` on a warm cache against a cold one.
fn make(machine: &Machine, folder: &Path, runs: usize) -> Result<Gate> {
    let (source, cache) = (folder.join("zlib-source"), folder.join("cache"));
    sources::unpack(&ZLIB, &machine.target, &source)?;
    let own = |words: &[&str]| {
        let mut command = Command::new(&machine.wbuild);
        command.args(words).current_dir(&source).env("WBUILD_CACHE", &cache).env_remove("WBUILD_NO_CACHE");
        command
    };
    shell::output(&mut own(&["configure", "./configure", "--static"]))?;
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..runs {
        shell::output(&mut own(&["cache", "clear"]))?;
        for times in &mut times {
            shell::output(&mut own(&["make", "clean"]))?;
            let start = Instant::now();
            shell::output(&mut own(&["make"]))?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let [cold, warm] = times.map(median);
    println!("\nzlib by make: cold {cold:.0} ms, warm {warm:.0} ms");
    Ok(Gate { name: "builds: make of zlib, warm against cold".to_string(), value: warm / cold, limit: 0.25, unit: "x" })
}
