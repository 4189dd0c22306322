//! `wbuild cargo`: cargo with wbuild as the linker and the runner, so that cargo's own artefacts are
//! the finished modules, and everything else stays cargo's.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use wbuild_targets::Target;

use crate::config::Level;
use crate::error::{Error, Result};
use crate::linker::{self, Settings};
use crate::process::Command;
use crate::rust::Linker;
use crate::toolchain::{self, Places, Request, rust};
use crate::ui::Ui;

/// Run cargo for wasm, with wbuild as its linker and runner
///
/// `wbuild cargo build`, `run`, `test` and every other command of cargo's, with cargo's own options
/// behind it. The target is wasm32-wasip1 unless --target says otherwise. A dev build links and no
/// more; a release build goes through every stage. Nothing of the project is changed.
#[derive(Debug, clap::Args)]
#[command(override_usage = "wbuild cargo [OPTIONS] COMMAND [CARGO'S OPTIONS]")]
pub struct Args {
    /// How hard to optimize release builds, and for what: 0, 1, 2, 3, 4, s or z. It also sets
    /// opt-level, lto, codegen-units and panic of cargo's release profile
    #[arg(short = 'O', value_name = "LEVEL")]
    level: Option<String>,
    /// Which Binaryen: builtin, off, or the path of a wasm-opt
    #[arg(long, value_name = "off|builtin|PATH")]
    binaryen: Option<String>,
    /// Validate after every pass, so that an error names the pass
    #[arg(long)]
    verify_each: bool,
    /// cargo's command and its options
    #[arg(value_name = "COMMAND", trailing_var_arg = true, required = true)]
    words: Vec<OsString>,
}

/// What a program that cargo runs may see of cargo's environment, besides the current folder.
const SEEN: &[&str] =
    &["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION", "RUST_BACKTRACE", "RUST_LOG", "RUST_TEST_THREADS"];

/// Runs cargo to its end; the exit status is cargo's.
pub fn command(args: &Args, ui: &Ui) -> Result<i32> {
    let places = Places::of_process();
    let target = target(&places, &args.words)?;
    let level = args.level.as_deref().map(Level::parse).transpose()?;
    ui.progress("looking for rustc");
    let rust = rust::locate(&places, target, rust::Std::Normal)?;
    let toolchain = toolchain::find(&Request::default(), target);
    let wasm_ld = match &toolchain {
        Ok(toolchain) => toolchain.wasm_ld.clone(),
        Err(e) => Linker::choose(Err(e.clone()), &rust)?.words(),
    };
    rust.ensure(ui)?;
    ui.clear();
    let own = std::env::current_exe().map_err(|e| Error::internal("cannot tell where wbuild is").cause(e))?;
    let settings =
        Settings { wasm_ld, level: args.level.clone(), binaryen: args.binaryen.clone(), verify_each: args.verify_each };
    let settings = serde_json::to_string(&settings).map_err(|e| Error::internal("cannot write settings").cause(e))?;

    let mut cargo = Command::new(&rust.cargo);
    cargo.env = environment(&places, &rust, toolchain.as_ref().ok(), target, level);
    let named = target.name.to_uppercase().replace('-', "_");
    let linker = (format!("CARGO_TARGET_{named}_LINKER"), own.clone().into_os_string());
    for (name, value) in [("CARGO_BUILD_TARGET".to_string(), target.name.into()), linker] {
        // What the user has set stays.
        if places.var(&name).is_none() {
            cargo.env.push((name.into(), value));
        }
    }
    cargo.env.push((linker::SETTINGS.into(), settings.into()));
    // A list, because a runner in a variable is split at spaces. cargo's `+toolchain` comes first.
    let first = args.words.iter().take_while(|word| word.as_encoded_bytes().starts_with(b"+")).count();
    cargo.args(&args.words[..first]);
    if places.var(&format!("CARGO_TARGET_{named}_RUNNER")).is_none() {
        cargo.arg("--config").arg(format!("target.{}.runner=[{}]", target.name, runner(&own)));
    }
    cargo.args(&args.words[first..]);
    cargo.pass_through()
}

/// What cargo needs to know in either way of using it: where rustc, its library and a C compiler are, and the
/// release profile of a level that was asked for. What the user has set stays.
pub fn environment(
    places: &Places,
    rust: &rust::Rust,
    toolchain: Option<&toolchain::Toolchain>,
    target: &Target,
    level: Option<Level>,
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
    if let Some(level) = level {
        for (name, value) in profile(level) {
            set(format!("CARGO_PROFILE_RELEASE_{name}"), value.into());
        }
    }
    if let Some(toolchain) = toolchain {
        for (name, value) in c_compiler(toolchain, target) {
            set(name, value);
        }
    }
    all
}

/// The target that cargo's words or environment name, else WASI's.
fn target(places: &Places, words: &[OsString]) -> Result<&'static Target> {
    let mut named = places.var("CARGO_BUILD_TARGET").map(OsStr::to_os_string);
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

/// cargo's release profile for that level: the contract's link time optimization, and one unit.
fn profile(level: Level) -> [(&'static str, &'static str); 4] {
    let (opt, lto) = match level {
        Level::O0 => ("0", "off"),
        Level::O1 => ("1", "off"),
        Level::O2 => ("2", "fat"),
        Level::O3 | Level::O4 => ("3", "fat"),
        Level::Os => ("s", "fat"),
        Level::Oz => ("z", "fat"),
    };
    [("OPT_LEVEL", opt), ("LTO", lto), ("CODEGEN_UNITS", "1"), ("PANIC", "abort")]
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
