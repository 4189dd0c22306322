//! What a program sees of the world while it is initialized at build time: WASI preview 1, as a host
//! that answers the same every time and shows nothing of this machine but what is granted.
//!
//! No engine is named here. Each engine's glue finds a [`Function`] by its name, and passes the
//! arguments of a call and the memory of the caller to [`Host::call`].
//!
//! Three things differ from a host that programs run on. Whatever depends on the machine or the
//! moment (clocks, random numbers, inodes, the times and the order of files) is fixed or derived from
//! names. Nothing waits, and nothing grows without a bound. And what a snapshot cannot carry, or what
//! may be another thing where the program really runs, is kept: [`Host::residue`].

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::{Error, Result};

mod abi;
mod call;
mod descriptors;
mod disk;
mod files;
mod function;
mod memory;
mod paths;
mod poll;
mod residue;
#[cfg(test)]
mod tests;

pub use function::{Function, MODULE, Type};
pub use residue::Residue;

use descriptors::Descriptors;

/// What initialization may see. The default is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The program's arguments, the first being its own name.
    pub args: Vec<String>,
    /// The program's environment, as (name, value).
    pub env: Vec<(String, String)>,
    /// The folders it may see, numbered from 3 in this order.
    pub dirs: Vec<GrantedDir>,
    /// What it reads from standard input; without, standard input is empty.
    pub stdin: Option<Vec<u8>>,
    /// The most bytes that it may write to standard output and error together.
    pub max_output: u64,
}

impl Default for Grants {
    fn default() -> Grants {
        Grants { args: Vec::new(), env: Vec::new(), dirs: Vec::new(), stdin: None, max_output: MAX_OUTPUT }
    }
}

/// The default of [`Grants::max_output`].
pub const MAX_OUTPUT: u64 = 64 << 20;

/// A folder that initialization may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedDir {
    /// The folder on this machine.
    pub host: PathBuf,
    /// The name that the program knows it by.
    pub guest: String,
    /// Whether files in it may be made, changed and removed.
    pub writable: bool,
}

impl GrantedDir {
    /// What a user types to grant this folder for writing.
    fn writable_flag(&self) -> String {
        format!("--preinit-dir {}::{}::rw", self.host.display(), self.guest)
    }
}

/// Why a call does not return to the program.
#[derive(Debug, Clone)]
pub enum Stop {
    /// The program called `proc_exit` with this status.
    Exit(u32),
    /// The program asked for what initialization cannot have.
    Refused(Error),
}

/// The host of one initialization. To start again, under another engine, make another one; see
/// [`Host::has_written`] for when that is no longer the same thing.
#[derive(Debug)]
pub struct Host {
    args: Vec<String>,
    /// As `NAME=VALUE`.
    env: Vec<String>,
    grants: Vec<GrantedDir>,
    stdin: Vec<u8>,
    stdin_granted: bool,
    /// How much of standard input has been read.
    stdin_at: usize,
    output: Vec<u8>,
    max_output: u64,
    descriptors: Descriptors,
    /// Nanoseconds since the start, on the fixed clock.
    elapsed: u64,
    /// The state of the random numbers.
    random: u64,
    written: bool,
    asked: BTreeSet<Residue>,
    hints: Vec<String>,
}

/// Where the random numbers start: the first digits of the golden ratio, for want of a better number.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// As many hints as anybody reads; a program may earn one for each file that it looks for.
const MOST_HINTS: usize = 8;

impl Host {
    /// Opens the granted folders.
    pub fn new(grants: &Grants) -> Result<Host> {
        let env: Vec<String> = grants.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let strings = grants.args.iter().map(|arg| ("--preinit-arg", arg));
        for (flag, string) in strings.chain(env.iter().map(|pair| ("--preinit-env", pair))) {
            // A program is told where a string ends by a zero byte.
            if string.contains('\0') {
                return Err(Error::usage(format!("the value of {flag} contains a zero byte: {string:?}")));
            }
        }
        Ok(Host {
            args: grants.args.clone(),
            env,
            grants: grants.dirs.clone(),
            stdin: grants.stdin.clone().unwrap_or_default(),
            stdin_granted: grants.stdin.is_some(),
            stdin_at: 0,
            output: Vec::new(),
            max_output: grants.max_output,
            descriptors: Descriptors::new(&grants.dirs)?,
            elapsed: 0,
            random: SEED,
            written: false,
            asked: BTreeSet::new(),
            hints: Vec::new(),
        })
    }

    /// What the program has written to standard output and standard error, in the order written.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Takes [`Host::output`] away.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// What a snapshot of the program as it is now would lose, or have remembered; see [`Residue`].
    /// A program that closed what it opened, and asked for nothing that may be different later,
    /// leaves nothing.
    pub fn residue(&self) -> Vec<Residue> {
        let mut all = self.asked.clone();
        if self.stdin_at > 0 {
            all.insert(Residue::StdinRead { bytes: self.stdin_at as u64 });
        }
        all.extend(self.descriptors.residue());
        all.into_iter().collect()
    }

    /// Whether the program has changed, or tried to change, anything in a folder granted for writing.
    /// From then on an initialization that starts again does not find what the first one found, so it
    /// may not be given up for another engine.
    pub fn has_written(&self) -> bool {
        self.written
    }

    /// What was asked for and not granted, with how to grant it: for the error after a program that
    /// trapped, or exited, perhaps for want of it. The last eight, in the order asked.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    fn hint(&mut self, hint: String) {
        self.hints.retain(|other| *other != hint);
        if self.hints.len() >= MOST_HINTS {
            // The last ones are the nearest to where the program gave up.
            self.hints.remove(0);
        }
        self.hints.push(hint);
    }

    /// Appends to the output, up to the limit.
    fn print(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let room = self.max_output.saturating_sub(self.output.len() as u64);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        match bytes.get(..room) {
            Some(fits) if fits.len() < bytes.len() => {
                self.output.extend_from_slice(fits);
                let limit = self.max_output;
                let error = Error::build(format!("initialization printed more than {limit} bytes"))
                    .help("have it print less, or allow more with --preinit-max-output SIZE");
                Err(Stop::Refused(error))
            }
            _ => {
                self.output.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}
