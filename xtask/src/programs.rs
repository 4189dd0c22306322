//! The real programs: their sources, flags and inputs. Tests build them at several levels and
//! compare what they print with a native build; the benchmark times them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::shell::{self, Result};
use crate::sources;

/// A program in C or C++ that one command builds.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: &'static str,
    pub language: Language,
    pub sources: Vec<PathBuf>,
    /// For every compiler.
    pub flags: Vec<String>,
    /// What WASI needs besides.
    pub wasi_flags: Vec<String>,
    /// What a native build needs besides.
    pub native_flags: Vec<String>,
    pub args: Vec<String>,
    /// Files that the program reads, by the name it knows them by in its folder.
    pub files: Vec<(&'static str, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    C,
    Cxx,
}

impl Program {
    fn new(name: &'static str, language: Language, sources: Vec<PathBuf>) -> Program {
        let (flags, wasi_flags, native_flags) = (Vec::new(), Vec::new(), Vec::new());
        Program { name, language, sources, flags, wasi_flags, native_flags, args: Vec::new(), files: Vec::new() }
    }

    /// Puts the program's files into `folder`.
    pub fn place_files(&self, folder: &Path) -> Result<()> {
        for (name, bytes) in &self.files {
            std::fs::write(folder.join(name), bytes).map_err(|e| format!("cannot write {name}: {e}"))?;
        }
        Ok(())
    }
}

/// A program of one file in `testdata`.
pub fn single(name: &'static str, language: Language, file: &str) -> Program {
    Program::new(name, language, vec![shell::root().join("testdata").join(file)])
}

/// hello in C.
pub fn hello() -> Program {
    single("hello", Language::C, "c/hello.c")
}

/// hello in C++, through iostream.
pub fn hello_cxx() -> Program {
    single("hello-cxx", Language::Cxx, "cpp/hello.cpp")
}

/// SQLite with a main that creates, fills and queries a table.
pub fn sqlite() -> Result<Program> {
    let source = crate_folder("libsqlite3-sys")?.join("sqlite3");
    let main = shell::root().join("testdata/c/sqlite_main.c");
    Ok(Program {
        flags: strings(&["-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_THREADSAFE=0", &format!("-I{}", source.display())]),
        wasi_flags: strings(&[
            "-D_WASI_EMULATED_SIGNAL",
            "-D_WASI_EMULATED_PROCESS_CLOCKS",
            "-D_WASI_EMULATED_GETPID",
            "-lwasi-emulated-getpid",
            "-lwasi-emulated-signal",
        ]),
        native_flags: strings(&["-lm"]),
        ..Program::new("sqlite", Language::C, vec![main, source.join("sqlite3.c")])
    })
}

/// Lua 5.4, running a script that raises and catches errors.
pub fn lua() -> Result<Program> {
    // These need an operating system, or are programs of their own.
    const LEFT_OUT: &[&str] = &["lua.c", "luac.c", "linit.c", "liolib.c", "loslib.c", "loadlib.c", "onelua.c"];
    let crate_folder = crate_folder("lua-src")?;
    let source = newest(&crate_folder, "lua-5.4")?;
    let root = shell::root();
    let mut sources = vec![root.join("testdata/c/lua_main.c")];
    sources.extend(c_files(&source)?.into_iter().filter(|f| !LEFT_OUT.iter().any(|name| f.ends_with(name))));
    Ok(Program {
        flags: strings(&[&format!("-I{}", source.display())]),
        wasi_flags: strings(&["-D_WASI_EMULATED_SIGNAL"]),
        native_flags: strings(&["-lm"]),
        args: strings(&["errors.lua"]),
        files: vec![("errors.lua", read(&root.join("testdata/lua/errors.lua"))?)],
        ..Program::new("lua", Language::C, sources)
    })
}

/// zlib, compressing and restoring a file.
pub fn zlib() -> Result<Program> {
    let source = crate_folder("libz-sys")?.join("src/zlib");
    let mut sources = vec![shell::root().join("testdata/c/zlib_main.c")];
    sources.extend(c_files(&source)?);
    Ok(Program {
        flags: strings(&["-DHAVE_UNISTD_H", &format!("-I{}", source.display())]),
        args: strings(&["input.bin", "input.bin.gz"]),
        files: vec![("input.bin", text_and_noise())],
        ..Program::new("zlib", Language::C, sources)
    })
}

/// Lua on floats at their edges. It needs no files.
pub fn lua_floats() -> Result<Program> {
    let mut program = lua()?;
    program.sources[0] = shell::root().join("testdata/c/floats_lua.c");
    Ok(Program { name: "lua-floats", args: Vec::new(), files: Vec::new(), ..program })
}

/// Lua on floats in tables and little else, for measuring. It needs no files.
pub fn lua_bodies() -> Result<Program> {
    let mut program = lua_floats()?;
    program.flags.push("-DSCRIPT=\"../lua/bodies.lua\"".to_string());
    Ok(Program { name: "lua-bodies", ..program })
}

/// Lua at work, for measuring: that, and tables, strings and calls. It needs no files.
pub fn lua_at_work() -> Result<Program> {
    let mut program = lua_bodies()?;
    program.flags.push("-DMORE=\"../lua/work.lua\"".to_string());
    Ok(Program { name: "lua-at-work", ..program })
}

/// zlib at work, for measuring. It needs no files.
pub fn zlib_at_work() -> Result<Program> {
    let mut program = zlib()?;
    program.sources[0] = shell::root().join("testdata/c/zlib_at_work.c");
    Ok(Program { name: "zlib-at-work", args: Vec::new(), files: Vec::new(), ..program })
}

/// zstd at work, for measuring, of the archive that `target` keeps. It needs no files.
pub fn zstd_at_work(target: &Path) -> Result<Program> {
    let library = sources::unpacked(&sources::ZSTD, target)?.join("lib");
    let mut sources = vec![shell::root().join("testdata/c/zstd_at_work.c")];
    for part in ["common", "compress", "decompress"] {
        sources.extend(c_files(&library.join(part))?);
    }
    let flags = strings(&["-DZSTD_DISABLE_ASM", "-DZSTD_NOTRACE", &format!("-I{}", library.display())]);
    Ok(Program { flags, ..Program::new("zstd-at-work", Language::C, sources) })
}

/// SQLite on floats at their edges.
pub fn sqlite_floats() -> Result<Program> {
    let mut program = sqlite()?;
    program.sources[0] = shell::root().join("testdata/c/floats_sqlite.c");
    Ok(Program { name: "sqlite-floats", ..program })
}

/// Float kernels of PolyBench's kind: each prints a hash of its results, of a small size unless the first
/// argument is `large`.
pub const KERNELS: &[&str] = &[
    "adi",
    "atax",
    "bicg",
    "cholesky",
    "conjugate",
    "correlation",
    "covariance",
    "doitgen",
    "durbin",
    "fdtd2d",
    "fft",
    "floyd",
    "gauss_jordan",
    "gemm",
    "gemver",
    "gesummv",
    "gramschmidt",
    "heat3d",
    "jacobi1d",
    "jacobi2d",
    "lu",
    "mandelbrot",
    "mvt",
    "nbody",
    "raytracer",
    "seidel2d",
    "springs",
    "syrk",
    "three_mm",
    "trisolv",
    "trmm",
    "two_mm",
];

/// Kernels full of NaNs and infinities: unhardened, what they print depends on the engine.
pub const EDGES: &[&str] = &[
    "edge_arithmetic",
    "edge_boxing",
    "edge_fft",
    "edge_libm",
    "edge_matrix",
    "edge_payload",
    "edge_physics",
    "edge_print",
    "edge_select",
    "edge_sort",
];

/// The program of one kernel.
pub fn kernel(name: &'static str) -> Program {
    single(name, Language::C, &format!("c/kernels/{name}.c"))
}

/// Half a megabyte that is text, repetition and noise in turns, the same every time.
fn text_and_noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words = ["wasm", "module", "table", "memory", "function", "the", "of", "and", "signature", "import"];
    let mut bytes = Vec::new();
    while bytes.len() < 500_000 {
        match next() % 8 {
            0 => bytes.extend((0..200).map(|_| next() as u8)),
            1 => bytes.extend(std::iter::repeat_n(next() as u8, 700)),
            _ => {
                for _ in 0..60 {
                    bytes.extend(words[next() as usize % words.len()].bytes());
                    bytes.push(b' ');
                }
            }
        }
    }
    bytes
}

/// Where cargo keeps the source of a crate that `testdata/sources` names; cargo fetches it if need be.
pub fn crate_folder(name: &str) -> Result<PathBuf> {
    static METADATA: OnceLock<Result<serde_json::Value>> = OnceLock::new();
    let metadata = METADATA.get_or_init(|| {
        let manifest = shell::root().join("testdata/sources/Cargo.toml");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1", "--locked", "--manifest-path"]).arg(manifest);
        let output = shell::output(&mut command)?;
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cannot read what cargo metadata printed: {e}"))
    });
    let packages = metadata.as_ref().map_err(String::clone)?["packages"].as_array();
    let manifest = packages
        .into_iter()
        .flatten()
        .find(|package| package["name"] == name)
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or_else(|| format!("cargo metadata does not know the crate {name}"))?;
    Ok(Path::new(manifest).parent().unwrap_or(Path::new("/")).to_path_buf())
}

pub fn c_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<_> =
        entries(folder)?.into_iter().filter(|file| file.extension().is_some_and(|e| e == "c")).collect();
    files.sort();
    if files.is_empty() { Err(format!("no C in {}", folder.display())) } else { Ok(files) }
}

fn newest(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let starts = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix));
    entries(folder)?.into_iter().filter(starts).max().ok_or_else(|| format!("no {prefix} in {}", folder.display()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    Ok(read.flatten().map(|entry| entry.path()).collect())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}
