//! The native compilers and linkers of this machine: where they may be, and what they are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::places::Places;
use crate::error::{Error, Result};
use crate::process::{Command, Limits};

/// The oldest clang that builds for the sysroots of today.
pub const OLDEST_CLANG: u32 = 19;
/// The newest version looked for by a name such as `clang-22`.
pub(super) const NEWEST_NAMED: u32 = 29;

/// A clang and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clang {
    pub path: PathBuf,
    pub facts: ClangFacts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClangFacts {
    /// The first line of `--version`.
    pub version: String,
    pub major: u32,
    /// The target wasm32 is registered.
    pub wasm32: bool,
    /// Where its own headers and libraries are.
    pub resource_dir: PathBuf,
}

/// A wasm-ld, or rust-lld told to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Linker {
    pub path: PathBuf,
    /// Arguments that make it wasm-ld.
    pub args: Vec<PathBuf>,
    pub version: String,
    pub major: u32,
}

#[derive(Serialize, Deserialize)]
struct LinkerFacts {
    version: String,
    major: u32,
}

/// Where a candidate came from: one that was named must serve, another may be passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A flag or variable of that name.
    Named(&'static str),
    Found,
}

/// Every clang worth asking, in the order of preference: flag, environment, known places, PATH. Each is looked for when
/// it is asked for: the first serves nearly always, and every compilation asks.
pub(super) fn clang_candidates<'p>(
    places: &'p Places,
    flag: Option<&Path>,
) -> Box<dyn Iterator<Item = (Origin, PathBuf)> + 'p> {
    if let Some(path) = flag {
        return Box::new(std::iter::once((Origin::Named("--clang"), named(places, path))));
    }
    if let Some(path) = places.path_var("WBUILD_CLANG") {
        return Box::new(std::iter::once((Origin::Named("WBUILD_CLANG"), named(places, &path))));
    }
    let sdk = places.path_var("WASI_SDK_PATH");
    let known = ["opt/wasi-sdk", "opt/homebrew/opt/llvm", "usr/local/opt/llvm"].map(|known| places.root(known));
    let folders = sdk.into_iter().chain(places.llvm_folders()).chain(known);
    let versions = (OLDEST_CLANG..=NEWEST_NAMED).rev().map(|n| format!("clang-{n}"));
    let names = versions.chain(["clang".to_string()]);
    let found = folders.map(|folder| folder.join("bin/clang")).chain(names.filter_map(|name| places.on_path(&name)));
    Box::new(distinct(found).map(|path| (Origin::Found, path)))
}

/// Asks a clang what it is. An error says that it cannot be asked.
pub(super) fn probe_clang(memory: &mut Memory, path: &Path) -> Result<Clang> {
    let facts = memory.recall("clang", path, || {
        let version = first_line(&ask(path, &["--version"])?);
        let major = major_after(&version, "clang version ").ok_or_else(|| {
            Error::build(format!("{} does not say which clang it is", path.display())).cause(&version)
        })?;
        // Too old to be used anyway, and perhaps too old to know these questions.
        if major < OLDEST_CLANG {
            return Ok(ClangFacts { version, major, wasm32: false, resource_dir: PathBuf::new() });
        }
        let wasm32 = ask(path, &["--print-targets"])?.lines().any(|l| l.split_whitespace().next() == Some("wasm32"));
        let resource_dir = PathBuf::from(first_line(&ask(path, &["-print-resource-dir"])?));
        Ok(ClangFacts { version, major, wasm32, resource_dir })
    })?;
    Ok(Clang { path: path.to_path_buf(), facts })
}

impl Clang {
    /// Why this clang cannot be used, if so.
    pub fn defect(&self) -> Option<String> {
        let ClangFacts { version, major, wasm32, .. } = &self.facts;
        if *major < OLDEST_CLANG {
            Some(format!("{} is too old ({version}; {OLDEST_CLANG} or newer is needed)", self.path.display()))
        } else if !wasm32 {
            Some(format!("{} was built without the target wasm32 ({version})", self.path.display()))
        } else {
            None
        }
    }

    /// The words that start the C++ compiler: `clang++` beside it, or clang told to be it.
    pub fn cxx(&self) -> Vec<PathBuf> {
        let name = self.path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let beside = self.path.with_file_name(name.replacen("clang", "clang++", 1));
        if beside != self.path && beside.is_file() {
            vec![beside]
        } else {
            vec![self.path.clone(), PathBuf::from("--driver-mode=g++")]
        }
    }
}

/// The wasm-ld that belongs to `clang`: of the same LLVM, since bitcode has no other promise.
pub(super) fn linker_for(memory: &mut Memory, places: &Places, clang: &Clang) -> Result<Linker> {
    let major = clang.facts.major;
    if let Some(path) = places.path_var("WBUILD_WASM_LD") {
        let path = named(places, &path);
        let linker = probe_linker(memory, &path, linker_args(&path))?;
        if linker.major != major {
            return Err(Error::build(format!("{} is of another LLVM than the compiler", path.display()))
                .cause(format!("it is {}, and {} is {}", linker.version, clang.path.display(), clang.facts.version))
                .help("unset WBUILD_WASM_LD, or name a wasm-ld of the compiler's version"));
        }
        return Ok(linker);
    }
    let real = std::fs::canonicalize(&clang.path).unwrap_or_else(|_| clang.path.clone());
    let names = ["wasm-ld".to_string(), format!("wasm-ld-{major}")];
    let beside =
        [&clang.path, &real].into_iter().flat_map(|clang| names.each_ref().map(|name| clang.with_file_name(name)));
    let llvm = format!("usr/lib/llvm-{major}");
    let known = [&llvm[..], "opt/homebrew/opt/lld", "usr/local/opt/lld"].map(|p| places.root(p).join("bin/wasm-ld"));
    let found = beside.chain(known).chain(names.iter().rev().filter_map(|name| places.on_path(name)));
    let mut others = Vec::new();
    let mut serve = |path: &Path, memory: &mut Memory| match probe_linker(memory, path, linker_args(path)) {
        Ok(linker) if linker.major == major => Some(linker),
        Ok(linker) => {
            others.push(format!("{} is {}", path.display(), linker.version));
            None
        }
        Err(_) => None,
    };
    for path in distinct(found) {
        if let Some(linker) = serve(&path, memory) {
            return Ok(linker);
        }
    }
    // Asked last, because it costs a process of rustc's to learn where it is.
    if let Some(linker) = rust_lld(memory, places).and_then(|path| serve(&path, memory)) {
        return Ok(linker);
    }
    let mut error = Error::build(format!("no wasm-ld of LLVM {major} found for {}", clang.path.display()));
    for other in others {
        error = error.cause(other);
    }
    Err(error.help(format!("apt-get install lld-{major}; or name one with WBUILD_WASM_LD; or use --compiler=hermetic")))
}

fn probe_linker(memory: &mut Memory, path: &Path, args: Vec<PathBuf>) -> Result<Linker> {
    let LinkerFacts { version, major } = memory.recall("wasm-ld", path, || {
        let mut words: Vec<&str> = args.iter().filter_map(|a| a.to_str()).collect();
        words.push("--version");
        let version = first_line(&ask(path, &words)?);
        let major = major_after(&version, "LLD ")
            .ok_or_else(|| Error::build(format!("{} does not say which LLD it is", path.display())).cause(&version))?;
        Ok(LinkerFacts { version, major })
    })?;
    Ok(Linker { path: path.to_path_buf(), args, version, major })
}

fn linker_args(path: &Path) -> Vec<PathBuf> {
    let rust = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("rust-lld"));
    if rust { vec!["-flavor".into(), "wasm".into()] } else { Vec::new() }
}

/// The lld that comes with rustc.
fn rust_lld(memory: &mut Memory, places: &Places) -> Option<PathBuf> {
    let rustc = places.on_path("rustc")?;
    let sysroot = memory.recall("rustc", &rustc, || Ok(first_line(&ask(&rustc, &["--print", "sysroot"])?))).ok()?;
    let hosts = std::fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|lld| lld.is_file())
}

/// A name without a folder is looked up on PATH, as a shell would.
pub(super) fn named(places: &Places, path: &Path) -> PathBuf {
    match path.to_str() {
        Some(name) if !name.contains('/') => places.on_path(name).unwrap_or_else(|| path.to_path_buf()),
        _ => path.to_path_buf(),
    }
}

/// Files that exist, each once, though several links may lead to it.
fn distinct(paths: impl Iterator<Item = PathBuf>) -> impl Iterator<Item = PathBuf> {
    let mut seen = std::collections::BTreeSet::new();
    paths.filter(move |p| std::fs::canonicalize(p).is_ok_and(|real| real.is_file() && seen.insert(real)))
}

/// What `program args` prints.
pub(super) fn ask(program: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(args);
    // clang's first line could be in the user's language otherwise.
    command.env.push(("LC_ALL".into(), "C".into()));
    let out = command.run(Limits { time: Some(Duration::from_secs(60)), memory: None })?;
    if !out.status.success() {
        let shown = out.stderr.lines().next().unwrap_or("it says nothing").to_string();
        return Err(Error::build(format!("{} failed", command.shell())).cause(format!("{}: {shown}", out.status)));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_string()
}

/// The number that follows `word` in a line of `--version`.
pub(super) fn major_after(line: &str, word: &str) -> Option<u32> {
    let rest = &line[line.find(word)? + word.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_vendors_print() {
        assert_eq!(major_after("Debian clang version 22.1.8 (1~deb12u1)", "clang version "), Some(22));
        assert_eq!(major_after("clang version 20.0.0git (https://x 1)", "clang version "), Some(20));
        assert_eq!(major_after("Apple clang version 17.0.0 (clang-1700)", "clang version "), Some(17));
        assert_eq!(major_after("LLD 22.1.2 (/checkout)", "LLD "), Some(22));
        assert_eq!(major_after("gcc (GCC) 12", "clang version "), None);
        assert_eq!(major_after("clang version x", "clang version "), None);
    }
}
