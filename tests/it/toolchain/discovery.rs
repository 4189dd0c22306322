use std::path::{Path, PathBuf};

use wbuild::toolchain::{Choice, Places, Request, Toolchain, find, find_in};
use wbuild_targets::Target;

use super::{builds_hello, fake_clang, fake_sysroot, script, stdout, wbuild};

fn wasip1() -> &'static Target {
    wbuild_targets::find("wasm32-wasip1").unwrap()
}

/// An empty machine: a root, an empty PATH, folders for cache and home.
struct Machine {
    root: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Machine {
    fn new() -> Machine {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name).display().to_string();
        let vars = ["PATH", "WBUILD_CACHE", "WBUILD_HOME"].map(|name| (name.to_string(), at(&format!("the-{name}"))));
        Machine { vars: vars.into(), root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn set(&mut self, name: &str, value: &Path) {
        self.vars.retain(|(known, _)| known != name);
        self.vars.push((name.into(), value.display().to_string()));
    }

    fn places(&self) -> Places {
        Places::new(self.vars.iter().cloned(), self.root.path())
    }

    fn clang(&self, name: &str, major: u32) -> PathBuf {
        let path = self.path(name);
        fake_clang(&path, major, &self.path("log"));
        path
    }

    fn asked(&self) -> usize {
        std::fs::read_to_string(self.path("log")).map_or(0, |log| log.lines().count())
    }

    fn find(&self, request: &Request) -> wbuild::error::Result<Toolchain> {
        find_in(&self.places(), request, wasip1())
    }

    fn found(&self) -> PathBuf {
        self.find(&Request::default()).unwrap().clang[0].clone()
    }
}

#[test]
fn a_flag_comes_before_the_environment_before_known_places_before_path() {
    let mut machine = Machine::new();
    fake_sysroot(&machine.path("sysroot"));
    let sysroot = machine.path("sysroot");
    machine.set("WBUILD_SYSROOT", &sysroot);
    let on_path = machine.clang("the-PATH/clang-20", 20);
    assert_eq!(machine.found(), on_path);
    let older = machine.clang("usr/lib/llvm-19/bin/clang", 19);
    assert_eq!(machine.found(), older);
    let newer = machine.clang("usr/lib/llvm-23/bin/clang", 23);
    assert_eq!(machine.found(), newer);
    let named = machine.clang("elsewhere/clang", 21);
    machine.set("WBUILD_CLANG", &named);
    assert_eq!(machine.found(), named);
    let flag = machine.clang("flag/clang", 22);
    let request = Request { clang: Some(flag.clone()), ..Request::default() };
    assert_eq!(machine.find(&request).unwrap().clang, [flag]);
}

#[test]
fn a_second_search_starts_no_process() {
    let mut machine = Machine::new();
    fake_sysroot(&machine.path("sysroot"));
    let sysroot = machine.path("sysroot");
    machine.set("WBUILD_SYSROOT", &sysroot);
    machine.clang("usr/lib/llvm-22/bin/clang", 22);
    let first = machine.find(&Request::default()).unwrap();
    let asked = machine.asked();
    assert!(asked >= 3);
    assert_eq!(machine.find(&Request::default()).unwrap(), first);
    assert_eq!(machine.asked(), asked);
    // Another compiler in the same place is asked anew.
    machine.clang("usr/lib/llvm-22/bin/clang", 23);
    assert_eq!(machine.find(&Request::default()).unwrap().llvm_major, 23);
}

#[test]
fn a_compiler_that_is_too_old_is_named_with_the_command_that_brings_a_newer_one() {
    let machine = Machine::new();
    fake_sysroot(&machine.path("opt/wasi-sdk/share/wasi-sysroot"));
    let old = machine.clang("the-PATH/clang", 14);
    let error = machine.find(&Request::default()).unwrap_err().to_string();
    let expected = format!(
        "error: no usable C compiler found\ncaused by: {} is too old (clang version 14.1.0; 19 or newer is needed)\n\
         help: wbuild toolchain install",
        old.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn an_old_compiler_that_was_named_is_an_error_though_a_newer_one_is_there() {
    let machine = Machine::new();
    fake_sysroot(&machine.path("opt/wasi-sdk/share/wasi-sysroot"));
    machine.clang("the-PATH/clang", 22);
    let old = machine.clang("old/clang", 18);
    let error = machine.find(&Request { clang: Some(old), ..Request::default() }).unwrap_err().to_string();
    assert!(error.contains("--clang names a compiler that cannot be used"), "{error}");
    assert!(error.contains("is too old") && error.contains("help: "), "{error}");
}

#[test]
fn with_no_compiler_at_all_the_help_is_the_install_command() {
    let machine = Machine::new();
    let error = machine.find(&Request::default()).unwrap_err().to_string();
    assert!(error.starts_with("error: no C compiler for WebAssembly found"), "{error}");
    assert!(error.ends_with("help: wbuild toolchain install"), "{error}");
    let hermetic = Request { choice: Choice::Hermetic, ..Request::default() };
    let error = machine.find(&hermetic).unwrap_err().to_string();
    assert!(error.ends_with("help: wbuild toolchain install"), "{error}");
}

#[test]
fn with_no_native_compiler_the_installed_hermetic_one_serves() {
    let mut machine = Machine::new();
    let home = Places::of_process().home().unwrap();
    machine.set("WBUILD_HOME", &home);
    machine.set("WBUILD_NODE", &which::which("node").unwrap());
    // One that is too old is as good as none.
    machine.clang("the-PATH/clang", 15);
    let found = machine.find(&Request::default()).unwrap();
    assert!(found.hermetic);
    assert_eq!(
        found.identity.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["clang", "wasm-ld", "node", "sysroot"]
    );
    assert!(found.identity.iter().all(|tool| tool.sha256.len() == 64 && !tool.version.is_empty()));
    let native = Request { choice: Choice::Native, ..Request::default() };
    assert!(machine.find(&native).unwrap_err().to_string().contains("is too old"));
}

#[test]
fn with_no_sysroot_the_help_is_the_install_command_and_bare_wasm_still_builds() {
    let machine = Machine::new();
    machine.clang("the-PATH/clang", 22);
    let error = machine.find(&Request::default()).unwrap_err().to_string();
    assert!(error.starts_with("error: no C library found for wasm32-wasip1"), "{error}");
    assert!(error.ends_with("help: wbuild toolchain install"), "{error}");
    let bare = wbuild_targets::find("wasm32-unknown-unknown").unwrap();
    let found = find_in(&machine.places(), &Request::default(), bare).unwrap();
    assert!(found.compile_args.contains(&"--target=wasm32-unknown-unknown".to_string()));
}

#[test]
fn a_linker_of_another_llvm_is_refused_by_name() {
    let machine = Machine::new();
    fake_sysroot(&machine.path("opt/wasi-sdk/share/wasi-sysroot"));
    machine.clang("the-PATH/clang", 22);
    script(&machine.path("the-PATH/wasm-ld"), "echo 'LLD 19.1.0'\n");
    let error = machine.find(&Request::default()).unwrap_err().to_string();
    assert!(error.contains("no wasm-ld of LLVM 22 found"), "{error}");
    assert!(error.contains("is LLD 19.1.0") && error.contains("lld-22"), "{error}");
}

#[test]
fn a_compiler_without_the_wasm_target_is_passed_over() {
    let machine = Machine::new();
    fake_sysroot(&machine.path("opt/wasi-sdk/share/wasi-sysroot"));
    script(
        &machine.path("usr/lib/llvm-23/bin/clang"),
        "case $1 in --version) echo 'clang version 23.0';; --print-targets) echo '  x86-64 - X86';; *) echo /;; esac",
    );
    let good = machine.clang("the-PATH/clang", 22);
    assert_eq!(machine.found(), good);
}

#[test]
fn a_sysroot_that_is_none_is_refused_by_name() {
    let machine = Machine::new();
    machine.clang("the-PATH/clang", 22);
    let request = Request { sysroot: Some(machine.path("nowhere")), ..Request::default() };
    let error = machine.find(&request).unwrap_err().to_string();
    assert!(error.contains("no WASI sysroot in") && error.contains("there is no such folder"), "{error}");
}

/// The documented layout of a wasi-sdk, made of what is installed here.
fn wasi_sdk(folder: &Path) {
    let found = find(&Request::default(), wasip1()).unwrap();
    let link = |from: &Path, to: &str| {
        let to = folder.join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(std::path::absolute(from).unwrap(), to).unwrap();
    };
    link(&found.clang[0], "bin/clang");
    link(&found.clangxx[0], "bin/clang++");
    link(&found.wasm_ld[0], "bin/wasm-ld");
    let libraries = &found.library_dirs[0];
    let sysroot = libraries.parent().unwrap().parent().unwrap();
    link(libraries, "share/wasi-sysroot/lib/wasm32-wasip1");
    link(&sysroot.join("include"), "share/wasi-sysroot/include");
    let version = found.llvm_major;
    link(&found.builtins.unwrap(), &format!("lib/clang/{version}/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a"));
    std::fs::write(folder.join("VERSION"), "99.0\nllvm: 1\n").unwrap();
}

#[test]
fn a_wasi_sdk_that_is_named_serves_as_sysroot() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = folder.path().join("wasi-sdk");
    wasi_sdk(&sdk);
    builds_hello(folder.path(), |build| {
        build.env("WASI_SDK_PATH", &sdk).args(["--json", "report.json"]);
    });
    let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    assert!(report.contains("wasi-sdk 99.0"), "{report}");
}

#[test]
fn debians_wasi_libc_serves_as_sysroot_for_c_and_cpp() {
    assert!(
        Path::new("/usr/lib/wasm32-wasi/libc++.a").exists(),
        "missing here: apt-get install wasi-libc libclang-rt-22-dev-wasm32 libc++-22-dev-wasm32 libc++abi-22-dev-wasm32"
    );
    let folder = tempfile::tempdir().unwrap();
    builds_hello(folder.path(), |build| {
        build.args(["--sysroot", "/usr"]);
    });
    let program = "#include <iostream>\nint main() { std::cout << \"hello\" << std::endl; }\n";
    std::fs::write(folder.path().join("hello.cpp"), program).unwrap();
    let line = ["hello.cpp", "--sysroot=/", "-O1", "-o", "hello.wasm"];
    super::succeeds(wbuild().current_dir(folder.path()).args(line));
    let ran = super::succeeds(wbuild().current_dir(folder.path()).args(["run", "hello.wasm"]));
    assert_eq!(stdout(&ran), "hello\n");
}

#[test]
fn the_runtime_serves_programs_without_a_c_library() {
    let folder = tempfile::tempdir().unwrap();
    let program = "unsigned long strlen(const char *); void *memset(void *, int, unsigned long);\n\
                   int memcmp(const void *, const void *, unsigned long);\n\
                   void *memmove(void *, const void *, unsigned long);\n\
                   __attribute__((export_name(\"test\"))) int test(int n) {\n\
                   static char a[64], b[64]; memset(a, 'x', n); memmove(b, a, n + 1);\n\
                   if (memcmp(a, b, 64)) __builtin_trap(); return strlen(b); }\n";
    std::fs::write(folder.path().join("a.c"), program).unwrap();
    for level in ["-O0", "-O2"] {
        let line = ["--target=wasm32-unknown-unknown", level, "a.c", "-o", "a.wasm"];
        super::succeeds(wbuild().current_dir(folder.path()).args(line));
        let script = "WebAssembly.instantiate(require('fs').readFileSync('a.wasm'))\
                      .then(m => console.log(m.instance.exports.test(17)))";
        let ran = super::succeeds(std::process::Command::new("node").current_dir(folder.path()).args(["-e", script]));
        assert_eq!(stdout(&ran), "17\n", "{level}");
    }
}

#[test]
fn the_doctor_names_every_tool_and_succeeds_where_a_build_is_possible() {
    let output = super::succeeds(wbuild().arg("doctor"));
    let text = stdout(&output);
    for word in ["clang", "wasm-ld", "sysroot", "hermetic clang", "node", "npm", "wasm32-wasip1: builds with"] {
        assert!(text.contains(word), "{word} is missing in\n{text}");
    }
}

#[test]
fn the_doctor_of_an_empty_machine_fails_and_says_what_to_do() {
    let machine = Machine::new();
    let report = wbuild::toolchain::doctor(&machine.places());
    assert!(!report.can_build);
    for word in
        ["missing  ", "fix: wbuild toolchain install", "fix: apt-get install npm", "wasm32-wasip1: cannot build"]
    {
        assert!(report.text.contains(word), "{word} is missing in\n{}", report.text);
    }
}
