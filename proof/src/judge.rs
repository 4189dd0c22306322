//! One module: whether NaNs matter in it, and whether they still do once it is hardened.

use wasmi::Engine;
use wbuild_passes::check::{self, Kind, Status};
use wbuild_passes::harden::{self, Report};

use crate::chaos;
use crate::observe::{Observed, Verdict};
use crate::reference::Subject;

/// How a module is run, with the seed of the chaos.
pub type Run<'a> = &'a dyn Fn(&Subject, Option<u64>) -> Result<Observed, String>;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Hardened, it does under every chaos what the original does under the deterministic profile.
    Held {
        /// Whether chaos changes the module as it was: else this proves little.
        sensitive: bool,
        guards: u32,
    },
    /// Nothing can be said.
    Skipped(String),
    Failed(String),
}

/// How many seeds may be tried to show that chaos changes an unhardened module.
const TRIES: u64 = 5;

/// Hardens a module and runs both; `seeds` is how many of the chaos.
pub fn judge(engine: &Engine, bytes: &[u8], options: &harden::Options, seeds: u64, run: Run<'_>) -> Judgement {
    match try_judge(engine, bytes, options, seeds, run) {
        Ok(judgement) => judgement,
        Err(why) => Judgement::Skipped(why),
    }
}

fn try_judge(
    engine: &Engine,
    bytes: &[u8],
    options: &harden::Options,
    seeds: u64,
    run: Run<'_>,
) -> Result<Judgement, String> {
    let before = run(&Subject::original(engine, bytes)?, None)?;
    if !before.conclusive() {
        return Err("out of fuel or stack".to_string());
    }
    let wild = Subject::changed(engine, &chaos(bytes, 0).map_err(|e| e.to_string())?)?;
    let mut sensitive = false;
    for seed in 0..TRIES.min(seeds) {
        sensitive |= matches!(before.compare(&run(&wild, Some(seed))?), Verdict::Different(_));
    }
    let (hardened, report) = match hardened(bytes, options) {
        Ok(hardened) => hardened,
        Err(why) => return Ok(Judgement::Failed(why)),
    };
    let failed = |why: String| Ok(Judgement::Failed(why));
    let tame = match Subject::changed(engine, &hardened) {
        Ok(tame) => tame,
        Err(e) => return failed(format!("the engine refuses the hardened module: {e}")),
    };
    if let Verdict::Different(what) = before.compare(&run(&tame, None)?) {
        return failed(format!("hardened, without chaos: {what}"));
    }
    let tame = Subject::changed(engine, &chaos(&hardened, 0).map_err(|e| e.to_string())?)?;
    for seed in 0..seeds {
        if let Verdict::Different(what) = before.compare(&run(&tame, Some(seed))?) {
            return failed(format!("hardened, chaos {seed}: {what}"));
        }
    }
    Ok(Judgement::Held { sensitive, guards: report.guards_inserted() })
}

/// Hardens, and holds the result to what can be said of it without running it: the checker accepts it, and hardening
/// it again changes nothing.
pub fn hardened(bytes: &[u8], options: &harden::Options) -> Result<(Vec<u8>, Report), String> {
    let (hardened, report) = harden::harden(bytes, options).map_err(|e| format!("not hardened: {e}"))?;
    objections(&hardened, options.js_boundary)?;
    let (again, _) = harden::harden(&hardened, options).map_err(|e| format!("not hardened twice: {e}"))?;
    if again != hardened {
        return Err(format!("hardening twice gives {} bytes, once {}", again.len(), hardened.len()));
    }
    Ok((hardened, report))
}

/// What the checker has to say against the floats, the vectors and the growth of a module.
pub fn objections(bytes: &[u8], js_boundary: bool) -> Result<(), String> {
    let certificate = check::check(bytes, &check::Options { js_boundary }).map_err(|e| format!("not checked: {e}"))?;
    let concerns = |kind| matches!(kind, Kind::NanBits | Kind::Simd | Kind::Growth | Kind::Proposals);
    let bad = |status| matches!(status, Status::NotProved | Status::Nondeterministic);
    match certificate.sources.iter().find(|source| concerns(source.kind) && bad(source.status)) {
        Some(source) => Err(format!("the checker: {}: {:?}", source.summary, source.findings.first())),
        None => Ok(()),
    }
}
