//! The command line of rustc: one crate, compiled and linked into one module by one process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{Config, Crate, Debug, Entry, Level, Lto, Source};
use crate::error::{Error, Result};
use crate::plan::{Link, Place, Variant};
use crate::process::Command;
use crate::runtime::MALLOC_LIBRARY;
use crate::toolchain::rust::{Rust, Std};
use crate::toolchain::{Tool, Toolchain};

/// What rustc links with.
#[derive(Debug, Clone)]
pub struct Linker {
    path: PathBuf,
    /// `_initialize` of a reactor, from the C library.
    crt_reactor: Option<PathBuf>,
    /// An archive with an allocator that goes before the C library's.
    pub malloc: Option<PathBuf>,
    /// An object that is called when initialization has ended.
    pub preinit: Option<PathBuf>,
    pub identity: Vec<Tool>,
}

impl Linker {
    /// The wasm-ld that C is linked with, else the one that rustup brings along. rustc starts a
    /// linker by one path, so the one that is itself wasm cannot serve.
    pub fn choose(toolchain: Result<&Toolchain, Error>, rust: &Rust) -> Result<Linker> {
        let refused = match toolchain {
            // rustc says the flavor itself, and takes no other second word.
            Ok(toolchain) if toolchain.wasm_ld.get(1).is_none_or(|word| word.as_os_str() == "-flavor") => {
                let identity = toolchain.identity.iter().filter(|tool| tool.name == "wasm-ld").cloned().collect();
                let path = toolchain.wasm_ld.first().cloned().unwrap_or_default();
                let crt_reactor = toolchain.crt_reactor.clone();
                return Ok(Linker { path, crt_reactor, malloc: None, preinit: None, identity });
            }
            Ok(_) => Error::build("no native wasm-ld found, and rustc needs one")
                .cause("the linker of this compiler takes more than one word to start")
                .help("wbuild toolchain install; or install Rust by rustup, which brings rust-lld"),
            Err(e) => e,
        };
        match rust.lld() {
            Some(path) => Ok(Linker { path, crt_reactor: None, malloc: None, preinit: None, identity: Vec::new() }),
            None => Err(refused),
        }
    }

    /// The words that start it as wasm-ld. rustc says the flavor by itself.
    pub fn words(&self) -> Vec<PathBuf> {
        vec![self.path.clone(), "-flavor".into(), "wasm".into()]
    }
}

/// The ways to build `krate`: with and without link time optimization where the smaller is wanted.
pub fn variants(config: &Config, krate: &Crate, rust: &Rust, linker: &Linker, place: &Place) -> Vec<Variant> {
    let variant = |name: &'static str, lto: Lto| {
        let folder = if name == "LTO" { place.scratch.join("lto") } else { place.scratch.clone() };
        let module = folder.join("module.wasm");
        let command = command(config, krate, lto, rust, linker, place, &module);
        Variant { name, compile: Vec::new(), link: Link { command, module } }
    };
    match krate.lto {
        Lto::Both => vec![variant("LTO", Lto::Full), variant("no LTO", Lto::Off)],
        lto => vec![variant("", lto)],
    }
}

fn command(
    config: &Config,
    krate: &Crate,
    lto: Lto,
    rust: &Rust,
    linker: &Linker,
    place: &Place,
    module: &Path,
) -> Command {
    let mut command = Command::new(&rust.rustc);
    if let Source::File { path, edition } = &krate.source {
        command.arg(path).args(["--edition", edition]);
    }
    command.args(["--target", config.target.name]);
    // A library's exports are for whoever loads it; a program's entry is main.
    command.args(["--crate-type", if config.entry == Entry::Command { "bin" } else { "cdylib" }]);
    if let Some(sysroot) = &rust.sysroot {
        command.arg("--sysroot").arg(sysroot);
    }
    let lto = match lto {
        Lto::Full | Lto::Both => "fat",
        Lto::Thin => "thin",
        Lto::Off => "off",
    };
    let level = match config.level {
        Level::O0 => "0",
        Level::O1 => "1",
        Level::O2 => "2",
        Level::O3 | Level::O4 => "3",
        Level::Os => "s",
        Level::Oz => "z",
    };
    for option in [format!("opt-level={level}"), format!("lto={lto}")] {
        command.arg("-C").arg(option);
    }
    match krate.std {
        Std::Normal => drop(command.args(["-C", "panic=abort"])),
        Std::Small => {
            // The crate must panic as its library does, and stable rustc takes that with this variable only.
            command.args(["-Z", "unstable-options", "-C", "panic=immediate-abort"]);
            command.env.push(("RUSTC_BOOTSTRAP".into(), "1".into()));
        }
    }
    if config.level != Level::O0 {
        command.args(["-C", "codegen-units=1"]);
    }
    if config.debug == Debug::Full {
        command.args(["-C", "debuginfo=2"]);
    }
    // Panics name the source's file.
    command.arg(both("--remap-path-prefix=", &place.folder, "=."));
    command.args(["--color", if place.color { "always" } else { "never" }]);
    command.args(link_options(config, krate, linker)).arg("-o").arg(module);
    command
}

/// rustc's options that say how to link, and for which features.
pub fn link_options(config: &Config, krate: &Crate, linker: &Linker) -> Vec<OsString> {
    let mut options: Vec<OsString> = Vec::new();
    if krate.simd {
        options.extend(["-C".into(), "target-feature=+simd128".into()]);
    }
    options.extend(["-C".into(), both("linker=", &linker.path, "")]);
    // As a library of the crate's own it comes before those of the crates that it uses, and so before libc. A
    // plain word for the linker would come last.
    if let Some(folder) = linker.malloc.as_deref().and_then(Path::parent) {
        options.extend(["-L".into(), both("native=", folder, "")]);
        options.extend(["-l".into(), format!("static:-bundle={MALLOC_LIBRARY}").into()]);
    }
    for word in link_words(config, krate, linker) {
        options.extend(["-C".into(), both("link-arg=", Path::new(&word), "")]);
    }
    options
}

/// For wasm-ld, behind what rustc says to it: the last word on each matter holds.
fn link_words(config: &Config, krate: &Crate, linker: &Linker) -> Vec<OsString> {
    let memory = &krate.memory;
    let mut words = vec!["-z".into(), format!("stack-size={}", memory.stack).into()];
    words.extend(memory_words(memory.stack_last, memory.initial, memory.maximum));
    if config.entry == Entry::Reactor {
        words.extend(linker.crt_reactor.clone().map(PathBuf::into_os_string));
        words.extend(["--entry".into(), "_initialize".into()]);
    }
    words.extend(krate.exports.iter().map(|name| format!("--export={name}").into()));
    if let Some(preinit) = &config.preinit {
        words.extend(linker.preinit.clone().map(PathBuf::into_os_string));
        words.extend(preinit.link_words(config.entry).into_iter().map(OsString::from));
    }
    words.extend(krate.export_all.then(|| "--export-all".into()));
    words.extend(config.link_information().then(|| crate::link::RELOCATIONS.into()));
    words.extend(krate.link_args.iter().cloned());
    words
}

/// wasm-ld's words for where the stack lies, and for memory sizes in bytes.
pub fn memory_words(stack_last: bool, initial: Option<u64>, maximum: Option<u64>) -> Vec<OsString> {
    let stack = stack_last.then(|| "--no-stack-first".into());
    let initial = initial.map(|bytes| format!("--initial-memory={bytes}").into());
    stack.into_iter().chain(initial).chain(maximum.map(|bytes| format!("--max-memory={bytes}").into())).collect()
}

fn both(before: &str, path: &Path, after: &str) -> OsString {
    let mut word = OsString::from(before);
    word.push(path);
    word.push(after);
    word
}
