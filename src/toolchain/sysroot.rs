//! Sysroots: the C library's headers and archives, in the layouts that people have.

use std::path::{Path, PathBuf};

use super::memory::Memory;
use super::package::{self, Package};
use super::places::Places;
use super::tools::Origin;
use crate::error::{Error, Result};

/// A folder with a C library for WASI preview 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sysroot {
    pub kind: Kind,
    pub dir: PathBuf,
    /// What its folders are named by: wasm32-wasip1, or wasm32-wasi in older ones.
    pub triple: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The pinned package's.
    Pinned,
    /// A wasi-sdk's or one of its layout.
    Plain,
    /// Debian's wasi-libc, whose files lie among the machine's own.
    Debian,
}

/// Every sysroot there is, in the order of preference. One that was named and is none is an error.
pub(super) fn candidates(places: &Places, flag: Option<&Path>) -> Result<Vec<(Origin, Sysroot)>> {
    let sdk_help = "point it to a folder that holds lib/wasm32-wasip1/libc.a";
    if let Some(dir) = flag {
        let sysroot = read(places, dir).map_err(|e| e.help(format!("{sdk_help}, or leave out --sysroot")))?;
        return Ok(vec![(Origin::Named("--sysroot"), sysroot)]);
    }
    if let Some(dir) = places.path_var("WBUILD_SYSROOT") {
        let sysroot = read(places, &dir).map_err(|e| e.help(format!("{sdk_help}, or unset WBUILD_SYSROOT")))?;
        return Ok(vec![(Origin::Named("WBUILD_SYSROOT"), sysroot)]);
    }
    if let Some(sdk) = places.path_var("WASI_SDK_PATH") {
        let sysroot = read(places, &sdk.join("share/wasi-sysroot"))
            .map_err(|e| e.help("point WASI_SDK_PATH to an unpacked wasi-sdk, or unset it"))?;
        return Ok(vec![(Origin::Named("WASI_SDK_PATH"), sysroot)]);
    }
    let pinned = Package::installed(places).map(|p| p.sysroot());
    let known = ["opt/wasi-sdk/share/wasi-sysroot", "usr"].map(|p| places.root(p));
    let found = pinned.into_iter().chain(known).filter_map(|dir| read(places, &dir).ok());
    Ok(found.map(|sysroot| (Origin::Found, sysroot)).collect())
}

/// The sysroot at `dir`; a wasi-sdk's own folder and `/` for Debian's will do.
fn read(places: &Places, dir: &Path) -> Result<Sysroot> {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let inside = absolute.join("share/wasi-sysroot");
    for dir in [&absolute, &inside, &absolute.join("usr")] {
        for triple in ["wasm32-wasip1", "wasm32-wasi"] {
            if !dir.join("lib").join(triple).join("libc.a").is_file() {
                continue;
            }
            // `/lib` is mostly a link to `/usr/lib`, so that both `/` and `/usr` are Debian's.
            let real = |dir: &Path| std::fs::canonicalize(dir.join("lib").join(triple)).ok();
            let usr = places.root("usr");
            let (kind, dir) = if package::is_pinned(places, dir) {
                (Kind::Pinned, dir.clone())
            } else if real(dir) == real(&usr) {
                (Kind::Debian, usr)
            } else {
                (Kind::Plain, dir.clone())
            };
            return Ok(Sysroot { kind, dir, triple });
        }
    }
    let error = Error::build(format!("no WASI sysroot in {}", dir.display()));
    Err(if absolute.is_dir() {
        error.cause("there is no lib/wasm32-wasip1/libc.a and no lib/wasm32-wasi/libc.a")
    } else {
        error.cause("there is no such folder")
    })
}

impl Sysroot {
    /// Arguments for compiling against it.
    pub fn compile_args(&self) -> Vec<String> {
        let mut args = vec![format!("--target={}", self.triple)];
        if self.triple == "wasm32-wasi" {
            args.push("-Wno-deprecated".into());
        }
        match self.kind {
            Kind::Pinned | Kind::Plain => args.push(format!("--sysroot={}", self.dir.display())),
            // Not --sysroot=/usr: with it a header that WASI lacks would be found among the host's.
            // libc's come last, since libc++ wraps some of them by the same name.
            Kind::Debian => {
                let include = self.dir.join("include").join(self.triple);
                args.push("-nostdlibinc".into());
                for (option, dir) in [("-cxx-isystem", include.join("c++/v1")), ("-idirafter", include)] {
                    args.extend([option.into(), dir.display().to_string()]);
                }
            }
        }
        args
    }

    /// Folders of archives.
    pub fn library_dirs(&self) -> Vec<PathBuf> {
        vec![self.libraries()]
    }

    fn libraries(&self) -> PathBuf {
        self.dir.join("lib").join(self.triple)
    }

    /// `crt1-command.o` or `crt1-reactor.o`.
    pub fn crt(&self, name: &str) -> PathBuf {
        self.libraries().join(name)
    }

    /// compiler-rt's builtins: beside the sysroot or in the compiler's resource folder, under the
    /// names that LLVM has given them over time.
    pub fn builtins(&self, resource_dir: Option<&Path>, places: &Places) -> Result<PathBuf> {
        let mut homes = vec![self.dir.clone()];
        // A wasi-sdk has them in its own clang's folder, whichever clang is used.
        if let Some(sdk) = self.dir.parent().and_then(Path::parent) {
            let versions = std::fs::read_dir(sdk.join("lib/clang")).into_iter().flatten().flatten();
            homes.extend(versions.map(|v| v.path()));
        }
        homes.extend(resource_dir.map(Path::to_path_buf));
        homes.extend(Package::installed(places).map(|p| p.sysroot()));
        let names = [
            "lib/wasm32-unknown-wasip1/libclang_rt.builtins.a",
            "lib/wasm32-unknown-wasi/libclang_rt.builtins.a",
            "lib/wasip1/libclang_rt.builtins-wasm32.a",
            "lib/wasi/libclang_rt.builtins-wasm32.a",
        ];
        let mut all = homes.iter().flat_map(|home| names.iter().map(move |name| home.join(name)));
        all.find(|path| path.is_file()).ok_or_else(|| {
            Error::build(format!("the compiler's builtins for wasm are missing for the sysroot {}", self.dir.display()))
                .cause("libclang_rt.builtins is neither in it nor in clang's resource folder")
                .help("wbuild toolchain install; or, on Debian, apt-get install libclang-rt-22-dev-wasm32")
        })
    }

    /// Its version and hash, for the report.
    pub fn identity(&self, memory: &mut Memory, places: &Places) -> Result<super::Tool> {
        let (version, sha256) = match self.kind {
            Kind::Pinned => {
                let version = Package::place(places)?.version();
                (version, package::SHA256.to_string())
            }
            Kind::Plain | Kind::Debian => {
                // libc.a stands for the whole: it is what ends up in programs.
                let libc = self.libraries().join("libc.a");
                let version = std::fs::read_to_string(self.dir.join("../../VERSION")).ok();
                let version = version.and_then(|v| Some(format!("wasi-sdk {}", v.lines().next()?.trim())));
                let fallback = if self.kind == Kind::Debian { "Debian's wasi-libc" } else { "unknown" };
                (version.unwrap_or_else(|| fallback.into()), memory.sha256(&libc)?)
            }
        };
        Ok(super::Tool { name: "sysroot".into(), version, path: self.dir.clone(), sha256 })
    }
}
