//! What the cache saves and costs: a warm build beside clang alone, a cold one beside one without it, and many at once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use xtask::measure::median;
use xtask::programs;
use xtask::shell::{self, Result};

use crate::bench::{Gate, tool};
use crate::demo::report;
use crate::setup::Machine;

/// How many builds run at once.
const AT_ONCE: usize = 64;

/// Measures the cache's gates, with a cache of their own.
pub fn cache(machine: &Machine, folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let fail = |e: std::io::Error| format!("cannot prepare the cache's measurements: {e}");
    let folder = &folder.join("cached");
    std::fs::create_dir_all(folder).map_err(fail)?;
    std::fs::copy(&programs::hello().sources[0], folder.join("hello.c")).map_err(fail)?;
    let cache = folder.join("cache");
    let build = |words: &[&str]| {
        let mut command = Command::new(&machine.wbuild);
        command.args(["hello.c", "-O3", "-o", "hello.wasm", "--json", "hello.json"]).args(words).current_dir(folder);
        command.env("WBUILD_CACHE", &cache).env_remove("WBUILD_NO_CACHE").stdin(Stdio::null());
        command
    };
    shell::output(&mut build(&[]))?;
    let tools = report(&folder.join("hello.json"))?;
    let (clang, sysroot) = (tool(&tools, "clang")?, tool(&tools, "sysroot")?);
    let module = std::fs::read(folder.join("hello.wasm")).map_err(fail)?;
    let mut times = [const { Vec::new() }; 4];
    // The first of each is left out: it reads files that the others find in memory.
    for run in 0..=runs {
        let cold = || {
            // The tools stay known: they are not what is measured.
            std::fs::remove_dir_all(cache.join("results")).map_err(fail)?;
            let start = Instant::now();
            shell::output(&mut build(&[]))?;
            Ok(start)
        };
        let timed = |command: &mut Command| {
            let start = Instant::now();
            shell::output(command).map(|_| start)
        };
        // With the libraries that wbuild links, beside clang's own headers: as one would by hand.
        let mut by_hand = Command::new(&clang);
        by_hand.args(["--target=wasm32-wasip1", "-O3", "--no-wasm-opt", "hello.c", "-o", "clang.wasm"]);
        by_hand.arg(format!("--sysroot={}", sysroot.display())).current_dir(folder);
        by_hand.arg("-nodefaultlibs").arg("-lc").arg(sysroot.join("lib/wasm32-unknown-wasip1/libclang_rt.builtins.a"));
        let contenders: [&mut dyn FnMut() -> Result<Instant>; 4] =
            [&mut || cold(), &mut || timed(&mut build(&[])), &mut || timed(&mut build(&["--no-cache"])), &mut || {
                timed(&mut by_hand)
            }];
        for (times, contender) in times.iter_mut().zip(contenders) {
            let start = contender()?;
            if run > 0 {
                times.push(start.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
    let [cold, warm, without, clang] = times.map(median);
    println!("\nhello.c at -O3 and the cache, median of {runs}:");
    for (name, time) in [("warm", warm), ("cold", cold), ("--no-cache", without), ("clang alone", clang)] {
        println!("{name:>18} {time:>8.1} ms");
    }
    let (wrong, together) = at_once(&build, folder, &cache, &module)?;
    println!("{AT_ONCE:>18} at once, on an empty cache {together:.0} ms, {wrong} of them wrong");
    let gate = |name: &str, value, limit, unit| Gate { name: name.to_string(), value, limit, unit };
    Ok(vec![
        gate("cache: warm hello -O3 against clang -O3", warm / clang, 0.5, "x"),
        gate("cache: cold hello -O3 against --no-cache", cold / without, 1.1, "x"),
        gate("cache: builds at once that failed or came out otherwise", wrong as f64, 0.0, "-"),
    ])
}

/// Many builds of one program on an empty cache: how many of them went wrong, and how long all took.
fn at_once(build: &dyn Fn(&[&str]) -> Command, folder: &Path, cache: &Path, module: &[u8]) -> Result<(usize, f64)> {
    let fail = |e: std::io::Error| format!("cannot start wbuild: {e}");
    std::fs::remove_dir_all(cache).map_err(fail)?;
    let start = Instant::now();
    let name = |n: usize| format!("{n}.wasm");
    let children = (0..AT_ONCE).map(|n| {
        let mut command = build(&["-o", &name(n), "--json", &format!("{n}.json")]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    });
    let children: Vec<_> = children.collect::<std::io::Result<_>>().map_err(fail)?;
    let mut wrong = 0;
    for (n, mut child) in children.into_iter().enumerate() {
        let good = child.wait().map_err(fail)?.success();
        let same = std::fs::read(folder.join(name(n))).is_ok_and(|bytes| bytes == module);
        wrong += usize::from(!good || !same);
    }
    Ok((wrong, start.elapsed().as_secs_f64() * 1000.0))
}
