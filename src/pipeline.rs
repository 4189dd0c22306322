//! The stages after the link, and what runs them. `build` and `opt` share it.

use std::time::{Duration, Instant};

use wasmparser::Payload;
use wbuild_passes as passes;
use wbuild_passes::Input;
use wbuild_passes::link;

use crate::args;
use crate::binaryen::{self, Accept, Imports, Names, Order, Outcome};
use crate::cache::{self, Cache, Made};
use crate::config::{Config, Debug, Effort, Goal, Level, Work};
use crate::determinism::{self, Hardening};
use crate::error::{Error, Result};
use crate::preinit;
use crate::report::{Report, Timing};
use crate::target_features::TargetFeatures;
use crate::ui::Ui;

mod candidates;
mod stages;

use candidates::{densest, smallest};
pub use stages::{Reason, Stage, Step, Way, stages, until_imports_remain};

/// What the order of stages depends on.
#[derive(Debug, Clone)]
pub struct Options {
    pub level: Level,
    pub debug: Debug,
    pub binaryen: binaryen::Tool,
    /// `None`: what the module does is left to the engine.
    pub hardening: Option<Hardening>,
    pub origin: Origin,
    /// What the module may use, where that is less than everything.
    pub target_features: Option<TargetFeatures>,
    /// Whether the linker was asked for what it knows.
    pub link_information: bool,
    /// Nothing of the program's lies in the first KiB of memory: see [`crate::link::low_memory_is_unused`].
    pub low_memory_unused: bool,
    /// What is initialized while building, if anything.
    pub preinit: Option<preinit::Options>,
    pub goal: Goal,
    pub effort: Effort,
    /// How long Binaryen may take, for people in a hurry. What it decides is not reproducible.
    pub budget: Option<Duration>,
    pub verify_each: bool,
    /// What is known of the module.
    pub input: Input,
}

/// Where the module comes from, which says what may be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Our own link: the linker's leftovers are no contract yet.
    Linked,
    /// A module that was built: its exports and imports stay.
    Finished,
    /// As `Finished`, for `opt`: never larger, and nothing but names is stripped.
    Opt,
}

impl Options {
    /// Those of a build.
    pub fn of(config: &Config) -> Options {
        Options {
            level: config.level,
            debug: config.debug,
            binaryen: config.binaryen.clone(),
            hardening: config.hardening,
            preinit: config.preinit.clone(),
            goal: config.goal,
            effort: config.effort,
            budget: config.budget,
            target_features: config.target_features,
            link_information: config.link_information(),
            // The link is yet to come.
            low_memory_unused: false,
            origin: match config.work {
                Work::Program(_) | Work::Crate(_) => Origin::Linked,
                Work::Module(..) => Origin::Finished,
            },
            verify_each: config.verify_each,
            input: Input::Unknown,
        }
    }
}

/// As [`run`], or what the same stages made of the same module before.
pub fn cached(
    what: &str,
    module: Vec<u8>,
    stages: &[Stage],
    options: &Options,
    cache: &Cache,
    ui: &Ui,
    report: &mut Report,
) -> Result<Vec<u8>> {
    // Passes alone are done before an answer is read. Initialization sees folders and variables, and a wasm-opt of the
    // user's may be a script that does.
    let is_work = |stage: &Stage| matches!(stage, Stage::Binaryen(..) | Stage::Harden(..) | Stage::Smallest(..));
    let worth = stages.iter().any(is_work);
    let pure = !stages.iter().any(|stage| matches!(stage, Stage::Snapshot(..)))
        && matches!(options.binaryen, binaryen::Tool::Off | binaryen::Tool::Builtin);
    let question = cache.question("stages").filter(|_| worth && pure);
    let Some(question) = question else { return run(what, module, stages, options, ui, report) };
    let question = question.text(format!("{stages:?} {options:?}")).bytes(&module).key();
    if let Some(parts) = cache.recall(cache::Level::Stages, &question)
        && let Some(module) = cache::take_module(&parts, ui, report)
    {
        return Ok(module);
    }
    let (ui, mut branch) = (ui.recording(), report.branch());
    let module = run(what, module, stages, options, &ui, &mut branch)?;
    cache.remember_module(&question, None, &Made { module: &module, report: &branch, ui: &ui }, what);
    report.take(branch, "");
    Ok(module)
}

/// Runs `stages` over a module. `what` names it in messages.
pub fn run(
    what: &str,
    mut module: Vec<u8>,
    stages: &[Stage],
    options: &Options,
    ui: &Ui,
    report: &mut Report,
) -> Result<Vec<u8>> {
    // Its tool runs functions of the module that only describe, and deletes them; it must find them
    // as the compiler made them.
    if has_section(&module, |name| name == "__wasm_bindgen_unstable") {
        if stages.iter().any(|stage| matches!(stage, Stage::Snapshot(..))) {
            return Err(Error::build(format!(
                "{what} cannot be initialized before wasm-bindgen has made its JavaScript"
            ))
            .help("build it without --preinit, run wasm-bindgen, then wbuild preinit FILE_bg.wasm"));
        }
        ui.note(format!(
            "{what} is left as it was linked, for wasm-bindgen; then wbuild opt and wbuild harden --js-boundary"
        ));
        return match options.link_information {
            true => link::without(&module).map_err(|error| explain(error, what)),
            false => Ok(module),
        };
    }
    let had_dwarf = options.debug == Debug::Full && has_dwarf(&module);
    let mut input = options.input;
    for stage in stages {
        let (start, before) = (Instant::now(), module.len());
        ui.progress(format!("{what}: {}", stage.name()));
        let mut note = None;
        match stage {
            Stage::Passes(steps) => {
                let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
                module = passes_by_name(what, &module, &names, options.verify_each, input)?;
            }
            Stage::Binaryen(level, order, _) => match optimize(&module, *level, *order, options)? {
                Outcome::Better(after) => module = after,
                Outcome::Kept(reason) => note = Some(kept(&reason, ui, report)),
            },
            Stage::LinkInformation(addresses, _) => {
                let settled = link::settle(&module, *addresses).map_err(|error| explain(error, what))?;
                note = Some(match settled.doubt {
                    Some(doubt) => format!("not used: {doubt}"),
                    None => format!(
                        "{} loads are constants, {} stores went, {} indirect calls are direct or traps, \
                         {} functions left the table, {} bytes of data are zero, {} objects stand elsewhere, \
                         {} objects have names",
                        settled.loads,
                        settled.stores,
                        settled.calls,
                        settled.places,
                        settled.cleared,
                        settled.moved,
                        settled.named
                    ),
                });
                module = settled.module;
            }
            Stage::Addresses(_) => {
                let placed = link::place(&module).map_err(|error| explain(error, what))?;
                let link::Placed { cleared, places, .. } = placed;
                note = Some(format!("{cleared} bytes of data are zero, {places} functions left the table"));
                module = placed.module;
            }
            Stage::Orders(_) => {
                let (smallest, kept) = densest(what, &module, options.verify_each)?;
                (module, note) = (smallest, Some(kept));
            }
            Stage::Smallest(ways, _) => {
                let (smallest, sizes) = smallest(what, &module, ways, options, ui, report)?;
                (module, note) = (smallest, Some(sizes));
            }
            Stage::Snapshot(preinit, _) => {
                let snapshot = preinit::run(what, &module, preinit, true, ui)?;
                note = Some(snapshot.report.summary());
                if let Some(warning) = snapshot.report.warning(module.len(), snapshot.module.len()) {
                    ui.note(warning);
                }
                report.snapshot(snapshot.report.json());
                module = snapshot.module;
            }
            Stage::Harden(hardening, _) => {
                let hardened = determinism::run(what, &module, *hardening)?;
                note = Some(hardened.summary());
                report.hardened(hardened.json());
                module = hardened.0.module;
            }
        }
        report.stage(Timing { name: stage.name(), start, before: Some(before), after: Some(module.len()), note });
        // Each validates what it gives out, or gives out what it was given.
        input = match stage {
            Stage::Binaryen(..) => input,
            _ => Input::Valid,
        };
    }
    if had_dwarf && !has_dwarf(&module) {
        ui.note(
            "DWARF was dropped, because the code that it describes was changed; -O0 -g --no-deterministic keeps it",
        );
    }
    Ok(module)
}

/// Runs passes by name over a module, in one reading of it.
pub fn run_passes(what: &str, module: &[u8], names: &[&str], verify_each: bool) -> Result<Vec<u8>> {
    passes_by_name(what, module, names, verify_each, Input::Unknown)
}

fn passes_by_name(what: &str, module: &[u8], names: &[&str], verify_each: bool, input: Input) -> Result<Vec<u8>> {
    let found = names.iter().map(|name| passes::find(name).ok_or_else(|| unknown(name))).collect::<Result<Vec<_>>>()?;
    passes::run(module, &found, &passes::Options { verify_each, input }).map_err(|error| explain(error, what))
}

fn unknown(name: &str) -> Error {
    let error = Error::usage(format!("there is no pass {name}"));
    match args::nearest(name, passes::registry().iter().map(|pass| pass.name)) {
        Some(near) => error.help(format!("did you mean {near}? wbuild opt --list-passes shows all")),
        None => error.help("wbuild opt --list-passes"),
    }
}

/// The message for an error of the passes, with the file that it is about.
pub fn explain(error: passes::Error, what: &str) -> Error {
    let message = format!("{what}: {error}");
    let mut explained = match error.blame {
        passes::Blame::Input => Error::build(message),
        passes::Blame::Internal => Error::internal(message),
    };
    explained.help = error.help;
    explained
}

/// Reports why Binaryen's result was not taken; only what is surprising is said aloud.
fn kept(reason: &binaryen::Reason, ui: &Ui, report: &mut Report) -> String {
    use binaryen::Reason;
    if !reason.is_reproducible() {
        report.not_reproducible(reason.to_string());
    }
    match reason {
        Reason::Off | Reason::NotBetter => {}
        _ => ui.note(format!("{reason}; the stage is left out")),
    }
    format!("left out: {reason}")
}

/// Up to so many bytes Binaryen goes twice over a module where size counts, which takes some ten milliseconds.
const SMALL: usize = 32 << 10;

/// Whether it goes twice over small modules. Compressed, some are larger then.
fn goes_twice(options: &Options) -> bool {
    options.level.for_size() && options.goal != Goal::Compressed
}

/// The bytes of a module without its custom sections, as names and DWARF must not decide what code becomes.
fn size(module: &[u8]) -> usize {
    let payloads = wasmparser::Parser::new(0).parse_all(module).map_while(Result::ok);
    // A body is in the section of code.
    let is_part = |payload: &Payload<'_>| matches!(payload, Payload::CustomSection(_) | Payload::CodeSectionEntry(_));
    let sections = payloads.filter(|payload| !is_part(payload));
    sections.filter_map(|payload| Some(payload.as_section()?.1.len())).sum()
}

fn optimize(module: &[u8], level: binaryen::Level, order: Order, options: &Options) -> Result<Outcome> {
    if options.effort == Effort::Default && binaryen::work(module) > binaryen::MOST_WORK {
        return Ok(Outcome::Kept(binaryen::Reason::TooMuch));
    }
    let mut request = binaryen::Request::new(module, level, &options.binaryen);
    let is_small = goes_twice(options) && size(module) <= SMALL;
    request.order = match order {
        Order::Once if is_small && !has_section(module, |name| name == link::SECTION) => Order::Twice,
        order => order,
    };
    request.limits.time = options.budget.or(request.limits.time);
    request.names = if options.debug == Debug::None { Names::Drop } else { Names::Keep };
    request.low_memory_unused = options.low_memory_unused;
    request.imports = if options.origin == Origin::Linked { Imports::MayDrop } else { Imports::Keep };
    request.accept = match options.origin {
        Origin::Opt => Accept::NotLarger,
        _ if options.level.for_size() => Accept::NotLarger,
        _ => Accept::AnySize,
    };
    binaryen::optimize(&request)
}

fn has_dwarf(module: &[u8]) -> bool {
    has_section(module, |name| name.starts_with(".debug_"))
}

/// Whether there is a custom section of such a name.
fn has_section(module: &[u8], is_meant: impl Fn(&str) -> bool) -> bool {
    let sections = wasmparser::Parser::new(0).parse_all(module);
    sections.map_while(Result::ok).any(|payload| match payload {
        Payload::CustomSection(section) => is_meant(section.name()),
        _ => false,
    })
}
