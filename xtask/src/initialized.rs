//! Programs that initialize: what a snapshot is made of in tests and in the benchmark.

use std::path::PathBuf;
use std::process::Command;

use crate::programs::{self, Language, Program};
use crate::shell::{self, Result};

/// A program whose initialization can be run while it is built. It says `initialized` on standard error when that
/// happens.
#[derive(Debug, Clone)]
pub struct Initialized {
    pub program: Program,
    /// What `wbuild` is told about its initialization.
    pub preinit: &'static [&'static str],
    /// What `wbuild preinit` is told.
    pub command: &'static [&'static str],
    /// What wizer is told besides `--allow-wasi`.
    pub wizer: &'static [&'static str],
}

impl Initialized {
    fn new(program: Program) -> Initialized {
        Initialized { program, preinit: &["--preinit"], command: &[], wizer: &[] }
    }

    /// Links it for wizer and `wbuild preinit` alike, with nothing done behind the link that a later stage could miss, and
    /// with names.
    pub fn link(&self, wbuild: &mut Command, level: &str) -> Result<()> {
        let program = &self.program;
        wbuild.args([level, "-DWIZER", "-g1", "--binaryen=off", "--optimize-for=compressed", "--no-deterministic"]);
        shell::output(wbuild.args(&program.flags).args(&program.wasi_flags).args(&program.sources)).map(drop)
    }
}

fn source(name: &str) -> PathBuf {
    shell::root().join("testdata/preinit").join(name)
}

/// SQLite with 20,000 rows inserted.
pub fn sqlite() -> Result<Initialized> {
    let mut program = programs::sqlite()?;
    program.sources[0] = source("sqlite.c");
    Ok(Initialized::new(Program { name: "sqlite", ..program }))
}

/// Lua with its libraries opened and a script compiled and run. Lua seeds its hashes and its random numbers with the time.
pub fn lua() -> Result<Initialized> {
    let mut program = programs::lua()?;
    program.sources[0] = source("lua.c");
    let program = Program { name: "lua", args: Vec::new(), files: Vec::new(), ..program };
    Ok(Initialized {
        preinit: &["--preinit", "--preinit-allow-clock"],
        command: &["--allow-clock"],
        ..Initialized::new(program)
    })
}

/// C++ whose static objects are maps, strings, streams and shapes.
pub fn constructors() -> Initialized {
    let program = programs::single("constructors", Language::Cxx, "preinit/constructors.cpp");
    Initialized { preinit: &["--preinit=ctors"], ..Initialized::new(program) }
}

/// A tree of the words of a file, which initialization alone reads.
pub fn dictionary() -> Initialized {
    let mut program = programs::single("dictionary", Language::C, "preinit/dictionary.c");
    program.files = vec![("words.txt", words())];
    program.args = ["baba", "bab", "zuzo", "", "nothing", "ku"].map(String::from).to_vec();
    Initialized {
        preinit: &["--preinit", "--preinit-dir", ".::."],
        command: &["--dir", ".::."],
        wizer: &["--dir", "."],
        ..Initialized::new(program)
    }
}

/// 1.6 * 10^9 instructions, and next to nothing to write down.
pub fn counting() -> Initialized {
    Initialized::new(programs::single("counting", Language::C, "preinit/counting.c"))
}

/// Words of two or three syllables, one a line: the same ones every time.
fn words() -> Vec<u8> {
    let consonants = "bcdfghjklmnprstvz";
    let syllables: Vec<String> =
        consonants.chars().flat_map(|c| "aeiou".chars().map(move |v| format!("{c}{v}"))).collect();
    let mut text = String::new();
    for (i, first) in syllables.iter().enumerate() {
        for (j, second) in syllables.iter().enumerate() {
            text.push_str(&format!("{first}{second}\n"));
            if (i + j * 7) % 5 == 0 {
                text.push_str(&format!("{first}{second}{}\n", syllables[(i * j + 3) % syllables.len()]));
            }
        }
    }
    text.into_bytes()
}

/// C of a few thousand functions, more than 5 MB of wasm, of which initialization calls one. Each is called through
/// a table, so that no compiler takes any of them away.
pub fn large_source() -> String {
    let mut text = String::from("#include <stdio.h>\n#include \"initialize.h\"\ntypedef unsigned long long number;\n");
    for i in 0..LARGE {
        text.push_str(&format!("static number f{i}(number *v, number n) {{\n"));
        for j in 0..14u64 {
            let (a, b, c) = ((i * 31 + j * 7) % 61, (i * 17 + j * 13) % 61, i.wrapping_mul(2_654_435_761) >> (j % 20));
            text.push_str(&format!(
                "    if (v[{a}] % {} > n) v[{b}] = v[{b}] * {}u + (v[{a}] >> {}) - n; else v[{a}] ^= v[{b}] << {};\n",
                c % 1000 + 3,
                c % 100_000 + 1,
                j % 13 + 1,
                j % 11 + 1
            ));
        }
        text.push_str(&format!("    return v[{}] + v[n & 63];\n}}\n", i % 64));
    }
    text.push_str("static number (*const all[])(number *, number) = {\n");
    (0..LARGE).for_each(|i| text.push_str(&format!("f{i},")));
    text.push_str(&format!(
        "}};\nstatic number values[64], sum;\n\
         static void load(void) {{ for (int i = 0; i < 64; i++) values[i] = i * 40503ull; sum = all[7](values, 5); }}\n\
         INITIALIZE(load)\n\
         int main(int argc, char **argv) {{\n    (void)argv;\n    if (!INITIALIZED) load();\n\
         \x20   printf(\"%llu %llu\\n\", sum, all[argc % {LARGE}](values, 3));\n    return 0;\n}}\n"
    ));
    text
}

/// How many functions [`large_source`] has.
const LARGE: u64 = 3200;
