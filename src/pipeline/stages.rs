//! The order of stages after the link, as data.

use wbuild_passes::link::Addresses;
use wbuild_passes::segments::Measure;

use super::{Options, Origin};
use crate::binaryen::{self, Order};
use crate::config::{Debug, Effort, Goal, Level};
use crate::determinism::Hardening;
use crate::preinit;
use crate::target_features::TargetFeatures;

/// A step after the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Our own passes, run over one reading of the module. None but `sjlj` and `branch-before-loops` ever makes a module larger.
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
        if matches!(options.level, Level::O3 | Level::O4) && options.origin != Origin::Opt {
            second.push(("branch-before-loops", "behind Binaryen, which makes selects of branches"));
        }
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
    // By numbers it finds what it could not by names, up to a hundredth, which is worth the time where size counts.
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
