//! The same input, options and toolchain give the same bytes, wherever and by whom it is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::programs::{self, Program};
use xtask::shell;

/// A copy of what a build needs that any user can read: wbuild, its toolchain, and the sources.
struct Shared {
    folder: tempfile::TempDir,
}

/// Someone who builds: another account where we are root, and always another home, locale, mask and clock.
struct User {
    id: Option<u32>,
    umask: &'static str,
    env: BTreeMap<&'static str, String>,
    folder: PathBuf,
}

impl Shared {
    fn new() -> Shared {
        let folder = tempfile::tempdir().unwrap();
        let copy = |from: &Path, to: &str| {
            shell::output(Command::new("cp").arg("-RL").arg(from).arg(folder.path().join(to))).unwrap();
        };
        copy(Path::new(env!("CARGO_BIN_EXE_wbuild")), "wbuild");
        let home = wbuild::toolchain::Places::of_process().home().unwrap();
        copy(&home, "toolchain");
        shell::output(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path())).unwrap();
        Shared { folder }
    }

    /// One of the two, with a folder of their own.
    fn user(&self, name: &'static str, second: bool) -> User {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(folder.join("home")).unwrap();
        let root = shell::output(Command::new("id").arg("-u")).unwrap().stdout.trim_ascii() == b"0";
        let id = (second && root).then_some(65534);
        if let Some(id) = id {
            shell::output(Command::new("chown").args(["-R", &format!("{id}:{id}")]).arg(&folder)).unwrap();
        }
        let env = BTreeMap::from([
            ("HOME", folder.join("home").display().to_string()),
            ("WBUILD_HOME", self.folder.path().join("toolchain").display().to_string()),
            ("TMPDIR", folder.display().to_string()),
            ("LC_ALL", if second { "C.UTF-8" } else { "C" }.to_string()),
            ("TZ", if second { "Asia/Kathmandu" } else { "America/St_Johns" }.to_string()),
            ("USER", name.to_string()),
        ]);
        User { id, umask: if second { "077" } else { "022" }, env, folder }
    }

    /// Builds a copy of the program's sources in a folder of the user's; gives the module.
    fn build(&self, user: &User, program: &Program, options: &[&str]) -> Vec<u8> {
        let place = user.folder.join(format!("{} in a place of {}", program.name, user.env["USER"]));
        std::fs::create_dir_all(&place).unwrap();
        let mut names = Vec::new();
        for source in &program.sources {
            let name = source.file_name().unwrap().to_str().unwrap().to_string();
            std::fs::copy(source, place.join(&name)).unwrap();
            names.push(name);
            // Headers that stand beside a source.
            for header in std::fs::read_dir(source.parent().unwrap()).unwrap().flatten() {
                if header.path().extension().is_some_and(|e| e == "h") {
                    std::fs::copy(header.path(), place.join(header.file_name())).unwrap();
                }
            }
        }
        if let Some(id) = user.id {
            shell::output(Command::new("chown").args(["-R", &format!("{id}:{id}")]).arg(&place)).unwrap();
        }
        let mut command = match user.id {
            Some(id) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={id}"), &format!("--regid={id}"), "--clear-groups", "sh", "-c"]);
                command
            }
            None => {
                let mut command = Command::new("sh");
                command.arg("-c");
                command
            }
        };
        command.arg(format!("umask {}; exec \"$@\"", user.umask)).arg("sh").arg(self.folder.path().join("wbuild"));
        command.args(options).args(program.flags.iter().filter(|flag| !flag.starts_with("-I")));
        command.args(&program.wasi_flags).args(names).args(["-o", "out.wasm"]);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).envs(&user.env).current_dir(&place);
        shell::output(&mut command).unwrap();
        std::fs::read(place.join("out.wasm")).unwrap()
    }
}

fn two_users_get_the_same_bytes(program: &Program, options: &[&str]) {
    let shared = Shared::new();
    let first = shared.build(&shared.user("alice", false), program, options);
    let second = shared.build(&shared.user("bob", true), program, options);
    assert!(first == second, "{} and {} bytes, or others of the same number", first.len(), second.len());
}

#[test]
fn hello_is_the_same_for_two_users_with_the_native_compiler() {
    two_users_get_the_same_bytes(&programs::hello(), &["-O3", "--compiler=native"]);
}

#[test]
fn hello_is_the_same_for_two_users_with_the_hermetic_compiler() {
    two_users_get_the_same_bytes(&programs::hello(), &["-O3", "--compiler=hermetic"]);
}

#[test]
fn sqlite_is_the_same_for_two_users_with_the_native_compiler() {
    two_users_get_the_same_bytes(&programs::sqlite().unwrap(), &["-O2", "--compiler=native"]);
}

#[test]
fn sqlite_is_the_same_for_two_users_with_the_hermetic_compiler() {
    two_users_get_the_same_bytes(&programs::sqlite().unwrap(), &["-O2", "--compiler=hermetic"]);
}

#[test]
fn debug_information_and_file_names_tell_nothing_of_the_folder() {
    let program = programs::hello();
    let shared = Shared::new();
    let first = shared.build(&shared.user("alice", false), &program, &["-O1", "-g", "--compiler=native"]);
    let second = shared.build(&shared.user("bob", true), &program, &["-O1", "-g", "--compiler=native"]);
    assert!(first == second, "{} and {} bytes, or others of the same number", first.len(), second.len());
}

/// `wbuild --check-reproducible` in a folder; gives whether it succeeded, and what it said.
fn checked(at: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wbuild"));
    let output = command.arg("--check-reproducible").args(words).current_dir(at).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_build_that_is_the_same_elsewhere_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir_all(at.join("src/crate/src")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write("a.h", "#define NAME __FILE__\n");
    write("src/a.c", "#include <stdio.h>\n#include \"../a.h\"\nint main(void) { puts(NAME __FILE__ __TIME__); }\n");
    write("src/crate/Cargo.toml", "[package]\nname = \"c\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write("src/crate/src/main.rs", "fn main() { println!(\"{}\", file!()); }\n");
    let absolute = at.join("src/a.c").display().to_string();
    let include = format!("-I{}", at.display());
    for words in [
        &["src/a.c", "-Oz", "-o", "a.wasm"][..],
        &[&absolute, &include, "-O2", "-g", "-o", "a.wasm"],
        &["src/a.c", "-O1", "--preinit=ctors", "--preinit-dir", "src", "-o", "a.wasm"],
        &["src/crate", "-O1", "-o", "a.wasm"],
        &["src/crate/src/main.rs", "-Oz", "-o", "a.wasm"],
    ] {
        let (good, said) = checked(at, words);
        assert!(good && said.contains("note: a.wasm: the same "), "{words:?}\n{said}");
        let (module, name) =
            (at.join("a.wasm"), format!("the same {} bytes", at.join("a.wasm").metadata().unwrap().len()));
        assert!(said.contains(&name), "{said}");
        std::fs::remove_file(module).unwrap();
    }
}

#[test]
fn a_build_that_differs_elsewhere_is_refused_by_the_name_of_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir_all(at.join("src/crate/src")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).unwrap();
    write("a.c", "#include <stdio.h>\nint main(void) { puts(WHERE); }\n");
    write("src/crate/Cargo.toml", "[package]\nname = \"c\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write("src/crate/src/main.rs", "fn main() { println!(\"{}\", env!(\"WHEN\")); }\n");
    // The clock, by the second.
    write(
        "src/crate/build.rs",
        "fn main() { println!(\"cargo::rustc-env=WHEN={:?}\", std::time::SystemTime::now()); }\n",
    );
    let macro_ = format!("-DWHERE=\"{}/a.c\"", at.display());
    let (good, said) = checked(at, &["a.c", &macro_, "-o", "a.wasm"]);
    let strings = said.lines().find(|line| line.contains("data segment")).unwrap_or_else(|| panic!("{said}"));
    assert!(!good && strings.contains(&format!("\"{}/a.c\" here, \"", at.display())), "{said}");
    assert!(said.contains("error: a.wasm is not the same when it is built elsewhere"), "{said}");
    assert!(said.contains("help: the folder's name is in the module"), "{said}");
    let (good, said) = checked(at, &["src/crate", "-o", "a.wasm"]);
    assert!(!good && said.contains("SystemTime { tv_sec: "), "{said}");
    // What is refused is not written, and nothing is left of the other place.
    assert!(!at.join("a.wasm").exists());
    let (good, said) = checked(at, &["a.c", "-DWHERE=no", "-o", "a.wasm"]);
    assert!(!good && said.contains("error: cannot compile a.c"), "{said}");
    assert!(!said.contains("elsewhere"), "{said}");
}
