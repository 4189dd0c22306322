//! `wbuild cc` and its kin in the places of clang, gcc and ar: the same words, messages and status, and modules that run.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use wbuild::toolchain::{self, Request};

/// A folder with a few sources.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "hello.c", "#include <stdio.h>\nint main(void) { puts(\"Hello\"); return 3; }\n");
    write(folder.path(), "twice.c", "int twice(int n) { return 2 * n; }\n");
    write(folder.path(), "twice.h", "int twice(int n);\n");
    write(
        folder.path(),
        "main.c",
        "#include <stdio.h>\n#include \"twice.h\"\nint main(void) { printf(\"%d\\n\", twice(21)); return 0; }\n",
    );
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// `wbuild WORDS` in `folder`.
fn wbuild(folder: &Path, words: &[&str]) -> Output {
    with(folder, words, &[])
}

fn with(folder: &Path, words: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    command.args(words).current_dir(folder).stdin(Stdio::null()).env("WBUILD", env!("CARGO_BIN_EXE_wbuild"));
    command.envs(env.iter().copied()).output().unwrap()
}

fn good(folder: &Path, words: &[&str]) -> String {
    let output = wbuild(folder, words);
    assert!(output.status.success(), "{words:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the module prints.
fn runs(folder: &Path, module: &str) -> String {
    let output = wbuild(folder, &["run", module]);
    assert_eq!(errors(&output), "");
    String::from_utf8(output.stdout).unwrap()
}

fn exists(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

#[test]
fn what_compiles_says_what_clang_says() {
    let folder = folder();
    write(folder.path(), "warns.c", "int f(void) { int unused; }\n");
    // Without system headers, of which ours declare more.
    write(folder.path(), "only.c", "#include \"twice.h\"\nint main(void) { return twice(1); }\n");
    write(folder.path(), "wrong.c", "int f( { return x; }\n");
    write(folder.path(), "words", "-c -Wall warns.c -o 'from file.o'");
    let clang = toolchain::find(&Request::default(), &wbuild_targets::TARGETS[0]).unwrap();
    let lines: &[&[&str]] = &[
        &["--version"],
        &["-v"],
        &["-dumpmachine"],
        &["-dumpversion"],
        &["-print-prog-name=ld"],
        &["--print-target-triple"],
        &["-print-file-name=libc.a"],
        &[],
        &["-c", "hello.c"],
        &["-c", "hello.c", "twice.c"],
        &["-c", "-Wall", "-Wextra", "warns.c", "-o", "w.o"],
        &["-c", "-Wall", "-Werror", "warns.c"],
        &["-c", "wrong.c"],
        &["-c", "absent.c"],
        &["-c", "hello.c", "-o", "absent/hello.o"],
        &["-c", "hello.c", "twice.c", "-o", "both.o"],
        &["-c", "hello.c", "-march=native"],
        &["-c", "hello.c", "-fno-such-option"],
        &["-c", "hello.c", "--no-such-option"],
        &["-c", "hello.c", "-lm", "-shared", "-rdynamic"],
        &["-c", "hello.c", "-fPIC", "-fstack-protector"],
        &["-E", "-P", "only.c"],
        &["-E", "-dM", "-DX=1", "twice.c"],
        &["-M", "only.c"],
        &["-MM", "main.c"],
        &["-S", "twice.c", "-O2", "-o", "-"],
        &["-fsyntax-only", "wrong.c"],
        &["-fsyntax-only", "-x", "c++", "hello.c"],
        &["@words"],
        &["-o"],
    ];
    for words in lines {
        let mut plain = Command::new(&clang.clang[0]);
        plain.arg("--start-no-unused-arguments").args(&clang.compile_args);
        plain.args(["SIGNAL", "PROCESS_CLOCKS", "GETPID", "MMAN"].map(|name| format!("-D_WASI_EMULATED_{name}")));
        plain.args(["-fdebug-compilation-dir=.", "-mllvm", "-enable-emscripten-sjlj", "--end-no-unused-arguments"]);
        plain.env("SOURCE_DATE_EPOCH", "0");
        let expected = plain.args(*words).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        let cc: Vec<&str> = ["cc"].iter().chain(*words).copied().collect();
        let actual = wbuild(folder.path(), &cc);
        assert_eq!(actual.status.code(), expected.status.code(), "{words:?}: {}", errors(&actual));
        if *words == ["-o"] {
            continue;
        }
        assert_eq!(errors(&actual), errors(&expected), "{words:?}");
        let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text(&actual), text(&expected), "{words:?}");
    }
    assert!(
        exists(folder.path(), "hello.o") && exists(folder.path(), "twice.o") && exists(folder.path(), "from file.o")
    );
}

#[test]
fn what_links_is_a_finished_module_that_can_be_run_by_its_mode() {
    let folder = folder();
    let at = folder.path();
    good(at, &["cc", "-c", "hello.c"]);
    good(at, &["cc", "hello.o", "-o", "hello"]);
    let output = wbuild(at, &["run", "hello"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(3), &b"Hello\n"[..]));
    // Like any build it is hardened, and has no names, though no -O was said.
    assert!(wbuild(at, &["check", "hello"]).status.success());
    assert!(!good(at, &["wasm2wat", "hello"]).contains("$main"));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(at.join("hello").metadata().unwrap().permissions().mode() & 0o100, 0o100);
    good(at, &["cc", "hello.c"]);
    assert!(exists(at, "a.out"));
    // A name that says otherwise is a name like any other.
    good(at, &["cc", "hello.c", "-o", "hello.js"]);
    assert_eq!(std::fs::read(at.join("a.out")).unwrap(), std::fs::read(at.join("hello.js")).unwrap());
}

#[test]
fn sources_objects_archives_and_bitcode_are_linked_together() {
    let folder = folder();
    let at = folder.path();
    good(at, &["cc", "-c", "-O2", "twice.c"]);
    good(at, &["ar", "rcs", "libtwice.a", "twice.o"]);
    good(at, &["ranlib", "libtwice.a"]);
    assert!(good(at, &["nm", "libtwice.a"]).contains("T twice"));
    good(at, &["cc", "main.c", "-L.", "-ltwice", "-lm", "-o", "archive"]);
    assert_eq!(runs(at, "archive"), "42\n");
    good(at, &["cc", "main.c", "twice.c", "-o", "sources"]);
    assert_eq!(runs(at, "sources"), "42\n");
    // Nobody says -flto to the link, and the objects hold bitcode.
    good(at, &["cc", "-c", "-flto", "-O2", "main.c", "twice.c"]);
    good(at, &["cc", "main.o", "twice.o", "-o", "bitcode"]);
    assert_eq!(runs(at, "bitcode"), "42\n");
    good(at, &["cc", "-c", "-O2", "main.c", "twice.c"]);
    good(at, &["cc", "-r", "main.o", "twice.o", "-o", "partial.o"]);
    good(at, &["cc", "partial.o", "-o", "from-partial"]);
    assert_eq!(runs(at, "from-partial"), "42\n");
}

#[test]
fn a_language_may_be_forced_and_a_source_may_come_from_standard_input() {
    let folder = folder();
    let at = folder.path();
    write(at, "text", "int main() { auto n = 3; return n - 3; }\n");
    good(at, &["c++", "-x", "c++", "text", "-x", "none", "twice.c", "-o", "forced"]);
    assert_eq!(runs(at, "forced"), "");
    let mut child = Command::new(env!("CARGO_BIN_EXE_wbuild"))
        .args(["cc", "-x", "c", "-", "-o", "piped"])
        .current_dir(at)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::Write;
    child.stdin.take().unwrap().write_all(b"#include <stdio.h>\nint main(void) { puts(\"piped\"); }\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(runs(at, "piped"), "piped\n");
}

#[test]
fn what_the_c_library_emulates_need_not_be_asked_for() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "posix.c",
        "#include <signal.h>\n#include <stdio.h>\n#include <time.h>\n#include <unistd.h>\n\
         static void caught(int n) { printf(\"caught %d\\n\", n == SIGTERM); }\n\
         int main(void) { signal(SIGTERM, caught); raise(SIGTERM); return getpid() == 0 || clock() < 0; }\n",
    );
    good(at, &["cc", "-c", "-Wall", "-Werror", "posix.c"]);
    good(at, &["cc", "posix.o", "-o", "posix"]);
    assert_eq!(runs(at, "posix"), "caught 1\n");
    // Nothing of it is in a program that does not ask: the same as a build without.
    good(at, &["cc", "-O2", "hello.c", "-o", "hello"]);
    good(at, &["hello.c", "-O2", "--lto=off", "-o", "hello.wasm"]);
    assert_eq!(std::fs::read(at.join("hello")).unwrap(), std::fs::read(at.join("hello.wasm")).unwrap());
}

#[test]
fn what_posix_has_and_wasi_has_not_does_what_can_be_done() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "posix.c",
        r#"#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void) {
    char name[] = "newXXXXXX", text[8] = "";
    int fd = mkstemp(name);
    FILE *file = tmpfile();
    fputs("kept", file);
    rewind(file);
    printf("%d %s %s\n", fd >= 0, name, fgets(text, sizeof text, file));
    printf("%d %d %d\n", chown(name, 0, 0), chown(name, 5, -1), chown("absent", 0, 0));
    printf("%d %d %d\n", chmod(name, 0600), fchmod(fd, 0644), chmod("absent", 0600));
    struct stat of, folder, link;
    fputs("five\n", fdopen(fd, "w")), fflush(NULL);
    printf("%d %d %d\n", stat(name, &of), fstatat(AT_FDCWD, ".", &folder, 0), lstat(name, &link));
    printf("%o %o %o %d %d %d\n", of.st_mode, folder.st_mode, link.st_mode, (int)of.st_size, (int)of.st_blocks,
           (int)of.st_blksize);
    printf("%d %d %d\n", stat("absent", &of), fstat(fd, &of), of.st_mode == 0100644);
    printf("%o %o %s %d\n", umask(077), umask(0), getpwuid(getuid())->pw_name, getgrnam("nobody") == NULL);
    printf("%d %d %d %d\n", system(NULL), system("ls"), popen("ls", "r") == NULL, mkstemp(strdup("bad")));
    return unlink(name);
}
"#,
    );
    good(at, &["cc", "-Wall", "posix.c", "-o", "posix"]);
    let output = wbuild(at, &["run", "--dir", ".", "posix"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said,
        "1 new000000 kept
0 -1 -1
0 0 -1
0 0 0
100644 40755 100644 5 1 4096
-1 0 1
22 77 root 1
0 -1 1 -1
",
        "{}",
        errors(&output)
    );
    write(
        at,
        "folders.c",
        r#"#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
static void go(const char *to) {
    char now[100];
    int status = chdir(to);
    printf("%d %s %s\n", status, status ? (errno == ENOENT ? "absent" : "?") : "", getcwd(now, sizeof now));
}
int main(void) {
    fclose(fopen("file", "w")), mkdir("a", 0777), mkdir("a/b", 0777), symlink("a/b", "link");
    go("a"), go(".."), go("link"), go("../"), go("/"), go("./a/../a//b/."), go("absent"), go("../..");
    rmdir("a/b"), rmdir("a"), unlink("link");
    printf("%d\n", unlink("file"));
}
"#,
    );
    good(at, &["cc", "-Wall", "folders.c", "-o", "folders"]);
    let output = wbuild(at, &["run", "--dir", ".", "folders"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said,
        "0  /a\n0  /\n0  /link\n0  /link/../\n0  /\n0  /a/b\n-1 absent /a/b\n0  /\n0\n",
        "{}",
        errors(&output)
    );
    // A program's own comes first.
    write(
        at,
        "own.c",
        "#include <unistd.h>
#include <sys/stat.h>
uid_t getuid(void) { return 7; }
int main(void) { return umask(0) == 022 ? (int)getuid() : 1; }
",
    );
    good(at, &["cc", "own.c", "-o", "own"]);
    assert_eq!(wbuild(at, &["run", "own"]).status.code(), Some(7));
}

#[test]
fn cxx_links_its_library_by_itself() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "list.cpp",
        "#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{1, 2}; std::cout << v.size() << '\\n'; }\n",
    );
    good(at, &["c++", "-c", "-O1", "list.cpp"]);
    good(at, &["c++", "list.o", "-o", "list"]);
    assert_eq!(runs(at, "list"), "2\n");
    write(
        at,
        "thread.cpp",
        "#include <cstdio>\n#include <string>\nstruct Ends { ~Ends() { std::puts(\"ended\"); } };\nthread_local Ends ends;\nint main() { return (&ends == nullptr); }\n",
    );
    good(at, &["c++", "thread.cpp", "-o", "thread"]);
    assert_eq!(runs(at, "thread"), "ended\n");
    // With cc it is for the user to name, as with clang.
    assert_eq!(wbuild(at, &["cc", "list.o", "-o", "without"]).status.code(), Some(1));
    good(at, &["cc", "list.o", "-lstdc++", "-o", "named"]);
    assert_eq!(runs(at, "named"), "2\n");
}

#[test]
fn what_an_object_keeps_alive_is_exported() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "kept.c",
        "#include <emscripten.h>\nEMSCRIPTEN_KEEPALIVE int kept(void) { return 7; }\nint main(void) { return 0; }\n",
    );
    good(at, &["cc", "-c", "kept.c"]);
    good(at, &["cc", "kept.o", "-o", "kept"]);
    assert!(good(at, &["wasm2wat", "kept"]).contains("(export \"kept\""));
}

#[test]
fn dependencies_of_a_link_are_named_after_the_program() {
    let folder = folder();
    let at = folder.path();
    good(at, &["cc", "-MMD", "main.c", "twice.c", "-o", "program"]);
    let text = std::fs::read_to_string(at.join("program.d")).unwrap();
    assert!(text.starts_with("program: "), "{text}");
    good(at, &["cc", "-MD", "-MF", "my.d", "-MT", "goal", "main.c", "twice.c", "-o", "program"]);
    assert!(std::fs::read_to_string(at.join("my.d")).unwrap().starts_with("goal: "));
    good(at, &["cc", "-MMD", "-c", "main.c", "-o", "main.o"]);
    assert_eq!(std::fs::read_to_string(at.join("main.d")).unwrap(), "main.o: main.c twice.h\n");
}

#[test]
fn an_object_out_of_the_cache_is_the_same_with_its_warnings_and_its_list_of_headers() {
    let folder = folder();
    let at = folder.path();
    let cache = tempfile::tempdir().unwrap();
    write(at, "warns.c", "#include \"twice.h\"\nint f(void) { int unused; return twice(1); }\n");
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
        command.args(words).current_dir(at).stdin(Stdio::null());
        command.env_remove("WBUILD_NO_CACHE").env("WBUILD_CACHE", cache.path()).output().unwrap()
    };
    let compile = || {
        let output = run(&["cc", "-Wall", "-MMD", "-MP", "-O1", "-c", "warns.c"]);
        assert!(output.status.success(), "{}", errors(&output));
        let made = ["warns.o", "warns.d"].map(|name| std::fs::read(at.join(name)).unwrap());
        std::fs::remove_file(at.join("warns.o")).unwrap();
        std::fs::remove_file(at.join("warns.d")).unwrap();
        (made, errors(&output))
    };
    let first = compile();
    assert!(first.1.contains("unused variable"), "{}", first.1);
    assert!(compile() == first);
    let stats = String::from_utf8(run(&["cache", "stats"]).stdout).unwrap();
    assert!(stats.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == ["objects", "1", "1"]), "{stats}");
    write(at, "twice.h", "static inline int twice(int n) { return n + n; }\n");
    assert!(compile().0[0] != first.0[0], "a header changed, and the object did not");
    // What fails is not kept.
    for _ in 0..2 {
        assert_eq!(run(&["cc", "-Wall", "-Werror", "-c", "warns.c"]).status.code(), Some(1));
    }
}

#[test]
fn words_for_other_machines_are_refused_or_ignored_with_a_note() {
    let folder = folder();
    let at = folder.path();
    let shared = wbuild(at, &["cc", "-shared", "twice.c", "-o", "libtwice.so"]);
    assert_eq!(shared.status.code(), Some(1));
    assert!(errors(&shared).contains("linked statically") && !exists(at, "libtwice.so"), "{}", errors(&shared));
    for (word, note) in [("-pthread", "no threads"), ("-rdynamic", "nothing is loaded")] {
        let output = wbuild(at, &["cc", word, "hello.c", "-o", "hello"]);
        assert!(output.status.success() && errors(&output).contains(note), "{}", errors(&output));
        // A compilation says nothing: build systems take a word that makes noise for one that does not work.
        let output = wbuild(at, &["cc", word, "-c", "-Werror", "hello.c"]);
        let quiet = errors(&output).is_empty() || word == "-rdynamic";
        assert!(quiet, "{}", errors(&output));
    }
    // What Meson and others say to GNU ld of any link.
    let (start, end) = ("-Wl,--start-group,--as-needed", "-Wl,--end-group,--no-undefined");
    good(at, &["cc", "-Wl,--no-as-needed", start, "main.c", "twice.c", end, "-o", "grouped"]);
    assert_eq!(runs(at, "grouped"), "42\n");
    good(at, &["cc", "-fPIC", "main.c", "twice.c", "-o", "pic"]);
    assert_eq!(runs(at, "pic"), "42\n");
}

#[test]
fn wbuilds_own_words_are_for_the_link_alone() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "host.c",
        "__attribute__((import_module(\"env\"), import_name(\"f\"))) int f(void);\nint main(void) { return f(); }\n",
    );
    good(at, &["cc", "--standalone", "--size-limit=1KB", "-sSTACK_SIZE=64KB", "-c", "hello.c"]);
    let alone = wbuild(at, &["cc", "--standalone", "host.c", "-o", "host"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(errors(&alone).contains("env") && !exists(at, "host"), "{}", errors(&alone));
    let large = wbuild(at, &["cc", "--size-limit=1KB", "hello.o", "-o", "large"]);
    assert!(errors(&large).contains("--size-limit allows 1"), "{}", errors(&large));
    good(at, &["cc", "--preinit=ctors", "-Oz", "hello.c", "-o", "started"]);
    assert_eq!(wbuild(at, &["run", "started"]).status.code(), Some(3));
}

#[test]
fn a_failed_link_says_which_source_wants_what_and_leaves_the_old_program() {
    let folder = folder();
    let at = folder.path();
    good(at, &["cc", "hello.c", "-o", "program"]);
    let old = std::fs::read(at.join("program")).unwrap();
    let output = wbuild(at, &["cc", "main.c", "-o", "program"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("undefined symbol: twice, used by main.c"), "{}", errors(&output));
    assert_eq!(std::fs::read(at.join("program")).unwrap(), old);
    let output = wbuild(at, &["cc", "main.c", "absent.o", "-o", "program"]);
    assert!(errors(&output).contains("absent.o") && output.status.code() == Some(1), "{}", errors(&output));
}

#[test]
fn a_launcher_gives_a_program_what_a_native_one_has() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "see.c",
        r#"#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    char line[64] = "";
    printf("%s %d %s\n", argv[0], argc, getenv("SEEN"));
    for (int n = 1; n < argc; n++) {
        FILE *file = fopen(argv[n], "r");
        printf("%s %s", argv[n], file && fgets(line, sizeof line, file) ? line : "absent\n");
    }
    FILE *out = fopen("written", "w");
    fputs("new", out);
    fclose(out);
    if (fgets(line, sizeof line, stdin)) printf("in %s", line);
    return 5;
}
"#,
    );
    std::fs::create_dir(at.join("sub")).unwrap();
    write(at, "sub/data", "data\n");
    good(at, &["cc", "see.c", "-o", "see", "--launcher"]);
    let absolute = at.join("sub/data").canonicalize().unwrap();
    let run = |program: &Path, at: &Path| {
        let mut child = Command::new(program)
            .args(["sub/data", absolute.to_str().unwrap(), "no"])
            .current_dir(at)
            .env("SEEN", "yes")
            .env("WBUILD", env!("CARGO_BIN_EXE_wbuild"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        use std::io::Write;
        child.stdin.take().unwrap().write_all(b"line\n").unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let expected = |name: &str| {
        (Some(5), format!("{name} 4 yes\nsub/data data\n{} data\nno absent\nin line\n", absolute.display()))
    };
    assert_eq!(run(Path::new("./see"), at), expected("./see"));
    assert_eq!(std::fs::read_to_string(at.join("written")).unwrap(), "new");
    // Above the current folder, too.
    std::fs::create_dir_all(at.join("sub/deep/er")).unwrap();
    let mut above = Command::new("../../../see");
    above.args(["../../data", "../../../sub/data"]).current_dir(at.join("sub/deep/er")).stdin(Stdio::null());
    let output = above.env("WBUILD", env!("CARGO_BIN_EXE_wbuild")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.ends_with("../../data data\n../../../sub/data data\n"), "{said}");
    // A launcher is found through a link to it, and by its own name.
    std::os::unix::fs::symlink("../see", at.join("sub/link")).unwrap();
    assert_eq!(run(Path::new("sub/link"), at), expected("sub/link"));
    let output = wbuild(at, &["run", "--inherit", "see"]);
    assert_eq!(output.status.code(), Some(5), "{}", errors(&output));
    // It runs wherever it is copied to, and also stripped.
    std::fs::remove_file(at.join("see.wasm")).unwrap();
    std::fs::rename(at.join("see"), at.join("sub/moved")).unwrap();
    assert_eq!(run(Path::new("sub/moved"), at), expected("sub/moved"));
    good(at, &["cc", "-g1", "see.c", "-o", "named", "--launcher"]);
    let size = |name: &str| std::fs::metadata(at.join(name)).unwrap().len();
    let before = size("named");
    assert!(good(at, &["nm", "named"]).contains(" T _start"));
    assert_eq!(size("named"), before);
    good(at, &["strip", "-o", "bare", "named"]);
    assert!(size("bare") < before && size("named") == before, "{before}");
    assert_eq!(run(Path::new("./bare"), at), expected("./bare"));
    good(at, &["strip", "named"]);
    assert_eq!(size("named"), size("bare"));
    assert_eq!(run(Path::new("./named"), at), expected("./named"));
    // What is called x.wasm is the module, also where launchers are on.
    let output = with(at, &["cc", "hello.c", "-o", "x.wasm"], &[("WBUILD_LAUNCHER", "1")]);
    assert!(output.status.success() && exists(at, "x.wasm") && !exists(at, "x"));
    good(at, &["hello.c", "--launcher", "-o", "built"]);
    assert!(exists(at, "built") && exists(at, "built.wasm"));
}

#[test]
fn links_stand_for_the_words_behind_wbuild() {
    let folder = folder();
    let at = folder.path();
    let printed = good(at, &["install-links", "bin"]);
    assert_eq!(printed.lines().count(), 7);
    let link = |name: &str, words: &[&str]| {
        let output = Command::new(at.join("bin").join(name)).args(words).current_dir(at).output().unwrap();
        assert!(output.status.success(), "{name}: {}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    link("wbuild-cc", &["-c", "hello.c"]);
    link("wbuild-ar", &["rcs", "lib.a", "hello.o"]);
    assert!(link("wbuild-nm", &["lib.a"]).contains("puts"));
    assert_eq!(link("wbuild-c++", &["-dumpmachine"]), "wasm32-unknown-wasip1\n");
    good(at, &["install-links", "bin"]);
    std::fs::remove_file(at.join("bin/wbuild-ar")).unwrap();
    write(at, "bin/wbuild-ar", "mine");
    let output = wbuild(at, &["install-links", "bin"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(at.join("bin/wbuild-ar")).unwrap(), "mine");
}

#[test]
fn tools_give_their_own_status() {
    let folder = folder();
    for words in [&["ar", "t", "absent.a"][..], &["nm", "absent.o"], &["objdump", "-d", "hello.c"], &["ar"]] {
        let output = wbuild(folder.path(), words);
        assert!(!output.status.success() && !errors(&output).is_empty(), "{words:?}");
    }
    assert!(good(folder.path(), &["strip", "--version"]).contains("LLVM"));
}

#[test]
fn no_temporary_folder_is_left_behind() {
    let folder = folder();
    let at = folder.path();
    let temporary = tempfile::tempdir().unwrap();
    let env = &[("TMPDIR", temporary.path().to_str().unwrap())];
    for words in [
        &["cc", "-c", "hello.c"][..],
        &["cc", "-E", "hello.c"],
        &["cc", "hello.o", "-o", "hello"],
        &["cc", "main.c", "twice.c", "-o", "main", "--launcher"],
        &["nm", "main"],
        &["ar", "rcs", "lib.a", "hello.o"],
    ] {
        let output = with(at, words, env);
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
        assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{words:?}");
    }
    // A failure leaves nothing either.
    assert!(!with(at, &["cc", "main.c", "-o", "fails"], env).status.success());
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn the_hermetic_compiler_serves_as_well() {
    let folder = folder();
    let at = folder.path();
    let env = &[("WBUILD_COMPILER", "hermetic")];
    for words in [
        &["cc", "-c", "-O2", "main.c", "twice.c"][..],
        &["ar", "rcs", "libtwice.a", "twice.o"],
        &["cc", "main.o", "libtwice.a", "-o", "program"],
    ] {
        let output = with(at, words, env);
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
    }
    assert_eq!(runs(at, "program"), "42\n");
}

#[test]
fn make_gets_wbuild_under_whatever_names_it_has_for_compilers() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "Makefile",
        "CC = gcc -std=gnu99\nAR = ar rcu\nCXX = g++\nall: program tool\n\
         libtwice.a: twice.o\n\t$(AR) $@ $^\n\tranlib $@\n\
         program: main.o libtwice.a\n\t$(CC) -o $@ $^\n\
         tool: tool.cc\n\t$(CXX) -O1 -o $@ $<\n\
         check: all\n\ttest `./program` = 42\n\t./tool\n",
    );
    write(
        at,
        "tool.cc",
        "#include <string>\n#include <cstdio>\nint main() { puts((std::string(\"to\") + \"ol\").c_str()); }\n",
    );
    let printed = good(at, &["make", "-j2", "check"]);
    assert!(printed.ends_with("tool\n"), "{printed}");
    assert!(std::fs::read(at.join("program.wasm")).unwrap().starts_with(b"\0asm"));
    // Nothing is made a second time.
    assert!(good(at, &["make", "all"]).contains("Nothing to be done"));
    let failed = wbuild(at, &["make", "no-such-goal"]);
    assert_eq!(failed.status.code(), Some(2));
    // Without the wrapper, by what a Makefile usually looks at.
    good(at, &["make", "--version"]);
    let env = good(at, &["env"]);
    let script = format!("{env}\nmake -B program && ./program");
    let output = Command::new("sh").args(["-c", &script]).current_dir(at).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("42\n"), "{}", errors(&output));
}

#[test]
fn configure_needs_a_script() {
    let folder = folder();
    let output = wbuild(folder.path(), &["configure"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("wbuild configure ./configure"), "{}", errors(&output));
    let output = wbuild(folder.path(), &["configure", "./absent"]);
    assert!(errors(&output).contains("absent") && output.status.code() == Some(2), "{}", errors(&output));
}

#[test]
fn absolute_paths_leave_no_trace() {
    let build = |root: &Path| {
        std::fs::create_dir_all(root.join("src/lib")).unwrap();
        std::fs::create_dir_all(root.join("include")).unwrap();
        std::fs::create_dir_all(root.join("build")).unwrap();
        write(root, "include/where.h", "static const char *header(void) { return __FILE__; }\n");
        write(
            root,
            "src/lib/main.c",
            "#include <stdio.h>\n#include <where.h>\nint main(void) { printf(\"%s %s %s\\n\", __FILE__, header(), __DATE__); }\n",
        );
        let path = |name: &str| root.join(name).to_str().unwrap().to_string();
        let at = root.join("build");
        good(
            &at,
            &["cc", "-g", "-O1", "-c", &path("src/lib/main.c"), "-o", "main.o", &format!("-I{}", path("include"))],
        );
        good(&at, &["cc", "-g", "-O0", "main.o", "-o", "main"]);
        (std::fs::read(at.join("main.o")).unwrap(), std::fs::read(at.join("main")).unwrap(), runs(&at, "main"))
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = build(&one.path().join("a"));
    let second = build(&two.path().join("some/where/else entirely"));
    assert!(first == second, "{} {}", first.2, second.2);
    assert_eq!(first.2, "main.c where.h Jan  1 1970\n");
}
