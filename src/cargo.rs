//! `wbuild cargo`: cargo with wbuild as the linker and the runner, so that cargo's own artefacts are
//! the finished modules, and everything else stays cargo's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use wbuild_targets::Target;

use crate::cache;
use crate::config::{self, Entry, Level, MALLOCS, Malloc, Memory};
use crate::determinism::Hardening;
use crate::error::{Error, Result};
use crate::link;
use crate::linker::{self, Settings};
use crate::manifest::Kept;
use crate::preinit;
use crate::process::Command;
use crate::runtime::Runtime;
use crate::rust::{Linker, memory_words};
use crate::settings;
use crate::toolchain::rust::{self, Std};
use crate::toolchain::{self, Places, Request, Toolchain};
use crate::ui::Ui;

/// Run cargo for wasm, with wbuild as its linker and runner
///
/// `wbuild cargo build`, `run`, `test` and every other command of cargo's, with cargo's own options
/// behind it. The target is wasm32-wasip1 unless --target says otherwise. A dev build links and
/// hardens, and no more; a release build goes through every stage. Nothing of the project is changed.
#[derive(Debug, clap::Args)]
#[command(args_override_self = true, override_usage = "wbuild cargo [OPTIONS] COMMAND [CARGO'S OPTIONS]")]
pub struct Args {
    /// How hard to optimize release builds, and for what: 0, 1, 2, 3, 4, s or z. It also sets
    /// opt-level, lto, codegen-units and panic of cargo's release profile
    #[arg(short = 'O', value_name = "LEVEL")]
    level: Option<String>,
    /// `small`: a library made for size, in which a panic ends the program and says nothing
    #[arg(long, value_name = "small")]
    std: Option<String>,
    /// The target, where neither cargo's words nor CARGO_BUILD_TARGET name one (default wasm32-wasip1)
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Which allocator: small (where size is asked for), or libc
    #[arg(long, value_name = "small|libc")]
    malloc: Option<String>,
    /// Which Binaryen: builtin, off, or the path of a wasm-opt
    #[arg(long, value_name = "off|builtin|PATH")]
    binaryen: Option<String>,
    /// max: try several ways after the link and keep the smallest
    #[arg(long, value_name = "default|max")]
    opt_effort: Option<String>,
    /// Initialize every module that exports wbuild_preinit, or NAME, and write it started
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    preinit: Option<String>,
    /// Export this symbol, where a module has it
    #[arg(long = "export", value_name = "NAME")]
    exports: Vec<String>,
    /// Export every symbol
    #[arg(long)]
    export_all: bool,
    /// Bytes of stack; sizes are such as 65536, 64KiB, 32MB
    #[arg(long, value_name = "SIZE")]
    stack_size: Option<String>,
    /// Put the stack behind the data
    #[arg(long)]
    stack_last: bool,
    /// Memory at the start
    #[arg(long, value_name = "SIZE")]
    initial_memory: Option<String>,
    /// Memory at the most
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<String>,
    /// Fail where a module is larger
    #[arg(long, value_name = "SIZE")]
    size_limit: Option<String>,
    /// Allow SIMD, and make it deterministic; the compiler is told by RUSTFLAGS="-C target-feature=+simd128"
    #[arg(long)]
    simd: bool,
    /// The host is JavaScript: make floats canonical that come from it
    #[arg(long)]
    js_boundary: bool,
    /// Leave to the engine what the specification leaves open
    #[arg(long)]
    no_deterministic: bool,
    /// Do not ask the linker what it knows of data and calls (asked from -O1 on)
    #[arg(long)]
    no_link_information: bool,
    /// Validate after every pass, so that an error names the pass
    #[arg(long)]
    verify_each: bool,
    /// Take no finished module from wbuild's cache, and keep none
    #[arg(long)]
    no_cache: bool,
    /// cargo's command and its options
    #[arg(value_name = "COMMAND", trailing_var_arg = true, required = true)]
    words: Vec<OsString>,
}

/// What a program that cargo runs may see of cargo's environment, besides the current folder.
const SEEN: &[&str] =
    &["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION", "RUST_BACKTRACE", "RUST_LOG", "RUST_TEST_THREADS"];

/// Runs cargo to its end; the exit status is cargo's. Of what the project keeps, the words are in `args`.
pub fn command(args: &Args, kept: &Kept, ui: &Ui) -> Result<i32> {
    let places = Places::of_process();
    let target = target(&places, &args.words, args.target.as_deref())?;
    let level = args.level.as_deref().map(Level::parse).transpose()?;
    // What is asked for, or what the project's own profile says.
    let effort = args.level.clone().or(kept.size_level.clone());
    let malloc = match &args.malloc {
        Some(name) => config::choose("--malloc", name, MALLOCS)?,
        None => Malloc::of(effort.as_deref().map(Level::parse).transpose()?.unwrap_or_default()),
    };
    // The linker reads it again; here it is said at once what is wrong.
    args.opt_effort.as_deref().map(settings::effort).transpose()?;
    let std = args.std(&args.words)?;
    let words = args.link_words(target)?;
    ui.progress("looking for rustc");
    let rust = rust::locate(&places, target, std)?;
    let toolchain = toolchain::find(&Request::default(), target).and_then(Toolchain::for_rust);
    let wasm_ld = match &toolchain {
        Ok(toolchain) => toolchain.wasm_ld.clone(),
        Err(e) => Linker::choose(Err(e.clone()), &rust)?.words(),
    };
    rust.ensure(ui)?;
    let mut runtime = Runtime::default();
    if let (Ok(toolchain), true) = (&toolchain, malloc == Malloc::Small || args.preinit.is_some()) {
        runtime = Runtime::locate(&places, toolchain, target)?;
        runtime.ensure(toolchain)?;
    }
    let mut words = words;
    if let Some(name) = &args.preinit {
        words.extend(runtime.preinit.iter().map(|object| object.to_string_lossy().into_owned()));
        words.extend(preinit::Options::named(name).link_words(Entry::Command));
    }
    ui.clear();
    let own = std::env::current_exe().map_err(|e| Error::internal("cannot tell where wbuild is").cause(e))?;
    let settings = Settings {
        wasm_ld,
        says_relocations: !args.no_link_information && toolchain.as_ref().is_ok_and(link::says_relocations),
        malloc: runtime.malloc.filter(|_| malloc == Malloc::Small),
        preinit: args.preinit.clone(),
        words,
        level: effort,
        binaryen: args.binaryen.clone(),
        effort: args.opt_effort.clone(),
        hardening: (!args.no_deterministic).then_some(Hardening { simd: args.simd, js_boundary: args.js_boundary }),
        verify_each: args.verify_each,
        size_limit: args.size_limit.as_deref().map(settings::size).transpose()?,
    };
    let settings = serde_json::to_string(&settings).map_err(|e| Error::internal("cannot write settings").cause(e))?;

    let mut cargo = Command::new(&rust.cargo);
    cargo.env = environment(&places, &rust, toolchain.as_ref().ok(), target, Profile::new(level, kept));
    let named = target.name.to_uppercase().replace('-', "_");
    let linker = (format!("CARGO_TARGET_{named}_LINKER"), own.clone().into_os_string());
    for (name, value) in [("CARGO_BUILD_TARGET".to_string(), target.name.into()), linker] {
        // What the user has set stays.
        if places.var(&name).is_none() {
            cargo.env.push((name.into(), value));
        }
    }
    cargo.env.push((linker::SETTINGS.into(), settings.into()));
    if args.no_cache {
        cargo.env.push((cache::OFF.into(), "1".into()));
    }
    // A list, because a runner in a variable is split at spaces. cargo's `+toolchain` comes first.
    let first = args.words.iter().take_while(|word| word.as_encoded_bytes().starts_with(b"+")).count();
    cargo.args(&args.words[..first]);
    if places.var(&format!("CARGO_TARGET_{named}_RUNNER")).is_none() {
        cargo.arg("--config").arg(format!("target.{}.runner=[{}]", target.name, runner(&own)));
    }
    cargo.args(&args.words[first..]);
    if std == Std::Small {
        small(&mut cargo, first);
    }
    cargo.pass_through()
}

/// What cargo needs to know in either way of using it: where rustc, its library and a C compiler are, and the
/// release profile of a level that was asked for. What the user has set stays.
pub fn environment(
    places: &Places,
    rust: &rust::Rust,
    toolchain: Option<&toolchain::Toolchain>,
    target: &Target,
    profile: Profile,
) -> Vec<(OsString, OsString)> {
    let mut all = Vec::new();
    let mut set = |name: String, value: OsString| {
        if places.var(&name).is_none() {
            all.push((OsString::from(name), value));
        }
    };
    if let Some((rustc, rustdoc)) = rust.wrappers() {
        set("RUSTC".into(), rustc.into_os_string());
        set("RUSTDOC".into(), rustdoc.into_os_string());
    }
    for (name, value) in profile.settings() {
        set(format!("CARGO_PROFILE_RELEASE_{name}"), value.into());
    }
    if let Some(toolchain) = toolchain {
        for (name, value) in c_compiler(toolchain, target) {
            set(name, value);
        }
    }
    all
}

impl Args {
    fn std(&self, words: &[OsString]) -> Result<Std> {
        let tests = words.iter().find(|word| ["test", "t", "bench"].iter().any(|name| *word == name));
        match (self.std.as_deref(), tests) {
            (None, _) => Ok(Std::Normal),
            (Some("small"), None) => Ok(Std::Small),
            (Some("small"), Some(word)) => {
                Err(Error::usage(format!("cargo {} cannot use --std=small", word.display()))
                    .cause("tests tell of themselves by unwinding panics, and in this library a panic ends the program")
                    .help("test with the usual library"))
            }
            (Some(other), _) => Err(Error::usage(format!("--std {other} is not known")).help("--std=small")),
        }
    }

    /// wasm-ld's words for what was asked for.
    fn link_words(&self, target: &Target) -> Result<Vec<String>> {
        let size = |text: &Option<String>| text.as_deref().map(settings::size).transpose();
        let stack = size(&self.stack_size)?;
        let memory = Memory {
            stack: stack.unwrap_or(target.stack_size),
            stack_last: self.stack_last,
            initial: size(&self.initial_memory)?,
            maximum: size(&self.max_memory)?,
        };
        let memory = memory.checked()?;
        let mut words = Vec::new();
        words.extend(stack.map(|_| format!("-zstack-size={}", memory.stack)));
        let rest = memory_words(memory.stack_last, memory.initial, memory.maximum);
        words.extend(rest.into_iter().filter_map(|word| word.into_string().ok()));
        // One line of words serves every module of the project, and not each has every symbol.
        words.extend(self.exports.iter().map(|name| format!("--export-if-defined={name}")));
        words.extend(self.export_all.then(|| "--export-all".into()));
        Ok(words)
    }
}

/// Makes a cargo command build for the small library, whose panics are aborts on the spot: stable cargo and
/// rustc take that with these words only. `at` is where its own options may stand.
pub fn small(cargo: &mut Command, at: usize) {
    cargo.args.insert(at, "-Zpanic-immediate-abort".into());
    for name in ["CARGO_PROFILE_RELEASE_PANIC", "CARGO_PROFILE_DEV_PANIC"] {
        cargo.env.retain(|(known, _)| known != name);
        cargo.env.push((name.into(), "immediate-abort".into()));
    }
    cargo.env.push(("RUSTC_BOOTSTRAP".into(), "1".into()));
}

/// The target that cargo's words or environment name, else the one that is `kept`, else WASI's.
fn target(places: &Places, words: &[OsString], kept: Option<&str>) -> Result<&'static Target> {
    let mut named = places.var("CARGO_BUILD_TARGET").map(OsStr::to_os_string).or(kept.map(OsString::from));
    // What stands behind `--` is the program's own.
    let words: Vec<&OsString> = words.iter().take_while(|word| *word != "--").collect();
    for (at, word) in words.iter().enumerate() {
        let text = word.to_string_lossy();
        if let Some(name) = text.strip_prefix("--target=") {
            named = Some(name.into());
        } else if text == "--target" {
            named = words.get(at + 1).map(|name| (*name).clone());
        }
    }
    let Some(name) = named else { return Ok(&wbuild_targets::TARGETS[0]) };
    wbuild_targets::TARGETS.iter().find(|target| *target.name == *name).ok_or_else(|| {
        let names: Vec<&str> = wbuild_targets::TARGETS.iter().map(|t| t.name).collect();
        Error::usage(format!("wbuild does not build for {}", name.display()))
            .help(format!("--target {}, or cargo without wbuild", names.join(" or --target ")))
    })
}

fn runner(own: &Path) -> String {
    let mut words = vec![own.to_string_lossy().into_owned(), "run".into(), "--dir".into(), ".".into()];
    // A failing test ends the module at once, and what the harness held back would be lost with it.
    words.extend(["--env".into(), "RUST_TEST_NOCAPTURE=1".into()]);
    for name in SEEN {
        words.extend(["--env".into(), name.to_string()]);
    }
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(",")
}

/// What becomes of cargo's release profile.
#[derive(Debug, Clone, Copy)]
pub enum Profile {
    /// The project's own, and the project says all that matters.
    Own,
    /// The project's own, which says nothing of link time optimization.
    OwnWithLto,
    /// As the level has it that was asked for.
    Of(Level),
}

impl Profile {
    pub fn new(level: Option<Level>, kept: &Kept) -> Profile {
        match level {
            Some(level) => Profile::Of(level),
            None if kept.says_lto => Profile::Own,
            None => Profile::OwnWithLto,
        }
    }

    /// The contract's link time optimization, and one unit.
    fn settings(self) -> Vec<(&'static str, &'static str)> {
        let (opt, lto) = match self {
            Profile::Own => return Vec::new(),
            Profile::OwnWithLto => return vec![("LTO", "fat")],
            Profile::Of(Level::O0) => ("0", "off"),
            Profile::Of(Level::O1) => ("1", "off"),
            Profile::Of(Level::O2) => ("2", "fat"),
            Profile::Of(Level::O3 | Level::O4) => ("3", "fat"),
            Profile::Of(Level::Os) => ("s", "fat"),
            Profile::Of(Level::Oz) => ("z", "fat"),
        };
        vec![("OPT_LEVEL", opt), ("LTO", lto), ("CODEGEN_UNITS", "1"), ("PANIC", "abort")]
    }
}

/// For build scripts that compile C: the variables that the crate cc reads.
fn c_compiler(toolchain: &toolchain::Toolchain, target: &Target) -> Vec<(String, OsString)> {
    // cc starts a compiler by one path.
    let ([clang], [clangxx, rest @ ..]) = (&toolchain.clang[..], &toolchain.clangxx[..]) else { return Vec::new() };
    let triple = target.name.replace('-', "_");
    let args = toolchain.compile_args.join(" ");
    let more: Vec<String> = rest.iter().map(|word| word.display().to_string()).collect();
    let mut all = vec![
        (format!("CC_{triple}"), clang.clone().into_os_string()),
        (format!("CXX_{triple}"), clangxx.clone().into_os_string()),
        (format!("CFLAGS_{triple}"), args.clone().into()),
        (format!("CXXFLAGS_{triple}"), [&more[..], &[args]].concat().join(" ").into()),
    ];
    let beside = |name: &str| std::fs::canonicalize(clang).ok()?.parent().map(|bin| bin.join(name));
    let ar: Option<PathBuf> = beside("llvm-ar").filter(|ar| ar.is_file());
    all.extend(ar.map(|ar| (format!("AR_{triple}"), ar.into_os_string())));
    all
}
