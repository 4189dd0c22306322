//! Toolchains: discovery, installing, the doctor and the hermetic compiler.

mod discovery;
mod hermetic;
mod install;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// wbuild, with none of the variables that change which tools it finds.
fn wbuild() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    for name in ["WBUILD_CLANG", "WBUILD_WASM_LD", "WBUILD_SYSROOT", "WBUILD_NODE", "WBUILD_COMPILER", "WASI_SDK_PATH"]
    {
        command.env_remove(name);
    }
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A script that can be run.
fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A compiler that only answers what it is, and a line in `log` for each time it is asked.
fn fake_clang(path: &Path, major: u32, log: &Path) {
    script(
        path,
        &format!(
            "echo \"$0 $*\" >> {log}\ncase \"$1\" in\n\
             --version) echo 'clang version {major}.1.0';;\n\
             --print-targets) echo '    wasm32 - WebAssembly 32-bit';;\n\
             -print-resource-dir) echo /usr/lib/clang/{major};;\nesac\n",
            log = log.display()
        ),
    );
    script(&path.with_file_name("wasm-ld"), &format!("echo \"$0 $*\" >> {}\necho 'LLD {major}.1.0'\n", log.display()));
}

/// A sysroot in the layout of today, with empty files.
fn fake_sysroot(dir: &Path) {
    for file in ["lib/wasm32-wasip1/libc.a", "lib/wasm32-unknown-wasip1/libclang_rt.builtins.a"] {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
}

/// A program that prints `hello`.
fn hello(folder: &Path) -> PathBuf {
    let path = folder.join("hello.c");
    std::fs::write(&path, "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n").unwrap();
    path
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, stderr(&output));
    output
}

/// Builds hello in `folder` with what `configure` sets, and runs it.
fn builds_hello(folder: &Path, configure: impl Fn(&mut Command)) {
    hello(folder);
    let mut build = wbuild();
    configure(build.current_dir(folder).args(["hello.c", "-O2", "--standalone", "-o", "hello.wasm"]));
    succeeds(&mut build);
    let ran = succeeds(wbuild().current_dir(folder).args(["run", "hello.wasm"]));
    assert_eq!(stdout(&ran), "hello\n");
}
