//! The one error of this crate. It knows where in the bytes something is wrong; the driver adds the file's name.

use std::fmt;

/// Why bytes were refused, or why a pass could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// A lower-case phrase without a full stop.
    pub message: String,
    /// Where in the input, in bytes from its start.
    pub offset: Option<usize>,
    /// The index of the function in which it happened, imports counted.
    pub function: Option<u32>,
    /// What to do next.
    pub help: Option<String>,
    /// Whose fault it is.
    pub blame: Blame,
}

/// Whose fault an error is; the driver derives its exit status from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The bytes are not what they should be.
    Input,
    /// A pass or the encoder is wrong: our bug.
    Internal,
}

impl Error {
    /// An error in the input.
    pub fn input(message: impl Into<String>) -> Error {
        Error { message: message.into(), offset: None, function: None, help: None, blame: Blame::Input }
    }

    /// An error of our own.
    pub fn internal(message: impl Into<String>) -> Error {
        Error { blame: Blame::Internal, ..Error::input(message) }
    }

    /// Adds where in the input it happened.
    pub fn at(self, offset: usize) -> Error {
        Error { offset: Some(offset), ..self }
    }

    /// Adds the index of the function in which it happened.
    pub fn in_function(self, function: u32) -> Error {
        Error { function: Some(function), ..self }
    }

    /// Adds what to do next.
    pub fn help(self, help: impl Into<String>) -> Error {
        Error { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.function, self.offset) {
            (Some(function), Some(offset)) => write!(f, " (function {function}, offset {offset:#x})"),
            (Some(function), None) => write!(f, " (function {function})"),
            (None, Some(offset)) => write!(f, " (offset {offset:#x})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Error {
        Error::input(error.message()).at(error.offset())
    }
}
