//! Where tools may be: the environment, read once, and the folders that follow from it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The environment and the root of the file system, as one value, so that discovery can be tested
/// without changing the process's own environment.
#[derive(Debug, Clone)]
pub struct Places {
    vars: BTreeMap<OsString, OsString>,
    root: PathBuf,
}

impl Places {
    /// Those of this process.
    pub fn of_process() -> Places {
        Places { vars: std::env::vars_os().collect(), root: PathBuf::from("/") }
    }

    /// An environment of one's own, with the known places looked for under `root`.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (K, V)>, root: &Path) -> Places {
        Places { vars: vars.into_iter().map(|(k, v)| (k.into(), v.into())).collect(), root: root.to_path_buf() }
    }

    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }

    /// The same without one variable.
    pub(crate) fn without(&self, name: &str) -> Places {
        let mut places = self.clone();
        places.vars.remove(OsStr::new(name));
        places
    }

    /// A variable that holds a path.
    pub fn path_var(&self, name: &str) -> Option<PathBuf> {
        self.var(name).map(PathBuf::from)
    }

    /// Where `wbuild toolchain install` puts things: WBUILD_HOME, else the user's data folder.
    pub fn home(&self) -> Result<PathBuf> {
        self.folder("WBUILD_HOME", "XDG_DATA_HOME", ".local/share")
    }

    /// Where remembered things are: WBUILD_CACHE, else the user's cache folder.
    pub fn cache(&self) -> Result<PathBuf> {
        self.folder("WBUILD_CACHE", "XDG_CACHE_HOME", ".cache")
    }

    fn folder(&self, own: &str, xdg: &str, below_home: &str) -> Result<PathBuf> {
        if let Some(folder) = self.path_var(own) {
            return std::path::absolute(&folder)
                .map_err(|e| Error::build(format!("cannot use {own}={}", folder.display())).cause(e));
        }
        // The XDG specification says that a relative path is to be ignored.
        if let Some(folder) = self.path_var(xdg).filter(|f| f.is_absolute()) {
            return Ok(folder.join("wbuild"));
        }
        let home = self.path_var("HOME").or_else(std::env::home_dir).filter(|h| h.is_absolute());
        home.map(|h| h.join(below_home).join("wbuild")).ok_or_else(|| {
            Error::build("no home folder to keep the toolchain in")
                .help(format!("set {own} to a folder that can be written"))
        })
    }

    /// The first file of that name on PATH that can be run.
    pub fn on_path(&self, name: &str) -> Option<PathBuf> {
        // A link of ours with a compiler's name would find itself.
        which::which_in(name, crate::links::path_without(self), self.root("")).ok()
    }

    /// A place that is known by its path.
    pub fn root(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Every `/usr/lib/llvm-NN`, the newest first.
    pub(super) fn llvm_folders(&self) -> Vec<PathBuf> {
        let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(self.root("usr/lib"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| {
                let name = e.file_name();
                let major = name.to_str()?.strip_prefix("llvm-")?.parse().ok()?;
                Some((major, e.path()))
            })
            .collect();
        found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
        found.into_iter().map(|(_, path)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_follow_wbuild_then_xdg_then_home() {
        let at = |vars: &[(&str, &str)]| Places::new(vars.iter().copied(), Path::new("/")).cache().unwrap();
        let home = ("HOME", "/h");
        assert_eq!(at(&[home]), Path::new("/h/.cache/wbuild"));
        assert_eq!(at(&[home, ("XDG_CACHE_HOME", "/x")]), Path::new("/x/wbuild"));
        assert_eq!(at(&[home, ("XDG_CACHE_HOME", "relative")]), Path::new("/h/.cache/wbuild"));
        assert_eq!(at(&[home, ("XDG_CACHE_HOME", "/x"), ("WBUILD_CACHE", "/w")]), Path::new("/w"));
    }

    #[test]
    fn the_newest_llvm_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["llvm-9", "llvm-22", "llvm-19", "llvm-x", "other"] {
            std::fs::create_dir_all(root.path().join("usr/lib").join(name)).unwrap();
        }
        let places = Places::new::<&str, &str>([], root.path());
        let names: Vec<_> = places.llvm_folders().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["llvm-22", "llvm-19", "llvm-9"]);
    }
}
