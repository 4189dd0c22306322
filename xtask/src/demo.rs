//! `cargo xtask demo`: from C to a running module, with what it took.

use std::path::Path;
use std::process::Command;

use xtask::shell::{self, Result};

use crate::setup;

/// Builds and runs hello, and prints its output, its size and the time of each stage.
pub fn demo() -> Result<()> {
    let machine = setup::everything(setup::Extent::Programs)?;
    let folder = machine.target.join("demo");
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let source = shell::root().join("testdata/c/hello.c");
    let words = ["-O3", "--standalone", "-o", "hello.wasm", "--json", "hello.json"];
    println!("\n$ wbuild testdata/c/hello.c -O3 --standalone -o hello.wasm");
    shell::run(Command::new(&machine.wbuild).arg(&source).args(words).current_dir(&folder))?;
    println!("$ wbuild run hello.wasm");
    let ran = shell::output(Command::new(&machine.wbuild).args(["run", "hello.wasm"]).current_dir(&folder))?;
    print!("{}", String::from_utf8_lossy(&ran.stdout));
    let report = report(&folder.join("hello.json"))?;
    println!("\n{} bytes in {:.0} ms:", report["size"], report["milliseconds"].as_f64().unwrap_or(0.0));
    for stage in report["stages"].as_array().into_iter().flatten() {
        let size = stage["size_after"].as_u64().map_or(String::new(), |size| format!("{size:>8} B"));
        let name = stage["name"].as_str().unwrap_or_default();
        println!("{:>9.1} ms  {size:>10}  {name}", stage["milliseconds"].as_f64().unwrap_or(0.0));
    }
    println!("\nthe module is {}", folder.join("hello.wasm").display());
    Ok(())
}

/// What `--json` wrote.
pub fn report(path: &Path) -> Result<serde_json::Value> {
    let bytes = std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("cannot understand {}: {e}", path.display()))
}
