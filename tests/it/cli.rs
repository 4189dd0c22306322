//! Transcripts of command lines: what is printed, and the exit status. No compiler runs.

use std::path::Path;
use std::process::Command;

/// Runs wbuild in `folder` and returns what it said.
fn transcript(folder: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wbuild"))
        .args(args)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .env("COLUMNS", "100")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*folder.to_string_lossy(), "FOLDER");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("$ wbuild {}\n{out}{err}[{}]\n", args.join(" "), output.status.code().unwrap_or(-1))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("a.c", b"int main(void) { return 0; }\n");
    write("a.wat", b"(module (func (export \"f\")))\n");
    write("a.wasm", b"\0asm\x01\0\0\0");
    write("b.wasm", b"\0asm\x01\0\0\0");
    write("cut.wasm", b"\0asm\x01\0\0\0\x01\x07\x01");
    write("empty.wasm", b"");
    write("text.wasm", b"(module)");
    write("elf.o", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    write("component.wasm", b"\0asm\x0d\0\x01\0");
    write("object.wasm", b"\0asm\x01\0\0\0\0\x09\x07linking\x02");
    write("library.wasm", b"\0asm\x01\0\0\0\0\x09\x08dylink.0");
    write("syntax.wat", b"(module\n  (func (i32.cons 1)))\n");
    write("old.wat", b"(module (func (param i32) get_local 0 drop))\n");
    write("types.wat", b"(module (func (result i32)))\n");
    write("random.o", &(0..200u32).map(|n| (n.wrapping_mul(2654435761) >> 13) as u8).collect::<Vec<_>>());
    std::fs::create_dir(folder.path().join("dir.c")).unwrap();
    std::fs::create_dir(folder.path().join("plain")).unwrap();
    folder
}

fn transcripts(commands: &[&[&str]]) -> String {
    let folder = folder();
    let path = folder.path().canonicalize().unwrap();
    commands.iter().map(|args| transcript(&path, args)).collect::<Vec<_>>().join("\n")
}

macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ snapshot_path => "../../snapshots/cli", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

#[test]
fn help_and_version_read_well() {
    snapshot!(
        "help",
        transcripts(&[
            &["--version"],
            &["--help"],
            &["help", "opt"],
            &["wat2wasm", "--help"],
            &["wasm2wat", "--help"],
            &["help", "nothing"],
        ])
    );
    let nothing = transcripts(&[&[]]);
    assert!(nothing.contains("Usage: wbuild [OPTIONS] INPUT...") && nothing.ends_with("[2]\n"), "{nothing}");
}

#[test]
fn a_wrong_command_line_says_what_to_write_instead() {
    snapshot!(
        "usage",
        transcripts(&[
            &["-O3"],
            &["-03", "a.c"],
            &["-O7", "a.c"],
            &["--standalon", "a.c"],
            &["--gc-sections", "a.c"],
            &["--preload-file", "x", "a.c"],
            &["-c", "a.c"],
            &["-E", "a.c"],
            &["-shared", "a.c"],
            &["a.c", "-o"],
            &["a.c", "-o", "a.html"],
            &["a.c", "-o", "a.js"],
            &["a.c", "-o", "a.c"],
            &["a.c", "-o", "./a.c"],
            &["a.wasm"],
            &["a.wasm", "b.wasm", "-o", "c.wasm"],
            &["a.wat", "a.c"],
            &["-DX", "a.wat"],
            &["--export", "f", "a.wat"],
            &["otp", "a.wasm"],
            &["plain"],
            &["main.rs"],
            &["lib.so", "a.c"],
            &["a.xyz"],
            &["--target", "x86_64", "a.c"],
            &["--target", "wasm32-unknown-unknown", "--standalone", "a.c"],
            &["--reactor", "--no-entry", "a.c"],
            &["--threads", "a.c"],
            &["-fwasm-exceptions", "a.cpp"],
            &["-", "-o", "x.wasm"],
            &["-x", "c", "-", "-"],
            &["-x", "fortran", "a.c"],
            &["--binaryen"],
            &["--compiler=gcc", "a.c"],
            &["--lto=maybe", "a.c"],
            &["@nofile"],
        ])
    );
}

#[test]
fn settings_of_emcc_with_no_meaning_name_the_nearest_thing() {
    snapshot!(
        "settings",
        transcripts(&[
            &["-s", "INITAL_MEMORY=1MB", "a.c"],
            &["-s", "MODULARIZE=1", "a.c"],
            &["-sUSE_SDL=2", "a.c"],
            &["-s", "WASM=0", "a.c"],
            &["-s", "INITIAL_MEMORY=1000", "a.c"],
            &["-s", "INITIAL_MEMORY=lots", "a.c"],
            &["-s", "INITIAL_MEMORY=8GB", "a.c"],
            &["-s", "INITIAL_MEMORY=2MB", "-s", "MAXIMUM_MEMORY=1MB", "a.c"],
            &["-s", "EXPORTED_FUNCTIONS=[_main", "a.c"],
        ])
    );
}

#[test]
fn bad_inputs_are_named_in_plain_words() {
    snapshot!(
        "inputs",
        transcripts(&[
            &["missing.c"],
            &["dir.c"],
            &["elf.o"],
            &["random.o"],
            &["cut.wasm", "-o", "out.wasm"],
            &["empty.wasm", "-o", "out.wasm"],
            &["text.wasm", "-o", "out.wasm"],
            &["component.wasm", "-o", "out.wasm"],
            &["object.wasm", "-o", "out.wasm"],
            &["library.wasm", "-o", "out.wasm"],
            &["syntax.wat"],
            &["types.wat", "-o", "out.wasm"],
            &["opt", "object.wasm", "-o", "out.wasm"],
            &["opt", "library.wasm", "-o", "out.wasm"],
            &["opt", "component.wasm", "-o", "out.wasm"],
            &["opt", "missing.wasm", "-o", "out.wasm"],
            &["opt", "a.wasm", "--passes=strip-dwraf", "-o", "out.wasm"],
            &["opt", "a.wasm", "-O9", "-o", "out.wasm"],
            &["wat2wasm", "old.wat"],
            &["wat2wasm", "a.wasm"],
            &["wasm2wat", "text.wasm"],
            &["wasm2wat", "cut.wasm"],
            &["a.wat", "--standalone", "-o", "out.wasm"],
        ])
    );
}

#[test]
fn text_and_binary_go_there_and_back() {
    snapshot!(
        "text",
        transcripts(&[
            &["wat2wasm", "a.wat"],
            &["wasm2wat", "a.wasm"],
            &["a.wat", "-o", "built.wasm"],
            &["wasm2wat", "built.wasm"],
            &["opt", "built.wasm", "-Oz", "-o", "again.wasm"],
            &["wasm2wat", "again.wasm"],
            &["a.wat", "-O0", "--dry-run"],
        ])
    );
}

#[test]
fn bash_completes_subcommands_options_and_their_values() {
    let folder = folder();
    let script = transcript(folder.path(), &["completions", "bash"]);
    let (_, script) = script.split_once('\n').unwrap();
    let script = script.strip_suffix("[0]\n").unwrap();
    let completed = |words: &[&str]| {
        let ask = r#"shift 0; COMP_WORDS=(wbuild "$@"); COMP_CWORD=$#
            _wbuild wbuild "${COMP_WORDS[$#]}" "${COMP_WORDS[$#-1]}"; printf '%s\n' "${COMPREPLY[@]}""#;
        let script = format!("{script}\n{ask}");
        let output = Command::new("bash").args(["-c", &script, "bash"]).args(words).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(completed(&["ca"]), ["cargo", "cache"]);
    assert_eq!(completed(&["a.c", "--stand"]), ["--standalone"]);
    assert_eq!(completed(&["--malloc", "l"]), ["libc"]);
    assert_eq!(completed(&["--target", "wasm32-u"]), ["wasm32-unknown-unknown"]);
    assert_eq!(completed(&["opt", "--list"]), ["--list-passes"]);
    assert!(completed(&["-"]).contains(&"--check-reproducible".to_string()));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = transcript(folder.path(), &["completions", shell]);
        assert!(script.contains("standalone") && script.contains("wasm2wat") && script.ends_with("[0]\n"), "{shell}");
    }
    assert!(transcript(folder.path(), &["completions", "csh"]).ends_with("[2]\n"));
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let folder = folder();
    let at = folder.path();
    assert!(transcript(at, &["man", "new/man1"]).ends_with("man1\n[0]\n"));
    let read = |name: &str| std::fs::read_to_string(at.join("new/man1").join(name)).unwrap();
    let (page, opt) = (read("wbuild.1"), read("wbuild-opt.1"));
    assert!(transcript(at, &["man"]).contains(&page));
    for word in
        [".SH NAME", ".SH SYNOPSIS", "\\-\\-check\\-reproducible", "wbuild\\-opt(1)", ".SH MEMORY", "Exit status: 0"]
    {
        assert!(page.contains(word), "{word}\n{page}");
    }
    assert!(opt.contains("Optimize a finished module") && opt.contains("\\-\\-list\\-passes"), "{opt}");
    assert_eq!(std::fs::read_dir(at.join("new/man1")).unwrap().count(), 1 + wbuild::cli::subcommands().count());
    // Where a folder cannot be made, nothing else happens.
    assert!(transcript(at, &["man", "a.c"]).ends_with("[1]\n"));
}
