//! wbuild as rustc's linker: `-flavor wasm ARGS`, as rustc starts any wasm-ld. The real one links,
//! and the stages of a build run over what it linked, in place.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wbuild_passes::Input;

use crate::cache::{self, Cache};
use crate::config::{Debug, Goal, Level};
use crate::determinism::Hardening;
use crate::error::{Error, Result};
use crate::link;
use crate::output;
use crate::pipeline::{self, Options, Origin};
use crate::preinit;
use crate::process::Limits;
use crate::report::Report;
use crate::settings;
use crate::toolchain::{self, Places, Toolchain};
use crate::ui::{Ui, Verbosity};

/// The variable by which `wbuild cargo` says how to link.
pub const SETTINGS: &str = "WBUILD_LINK";

/// What `wbuild cargo` was asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Settings {
    /// The words that start wasm-ld; found anew where there are none.
    pub wasm_ld: Vec<PathBuf>,
    /// Whether that one can and may be asked for what it knows.
    pub says_relocations: bool,
    /// An archive that comes before the C library, for builds that are not dev's.
    pub malloc: Option<PathBuf>,
    /// Which function initializes, by name; modules that do not export it are left as they are.
    pub preinit: Option<String>,
    /// For wasm-ld, behind rustc's.
    pub words: Vec<String>,
    /// A level that was asked for; else what rustc says to the linker.
    pub level: Option<String>,
    /// `off`, `builtin` or a path.
    pub binaryen: Option<String>,
    /// `default` or `max`.
    pub effort: Option<String>,
    /// Kept SIMD, and a host that is JavaScript; `None` leaves the module to the engine.
    pub hardening: Option<Hardening>,
    pub verify_each: bool,
    /// The most bytes that a module may have.
    pub size_limit: Option<u64>,
}

/// Whether these words are rustc's to its linker.
pub fn is_meant(words: &[OsString]) -> bool {
    words.first().is_some_and(|word| word == "-flavor") && words.get(1).is_some_and(|word| word == "wasm")
}

/// Links and finishes; the exit status is wasm-ld's.
pub fn main(words: &[OsString]) -> Result<i32> {
    let asked = std::env::var(SETTINGS).ok();
    let mut settings: Settings = match &asked {
        Some(text) => serde_json::from_str(text)
            .map_err(|e| Error::usage(format!("{SETTINGS} is not what wbuild cargo sets")).cause(e).help("unset it"))?,
        None => Settings::default(),
    };
    if settings.wasm_ld.is_empty() {
        let found = toolchain::find(&toolchain::Request::default(), &wbuild_targets::TARGETS[0])?;
        settings.says_relocations = link::says_relocations(&found);
        settings.wasm_ld = found.wasm_ld;
    }
    let words = &words[2..];
    let mut options = options(&settings, words)?;
    let mut command = Toolchain::command(&settings.wasm_ld);
    command.args(settings.malloc.as_ref().filter(|_| !is_dev(words)));
    command.args(usual_stack(words)).args(&settings.words);
    command.args(options.link_information.then_some(link::RELOCATIONS));
    let linked = link::run(&mut command, |command| command.run(Limits::default()))?;
    options.link_information &= link::asks_relocations(&command);
    let _ = std::io::stdout().write_all(&linked.stdout);
    let _ = std::io::stderr().write_all(linked.stderr.as_bytes());
    if !linked.status.success() {
        return Ok(linked.status.code().unwrap_or(1));
    }
    let Some(module) = words.iter().position(|word| word == "-o").and_then(|at| words.get(at + 1)) else {
        return Ok(0);
    };
    let module = Path::new(module);
    depend_on(asked.as_deref(), module);
    let before = output::read(module)?;
    options.low_memory_unused = link::low_memory_is_unused(&before);
    options.preinit = options.preinit.filter(|preinit| preinit.applies_to(&before));
    let (ui, mut report) = (Ui::new(Verbosity::Quiet), Report::new("", options.level.name()));
    let name = module.display().to_string();
    let cache = Cache::open(&Places::of_process(), cache::Use::Allowed);
    let stages = pipeline::stages(&options);
    let after = pipeline::cached(&name, before, &stages, &options, &cache, &ui, &mut report)?;
    output::check_size(&name, after.len(), settings.size_limit)?;
    output::write(module, &after)?;
    Ok(0)
}

/// rustc's words, with our stack instead of its usual one. A size that the project asks for stands behind, and holds.
fn usual_stack(words: &[OsString]) -> Vec<OsString> {
    let usual = OsStr::new("stack-size=1048576");
    let first = words.iter().position(|word| word == usual);
    let ours = || format!("stack-size={}", wbuild_targets::TARGETS[0].stack_size).into();
    words.iter().enumerate().map(|(at, word)| if Some(at) == first { ours() } else { word.clone() }).collect()
}

/// Tells cargo that the module depends on what wbuild was asked for, as a crate does that reads the variable: in
/// rustc's list of dependencies, which cargo reads when rustc has ended. Without the list, nothing is lost but that.
fn depend_on(asked: Option<&str>, module: &Path) {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let line = match asked {
        Some(text) => format!("\n# env-dep:{SETTINGS}={}\n", escaped(text)),
        None => format!("\n# env-dep:{SETTINGS}\n"),
    };
    if let Ok(mut list) = std::fs::OpenOptions::new().append(true).open(module.with_extension("d")) {
        let _ = list.write_all(line.as_bytes());
    }
}

/// rustc says how hard the program was optimized.
fn is_dev(words: &[OsString]) -> bool {
    words.iter().any(|word| word == "-O0")
}

/// What was asked for of wbuild, else what rustc tells its linker: `-O0` for a dev build, and what to strip.
fn options(settings: &Settings, words: &[OsString]) -> Result<Options> {
    let has = |word: &str| words.iter().any(|given| given == OsStr::new(word));
    let level = match &settings.level {
        // A dev build stays quick, whatever release builds are to be.
        _ if is_dev(words) => Level::O0,
        Some(level) => Level::parse(level)?,
        None if has("-O1") => Level::O1,
        None if has("-O3") => Level::O3,
        None => Level::O2,
    };
    let debug = match (has("--strip-all"), has("--strip-debug")) {
        (true, _) => Debug::None,
        (false, true) => Debug::Names,
        (false, false) => Debug::Full,
    };
    let compresses = link::compresses(words) || link::compresses(&settings.words);
    Ok(Options {
        level,
        debug,
        binaryen: settings.binaryen.as_deref().unwrap_or("builtin").parse().unwrap_or_default(),
        hardening: settings.hardening,
        preinit: settings.preinit.as_deref().map(preinit::Options::named),
        goal: Goal::Size,
        effort: settings.effort.as_deref().map(settings::effort).transpose()?.unwrap_or_default(),
        budget: None,
        link_information: settings.says_relocations && level != Level::O0 && !compresses,
        low_memory_unused: false,
        target_features: None,
        origin: Origin::Linked,
        verify_each: settings.verify_each,
        input: Input::Unknown,
    })
}
