//! `wbuild run`: what a program gets, and how its end is told.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// WASI's functions by hand, so that these tests need no compiler.
const WASI: &str = r#"
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $print (param $at i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

fn wbuild(folder: &Path, words: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wbuild"))
        .current_dir(folder)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read ends first.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Runs a program that is the text with WASI's functions; words before and after its name.
fn run(body: &str, before: &[&str], after: &[&str], input: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), body, before, after, input)
}

fn run_in(folder: &Path, body: &str, before: &[&str], after: &[&str], input: &[u8]) -> Output {
    std::fs::write(folder.join("program.wat"), format!("(module {WASI} {body})")).unwrap();
    let words = [&["run"], before, &["program.wat"], after].concat();
    wbuild(folder, &words, input)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_exit_status_is_the_programs() {
    for status in [0, 1, 7, 125, 126, 134, 255] {
        let body = format!("(func (export \"_start\") (call $exit (i32.const {status})))");
        let output = run(&body, &[], &[], b"");
        assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
    assert_eq!(run("(func (export \"_start\"))", &[], &[], b"").status.code(), Some(0));
}

#[test]
fn arguments_arrive_as_they_are_and_the_first_is_the_files_name() {
    let body = r#"(func (export "_start")
        (drop (call $args_sizes (i32.const 16) (i32.const 20)))
        (drop (call $args (i32.const 1024) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20))))"#;
    let output = run(body, &[], &["one", "--dir", "-x", "", "--", "two words"], b"");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "program.wat\0one\0--dir\0-x\0\0--\0two words\0");
}

#[test]
fn the_environment_is_what_is_given_and_nothing_else() {
    let body = r#"(func (export "_start")
        (drop (call $environ_sizes (i32.const 16) (i32.const 20)))
        (drop (call $environ (i32.const 1024) (i32.const 4096)))
        (call $print (i32.const 4096) (i32.load (i32.const 20))))"#;
    assert_eq!(run(body, &[], &[], b"").stdout, b"");
    assert_eq!(run(body, &["--env", "A=1", "--env", "B=x=y"], &[], b"").stdout, b"A=1\0B=x=y\0");
    // A name alone passes on what is set here, and nothing if it is not.
    let path = format!("PATH={}\0", std::env::var("PATH").unwrap());
    assert_eq!(run(body, &["--env", "PATH", "--env", "WBUILD_IS_NOT_SET"], &[], b"").stdout, path.as_bytes());
    let output = run(body, &["--env", "=A"], &[], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has no NAME="), "{}", stderr(&output));
}

#[test]
fn standard_input_and_output_are_joined() {
    let body = r#"(func (export "_start")
        (i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (i32.const 1000))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $print (i32.const 4096) (i32.load (i32.const 8))))"#;
    assert_eq!(run(body, &[], &[], b"hello there").stdout, b"hello there");
}

/// Exits with the errno of opening that path, for reading, in the first granted folder.
fn opening(path: &str) -> String {
    let length = path.len();
    format!(
        r#"(data (i32.const 2048) "{path}")
        (func (export "_start") (call $exit (call $open (i32.const 3) (i32.const 1) (i32.const 2048)
            (i32.const {length}) (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 16))))"#
    )
}

#[test]
fn nothing_of_the_host_is_seen_but_granted_folders() {
    const BADF: i32 = 8;
    const NOENT: i32 = 44;
    const PERM: i32 = 63;
    let folder = tempfile::tempdir().unwrap();
    let granted = folder.path().join("granted");
    std::fs::create_dir(&granted).unwrap();
    std::fs::write(granted.join("inside"), "in").unwrap();
    std::fs::write(folder.path().join("outside"), "out").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../outside", granted.join("link")).unwrap();

    let status = |path: &str, dirs: &[&str]| run_in(folder.path(), &opening(path), dirs, &[], b"").status.code();
    assert_eq!(status("inside", &[]), Some(BADF), "without --dir there is no folder");
    assert_eq!(status("inside", &["--dir", "granted"]), Some(0));
    assert_eq!(status("inside", &["--dir", "granted::/data"]), Some(0));
    assert_eq!(status("outside", &["--dir", "granted"]), Some(NOENT));
    assert_eq!(status("../outside", &["--dir", "granted"]), Some(PERM), "no way up");
    assert_eq!(status("link", &["--dir", "granted"]), Some(PERM), "no way out through a link");
    let absolute = folder.path().join("outside");
    assert_eq!(status(absolute.to_str().unwrap(), &["--dir", "granted"]), Some(PERM), "no absolute paths");

    let output = run_in(folder.path(), &opening("inside"), &["--dir", "missing"], &[], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot grant missing"), "{}", stderr(&output));
}

#[test]
fn a_program_that_does_not_end_is_ended_by_the_timeout() {
    let spin = r#"(func (export "_start") (loop (br 0)))"#;
    let output = run(spin, &["--timeout", "50ms"], &[], b"");
    assert_eq!(output.status.code(), Some(124), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("error: the program ran longer than 50ms"), "{}", stderr(&output));
    assert_eq!(run(spin, &["--timeout", "soon"], &[], b"").status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn a_program_that_waits_for_input_is_ended_by_the_timeout_too() {
    let folder = tempfile::tempdir().unwrap();
    let body = r#"(func (export "_start")
        (i32.store (i32.const 4) (i32.const 10))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    std::fs::write(folder.path().join("program.wat"), format!("(module {WASI} {body})")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wbuild"))
        .current_dir(folder.path())
        .args(["run", "--timeout", "50ms", "program.wat"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The input stays open, and nothing comes.
    let input = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(124));
    drop(input);
}

#[test]
#[cfg(unix)]
fn a_program_whose_output_nobody_reads_any_more_ends_as_a_native_one_does() {
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;
    let folder = tempfile::tempdir().unwrap();
    let body = r#"(data (i32.const 100) "line\n") (func (export "_start")
        (loop (call $print (i32.const 100) (i32.const 5)) (br 0)))"#;
    std::fs::write(folder.path().join("program.wat"), format!("(module {WASI} {body})")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wbuild"))
        .current_dir(folder.path())
        .args(["run", "--timeout", "60s", "program.wat"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 5];
    child.stdout.take().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"line\n");
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.signal(), stderr(&ended).as_str()), (Some(13), ""));
}

#[test]
fn memory_grows_up_to_the_limit() {
    let body = r#"(func (export "_start") (local $pages i32)
        (loop
            (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then
                (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
                (br_if 1 (i32.lt_u (local.get $pages) (i32.const 100))))))
        (call $exit (local.get $pages)))"#;
    assert_eq!(run(body, &["--max-memory", "1MB"], &[], b"").status.code(), Some(15));
    assert_eq!(run(body, &[], &[], b"").status.code(), Some(100));
    let output = run(body, &["--max-memory", "10KB"], &[], b"");
    assert_eq!(output.status.code(), Some(134), "{}", stderr(&output));
    assert!(stderr(&output).contains("memory"), "{}", stderr(&output));
}

#[test]
fn a_trap_is_told_with_the_functions_that_led_there() {
    let body = r#"
        (func $divide (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
        (func $work (drop (call $divide (i32.const 0))))
        (func (export "_start") (call $work))"#;
    let output = run(body, &[], &[], b"");
    assert_eq!(output.status.code(), Some(134));
    let said = stderr(&output);
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("no `{text}` in {said}"));
    assert!(said.starts_with("error: the program trapped: integer divide by zero"), "{said}");
    assert!(at("in divide at offset") < at("in work at offset"), "{said}");
}

#[test]
fn endless_recursion_is_a_trap_and_not_a_crash() {
    let body = r#"(func $f (export "_start") (call $f) (call $f))"#;
    let output = run(body, &[], &[], b"");
    assert_eq!(output.status.code(), Some(134));
    let said = stderr(&output);
    assert!(said.contains("nested too deep") && said.lines().count() < 50, "{said}");
}

#[test]
fn deep_recursion_is_no_overflow() {
    // 100,000 calls deep: more than an engine's default stack has.
    let body = r#"
        (func $down (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0))))
        (func (export "_start")
            (call $exit (i32.ne (call $down (i32.const 100000)) (i32.const 100000))))"#;
    assert_eq!(run(body, &[], &[], b"").status.code(), Some(0));
}

#[test]
fn what_cannot_run_is_told_before_it_starts() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "the file is empty"),
        (b"(module (func (export \"f\")))", "the module has no `_start`"),
        (b"(module (func (export \"_initialize\")))", "the module is a reactor"),
        (b"(module (func (export \"_start\") (param i32)))", "`_start` is not a function without parameters"),
        (b"(module (import \"env\" \"gone\" (func)) (func (export \"_start\")))", "no `gone` in module `env`"),
        (b"(module (func (export \"_start\") (i32.const)))", "expected"),
        (b"(module (func (export \"_start\") (i32.const 1)))", "not a valid module"),
        (b"\0asm\x0d\0\x01\0", "this is a component"),
    ];
    for (bytes, what) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("it"), bytes).unwrap();
        let output = wbuild(folder.path(), &["run", "it"], b"");
        assert_eq!(output.status.code(), Some(1), "{what}: {}", stderr(&output));
        assert!(stderr(&output).contains(what), "{what}: {}", stderr(&output));
    }
    let output = wbuild(Path::new("."), &["run", "no-such-file"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no-such-file"), "{}", stderr(&output));
}

#[test]
fn a_module_comes_from_standard_input_too() {
    let output = wbuild(Path::new("."), &["run", "-"], b"(module (func (export \"_start\") unreachable))");
    assert_eq!(output.status.code(), Some(134), "{}", stderr(&output));
}
