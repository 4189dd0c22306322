//! The front end for WAT, and the way back: `wat2wasm` and `wasm2wat`. Neither runs a pass.

use std::path::{Path, PathBuf};

use wbuild_passes::{Kind, kind};

use crate::error::{Error, Result};
use crate::{output, pipeline, wasm};

/// Assemble WAT into a module
///
/// No pass runs. The result is validated, and names of the text are kept in the name section.
#[derive(Debug, clap::Args)]
pub struct Assemble {
    /// The text, or - for standard input
    #[arg(value_name = "FILE.wat")]
    input: PathBuf,
    /// The module (default: the same name with .wasm, in the current folder), or -
    #[arg(short, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Print a module as WAT
///
/// No pass runs, and nothing is left out.
#[derive(Debug, clap::Args)]
pub struct Disassemble {
    /// The module, or - for standard input
    #[arg(value_name = "FILE.wasm")]
    input: PathBuf,
    /// The text (default: standard output)
    #[arg(short, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// `wat2wasm`
pub fn assemble(args: &Assemble) -> Result<()> {
    let module = parse(&args.input, output::read(&args.input)?)?;
    let name = args.input.display().to_string();
    if kind(&module) == Kind::Component {
        return Err(Error::build(format!("{name} is a component, not a module"))
            .help("give a (module ...), or use wasm-tools for components"));
    }
    wbuild_passes::validate(&module).map_err(|e| pipeline::explain(e, &name))?;
    let target = match &args.output {
        Some(path) => path.clone(),
        None if args.input == Path::new("-") => PathBuf::from("-"),
        None => PathBuf::from(args.input.file_stem().unwrap_or_default()).with_extension("wasm"),
    };
    if target == args.input && target != Path::new("-") {
        return Err(
            Error::usage(format!("the output would replace the input {name}")).help("name another file with -o")
        );
    }
    output::write(&target, &module)
}

/// `wasm2wat`
pub fn disassemble(args: &Disassemble) -> Result<()> {
    let module = output::read(&args.input)?;
    let name = if args.input == Path::new("-") { "standard input".into() } else { args.input.display().to_string() };
    match kind(&module) {
        // Whatever has sections can be printed, linked or not.
        Kind::Module | Kind::Relocatable | Kind::DynamicLibrary | Kind::Component => {}
        _ => wasm::check(&name, &module)?,
    }
    let text = print(&name, &module)?;
    let target = args.output.as_deref().unwrap_or(Path::new("-"));
    if target == args.input && target != Path::new("-") {
        return Err(
            Error::usage(format!("the output would replace the input {name}")).help("name another file with -o")
        );
    }
    output::write(target, text.as_bytes())
}

/// Assembles WAT; a syntax error shows the line and a caret.
pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let name = if path == Path::new("-") { "standard input".to_string() } else { path.display().to_string() };
    if bytes.starts_with(b"\0asm") {
        return Err(
            Error::build(format!("{name} is wasm, not text")).help("it needs no assembling; wbuild wasm2wat prints it")
        );
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
            let error = Error::build(format!("{name} is not text"))
                .cause(format!("line {line} is not UTF-8, which WAT is written in"));
            return Err(error.help("check which file this is"));
        }
    };
    if text.trim().is_empty() {
        return Err(Error::build(format!("{name} is empty")).help("the smallest module is (module)"));
    }
    wat::Parser::new().parse_str(Some(Path::new(&name)), &text).map_err(|e| {
        let old = old_spelling(&text, &e.to_string());
        let error = Error::build(format!("cannot read {name} as WAT")).diagnostics(e.to_string());
        match old {
            Some((old, new)) => error.help(format!("{old} is an old spelling: write {new}")),
            None => error.help("wbuild wat2wasm reads the text format of the WebAssembly specification"),
        }
    })
}

/// Disassembles a module.
pub fn print(name: &str, module: &[u8]) -> Result<String> {
    wasmprinter::print_bytes(module).map_err(|e| Error::build(format!("cannot print {name}")).cause(e))
}

/// Names of before 2019, and today's.
const OLD: &[(&str, &str)] = &[
    ("get_local", "local.get"),
    ("set_local", "local.set"),
    ("tee_local", "local.tee"),
    ("get_global", "global.get"),
    ("set_global", "global.set"),
    ("grow_memory", "memory.grow"),
    ("current_memory", "memory.size"),
    ("anyfunc", "funcref"),
    ("i32.wrap/i64", "i32.wrap_i64"),
    ("i64.extend_s/i32", "i64.extend_i32_s"),
    ("i64.extend_u/i32", "i64.extend_i32_u"),
    ("f32.demote/f64", "f32.demote_f64"),
    ("f64.promote/f32", "f64.promote_f32"),
    ("i32.trunc_s/f32", "i32.trunc_f32_s"),
    ("i32.trunc_u/f32", "i32.trunc_f32_u"),
    ("i32.trunc_s/f64", "i32.trunc_f64_s"),
    ("i32.trunc_u/f64", "i32.trunc_f64_u"),
    ("i64.trunc_s/f32", "i64.trunc_f32_s"),
    ("i64.trunc_u/f32", "i64.trunc_f32_u"),
    ("i64.trunc_s/f64", "i64.trunc_f64_s"),
    ("i64.trunc_u/f64", "i64.trunc_f64_u"),
    ("f32.convert_s/i32", "f32.convert_i32_s"),
    ("f32.convert_u/i32", "f32.convert_i32_u"),
    ("f32.convert_s/i64", "f32.convert_i64_s"),
    ("f32.convert_u/i64", "f32.convert_i64_u"),
    ("f64.convert_s/i32", "f64.convert_i32_s"),
    ("f64.convert_u/i32", "f64.convert_i32_u"),
    ("f64.convert_s/i64", "f64.convert_i64_s"),
    ("f64.convert_u/i64", "f64.convert_i64_u"),
    ("i32.reinterpret/f32", "i32.reinterpret_f32"),
    ("i64.reinterpret/f64", "i64.reinterpret_f64"),
    ("f32.reinterpret/i32", "f32.reinterpret_i32"),
    ("f64.reinterpret/i64", "f64.reinterpret_i64"),
];

/// The old word at the place that the parser complains of: its message ends in the line itself and
/// a caret below.
fn old_spelling(text: &str, message: &str) -> Option<(&'static str, &'static str)> {
    let place = message.lines().find_map(|line| line.trim().strip_prefix("--> "))?;
    let mut numbers = place.rsplit(':');
    let column: usize = numbers.next()?.parse().ok()?;
    let line: usize = numbers.next()?.parse().ok()?;
    let rest = text.lines().nth(line.checked_sub(1)?)?.get(column.checked_sub(1)?..)?;
    let word = rest.split(|c: char| c.is_whitespace() || c == '(' || c == ')').next()?;
    OLD.iter().find(|(old, _)| *old == word).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_shows_the_line_and_a_caret() {
        let error = parse(Path::new("a.wat"), b"(module\n  (func (i32.cons 1)))".to_vec()).unwrap_err().to_string();
        assert!(
            error.contains("a.wat:2:10") && error.contains("  (func (i32.cons 1)))") && error.contains('^'),
            "{error}"
        );
    }

    #[test]
    fn old_spellings_name_the_new_ones() {
        for (old, new) in OLD {
            let text = format!("(module (func (param i32) ({old} 0)))");
            let error = parse(Path::new("a.wat"), text.into_bytes()).unwrap_err();
            let help = error.help.clone().unwrap_or_default();
            assert!(*old == "anyfunc" || help == format!("{old} is an old spelling: write {new}"), "{error}");
        }
        let error = parse(Path::new("a.wat"), b"(module (table 1 anyfunc))".to_vec()).unwrap_err();
        assert_eq!(error.help.unwrap(), "anyfunc is an old spelling: write funcref");
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        assert!(parse(Path::new("a.wat"), vec![0xff, 0xfe]).unwrap_err().to_string().contains("not UTF-8"));
        assert!(parse(Path::new("a.wat"), b" \n".to_vec()).unwrap_err().to_string().contains("empty"));
        assert!(parse(Path::new("a.wat"), b"\0asm\x01\0\0\0".to_vec()).is_err());
    }
}
