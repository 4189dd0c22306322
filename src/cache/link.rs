//! A link, cached: everything that it reads can be told from its words.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Cache, Dependency, Hasher, Key, Level, Printed};
use crate::error::Result;
use crate::output;
use crate::process::{Command, Limits, Output};

/// Words of wasm-ld's that write other files, or read some that no word names.
const REFUSED: &[&str] = &[
    "map",
    "reproduce",
    "why-extract",
    "lto-obj-path",
    "lto-cs-profile",
    "save-temps",
    "thinlto",
    "remarks",
    "plugin",
    "time-trace",
    "dependency-file",
    "cache",
];

/// What a link reads.
struct Inputs {
    question: Key,
    /// Those that other builds find in the same place.
    lasting: Vec<Dependency>,
}

impl Cache {
    /// Links, or writes what the same link gave before to `module`. Intermediate files are in the folders `scratch`.
    pub fn link(&self, command: &Command, module: &Path, scratch: &[&Path]) -> Result<Output> {
        let run = || command.run(Limits::default());
        if !self.is_on() {
            return run();
        }
        let Some(inputs) = self.inputs(command, module, scratch) else {
            self.unknown("a link that reads or writes more than it says is not kept");
            return run();
        };
        if let Some(parts) = self.recall(Level::Link, &inputs.question)
            && let [printed, bytes] = &parts[..]
            && let Ok(printed) = serde_json::from_slice::<Printed>(printed)
        {
            output::write(module, bytes)?;
            self.read(inputs.lasting);
            return Ok(printed.into());
        }
        let output = run()?;
        if !output.status.success() {
            return Ok(output);
        }
        // What changed meanwhile may have been read before or after.
        match self.inputs(command, module, scratch) {
            Some(after) if after.question == inputs.question => {
                if let (Ok(bytes), Ok(printed)) = (std::fs::read(module), serde_json::to_vec(&Printed::of(&output))) {
                    self.remember(&inputs.question, &[&printed, &bytes]);
                }
                self.read(inputs.lasting);
            }
            _ => self.unknown("an input of the link changed while it ran"),
        }
        Ok(output)
    }

    fn inputs(&self, command: &Command, module: &Path, scratch: &[&Path]) -> Option<Inputs> {
        let mut hasher = self.question("link")?.bytes(&self.tools.get()?.0).text(&command.program);
        let mut lasting = Vec::new();
        let words = &command.args;
        if words.iter().any(is_refused) {
            return None;
        }
        let folders = library_folders(words);
        for word in words {
            hasher = match word == module.as_os_str() {
                true => hasher.text("the module"),
                false => self.word(hasher, word, scratch, &mut lasting)?,
            };
            if let Some(name) = word.to_str().and_then(|word| word.strip_prefix("-l")) {
                hasher = self.library(hasher, name, &folders, &mut lasting)?;
            }
        }
        Some(Inputs { question: hasher.key(), lasting })
    }

    /// Takes in a word, and the content of the file that it names or that stands behind its `=`.
    fn word(
        &self,
        hasher: Hasher,
        word: &OsString,
        scratch: &[&Path],
        lasting: &mut Vec<Dependency>,
    ) -> Option<Hasher> {
        let text = word.to_str()?;
        let path = Path::new(text);
        if let Some(name) = scratch.iter().find_map(|folder| path.strip_prefix(folder).ok()) {
            return Some(hasher.text("intermediate").text(name).bytes(&self.content(path)?.0));
        }
        let mut hasher = hasher.text(text);
        for path in [Some(path), text.split_once('=').map(|(_, value)| Path::new(value))].into_iter().flatten() {
            let known = self.programs.get().is_some_and(|programs| programs.iter().any(|program| program == path));
            if !known && path.is_file() {
                hasher = self.file(hasher, path.to_path_buf(), lasting)?;
            }
        }
        Some(hasher)
    }

    /// The first library of that name on the search path, and that none is in front of it.
    fn library(
        &self,
        mut hasher: Hasher,
        name: &str,
        folders: &[PathBuf],
        lasting: &mut Vec<Dependency>,
    ) -> Option<Hasher> {
        let names = match name.strip_prefix(':') {
            Some(file) => vec![file.to_string()],
            None => vec![format!("lib{name}.so"), format!("lib{name}.a")],
        };
        for path in folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))) {
            if path.is_file() {
                return self.file(hasher, path, lasting);
            }
            hasher = hasher.text("not there").text(&path);
            lasting.push(Dependency { path, content: None });
        }
        Some(hasher)
    }

    fn file(&self, hasher: Hasher, path: PathBuf, lasting: &mut Vec<Dependency>) -> Option<Hasher> {
        let content = self.content(&path)?;
        // Its members are other files.
        if starts_with(&path, b"!<thin>") {
            return None;
        }
        lasting.push(Dependency { path, content: Some(content) });
        Some(hasher.bytes(&content.0))
    }
}

impl Printed {
    pub(super) fn of(output: &Output) -> Printed {
        Printed { stdout: output.stdout.clone(), stderr: output.stderr.clone() }
    }
}

impl From<Printed> for Output {
    fn from(printed: Printed) -> Output {
        Output {
            status: Default::default(),
            stdout: printed.stdout,
            stderr: printed.stderr,
            elapsed: Default::default(),
            timed_out: false,
        }
    }
}

fn is_refused(word: &OsString) -> bool {
    let Some(text) = word.to_str() else { return true };
    let option = text.split('=').next().unwrap_or_default();
    text.starts_with('@')
        || (option.starts_with('-')
            && !option.starts_with("-l")
            && !option.starts_with("-L")
            && !option.starts_with("--export")
            && REFUSED.iter().any(|refused| option.to_lowercase().contains(refused)))
}

/// Where libraries are looked for, in order.
fn library_folders(words: &[OsString]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut words = words.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word.strip_prefix("-L").or_else(|| word.strip_prefix("--library-path=")) {
            Some("") => folders.extend(words.next().map(PathBuf::from)),
            Some(folder) => folders.push(PathBuf::from(folder)),
            None => {}
        }
    }
    folders
}

fn starts_with(path: &Path, magic: &[u8]) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).map(|file| file.take(magic.len() as u64).read_to_end(&mut head));
    read.is_ok() && head == magic
}
