//! configure scripts: autoconf's, told that they build for the machine they run on, which launchers make true; and
//! others, told by the environment alone.

use std::ffi::OsString;
use std::path::Path;

use super::{HOST, Tools, given, provide};
use crate::error::{Error, Result};
use crate::process::{Command, Limits};
use crate::toolchain::Places;

/// What autoconf's scripts cannot find out, or would find out wrongly.
const SITE: &str = include_str!("config.site");

pub fn run(places: &Places, tools: &Tools, words: &[OsString]) -> Result<i32> {
    let Some((script, rest)) = words.split_first() else {
        return Err(Error::usage("configure needs the script to run").help("wbuild configure ./configure OPTIONS"));
    };
    let path = Path::new(script);
    let text = std::fs::read(path).map_err(|e| {
        Error::usage(format!("cannot read {}", path.display())).cause(e).help("wbuild configure ./configure OPTIONS")
    })?;
    let autoconf = String::from_utf8_lossy(&text).contains("Autoconf");
    let mut command = tools.command(places, path, &[]);
    let mut set = |name: &str, value: OsString| {
        if places.var(name).is_none() {
            command.env.push((name.into(), value));
        }
    };
    // What zlib and others like it ask for.
    set("CHOST", HOST.into());
    set("CONFIG_SITE", provide(places, "config.site", SITE)?.into_os_string());
    if autoconf && !given(rest, "--host") {
        known_host(path)?;
        // Both, so that configure runs what it compiles to see what the machine can do.
        command.arg(format!("--host={HOST}"));
        if !given(rest, "--build") {
            command.arg(format!("--build={HOST}"));
        }
    }
    command.args(rest).become_it()
}

/// A config.sub of before August 2021 does not know the system.
fn known_host(script: &Path) -> Result<()> {
    let folder = script.parent().unwrap_or(Path::new(""));
    let places = ["", "build-aux", "config", "autoconf", "build", "aux", "scripts", "support"];
    let Some(sub) = places.iter().map(|at| folder.join(at).join("config.sub")).find(|path| path.is_file()) else {
        return Ok(());
    };
    let mut ask = Command::new("sh");
    ask.arg(&sub).arg(HOST);
    let said = ask.run(Limits::default())?;
    match said.status.success() {
        true => Ok(()),
        false => Err(Error::build(format!("{} does not know {HOST}", sub.display()))
            .cause(said.stderr.trim())
            .help("make it anew: autoreconf --install --force, or copy a config.sub from August 2021 or later")),
    }
}
