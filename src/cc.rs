//! `wbuild cc` and `wbuild c++`: clang to a Makefile that never heard of wasm. What compiles is clang's, words,
//! messages and status; what links goes through the link and the stages of any build.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::args::{self, Dialect, Group, Own, Token};
use crate::build;
use crate::c;
use crate::cache::{self, Cache};
use crate::config::{Config, Program, Work};
use crate::error::{Error, Result};
use crate::explain::Names;
use crate::output;
use crate::plan::Place;
use crate::process::{Command, Scratch};
use crate::runtime::Runtime;
use crate::source::{self, Input};
use crate::toolchain::libcxx::Library;
use crate::toolchain::{self, Places, Toolchain};
use crate::ui::Ui;

/// By which name the compiler was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    C,
    Cxx,
}

/// The variable that asks for launchers, for builds whose link lines are not ours to write.
pub const LAUNCHER: &str = "WBUILD_LAUNCHER";

/// Words with which clang answers or stops before a link, besides those that a build refuses for the same reason.
const NOT_LINKING: &[&str] = &["--help", "--help-hidden", "--version", "-dumpmachine", "-dumpversion", "-help"];
const NOT_LINKING_PREFIXES: &[&str] = &["--analyze", "--precompile", "--print-", "-cc1", "-emit-", "-print-"];

/// Does what clang would; the exit status is the tool's. Wrong words are status 1, as they are clang's.
pub fn main(driver: Driver, words: &[OsString]) -> i32 {
    run(driver, words).unwrap_or_else(|error| {
        Ui::plain(Default::default()).diagnostics(&error.to_string());
        if error.exit_code() == 2 { 1 } else { error.exit_code() }
    })
}

/// Whether clang alone answers these words, and nothing is looked for in the cache.
pub fn only_compiles(words: &[OsString]) -> bool {
    let cached = |group: &Group| group.words[0] == "-c";
    let off = |group: &Group| group.words[0] == "--no-cache";
    args::groups(words, Dialect::Cc).is_ok_and(|groups| {
        !links(&groups) && (cache::is_off(&places()) || groups.iter().any(off) || !groups.iter().any(cached))
    })
}

fn run(driver: Driver, words: &[OsString]) -> Result<i32> {
    let groups = args::groups(words, Dialect::Cc)?;
    let asks = |name: &str| groups.iter().any(|group| group.words.first().is_some_and(|word| word == name));
    let mut tokens: Vec<Token> = groups.iter().flat_map(|group| group.tokens.clone()).collect();
    let links = links(&groups);
    let partial = asks("-r") || asks("--relocatable");
    // `-r` is wasm-ld's, and what asks for objects is not for the link.
    tokens.retain(|token| !matches!(token, Token::Refused { option, .. } if option == "-r" || !links));
    if places().var(LAUNCHER).is_some_and(|value| value != "0") {
        tokens.push(Token::Own(Own::Launcher, None));
    }
    let is_cxx = |token: &Token| {
        matches!(source_of(token), Some((path, language))
            if matches!(source::classify(path, language, None), Ok(Input::Source(language)) if language.is_cxx()))
    };
    let cxx = driver == Driver::Cxx || tokens.iter().any(is_cxx);
    let asked = tokens.iter().filter(|token| source_of(token).is_none()).cloned().collect();
    let config = Config::of_link(asked, cxx)?;
    let Work::Program(program) = &config.work else { return Err(Error::internal("cc links no program")) };
    let toolchain = toolchain::find(&program.toolchain, config.target)?;
    toolchain.can(program)?;
    if !config.dry_run {
        // Which emulations there are is seen in the library.
        toolchain.ensure()?;
    }
    let runtime = Runtime::locate(&places(), &toolchain, config.target)?;
    // Who becomes another program cannot remove a folder afterwards.
    let mut own = None;
    let there = if links { runtime.ensure(&toolchain) } else { runtime.ensure_headers(&toolchain) };
    let runtime = match there {
        Ok(()) => runtime,
        Err(_) => runtime.ensure_or_in(own.insert(Scratch::new()?).path(), &toolchain)?,
    };
    let mut place = Place::here(PathBuf::new(), runtime)?;
    if program.exceptions {
        let libcxx = Library::locate(&places(), &toolchain, config.target)?;
        libcxx.ensure(&toolchain, &Ui::plain(config.verbosity))?;
        place.libcxx = Some(libcxx);
    }
    let cache = &Cache::open(&places(), config.cache);
    cache.uses(&toolchain.identity);
    let cc = Cc { driver, groups: &groups, config: &config, program, toolchain: &toolchain, place: &place, cache };
    if !links {
        return cc.compile_only(if own.is_some() { Command::pass_through } else { Command::become_it });
    }
    let scratch = Scratch::new()?;
    let (mut linked, mut compiled) = (Vec::new(), Names::new());
    for token in tokens {
        linked.push(match source_of(&token) {
            None => token,
            Some((path, language)) => {
                let object = free_name(&scratch, path, linked.len())?;
                let status = cc.compile(path, language, &object)?;
                if status != 0 {
                    return Ok(status);
                }
                compiled.push((object.clone(), path.to_path_buf()));
                Token::Input { path: object, language: None }
            }
        });
    }
    if partial {
        return cc.link_partially(&linked);
    }
    if driver == Driver::Cxx {
        linked.push(Token::Link(vec!["-lc++".into()]));
        if linked.iter().any(unwinds) {
            linked.push(Token::Compile(vec!["-fexceptions".into()]));
        }
    }
    linked.extend(place.runtime.posix_library.clone().map(|path| Token::Input { path, language: None }));
    linked.extend(emulations(&toolchain).map(|(_, library)| Token::Link(vec![library.into()])));
    // Objects may hold bitcode, of which only the linker will know. What the user says comes later, and holds.
    linked.insert(0, Token::Own(Own::Lto, Some("full".into())));
    let mut config = Config::of_link(linked, cxx)?;
    if let Work::Program(program) = &mut config.work {
        program.compiled = compiled;
    }
    build::run(&config, &[], Vec::new(), &Ui::plain(config.verbosity))?;
    Ok(0)
}

/// One call of the compiler.
struct Cc<'a> {
    driver: Driver,
    groups: &'a [Group],
    config: &'a Config,
    program: &'a Program,
    toolchain: &'a Toolchain,
    place: &'a Place,
    cache: &'a Cache,
}

impl Cc<'_> {
    /// clang with what it must be told before `words`.
    fn compiler(&self, words: Vec<OsString>) -> Command {
        let mut command = self.toolchain.compiler(self.driver == Driver::Cxx);
        if !self.place.epoch {
            command.env.push(("SOURCE_DATE_EPOCH".into(), "0".into()));
        }
        // What we add is no mistake of the user's where clang has no use for it; what they give may be.
        command.arg("--start-no-unused-arguments").args(&self.toolchain.compile_args);
        command.args(c::surroundings(None, self.config, self.program, self.place));
        if self.config.target.has_libc {
            command.arg("-isystem").arg(&self.place.runtime.posix);
        }
        command.args(emulations(self.toolchain).map(|(define, _)| format!("-D{define}")));
        let folders = self.folders();
        let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
        command.args(c::same_bytes(&folders, self.place));
        command.arg("--end-no-unused-arguments").args(words);
        command
    }

    /// The absolute folders of sources and headers.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        let mut add = |folder: &Path| {
            if folder.is_absolute() && !folders.iter().any(|known| known == folder) {
                folders.push(folder.to_path_buf());
            }
        };
        for token in self.groups.iter().flat_map(|group| &group.tokens) {
            match token {
                Token::Input { path, .. } => path.parent().into_iter().for_each(&mut add),
                Token::Compile(words) => header_folder(words).into_iter().for_each(|folder| add(Path::new(folder))),
                _ => {}
            }
        }
        folders
    }

    /// The user's words for clang, of those that `wanted` names: without what is wbuild's alone, or would be wrong.
    fn user_words(&self, wanted: impl Fn(&Group) -> bool) -> Vec<OsString> {
        let kept = self.groups.iter().filter(|group| is_clangs(group) && wanted(group));
        kept.flat_map(|group| group.words.iter().cloned()).collect()
    }

    /// Everything is clang's affair.
    fn compile_only(&self, how: fn(&Command) -> Result<i32>) -> Result<i32> {
        let is_input = |group: &Group| matches!(group.tokens[..], [Token::Input { .. }]);
        let inputs = self.groups.iter().filter(|group| is_input(group)).count();
        if let (true, Some((source, object))) = (self.cache.is_on(), self.lone_compilation()) {
            return self.cached(&mut self.compiler(self.user_words(|_| true)), source, &object);
        }
        if inputs < 2 || !self.toolchain.hermetic {
            return self.run(&self.compiler(self.user_words(|_| true)), how);
        }
        // That clang starts no processes, as one does for each of several sources.
        let mut status = 0;
        for input in self.groups.iter().filter(|group| is_input(group)) {
            let words = self.user_words(|group| !is_input(group) || std::ptr::eq(group, input));
            status = self.run(&self.compiler(words), Command::pass_through)?.max(status);
        }
        Ok(status)
    }

    /// Compiles one of the sources of a link.
    fn compile(&self, source: &Path, language: Option<&str>, object: &Path) -> Result<i32> {
        // What has no tokens is `-x`, said again for the source alone, or means nothing to a compiler.
        let wanted = |group: &Group| {
            group.tokens.iter().any(|token| !matches!(token, Token::Input { .. } | Token::Output(_) | Token::Link(_)))
        };
        let mut command = self.compiler(self.user_words(wanted));
        command.args(self.dependencies()).arg("-Qunused-arguments").arg("-c");
        command.args(language.map(|language| format!("-x{language}")));
        command.arg(source).arg("-o").arg(object);
        self.cached(&mut command, source, object)
    }

    /// The source and the object of `-c` with one source.
    fn lone_compilation(&self) -> Option<(&Path, PathBuf)> {
        let mut sources = self.groups.iter().flat_map(|group| &group.tokens).filter_map(source_of);
        let (source, _) = sources.next()?;
        let stops = self.groups.iter().filter(|group| stops_before_the_link(group));
        let only_c = stops.flat_map(|group| &group.words).all(|word| word == "-c");
        if sources.next().is_some() || !only_c || source == Path::new("-") {
            return None;
        }
        let mut named = self.groups.iter().flat_map(|group| &group.tokens).filter_map(|token| match token {
            Token::Output(path) => Some(path.clone()),
            _ => None,
        });
        Some((
            source,
            named.next_back().unwrap_or_else(|| Path::new(source.file_name().unwrap_or_default()).with_extension("o")),
        ))
    }

    /// Compiles, or takes what the same compilation gave before.
    fn cached(&self, command: &mut Command, source: &Path, object: &Path) -> Result<i32> {
        if self.config.dry_run || source == Path::new("-") || !self.cache.is_on() {
            return self.run(command, Command::pass_through);
        }
        let ui = Ui::plain(self.config.verbosity);
        // Its messages go through our hands, and are coloured as if they did not.
        let by_user = |group: &Group| group.words[0].to_string_lossy().contains("-diagnostics");
        if self.place.color && !self.groups.iter().any(by_user) {
            command.args.insert(0, "-fcolor-diagnostics".into());
        }
        let output = self.cache.compile(&cache::Compile { command, source, input: &[], object })?;
        output::write(Path::new("-"), &output.stdout)?;
        ui.diagnostics(&output.stderr);
        Ok(output.status.code().unwrap_or(1))
    }

    /// Runs a command in one of the ways, or prints it under `--dry-run`.
    fn run(&self, command: &Command, how: impl Fn(&Command) -> Result<i32>) -> Result<i32> {
        if self.config.dry_run {
            return output::write(Path::new("-"), (command.shell() + "\n").as_bytes()).map(|()| 0);
        }
        how(command)
    }

    /// clang names the list of dependencies, and the target in it, after the linked file.
    fn dependencies(&self) -> Vec<OsString> {
        let given = |prefixes: &[&str]| {
            self.groups.iter().any(|group| prefixes.iter().any(|p| group.words[0].to_string_lossy().starts_with(p)))
        };
        let mut words = Vec::new();
        if !given(&["-MD", "-MMD"]) {
            return words;
        }
        let output = self.config.launcher.as_ref().unwrap_or(&self.config.output);
        if !given(&["-MF"]) {
            words.extend(["-MF".into(), output.with_extension("d").into_os_string()]);
        }
        if !given(&["-MT", "-MQ"]) {
            words.extend(["-MQ".into(), output.clone().into_os_string()]);
        }
        words
    }

    /// `-r`: several objects into one, for a later link.
    fn link_partially(&self, tokens: &[Token]) -> Result<i32> {
        let mut command = Toolchain::command(&self.toolchain.wasm_ld);
        command.args(["-m", "wasm32", "-r"]);
        for token in tokens {
            match token {
                Token::Input { path, .. } => drop(command.arg(path)),
                Token::Link(words) => drop(command.args(words)),
                _ => {}
            }
        }
        command.arg("-o").arg(&self.config.output);
        self.run(&command, Command::pass_through)
    }
}

/// The C library's emulations that are there. A project that was not written for WASI asks for none by name, and what
/// it does not call is not linked.
fn emulations(toolchain: &Toolchain) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let is_there = |library: &str| {
        let file = format!("lib{}.a", library.trim_start_matches("-l"));
        toolchain.library_dirs.iter().any(|folder| folder.join(&file).is_file())
    };
    c::EMULATIONS.iter().filter(move |(_, library)| is_there(library))
}

fn places() -> Places {
    Places::of_process()
}

fn links(groups: &[Group]) -> bool {
    let is_input = |token: &Token| matches!(token, Token::Input { .. });
    groups.iter().flat_map(|group| &group.tokens).any(is_input) && !groups.iter().any(stops_before_the_link)
}

/// The source that this is, and what `-x` says of it.
fn source_of(token: &Token) -> Option<(&Path, Option<&str>)> {
    let Token::Input { path, language } = token else { return None };
    let source = match language {
        Some(_) => true,
        None => matches!(source::classify(path, None, None), Ok(Input::Source(_))),
    };
    source.then_some((path, language.as_deref()))
}

/// Whether an object or archive throws or catches: Makefiles seldom tell the link what they told the compiler.
fn unwinds(token: &Token) -> bool {
    let Token::Input { path, .. } = token else { return false };
    let bytes = std::fs::read(path).unwrap_or_default();
    ["__cxa_throw", "__cxa_begin_catch"].iter().any(|name| memchr::memmem::find(&bytes, name.as_bytes()).is_some())
}

/// Whether these words make clang answer something, or stop at an object or earlier.
fn stops_before_the_link(group: &Group) -> bool {
    let Some(word) = group.words.first().and_then(|word| word.to_str()) else { return false };
    let refused = |token: &Token| match token {
        Token::Refused { option, .. } => !matches!(option.as_str(), "-r" | "-shared" | "--shared" | "-lembind"),
        Token::Input { path, language: None } => is_header(path),
        _ => false,
    };
    group.tokens.iter().any(refused)
        || NOT_LINKING.contains(&word)
        || NOT_LINKING_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

/// clang makes a precompiled header of one.
fn is_header(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    matches!(extension, "h" | "hh" | "hpp" | "hxx" | "H" | "h++")
}

/// Whether these words are for clang. Its own way with `--target` and `--sysroot` is among what it is told first, and
/// `-pthread` would turn on atomics, which the C library has not.
fn is_clangs(group: &Group) -> bool {
    let word = group.words[0].to_string_lossy();
    if word == "-pthread" || word == "-pthreads" {
        return false;
    }
    group.tokens.iter().all(|token| match token {
        Token::Setting(_) => false,
        Token::Own(Own::Target | Own::Sysroot, _) => false,
        Token::Own(Own::Std, Some(value)) => value != "small",
        Token::Own(Own::Verbose, _) => true,
        Token::Own(..) => !word.starts_with("--"),
        _ => true,
    })
}

/// The folder that an option names to look for headers in.
fn header_folder(words: &[OsString]) -> Option<&OsStr> {
    const OPTIONS: &[&str] = &["-I", "-isystem", "-iquote", "-idirafter", "-include", "-imacros"];
    let first = words.first()?.to_str()?;
    match words.get(1) {
        Some(folder) if OPTIONS.contains(&first) => Some(folder),
        None => first.strip_prefix("-I").filter(|rest| !rest.is_empty()).map(OsStr::new),
        Some(_) => None,
    }
}

/// A place for an object that keeps its source's name, which the linker's messages show.
fn free_name(scratch: &Scratch, source: &Path, n: usize) -> Result<PathBuf> {
    let stem = source.file_stem().map_or("stdin".into(), |stem| stem.to_string_lossy().into_owned());
    let folder = scratch.path().join(n.to_string());
    std::fs::create_dir(&folder).map_err(|e| Error::build(format!("cannot make {}", folder.display())).cause(e))?;
    Ok(folder.join(format!("{stem}.o")))
}
