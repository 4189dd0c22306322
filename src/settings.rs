//! emcc's settings (`-s NAME=VALUE`): those with a meaning here, and what is nearest to the others.

use std::time::Duration;

use crate::args::nearest;
use crate::config::{self, Effort, Goal, Malloc};
use crate::error::{Error, Result};
use crate::run;

/// A setting that means something to wbuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Standalone(bool),
    InitialMemory(u64),
    MaximumMemory(u64),
    MemoryGrowth(bool),
    StackSize(u64),
    /// Names as they were given, underscores included.
    ExportedFunctions(Vec<String>),
    ExportAll,
    Malloc(Malloc),
    /// Accepted, and already true of every build.
    Nothing,
}

/// The names that [`parse`] understands.
const KNOWN: &[&str] = &[
    "ALLOW_MEMORY_GROWTH",
    "ERROR_ON_UNDEFINED_SYMBOLS",
    "EXPORTED_FUNCTIONS",
    "EXPORT_ALL",
    "INITIAL_MEMORY",
    "MALLOC",
    "MAXIMUM_MEMORY",
    "STACK_SIZE",
    "STANDALONE_WASM",
    "STRICT",
    "TOTAL_MEMORY",
    "TOTAL_STACK",
    "WASM",
];

/// emcc's other settings that people really use: what is nearest here.
const FOREIGN: &[(&str, &str)] = &[
    ("ASSERTIONS", "compile with -fsanitize=undefined -fsanitize-trap=undefined for checks, or leave it out"),
    ("ASYNCIFY", "wbuild has no Asyncify; setjmp and longjmp work without it"),
    ("DISABLE_EXCEPTION_CATCHING", "C++ exceptions are off unless -fexceptions is given"),
    ("ENVIRONMENT", "wbuild makes no JavaScript; leave it out"),
    ("EXIT_RUNTIME", "a command always ends with its main; use --reactor for a library"),
    ("EXPORTED_RUNTIME_METHODS", "wbuild makes no JavaScript; export C functions with --export NAME"),
    ("EXPORT_ES6", "wbuild makes no JavaScript; leave it out"),
    ("EXPORT_NAME", "wbuild makes no JavaScript; leave it out"),
    ("EXTRA_EXPORTED_RUNTIME_METHODS", "wbuild makes no JavaScript; export C functions with --export NAME"),
    ("FILESYSTEM", "files come from WASI, and code for them is linked only if used; leave it out"),
    ("FORCE_FILESYSTEM", "files come from WASI; leave it out"),
    ("FULL_ES2", "there is no graphics in WASI"),
    ("FULL_ES3", "there is no graphics in WASI"),
    ("IMPORTED_MEMORY", "use -Wl,--import-memory"),
    ("INITIAL_TABLE", "the table's size follows from the program; leave it out"),
    ("INVOKE_RUN", "use --reactor or --no-entry for a module whose main is not run"),
    ("LINKABLE", "use --export-all"),
    ("MAIN_MODULE", "wasm modules here are linked statically; leave it out"),
    ("MODULARIZE", "wbuild makes no JavaScript; leave it out"),
    ("NO_EXIT_RUNTIME", "use --reactor for a library whose state must stay"),
    ("PTHREADS", "there are no threads here; leave it out"),
    ("PTHREAD_POOL_SIZE", "there are no threads here; leave it out"),
    ("RELOCATABLE", "wbuild makes finished modules; leave it out"),
    ("RESERVED_FUNCTION_POINTERS", "use -Wl,--growable-table -Wl,--export-table"),
    ("ALLOW_TABLE_GROWTH", "use -Wl,--growable-table -Wl,--export-table"),
    ("SAFE_HEAP", "compile with -fsanitize=undefined -fsanitize-trap=undefined, or leave it out"),
    ("SIDE_MODULE", "use --no-entry with --export NAME for a module without main"),
    ("SIMD", "use --simd"),
    ("SINGLE_FILE", "a build is always one file; leave it out"),
    ("STACK_OVERFLOW_CHECK", "a stack overflow already traps, because the stack lies first; leave it out"),
    ("SUPPORT_LONGJMP", "setjmp works as it is; --exceptions=wasm uses wasm exceptions for it"),
    ("USE_PTHREADS", "there are no threads here; leave it out"),
    ("USE_SDL", "there is no graphics in WASI"),
    ("USE_ZLIB", "give the library's sources or its .a to wbuild"),
    ("USE_LIBPNG", "give the library's sources or its .a to wbuild"),
    ("WASM_BIGINT", "wbuild makes no JavaScript, and i64 is passed as it is; leave it out"),
    ("WASM_EXCEPTIONS", "use --exceptions=wasm for setjmp, and -fexceptions for C++ exceptions"),
];

/// Reads `NAME` or `NAME=VALUE`.
pub fn parse(text: &str) -> Result<Setting> {
    let (name, value) = text.split_once('=').unwrap_or((text, "1"));
    let switch = || switch(name, value);
    let size = || self::size(value).map_err(|e| e.cause(format!("in -s {text}")));
    Ok(match name {
        "STANDALONE_WASM" => Setting::Standalone(switch()?),
        "INITIAL_MEMORY" | "TOTAL_MEMORY" => Setting::InitialMemory(size()?),
        "MAXIMUM_MEMORY" => Setting::MaximumMemory(size()?),
        "ALLOW_MEMORY_GROWTH" => Setting::MemoryGrowth(switch()?),
        "STACK_SIZE" | "TOTAL_STACK" => Setting::StackSize(size()?),
        "EXPORTED_FUNCTIONS" => Setting::ExportedFunctions(names(value)?),
        "EXPORT_ALL" if switch()? => Setting::ExportAll,
        "MALLOC" => Setting::Malloc(match value {
            "emmalloc" => Malloc::Small,
            "dlmalloc" => Malloc::Libc,
            _ => {
                return Err(
                    unknown(text).help("-s MALLOC=emmalloc is the small one, -s MALLOC=dlmalloc the C library's")
                );
            }
        }),
        "STRICT" | "EXPORT_ALL" => {
            switch()?;
            Setting::Nothing
        }
        "ERROR_ON_UNDEFINED_SYMBOLS" if switch()? => Setting::Nothing,
        "ERROR_ON_UNDEFINED_SYMBOLS" => {
            return Err(unknown(text).help("use -Wl,--allow-undefined to import what is undefined"));
        }
        "WASM" if switch()? => Setting::Nothing,
        "WASM" => return Err(unknown(text).help("wbuild makes wasm only; leave it out")),
        _ => return Err(foreign(name, text)),
    })
}

/// A size in bytes: a number with B, KB, MB, GB or KiB, MiB, GiB; all of them count in 1024s, as
/// emcc's do.
pub fn size(text: &str) -> Result<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(Error::usage(format!("{text} is not a size")).help("for example 1048576, 64KiB, 32MB or 1GB")),
    };
    let number = number.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
    number.ok_or_else(|| Error::usage(format!("{text} is not a size")).help("for example 1048576, 64KiB, 32MB or 1GB"))
}

/// What `--optimize-for` takes.
pub fn goal(text: &str) -> Result<Goal> {
    let goals = [("size", Goal::Size), ("compressed", Goal::Compressed), ("speed", Goal::Speed)];
    config::choose("--optimize-for", text, &goals)
}

/// A time such as `10s`, which an option takes.
pub fn time(option: &str, text: &str) -> Result<Duration> {
    run::parse_time(text).map_err(|why| Error::usage(format!("{option} {text}: {why}")).help(format!("{option} 10s")))
}

/// What `--opt-effort` takes.
pub fn effort(text: &str) -> Result<Effort> {
    config::choose("--opt-effort", text, &[("default", Effort::Default), ("max", Effort::Max)])
}

/// A function's name as it may be spelled in the object: emcc's leading underscore is dropped.
pub fn bare(name: &str) -> &str {
    name.strip_prefix('_').filter(|n| !n.is_empty()).unwrap_or(name)
}

fn switch(name: &str, value: &str) -> Result<bool> {
    match value {
        "1" | "true" | "TRUE" => Ok(true),
        "0" | "false" | "FALSE" => Ok(false),
        _ => Err(Error::usage(format!("-s {name}={value} is neither on nor off")).help(format!("-s {name}=1"))),
    }
}

/// JSON, JSON with single quotes, or a list with commas.
fn names(value: &str) -> Result<Vec<String>> {
    let wrong = || {
        Error::usage(format!("EXPORTED_FUNCTIONS={value} is not a list of names"))
            .help("-s EXPORTED_FUNCTIONS=_main,_add")
    };
    let list = match value.trim().strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(wrong)?,
        None => value,
    };
    let mut names = Vec::new();
    for item in list.split(',').map(str::trim).filter(|i| !i.is_empty()) {
        let quoted = |q: char| item.strip_prefix(q).and_then(|i| i.strip_suffix(q));
        let name = quoted('"').or(quoted('\'')).unwrap_or(item);
        let plain = |c: char| !c.is_whitespace() && !"\"'[]{}@".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(wrong());
        }
        names.push(name.to_string());
    }
    Ok(names)
}

fn unknown(text: &str) -> Error {
    Error::usage(format!("the setting -s {text} has no meaning here"))
}

fn foreign(name: &str, text: &str) -> Error {
    if let Some((_, help)) = FOREIGN.iter().find(|(n, _)| *n == name) {
        return unknown(text).help(*help);
    }
    // Families such as USE_SDL_IMAGE, PTHREAD_POOL_SIZE_STRICT, ASYNCIFY_ONLY.
    let family = FOREIGN.iter().find(|(n, _)| name.strip_prefix(n).is_some_and(|rest| rest.starts_with('_')));
    if let Some((_, help)) = family {
        return unknown(text).help(*help);
    }
    match nearest(name, KNOWN.iter().copied().chain(FOREIGN.iter().map(|(n, _)| *n))) {
        Some(near) => unknown(text).help(format!("did you mean -s {near}?")),
        None => unknown(text).help(format!("wbuild knows {}", KNOWN.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_every_unit_in_1024s() {
        assert_eq!(size("4GB").unwrap(), 4 << 30);
        assert_eq!(size("32MB").unwrap(), 32 << 20);
        assert_eq!(size("64KiB").unwrap(), 65536);
        assert_eq!(size("65536").unwrap(), 65536);
        assert_eq!(size("1m").unwrap(), 1 << 20);
        for wrong in ["", "MB", "-1", "1.5MB", "99999999999999999999", "17179869184GB", "1 XB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn exported_functions_are_read_in_every_form() {
        for text in ["[\"_main\",\"_add\"]", "['_main', '_add']", "_main,_add", "[_main,_add]"] {
            let setting = parse(&format!("EXPORTED_FUNCTIONS={text}")).unwrap();
            assert_eq!(setting, Setting::ExportedFunctions(vec!["_main".into(), "_add".into()]), "{text}");
        }
        assert_eq!(parse("EXPORTED_FUNCTIONS=[]").unwrap(), Setting::ExportedFunctions(vec![]));
        assert!(parse("EXPORTED_FUNCTIONS=[\"_main\"").is_err());
    }

    #[test]
    fn a_setting_without_a_value_is_on() {
        assert_eq!(parse("STANDALONE_WASM").unwrap(), Setting::Standalone(true));
        assert_eq!(parse("STANDALONE_WASM=0").unwrap(), Setting::Standalone(false));
        assert!(parse("STANDALONE_WASM=maybe").is_err());
    }

    #[test]
    fn a_setting_with_no_meaning_names_the_nearest_thing() {
        let help = |text: &str| parse(text).unwrap_err().help.unwrap();
        assert_eq!(help("INITAL_MEMORY=1MB"), "did you mean -s INITIAL_MEMORY?");
        assert_eq!(help("USE_SDL=2"), "there is no graphics in WASI");
        assert_eq!(help("USE_SDL_IMAGE=2"), "there is no graphics in WASI");
        assert_eq!(help("SIMD=1"), "use --simd");
        assert!(help("XYZZYPLUGH").starts_with("wbuild knows ALLOW_MEMORY_GROWTH"));
        assert!(parse("WASM=0").is_err());
    }

    #[test]
    fn only_one_underscore_is_dropped() {
        assert_eq!(bare("_main"), "main");
        assert_eq!(bare("__init"), "_init");
        assert_eq!(bare("add"), "add");
        assert_eq!(bare("_"), "_");
    }
}
