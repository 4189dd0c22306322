//! The clang that is itself wasm, run by Node: the same bits on every machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::package::{self, Package};
use super::places::Places;
use super::sysroot::Sysroot;
use super::tools::{ask, first_line};
use super::{Compiler, Tool, Toolchain};
use crate::error::{Error, Result};
use crate::output;
use crate::process::service;
use wbuild_targets::Target;

/// The oldest Node that runs it.
pub const OLDEST_NODE: u32 = 18;

/// Runs the package's module on the real file system.
const SCRIPT: &str = include_str!("hermetic.mjs");

/// A Node and its version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub path: PathBuf,
    pub version: String,
}

/// The Node that WBUILD_NODE names, or the one on PATH.
pub(super) fn node(places: &Places, memory: &mut Memory) -> Result<Node> {
    let help = "install Node.js 18 or newer (apt-get install nodejs npm), or name one with WBUILD_NODE";
    let path = match places.path_var("WBUILD_NODE") {
        Some(path) => path,
        None => places.on_path("node").or_else(|| places.on_path("nodejs")).ok_or_else(|| {
            Error::build("the hermetic compiler needs Node.js").cause("there is no node on PATH").help(help)
        })?,
    };
    let version =
        memory.recall("node", &path, || Ok(first_line(&ask(&path, &["--version"])?))).map_err(|e| e.help(help))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    if major.is_none_or(|n| n < OLDEST_NODE) {
        return Err(Error::build(format!("Node.js {version} is too old for the hermetic compiler"))
            .cause(format!("{} is what was found", path.display()))
            .help(help));
    }
    Ok(Node { path, version })
}

/// The hermetic toolchain.
pub(super) fn toolchain(
    places: &Places,
    memory: &mut Memory,
    sysroot: Option<Sysroot>,
    target: &Target,
) -> Result<Toolchain> {
    let package = Package::installed(places)
        .ok_or_else(|| Error::build("the hermetic compiler is not installed").help("wbuild toolchain install"))?;
    let node = node(places, memory)?;
    let script = script(places)?;
    let start = [node.path.clone(), script, package.llvm()];
    service::offer(start.iter().map(|word| word.clone().into_os_string()).collect());
    let words = |tool: &str| start.iter().cloned().chain([PathBuf::from(tool)]).collect::<Vec<_>>();
    let sha256 = memory.sha256(&package.llvm())?;
    let tool = |name: &str| Tool {
        name: name.into(),
        version: package.version(),
        path: package.llvm(),
        sha256: sha256.clone(),
    };
    let identity = vec![
        tool("clang"),
        tool("wasm-ld"),
        Tool {
            name: "node".into(),
            version: node.version.clone(),
            path: node.path.clone(),
            sha256: memory.sha256(&node.path)?,
        },
    ];
    let compiler = Compiler {
        clang: words("clang"),
        clangxx: words("clang++"),
        wasm_ld: words("wasm-ld"),
        hermetic: true,
        llvm_major: package::LLVM_MAJOR,
        resource_dir: package.sysroot(),
        identity,
    };
    compiler.with_sysroot(places, memory, sysroot, target)
}

/// The script in the user's cache, under a name that changes with its text.
fn script(places: &Places) -> Result<PathBuf> {
    use sha2::{Digest, Sha256};
    let hash = super::memory::hex(&Sha256::digest(SCRIPT));
    let path = places.cache()?.join(format!("hermetic-{}.mjs", &hash[..16]));
    if std::fs::read(&path).is_ok_and(|text| text == SCRIPT.as_bytes()) {
        return Ok(path);
    }
    let folder = path.parent().unwrap_or(&path);
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::build(format!("cannot make the folder {}", folder.display())).cause(e).help("set WBUILD_CACHE")
    })?;
    output::write(&path, SCRIPT.as_bytes())?;
    Ok(path)
}
