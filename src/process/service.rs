//! Commands that a running server answers: one start of a slow program instead of many.
//!
//! The plan's commands stay what a shell would run. A server is only a faster way to run those
//! that begin with the words of an offer; as many servers run as there are commands at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Command, Limits, Output, Running, lock};
use crate::error::{Error, Result};

/// What a job is told, one line of JSON. A character of `stdin` is a byte.
#[derive(Serialize)]
struct Job<'a> {
    args: Vec<&'a str>,
    /// Variables that are set for this command alone.
    env: BTreeMap<&'a str, &'a str>,
    stdin: String,
}

/// What comes back, one line of JSON. A character of the texts is a byte.
#[derive(Deserialize)]
struct Answer {
    status: i32,
    stdout: String,
    stderr: String,
}

struct Server {
    /// Dropped first: the server ends with its standard input.
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    _child: Running,
}

/// The program and the arguments that commands begin with, and the servers that wait for work.
struct Offer {
    words: Vec<OsString>,
    idle: Vec<Server>,
}

static OFFER: Mutex<Option<Offer>> = Mutex::new(None);

/// Lets a server, started by `words --serve`, run every later command that begins with `words`.
pub fn offer(words: Vec<OsString>) {
    let mut offer = lock(&OFFER);
    if offer.as_ref().is_none_or(|o| o.words != words) {
        *offer = Some(Offer { words, idle: Vec::new() });
    }
}

/// Runs the command on a server, if one is on offer for it and nothing asks for a process of its own.
pub(super) fn run(command: &Command, input: &[u8], limits: Limits) -> Result<Option<Output>> {
    if limits.time.is_some() || limits.memory.is_some() {
        return Ok(None);
    }
    let start = Instant::now();
    let (words, args, env, idle) = {
        let mut offer = lock(&OFFER);
        let Some(offer) = offer.as_mut() else { return Ok(None) };
        let Some((program, leading)) = offer.words.split_first() else { return Ok(None) };
        if command.program.as_os_str() != program || !command.args.starts_with(leading) {
            return Ok(None);
        }
        // JSON has no words that are not Unicode.
        let args: Option<Vec<&str>> = command.args[leading.len()..].iter().map(|a| a.to_str()).collect();
        let env: Option<BTreeMap<&str, &str>> =
            command.env.iter().map(|(name, value)| Some((name.to_str()?, value.to_str()?))).collect();
        let (Some(args), Some(env)) = (args, env) else { return Ok(None) };
        (offer.words.clone(), args, env, offer.idle.pop())
    };
    let mut server = match idle {
        Some(server) => server,
        None => Server::start(&words)?,
    };
    let stdin = input.iter().map(|&byte| char::from(byte)).collect();
    let answer = server.ask(&Job { args, env, stdin }).map_err(|e| {
        Error::build(format!("{} stopped in the middle of its work", command.program.display()))
            .cause(e)
            .help("look whether memory ran out; -v shows the command, which can be run by hand")
    })?;
    if let Some(offer) = lock(&OFFER).as_mut().filter(|o| o.words == words) {
        offer.idle.push(server);
    }
    Ok(Some(Output {
        status: status(answer.status),
        stdout: bytes(&answer.stdout),
        stderr: String::from_utf8_lossy(&bytes(&answer.stderr)).into_owned(),
        elapsed: start.elapsed(),
        timed_out: false,
    }))
}

impl Server {
    fn start(words: &[OsString]) -> Result<Server> {
        let (program, args) = words.split_first().ok_or_else(|| Error::internal("a server without a program"))?;
        let mut command = std::process::Command::new(program);
        command.args(args).arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Running::start(&mut command).map_err(|e| {
            Error::build(format!("cannot run {}", program.display()))
                .cause(e)
                .help("wbuild doctor shows which tools were found")
        })?;
        let (stdin, stdout) = (child.0.stdin.take().expect("piped"), child.0.stdout.take().expect("piped"));
        Ok(Server { stdin, stdout: BufReader::new(stdout), _child: child })
    }

    fn ask(&mut self, job: &Job) -> std::io::Result<Answer> {
        let mut line = serde_json::to_vec(job)?;
        line.push(b'\n');
        self.stdin.write_all(&line)?;
        let mut answer = String::new();
        if self.stdout.read_line(&mut answer)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&answer)?)
    }
}

/// Characters back to the bytes that they stand for.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

#[cfg(unix)]
fn status(code: i32) -> ExitStatus {
    std::os::unix::process::ExitStatusExt::from_raw((code & 0xff) << 8)
}

#[cfg(windows)]
fn status(code: i32) -> ExitStatus {
    std::os::windows::process::ExitStatusExt::from_raw(code as u32)
}
