//! rustc, cargo and the target's standard library: an installed one where there is one, else one
//! that is built once from the library's source and kept in the user's cache.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wbuild_targets::Target;

use super::memory::{Memory, hex};
use super::places::Places;
use super::tools::{ask, first_line};
use super::{Tool, sysroot};
use crate::error::{Error, Result};
use crate::process::{self, Command, Limits};
use crate::ui::Ui;

/// The oldest rustc whose targets have today's names and features: wasm32-wasip1 is the only name
/// of its target from 1.84 on.
const OLDEST: u32 = 84;

/// What brings library source where rustup has no place: Debian's second rustc.
const DEBIAN: &str = "apt-get install -y --no-install-recommends rustc-web rust-web-src";

/// Which standard library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Std {
    /// As Rust ships it.
    #[default]
    Normal,
    /// Built for size, and a panic aborts on the spot, without a message.
    Small,
}

/// A rustc, its cargo, and where the target's library is.
#[derive(Debug, Clone)]
pub struct Rust {
    pub rustc: PathBuf,
    pub cargo: PathBuf,
    /// What `--sysroot` must say; `None` where rustc's own has the target.
    pub sysroot: Option<PathBuf>,
    /// rustc and the library, for the report.
    pub identity: Vec<Tool>,
    recipe: Option<Recipe>,
}

/// What [`Rust::ensure`] found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    Present,
    Built,
}

/// How the library is built.
#[derive(Debug, Clone)]
struct Recipe {
    std: Std,
    /// The library's source: a folder with `std` and `vendor`.
    source: PathBuf,
    target: &'static str,
    host: String,
    /// rustc's own, with the host's library for build scripts and procedural macros.
    sysroot: PathBuf,
    /// What a program for WASI links with, besides Rust's.
    libc: Vec<PathBuf>,
    version: String,
}

/// A rustc that was found, and what it says of itself.
struct Found {
    rustc: PathBuf,
    facts: Facts,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    /// All of `rustc -vV`.
    verbose: String,
    sysroot: PathBuf,
}

/// Finds a rustc for `target` and its library, or says which command brings them. Builds nothing.
///
/// WBUILD_RUSTC and RUSTC name a rustc, else PATH's and then `/usr/bin/rustc` are looked at: first for
/// an installed library of the target, then for the library's source.
pub fn locate(places: &Places, target: &Target, std: Std) -> Result<Rust> {
    let mut memory = Memory::open(places.cache().ok().as_deref());
    let mut rejected = Vec::new();
    let mut found = Vec::new();
    for rustc in candidates(places) {
        match Found::probe(places, &mut memory, &rustc) {
            Ok(rustc) if rustc.minor() < OLDEST => {
                rejected.push(format!("{} is {}, older than 1.{OLDEST}", rustc.rustc.display(), rustc.version()));
            }
            Ok(rustc) => found.push(rustc),
            Err(e) => rejected.push(format!("{} cannot be run: {}", rustc.display(), e.message)),
        }
    }
    let cargo = cargo(places, &found);
    let installed = found.iter().find(|rustc| std == Std::Normal && rustc.library(target).is_some());
    if let Some(rustc) = installed {
        return rustc.installed(&mut memory, target, cargo);
    }
    if let Some((rustc, source)) = found.iter().find_map(|rustc| Some((rustc, rustc.source()?))) {
        return rustc.to_be_built(places, &mut memory, (target, std), cargo, source);
    }
    let mut error = match (found.is_empty(), std) {
        (true, _) => Error::build("no Rust compiler found"),
        (false, Std::Small) => Error::build("a small standard library is built from source, and there is none"),
        (false, Std::Normal) => Error::build(format!("Rust's standard library for {} is not here", target.name)),
    };
    for rustc in &found {
        rejected.push(format!("{} has neither that library nor its source", rustc.rustc.display()));
    }
    for reason in rejected {
        error = error.cause(reason);
    }
    let rustup = match std {
        Std::Normal => format!("rustup target add {}", target.name),
        Std::Small => "rustup component add rust-src".to_string(),
    };
    Err(match (places.on_path("rustup"), places.on_path("apt-get")) {
        (Some(_), None) => error.help(rustup),
        (Some(_), Some(_)) => error.help(format!("{rustup}; or, on Debian, {DEBIAN}")),
        (None, Some(_)) => error.help(DEBIAN),
        (None, None) => error.help(format!("install Rust by rustup, and then: {rustup}")),
    })
}

fn candidates(places: &Places) -> Vec<PathBuf> {
    if let Some(named) = places.path_var("WBUILD_RUSTC").or_else(|| places.path_var("RUSTC")) {
        return vec![if named.components().count() == 1 {
            places.on_path(&named.to_string_lossy()).unwrap_or(named)
        } else {
            named
        }];
    }
    let mut all: Vec<PathBuf> = places.on_path("rustc").into_iter().collect();
    all.extend(Some(places.root("usr/bin/rustc")).filter(|rustc| rustc.is_file() && !all.contains(rustc)));
    all
}

/// Cargo works with any rustc of about its age. rustup's are stand-ins that choose by folder and
/// environment, so the one that they choose is taken.
/// Without one, one file with an installed library can still be built.
fn cargo(places: &Places, found: &[Found]) -> PathBuf {
    let named = places.path_var("WBUILD_CARGO").or_else(|| places.path_var("CARGO"));
    let beside = || found.iter().map(|rustc| rustc.facts.sysroot.join("bin/cargo")).find(|cargo| cargo.is_file());
    named.or_else(beside).or_else(|| places.on_path("cargo")).unwrap_or_else(|| "cargo".into())
}

/// What rustup's stand-in for a rustc stands for. It never changes itself, and what it stands for does, by
/// folder and environment, so this is never remembered.
fn stood_in_for(places: &Places, rustc: &Path) -> Result<Option<PathBuf>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let rustup = rustc.with_file_name("rustup");
        let of = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
        if of(rustc).is_some() && of(rustc) == of(&rustup) {
            let own = match rustup_default(places) {
                Some(rustc) => rustc,
                None => PathBuf::from(first_line(&ask(&rustup, &["which", "rustc"])?)),
            };
            return Ok(Some(own));
        }
    }
    Ok(None)
}

/// What rustup would answer in the plainest case, which spares 6 ms of every build: RUSTUP_TOOLCHAIN names an
/// installed toolchain, or no file and no override says other than the default.
fn rustup_default(places: &Places) -> Option<PathBuf> {
    let home = places.path_var("RUSTUP_HOME").or_else(|| Some(places.path_var("HOME")?.join(".rustup")))?;
    let name = match places.var("RUSTUP_TOOLCHAIN") {
        Some(name) => name.to_str()?.to_string(),
        None => {
            let folder = std::env::current_dir().ok()?;
            let says =
                |folder: &Path| ["rust-toolchain", "rust-toolchain.toml"].iter().any(|f| folder.join(f).exists());
            if folder.ancestors().any(says) {
                return None;
            }
            let settings: toml::Table = fs::read_to_string(home.join("settings.toml")).ok()?.parse().ok()?;
            if settings.get("overrides").is_some_and(|all| all.as_table().is_none_or(|all| !all.is_empty())) {
                return None;
            }
            settings.get("default_toolchain")?.as_str()?.to_string()
        }
    };
    let rustc = home.join("toolchains").join(name).join("bin/rustc");
    rustc.is_file().then_some(rustc)
}

impl Found {
    fn probe(places: &Places, memory: &mut Memory, rustc: &Path) -> Result<Found> {
        let rustc = match stood_in_for(places, rustc)? {
            Some(own) => own,
            None => rustc.to_path_buf(),
        };
        let sysroot = memory.recall("rustc-sysroot", &rustc, || {
            Ok(PathBuf::from(first_line(&ask(&rustc, &["--print", "sysroot"])?)))
        })?;
        let verbose = memory.recall("rustc", &rustc, || ask(&rustc, &["-vV"]))?;
        Ok(Found { rustc, facts: Facts { verbose, sysroot } })
    }

    /// The first line of `rustc --version`.
    fn version(&self) -> String {
        first_line(&self.facts.verbose)
    }

    fn field(&self, name: &str) -> &str {
        let lines = self.facts.verbose.lines();
        lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).next().unwrap_or_default()
    }

    /// 95 of 1.95.0.
    fn minor(&self) -> u32 {
        self.field("release").split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
    }

    /// The installed library of that target.
    fn library(&self, target: &Target) -> Option<PathBuf> {
        let folder = self.facts.sysroot.join("lib/rustlib").join(target.name).join("lib");
        let is_std = |name: &str| name.starts_with("libstd-") && name.ends_with(".rlib");
        let files = fs::read_dir(folder).ok()?.flatten();
        files.map(|file| file.path()).find(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(is_std))
    }

    /// The library's source of the same version, with what it depends on beside it.
    fn source(&self) -> Option<PathBuf> {
        let source = fs::canonicalize(self.facts.sysroot.join("lib/rustlib/src/rust/library")).ok()?;
        if !source.join("std/Cargo.toml").is_file() || !source.join("vendor").is_dir() {
            return None;
        }
        // Debian's package of source may be of another version than its rustc; its folder says so.
        let folder = source.parent()?.file_name()?.to_str()?;
        let version = folder.strip_prefix("rustc-").unwrap_or(self.field("release"));
        (version == self.field("release")).then_some(source)
    }

    fn identity(&self, memory: &mut Memory) -> Result<Tool> {
        let sha256 = memory.sha256(&self.rustc)?;
        Ok(Tool { name: "rustc".into(), version: self.version(), path: self.rustc.clone(), sha256 })
    }

    fn installed(&self, memory: &mut Memory, target: &Target, cargo: PathBuf) -> Result<Rust> {
        let path = self.library(target).unwrap_or_default();
        let sha256 = memory.sha256(&path)?;
        let std = Tool { name: "rust-std".into(), version: format!("installed for {}", target.name), path, sha256 };
        let identity = vec![self.identity(memory)?, std];
        Ok(Rust { rustc: self.rustc.clone(), cargo, sysroot: None, identity, recipe: None })
    }

    fn to_be_built(
        &self,
        places: &Places,
        memory: &mut Memory,
        (target, std): (&Target, Std),
        cargo: PathBuf,
        source: PathBuf,
    ) -> Result<Rust> {
        let rustc = self.identity(memory)?;
        let mut key = Sha256::new();
        let kind = format!("{std:?}");
        for part in [RECIPE, &kind, &self.facts.verbose, &rustc.sha256, target.name, &source.to_string_lossy()] {
            key.update((part.len() as u64).to_le_bytes());
            key.update(part);
        }
        let mut libc = Vec::new();
        if target.has_libc {
            let wasi = sysroot::candidates(places, None)?.into_iter().next().map(|(_, sysroot)| sysroot);
            let wasi = wasi.ok_or_else(|| {
                Error::build(format!("no C library found for {}", target.name))
                    .cause("Rust's standard library calls it")
                    .help("wbuild toolchain install")
            })?;
            libc = ["crt1-command.o", "crt1-reactor.o", "libc.a"].map(|name| wasi.crt(name)).to_vec();
            key.update(wasi.identity(memory, places)?.sha256);
        }
        let key = hex(&key.finalize()[..12]);
        let path = folder(places)?.join(&key);
        let small = if std == Std::Small { "small, " } else { "" };
        let version = format!("{small}built from {} for {}", self.field("release"), target.name);
        let recipe = Recipe {
            std,
            source,
            target: target.name,
            host: self.field("host").to_string(),
            sysroot: self.facts.sysroot.clone(),
            libc,
            version: version.clone(),
        };
        let std = Tool { name: "rust-std".into(), version, path: path.clone(), sha256: key };
        let (identity, recipe) = (vec![rustc, std], Some(recipe));
        Ok(Rust { rustc: self.rustc.clone(), cargo, sysroot: Some(path), identity, recipe })
    }
}

/// Part of the key of what is built: to be changed with anything that changes what is built.
const RECIPE: &str = "3";

/// A package that needs the whole library and nothing else. One codegen unit, as Rust's own builds have it.
const MANIFEST: &str = "[package]
name = \"wbuild-std\"
version = \"0.0.0\"
edition = \"2021\"
[lib]
path = \"lib.rs\"
[profile.release]
codegen-units = 1
";

impl Rust {
    /// One that is as given, with nothing to be built.
    pub fn new(rustc: PathBuf, cargo: PathBuf, sysroot: Option<PathBuf>) -> Rust {
        Rust { rustc, cargo, sysroot, identity: Vec::new(), recipe: None }
    }

    /// The linker that rustup brings along with rustc.
    pub fn lld(&self) -> Option<PathBuf> {
        let host = self.rustc.parent()?.parent()?.join("lib/rustlib");
        let hosts = fs::read_dir(host).ok()?.flatten();
        hosts.map(|host| host.path().join("bin/rust-lld")).find(|lld| lld.is_file())
    }

    /// Stand-ins for rustc and rustdoc that know where the library is, where rustc's own has it not:
    /// so no flag is added to the user's, and cargo gives flags up where it finds others.
    pub fn wrappers(&self) -> Option<(PathBuf, PathBuf)> {
        let bin = self.sysroot.as_ref()?.join("bin");
        Some((bin.join("rustc"), bin.join("rustdoc")))
    }

    /// Builds the library unless it is there: whole or not at all. A second build waits for the
    /// first, and an interrupted one goes on where it was.
    pub fn ensure(&self, ui: &Ui) -> Result<Library> {
        let (Some(sysroot), Some(recipe)) = (&self.sysroot, &self.recipe) else { return Ok(Library::Present) };
        if sysroot.is_dir() {
            return Ok(Library::Present);
        }
        let part = sysroot.with_extension("part");
        let fail = |e: io::Error| {
            Error::build(format!("cannot write Rust's standard library to {}", sysroot.display()))
                .cause(e)
                .help("set WBUILD_CACHE to a folder that can be written, with 300 MB free")
        };
        fs::create_dir_all(part.join("crate")).map_err(fail)?;
        let lock = File::create(sysroot.with_extension("lock")).map_err(fail)?;
        if let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
            ui.note("another wbuild builds Rust's standard library; waiting for it");
        }
        lock.lock().map_err(fail)?;
        if sysroot.is_dir() {
            return Ok(Library::Present);
        }
        ui.progress(format!("building Rust's standard library for {} (once, about a minute)", recipe.target));
        fs::create_dir_all(part.join("crate")).map_err(fail)?;
        fs::write(part.join("crate/Cargo.toml"), MANIFEST).map_err(fail)?;
        fs::write(part.join("crate/lib.rs"), "").map_err(fail)?;
        let command = recipe.command(self, &part);
        let out = command.run(Limits::default())?;
        if !out.status.success() {
            return Err(Error::build(format!("cannot build Rust's standard library for {}", recipe.target))
                .cause(format!("{}: {}", command.shell(), out.status))
                .diagnostics(out.stderr)
                .help(format!("rustup target add {}, where rustup can fetch it", recipe.target)));
        }
        recipe.collect(&part, self).map_err(fail)?;
        fs::rename(part.join("sysroot"), sysroot).map_err(fail)?;
        // What is left is only of use to a build that was interrupted.
        let _ = fs::remove_dir_all(&part);
        ui.clear();
        Ok(Library::Built)
    }
}

impl Recipe {
    /// cargo's `-Zbuild-std`, which stable rustc takes with RUSTC_BOOTSTRAP. Nothing of the user's own
    /// configuration or environment reaches it, and nothing is fetched.
    fn command(&self, rust: &Rust, part: &Path) -> Command {
        let mut command = Command::new(&rust.cargo);
        command.args(["build", "--release", "--offline", "-Zbuild-std=std,panic_abort,test", "--target", self.target]);
        if self.std == Std::Small {
            command.args(["-Zbuild-std-features=optimize_for_size", "-Zpanic-immediate-abort"]);
            let profile = [("OPT_LEVEL", "z"), ("PANIC", "immediate-abort")];
            let profile = profile.map(|(name, value)| (format!("CARGO_PROFILE_RELEASE_{name}").into(), value.into()));
            command.env.extend(profile);
        }
        command.arg("--target-dir").arg(part.join("target"));
        command.args(["--config", "source.crates-io.replace-with=\"vendored\""]);
        let vendor = self.source.join("vendor");
        command.arg("--config").arg(format!("source.vendored.directory={:?}", vendor.to_string_lossy()));
        // Bitcode, so that a program's link time optimization includes it; and no path of this machine.
        let flags =
            format!("-Cembed-bitcode=yes\x1f--remap-path-prefix={}=/wbuild/rust/library", self.source.display());
        let alias = self.sysroot.join("lib/rustlib/src/rust/library");
        let flags = format!("{flags}\x1f--remap-path-prefix={}=/wbuild/rust/library", alias.display());
        command.env.extend([
            ("RUSTC".into(), rust.rustc.clone().into_os_string()),
            ("RUSTC_BOOTSTRAP".into(), "1".into()),
            ("CARGO_HOME".into(), part.join("cargo").into_os_string()),
            ("CARGO_ENCODED_RUSTFLAGS".into(), flags.into()),
        ]);
        command.alone_in = Some(part.join("crate"));
        command
    }

    /// Makes `part/sysroot` of what cargo built.
    fn collect(&self, part: &Path, rust: &Rust) -> io::Result<()> {
        let sysroot = part.join("sysroot");
        if sysroot.exists() {
            fs::remove_dir_all(&sysroot)?;
        }
        let libraries = sysroot.join("lib/rustlib").join(self.target).join("lib");
        fs::create_dir_all(libraries.join("self-contained"))?;
        for file in fs::read_dir(part.join("target").join(self.target).join("release/deps"))? {
            let path = file?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.ends_with(".rlib") && !name.starts_with("libwbuild_std") {
                fs::rename(&path, libraries.join(name))?;
            }
        }
        for file in &self.libc {
            fs::copy(file, libraries.join("self-contained").join(file.file_name().unwrap_or_default()))?;
        }
        // Build scripts and procedural macros are the host's, and see the same --sysroot.
        let host = Path::new("lib/rustlib").join(&self.host);
        #[cfg(unix)]
        std::os::unix::fs::symlink(self.sysroot.join(&host), sysroot.join(&host))?;
        fs::create_dir_all(sysroot.join("bin"))?;
        for tool in [rust.rustc.clone(), rust.rustc.with_file_name("rustdoc")] {
            let Some((path, home)) = tool.to_str().zip(rust.sysroot.as_ref().and_then(|path| path.to_str())) else {
                return Err(io::Error::other("a path is not UTF-8"));
            };
            let (path, home) = (process::quote(path.as_ref()), process::quote(home.as_ref()));
            let stand_in = sysroot.join("bin").join(tool.file_name().unwrap_or_default());
            fs::write(&stand_in, format!("#!/bin/sh\nexec {path} --sysroot {home} \"$@\"\n"))?;
            #[cfg(unix)]
            fs::set_permissions(&stand_in, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        fs::write(sysroot.join("wbuild.txt"), format!("{}\n", self.version))
    }
}

/// Where libraries that were built are kept.
fn folder(places: &Places) -> Result<PathBuf> {
    Ok(places.cache()?.join("rust"))
}

/// The libraries that were built: what each is, and where.
pub(super) fn built(places: &Places) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder(places)?).into_iter().flatten().flatten();
    let named = |path: PathBuf| Some((fs::read_to_string(path.join("wbuild.txt")).ok()?.trim().to_string(), path));
    let mut all: Vec<_> = entries.filter_map(|entry| named(entry.path())).collect();
    all.sort();
    Ok(all)
}

/// Removes them, and what interrupted builds left.
pub(super) fn remove_built(places: &Places) -> Result<Option<PathBuf>> {
    let folder = folder(places)?;
    let fail = |e| Error::build(format!("cannot remove {}", folder.display())).cause(e);
    match folder.exists() {
        true => fs::remove_dir_all(&folder).map(|()| Some(folder.clone())).map_err(fail),
        false => Ok(None),
    }
}
