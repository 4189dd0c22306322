//! wbuild's own options for a build, in one table: what the tokenizer reads, the help prints, a shell completes and the
//! man page lists.

use crate::preinit::Word;

/// wbuild's own options; the contract says what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Own {
    Bin,
    Binaryen,
    CheckReproducible,
    Clang,
    Compiler,
    DryRun,
    Edition,
    Example,
    Exceptions,
    Export,
    ExportAll,
    InitialMemory,
    JsBoundary,
    Json,
    Launcher,
    Lib,
    LlvmLto,
    Lto,
    Malloc,
    MaxMemory,
    NoCache,
    NoDefaultLibs,
    NoDeterministic,
    NoLinkInformation,
    NoEntry,
    NoStartFiles,
    OptBudget,
    OptEffort,
    OptimizeFor,
    Preinit,
    PreinitWith(Word),
    Quiet,
    Reactor,
    Simd,
    SizeLimit,
    TargetFeatures,
    StackLast,
    StackSize,
    Standalone,
    Std,
    Sysroot,
    Target,
    Threads,
    Verbose,
    VerifyEach,
}

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    /// Joined on with `=`, or as the next word.
    Value,
    /// Joined on with `=`, or not at all.
    Perhaps,
}

/// Options that belong together.
pub struct Section {
    pub title: &'static str,
    pub rows: &'static [Row],
}

/// One option as the help has it: its spellings with the word for its value, and what it does. Without the latter it is
/// read and not shown.
pub struct Row {
    pub spelling: &'static str,
    /// `None`: the tokenizer knows it by itself, as an option of clang's form.
    own: Option<Own>,
    pub help: &'static str,
}

const fn row(spelling: &'static str, own: Own, help: &'static str) -> Row {
    Row { spelling, own: Some(own), help }
}

const fn as_clang(spelling: &'static str, help: &'static str) -> Row {
    Row { spelling, own: None, help }
}

const fn preinit(spelling: &'static str, word: Word, help: &'static str) -> Row {
    row(spelling, Own::PreinitWith(word), help)
}

/// Every option, in the order of the help.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Optimizing",
        rows: &[
            as_clang("-O0 .. -O4, -Os, -Oz", "how hard, and for speed or size (default -O2)"),
            row(
                "--lto=full|thin|off",
                Own::Lto,
                "link time optimization (default: full from -O2 on; at -Os and -Oz both ways are tried and the smaller \
                 is kept)",
            ),
            row("--binaryen=off|builtin|PATH", Own::Binaryen, "the wasm-opt to use after the link (default builtin)"),
            row(
                "--optimize-for=size|compressed|speed",
                Own::OptimizeFor,
                "what -Os and -Oz are for: small, small once compressed, or small where it costs no time (default size)",
            ),
            row("--opt-effort=default|max", Own::OptEffort, "max: try several ways and keep the smallest"),
            row("--opt-budget TIME", Own::OptBudget, "leave Binaryen out where it takes longer, such as 10s"),
            row(
                "--no-link-information",
                Own::NoLinkInformation,
                "do not use what the linker knows of data and calls (used from -O1 on)",
            ),
            row("--simd, -msimd128", Own::Simd, "allow SIMD, and make it deterministic"),
        ],
    },
    Section {
        title: "Target and shape",
        rows: &[
            row("--target NAME", Own::Target, "wasm32-wasip1 (default, also wasm32-wasi), wasm32-unknown-unknown"),
            row(
                "--target-features=mvp|lime1",
                Own::TargetFeatures,
                "for older engines: lower what they do not know; what cannot be lowered is an error",
            ),
            row("--standalone", Own::Standalone, "fail unless the module needs only WASI and can be started"),
            row("--reactor", Own::Reactor, "a library: _initialize instead of main"),
            row("--no-entry", Own::NoEntry, "no start function at all"),
            row("--export NAME", Own::Export, "export a symbol"),
            row("--export-all", Own::ExportAll, "export all symbols"),
            row("--size-limit SIZE", Own::SizeLimit, "fail, and write nothing, where the module would be larger"),
            row("--edition YEAR", Own::Edition, "of a Rust file (default 2024)"),
            row("--bin NAME", Own::Bin, "the target of a cargo project that has several"),
            row("--lib", Own::Lib, "likewise, its library"),
            row("--example NAME", Own::Example, "likewise, an example"),
            row("--std=small", Own::Std, "Rust's library built for size; panics say nothing"),
            as_clang("-fexceptions", "C++ exceptions (default: without, which is smaller)"),
            row("--exceptions=wasm|wasm-legacy", Own::Exceptions, "setjmp through wasm exceptions (default: without)"),
            row(
                "--no-deterministic",
                Own::NoDeterministic,
                "leave NaN bits and growth to the engine (default: hardened)",
            ),
            row("--js-boundary", Own::JsBoundary, "the host is JavaScript: make its floats canonical, too"),
        ],
    },
    Section {
        title: "Memory (sizes such as 65536, 64KiB, 32MB, 4GB)",
        rows: &[
            row("--malloc=small|libc", Own::Malloc, "the allocator (default: small at -Os and -Oz)"),
            row("--stack-size SIZE", Own::StackSize, "default 960KiB; the stack lies first, so an overflow traps"),
            row("--stack-last", Own::StackLast, "put the stack behind the data"),
            row("--initial-memory SIZE", Own::InitialMemory, "default: what the program needs"),
            row("--max-memory SIZE", Own::MaxMemory, "default: none"),
        ],
    },
    Section {
        title: "Initialization while building (wbuild preinit --help says more)",
        rows: &[
            row(
                "--preinit[=NAME]",
                Own::Preinit,
                "run what WBUILD_PREINIT of <wbuild.h> marks, or this exported function, and start where it ended; \
                 --preinit=ctors runs what runs before main",
            ),
            preinit("--preinit-dir HOST[::GUEST][::rw]", Word::Dir, "let it see a folder"),
            preinit("--preinit-env NAME=VALUE", Word::Env, "a variable"),
            preinit("--preinit-stdin FILE", Word::Stdin, "standard input"),
            preinit("--preinit-arg WORD", Word::Arg, "an argument"),
            preinit("--preinit-timeout TIME", Word::Timeout, "limit (default 10s)"),
            preinit("--preinit-max-memory SIZE", Word::MaxMemory, "limit (default 4GB)"),
            preinit("--preinit-max-output SIZE", Word::MaxOutput, "limit (default 64MB)"),
            preinit("--preinit-max-stack SIZE", Word::MaxStack, "limit (default 8MB)"),
            preinit("--preinit-fuel COUNT", Word::Fuel, "limit on instructions (default none)"),
            preinit("--preinit-rename NEW=OLD", Word::Rename, "export NEW in the place of OLD afterwards"),
            preinit("--preinit-keep", Word::Keep, "keep the export NAME"),
            preinit("--preload NAME=FILE", Word::Preload, "a module that gives it what it imports from NAME"),
            preinit("--preinit-allow-clock", Word::AllowClock, "asking the time is no error; it is 2020"),
            preinit("--preinit-engine NAME", Word::Engine, ""),
        ],
    },
    Section {
        title: "Output",
        rows: &[
            as_clang("-o FILE", "default: the first input's name with .wasm, in this folder"),
            as_clang("-g, -g1", "keep names and DWARF (where no code changes), or names only"),
            as_clang("-s, --strip", "keep neither (the default)"),
            row("--launcher", Own::Launcher, "write OUT.wasm, and OUT, a script with the module in it that runs it"),
            row("--json FILE", Own::Json, "write stages, times, sizes and the tools' identity"),
            row("-###, --dry-run", Own::DryRun, "print what would be run, as shell commands"),
            row("--no-cache", Own::NoCache, "take nothing from earlier builds, and keep nothing"),
            row(
                "--check-reproducible",
                Own::CheckReproducible,
                "build again in other surroundings, and fail at the first difference",
            ),
            row("--verify-each", Own::VerifyEach, "validate after every pass"),
            row("-v, --verbose", Own::Verbose, "print commands, stages and times"),
            row("-q, --quiet", Own::Quiet, "print errors only"),
        ],
    },
    Section {
        title: "Tools (see wbuild doctor)",
        rows: &[
            row("--compiler=auto|native|hermetic|zig|emcc", Own::Compiler, "whose compiler and C library"),
            row("--clang PATH", Own::Clang, "a clang for wasm, with wasm-ld beside it"),
            row("--sysroot DIR", Own::Sysroot, "the C library"),
            row("--llvm-lto N", Own::LlvmLto, ""),
            row("--threads", Own::Threads, ""),
        ],
    },
];

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows)
}

/// The option that is spelled `name`, with its two dashes and without a value.
pub fn long(name: &str) -> Option<(Own, Takes)> {
    all().find(|row| row.long() == Some(name)).and_then(|row| Some((row.own?, row.takes())))
}

/// How an option is written, without its value.
pub fn spelling(own: Own) -> &'static str {
    all().find(|row| row.own == Some(own)).and_then(Row::long).unwrap_or_default()
}

impl Row {
    /// Its spelling with two dashes, if it has one.
    pub fn long(&self) -> Option<&'static str> {
        let spelling = self.spelling.split(", ").find(|spelling| spelling.starts_with("--"))?;
        Some(&spelling[..spelling.find(['=', ' ', '[']).unwrap_or(spelling.len())])
    }

    /// Its letter, if it has one.
    pub fn short(&self) -> Option<char> {
        let letter = |spelling: &str| match spelling.split(' ').next()?.as_bytes() {
            [b'-', letter] if letter.is_ascii_alphabetic() => Some(char::from(*letter)),
            _ => None,
        };
        self.spelling.split(", ").find_map(letter)
    }

    /// What stands for its value: `FILE`, `full|thin|off`.
    pub fn value(&self) -> Option<&'static str> {
        let at = self.spelling.find(['=', ' ', '['])?;
        (!self.spelling[..at].ends_with(',') && !self.spelling.contains("..")).then_some(())?;
        Some(self.spelling[at..].trim_matches(['=', ' ', '[', ']']))
    }

    pub fn takes(&self) -> Takes {
        match self.value() {
            None => Takes::Nothing,
            Some(_) if self.spelling.contains("[=") => Takes::Perhaps,
            Some(_) => Takes::Value,
        }
    }
}
