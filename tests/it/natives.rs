//! Programs do what native ones of the same source do: with files for standard input and output, and with each printf.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::programs::wbuild;

/// Builds a C program natively and by `wbuild`, with a launcher, and gives both.
fn both(folder: &Path, source: &str, options: &[&str]) -> [Command; 2] {
    std::fs::write(folder.join("program.c"), source).unwrap();
    let build = |command: &mut Command, output: &str| {
        let built = command.args(["program.c", "-o", output]).current_dir(folder).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    };
    build(Command::new("cc").arg("-O1"), "native");
    build(wbuild().args(options).arg("--launcher"), "launcher");
    ["native", "launcher"].map(|name| {
        let mut command = Command::new(folder.join(name));
        command.current_dir(folder).env("WBUILD", env!("CARGO_BIN_EXE_wbuild"));
        command
    })
}

fn text(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

#[test]
fn standard_input_and_output_that_are_files_are_files() {
    const SOURCE: &str = r#"
        #include <stdio.h>
        #include <sys/stat.h>
        #include <unistd.h>
        #define SAY(number) fprintf(stderr, "%s: %d\n", #number, (int)(number))

        int main(int count, char **words) {
            struct stat known;
            char bytes[8] = {0};
            SAY(fstat(0, &known));
            SAY(S_ISREG(known.st_mode) != 0);
            SAY(known.st_size);
            SAY(lseek(0, 3, SEEK_SET));
            SAY(read(0, bytes, 4));
            fprintf(stderr, "%s\n", bytes);
            SAY(lseek(0, 0, SEEK_CUR));
            SAY(lseek(0, -2, SEEK_END));
            SAY(read(0, bytes, 4));
            SAY(bytes[1]);
            SAY(lseek(0, -1, SEEK_SET));
            SAY(fseek(stdin, 1, SEEK_SET));
            SAY(getchar());
            SAY(ftell(stdin));
            while (fread(bytes, 1, 2, stdin) == 2) fwrite(bytes, 1, 2, stdout);
            printf("first");
            fflush(stdout);
            SAY(lseek(1, 5, SEEK_CUR));
            SAY(fseek(stdout, -2, SEEK_CUR));
            printf("second");
            fflush(stdout);
            SAY(fstat(1, &known));
            SAY(S_ISREG(known.st_mode) != 0);
            SAY(known.st_size);
            close(0);
            SAY(lseek(0, 0, SEEK_SET));
            return 0;
        }
    "#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), "abcdefghijkl").unwrap();
    let [native, launcher] = both(folder.path(), SOURCE, &["-O2"]).map(|mut command| {
        let output = File::create(folder.path().join("out")).unwrap();
        let said = command.stdin(File::open(folder.path().join("in")).unwrap()).stdout(output).output().unwrap();
        (text(&said), std::fs::read(folder.path().join("out")).unwrap())
    });
    assert_eq!(native, launcher);
    assert!(native.1.ends_with(b"first\0\0\0second"), "{native:?}");
    // Pipes have no place.
    let piped = both(folder.path(), SOURCE, &["-O2"]).map(|mut command| {
        let said = command.stdin(Stdio::null()).stdout(Stdio::piped()).output().unwrap();
        said.stdout
    });
    assert_eq!(String::from_utf8_lossy(&piped[0]), String::from_utf8_lossy(&piped[1]));
}

#[test]
fn pointers_outside_of_memory_are_refused_where_input_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let program = r#"(module
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func $expect (param i32 i32)
            (if (i32.ne (local.get 0) (local.get 1)) (then (call $exit (i32.add (local.get 0) (i32.const 100))))))
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 65530)) (i32.store (i32.const 4) (i32.const 7))
            (call $expect (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 21))
            (call $expect (call $read (i32.const 0) (i32.const -4) (i32.const -1) (i32.const 8)) (i32.const 21))
            (call $expect (call $read (i32.const 0) (i32.const 16) (i32.const -1) (i32.const 8)) (i32.const 21))
            (call $expect (call $read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)) (i32.const 21))
            (call $expect (call $seek (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 65529)) (i32.const 21))
            (call $expect (call $seek (i32.const 0) (i64.const 0) (i32.const 9) (i32.const 8)) (i32.const 28))
            (call $expect (call $tell (i32.const 0) (i32.const -8)) (i32.const 21))
            (call $expect (call $stat (i32.const 0) (i32.const 65473)) (i32.const 21))
            (call $expect (call $stat (i32.const 0) (i32.const 65472)) (i32.const 0))
            (call $expect (call $tell (i32.const 77) (i32.const 8)) (i32.const 8))))"#;
    std::fs::write(folder.path().join("program.wat"), program).unwrap();
    let input = File::open(folder.path().join("program.wat")).unwrap();
    let ran = wbuild().args(["run", "program.wat"]).current_dir(folder.path()).stdin(input).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran));
}

#[test]
fn long_double_is_printed_and_read_where_a_format_has_it() {
    const SOURCE: &str = r#"
        #include <stdio.h>
        int main(int count, char **words) {
            long double number = count, other;
            printf("%.3Lf|%-12Lg|%+.2Le\n", number / 3, number * 1e10L, number / 7);
            int read = sscanf("2.75", "%Lf", &other);
            printf("%d %.2Lf\n", read, other);
            return 0;
        }
    "#;
    for options in [&["-O0"][..], &["-Oz"], &["-O2", "--compiler=hermetic"], &["-O2", "--compiler=emcc"]] {
        let folder = tempfile::tempdir().unwrap();
        let [native, launcher] =
            both(folder.path(), SOURCE, options).map(|mut command| text(&command.output().unwrap()));
        assert_eq!(native, launcher, "{options:?}");
    }
}

/// What the printf without floating point would say of it.
const NO_FLOATS: &[u8] = b"Support for floating-point formatting is currently disabled.";

/// Declarations, and what `main(count, words)` does. None of its formats has floating point.
const WITHOUT_FLOATS: &[(&str, &str)] = &[
    ("", r#"printf("%d %s %5.3lld%%|% d f\n", count, "text", 12345678901LL, 7);"#),
    ("", r#"printf(count > 1 ? "many %d\n" : "%x one\n", count);"#),
    ("", r#"char out[9]; snprintf(out, 9, "%03d", count); fprintf(stderr, "%s\n", out); dprintf(1, "%o\n", count + 8);"#),
    ("", r#"double read = strtod("2.5", 0); sscanf("0.5", "%lf", &read); printf("%d\n", (int)(read * 10));"#),
    (
        "__attribute__((noinline)) void tell(FILE *to, const char *format, va_list rest) { vfprintf(to, format, rest); }
         __attribute__((noinline)) void say(const char *format, ...) {
             va_list rest; va_start(rest, format); tell(stdout, format, rest); va_end(rest);
         }",
        r#"say("%d\n", count); say("%c and %s\n", 'x', "y"); for (int i = 0; i < count + 2; i++) say(i ? "|" : "%o\n", count);"#,
    ),
    (
        "",
        r#"const char *format = "x\n";
           for (int i = 0; i < count + 3; i++) { printf(format, i); format = i % 2 ? "%d\n" : "y%%f\n"; }"#,
    ),
    ("", r#"errno = ENOENT; perror("it"); errno = EINVAL; printf("%m\n");"#),
];

/// The same, where a format has floating point, or is not known to have none.
const PERHAPS_FLOATS: &[(&str, &str)] = &[
    ("", r#"printf("%.3f\n", count / 7.0);"#),
    ("", r#"printf(count > 1 ? "%d\n" : "%g\n", count * 0.5);"#),
    ("char format[] = \"%d %g\\n\";", r#"if (count > 1) format[1] = 'x'; printf(format, count, 0.25);"#),
    ("", r#"char format[9]; snprintf(format, 9, "%%.%dF\n", count); printf(format, 1.75);"#),
    (
        "const char *const formats[] = {\"%d\\n\", \"%.1e\\n\", \"%s\\n\"};",
        r#"for (int i = 1; i < count + 1; i++) printf(formats[i], 2.5);"#,
    ),
    ("int (*volatile print)(const char *, ...) = printf;", r#"print("%a\n", 0.5); printf("%d\n", count);"#),
    (
        "__attribute__((noinline)) void say(const char *format, ...) {
             va_list rest; va_start(rest, format); vprintf(format, rest); va_end(rest);
         }",
        r#"say("%d\n", count); say("%G\n", 1e10);"#,
    ),
    (
        "__attribute__((noinline)) void say(const char *format, int number) {
             if (number > 1) format = strchr(\"+%f\", '%'); printf(format, number, number);
         }",
        r#"say("%d\n", count); say("%x\n", count);"#,
    ),
    (
        "",
        r#"const char *format = "x\n"; for (int i = 0; i < count + 3; i++) { printf(format, 0.5); format = i % 2 ? "y\n" : "%f\n"; }"#,
    ),
    ("#include <wchar.h>", r#"wprintf(L"%d %.2f\n", count, 1.5);"#),
];

#[test]
fn printf_is_without_floating_point_where_no_format_has_any() {
    for (programs, expected) in [(WITHOUT_FLOATS, true), (PERHAPS_FLOATS, false)] {
        for (declarations, body) in programs {
            let headers = ["errno", "stdarg", "stdio", "stdlib", "string"].map(|name| format!("#include <{name}.h>\n"));
            let headers = headers.concat();
            let source = format!("{headers}{declarations}\nint main(int count, char **words) {{ {body} return 0; }}\n");
            for options in [&["-Oz"][..], &["-Os", "--lto=off"]] {
                let folder = tempfile::tempdir().unwrap();
                let [native, launcher] =
                    both(folder.path(), &source, options).map(|mut command| text(&command.output().unwrap()));
                assert_eq!(native, launcher, "{body} with {options:?}");
                let module = std::fs::read(folder.path().join("launcher.wasm")).unwrap();
                let is_without = module.windows(NO_FLOATS.len()).any(|bytes| bytes == NO_FLOATS);
                assert_eq!(is_without, expected, "{body} with {options:?}");
            }
        }
    }
}
