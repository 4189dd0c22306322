//! Determinism hardening.

mod build;
mod control;
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
use graph::Site;
use insert::{Nan, Nans};
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
    let mut report = Report::default();
    refuse::check(module, options)?;
    grow::run(module, &mut report)?;
    if options.simd {
        relaxed::run(module, &mut report)?;
    }
    floats(module, options, &mut report)?;
    Ok(report)
}

/// Guards floats where their bits are observed.
fn floats(module: &mut Module<'_>, options: &Options, report: &mut Report) -> Result<(), Error> {
    let graph = build::build(module, options)?;
    let links = Links::new(&graph);
    let (plan, states) = place::place(&graph, &links)?;
    report.count(&graph, &links, &plan, &states);
    report.fell_back.clone_from(&graph.fell_back);
    let guards = place::guards(&graph, &plan);
    let kinds = insert::kinds(&graph, &states, &guards);
    let nans = match guards.is_empty() {
        true => return Ok(()),
        false => Nans::choose(module, insert::counts(&kinds)),
    };
    let mut sites: Vec<(Site, Nan)> = Vec::new();
    let mut all = guards.iter().zip(&kinds).peekable();
    while let Some((guard, kind)) = all.next() {
        report.count_guard(*kind, report::reason(guard));
        sites.push((guard.site, *kind));
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
