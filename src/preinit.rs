//! Snapshots: initialization is run at build time, in a sandbox, and the module is written as it was then.
//!
//! The engine is chosen by what is fastest (numbers in ARCHITECTURE.md): an interpreter that begins at once, given
//! up after a counted amount of work; then Winch, which compiles quickly; then Cranelift beside it, whichever ends
//! first. All compute under the specification's deterministic profile, in the same surroundings, so that the
//! snapshot does not depend on which it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use wbuild_passes::segments::{Image, Measure};
use wbuild_passes::snapshot::{self, Initializer, Prepared, State};

use crate::config::Entry;
use crate::error::{Error, Result};
use crate::pipeline;
use crate::ui::Ui;

mod command;
pub mod host;
mod interpret;
mod limits;
mod native;
mod startup;

pub use command::{Args, Word, command};
use host::{Grants, Host, Residue};
use native::Compiler;

/// What is run, in which surroundings, within which bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub initializer: Initializer,
    pub grants: Grants,
    /// Names that imports are satisfied by, and the module that does.
    pub preloads: Vec<(String, std::path::PathBuf)>,
    pub timeout: Duration,
    /// Bytes of each memory.
    pub max_memory: u64,
    /// Bytes of native stack for its calls.
    pub max_stack: usize,
    /// Instructions.
    pub fuel: Option<u64>,
    /// The function stays exported.
    pub keep: bool,
    /// Exports that take the place of others: (the name wanted, the name there).
    pub renames: Vec<(String, String)>,
    pub measure: Measure,
    /// Asking the clock is no error.
    pub allow_clock: bool,
    pub engine: Choice,
}

/// What runs initialization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Whichever is fastest.
    #[default]
    Fastest,
    Interpreter,
    Winch,
    Cranelift,
}

/// What `--preinit-engine` takes, which is there for tests and for doubt.
pub const ENGINES: &[(&str, Choice)] = &[
    ("fastest", Choice::Fastest),
    ("wasmi", Choice::Interpreter),
    ("winch", Choice::Winch),
    ("cranelift", Choice::Cranelift),
];

impl Default for Options {
    fn default() -> Options {
        Options {
            initializer: Initializer::Found,
            grants: Grants::default(),
            preloads: Vec::new(),
            timeout: limits::TIME,
            max_memory: limits::MEMORY,
            max_stack: limits::STACK,
            fuel: None,
            keep: false,
            renames: Vec::new(),
            measure: Measure::Raw,
            allow_clock: false,
            engine: Choice::Fastest,
        }
    }
}

impl Options {
    /// The usual ones for this function: see [`Options::initializer`].
    pub fn named(name: &str) -> Options {
        Options { initializer: Options::initializer(name), ..Options::default() }
    }

    /// Whether a module exports what is to be run.
    pub fn applies_to(&self, module: &[u8]) -> bool {
        let wanted = |name: &str| match &self.initializer {
            Initializer::Found => snapshot::NAMES.contains(&name),
            Initializer::Named(wanted) => name == wanted,
            Initializer::Constructors => true,
        };
        wasmparser::Parser::new(0).parse_all(module).map_while(Result::ok).any(|payload| match payload {
            wasmparser::Payload::ExportSection(exports) => {
                exports.into_iter().map_while(Result::ok).any(|export| wanted(export.name))
            }
            _ => false,
        })
    }

    /// For wasm-ld: what the snapshot calls by name, if it is there.
    pub fn link_words(&self, entry: Entry) -> Vec<String> {
        let mut names = vec![snapshot::ENVIRONMENT.to_string()];
        if entry == Entry::None {
            // Where that is exported, the linker leaves the calls of constructors and destructors to us. Else every
            // export is wrapped in both, and what initialization made would be destroyed behind the first. (A
            // command's `_start` may need its wrapper: an older wasi-libc empties stdio's buffers there.)
            names.push(snapshot::CONSTRUCTORS.to_string());
        }
        match &self.initializer {
            Initializer::Found => names.extend(snapshot::NAMES.map(String::from)),
            Initializer::Named(name) => names.push(name.clone()),
            Initializer::Constructors => {}
        }
        names.iter().map(|name| format!("--export-if-defined={name}")).collect()
    }
}

/// A module that starts where its initialization ended.
pub struct Snapshot {
    pub module: Vec<u8>,
    pub report: Report,
}

/// What was done, and what it costs and saves.
#[derive(Debug, Clone)]
pub struct Report {
    pub written: snapshot::Report,
    /// The functions that were called, in order.
    pub called: Vec<String>,
    /// How many instructions that was, where they were counted: below about a million, and with a limit.
    pub instructions: Option<u64>,
    /// How long it ran, without compiling.
    pub took: Duration,
    /// Bytes of memory that are not zero, counted in pages of 4 KiB.
    pub pages_written: u64,
    /// Starting the module, without and with what initialization did, where it was asked for.
    pub startup: Option<startup::Startup>,
    /// What initialization learned that will never be learned again.
    pub learned: Vec<String>,
}

/// Everything that an engine needs.
struct Job {
    prepared: Prepared,
    options: Options,
    preloads: Vec<(String, Vec<u8>)>,
    /// Another engine has won, or the time is up.
    over: AtomicBool,
}

impl Job {
    /// What it wrote to folders stays written, and instructions are counted once.
    fn runs_once(&self) -> bool {
        self.options.fuel.is_some() || self.options.grants.dirs.iter().any(|dir| dir.writable)
    }
}

/// An initialization that has ended well.
struct Ran {
    state: State,
    host: Host,
    instructions: Option<u64>,
    took: Duration,
}

/// One that has not.
enum Stopped {
    Failed(Box<Failure>),
    /// Too many nested calls for this engine; another may take more.
    TooDeep(Box<Failure>),
    /// The engine lacks something that the module uses.
    Unable(String),
}

/// Why it failed, and the end of what it had printed, which often says more.
struct Failure {
    error: Error,
    printed: Vec<u8>,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Failed(Box::new(Failure { error, printed: Vec::new() }))
    }
}

impl Stopped {
    fn into_failure(self) -> Failure {
        match self {
            Stopped::Failed(failure) | Stopped::TooDeep(failure) => *failure,
            Stopped::Unable(why) => {
                let error = Error::build("the engine lacks what this module uses").cause(why);
                Failure { error, printed: Vec::new() }
            }
        }
    }
}

/// Initializes a valid module. `what` names it in messages; what initialization prints goes to standard error. Starting
/// it before and after is `timed` only for somebody who sees that.
pub fn run(what: &str, module: &[u8], options: &Options, timed: bool, ui: &Ui) -> Result<Snapshot> {
    let explain = |error: wbuild_passes::Error| pipeline::explain(error, what);
    let prepared = snapshot::prepare(module, &options.initializer).map_err(explain)?;
    let mut preloads = Vec::new();
    for (name, path) in &options.preloads {
        let bytes = crate::output::read(path)?;
        let bytes = wat::parse_bytes(&bytes)
            .map_err(|e| Error::build(format!("{} is no module", path.display())).diagnostics(e.to_string()))?;
        crate::wasm::check(&path.display().to_string(), &bytes)?;
        preloads.push((name.clone(), bytes.into_owned()));
    }
    let job = Job { prepared, options: options.clone(), preloads, over: AtomicBool::new(false) };
    let named = |error: Error| Error { message: format!("{what}: {}", error.message), ..error };
    let (job, mut ran) = initialize(job).map_err(|stopped| {
        let Failure { error, printed } = stopped.into_failure();
        ui.clear();
        ui.program_output(&String::from_utf8_lossy(&printed));
        named(error)
    })?;
    ui.clear();
    ui.program_output(&String::from_utf8_lossy(&ran.host.take_output()));
    let learned = judge(&ran.host.residue(), options).map_err(named)?;
    let pages_written = ran.state.memories.iter().map(|(_, image)| pages(image)).sum();
    let write = snapshot::Options { measure: options.measure, keep: options.keep, renames: options.renames.clone() };
    let state = std::mem::take(&mut ran.state);
    let before = module;
    let (module, written) = snapshot::apply(before, &job.prepared, state, &write).map_err(explain)?;
    let report = Report {
        startup: timed.then(|| startup::measure(before, &module, ran.took)),
        written,
        called: job.prepared.calls.iter().map(|call| call.name.clone()).collect(),
        instructions: ran.instructions,
        took: ran.took,
        pages_written,
        learned,
    };
    Ok(Snapshot { module, report })
}

/// Bytes of a module that Cranelift compiles in some 30 ms.
const SMALL: usize = 48 << 10;

/// How long Winch's code runs before Cranelift is started beside it: about as long as Cranelift takes to compile (0.6 ms
/// for each kB), so that what is lost is never more than what was at stake; most initializations are done by then, and
/// racing from the beginning loses on two processors.
fn patience(job: &Job) -> Duration {
    Duration::from_nanos(job.prepared.module.len() as u64 * 600).min(Duration::from_millis(250))
}

/// How long the interpreter is alone: a quarter of what it may take. Most initializations are done by then; for what is
/// not, compiling begins beside it.
fn head_start(job: &Job) -> Duration {
    interpret::patience(job) / 4
}

/// Runs initialization to its end in whichever engine gets there first.
fn initialize(job: Job) -> Result<(Arc<Job>, Ran), Stopped> {
    let deadline = Instant::now() + job.options.timeout;
    let job = Arc::new(job);
    let choice = job.options.engine;
    let once = job.runs_once();
    // Winch computes vectors otherwise than the others, where it can at all. Of a small module it saves no time worth
    // a race.
    let (first, mut waiting) = match choice {
        Choice::Winch => (Compiler::Winch, None),
        Choice::Fastest if !once && !job.prepared.simd && job.prepared.module.len() > SMALL => {
            (Compiler::Winch, Some(Compiler::Cranelift))
        }
        _ => (Compiler::Cranelift, None),
    };
    let (send, receive) = mpsc::channel();
    let mut race = Race { job: job.clone(), engines: Vec::new(), send, begun: Arc::default() };
    let ran = match choice {
        Choice::Interpreter => interpreted(&job, deadline, || Ok(()))?,
        Choice::Fastest if !once => interpreted(&job, deadline, || race.start(first))?,
        Choice::Fastest | Choice::Winch | Choice::Cranelift => None,
    };
    if let Some(ran) = ran {
        return Ok((job, ran));
    }
    if choice == Choice::Interpreter {
        return Err(Stopped::Unable("wasmi did not finish".to_string()));
    }
    if race.engines.is_empty() {
        race.start(first)?;
    }
    race.begin();
    let mut live = 1;
    let mut next_at = deadline;
    loop {
        let until = if waiting.is_none() { deadline } else { next_at.min(deadline) };
        let mut begin_next = false;
        match receive.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Running) => next_at = next_at.min(Instant::now() + patience(&job)),
            Ok(Event::Ended(ended)) => match *ended {
                Ok(ran) => return Ok((job, ran)),
                Err(Stopped::Failed(failure)) => return Err(Stopped::Failed(failure)),
                Err(other) => {
                    live -= 1;
                    if live == 0 && waiting.is_none() {
                        return Err(other);
                    }
                    begin_next = true;
                }
            },
            Err(_) if Instant::now() >= deadline => return Err(limits::time(job.options.timeout).into()),
            Err(_) => begin_next = true,
        }
        if begin_next && let Some(compiler) = waiting.take() {
            race.start(compiler)?;
            live += 1;
        }
    }
}

/// What the interpreter makes of it, unless it gives up. Behind its head start there is work `beside` it.
fn interpreted(job: &Arc<Job>, deadline: Instant, beside: impl FnOnce() -> Result<()>) -> Result<Option<Ran>, Stopped> {
    use mpsc::RecvTimeoutError::{Disconnected, Timeout};
    let alone = Instant::now() + head_start(job);
    let (send, receive) = mpsc::channel();
    let own = job.clone();
    spawn(job, move || drop(send.send(interpret::run(&own))))?;
    let wait = |until: Instant| receive.recv_timeout(until.saturating_duration_since(Instant::now()));
    let mut ended = wait(alone.min(deadline));
    if ended.as_ref().is_err_and(|why| *why == Timeout) {
        beside()?;
        ended = wait(deadline);
    }
    match ended {
        Ok(ran) => Ok(ran),
        Err(Disconnected) => Ok(None),
        Err(Timeout) => Err(limits::time(job.options.timeout).into()),
    }
}

enum Event {
    /// The code is compiled and runs.
    Running,
    Ended(Box<Result<Ran, Stopped>>),
}

/// The engines at work. Its end is theirs: what runs is interrupted, and what still compiles does not begin.
struct Race {
    job: Arc<Job>,
    engines: Vec<wasmtime::Engine>,
    send: mpsc::Sender<Event>,
    /// What is compiled may run: the interpreter has given up. So the clock does not decide what is reported.
    begun: Arc<OnceLock<()>>,
}

impl Race {
    /// Starts on a thread of its own, which nobody waits for: a compilation cannot be interrupted.
    fn start(&mut self, compiler: Compiler) -> Result<()> {
        let engine = native::engine(compiler, &self.job)?;
        self.engines.push(engine.clone());
        let (send, job, begun) = (self.send.clone(), self.job.clone(), self.begun.clone());
        spawn(&self.job, move || {
            let started = || {
                begun.wait();
                drop(send.send(Event::Running));
            };
            let ended = native::run(&engine, &job, compiler, started);
            drop(send.send(Event::Ended(Box::new(ended))));
        })
    }

    /// Has what is compiled run.
    fn begin(&self) {
        let _ = self.begun.set(());
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        self.job.over.store(true, Ordering::SeqCst);
        self.begin();
        self.engines.iter().for_each(wasmtime::Engine::increment_epoch);
    }
}

/// A thread with the stack that deep recursion needs, which a main thread has not.
fn spawn(job: &Job, work: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .name("initialization".to_string())
        .stack_size(job.options.max_stack + (4 << 20))
        .spawn(work)
        .map(drop)
        .map_err(|e| Error::build("cannot start a thread").cause(e))
}

/// How many pages of 4 KiB have something in them.
fn pages(image: &Image) -> u64 {
    let mut count = 0;
    let mut next = 0;
    for (at, bytes) in image.runs() {
        let (first, end) = (at / 4096, (at + bytes.len() as u64).div_ceil(4096));
        count += end.saturating_sub(first.max(next));
        next = end.max(next);
    }
    count
}

/// Refuses what the program's host remembers of initialization and a snapshot cannot carry. Says what else was
/// learned.
fn judge(residue: &[Residue], options: &Options) -> Result<Vec<String>> {
    let is_lost = |one: &&Residue| one.is_state() || **one == Residue::Clock && !options.allow_clock;
    let Some(first) = residue.iter().find(is_lost) else {
        return Ok(residue.iter().map(ToString::to_string).collect());
    };
    let error = Error::build("initialization left with its host what no snapshot can carry");
    let error = residue.iter().filter(is_lost).fold(error, |error, one| error.cause(format!("it {one}")));
    Err(match first {
        Residue::Clock => error.help(
            "ask for the time where the program starts; or --preinit-allow-clock, if the first day of 2020 will do",
        ),
        other => error.help(other.help()),
    })
}
