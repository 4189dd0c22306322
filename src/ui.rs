//! The one place that prints: messages on standard error, progress on a terminal, silence elsewhere.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// `-q`: errors only.
    Quiet,
    #[default]
    Normal,
    /// `-v`: every command and stage.
    Verbose,
}

/// Prints notes and progress for one run.
#[derive(Debug)]
pub struct Ui {
    verbosity: Verbosity,
    /// Notes that were said: two ways of one build need not say the same twice.
    said: Arc<Mutex<BTreeSet<String>>>,
    bar: Option<ProgressBar>,
    /// What is being written down, by whoever asked for that.
    records: Vec<Arc<Mutex<Vec<Said>>>>,
}

/// What was said and belongs to a result: who takes the result from a cache says it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    Note(String),
    Diagnostics(String),
    ProgramOutput(String),
}

impl Said {
    pub fn text(&self) -> &str {
        let (Said::Note(text) | Said::Diagnostics(text) | Said::ProgramOutput(text)) = self;
        text
    }
}

impl Ui {
    /// Progress appears on a terminal only, and never under `-q` or `-v`.
    pub fn new(verbosity: Verbosity) -> Ui {
        let bar = (verbosity == Verbosity::Normal && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("a valid template"));
            bar
        });
        Ui { verbosity, said: Arc::default(), bar, records: Vec::new() }
    }

    /// The same, and what is said through it is also written down.
    pub fn recording(&self) -> Ui {
        let mut records = self.records.clone();
        records.push(Arc::default());
        Ui { verbosity: self.verbosity, said: self.said.clone(), bar: self.bar.clone(), records }
    }

    /// What was said since [`Ui::recording`].
    pub fn recorded(&self) -> Vec<Said> {
        self.records.last().map(|record| lock(record).clone()).unwrap_or_default()
    }

    /// Says again what was said before.
    pub fn replay(&self, said: &[Said]) {
        for said in said {
            match said {
                Said::Note(text) => self.note(text),
                Said::Diagnostics(text) => self.diagnostics(text),
                Said::ProgramOutput(text) => self.program_output(text),
            }
        }
    }

    /// Without progress, for one of many processes that share a terminal.
    pub fn plain(verbosity: Verbosity) -> Ui {
        Ui { verbosity, said: Arc::default(), bar: None, records: Vec::new() }
    }

    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Says what is being done now; replaces what was said before.
    pub fn progress(&self, message: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.into());
            bar.enable_steady_tick(Duration::from_millis(120));
        }
    }

    /// Takes the progress line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// A note worth reading that is no error, once: `note: ...`.
    pub fn note(&self, text: impl AsRef<str>) {
        self.record(|| Said::Note(text.as_ref().to_string()));
        let new = lock(&self.said).insert(text.as_ref().to_string());
        if new && self.verbosity > Verbosity::Quiet {
            self.line(&format!("note: {}", text.as_ref()));
        }
    }

    /// A line for `-v` only.
    pub fn verbose(&self, text: impl AsRef<str>) {
        if self.verbosity == Verbosity::Verbose {
            self.line(text.as_ref());
        }
    }

    /// A tool's diagnostics (warnings), unchanged, even under `-q`.
    pub fn diagnostics(&self, text: &str) {
        if !text.is_empty() {
            self.record(|| Said::Diagnostics(text.to_string()));
            self.line(text.trim_end_matches('\n'));
        }
    }

    /// What a program printed that ran while building, even under `-q`; once, where two ways of one build ran it.
    pub fn program_output(&self, text: &str) {
        self.record(|| Said::ProgramOutput(text.to_string()));
        if lock(&self.said).insert(text.to_string()) && !text.is_empty() {
            self.line(text.trim_end_matches('\n'));
        }
    }

    /// What a subcommand tells the person who typed it; not under `-q`.
    pub fn say(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.line(text);
        }
    }

    /// Asks on the terminal. `None` where there is none.
    pub fn confirm(&self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        self.clear();
        eprint!("{question} [y/N] ");
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    fn record(&self, said: impl Fn() -> Said) {
        self.records.iter().for_each(|record| lock(record).push(said()));
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
