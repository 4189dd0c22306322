//! Hardening as a stage of every build, `wbuild harden`, and `wbuild check`: what a module may do differently from
//! one run or engine to the next, taken away and proved to be gone.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use wbuild_passes::check::{Certificate, Finding, Source, Status, Verdict};
use wbuild_passes::{Blame, Proved, check, harden, harden_and_check};

use crate::error::{Error, Result};
use crate::pipeline;
use crate::report::{Report, Timing};
use crate::ui::{Ui, Verbosity};
use crate::{output, wasm, wat};

/// What hardening lets pass, and what it assumes of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Hardening {
    /// SIMD is kept and made deterministic, rather than refused.
    pub simd: bool,
    /// The host is JavaScript, which may change the bits of NaNs.
    pub js_boundary: bool,
}

/// A module that was proved to be deterministic.
pub struct Hardened(pub Proved);

/// Hardens a module and has the checker prove it. `what` names it in messages.
///
/// A module that the checker does not call deterministic is never given out.
pub fn run(what: &str, module: &[u8], hardening: Hardening) -> Result<Hardened> {
    let Hardening { simd, js_boundary } = hardening;
    let options = harden::Options { simd, js_boundary, eager: false };
    let proved = harden_and_check(module, &options).map_err(|error| explain(error, what))?;
    if proved.certificate.verdict == Verdict::Deterministic {
        return Ok(Hardened(proved));
    }
    let worst = proved.certificate.sources.iter().max_by_key(|source| source.status);
    let mut error = Error::build(format!("{what} was hardened, but it cannot be proved to be deterministic"));
    if let Some(source) = worst {
        let places = source.findings.first().map(|finding| format!(": {}", place(finding))).unwrap_or_default();
        error = error.cause(format!("{}: {}{places}", source.kind.name(), source.summary));
    }
    Err(error.help("--no-deterministic leaves it as it is; please report it with the module"))
}

/// What hardening refuses, and the way around.
fn explain(error: wbuild_passes::Error, what: &str) -> Error {
    let refused = error.blame == Blame::Input;
    let mut error = pipeline::explain(error, what);
    if refused {
        let other = "--no-deterministic leaves the module as it is";
        error.help = Some(match error.help.take() {
            Some(help) => format!("{help}; {other}"),
            None => other.to_string(),
        });
    }
    error
}

impl Hardened {
    /// In a line: what was guarded, what needed no guard, and what it costs.
    pub fn summary(&self) -> String {
        let report = &self.0.report;
        let proved: u32 = report.proved.values().sum();
        let mut text = format!("{} guards, {proved} places proved safe", report.guards_inserted());
        if report.grow_sites > 0 {
            text.push_str(&format!(", {} places that grow", report.grow_sites));
        }
        if report.relaxed > 0 {
            text.push_str(&format!(", {} relaxed operations made strict", report.relaxed));
        }
        text + &format!(", {:+} bytes; proved deterministic", report.bytes_added)
    }

    /// For the report of a build.
    pub fn json(&self) -> Value {
        let report = &self.0.report;
        json!({
            "guards": report.guards,
            "reasons": report.reasons,
            "proved_safe": report.proved,
            "not_followed": report.fell_back,
            "relaxed_replaced": report.relaxed,
            "grow_sites": report.grow_sites,
            "bytes_added": report.bytes_added,
            "verdict": verdict(self.0.certificate.verdict),
        })
    }
}

/// Make a module do the same on every engine
///
/// NaN bits become canonical where they can be observed, growth is refused the same way everywhere, and the checker
/// proves the result. What is deterministic already is not touched. Every build does this by itself.
#[derive(Debug, clap::Args)]
#[command(override_usage = "wbuild harden [OPTIONS] IN -o OUT")]
pub struct Harden {
    /// The module, .wasm or .wat, or - for standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where the result goes, or - for standard output
    #[arg(short, value_name = "OUT")]
    output: PathBuf,
    /// Keep SIMD and make it deterministic; relaxed operations become strict ones
    #[arg(long)]
    simd: bool,
    /// The host is JavaScript: make floats canonical that come from it
    #[arg(long)]
    js_boundary: bool,
    /// Write what was done as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
}

impl Harden {
    pub fn verbosity(&self) -> Verbosity {
        if self.quiet { Verbosity::Quiet } else { Verbosity::Normal }
    }
}

/// `wbuild harden`
pub fn harden_command(args: &Harden, ui: &Ui) -> Result<()> {
    let mut report = Report::new("", "");
    let start = Instant::now();
    let (name, before) = read(&args.input)?;
    let hardening = Hardening { simd: args.simd, js_boundary: args.js_boundary };
    let hardened = run(&name, &before, hardening).map_err(|error| no_module(&name, &before, error))?;
    ui.say(&hardened.summary());
    let sizes = (Some(before.len()), Some(hardened.0.module.len()));
    report.stage(Timing { name: "harden".into(), start, before: sizes.0, after: sizes.1, note: None });
    report.hardened(hardened.json());
    output::write(&args.output, &hardened.0.module)?;
    report.finish(&args.output, &hardened.0.module);
    match &args.json {
        Some(path) => report.write(path, &hardened.0.module),
        None => Ok(()),
    }
}

/// Say whether a module is deterministic, and what is not
///
/// For each source of nondeterminism: what was found, where, and what would fix it. The status is 0 if the module is
/// deterministic, 1 if it is not, and 3 if it could not be proved.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The module, .wasm or .wat, or - for standard input
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// The host is JavaScript, which may change the bits of NaNs that it passes on
    #[arg(long)]
    js_boundary: bool,
    /// Print the certificate as JSON
    #[arg(long)]
    json: bool,
}

/// `wbuild check`; gives the exit status.
pub fn check_command(args: &Check) -> Result<i32> {
    let (name, module) = read(&args.input)?;
    let options = check::Options { js_boundary: args.js_boundary };
    let certificate =
        check::check(&module, &options).map_err(|error| no_module(&name, &module, pipeline::explain(error, &name)))?;
    let text = if args.json {
        let sources: Vec<Value> = certificate.sources.iter().map(source_json).collect();
        let all = json!({ "file": name, "verdict": verdict(certificate.verdict), "sources": sources });
        serde_json::to_string_pretty(&all).map_err(|e| Error::internal("cannot write JSON").cause(e))? + "\n"
    } else {
        shown(&name, &certificate)
    };
    output::write(Path::new("-"), text.as_bytes())?;
    Ok(match certificate.verdict {
        Verdict::Deterministic => 0,
        Verdict::Nondeterministic => 1,
        Verdict::NotProved => 3,
    })
}

fn read(input: &Path) -> Result<(String, Vec<u8>)> {
    let name = if input == Path::new("-") { "standard input".to_string() } else { input.display().to_string() };
    let bytes = output::read(input)?;
    let module = match wbuild_passes::kind(&bytes) {
        wbuild_passes::Kind::Text => wat::parse(input, bytes)?,
        _ => bytes,
    };
    Ok((name, module))
}

/// What is wrong with a file that is no valid module, in the words that every subcommand has for it; else `error`.
/// Hardening and checking validate by themselves, and a second time only looks twice where the first failed.
fn no_module(name: &str, bytes: &[u8], error: Error) -> Error {
    wasm::check(name, bytes).err().unwrap_or(error)
}

/// The certificate as people read it.
fn shown(name: &str, certificate: &Certificate) -> String {
    let mut text = format!("{name}: {}\n", verdict(certificate.verdict));
    for source in &certificate.sources {
        text.push_str(&format!("\n{:<15} {:<16} {}\n", source.kind.name(), status(source.status), source.summary));
        for finding in &source.findings {
            text.push_str(&format!("    {}\n", place(finding)));
        }
        let listed = source.findings.len() as u64;
        if source.total > listed {
            text.push_str(&format!("    and {} more\n", source.total - listed));
        }
        if let Some(fix) = &source.fix {
            text.push_str(&format!("    help: {fix}\n"));
        }
    }
    text
}

fn place(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    match (finding.function, &finding.name) {
        (_, Some(name)) => text.push_str(&format!(", in {}", rustc_demangle::demangle(name))),
        (Some(function), None) => text.push_str(&format!(", in function {function}")),
        _ => {}
    }
    if let Some(offset) = finding.offset {
        text.push_str(&format!(" at offset {offset:#x}"));
    }
    text
}

fn source_json(source: &Source) -> Value {
    let findings = source.findings.iter().map(|finding| {
        json!({
            "message": finding.message,
            "function": finding.function,
            "name": finding.name,
            "offset": finding.offset,
            "operation": finding.operation,
        })
    });
    json!({
        "kind": source.kind.name(),
        "status": status(source.status),
        "summary": source.summary,
        "total": source.total,
        "findings": findings.collect::<Vec<_>>(),
        "fix": source.fix,
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Deterministic => "deterministic",
        Verdict::NotProved => "not proved",
        Verdict::Nondeterministic => "nondeterministic",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Absent => "none",
        Status::Fine => "fine",
        Status::Given => "given",
        Status::NotProved => "not proved",
        Status::Nondeterministic => "nondeterministic",
    }
}
