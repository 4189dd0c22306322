//! The link: wasm-ld's command line. clang never links for us, because it would run whatever
//! wasm-opt lies on PATH.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::c;
use crate::config::{Config, Entry, Lto, Malloc, Program, Setjmp};
use crate::error::Result;
use crate::plan::{self, Place};
use crate::process::{Command, Output};
use crate::settings;
use crate::toolchain::Toolchain;

/// Something on the linker's command line, in its place.
pub enum Part {
    File(PathBuf),
    Words(Vec<OsString>),
}

/// GNU ld's words that build systems say of any link: what they ask for is how wasm-ld links anyway, or is about
/// libraries that are loaded later.
const AS_EVER: &[&str] = &[
    "--as-needed",
    "--no-as-needed",
    "--start-group",
    "--end-group",
    "-(",
    "-)",
    "--no-undefined",
    "--enable-new-dtags",
    "--disable-new-dtags",
    "--hash-style=gnu",
    "--hash-style=both",
];

/// What makes the linker say what it knows.
pub const RELOCATIONS: &str = "--emit-relocs";

/// The oldest wasm-ld whose `--emit-relocs` was compared with what it linked.
const RELOCATIONS_SINCE: u32 = 20;

/// Whether a linker can be asked for [`RELOCATIONS`].
pub fn says_relocations(toolchain: &Toolchain) -> bool {
    // The hermetic linker has assertions, and one of them does not hold with relocations.
    toolchain.llvm_major >= RELOCATIONS_SINCE && !toolchain.hermetic
}

/// Whether these words are for wasm-ld to compress relocations: it writes wrong offsets then, and says nothing.
pub fn compresses<T: AsRef<OsStr>>(words: &[T]) -> bool {
    words.iter().any(|word| word.as_ref() == "--compress-relocations")
}

/// Links by `start`. A linker that was built with assertions may stop at [`RELOCATIONS`] where another goes on: it is not asked
/// again then.
pub fn run(command: &mut Command, start: impl Fn(&Command) -> Result<Output>) -> Result<Output> {
    let output = start(command)?;
    if output.status.code().is_some() || !asks_relocations(command) {
        return Ok(output);
    }
    command.args.retain(|word| word != RELOCATIONS);
    start(command)
}

/// Whether the linker is asked for [`RELOCATIONS`].
pub fn asks_relocations(command: &Command) -> bool {
    command.args.iter().any(|word| word == RELOCATIONS)
}

/// The command that links `parts` into `module`.
pub fn command(
    parts: &[Part],
    lto: Lto,
    module: &Path,
    config: &Config,
    program: &Program,
    toolchain: &Toolchain,
    place: &Place,
) -> Command {
    let mut command = Toolchain::command(&toolchain.wasm_ld);
    command.args(["-m", "wasm32", "--error-limit=0"]);
    if config.link_information() && says_relocations(toolchain) {
        command.arg(RELOCATIONS);
    }
    // First, so that its libc++ is found and not the sysroot's.
    command.args(place.libcxx.iter().map(|libcxx| flag("-L", &libcxx.folder)));
    command.args(toolchain.library_dirs.iter().map(|d| flag("-L", d)));
    memory(&mut command, program, toolchain);
    exports(&mut command, config, program);
    if lto != Lto::Off {
        command.args(optimize(config)).args(plan::codegen(program));
        if program.setjmp != Setjmp::Lowered {
            // clang says it to itself; without it the linker's code generator forgets to catch.
            command.args(["-mllvm", "-exception-model=wasm"]);
        }
    }
    match config.entry {
        Entry::None => drop(command.arg("--no-entry")),
        // A reactor's start function is called by its host, once.
        Entry::Reactor => drop(command.args(["--entry", "_initialize"])),
        Entry::Command => {}
    }
    let libc = config.target.has_libc && program.default_libs;
    if program.start_files {
        match config.entry {
            Entry::Command => drop(command.args(&toolchain.crt_command)),
            Entry::Reactor => drop(command.args(&toolchain.crt_reactor)),
            Entry::None => {}
        }
    }
    let mut cxx = program.exceptions
        || program.items.iter().any(|i| matches!(i, crate::config::Item::Source(_, l) if l.is_cxx()));
    for part in parts {
        match part {
            Part::File(path) => drop(command.arg(path)),
            Part::Words(words) => {
                for word in words {
                    match word.to_str() {
                        Some("-lstdc++" | "-lc++" | "-lc++abi" | "-lsupc++") => cxx = true,
                        // gcc's own; compiler-rt stands for it.
                        Some("-lgcc" | "-lgcc_s" | "-lgcc_eh") => {}
                        Some(word) if AS_EVER.contains(&word) => {}
                        _ => drop(command.arg(word)),
                    }
                }
            }
        }
    }
    if libc {
        if cxx {
            command.args(["-lc++", "-lc++abi"]);
        }
        if program.setjmp != Setjmp::Lowered {
            command.arg("-lsetjmp");
        }
        if config.malloc == Malloc::Small {
            command.args(&place.runtime.malloc);
        }
        command.arg("-lc");
    }
    if program.default_libs {
        own_objects(&mut command, config, program, place);
        if let (true, Some(builtins)) = (profiles(program), &toolchain.builtins) {
            command.arg(builtins.with_file_name(file_name(builtins).replace("builtins", "profile")));
        }
        command.args(&toolchain.builtins);
    }
    command.arg("-o").arg(module);
    command
}

fn memory(command: &mut Command, program: &Program, toolchain: &Toolchain) {
    command.args(["-z", &format!("stack-size={}", program.memory.stack)]);
    match program.memory.stack_last {
        // The stack first: an overflow runs below address 0 and traps, and spoils no data.
        false => drop(command.arg("--stack-first")),
        // Before version 22 it was last unless told otherwise.
        true if toolchain.llvm_major >= 22 => drop(command.arg("--no-stack-first")),
        true => {}
    }
    if let Some(bytes) = program.memory.initial {
        command.arg(format!("--initial-memory={bytes}"));
    }
    if let Some(bytes) = program.memory.maximum {
        command.arg(format!("--max-memory={bytes}"));
    }
}

fn exports(command: &mut Command, config: &Config, program: &Program) {
    for name in &program.exports {
        command.arg(format!("--export={name}"));
    }
    for name in &program.emcc_exports {
        // `_main` only says that main is wanted, and it is called by the entry.
        if matches!(name.as_str(), "_main" | "main") && config.entry == Entry::Command {
            continue;
        }
        // Which of both spellings exists is known to the linker alone; `exports::settle` looks
        // afterwards. `--undefined` brings in the archive's member, as for malloc.
        let bare = settings::bare(name);
        let both = [bare, name.as_str()];
        for symbol in if bare == name { &both[..1] } else { &both[..] } {
            command.arg(format!("--undefined={symbol}")).arg(format!("--export-if-defined={symbol}"));
        }
    }
    if program.export_all {
        command.arg("--export-all");
    }
}

fn optimize(config: &Config) -> [String; 1] {
    use crate::config::Level;
    let level = match config.level {
        Level::O0 => 0,
        Level::O1 => 1,
        Level::O2 | Level::Os | Level::Oz => 2,
        Level::O3 | Level::O4 => 3,
    };
    [format!("--lto-O{level}")]
}

/// wbuild's own objects. They are objects and no archive, because code that LTO generates refers to
/// them only after the linker has chosen its files; what nobody uses, --gc-sections takes out.
fn own_objects(command: &mut Command, config: &Config, program: &Program, place: &Place) {
    if !config.target.has_libc {
        command.args(&place.runtime.mem);
    }
    if c::needs_setjmp_runtime(program) {
        command.arg(&place.runtime.sjlj);
    }
    command.args(place.libcxx.iter().map(|libcxx| libcxx.runtime()));
    if let (Some(options), true) = (&config.preinit, config.target.has_libc) {
        command.args(&place.runtime.preinit).args(options.link_words(config.entry));
    }
}

/// Whether the program counts what it runs, for profile-guided optimization.
fn profiles(program: &Program) -> bool {
    let flags = ["-fprofile-instr-generate", "-fprofile-generate", "-fcs-profile-generate"];
    program.compile_args.iter().any(|arg| flags.iter().any(|flag| arg.to_string_lossy().starts_with(flag)))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn flag(name: &str, path: &Path) -> OsString {
    let mut word = OsString::from(name);
    word.push(path);
    word
}

/// Adds exports to a finished command line.
pub fn export(command: &mut Command, names: &[String]) {
    for name in names {
        command.arg(format!("--export={name}"));
    }
}

/// What comes before the data of a module that the linker has just made must be this large before its first KiB is
/// taken for nobody's: with the stack first it is the stack, and its last KiB is next to nothing of it.
const LARGE_STACK: u32 = 65536;

/// Whether the first KiB of memory is none of the program's: no data lies there, and a stack does not reach it before it
/// is all but overflown. The linker writes data in order of address, zeros behind the rest.
pub fn low_memory_is_unused(linked: &[u8]) -> bool {
    let mut starts = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(linked).map_while(Result::ok) {
        let wasmparser::Payload::DataSection(reader) = payload else { continue };
        for data in reader.into_iter().map_while(Result::ok) {
            let wasmparser::DataKind::Active { offset_expr, .. } = data.kind else { continue };
            match offset_expr.get_operators_reader().read() {
                Ok(wasmparser::Operator::I32Const { value }) => starts.push(value as u32),
                _ => return false,
            }
        }
    }
    starts.into_iter().min().is_some_and(|start| start >= LARGE_STACK)
}

/// Takes out what [`command`] added for one of emcc's spellings.
pub fn unexport(command: &mut Command, names: &[String]) {
    let unwanted = |word: &OsString, name: &String| {
        let word = word.to_string_lossy();
        word.strip_prefix("--export-if-defined=").or(word.strip_prefix("--undefined=")) == Some(name)
    };
    command.args.retain(|word| !names.iter().any(|name| unwanted(word, name)));
}

#[cfg(test)]
mod tests {
    use super::low_memory_is_unused;

    #[test]
    fn low_memory_is_unused_where_a_large_stack_or_nothing_comes_before_all_data() {
        let unused =
            |data: &str| low_memory_is_unused(&wat::parse_str(format!("(module (memory 20) {data})")).unwrap());
        assert!(unused(r#"(data (i32.const 983040) "a") (data (i32.const 990000) "b")"#));
        assert!(unused(r#"(data (i32.const 65536) "a")"#));
        // A small stack, or the stack behind the data.
        assert!(!unused(r#"(data (i32.const 65520) "a")"#));
        assert!(!unused(r#"(data (i32.const 983040) "a") (data (i32.const 1024) "b")"#));
        // Nothing tells where the stack is.
        assert!(!unused(""));
        assert!(!unused(r#"(data "passive")"#));
        assert!(!unused(r#"(global i32 (i32.const 65536)) (data (global.get 0) "a")"#));
    }
}
