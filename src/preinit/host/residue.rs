//! What a snapshot of a program leaves behind in its host, or has of it.

use std::fmt;

/// Something of the host that a snapshot cannot carry, or that the program has asked for and may have
/// kept. The program will run under another host, which knows nothing of either.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Residue {
    /// A file or folder that the program has opened and not closed.
    OpenFile {
        /// Its number.
        fd: u32,
        /// Its path, as the program knows it.
        path: String,
    },
    /// A granted folder, or one of the standard streams, that the program has closed: when it runs it
    /// will be open, though the program knows that it is not.
    Closed {
        /// Its number.
        fd: u32,
        /// `standard output`, or the folder's path.
        what: String,
    },
    /// A granted folder, or one of the standard streams, that the program has given another number.
    Moved {
        /// Its number at the start.
        from: u32,
        /// Its number now.
        to: u32,
        /// `standard output`, or the folder's path.
        what: String,
    },
    /// The program has read from standard input, which will begin again when it runs.
    StdinRead {
        /// How much of it.
        bytes: u64,
    },
    /// The program has found the end of standard input, and may not look again.
    StdinEnded,
    /// The program has asked a clock for the time.
    Clock,
    /// The program has asked for random numbers, which will be the same whenever it runs.
    Random,
    /// The program has asked for its arguments.
    Arguments,
    /// The program has asked for its environment.
    Environment,
    /// The program has asked which folders it has been granted. wasi-libc keeps the answer.
    Folders,
    /// The program has asked what a standard stream is. wasi-libc decides by the answer whether
    /// standard output is written line by line, and keeps it.
    Streams,
}

impl Residue {
    /// A word for reports and tests.
    pub fn name(&self) -> &'static str {
        match self {
            Residue::OpenFile { .. } => "open-file",
            Residue::Closed { .. } => "closed",
            Residue::Moved { .. } => "moved",
            Residue::StdinRead { .. } => "stdin-read",
            Residue::StdinEnded => "stdin-ended",
            Residue::Clock => "clock",
            Residue::Random => "random",
            Residue::Arguments => "arguments",
            Residue::Environment => "environment",
            Residue::Folders => "folders",
            Residue::Streams => "streams",
        }
    }

    /// Whether it is a state of the host, which is lost for sure. Otherwise it is an answer, which does
    /// harm only if the program has kept it.
    pub fn is_state(&self) -> bool {
        matches!(self, Residue::OpenFile { .. } | Residue::Closed { .. } | Residue::Moved { .. })
    }

    /// What the author of the program can do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Residue::OpenFile { .. } => "close it before initialization ends, and open it again when it is needed",
            Residue::Closed { .. } | Residue::Moved { .. } => "leave it as it is until the program runs",
            Residue::StdinRead { .. } | Residue::StdinEnded => "read it from a file: --preinit-dir HOST::GUEST",
            Residue::Clock => "ask the clock when the program runs",
            Residue::Random => "ask for random numbers when the program runs, at the latest for what must be secret",
            Residue::Arguments => "read the arguments when the program runs",
            Residue::Environment => "read the environment when the program runs",
            Residue::Folders => "open files when the program runs",
            Residue::Streams => "print when the program runs, or to standard error",
        }
    }
}

/// What it is, as the end of a sentence about the program: `it ...`.
impl fmt::Display for Residue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Residue::OpenFile { fd, path } => write!(f, "left {path} open, as file {fd}"),
            Residue::Closed { fd, what } => write!(f, "closed {what}, file {fd}"),
            Residue::Moved { from, to, what } => write!(f, "made {what} file {to} instead of {from}"),
            Residue::StdinRead { bytes } => write!(f, "read {bytes} bytes of standard input"),
            Residue::StdinEnded => write!(f, "found the end of standard input"),
            Residue::Clock => write!(f, "asked the clock"),
            Residue::Random => write!(f, "asked for random numbers"),
            Residue::Arguments => write!(f, "asked for its arguments"),
            Residue::Environment => write!(f, "asked for its environment"),
            Residue::Folders => write!(f, "asked which folders it has"),
            Residue::Streams => write!(f, "asked what its standard streams are"),
        }
    }
}
