//! `--compiler=zig`: `zig cc` compiles, and its wasm-ld links with the C library that zig has as source.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wbuild_targets::Target;

use super::bundled::{Bundled, file_name};
use super::memory::{Memory, hex};
use super::places::Places;
use super::tools::{self, ask, first_line, major_after};
use super::{Choice, Tool, Toolchain, map};
use crate::error::{Error, Result};
use crate::process::Command;

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

/// The toolchain that zig is. Its C library is built when something is first linked with it.
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
        bundled: None,
        identity: vec![
            Tool { name: "zig".into(), version, path: path.clone(), sha256: sha256.clone() },
            Tool { name: "wasm-ld".into(), version: linker, path: path.clone(), sha256: sha256.clone() },
        ],
    };
    if target.has_libc {
        let key = hex(&Sha256::digest(format!("3 {sha256} {}", path.display())))[..24].to_string();
        let folder = cache.join(key);
        Bundled { choice: Choice::Zig, driver: path, folder, install: INSTALL }.serve(&mut found);
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

/// Copies out what zig links with.
pub(super) fn fill(new: &Path, toolchain: &Toolchain, library: &Bundled) -> Result<()> {
    for model in ["command", "reactor"] {
        let mut command = toolchain.compiler(true);
        command.args(&toolchain.compile_args).args(["-v", "-Os", &format!("-mexec-model={model}")]);
        command.args(crate::c::EMULATIONS.iter().map(|(_, library)| *library));
        for word in library.linked_with(command, model == "reactor")? {
            let name = file_name(&word);
            if name.starts_with("crt1") || (name.starts_with("lib") && name.ends_with(".a")) {
                library.copy(Path::new(&word), &new.join(name))?;
            }
        }
    }
    // Half of libc is in an archive of zig's own; together they are what -lc means.
    let half = new.join("libzigc.a");
    if !half.is_file() {
        return Ok(());
    }
    let mut ar = Command::new(&library.driver);
    ar.env = toolchain.env.clone();
    ar.arg("ar");
    library.join(ar, &new.join("libc.a"), &[half])
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
