//! Looks at the input files before any tool does, so that a wrong one is named in plain words.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use wbuild_passes::{Kind, kind};

use crate::config::{Config, Item, Work};
use crate::error::{Error, Result};
use crate::output;

/// Every input is there, can be read, and is no obvious mistake.
pub fn check(config: &Config) -> Result<()> {
    for path in config.inputs() {
        if path == Path::new("-") {
            continue;
        }
        if path.is_dir() {
            return Err(Error::usage(format!("{} is a folder", path.display()))
                .help("give the files in it; the folder of a cargo project has a Cargo.toml"));
        }
        let head = head(path)?;
        if path_is_output(path, &config.output) {
            return Err(Error::usage(format!("{} is an input and the output", path.display()))
                .help("give another file with -o"));
        }
        let Work::Program(program) = &config.work else { continue };
        if program.items.iter().any(|item| matches!(item, Item::Object(object) if object == path)) {
            object(path, &head)?;
        }
    }
    Ok(())
}

/// The first bytes of a file; enough to tell what it is.
fn head(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(64).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        // The one place that reads files knows the words for each reason.
        Err(_) => output::read(path).map(|bytes| bytes.into_iter().take(64).collect()),
    }
}

/// Two names of one file: a link, or another way to it.
fn path_is_output(input: &Path, output: &Path) -> bool {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) => input == output && input.is_file(),
        _ => false,
    }
}

fn object(path: &Path, head: &[u8]) -> Result<()> {
    let shown = path.display();
    let wrong = |what: &str| Error::build(format!("{shown} is {what}"));
    Err(match kind(head) {
        Kind::Native => wrong("an object for another machine")
            .help("compile it for wasm: give wbuild its source, or clang --target=wasm32-wasip1 -c"),
        Kind::Empty => wrong("empty").help("compile it again"),
        Kind::Component => {
            wrong("a WebAssembly component, which cannot be linked").help("give the objects it was made of")
        }
        Kind::Truncated | Kind::UnknownVersion => wrong("a damaged WebAssembly file").help("compile it again"),
        Kind::Text | Kind::Unknown if !head.starts_with(b"!<thin>") => {
            wrong("neither an object nor an archive").help("compile it again, with --target=wasm32-wasip1")
        }
        _ => return Ok(()),
    })
}
