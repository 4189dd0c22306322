//! Rust files, each built by one line, and cargo with wbuild as its linker and runner.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use xtask::shell;

use crate::programs::{assert_same, wbuild};

fn testdata(name: &str) -> PathBuf {
    shell::root().join("testdata/rust").join(name)
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The line under test, in `folder`. What cargo tells its tests about itself is no business of it.
pub fn line(folder: &Path, words: &[&str]) -> Command {
    let mut command = wbuild();
    command.args(words).current_dir(folder);
    for name in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

pub fn output(folder: &Path, words: &[&str]) -> Output {
    shell::unchecked_output(&mut line(folder, words)).unwrap()
}

fn build(folder: &Path, words: &[&str]) {
    let output = output(folder, words);
    assert!(output.status.success(), "{words:?}: {}", text(&output));
}

#[test]
fn a_program_prints_at_every_level_what_a_native_build_prints() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["program.rs", "words.txt"] {
        std::fs::copy(testdata(file), folder.path().join(file)).unwrap();
    }
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "-O", "program.rs", "-o", "native"]).current_dir(folder.path());
    shell::output(&mut rustc).unwrap();
    let mut native = Command::new(folder.path().join("native"));
    let native = shell::unchecked_output(native.args(["words.txt", "x"]).current_dir(folder.path())).unwrap();
    assert_eq!(native.status.code(), Some(3));
    let mut sizes = BTreeMap::new();
    for level in ["-O0", "-O1", "-O2", "-O3", "-O4", "-Os", "-Oz"] {
        build(folder.path(), &["program.rs", level, "--standalone", "-o", "program.wasm"]);
        let run = output(folder.path(), &["run", "--dir", ".", "program.wasm", "words.txt", "x"]);
        assert_same(level, &native, &run);
        assert_eq!(run.stderr, native.stderr, "{level}");
        sizes.insert(level, std::fs::metadata(folder.path().join("program.wasm")).unwrap().len());
    }
    assert!(sizes["-Oz"] * 3 < sizes["-O0"] * 2, "{sizes:?}");
}

#[test]
fn a_rust_program_runs_in_node_too() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), &[testdata("hello.rs").to_str().unwrap(), "-O3"]);
    let mut node = Command::new("node");
    node.arg("--no-warnings").arg(shell::root().join("testdata/wasi.mjs")).arg("hello.wasm");
    assert_eq!(shell::output(node.current_dir(folder.path())).unwrap().stdout, b"Hello, world!\n");
}

#[test]
fn opt_changes_nothing_that_the_host_sees_of_a_rust_program() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["program.rs", "words.txt"] {
        std::fs::copy(testdata(file), folder.path().join(file)).unwrap();
    }
    build(folder.path(), &["program.rs", "-O0", "-o", "before.wasm"]);
    build(folder.path(), &["opt", "before.wasm", "-O3", "-o", "after.wasm"]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let verdict = wbuild::oracle::compare_programs(&read("before.wasm"), &read("after.wasm"), || {
        let _ = std::fs::remove_file(folder.path().join("copy.txt"));
        let args = ["program", "words.txt"].map(String::from).to_vec();
        let dirs = vec![(folder.path().to_path_buf(), ".".to_string())];
        Ok(wbuild::run::Options { args, dirs, ..Default::default() })
    });
    match verdict.unwrap() {
        wbuild::oracle::Verdict::Same(tally) => assert_eq!((tally.inconclusive, tally.trapped), (0, 0)),
        wbuild::oracle::Verdict::Different(found) => panic!("{found}"),
    }
}

#[test]
fn libraries_keep_their_exports_and_imports_on_both_targets() {
    let folder = tempfile::tempdir().unwrap();
    let source = testdata("exports.rs");
    let source = source.to_str().unwrap();
    for words in [&["--target", "wasm32-unknown-unknown"][..], &["--reactor"], &["--no-entry"]] {
        build(folder.path(), &[&[source, "-Oz", "-o", "m.wasm"], words].concat());
        let printed = output(folder.path(), &["wasm2wat", "m.wasm"]);
        let printed = text(&printed);
        for wanted in ["(import \"host\" \"scale\"", "(export \"twice_scaled\"", "(export \"length\""] {
            assert!(printed.contains(wanted), "{words:?}: {wanted} is not in\n{printed}");
        }
        assert_eq!(printed.contains("(export \"_initialize\""), words == ["--reactor"], "{words:?}");
    }
    let refused = output(folder.path(), &[source, "--reactor", "--standalone", "-o", "n.wasm"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("it imports host.scale"), "{}", text(&refused));
    assert!(!folder.path().join("n.wasm").exists());
}

#[test]
fn a_panic_is_told_with_its_place_and_the_functions_that_led_there() {
    let folder = tempfile::tempdir().unwrap();
    let source = "fn main() { inner(std::env::args().count()); }\n\
                  #[inline(never)] fn inner(n: usize) { let v = vec![1]; println!(\"{}\", v[n]); }\n";
    std::fs::write(folder.path().join("p.rs"), source).unwrap();
    build(folder.path(), &["p.rs", "-O1", "-g1"]);
    let run = output(folder.path(), &["run", "p.wasm"]);
    assert_eq!(run.status.code(), Some(134));
    assert!(text(&run).contains("panicked at p.rs:2:"), "{}", text(&run));
    assert!(text(&run).contains("in p::inner"), "{}", text(&run));
}

#[test]
fn a_compile_error_is_rustcs_own_and_leaves_no_output() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("e.rs"), "fn main() { let x: u32 = \"no\"; }\n").unwrap();
    let built = output(folder.path(), &["e.rs"]);
    assert_eq!(built.status.code(), Some(1));
    for wanted in ["error[E0308]: mismatched types", "e.rs:1:26", "error: cannot compile e.rs"] {
        assert!(text(&built).contains(wanted), "{}", text(&built));
    }
    assert!(!folder.path().join("e.wasm").exists());
}

#[test]
fn what_rust_cannot_take_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rs"), "fn main() {}\n").unwrap();
    std::fs::write(folder.path().join("b.rs"), "fn main() {}\n").unwrap();
    std::fs::write(folder.path().join("c.c"), "int main(void) { return 0; }\n").unwrap();
    for (words, wanted) in [
        (&["a.rs", "-DX"][..], "-DX is for a C compiler"),
        (&["a.rs", "b.rs"], "two Rust inputs are two crates"),
        (&["a.rs", "c.c"], "cannot be built with"),
        (&["c.c", "--edition", "2024"], "are Rust's, and no input is Rust"),
        (&["a.rs", "--exceptions=wasm"], "are for C"),
        (&["a.rs", "--bin", "a"], "choose a target of a cargo project"),
        (&["c.c", "--lib"], "are Rust's"),
    ] {
        let refused = output(folder.path(), words);
        assert_eq!(refused.status.code(), Some(2), "{words:?}: {}", text(&refused));
        assert!(text(&refused).contains(wanted), "{words:?}: {}", text(&refused));
    }
}

#[test]
fn a_rust_program_is_the_same_bytes_in_two_folders() {
    let built = ["one", "another"].map(|name| {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        for file in ["program.rs", "words.txt"] {
            std::fs::copy(testdata(file), folder.path().join(file)).unwrap();
        }
        build(folder.path(), &["program.rs", "-O3"]);
        std::fs::read(folder.path().join("program.wasm")).unwrap()
    });
    assert!(built[0] == built[1]);
    assert!(!String::from_utf8_lossy(&built[0]).contains("/usr/"), "a path of this machine is in the module");
}

/// A copy of the workspace, and what every file in it held.
fn workspace() -> (tempfile::TempDir, BTreeMap<PathBuf, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("workspace");
    shell::output(Command::new("cp").arg("-R").arg(testdata("workspace")).arg(&copy)).unwrap();
    let files = files(&copy);
    assert!(files.len() >= 10, "only {} files", files.len());
    (folder, files)
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), std::fs::read(path).unwrap())),
        }
    }
    found
}

#[test]
fn cargo_builds_runs_and_tests_an_untouched_workspace() {
    let (folder, before) = workspace();
    let (place, target) = (folder.path().join("workspace"), folder.path().join("target"));
    let cargo = |words: &[&str]| {
        let mut command = line(&place, &["cargo"]);
        shell::unchecked_output(command.args(words).env("CARGO_TARGET_DIR", &target)).unwrap()
    };
    let run = cargo(&["run", "--release", "--locked", "-p", "app", "--bin", "app", "--", "a", "b c"]);
    assert_eq!(run.status.code(), Some(7), "{}", text(&run));
    let printed = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(printed.starts_with("Hello, world!\na build script for wasm32-wasip1\n"), "{printed}");
    assert!(printed.contains("arguments [\"a\", \"b c\"]"), "{printed}");

    let tested = cargo(&["test", "--locked"]);
    assert!(tested.status.success(), "{}", text(&tested));
    for wanted in [
        "runs_on_wasm_and_sees_its_own_folder ... ok",
        "greets_from_outside ... ok",
        "Doc-tests greet",
        "line 5) ... ok",
    ] {
        assert!(text(&tested).contains(wanted), "{wanted}: {}", text(&tested));
    }

    // A flag of the user's reaches the compiler, beside what we need.
    let mut flagged = line(&place, &["cargo", "test", "--locked", "-p", "greet", "--lib"]);
    let flagged = shell::unchecked_output(flagged.env("RUSTFLAGS", "--cfg fails").env("CARGO_TARGET_DIR", &target));
    let flagged = flagged.unwrap();
    // A panic aborts on wasm, so this is the runner's status, handed on by cargo.
    assert_eq!(flagged.status.code(), Some(134), "{}", text(&flagged));
    assert!(text(&flagged).contains("--cfg fails reached the compiler"), "{}", text(&flagged));

    assert!(files(&place) == before, "the project was changed");
}

#[test]
fn cargos_artefacts_are_finished_modules_and_a_second_build_makes_nothing_anew() {
    let (folder, _) = workspace();
    let (place, target) = (folder.path().join("workspace"), folder.path().join("target"));
    let cargo = |words: &[&str]| {
        let mut command = line(&place, &["cargo"]);
        let output = shell::unchecked_output(command.args(words).env("CARGO_TARGET_DIR", &target)).unwrap();
        assert!(output.status.success(), "{}", text(&output));
        output
    };
    let size = |profile: &str, name: &str| {
        let path = target.join("wasm32-wasip1").join(profile).join(name);
        std::fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).len()
    };
    cargo(&["build", "--release"]);
    let (app, plugin) = (size("release", "app.wasm"), size("release", "plugin.wasm"));
    // What Binaryen and our passes leave of it is their own fixed point, near enough.
    let again = folder.path().join("again.wasm");
    let released = target.join("wasm32-wasip1/release/app.wasm");
    build(&place, &["opt", "-g1", released.to_str().unwrap(), "-o", again.to_str().unwrap()]);
    let left = std::fs::metadata(&again).unwrap().len();
    assert!(left * 100 >= app * 98, "opt made {left} of {app} bytes");
    assert!(plugin < 1000, "{plugin}");

    let fresh = cargo(&["build", "--release"]);
    assert!(!text(&fresh).contains("Compiling"), "{}", text(&fresh));

    cargo(&["-Oz", "build", "--release"]);
    let small = size("release", "app.wasm");
    assert!(small < app, "-Oz made {small} of {app} bytes");
    cargo(&["-Oz", "--no-link-information", "build", "--release"]);
    let without = size("release", "app.wasm");
    assert!(small < without, "what the linker knew made {small} of {without} bytes");
}

#[test]
fn a_folder_is_a_project_of_which_one_target_is_built() {
    let (folder, before) = workspace();
    let place = folder.path();
    let project = |words: &[&str]| {
        let mut command = line(place, words);
        shell::unchecked_output(command.env("CARGO_TARGET_DIR", place.join("target"))).unwrap()
    };
    for (input, wanted) in [
        ("workspace", "choose one of --bin app, --bin panics, --lib (plugin)"),
        ("workspace/app", "choose one of --bin app, --bin panics"),
        ("workspace/greet/Cargo.toml", "has no binary and no cdylib"),
    ] {
        let refused = project(&[input]);
        assert_eq!(refused.status.code(), Some(2), "{input}: {}", text(&refused));
        assert!(text(&refused).contains(wanted), "{input}: {}", text(&refused));
    }
    let built = project(&["workspace/app", "--bin", "app", "-O3", "--standalone", "--json", "report.json"]);
    assert!(built.status.success(), "{}", text(&built));
    let run = output(&place.join("workspace/app"), &["run", "--dir", ".", "../../app.wasm", "x"]);
    assert_eq!(run.status.code(), Some(7), "{}", text(&run));
    assert!(text(&run).contains("arguments [\"x\"]"), "{}", text(&run));
    let report = std::fs::read_to_string(place.join("report.json")).unwrap();
    for wanted in ["\"cargo app\"", "\"rust-std\"", "\"binaryen -O3\""] {
        assert!(report.contains(wanted), "{report}");
    }
    let library = project(&["workspace/plugin/Cargo.toml", "-Oz", "--target", "wasm32-unknown-unknown"]);
    assert!(library.status.success(), "{}", text(&library));
    let printed = text(&output(place, &["wasm2wat", "plugin.wasm"]));
    assert!(printed.contains("(export \"twice_scaled\"") && printed.contains("\"host\" \"scale\""), "{printed}");
    // An error is cargo's, and the last module stays.
    let kept = std::fs::read(place.join("app.wasm")).unwrap();
    std::fs::write(place.join("workspace/app/src/main.rs"), "fn main() { nowhere() }\n").unwrap();
    let broken = project(&["workspace/app", "--bin", "app"]);
    assert_eq!(broken.status.code(), Some(1), "{}", text(&broken));
    assert!(text(&broken).contains("error[E0425]"), "{}", text(&broken));
    assert!(std::fs::read(place.join("app.wasm")).unwrap() == kept);
    std::fs::copy(testdata("workspace/app/src/main.rs"), place.join("workspace/app/src/main.rs")).unwrap();
    assert!(files(&place.join("workspace")) == before, "the project was changed");
}

#[test]
fn a_project_is_the_same_bytes_in_two_folders() {
    let built = [(); 2].map(|()| {
        let (folder, _) = workspace();
        let words = ["workspace/app", "--bin", "app", "-O2", "-o", "app.wasm"];
        let mut command = line(folder.path(), &words);
        let output = shell::unchecked_output(&mut command).unwrap();
        assert!(output.status.success(), "{}", text(&output));
        std::fs::read(folder.path().join("app.wasm")).unwrap()
    });
    assert!(built[0] == built[1], "{} and {} bytes, or others of the same number", built[0].len(), built[1].len());
}

#[test]
fn cargos_own_errors_and_statuses_come_through() {
    let (folder, _) = workspace();
    let place = folder.path().join("workspace");
    let target = folder.path().join("target");
    std::fs::write(place.join("greet/src/lib.rs"), "pub fn greet() -> u32 { \"no\" }\n").unwrap();
    let broken = output(&place, &["cargo", "build", "--target-dir", target.to_str().unwrap()]);
    assert_eq!(broken.status.code(), Some(101));
    assert!(text(&broken).contains("error[E0308]: mismatched types"), "{}", text(&broken));
    let unknown = output(&place, &["cargo", "build", "--target", "x86_64-unknown-linux-gnu"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("wbuild does not build for x86_64-unknown-linux-gnu"), "{}", text(&unknown));
    let nowhere = output(folder.path(), &["cargo", "build"]);
    assert_eq!(nowhere.status.code(), Some(101));
    assert!(text(&nowhere).contains("could not find `Cargo.toml`"), "{}", text(&nowhere));
}

#[test]
fn a_link_that_fails_is_told_in_the_linkers_words() {
    let folder = tempfile::tempdir().unwrap();
    let (source, module) = ("unsafe extern \"C\" { fn gone(); }\nfn main() { unsafe { gone() } }\n", "l.wasm");
    std::fs::write(folder.path().join("l.rs"), source).unwrap();
    let built = output(folder.path(), &["l.rs", "-O1"]);
    assert_eq!(built.status.code(), Some(1), "{}", text(&built));
    assert!(text(&built).contains("undefined symbol: gone"), "{}", text(&built));
    assert!(!folder.path().join(module).exists());
}

#[test]
fn a_library_that_was_killed_while_it_was_built_is_built_again_and_once_for_two() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(testdata("exports.rs"), folder.path().join("exports.rs")).unwrap();
    let cache = folder.path().join("cache");
    let start = |output: &str| {
        let words = ["exports.rs", "--target", "wasm32-unknown-unknown", "-O1", "-o", output];
        let mut command = line(folder.path(), &words);
        command.env("WBUILD_CACHE", &cache).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let libraries = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(cache.join("rust")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.join("lib").is_dir()).collect()
    };
    let started = || std::fs::read_dir(cache.join("rust")).is_ok_and(|mut entries| entries.next().is_some());
    let mut killed = start("k.wasm");
    for _ in 0..600 {
        if started() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    if libraries().is_empty() && !started() {
        // rustup has this target, so nothing is ever built and there is nothing to interrupt.
        assert!(killed.wait().unwrap().success());
        return;
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(libraries().is_empty() && !folder.path().join("k.wasm").exists());
    let both = [start("a.wasm"), start("b.wasm")];
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    assert_eq!(libraries().len(), 1);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("a.wasm") == read("b.wasm"));
    let listed = line(folder.path(), &["toolchain"]).env("WBUILD_CACHE", &cache).output().unwrap();
    assert!(text(&listed).contains("for wasm32-unknown-unknown"), "{}", text(&listed));
    let empty = folder.path().join("home");
    let mut remove = line(folder.path(), &["toolchain", "remove"]);
    let removed = remove.env("WBUILD_CACHE", &cache).env("WBUILD_HOME", &empty).output().unwrap();
    assert!(removed.status.success() && libraries().is_empty(), "{}", text(&removed));
}

#[test]
fn without_a_library_and_its_source_the_error_is_the_command_that_brings_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(testdata("hello.rs"), folder.path().join("hello.rs")).unwrap();
    let fake = |minor: u32| {
        let rustc = folder.path().join("rustc");
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --print ] && echo {0}/none && exit\n\
             echo 'rustc 1.{minor}.0 (fake)'; echo 'host: x86_64-unknown-linux-gnu'; echo 'release: 1.{minor}.0'\n",
            folder.path().display()
        );
        std::fs::write(&rustc, script).unwrap();
        std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).unwrap();
        rustc
    };
    let built = |rustc: &Path| {
        let mut command = line(folder.path(), &["hello.rs"]);
        let output = command.env("WBUILD_RUSTC", rustc).env("WBUILD_CACHE", folder.path().join("c")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(!folder.path().join("hello.wasm").exists());
        text(&output)
    };
    let missing = built(&fake(95));
    assert!(missing.contains("Rust's standard library for wasm32-wasip1 is not here"), "{missing}");
    assert!(missing.contains("rustup target add wasm32-wasip1"), "{missing}");
    let old = built(&fake(70));
    assert!(old.contains("no Rust compiler found") && old.contains("older than 1.84"), "{old}");
    let gone = built(Path::new("/nowhere/rustc"));
    assert!(gone.contains("/nowhere/rustc cannot be run"), "{gone}");
}

#[test]
fn a_small_library_makes_a_small_program_that_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(testdata("hello.rs"), folder.path().join("hello.rs")).unwrap();
    build(folder.path(), &["hello.rs", "-Oz", "-o", "normal.wasm"]);
    build(folder.path(), &["hello.rs", "-Oz", "--std=small", "--standalone", "--json", "report.json"]);
    assert_eq!(output(folder.path(), &["run", "hello.wasm"]).stdout, b"Hello, world!\n");
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    assert!(size("hello.wasm") * 2 < size("normal.wasm"), "{} of {}", size("hello.wasm"), size("normal.wasm"));
    assert!(std::fs::read_to_string(folder.path().join("report.json")).unwrap().contains("small, built from"));
    let (project, _) = workspace();
    let words = ["workspace/app", "--bin", "app", "-Oz", "--std=small", "-o", "app.wasm"];
    build(project.path(), &words);
    let run = output(&project.path().join("workspace/app"), &["run", "--dir", ".", "../../app.wasm"]);
    assert_eq!(run.status.code(), Some(7), "{}", text(&run));
}

#[test]
fn an_installed_library_is_used_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(testdata("hello.rs"), folder.path().join("hello.rs")).unwrap();
    build(folder.path(), &["hello.rs", "-O1", "--json", "built.json"]);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("built.json")).unwrap()).unwrap();
    let tool = |name: &str| {
        let tool = report["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name).unwrap();
        PathBuf::from(tool["path"].as_str().unwrap())
    };
    let (library, rustc) = (tool("rust-std"), tool("rustc"));
    // A library that was built stands in a sysroot like any other, so its rustc has it installed.
    let rustc = if library.is_dir() { library.join("bin/rustc") } else { rustc };
    let mut command = line(folder.path(), &["hello.rs", "-O1", "-o", "again.wasm", "--json", "again.json"]);
    let cache = folder.path().join("cache");
    let output = command.env("WBUILD_RUSTC", rustc).env("WBUILD_CACHE", &cache).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(String::from_utf8(read("again.json")).unwrap().contains("installed for wasm32-wasip1"));
    assert!(!cache.join("rust").exists(), "a library was built although one is installed");
    assert!(read("hello.wasm") == read("again.wasm"));
}

#[test]
fn a_rust_archive_links_into_a_c_program() {
    let folder = tempfile::tempdir().unwrap();
    let rust = "#![no_std]\n#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n\
                #[unsafe(no_mangle)] pub extern \"C\" fn triple(x: i32) -> i32 { x.wrapping_mul(3) }\n";
    std::fs::write(folder.path().join("triple.rs"), rust).unwrap();
    let c = "#include <stdio.h>\nint triple(int);\nint main(void) { printf(\"%d\\n\", triple(14)); }\n";
    std::fs::write(folder.path().join("main.c"), c).unwrap();
    let project = "[package]\nname = \"triple\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\npath = \"triple.rs\"\n\
                   crate-type = [\"staticlib\"]\n[profile.release]\npanic = \"abort\"\n[workspace]\n";
    std::fs::write(folder.path().join("Cargo.toml"), project).unwrap();
    build(folder.path(), &["cargo", "build", "--release"]);
    build(
        folder.path(),
        &["main.c", "target/wasm32-wasip1/release/libtriple.a", "-O2", "--standalone", "-o", "m.wasm"],
    );
    assert_eq!(output(folder.path(), &["run", "m.wasm"]).stdout, b"42\n");
}

#[test]
fn a_thread_is_refused_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let source = "fn main() { println!(\"{}\", std::thread::Builder::new().spawn(|| 1).unwrap_err()); }\n";
    std::fs::write(folder.path().join("t.rs"), source).unwrap();
    build(folder.path(), &["t.rs", "-O2"]);
    let run = output(folder.path(), &["run", "t.wasm"]);
    assert!(text(&run).contains("Not supported"), "{}", text(&run));
}

#[test]
fn cargo_holds_a_stale_lock_and_an_unwritable_target_folder_against_the_user_as_ever() {
    let (folder, _) = workspace();
    let place = folder.path().join("workspace");
    let manifest = place.join("greet/Cargo.toml");
    let text_of = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text_of.replace("version.workspace = true", "version = \"0.2.0\"")).unwrap();
    let stale = output(&place, &["cargo", "build", "--locked"]);
    assert_eq!(stale.status.code(), Some(101), "{}", text(&stale));
    assert!(text(&stale).contains("--locked"), "{}", text(&stale));
    let stale = output(&place, &["app", "--bin", "app", "-o", "app.wasm", "--dry-run"]);
    assert!(stale.status.success(), "{}", text(&stale));
    // A file where the folder should be: root could write into a folder that others may not.
    std::fs::write(place.join("target"), "in the way").unwrap();
    let blocked = output(&place, &["app", "--bin", "app", "-o", "app.wasm"]);
    assert_eq!(blocked.status.code(), Some(1), "{}", text(&blocked));
    assert!(text(&blocked).contains("error: cargo cannot build app"), "{}", text(&blocked));
    assert!(!place.join("app.wasm").exists());
}
