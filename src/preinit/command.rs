//! `wbuild preinit`, and the words about initialization that a build takes too.

use std::path::{Path, PathBuf};
use std::time::Instant;

use wbuild_passes::snapshot::Initializer;

use super::host::GrantedDir;
use super::{ENGINES, Options, Report, Snapshot};
use crate::error::{Error, Result};
use crate::options::{self, Own};
use crate::report::Timing;
use crate::ui::{Ui, Verbosity};
use crate::{config, output, run, settings, wasm, wat};

/// A word about initialization, `--preinit-WORD` in a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    AllowClock,
    Arg,
    Dir,
    Engine,
    Env,
    Fuel,
    Keep,
    MaxMemory,
    MaxOutput,
    MaxStack,
    Preload,
    Rename,
    Stdin,
    Timeout,
}

impl Word {
    /// As it is written in a build.
    pub fn option(self) -> &'static str {
        options::spelling(Own::PreinitWith(self))
    }
}

impl Options {
    /// `--preinit=NAME`, where `ctors` stands for the constructors, and nothing for the usual names.
    pub fn initializer(name: &str) -> Initializer {
        match name {
            "" => Initializer::Found,
            "ctors" => Initializer::Constructors,
            name => Initializer::Named(name.to_string()),
        }
    }

    /// Takes one word with its value.
    pub fn take(&mut self, word: Word, value: &str) -> Result<()> {
        let pair = |separator: &str, example: &str| {
            value
                .split_once(separator)
                .filter(|(first, second)| !first.is_empty() && !second.is_empty())
                .map(|(first, second)| (first.to_string(), second.to_string()))
                .ok_or_else(|| Error::usage(format!("`{value}` has no {separator}")).help(example))
        };
        match word {
            Word::AllowClock => self.allow_clock = true,
            Word::Arg => self.grants.args.push(value.to_string()),
            Word::Dir => {
                let (value, writable) = match value.strip_suffix("::rw") {
                    Some(rest) => (rest, true),
                    None => (value.strip_suffix("::ro").unwrap_or(value), false),
                };
                let (host, guest) = value.split_once("::").unwrap_or((value, value));
                self.grants.dirs.push(GrantedDir { host: host.into(), guest: guest.to_string(), writable });
            }
            Word::Engine => self.engine = config::choose("--preinit-engine", value, ENGINES)?,
            Word::Env => {
                let (name, value) = value
                    .split_once('=')
                    .filter(|(name, _)| !name.is_empty())
                    .ok_or_else(|| Error::usage(format!("`{value}` has no NAME=")).help("--preinit-env NAME=VALUE"))?;
                self.grants.env.push((name.to_string(), value.to_string()));
            }
            Word::Fuel => {
                let number = value.parse().map_err(|_| {
                    Error::usage(format!("{value} is no number of instructions")).help("--preinit-fuel 1000000000")
                })?;
                self.fuel = Some(number);
            }
            Word::Keep => self.keep = true,
            Word::MaxMemory => self.max_memory = settings::size(value)?,
            Word::MaxOutput => self.grants.max_output = settings::size(value)?,
            Word::MaxStack => self.max_stack = (settings::size(value)?.clamp(64 << 10, 4 << 30)) as usize,
            Word::Preload => {
                let (name, path) = pair("=", "--preload env=FILE.wasm")?;
                self.preloads.push((name, path.into()));
            }
            Word::Rename => self.renames.push(pair("=", "--preinit-rename _start=wizer.resume")?),
            Word::Stdin => self.grants.stdin = Some(output::read(Path::new(value))?),
            Word::Timeout => {
                self.timeout = run::parse_time(value).map_err(|why| Error::usage(format!("{value}: {why}")))?;
            }
        }
        Ok(())
    }
}

/// Run a module's initialization now, and write the module started
///
/// The function is the one exported as wizer.initialize, wizer-initialize or wbuild_preinit, unless --func names
/// another. It runs in a sandbox: it sees no file, no variable, a clock that begins in 2020 and random numbers that are
/// always the same, unless more is granted, and it must return within the limits. What it prints goes to standard
/// error. In a build the same options are --preinit, --preinit-dir, --preinit-env and so on.
#[derive(Debug, clap::Args)]
#[command(override_usage = "wbuild preinit [OPTIONS] IN -o OUT")]
pub struct Args {
    /// The module, .wasm or .wat, or - for standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the result goes, or - for standard output
    #[arg(short, value_name = "OUT")]
    output: PathBuf,
    /// The exported function to run; `ctors` runs what runs before main, and nothing else
    #[arg(short, long, value_name = "NAME", default_value = "")]
    func: String,
    /// Grant a folder to read; with ::rw at the end, to write too
    #[arg(long, alias = "preinit-dir", value_name = "HOST[::GUEST]")]
    dir: Vec<String>,
    /// Set a variable in its environment
    #[arg(long, alias = "preinit-env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Give it this file as standard input
    #[arg(long, alias = "preinit-stdin", value_name = "FILE")]
    stdin: Option<String>,
    /// Give it an argument, the first being the program's name
    #[arg(long, alias = "preinit-arg", value_name = "WORD", allow_hyphen_values = true)]
    arg: Vec<String>,
    /// Export NEW in the place of OLD afterwards, such as _start=wizer.resume
    #[arg(short, long, alias = "preinit-rename", value_name = "NEW=OLD")]
    rename: Vec<String>,
    /// Leave the function exported
    #[arg(long, alias = "preinit-keep")]
    keep: bool,
    /// Satisfy imports from NAME by this module while initializing
    #[arg(long, value_name = "NAME=FILE")]
    preload: Vec<String>,
    /// End it after this time, such as 500ms or 60s [default: 10s]
    #[arg(long, alias = "preinit-timeout", value_name = "TIME")]
    timeout: Option<String>,
    /// The most that each of its memories may grow to [default: 4GB]
    #[arg(long, alias = "preinit-max-memory", value_name = "SIZE")]
    max_memory: Option<String>,
    /// The most that it may print [default: 64MB]
    #[arg(long, alias = "preinit-max-output", value_name = "SIZE")]
    max_output: Option<String>,
    /// The most native stack for its calls [default: 8MB]
    #[arg(long, alias = "preinit-max-stack", value_name = "SIZE")]
    max_stack: Option<String>,
    /// The most instructions that it may run
    #[arg(long, alias = "preinit-fuel", value_name = "COUNT")]
    fuel: Option<String>,
    /// Let it ask the clock, where it is the first day of 2020
    #[arg(long, alias = "preinit-allow-clock")]
    allow_clock: bool,
    /// What runs it: fastest, wasmi, winch or cranelift
    #[arg(long, alias = "preinit-engine", value_name = "NAME", hide = true)]
    engine: Option<String>,
    /// What data is to be small by: size, or compressed for modules that are sent compressed
    #[arg(long, value_name = "size|compressed", default_value = "size")]
    optimize_for: String,
    /// Write what was done as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print errors only, and what initialization prints
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    pub fn verbosity(&self) -> Verbosity {
        if self.quiet { Verbosity::Quiet } else { Verbosity::Normal }
    }

    fn options(&self) -> Result<Options> {
        let mut options = Options { initializer: Options::initializer(&self.func), ..Options::default() };
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let given = [
            (Word::Dir, self.dir.clone()),
            (Word::Env, self.env.clone()),
            (Word::Stdin, one(&self.stdin)),
            (Word::Arg, self.arg.clone()),
            (Word::Rename, self.rename.clone()),
            (Word::Keep, if self.keep { vec![String::new()] } else { Vec::new() }),
            (Word::Preload, self.preload.clone()),
            (Word::Timeout, one(&self.timeout)),
            (Word::MaxMemory, one(&self.max_memory)),
            (Word::Engine, one(&self.engine)),
            (Word::MaxOutput, one(&self.max_output)),
            (Word::MaxStack, one(&self.max_stack)),
            (Word::Fuel, one(&self.fuel)),
            (Word::AllowClock, if self.allow_clock { vec![String::new()] } else { Vec::new() }),
        ];
        for (word, values) in given {
            values.iter().try_for_each(|value| options.take(word, value))?;
        }
        options.measure = settings::goal(&self.optimize_for)?.measure();
        Ok(options)
    }
}

/// `wbuild preinit`
pub fn command(args: &Args, ui: &Ui) -> Result<()> {
    let options = args.options()?;
    let mut report = crate::report::Report::new("", "");
    let start = Instant::now();
    let name =
        if args.input == Path::new("-") { "standard input".to_string() } else { args.input.display().to_string() };
    let bytes = output::read(&args.input)?;
    let module = match wbuild_passes::kind(&bytes) {
        wbuild_passes::Kind::Text => wat::parse(&args.input, bytes)?,
        _ => bytes,
    };
    wasm::check(&name, &module)?;
    ui.progress(format!("{name}: initializing"));
    let timed = !args.quiet || args.json.is_some();
    let Snapshot { module: after, report: done } = super::run(&name, &module, &options, timed, ui)?;
    ui.clear();
    ui.say(&done.summary());
    if let Some(warning) = done.warning(module.len(), after.len()) {
        ui.note(warning);
    }
    let sizes = (Some(module.len()), Some(after.len()));
    report.stage(Timing { name: "snapshot".into(), start, before: sizes.0, after: sizes.1, note: None });
    report.snapshot(done.json());
    output::write(&args.output, &after)?;
    report.finish(&args.output, &after);
    match &args.json {
        Some(path) => report.write(path, &after),
        None => Ok(()),
    }
}

impl Report {
    /// In a line: what ran, and what it left.
    pub fn summary(&self) -> String {
        let mut text = format!("ran {} in {:.1?}", self.called.join(", "), self.took);
        if let Some(count) = self.instructions {
            text.push_str(&format!(" ({count} instructions)"));
        }
        text.push_str(&format!(
            ", which wrote {} pages; data {} to {} bytes in {} segments",
            self.pages_written, self.written.data_before, self.written.data_after, self.written.segments,
        ));
        if let Some(startup) = self.startup {
            text.push_str(&format!("; start-up {:.1?} to {:.1?}", startup.before, startup.after));
        }
        text
    }

    /// What to say where the snapshot costs more than it saves; `before` and `after` are the modules' sizes.
    pub fn warning(&self, before: usize, after: usize) -> Option<String> {
        let startup = self.startup?;
        let saved = startup.before.saturating_sub(startup.after);
        let added = after.saturating_sub(before);
        // A disk that reads 100 MB/s, or a good network.
        let loading = std::time::Duration::from_nanos(added as u64 * 10);
        (loading > saved).then(|| {
            format!(
                "this snapshot costs more than it saves: it adds {added} bytes, which take {loading:.1?} to read at \
                 100 MB/s, and saves {saved:.1?} of starting"
            )
        })
    }

    /// For the report of a build.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "called": self.called,
            "instructions": self.instructions,
            "pages_written": self.pages_written,
            "data_before": self.written.data_before,
            "data_after": self.written.data_after,
            "segments": self.written.segments,
            "dead_stack": self.written.dead_stack,
            "globals_changed": self.written.globals,
            "tables_rewritten": self.written.tables,
            "learned": self.learned,
            "startup_before_us": self.startup.map(|startup| startup.before.as_micros() as u64),
            "startup_after_us": self.startup.map(|startup| startup.after.as_micros() as u64),
        })
    }
}
