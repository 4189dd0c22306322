//! The pinned package: a current WASI sysroot, and clang and lld compiled to wasm.

use std::path::{Path, PathBuf};

use super::places::Places;
use crate::error::Result;

/// The npm package's name.
pub const NAME: &str = "@yowasp/clang";
pub const VERSION: &str = "22.0.0-git20542-10";
/// SHA-512 of its archive, in hex; npm shows the same in base64 as `integrity`.
pub const SHA512: &str = "577d7fcfd1ab24408a7800930d4caf8369656c4522162ddbc6d2f91d283b1ffe\
                          acc9d4b1748fc0a15003f45e68ceb7cb8e8b5697407dae0851f3b9be0d433fce";
/// SHA-256 of the same, for the report, whose hashes are all of this kind.
pub const SHA256: &str = "6230ea1afa9691fa065935cf68c01642ff9b31c183fe8ac64cdfda025df06009";
/// What the archive and the installed folder weigh, in MB, for people to know beforehand.
pub const DOWNLOAD_MB: u32 = 27;
pub const INSTALLED_MB: u32 = 105;
/// The major version of its clang and lld.
pub const LLVM_MAJOR: u32 = 22;

/// The package as it stands in the user's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub dir: PathBuf,
}

impl Package {
    /// Where it is, or would be.
    pub fn place(places: &Places) -> Result<Package> {
        Ok(Package { dir: places.home()?.join(format!("clang-{VERSION}")) })
    }

    /// The package, if it is there: the folder appears whole or not at all.
    pub fn installed(places: &Places) -> Option<Package> {
        Package::place(places).ok().filter(Package::is_installed)
    }

    pub fn is_installed(&self) -> bool {
        self.sysroot().join("lib/wasm32-wasip1/libc.a").is_file() && self.llvm().is_file()
    }

    /// The sysroot, which also holds clang's own headers.
    pub fn sysroot(&self) -> PathBuf {
        self.dir.join("sysroot")
    }

    /// clang, clang++, wasm-ld and more in one module.
    pub fn llvm(&self) -> PathBuf {
        self.dir.join("llvm.wasm")
    }

    /// What the report names it by.
    pub fn version(&self) -> String {
        format!("{NAME} {VERSION}")
    }
}

/// True if `dir` is the sysroot of an installed package.
pub(super) fn is_pinned(places: &Places, dir: &Path) -> bool {
    Package::place(places).is_ok_and(|p| p.sysroot() == dir)
}
