//! `cargo xtask`: set a machine up, show what wbuild does, test it, measure it.

use std::ffi::OsString;
use std::process::ExitCode;

use xtask::shell::{self, Result};

use setup::Extent;

mod bench;
mod bench_builds;
mod bench_cache;
mod bench_determinism;
mod bench_effort;
mod bench_optimizer;
mod bench_rust;
mod bench_snapshots;
mod bench_speed;
mod demo;
mod setup;

const HELP: &str = "\
usage: cargo xtask COMMAND

  setup   install what is missing (packages by apt, as root; the pinned sysroot by npm) and build wbuild
  demo    set up, build testdata/c/hello.c at -O3, run it, and print size and times
  test    set up and run every test; what follows goes to cargo test
  bench   set up and measure the gates; --check fails where one is missed, --runs N (default 9),
          --only hello,cache,builds,sqlite,rust,determinism,snapshots,optimizer,linked,effort,speed
  spec    the specification's testsuite at every level, in full
  fuzz    random modules through random passes and Binaryen, and their snapshots; how many may follow (default 100000)
  chaos   hardened modules under NaN chaos, 1000 seeds each; how many random ones may follow (default 1000000)
  lint    rustfmt and clippy
";

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let command = words.next().unwrap_or_default();
    let rest: Vec<OsString> = words.collect();
    let result = match command.to_str() {
        Some("setup") => setup::everything(Extent::Programs).map(drop),
        Some("demo") => demo::demo(),
        Some("test") => test(&rest),
        Some("bench") => bench::bench(&rest),
        Some("spec") => spec(),
        Some("fuzz") => fuzz(&rest),
        Some("chaos") => chaos(&rest),
        Some("lint") => lint(),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn test(rest: &[OsString]) -> Result<()> {
    let machine = setup::everything(Extent::Tests)?;
    setup::zig(&machine)?;
    setup::packages(&[setup::EMCC])?;
    setup::debian_sysroot()?;
    setup::rust_library()?;
    shell::run(setup::cargo("test").arg("--workspace").args(rest))
}

/// The tests of that name, which read this variable.
fn spec() -> Result<()> {
    shell::run(setup::cargo("test").args(["--workspace", "spec"]).env("WBUILD_SPEC_ALL", "1"))
}

/// The tests of that name, which read these variables.
fn fuzz(rest: &[OsString]) -> Result<()> {
    let count = rest.first().cloned().unwrap_or_else(|| "100000".into());
    let mut cargo = setup::cargo("test");
    cargo.env("WBUILD_RANDOM_MODULES", &count).env("WBUILD_SNAPSHOT_MODULES", &count);
    shell::run(cargo.args(["--workspace", "random"]))
}

/// The tests of hardening, which read these variables.
fn chaos(rest: &[OsString]) -> Result<()> {
    let count = rest.first().cloned().unwrap_or_else(|| "1000000".into());
    let mut cargo = setup::cargo("test");
    cargo.env("WBUILD_CHAOS_SEEDS", "1000").env("WBUILD_CHAOS_MODULES", count);
    shell::run(cargo.args(["--workspace", "--test", "it", "--test", "chaos", "--", "hardened", "--nocapture"]))
}

fn lint() -> Result<()> {
    shell::run(std::process::Command::new(setup::cargo_path()).args(["fmt", "--all", "--check"]))?;
    shell::run(setup::cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))
}
