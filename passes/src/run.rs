//! Bytes through passes: validate once, read once, run, write, validate once more.

use crate::kind::{Kind, kind};
use crate::{Blame, Error, Module, Pass, validate};

/// How passes are run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Encode and validate after every pass, so that the pass that broke a module is named.
    pub verify_each: bool,
    /// Whether anyone has validated the input.
    pub input: Input,
}

/// What is known of a module that passes are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Input {
    /// Nothing: it is validated first.
    #[default]
    Unknown,
    /// It is valid: the bytes that a validator looked at, such as [`run`]'s own result.
    Valid,
}

/// Runs passes over a module. The input must be valid, and may be no object file or dynamic library, whose
/// custom sections describe code by offset. A result that is not valid is an internal error that names
/// the pass, if it can be told, and the function.
pub fn run(bytes: &[u8], passes: &[&Pass], options: &Options) -> Result<Vec<u8>, Error> {
    refuse_linkable(bytes)?;
    if options.input == Input::Unknown {
        validate(bytes)?;
    }
    let mut module = Module::parse(bytes)?;
    for pass in passes {
        (pass.run)(&mut module).map_err(|error| match error.blame {
            // A pass may have its own demands on a module, and say that it does not meet them.
            Blame::Input => Error { message: format!("pass `{}`: {}", pass.name, error.message), ..error },
            Blame::Internal => blame(error, &[pass.name]),
        })?;
        if options.verify_each {
            verify(&module.encode().map_err(|error| blame(error, &[pass.name]))?, &[pass.name])?;
        }
    }
    let names: Vec<_> = passes.iter().map(|pass| pass.name).collect();
    write(bytes, &module, &names)
}

/// Runs one function over a module as [`run`] runs a pass.
pub(crate) fn around(
    bytes: &[u8],
    name: &'static str,
    change: impl FnOnce(&mut Module<'_>) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    refuse_linkable(bytes)?;
    validate(bytes)?;
    rewrite(bytes, name, change)
}

/// Runs one function over a module that is known to be valid.
pub(crate) fn rewrite(
    bytes: &[u8],
    name: &'static str,
    change: impl FnOnce(&mut Module<'_>) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let mut module = Module::parse(bytes)?;
    change(&mut module).map_err(|error| match error.blame {
        Blame::Input => error,
        Blame::Internal => blame(error, &[name]),
    })?;
    write(bytes, &module, &[name])
}

fn write(bytes: &[u8], module: &Module<'_>, passes: &[&str]) -> Result<Vec<u8>, Error> {
    let output = module.encode().map_err(|error| blame(error, passes))?;
    // What came out as it went in is as valid as it was.
    if output != bytes {
        verify(&output, passes)?;
    }
    Ok(output)
}

/// Refuses object files and dynamic libraries: they are linked first.
pub(crate) fn refuse_linkable(bytes: &[u8]) -> Result<(), Error> {
    match kind(bytes) {
        Kind::Relocatable => {
            let message = "this module has a `linking` section: it is an object file, or linked with --emit-relocs";
            Err(Error::input(message).help("link it first: wbuild FILE.o -o FILE.wasm"))
        }
        Kind::DynamicLibrary => {
            let message = "this module has a `dylink.0` section: it is a dynamic library, which passes cannot change";
            Err(Error::input(message).help("link it statically: wbuild FILE.o -o FILE.wasm"))
        }
        _ => Ok(()),
    }
}

fn verify(output: &[u8], passes: &[&str]) -> Result<(), Error> {
    validate(output)
        .map_err(|error| blame(Error { message: format!("invalid module: {}", error.message), ..error }, passes))
}

/// Turns any failure behind a validated input into our own, with the name of the pass.
fn blame(error: Error, passes: &[&str]) -> Error {
    let who = match passes {
        [] => "the encoder".to_owned(),
        [pass] => format!("pass `{pass}`"),
        several => format!("one of the passes {}", several.join(", ")),
    };
    let help = match passes.len() {
        0 | 1 => "this is a bug in wbuild; please report it with the module",
        _ => "this is a bug in wbuild; --verify-each tells which pass it is",
    };
    Error { message: format!("{who}: {}", error.message), blame: Blame::Internal, ..error }.help(help)
}
