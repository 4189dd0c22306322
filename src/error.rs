//! The one error type of the driver, in the form that people read:
//! `error:` a lower-case phrase, `caused by:` lines, then `help:` with the next command.

use std::fmt;

/// What went wrong, by exit status (contract: 1 build failed, 2 usage, 70 our bug).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The build failed: a source, a tool or the machine is at fault.
    Build,
    /// The command line is at fault.
    Usage,
    /// wbuild is at fault.
    Internal,
}

/// An error with its causes, and what to do next.
#[derive(Debug, Clone)]
pub struct Error {
    pub kind: Kind,
    /// A lower-case phrase without a full stop. Empty where a tool has already said everything.
    pub message: String,
    pub causes: Vec<String>,
    pub help: Option<String>,
    /// A tool's own diagnostics, shown first and unchanged.
    pub diagnostics: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The build failed.
    pub fn build(message: impl Into<String>) -> Error {
        Error::new(Kind::Build, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Error {
        Error::new(Kind::Usage, message)
    }

    /// wbuild itself is wrong.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Kind::Internal, message)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), causes: Vec::new(), help: None, diagnostics: None }
    }

    /// Adds a `caused by:` line.
    pub fn cause(mut self, cause: impl fmt::Display) -> Error {
        self.causes.push(cause.to_string());
        self
    }

    /// Says what to do next: the exact command where there is one.
    pub fn help(mut self, help: impl Into<String>) -> Error {
        self.help = Some(help.into());
        self
    }

    /// Puts a tool's own words first.
    pub fn diagnostics(mut self, text: impl Into<String>) -> Error {
        self.diagnostics = Some(text.into());
        self
    }

    /// The process's exit status for this error.
    pub fn exit_code(&self) -> i32 {
        match self.kind {
            Kind::Build => 1,
            Kind::Usage => 2,
            Kind::Internal => 70,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.diagnostics {
            writeln!(f, "{}", text.trim_end_matches('\n'))?;
        }
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\ncaused by: {cause}")?;
        }
        if self.kind == Kind::Internal {
            write!(f, "\ncaused by: a bug in wbuild {}; please report it with the input", env!("CARGO_PKG_VERSION"))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
