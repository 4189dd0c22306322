//! `wbuild opt`: a finished module through the stages of a build, or through passes by name.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use wbuild_passes::{Input, Kind, kind};

use crate::cache::{self, Cache};
use crate::config::{Debug, Level};
use crate::error::{Error, Result};
use crate::pipeline::{self, Options, Origin};
use crate::report::{Report, Timing};
use crate::target_features::TargetFeatures;
use crate::toolchain::Places;
use crate::ui::{Ui, Verbosity};
use crate::{compressed, output, settings, wasm, wat};

/// Optimize a finished module
///
/// Exports and imports stay as they are, and the output is never larger than the input, by what `--optimize-for` says. Nothing is
/// hardened: wbuild harden does that.
#[derive(Debug, clap::Args)]
#[command(override_usage = "wbuild opt [OPTIONS] IN -o OUT\n       wbuild opt --list-passes")]
pub struct Args {
    /// The module, .wasm or .wat, or - for standard input
    #[arg(value_name = "IN", required_unless_present = "list_passes")]
    input: Option<PathBuf>,
    /// Where the result goes, or - for standard output
    #[arg(short, value_name = "OUT", required_unless_present = "list_passes")]
    output: Option<PathBuf>,
    /// How hard, and for what: 0, 1, 2 (default), 3, 4, s or z
    #[arg(short = 'O', value_name = "LEVEL", overrides_with = "level")]
    level: Option<String>,
    /// Run these passes, in this order, and no others
    #[arg(long, value_name = "A,B", value_delimiter = ',', conflicts_with = "level")]
    passes: Option<Vec<String>>,
    /// Print every pass and what it does
    #[arg(long)]
    list_passes: bool,
    /// Validate after every pass, so that an error names the pass
    #[arg(long)]
    verify_each: bool,
    /// Which Binaryen: builtin, off, or the path of a wasm-opt
    #[arg(long, value_name = "off|builtin|PATH", default_value = "builtin")]
    binaryen: String,
    /// What -Os and -Oz are for: small, small once compressed, or small where it costs no time
    #[arg(long, value_name = "size|compressed|speed", default_value = "size")]
    optimize_for: String,
    /// max: try several ways and keep the smallest
    #[arg(long, value_name = "default|max", default_value = "default")]
    opt_effort: String,
    /// Leave Binaryen out where it takes longer, such as 10s; the report then says that it is not reproducible
    #[arg(long, value_name = "TIME")]
    opt_budget: Option<String>,
    /// For older engines: lower what they do not know; what cannot be lowered is an error
    #[arg(long, value_name = "mvp|lime1")]
    target_features: Option<String>,
    /// Keep names, and DWARF where no code changes; -g1 keeps names only
    #[arg(short = 'g')]
    debug: bool,
    /// What -g1 is read as.
    #[arg(long, hide = true)]
    names: bool,
    /// Write stages, times and sizes as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Take no earlier result from the cache, and keep none
    #[arg(long)]
    no_cache: bool,
    /// Print every stage with its time
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Does what the command line says.
pub fn command(args: &Args, ui: &Ui) -> Result<()> {
    if args.list_passes {
        return list();
    }
    let (Some(input), Some(target)) = (&args.input, &args.output) else {
        return Err(Error::usage("opt needs an input and -o OUT").help("wbuild opt IN -o OUT"));
    };
    let level = Level::parse(args.level.as_deref().unwrap_or("2"))?;
    let target_features = args.target_features.as_deref().map(TargetFeatures::parse).transpose()?;
    let options = Options {
        level,
        debug: match (args.names, args.debug) {
            (true, _) => Debug::Names,
            (_, true) => Debug::Full,
            _ => Debug::None,
        },
        binaryen: args.binaryen.parse().unwrap_or_default(),
        hardening: None,
        origin: Origin::Opt,
        preinit: None,
        goal: settings::goal(&args.optimize_for)?,
        effort: settings::effort(&args.opt_effort)?,
        budget: args.opt_budget.as_deref().map(|time| settings::time("--opt-budget", time)).transpose()?,
        link_information: false,
        low_memory_unused: false,
        target_features,
        verify_each: args.verify_each,
        input: Input::Valid,
    };
    let name = if input == Path::new("-") { "standard input".to_string() } else { input.display().to_string() };
    let mut report = Report::new("", level.name());
    let start = Instant::now();
    let bytes = output::read(input)?;
    let before = match kind(&bytes) {
        Kind::Text => wat::parse(input, bytes)?,
        _ => bytes,
    };
    wasm::check(&name, &before)?;
    report.stage(Timing { name: "read".to_string(), start, before: None, after: Some(before.len()), note: None });
    let after = match &args.passes {
        Some(names) => named(&name, &before, names, args.verify_each, &mut report)?,
        None => {
            let used = if args.no_cache { cache::Use::Off } else { cache::Use::Allowed };
            let cache = Cache::open(&Places::of_process(), used);
            let stages = pipeline::stages(&options);
            let after = pipeline::cached(&name, before.clone(), &stages, &options, &cache, ui, &mut report)?;
            // Each stage keeps this by itself; a promise is worth a second look.
            let size = |module: &[u8]| compressed::size(module, options.goal.measure());
            // What is lowered may be larger.
            if target_features.is_some() || size(&after) <= size(&before) { after } else { before }
        }
    };
    ui.clear();
    target_features.map_or(Ok(()), |features| features.check(&name, &after))?;
    output::write(target, &after)?;
    report.finish(target, &after);
    report.lines().iter().for_each(|line| ui.verbose(line));
    match &args.json {
        Some(path) => report.write(path, &after),
        None => Ok(()),
    }
}

/// Runs passes that were asked for by name: whatever they do is what was wanted.
fn named(name: &str, module: &[u8], passes: &[String], verify_each: bool, report: &mut Report) -> Result<Vec<u8>> {
    let start = Instant::now();
    let names: Vec<&str> = passes.iter().map(String::as_str).collect();
    let after = pipeline::run_passes(name, module, &names, verify_each)?;
    report.stage(Timing {
        name: passes.join(","),
        start,
        before: Some(module.len()),
        after: Some(after.len()),
        note: None,
    });
    Ok(after)
}

fn list() -> Result<()> {
    let mut text = String::new();
    let width = wbuild_passes::registry().iter().map(|pass| pass.name.len()).max().unwrap_or(0);
    for pass in wbuild_passes::registry() {
        text.push_str(&format!("{:width$}  {}\n", pass.name, pass.summary));
    }
    // A reader that has seen enough, such as head, is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
