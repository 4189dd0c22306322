//! `--compiler=zig`: `zig cc` compiles, and its wasm-ld links with the C library that zig has as source.
//!
//! zig builds that library when it links, and nobody else can ask it for the files. So one link is made for the sake
//! of what it prints (`-v`): the start objects and archives. They are copied into WBUILD_CACHE, where our own link finds
//! them under their usual names, and where they stay when zig's cache is emptied.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wbuild_targets::Target;

use super::memory::{Memory, hex};
use super::places::Places;
use super::tools::{self, ask, first_line, major_after};
use super::{Tool, Toolchain, map};
use crate::error::{Error, Result};
use crate::process::{Command, Limits, Scratch};

pub(super) const INSTALL: &str = "python3 -m pip install ziglang";

/// A zig, and what it says of itself.
pub(super) struct Zig {
    pub path: PathBuf,
    pub version: String,
}

/// The zig that WBUILD_ZIG names, or one on PATH, or the one that Python has as a package.
pub(super) fn locate(places: &Places, memory: &mut Memory) -> Result<Zig> {
    let named = places.path_var("WBUILD_ZIG").map(|path| tools::named(places, &path));
    let packaged = || {
        let python = places.on_path("python3")?;
        let folder = ask(&python, &["-c", "import os, ziglang; print(os.path.dirname(ziglang.__file__))"]).ok()?;
        Some(Path::new(&first_line(&folder)).join("zig")).filter(|zig| zig.is_file())
    };
    let path = named.or_else(|| places.on_path("zig")).or_else(packaged).ok_or_else(|| {
        Error::build("--compiler=zig finds no zig")
            .cause("there is none on PATH, and no package ziglang of python3")
            .help(INSTALL)
    })?;
    let version = memory.recall("zig", &path, || Ok(first_line(&ask(&path, &["version"])?)));
    let version = version.map_err(|e| e.help(format!("{INSTALL}, or name one that runs with WBUILD_ZIG")))?;
    Ok(Zig { path, version })
}

/// The toolchain that zig is; builds its C library where this zig is used for the first time.
pub(super) fn toolchain(places: &Places, memory: &mut Memory, target: &Target) -> Result<Toolchain> {
    let Zig { path, version } = locate(places, memory)?;
    let linker = memory.recall("zig's wasm-ld", &path, || Ok(first_line(&ask(&path, &["wasm-ld", "--version"])?)))?;
    let library = memory.recall("zig's library", &path, || Ok(library_folder(&ask(&path, &["env"])?)))?;
    let sha256 = memory.sha256(&path)?;
    let cache = places.cache()?.join("zig");
    // zig remembers objects by source and options alone, and the date is neither.
    let epoch = places.var("SOURCE_DATE_EPOCH").map_or("0".into(), |epoch| hex(epoch.as_encoded_bytes()));
    let env = vec![
        ("ZIG_GLOBAL_CACHE_DIR".into(), cache.join("cache").into()),
        ("ZIG_LOCAL_CACHE_DIR".into(), cache.join(format!("objects-{epoch}")).into()),
    ];
    let mut compile_args = vec![
        "-target".to_string(),
        (if target.has_libc { "wasm32-wasi" } else { "wasm32-freestanding" }).to_string(),
        // zig's own choices, which no other compiler makes: checks at -O0, and no dates.
        "-fno-sanitize=undefined".to_string(),
        "-Wno-date-time".to_string(),
    ];
    if target.has_libc {
        // zig's headers come before any that -isystem names, and its setjmp.h asks for this. How setjmp is compiled, and
        // that it needs no wasm exceptions, is said by other words.
        compile_args.push("-D__wasm_exception_handling__".to_string());
    }
    compile_args.extend(library.map(|library| map("/wbuild/zig", Path::new(&library))));
    let mut found = Toolchain {
        clang: vec![path.clone(), "cc".into()],
        clangxx: vec![path.clone(), "c++".into()],
        wasm_ld: vec![path.clone(), "wasm-ld".into()],
        env,
        hermetic: false,
        llvm_major: major_after(&linker, "LLD ").unwrap_or_default(),
        compile_args,
        library_dirs: Vec::new(),
        crt_command: None,
        crt_reactor: None,
        builtins: None,
        identity: vec![
            Tool { name: "zig".into(), version, path: path.clone(), sha256: sha256.clone() },
            Tool { name: "wasm-ld".into(), version: linker, path: path.clone(), sha256: sha256.clone() },
        ],
    };
    if target.has_libc {
        let key = hex(&Sha256::digest(format!("2 {sha256} {}", path.display())))[..24].to_string();
        let folder = cache.join(key);
        ensure(&folder, &found)?;
        found.crt_command = Some(folder.join("crt1-command.o"));
        found.crt_reactor = Some(folder.join("crt1-reactor.o"));
        found.builtins = Some(folder.join("libcompiler_rt.a"));
        found.library_dirs.push(folder);
    }
    memory.save();
    Ok(found)
}

/// `.lib_dir = "…"`, or `"lib_dir": "…"` in older versions.
fn library_folder(env: &str) -> Option<String> {
    let line = env.lines().find(|line| line.contains("lib_dir"))?;
    let (_, value) = line.split_once(['=', ':'])?;
    Some(value.trim().trim_end_matches(',').trim_matches('"').to_string())
}

/// Copies out what zig links with, unless that was done: whole or not at all.
fn ensure(folder: &Path, zig: &Toolchain) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder);
    let fail = |e: std::io::Error| {
        Error::build(format!("cannot write zig's C library to {}", parent.display()))
            .cause(e)
            .help("set WBUILD_CACHE to a folder that can be written")
    };
    std::fs::create_dir_all(parent).map_err(fail)?;
    let new = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(fail)?;
    crate::process::remove_on_interrupt(new.path());
    let made = ["command", "reactor"].iter().try_for_each(|model| {
        let files = linked_with(zig, model)?;
        let copy = |from: &PathBuf, to: &str| std::fs::copy(from, new.path().join(to)).map(drop).map_err(fail);
        files.iter().try_for_each(|file| copy(file, &file.file_name().unwrap_or_default().to_string_lossy()))
    });
    // Half of libc is in an archive of zig's own; together they are what -lc means.
    let joined = made.and_then(|()| join(zig, &new.path().join("libc.a"), &new.path().join("libzigc.a")));
    crate::process::keep(new.path());
    joined?;
    match std::fs::rename(new.path(), folder) {
        // Another build was faster, with the same result.
        Err(_) if folder.is_dir() => Ok(()),
        other => other.map_err(fail),
    }
}

/// The files that zig gives its linker for a C++ program, besides the program.
fn linked_with(zig: &Toolchain, model: &str) -> Result<Vec<PathBuf>> {
    let scratch = Scratch::new()?;
    let source = scratch.path().join("wbuild_probe.cc");
    let text = match model {
        "reactor" => "#include <string>\nextern \"C\" int probe(int n) { return std::to_string(n).size(); }\n",
        _ => "#include <string>\nint main(int n, char **) { return std::to_string(n).size(); }\n",
    };
    crate::output::write(&source, text.as_bytes())?;
    let mut command = zig.compiler(true);
    command.args(&zig.compile_args).args(["-v", "-Os", &format!("-mexec-model={model}")]);
    command.args(super::super::c::EMULATIONS.iter().map(|(_, library)| *library));
    command.arg(&source).arg("-o").arg(scratch.path().join("probe.wasm"));
    let out = command.run(Limits::default())?;
    let failed = |why: String| {
        Error::build("zig cannot build its C library for WebAssembly")
            .cause(why)
            .diagnostics(out.stderr.clone())
            .help(format!("{INSTALL} brings a version that can"))
    };
    if !out.status.success() {
        return Err(failed(format!("{}: {}", command.shell(), out.status)));
    }
    let line = out.stderr.lines().find(|line| line.starts_with("wasm-ld "));
    let line = line.ok_or_else(|| failed("it does not say how it links".to_string()))?;
    let is_library = |path: &&Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("crt1") || (name.starts_with("lib") && name.ends_with(".a"))
    };
    let words = crate::args::split(line);
    Ok(words.iter().map(Path::new).filter(is_library).map(Path::to_path_buf).collect())
}

/// Adds the members of one archive to another.
fn join(zig: &Toolchain, archive: &Path, other: &Path) -> Result<()> {
    if !other.is_file() {
        return Ok(());
    }
    let mut command = Command::new(&zig.clang[0]);
    command.env = zig.env.clone();
    command.args(["ar", "qL"]).arg(archive).arg(other);
    let out = command.run(Limits::default())?;
    match out.status.success() {
        true => Ok(()),
        false => Err(Error::build("zig cannot put its C library together")
            .cause(format!("{}: {}", command.shell(), out.status))
            .diagnostics(out.stderr)
            .help(INSTALL)),
    }
}

#[cfg(test)]
mod tests {
    use super::library_folder;

    #[test]
    fn the_library_folder_is_read_from_both_forms() {
        assert_eq!(library_folder(".{\n    .lib_dir = \"/z/lib\",\n}").as_deref(), Some("/z/lib"));
        assert_eq!(library_folder("{\n \"lib_dir\": \"/z/lib\",\n}").as_deref(), Some("/z/lib"));
        assert_eq!(library_folder("{}"), None);
    }
}
