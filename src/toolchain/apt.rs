//! A native clang from the system's packages, where we are root on a Debian or Ubuntu.

use super::memory::Memory;
use super::places::Places;
use super::tools::{self, OLDEST_CLANG};
use crate::error::{Error, Result};
use crate::process::{Command, Limits};
use crate::ui::Ui;

/// Whether a native clang can be offered.
#[derive(Debug)]
pub(super) enum Native {
    /// One is there.
    Present,
    /// apt may bring one: what will be done, for people.
    Offered(String),
    /// Not root, or no apt.
    OutOfReach,
}

/// Finds out what apt could bring.
pub(super) fn plan(places: &Places, memory: &mut Memory) -> Native {
    if super::native_tools(places, memory, None).is_ok() {
        return Native::Present;
    }
    if !is_root() || places.on_path("apt-get").is_none() {
        return Native::OutOfReach;
    }
    let newest = match newest(places) {
        Some(major) => format!("apt-get {}, or a newer one", arguments(major).join(" ")),
        None => format!("the newest clang, lld and llvm from {OLDEST_CLANG} on, if there is one"),
    };
    Native::Offered(format!("apt-get update, then {newest}"))
}

/// Installs the newest that there is. What apt knows from an older update may be years behind, or nothing.
pub(super) fn install(places: &Places, ui: &Ui) -> Result<()> {
    let updated = apt_get(places, ui, &["update".into()]);
    let Some(major) = newest(places) else {
        updated?;
        ui.note(format!(
            "apt has no clang from version {OLDEST_CLANG} on; the hermetic clang will compile, through Node.js"
        ));
        return Ok(());
    };
    apt_get(places, ui, &arguments(major))?;
    ui.say(&format!("installed clang-{major}, lld-{major} and llvm-{major}"));
    Ok(())
}

fn arguments(major: u32) -> Vec<String> {
    let mut args: Vec<String> = ["install", "-y", "--no-install-recommends"].map(String::from).into();
    args.extend(["clang", "lld", "llvm"].map(|name| format!("{name}-{major}")));
    args
}

/// The newest clang that apt has a candidate for.
fn newest(places: &Places) -> Option<u32> {
    let mut command = Command::new(places.on_path("apt-cache")?);
    command.arg("policy").args((OLDEST_CLANG..=tools::NEWEST_NAMED).map(|n| format!("clang-{n}")));
    command.env.push(("LC_ALL".into(), "C".into()));
    let out = command.run(Limits::default()).ok()?;
    candidates(&String::from_utf8_lossy(&out.stdout)).into_iter().max()
}

/// The versions with a candidate, read from `apt-cache policy`.
fn candidates(policy: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut current: Option<u32> = None;
    for line in policy.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|l| !l.starts_with(' ')) {
            current = name.strip_prefix("clang-").and_then(|n| n.parse().ok());
        } else if let Some(candidate) = line.trim().strip_prefix("Candidate: ")
            && candidate != "(none)"
        {
            found.extend(current);
        }
    }
    found
}

fn apt_get(places: &Places, ui: &Ui, args: &[String]) -> Result<()> {
    let mut command = Command::new(places.on_path("apt-get").unwrap_or_else(|| "apt-get".into()));
    command.args(args);
    command.env.push(("DEBIAN_FRONTEND".into(), "noninteractive".into()));
    ui.progress(command.shell());
    let out = command.run(Limits::default());
    ui.clear();
    let out = out?;
    if out.status.success() {
        return Ok(());
    }
    Err(Error::build("apt-get failed")
        .cause(format!("{}: {}", command.shell(), out.status))
        .diagnostics(out.stderr)
        .help("run that command by hand; meanwhile --compiler=hermetic needs only Node.js"))
}

#[cfg(unix)]
fn is_root() -> bool {
    // SAFETY: geteuid has no conditions.
    unsafe { libc::geteuid() == 0 }
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_with_a_candidate_count() {
        let policy = "clang-19:\n  Installed: (none)\n  Candidate: 1:19.1\n  Version table:\n     1:19.1 500\n\
                      clang-22:\n  Installed: (none)\n  Candidate: (none)\n";
        assert_eq!(candidates(policy), [19]);
    }
}
