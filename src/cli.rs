//! The command line as a whole: the first word, exactly, may be a subcommand (clap reads those);
//! everything else is a build, which `args` reads.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::args::{self, Token};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::manifest::{self, Kept};
use crate::ui::{Ui, Verbosity};
use crate::wrap::{self, System};
use crate::{
    binaryen, binutils, build, cache, cargo, cc, determinism, help, linker, links, opt, preinit, run, toolchain, wat,
};

/// C, C++, WAT or any module in; a small, deterministic WebAssembly module out.
#[derive(Debug, Parser)]
#[command(name = "wbuild", version, disable_help_subcommand = true, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    Opt(opt::Args),
    Harden(determinism::Harden),
    Check(determinism::Check),
    Preinit(preinit::Args),
    Run(run::Args),
    Cargo(cargo::Args),
    /// The C compiler that a Makefile asks for: clang's words, messages and status, and wbuild's link
    #[command(long_about = "Takes clang's words. What compiles is clang's; what links goes through wbuild's link and \
                      stages, without -O those of -O2. wbuild's own long options may stand among the words of a link.")]
    Cc(Passed),
    /// The C++ compiler, likewise
    #[command(name = "c++")]
    Cxx(Passed),
    /// LLVM's archiver
    Ar(Passed),
    /// LLVM's indexer of archives
    Ranlib(Passed),
    /// LLVM's lister of symbols
    Nm(Passed),
    /// LLVM's remover of symbols
    Strip(Passed),
    /// LLVM's disassembler
    Objdump(Passed),
    /// Run make with wbuild's compilers, under whatever names its Makefile has for them
    Make(Passed),
    /// Run a configure script for wasm: wbuild configure ./configure OPTIONS
    Configure(Passed),
    /// Run cmake with wbuild's toolchain file, which --print-toolchain-file names
    #[command(name = "cmake")]
    CMake(Passed),
    /// Run meson with wbuild's cross file, which --print-cross-file names
    Meson(Passed),
    /// Print what `wbuild make` sets, for a shell: eval "$(wbuild env)"
    Env,
    InstallLinks(links::Args),
    Cache(cache::Args),
    #[command(name = "wat2wasm")]
    Wat2wasm(wat::Assemble),
    #[command(name = "wasm2wat")]
    Wasm2wat(wat::Disassemble),
    Toolchain(Toolchain),
    /// Show which tools were found, where, and which command closes each gap
    #[command(long_about = "Shows which tools were found, where, which targets they give, and which command closes \
                      each gap. The status is 0 if a build is possible, else 1.")]
    Doctor,
    Completions(help::Completions),
    Man(help::Manual),
}

/// Words that are another program's.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
struct Passed {
    #[arg(value_name = "WORDS", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Show, install or remove the compiler and the C library
#[derive(Debug, clap::Args)]
struct Toolchain {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Install what is missing: the WASI sysroot by npm, and a native clang where apt can
    Install {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// The sysroot's package, fetched elsewhere, for a machine without network
        #[arg(long, value_name = "FILE")]
        archive: Option<std::path::PathBuf>,
        /// The sources of a libc++ with exceptions too, by pip, for -fexceptions
        #[arg(long)]
        exceptions: bool,
    },
    /// Remove what was installed into the user's folder
    Remove,
}

/// Runs the command line, `program` and what follows it, and returns the exit status. Errors have been printed.
pub fn main(program: &OsStr, words: &[OsString]) -> i32 {
    if let Some(status) = links::subcommand(program).and_then(|name| stand_in(name, words)) {
        return status;
    }
    let first = words.first().and_then(|w| w.to_str()).unwrap_or_default();
    if first == binaryen::CHILD {
        return binaryen::child_main(&words[1..]);
    }
    if linker::is_meant(words) {
        return linker::main(words).unwrap_or_else(|e| status(Err(e)));
    }
    match first {
        "" => {
            print_to(&mut std::io::stderr().lock(), &help::text());
            return 2;
        }
        "help" => return help_of(words.get(1).map(OsString::as_os_str)),
        _ => {}
    }
    // Their words are not for clap to read, and their --help is not ours.
    if let Some(status) = words.get(1..).and_then(|rest| stand_in(first, rest)) {
        return status;
    }
    if subcommands().any(|name| name == first) {
        return subcommand(words);
    }
    // Not among the compiler's words, where -v and the rest mean something else.
    if words.iter().take_while(|w| *w != "--").any(|w| w == "--help" || w == "-h") {
        print_to(&mut std::io::stdout().lock(), &help::text());
        return 0;
    }
    if words.iter().take_while(|w| *w != "--").any(|w| w == "--version" || w == "-V") {
        print_to(&mut std::io::stdout().lock(), concat!("wbuild ", env!("CARGO_PKG_VERSION"), "\n"));
        return 0;
    }
    status(build_words(words))
}

/// Whether the command line only starts another program, and ends with it.
pub fn becomes_another(program: &OsStr, words: &[OsString]) -> bool {
    let linked = links::subcommand(program);
    let (name, rest) = match (linked, words.split_first()) {
        (Some(name), _) => (name, words),
        (None, Some((first, rest))) => (first.to_str().unwrap_or_default(), rest),
        (None, None) => return false,
    };
    binutils::NAMES.contains(&name) || matches!(name, "cc" | "c++") && cc::only_compiles(rest)
}

/// Runs what stands for another program, whose exit status it gives.
fn stand_in(name: &str, words: &[OsString]) -> Option<i32> {
    let system = match name {
        "cc" => return Some(cc::main(cc::Driver::C, words)),
        "c++" => return Some(cc::main(cc::Driver::Cxx, words)),
        name if binutils::NAMES.contains(&name) => {
            return Some(binutils::main(name, words).unwrap_or_else(|e| status(Err(e))));
        }
        "make" => System::Make,
        "configure" => System::Configure,
        "cmake" => System::CMake,
        "meson" => System::Meson,
        _ => return None,
    };
    Some(wrap::main(system, words).unwrap_or_else(|e| status(Err(e))))
}

fn build_words(words: &[OsString]) -> Result<()> {
    let (config, stdin) = configure(words).map_err(|e| meant_subcommand(words, e))?;
    let ui = Ui::new(config.verbosity);
    let result = build::run(&config, words, stdin, &ui);
    ui.clear();
    result
}

/// Reads the command line, and standard input where it is one of the inputs.
fn configure(words: &[OsString]) -> Result<(Config, Vec<u8>)> {
    let tokens = args::tokenize(words)?;
    let dashes = tokens.iter().filter(|t| matches!(t, Token::Input { path, .. } if path == Path::new("-"))).count();
    if dashes > 1 {
        return Err(Error::usage("standard input can be read only once").help("give - once"));
    }
    let mut stdin = Vec::new();
    let dry = tokens.iter().any(|t| matches!(t, Token::Own(args::Own::DryRun, _)));
    let forced = tokens.iter().any(|t| matches!(t, Token::Input { path, language: Some(_) } if path == Path::new("-")));
    if dashes == 1 && !(dry && forced) {
        std::io::stdin()
            .lock()
            .read_to_end(&mut stdin)
            .map_err(|e| Error::build("cannot read standard input").cause(e))?;
    }
    Ok((Config::resolve(tokens, Some(&stdin))?, stdin))
}

/// `wbuild otp a.wasm` was meant for a subcommand, if there is no such file.
fn meant_subcommand(words: &[OsString], error: Error) -> Error {
    let Some(first) = words.first().and_then(|w| w.to_str()) else { return error };
    if first.starts_with('-') || first.contains(['.', '/']) || Path::new(first).exists() {
        return error;
    }
    match args::nearest(first, subcommands().collect::<Vec<_>>().iter().map(String::as_str)) {
        Some(near) => Error::usage(format!("there is no subcommand {first}, and no file of that name"))
            .help(format!("did you mean wbuild {near}?")),
        None => error,
    }
}

fn subcommand(words: &[OsString]) -> i32 {
    let kept = match kept(words) {
        Ok(kept) => kept,
        Err(e) => return status(Err(e)),
    };
    let words = words[..1].iter().chain(&kept.words).chain(&words[1..]).map(|word| match word.to_str() {
        // clap reads `-g1` as `-g -1`.
        Some("-g1") => OsString::from("--names"),
        _ => word.clone(),
    });
    let words = std::iter::once(OsString::from("wbuild")).chain(words);
    let parsed = Cli::command().try_get_matches_from(words).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(e) => {
            // Help asked for goes to standard output, what is wrong to standard error.
            let _ = e.print();
            return if e.use_stderr() { 2 } else { 0 };
        }
    };
    match cli.command {
        Subcommand::Opt(args) => status(opt::command(&args, &Ui::new(args.verbosity()))),
        Subcommand::Run(args) => match run::command(&args) {
            Ok(ended) => {
                if let Some(error) = ended.error() {
                    print_to(&mut std::io::stderr().lock(), &format!("{error}\n"));
                }
                ended.status()
            }
            Err(e) => status(Err(e)),
        },
        Subcommand::Cargo(args) => {
            cargo::command(&args, &kept, &Ui::new(Verbosity::Normal)).unwrap_or_else(|e| status(Err(e)))
        }
        Subcommand::Cache(args) => status(cache::command(&args, &toolchain::Places::of_process())),
        Subcommand::Harden(args) => {
            let ui = Ui::new(args.verbosity());
            status(determinism::harden_command(&args, &ui))
        }
        Subcommand::Check(args) => determinism::check_command(&args).unwrap_or_else(|e| status(Err(e))),
        Subcommand::Preinit(args) => {
            let ui = Ui::new(args.verbosity());
            let result = preinit::command(&args, &ui);
            ui.clear();
            status(result)
        }
        Subcommand::Env => status(wrap::print_env()),
        Subcommand::InstallLinks(args) => status(links::command(&args)),
        Subcommand::Cc(_)
        | Subcommand::Cxx(_)
        | Subcommand::Ar(_)
        | Subcommand::Ranlib(_)
        | Subcommand::Nm(_)
        | Subcommand::Strip(_)
        | Subcommand::Objdump(_)
        | Subcommand::Make(_)
        | Subcommand::Configure(_)
        | Subcommand::CMake(_)
        | Subcommand::Meson(_) => status(Err(Error::internal("another program's words were read as ours"))),
        Subcommand::Wat2wasm(args) => status(wat::assemble(&args)),
        Subcommand::Wasm2wat(args) => status(wat::disassemble(&args)),
        Subcommand::Toolchain(Toolchain { action }) => {
            let (places, ui) = (toolchain::Places::of_process(), Ui::new(Verbosity::Normal));
            let result = match action {
                None => toolchain::list(&places).map(|text| print_to(&mut std::io::stdout().lock(), &text)),
                Some(Action::Install { yes, archive, exceptions }) => {
                    let consent = if yes { toolchain::Consent::Given } else { toolchain::Consent::Ask };
                    toolchain::install(&places, &ui, &toolchain::Options { consent, archive, exceptions })
                }
                Some(Action::Remove) => toolchain::remove(&places, &ui),
            };
            ui.clear();
            status(result)
        }
        Subcommand::Completions(args) => status(help::completions(&args, Cli::command())),
        Subcommand::Man(args) => status(help::manual(&args, &Cli::command())),
        Subcommand::Doctor => {
            let report = toolchain::doctor(&toolchain::Places::of_process());
            print_to(&mut std::io::stdout().lock(), &report.text);
            if report.can_build { 0 } else { 1 }
        }
    }
}

/// What the project keeps that cargo is to work on.
fn kept(words: &[OsString]) -> Result<Kept> {
    if words[0] != "cargo" {
        return Ok(Kept::default());
    }
    manifest::of_cargo(words).map_or(Ok(Kept::default()), |manifest| manifest::kept(&manifest))
}

fn help_of(of: Option<&OsStr>) -> i32 {
    match of.and_then(|word| word.to_str()) {
        Some(name) if subcommands().any(|known| known == name) => subcommand(&[name.into(), "--help".into()]),
        Some(name) => status(Err(Error::usage(format!("there is no subcommand {name}")).help("wbuild --help"))),
        None => {
            print_to(&mut std::io::stdout().lock(), &help::text());
            0
        }
    }
}

/// The names of all subcommands.
pub fn subcommands() -> impl Iterator<Item = String> {
    Cli::command().get_subcommands().map(|c| c.get_name().to_string()).collect::<Vec<_>>().into_iter()
}

fn status(result: Result<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            print_to(&mut std::io::stderr().lock(), &format!("{error}\n"));
            error.exit_code()
        }
    }
}

/// A reader that has gone away is no error.
fn print_to(out: &mut impl Write, text: &str) {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;

    #[test]
    fn clap_finds_nothing_wrong_with_the_subcommands() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_subcommand_and_every_long_option() {
        let help = help::text();
        for name in subcommands() {
            assert!(help.split_whitespace().any(|word| word.trim_end_matches(',') == name), "{name}");
        }
        for option in options::all().filter_map(options::Row::long).filter(|option| *option != "--preinit-engine") {
            assert!(help.contains(option), "{option}");
        }
    }
}
