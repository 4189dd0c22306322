//! Real crates through `wbuild cargo`: programs made of them print what native builds print, and their
//! own tests pass.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use xtask::{programs, shell};

use crate::programs::{assert_same, target_folder, wbuild};

/// Kept in cargo's target folder, so that a second run compiles nothing.
fn target(name: &str) -> PathBuf {
    target_folder().join("rust-projects").join(name)
}

/// cargo, natively or through wbuild, without what the cargo above us says to its tests.
fn cargo(through_wbuild: bool, folder: &Path) -> Command {
    let mut command = match through_wbuild {
        true => wbuild(),
        false => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
    };
    if through_wbuild {
        command.arg("cargo");
    }
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command.current_dir(folder).env("CARGO_TARGET_DIR", target(if through_wbuild { "wasm" } else { "native" }));
    command
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}{error}", String::from_utf8_lossy(&output.stdout));
    output
}

#[test]
fn programs_of_real_crates_print_what_native_builds_print() {
    let folder = shell::root().join("testdata/rust/projects");
    succeed(cargo(true, &folder).args(["build", "--release", "--locked"]));
    let input = shell::root().join("README.md");
    for program in ["json", "markdown", "picture", "squeeze", "zstandard"] {
        let run = |through_wbuild| {
            let mut command = cargo(through_wbuild, &folder);
            command.args(["run", "--release", "--quiet", "--locked", "-p", program]);
            succeed(command.stdin(Stdio::from(std::fs::File::open(&input).unwrap())))
        };
        let (native, wasm) = (run(false), run(true));
        assert!(native.stdout.len() > 50, "{program} printed next to nothing");
        assert_same(program, &native, &wasm);
    }
    let bare = target("wasm").join("wasm32-wasip1/release/bare.wasm");
    let printed = succeed(wbuild().arg("wasm2wat").arg(&bare));
    let printed = String::from_utf8_lossy(&printed.stdout);
    assert!(printed.contains("(export \"crc32\"") && !printed.contains("(import"), "{printed}");
}

#[test]
fn wasm_bindgens_own_tool_finds_what_it_needs_and_opt_takes_what_it_makes() {
    let folder = shell::root().join("testdata/rust/bindgen");
    let unknown = "wasm32-unknown-unknown";
    // What the tool makes of plain cargo's module, and of ours.
    let mut outputs = Vec::new();
    let made = tempfile::tempdir().unwrap();
    let plain = made.path().join("plain.wasm");
    succeed(cargo(true, &folder).args(["--binaryen=off", "-O0", "build", "--locked", "--target", unknown]));
    std::fs::copy(target("wasm").join(unknown).join("debug/bindgen.wasm"), &plain).unwrap();
    succeed(cargo(true, &folder).args(["-Oz", "build", "--release", "--locked", "--target", unknown]));
    let released = target("wasm").join(unknown).join("release/bindgen.wasm");
    let direct = made.path().join("direct.wasm");
    let mut build = wbuild();
    build.arg(&folder).args(["-Oz", "--target", unknown, "-o"]).arg(&direct).env("CARGO_TARGET_DIR", target("direct"));
    let told = succeed(&mut build);
    assert!(String::from_utf8_lossy(&told.stderr).contains("is left as it was linked, for wasm-bindgen"));
    for (name, module) in [("plain", &plain), ("released", &released), ("direct", &direct)] {
        let place = made.path().join(name).with_extension("d");
        let mut tool = cargo(false, &folder);
        succeed(tool.args(["run", "--release", "--quiet", "--locked", "-p", "tool", "--"]).arg(module).arg(&place));
        let stem = module.file_stem().unwrap().to_str().unwrap();
        let bound = place.join(format!("{stem}_bg.wasm"));
        let run = || {
            let mut node = Command::new("node");
            succeed(node.arg(folder.join("check.mjs")).arg(place.join(stem).with_extension("js"))).stdout
        };
        outputs.push(run());
        let before = std::fs::metadata(&bound).unwrap().len();
        succeed(wbuild().args(["opt", "-Oz"]).arg(&bound).arg("-o").arg(place.join("small.wasm")));
        std::fs::rename(place.join("small.wasm"), &bound).unwrap();
        assert!(std::fs::metadata(&bound).unwrap().len() < before, "{name}: opt left {before} bytes");
        outputs.push(run());
    }
    assert_eq!(
        String::from_utf8_lossy(&outputs[0]),
        "length 1,3,5,2,4,6\na few length\ngreeting wbuild\nHello, wbuild!\n\
         greeting \nnobody to greet\n"
    );
    assert!(outputs.iter().all(|output| *output == outputs[0]));
}

/// A copy of a published crate, as cargo fetched it.
fn published(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = programs::crate_folder(name).unwrap();
    succeed(Command::new("cp").arg("-R").arg(source.join(".")).arg(folder.path()));
    folder
}

/// How many tests a published crate's own suite ran; all of them passed.
fn passed(name: &str) -> usize {
    let folder = published(name);
    let tested = succeed(cargo(true, folder.path()).arg("test"));
    let text = String::from_utf8_lossy(&tested.stdout);
    let results = text.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|line| line.split(' ').next()?.parse::<usize>().ok()).sum()
}

#[test]
fn published_crates_pass_their_own_tests_on_wasm() {
    for (name, least) in [("heck", 111 + 16), ("semver", 34 + 4)] {
        let passed = passed(name);
        assert!(passed >= least, "{name}: only {passed} tests ran");
    }
}
