//! What hardening costs. The measuring itself needs the passes and the engine, and so is a benchmark of the
//! package `wbuild`; this runs it and reads its gates.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use xtask::shell::{self, Result};

use crate::bench::{Gate, number};
use crate::setup;

pub fn determinism(folder: &Path, runs: usize) -> Result<Vec<Gate>> {
    let file = folder.join("gates.json");
    // `cargo bench` is always a release build, and knows no `--release`.
    let mut cargo = Command::new(setup::cargo_path());
    cargo
        .args(["bench", "--workspace", "--bench", "determinism"])
        .current_dir(shell::root())
        .env("WBUILD_RUNS", runs.to_string())
        .env("WBUILD_GATES", &file);
    shell::run(&mut cargo)?;
    let text = std::fs::read_to_string(&file).map_err(|e| format!("cannot read the gates: {e}"))?;
    let gates: Vec<Value> = serde_json::from_str(&text).map_err(|e| format!("cannot read the gates: {e}"))?;
    let gate = |gate: &Value| {
        let unit = if gate["unit"] == "%" { "%" } else { "x" };
        let name = gate["name"].as_str().unwrap_or_default().to_string();
        Ok(Gate { name, value: number(gate, "value")?, limit: number(gate, "limit")?, unit })
    };
    gates.iter().map(gate).collect()
}
