//! The order of stages after the link, as data, and what runs them. `build` and `opt` share it.

use std::time::{Duration, Instant};

use wasmparser::Payload;
use wbuild_passes as passes;
use wbuild_passes::Input;
use wbuild_passes::link::{self, Addresses};
use wbuild_passes::segments::Measure;

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

use candidates::{densest, smallest};

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

/// A step after the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Our own passes, run over one reading of the module. None but `sjlj` ever makes a module larger.
    Passes(Vec<Step>),
    /// Binaryen, whose result stays only if it is better.
    Binaryen(binaryen::Level, Order, Reason),
    /// What the linker knew is used, and taken out, but for the names of addresses where those are wanted.
    LinkInformation(Addresses, Reason),
    /// Addresses become numbers again, and what nothing names any more goes.
    Addresses(Reason),
    /// Functions and locals are ordered in several ways, and the one stays that gzip makes smallest.
    Orders(Reason),
    /// Initialization is run, and the module written as it was then.
    Snapshot(Box<preinit::Options>, Reason),
    /// Hardening and its proof. What it adds is no reason to leave it out.
    Harden(Hardening, Reason),
    /// Each way is gone, and the smallest module kept.
    Smallest(Vec<Way>, Reason),
}

/// Stages under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    pub name: &'static str,
    pub stages: Vec<Stage>,
}

/// A pass and why it stands where it stands.
pub type Step = (&'static str, Reason);

/// One line for `--dry-run`.
pub type Reason = &'static str;

impl Stage {
    /// What it is called in reports: `trim-data, strip` or `binaryen -O3`.
    pub fn name(&self) -> String {
        match self {
            Stage::Passes(steps) => steps.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
            Stage::Binaryen(level, order, _) => format!("binaryen {}{}", level.flag(), order.suffix()),
            Stage::Harden(..) => "harden".to_string(),
            Stage::LinkInformation(..) => "link-information".to_string(),
            Stage::Addresses(_) => "addresses".to_string(),
            Stage::Orders(_) => "orders".to_string(),
            Stage::Snapshot(..) => "snapshot".to_string(),
            Stage::Smallest(ways, _) => format!("smallest of {}", ways.len()),
        }
    }

    /// Every step with its reason.
    pub fn steps(&self) -> Vec<(String, Reason)> {
        match self {
            Stage::Passes(steps) => steps.iter().map(|&(name, reason)| (name.to_string(), reason)).collect(),
            Stage::Smallest(ways, reason) => {
                let mut steps = vec![(self.name(), *reason)];
                for way in ways {
                    let of_way = way.stages.iter().flat_map(Stage::steps);
                    steps.extend(of_way.map(|(name, reason)| (format!("{}: {name}", way.name), reason)));
                }
                steps
            }
            Stage::Binaryen(_, _, reason)
            | Stage::Harden(_, reason)
            | Stage::LinkInformation(_, reason)
            | Stage::Addresses(reason)
            | Stage::Orders(reason)
            | Stage::Snapshot(_, reason) => vec![(self.name(), reason)],
        }
    }
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

/// The stages, in order, each step with its reason. Of a program, the first stage leaves the imports that
/// remain, so that `--standalone` can be judged before anything slow begins.
pub fn stages(options: &Options) -> Vec<Stage> {
    let linked = options.origin == Origin::Linked;
    // Imports that nothing uses are the linker's leftovers; of a finished module they are a contract.
    let unused = if linked { "remove-unused-imports" } else { "remove-unused-module-elements" };
    // Nothing at -O0: it is for quick builds, and for DWARF that still fits the code.
    let optimize = options.level != Level::O0;
    let (mut first, mut second, mut last): (Vec<Step>, Vec<Step>, Vec<Step>) = Default::default();
    if linked {
        first.push((crate::runtime::SJLJ_PASS, "setjmp's imports become code, or nothing can run the module"));
    }
    if let Some(lowering) = options.target_features.and_then(TargetFeatures::lowering) {
        first.push((lowering, "before Binaryen, which uses what it finds in use"));
        if !optimize {
            first.push((unused, "types that nothing has any more are as new as what had them"));
        }
    }
    let binaryen = binaryen_level(options.level).filter(|_| options.binaryen != binaryen::Tool::Off);
    let more = options.effort == Effort::Max && binaryen.is_some();
    // A snapshot's memory holds numbers.
    let addresses = match options.link_information && options.preinit.is_none() && binaryen.is_some() {
        true => Addresses::Named,
        false => Addresses::Numbers,
    };
    if optimize {
        first.push((unused, "what is dead costs every later stage time"));
        if binaryen.is_some() {
            second.push((unused, "what Binaryen inlined everywhere is dead now, and so is what it used"));
        }
        second.push(("trim-data", "memory starts as zeros, so zeros at the ends of segments say nothing"));
        // Binaryen cuts data by a rule of its own.
        if options.level.for_size() || options.preinit.is_some() {
            second.push(match options.goal.measure() {
                Measure::Raw => ("pack-data", "segments cut where that is smallest, not where zeros seem to be many"),
                Measure::Compressed => ("pack-data-for-compression", "gaps of zeros are short once compressed"),
            });
        }
        second.push((
            "fold-offsets",
            "an addition less; behind Binaryen, which gives addresses and locals their last form",
        ));
        // What repeats is short once compressed, too.
        if options.level == Level::Oz && options.goal != Goal::Compressed {
            if options.goal == Goal::Size {
                second.push(("pool-addresses", "before outlining, so that what became short is not outlined"));
                // A snapshot is there to start fast.
                if options.preinit.is_none() {
                    second.push((
                        "outline",
                        "behind Binaryen, which would put it back; not in tight loops, where a call costs time",
                    ));
                    last.push(("pool-constants", "behind whatever makes constants, hardening too"));
                } else {
                    last.push(("pool-constants-for-startup", "behind whatever makes constants, hardening too"));
                }
            }
            last.push(("reorder-functions", "behind whatever makes functions and calls"));
        }
        last.push(("shortest-encodings", "the linker pads numbers that it patched; last, when no index moves again"));
    }
    match (options.debug, options.origin) {
        (Debug::Full, _) => {}
        (Debug::None, Origin::Opt) => last.push(("strip-debug", "without -g names and DWARF are not wanted")),
        (Debug::None, _) => last.push(("strip", "a finished module says nothing about who made it and how")),
        (Debug::Names, _) => last.push(("strip-dwarf", "-g1 keeps names, and nothing that code could outdate")),
    }
    let binaryen = |order, why| binaryen.map(|level| Stage::Binaryen(level, order, why));
    let why = "the same bits on every engine, and the proof; behind it nothing changes what instructions compute";
    let harden = options.hardening.map(|hardening| Stage::Harden(hardening, why));
    // With nothing between them, one reading of the module serves both.
    if harden.is_none() {
        second.append(&mut last);
    }
    let why = "initialization runs now instead of at every start; before anything that takes its time";
    let snapshot = options.preinit.clone().map(|options| Stage::Snapshot(Box::new(options), why));
    let why = "the linker says which objects nothing writes or reads; first, since it is true of its own module only";
    let information = options.link_information.then_some(Stage::LinkInformation(addresses, why));
    let why = "what is alike near each other, and numbered alike; last, as it looks at the bytes that there will be";
    let dense = options.goal == Goal::Compressed && options.level.for_size();
    let dense = dense.then_some(Stage::Orders(why));
    let passes = |steps: Vec<Step>| (!steps.is_empty()).then_some(Stage::Passes(steps));
    let mut stages: Vec<Stage> = [information, passes(first), snapshot].into_iter().flatten().collect();
    if addresses == Addresses::Named {
        let why = "by the names of addresses, which it can move, give on and remove, but not calculate with";
        stages.extend(binaryen(Order::Once, why));
        let why = "numbers again; data and places in the table are dead that only code named which Binaryen removed";
        stages.push(Stage::Addresses(why));
    }
    let rest = |order: Option<Order>| -> Vec<Stage> {
        let why = "within functions and across them; its result stays only if it is better";
        let binaryen = order.and_then(|order| binaryen(order, why));
        let all = [binaryen, passes(second.clone()), harden.clone(), passes(last.clone()), dense.clone()];
        all.into_iter().flatten().collect()
    };
    // By numbers it finds what it could not by names, at most 0.3 %: where size is asked for, that is worth the time.
    let usual = (addresses == Addresses::Numbers || options.level.for_size()).then_some(Order::Once);
    if more {
        let orders = Order::of(options.level.for_size()).iter().copied().map(Some);
        let orders = orders.chain(usual.is_none().then_some(None));
        let way = |order: Option<Order>| Way { name: order.map_or("by name", Order::name), stages: rest(order) };
        let ways = orders.map(way).collect();
        stages.push(Stage::Smallest(ways, "which of Binaryen's ways is best, only the finished module tells"));
    } else {
        stages.extend(rest(usual));
    }
    stages
}

/// How many of the stages come before the imports are those that remain: what initialization alone needs goes.
pub fn until_imports_remain(stages: &[Stage]) -> usize {
    match stages.iter().position(|stage| matches!(stage, Stage::Snapshot(..))) {
        Some(at) => at + 1,
        None => {
            stages.iter().position(|stage| matches!(stage, Stage::Passes(..))).map_or(stages.len().min(1), |at| at + 1)
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

fn binaryen_level(level: Level) -> Option<binaryen::Level> {
    Some(match level {
        Level::O0 => return None,
        Level::O1 => binaryen::Level::O1,
        Level::O2 => binaryen::Level::O2,
        Level::O3 => binaryen::Level::O3,
        Level::O4 => binaryen::Level::O4,
        Level::Os => binaryen::Level::Os,
        Level::Oz => binaryen::Level::Oz,
    })
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
