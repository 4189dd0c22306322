//! Stages that try several ways, and keep what is smallest.

use super::{Options, Way, run, run_passes};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::ui::Ui;
use crate::{compressed, exec};

/// What the best of several ways makes of a module, and how each did. The first is kept where none is better.
pub(super) fn smallest(
    what: &str,
    module: &[u8],
    ways: &[Way],
    options: &Options,
    ui: &Ui,
    report: &mut Report,
) -> Result<(Vec<u8>, String)> {
    let mut best: Option<(usize, Vec<u8>, &'static str)> = None;
    let mut sizes = Vec::new();
    for way in ways {
        let mut branch = report.branch();
        let made = run(what, module.to_vec(), &way.stages, options, ui, &mut branch)?;
        let size = compressed::size(&made, options.goal.measure());
        sizes.push(format!("{} {size}", way.name));
        // What is said of the whole is said of the last that was taken.
        if best.as_ref().is_none_or(|(smallest, ..)| size < *smallest) {
            best = Some((size, made, way.name));
        }
        report.take(branch, way.name);
    }
    let (_, module, name) = best.ok_or_else(|| Error::internal("there is no way to go"))?;
    Ok((module, format!("{name} is kept; bytes: {}", sizes.join(", "))))
}

/// The module in the order that gzip makes smallest, and how it did.
pub(super) fn densest(what: &str, module: &[u8], verify_each: bool) -> Result<(Vec<u8>, String)> {
    const ORDERS: [&[&str]; 3] = [
        &["reorder-locals"],
        &["reorder-functions-for-compression"],
        &["reorder-locals", "reorder-functions-for-compression"],
    ];
    let before = compressed::gzip(module);
    let ordered = exec::parallel(&ORDERS, |names| -> Result<_> {
        let module = run_passes(what, module, names, verify_each)?;
        Ok((compressed::gzip(&module), module, names.join(", ")))
    });
    let mut best = (before, module.to_vec(), "as it was".to_string());
    for candidate in ordered {
        let candidate = candidate?;
        if candidate.0 < best.0 {
            best = candidate;
        }
    }
    Ok((best.1, format!("{}; by gzip {before} -> {} bytes", best.2, best.0)))
}
