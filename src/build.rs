//! A build from beginning to end: check the inputs, find the tools, plan, compile, link, run the
//! stages, check, write.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use wbuild_passes::Input;
use wbuild_passes::segments::Measure;

use crate::cache::{self, Cache, Made};
use crate::config::{Config, Crate, Entry, Malloc, Program, Source, Work};
use crate::error::{Error, Result};
use crate::plan::{self, Place, Plan, Variant};
use crate::process::Scratch;
use crate::report::{Report, Timing};
use crate::runtime::Runtime;
use crate::source::Language;
use crate::toolchain::{self, Places, Toolchain, libcxx::Library};
use crate::ui::{Ui, Verbosity};
use crate::{
    compressed, exec, exports, inputs, launcher, link, output, pipeline, printf, project, reproducible, rust,
    standalone, wasm, wat,
};

/// Builds. `stdin` is what standard input held, where it is an input; `words` are the command line, for a second build
/// where one is asked for.
pub fn run(config: &Config, words: &[OsString], stdin: Vec<u8>, ui: &Ui) -> Result<()> {
    let start = Instant::now();
    for note in &config.notes {
        ui.note(note);
    }
    inputs::check(config)?;
    let mut report = Report::new(config.target.name, config.level.name());
    let cache = &Cache::open(&Places::of_process(), config.cache);
    // A project's output is named after its target, which cargo must be asked for.
    let mut output = config.output.clone();
    let module = match &config.work {
        Work::Program(program) => match program_module(config, program, &stdin, cache, ui, &mut report)? {
            Some(module) => module,
            None => return Ok(()),
        },
        Work::Crate(krate) => match crate_module(config, krate, cache, ui, &mut report)? {
            Some((module, place)) => {
                output = place;
                module
            }
            None => return Ok(()),
        },
        Work::Module(path, language) => {
            if config.dry_run {
                return print(&plan::of_module(config), Path::new(""));
            }
            let bytes = match path == Path::new("-") {
                true => stdin.clone(),
                false => output::read(path)?,
            };
            lone_module(config, path, *language, bytes, cache, ui, &mut report)?
        }
    };
    ui.clear();
    config.target_features.map_or(Ok(()), |features| features.check(&output.display().to_string(), &module))?;
    output::check_size(&output.display().to_string(), module.len(), config.size_limit)?;
    if config.check_reproducible {
        reproducible::check(words, &module, &output, &stdin, start, ui)?;
    }
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
        cache.trouble().iter().for_each(|why| ui.verbose(format!("cache: {why}")));
    }
    match &config.json {
        Some(path) => report.write(path, &module),
        None => Ok(()),
    }
}

/// Compiles, links and finishes a program; `None` under `--dry-run`, when the plan has been printed.
fn program_module(
    config: &Config,
    program: &Program,
    stdin: &[u8],
    cache: &Cache,
    ui: &Ui,
    report: &mut Report,
) -> Result<Option<Vec<u8>>> {
    let start = Instant::now();
    ui.progress("looking for the compiler");
    let toolchain = toolchain::find(&program.toolchain, config.target)?;
    toolchain.can(program)?;
    let runtime = Runtime::locate(&Places::of_process(), &toolchain, config.target)?;
    let libcxx = program.exceptions.then(|| Library::locate(&Places::of_process(), &toolchain, config.target));
    let libcxx = libcxx.transpose()?;
    let place = |scratch: &Path, runtime| -> Result<Place> {
        Ok(Place { libcxx: libcxx.clone(), ..Place::here(scratch.into(), runtime)? })
    };
    if config.dry_run {
        let scratch = std::env::temp_dir().join("wbuild-dry-run");
        let plan = plan::of_program(config, program, &toolchain, &place(&scratch, runtime)?);
        return print(&plan, &scratch).map(|()| None);
    }
    cache.uses(&toolchain.identity);
    report.tools(&toolchain.identity);
    report.stage(Timing { name: "find tools".to_string(), start, before: None, after: None, note: None });
    let start = Instant::now();
    let question = cache.build(config, program, color(), stdin);
    if let Some(parts) = question.and_then(|question| cache.recall_by_files(cache::Level::Build, &question))
        && let Some(module) = cache::take_module(&parts, ui, report)
    {
        let name = "taken from the cache".to_string();
        report.stage(Timing { name, start, before: None, after: Some(module.len()), note: None });
        report.from_cache();
        return Ok(Some(module));
    }
    let (ui, mut branch) = (&ui.recording(), report.branch());
    let scratch = Scratch::new()?;
    toolchain.ensure()?;
    let runtime = runtime.ensure_or_in(scratch.path(), &toolchain)?;
    libcxx.as_ref().map_or(Ok(()), |libcxx| libcxx.ensure(&toolchain, ui))?;
    let plan = plan::of_program(config, program, &toolchain, &place(scratch.path(), runtime)?);
    exec::prepare(&scratch, &plan.variants)?;
    let build = exec::Build { cache, ui, scratch: scratch.path() };
    exec::compile(&plan.variants, stdin, &build, &mut branch)?;
    exec::lists(&plan)?;
    let module = smallest(&plan, config.goal.measure(), &mut branch, |variant, branch| {
        let linked = linked(config, program, variant, &build, branch)?;
        finish(config, &plan, linked, cache, ui, branch)
    })?;
    if let (Some(question), Some(files)) = (question, cache.all_read()) {
        let made = Made { module: &module, report: &branch, ui };
        cache.remember_module(&question, Some(&files), &made, &config.output.display().to_string());
    }
    report.take(branch, "");
    Ok(Some(module))
}

/// Compiles and finishes a crate; `None` under `--dry-run`, when the plan has been printed.
fn crate_module(
    config: &Config,
    krate: &Crate,
    cache: &Cache,
    ui: &Ui,
    report: &mut Report,
) -> Result<Option<(Vec<u8>, PathBuf)>> {
    let start = Instant::now();
    ui.progress("looking for rustc");
    let rust = toolchain::rust::locate(&Places::of_process(), config.target, krate.std)?;
    let toolchain = toolchain::find(&krate.toolchain, config.target).and_then(Toolchain::for_rust);
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
    if rust.ensure(ui)? == toolchain::rust::Library::Built {
        let name = format!("build Rust's standard library for {}", config.target.name);
        report.stage(Timing { name, start, before: None, after: None, note: None });
    }
    if let (Ok(toolchain), true) = (&toolchain, needed) {
        runtime.ensure(toolchain)?;
    }
    let scratch = Scratch::new()?;
    let plan = plan(scratch.path())?;
    exec::prepare(&scratch, &plan.variants)?;
    let module = smallest(&plan, config.goal.measure(), report, |variant, branch| {
        let linked = match (&chosen, &krate.source) {
            (Some(chosen), _) => exec::cargo(variant, chosen, ui, branch)?,
            (None, Source::File { path, .. } | Source::Project { manifest: path, .. }) => {
                exec::rustc(variant, path, ui, branch)?
            }
        };
        finish(config, &plan, linked, cache, ui, branch)
    })?;
    Ok(Some((module, config.output.clone())))
}

/// Makes every variant of the plan, and keeps the module that is smallest.
fn smallest(
    plan: &Plan,
    measure: Measure,
    report: &mut Report,
    make: impl Fn(&Variant, &mut Report) -> Result<Vec<u8>> + Sync,
) -> Result<Vec<u8>> {
    let built = exec::parallel(&plan.variants, |variant| {
        let mut branch = report.branch();
        make(variant, &mut branch).map(|module| (module, branch))
    });
    let mut best: Option<(usize, Vec<u8>, &'static str)> = None;
    for (variant, result) in plan.variants.iter().zip(built) {
        let (module, branch) = result?;
        report.take(branch, variant.name);
        let size = compressed::size(&module, measure);
        if best.as_ref().is_none_or(|(smallest, ..)| size < *smallest) {
            best = Some((size, module, variant.name));
        }
    }
    let (_, module, name) = best.ok_or_else(|| Error::internal("the plan has no link"))?;
    if plan.variants.len() > 1 {
        report.kept(name);
    }
    Ok(module)
}

/// Links one variant of a program.
fn linked(
    config: &Config,
    program: &Program,
    variant: &Variant,
    build: &exec::Build,
    report: &mut Report,
) -> Result<Vec<u8>> {
    let kept = exports::kept_alive(variant, program)?;
    let mut variant = variant.clone();
    link::export(&mut variant.link.command, &kept);
    let mut linked = exec::link(&variant, program, build, report)?;
    if let Some(unwanted) = exports::settle(&linked.module, config, program)? {
        link::unexport(&mut variant.link.command, &unwanted);
        linked = exec::link(&variant, program, build, report)?;
    }
    let object = variant.link.module.with_file_name("printf.o");
    if let Some(command) = printf::suited(&linked.module, &variant.link.command, &object, build.cache)? {
        variant.link.command = command;
        linked = exec::link(&variant, program, build, report)?;
    }
    if config.entry == Entry::Command {
        exports::require_main(&linked.module)?;
    }
    Ok(linked.module)
}

/// Takes a linked module through the stages.
fn finish(
    config: &Config,
    plan: &Plan,
    linked: Vec<u8>,
    cache: &Cache,
    ui: &Ui,
    report: &mut Report,
) -> Result<Vec<u8>> {
    let low_memory_unused = link::low_memory_is_unused(&linked);
    let options = pipeline::Options { low_memory_unused, ..pipeline::Options::of(config) };
    let name = config.output.display().to_string();
    let (lowering, rest) = plan.stages.split_at(pipeline::until_imports_remain(&plan.stages));
    let lowered = pipeline::run(&name, linked, lowering, &options, ui, report)?;
    if config.standalone {
        standalone::check(&name, &lowered, config)?;
    }
    // Every stage validates what it made, so what comes out of the last is valid.
    let options = pipeline::Options { input: Input::Valid, ..options };
    pipeline::cached(&name, lowered, rest, &options, cache, ui, report)
}

fn lone_module(
    config: &Config,
    path: &Path,
    language: Language,
    bytes: Vec<u8>,
    cache: &Cache,
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
    let options = pipeline::Options { input: Input::Valid, ..pipeline::Options::of(config) };
    pipeline::cached(&name, module, &pipeline::stages(&options), &options, cache, ui, report)
}

fn print(plan: &Plan, scratch: &Path) -> Result<()> {
    output::write(Path::new("-"), plan.shell(scratch).as_bytes())
}

/// Whether the compiler's diagnostics are to be coloured.
fn color() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

impl Place {
    /// The place of this process.
    pub(crate) fn here(scratch: PathBuf, runtime: Runtime) -> Result<Place> {
        let folder = std::env::current_dir().map_err(|e| {
            Error::build("cannot tell the current folder").cause(e).help("change to a folder that exists")
        })?;
        let epoch = std::env::var_os("SOURCE_DATE_EPOCH").is_some();
        Ok(Place { folder, scratch, runtime, libcxx: None, color: color(), epoch })
    }
}
