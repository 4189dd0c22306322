//! What a cargo project keeps for wbuild: `wbuild.toml` and `[package.metadata.wbuild]`, read as words
//! of a command line, so that they mean what the options mean and are judged where those are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::args::nearest;
use crate::error::{Error, Result};

/// Beside a `Cargo.toml`.
const FILE: &str = "wbuild.toml";

/// The keys, and the option that each stands for.
const KEYS: &[(&str, &str)] = &[
    ("binaryen", "--binaryen"),
    ("export-all", "--export-all"),
    ("exports", "--export"),
    ("initial-memory", "--initial-memory"),
    ("level", "-O"),
    ("malloc", "--malloc"),
    ("max-memory", "--max-memory"),
    ("no-deterministic", "--no-deterministic"),
    ("preinit", "--preinit"),
    ("simd", "--simd"),
    ("size-limit", "--size-limit"),
    ("stack-last", "--stack-last"),
    ("stack-size", "--stack-size"),
    ("std", "--std"),
    ("target", "--target"),
];

/// What is kept, and what cargo itself is told by the manifests.
#[derive(Debug, Default)]
pub struct Kept {
    /// The weakest first, so that the last word on each matter holds: `[workspace.metadata.wbuild]`, the
    /// workspace's `wbuild.toml`, `[package.metadata.wbuild]`, the package's `wbuild.toml`.
    pub words: Vec<OsString>,
    /// Whether `[profile.release]` says something of link time optimization.
    pub says_lto: bool,
    /// `s` or `z`, where `[profile.release]` asks for size. wasm-ld is not told, so it is read here.
    pub size_level: Option<String>,
}

/// What is kept for the package or workspace whose `Cargo.toml` this is. A manifest that cargo will refuse
/// is left to cargo, which says it best.
pub fn kept(manifest: &Path) -> Result<Kept> {
    let manifest = std::path::absolute(manifest).unwrap_or_else(|_| manifest.to_path_buf());
    let Some(own) = table(&manifest) else { return Ok(Kept::default()) };
    let mut kept = Kept::default();
    let of = |table: &Table, path: &[&str]| {
        let mut at = table.clone();
        for key in path {
            at = at.remove(*key)?.as_table()?.clone();
        }
        Some(at)
    };
    let root = match own.contains_key("workspace") {
        true => Some((manifest.clone(), own.clone())),
        false => above(&manifest).filter(|_| own.contains_key("package")),
    };
    if let Some((path, root)) = &root {
        if let Some(table) = of(root, &["workspace", "metadata", "wbuild"]) {
            kept.words.extend(words(&table, path)?);
        }
        if *path != manifest {
            kept.words.extend(beside(path)?);
        }
    }
    if let Some(table) = of(&own, &["package", "metadata", "wbuild"]) {
        kept.words.extend(words(&table, &manifest)?);
    }
    kept.words.extend(beside(&manifest)?);
    let root = root.as_ref().map_or(&own, |(_, root)| root);
    let profile = of(root, &["profile", "release"]).unwrap_or_default();
    kept.says_lto = profile.contains_key("lto");
    let level = profile.get("opt-level").and_then(Value::as_str).filter(|level| ["s", "z"].contains(level));
    kept.size_level = level.map(String::from);
    Ok(kept)
}

/// The manifest that cargo works on: what its words name, else the nearest above the current folder.
pub fn of_cargo(words: &[OsString]) -> Option<PathBuf> {
    const OPTION: &str = "--manifest-path";
    let mut own = words.iter().take_while(|word| *word != "--");
    while let Some(word) = own.next() {
        let text = word.to_string_lossy();
        match text.strip_prefix(OPTION) {
            Some("") => return own.next().map(PathBuf::from),
            Some(rest) => return rest.strip_prefix('=').map(PathBuf::from),
            None => {}
        }
    }
    let folder = std::env::current_dir().ok()?;
    folder.ancestors().map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file())
}

/// The workspace's manifest above a package's: the nearest that has `[workspace]`.
fn above(manifest: &Path) -> Option<(PathBuf, Table)> {
    let folders = manifest.parent()?.parent()?.ancestors();
    let manifests = folders.map(|folder| folder.join("Cargo.toml"));
    manifests.filter_map(|path| Some((table(&path)?, path))).find_map(|(table, path)| {
        let is_root = table.contains_key("workspace");
        is_root.then_some((path, table))
    })
}

fn table(path: &Path) -> Option<Table> {
    std::fs::read_to_string(path).ok()?.parse().ok()
}

/// The words of the `wbuild.toml` beside a manifest, if there is one.
fn beside(manifest: &Path) -> Result<Vec<OsString>> {
    let path = manifest.with_file_name(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = String::from_utf8(crate::output::read(&path)?)
        .map_err(|_| Error::usage(format!("{} is not UTF-8", path.display())))?;
    let table = text.parse::<Table>().map_err(|e| {
        Error::usage(format!("{} is not TOML", path.display())).cause(e.to_string().trim_end()).help("level = \"z\"")
    })?;
    words(&table, &path)
}

fn words(table: &Table, place: &Path) -> Result<Vec<OsString>> {
    let mut all = Vec::new();
    for (key, value) in table {
        let Some((_, option)) = KEYS.iter().find(|(name, _)| *name == key) else {
            let error = Error::usage(format!("{} sets {key} for wbuild, which nothing reads", place.display()));
            return Err(match nearest(key, KEYS.iter().map(|(name, _)| *name)) {
                Some(near) => error.help(format!("did you mean {near}?")),
                None => {
                    error.help(format!("one of {}", KEYS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")))
                }
            });
        };
        let takes = |what: &str| {
            Error::usage(format!("{}: {key} = {value} is not {what}", place.display())).help(match *option {
                "--export" => "exports = [\"add\", \"sub\"]",
                "--export-all" | "--stack-last" | "--no-deterministic" | "--simd" => "true or false",
                "-O" => "level = \"z\"",
                "--preinit" => "preinit = true, or the name of an exported function",
                _ => "a string, as behind the option on the command line",
            })
        };
        match (*option, value) {
            ("--export", Value::Array(names)) => {
                for name in names {
                    let name = name.as_str().ok_or_else(|| takes("a list of names"))?;
                    all.extend([option.into(), name.into()]);
                }
            }
            ("--export", _) => return Err(takes("a list of names")),
            ("--export-all" | "--stack-last" | "--no-deterministic" | "--simd", Value::Boolean(on)) => {
                all.extend(on.then(|| option.into()))
            }
            ("--export-all" | "--stack-last" | "--no-deterministic" | "--simd", _) => {
                return Err(takes("true or false"));
            }
            ("--preinit", Value::Boolean(on)) => all.extend(on.then(|| option.into())),
            ("--preinit", Value::String(name)) => all.push(format!("{option}={name}").into()),
            ("--preinit", _) => return Err(takes("true, false or a name")),
            ("-O", Value::String(level)) => all.push(format!("-O{level}").into()),
            ("-O", Value::Integer(level)) => all.push(format!("-O{level}").into()),
            (_, Value::String(text)) => all.extend([option.into(), text.into()]),
            (_, Value::Integer(number)) => all.extend([option.into(), number.to_string().into()]),
            _ => return Err(takes("a string")),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words for a package in a workspace, of four texts.
    fn kept_of(workspace: &str, its_file: &str, package: &str, file: &str) -> Result<Kept> {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("Cargo.toml", &format!("[workspace]\nmembers = [\"p\"]\n{workspace}"));
        write("p/Cargo.toml", &format!("[package]\nname = \"p\"\n{package}"));
        write("wbuild.toml", its_file);
        write("p/wbuild.toml", file);
        kept(&dir.path().join("p/Cargo.toml"))
    }

    fn line(kept: &Kept) -> String {
        kept.words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_stands_nearer_to_the_package_comes_later() {
        let metadata = |of: &str, level: &str| format!("[{of}.metadata.wbuild]\nlevel = \"{level}\"\n");
        let all =
            kept_of(&metadata("workspace", "1"), "level = 2", &metadata("package", "s"), "level = \"z\"").unwrap();
        assert_eq!(line(&all), "-O1 -O2 -Os -Oz");
        assert!(!all.says_lto);
        let none = kept_of("[profile.release]\nlto = false", "", "", "").unwrap();
        assert_eq!((line(&none), none.says_lto, none.size_level), (String::new(), true, None));
        let small = kept_of("[profile.release]\nopt-level = \"z\"", "", "", "").unwrap();
        assert_eq!((small.says_lto, small.size_level.as_deref()), (false, Some("z")));
    }

    #[test]
    fn every_key_becomes_its_option() {
        let text = "exports = [\"a\", \"b\"]\nsize-limit = \"40KB\"\nstack-size = 65536\nstack-last = true\n\
                    export-all = false\ntarget = \"wasm32-wasip1\"\nstd = \"small\"\nbinaryen = \"off\"\n\
                    preinit = \"load\"";
        let words = line(&kept_of("", "", "", text).unwrap());
        assert_eq!(
            words,
            "--binaryen off --export a --export b --preinit=load --size-limit 40KB --stack-last --stack-size 65536 --std small \
             --target wasm32-wasip1"
        );
    }

    #[test]
    fn what_nothing_reads_is_refused_by_file_and_key() {
        let wrong = |text: &str| kept_of("", "", "", text).unwrap_err().to_string();
        assert!(wrong("levle = \"z\"").contains("did you mean level?"));
        assert!(wrong("level = true").contains("p/wbuild.toml: level = true is not a string"));
        assert!(wrong("exports = \"a\"").contains("exports = [\"add\", \"sub\"]"));
        assert!(wrong("exports = [1]").contains("is not a list of names"));
        assert!(wrong("stack-last = 1").contains("true or false"));
        assert!(wrong("level").contains("is not TOML"));
        assert!(wrong("preinit = 1").contains("true, false or a name"));
        assert!(wrong("xyzzy = 1").contains("one of binaryen, export-all"));
    }

    #[test]
    fn a_manifest_that_cargo_will_refuse_keeps_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join("Cargo.toml");
        assert_eq!(line(&kept(&manifest).unwrap()), "");
        std::fs::write(&manifest, "[package").unwrap();
        assert_eq!(line(&kept(&manifest).unwrap()), "");
    }

    #[test]
    fn the_manifest_is_the_one_that_cargo_takes() {
        let of = |words: &[&str]| of_cargo(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["build", "--manifest-path", "a/Cargo.toml"]), Some("a/Cargo.toml".into()));
        assert_eq!(of(&["build", "--manifest-path=b/Cargo.toml"]), Some("b/Cargo.toml".into()));
        let nearest = of(&["run", "--", "--manifest-path", "c"]).unwrap();
        assert!(nearest.ends_with("Cargo.toml") && nearest.is_file());
    }
}
