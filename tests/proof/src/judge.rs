//! One module: whether NaNs matter in it, and whether they still do once it is hardened.

use wbuild_passes::check::{self, Certificate, Kind, Status};
use wbuild_passes::harden::{self, Report};
use wbuild_passes::harden_and_check;

use crate::chaos;
use crate::guards::{self, Guard};
use crate::observe::{Observed, Verdict};
use crate::reference::{self, Calls};
use crate::second::{self, Compiler};

/// How a module is run.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// All its exports, on made-up values.
    Exports(Calls),
    /// As a program with these arguments.
    Program(&'a [&'a str]),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Hardened, it does under every chaos what the original does under the deterministic profile.
    Held {
        /// Whether chaos changes the module as it was: else this proves little.
        sensitive: bool,
        guards: u32,
    },
    /// wasmi sees a difference, and wasmtime with canonical NaNs sees none in the same runs.
    Disputed(String),
    /// Nothing can be said.
    Skipped(String),
    Failed(String),
}

/// The engines that judge.
pub struct Judge {
    first: wasmi::Engine,
    second: wasmtime::Engine,
}

/// How many seeds may be tried to show that chaos changes an unhardened module.
const TRIES: u64 = 5;
/// How many seeds a module gets that chaos does not change unhardened.
const FEW: u64 = 4;

impl Judge {
    /// `fuel`: whether exports are called, which may not end, or programs, which do.
    pub fn new(fuel: bool) -> Result<Judge, String> {
        Ok(Judge { first: reference::engine(fuel), second: second::engine(Compiler::Canonical, fuel)? })
    }

    /// Hardens a module and runs both; `seeds` is how many of the chaos.
    pub fn judge(&self, bytes: &[u8], options: &harden::Options, seeds: u64, way: Way<'_>) -> Judgement {
        self.try_judge(bytes, options, seeds, way).unwrap_or_else(Judgement::Skipped)
    }

    fn try_judge(
        &self,
        bytes: &[u8],
        options: &harden::Options,
        seeds: u64,
        way: Way<'_>,
    ) -> Result<Judgement, String> {
        let before = run(&reference::Subject::original(&self.first, bytes)?, way, None)?;
        if !before.conclusive() {
            return Err("out of fuel or stack".to_string());
        }
        let wild = reference::Subject::changed(&self.first, &chaos(bytes, 0).map_err(|e| e.to_string())?)?;
        let mut sensitive = false;
        for seed in 0..TRIES.min(seeds) {
            sensitive |= matches!(before.compare(&run(&wild, way, Some(seed))?), Verdict::Different(_));
        }
        let (hardened, report) = match hardened(bytes, options) {
            Ok(hardened) => hardened,
            Err(why) => return Ok(Judgement::Failed(why)),
        };
        let tame = match reference::Subject::changed(&self.first, &hardened) {
            Ok(tame) => tame,
            Err(e) => return Ok(Judgement::Failed(format!("the engine refuses the hardened module: {e}"))),
        };
        if let Verdict::Different(what) = before.compare(&run(&tame, way, None)?) {
            return self.confirm(bytes, &hardened, way, None, format!("hardened, without chaos: {what}"));
        }
        let under_chaos = chaos(&hardened, 0).map_err(|e| e.to_string())?;
        let tame = reference::Subject::changed(&self.first, &under_chaos)?;
        // Where no NaN shows, more seeds show nothing.
        let seeds = if sensitive { seeds } else { seeds.min(FEW) };
        for seed in 0..seeds {
            if let Verdict::Different(what) = before.compare(&run(&tame, way, Some(seed))?) {
                let what = format!("hardened, chaos {seed}: {what}");
                return self.confirm(bytes, &under_chaos, way, Some(seed), what);
            }
        }
        Ok(Judgement::Held { sensitive, guards: report.guards_inserted() })
    }

    /// Takes every guard out of a hardened module, one at a time; gives how many there are, and those that neither
    /// the checker nor chaos misses. `original` is what it was made of.
    pub fn unmissed_guards(
        &self,
        original: &[u8],
        hardened: &[u8],
        seeds: u64,
        way: Way<'_>,
    ) -> Result<(usize, Vec<Guard>), String> {
        let all = guards::guards(hardened).map_err(|e| e.to_string())?;
        let before = run(&reference::Subject::original(&self.first, original)?, way, None)?;
        let mut unmissed = Vec::new();
        for guard in &all {
            let without = guards::without(hardened, *guard).map_err(|e| e.to_string())?;
            if objections(&without, false).is_err() {
                continue;
            }
            let wild = chaos(&without, 0).map_err(|e| e.to_string())?;
            let wild = reference::Subject::changed(&self.first, &wild)?;
            let mut missed = false;
            for seed in 0..seeds {
                missed |= matches!(before.compare(&run(&wild, way, Some(seed))?), Verdict::Different(_));
            }
            if !missed {
                unmissed.push(*guard);
            }
        }
        Ok((all.len(), unmissed))
    }

    /// The same runs in the other engine.
    fn confirm(
        &self,
        before: &[u8],
        after: &[u8],
        way: Way<'_>,
        seed: Option<u64>,
        what: String,
    ) -> Result<Judgement, String> {
        let run = |bytes, changed, seed| -> Result<Observed, String> {
            let subject = second::Subject::new(&self.second, bytes, changed)?;
            match way {
                Way::Exports(calls) => subject.call_exports(calls, seed),
                Way::Program(args) => subject.run_program(args, seed),
            }
        };
        let verdict = run(before, false, None)?.compare(&run(after, true, seed)?);
        Ok(if verdict == Verdict::Same { Judgement::Disputed(what) } else { Judgement::Failed(what) })
    }
}

fn run(subject: &reference::Subject, way: Way<'_>, seed: Option<u64>) -> Result<Observed, String> {
    match way {
        Way::Exports(calls) => subject.call_exports(calls, seed),
        Way::Program(args) => subject.run_program(args, seed),
    }
}

/// Hardens as a build does, and holds the result to what can be said of it without running it: the checker accepts it,
/// and hardening it again changes nothing.
pub fn hardened(bytes: &[u8], options: &harden::Options) -> Result<(Vec<u8>, Report), String> {
    let proved = harden_and_check(bytes, options).map_err(|e| format!("not hardened: {e}"))?;
    objections_in(&proved.certificate)?;
    let options = harden::Options { eager: proved.eager, ..*options };
    let (again, _) = harden::harden(&proved.module, &options).map_err(|e| format!("not hardened twice: {e}"))?;
    if again != proved.module {
        return Err(format!("hardening twice gives {} bytes, once {}", again.len(), proved.module.len()));
    }
    Ok((proved.module, proved.report))
}

/// What the checker has to say against the floats, the vectors and the growth of a module.
pub fn objections(bytes: &[u8], js_boundary: bool) -> Result<(), String> {
    objections_in(&check::check(bytes, &check::Options { js_boundary }).map_err(|e| format!("not checked: {e}"))?)
}

fn objections_in(certificate: &Certificate) -> Result<(), String> {
    let concerns = |kind| matches!(kind, Kind::NanBits | Kind::Simd | Kind::Growth | Kind::Proposals);
    let bad = |status| matches!(status, Status::NotProved | Status::Nondeterministic);
    match certificate.sources.iter().find(|source| concerns(source.kind) && bad(source.status)) {
        Some(source) => Err(format!("the checker: {}: {:?}", source.summary, source.findings.first())),
        None => Ok(()),
    }
}
