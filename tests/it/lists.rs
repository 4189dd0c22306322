//! `-MD` and `-MMD` in a build of several sources: make reads what was written.

use std::path::Path;
use std::process::Command;

use xtask::shell;

use crate::programs::wbuild;

const MAKEFILE: &str = "prog.wasm: ; $(WBUILD) a.c b.c $(FLAGS) -o prog.wasm\n-include $(LISTS)\n";

/// Two sources, with a header that only one of them reads, and a blank in its name.
fn project(at: &Path) {
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write("both.h", "int f(void);\n");
    write("only b.h", "#define RESULT 0\n");
    write("a.c", "#include \"both.h\"\n#include <stdio.h>\nint main(void) { return f(); }\n");
    write("b.c", "#include \"both.h\"\n#include \"only b.h\"\nint f(void) { return RESULT; }\n");
    write("Makefile", MAKEFILE);
}

fn make(at: &Path, flags: &str, lists: &str) -> bool {
    let mut command = Command::new("make");
    command.arg(format!("WBUILD={}", env!("CARGO_BIN_EXE_wbuild")));
    command.arg(format!("FLAGS={flags}")).arg(format!("LISTS={lists}")).current_dir(at);
    let said = String::from_utf8(shell::output(&mut command).unwrap().stdout).unwrap();
    !said.contains("is up to date")
}

fn later(at: &Path, name: &str) {
    let time = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::File::options().append(true).open(at.join(name)).unwrap().set_modified(time).unwrap();
}

#[test]
fn make_builds_again_when_any_header_of_any_source_changes() {
    // One list or a list for each source; one way of compiling, or the two of -Oz that write the same list.
    for (flags, lists) in [
        ("-Oz -MMD -MP -MF deps", "deps"),
        ("-O1 -MD -MFdeps", "deps"),
        ("-Oz -MMD", "a.d b.d"),
        ("-O0 -MD", "a.d b.d"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        project(at);
        assert!(make(at, flags, lists), "{flags}");
        assert!(!make(at, flags, lists), "{flags}");
        for header in ["both.h", "only b.h", "b.c"] {
            later(at, header);
            assert!(make(at, flags, lists), "{flags}: {header}");
            // Newer than what has been built for as long as its time is in the future.
            later(at, "prog.wasm");
            assert!(!make(at, flags, lists), "{flags}: {header}");
        }
    }
}

#[test]
fn lists_name_what_they_are_told_to_and_a_header_that_is_gone_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    project(at);
    let mut command = wbuild();
    command.args(["-Oz", "-MMD", "-MP", "-MF", "deps", "-MT", "goal", "a.c", "b.c", "-o", "prog.wasm"]);
    shell::output(command.current_dir(at)).unwrap();
    let list = std::fs::read_to_string(at.join("deps")).unwrap();
    assert_eq!(list, "goal: a.c \\\n  both.h \\\n  b.c \\\n  only\\ b.h\nboth.h:\nonly\\ b.h:\n");
    assert!(!at.join("a.d").exists() && !at.join("b.d").exists());

    // What cannot be compiled leaves the list of before.
    std::fs::write(at.join("b.c"), "#error no\n").unwrap();
    let mut command = wbuild();
    command.args(["-MMD", "-MF", "deps", "a.c", "b.c", "-o", "prog.wasm"]);
    assert!(!command.current_dir(at).output().unwrap().status.success());
    assert_eq!(std::fs::read_to_string(at.join("deps")).unwrap(), list);
}
