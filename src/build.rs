//! A build from beginning to end: check the inputs, find the tools, plan, compile, link, run the
//! stages, check, write.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::config::{Config, Crate, Entry, Malloc, Program, Source, Work};
use crate::error::{Error, Result};
use crate::plan::{self, Place, Plan, Variant};
use crate::process::Scratch;
use crate::report::{Report, Timing};
use crate::runtime::Runtime;
use crate::source::Language;
use crate::toolchain::{self, Places, rust::Library};
use crate::ui::{Ui, Verbosity};
use crate::{exec, exports, inputs, launcher, link, output, pipeline, project, rust, standalone, wasm, wat};

/// Builds. `stdin` is what standard input held, where it is an input.
pub fn run(config: &Config, stdin: Vec<u8>, ui: &Ui) -> Result<()> {
    for note in &config.notes {
        ui.note(note);
    }
    inputs::check(config)?;
    let mut report = Report::new(config.target.name, config.level.name());
    // A project's output is named after its target, which cargo must be asked for.
    let mut output = config.output.clone();
    let module = match &config.work {
        Work::Program(program) => match program_module(config, program, &stdin, ui, &mut report)? {
            Some(module) => module,
            None => return Ok(()),
        },
        Work::Crate(krate) => match crate_module(config, krate, ui, &mut report)? {
            Some((module, place)) => {
                output = place;
                module
            }
            None => return Ok(()),
        },
        Work::Module(path, language) => {
            let plan = plan::of_module(config);
            if config.dry_run {
                return print(&plan, Path::new(""));
            }
            let bytes = match path == Path::new("-") {
                true => stdin,
                false => output::read(path)?,
            };
            lone_module(config, path, *language, bytes, &plan, ui, &mut report)?
        }
    };
    ui.clear();
    output::check_size(&output.display().to_string(), module.len(), config.size_limit)?;
    match config.executable {
        true => output::write_executable(&output, &module)?,
        false => output::write(&output, &module)?,
    }
    if let Some(script) = &config.launcher {
        launcher::write(script, &module)?;
    }
    report.finish(&output, &module);
    if ui.verbosity() == Verbosity::Verbose {
        report.lines().iter().for_each(|line| ui.verbose(line));
    }
    match &config.json {
        Some(path) => report.write(path),
        None => Ok(()),
    }
}

/// Compiles, links and finishes a program; `None` under `--dry-run`, when the plan has been printed.
fn program_module(
    config: &Config,
    program: &Program,
    stdin: &[u8],
    ui: &Ui,
    report: &mut Report,
) -> Result<Option<Vec<u8>>> {
    let start = Instant::now();
    ui.progress("looking for the compiler");
    let toolchain = toolchain::find(&program.toolchain, config.target)?;
    let runtime = Runtime::locate(&Places::of_process(), &toolchain, config.target)?;
    if config.dry_run {
        let scratch = std::env::temp_dir().join("wbuild-dry-run");
        let plan = plan::of_program(config, program, &toolchain, &Place::here(scratch.clone(), runtime)?);
        return print(&plan, &scratch).map(|()| None);
    }
    let scratch = Scratch::new()?;
    runtime.ensure(&toolchain)?;
    report.tools(&toolchain.identity);
    report.stage(Timing { name: "find tools".to_string(), start, before: None, after: None, note: None });
    let plan = plan::of_program(config, program, &toolchain, &Place::here(scratch.path().to_path_buf(), runtime)?);
    exec::prepare(&scratch, &plan.variants)?;
    exec::compile(&plan.variants, stdin, ui, report)?;
    let module = smallest(&plan, report, |variant, branch| {
        let linked = linked(config, program, variant, ui, branch)?;
        finish(config, &plan, linked, ui, branch)
    })?;
    Ok(Some(module))
}

/// Compiles and finishes a crate; `None` under `--dry-run`, when the plan has been printed.
fn crate_module(config: &Config, krate: &Crate, ui: &Ui, report: &mut Report) -> Result<Option<(Vec<u8>, PathBuf)>> {
    let start = Instant::now();
    ui.progress("looking for rustc");
    let rust = toolchain::rust::locate(&Places::of_process(), config.target, krate.std)?;
    let toolchain = toolchain::find(&krate.toolchain, config.target);
    let mut linker = rust::Linker::choose(toolchain.as_ref().map_err(Error::clone), &rust)?;
    let (config, chosen) = project::settle(config, krate, &rust)?;
    let config = &config;
    let needed = config.malloc == Malloc::Small || config.preinit.is_some();
    let runtime = match (&toolchain, needed) {
        (Ok(toolchain), true) => Runtime::locate(&Places::of_process(), toolchain, config.target)?,
        // Without a C compiler there is no allocator but libc's, and nothing that libc could be told.
        _ => Runtime::default(),
    };
    linker.malloc = runtime.malloc.clone().filter(|_| config.malloc == Malloc::Small);
    linker.preinit = runtime.preinit.clone().filter(|_| config.preinit.is_some());
    let plan = |scratch: &Path| -> Result<Plan> {
        Ok(match &chosen {
            Some(chosen) => {
                let toolchain = toolchain.as_ref().ok();
                plan::of_project(config, project::variant(config, krate, chosen, &rust, &linker, toolchain))
            }
            None => {
                let place = Place::here(scratch.to_path_buf(), Runtime::default())?;
                plan::of_crate(config, krate, &rust, &linker, &place)
            }
        })
    };
    if config.dry_run {
        let scratch = std::env::temp_dir().join("wbuild-dry-run");
        return print(&plan(&scratch)?, &scratch).map(|()| None);
    }
    report.tools(&rust.identity);
    report.tools(&linker.identity);
    report.stage(Timing { name: "find tools".to_string(), start, before: None, after: None, note: None });
    let start = Instant::now();
    if rust.ensure(ui)? == Library::Built {
        let name = format!("build Rust's standard library for {}", config.target.name);
        report.stage(Timing { name, start, before: None, after: None, note: None });
    }
    if let (Ok(toolchain), true) = (&toolchain, needed) {
        runtime.ensure(toolchain)?;
    }
    let scratch = Scratch::new()?;
    let plan = plan(scratch.path())?;
    exec::prepare(&scratch, &plan.variants)?;
    let module = smallest(&plan, report, |variant, branch| {
        let linked = match (&chosen, &krate.source) {
            (Some(chosen), _) => exec::cargo(variant, chosen, ui, branch)?,
            (None, Source::File { path, .. } | Source::Project { manifest: path, .. }) => {
                exec::rustc(variant, path, ui, branch)?
            }
        };
        finish(config, &plan, linked, ui, branch)
    })?;
    Ok(Some((module, config.output.clone())))
}

/// Makes every variant of the plan, and keeps the smallest module.
fn smallest(
    plan: &Plan,
    report: &mut Report,
    make: impl Fn(&Variant, &mut Report) -> Result<Vec<u8>> + Sync,
) -> Result<Vec<u8>> {
    let built = exec::parallel(&plan.variants, |variant| {
        let mut branch = report.branch();
        make(variant, &mut branch).map(|module| (module, branch))
    });
    let mut best: Option<(Vec<u8>, &'static str)> = None;
    for (variant, result) in plan.variants.iter().zip(built) {
        let (module, branch) = result?;
        report.take(branch, variant.name);
        if best.as_ref().is_none_or(|(smallest, _)| module.len() < smallest.len()) {
            best = Some((module, variant.name));
        }
    }
    let (module, name) = best.ok_or_else(|| Error::internal("the plan has no link"))?;
    if plan.variants.len() > 1 {
        report.kept(name);
    }
    Ok(module)
}

/// Links one variant of a program.
fn linked(config: &Config, program: &Program, variant: &Variant, ui: &Ui, report: &mut Report) -> Result<Vec<u8>> {
    let kept = exports::kept_alive(variant, program)?;
    let mut variant = variant.clone();
    link::export(&mut variant.link.command, &kept);
    let mut linked = exec::link(&variant, program, ui, report)?;
    if let Some(unwanted) = exports::settle(&linked.module, config, program)? {
        link::unexport(&mut variant.link.command, &unwanted);
        linked = exec::link(&variant, program, ui, report)?;
    }
    if config.entry == Entry::Command {
        exports::require_main(&linked.module)?;
    }
    Ok(linked.module)
}

/// Takes a linked module through the stages.
fn finish(config: &Config, plan: &Plan, linked: Vec<u8>, ui: &Ui, report: &mut Report) -> Result<Vec<u8>> {
    let options = pipeline::Options::of(config);
    let name = config.output.display().to_string();
    let (lowering, rest) = plan.stages.split_at(pipeline::until_imports_remain(&plan.stages));
    let lowered = pipeline::run(&name, linked, lowering, &options, ui, report)?;
    if config.standalone {
        standalone::check(&name, &lowered, config)?;
    }
    // Every stage validates what it made, so what comes out of the last is valid.
    pipeline::run(&name, lowered, rest, &options, ui, report)
}

fn lone_module(
    config: &Config,
    path: &Path,
    language: Language,
    bytes: Vec<u8>,
    plan: &Plan,
    ui: &Ui,
    report: &mut Report,
) -> Result<Vec<u8>> {
    let name = if path == Path::new("-") { "standard input".to_string() } else { path.display().to_string() };
    let start = Instant::now();
    let module = match language {
        Language::Wat => wat::parse(path, bytes)?,
        _ => bytes,
    };
    wasm::check(&name, &module)?;
    report.stage(Timing { name: "read".to_string(), start, before: None, after: Some(module.len()), note: None });
    if config.standalone {
        standalone::check(&name, &module, config)?;
    }
    pipeline::run(&name, module, &plan.stages, &pipeline::Options::of(config), ui, report)
}

fn print(plan: &Plan, scratch: &Path) -> Result<()> {
    output::write(Path::new("-"), plan.shell(scratch).as_bytes())
}

impl Place {
    /// The place of this process.
    pub(crate) fn here(scratch: PathBuf, runtime: Runtime) -> Result<Place> {
        use std::io::IsTerminal;
        let folder = std::env::current_dir().map_err(|e| {
            Error::build("cannot tell the current folder").cause(e).help("change to a folder that exists")
        })?;
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Ok(Place { folder, scratch, runtime, color, epoch: std::env::var_os("SOURCE_DATE_EPOCH").is_some() })
    }
}
