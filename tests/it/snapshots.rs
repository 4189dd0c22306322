//! Snapshots are right: a module that was initialized and a snapshot of it can be told apart by nobody. What is
//! compared is everything that can be reached: results, traps, calls to the host, memories, globals, tables and,
//! through calls, what segments hold. Some modules are made to export all that they have, so that nothing is hidden;
//! others are not, so that what nothing needs any more goes.

use std::collections::BTreeMap;
use std::time::Duration;

use wbuild::error::Kind;
use wbuild::oracle::{Comparison, Initialized, Tally, Verdict};
use wbuild::preinit;
use wbuild::ui::{Ui, Verbosity};
use wbuild_passes::segments::Measure;
use wbuild_passes::snapshot::Initializer;
use wbuild_passes::{Export, Item, Module};

mod corpus;
mod engines;
mod mutants;
mod named;
mod random;
mod subject;

/// What became of a module.
#[derive(Debug)]
enum Case {
    /// Initialized and its snapshot were the same.
    Same(Tally),
    /// Initialization trapped or called its host, and there is no snapshot.
    NotInitialized(&'static str),
    /// There is no snapshot, for a reason that is documented.
    Refused(&'static str),
    /// Nothing can be said.
    Inconclusive(String),
    Failed(String),
}

/// How many of each.
#[derive(Debug, Default)]
struct Count {
    same: usize,
    calls: usize,
    trapped: usize,
    inconclusive_calls: usize,
    /// Where all calls were inconclusive, or ran no instruction.
    nothing_ran: usize,
    not_initialized: BTreeMap<&'static str, usize>,
    refused: BTreeMap<&'static str, usize>,
    inconclusive: BTreeMap<String, usize>,
    failures: Vec<String>,
}

impl Count {
    fn of(cases: impl IntoIterator<Item = (String, Case)>) -> Count {
        let mut count = Count::default();
        for (name, case) in cases {
            match case {
                Case::Same(tally) => {
                    count.same += 1;
                    count.calls += tally.calls;
                    count.trapped += tally.trapped;
                    count.inconclusive_calls += tally.inconclusive;
                    count.nothing_ran += usize::from(tally.executed == 0);
                }
                Case::NotInitialized(why) => *count.not_initialized.entry(why).or_default() += 1,
                Case::Refused(why) => *count.refused.entry(why).or_default() += 1,
                Case::Inconclusive(why) => *count.inconclusive.entry(why).or_default() += 1,
                Case::Failed(why) => count.failures.push(format!("{name}: {why}")),
            }
        }
        count
    }

    fn refusals(&self) -> usize {
        self.refused.values().sum()
    }

    /// Prints what was counted, and fails where anything differed.
    fn report(&self) {
        let Count { same, calls, trapped, inconclusive_calls, nothing_ran, .. } = self;
        println!("{same} the same, by {calls} calls ({trapped} trapped), {inconclusive_calls} inconclusive");
        println!("  of these, {nothing_ran} ran no instruction");
        println!("  not initialized: {:?}", self.not_initialized);
        println!("  refused: {:?}", self.refused);
        println!("  inconclusive: {:?}", self.inconclusive);
        let failures = &self.failures;
        assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures[..failures.len().min(20)].join("\n"));
    }
}

/// What is asked of a snapshot, for a test.
fn options(initializer: &str) -> preinit::Options {
    preinit::Options {
        initializer: Initializer::Named(initializer.to_string()),
        max_memory: MAX_MEMORY,
        ..preinit::Options::default()
    }
}

/// For initialization as for the oracle, so that both refuse the same.
const MAX_MEMORY: u64 = 4 << 20;

fn snapshot(module: &[u8], options: &preinit::Options) -> Result<Vec<u8>, wbuild::error::Error> {
    preinit::run("the subject", module, options, false, &Ui::new(Verbosity::Quiet)).map(|snapshot| snapshot.module)
}

/// Initializes `module` in the oracle, makes a snapshot of it, and compares the two.
fn judge(comparison: &Comparison, module: &[u8], options: &preinit::Options) -> Case {
    let Initializer::Named(initializer) = &options.initializer else { return Case::Failed("no name".to_string()) };
    let started = match comparison.start(module, initializer) {
        Ok(started) => started,
        Err(e) => return Case::Inconclusive(e.causes.first().map_or(e.message, |c| c.chars().take(60).collect())),
    };
    let mut asked = options.clone();
    if matches!(started.initialized, Initialized::Exhausted(_)) {
        // It may never end. All there is to see is that the sandbox does.
        asked.timeout = Duration::from_millis(200);
    }
    let snapshot = match (&started.initialized, snapshot(module, &asked)) {
        (_, Err(e)) if e.kind == Kind::Internal => return Case::Failed(e.to_string()),
        (Initialized::Returned, Ok(snapshot)) => snapshot,
        (Initialized::Returned, Err(e)) => {
            return match DOCUMENTED.iter().find(|(text, _)| e.message.contains(text)) {
                Some((_, why)) => Case::Refused(why),
                None => Case::Failed(format!("refused, though initialization returns: {e}")),
            };
        }
        (Initialized::Trapped(_), Err(_)) => return Case::NotInitialized("trapped"),
        (Initialized::CalledHost(_), Err(_)) => return Case::NotInitialized("called its host"),
        (Initialized::Exhausted(what), _) => return Case::Inconclusive(what.clone()),
        (other, Ok(_)) => return Case::Failed(format!("a snapshot, where initialization ended as {other:?}")),
    };
    match started.compare(&snapshot) {
        Ok(Verdict::Same(tally)) => Case::Same(tally),
        Ok(Verdict::Different(found)) => Case::Failed(found.to_string()),
        Err(e) => Case::Failed(e.to_string()),
    }
}

/// Why a module that can be initialized has no snapshot: a part of the message, and the reason.
const DOCUMENTED: [(&str, &str); 9] = [
    ("it imports the memory", "a memory of the host's"),
    ("it imports the table", "a table of the host's"),
    ("it imports the global", "a global of the host's"),
    ("it imports the tag", "a tag of the host's"),
    ("shared with other threads", "a shared memory"),
    ("holds an object that code may change", "an object that may change"),
    ("which no snapshot can carry", "a reference to an object"),
    ("bytes in a memory", "too much memory"),
    ("its constructors would run twice", "constructors without a name"),
];

/// Exports all that the module has. In what is not exported, a snapshot may leave out what nothing needs any more.
fn expose(bytes: &[u8]) -> Result<Vec<u8>, wbuild_passes::Error> {
    let mut module = Module::parse(bytes)?;
    let mut items: Vec<(String, Item)> = Vec::new();
    items.extend(module.memories.ids().into_iter().map(|id| (format!("memory.{}", id.0), Item::Memory(id))));
    items.extend(module.globals.ids().into_iter().map(|id| (format!("global.{}", id.0), Item::Global(id))));
    items.extend(module.tables.ids().into_iter().map(|id| (format!("table.{}", id.0), Item::Table(id))));
    module.exports.extend(items.into_iter().map(|(name, item)| Export {
        name: format!("wbuild.see.{name}").into(),
        item,
        exact: false,
    }));
    module.encode()
}
