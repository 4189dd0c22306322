//! What a cargo project keeps for wbuild, and what `wbuild cargo` is asked for beside it.

use std::path::{Path, PathBuf};
use std::process::Output;

use xtask::shell;

use crate::rust::{line, output, text};

/// A package in a workspace, with these texts in its files.
fn project(workspace: &str, package: &str, settings: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", &format!("[workspace]\nmembers = [\"p\"]\nresolver = \"3\"\n{workspace}"));
    write("p/Cargo.toml", &format!("[package]\nname = \"p\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{package}"));
    write(
        "p/src/main.rs",
        "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> i32 { 42 }\n\
         fn main() { println!(\"{:?}\", std::env::args().skip(1).collect::<Vec<_>>()); }\n",
    );
    if !settings.is_empty() {
        write("p/wbuild.toml", settings);
    }
    folder
}

fn cargo(folder: &Path, words: &[&str]) -> Output {
    let mut command = line(&folder.join("p"), &["cargo"]);
    shell::unchecked_output(command.args(words).env("CARGO_TARGET_DIR", folder.join("target"))).unwrap()
}

fn module(folder: &Path, profile: &str) -> PathBuf {
    folder.join("target/wasm32-wasip1").join(profile).join("p.wasm")
}

/// Builds, and gives the module's size and the text of its exports and memory.
fn built(folder: &Path, words: &[&str]) -> (u64, String) {
    let done = cargo(folder, words);
    assert!(done.status.success(), "{words:?}: {}", text(&done));
    let module = module(folder, "release");
    let printed = text(&output(folder, &["wasm2wat", module.to_str().unwrap()]));
    let wanted = |line: &&str| line.contains("(export ") || line.contains("(memory ");
    (std::fs::metadata(module).unwrap().len(), printed.lines().filter(wanted).collect())
}

#[test]
fn a_projects_settings_hold_and_words_on_the_command_line_come_after_them() {
    let folder = project("", "", "level = \"z\"\nmax-memory = \"32MB\"\n");
    let (kept, printed) = built(folder.path(), &["build", "--release"]);
    assert!(printed.contains(" 512)"), "{printed}");
    let (own, printed) = built(folder.path(), &["--max-memory=16MB", "-O3", "--export-all", "build", "--release"]);
    assert!(printed.contains(" 256)") && printed.contains("\"answer\""), "{printed}");
    assert!(kept < own, "-Oz has {kept} B and -O3 {own} B");
    // The same settings from Cargo.toml; a nearer file comes after them.
    let metadata = "[package.metadata.wbuild]\nlevel = 3\nmax-memory = \"64MB\"\n";
    let folder = project("[workspace.metadata.wbuild]\nexports = [\"answer\"]\n", metadata, "level = \"z\"\n");
    let (both, printed) = built(folder.path(), &["build", "--release"]);
    assert!(printed.contains(" 1024)") && printed.contains("\"answer\""), "{printed}");
    assert!(both < own, "{both} B");
    // A project as the input of a build keeps the same.
    let done = output(folder.path(), &["p", "-o", "direct.wasm"]);
    assert!(done.status.success(), "{}", text(&done));
    let printed = text(&output(folder.path(), &["wasm2wat", "direct.wasm"]));
    assert!(printed.contains(" 1024)") && printed.contains("(export \"answer\""), "{printed}");
}

#[test]
fn a_setting_that_nothing_reads_is_refused_and_names_the_file() {
    let folder = project("", "", "levle = \"z\"\n");
    for words in [&["cargo", "build"][..], &["p", "-o", "p.wasm"]] {
        let place = if words[0] == "cargo" { folder.path().join("p") } else { folder.path().to_path_buf() };
        let refused = output(&place, words);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
        assert!(text(&refused).contains("wbuild.toml sets levle") && text(&refused).contains("did you mean level?"));
    }
}

#[test]
fn a_module_over_the_size_limit_fails_the_build_and_a_changed_limit_links_again() {
    let folder = project("", "", "size-limit = \"1KB\"\n");
    let over = cargo(folder.path(), &["build", "--release"]);
    assert_eq!(over.status.code(), Some(101), "{}", text(&over));
    assert!(text(&over).contains("and --size-limit allows 1024"), "{}", text(&over));
    assert!(!module(folder.path(), "release").exists());
    std::fs::write(folder.path().join("p/wbuild.toml"), "size-limit = \"1MB\"\n").unwrap();
    built(folder.path(), &["build", "--release"]);
    // cargo knows of no limit, and must link again all the same.
    std::fs::write(folder.path().join("p/wbuild.toml"), "size-limit = \"2KB\"\n").unwrap();
    let over = cargo(folder.path(), &["build", "--release"]);
    assert_eq!(over.status.code(), Some(101), "{}", text(&over));
    let direct = output(folder.path(), &["p", "--size-limit=3KB", "-o", "p.wasm"]);
    assert_eq!(direct.status.code(), Some(1), "{}", text(&direct));
    assert!(!folder.path().join("p.wasm").exists());
}

#[test]
fn another_binaryen_links_again_and_the_same_one_does_not() {
    let folder = project("", "", "");
    let (with, _) = built(folder.path(), &["build", "--release"]);
    let (without, _) = built(folder.path(), &["--binaryen=off", "build", "--release"]);
    assert!(with < without, "{with} B with Binaryen, {without} B without");
    let again = cargo(folder.path(), &["--binaryen=off", "build", "--release"]);
    assert!(again.status.success() && !text(&again).contains("Compiling"), "{}", text(&again));
}

#[test]
fn a_release_is_optimized_over_the_whole_program_unless_the_project_says_otherwise() {
    let size = |workspace: &str| built(project(workspace, "", "").path(), &["build", "--release"]).0;
    let (usual, off, small) =
        (size(""), size("[profile.release]\nlto = false\n"), size("[profile.release]\nopt-level = \"z\"\n"));
    assert!(usual < off, "{usual} B with LTO, {off} B without");
    // The profile's opt-level is the stages' level too, and the small allocator comes with it.
    assert!(small + 9000 < usual, "{small} B at z, {usual} B at 3");
}

#[test]
fn cargo_builds_with_the_small_library_and_refuses_to_test_with_it() {
    let folder = project("", "", "std = \"small\"\nlevel = \"z\"\n");
    let (size, _) = built(folder.path(), &["build", "--release"]);
    let (usual, _) = built(project("", "", "level = \"z\"").path(), &["build", "--release"]);
    assert!(size * 3 < usual * 2, "{size} B, and {usual} B with the usual library");
    let run = cargo(folder.path(), &["run", "--release", "--", "a", "b"]);
    assert!(run.status.success() && text(&run).contains("[\"a\", \"b\"]"), "{}", text(&run));
    let refused = cargo(folder.path(), &["test"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(text(&refused).contains("cargo test cannot use --std=small"), "{}", text(&refused));
}

#[test]
fn two_builds_at_once_wait_for_each_other_as_cargos_do() {
    let folder = project("", "", "");
    let start = || {
        let mut command = line(&folder.path().join("p"), &["cargo", "build", "--release"]);
        command.env("CARGO_TARGET_DIR", folder.path().join("target")).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    for mut build in [start(), start(), start()] {
        assert!(build.wait().unwrap().success());
    }
    let run = output(folder.path(), &["run", module(folder.path(), "release").to_str().unwrap(), "x"]);
    assert_eq!(text(&run), "[\"x\"]\n");
}

#[test]
fn a_crate_that_cannot_be_built_for_wasm_is_refused_in_its_own_words() {
    let folder = project("", "", "");
    let source = "#[cfg(target_family = \"wasm\")]\ncompile_error!(\"this crate is for Unix only\");\nfn main() {}\n";
    std::fs::write(folder.path().join("p/src/main.rs"), source).unwrap();
    let refused = cargo(folder.path(), &["build"]);
    assert_eq!(refused.status.code(), Some(101), "{}", text(&refused));
    assert!(text(&refused).contains("error: this crate is for Unix only"), "{}", text(&refused));
    assert!(!module(folder.path(), "debug").exists());
}

#[test]
fn a_project_that_keeps_preinit_starts_where_its_initialization_ended() {
    let folder = project("", "", "preinit = true\n");
    let main = "use std::sync::OnceLock;\n\
                static SEEN: OnceLock<Vec<u32>> = OnceLock::new();\n\
                #[unsafe(export_name = \"wbuild_preinit\")]\n\
                pub extern \"C\" fn start() { let _ = SEEN.set((1..=1000).map(|n| n * n).collect()); }\n\
                fn main() { println!(\"{:?}\", SEEN.get().map(|all| all.iter().sum::<u32>())); }\n";
    std::fs::write(folder.path().join("p/src/main.rs"), main).unwrap();
    for words in [&["run", "--release"][..], &["run"]] {
        let done = cargo(folder.path(), words);
        assert!(done.status.success(), "{}", text(&done));
        assert!(text(&done).contains("Some(333833500)"), "{words:?}: {}", text(&done));
    }
    let (_, printed) = built(folder.path(), &["build", "--release"]);
    assert!(!printed.contains("preinit"), "{printed}");
    // A module that does not export the function is left as it is, and so are those of tests.
    let done = cargo(folder.path(), &["--preinit=other", "run", "--release"]);
    assert!(text(&done).contains("None"), "{}", text(&done));
    // As the input of a build.
    let done = output(folder.path(), &["p", "-o", "direct.wasm"]);
    assert!(done.status.success(), "{}", text(&done));
    assert!(text(&output(folder.path(), &["run", "direct.wasm"])).contains("Some(333833500)"));
}
