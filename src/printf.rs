//! Which printf a program needs, of the three that wasi-libc has. Its own leaves `long double` out, and stops the program
//! where it meets one; the one that has it is a library beside it, and 6 kB larger. Nobody knows of it before the program
//! stops, so the program's strings are asked. The third leaves out all floating point and is 5 kB smaller: it serves where
//! the linker knows every format, and none has any.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wasmparser::{Parser, Payload};

use crate::archive;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::output;
use crate::pipeline;
use crate::process::Command;

/// What printf and scanf say before they stop. It is in a module whose printf or scanf can be reached.
const APOLOGY: &[u8] = b"Support for formatting long double values is currently disabled.";

/// libc++'s formats for money, in every program that uses iostream, whether it counts money or not.
const MONEY: [&[u8]; 2] = [b"%.0Lf", b"%Lf"];

/// What the others call: the only one of them that knows what a directive means.
const PRINTF: &str = "vfprintf";

/// Where its format is among its parameters.
const FORMAT: u32 = 1;

/// The command that links a module again, with the printf that suits it better than libc's own; `None` where that is
/// libc's. `object` is where a file may be put for the linker to read.
pub fn suited(linked: &[u8], command: &Command, object: &Path, cache: &Cache) -> Result<Option<Command>> {
    let strings = strings(linked);
    let apology = memchr::memmem::Finder::new(APOLOGY);
    if !strings.iter().any(|string| apology.find(string).is_some()) {
        return Ok(None);
    }
    let words = if wants_long_double(strings) {
        library(command, "c-printscan-long-double").map(|_| vec!["-lc-printscan-long-double".into()])
    } else if prints_no_floats(linked)? {
        let library = library(command, "c-printscan-no-floating-point");
        library.map(|library| without_floats(&library, object, cache)).transpose()?.flatten()
    } else {
        None
    };
    let libc = command.args.iter().rposition(|word| word == "-lc");
    let (Some(words), Some(libc)) = (words, libc) else { return Ok(None) };
    let mut command = command.clone();
    // The first definition wins.
    command.args.splice(libc..libc, words);
    Ok(Some(command))
}

/// Where the linker finds a library.
fn library(command: &Command, name: &str) -> Option<PathBuf> {
    let folders = command.args.iter().filter_map(|word| word.to_str()?.strip_prefix("-L"));
    folders.map(|folder| Path::new(folder).join(format!("lib{name}.a"))).find(|file| file.is_file())
}

/// The words that link printf alone out of the library that has no floating point. Its scanf and strtod have more of it
/// than libc's own, and would make the program larger.
fn without_floats(library: &Path, object: &Path, cache: &Cache) -> Result<Option<Vec<OsString>>> {
    let content = output::read(library)?;
    let Some(member) = archive::member_that_defines(&content, PRINTF) else { return Ok(None) };
    cache.depends_on(library);
    std::fs::write(object, member).map_err(|e| {
        Error::build(format!("cannot write {}", object.display())).cause(e).help("free space in TMPDIR, or set it")
    })?;
    // As if it were an archive: where the program has a printf of its own, nobody asks for this one.
    Ok(Some(vec!["--start-lib".into(), object.into(), "--end-lib".into()]))
}

/// Whether every format of a program is known, and none has floating point.
fn prints_no_floats(linked: &[u8]) -> Result<bool> {
    let formats = wbuild_passes::link::strings(linked, PRINTF, FORMAT);
    let formats = formats.map_err(|error| pipeline::explain(error, "the linked module"))?;
    Ok(formats.is_some_and(|formats| formats.iter().all(|format| of_floats(format).is_empty())))
}

/// Whether a program has a string that is a format for a `long double`.
fn wants_long_double(mut strings: Vec<&[u8]>) -> bool {
    if MONEY.iter().all(|format| strings.contains(format)) {
        strings.retain(|string| !MONEY.contains(string));
    }
    strings.into_iter().any(|string| of_floats(string).contains(&&b"L"[..]))
}

/// The strings in a module's data.
fn strings(module: &[u8]) -> Vec<&[u8]> {
    let mut strings = Vec::new();
    for payload in Parser::new(0).parse_all(module).map_while(|p| p.ok()) {
        if let Payload::DataSection(segments) = payload {
            let segments = segments.into_iter().map_while(|s| s.ok());
            strings.extend(segments.flat_map(|segment| segment.data.split(|&byte| byte == 0)));
        }
    }
    strings
}

/// The directives of a format for floating point, each as what stands between its width and its letter.
fn of_floats(format: &[u8]) -> Vec<&[u8]> {
    let mut sizes = Vec::new();
    let mut rest = format;
    while let Some(percent) = rest.iter().position(|&byte| byte == b'%') {
        rest = &rest[percent + 1..];
        let end_of = |rest: &[u8], these: &[u8]| rest.iter().take_while(|byte| these.contains(byte)).count();
        let directive = &rest[end_of(rest, b"-+ #'*.$0123456789")..];
        let (size, letter) = directive.split_at(end_of(directive, b"hljztLqw"));
        if letter.first().is_some_and(|letter| b"aAeEfFgG".contains(letter)) {
            sizes.push(size);
        }
        rest = letter.get(1..).unwrap_or_default();
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::of_floats;

    #[test]
    fn directives_for_floating_point_are_told_from_others() {
        for format in ["%Lf", "a %-08.*Lg|", "%d %% %+.3Le\n", "%1$LA", "%%%Lf"] {
            assert_eq!(of_floats(format.as_bytes()), [b"L"], "{format}");
        }
        for format in ["%f", "a %-08.*g|", "%d %% %+.3e\n", "%1$A", "%%%F", "%-%%f", "% a"] {
            assert_eq!(of_floats(format.as_bytes()), [b""], "{format}");
        }
        assert_eq!(of_floats(b"%g %Lg %s %lf"), [&b""[..], b"L", b"l"]);
        for format in ["", "%", "%L", "%Ld", "%lld %zu", "100%% full", "L%d f", "%sLf", "%5%f", "%p%n%x"] {
            assert!(of_floats(format.as_bytes()).is_empty(), "{format}");
        }
    }
}
