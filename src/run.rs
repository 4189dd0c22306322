//! `wbuild run`: a module in the embedded engine, with WASI preview 1 and nothing of the host but
//! what is granted. There are no limits unless they are given.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use wasmtime::{Instance, Linker, Module, Store, StoreLimits, Trap, WasmBacktrace};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use crate::engine::{self, Limits, Profile};
use crate::error::{Error, Result};
use crate::{launcher, output, process, settings};

mod recorded;
mod redirected;
mod relay;

pub use recorded::HostCall;

/// The exit status after a trap: what a shell reports for a native program that aborted.
pub const TRAPPED: i32 = 134;
/// The exit status when `--timeout` ran out: that of timeout(1).
pub const TIMED_OUT: i32 = 124;

/// Run a module with WASI, in the embedded engine
///
/// The exit status is the program's; 134 after a trap, 124 when --timeout ran out. The program
/// sees its arguments, standard input, output and error, the clock, random numbers, and what is
/// granted by --dir and --env; nothing else of this machine.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Grant a folder, to read and write; the program sees it as GUEST (default: the same name)
    #[arg(long, value_name = "HOST[::GUEST]")]
    pub dir: Vec<String>,
    /// Set a variable in the program's environment, which is otherwise empty; without a value, as it
    /// is here, if it is set
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Let the program see what a native one would: the environment, the current folder, and the folders in which
    /// the absolute paths lie that it is given. FILE may be a launcher of `--launcher`
    #[arg(long)]
    pub inherit: bool,
    /// End the program after this time, such as 500ms, 10s or 2m
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub timeout: Option<Duration>,
    /// The most that each of its memories may grow to, such as 64MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,
    /// Have the engine decide what the specification leaves open, for a module that is not hardened
    /// (float code then takes about three times as long)
    #[arg(long)]
    pub deterministic: bool,
    /// The module, .wasm or .wat, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The program's own arguments
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// A program's surroundings.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The program's arguments, the first being its own name.
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// Granted folders, as (on this machine, for the program).
    pub dirs: Vec<(PathBuf, String)>,
    pub timeout: Option<Duration>,
    pub max_memory: Option<u64>,
    /// NaNs and relaxed SIMD as the deterministic profile has them.
    pub deterministic: bool,
    pub stdio: Stdio,
}

/// Where a program's standard input, output and error are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stdio {
    /// Those of wbuild.
    #[default]
    Inherit,
    /// Given and taken, and every call to the host with them, for tests and comparisons: the clock
    /// stands still, random numbers and what a file is to the disk are always the same.
    Captured { stdin: Vec<u8> },
}

/// How a program ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// It returned (0), or called `exit`.
    Exited(i32),
    /// It trapped. The error says where.
    Trapped(Error),
    /// `Options::timeout` ran out.
    TimedOut(Error),
}

impl Ended {
    /// The exit status that stands for it.
    pub fn status(&self) -> i32 {
        match self {
            Ended::Exited(status) => *status,
            Ended::Trapped(_) => TRAPPED,
            Ended::TimedOut(_) => TIMED_OUT,
        }
    }

    /// What there is to say about it.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Ended::Exited(_) => None,
            Ended::Trapped(error) | Ended::TimedOut(error) => Some(error),
        }
    }
}

/// A program that has ended, and what it did where [`Stdio::Captured`] was asked for.
#[derive(Debug, Clone)]
pub struct Finished {
    pub ended: Ended,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Its calls to its host, in order.
    pub calls: Vec<HostCall>,
    /// The memory that it exports as `memory`, as it was in the end.
    pub memory: Vec<u8>,
}

impl Finished {
    fn new(ended: Ended) -> Finished {
        Finished { ended, stdout: Vec::new(), stderr: Vec::new(), calls: Vec::new(), memory: Vec::new() }
    }
}

/// Does what the command line says: reads the module and runs it to its end.
pub fn command(args: &Args) -> Result<Ended> {
    let file = output::read(&args.file)?;
    let bytes = launcher::module_in(&file).unwrap_or(&file);
    let name = match args.inherit {
        // As it was called: the launcher's own name.
        true => args.file.to_string_lossy().into_owned(),
        false => args.file.file_name().map_or("-".into(), |n| n.to_string_lossy().into_owned()),
    };
    let mut words = vec![name];
    for word in &args.args {
        match word.to_str() {
            Some(word) => words.push(word.to_string()),
            None => return Err(Error::usage(format!("argument {} is not UTF-8", word.display()))),
        }
    }
    let mut env = Vec::new();
    for pair in &args.env {
        match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => env.push((name.to_string(), value.to_string())),
            None if !pair.is_empty() => env.extend(std::env::var(pair).ok().map(|value| (pair.clone(), value))),
            _ => return Err(Error::usage(format!("`--env {pair}` has no NAME=")).help(format!("--env {pair}=VALUE"))),
        }
    }
    let dirs = args.dir.iter().map(|dir| match dir.split_once("::") {
        Some((host, guest)) => (PathBuf::from(host), guest.to_string()),
        None => (PathBuf::from(dir), dir.clone()),
    });
    let mut options = Options {
        args: words,
        env,
        dirs: dirs.collect(),
        timeout: args.timeout,
        max_memory: args.max_memory,
        deterministic: args.deterministic,
        stdio: Stdio::Inherit,
    };
    if args.inherit {
        launcher::inherit(&mut options);
    }
    process::end_with_readers();
    let finished =
        run(bytes, &options).map_err(|e| Error { message: format!("{}: {}", args.file.display(), e.message), ..e })?;
    Ok(finished.ended)
}

/// Runs a module, text or binary, as a command: from `_start` to its end. An error means that it
/// never started.
pub fn run(module: &[u8], options: &Options) -> Result<Finished> {
    if module.is_empty() {
        return Err(Error::build("the file is empty"));
    }
    let bytes = wat::parse_bytes(module)
        .map_err(|e| Error::build("not a module in text form, nor in binary form").diagnostics(e.to_string()))?;
    let program = Program::prepare(&bytes, options)?;
    let (send, receive) = mpsc::channel();
    // On a thread of its own, since the engine lets wasm use more stack than a main thread has.
    let thread = std::thread::Builder::new()
        .name("wasm".to_string())
        .stack_size(engine::STACK + (4 << 20))
        .spawn(move || drop(send.send(program.start())))
        .map_err(|e| Error::build("cannot start a thread").cause(e))?;
    // A program that waits (for input, for a clock) is not stopped by the engine, so it is left
    // behind: the process is about to end.
    let patience = options.timeout.map(|t| t + Duration::from_millis(500));
    let finished = match patience {
        Some(patience) => receive.recv_timeout(patience).ok(),
        None => receive.recv().ok(),
    };
    match finished {
        Some(finished) => {
            let _ = thread.join();
            Ok(finished)
        }
        None if options.timeout.is_some() => Ok(Finished::new(Ended::TimedOut(timed_out(options.timeout)))),
        None => Err(Error::internal("the engine ended without an answer")),
    }
}

fn timed_out(limit: Option<Duration>) -> Error {
    Error::build(format!("the program ran longer than {:?}", limit.unwrap_or_default()))
        .help("give it more time with --timeout, or none")
}

/// What the engine's store holds.
struct Host {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
    /// Passes calls on that something else saw first.
    relay: Option<Instance>,
    /// Those of a captured program.
    calls: Vec<HostCall>,
    files: redirected::Files,
}

/// A program that is linked and ready to start.
struct Program {
    store: Store<Host>,
    linker: Linker<Host>,
    module: Module,
    timeout: Option<Duration>,
    captured: bool,
    stdout: MemoryOutputPipe,
    stderr: MemoryOutputPipe,
}

impl Program {
    fn prepare(bytes: &[u8], options: &Options) -> Result<Program> {
        if bytes.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
            return Err(Error::build("this is a component, and run takes core modules").help("wasmtime run FILE"));
        }
        let profile = if options.deterministic { Profile::RunDeterministic } else { Profile::Run };
        let engine = engine::engine(profile)?;
        let module = Module::new(&engine, bytes).map_err(|e| invalid(&e))?;
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&options.args).envs(&options.env);
        // One program on one thread: nothing else waits for it.
        wasi.allow_blocking_current_thread(true);
        for (host, guest) in &options.dirs {
            wasi.preopened_dir(host, guest, FsPerms::ReadWrite).map_err(|e| {
                Error::usage(format!("cannot grant {}", host.display()))
                    .cause(e)
                    .help(format!("--dir takes a folder that exists: mkdir -p {}", host.display()))
            })?;
        }
        let (stdout, stderr) = (MemoryOutputPipe::new(CAPTURE), MemoryOutputPipe::new(CAPTURE));
        let mut files = redirected::Files::new();
        match &options.stdio {
            Stdio::Inherit => {
                wasi.inherit_stdio();
                if !has_start(bytes) {
                    files = redirected::files();
                }
                if files.contains_key(&0) {
                    // The engine's would read ahead.
                    wasi.stdin(MemoryInputPipe::new(Vec::new()));
                }
            }
            Stdio::Captured { stdin } => {
                recorded::fix_what_varies(&mut wasi);
                wasi.stdin(MemoryInputPipe::new(stdin.clone())).stdout(stdout.clone()).stderr(stderr.clone());
            }
        }
        let limits = Limits { memory: options.max_memory, table: None }.store_limits();
        let mut store =
            Store::new(&engine, Host { wasi: wasi.build_p1(), limits, relay: None, calls: Vec::new(), files });
        store.limiter(|host| &mut host.limits);

        let mut linker = Linker::new(&engine);
        let link = wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi);
        // Theirs takes statuses up to 125 only; programs exit with what they like.
        linker.allow_shadowing(true);
        let exit = |status: i32| -> wasmtime::Result<()> { Err(wasmtime::Error::from(I32Exit(status))) };
        link.and_then(|()| linker.func_wrap("wasi_snapshot_preview1", "proc_exit", exit).map(drop))
            .map_err(|e| Error::internal("cannot set up WASI").cause(e))?;
        check_interface(&module, &linker, &mut store)?;
        let captured = options.stdio != Stdio::Inherit;
        Ok(Program { store, linker, module, timeout: options.timeout, captured, stdout, stderr })
    }

    fn start(mut self) -> Finished {
        engine::set_deadline(&mut self.store, self.timeout);
        let mut instance = None;
        let ended = match self.run_to_the_end(&mut instance) {
            Ok(()) => Ended::Exited(0),
            Err(e) => match e.downcast_ref::<I32Exit>() {
                Some(I32Exit(status)) => Ended::Exited(*status),
                None if e.downcast_ref::<Trap>() == Some(&Trap::Interrupt) => Ended::TimedOut(timed_out(self.timeout)),
                None => Ended::Trapped(trapped("the program", &e)),
            },
        };
        let mut finished = Finished::new(ended);
        if self.captured {
            finished.stdout = self.stdout.contents().to_vec();
            finished.stderr = self.stderr.contents().to_vec();
            let memory = instance.and_then(|instance| instance.get_memory(&mut self.store, "memory"));
            finished.memory = memory.map_or(Vec::new(), |memory| memory.data(&self.store).to_vec());
            finished.calls = std::mem::take(&mut self.store.data_mut().calls);
        }
        finished
    }

    /// Leaves the instance behind, so that its memory can be looked at however it ended.
    fn run_to_the_end(&mut self, left: &mut Option<Instance>) -> wasmtime::Result<()> {
        let (store, linker, module) = (&mut self.store, &self.linker, &self.module);
        let instance = match (self.captured, store.data().files.is_empty()) {
            (true, _) => relay::instantiate(store, linker, module, |_| true, recorded::write_down)?,
            (false, false) => relay::instantiate(store, linker, module, redirected::wanted, redirected::answer)?,
            (false, true) => linker.instantiate(store, module)?,
        };
        *left = Some(instance);
        instance.get_typed_func::<(), ()>(&mut self.store, "_start")?.call(&mut self.store, ())
    }
}

/// What a captured program may write to each of standard output and error.
const CAPTURE: usize = 64 << 20;

/// Whether a function runs before there is an instance, and so before its calls could be seen.
fn has_start(module: &[u8]) -> bool {
    let payloads = wasmparser::Parser::new(0).parse_all(module).map_while(|p| p.ok());
    payloads.into_iter().any(|payload| matches!(payload, wasmparser::Payload::StartSection { .. }))
}

fn invalid(e: &wasmtime::Error) -> Error {
    let mut error = Error::build("not a valid module");
    for cause in e.chain() {
        error = error.cause(cause);
    }
    error
}

/// Says what is missing before anything runs: imports that WASI has not, an entry that is not there.
fn check_interface(module: &Module, linker: &Linker<Host>, store: &mut Store<Host>) -> Result<()> {
    let mut missing = Error::build("the module imports what is not in WASI preview 1");
    for import in module.imports() {
        if linker.get_by_import(&mut *store, &import).is_none() {
            missing = missing.cause(format!("no `{}` in module `{}`", import.name(), import.module()));
        }
    }
    if !missing.causes.is_empty() {
        return Err(missing.help("build with --standalone to see who needs them"));
    }
    match module.get_export("_start").map(|e| e.func().cloned()) {
        Some(Some(ty)) if ty.params().len() == 0 && ty.results().len() == 0 => Ok(()),
        Some(_) => Err(Error::build("its export `_start` is not a function without parameters and results")),
        None if module.get_export("_initialize").is_some() => {
            Err(Error::build("the module is a reactor: it has exports to call, and no main")
                .help("build it without --reactor to run it"))
        }
        None => Err(Error::build("the module has no `_start` to run")
            .help("build it from a source with a main, and without --no-entry")),
    }
}

/// A trap of `what`, and the calls that led there, innermost first.
pub(crate) fn trapped(what: &str, e: &wasmtime::Error) -> Error {
    let message = match e.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => format!("{what} trapped: its calls are nested too deep"),
        Some(trap) => format!("{what} trapped: {}", trap.to_string().trim_start_matches("wasm trap: ")),
        None => match e.chain().last() {
            Some(cause) => format!("{what} trapped: {cause}"),
            None => format!("{what} trapped"),
        },
    };
    with_backtrace(Error::build(message), e)
}

/// Adds the calls that led to a trap, innermost first.
pub(crate) fn with_backtrace(mut error: Error, e: &wasmtime::Error) -> Error {
    let Some(backtrace) = e.downcast_ref::<WasmBacktrace>() else { return error };
    const SHOWN: usize = 30;
    for frame in backtrace.frames().iter().take(SHOWN) {
        let mut line = match frame.func_name() {
            // Rust's as they are written, without the hash; others as they are.
            Some(name) => format!("in {:#}", rustc_demangle::demangle(name)),
            None => format!("in function {}", frame.func_index()),
        };
        if let Some(offset) = frame.module_offset() {
            let _ = write!(line, " at offset {offset:#x}");
        }
        error = error.cause(line);
    }
    if backtrace.frames().len() > SHOWN {
        error = error.cause(format!("{} more calls", backtrace.frames().len() - SHOWN));
    }
    if error.help.is_none() && backtrace.frames().iter().any(|f| f.func_name().is_none()) {
        error = error.help("build with -g1 to see the names of functions");
    }
    error
}

pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[number.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => return Err(format!("unknown unit `{unit}`; write 500ms, 10s, 2m or 1h")),
    };
    let number: f64 = number.parse().map_err(|_| "expected a time such as 500ms, 10s or 2m".to_string())?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| "expected a time from 0 on".to_string())
}

fn parse_size(text: &str) -> Result<u64, String> {
    settings::size(text).map_err(|e| e.help.unwrap_or(e.message))
}
