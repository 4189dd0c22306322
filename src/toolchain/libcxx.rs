//! libc++ and libc++abi with exceptions: their sources, which pip fetches, and the library, built once for each compiler.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wbuild_targets::Target;

use super::install::{disk_error, lock, new_staging, remove_leftovers};
use super::memory::hex;
use super::{Places, Toolchain};
use crate::archive;
use crate::error::{Error, Result};
use crate::exec;
use crate::process::{self, Command, Limits};
use crate::runtime;
use crate::ui::Ui;

/// The PyPI package that carries the sources of libc++, libc++abi and libunwind.
const PACKAGE: &str = "ziglang==0.17.0";
/// Which of its wheels: the sources are the same in all, and one hash serves every machine.
const PLATFORM: &str = "manylinux_2_12_x86_64";
const SHA256: &str = "97079827064a7492cce5541ceb438ae8003ce1e54e399676da2d62fb7a5dc08b";
/// The version of libc++ in it.
const VERSION: &str = "22.1.8";
const DOWNLOAD_MB: u32 = 101;
const INSTALLED_MB: u32 = 15;

/// The command that brings the sources.
pub const INSTALL: &str = "wbuild toolchain install --exceptions";

/// How everything is compiled, besides for what and with which headers.
const COMPILE_ARGS: &[&str] = &[
    "-c",
    "-O2",
    "-std=c++23",
    "-w",
    "-DNDEBUG",
    "-D_LIBCPP_BUILDING_LIBRARY",
    "-D_LIBCXXABI_BUILDING_LIBRARY",
    "-DLIBCXX_BUILDING_LIBCXXABI",
    "-D__wasm_exception_handling__",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-nostdinc++",
];

/// Changes to the sources: zig gives its settings as options, and takes every musl for one on Linux.
const CHANGES: &[(&str, &str)] = &[
    (
        "/* zig patch: instead of including __config_site, zig adds -D flags when compiling */",
        "#include <__config_site>",
    ),
    ("_LIBCPP_GLIBC_PREREQ(2, 27) || _LIBCPP_HAS_MUSL_LIBC", "_LIBCPP_GLIBC_PREREQ(2, 27)"),
];

/// The library for one compiler, sysroot and target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Where the sources are.
    pub sources: PathBuf,
    /// Where the archives and the runtime's object are.
    pub folder: PathBuf,
}

/// Where the sources are, or would be.
pub(super) fn sources(places: &Places) -> Result<PathBuf> {
    Ok(places.home()?.join(format!("libcxx-{VERSION}")))
}

/// The sources, if they are there: the folder appears whole or not at all.
pub(super) fn installed(places: &Places) -> Option<PathBuf> {
    sources(places).ok().filter(|folder| folder.is_dir())
}

/// What they are called in lists.
pub(super) fn title() -> String {
    format!("libc++ {VERSION} for exceptions ({PACKAGE})")
}

/// What an install will do, for people.
pub(super) fn plan(folder: &Path) -> String {
    format!(
        "the sources of libc++ {VERSION}, for C++ exceptions: package {PACKAGE} (by pip, {DOWNLOAD_MB} MB to fetch)\n    \
         into {} ({INSTALLED_MB} MB)\n    checked by its hash sha256:{}…",
        folder.display(),
        &SHA256[..16]
    )
}

/// Fetches the sources, checks them, and renames them into place.
pub(super) fn install(places: &Places, ui: &Ui) -> Result<()> {
    let (home, folder) = (places.home()?, sources(places)?);
    fs::create_dir_all(&home).map_err(|e| disk_error("make the folder", &home, e))?;
    let _lock = lock(&home, ui)?;
    if folder.is_dir() {
        return Ok(());
    }
    remove_leftovers(&home);
    let staging = new_staging(&home)?;
    process::remove_on_interrupt(staging.path());
    let result = stage(places, ui, staging.path(), &folder);
    process::keep(staging.path());
    let _ = staging.close();
    ui.clear();
    result
}

fn stage(places: &Places, ui: &Ui, staging: &Path, folder: &Path) -> Result<()> {
    ui.progress(format!("fetching {PACKAGE}"));
    let wheel = fetch(places, staging)?;
    ui.progress("checking the archive");
    let mut hash = Sha256::new();
    let read = |e| disk_error("read", &wheel, e);
    io::copy(&mut File::open(&wheel).map_err(read)?, &mut hash).map_err(read)?;
    let found = hex(&hash.finalize());
    if found != SHA256 {
        return Err(Error::build(format!("the archive of {PACKAGE} is not the pinned one"))
            .cause(format!("its sha256 is {found}"))
            .cause(format!("it should be {SHA256}"))
            .help(
                "clear pip's cache (pip cache purge) and try again; if it stays so, the registry or a proxy changes it",
            ));
    }
    ui.progress("unpacking");
    let new = staging.join("libcxx");
    unpack(&wheel, &new).map_err(|e| disk_error("unpack into", &new, e))?;
    fs::rename(&new, folder).map_err(|e| disk_error("rename into", folder, e))
}

/// Lets pip, as the user has set it up, fetch the wheel.
fn fetch(places: &Places, staging: &Path) -> Result<PathBuf> {
    let pip = places.on_path("pip3").or_else(|| places.on_path("pip")).ok_or_else(|| {
        Error::build("pip is needed to fetch the sources of libc++")
            .cause("there is no pip on PATH")
            .help(format!("apt-get install python3-pip, then {INSTALL}"))
    })?;
    let mut command = Command::new(pip);
    command.args(["download", PACKAGE, "--no-deps", "--only-binary=:all:", "--platform", PLATFORM]);
    command.args(["--quiet", "--disable-pip-version-check", "--dest"]).arg(staging);
    let out = command.run(Limits::default())?;
    let fail =
        |what: String| Error::build(what).help(format!("see that `pip download {PACKAGE}` works, then {INSTALL}"));
    if !out.status.success() {
        return Err(fail(format!("pip could not fetch {PACKAGE}")).cause(out.status).diagnostics(out.stderr));
    }
    let files = fs::read_dir(staging).map_err(|e| disk_error("read", staging, e))?;
    let mut wheels = files.flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|e| e == "whl"));
    wheels.next().ok_or_else(|| fail(format!("pip said that it fetched {PACKAGE}, and left no wheel")))
}

/// Takes from the wheel what is used, with headers in one folder.
fn unpack(wheel: &Path, into: &Path) -> io::Result<()> {
    const PARTS: &[(&str, &str)] = &[
        ("libcxx/include/", "include/"),
        ("libcxxabi/include/", "include/"),
        ("libunwind/include/", "unwind/"),
        ("libcxx/", "libcxx/"),
        ("libcxxabi/", "libcxxabi/"),
    ];
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let Some(name) = name.strip_prefix("ziglang/lib/") else { continue };
        let part = PARTS.iter().find_map(|(from, to)| Some(into.join(to).join(name.strip_prefix(from)?)));
        let Some(path) = part.filter(|_| entry.is_file() && entry.enclosed_name().is_some()) else { continue };
        let mut text = String::new();
        io::Read::read_to_string(&mut entry, &mut text)?;
        for (from, to) in CHANGES {
            text = text.replace(from, to);
        }
        fs::create_dir_all(path.parent().unwrap_or(into))?;
        fs::write(path, text)?;
    }
    fs::write(into.join("include/__config_site"), runtime::LIBCXX_CONFIG)
}

impl Library {
    /// Where the library is, or will be. Touches nothing.
    pub fn locate(places: &Places, toolchain: &Toolchain, target: &Target) -> Result<Library> {
        let sources = installed(places).ok_or_else(|| {
            Error::build("C++ exceptions need a libc++ that is built with them")
                .cause("its sources are not here")
                .help(INSTALL)
        })?;
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        [target.name, SHA256, runtime::LIBCXX_CONFIG, runtime::EXCEPTIONS].into_iter().for_each(&mut add);
        CHANGES.iter().for_each(|(from, to)| [from, to].into_iter().for_each(|text| add(text)));
        COMPILE_ARGS.iter().chain(runtime::EXCEPTIONS_COMPILE).for_each(|arg| add(arg));
        for tool in toolchain.identity.iter().filter(|t| t.name != "wasm-ld") {
            add(&tool.version);
            add(&tool.sha256);
        }
        let key = hex(&hash.finalize()[..12]);
        Ok(Library { sources, folder: folder(places)?.join(key) })
    }

    /// Its headers, for `-isystem`.
    pub fn include(&self) -> PathBuf {
        self.sources.join("include")
    }

    /// What stands for an unwinder: an object to be linked.
    pub fn runtime(&self) -> PathBuf {
        self.folder.join("exceptions.o")
    }

    /// Builds it, unless it is there: whole or not at all. A second build waits for the first.
    pub fn ensure(&self, toolchain: &Toolchain, ui: &Ui) -> Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        let parent = self.folder.parent().unwrap_or(&self.folder);
        let fail = |e: io::Error| {
            Error::build(format!("cannot write libc++ to {}", parent.display()))
                .cause(e)
                .help("set WBUILD_CACHE to a folder that can be written")
        };
        fs::create_dir_all(parent).map_err(fail)?;
        let lock = File::create(self.folder.with_extension("lock")).map_err(fail)?;
        if let Err(fs::TryLockError::WouldBlock) = lock.try_lock() {
            ui.note("another wbuild builds libc++ with exceptions; waiting for it");
        }
        lock.lock().map_err(fail)?;
        if self.folder.is_dir() {
            return Ok(());
        }
        ui.progress("building libc++ with exceptions (once, about half a minute)");
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(fail)?;
        process::remove_on_interrupt(new.path());
        let made = self.make(toolchain, new.path(), &fail);
        process::keep(new.path());
        made?;
        fs::rename(new.path(), &self.folder).map_err(fail)?;
        ui.clear();
        Ok(())
    }

    fn make(&self, toolchain: &Toolchain, into: &Path, fail: &dyn Fn(io::Error) -> Error) -> Result<()> {
        let own = into.join("exceptions.cpp");
        fs::write(&own, runtime::EXCEPTIONS).map_err(fail)?;
        let mut archives = Vec::new();
        let mut jobs = vec![(own, into.join("exceptions.o"), false)];
        for (archive, folders) in [
            ("libc++.a", &["libcxx/src", "libcxx/src/ryu", "libcxx/src/filesystem"][..]),
            ("libc++abi.a", &["libcxxabi/src"]),
        ] {
            let first = jobs.len();
            for source in folders.iter().flat_map(|folder| cxx_files(&self.sources.join(folder))) {
                let object = into.join(format!("{}.o", jobs.len()));
                jobs.push((source, object, true));
            }
            archives.push((archive, first..jobs.len()));
        }
        let made = exec::parallel(&jobs, |(source, object, throws)| self.compile(toolchain, source, object, *throws));
        made.into_iter().collect::<Result<Vec<()>>>()?;
        for (name, members) in archives {
            let mut objects = Vec::new();
            for (source, object, _) in jobs.get(members).into_iter().flatten() {
                let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                objects.push((stem, fs::read(object).map_err(fail)?));
                fs::remove_file(object).map_err(fail)?;
            }
            fs::write(into.join(name), archive::write(&objects)).map_err(fail)?;
        }
        fs::write(into.join("wbuild.txt"), format!("{VERSION}\n")).map_err(fail)
    }

    fn compile(&self, toolchain: &Toolchain, source: &Path, object: &Path, throws: bool) -> Result<()> {
        let mut command = Toolchain::command(&toolchain.clangxx);
        command.args(&toolchain.compile_args).args(COMPILE_ARGS);
        match throws {
            true => command.args(runtime::EXCEPTIONS_COMPILE).args(runtime::SJLJ_COMPILE),
            false => command.arg("-fno-exceptions"),
        };
        command.arg("-isystem").arg(self.include());
        for folder in ["libcxx", "libcxx/src", "libcxx/libc", "libcxxabi/src", "unwind"] {
            command.arg("-I").arg(self.sources.join(folder));
        }
        command.arg(source).arg("-o").arg(object);
        let out = command.run(Limits::default())?;
        if out.status.success() {
            return Ok(());
        }
        Err(Error::build("libc++ does not compile with this compiler")
            .cause(format!("{}: {}", command.shell(), out.status))
            .diagnostics(out.stderr)
            .help("wbuild doctor shows which compiler that is; --compiler=hermetic is one that is known to work"))
    }
}

/// The sources in a folder, in an order that is the same everywhere.
fn cxx_files(folder: &Path) -> Vec<PathBuf> {
    // An unwinder's tables, the library without exceptions, and threads' own destructors: none is of use here.
    let left_out = ["cxa_personality", "cxa_noexception", "cxa_thread_atexit"];
    let is_meant = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default();
        path.extension().is_some_and(|e| e == "cpp") && !left_out.iter().any(|name| stem == *name)
    };
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.path()).filter(is_meant).collect();
    files.sort();
    files
}

/// Where libraries that were built are kept.
fn folder(places: &Places) -> Result<PathBuf> {
    Ok(places.cache()?.join("libcxx"))
}

/// Removes the sources and what was built of them; gives the folders that were there.
pub(super) fn remove(places: &Places) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for folder in [sources(places)?, folder(places)?] {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|e| Error::build(format!("cannot remove {}", folder.display())).cause(e))?;
            removed.push(folder);
        }
    }
    Ok(removed)
}
