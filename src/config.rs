//! What a build was asked to do, resolved: no words of the command line are left, and no choice.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wbuild_targets::Target;

use crate::args::{self, Own, Token};
use crate::binaryen;
use crate::cargo::Profile;
use crate::determinism::Hardening;
use crate::error::{Error, Result};
use crate::manifest::{self, Kept};
use crate::settings::{self, Setting};
use crate::source::{self, Input, Language};
use crate::toolchain::rust::Std;
use crate::toolchain::{Choice, Request};
use crate::ui::Verbosity;

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
    pub binaryen: binaryen::Tool,
    /// `None` under --no-deterministic.
    pub hardening: Option<Hardening>,
    pub verify_each: bool,
    pub dry_run: bool,
    pub verbosity: Verbosity,
    /// Where the report goes.
    pub json: Option<PathBuf>,
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
        let mut draft = Draft::default();
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

/// The manifest, where this is a cargo project.
fn project(token: &Token) -> Option<PathBuf> {
    let Token::Input { path, language: None } = token else { return None };
    matches!(source::classify(path, None, None), Ok(Input::Project)).then(|| manifest_of(path))
}

fn manifest_of(path: &Path) -> PathBuf {
    if path.ends_with("Cargo.toml") { path.to_path_buf() } else { path.join("Cargo.toml") }
}

/// The command line so far: the last word on each matter wins.
#[derive(Default)]
struct Draft {
    items: Vec<Item>,
    module: Option<(PathBuf, Language)>,
    /// Rust's source.
    krate: Option<PathBuf>,
    edition: Option<String>,
    /// The crate is a cargo project, and `krate` its manifest.
    project: bool,
    pick: Pick,
    std: Std,
    level_given: bool,
    /// The first option that only means something to a compiler or a linker.
    program_option: Option<String>,
    output: Option<PathBuf>,
    target: Option<&'static Target>,
    level: Level,
    debug: Option<String>,
    strip: bool,
    compile_args: Vec<OsString>,
    codegen_args: Vec<OsString>,
    lto: Option<Lto>,
    malloc: Option<Malloc>,
    setjmp: Setjmp,
    exports: Vec<String>,
    emcc_exports: Vec<String>,
    export_all: bool,
    stack: Option<u64>,
    stack_last: bool,
    initial: Option<u64>,
    maximum: Option<u64>,
    growth: Option<bool>,
    reactor: bool,
    no_entry: bool,
    no_start_files: bool,
    no_default_libs: bool,
    standalone: bool,
    size_limit: Option<u64>,
    no_deterministic: bool,
    simd: bool,
    js_boundary: bool,
    binaryen: binaryen::Tool,
    verify_each: bool,
    dry_run: bool,
    verbosity: Verbosity,
    json: Option<PathBuf>,
    notes: Vec<String>,
    toolchain: Request,
}

impl Draft {
    fn take(&mut self, token: Token, stdin: Option<&[u8]>) -> Result<()> {
        match token {
            Token::Input { path, language } => self.input(path, language.as_deref(), stdin)?,
            Token::Output(path) => self.set_output(path)?,
            Token::Optimize(level) => {
                self.level = Level::parse(&level)?;
                self.level_given = true;
                if level == "fast" {
                    self.compile_args.push("-ffast-math".into());
                }
            }
            Token::Debug(flag) => self.debug = (flag != "-g0").then_some(flag),
            Token::Strip => self.strip = true,
            Token::Setting(text) => self.setting(settings::parse(&text)?),
            Token::Own(own, value) => self.own(own, value.unwrap_or_default())?,
            Token::Compile(words) => {
                self.mark(&words);
                self.compile_args.extend(words);
            }
            Token::CodeGeneration(words) => {
                self.mark(&words);
                self.codegen_args.extend(words);
            }
            Token::Link(words) => {
                self.mark(&words);
                self.items.push(Item::Linker(words));
            }
            Token::Ignored(why) => self.notes.push(why),
            Token::Refused { option, why, help } => {
                return Err(Error::usage(format!("{option} has no meaning for a build")).cause(why).help(help));
            }
        }
        Ok(())
    }

    fn mark(&mut self, words: &[OsString]) {
        if self.program_option.is_none() {
            self.program_option = words.first().map(|w| w.to_string_lossy().into_owned());
        }
    }

    fn input(&mut self, path: PathBuf, language: Option<&str>, stdin: Option<&[u8]>) -> Result<()> {
        match source::classify(&path, language, stdin)? {
            Input::Source(language) => self.items.push(Item::Source(path, language)),
            input @ (Input::Crate | Input::Project) => {
                self.project = input == Input::Project;
                if let Some(first) = self.krate.replace(if self.project { manifest_of(&path) } else { path }) {
                    return Err(Error::usage("two Rust inputs are two crates")
                        .cause(format!("the first is {}", first.display()))
                        .help("give the one with main; it names the others with mod"));
                }
            }
            Input::Object => self.items.push(Item::Object(path)),
            Input::Module(language) => {
                if let Some((first, _)) = &self.module {
                    return Err(Error::usage(format!("{} and {} are two modules", first.display(), path.display()))
                        .help("give one .wat or .wasm; wasm objects to be linked together are named .o"));
                }
                self.module = Some((path, language));
            }
        }
        Ok(())
    }

    fn set_output(&mut self, path: PathBuf) -> Result<()> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let shown = path.display();
        match extension {
            "html" | "htm" | "js" | "mjs" | "cjs" => Err(Error::usage(format!("-o {shown} asks for JavaScript"))
                .cause("wbuild makes the wasm module alone")
                .help(format!("-o {}", path.with_extension("wasm").display()))),
            "o" | "a" | "so" | "bc" | "ll" | "s" => {
                Err(Error::usage(format!("-o {shown} asks for something unlinked"))
                    .cause("wbuild makes finished modules")
                    .help(format!("-o {}", path.with_extension("wasm").display())))
            }
            _ => {
                self.output = Some(path);
                Ok(())
            }
        }
    }

    fn setting(&mut self, setting: Setting) {
        match setting {
            Setting::Standalone(on) => self.standalone = on,
            Setting::InitialMemory(bytes) => self.initial = Some(bytes),
            Setting::MaximumMemory(bytes) => self.maximum = Some(bytes),
            Setting::MemoryGrowth(on) => self.growth = Some(on),
            Setting::StackSize(bytes) => self.stack = Some(bytes),
            Setting::ExportedFunctions(names) => self.emcc_exports = names,
            Setting::ExportAll => self.export_all = true,
            Setting::Malloc(malloc) => self.malloc = Some(malloc),
            Setting::Nothing => {}
        }
    }

    fn own(&mut self, own: Own, value: String) -> Result<()> {
        match own {
            Own::Bin => self.pick = Pick::Bin(value),
            Own::Example => self.pick = Pick::Example(value),
            Own::Lib => self.pick = Pick::Lib,
            Own::Binaryen => self.binaryen = value.parse().unwrap_or_default(),
            Own::Clang => self.toolchain.clang = Some(value.into()),
            Own::Compiler => {
                self.toolchain.choice = choose(
                    "--compiler",
                    &value,
                    &[("auto", Choice::Auto), ("native", Choice::Native), ("hermetic", Choice::Hermetic)],
                )?;
            }
            Own::DryRun => self.dry_run = true,
            Own::Edition => self.edition = Some(value),
            Own::Exceptions => {
                let forms = [("wasm", Setjmp::Wasm), ("wasm-legacy", Setjmp::WasmLegacy), ("none", Setjmp::Lowered)];
                self.setjmp = choose("--exceptions", &value, &forms)?;
            }
            Own::Export => self.exports.push(value),
            Own::ExportAll => self.export_all = true,
            Own::InitialMemory => self.initial = Some(settings::size(&value)?),
            Own::Json => self.json = Some(value.into()),
            Own::LlvmLto => {
                // emcc's numbers were kinds of link time optimization; here there is one worth having.
                let on = choose("--llvm-lto", &value, &[("0", false), ("1", true), ("2", true), ("3", true)])?;
                self.lto = Some(if on { Lto::Full } else { Lto::Off });
            }
            Own::Lto => {
                let kinds = [("full", Lto::Full), ("thin", Lto::Thin), ("off", Lto::Off)];
                self.lto = Some(choose("--lto", &value, &kinds)?);
            }
            Own::Malloc => self.malloc = Some(choose("--malloc", &value, MALLOCS)?),
            Own::MaxMemory => self.maximum = Some(settings::size(&value)?),
            Own::NoDefaultLibs => self.no_default_libs = true,
            Own::NoDeterministic => self.no_deterministic = true,
            Own::JsBoundary => self.js_boundary = true,
            Own::NoEntry => self.no_entry = true,
            Own::NoStartFiles => self.no_start_files = true,
            Own::Quiet => self.verbosity = Verbosity::Quiet,
            Own::Reactor => self.reactor = true,
            Own::Simd => self.simd = true,
            Own::SizeLimit => self.size_limit = Some(settings::size(&value)?),
            Own::StackLast => self.stack_last = true,
            Own::StackSize => self.stack = Some(settings::size(&value)?),
            Own::Standalone => self.standalone = true,
            // Of a C compiler it is the language's version.
            Own::Std if value != "small" => {
                let word = OsString::from(format!("--std={value}"));
                self.mark(std::slice::from_ref(&word));
                self.compile_args.push(word);
            }
            Own::Std => self.std = Std::Small,
            Own::Sysroot => self.toolchain.sysroot = Some(value.into()),
            Own::Target => {
                let names: Vec<&str> = wbuild_targets::TARGETS.iter().map(|t| t.name).collect();
                self.target = Some(wbuild_targets::find(&value).ok_or_else(|| {
                    Error::usage(format!("unknown target {value}")).help(format!("one of {}", names.join(", ")))
                })?);
            }
            Own::Threads => {
                return Err(Error::usage("--threads needs a C library with atomics")
                    .cause("the sysroots that wbuild knows have none")
                    .help("leave --threads out; -pthread is accepted, and one thread runs"));
            }
            Own::Verbose => self.verbosity = Verbosity::Verbose,
            Own::VerifyEach => self.verify_each = true,
        }
        Ok(())
    }

    fn finish(mut self, kept: &Kept) -> Result<Config> {
        if let (false, Some(level)) = (self.level_given, &kept.size_level) {
            self.level = Level::parse(level)?;
        }
        let target = self.target.unwrap_or(&wbuild_targets::TARGETS[0]);
        let entry = self.entry(target)?;
        if self.standalone && !target.has_libc {
            return Err(Error::usage(format!("--standalone has no meaning for {}", target.name))
                .cause("it asks for a module that runs under WASI")
                .help("leave it out, or use --target wasm32-wasip1"));
        }
        let output = self.output_path()?;
        let debug = match self.debug.as_deref() {
            _ if self.strip => Debug::None,
            None => Debug::None,
            Some("-g1") => Debug::Names,
            Some(_) => Debug::Full,
        };
        let work = match (self.module.take(), self.krate.take()) {
            (Some((path, language)), None) => self.lone_module(path, language)?,
            (None, Some(source)) => Work::Crate(Box::new(self.lone_crate(source, target, kept)?)),
            (Some((module, _)), Some(source)) => return Err(alone(&source, &module)),
            (None, None) if self.edition.is_some() || self.pick != Pick::Only || self.std != Std::Normal => {
                return Err(Error::usage(
                    "--edition, --bin, --lib, --example and --std=small are Rust's, and no input is Rust",
                )
                .help("leave them out"));
            }
            (None, None) => Work::Program(Box::new(self.program(target, debug)?)),
        };
        self.notes.dedup();
        Ok(Config {
            work,
            output,
            target,
            level: self.level,
            debug,
            entry,
            malloc: self.malloc.unwrap_or(Malloc::of(self.level)),
            standalone: self.standalone,
            size_limit: self.size_limit,
            binaryen: self.binaryen,
            hardening: (!self.no_deterministic).then_some(Hardening { simd: self.simd, js_boundary: self.js_boundary }),
            verify_each: self.verify_each,
            dry_run: self.dry_run,
            verbosity: self.verbosity,
            json: self.json,
            notes: self.notes,
        })
    }

    fn entry(&self, target: &Target) -> Result<Entry> {
        match (self.reactor, self.no_entry) {
            (true, true) => Err(Error::usage("--reactor and --no-entry exclude each other")
                .help("--reactor has an _initialize that runs constructors; --no-entry has nothing")),
            (true, false) if !target.has_libc => {
                Err(Error::usage(format!("--reactor has no meaning for {}", target.name))
                    .cause("there is no C library whose constructors could run")
                    .help("leave it out: a module for this target has no entry"))
            }
            (true, false) => Ok(Entry::Reactor),
            (false, true) => Ok(Entry::None),
            (false, false) => Ok(if target.has_libc { Entry::Command } else { Entry::None }),
        }
    }

    fn output_path(&self) -> Result<PathBuf> {
        let first = self.module.as_ref().map(|(path, _)| path).or(self.krate.as_ref()).or_else(|| {
            self.items.iter().find_map(|item| match item {
                Item::Source(path, _) | Item::Object(path) => Some(path),
                Item::Linker(_) => None,
            })
        });
        let Some(first) = first else {
            return Err(Error::usage("no input file").help("wbuild hello.c -o hello.wasm, or wbuild --help"));
        };
        let lone = self.module.iter().map(|(path, _)| path).chain(&self.krate);
        let inputs = lone.chain(self.items.iter().filter_map(|item| match item {
            Item::Source(path, _) | Item::Object(path) => Some(path),
            Item::Linker(_) => None,
        }));
        let output = match &self.output {
            Some(path) => path.clone(),
            None if first == Path::new("-") => PathBuf::from("-"),
            // Named after the target, which only cargo knows.
            None if self.project => PathBuf::new(),
            None => PathBuf::from(first.file_stem().unwrap_or_default()).with_extension("wasm"),
        };
        for input in inputs {
            if output != Path::new("-") && same_path(input, &output) {
                let error = match self.output {
                    Some(_) => Error::usage(format!("{} is an input and the output", output.display())),
                    None => Error::usage(format!("the output would replace the input {}", output.display())),
                };
                return Err(error.help("give another file with -o"));
            }
        }
        Ok(output)
    }

    fn lone_module(&self, path: PathBuf, language: Language) -> Result<Work> {
        if let Some(item) = self.items.iter().find(|item| !matches!(item, Item::Linker(_))) {
            let (Item::Source(other, _) | Item::Object(other)) = item else {
                return Err(Error::internal("a linker word was taken for an input"));
            };
            return Err(Error::usage(format!("{} cannot be linked with {}", path.display(), other.display()))
                .cause("a finished module is built alone")
                .help("give sources, .o and .a together, or one .wat or .wasm"));
        }
        let linked = !self.exports.is_empty() || !self.emcc_exports.is_empty() || self.export_all;
        let memory = self.stack.or(self.initial).or(self.maximum).is_some() || self.growth.is_some();
        let option = match &self.program_option {
            Some(option) => option.as_str(),
            None if linked => "an export",
            None if memory => "a memory size",
            None => return Ok(Work::Module(path, language)),
        };
        Err(Error::usage(format!("{option} has no meaning for {}", path.display()))
            .cause("it is for compiling or linking, and a module is neither compiled nor linked")
            .help(format!("wbuild {} {} -o OUTPUT", path.display(), self.level.name())))
    }

    fn lone_crate(&mut self, source: PathBuf, target: &Target, kept: &Kept) -> Result<Crate> {
        let memory = self.memory(target)?;
        let mut link_args = Vec::new();
        for item in std::mem::take(&mut self.items) {
            match item {
                Item::Linker(words) => link_args.extend(words),
                Item::Source(other, _) | Item::Object(other) => return Err(alone(&source, &other)),
            }
        }
        if let Some(word) = self.compile_args.first().or(self.codegen_args.first()) {
            return Err(Error::usage(format!(
                "{} is for a C compiler, and {} is Rust",
                word.display(),
                source.display()
            ))
            .help("leave it out; linker options are passed as -Wl,WORD"));
        }
        if self.setjmp != Setjmp::Lowered || self.no_default_libs || self.no_start_files {
            return Err(Error::usage("--exceptions, -nostdlib and -nostartfiles are for C")
                .help(format!("leave them out for {}", source.display())));
        }
        let mut exports = std::mem::take(&mut self.exports);
        exports.extend(self.emcc_exports.iter().map(|name| settings::bare(name).to_string()).filter(|n| n != "main"));
        let source = match (self.project, self.edition.take(), std::mem::take(&mut self.pick)) {
            (false, edition, Pick::Only) => {
                Source::File { path: source, edition: edition.unwrap_or_else(|| "2024".into()) }
            }
            (false, ..) => {
                return Err(Error::usage("--bin, --lib and --example choose a target of a cargo project")
                    .help(format!("leave them out for {}", source.display())));
            }
            (true, Some(_), _) => {
                return Err(Error::usage("a project's edition is in its Cargo.toml").help("leave --edition out"));
            }
            (true, None, pick) => Source::Project { manifest: source, pick },
        };
        Ok(Crate {
            source,
            profile: Profile::new(self.level_given.then_some(self.level), kept),
            std: self.std,
            lto: self.lto(),
            simd: self.simd,
            exports,
            export_all: self.export_all,
            memory,
            link_args,
            toolchain: std::mem::take(&mut self.toolchain),
        })
    }

    /// What was asked for, or what the level means.
    fn lto(&self) -> Lto {
        match (self.lto, self.level) {
            (Some(lto), _) => lto,
            (None, Level::O0 | Level::O1) => Lto::Off,
            (None, Level::O2 | Level::O3 | Level::O4) => Lto::Full,
            (None, Level::Os | Level::Oz) => Lto::Both,
        }
    }

    fn program(&mut self, target: &Target, debug: Debug) -> Result<Program> {
        if self.simd {
            self.compile_args.push("-msimd128".into());
        }
        let cxx = self.items.iter().any(|i| matches!(i, Item::Source(_, l) if l.is_cxx()));
        let exceptions = ["-fexceptions", "-fcxx-exceptions", "-fwasm-exceptions"];
        self.compile_args.retain(|arg| arg.to_str() != Some("-fno-exceptions"));
        let given = self.compile_args.iter().find(|a| exceptions.iter().any(|e| a.to_str() == Some(e)));
        if let (true, Some(flag)) = (cxx, given) {
            return Err(Error::usage(format!("{} has no effect yet", flag.to_string_lossy()))
                .cause("C++ exceptions are not built yet")
                .help("leave it out and compile without exceptions; a throw is then an error of the compiler"));
        }
        // In C it only asks that frames can be unwound, which wasm has no notion of.
        self.compile_args.retain(|arg| !exceptions.iter().any(|e| arg.to_str() == Some(e)));
        let has_sources = self.items.iter().any(|item| matches!(item, Item::Source(..)));
        let lto = if has_sources || self.lto.is_some() { self.lto() } else { Lto::Off };
        Ok(Program {
            memory: self.memory(target)?,
            items: std::mem::take(&mut self.items),
            compile_args: std::mem::take(&mut self.compile_args),
            codegen_args: std::mem::take(&mut self.codegen_args),
            lto,
            setjmp: self.setjmp,
            debug_flag: self.debug.clone().filter(|_| debug == Debug::Full),
            exports: std::mem::take(&mut self.exports),
            emcc_exports: std::mem::take(&mut self.emcc_exports),
            export_all: self.export_all,
            start_files: !self.no_start_files && target.has_libc,
            default_libs: !self.no_default_libs,
            toolchain: std::mem::take(&mut self.toolchain),
        })
    }

    fn memory(&self, target: &Target) -> Result<Memory> {
        let fixed = self.growth == Some(false);
        let initial = self.initial.or(fixed.then_some(FIXED_MEMORY));
        let maximum = if fixed { initial } else { self.maximum };
        Memory { stack: self.stack.unwrap_or(target.stack_size), stack_last: self.stack_last, initial, maximum }
            .checked()
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

/// Rust and something else on one line.
fn alone(source: &Path, other: &Path) -> Error {
    Error::usage(format!("{} cannot be built with {}", source.display(), other.display()))
        .cause("a Rust file is built alone")
        .help("give it alone; C goes into a crate through a build script and the crate cc")
}

pub fn choose<T: Copy>(option: &str, value: &str, choices: &[(&str, T)]) -> Result<T> {
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        Error::usage(format!("{option} {value} is not known")).help(format!("one of {}", names.join(", ")))
    })
}

/// Whether two spellings name one file, without asking the disk.
fn same_path(a: &Path, b: &Path) -> bool {
    let plain = |p: &Path| p.components().filter(|c| *c != std::path::Component::CurDir).collect::<PathBuf>();
    plain(a) == plain(b)
}
