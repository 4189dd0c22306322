//! C++ exceptions without wasm exceptions: what a native build prints, on every engine, at every level.

use xtask::programs::{Language, Program, single};
use xtask::{native, shell};

use crate::programs::{assert_same, build, run, run_in_node, target_folder, wbuild};

fn exceptions() -> Program {
    let flags = ["-fexceptions", "-std=c++20", "-w"].map(String::from).to_vec();
    Program { flags, ..single("exceptions", Language::Cxx, "cpp/exceptions.cpp") }
}

#[test]
fn every_kind_of_exception_behaves_as_in_a_native_build() {
    let folder = tempfile::tempdir().unwrap();
    let expected = native::run(&exceptions(), &target_folder(), folder.path()).unwrap();
    assert!(expected.stdout.ends_with(b"terminate\n"), "{}", String::from_utf8_lossy(&expected.stdout));
    for options in [&["-O0"][..], &["-O2"], &["-Oz"], &["-O2", "--lto=off"], &["-O2", "--no-deterministic"]] {
        let module = build(&exceptions(), &[options, &["--standalone"]].concat(), folder.path());
        let bytes = std::fs::read(&module).unwrap();
        assert_same(&format!("{options:?}"), &expected, &run(&exceptions(), &module, folder.path()));
        let in_node = run_in_node(&exceptions(), &module, folder.path());
        assert_same(&format!("{options:?} in Node"), &expected, &in_node);
        build(&exceptions(), &[options, &["--standalone"]].concat(), folder.path());
        assert!(bytes == std::fs::read(&module).unwrap(), "{options:?}: two builds differ");
    }
}

#[test]
fn an_exception_that_nobody_catches_is_named_and_traps() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.cpp");
    std::fs::write(&source, "#include <stdexcept>\nint main() { throw std::logic_error(\"bye\"); }\n").unwrap();
    let module = folder.path().join("a.wasm");
    shell::output(wbuild().args(["-O2", "-fexceptions"]).arg(&source).arg("-o").arg(&module)).unwrap();
    let output = shell::unchecked_output(wbuild().arg("run").arg(&module)).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("uncaught exception of type std::logic_error: bye"), "{said}");
    assert_eq!(output.status.code(), Some(134), "{said}");
}

#[test]
fn sources_that_are_missing_are_an_error_with_the_command_that_brings_them() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.cpp");
    std::fs::write(&source, "int main() { throw 1; }\n").unwrap();
    let sysroot = shell::output(wbuild().arg("toolchain")).unwrap();
    let sysroot =
        String::from_utf8_lossy(&sysroot.stdout).lines().next().unwrap().rsplit("  ").next().unwrap().to_string();
    let mut command = wbuild();
    command.env("WBUILD_HOME", folder.path()).arg("--sysroot").arg(format!("{sysroot}/sysroot"));
    let output = shell::unchecked_output(command.arg("-fexceptions").arg(&source)).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("help: wbuild toolchain install --exceptions"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}
