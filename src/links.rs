//! The names under which wbuild may be called instead of `wbuild cc` and its kin, for tools that want one word.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::binutils;
use crate::error::{Error, Result};
use crate::output;
use crate::toolchain::Places;

/// What compilers are called by those who name one.
const COMPILERS: &[(&str, &str)] =
    &[("cc", "cc"), ("gcc", "cc"), ("clang", "cc"), ("c++", "c++"), ("g++", "c++"), ("clang++", "c++")];

/// Make the links wbuild-cc, wbuild-c++, wbuild-ar, wbuild-ranlib, wbuild-nm, wbuild-strip and wbuild-objdump
///
/// They are for tools that want a compiler's name to be one word. The folder is made if it is not there; put it
/// on PATH, or name the links by their paths.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder for the links
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// `wbuild install-links`.
pub fn command(args: &Args) -> Result<()> {
    let names = prefixed();
    make(&args.folder, &names)?;
    let lines: String = names.iter().map(|name| format!("{}\n", args.folder.join(name).display())).collect();
    output::write(Path::new("-"), lines.as_bytes())
}

/// The subcommand that a link of this name stands for.
pub fn subcommand(program: &OsStr) -> Option<&'static str> {
    let name = Path::new(program).file_name()?.to_str()?;
    let bare = name.strip_prefix("wbuild-").unwrap_or(name);
    let compiler = COMPILERS.iter().find(|(known, _)| *known == bare).map(|(_, subcommand)| *subcommand);
    compiler.or_else(|| binutils::NAMES.iter().copied().find(|known| *known == bare))
}

/// The folder of links that `wbuild make` and its kin put first on PATH, made if it is not there: both what
/// Makefiles name and the names with `wbuild-` before.
pub fn folder(places: &Places) -> Result<PathBuf> {
    let own = own_path()?;
    let key: String = {
        use sha2::{Digest, Sha256};
        Sha256::digest(own.as_os_str().as_encoded_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    };
    let folder = places.cache()?.join("links").join(key);
    let plain = COMPILERS.iter().map(|(name, _)| *name).chain(binutils::NAMES.iter().copied());
    let names: Vec<String> = plain.map(String::from).chain(prefixed()).collect();
    make(&folder, &names)?;
    Ok(folder)
}

/// The environment's PATH without the folder of links, where a tool is looked for that a link may be named after.
pub fn path_without(places: &Places) -> Option<OsString> {
    let path = places.var("PATH")?;
    let links = places.cache().ok()?.join("links");
    std::env::join_paths(std::env::split_paths(path).filter(|folder| !folder.starts_with(&links))).ok()
}

/// Where wbuild itself is.
pub fn own_path() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| Error::internal("cannot tell where wbuild is").cause(e))
}

fn prefixed() -> Vec<String> {
    ["cc", "c++"].iter().chain(binutils::NAMES).map(|name| format!("wbuild-{name}")).collect()
}

fn make(folder: &Path, names: &[String]) -> Result<()> {
    let own = own_path()?;
    let fail = |path: &Path, e: std::io::Error| Error::build(format!("cannot make {}", path.display())).cause(e);
    std::fs::create_dir_all(folder).map_err(|e| fail(folder, e))?;
    for name in names {
        let link = folder.join(name);
        if std::fs::read_link(&link).is_ok_and(|to| to == own) {
            continue;
        }
        if link.symlink_metadata().is_ok_and(|meta| !meta.is_symlink()) {
            return Err(Error::build(format!("{} is there, and no link", link.display()))
                .help("name a folder of its own for the links"));
        }
        // Beside it and renamed, since another build may be using the link now.
        let new = folder.join(format!(".{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&new);
        std::os::unix::fs::symlink(&own, &new)
            .and_then(|()| std::fs::rename(&new, &link))
            .map_err(|e| fail(&link, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_what_its_name_says() {
        let of = |name: &str| subcommand(OsStr::new(name));
        assert_eq!(of("/x/wbuild-cc"), Some("cc"));
        assert_eq!(of("g++"), Some("c++"));
        assert_eq!(of("wbuild-c++"), Some("c++"));
        assert_eq!(of("./ar"), Some("ar"));
        for name in ["wbuild", "/usr/bin/wbuild", "wbuild-opt", "", "cc1"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
