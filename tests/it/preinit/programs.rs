//! C and C++ that is initialized while it is built, by one `wbuild` line.

use std::path::Path;

use serde_json::Value;

use super::{folder, output, refused, succeed, text};

/// Builds, and gives the report.
fn build(folder: &Path, words: &[&str]) -> Value {
    succeed(folder, &[words, &["--json", "report.json"]].concat());
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

/// What a module prints.
fn run(folder: &Path, words: &[&str]) -> String {
    let run = output(folder, &[&["run"], words].concat());
    assert!(run.status.success(), "{words:?}: {}", text(&run));
    String::from_utf8(run.stdout).unwrap()
}

fn size(folder: &Path, name: &str) -> u64 {
    std::fs::metadata(folder.join(name)).unwrap().len()
}

/// Constructors count, initialization uses stdio and malloc, and main sees both and the surroundings of its own.
const COUNTING: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wbuild.h>
static int constructed, initialized;
static char *words;
__attribute__((constructor)) static void first(void) { constructed++; }
__attribute__((constructor)) static void second(void) { constructed *= 10; }
static void load(void) {
    initialized++;
    words = malloc(100);
    snprintf(words, 100, "loaded after %d constructors", constructed);
    printf("initializing");
    if (getenv("HOME_OF_INIT")) strcat(words, getenv("HOME_OF_INIT"));
    FILE *f = fopen("/data/words.txt", "r");
    if (f) { char line[50]; if (fgets(line, sizeof line, f)) strcat(words, line); fclose(f); }
}
WBUILD_PREINIT(load)
int main(int argc, char **argv) {
    if (!WBUILD_PREINITIALIZED) load();
    printf("%s, %d, %d; ", words, constructed, initialized);
    FILE *f = fopen("/run/now.txt", "r");
    char line[50] = "none";
    if (f) { fgets(line, sizeof line, f); fclose(f); }
    printf("%s, %s, %d %s\n", line, getenv("NOW") ? getenv("NOW") : "unset", argc, argc > 1 ? argv[1] : "-");
    free(words);
    return 0;
}
"#;

#[test]
fn constructors_run_once_and_main_sees_its_own_files_variables_and_arguments() {
    let folder = folder(&[("a.c", COUNTING), ("words.txt", " and words"), ("now.txt", "now")]);
    let folder = folder.path();
    let surroundings = ["--dir", ".::/run", "--env", "NOW=later"];
    for level in ["-O0", "-O2", "-Oz"] {
        // By itself it does the same when it starts.
        succeed(folder, &["a.c", level, "-o", "plain.wasm"]);
        let plain = run(folder, &[&surroundings[..], &["plain.wasm", "word"]].concat());
        assert_eq!(plain, "initializingloaded after 10 constructors, 10, 1; now, later, 2 word\n", "{level}");

        let words = ["a.c", level, "--preinit", "-o", "a.wasm"];
        let grants = ["--preinit-env", "HOME_OF_INIT= and home", "--preinit-dir", ".::/data"];
        let built = succeed(folder, &[&words[..], &grants].concat());
        assert!(built.contains("initializing"), "{level}: {built}");
        let started = run(folder, &[&surroundings[..], &["a.wasm", "word"]].concat());
        let expected = "loaded after 10 constructors and home and words, 10, 1; now, later, 2 word\n";
        assert_eq!(started, expected, "{level}");
        // And with nothing around it.
        let alone = run(folder, &["a.wasm"]);
        assert_eq!(alone, "loaded after 10 constructors and home and words, 10, 1; none, unset, 1 -\n", "{level}");
    }
}

#[test]
fn constructors_alone_are_run_by_ctors_in_commands_and_reactors() {
    let source = r#"
        #include <cstdio>
        #include <map>
        #include <string>
        static std::map<std::string, int> squares = [] {
            std::map<std::string, int> made;
            for (int i = 0; i < 100; i++) made[std::to_string(i)] = i * i;
            return made;
        }();
        static int times = 0;
        struct Counted { Counted() { times++; } } counted;
        extern "C" __attribute__((export_name("square"))) int square(int i) { return squares[std::to_string(i)] * times; }
        int main(int argc, char **argv) { printf("%d\n", square(argc + 11)); }
    "#;
    let folder = folder(&[("a.cpp", source)]);
    let folder = folder.path();
    build(folder, &["a.cpp", "-O1", "--preinit=ctors", "-o", "command.wasm"]);
    assert_eq!(run(folder, &["command.wasm"]), "144\n");
    for shape in ["--reactor", "--no-entry"] {
        build(folder, &["a.cpp", "-O1", shape, "--preinit=ctors", "-o", "library.wasm"]);
        let module = std::fs::read(folder.join("library.wasm")).unwrap();
        // Twice: nothing is constructed again by a call, and nothing destroyed behind it.
        let called = super::Observed::of(&module, &[], &["square 12", "square 11"]);
        assert_eq!(called.results, ["144", "121"], "{shape}");
        let text = succeed(folder, &["wasm2wat", "library.wasm"]);
        assert!(!text.contains("\"_initialize\""), "{shape}: there is nothing left to call");
    }
}

#[test]
fn a_program_that_reads_environ_itself_sees_the_variables_of_its_start() {
    let source = r#"
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <wbuild.h>
        extern char **environ;
        static char first[50] = "none";
        static void load(void) { if (environ && environ[0]) strncpy(first, environ[0], sizeof first - 1); }
        WBUILD_PREINIT(load)
        int main(void) { printf("%s, %s\n", first, environ && environ[0] ? environ[0] : "none"); }
    "#;
    let folder = folder(&[("a.c", source)]);
    let folder = folder.path();
    build(folder, &["a.c", "-O1", "--preinit", "--preinit-env", "A=then", "-o", "a.wasm"]);
    assert_eq!(run(folder, &["--env", "B=now", "a.wasm"]), "A=then, B=now\n");
    assert_eq!(run(folder, &["a.wasm"]), "A=then, none\n");
}

#[test]
fn a_function_of_any_name_is_run_and_gone_unless_it_is_kept() {
    let source = "static int answer;\n\
                  static volatile int one = 1;\n\
                  __attribute__((constructor)) static void c(void) { answer += one; }\n\
                  void setup(void) { answer += 40; }\n\
                  __attribute__((export_name(\"get\"))) int get(void) { return answer + 1; }\n";
    let folder = folder(&[("a.c", source)]);
    let folder = folder.path();
    for (words, kept) in
        [(&["--reactor"][..], false), (&["--no-entry"], false), (&["--reactor", "--preinit-keep"], true)]
    {
        build(folder, &[&["a.c", "-O1", "--preinit=setup", "-o", "a.wasm"], words].concat());
        let module = std::fs::read(folder.join("a.wasm")).unwrap();
        assert_eq!(super::Observed::of(&module, &[], &["get", "get"]).results, ["42", "42"], "{words:?}");
        let text = succeed(folder, &["wasm2wat", "a.wasm"]);
        assert_eq!(text.contains("\"setup\""), kept, "{words:?}");
        // What was exported for the snapshot alone.
        assert!(!text.contains("\"__w"), "{words:?}: {text}");
    }
    refused(folder, &["a.c", "--reactor", "--preinit=absent"], 1, &["it exports no function `absent`"]);
    refused(folder, &["a.c", "--reactor", "--preinit"], 1, &["nothing to initialize", "WBUILD_PREINIT"]);
}

#[test]
fn constructors_run_once_where_wizers_function_leaves_them_to_the_linker() {
    let source = "static int answer;\n\
                  static volatile int one = 1;\n\
                  __attribute__((constructor)) static void c(void) { answer += one; }\n\
                  __attribute__((export_name(\"wizer.initialize\"))) void setup(void) { answer += 40; }\n\
                  __attribute__((export_name(\"get\"))) int get(void) { return answer + 1; }\n";
    let folder = folder(&[("a.c", source)]);
    let folder = folder.path();
    build(folder, &["a.c", "-O1", "--no-entry", "--preinit", "-o", "a.wasm"]);
    // The same by hand, where every export is wrapped.
    succeed(folder, &["a.c", "-O1", "--no-entry", "-g1", "--no-deterministic", "-o", "wrapped.wasm"]);
    succeed(folder, &["preinit", "wrapped.wasm", "-o", "b.wasm"]);
    for name in ["a.wasm", "b.wasm"] {
        let module = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(super::Observed::of(&module, &[], &["get", "get"]).results, ["42", "42"], "{name}");
    }
}

#[test]
fn folders_are_read_only_unless_granted_for_writing() {
    let source = r#"
        #include <stdio.h>
        #include <errno.h>
        #include <wbuild.h>
        static int failed;
        static void load(void) {
            FILE *f = fopen("/data/made.txt", "w");
            failed = f ? 0 : errno;
            if (f) { fputs("made", f); fclose(f); }
        }
        WBUILD_PREINIT(load)
        int main(void) { printf("%s\n", failed == EROFS || failed == EPERM || failed == EACCES ? "refused" : failed ? "other" : "wrote"); }
    "#;
    let folder = folder(&[("a.c", source)]);
    let folder = folder.path();
    std::fs::create_dir(folder.join("data")).unwrap();
    for (grant, printed) in [("data::/data", "refused\n"), ("data::/data::rw", "wrote\n")] {
        build(folder, &["a.c", "-O0", "--preinit", "--preinit-dir", grant, "-o", "a.wasm"]);
        assert_eq!(run(folder, &["a.wasm"]), printed);
        assert_eq!(folder.join("data/made.txt").exists(), printed == "wrote\n");
    }
    assert_eq!(std::fs::read(folder.join("data/made.txt")).unwrap(), b"made");
}

#[test]
fn arguments_and_standard_input_are_what_was_granted() {
    let source = r#"
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <wasi/api.h>
        #include <wbuild.h>
        static char text[200];
        static void load(void) {
            size_t count = 0, bytes = 0;
            char *argv[10], words[100];
            if (__wasi_args_sizes_get(&count, &bytes) || count > 10 || bytes > 100) abort();
            if (__wasi_args_get((uint8_t **)argv, (uint8_t *)words)) abort();
            for (size_t i = 0; i < count; i++) { strcat(text, argv[i]); strcat(text, ";"); }
            char line[50];
            while (fgets(line, sizeof line, stdin)) strcat(text, line);
        }
        WBUILD_PREINIT(load)
        int main(int argc, char **argv) {
            char line[50] = "";
            rewind(stdin); clearerr(stdin);
            printf("%s|%s|%s\n", text, argc > 1 ? argv[1] : "", fgets(line, sizeof line, stdin) ? line : "");
        }
    "#;
    let folder = folder(&[("a.c", source), ("in.txt", "one\ntwo")]);
    let folder = folder.path();
    let grants = ["--preinit-arg", "name", "--preinit-arg=-x", "--preinit-stdin", "in.txt"];
    build(folder, &[&["a.c", "-O0", "--preinit", "-o", "a.wasm"], &grants[..]].concat());
    assert_eq!(run(folder, &["a.wasm", "mine"]), "name;-x;one\ntwo|mine|\n");
}

/// Computes a table with functions of the mathematical library, and prints a line of it.
const TABLE: &str = r#"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wbuild.h>
static char *text;
static size_t length;
static void compute(void) {
    text = malloc(2000);
    for (int i = 0; i < 20; i++) length += sprintf(text + length, "%.6f\n", sin(i) * pow(1.5, i) + lgamma(i + 2));
}
WBUILD_PREINIT(compute)
int main(void) {
    if (!WBUILD_PREINITIALIZED) compute();
    return write(1, text, length) != (ssize_t)length;
}
"#;

#[test]
fn a_program_that_only_prints_what_was_computed_loses_what_computed_it() {
    let folder = folder(&[("a.c", TABLE)]);
    let folder = folder.path();
    for level in ["-O2", "-Oz"] {
        succeed(folder, &["a.c", level, "-o", "plain.wasm"]);
        let report = build(folder, &["a.c", level, "--preinit", "-o", "a.wasm"]);
        assert_eq!(run(folder, &["a.wasm"]), run(folder, &["plain.wasm"]), "{level}");
        let (before, after) = (size(folder, "plain.wasm"), size(folder, "a.wasm"));
        assert!(after * 3 < before * 2, "{level}: {before} B, and {after} B started: {report}");
        assert_eq!(report["hardened"], true, "{level}: {report}");
        assert_eq!(output(folder, &["check", "a.wasm"]).status.code(), Some(0), "{level}");
        // Nothing asks for the environment, and nothing brought it in.
        assert!(!succeed(folder, &["wasm2wat", "a.wasm"]).contains("environ"), "{level}");
    }
}

#[test]
fn imports_that_only_initialization_used_are_gone() {
    let source = "#include <stdlib.h>\n#include <stdio.h>\n#include <unistd.h>\n#include <wbuild.h>\n\
        static int found;\n\
        static void load(void) { FILE *f = fopen(\"/data/a.c\", \"r\"); found = f != 0; if (f) fclose(f); }\n\
        WBUILD_PREINIT(load)\n\
        int main(void) { char digit = '0' + found; return write(1, &digit, 1) != 1; }\n";
    let folder = folder(&[("a.c", source)]);
    let folder = folder.path();
    build(folder, &["a.c", "-O2", "--preinit", "--preinit-dir", ".::/data", "-o", "a.wasm"]);
    assert_eq!(run(folder, &["a.wasm"]), "1");
    let text = succeed(folder, &["wasm2wat", "a.wasm"]);
    assert!(text.contains("\"fd_write\"") && !text.contains("\"path_open\""), "{text}");
}

#[test]
fn the_result_is_the_same_bytes_from_another_folder_with_either_compiler() {
    let first = folder(&[("a.c", COUNTING)]);
    let second = tempfile::tempdir().unwrap();
    let deep = second.path().join("another/and deeper");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("a.c"), COUNTING).unwrap();
    let words = ["a.c", "-O1", "--preinit", "-o", "a.wasm"];
    succeed(first.path(), &words);
    let expected = std::fs::read(first.path().join("a.wasm")).unwrap();
    for engine in ["wasmi", "winch", "cranelift"] {
        succeed(&deep, &[&words[..], &["--preinit-engine", engine]].concat());
        assert!(std::fs::read(deep.join("a.wasm")).unwrap() == expected, "{engine}");
    }
}

#[test]
fn the_report_says_what_ran_and_what_it_left() {
    let folder = folder(&[("a.c", TABLE)]);
    let report = build(folder.path(), &["a.c", "-O1", "--preinit", "--preinit-fuel", "100000000", "-o", "a.wasm"]);
    let snapshot = &report["snapshot"];
    let called = snapshot["called"].to_string();
    assert_eq!(called, r#"["__wasm_call_ctors","wbuild_preinit","__wbuild_preinit_done"]"#);
    for field in ["instructions", "pages_written", "data_after", "segments", "startup_before_us", "startup_after_us"] {
        assert!(snapshot[field].as_u64().is_some(), "{field}: {snapshot}");
    }
    assert!(snapshot["instructions"].as_u64() > Some(1000) && snapshot["dead_stack"].as_u64() > Some(0), "{snapshot}");
    // What it computed is there, and zeros in the data are not.
    assert!(snapshot["data_before"].as_u64() > Some(1000) && snapshot["data_after"].as_u64() > Some(500), "{snapshot}");
    let stages = report["stages"].to_string();
    assert!(stages.contains("snapshot"), "{stages}");
}

#[test]
fn a_foreign_module_whose_constructors_would_run_twice_is_refused_and_with_names_it_is_not() {
    let folder = folder(&[("a.c", COUNTING)]);
    let folder = folder.path();
    // As another toolchain would leave it: nobody has initialized it yet.
    succeed(folder, &["a.c", "-O1", "-g1", "--no-deterministic", "-o", "named.wasm"]);
    succeed(folder, &["a.c", "-O1", "--no-deterministic", "-o", "bare.wasm"]);
    refused(folder, &["preinit", "bare.wasm"], 1, &["its constructors would run twice", "-g1"]);
    succeed(folder, &["preinit", "named.wasm", "-o", "started.wasm"]);
    // What initialization printed is in the buffer still: nobody linked in what empties it.
    let expected = "initializingloaded after 10 constructors, 10, 1; none, unset, 1 -\n";
    assert_eq!(run(folder, &["started.wasm"]), expected);
}

#[test]
fn a_c_program_by_wizers_own_contract_does_what_wizers_snapshot_does() {
    let source = r#"
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        extern void __wasm_call_ctors(void);
        static uint32_t *sieve, count, constructed;
        static char (*rows)[16];
        __attribute__((constructor)) static void c(void) { constructed++; }
        /* What WIZER_INIT of wizer.h comes to. */
        __attribute__((export_name("wizer.initialize"))) void initialize(void) {
            __wasm_call_ctors();
            sieve = calloc(20000, sizeof *sieve);
            for (uint32_t i = 2; i < 20000; i++) {
                if (sieve[i]) continue;
                count++;
                for (uint32_t j = i; j < 20000; j += i) if (!sieve[j]) sieve[j] = i;
            }
            rows = malloc(16 * 50);
            for (int i = 0; i < 50; i++) memset(rows[i], 'a' + i % 26, 16);
        }
        __attribute__((export_name("least"))) uint32_t least(uint32_t n) { return sieve[n % 20000]; }
        __attribute__((export_name("count"))) uint32_t counted(void) { return count * 10 + constructed; }
        __attribute__((export_name("row"))) int row(int i) { char *copy = malloc(16); memcpy(copy, rows[i], 16); return copy[7]; }
    "#;
    let folder = folder(&[("a.c", source)]);
    let folder = folder.path();
    succeed(folder, &["a.c", "-O1", "--no-entry", "--no-deterministic", "-fno-builtin", "-o", "a.wasm"]);
    let module = std::fs::read(folder.join("a.wasm")).unwrap();
    let theirs = super::wizer::run(&module, "wizer.initialize", &[], false).unwrap();
    let calls = ["least 19999", "least 19997", "least 10001", "count", "row 3", "row 49", "row 0"];
    let expected = super::Observed::of(&theirs, &[], &calls);
    assert_eq!(expected.results[3], "22621", "{expected:?}");
    for engine in ["wasmi", "winch", "cranelift"] {
        succeed(folder, &["preinit", "a.wasm", "--engine", engine, "-o", "out.wasm"]);
        let ours = super::Observed::of(&std::fs::read(folder.join("out.wasm")).unwrap(), &[], &calls);
        assert_eq!(ours.results, expected.results, "{engine}");
        // Memory is the same but for the dead stack, which lies first and is zeros here.
        let (_, bytes) = &ours.memories[0];
        let (_, theirs) = &expected.memories[0];
        assert_eq!(bytes.len(), theirs.len());
        let differ: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] != theirs[at]).collect();
        assert!(differ.iter().all(|&at| at < 960 << 10 && bytes[at] == 0), "{differ:?}");
    }
    assert!(size(folder, "out.wasm") <= theirs.len() as u64);
}
