//! The order of stages after the link, as data, and what runs them. `build` and `opt` share it.

use std::time::Instant;

use wbuild_passes as passes;

use crate::binaryen::{self, Accept, Imports, Names, Outcome};
use crate::config::{Config, Debug, Level, Work};
use crate::error::{Error, Result};
use crate::report::{Report, Timing};
use crate::ui::Ui;

/// What the order of stages depends on.
#[derive(Debug, Clone)]
pub struct Options {
    pub level: Level,
    pub debug: Debug,
    pub binaryen: binaryen::Tool,
    pub origin: Origin,
    pub verify_each: bool,
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
pub struct Stage {
    action: Action,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// A pass that must run: leaving it out would change what the module is.
    Required(&'static str),
    /// A pass that is kept only if the module does not grow.
    Pass(&'static str),
    Binaryen(binaryen::Level),
}

impl Stage {
    /// The pass's name, or `binaryen -O3`.
    pub fn name(&self) -> String {
        match &self.action {
            Action::Required(name) | Action::Pass(name) => name.to_string(),
            Action::Binaryen(level) => format!("binaryen {}", level.flag()),
        }
    }

    /// Why it is there and where it is.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl Options {
    /// Those of a build.
    pub fn of(config: &Config) -> Options {
        Options {
            level: config.level,
            debug: config.debug,
            binaryen: config.binaryen.clone(),
            origin: match config.work {
                Work::Program(_) => Origin::Linked,
                Work::Module(..) => Origin::Finished,
            },
            verify_each: config.verify_each,
        }
    }
}

/// The stages, in order, each with its reason.
pub fn stages(options: &Options) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut add = |action: Action, reason: &'static str| stages.push(Stage { action, reason });
    if options.origin == Origin::Linked {
        add(Action::Required(crate::runtime::SJLJ_PASS), "setjmp's imports become code, or nothing can run the module");
    }
    // Imports that nothing uses are the linker's leftovers; of a finished module they are a contract.
    let unused = match options.origin {
        Origin::Linked => "remove-unused-imports",
        Origin::Finished | Origin::Opt => "remove-unused-module-elements",
    };
    // Nothing at -O0: it is for quick builds, and for DWARF that still fits the code.
    if options.level != Level::O0 {
        add(Action::Pass(unused), "what is dead costs every later stage time");
        if let (Some(level), true) = (binaryen_level(options.level), options.binaryen != binaryen::Tool::Off) {
            add(Action::Binaryen(level), "within functions and across them; its result stays only if it is better");
            add(Action::Pass(unused), "what Binaryen inlined everywhere is dead now, and so is what it used");
        }
        add(Action::Pass("trim-data"), "memory starts as zeros, so zeros at the ends of segments say nothing");
        add(
            Action::Pass("shortest-encodings"),
            "the linker pads numbers that it patched; last, when no index moves again",
        );
    }
    match (options.debug, options.origin) {
        (Debug::Full, _) => {}
        (Debug::None, Origin::Opt) => add(Action::Required("strip-debug"), "without -g names and DWARF are not wanted"),
        (Debug::None, _) => add(Action::Required("strip"), "a finished module says nothing about who made it and how"),
        (Debug::Names, _) => {
            add(Action::Required("strip-dwarf"), "-g1 keeps names, and nothing that code could outdate")
        }
    }
    stages
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
    let had_dwarf = options.debug == Debug::Full && has_dwarf(&module);
    for stage in stages {
        let (start, before) = (Instant::now(), module.len());
        ui.progress(format!("{what}: {}", stage.name()));
        let note = match &stage.action {
            Action::Required(name) => {
                module = pass(name, &module, options, what)?;
                None
            }
            Action::Pass(name) => {
                let after = pass(name, &module, options, what)?;
                if after.len() <= module.len() {
                    module = after;
                    None
                } else {
                    Some("left out: the module would grow".to_string())
                }
            }
            Action::Binaryen(level) => match optimize(&module, *level, options)? {
                Outcome::Better(after) => {
                    module = after;
                    None
                }
                Outcome::Kept(reason) => Some(kept(&reason, ui, report)),
            },
        };
        report.stage(Timing { name: stage.name(), start, before: Some(before), after: Some(module.len()), note });
    }
    if had_dwarf && !has_dwarf(&module) {
        ui.note("DWARF was dropped, because optimizing changed the code that it describes; -O0 -g keeps it");
    }
    Ok(module)
}

/// The message for an error of the passes, with the file that it is about.
pub fn explain(error: passes::Error, what: &str) -> Error {
    let message = format!("{what}: {error}");
    let mut explained = match error.blame {
        passes::Blame::Input => Error::build(message),
        passes::Blame::Usage => Error::usage(error.to_string()),
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

fn pass(name: &str, module: &[u8], options: &Options, what: &str) -> Result<Vec<u8>> {
    let pass = passes::find(name).map_err(|e| explain(e, what))?;
    let run = passes::Options { verify_each: options.verify_each };
    passes::run(module, &[pass], &run).map_err(|e| explain(e, what))
}

fn optimize(module: &[u8], level: binaryen::Level, options: &Options) -> Result<Outcome> {
    let mut request = binaryen::Request::new(module, level, &options.binaryen);
    request.names = if options.debug == Debug::None { Names::Drop } else { Names::Keep };
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
    let sections = wasmparser::Parser::new(0).parse_all(module);
    sections.map_while(Result::ok).any(|payload| match payload {
        wasmparser::Payload::CustomSection(section) => section.name().starts_with(".debug_"),
        _ => false,
    })
}
