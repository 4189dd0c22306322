//! What a build did: for `-v` while it runs, and as JSON for `--json`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compressed;
use crate::error::{Error, Result};
use crate::output;
use crate::toolchain::Tool;

/// Everything worth knowing about a finished build.
#[derive(Debug, Serialize)]
pub struct Report {
    wbuild: &'static str,
    target: String,
    level: String,
    output: PathBuf,
    size: usize,
    /// The same compressed, by [`compressed::gzip`] and [`compressed::brotli`].
    gzip: usize,
    brotli: usize,
    sha256: String,
    /// Of linkings that were tried, the one that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    hardened: bool,
    /// What hardening did, where it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    hardening: Option<serde_json::Value>,
    /// What initialization did, where it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<serde_json::Value>,
    /// Why another run could come out otherwise; empty where it cannot.
    not_reproducible: Vec<String>,
    tools: Vec<Tool>,
    stages: Vec<Stage>,
    /// The module was made by an earlier build; the stages are that build's, and took no time now.
    from_cache: bool,
    milliseconds: f64,
    /// The most memory that this process held at a time, in bytes; its children's is not in it.
    /// Only Linux tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<u64>,
    #[serde(skip)]
    start: Instant,
}

/// A stage that has just ended.
pub struct Timing {
    pub name: String,
    pub start: Instant,
    /// Sizes of the module, where there is one.
    pub before: Option<usize>,
    pub after: Option<usize>,
    pub note: Option<String>,
}

/// What a report says of a result, wherever the result came from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    kept: Option<String>,
    hardened: bool,
    hardening: Option<serde_json::Value>,
    stages: Vec<Stage>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stage {
    name: String,
    milliseconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_before: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_after: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Report {
    /// An empty report; the clock starts.
    pub fn new(target: &str, level: &str) -> Report {
        Report {
            wbuild: env!("CARGO_PKG_VERSION"),
            target: target.to_string(),
            level: level.to_string(),
            output: PathBuf::new(),
            size: 0,
            gzip: 0,
            brotli: 0,
            sha256: String::new(),
            kept: None,
            hardened: false,
            hardening: None,
            snapshot: None,
            not_reproducible: Vec::new(),
            tools: Vec::new(),
            stages: Vec::new(),
            from_cache: false,
            milliseconds: 0.0,
            peak_memory: None,
            start: Instant::now(),
        }
    }

    /// A report for one of several ways to link; [`Report::take`] brings it home.
    pub fn branch(&self) -> Report {
        Report { start: self.start, ..Report::new(&self.target, &self.level) }
    }

    /// Takes over what a branch saw, under its name.
    pub fn take(&mut self, branch: Report, name: &str) {
        self.not_reproducible.extend(branch.not_reproducible);
        self.kept = branch.kept.or(self.kept.take());
        // The last is the one that was kept, or as good: all of them were hardened, or none.
        self.hardened |= branch.hardened;
        self.hardening = branch.hardening.or(self.hardening.take());
        self.snapshot = branch.snapshot.or(self.snapshot.take());
        self.stages.extend(branch.stages.into_iter().map(|stage| Stage {
            name: if name.is_empty() { stage.name } else { format!("{name}: {}", stage.name) },
            ..stage
        }));
    }

    pub fn stage(&mut self, timing: Timing) {
        self.stages.push(Stage {
            name: timing.name,
            milliseconds: milliseconds(timing.start),
            size_before: timing.before,
            size_after: timing.after,
            note: timing.note,
        });
    }

    /// The module is hardened; `what` says what that took.
    pub fn hardened(&mut self, what: serde_json::Value) {
        self.hardened = true;
        self.hardening = Some(what);
    }

    /// The module is a snapshot; `what` says of what.
    pub fn snapshot(&mut self, what: serde_json::Value) {
        self.snapshot = Some(what);
    }

    pub fn tools(&mut self, tools: &[Tool]) {
        self.tools.extend_from_slice(tools);
    }

    pub fn not_reproducible(&mut self, why: String) {
        self.not_reproducible.push(why);
    }

    pub fn kept(&mut self, name: &str) {
        self.kept = Some(name.to_string());
    }

    /// What an answer in the cache needs; `None` where another run could come out otherwise.
    pub fn to_keep(&self) -> Option<Kept> {
        self.not_reproducible.is_empty().then(|| Kept {
            kept: self.kept.clone(),
            hardened: self.hardened,
            hardening: self.hardening.clone(),
            stages: self.stages.iter().map(|stage| Stage { milliseconds: 0.0, ..stage.clone() }).collect(),
        })
    }

    /// Takes over what was kept of the run that made a result.
    pub fn take_kept(&mut self, kept: Kept) {
        self.kept = kept.kept.or(self.kept.take());
        self.hardened |= kept.hardened;
        self.hardening = kept.hardening.or(self.hardening.take());
        self.stages.extend(kept.stages);
    }

    /// The whole module came from the cache.
    pub fn from_cache(&mut self) {
        self.from_cache = true;
    }

    /// The build is done, and this is what it made.
    pub fn finish(&mut self, output: &Path, module: &[u8]) {
        self.output = output.to_path_buf();
        self.size = module.len();
        self.milliseconds = milliseconds(self.start);
        self.peak_memory = peak_memory();
    }

    /// One line for each stage, for `-v`.
    pub fn lines(&self) -> Vec<String> {
        let size = |stage: &Stage| match (stage.size_before, stage.size_after) {
            (Some(before), Some(after)) => format!("  {before} -> {after} bytes"),
            (None, Some(after)) => format!("  {after} bytes"),
            _ => String::new(),
        };
        let note = |stage: &Stage| stage.note.as_ref().map_or(String::new(), |note| format!("  ({note})"));
        let mut lines: Vec<String> = self
            .stages
            .iter()
            .map(|s| format!("{:>9.1} ms  {}{}{}", s.milliseconds, s.name, size(s), note(s)))
            .collect();
        lines.push(format!("{:>9.1} ms  in all  {} bytes", self.milliseconds, self.size));
        lines
    }

    /// Writes the report on this module as JSON.
    pub fn write(&mut self, path: &Path, module: &[u8]) -> Result<()> {
        self.sha256 = Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect();
        (self.gzip, self.brotli) = (compressed::gzip(module), compressed::brotli(module));
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::internal("cannot write the report as JSON").cause(e))?;
        output::write(path, (text + "\n").as_bytes())
    }
}

/// getrusage will not do: what it tells begins with the memory of whoever started us.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn milliseconds(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e4).round() / 10.0
}
