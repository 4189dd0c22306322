//! What a build was asked to do, resolved: no words of the command line are left, and no choice.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wbuild_passes::segments::Measure;
use wbuild_targets::Target;

use crate::args::{self, Dialect, Token};
use crate::binaryen;
use crate::cache;
use crate::cargo::Profile;
use crate::determinism::Hardening;
use crate::error::{Error, Result};
use crate::explain::Names;
use crate::link;
use crate::manifest::{self, Kept};
use crate::preinit;
use crate::source::Language;
use crate::target_features::TargetFeatures;
use crate::toolchain::Request;
use crate::toolchain::rust::Std;
use crate::ui::Verbosity;

mod draft;

use draft::{Draft, project};

/// How hard to optimize, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    O0,
    O1,
    #[default]
    O2,
    O3,
    O4,
    Os,
    Oz,
}

/// What is kept for people who read the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Debug {
    /// Nothing: names, DWARF and producers go.
    #[default]
    None,
    /// `-g1`: names of functions.
    Names,
    /// `-g`: names, and DWARF where nothing after the link changed code.
    Full,
}

/// What a module is to be good at, where its level leaves the choice: `--optimize-for`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// Small.
    #[default]
    Size,
    /// Small once compressed.
    Compressed,
    /// Fast: at the levels for size nothing that makes code slower, and one link, optimized over the whole program. At the
    /// others it changes nothing, for they are for speed.
    Speed,
}

impl Goal {
    /// Of results that are as good otherwise, the one is kept that is smallest by this.
    pub fn measure(self) -> Measure {
        match self {
            Goal::Size | Goal::Speed => Measure::Raw,
            Goal::Compressed => Measure::Compressed,
        }
    }
}

/// How much work smaller results are worth: `--opt-effort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    #[default]
    Default,
    /// Several ways are gone, and the smallest module kept.
    Max,
}

/// Optimization over the whole program in LLVM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lto {
    Off,
    Full,
    Thin,
    /// Full and off, and the smaller module is kept.
    Both,
}

/// How the module starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Entry {
    /// `_start` runs main and ends.
    #[default]
    Command,
    /// `_initialize` runs constructors; exports are called afterwards.
    Reactor,
    /// Nothing: exports only.
    None,
}

/// How setjmp and longjmp work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setjmp {
    /// By wbuild's own lowering: on every engine.
    #[default]
    Lowered,
    /// By wasm exceptions.
    Wasm,
    /// By wasm exceptions in the form of before 2023.
    WasmLegacy,
}

/// Which malloc a program is linked with, unless it brings its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malloc {
    /// The C library's.
    Libc,
    /// wbuild's own, a seventh of its size.
    Small,
}

/// What `--malloc` takes.
pub const MALLOCS: &[(&str, Malloc)] = &[("libc", Malloc::Libc), ("small", Malloc::Small)];

/// A build, resolved.
#[derive(Debug, Clone)]
pub struct Config {
    pub work: Work,
    /// `-` is standard output.
    pub output: PathBuf,
    pub target: &'static Target,
    pub level: Level,
    pub debug: Debug,
    pub entry: Entry,
    pub malloc: Malloc,
    pub standalone: bool,
    /// The most bytes that the module may have.
    pub size_limit: Option<u64>,
    /// What the module may use, where that is less than everything.
    pub target_features: Option<TargetFeatures>,
    pub binaryen: binaryen::Tool,
    /// Whether the linker is asked for symbols and relocations, where it can be. It takes a parse, so where size counts.
    pub link_information: bool,
    /// `None` under --no-deterministic.
    pub hardening: Option<Hardening>,
    /// What is initialized while building, if anything.
    pub preinit: Option<preinit::Options>,
    pub goal: Goal,
    pub effort: Effort,
    /// How long Binaryen may take.
    pub budget: Option<Duration>,
    pub verify_each: bool,
    /// Whether earlier results may be taken, and this one kept.
    pub cache: cache::Use,
    pub dry_run: bool,
    /// Build twice, and compare.
    pub check_reproducible: bool,
    pub verbosity: Verbosity,
    /// Where the report goes.
    pub json: Option<PathBuf>,
    /// A script beside the module that runs it.
    pub launcher: Option<PathBuf>,
    /// The output is a program to those who linked it, and has a program's mode.
    pub executable: bool,
    /// What is worth saying about the command line.
    pub notes: Vec<String>,
}

/// What is built from.
#[derive(Debug, Clone)]
pub enum Work {
    /// Sources, objects and archives, linked together.
    Program(Box<Program>),
    /// Rust: one file, or one target of a cargo project.
    Crate(Box<Crate>),
    /// One module, already linked: text or binary.
    Module(PathBuf, Language),
}

/// What is compiled and linked.
#[derive(Debug, Clone)]
pub struct Program {
    /// Inputs and the linker's words, in the order of the command line.
    pub items: Vec<Item>,
    /// Objects that were compiled before, and from what, for messages.
    pub compiled: Names,
    /// Whether C++ has exceptions.
    pub exceptions: bool,
    /// For every compilation.
    pub compile_args: Vec<OsString>,
    /// `-mllvm X` pairs, for whoever generates code.
    pub codegen_args: Vec<OsString>,
    pub lto: Lto,
    pub setjmp: Setjmp,
    /// clang's own `-g` option, as it was given.
    pub debug_flag: Option<String>,
    pub exports: Vec<String>,
    /// EXPORTED_FUNCTIONS, as they were spelled; which of `_f` and `f` exists shows after the link.
    pub emcc_exports: Vec<String>,
    pub export_all: bool,
    pub memory: Memory,
    /// No crt1.
    pub start_files: bool,
    /// No libc, libc++ and builtins.
    pub default_libs: bool,
    pub toolchain: Request,
}

/// Where a crate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Compiled by rustc itself.
    File { path: PathBuf, edition: String },
    /// Compiled by cargo.
    Project { manifest: PathBuf, pick: Pick },
}

/// Which target of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pick {
    /// The only one that becomes a module.
    #[default]
    Only,
    Bin(String),
    Lib,
    Example(String),
}

/// A crate that is compiled and linked by Rust's own tools.
#[derive(Debug, Clone)]
pub struct Crate {
    pub source: Source,
    /// Of a project.
    pub profile: Profile,
    pub std: Std,
    pub lto: Lto,
    pub simd: bool,
    pub exports: Vec<String>,
    pub export_all: bool,
    pub memory: Memory,
    /// wasm-ld's own words.
    pub link_args: Vec<OsString>,
    pub toolchain: Request,
}

/// Something for the link, in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Source(PathBuf, Language),
    /// An object or an archive.
    Object(PathBuf),
    /// wasm-ld's own words.
    Linker(Vec<OsString>),
}

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub stack: u64,
    pub stack_last: bool,
    pub initial: Option<u64>,
    pub maximum: Option<u64>,
}

const PAGE: u64 = 65536;
/// emcc's, where memory must not grow and nobody said how much there is.
const FIXED_MEMORY: u64 = 16 << 20;

impl Level {
    /// The level after `-O`.
    pub fn parse(text: &str) -> Result<Level> {
        Ok(match text {
            "0" => Level::O0,
            "1" | "g" => Level::O1,
            "2" => Level::O2,
            "3" | "fast" => Level::O3,
            "4" => Level::O4,
            "s" => Level::Os,
            "z" => Level::Oz,
            _ => {
                return Err(Error::usage(format!("unknown optimization level -O{text}"))
                    .help("one of -O0, -O1, -O2, -O3, -O4, -Os, -Oz"));
            }
        })
    }

    /// As clang takes it: -O4 is -O3 there, and differs after the link.
    pub fn clang(self) -> &'static str {
        match self {
            Level::O0 => "-O0",
            Level::O1 => "-O1",
            Level::O2 => "-O2",
            Level::O3 | Level::O4 => "-O3",
            Level::Os => "-Os",
            Level::Oz => "-Oz",
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        if self == Level::O4 { "-O4" } else { self.clang() }
    }

    /// Whether the smallest module is wanted, rather than the fastest.
    pub fn for_size(self) -> bool {
        matches!(self, Level::Os | Level::Oz)
    }
}

impl Malloc {
    /// Where nothing is said: the small one where size is what counts.
    pub fn of(level: Level) -> Malloc {
        if level.for_size() { Malloc::Small } else { Malloc::Libc }
    }
}

impl Config {
    /// Whether the linker is asked for symbols and relocations.
    pub fn link_information(&self) -> bool {
        let linked = match &self.work {
            Work::Program(program) => {
                !program.items.iter().any(|item| matches!(item, Item::Linker(words) if link::compresses(words)))
            }
            Work::Crate(krate) => !link::compresses(&krate.link_args),
            Work::Module(..) => false,
        };
        linked && self.link_information
    }

    /// The inputs that are files of the user's, in order.
    pub fn inputs(&self) -> Vec<&Path> {
        match &self.work {
            Work::Module(path, _) => vec![path],
            Work::Crate(krate) => match &krate.source {
                Source::File { path, .. } | Source::Project { manifest: path, .. } => vec![path],
            },
            Work::Program(program) => program
                .items
                .iter()
                .filter_map(|item| match item {
                    Item::Source(path, _) | Item::Object(path) => Some(path.as_path()),
                    Item::Linker(_) => None,
                })
                .collect(),
        }
    }

    /// Resolves a command line. `stdin` is what standard input holds, where an input is `-` and its
    /// language is not said. What a cargo project keeps in its files comes before the command line.
    pub fn resolve(tokens: Vec<Token>, stdin: Option<&[u8]>) -> Result<Config> {
        let mut draft = Draft::new(Dialect::Build, false);
        let mut kept = Kept::default();
        if let Some(manifest) = tokens.iter().find_map(project) {
            kept = manifest::kept(&manifest)?;
            for token in args::tokenize(&kept.words)? {
                draft.take(token, None)?;
            }
        }
        for token in tokens {
            draft.take(token, stdin)?;
        }
        draft.finish(&kept)
    }
}

impl Config {
    /// What `wbuild cc` or, for C++, `wbuild c++` links, of objects and archives alone.
    pub fn of_link(tokens: Vec<Token>, cxx: bool) -> Result<Config> {
        let mut draft = Draft::new(Dialect::Cc, cxx);
        for token in tokens {
            draft.take(token, None)?;
        }
        draft.finish(&Kept::default())
    }
}

impl Memory {
    /// Sizes that wasm-ld takes, or an error that names what would be.
    pub fn checked(self) -> Result<Memory> {
        for (what, bytes) in [("initial", self.initial), ("maximum", self.maximum)] {
            let Some(bytes) = bytes else { continue };
            if bytes % PAGE != 0 {
                return Err(Error::usage(format!("the {what} memory of {bytes} bytes is not a whole number of pages"))
                    .cause("a page of wasm memory has 65536 bytes")
                    .help(format!("the next size that is: {}", bytes.next_multiple_of(PAGE))));
            }
            if bytes > 1 << 32 {
                return Err(Error::usage(format!("the {what} memory of {bytes} bytes is more than wasm32 can have"))
                    .help("at most 4GB"));
            }
        }
        if let (Some(initial), Some(maximum)) = (self.initial, self.maximum)
            && maximum < initial
        {
            return Err(Error::usage(format!("the maximum memory of {maximum} bytes is below the initial {initial}"))
                .help("give a larger --max-memory, or a smaller --initial-memory"));
        }
        // wasm-ld wants a multiple of 16; a little more stack than was asked for hurts nobody.
        Ok(Memory { stack: self.stack.clamp(16, 1 << 32).next_multiple_of(16), ..self })
    }
}

pub fn choose<T: Copy>(option: &str, value: &str, choices: &[(&str, T)]) -> Result<T> {
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        Error::usage(format!("{option} {value} is not known")).help(format!("one of {}", names.join(", ")))
    })
}
