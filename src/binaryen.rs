//! Binaryen, and the only file that knows it. It runs in a child process of ourselves, with limits
//! on memory and time, because its crashes cannot be caught inside a process. Whatever goes wrong
//! there, the answer is the module as it was, and why.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{Command, Limits, Scratch};

#[cfg(feature = "binaryen")]
mod child;
mod order;
mod trouble;
mod wrap;

pub use order::{MOST_WORK, Order, work};

/// The first word of the command line that makes wbuild Binaryen's process.
pub const CHILD: &str = "__binaryen";

/// How hard Binaryen works, and for what: `wasm-opt`'s own levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    O1,
    O2,
    O3,
    O4,
    Os,
    Oz,
}

/// Every level, in the order of effort.
pub const LEVELS: [Level; 6] = [Level::O1, Level::O2, Level::O3, Level::O4, Level::Os, Level::Oz];

impl Level {
    /// As it is written for `wasm-opt`.
    pub fn flag(self) -> &'static str {
        match self {
            Level::O1 => "-O1",
            Level::O2 => "-O2",
            Level::O3 => "-O3",
            Level::O4 => "-O4",
            Level::Os => "-Os",
            Level::Oz => "-Oz",
        }
    }

    /// (optimize level, shrink level), as Binaryen counts them.
    #[cfg(feature = "binaryen")]
    fn numbers(self) -> (i32, i32) {
        match self {
            Level::O1 => (1, 0),
            Level::O2 => (2, 0),
            Level::O3 => (3, 0),
            Level::O4 => (4, 0),
            Level::Os => (2, 1),
            Level::Oz => (2, 2),
        }
    }
}

/// Which Binaryen: the meaning of `--binaryen`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tool {
    /// `off`: the stage is left out.
    Off,
    /// `builtin`: the one linked into wbuild, in a child of the running program.
    #[default]
    Builtin,
    /// The one linked into the wbuild at this path: what tests use, whose own program is no wbuild.
    BuiltinOf(PathBuf),
    /// A `wasm-opt` of the user's.
    WasmOpt(PathBuf),
}

impl std::str::FromStr for Tool {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Tool, Self::Err> {
        Ok(match text {
            "off" => Tool::Off,
            "builtin" => Tool::Builtin,
            path => Tool::WasmOpt(PathBuf::from(path)),
        })
    }
}

/// What becomes of the names in the module. The code comes out the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Drop,
    /// Those of functions and globals are kept.
    Keep,
}

/// What becomes of imports that nothing uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imports {
    /// They stay: the interface of a finished module is a contract.
    Keep,
    /// They may go: what a linker does with symbols that nobody needs.
    MayDrop,
}

/// Which results are taken. Sizes are counted without custom sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    Smaller,
    NotLarger,
    /// Speed was asked for, and inlining may cost bytes.
    AnySize,
}

/// One module to optimize.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// A valid module.
    pub module: &'a [u8],
    pub level: Level,
    pub order: Order,
    pub names: Names,
    pub imports: Imports,
    pub accept: Accept,
    /// The program has no business below address 1024, so that a small constant which is added to an address may become
    /// the access's offset, whose sum does not wrap around.
    pub low_memory_unused: bool,
    /// Features that the output may use beyond those of the input, by LLVM's names.
    pub allow: &'a [&'a str],
    pub tool: &'a Tool,
    /// How many threads; the result does not depend on it. `None`: as many as there are processors.
    pub threads: Option<usize>,
    pub limits: Limits,
}

impl<'a> Request<'a> {
    /// A request that keeps the interface, drops names, and takes smaller results only.
    pub fn new(module: &'a [u8], level: Level, tool: &'a Tool) -> Request<'a> {
        Request {
            module,
            level,
            order: Order::Once,
            names: Names::Drop,
            imports: Imports::Keep,
            accept: Accept::Smaller,
            low_memory_unused: false,
            allow: &[],
            tool,
            threads: None,
            limits: LIMITS,
        }
    }
}

/// Far above what real modules need (SQLite at -O4: 0.1 GB and 10 s): they end runaways, and never
/// decide what comes out of a build that ends by itself.
pub const LIMITS: Limits = Limits { time: Some(Duration::from_secs(600)), memory: Some(16 << 30) };

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A valid module with the same interface, that [`Request::accept`] takes.
    Better(Vec<u8>),
    /// The input stands, for this reason.
    Kept(Reason),
}

/// Why Binaryen's result was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    Off,
    NotBuiltIn,
    /// Not smaller, or whatever [`Request::accept`] wanted.
    NotBetter,
    /// The module has something that this Binaryen does not understand, or understands differently.
    Unsupported(String),
    /// Binaryen said no.
    Refused(String),
    Crashed(String),
    /// What came out is not valid, or not the same interface.
    Wrong(String),
    OutOfMemory,
    TimedOut,
    /// It would take too long: see [`work`].
    TooMuch,
}

impl Reason {
    /// False where another machine or another day could bring another result.
    pub fn is_reproducible(&self) -> bool {
        !matches!(self, Reason::OutOfMemory | Reason::TimedOut)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Off => write!(f, "Binaryen is off"),
            Reason::NotBuiltIn => write!(f, "this wbuild was built without Binaryen"),
            Reason::NotBetter => write!(f, "Binaryen's result was not better"),
            Reason::Unsupported(what) => write!(f, "Binaryen 116 does not handle {what}"),
            Reason::Refused(why) => write!(f, "Binaryen refused the module: {why}"),
            Reason::Crashed(how) => write!(f, "Binaryen crashed: {how}"),
            Reason::Wrong(how) => write!(f, "Binaryen's result was wrong: {how}"),
            Reason::OutOfMemory => write!(f, "Binaryen ran out of memory"),
            Reason::TimedOut => write!(f, "Binaryen took too long"),
            Reason::TooMuch => {
                write!(
                    f,
                    "the module, or a function in it, is too large for Binaryen, unless --opt-effort=max asks for it"
                )
            }
        }
    }
}

/// Optimizes one module. An error means that the machine is at fault (no temporary folder, no
/// such `wasm-opt`); everything that Binaryen does is an [`Outcome`].
pub fn optimize(request: &Request<'_>) -> Result<Outcome> {
    let mut outcomes = optimize_all(std::slice::from_ref(request))?;
    Ok(outcomes.remove(0))
}

/// As [`optimize`] for many, in one child process as long as none of them crashes. They share the
/// tool, threads and limits of the first.
pub fn optimize_all(requests: &[Request<'_>]) -> Result<Vec<Outcome>> {
    let Some(first) = requests.first() else { return Ok(Vec::new()) };
    if *first.tool == Tool::Off {
        return Ok(vec![Outcome::Kept(Reason::Off); requests.len()]);
    }
    let own = matches!(first.tool, Tool::Builtin | Tool::BuiltinOf(_));
    if own && !cfg!(feature = "binaryen") {
        return Ok(vec![Outcome::Kept(Reason::NotBuiltIn); requests.len()]);
    }
    let scratch = Scratch::new()?;
    let mut outcomes: Vec<Option<Outcome>> = vec![None; requests.len()];
    let mut jobs = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        match job(index, request, scratch.path(), own)? {
            Ok(job) => jobs.push(job),
            Err(reason) => outcomes[index] = Some(Outcome::Kept(reason)),
        }
    }
    let mut rest = &jobs[..];
    while !rest.is_empty() {
        let count = if own { rest.len() } else { 1 };
        let (done, failure) = run(&rest[..count], first)?;
        for job in &rest[..done] {
            outcomes[job.index] = Some(judge(job, &requests[job.index])?);
        }
        rest = &rest[done..];
        if let Some(reason) = failure {
            outcomes[rest[0].index] = Some(Outcome::Kept(reason));
            rest = &rest[1..];
        }
    }
    Ok(outcomes.into_iter().map(|o| o.unwrap_or(Outcome::Kept(Reason::NotBetter))).collect())
}

/// A module that lies ready for the child.
struct Job {
    index: usize,
    wrapped: wrap::Wrapped,
    input: PathBuf,
    output: PathBuf,
    flags: Vec<String>,
}

fn job(index: usize, request: &Request<'_>, folder: &Path, own: bool) -> Result<Result<Job, Reason>> {
    let read = wbuild_passes::Module::parse(request.module);
    let used = match read.and_then(|module| wbuild_passes::module_features(&module)) {
        Ok(used) => used,
        Err(e) => return Ok(Err(Reason::Refused(e.to_string()))),
    };
    if own && used.contains("exception-handling") && !used.contains("legacy-exceptions") {
        return Ok(Err(Reason::Unsupported("the final form of exceptions".to_string())));
    }
    if own && let Some(what) = trouble::find(request.module) {
        return Ok(Err(Reason::Unsupported(what.to_string())));
    }
    let mut features: Vec<&str> = used.iter().collect();
    features.extend(request.allow);
    features.sort_unstable();
    features.dedup();
    let follow = request.order != Order::Once && trouble::is_closed(request.module, &used);
    let mut flags = request.order.flags(request.level, follow);
    flags.push("--mvp-features".to_string());
    for feature in features {
        match spelling(feature, own) {
            Ok(name) => flags.push(format!("--enable-{name}")),
            Err(what) => return Ok(Err(Reason::Unsupported(what.to_string()))),
        }
    }
    let mut wrapped = match wrap::wrap(request.module, request.imports) {
        Ok(wrapped) => wrapped,
        Err(reason) => return Ok(Err(reason)),
    };
    if request.names == Names::Keep {
        flags.push("-g".to_string());
    }
    if request.low_memory_unused {
        flags.push(LOW_MEMORY_UNUSED.to_string());
    }
    let (input, output) = (folder.join(format!("{index}.in.wasm")), folder.join(format!("{index}.out.wasm")));
    std::fs::write(&input, &wrapped.bytes).map_err(|e| {
        Error::build(format!("cannot write {}", input.display())).cause(e).help("free space in TMPDIR, or set it")
    })?;
    // In the file they are as good, and the child may take long.
    wrapped.bytes = Vec::new();
    Ok(Ok(Job { index, wrapped, input, output, flags }))
}

/// Binaryen's name for a feature of LLVM's, or the feature that it does not have.
fn spelling(feature: &str, own: bool) -> Result<&str, &str> {
    Ok(match feature {
        "atomics" => "threads",
        "bulk-memory" | "extended-const" | "multimemory" | "multivalue" | "mutable-globals" | "reference-types"
        | "sign-ext" | "tail-call" => feature,
        "exception-handling" | "legacy-exceptions" => "exception-handling",
        "nontrapping-fptoint" => "nontrapping-float-to-int",
        "simd128" => "simd",
        "bulk-memory-opt" => "bulk-memory",
        "call-indirect-overlong" => "reference-types",
        // Its evaluator computes relaxed operators as it likes, which the deterministic profile
        // does not; and what came after version 116 it cannot read, or reads in a draft's form.
        _ if own => return Err(feature),
        "relaxed-simd" | "gc" | "memory64" => feature,
        "function-references" => "gc",
        _ => return Err(feature),
    })
}

/// Runs a child over the jobs. How many were finished, and what befell the one after them.
fn run(jobs: &[Job], request: &Request<'_>) -> Result<(usize, Option<Reason>)> {
    let mut command = match request.tool {
        Tool::Builtin | Tool::Off => {
            let own = std::env::current_exe();
            let own = own.map_err(|e| Error::build("cannot find wbuild's own program").cause(e))?;
            let mut command = Command::new(own);
            command.arg(CHILD);
            command
        }
        Tool::BuiltinOf(wbuild) => {
            let mut command = Command::new(wbuild);
            command.arg(CHILD);
            command
        }
        Tool::WasmOpt(path) => Command::new(path),
    };
    for (n, job) in jobs.iter().enumerate() {
        if n > 0 {
            command.arg(NEXT);
        }
        command.arg(&job.input).arg("-o").arg(&job.output).args(&job.flags);
    }
    let threads = request.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    // Beyond eight, Binaryen gains nothing and each thread costs address space.
    command.env.push(("BINARYEN_CORES".into(), threads.clamp(1, 8).to_string().into()));
    // A user's debugging aid that writes files into the current folder.
    command.env.push(("BINARYEN_PASS_DEBUG".into(), "0".into()));
    // Its allocator gives back after 2 ms what it has no use for, in small pieces. By itself it would take a second, and
    // 2 MB at a time: a quarter more memory for the same speed.
    command.env.extend([("MIMALLOC_PURGE_DELAY".into(), "2".into()), ("MIMALLOC_ALLOW_THP".into(), "0".into())]);
    let output = command.run(request.limits)?;
    let done = jobs.iter().take_while(|job| job.output.is_file()).count();
    if done == jobs.len() {
        return Ok((done, None));
    }
    let said = output.stderr.lines().map(str::trim).rfind(|l| !l.is_empty()).unwrap_or("it said nothing");
    let said: String = said.chars().take(200).collect();
    let reason = if output.timed_out {
        Reason::TimedOut
    } else if output.stderr.contains("bad_alloc") || output.stderr.contains("memory allocation of") {
        Reason::OutOfMemory
    } else {
        match output.status.code() {
            Some(code) if code != 0 => Reason::Refused(said),
            Some(_) => Reason::Crashed("it left no result".to_string()),
            // The system, too, ends processes that take too much memory.
            None if killed(&output.status) => Reason::OutOfMemory,
            None => Reason::Crashed(format!("{} ({said})", output.status)),
        }
    };
    Ok((done, Some(reason)))
}

#[cfg(unix)]
fn killed(status: &std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(libc::SIGKILL)
}

#[cfg(not(unix))]
fn killed(_status: &std::process::ExitStatus) -> bool {
    false
}

/// Whether a finished job's result is valid, has the same interface, and is wanted.
fn judge(job: &Job, request: &Request<'_>) -> Result<Outcome> {
    let bytes = std::fs::read(&job.output)
        .map_err(|e| Error::build(format!("cannot read {}", job.output.display())).cause(e))?;
    let after = match wrap::unwrap(&bytes, &job.wrapped, request) {
        Ok(after) => after,
        Err(why) => return Ok(Outcome::Kept(Reason::Wrong(why))),
    };
    let wanted = match request.accept {
        Accept::Smaller => after.size < job.wrapped.size,
        Accept::NotLarger => after.size <= job.wrapped.size,
        Accept::AnySize => true,
    };
    Ok(if wanted { Outcome::Better(after.bytes) } else { Outcome::Kept(Reason::NotBetter) })
}

/// `wasm-opt`'s word for [`Request::low_memory_unused`].
const LOW_MEMORY_UNUSED: &str = "--low-memory-unused";

/// Between two jobs on the child's command line.
const NEXT: &str = "--then";

/// What `wbuild __binaryen` does: `IN -o OUT FLAG...` for each job, in `wasm-opt`'s spelling.
#[cfg(feature = "binaryen")]
pub fn child_main(args: &[std::ffi::OsString]) -> i32 {
    for job in args.split(|word| word == NEXT) {
        if let Err(why) = child::optimize(job) {
            eprintln!("{}", why.replace('\n', " "));
            return 1;
        }
    }
    0
}

/// What `wbuild __binaryen` does in a wbuild without Binaryen.
#[cfg(not(feature = "binaryen"))]
pub fn child_main(_args: &[std::ffi::OsString]) -> i32 {
    eprintln!("{}", Reason::NotBuiltIn);
    1
}
