//! Results that were made before: objects, linked modules, modules that went through the stages, and whole builds.
//!
//! A question is a hash of all that is known before anything runs: the command's words, the environment that tools heed,
//! the tools' hashes, the source. Which headers a compiler reads is known only afterwards. So under the question lies a
//! list of the answers there were, each with every file that was read for it and the hash of its content, and with the
//! files that would have been read instead had they been there. An answer holds where all of them are as they were.
//!
//! Nothing about a cache is ever a reason to fail, and whatever is in doubt is not kept: see [`compile`] and [`link`].

mod command;
mod compile;
mod doubt;
mod key;
mod link;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub use command::{Args, command};
pub use compile::Compile;
use key::Stamp;
pub use key::{Dependency, Hasher, Key};
use store::Store;

use crate::config::{Config, Program};
use crate::report::Report;
use crate::settings;
use crate::toolchain::{self, Places, Tool};
use crate::ui::{Said, Ui, Verbosity};

/// Bytes of all entries together, where WBUILD_CACHE_SIZE says nothing.
const LIMIT: u64 = 2 << 30;
/// Answers to one question that are remembered: a header that changes back and forth is found again.
const ANSWERS: usize = 16;
/// The clock that stamps files ticks in steps, so a file may look a little older than it is.
const TICK: Duration = Duration::from_millis(10);

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// A whole build.
    Build,
    /// One source, compiled.
    Object,
    Link,
    /// The stages after the link.
    Stages,
}

/// Every level, with the word for it and the letters that count its hits and misses.
const LEVELS: [(Level, &str, [u8; 2]); 4] = [
    (Level::Build, "builds", *b"Bb"),
    (Level::Object, "objects", *b"Oo"),
    (Level::Link, "links", *b"Ll"),
    (Level::Stages, "stages", *b"Ss"),
];

/// The variable that turns the cache off.
pub const OFF: &str = "WBUILD_NO_CACHE";

/// Whether a command may use the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Use {
    #[default]
    Allowed,
    /// `--no-cache`
    Off,
}

/// The cache as one command sees it. It also collects which files the command read, for the build as a whole.
#[derive(Debug, Default)]
pub struct Cache {
    store: Option<Store>,
    /// Who answers: this wbuild, by the hash of its own program.
    own: Option<Key>,
    /// The compiler and linker that commands start.
    tools: OnceLock<Key>,
    /// Where they are: what is known by its hash need not be read as the input of a command.
    programs: OnceLock<Vec<PathBuf>>,
    /// Contents of files that were read, as long as they look the same.
    contents: Mutex<HashMap<PathBuf, (Stamp, Key)>>,
    reads: Mutex<Reads>,
    /// The first thing that went wrong, or was in doubt.
    trouble: Mutex<Option<String>>,
}

/// What was read so far.
#[derive(Debug)]
enum Reads {
    Known(BTreeMap<PathBuf, Option<Key>>),
    /// Something may have been read that nobody knows of.
    Unknown,
}

impl Default for Reads {
    fn default() -> Reads {
        Reads::Known(BTreeMap::new())
    }
}

/// Whether the environment turns the cache off.
pub fn is_off(places: &Places) -> bool {
    places.var(OFF).is_some_and(|value| value != "0")
}

impl Cache {
    /// The user's cache, unless it is not to be used, or cannot be.
    pub fn open(places: &Places, used: Use) -> Cache {
        let mut cache = Cache::default();
        if used == Use::Off || is_off(places) {
            return cache;
        }
        let own = || {
            let program = std::env::current_exe().ok()?;
            toolchain::sha256(places, &program).ok()
        };
        match (folder_and_limit(places), own()) {
            (Ok((folder, limit)), Some(own)) => match Store::open(folder, limit) {
                Ok(store) => (cache.store, cache.own) = (Some(store), Some(Key::of(own.as_bytes()))),
                Err(why) => cache.doubt(why),
            },
            (Err(why), _) => cache.doubt(why),
            (_, None) => cache.doubt("wbuild's own program cannot be read".to_string()),
        }
        cache
    }

    /// Whether anything can be found or kept.
    pub fn is_on(&self) -> bool {
        self.store.is_some()
    }

    /// Says which tools the commands start; before that none of them is looked up.
    pub fn uses(&self, tools: &[Tool]) {
        if !self.is_on() {
            return;
        }
        let hasher = tools.iter().fold(Hasher::new("tools"), |hasher, tool| {
            let hasher = hasher.text(&tool.name).text(&tool.version).text(&tool.path).text(&tool.sha256);
            libraries(&tool.path).iter().fold(hasher, Hasher::text)
        });
        let _ = self.tools.set(hasher.key());
        let _ = self.programs.set(tools.iter().map(|tool| tool.path.clone()).collect());
    }

    /// What went wrong or was in doubt, for `-v`.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// The beginning of every question: who answers it. `None` where nothing can be found or kept.
    pub fn question(&self, kind: &str) -> Option<Hasher> {
        Some(Hasher::new(kind).bytes(&self.own?.0))
    }

    /// The question for a whole program: all that is known before any tool runs.
    pub fn build(&self, config: &Config, program: &Program, color: bool, stdin: &[u8]) -> Option<Key> {
        // Initialization may look at folders and variables.
        // And objects in a temporary folder are not the same files twice.
        if config.preinit.is_some() || config.dry_run || !program.compiled.is_empty() {
            return None;
        }
        // How much is said, and where the module and the report go, changes no module.
        let (verbosity, output, launcher, json, notes) = (Verbosity::Normal, PathBuf::new(), None, None, Vec::new());
        let asked = Config { verbosity, output, launcher, json, notes, ..config.clone() };
        let mut hasher = self.question("build")?.bytes(&self.tools.get()?.0).text(format!("{asked:?}{color}"));
        hasher = compile::environment(hasher).bytes(stdin);
        for path in config.inputs().into_iter().filter(|path| *path != Path::new("-")) {
            hasher = hasher.bytes(&self.content(path)?.0);
        }
        // It also writes lists of headers.
        let lists = program.compile_args.iter().any(|word| word.to_string_lossy().starts_with("-M"));
        (!lists).then(|| hasher.key())
    }

    /// The parts of an answer to a question that nothing but the question decides.
    pub fn recall(&self, level: Level, question: &Key) -> Option<Vec<Vec<u8>>> {
        let store = self.store.as_ref()?;
        let parts = store.get(question).and_then(|bytes| split(&bytes));
        self.count(level, parts.is_some());
        parts
    }

    /// Keeps the answer to such a question.
    pub fn remember(&self, question: &Key, parts: &[&[u8]]) {
        let Some(store) = &self.store else { return };
        let mut head = (parts.len() as u32).to_le_bytes().to_vec();
        parts.iter().for_each(|part| head.extend((part.len() as u64).to_le_bytes()));
        if let Err(e) = store.put(question, &[&[head.as_slice()], parts].concat()) {
            self.doubt(format!("cannot write to {}: {e}", store.folder().display()));
        }
    }

    /// As [`Cache::recall`], for a question whose answer also depends on files that are found on the way.
    pub fn recall_by_files(&self, level: Level, question: &Key) -> Option<Vec<Vec<u8>>> {
        let store = self.store.as_ref()?;
        let found = self.answers(store, question).into_iter().find_map(|files| {
            if !files.iter().all(|file| self.content(&file.path) == file.content) {
                return None;
            }
            let parts = split(&store.get(&question.with(&files))?)?;
            Some((files, parts))
        });
        self.count(level, found.is_some());
        let (files, parts) = found?;
        self.read(files);
        Some(parts)
    }

    /// Keeps the answer to such a question.
    pub fn remember_by_files(&self, question: &Key, files: &[Dependency], parts: &[&[u8]]) {
        let Some(store) = &self.store else { return };
        self.remember(&question.with(files), parts);
        let mut answers = self.answers(store, question);
        // The newest is the likeliest to be asked for. Who writes at the same time may lose an answer, and finds it
        // missing the next time.
        answers.retain(|known| known != files);
        answers.insert(0, files.to_vec());
        answers.truncate(ANSWERS);
        if let Ok(json) = serde_json::to_vec(&answers)
            && let Err(e) = store.put(question, &[&json])
        {
            self.doubt(format!("cannot write to {}: {e}", store.folder().display()));
        }
    }

    fn answers(&self, store: &Store, question: &Key) -> Vec<Vec<Dependency>> {
        store.get(question).and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// The hash of a file's content; `None` where there is none to be read.
    pub fn content(&self, path: &Path) -> Option<Key> {
        let stamp = Stamp::of(path).ok()?;
        if let Some((known, key)) = lock(&self.contents).get(path)
            && *known == stamp
        {
            return Some(*key);
        }
        let key = Key::of(&std::fs::read(path).ok()?);
        // A file that changed only now may change again within the same tick of its clock.
        let settled = SystemTime::now().duration_since(stamp.changed).is_ok_and(|age| age > TICK);
        if settled && Stamp::of(path).is_ok_and(|after| after == stamp) {
            lock(&self.contents).insert(path.to_path_buf(), (stamp, key));
        }
        Some(key)
    }

    /// These files were read.
    fn read(&self, files: impl IntoIterator<Item = Dependency>) {
        let mut reads = lock(&self.reads);
        let Reads::Known(known) = &mut *reads else { return };
        for file in files {
            // What was read twice with two contents was changed while we worked.
            if known.insert(file.path, file.content).is_some_and(|before| before != file.content) {
                *reads = Reads::Unknown;
                return;
            }
        }
    }

    /// A file was read that no cached step reads by itself.
    pub fn depends_on(&self, path: &Path) {
        self.read([Dependency { path: path.to_path_buf(), content: self.content(path) }]);
    }

    /// What was read is no longer known, and why.
    pub fn unknown(&self, why: impl Into<String>) {
        *lock(&self.reads) = Reads::Unknown;
        self.doubt(why.into());
    }

    /// Every file that was read, if all are known.
    pub fn all_read(&self) -> Option<Vec<Dependency>> {
        match &*lock(&self.reads) {
            Reads::Known(files) => {
                Some(files.iter().map(|(path, content)| Dependency { path: path.clone(), content: *content }).collect())
            }
            Reads::Unknown => None,
        }
    }

    /// Keeps a module with what was said and reported while it was made, unless that speaks of `name`, under which the
    /// same module may be wanted next time, or of something that another run could do otherwise.
    pub fn remember_module(&self, question: &Key, files: Option<&[Dependency]>, made: &Made, name: &str) {
        let said = made.ui.recorded();
        if said.iter().any(|said| said.text().contains(name)) {
            return;
        }
        let Some(kept) = made.report.to_keep() else { return };
        if let (Ok(kept), Ok(said)) = (serde_json::to_vec(&kept), serde_json::to_vec(&said)) {
            let parts = [&kept[..], &said, made.module];
            match files {
                Some(files) => self.remember_by_files(question, files, &parts),
                None => self.remember(question, &parts),
            }
        }
    }

    fn doubt(&self, why: String) {
        lock(&self.trouble).get_or_insert(why);
    }

    /// A byte for each look, appended: that needs no lock. Where two machines write at once, one may be lost.
    fn count(&self, level: Level, hit: bool) {
        let (Some(store), Some((.., letters))) = (&self.store, LEVELS.iter().find(|(known, ..)| *known == level))
        else {
            return;
        };
        let letter = letters[usize::from(!hit)];
        let append = || std::fs::OpenOptions::new().create(true).append(true).open(counts(store));
        let file = append().or_else(|_| store::create(store.folder()).and_then(|()| append()));
        let _ = file.and_then(|mut file| file.write_all(&[letter]));
    }
}

/// A module that was made just now.
pub struct Made<'a> {
    pub module: &'a [u8],
    pub report: &'a Report,
    /// [`Ui::recording`] since it was begun.
    pub ui: &'a Ui,
}

/// The module of an answer, when what was said and reported with it has been again; `None` if it is of another form.
pub fn take_module(parts: &[Vec<u8>], ui: &Ui, report: &mut Report) -> Option<Vec<u8>> {
    let [kept, said, module] = parts else { return None };
    let said: Vec<Said> = serde_json::from_slice(said).ok()?;
    report.take_kept(serde_json::from_slice(kept).ok()?);
    ui.replay(&said);
    Some(module.clone())
}

/// Where hits and misses are counted.
fn counts(store: &Store) -> PathBuf {
    store.folder().join("counts")
}

/// Where the entries are, and how large they may grow together.
fn folder_and_limit(places: &Places) -> Result<(PathBuf, u64), String> {
    let folder = places.cache().map_err(|e| e.message)?.join("results");
    let Some(size) = places.var("WBUILD_CACHE_SIZE") else { return Ok((folder, LIMIT)) };
    let size = size.to_string_lossy();
    let limit = settings::size(&size).map_err(|_| format!("WBUILD_CACHE_SIZE={size} is no size"))?;
    Ok((folder, limit))
}

/// The libraries of LLVM that a tool is made of, where it is linked with them: a tool may stay the same while they do not.
fn libraries(tool: &Path) -> Vec<String> {
    let real = std::fs::canonicalize(tool).ok();
    let Some(folder) = real.as_deref().and_then(Path::parent).and_then(Path::parent) else { return Vec::new() };
    let mut found: Vec<String> = std::fs::read_dir(folder.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            ["libLLVM", "libclang-cpp", "liblld"].iter().any(|start| name.to_string_lossy().starts_with(start))
        })
        .filter(|entry| entry.file_name().to_string_lossy().contains(".so"))
        .filter_map(|entry| {
            let meta = std::fs::metadata(entry.path()).ok()?;
            let time = meta.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(format!("{} {} {}", entry.file_name().to_string_lossy(), meta.len(), time.as_nanos()))
        })
        .collect();
    found.sort();
    found
}

/// What [`Cache::remember`] put together.
fn split(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (count, mut rest) = bytes.split_first_chunk::<4>()?;
    let mut lengths = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<8>()?;
        lengths.push(usize::try_from(u64::from_le_bytes(*length)).ok()?);
        rest = after;
    }
    let mut parts = Vec::new();
    for length in lengths {
        let (part, after) = rest.split_at_checked(length)?;
        parts.push(part.to_vec());
        rest = after;
    }
    rest.is_empty().then_some(parts)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// What a tool printed.
#[derive(Debug, Serialize, Deserialize)]
struct Printed {
    stdout: Vec<u8>,
    stderr: String,
}
