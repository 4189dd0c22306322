//! The command. Everything is in the library.

use clap::Parser;

#[derive(Parser)]
enum Command {
    Run(wbuild::run::Args),
}

fn main() {
    let words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == wbuild::binaryen::CHILD) {
        std::process::exit(wbuild::binaryen::child_main(&words[1..]));
    }
    let Command::Run(args) = Command::parse();
    let (status, error) = match wbuild::run::command(&args) {
        Ok(ended) => (ended.status(), ended.error().cloned()),
        Err(error) => (error.exit_code(), Some(error)),
    };
    if let Some(error) = error {
        eprintln!("{error}");
    }
    std::process::exit(status);
}
