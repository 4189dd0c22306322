//! Runs a plan's commands: compiles what can be compiled at once, then links.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::cache::{self, Cache};
use crate::config::Program;
use crate::error::{Error, Result};
use crate::explain::{self, Names};
use crate::plan::{Compile, Plan, Variant};
use crate::process::{self, Limits};
use crate::project::{self, Chosen};
use crate::report::{Report, Timing};
use crate::ui::Ui;
use crate::{bitcode, c, depfile, link, output};

/// A linked module, in memory.
pub struct Linked {
    pub module: Vec<u8>,
    /// The objects' files and what they were compiled from, for messages.
    pub names: Names,
}

/// What every step of a build uses.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    pub cache: &'a Cache,
    pub ui: &'a Ui,
    /// Where intermediate files are.
    pub scratch: &'a Path,
}

/// Compiles the sources of every variant, as many at once as there are processors. Diagnostics come
/// in the order of the command line, and of the first variant only.
pub fn compile(variants: &[Variant], stdin: &[u8], build: &Build, report: &mut Report) -> Result<()> {
    let ui = build.ui;
    let jobs: Vec<&Compile> = variants.iter().flat_map(|variant| &variant.compile).collect();
    if jobs.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let first = variants.first().map_or(0, |variant| variant.compile.len());
    let results = parallel(&jobs, |job| {
        ui.progress(format!("compiling {}", job.source.display()));
        ui.verbose(job.command.shell());
        let input = if job.source.as_os_str() == "-" { stdin } else { &[] };
        build.cache.compile(&cache::Compile { command: &job.command, source: &job.source, input, object: &job.object })
    });
    let mut failed: Vec<PathBuf> = Vec::new();
    let mut diagnostics = String::new();
    for (index, (job, result)) in jobs.iter().zip(results).enumerate() {
        let output = result?;
        if index < first {
            diagnostics.push_str(&output.stderr);
        }
        if !output.status.success() && !failed.contains(&job.source) {
            if index >= first {
                diagnostics.push_str(&output.stderr);
            }
            failed.push(job.source.clone());
        }
    }
    let names: Vec<String> = jobs[..first].iter().map(|job| job.source.display().to_string()).collect();
    report.stage(Timing {
        name: format!("compile {}", names.join(" ")),
        start,
        before: None,
        after: None,
        note: (jobs.len() > first).then(|| format!("{} ways", variants.len())),
    });
    let Some(source) = failed.first() else {
        ui.diagnostics(&diagnostics);
        return Ok(());
    };
    let others = match failed.len() {
        1 => String::new(),
        2 => " and 1 other".to_string(),
        n => format!(" and {} others", n - 1),
    };
    let mut error = Error::build(format!("cannot compile {}{others}", source.display()));
    error.help = c::explain(&diagnostics);
    Err(error.diagnostics(diagnostics))
}

/// Writes the lists of headers that were asked for, from those of the compilations.
pub fn lists(plan: &Plan) -> Result<()> {
    for (path, objects) in plan.lists() {
        // Of what is not preprocessed clang writes none.
        let texts = objects.iter().filter_map(|object| std::fs::read_to_string(object.with_extension("d")).ok());
        let texts: Vec<String> = texts.collect();
        output::write(path, depfile::together(texts.iter().map(String::as_str)).as_bytes())?;
    }
    Ok(())
}

/// Links one variant, whose sources have been compiled.
pub fn link(variant: &Variant, program: &Program, build: &Build, report: &mut Report) -> Result<Linked> {
    let ui = build.ui;
    let start = Instant::now();
    ui.progress("linking");
    ui.verbose(variant.link.command.shell());
    let here = variant.compile.iter().map(|c| (c.object.clone(), c.source.clone()));
    let names: Names = here.chain(program.compiled.iter().cloned()).collect();
    let scratch: Vec<&Path> =
        program.compiled.iter().filter_map(|(object, _)| object.parent()).chain([build.scratch]).collect();
    let mut command = variant.link.command.clone();
    let linked = link::run(&mut command, |command| build.cache.link(command, &variant.link.module, &scratch))?;
    if !linked.status.success() {
        return Err(explain::link(&linked.stderr, &names, &bitcode_users(variant), program));
    }
    ui.diagnostics(&explain::readable(&linked.stderr, &names));
    let module = output::read(&variant.link.module)?;
    report.stage(Timing { name: "link".to_string(), start, before: None, after: Some(module.len()), note: None });
    Ok(Linked { module, names })
}

/// Compiles and links a crate: rustc does both, and its messages are shown as they are.
pub fn rustc(variant: &Variant, source: &Path, ui: &Ui, report: &mut Report) -> Result<Vec<u8>> {
    let start = Instant::now();
    ui.progress(format!("compiling {}", source.display()));
    ui.verbose(variant.link.command.shell());
    let output = variant.link.command.run(Limits::default())?;
    if !output.status.success() {
        return Err(Error::build(format!("cannot compile {}", source.display())).diagnostics(output.stderr));
    }
    // Of two ways, one says it all.
    if variant.name != "no LTO" {
        ui.diagnostics(&output.stderr);
    }
    let module = output::read(&variant.link.module)?;
    let name = format!("rustc {}", source.display());
    report.stage(Timing { name, start, before: None, after: Some(module.len()), note: None });
    Ok(module)
}

/// Compiles and links a project's target: cargo does both, and says what it does itself.
pub fn cargo(variant: &Variant, chosen: &Chosen, ui: &Ui, report: &mut Report) -> Result<Vec<u8>> {
    let start = Instant::now();
    ui.clear();
    ui.verbose(variant.link.command.shell());
    let (status, messages) = variant.link.command.take_output()?;
    if status != 0 {
        return Err(Error::build(format!("cargo cannot build {}", chosen.name)).cause(format!("exit status: {status}")));
    }
    let Some(path) = project::artefact(&messages, chosen) else {
        return Err(Error::build(format!("cargo made no module of {}", chosen.name)).help("cargo --version"));
    };
    let module = output::read(&path)?;
    let name = format!("cargo {}", chosen.name);
    report.stage(Timing { name, start, before: None, after: Some(module.len()), note: None });
    Ok(module)
}

/// Which sources want which symbols: link time optimization forgets where a use came from.
fn bitcode_users(variant: &Variant) -> explain::Users {
    let mut users = explain::Users::new();
    for compile in &variant.compile {
        let object = output::read(&compile.object).unwrap_or_default();
        for symbol in bitcode::symbols(&object).unwrap_or_default() {
            if symbol.is_undefined {
                users.entry(symbol.name).or_default().push(compile.source.display().to_string());
            }
        }
    }
    users
}

/// Maps `work` over `jobs` on every processor, and keeps their order.
pub fn parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    if let [job] = jobs {
        return vec![work(job)];
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(jobs.len()));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(index).map(|job| (index, job))
                } {
                    let result = work(job);
                    results.lock().unwrap_or_else(|e| e.into_inner()).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|e| e.into_inner());
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The folder of intermediate files, with room for each variant's.
pub fn prepare(scratch: &process::Scratch, variants: &[Variant]) -> Result<()> {
    for variant in variants {
        if let Some(folder) = variant.link.module.parent().filter(|folder| *folder != scratch.path()) {
            std::fs::create_dir_all(folder).map_err(|e| {
                Error::build(format!("cannot make {}", folder.display()))
                    .cause(e)
                    .help("set TMPDIR to a folder that can be written")
            })?;
        }
    }
    Ok(())
}
