//! One source compiled to one object, cached: what may be kept, and which files decide it.
//!
//! Not kept, because something else than the words, the environment and the listed files decides or is written:
//! plugins, precompiled headers, modules, profiles, coverage, split or separate outputs ([`doubt::refused`]),
//! assembly that includes files by itself (`.incbin`), `__DATE__` and its kin where SOURCE_DATE_EPOCH is not set, and
//! whatever was compiled while one of its files changed.
//!
//! A header that appears where the compiler would have found it first makes an answer stale, though no file that was
//! read changed. So the answer also holds the paths of every header, and of everything in a `__has_include`, below each
//! folder that the command line or `CPATH` names, where there is none.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use super::key::Stamp;
use super::{Cache, Dependency, Hasher, Key, Level, Printed, TICK, doubt};
use crate::error::Result;
use crate::process::{Command, Limits, Output, Scratch};
use crate::{depfile, output};

/// A compilation of one source with `-c`.
pub struct Compile<'a> {
    /// The whole command: it compiles `source` to `object`.
    pub command: &'a Command,
    /// `-` is standard input.
    pub source: &'a Path,
    /// What is on standard input.
    pub input: &'a [u8],
    pub object: &'a Path,
}

/// Variables that clang heeds.
const HEEDED: &[&str] = &[
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "SOURCE_DATE_EPOCH",
    "CCC_OVERRIDE_OPTIONS",
    "LANG",
    "LC_ALL",
    "LC_MESSAGES",
    "COMPILER_PATH",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "TERM",
];
/// Those that hold folders of headers.
const SEARCHED: &[&str] = &["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"];
/// Words whose next word is a folder or file to look for headers in.
const FOLDERS: &[&str] = &["-I", "-iquote", "-isystem", "-idirafter", "-cxx-isystem", "-iwithprefix"];

impl Cache {
    /// Compiles, or writes what the same compilation gave before: object, list of headers and diagnostics.
    pub fn compile(&self, job: &Compile) -> Result<Output> {
        let run = || job.command.run_with_input(job.input, Limits::default());
        if !self.is_on() {
            return run();
        }
        let question = match doubt::refused(job) {
            None => self.compilation(job),
            Some(why) => {
                self.unknown(format!("{}: {why}, so it is not kept", job.source.display()));
                return run();
            }
        };
        let Some(question) = question else {
            self.unknown(format!("{} cannot be looked up", job.source.display()));
            return run();
        };
        if let Some(parts) = self.recall_by_files(Level::Object, &question)
            && let Some(output) = job.restore(&parts)?
        {
            return Ok(output);
        }
        let start = SystemTime::now();
        let scratch = Scratch::new()?;
        let (command, list) = job.listing(scratch.path());
        let output = command.run_with_input(job.input, Limits::default())?;
        if !output.status.success() {
            return Ok(output);
        }
        let files = list.files(job, scratch.path()).ok_or_else(|| "its headers are not known".to_string());
        let files = files.and_then(|files| self.judged(job, files, start));
        match files {
            Ok(files) if self.compilation(job) == Some(question) => {
                self.keep(job, &question, &files, &output);
                self.read(files);
            }
            Ok(_) => self.unknown(format!("{} changed while it was compiled", job.source.display())),
            Err(why) => self.unknown(format!("{}: {why}, so it is not kept", job.source.display())),
        }
        Ok(output)
    }

    fn keep(&self, job: &Compile, question: &Key, files: &[Dependency], output: &Output) {
        let (Ok(object), Ok(printed)) = (std::fs::read(job.object), serde_json::to_vec(&Printed::of(output))) else {
            return;
        };
        match job.depfile().map(std::fs::read) {
            None => self.remember_by_files(question, files, &[&printed, &object]),
            Some(Ok(list)) => self.remember_by_files(question, files, &[&printed, &object, &list]),
            Some(Err(_)) => {}
        }
    }

    /// What is known before the compiler runs.
    fn compilation(&self, job: &Compile) -> Option<Key> {
        let tools = self.tools.get()?;
        let command = job.command;
        let folder = std::env::current_dir().ok()?;
        let neutral = job.neutral(&folder);
        let mut hasher = self.question("object")?.bytes(&tools.0).text(&command.program).number(neutral.len() as u64);
        for word in &neutral {
            hasher = hasher.text(word);
        }
        // What is told of the folder by these words is that it must not matter.
        if !neutral.iter().any(|word| word == HERE) || !command.args.iter().any(|w| w == "-fdebug-compilation-dir=.") {
            hasher = hasher.text(&folder).text(std::env::var_os("PWD").unwrap_or_default());
        }
        for (name, value) in &command.env {
            hasher = hasher.text(name).text(value);
        }
        if command.alone_in.is_none() {
            hasher = environment(hasher);
        }
        Some(
            match job.source == Path::new("-") {
                true => hasher.bytes(job.input),
                false => hasher.bytes(&self.content(job.source)?.0),
            }
            .key(),
        )
    }

    /// The files that decide the answer, with their contents; or why it must not be kept.
    fn judged(&self, job: &Compile, files: Vec<PathBuf>, start: SystemTime) -> Result<Vec<Dependency>, String> {
        let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
        let mut found = Vec::new();
        let standard = (job.source == Path::new("-")).then_some(job.input);
        let assembly = job.language() == Some("assembler");
        if let Some(text) = standard {
            doubt::scan(text, job.has_fixed_date(), assembly, &mut wanted)?;
        }
        for path in &files {
            if standard.is_some() && (path == Path::new("-") || path == Path::new("<stdin>")) {
                continue;
            }
            let shown = path.display();
            let stamp = Stamp::of(path).map_err(|e| format!("{shown}: {e}"))?;
            if path != job.source && stamp.changed + TICK >= start {
                return Err(format!("{shown} is as new as the compilation"));
            }
            let text = std::fs::read(path).map_err(|e| format!("{shown}: {e}"))?;
            doubt::scan(&text, job.has_fixed_date(), assembly, &mut wanted).map_err(|why| format!("{shown}: {why}"))?;
            let content = self.content(path).filter(|_| Stamp::of(path).is_ok_and(|after| after == stamp));
            found.push(Dependency {
                path: path.clone(),
                content: Some(content.ok_or_else(|| format!("{shown} changed while it was read"))?),
            });
        }
        found.extend(job.shadows(&files, wanted).into_iter().map(|path| Dependency { path, content: None }));
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// Takes in what clang heeds of the environment.
pub(super) fn environment(hasher: Hasher) -> Hasher {
    let set = HEEDED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    set.fold(hasher, |hasher, (name, value)| hasher.text(name).text(value))
}

/// What a word becomes that names the current folder only to make it go away.
const HERE: &str = "-ffile-prefix-map=<here>/=./";

impl Compile<'_> {
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.command.args.iter().map(|word| word.to_str().unwrap_or_default())
    }

    /// Where the list of headers goes that the command's own `-MD` or `-MMD` asks for.
    pub(super) fn depfile(&self) -> Option<PathBuf> {
        self.words().any(|word| word == "-MD" || word == "-MMD").then(|| {
            let mut path = self.object.with_extension("d");
            let mut words = self.words();
            while let Some(word) = words.next() {
                match word.strip_prefix("-MF") {
                    Some("") => path = words.next().unwrap_or_default().into(),
                    Some(joined) => path = joined.into(),
                    None => {}
                }
            }
            path
        })
    }

    /// What it is, as far as lists of headers go: `c` for whatever is preprocessed.
    pub(super) fn language(&self) -> Option<&'static str> {
        let mut forced = None;
        let mut words = self.words();
        while let Some(word) = words.next() {
            match word.strip_prefix("-x") {
                Some("") => forced = words.next(),
                Some(name) => forced = Some(name),
                None => {}
            }
        }
        match forced {
            Some("c" | "c++" | "assembler-with-cpp") => return Some("c"),
            Some("ir") => return Some("ir"),
            Some("assembler") => return Some("assembler"),
            Some("none") | None => {}
            Some(_) => return None,
        }
        match self.source.extension()?.to_str()? {
            "c" | "cc" | "cpp" | "cxx" | "C" | "c++" | "CPP" | "cp" | "S" | "sx" => Some("c"),
            "ll" | "bc" => Some("ir"),
            "s" => Some("assembler"),
            _ => None,
        }
    }

    /// The words without what must not matter: where the object and the list of headers go, and where we are.
    fn neutral(&self, folder: &Path) -> Vec<OsString> {
        let mut here = OsString::from("-ffile-prefix-map=");
        here.push(folder);
        here.push("/=./");
        // Without a target of its own, the list of headers names the object.
        let named = self.words().any(|word| word.starts_with("-MT") || word.starts_with("-MQ"));
        let object_matters = self.depfile().is_some() && !named;
        let mut joined = OsString::from("-o");
        joined.push(self.object);
        let list = self.depfile().map(PathBuf::into_os_string);
        let word = |word: &OsString| match () {
            () if list.as_ref() == Some(word) => "<list>".into(),
            () if *word == here => HERE.into(),
            () if !object_matters && (word == self.object.as_os_str() || *word == joined) => "<object>".into(),
            () => word.clone(),
        };
        self.command.args.iter().map(word).collect()
    }

    /// Whether `__DATE__` is always the same.
    fn has_fixed_date(&self) -> bool {
        let name = "SOURCE_DATE_EPOCH";
        self.command.env.iter().any(|(known, _)| known == name)
            || (self.command.alone_in.is_none() && std::env::var_os(name).is_some())
    }

    /// Writes what was kept; `None` where it is not of this form.
    fn restore(&self, parts: &[Vec<u8>]) -> Result<Option<Output>> {
        let (printed, object, list) = match (parts, self.depfile()) {
            ([printed, object], None) => (printed, object, None),
            ([printed, object, list], Some(path)) => (printed, object, Some((path, list))),
            _ => return Ok(None),
        };
        let Ok(printed) = serde_json::from_slice::<Printed>(printed) else { return Ok(None) };
        if let Some((path, list)) = list {
            output::write(&path, list)?;
        }
        // Last, as a compiler does: make looks at the object.
        output::write(self.object, object)?;
        Ok(Some(printed.into()))
    }

    /// The command that also says which headers it reads, and where that will stand.
    fn listing(&self, scratch: &Path) -> (Command, List) {
        let mut command = self.command.clone();
        match (self.language(), self.depfile()) {
            (Some("ir" | "assembler"), _) => (command, List::SourceOnly),
            (_, Some(_)) if self.words().any(|word| word == "-MMD") => (command, List::AskAgain),
            (_, Some(path)) => (command, List::In(path)),
            (_, None) => {
                let path = scratch.join("headers.d");
                command.args(["-MD", "-MT", "object", "-MF"]).arg(&path);
                (command, List::In(path))
            }
        }
    }

    /// Paths where there is nothing, and where a header would be found before one of `files`, or one that is `wanted`.
    fn shadows(&self, files: &[PathBuf], wanted: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
        folders.insert(self.source.parent().unwrap_or(Path::new("")).to_path_buf());
        let mut words = self.words();
        while let Some(word) = words.next() {
            let Some(option) = FOLDERS.iter().find(|option| word.starts_with(**option)) else { continue };
            let folder = match &word[option.len()..] {
                "" => words.next().unwrap_or_default(),
                joined => joined,
            };
            folders.insert(PathBuf::from(folder));
        }
        for value in SEARCHED.iter().filter_map(std::env::var_os) {
            folders.extend(std::env::split_paths(&value));
        }
        let mut names = wanted;
        for file in files.iter().filter(|file| *file != self.source) {
            // How it was written in the source is not known: by its name, or with one or two folders in front.
            let parts: Vec<Component> = file.components().collect();
            for count in 1..=3.min(parts.len()) {
                let name: PathBuf = parts[parts.len() - count..].iter().collect();
                if name.is_relative() {
                    names.insert(name);
                }
            }
        }
        let mut shadows = BTreeSet::new();
        for (folder, name) in folders.iter().flat_map(|folder| names.iter().map(move |name| (folder, name))) {
            // The first part that is missing says it for all that would lie below.
            let mut path = folder.clone();
            for part in name.components() {
                path.push(part);
                if !path.exists() {
                    shadows.insert(path);
                    break;
                }
            }
        }
        shadows
    }
}

/// How the headers become known.
enum List {
    In(PathBuf),
    /// The user's own list leaves system headers out, so the preprocessor is asked for all.
    AskAgain,
    SourceOnly,
}

impl List {
    fn files(&self, job: &Compile, scratch: &Path) -> Option<Vec<PathBuf>> {
        let read = |path: &Path| depfile::parse(&std::fs::read_to_string(path).ok()?);
        match self {
            List::In(path) => read(path),
            List::SourceOnly => Some(vec![job.source.to_path_buf()]),
            List::AskAgain => {
                let path = scratch.join("headers.d");
                let mut command = job.command.clone();
                let (mut words, mut args) = (job.command.args.iter(), Vec::new());
                while let Some(word) = words.next() {
                    match word.to_str() {
                        Some("-MMD" | "-MD" | "-MP" | "-c") => {}
                        Some("-MF" | "-MT" | "-MQ" | "-o") => drop(words.next()),
                        Some(word) if ["-MF", "-MT", "-MQ", "-o"].iter().any(|option| word.starts_with(option)) => {}
                        _ => args.push(word.clone()),
                    }
                }
                command.args = args;
                command.args(["-M", "-w", "-MT", "object", "-MF"]).arg(&path);
                let output = command.run_with_input(job.input, Limits::default()).ok()?;
                output.status.success().then(|| read(&path))?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<'a>(command: &'a Command) -> Compile<'a> {
        Compile { command, source: Path::new("a.c"), input: &[], object: Path::new("out/a.o") }
    }

    fn command(words: &str) -> Command {
        let mut command = Command::new("clang");
        command.args(words.split(' '));
        command
    }

    #[test]
    fn the_list_of_headers_goes_where_clang_would_write_it() {
        let list = |words: &str| job(&command(words)).depfile();
        assert_eq!(list("-c a.c -o out/a.o"), None);
        assert_eq!(list("-c a.c -o out/a.o -MF x.d"), None);
        assert_eq!(list("-c a.c -o out/a.o -MD"), Some("out/a.d".into()));
        assert_eq!(list("-MMD -MF x.d -c a.c -o out/a.o"), Some("x.d".into()));
        assert_eq!(list("-MMD -MFx.d -MFy.d -c a.c -o out/a.o"), Some("y.d".into()));
    }

    #[test]
    fn where_the_object_goes_matters_only_where_the_list_names_it() {
        let neutral = |words: &str| job(&command(words)).neutral(Path::new("/here"));
        let named = |words: &str| neutral(words).iter().any(|word| word == "<object>");
        assert!(named("-c a.c -o out/a.o") && named("-c a.c -oout/a.o") && named("-c a.c -o out/a.o -MD -MT x"));
        assert!(!named("-c a.c -o out/a.o -MD"));
        assert!(neutral("-MD -MT x -MF a.d -c a.c -o out/a.o").iter().any(|word| word == "<list>"));
        assert!(neutral("-ffile-prefix-map=/here/=./").iter().any(|word| word == HERE));
        assert!(!neutral("-ffile-prefix-map=/there/=./").iter().any(|word| word == HERE));
    }
}
