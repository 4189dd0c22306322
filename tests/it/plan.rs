//! Plans: what would be run for a command line, with a toolchain that does not exist.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wbuild::args::tokenize;
use wbuild::config::{Config, Malloc, Work};
use wbuild::plan::{self, Place};
use wbuild::runtime::Runtime;
use wbuild::rust;
use wbuild::toolchain::rust::Rust;
use wbuild::toolchain::{Places, Toolchain};

/// The plan's text for a command line, in a folder `/home/user/project`.
fn plan(words: &[&str]) -> String {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let config = Config::resolve(tokenize(&words).unwrap(), None).unwrap();
    let scratch = PathBuf::from("/tmp/scratch");
    let plan = match &config.work {
        Work::Module(..) => plan::of_module(&config),
        Work::Program(program) => {
            let toolchain = toolchain();
            let runtime = Runtime::locate(&places(), &toolchain, config.target).unwrap();
            let folder = PathBuf::from("/home/user/project");
            let place = Place { folder, scratch: scratch.clone(), runtime, libcxx: None, color: false, epoch: false };
            plan::of_program(&config, program, &toolchain, &place)
        }
        Work::Crate(krate) => {
            let rust = Rust::new("rustc".into(), "cargo".into(), Some("/cache/rust/1".into()));
            let mut linker = rust::Linker::choose(Ok(&toolchain()), &rust).unwrap();
            let (folder, runtime) = (PathBuf::from("/home/user/project"), Runtime::default());
            if config.malloc == Malloc::Small {
                linker.malloc = Runtime::locate(&places(), &toolchain(), config.target).unwrap().malloc;
            }
            let place = Place { folder, scratch: scratch.clone(), runtime, libcxx: None, color: false, epoch: false };
            plan::of_crate(&config, krate, &rust, &linker, &place)
        }
    };
    // The runtime's folder is named by a hash of its sources, which may change.
    let text = plan.shell(&scratch);
    let hash =
        text.split("/cache/runtime/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("none").to_string();
    format!("$ wbuild {}\n{}\n", words.join(&OsString::from(" ")).display(), text.replace(&hash, "HASH"))
}

fn places() -> Places {
    Places::new([("WBUILD_CACHE", "/cache")], Path::new("/nowhere"))
}

fn toolchain() -> Toolchain {
    Toolchain {
        clang: vec!["clang".into()],
        clangxx: vec!["clang++".into()],
        wasm_ld: vec!["wasm-ld".into()],
        hermetic: false,
        llvm_major: 22,
        compile_args: vec!["--target=wasm32-wasip1".into(), "--sysroot=/sysroot".into()],
        library_dirs: vec!["/sysroot/lib".into()],
        env: Vec::new(),
        crt_command: Some("/sysroot/lib/crt1-command.o".into()),
        crt_reactor: Some("/sysroot/lib/crt1-reactor.o".into()),
        builtins: Some("/sysroot/lib/builtins.a".into()),
        bundled: None,
        identity: Vec::new(),
    }
}

macro_rules! snapshot {
    ($name:literal, $($words:expr),+ $(,)?) => {
        let text = [$(plan(&$words)),+].join("\n");
        insta::with_settings!({ snapshot_path => "../../snapshots/plan", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, text);
        });
    };
}

#[test]
fn levels_choose_link_time_optimization_and_stages() {
    snapshot!("levels", ["a.c", "-O0"], ["a.c", "-O1"], ["a.c"], ["a.c", "-O4"], ["a.c", "-Oz"], ["a.wat", "-O3"]);
}

#[test]
fn goals_and_effort_choose_links_and_stages() {
    snapshot!("goals", ["a.c", "-Oz", "--optimize-for=speed"], ["a.c", "-O3", "--opt-effort=max"]);
}

#[test]
fn a_rust_file_is_one_run_of_rustc() {
    snapshot!(
        "rust",
        ["app.rs", "-O0", "-g", "--edition", "2021"],
        ["app.rs", "-Oz", "--stack-size=64KiB", "--max-memory=1MB", "-Wl,--wrap=f", "-lfoo"],
        ["app.rs", "-O4", "--reactor", "--export", "f", "--simd", "-s", "EXPORTED_FUNCTIONS=_g"],
        ["app.rs", "--target", "wasm32-unknown-unknown", "--lto=off"],
    );
}

#[test]
fn inputs_and_linker_words_keep_their_order() {
    snapshot!("order", ["-O1", "a.c", "-lfoo", "sub/a.c", "-Lx", "b.o", "-Wl,--wrap=f", "libz.a", "-l", "m"]);
}

#[test]
fn languages_and_shapes_choose_libraries_and_entries() {
    snapshot!(
        "shapes",
        ["-O1", "a.cpp"],
        ["-O1", "a.o", "-lstdc++"],
        ["-O1", "a.c", "--reactor", "--export", "f"],
        ["-O1", "a.c", "--no-entry", "--export-all"],
        ["-O1", "a.c", "--target", "wasm32-unknown-unknown"],
        ["-O1", "a.c", "--exceptions=wasm"],
        ["-O1", "a.c", "-nostdlib"],
        ["-O1", "-x", "c++", "-", "-o", "a.wasm"],
        ["-O1", "start.S", "code.ll"],
    );
}

#[test]
fn memory_and_settings_reach_the_linker() {
    snapshot!(
        "memory",
        ["-O1", "a.c", "--stack-size", "64KiB", "--initial-memory=2MB", "--max-memory=4GB", "--stack-last"],
        ["-O1", "a.c", "-s", "ALLOW_MEMORY_GROWTH=0"],
        ["-O1", "a.c", "-s", "EXPORTED_FUNCTIONS=[\"_main\",\"_malloc\"]", "-sSTACK_SIZE=1MB"],
    );
}

#[test]
fn the_line_that_emcc_users_type_is_understood() {
    let words = "-g -Oz --llvm-lto 1 -s STANDALONE_WASM -s INITIAL_MEMORY=32MB -s MAXIMUM_MEMORY=4GB -mmutable-globals \
                 -mnontrapping-fptoint -msign-ext hello.c -o hello.wasm";
    let words: Vec<&str> = words.split_whitespace().collect();
    snapshot!("emcc", words);
}

#[test]
fn dependency_files_lie_beside_the_output() {
    snapshot!("dependencies", ["-O1", "-MMD", "a.c", "-o", "out/a.wasm"], ["-O1", "-MD", "-MF", "x.d", "a.c"]);
}
