//! The command line read word for word, each judged where it stands, into a [`Config`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wbuild_targets::Target;

use super::{
    Config, Crate, Debug, Effort, Entry, FIXED_MEMORY, Goal, Item, Level, Lto, MALLOCS, Malloc, Memory, Pick, Program,
    Setjmp, Source, Work, choose,
};
use crate::args::{Dialect, Own, Token};
use crate::binaryen;
use crate::cache;
use crate::cargo::Profile;
use crate::determinism::Hardening;
use crate::error::{Error, Result};
use crate::manifest::Kept;
use crate::preinit;
use crate::settings::{self, Setting};
use crate::source::{self, Input, Language};
use crate::target_features::TargetFeatures;
use crate::toolchain::rust::Std;
use crate::toolchain::{Choice, Request};
use crate::ui::Verbosity;

/// The manifest, where this is a cargo project.
pub(super) fn project(token: &Token) -> Option<PathBuf> {
    let Token::Input { path, language: None } = token else { return None };
    matches!(source::classify(path, None, None), Ok(Input::Project)).then(|| manifest_of(path))
}

fn manifest_of(path: &Path) -> PathBuf {
    if path.ends_with("Cargo.toml") { path.to_path_buf() } else { path.join("Cargo.toml") }
}

/// The command line so far: the last word on each matter wins.
#[derive(Default)]
pub(super) struct Draft {
    dialect: Dialect,
    /// Whether this is C++, whatever the inputs are called.
    cxx: bool,
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
    target_features: Option<TargetFeatures>,
    no_deterministic: bool,
    no_link_information: bool,
    /// The last `--preinit`, by its value.
    preinit: Option<String>,
    /// The words about initialization, of which the first is named where there is none.
    preinit_words: Option<&'static str>,
    preinit_options: preinit::Options,
    simd: bool,
    js_boundary: bool,
    binaryen: binaryen::Tool,
    goal: Goal,
    effort: Effort,
    budget: Option<Duration>,
    verify_each: bool,
    cache: cache::Use,
    dry_run: bool,
    check_reproducible: bool,
    verbosity: Verbosity,
    json: Option<PathBuf>,
    launcher: bool,
    notes: Vec<String>,
    toolchain: Request,
}

impl Draft {
    pub(super) fn new(dialect: Dialect, cxx: bool) -> Draft {
        Draft { dialect, cxx, ..Draft::default() }
    }

    pub(super) fn take(&mut self, token: Token, stdin: Option<&[u8]>) -> Result<()> {
        match token {
            Token::Input { path, language } => self.input(path, language.as_deref(), stdin)?,
            Token::Output(path) => self.set_output(path)?,
            Token::Optimize(level) => {
                self.level = match (Level::parse(&level), self.dialect) {
                    (Ok(level), _) => level,
                    (Err(error), Dialect::Build) => return Err(error),
                    // clang takes -O7 for -O3.
                    (Err(_), Dialect::Cc) => Level::O3,
                };
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
        let input = match (source::classify(&path, language, stdin), self.dialect) {
            (Ok(input), Dialect::Build) => input,
            (Ok(Input::Source(language)), Dialect::Cc) => Input::Source(language),
            // What is no source is the linker's, whatever its name.
            (_, Dialect::Cc) => Input::Object,
            (Err(error), Dialect::Build) => return Err(error),
        };
        match input {
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
            // People who link for a Makefile name programs as they like.
            _ if self.dialect == Dialect::Cc => {
                self.output = Some(path);
                Ok(())
            }
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
            Own::CheckReproducible if self.dialect == Dialect::Cc => {
                return Err(Error::usage("--check-reproducible has no meaning for a link of objects")
                    .cause("they would be the same both times")
                    .help("wbuild --check-reproducible SOURCES -o OUT.wasm"));
            }
            Own::CheckReproducible => self.check_reproducible = true,
            Own::Clang => self.toolchain.clang = Some(value.into()),
            Own::Compiler => self.toolchain.choice = Choice::named(&value)?,
            Own::DryRun => self.dry_run = true,
            Own::NoCache => self.cache = cache::Use::Off,
            Own::Edition => self.edition = Some(value),
            Own::Exceptions => {
                let forms = [("wasm", Setjmp::Wasm), ("wasm-legacy", Setjmp::WasmLegacy), ("none", Setjmp::Lowered)];
                self.setjmp = choose("--exceptions", &value, &forms)?;
            }
            Own::Export => self.exports.push(value),
            Own::ExportAll => self.export_all = true,
            Own::InitialMemory => self.initial = Some(settings::size(&value)?),
            Own::Json => self.json = Some(value.into()),
            Own::Launcher => self.launcher = true,
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
            Own::NoLinkInformation => self.no_link_information = true,
            Own::JsBoundary => self.js_boundary = true,
            Own::NoEntry => self.no_entry = true,
            Own::NoStartFiles => self.no_start_files = true,
            Own::Preinit => self.preinit = Some(value),
            Own::PreinitWith(word) => {
                self.preinit_words.get_or_insert(word.option());
                self.preinit_options.take(word, &value)?;
            }
            Own::OptimizeFor => {
                self.goal = settings::goal(&value)?;
                self.preinit_options.measure = self.goal.measure();
            }
            Own::OptBudget => self.budget = Some(settings::time("--opt-budget", &value)?),
            Own::OptEffort => self.effort = settings::effort(&value)?,
            Own::Quiet => self.verbosity = Verbosity::Quiet,
            Own::Reactor => self.reactor = true,
            Own::Simd => self.simd = true,
            Own::TargetFeatures => self.target_features = Some(TargetFeatures::parse(&value)?),
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

    pub(super) fn finish(mut self, kept: &Kept) -> Result<Config> {
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
        let mut output = self.output_path()?;
        let launcher = self.launcher_of(&output);
        if launcher.as_ref() == Some(&output) {
            output.as_mut_os_string().push(".wasm");
        }
        let debug = match self.debug.as_deref() {
            _ if self.strip => Debug::None,
            None => Debug::None,
            Some("-g1") => Debug::Names,
            Some(_) => Debug::Full,
        };
        let preinit = match (self.preinit.take(), self.preinit_words) {
            (Some(name), _) => {
                self.preinit_options.initializer = preinit::Options::initializer(&name);
                Some(std::mem::take(&mut self.preinit_options))
            }
            (None, Some(word)) => {
                return Err(Error::usage(format!("{word} is about initialization, and nothing is initialized"))
                    .help(format!("--preinit {word}")));
            }
            (None, None) => None,
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
            target_features: self.target_features,
            binaryen: self.binaryen,
            preinit,
            goal: self.goal,
            effort: self.effort,
            budget: self.budget,
            link_information: !self.no_link_information && self.level != Level::O0,
            hardening: (!self.no_deterministic).then_some(Hardening { simd: self.simd, js_boundary: self.js_boundary }),
            verify_each: self.verify_each,
            cache: self.cache,
            dry_run: self.dry_run,
            check_reproducible: self.check_reproducible,
            verbosity: self.verbosity,
            json: self.json,
            launcher,
            executable: self.dialect == Dialect::Cc,
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
            // clang says so itself; without inputs nothing is linked.
            if self.dialect == Dialect::Cc {
                return Ok(self.output.clone().unwrap_or_else(|| PathBuf::from("a.out")));
            }
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
            None if self.dialect == Dialect::Cc => PathBuf::from("a.out"),
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

    /// `OUT` runs `OUT.wasm`. Where a Makefile names a program `x.wasm`, it wants the module and nothing else.
    fn launcher_of(&self, output: &Path) -> Option<PathBuf> {
        let named = output.extension().is_some_and(|extension| extension == "wasm");
        match (self.launcher && output != Path::new("-"), named, self.dialect) {
            (false, ..) | (true, true, Dialect::Cc) => None,
            (true, true, Dialect::Build) => Some(output.with_extension("")),
            (true, false, _) => Some(output.to_path_buf()),
        }
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
            (None, Level::Os | Level::Oz) if self.goal == Goal::Speed => Lto::Full,
            (None, Level::Os | Level::Oz) => Lto::Both,
        }
    }

    fn program(&mut self, target: &Target, debug: Debug) -> Result<Program> {
        if self.simd {
            self.compile_args.push("-msimd128".into());
        }
        let exceptions = self.exceptions(target)?;
        let has_sources = self.items.iter().any(|item| matches!(item, Item::Source(..)));
        let lto = if has_sources || self.lto.is_some() { self.lto() } else { Lto::Off };
        Ok(Program {
            memory: self.memory(target)?,
            items: std::mem::take(&mut self.items),
            compiled: Vec::new(),
            compile_args: std::mem::take(&mut self.compile_args),
            codegen_args: std::mem::take(&mut self.codegen_args),
            lto,
            exceptions,
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

    /// Whether C++ has exceptions: the last word about them holds.
    fn exceptions(&mut self, target: &Target) -> Result<bool> {
        const WORDS: &[&str] = &["-fexceptions", "-fcxx-exceptions", "-fno-exceptions", "-fno-cxx-exceptions"];
        let is = |arg: &OsString, words: &[&str]| words.iter().any(|word| arg.to_str() == Some(word));
        let asked = self.compile_args.iter().rev().find(|arg| is(arg, WORDS)).is_some_and(|arg| is(arg, &WORDS[..2]));
        let by_wasm = self.compile_args.iter().any(|arg| is(arg, &["-fwasm-exceptions"]));
        // In C it only asks that frames can be unwound, which wasm has no notion of.
        self.compile_args.retain(|arg| !is(arg, WORDS) && !is(arg, &["-fwasm-exceptions"]));
        let sources = || self.items.iter().filter(|item| matches!(item, Item::Source(..)));
        let cxx = sources().any(|item| matches!(item, Item::Source(_, language) if language.is_cxx()));
        let objects = sources().next().is_none() && self.items.iter().any(|item| matches!(item, Item::Object(_)));
        if !(cxx || objects || self.cxx) || !(asked || by_wasm) {
            return Ok(false);
        }
        if by_wasm || self.setjmp != Setjmp::Lowered {
            return Err(Error::usage("C++ exceptions are not built as wasm exceptions")
                .cause("wbuild has them without, on every engine")
                .help("say -fexceptions alone"));
        }
        match target.has_libc {
            true => Ok(true),
            false => Err(Error::usage(format!("C++ exceptions need a C library, and {} has none", target.name))
                .help("leave out -fexceptions, or --target=wasm32-wasip1")),
        }
    }

    fn memory(&self, target: &Target) -> Result<Memory> {
        let fixed = self.growth == Some(false);
        let initial = self.initial.or(fixed.then_some(FIXED_MEMORY));
        let maximum = if fixed { initial } else { self.maximum };
        Memory { stack: self.stack.unwrap_or(target.stack_size), stack_last: self.stack_last, initial, maximum }
            .checked()
    }
}

/// Rust and something else on one line.
fn alone(source: &Path, other: &Path) -> Error {
    Error::usage(format!("{} cannot be built with {}", source.display(), other.display()))
        .cause("a Rust file is built alone")
        .help("give it alone; C goes into a crate through a build script and the crate cc")
}

/// Whether two spellings name one file, without asking the disk.
fn same_path(a: &Path, b: &Path) -> bool {
    let plain = |p: &Path| p.components().filter(|c| *c != std::path::Component::CurDir).collect::<PathBuf>();
    plain(a) == plain(b)
}
