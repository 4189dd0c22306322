//! Real builds with the compiler that is installed: what comes out runs, and what goes wrong leaves
//! everything as it was.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn wbuild(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wbuild")).args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Builds, and returns the module.
fn build(folder: &Path, args: &[&str]) -> Vec<u8> {
    let output = wbuild(folder, &[args, &["-o", "out.wasm"]].concat());
    assert!(output.status.success(), "wbuild {}: {}", args.join(" "), stderr(&output));
    std::fs::read(folder.join("out.wasm")).unwrap()
}

/// Runs the module that [`build`] left, and returns what it printed.
fn run(folder: &Path, args: &[&str]) -> String {
    let output = wbuild(folder, &[&["run", "out.wasm"], args].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails as a build does, and says what it should.
fn fails(folder: &Path, args: &[&str], status: i32, says: &[&str]) {
    let output = wbuild(folder, args);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "wbuild {}: {said}", args.join(" "));
    for text in says.iter().chain(&["error: "]) {
        assert!(said.contains(text), "wbuild {}: no {text:?} in {said}", args.join(" "));
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const HELLO: &str = "#include <stdio.h>\nint main(void) { printf(\"Hello, %s!\\n\", \"world\"); return 0; }\n";
const HELLO_CPP: &str = "#include <iostream>\n#include <map>\n\
    struct Early { Early() { std::cout << \"constructed\\n\"; } } early;\n\
    int main() { std::map<int, int> m; m[2] = 3; std::cout << \"Hello \" << m[2] << \"\\n\"; }\n";

#[test]
fn hello_in_c_and_cpp_runs_at_every_level() {
    let folder = folder(&[("hello.c", HELLO), ("hello.cpp", HELLO_CPP)]);
    for level in ["-O0", "-O1", "-O2", "-O3", "-O4", "-Os", "-Oz"] {
        build(folder.path(), &["hello.c", level, "--standalone"]);
        assert_eq!(run(folder.path(), &[]), "Hello, world!\n", "{level}");
    }
    for level in ["-O0", "-O3", "-Oz"] {
        build(folder.path(), &["hello.cpp", level, "--standalone"]);
        assert_eq!(run(folder.path(), &[]), "constructed\nHello 3\n", "{level}");
    }
}

#[test]
fn the_line_that_emcc_users_type_works_as_it_stands() {
    let folder = folder(&[("hello.c", HELLO)]);
    let line = "-g -Oz --llvm-lto 1 -s STANDALONE_WASM -s INITIAL_MEMORY=32MB -s MAXIMUM_MEMORY=4GB -mmutable-globals \
                -mnontrapping-fptoint -msign-ext hello.c";
    let module = build(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(run(folder.path(), &[]), "Hello, world!\n");
    let text = wasmprinter::print_bytes(module).unwrap();
    assert!(text.contains("(memory (;0;) 512 65536)"), "{}", &text[..2000.min(text.len())]);
}

#[test]
fn the_same_input_in_two_folders_gives_the_same_bytes() {
    let source = "#include <stdio.h>\n#include <assert.h>\n#include \"sub/part.h\"\n\
        int main(int c, char **v) { assert(c < 9); puts(__FILE__ __DATE__ __TIME__); return part(); }\n";
    let header = "#include <stdlib.h>\nstatic int part(void) { puts(__FILE__); return malloc(3) == 0; }\n";
    let (one, two) = (folder(&[("a.c", source), ("sub/part.h", header)]), tempfile::tempdir().unwrap());
    let deep = two.path().join("an other/place");
    std::fs::create_dir_all(deep.join("sub")).unwrap();
    std::fs::write(deep.join("a.c"), source).unwrap();
    std::fs::write(deep.join("sub/part.h"), header).unwrap();
    for flags in [&["-O0", "-g"][..], &["-O2", "-g"], &["-O3"], &["-Oz"], &["-O2", "--lto=thin"]] {
        let relative = build(one.path(), &[&["a.c"], flags].concat());
        assert_eq!(relative, build(&deep, &[&["a.c"], flags].concat()), "{flags:?}");
        let absolute = |folder: &Path| folder.join("a.c").display().to_string();
        let from_afar = |folder: &Path| build(folder, &[&[absolute(folder).as_str()], flags].concat());
        assert_eq!(from_afar(one.path()), from_afar(&deep), "{flags:?}, absolute");
    }
}

#[test]
fn code_does_not_depend_on_debug_information() {
    let folder = folder(&[("hello.c", HELLO)]);
    let code = |module: &[u8]| {
        let sections = wasmparser::Parser::new(0).parse_all(module).map(Result::unwrap);
        sections
            .filter(|payload| !matches!(payload, wasmparser::Payload::CustomSection(_)))
            .filter_map(|payload| payload.as_section())
            .map(|(id, range)| (id, module[range].to_vec()))
            .collect::<Vec<_>>()
    };
    for level in ["-O0", "-O1", "-O2", "-Oz"] {
        let plain = build(folder.path(), &["hello.c", level]);
        for flag in ["-g1", "-g", "-g3"] {
            assert!(code(&plain) == code(&build(folder.path(), &["hello.c", level, flag])), "{level} {flag}");
        }
    }
}

#[test]
fn names_stay_with_g1_and_dwarf_with_g_where_code_is_as_it_was() {
    let folder = folder(&[("hello.c", HELLO)]);
    let custom = |module: &[u8]| {
        let sections = wasmparser::Parser::new(0).parse_all(module).map(Result::unwrap);
        let names = sections.filter_map(|payload| match payload {
            wasmparser::Payload::CustomSection(section) => Some(section.name().to_string()),
            _ => None,
        });
        names.collect::<Vec<String>>()
    };
    assert_eq!(custom(&build(folder.path(), &["hello.c"])), [""; 0]);
    assert_eq!(custom(&build(folder.path(), &["hello.c", "-g", "-s"])), [""; 0]);
    assert!(custom(&build(folder.path(), &["hello.c", "-g1"])).contains(&"name".to_string()));
    // Hardening changes code, too.
    let debug = custom(&build(folder.path(), &["hello.c", "-g", "-O0", "--no-deterministic"]));
    assert!(debug.contains(&".debug_info".to_string()) && debug.contains(&"name".to_string()), "{debug:?}");
    for level in ["-O2", "-Oz"] {
        let output = wbuild(folder.path(), &["hello.c", "-g", level, "-o", "out.wasm"]);
        assert_eq!(stderr(&output).matches("note: DWARF was dropped").count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn exports_come_from_options_settings_and_keepalive_in_every_way_to_link() {
    let source = "#include <emscripten.h>\n#include <emscripten/emscripten.h>\n\
        EMSCRIPTEN_KEEPALIVE int kept(int x) { return x + 1; }\n\
        __attribute__((used)) int unasked(void) { return 5; }\n\
        int plain(void) { return 2; }\nint both(void) { return 3; }\nint _both(void) { return 4; }\n\
        int main(void) { return 0; }\n";
    let folder = folder(&[("a.c", source)]);
    for flags in [&["-O0"][..], &["-O2"], &["-Oz"], &["-O2", "--lto=thin"]] {
        let line = [&["a.c", "--export", "plain", "-s", "EXPORTED_FUNCTIONS=_main,_both,_malloc"], flags].concat();
        let module = build(folder.path(), &line);
        let mut exports = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(&module).map(Result::unwrap) {
            if let wasmparser::Payload::ExportSection(section) = payload {
                exports.extend(section.into_iter().map(|e| e.unwrap().name.to_string()));
            }
        }
        exports.sort();
        assert_eq!(exports, ["_start", "both", "kept", "malloc", "memory", "plain"], "{flags:?}");
    }
    fails(folder.path(), &["a.c", "-s", "EXPORTED_FUNCTIONS=_absent"], 1, &["_absent"]);
    fails(folder.path(), &["a.c", "--export", "absent"], 1, &["absent", "--export"]);
}

#[test]
fn bare_wasm_has_no_imports_and_brings_the_memory_functions() {
    let source = "struct S { int a[64]; } s, t;\n\
        __attribute__((export_name(\"copy\"))) int copy(int n) { __builtin_memcpy(&s, &t, n); return s.a[3]; }\n\
        __attribute__((export_name(\"len\"))) unsigned long len(const char *p) { return __builtin_strlen(p); }\n";
    let folder = folder(&[("a.c", source)]);
    for level in ["-O0", "-O2", "-Oz"] {
        let text = wasmprinter::print_bytes(build(folder.path(), &["a.c", level, "--target=wasm32-unknown-unknown"]));
        let text = text.unwrap();
        assert!(!text.contains("(import") && text.contains("(export \"len\""), "{level}: {text}");
    }
}

#[test]
fn a_reactor_has_constructors_and_no_main() {
    let source = "#include <stdio.h>\nstruct E { E() { puts(\"up\"); } } e;\nextern \"C\" int f() { return 7; }\n";
    let folder = folder(&[("a.cpp", source)]);
    let text = wasmprinter::print_bytes(build(folder.path(), &["a.cpp", "--reactor", "--standalone", "--export", "f"]));
    let text = text.unwrap();
    assert!(text.contains("(export \"_initialize\"") && text.contains("(export \"f\""), "{text}");
    fails(folder.path(), &["a.cpp", "--standalone"], 1, &["undefined symbol: main", "--reactor"]);
}

#[test]
fn objects_archives_and_several_sources_link_together() {
    let folder = folder(&[
        ("a.c", "int twice(int); int b(void); int main(void) { return twice(b()) == 42 ? 0 : 1; }\n"),
        ("sub/b.c", "int b(void) { return 21; }\n"),
        ("t.c", "int twice(int x) { return 2 * x; }\n"),
        ("args.rsp", "-O2 'a.c'\n sub/b.c"),
    ]);
    let toolchain = wbuild::toolchain::find(&Default::default(), &wbuild_targets::TARGETS[0]).unwrap();
    let mut clang = Command::new(&toolchain.clang[0]);
    clang.args(&toolchain.clang[1..]).args(&toolchain.compile_args).args(["-c", "t.c", "-o", "t.o"]);
    assert!(clang.current_dir(folder.path()).status().unwrap().success());
    build(folder.path(), &["a.c", "sub/b.c", "t.o"]);
    run(folder.path(), &[]);
    build(folder.path(), &["@args.rsp", "t.o"]);
    run(folder.path(), &[]);
    fails(folder.path(), &["a.c", "sub/b.c"], 1, &["undefined symbol: twice, used by a.c"]);
    fails(folder.path(), &["a.c", "a.c", "t.o", "sub/b.c"], 1, &["main is defined twice"]);
}

#[test]
fn setjmp_works_in_every_form() {
    let source = "#include <setjmp.h>\n#include <stdio.h>\nstatic jmp_buf b;\n\
        __attribute__((noinline)) static void f(int x) { longjmp(b, x); }\n\
        int main(void) { int r = setjmp(b); if (!r) f(5); printf(\"%d\\n\", r); return 0; }\n";
    let folder = folder(&[("a.c", source)]);
    for level in ["-O0", "-O2", "-Oz"] {
        build(folder.path(), &["a.c", level, "--standalone"]);
        assert_eq!(run(folder.path(), &[]), "5\n", "{level}");
        build(folder.path(), &["a.c", level, "--exceptions=wasm"]);
        assert_eq!(run(folder.path(), &[]), "5\n", "{level} --exceptions=wasm");
        // The embedded engine does not run the old form; Node's does.
        let text = wasmprinter::print_bytes(build(
            folder.path(),
            &["a.c", level, "--exceptions=wasm-legacy", "--no-deterministic"],
        ))
        .unwrap();
        assert!(text.contains("try ") && text.contains("catch"), "{level}: {text}");
    }
}

#[test]
fn standalone_lists_each_import_and_who_wants_it() {
    let source = "__attribute__((import_module(\"env\"), import_name(\"host\"))) int host(int);\n\
        __attribute__((noinline)) static int deep(int x) { return host(x) + 1; }\n\
        int main(int c, char **v) { return deep(c); }\n";
    let folder = folder(&[("a.c", source)]);
    for level in ["-O0", "-O2"] {
        fails(folder.path(), &["a.c", level, "--standalone"], 1, &["it imports env.host, used by deep"]);
    }
    fails(folder.path(), &["a.c", "--no-entry", "--standalone"], 1, &["no _start"]);
    build(folder.path(), &["a.c"]);
}

#[test]
fn errors_of_the_compiler_and_the_linker_say_what_to_do() {
    let folder = folder(&[
        ("syntax.c", "int main(void) {\n  retrun 0;\n}\n"),
        ("signal.c", "#include <signal.h>\nint main(void) { return 0; }\n"),
        ("clock.c", "#include <time.h>\nint main(void) { return (int)clock(); }\n"),
        ("system.c", "int system(const char *); int main(void) { return system(\"ls\"); }\n"),
        ("throw.cpp", "int main() { throw 1; }\n"),
        ("header.c", "#include <nowhere.h>\n"),
        ("empty.c", ""),
        ("plain.c", "int main(void) { return 0; }\n"),
    ]);
    let at = folder.path();
    fails(at, &["syntax.c"], 1, &["syntax.c:2:3:", "    2 |   retrun 0;", "^", "cannot compile syntax.c"]);
    fails(at, &["signal.c"], 1, &["help: add -D_WASI_EMULATED_SIGNAL -lwasi-emulated-signal"]);
    fails(at, &["clock.c"], 1, &["undefined symbol: clock, used by clock.c", "-lwasi-emulated-process-clocks"]);
    fails(at, &["system.c"], 1, &["undefined symbol: system", "WASI has no processes"]);
    fails(at, &["throw.cpp"], 1, &["add -fexceptions"]);
    fails(at, &["header.c"], 1, &["nowhere.h", "-I FOLDER"]);
    fails(at, &["empty.c"], 1, &["undefined symbol: main"]);
    fails(at, &["plain.c", "-lnowhere"], 1, &["-lnowhere", "-L FOLDER"]);
    fails(at, &["plain.c", "-fnowhere"], 1, &["-fnowhere"]);
    fails(at, &["plain.c", "--initial-memory=64KiB"], 1, &["help: --initial-memory "]);
    fails(at, &["plain.c", "--clang", "/nowhere/clang"], 1, &["/nowhere/clang"]);
    assert!(std::fs::read_dir(at).unwrap().all(|f| !f.unwrap().file_name().to_string_lossy().ends_with(".wasm")));
}

#[test]
fn a_failed_build_leaves_the_existing_output_as_it_was() {
    let folder = folder(&[("bad.c", "int main(void) { return x; }\n"), ("good.c", HELLO), ("out.wasm", "precious")]);
    let precious = || assert_eq!(std::fs::read(folder.path().join("out.wasm")).unwrap(), b"precious");
    fails(folder.path(), &["bad.c", "-o", "out.wasm"], 1, &[]);
    precious();
    fails(folder.path(), &["good.c", "-o", "nowhere/out.wasm"], 1, &["cannot write nowhere/out.wasm", "mkdir -p"]);
    fails(folder.path(), &["good.c", "-o", "."], 1, &["it is a folder"]);
    fails(folder.path(), &["good.c", "-o", "/proc/out.wasm"], 1, &["cannot write /proc/out.wasm"]);
    // A disk with no room left: devices say so at once, and so do limits on a file's size.
    fails(folder.path(), &["good.c", "-o", "/dev/full"], 1, &["cannot write /dev/full"]);
    precious();
    let names = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_fails_and_leaves_nothing() {
    let folder = folder(&[("big.wat", "(module (memory 1) (data (i32.const 0) \"")]);
    let text = format!("(module (memory 3) (data (i32.const 0) \"{}\"))", "x".repeat(100_000));
    std::fs::write(folder.path().join("big.wat"), text).unwrap();
    std::fs::write(folder.path().join("out.wasm"), "precious").unwrap();
    // As a full disk does, a limit on the size of files fails the write in the middle.
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" wat2wasm big.wat -o out.wasm";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_wbuild")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("error: cannot write out.wasm"), "{}", stderr(&output));
    assert_eq!(std::fs::read(folder.path().join("out.wasm")).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn binaryen_is_told_that_low_memory_is_unused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("a.c", "#include <stdio.h>\nint main(void) { return puts(\"a\") < 0; }\n")]);
    // A wasm-opt that says what it was told, and changes nothing.
    let tool = folder.path().join("tool");
    std::fs::write(&tool, "#!/bin/sh\necho \"$@\" >> \"$TOLD\"\ncp \"$1\" \"$3\"\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    for level in ["-O1", "-O2", "-O3", "-O4", "-Os", "-Oz"] {
        let told = folder.path().join(format!("told{level}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
        command.args(["a.c", level, "-o", "out.wasm", "--binaryen"]).arg(&tool).current_dir(folder.path());
        let output = command.env("TOLD", &told).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = std::fs::read_to_string(&told).unwrap();
        assert!(!told.is_empty());
        assert!(told.lines().all(|line| line.contains("--low-memory-unused")), "{level}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_build_leaves_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("a.c", "#include <stdio.h>\nint main(void) { return 0; }\n"), ("out.wasm", "precious")]);
    let scratch = tempfile::tempdir().unwrap();
    // A wasm-opt that never ends, and says when it has begun.
    let started = folder.path().join("started");
    let slow = folder.path().join("slow");
    std::fs::write(&slow, format!("#!/bin/sh\ntouch '{}'\nexec sleep 60\n", started.display())).unwrap();
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wbuild"))
        .args(["a.c", "-O3", "-o", "out.wasm", "--binaryen"])
        .arg(&slow)
        .current_dir(folder.path())
        .env("TMPDIR", scratch.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !started.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the build ended before it was interrupted");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read(folder.path().join("out.wasm")).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "scratch is gone");
    let left = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn standard_input_and_output_serve_as_files() {
    use std::io::Write;
    let folder = folder(&[]);
    let feed = |args: &[&str], input: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wbuild"))
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        output.stdout
    };
    let module = feed(&["-x", "c", "-", "-o", "-"], HELLO.as_bytes());
    std::fs::write(folder.path().join("out.wasm"), &module).unwrap();
    assert_eq!(run(folder.path(), &[]), "Hello, world!\n");
    assert_eq!(feed(&["-", "-O0"], b"(module)"), b"\0asm\x01\0\0\0");
    assert_eq!(feed(&["opt", "-", "-o", "-"], b"\0asm\x01\0\0\0"), b"\0asm\x01\0\0\0");
    assert!(String::from_utf8(feed(&["wasm2wat", "-"], &module)).unwrap().starts_with("(module"));
    assert!(feed(&["wat2wasm", "-"], b"(module (func))").starts_with(b"\0asm"));
}

#[test]
fn the_report_names_stages_sizes_and_tools() {
    let folder = folder(&[("hello.c", HELLO)]);
    let module = build(folder.path(), &["hello.c", "-Oz", "--json", "report.json"]);
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["size"], module.len());
    assert_eq!(report["hardened"], true);
    assert!(report["kept"] == "LTO" || report["kept"] == "no LTO");
    let stages: Vec<&str> = report["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    for stage in ["compile hello.c", "LTO: link", "no LTO: binaryen -Oz", "LTO: sjlj, remove-unused-imports"] {
        assert!(stages.contains(&stage), "{stages:?}");
    }
    let tools: Vec<&str> = report["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert!(tools.contains(&"clang") && tools.contains(&"wasm-ld"), "{tools:?}");
}

#[test]
fn optimizing_never_grows_a_module_and_keeps_its_interface() {
    let folder = folder(&[("hello.c", HELLO)]);
    let module = build(folder.path(), &["hello.c", "-O0"]);
    for flags in [&["-O1"][..], &["-O3"], &["-Oz"], &["-O4", "--binaryen=off"], &["--passes=strip,shortest-encodings"]]
    {
        let line = [&["opt", "out.wasm", "-o", "small.wasm"], flags].concat();
        let output = wbuild(folder.path(), &line);
        assert!(output.status.success(), "{}", stderr(&output));
        let small = std::fs::read(folder.path().join("small.wasm")).unwrap();
        assert!(small.len() <= module.len(), "{flags:?}");
        let output = wbuild(folder.path(), &["run", "small.wasm"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello, world!\n", "{flags:?}");
    }
}
