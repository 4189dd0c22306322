//! Determinism hardening: a module that does the same under every execution that the specification allows.
//!
//! The specification leaves the bits of a NaN that arithmetic makes to the engine, and so they differ between
//! engines, and between the tiers of one. Its deterministic profile says which they ought to be: the positive
//! canonical ones. It leaves to the host whether a memory or table grows. [`harden`] rewrites a module such that
//! what it does is what the original does under that profile, except that it may stop for want of memory.
//!
//! **What it does.** Arithmetic, comparisons and conversions to integers only ask whether an operand is a NaN, so
//! which one it is matters only where bits are observed: in stores, reinterpretations, `copysign`, globals,
//! exceptions, fields, calls of the host or through a table, results of functions that others call, and in any use of
//! a vector in lanes of another shape. There, and only where a NaN may come from arithmetic, stands a guard: *if this
//! is a NaN, make it the canonical one*. Bits that are deterministic already (loaded, reinterpreted, the host's) are
//! never touched: programs box values in NaNs and copy memory through float registers.
//! An example is in `pass/harden.rs`. Growth goes through functions that `grow` writes; relaxed SIMD becomes the
//! strict operations that it is under the profile (`relaxed`); what is not known is refused by name (`refuse`).
//!
//! **How.** One graph holds the float values of all functions (`graph`), built in one walk over each body
//! (`build`, `walk`, `control`, `branches`, `values`, `locals`). Locals are split into values, with joins
//! where control meets. Each value has a state (`state`, `solve`); functions that only direct calls reach are
//! analysed across their calls. Guards are placed where they run least (`place`) and written (`insert`).
//!
//! **Why it is sound.** The invariant: a value and its counterpart in the deterministic execution are equal, or both
//! are a NaN. No operator that does not observe bits can break it, so control goes the same way in both executions,
//! and at each observer the state says that both are equal bit for bit:
//! - `Never` and `Canon`: no NaN at all, or only the canonical one. `Raw`: bits that are the same in both.
//! - `Made`: a NaN is the canonical one in the deterministic execution and any here, so a guard makes both equal.
//! - `Mixed`: a NaN may be either kind (a join of both, a negated `Made`). A guard would be wrong, so what it is made
//!   of is made exact instead.
//!
//! A guard changes a NaN that ought to be canonical into the canonical one, so that it may stand at any place where
//! such a value is at hand, and changes nothing for others that read the local it is in. States are the least that
//! satisfy the graph; the plan is solved again with its guards in it, until no observer is left with inexact bits.
//!
//! **Facts** that save guards: constants, conversions from integers, ranges through arithmetic (a sum is a NaN only
//! of opposite infinities, …), squares of one and the same value, and values compared with themselves, which is also
//! how guards that stand already are understood: hardening twice gives the bytes of once.
//!
//! **Limits.** Work is linear in the module's size. A function whose locals would take more work than that (ten
//! thousands of blocks around ten thousands of locals) has them joined over the whole function instead, and its
//! guards are selects. With `js_boundary`, what is called through a table, thrown, or kept in a mutable global counts
//! as this module's own: JavaScript that puts functions into tables or throws floats is not seen. Stack exhaustion,
//! what host functions give, and threads are not for this pass.

mod boundary;
mod branches;
mod build;
mod control;
mod eager;
mod graph;
mod grow;
mod insert;
mod locals;
mod operators;
mod place;
mod range;
mod refuse;
mod relaxed;
mod report;
mod scan;
mod solve;
mod state;
mod values;
mod walk;

pub use report::Report;

use crate::{Error, FuncId, Module};
use build::{LIMITS, Limits};
use graph::Site;
use insert::{Fix, Nans};
use solve::Links;

/// How to harden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Harden SIMD, too, rather than refuse it.
    pub simd: bool,
    /// The host may change the bits of NaNs that it gives and takes, as JavaScript does.
    pub js_boundary: bool,
    /// Guard every operator that may make a NaN, whether or not its bits can be observed.
    pub eager: bool,
}

/// Makes a module behave the same under every execution that the specification allows.
pub fn harden(bytes: &[u8], options: &Options) -> Result<(Vec<u8>, Report), Error> {
    let mut report = Report::default();
    let output = crate::run::around(bytes, "harden", |module| {
        report = run(module, options)?;
        Ok(())
    })?;
    report.bytes_added = output.len() as i64 - bytes.len() as i64;
    Ok((output, report))
}

/// The same, of a module that is read already.
pub(crate) fn run(module: &mut Module<'_>, options: &Options) -> Result<Report, Error> {
    run_within(module, options, &LIMITS)
}

fn run_within(module: &mut Module<'_>, options: &Options, limits: &Limits) -> Result<Report, Error> {
    let mut report = Report::default();
    let seen = refuse::check(module, options)?;
    grow::run(module, &seen.growing, &mut report)?;
    if options.simd {
        relaxed::run(module, &mut report)?;
    }
    if options.js_boundary {
        boundary::run(module)?;
    }
    if options.eager {
        eager::run(module, &mut report)?;
    }
    if !options.eager || options.js_boundary {
        floats(module, options, limits, &seen.floats, &mut report)?;
    }
    Ok(report)
}

/// Guards floats where their bits are observed, in functions that may have any.
fn floats(
    module: &mut Module<'_>,
    options: &Options,
    limits: &Limits,
    among: &[bool],
    report: &mut Report,
) -> Result<(), Error> {
    let graph = build::build(module, options, limits, among)?;
    let links = Links::new(&graph);
    let (plan, states) = place::place(&graph, &links)?;
    report.count(&graph, &links, &plan, &states);
    report.fell_back.clone_from(&graph.fell_back);
    let guards = place::guards(&graph, &plan);
    if guards.is_empty() {
        return Ok(());
    }
    let fixes = insert::fixes(&graph, &states, &guards);
    let nans = Nans::choose(module, insert::counts(fixes.iter().filter(|fix| !fix.is_branch()).map(|fix| fix.nan)));
    let mut sites: Vec<(Site, Fix)> = Vec::new();
    let mut all = guards.iter().zip(&fixes).peekable();
    while let Some((guard, fix)) = all.next() {
        report.count_guard(fix.nan, report::reason(guard));
        sites.push((guard.site, *fix));
        if all.peek().is_some_and(|(next, _)| next.function == guard.function) {
            continue;
        }
        let id = FuncId(guard.function);
        let pooled = graph.fell_back.binary_search(&guard.function).is_ok();
        if let Some(body) = insert::insert(module, id, &sites, &nans, pooled)? {
            module.set_body(id, body)?;
        }
        sites.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
