//! A cargo project as the input of a build: which of its targets is meant, and cargo's command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cargo;
use crate::config::{Config, Crate, Debug, Entry, Pick, Source, Work};
use crate::error::{Error, Result};
use crate::plan::{Link, Variant};
use crate::process::{Command, Limits};
use crate::rust::{self, Linker};
use crate::toolchain::rust::{Rust, Std};
use crate::toolchain::{Places, Toolchain};

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    crate_types: Vec<String>,
}

/// One target of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub package: String,
    pub name: String,
    pub pick: Pick,
}

impl Chosen {
    /// cargo's words for it.
    fn words(&self) -> Vec<OsString> {
        match &self.pick {
            Pick::Bin(name) => vec!["--bin".into(), name.into()],
            Pick::Example(name) => vec!["--example".into(), name.into()],
            Pick::Lib | Pick::Only => vec!["--lib".into(), "--crate-type".into(), "cdylib".into()],
        }
    }

    /// The words by which a user chooses it.
    fn shown(&self) -> String {
        match &self.pick {
            Pick::Bin(name) => format!("--bin {name}"),
            Pick::Example(name) => format!("--example {name}"),
            Pick::Lib | Pick::Only => format!("--lib ({})", self.package),
        }
    }
}

/// Asks cargo which target is meant, and names the output after it where the command line names none.
pub fn settle(config: &Config, krate: &Crate, rust: &Rust) -> Result<(Config, Option<Chosen>)> {
    let Source::Project { manifest, pick } = &krate.source else { return Ok((config.clone(), None)) };
    let mut command = Command::new(&rust.cargo);
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let out = command.run(Limits::default())?;
    if !out.status.success() {
        return Err(Error::build(format!("cargo cannot read {}", manifest.display())).diagnostics(out.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&out.stdout)
        .map_err(|e| Error::build("cannot read what cargo metadata printed").cause(e).help("cargo --version"))?;
    let chosen = choose(&metadata, manifest, pick)?;
    let mut config = config.clone();
    if config.output.as_os_str().is_empty() {
        config.output = PathBuf::from(&chosen.name).with_extension("wasm");
    }
    // A library has no main to start with.
    if chosen.pick == Pick::Lib && config.entry == Entry::Command {
        config.entry = Entry::None;
    }
    if let Work::Crate(krate) = &mut config.work {
        krate.source = Source::Project { manifest: manifest.clone(), pick: chosen.pick.clone() };
    }
    Ok((config, Some(chosen)))
}

fn choose(metadata: &Metadata, manifest: &Path, pick: &Pick) -> Result<Chosen> {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let own = real(manifest);
    // A package's manifest means the package; a workspace's alone means all of its members.
    let package = metadata.packages.iter().filter(|package| real(&package.manifest_path) == own).collect::<Vec<_>>();
    let packages = if package.is_empty() { metadata.packages.iter().collect() } else { package };
    let mut all = Vec::new();
    for package in packages {
        for target in &package.targets {
            let is = |kind: &str| target.kind.iter().any(|k| k == kind);
            let pick = match () {
                () if is("bin") => Pick::Bin(target.name.clone()),
                () if is("example") => Pick::Example(target.name.clone()),
                () if target.crate_types.iter().any(|kind| kind == "cdylib") => Pick::Lib,
                () => continue,
            };
            all.push(Chosen { package: package.name.clone(), name: target.name.clone(), pick });
        }
    }
    let fits = |chosen: &&Chosen| match pick {
        Pick::Only => !matches!(chosen.pick, Pick::Example(_)),
        pick => chosen.pick == *pick,
    };
    let fitting: Vec<&Chosen> = all.iter().filter(fits).collect();
    let list = |of: &[&Chosen]| of.iter().map(|chosen| chosen.shown()).collect::<Vec<_>>().join(", ");
    match (&fitting[..], pick) {
        ([one], _) => Ok((*one).clone()),
        ([], Pick::Only) => Err(Error::usage(format!("{} has no binary and no cdylib", manifest.display()))
            .cause("only these become modules")
            .help("add src/main.rs, or crate-type = [\"cdylib\"] below [lib] in Cargo.toml")),
        ([], _) => Err(Error::usage(format!("{} has no such target", manifest.display()))
            .help(format!("one of {}", list(&all.iter().collect::<Vec<_>>())))),
        (several, _) => Err(Error::usage(format!("{} has {} targets", manifest.display(), several.len()))
            .help(format!("choose one of {}; or give the folder of one package", list(several)))),
    }
}

/// The one way to build it: cargo, which compiles and links; our stages come after.
pub fn variant(
    config: &Config,
    krate: &Crate,
    chosen: &Chosen,
    rust: &Rust,
    linker: &Linker,
    toolchain: Option<&Toolchain>,
) -> Variant {
    let mut command = Command::new(&rust.cargo);
    if let Source::Project { manifest, .. } = &krate.source {
        command.args(["rustc", "--release", "--manifest-path"]).arg(manifest);
    }
    command.args(["--target", config.target.name, "--package", &chosen.package]).args(chosen.words());
    command.arg("--message-format=json-render-diagnostics");
    if config.verbosity == crate::ui::Verbosity::Quiet {
        command.arg("--quiet");
    }
    // Words for the last crate only: cargo keeps account of them, and compiles no other anew for them.
    command.arg("--").args(rust::link_options(config, krate, linker));
    if config.debug == Debug::Full {
        command.args(["-C", "debuginfo=2"]);
    }
    command.env = cargo::environment(&Places::of_process(), rust, toolchain, config.target, krate.profile);
    if krate.std == Std::Small {
        cargo::small(&mut command, 0);
    }
    Variant { name: "", compile: Vec::new(), link: Link { command, module: PathBuf::new() } }
}

/// The module among what cargo says that it made.
pub fn artefact(messages: &[u8], chosen: &Chosen) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        target: Option<Target>,
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let messages = serde_json::Deserializer::from_slice(messages).into_iter::<Message>().map_while(|m| m.ok());
    let made = messages.filter(|message| {
        message.reason == "compiler-artifact" && message.target.as_ref().is_some_and(|t| t.name == chosen.name)
    });
    made.flat_map(|message| message.filenames).filter(|file| file.extension().is_some_and(|e| e == "wasm")).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(targets: &str) -> Metadata {
        let text = format!(
            "{{\"packages\":[{{\"name\":\"p\",\"manifest_path\":\"/p/Cargo.toml\",\"targets\":[{targets}]}}]}}"
        );
        serde_json::from_str(&text).unwrap()
    }

    const A: &str = r#"{"name":"a","kind":["bin"],"crate_types":["bin"]}"#;
    const B: &str = r#"{"name":"b","kind":["bin"],"crate_types":["bin"]}"#;
    const LIB: &str = r#"{"name":"p","kind":["lib"],"crate_types":["lib"]}"#;
    const CDYLIB: &str = r#"{"name":"p","kind":["cdylib","rlib"],"crate_types":["cdylib","rlib"]}"#;
    const EXAMPLE: &str = r#"{"name":"e","kind":["example"],"crate_types":["bin"]}"#;

    fn chosen(targets: &[&str], pick: Pick) -> Result<Chosen> {
        choose(&metadata(&targets.join(",")), Path::new("/p/Cargo.toml"), &pick)
    }

    #[test]
    fn one_target_is_chosen_by_itself_and_several_must_be_named() {
        assert_eq!(chosen(&[A, LIB, EXAMPLE], Pick::Only).unwrap().pick, Pick::Bin("a".into()));
        assert_eq!(chosen(&[CDYLIB], Pick::Only).unwrap().pick, Pick::Lib);
        let several = chosen(&[A, B, CDYLIB], Pick::Only).unwrap_err().to_string();
        assert!(several.contains("has 3 targets") && several.contains("--bin a, --bin b, --lib"), "{several}");
        assert_eq!(chosen(&[A, B, CDYLIB], Pick::Bin("b".into())).unwrap().name, "b");
        assert_eq!(chosen(&[A, B, CDYLIB], Pick::Lib).unwrap().name, "p");
        assert_eq!(chosen(&[A, EXAMPLE], Pick::Example("e".into())).unwrap().name, "e");
        assert!(chosen(&[LIB, EXAMPLE], Pick::Only).unwrap_err().to_string().contains("no binary and no cdylib"));
        assert!(chosen(&[A, B], Pick::Bin("c".into())).unwrap_err().to_string().contains("--bin a, --bin b"));
    }
}
