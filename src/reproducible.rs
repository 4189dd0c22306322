//! `--check-reproducible`: the same build again in other surroundings, and the first differences by name.
//!
//! The second build is a wbuild of its own, without a cache, one second later at least, in a folder elsewhere that holds
//! the same files under the same names, with another mask for new files, locale, time zone and temporary folder, and on
//! one processor. Whatever of that gets into a module is found in it.

mod difference;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::args::{self, Dialect, Group, Own, Token};
use crate::error::{Error, Result};
use crate::output;
use crate::process::{Command, Limits, Scratch};
use crate::ui::Ui;

/// Clocks that go into a program show seconds.
const LATER: Duration = Duration::from_millis(1100);
/// Files and folders of the current folder that get a name elsewhere each; of more, folders as a whole.
const MOST: usize = 50_000;
/// Bytes of files that may be copied, where temporary files are on another disk.
const MOST_COPIED: u64 = 256 << 20;
/// Folders that no build reads sources from.
const SKIPPED: &[&str] = &["target", "node_modules"];

/// Builds again what `words` asked for, and compares: `module` was built from `stdin` since `start`.
pub fn check(words: &[OsString], module: &[u8], output: &Path, stdin: &[u8], start: Instant, ui: &Ui) -> Result<()> {
    ui.progress("building again elsewhere");
    let here = std::env::current_dir().map_err(|e| Error::build("cannot tell the current folder").cause(e))?;
    let scratch = Scratch::new()?;
    let (root, temporary) = (scratch.path().join("elsewhere"), scratch.path().join("temporary"));
    let copy = |e: std::io::Error| {
        Error::build("cannot set up other surroundings").cause(e).help("set TMPDIR to a folder with room for links")
    };
    let elsewhere = mirror(&here, &root, scratch.path()).map_err(copy)?;
    std::fs::create_dir_all(&temporary).map_err(copy)?;
    let again = temporary.join(output.file_name().unwrap_or(OsStr::new("out.wasm")));

    let own = std::env::current_exe().map_err(|e| Error::internal("wbuild cannot find itself").cause(e))?;
    let mut command = Command::new("sh");
    command.args(["-c", "cd \"$1\" && umask 077 && shift && exec \"$@\"", "sh"]).arg(&elsewhere).arg(own);
    for group in args::groups(words, Dialect::Build)? {
        command.args(words_elsewhere(&group, &here, &root));
    }
    command.args(["-q", "-o"]).arg(&again);
    let locale = if std::env::var_os("LC_ALL").is_some_and(|locale| locale == "C") { "C.UTF-8" } else { "C" };
    command.env = [
        ("LC_ALL", locale.into()),
        ("TZ", "ELSEWHERE-5:45".into()),
        ("TMPDIR", temporary.clone().into_os_string()),
        ("CARGO_TARGET_DIR", temporary.join("target").into_os_string()),
        (crate::cache::OFF, "1".into()),
    ]
    .map(|(name, value): (&str, OsString)| (name.into(), value))
    .to_vec();
    std::thread::sleep(LATER.saturating_sub(start.elapsed()));
    let built = on_one_processor(|| command.run_with_input(stdin, Limits::default()))?;
    if !built.status.success() {
        return Err(Error::build(format!("{} cannot be built again elsewhere", output.display()))
            .cause(format!("the same command fails in another folder, which links to {}", here.display()))
            .help("give what it reads by paths below the current folder")
            .diagnostics(built.stderr));
    }
    let second = output::read(&again)?;
    ui.clear();
    if second == module {
        ui.note(format!("{}: the same {} bytes, built again elsewhere", output.display(), module.len()));
        return Ok(());
    }
    let found = difference::between(module, &second);
    let mut error = Error::build(format!("{} is not the same when it is built elsewhere", output.display()));
    error.help = difference::advice(&found, &[here.as_path(), root.as_path()]);
    Err(found.iter().fold(error, Error::cause))
}

/// The words for the second build. What names a file or folder by an absolute path names it elsewhere, and so do
/// words that hold the current folder's path.
fn words_elsewhere(group: &Group, here: &Path, root: &Path) -> Vec<OsString> {
    let dropped = |token: &Token| {
        let own = matches!(token, Token::Own(Own::CheckReproducible | Own::Json | Own::Launcher | Own::Verbose, _));
        own || matches!(token, Token::Output(_))
    };
    if group.tokens.iter().any(dropped) {
        return Vec::new();
    }
    let tools = group.tokens.iter().any(|token| matches!(token, Token::Own(Own::Clang | Own::Sysroot, _)));
    let word = |word: &OsString| {
        let (Some(text), Some(here), Some(root), false) = (word.to_str(), here.to_str(), root.to_str(), tools) else {
            return word.clone();
        };
        let moved = format!("{root}{here}");
        if text.contains(here) {
            return text.replace(here, &moved).into();
        }
        match text.find('/').map(|at| text.split_at(at)) {
            Some((option, path)) if (option.is_empty() || option.starts_with('-')) && Path::new(path).exists() => {
                let relative = !option.is_empty() && !option.ends_with('=') && !is_letters(option);
                if relative { word.clone() } else { format!("{option}{root}{path}").into() }
            }
            _ => word.clone(),
        }
    };
    group.words.iter().map(word).collect()
}

/// An option that a path may be joined on to: `-I`, `-isystem`.
fn is_letters(option: &str) -> bool {
    option[1..].chars().all(|c| c.is_ascii_alphabetic())
}

/// Makes `here` below `root` with all that is in it, and links to what lies beside it and the folders above: the same
/// names, and the same files behind them. Gives the new folder.
fn mirror(here: &Path, root: &Path, scratch: &Path) -> std::io::Result<PathBuf> {
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    for folder in here.ancestors().skip(1) {
        std::fs::create_dir_all(below(folder))?;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if !here.starts_with(entry.path()) {
                link(&entry.path(), &below(&entry.path()))?;
            }
        }
    }
    let mut left = MOST;
    let mut copied = 0;
    let mut folders = vec![here.to_path_buf()];
    while let Some(folder) = folders.pop() {
        std::fs::create_dir_all(below(&folder))?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, at) = (entry.path(), below(&entry.path()));
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let whole = name.starts_with('.') || SKIPPED.contains(&&*name) || scratch.starts_with(&path);
            left = left.saturating_sub(1);
            let kind = entry.file_type()?;
            match (!whole && left > 0, kind.is_dir(), kind.is_file()) {
                // What cannot be read is nobody's source.
                (true, true, _) if std::fs::read_dir(&path).is_ok() => folders.push(path),
                (true, _, true) => same_file(&path, &at, &mut copied)?,
                _ => link(&path, &at)?,
            }
        }
    }
    Ok(below(here))
}

/// A file by another name, so that a sandbox finds it inside of its folder. Where it lies on another disk it is copied, as
/// long as there is not too much of that; else it is a link.
fn same_file(file: &Path, at: &Path, copied: &mut u64) -> std::io::Result<()> {
    if std::fs::hard_link(file, at).is_ok() {
        return Ok(());
    }
    *copied += file.metadata()?.len();
    if *copied <= MOST_COPIED && std::fs::copy(file, at).is_ok() {
        return Ok(());
    }
    let _ = std::fs::remove_file(at);
    link(file, at)
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::fs::copy(to, at).map(|_| ())
}

/// Children that `work` starts see one processor.
#[cfg(target_os = "linux")]
fn on_one_processor<T>(work: impl FnOnce() -> T) -> T {
    let size = std::mem::size_of::<libc::cpu_set_t>();
    // SAFETY: both sets are plain memory of the size that is said, and it is this thread alone whose processors change.
    unsafe {
        let mut all: libc::cpu_set_t = std::mem::zeroed();
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        let known = libc::sched_getaffinity(0, size, &mut all) == 0;
        if let Some(first) = (0..libc::CPU_SETSIZE as usize).find(|cpu| known && libc::CPU_ISSET(*cpu, &all)) {
            libc::CPU_SET(first, &mut one);
            libc::sched_setaffinity(0, size, &one);
        }
        let done = work();
        if known {
            libc::sched_setaffinity(0, size, &all);
        }
        done
    }
}

#[cfg(not(target_os = "linux"))]
fn on_one_processor<T>(work: impl FnOnce() -> T) -> T {
    work()
}
