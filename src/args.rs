//! Compiler-style arguments, read as gcc and clang read them.
//!
//! No argument library reads `-std=c99`, `-Wl,a`, `-isystem D` or the order of `-l`, so this is a
//! tokenizer of our own. It knows which options take a separate argument (a test asks the installed
//! clang), sorts words by whom they are for, and judges nothing else: that is `config`'s.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
pub use crate::options::Own;
use crate::options::{self, Takes};

/// A word of the command line, or an option with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A file, or `-`; with the language that an earlier `-x` forces.
    Input { path: PathBuf, language: Option<String> },
    /// `-o`
    Output(PathBuf),
    /// `-O3` is `3`, `-O` is `1`, as for clang.
    Optimize(String),
    /// The whole word: `-g`, `-g1`, `-gdwarf-4`.
    Debug(String),
    /// `-s` alone, `--strip`.
    Strip,
    /// `-s NAME=VALUE`
    Setting(String),
    /// An option of wbuild's own, by its long name.
    Own(Own, Option<String>),
    /// For the compiler, as it stands.
    Compile(Vec<OsString>),
    /// For wasm-ld, in its own spelling and in its place among the inputs.
    Link(Vec<OsString>),
    /// `-mllvm X`: for the compiler, and for the linker where it compiles.
    CodeGeneration(Vec<OsString>),
    /// Means something to gcc, and nothing here: why.
    Ignored(String),
    /// Asks for what a build does not do.
    Refused { option: String, why: &'static str, help: &'static str },
}

/// clang's options that take the next word as their argument, and may also have it joined on.
pub const SEPARATE: &[&str] = &[
    "-A",
    "-B",
    "-D",
    "-F",
    "-G",
    "-I",
    "-L",
    "-MF",
    "-MJ",
    "-MQ",
    "-MT",
    "-T",
    "-U",
    "-Xanalyzer",
    "-Xassembler",
    "-Xclang",
    "-Xlinker",
    "-Xopenmp-target",
    "-Xpreprocessor",
    "-b",
    "-cxx-isystem",
    "-dependency-dot",
    "-dependency-file",
    "-dumpdir",
    "-fdebug-compilation-dir",
    "-filelist",
    "-fmodules-user-build-path",
    "-ftrapv-handler",
    "-iapinotes-modules",
    "-idirafter",
    "-iframework",
    "-iframeworkwithsysroot",
    "-imacros",
    "-imultilib",
    "-include",
    "-include-pch",
    "-iprefix",
    "-iquote",
    "-isysroot",
    "-isystem",
    "-isystem-after",
    "-ivfsoverlay",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-iwithsysroot",
    "-l",
    "-mllvm",
    "-mthread-model",
    "-o",
    "-resource-dir",
    "-rpath",
    "-serialize-diagnostics",
    "-stdlib++-isystem",
    "-u",
    "-undefined",
    "-vfsoverlay",
    "-working-directory",
    "-x",
    "-z",
];

/// Separate only in clang versions or spellings that the probe of [`SEPARATE`] does not show.
const SEPARATE_TOO: &[&str] = &["-arch", "-target", "-e", "-framework", "--param", "-wrapper", "-aux-info"];

/// clang's own words with two dashes that make sense for a build.
const CLANG_LONG: &[(&str, bool)] = &[
    ("--ansi", false),
    ("--define-macro", true),
    ("--imacros", true),
    ("--include", true),
    ("--include-directory", true),
    ("--no-pedantic", false),
    ("--param", true),
    ("--pedantic", false),
    ("--pedantic-errors", false),
    ("--stdlib", true),
    ("--traditional-cpp", false),
    ("--trigraphs", false),
    ("--undefine-macro", true),
];

/// wasm-ld's words that people type to a compiler driver by mistake; the error says how to pass them.
const LINKER_LONG: &[&str] = &[
    "--allow-multiple-definition",
    "--allow-undefined",
    "--allow-undefined-file",
    "--build-id",
    "--compress-relocations",
    "--emit-relocs",
    "--entry",
    "--export-dynamic",
    "--export-if-defined",
    "--export-memory",
    "--export-table",
    "--features",
    "--gc-sections",
    "--global-base",
    "--growable-table",
    "--import-memory",
    "--import-table",
    "--import-undefined",
    "--no-gc-sections",
    "--no-growable-memory",
    "--no-whole-archive",
    "--print-gc-sections",
    "--shared-memory",
    "--strip-all",
    "--strip-debug",
    "--undefined",
    "--unresolved-symbols",
    "--whole-archive",
    "--wrap",
];

/// What emcc and packagers take and wbuild does not: the option, and what is nearest here.
const EMCC: &[(&str, &str)] = &[
    ("--bind", "wbuild makes no JavaScript; export C functions with --export NAME"),
    ("--closure", "wbuild makes no JavaScript; leave it out"),
    ("--embed-file", "give the program its files when it runs: wbuild run --dir . FILE"),
    ("--emrun", "wbuild run FILE runs the module"),
    ("--extern-post-js", "wbuild makes no JavaScript; leave it out"),
    ("--extern-pre-js", "wbuild makes no JavaScript; leave it out"),
    ("--js-library", "declare the function with __attribute__((import_module(\"env\"))) and let the host provide it"),
    ("--memory-init-file", "data is always inside the module; leave it out"),
    ("--minify", "wbuild makes no JavaScript; leave it out"),
    ("--post-js", "wbuild makes no JavaScript; leave it out"),
    ("--pre-js", "wbuild makes no JavaScript; leave it out"),
    ("--preload-file", "give the program its files when it runs: wbuild run --dir . FILE"),
    ("--profiling", "use -g1, which keeps function names"),
    ("--profiling-funcs", "use -g1, which keeps function names"),
    ("--shell-file", "wbuild makes no HTML; leave it out"),
    ("--source-map-base", "use -g at -O0, which keeps DWARF"),
];

/// Who reads the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// A build: words that would mean nothing are errors.
    #[default]
    Build,
    /// `wbuild cc`, which stands for clang: what is unknown here is clang's to judge.
    Cc,
}

/// Words that belong together, as they were given, and what they mean; nothing, where they only steer what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub words: Vec<OsString>,
    pub tokens: Vec<Token>,
}

/// Reads a whole command line, response files included.
pub fn tokenize(args: &[OsString]) -> Result<Vec<Token>> {
    Ok(groups(args, Dialect::Build)?.into_iter().flat_map(|group| group.tokens).collect())
}

/// As [`tokenize`], with the words that each token came from.
pub fn groups(args: &[OsString], dialect: Dialect) -> Result<Vec<Group>> {
    let words = expand(args, 0, dialect)?;
    let mut groups = Vec::new();
    let mut reader = Reader { words: &words, at: 0, language: None, only_files: false, tokens: Vec::new(), dialect };
    while reader.at < words.len() {
        let start = reader.at;
        reader.word()?;
        groups.push(Group { words: words[start..reader.at].to_vec(), tokens: std::mem::take(&mut reader.tokens) });
    }
    Ok(groups)
}

/// The word of `candidates` that is nearest to `word`, if any is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).clamp(1, 4);
    let scored = candidates.into_iter().map(|c| (distance(word, c), c));
    scored.filter(|&(d, _)| d <= limit).min_by_key(|&(d, _)| d).map(|(_, c)| c)
}

struct Reader<'a> {
    words: &'a [OsString],
    at: usize,
    language: Option<String>,
    only_files: bool,
    tokens: Vec<Token>,
    dialect: Dialect,
}

impl Reader<'_> {
    fn word(&mut self) -> Result<()> {
        let word = &self.words[self.at];
        self.at += 1;
        let Some(text) = word.to_str() else {
            if word.as_encoded_bytes().starts_with(b"-") {
                let shown = word.to_string_lossy();
                return Err(Error::usage(format!("the option {shown} is not UTF-8")));
            }
            self.input(word);
            return Ok(());
        };
        if self.only_files || text == "-" || !text.starts_with('-') {
            if text.is_empty() {
                return Err(Error::usage("an argument is empty").help("look for an unset variable in the command"));
            }
            self.input(word);
            return Ok(());
        }
        let token = match text {
            "--" => {
                self.only_files = true;
                return Ok(());
            }
            "-###" => Token::Own(Own::DryRun, None),
            "-v" => Token::Own(Own::Verbose, None),
            "-q" => Token::Own(Own::Quiet, None),
            "-s" => self.strip_or_setting(),
            "--strip" => Token::Strip,
            "-msimd128" => Token::Own(Own::Simd, None),
            "-nostdlib" => {
                self.tokens.push(Token::Own(Own::NoStartFiles, None));
                Token::Own(Own::NoDefaultLibs, None)
            }
            "-nodefaultlibs" | "-nolibc" => Token::Own(Own::NoDefaultLibs, None),
            "-nostartfiles" => Token::Own(Own::NoStartFiles, None),
            "-mexec-model=reactor" => Token::Own(Own::Reactor, None),
            "-mexec-model=command" => return Ok(()),
            // Build systems say it of any program, and it would export all of libc++.
            "-rdynamic" if self.dialect == Dialect::Cc => {
                Token::Ignored(format!("{text} is ignored: nothing is loaded into a module later"))
            }
            "-rdynamic" => Token::Link(vec!["--export-dynamic".into()]),
            "-static" | "-no-pie" | "-pie" | "-static-pie" | "-no-canonical-prefixes" | "-pipe" => return Ok(()),
            "-pthread" | "-pthreads" => {
                Token::Ignored(format!("{text} is ignored: this sysroot has no threads, and one thread runs"))
            }
            "-flto" | "-flto=full" | "-flto=auto" | "-flto=jobserver" => Token::Own(Own::Lto, Some("full".into())),
            "-flto=thin" => Token::Own(Own::Lto, Some("thin".into())),
            "-fno-lto" => Token::Own(Own::Lto, Some("off".into())),
            "-O" => Token::Optimize("1".into()),
            _ => return self.other(text),
        };
        self.tokens.push(token);
        Ok(())
    }

    fn input(&mut self, word: &OsStr) {
        self.tokens.push(Token::Input { path: PathBuf::from(word), language: self.language.clone() });
    }

    /// `-s` before an upper-case identifier, up to `=`, is emcc's; alone it strips.
    fn strip_or_setting(&mut self) -> Token {
        let next = self.words.get(self.at).and_then(|w| w.to_str());
        match next {
            Some(word) if is_setting(word) => {
                self.at += 1;
                Token::Setting(word.to_string())
            }
            _ => Token::Strip,
        }
    }

    fn other(&mut self, text: &str) -> Result<()> {
        if let Some((why, help)) = refusal(text) {
            self.tokens.push(Token::Refused { option: text.to_string(), why, help });
            return Ok(());
        }
        if let Some(level) = text.strip_prefix("-O") {
            self.tokens.push(Token::Optimize(level.to_string()));
            return Ok(());
        }
        if let (Some(level), Dialect::Build) = (text.strip_prefix("-0"), self.dialect) {
            // The most common slip of all: a zero for the letter.
            return Err(Error::usage(format!("unknown option {text}")).help(format!("did you mean -O{level}?")));
        }
        if let Some(setting) = text.strip_prefix("-s").filter(|s| is_setting(s)) {
            self.tokens.push(Token::Setting(setting.to_string()));
            return Ok(());
        }
        if text.starts_with("-g") && !text.starts_with("-gcc") && !text.starts_with("-gen-") {
            self.tokens.push(Token::Debug(text.to_string()));
            return Ok(());
        }
        if let Some(list) = text.strip_prefix("-Wl,") {
            self.tokens.push(Token::Link(list.split(',').filter(|w| !w.is_empty()).map(OsString::from).collect()));
            return Ok(());
        }
        if text.starts_with("-fuse-ld") {
            self.tokens.push(Token::Ignored(format!("{text} is ignored: wbuild links with wasm-ld")));
            return Ok(());
        }
        if let Some(runtime) = text.strip_prefix("-rtlib=").or(text.strip_prefix("--rtlib=")) {
            if runtime != "compiler-rt" {
                self.tokens.push(Token::Ignored(format!("{text} is ignored: the runtime is compiler-rt")));
            }
            return Ok(());
        }
        if text.starts_with("--") { self.long(text) } else { self.short(text) }
    }

    fn long(&mut self, text: &str) -> Result<()> {
        let (name, joined) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (text, None),
        };
        if let Some((own, valued)) = options::long(name) {
            let value = match (valued, joined) {
                (Takes::Value | Takes::Perhaps, Some(value)) => Some(value),
                (Takes::Value, None) => Some(self.text_argument(name)?),
                (Takes::Nothing | Takes::Perhaps, None) => None,
                (Takes::Nothing, Some(_)) => {
                    return Err(Error::usage(format!("{name} takes no value")).help(name.to_string()));
                }
            };
            self.tokens.push(Token::Own(own, value));
            return Ok(());
        }
        if let Some(&(_, valued)) = CLANG_LONG.iter().find(|(n, _)| *n == name) {
            let mut words = vec![OsString::from(text)];
            if valued && joined.is_none() {
                words.push(self.argument(name)?);
            }
            self.tokens.push(Token::Compile(words));
            return Ok(());
        }
        if self.dialect == Dialect::Cc {
            self.tokens.push(Token::Compile(vec![text.into()]));
            return Ok(());
        }
        let unknown = Error::usage(format!("unknown option {text}"));
        if let Some((_, help)) = EMCC.iter().find(|(n, _)| *n == name) {
            return Err(unknown.cause("it is emcc's").help(*help));
        }
        if LINKER_LONG.contains(&name) {
            return Err(unknown.cause("it is wasm-ld's").help(format!("pass it through: -Wl,{text}")));
        }
        let known = options::all().filter_map(options::Row::long).chain(CLANG_LONG.iter().map(|(n, _)| *n));
        Err(match nearest(name, known.chain(["--help", "--version"])) {
            Some(near) => unknown.help(format!("did you mean {near}?")),
            None => unknown.help("wbuild --help lists the options"),
        })
    }

    fn short(&mut self, text: &str) -> Result<()> {
        let separate = SEPARATE.iter().chain(SEPARATE_TOO).find(|o| **o == text);
        let argument = match separate {
            Some(option) => Some(self.argument(option)?),
            None => None,
        };
        let token = match (text, argument) {
            ("-o", Some(path)) => Token::Output(PathBuf::from(path)),
            ("-x", Some(language)) => return self.language(&language.to_string_lossy()),
            ("-target", Some(name)) => Token::Own(Own::Target, Some(name.to_string_lossy().into_owned())),
            ("-isysroot", Some(path)) => Token::Own(Own::Sysroot, Some(path.to_string_lossy().into_owned())),
            ("-Xlinker", Some(word)) => Token::Link(vec![word]),
            ("-mllvm", Some(word)) => Token::CodeGeneration(vec!["-mllvm".into(), word]),
            ("-l", Some(name)) => Token::Link(vec![joined("-l", &name)]),
            ("-L", Some(folder)) => Token::Link(vec![joined("-L", &folder)]),
            ("-e", Some(name)) => Token::Link(vec![joined("--entry=", &name)]),
            ("-u", Some(name)) => Token::Link(vec![joined("--undefined=", &name)]),
            ("-z", Some(word)) => Token::Link(vec!["-z".into(), word]),
            ("-rpath" | "-undefined", Some(_)) => {
                Token::Ignored(format!("{text} is ignored: it is for dynamic linking"))
            }
            (_, Some(argument)) => Token::Compile(vec![text.into(), argument]),
            (_, None) => match &text[1..2] {
                "o" if text.len() > 2 && !text.starts_with("-object") => Token::Output(PathBuf::from(&text[2..])),
                "x" if text.len() > 2 => return self.language(&text[2..]),
                "l" | "L" => Token::Link(vec![text.into()]),
                "u" if text != "-undef" => Token::Link(vec![joined("--undefined=", OsStr::new(&text[2..]))]),
                "z" => Token::Link(vec!["-z".into(), text[2..].into()]),
                _ => Token::Compile(vec![text.into()]),
            },
        };
        self.tokens.push(token);
        Ok(())
    }

    fn language(&mut self, name: &str) -> Result<()> {
        const LANGUAGES: &[&str] =
            &["c", "c++", "cpp-output", "c++-cpp-output", "assembler", "assembler-with-cpp", "ir", "wat", "wasm"];
        self.language = match name {
            "none" => None,
            name if LANGUAGES.contains(&name) || self.dialect == Dialect::Cc => Some(name.to_string()),
            _ => {
                return Err(Error::usage(format!("unknown language {name} after -x"))
                    .help(format!("one of {}, none", LANGUAGES.join(", "))));
            }
        };
        Ok(())
    }

    fn argument(&mut self, option: &str) -> Result<OsString> {
        let word = self.words.get(self.at).ok_or_else(|| {
            Error::usage(format!("{option} needs an argument")).help(format!("{option} VALUE, or wbuild --help"))
        })?;
        self.at += 1;
        Ok(word.clone())
    }

    fn text_argument(&mut self, option: &str) -> Result<String> {
        let word = self.argument(option)?;
        word.into_string().map_err(|w| Error::usage(format!("{option} {} is not UTF-8", w.to_string_lossy())))
    }
}

/// What a build that makes a finished module cannot do, and what to do instead.
fn refusal(text: &str) -> Option<(&'static str, &'static str)> {
    const OBJECTS: &str = "leave it out and give every source at once: wbuild a.c b.c -o a.wasm; \
                           for single objects run clang --target=wasm32-wasip1, and give wbuild its .o files";
    Some(match text {
        "-c" => ("it asks for an object file, and a build makes a finished module", OBJECTS),
        "-S" | "--assemble" => ("it asks for assembly, and a build makes a finished module", OBJECTS),
        "-emit-llvm" => ("it asks for LLVM's bitcode, and a build makes a finished module", OBJECTS),
        "-r" => ("it asks for a relocatable object, and a build makes a finished module", OBJECTS),
        "-E" | "-M" | "-MM" | "-fsyntax-only" | "--preprocess" => (
            "it stops before the link, and a build makes a finished module",
            "run clang --target=wasm32-wasip1 for it; -MD and -MMD write dependencies beside a build",
        ),
        "-shared" | "--shared" => (
            "wasm modules here are linked statically",
            "leave it out; for a library without main use --reactor or --no-entry with --export NAME",
        ),
        "-lembind" => ("embind is emcc's, and needs JavaScript", "export C functions with --export NAME"),
        _ => return None,
    })
}

fn is_setting(word: &str) -> bool {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn joined(prefix: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(prefix);
    word.push(value);
    word
}

/// Response files: `@file` holds words quoted as a shell would; one may name another.
fn expand(args: &[OsString], depth: usize, dialect: Dialect) -> Result<Vec<OsString>> {
    let mut words = Vec::with_capacity(args.len());
    for arg in args {
        let Some(name) = arg.to_str().and_then(|a| a.strip_prefix('@')).filter(|n| !n.is_empty()) else {
            words.push(arg.clone());
            continue;
        };
        // As clang does: what cannot be read is a file of that name.
        if dialect == Dialect::Cc && !Path::new(name).is_file() {
            words.push(arg.clone());
            continue;
        }
        if depth >= 16 {
            return Err(Error::usage(format!("response file {name} is nested too deeply"))
                .help("look for a response file that names itself"));
        }
        let bytes = crate::output::read(Path::new(name))?;
        let text =
            String::from_utf8(bytes).map_err(|_| Error::usage(format!("response file {name} is not UTF-8 text")))?;
        let inner: Vec<OsString> = split(&text).into_iter().map(OsString::from).collect();
        words.extend(expand(&inner, depth + 1, dialect)?);
    }
    Ok(words)
}

/// Splits as GNU tools do: white space separates, both quotes and the backslash protect.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(q)) if c == q => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Levenshtein's distance, with a swap of neighbours counted as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
