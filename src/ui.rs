//! The one place that prints: messages on standard error, progress on a terminal, silence elsewhere.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

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
    said: Mutex<BTreeSet<String>>,
    bar: Option<ProgressBar>,
}

impl Ui {
    /// Progress appears on a terminal only, and never under `-q` or `-v`.
    pub fn new(verbosity: Verbosity) -> Ui {
        let bar = (verbosity == Verbosity::Normal && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("a valid template"));
            bar
        });
        Ui { verbosity, said: Mutex::default(), bar }
    }

    /// Without progress, for one of many processes that share a terminal.
    pub fn plain(verbosity: Verbosity) -> Ui {
        Ui { verbosity, said: Mutex::default(), bar: None }
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
        let new = self.said.lock().unwrap_or_else(|e| e.into_inner()).insert(text.as_ref().to_string());
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
            self.line(text.trim_end_matches('\n'));
        }
    }

    /// What a program printed that ran while building, even under `-q`; once, where two ways of one build ran it.
    pub fn program_output(&self, text: &str) {
        let new = self.said.lock().unwrap_or_else(|e| e.into_inner()).insert(text.to_string());
        if new {
            self.diagnostics(text);
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

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }
}
