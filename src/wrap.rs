//! `wbuild make`, `configure`, `cmake`, `meson` and `env`: other people's build systems, told of wbuild's compilers.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::cc;
use crate::error::{Error, Result};
use crate::links;
use crate::output;
use crate::process::{Command, quote};
use crate::toolchain::Places;

mod cmake;
mod configure;
mod meson;

/// What configure, CMake and Meson call the machine that programs are built for.
const HOST: &str = "wasm32-wasi";

/// The build systems that are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Make,
    Configure,
    CMake,
    Meson,
}

/// Runs the build system with `words`; the exit status is its own.
pub fn main(system: System, words: &[OsString]) -> Result<i32> {
    let places = Places::of_process();
    let tools = Tools::new(&places)?;
    match system {
        System::Make => tools.command(&places, "make", words).become_it(),
        System::Configure => configure::run(&places, &tools, words),
        System::CMake => cmake::run(&places, &tools, words),
        System::Meson => meson::run(&places, &tools, words),
    }
}

/// `wbuild env`: the same for a shell.
pub fn print_env() -> Result<()> {
    let places = Places::of_process();
    let tools = Tools::new(&places)?;
    let lines: String =
        tools.env(&places).iter().map(|(name, value)| format!("export {name}={}\n", quote(value))).collect();
    output::write(Path::new("-"), lines.as_bytes())
}

/// The compilers as build systems are told of them: links, since many want a name that is one word.
struct Tools {
    own: PathBuf,
    links: PathBuf,
}

impl Tools {
    fn new(places: &Places) -> Result<Tools> {
        Ok(Tools { own: links::own_path()?, links: links::folder(places)? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.links.join(format!("wbuild-{name}"))
    }

    /// For make, and for whatever make runs. The links come first on PATH, since Makefiles that set `CC = gcc` or `AR =
    /// ar rcu` do not look at the environment. What the user has set for launchers stays.
    fn env(&self, places: &Places) -> Vec<(&'static str, OsString)> {
        let compilers = [
            ("CC", "cc"),
            ("CXX", "c++"),
            ("AR", "ar"),
            ("RANLIB", "ranlib"),
            ("NM", "nm"),
            ("STRIP", "strip"),
            ("OBJDUMP", "objdump"),
        ];
        let mut env: Vec<(&str, OsString)> =
            compilers.into_iter().map(|(variable, name)| (variable, self.path(name).into_os_string())).collect();
        let mut path = self.links.clone().into_os_string();
        if let Some(rest) = links::path_without(places) {
            path.push(":");
            path.push(rest);
        }
        env.push(("PATH", path));
        env.push(("WBUILD", self.own.clone().into_os_string()));
        env.push((cc::LAUNCHER, places.var(cc::LAUNCHER).map_or("1".into(), OsStr::to_os_string)));
        env
    }

    /// A command in that environment.
    fn command(&self, places: &Places, program: impl AsRef<Path>, words: &[OsString]) -> Command {
        let mut command = Command::new(program);
        command.args(words);
        command.env = self.env(places).into_iter().map(|(name, value)| (name.into(), value)).collect();
        command
    }
}

/// Writes a file that a build system reads, into the cache, and says where.
fn provide(places: &Places, name: &str, text: &str) -> Result<PathBuf> {
    use sha2::{Digest, Sha256};
    let key: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let path = places.cache()?.join("wrap").join(key).join(name);
    if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(path);
    }
    let folder = path.parent().unwrap_or(&path);
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::build(format!("cannot make {}", folder.display()))
            .cause(e)
            .help("set WBUILD_CACHE to a folder that can be written")
    })?;
    output::write(&path, text.as_bytes())?;
    Ok(path)
}

/// Whether a word was given, alone or with a value.
fn given(words: &[OsString], option: &str) -> bool {
    words.iter().any(|word| {
        let word = word.to_string_lossy();
        word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}
