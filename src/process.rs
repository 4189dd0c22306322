//! The one place that starts processes, with limits on time and memory.

pub mod service;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A command line: what the plan prints is what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Environment variables set for this command alone.
    pub env: Vec<(OsString, OsString)>,
    /// The folder to run in, where nothing but `env` and PATH of the environment is to reach it.
    pub alone_in: Option<PathBuf>,
}

/// Bounds on a child. The default is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Wall-clock time until the child is killed.
    pub time: Option<Duration>,
    /// Address space in bytes.
    pub memory: Option<u64>,
}

/// What a finished child left.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub elapsed: Duration,
    /// Killed because `Limits::time` ran out.
    pub timed_out: bool,
}

impl Command {
    pub fn new(program: impl AsRef<Path>) -> Command {
        Command { program: program.as_ref().to_path_buf(), args: Vec::new(), env: Vec::new(), alone_in: None }
    }

    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.args.push(arg.as_ref().to_os_string());
        self
    }

    pub fn args<S: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = S>) -> &mut Command {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_os_string()));
        self
    }

    /// The command as a shell would read it.
    pub fn shell(&self) -> String {
        let env = self.env.iter().map(|(k, v)| format!("{}={}", k.to_string_lossy(), quote(v)));
        let words = std::iter::once(quote(self.program.as_os_str())).chain(self.args.iter().map(|a| quote(a)));
        let line = env.chain(words).collect::<Vec<_>>().join(" ");
        match &self.alone_in {
            Some(folder) => format!("cd {} && env -i PATH=\"$PATH\" {line}", quote(folder.as_os_str())),
            None => line,
        }
    }

    /// Runs to the end with no standard input, and takes what it prints. A failing status is the
    /// caller's to judge; an error here means that the program could not be run at all.
    pub fn run(&self, limits: Limits) -> Result<Output> {
        self.run_with_input(&[], limits)
    }

    /// Runs to the end on our own standard input, output and error; gives the exit status.
    pub fn pass_through(&self) -> Result<i32> {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
        let fail = |e| Error::build(format!("cannot run {}", self.program.display())).cause(e);
        let mut child = Running::start(&mut command).map_err(fail)?;
        let status = child.wait(None, &mut false).map_err(fail)?;
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Ok(128 + signal);
        }
        Ok(status.code().unwrap_or(1))
    }

    /// Becomes the program, where the system can do that; else as [`Command::pass_through`].
    pub fn become_it(&self) -> Result<i32> {
        #[cfg(unix)]
        {
            let mut command = std::process::Command::new(&self.program);
            command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
            let why = std::os::unix::process::CommandExt::exec(&mut command);
            // A program that is not there is reported below, in the words of any other.
            if why.kind() == std::io::ErrorKind::ArgumentListTooLong {
                return Err(Error::build(format!("cannot run {}", self.program.display())).cause(why));
            }
        }
        self.pass_through()
    }

    /// Runs to the end on our own standard error; gives the exit status and standard output.
    pub fn take_output(&self) -> Result<(i32, Vec<u8>)> {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let fail = |e| Error::build(format!("cannot run {}", self.program.display())).cause(e);
        let mut child = Running::start(&mut command).map_err(fail)?;
        let out = child.0.stdout.take().map(|mut out| read_all(&mut out)).unwrap_or_default();
        let status = child.wait(None, &mut false).map_err(fail)?;
        Ok((status.code().unwrap_or(1), out))
    }

    /// As [`Command::run`], with `input` as standard input.
    pub fn run_with_input(&self, input: &[u8], limits: Limits) -> Result<Output> {
        if let Some(output) = service::run(self, input, limits)? {
            return Ok(output);
        }
        let start = Instant::now();
        let mut command = std::process::Command::new(&self.program);
        if let Some(folder) = &self.alone_in {
            command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir(folder);
        }
        command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
        command.stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        limit_memory(&mut command, limits.memory);
        let mut child = Running::start(&mut command).map_err(|e| {
            Error::build(format!("cannot run {}", self.program.display()))
                .cause(e)
                .help("wbuild doctor shows which tools were found")
        })?;
        let (mut stdin, mut stdout, mut stderr) =
            (child.0.stdin.take(), child.0.stdout.take().expect("piped"), child.0.stderr.take().expect("piped"));
        let mut timed_out = false;
        let (status, out, err) = std::thread::scope(|scope| {
            // Both readers hold an end of it; when both have read all, the child is as good as done.
            let (reading, done) = std::sync::mpsc::channel::<()>();
            let also_reading = reading.clone();
            scope.spawn(move || {
                if let Some(stdin) = &mut stdin {
                    // A child that does not read its input is the child's affair.
                    let _ = stdin.write_all(input);
                }
            });
            let out = scope.spawn(move || {
                let _reading = reading;
                read_all(&mut stdout)
            });
            let err = scope.spawn(move || {
                let _reading = also_reading;
                read_all(&mut stderr)
            });
            let deadline = limits.time.map(|t| start + t);
            if let Some(deadline) = deadline {
                let _ = done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            }
            let status = child.wait(deadline, &mut timed_out);
            (status, out.join().unwrap_or_default(), err.join().unwrap_or_default())
        });
        Ok(Output {
            status: status.map_err(|e| Error::build(format!("cannot wait for {}", self.program.display())).cause(e))?,
            stdout: out,
            stderr: String::from_utf8_lossy(&err).into_owned(),
            elapsed: start.elapsed(),
            timed_out,
        })
    }
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    bytes
}

/// Quotes a word for a POSIX shell where it needs it.
pub fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A child that is known to [`on_interrupt`] while it runs.
struct Running(Child);

static CHILDREN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
static SCRATCH: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn lock<T>(mutex: &'static Mutex<T>) -> std::sync::MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Running {
    fn start(command: &mut std::process::Command) -> std::io::Result<Running> {
        let mut children = lock(&CHILDREN);
        let child = command.spawn()?;
        children.insert(child.id());
        Ok(Running(child))
    }

    fn wait(&mut self, deadline: Option<Instant>, timed_out: &mut bool) -> std::io::Result<ExitStatus> {
        let Some(deadline) = deadline else { return self.0.wait() };
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                *timed_out = true;
                self.0.kill()?;
                return self.0.wait();
            }
            // A child that ends soon is soon seen to have ended: a sixteenth late, and never 20 ms.
            std::thread::sleep((start.elapsed() / 16).clamp(Duration::from_micros(200), Duration::from_millis(20)));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut children = lock(&CHILDREN);
        children.remove(&self.0.id());
        // Only reached alive when a wait failed.
        let _ = self.0.kill();
    }
}

/// A temporary folder that also goes when the build is interrupted.
#[derive(Debug)]
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// A new empty folder under the system's temporary folder.
    pub fn new() -> Result<Scratch> {
        let mut scratch = lock(&SCRATCH);
        let dir = tempfile::Builder::new().prefix("wbuild-").tempdir().map_err(|e| {
            Error::build("cannot make a temporary folder").cause(e).help("set TMPDIR to a folder that can be written")
        })?;
        scratch.insert(dir.path().to_path_buf());
        Ok(Scratch(dir))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        lock(&SCRATCH).remove(self.0.path());
    }
}

/// Registers a temporary file for removal on interruption; [`keep`] takes it back.
pub(crate) fn remove_on_interrupt(path: &Path) {
    lock(&SCRATCH).insert(path.to_path_buf());
}

/// The file has become an output, or is gone: it is no longer ours to remove.
pub(crate) fn keep(path: &Path) {
    lock(&SCRATCH).remove(path);
}

/// On SIGINT and SIGTERM: kills the children, removes what is temporary, and exits with 130.
/// Both locks are held to the end, so that no other thread can start or create anything after.
pub fn clean_up_on_interrupt() {
    let _ = ctrlc::set_handler(|| {
        let children = lock(&CHILDREN);
        let scratch = lock(&SCRATCH);
        for &pid in children.iter() {
            kill(pid);
        }
        for path in scratch.iter() {
            // A dying child may still write into the folder for a moment.
            for _ in 0..20 {
                let gone = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
                if gone.is_ok() || !path.exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        std::process::exit(130);
    });
}

/// From here on, writing to a pipe that nobody reads ends this process, as it ends a native program: Rust has it
/// answered with an error, which WASI's programs would see as one of the disk.
pub fn end_with_readers() {
    #[cfg(unix)]
    // SAFETY: the default action is no handler of ours, so nothing runs in its course.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

#[cfg(unix)]
fn kill(pid: u32) {
    // SAFETY: the pid is of a child that has not been waited for, so it cannot name another process.
    unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
}

#[cfg(not(unix))]
fn kill(_pid: u32) {}

#[cfg(unix)]
fn limit_memory(command: &mut std::process::Command, bytes: Option<u64>) {
    use std::os::unix::process::CommandExt;
    let Some(bytes) = bytes else { return };
    // SAFETY: setrlimit is async-signal-safe and touches nothing of the parent's.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: bytes as libc::rlim_t, rlim_max: bytes as libc::rlim_t };
            match libc::setrlimit(libc::RLIMIT_AS, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
}

#[cfg(not(unix))]
fn limit_memory(_command: &mut std::process::Command, _bytes: Option<u64>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(quote(OsStr::new("-DX=1")), "-DX=1");
        assert_eq!(quote(OsStr::new("a b")), "'a b'");
        assert_eq!(quote(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quote(OsStr::new("")), "''");
    }

    #[test]
    fn a_child_that_takes_too_long_is_killed() {
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        let out = sleep.run(Limits { time: Some(Duration::from_millis(30)), memory: None }).unwrap();
        assert!(out.timed_out && !out.status.success());
    }
}
