//! `wbuild --help`, what shells complete, and the manual pages: three views of the table of options and of the
//! subcommands that clap reads.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::error::{Error, Result};
use crate::options::{self, Row, Takes};
use crate::output;

/// The help, but for its options.
const TEXT: &str = include_str!("help.txt");
/// Where they stand in it.
const OPTIONS: &str = "{OPTIONS}\n";
/// Where descriptions begin, and where lines end.
const COLUMNS: (usize, usize) = (29, 100);

/// Print what a shell needs to complete wbuild's words
///
/// For bash: wbuild completions bash > ~/.local/share/bash-completion/completions/wbuild
#[derive(Debug, clap::Args)]
pub struct Completions {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print the manual page, or write those of all subcommands too
///
/// For one user: wbuild man ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
pub struct Manual {
    /// The folder for wbuild.1, wbuild-opt.1 and so on; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// The help as a whole.
pub fn text() -> String {
    let (head, tail) = TEXT.split_once(OPTIONS).unwrap_or((TEXT, ""));
    let sections: String = options::SECTIONS.iter().map(|s| format!("{}:\n{}\n", s.title, rows(s.rows))).collect();
    format!("{head}{sections}{tail}")
}

fn rows(rows: &[Row]) -> String {
    let (indent, width) = COLUMNS;
    let mut text = String::new();
    for row in rows.iter().filter(|row| !row.help.is_empty()) {
        let mut line = format!("  {:<1$}  ", row.spelling, indent - 4);
        for word in row.help.split(' ') {
            if line.len() + word.len() >= width {
                text += line.trim_end();
                text += "\n";
                line = " ".repeat(indent);
            }
            line += word;
            line += " ";
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// `wbuild completions`; `known` holds the subcommands.
pub fn completions(args: &Completions, known: Command) -> Result<()> {
    let mut command =
        known.disable_help_flag(true).subcommand_required(false).args(options::all().filter_map(argument));
    command = command.arg(Arg::new("INPUT").num_args(0..).value_hint(ValueHint::FilePath));
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "wbuild", &mut script);
    output::write(Path::new("-"), &script)
}

/// An option in clap's terms, where it has a spelling that clap can read.
fn argument(row: &'static Row) -> Option<Arg> {
    let (long, short) = (row.long(), row.short());
    if row.help.is_empty() || long.is_none() && short.is_none() {
        return None;
    }
    let mut arg = Arg::new(row.spelling).help(row.help);
    if let Some(long) = long {
        arg = arg.long(&long[2..]);
    }
    if let Some(short) = short {
        arg = arg.short(short);
    }
    let Some(value) = row.value() else { return Some(arg.action(ArgAction::SetTrue)) };
    if row.takes() == Takes::Perhaps {
        arg = arg.num_args(0..=1).require_equals(true);
    }
    let words: Vec<&str> = value.split('|').collect();
    Some(match value {
        "NAME" if long == Some("--target") => {
            arg.value_parser(PossibleValuesParser::new(wbuild_targets::TARGETS.iter().map(|target| target.name)))
        }
        "DIR" | "HOST[::GUEST][::rw" => arg.value_hint(ValueHint::DirPath),
        "FILE" | "PATH" | "off|builtin|PATH" => arg.value_hint(ValueHint::FilePath),
        _ if words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')) => {
            arg.value_parser(PossibleValuesParser::new(words))
        }
        _ => arg,
    })
}

/// `wbuild man`; `known` holds the subcommands.
pub fn manual(args: &Manual, known: &Command) -> Result<()> {
    let page = page(known);
    let Some(folder) = &args.folder else { return output::write(Path::new("-"), &page) };
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::build(format!("cannot make the folder {}", folder.display())).cause(e).help("name another folder")
    })?;
    output::write(&folder.join("wbuild.1"), &page)?;
    for subcommand in known.get_subcommands() {
        let name = format!("wbuild-{}", subcommand.get_name());
        let mut page = Vec::new();
        let command =
            subcommand.clone().name(name.clone()).bin_name(name.replacen('-', " ", 1)).disable_version_flag(true);
        rendered(Man::new(command).render(&mut page))?;
        output::write(&folder.join(name + ".1"), &page)?;
    }
    Ok(())
}

/// The page of `wbuild` itself.
fn page(known: &Command) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("TH", ["wbuild", "1", "", concat!("wbuild ", env!("CARGO_PKG_VERSION"))]);
    let (head, tail) = TEXT.split_once(OPTIONS).unwrap_or((TEXT, ""));
    let mut paragraphs = head.trim_end().split("\n\n");
    let line = paragraphs.next().unwrap_or_default();
    let heading = |roff: &mut Roff, title: &str| {
        roff.control("SH", [title.to_uppercase().as_str()]);
    };
    let as_it_stands = |roff: &mut Roff, text: &str| {
        roff.control("nf", []);
        roff.text([roman(text)]);
        roff.control("fi", []);
    };
    heading(&mut roff, "Name");
    roff.text([roman(format!("wbuild - {}", line.trim_start_matches("wbuild ").trim_end_matches('.')))]);
    heading(&mut roff, "Synopsis");
    as_it_stands(&mut roff, &paragraphs.next().unwrap_or_default().replace("Usage: ", "").replace("\n       ", "\n"));
    heading(&mut roff, "Description");
    // The last of them lists the subcommands, which follow by themselves.
    for paragraph in paragraphs.filter(|paragraph| !paragraph.starts_with("Subcommands")) {
        as_it_stands(&mut roff, paragraph);
        roff.control("PP", []);
    }
    for section in options::SECTIONS {
        let (title, more) = section.title.split_once(" (").unwrap_or((section.title, ""));
        heading(&mut roff, title);
        if !more.is_empty() {
            let more = more.trim_end_matches(')');
            roff.text([roman(format!("{}{}.", more[..1].to_uppercase(), &more[1..]))]);
        }
        for row in section.rows.iter().filter(|row| !row.help.is_empty()) {
            roff.control("TP", []);
            roff.text([bold(row.spelling)]);
            roff.text([roman(row.help)]);
        }
    }
    heading(&mut roff, "Other words");
    for paragraph in tail.trim_end().split("\n\n") {
        as_it_stands(&mut roff, paragraph);
        roff.control("PP", []);
    }
    heading(&mut roff, "Subcommands");
    for subcommand in known.get_subcommands() {
        roff.control("TP", []);
        roff.text([italic(format!("wbuild-{}(1)", subcommand.get_name()))]);
        roff.text([roman(subcommand.get_about().map(ToString::to_string).unwrap_or_default())]);
    }
    roff.render().into_bytes()
}

fn rendered(result: std::io::Result<()>) -> Result<()> {
    result.map_err(|e| Error::internal("a manual page cannot be written to memory").cause(e))
}
