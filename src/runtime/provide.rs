//! Puts the runtime on disk: headers as they are, sources compiled once for each compiler.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wbuild_targets::Target;

use super::{
    COMPILE_ARGS, COMPILE_SMALL_ARGS, FILES, File, HEADERS, INCLUDE, MALLOC_LIBRARY, MALLOC_SOURCE, MEM_SOURCE, POSIX,
    POSIX_SOURCE, PREINIT_SOURCE, SJLJ_SOURCE, THREAD_SOURCE,
};
use crate::archive;
use crate::cache::Key;
use crate::error::{Error, Result};
use crate::process::Limits;
use crate::toolchain::{Places, Toolchain};

/// The hashes of all files, beside them.
const SUMS: &str = "sums";

/// The runtime as a build uses it. The default is none, for a build without C.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// For `-isystem`, before every other system folder, where setjmp is wbuild's own.
    pub include: PathBuf,
    /// For `-isystem` always: `wbuild.h`, `emscripten.h`.
    pub headers: PathBuf,
    /// setjmp and longjmp.
    pub sjlj: PathBuf,
    /// memcpy and its kin, where the target has no C library.
    pub mem: Option<PathBuf>,
    /// The small allocator, an archive, where the target has a C library.
    pub malloc: Option<PathBuf>,
    /// For `-isystem` in `wbuild cc`: what POSIX has and WASI has not.
    pub posix: PathBuf,
    /// The object with it, where the target has a C library.
    pub posix_library: Option<PathBuf>,
    /// What is called when initialization has ended, where the target has a C library.
    pub preinit: Option<PathBuf>,
    folder: PathBuf,
    /// The sources, and the object that each becomes.
    sources: Vec<(&'static str, &'static str)>,
}

impl Runtime {
    /// Where the runtime is, or will be, for this compiler and target. Touches nothing.
    pub fn locate(places: &Places, toolchain: &Toolchain, target: &Target) -> Result<Runtime> {
        let mut sources = vec![(SJLJ_SOURCE, "sjlj.o")];
        sources.push(if target.has_libc { (MALLOC_SOURCE, "malloc.o") } else { (MEM_SOURCE, "mem.o") });
        if target.has_libc {
            sources.extend([(PREINIT_SOURCE, "preinit.o"), (POSIX_SOURCE, "posix.o"), (THREAD_SOURCE, "thread.o")]);
        }
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(target.name);
        COMPILE_ARGS.iter().chain(COMPILE_SMALL_ARGS).for_each(|arg| add(arg));
        for file in FILES {
            add(file.path);
            add(file.text);
        }
        for tool in &toolchain.identity {
            add(&tool.version);
            add(&tool.sha256);
        }
        let key = hash.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect::<String>();
        // Without a folder for caches it can still be made for one build.
        let folder = places.cache().unwrap_or_default().join("runtime").join(key);
        Ok(Runtime::of(folder, sources))
    }

    fn of(folder: PathBuf, sources: Vec<(&'static str, &'static str)>) -> Runtime {
        let object = |source: &str| sources.iter().find(|(s, _)| *s == source).map(|(_, object)| folder.join(object));
        Runtime {
            include: folder.join(INCLUDE),
            headers: folder.join(HEADERS),
            sjlj: object(SJLJ_SOURCE).unwrap_or_default(),
            mem: object(MEM_SOURCE),
            posix: folder.join(POSIX),
            posix_library: object(POSIX_SOURCE).map(|object| object.with_file_name("libwbuild-posix.a")),
            preinit: object(PREINIT_SOURCE),
            malloc: object(MALLOC_SOURCE).map(|object| object.with_file_name(format!("lib{MALLOC_LIBRARY}.a"))),
            folder: folder.clone(),
            sources,
        }
    }

    /// As [`Runtime::ensure`]; where the cache cannot hold it, it is made in a folder of this build's own.
    pub fn ensure_or_in(self, scratch: &Path, toolchain: &Toolchain) -> Result<Runtime> {
        if self.ensure(toolchain).is_ok() {
            return Ok(self);
        }
        let own = Runtime::of(scratch.join("runtime"), self.sources);
        own.ensure(toolchain).map(|()| own)
    }

    /// Makes it, unless it is there undamaged: whole or not at all, also when two builds do so at once.
    pub fn ensure(&self, toolchain: &Toolchain) -> Result<()> {
        if !self.folder.is_absolute() {
            return Err(Error::build("no folder to keep wbuild's runtime in").help("set WBUILD_CACHE to a folder"));
        }
        if self.is_whole() {
            return Ok(());
        }
        let parent = self.folder.parent().unwrap_or(&self.folder);
        let fail = |e: std::io::Error| {
            Error::build(format!("cannot write wbuild's runtime to {}", parent.display()))
                .cause(e)
                .help("set WBUILD_CACHE to a folder that can be written")
        };
        fs::create_dir_all(parent).map_err(fail)?;
        let new = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(fail)?;
        crate::process::remove_on_interrupt(new.path());
        let made = self.make(toolchain, new.path(), &fail);
        crate::process::keep(new.path());
        made?;
        match fs::rename(new.path(), &self.folder) {
            // Another build was faster, with the same result.
            Err(_) if self.is_whole() => Ok(()),
            // What is damaged is repaired file by file, because others may be reading the rest.
            Err(_) if self.folder.is_dir() => self.repair(new.path()).map_err(fail),
            other => other.map_err(fail),
        }
    }

    /// As [`Runtime::ensure`] for those who only compile, which is done a thousand times: they read nothing but headers.
    pub fn ensure_headers(&self, toolchain: &Toolchain) -> Result<()> {
        let sums = fs::read_to_string(self.folder.join(SUMS)).unwrap_or_default();
        let is_header = |file: &&File| file.path.ends_with(".h");
        let is_whole = |file: &File| {
            self.sum(&self.folder, Path::new(file.path)).is_ok_and(|now| sums.lines().any(|sum| sum == now))
        };
        match self.folder.is_absolute() && FILES.iter().filter(is_header).all(is_whole) {
            true => Ok(()),
            false => self.ensure(toolchain),
        }
    }

    /// Every file that is part of it, from its folder.
    fn files(&self) -> Vec<PathBuf> {
        let objects = self.sources.iter().map(|(_, object)| PathBuf::from(object));
        let library =
            self.malloc.iter().chain(&self.posix_library).filter_map(|path| path.file_name()).map(PathBuf::from);
        FILES.iter().map(|file| PathBuf::from(file.path)).chain(objects).chain(library).collect()
    }

    /// Whether all files are there and hold what they held when they were made.
    fn is_whole(&self) -> bool {
        fs::read_to_string(self.folder.join(SUMS))
            .is_ok_and(|sums| self.sums(&self.folder).is_ok_and(|now| now == sums))
    }

    fn sums(&self, folder: &Path) -> std::io::Result<String> {
        self.files().iter().map(|file| Ok(self.sum(folder, file)? + "\n")).collect()
    }

    fn sum(&self, folder: &Path, file: &Path) -> std::io::Result<String> {
        Ok(format!("{} {}", Key::of(&fs::read(folder.join(file))?), file.display()))
    }

    fn repair(&self, new: &Path) -> std::io::Result<()> {
        for file in self.files().iter().map(PathBuf::as_path).chain([Path::new(SUMS)]) {
            let place = self.folder.join(file);
            fs::create_dir_all(place.parent().unwrap_or(&self.folder))?;
            fs::rename(new.join(file), place)?;
        }
        Ok(())
    }

    fn make(&self, toolchain: &Toolchain, into: &Path, fail: &dyn Fn(std::io::Error) -> Error) -> Result<()> {
        for file in FILES {
            let path = into.join(file.path);
            fs::create_dir_all(path.parent().unwrap_or(into)).map_err(fail)?;
            fs::write(&path, file.text).map_err(fail)?;
        }
        for (source, object) in &self.sources {
            let mut command = toolchain.compiler(false);
            let args = if *source == MALLOC_SOURCE { COMPILE_SMALL_ARGS } else { COMPILE_ARGS };
            command.args(&toolchain.compile_args);
            match *source == POSIX_SOURCE {
                true => command.args(["-Oz", "-w", "-isystem"]).arg(into.join(POSIX)),
                false => command.arg("-nostdlibinc").args(args),
            };
            command.arg("-c").arg(into.join(source)).arg("-o").arg(into.join(object));
            let out = command.run(Limits::default())?;
            if !out.status.success() {
                return Err(Error::build("wbuild's own runtime does not compile with this compiler")
                    .cause(format!("{}: {}", command.shell(), out.status))
                    .diagnostics(out.stderr)
                    .help(
                        "wbuild doctor shows which compiler that is; --compiler=hermetic is one that is known to work",
                    ));
            }
        }
        for (library, members) in [(&self.malloc, &["malloc"][..]), (&self.posix_library, &["posix", "thread"])] {
            if let Some(name) = library.as_ref().and_then(|path| path.file_name()) {
                let object = |member: &&str| Ok((member.to_string(), fs::read(into.join(format!("{member}.o")))?));
                let objects = members.iter().map(object).collect::<std::io::Result<Vec<_>>>().map_err(fail)?;
                fs::write(into.join(name), archive::write(&objects)).map_err(fail)?;
            }
        }
        self.sums(into).and_then(|sums| fs::write(into.join(SUMS), sums)).map_err(fail)
    }
}
