//! Hardening together with its proof, so that a module is only given out with what the checker says of it.

use crate::check::{self, Certificate, Kind, Status};
use crate::{Error, harden};

/// A hardened module and what the checker says of it.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The module.
    pub module: Vec<u8>,
    /// What was done to it.
    pub report: harden::Report,
    /// What the checker says of exactly these bytes. The verdict need not be that the module is deterministic.
    pub certificate: Certificate,
    /// Whether a guard stands behind every operator that may make a NaN.
    pub eager: bool,
}

/// Hardens a module and checks the result. Where the checker cannot follow how NaNs are kept in, the module is
/// hardened eagerly and checked again: guards behind every operator that may make a NaN are easily followed.
///
/// The input is validated once and so is what comes out, by the pass; the checker takes it as it is.
pub fn harden_and_check(bytes: &[u8], options: &harden::Options) -> Result<Proved, Error> {
    let proved = once(bytes, options)?;
    if options.eager || !leaves_nans_open(&proved.certificate) {
        return Ok(proved);
    }
    once(bytes, &harden::Options { eager: true, ..*options })
}

fn once(bytes: &[u8], options: &harden::Options) -> Result<Proved, Error> {
    let (module, report) = harden::harden(bytes, options)?;
    let certificate = check::check_valid(&module, &check::Options { js_boundary: options.js_boundary })?;
    Ok(Proved { module, report, certificate, eager: options.eager })
}

/// Whether it is NaN bits that are not proved, the only thing that guards can change.
fn leaves_nans_open(certificate: &Certificate) -> bool {
    certificate.sources.iter().any(|source| source.kind == Kind::NanBits && source.status > Status::Given)
}
