use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wbuild::toolchain::{Consent, Options, Places};
use wbuild::ui::{Ui, Verbosity};

use super::{script, stderr, stdout, succeeds, wbuild};

/// An install into a home of its own, with the machine's npm.
fn install(home: &Path) -> Command {
    let mut command = wbuild();
    // Without apt, which would change the machine.
    command.env("WBUILD_HOME", home).env("PATH", without_apt(home)).args(["toolchain", "install", "--yes"]);
    command
}

/// A PATH with links to npm and node and to what they start, and nothing else.
fn without_apt(home: &Path) -> PathBuf {
    let bin = home.parent().unwrap().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for name in ["npm", "node", "sh", "env", "cat", "cp", "sleep", "touch"] {
        let to = bin.join(name);
        if !to.exists() {
            let from = which::which(name).unwrap_or_else(|_| panic!("{name} is missing"));
            let _ = std::os::unix::fs::symlink(from, to);
        }
    }
    bin
}

/// A npm that does `action` in place of fetching; `$dir` is where the archive is wanted.
fn fake_npm(home: &Path, action: &str) {
    let npm = without_apt(home).join("npm");
    let _ = std::fs::remove_file(&npm);
    script(&npm, &format!("while [ $# -gt 1 ]; do shift; done\ndir=\"$1\"\n{action}\n"));
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const WHOLE: [&str; 2] = ["clang-22.0.0-git20542-10", "install.lock"];

#[test]
fn two_installs_at_once_leave_one_whole_toolchain_which_builds_and_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let start = || install(&home).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    for output in &both {
        assert!(output.status.success(), "{}", stderr(output));
        assert!(stderr(output).contains("checked by its hash sha512:577d7fcfd1ab2440"), "{}", stderr(output));
    }
    assert_eq!(listing(&home), WHOLE);
    super::builds_hello(folder.path(), |build| {
        build.env("WBUILD_HOME", &home);
    });
    // A third has nothing to do.
    let again = succeeds(&mut install(&home));
    assert!(stderr(&again).contains("is installed in"), "{}", stderr(&again));
    // With a cache of its own: remove takes the libraries that were built, too, and other tests use those.
    let own = |words: &[&str]| {
        let mut command = wbuild();
        command.env("WBUILD_HOME", &home).env("WBUILD_CACHE", folder.path().join("cache")).args(words);
        succeeds(&mut command)
    };
    let listed = own(&["toolchain"]);
    assert!(stdout(&listed).contains(WHOLE[0]), "{}", stdout(&listed));
    own(&["toolchain", "remove"]);
    assert_eq!(listing(&home), ["install.lock"]);
    let listed = own(&["toolchain"]);
    assert!(stdout(&listed).contains("nothing is installed"), "{}", stdout(&listed));
}

#[test]
fn an_install_that_was_killed_is_cleaned_up_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let started = folder.path().join("started");
    fake_npm(&home, &format!("touch {}\nsleep 3", started.display()));
    let mut child = install(&home).stderr(Stdio::null()).spawn().unwrap();
    while !started.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before npm began");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(listing(&home).iter().any(|name| name.starts_with(".staging-")), "{:?}", listing(&home));
    // The next one fails too, for want of an archive, and still leaves nothing behind.
    fake_npm(&home, ":");
    let output = install(&home).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("left no archive"), "{}", stderr(&output));
    assert_eq!(listing(&home), ["install.lock"]);
}

#[test]
fn an_archive_that_was_tampered_with_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fake_npm(&home, "echo not it > \"$dir/a.tgz\"");
    let output = install(&home).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is not the pinned one"), "{}", stderr(&output));
    assert!(stderr(&output).contains("help: clear npm's cache"), "{}", stderr(&output));
    assert_eq!(listing(&home), ["install.lock"]);
}

#[test]
fn what_npm_says_is_shown_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fake_npm(&home, "echo 'npm error network unreachable' >&2; exit 1");
    let output = install(&home).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("npm error network unreachable\nerror: npm could not fetch"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("help: "), "{}", stderr(&output));
    assert_eq!(listing(&home), ["install.lock"]);
}

#[test]
fn without_npm_the_command_that_installs_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let output = install(&home).env("PATH", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("npm is needed to fetch the toolchain"), "{}", stderr(&output));
    assert!(stderr(&output).contains("help: apt-get install npm"), "{}", stderr(&output));
}

#[test]
fn without_a_terminal_an_install_needs_yes() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut command = wbuild();
    command.env("WBUILD_HOME", &home).args(["toolchain", "install"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("this will install:"), "{}", stderr(&output));
    assert!(stderr(&output).contains("help: wbuild toolchain install --yes"), "{}", stderr(&output));
    assert!(!home.exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = install(&folder.path().join("x")).env("WBUILD_HOME", file.join("home")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot make the folder"), "{}", stderr(&output));
    assert!(stderr(&output).contains("help: set WBUILD_HOME"), "{}", stderr(&output));
}

#[test]
fn a_full_disk_is_said_to_be_full_when_npm_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fake_npm(&home, "echo 'npm error code ENOSPC' >&2; exit 228");
    let output = install(&home).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("help: free 210 MB there"), "{}", stderr(&output));
    assert_eq!(listing(&home), ["install.lock"]);
}

/// A machine with the package and without a clang, where apt's old lists know clang 20, and fresh ones
/// 21 too. Gives what apt-get was told, and what came of it.
fn install_by_apt(apt_get: &str) -> (String, wbuild::error::Result<()>) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let old = "printf 'clang-20:\\n  Candidate: 1:20\\nclang-22:\\n  Candidate: (none)\\n'";
    let new = "printf 'clang-21:\\n  Candidate: 1:21\\n'";
    script(&at("bin/apt-cache"), &format!("{old}\n[ -e {} ] && {new}\n", at("updated").display()));
    let log = at("log");
    let text =
        format!("echo \"$*\" >> {}\n[ $1 = update ] && : > {}\n{apt_get}\n", log.display(), at("updated").display());
    script(&at("bin/apt-get"), &text);
    let home = Places::of_process().home().unwrap();
    let vars = [("PATH", at("bin")), ("WBUILD_HOME", home), ("WBUILD_CACHE", at("cache"))];
    let options = Options { consent: Consent::Given, archive: None, exceptions: false };
    let result = wbuild::toolchain::install(&Places::new(vars, folder.path()), &Ui::new(Verbosity::Quiet), &options);
    (std::fs::read_to_string(log).unwrap_or_default(), result)
}

#[test]
fn root_gets_the_newest_native_clang_that_apt_has_and_nobody_else_does() {
    let (told, result) = install_by_apt("exit 0");
    result.unwrap();
    let root = stdout(&succeeds(Command::new("id").arg("-u"))).trim() == "0";
    let expected = "update\ninstall -y --no-install-recommends clang-21 lld-21 llvm-21\n";
    assert_eq!(told, if root { expected } else { "" });
    if root {
        let (_, result) = install_by_apt("[ $1 = update ] || { echo 'E: no such package' >&2; exit 100; }");
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("E: no such package\nerror: apt-get failed"), "{error}");
        assert!(error.contains("help: run that command by hand"), "{error}");
    }
}
