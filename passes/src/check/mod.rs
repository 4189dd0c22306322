//! `check`: an independent checker of determinism. It shares decoding with the pass that hardens, and nothing else.
//!
//! What it proves. A module is `Deterministic` if every execution that the specification allows shows the same
//! behaviour for the same answers of the host, except that it may stop with a resource trap. For each source of
//! nondeterminism there is one [`Source`] with what was found, where, and what would fix it.
//!
//! How NaN bits are proved. An abstract interpretation over the operators in their order: an operand stack and
//! locals of abstract values (value.rs), joined where control meets (flow.rs), with passes over a function until the
//! states at the heads of its loops stay as they are. A value that was compared with itself is known to be no NaN on one
//! of the arms; that a value is the same is known by its id, which an assignment or a join ends. Functions that do not
//! escape take the join of what their calls pass and give the join of what they return (calls.rs).
//!
//! Why it is sound. Between any execution and the deterministic one this holds of every value: both are equal, or both
//! are a NaN. Arithmetic, comparisons and truncation treat all NaNs alike, so they keep it, and with it both
//! executions take the same way. All that shows the bits of a NaN is let pass only if its operands are equal bit
//! for bit. That is every operator which is not known to be harmless: an unknown one observes. So memories,
//! globals, tables, objects, payloads and what leaves the module stay equal. Paths that cannot be reached for sure are not
//! looked at; all others are.
//!
//! Limits. `NotProved` is said where a proof may exist: bounds of vectors are not followed, nor are those of values that
//! went through memory. Functions are followed with a budget of work that is linear in their size, first with a state of
//! each local at each point, then with one state of each local, then not at all.
//! That a module is deterministic does not say that it does what the original did.
//!
//! Sources: the specification's deterministic profile (appendix "Profiles"); Cousot and Cousot, "Abstract
//! interpretation" (1977), for fixed points and widening; Wegman and Zadeck's optimistic propagation for calls.

mod calls;
mod close;
mod compute;
mod depth;
mod facts;
mod flow;
mod growth;
mod host;
mod operation;
mod report;
mod seen;
mod value;
mod vector;
mod walk;

use crate::run::refuse_linkable;
use crate::{Error, Module, validate};

/// How a module is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether the host is JavaScript, which may change the bits of a NaN that it passes on.
    pub js_boundary: bool,
}

/// What was found of a whole module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The worst of the sources' statuses.
    pub verdict: Verdict,
    /// One entry for each source of nondeterminism, in a fixed order.
    pub sources: Vec<Source>,
}

/// What a certificate says in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The same answers of the host give the same behaviour.
    Deterministic,
    /// It may be so, but it could not be shown.
    NotProved,
    /// A source of nondeterminism can be seen from outside.
    Nondeterministic,
}

/// A source of nondeterminism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which one.
    pub kind: Kind,
    /// What it does to the verdict.
    pub status: Status,
    /// A sentence about it.
    pub summary: String,
    /// Places, the first few of them in the order of the module.
    pub findings: Vec<Finding>,
    /// How many places there are.
    pub total: u64,
    /// What would fix it.
    pub fix: Option<String>,
}

/// The sources of nondeterminism, in the order of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The bits of NaNs that arithmetic makes.
    NanBits,
    /// Vectors, and the relaxed operators on them.
    Simd,
    /// Shared memories.
    Threads,
    /// Memories and tables whose growth the host may refuse.
    Growth,
    /// How deep calls go.
    StackDepth,
    /// Imported functions.
    HostFunctions,
    /// Memories, tables and mutable globals that the host may change.
    HostState,
    /// Floats from the host.
    FloatBoundary,
    /// Operators that the checker does not know.
    Proposals,
}

impl Kind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NanBits => "nan-bits",
            Kind::Simd => "simd",
            Kind::Threads => "threads",
            Kind::Growth => "growth",
            Kind::StackDepth => "stack-depth",
            Kind::HostFunctions => "host-functions",
            Kind::HostState => "host-state",
            Kind::FloatBoundary => "float-boundary",
            Kind::Proposals => "proposals",
        }
    }
}

/// What a source does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The module has nothing of the kind.
    Absent,
    /// It has, and it is proved to do no harm.
    Fine,
    /// It varies only as the host's answers vary, or only as to a resource trap.
    Given,
    /// It could not be shown to do no harm.
    NotProved,
    /// It can be seen.
    Nondeterministic,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    /// A sentence without a full stop.
    pub message: String,
    /// The index of the function, imports counted.
    pub function: Option<u32>,
    /// The function's name, if the name section has it.
    pub name: Option<String>,
    /// Where in the input, in bytes from its start.
    pub offset: Option<usize>,
    /// The operator, as the text format writes it.
    pub operation: Option<String>,
}

/// Where an operator stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    function: Option<u32>,
    offset: Option<usize>,
}

/// An operator and where it stands.
#[derive(Debug, Clone)]
struct Site {
    place: Place,
    operation: String,
}

/// How many places of one source are listed.
const MOST_FINDINGS: usize = 20;

impl Source {
    fn new(kind: Kind, status: Status, summary: impl Into<String>) -> Source {
        Source { kind, status, summary: summary.into(), findings: Vec::new(), total: 0, fix: None }
    }

    fn add(&mut self, finding: Finding) {
        self.total += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }
}

/// Checks a module, which must be valid, and no object file or dynamic library.
pub fn check(bytes: &[u8], options: &Options) -> Result<Certificate, Error> {
    refuse_linkable(bytes)?;
    validate(bytes)?;
    check_valid(bytes, options)
}

/// The same of a module that was validated just now.
pub(crate) fn check_valid(bytes: &[u8], options: &Options) -> Result<Certificate, Error> {
    let module = Module::parse(bytes)?;
    let facts = facts::Facts::of(&module, *options)?;
    let outcomes = calls::follow_all(&facts)?;
    let sources = report::sources(&facts, &outcomes);
    let verdict = sources.iter().map(|source| verdict(source.status)).max();
    Ok(Certificate { verdict: verdict.unwrap_or(Verdict::Deterministic), sources })
}

fn verdict(status: Status) -> Verdict {
    match status {
        Status::Absent | Status::Fine | Status::Given => Verdict::Deterministic,
        Status::NotProved => Verdict::NotProved,
        Status::Nondeterministic => Verdict::Nondeterministic,
    }
}
