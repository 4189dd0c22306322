//! Sources of real projects: the upstream archives that Debian's source packages carry, each pinned by its hash.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::shell::{self, Result};

/// An upstream archive.
#[derive(Debug, Clone, Copy)]
pub struct Archive {
    /// Debian's source package.
    pub package: &'static str,
    pub file: &'static str,
    pub sha256: &'static str,
}

/// bzip2.
pub const BZIP2: Archive = Archive {
    package: "bzip2",
    file: "bzip2_1.0.8.orig.tar.gz",
    sha256: "ab5a03176ee106d3f0fa90e381da478ddae405918153cca248e682cd0c4a2269",
};
/// SQLite, as its authors keep it.
pub const SQLITE: Archive = Archive {
    package: "sqlite3",
    file: "sqlite3_3.40.1.orig.tar.xz",
    sha256: "aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655",
};
/// zstd.
pub const ZSTD: Archive = Archive {
    package: "libzstd",
    file: "libzstd_1.5.4+dfsg2.orig.tar.xz",
    sha256: "8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953",
};

/// Unpacks the archive into a new folder `into`, fetching it once into `cache`.
pub fn unpack(archive: &Archive, cache: &Path, into: &Path) -> Result<()> {
    let file = fetch(archive, cache)?;
    std::fs::create_dir_all(into).map_err(|e| format!("cannot make {}: {e}", into.display()))?;
    shell::output(Command::new("tar").arg("-xf").arg(&file).arg("--strip-components=1").arg("-C").arg(into)).map(drop)
}

/// Unpacks the archive below `cache`, once, and gives the folder.
pub fn unpacked(archive: &Archive, cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("sources").join(format!("{}-unpacked", archive.file));
    if !folder.is_dir() {
        let new = folder.with_extension("new");
        let _ = std::fs::remove_dir_all(&new);
        unpack(archive, cache, &new)?;
        std::fs::rename(&new, &folder).map_err(|e| format!("cannot write {}: {e}", folder.display()))?;
    }
    Ok(folder)
}

fn fetch(archive: &Archive, cache: &Path) -> Result<PathBuf> {
    // apt locks its lists, and gives up where they are locked.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let file = cache.join("sources").join(archive.file);
    if file.is_file() && sha256(&file)? == archive.sha256 {
        return Ok(file);
    }
    let folder = cache.join("sources").join(format!("{}-{}", archive.package, std::process::id()));
    let fail = |e: std::io::Error| format!("cannot write {}: {e}", folder.display());
    std::fs::create_dir_all(&folder).map_err(fail)?;
    let lists = cache.join("sources/apt");
    let new = folder.join(archive.file);
    // Its other files, Debian's own, may have been superseded a moment ago; what counts is the archive and its hash.
    let download = |what: &str| match apt(&lists)
        .and_then(|mut apt| shell::output(apt.args(["source", "--download-only", what]).current_dir(&folder)))
    {
        Err(error) if !new.is_file() => Err(error),
        _ => Ok(()),
    };
    download(archive.package)
        .or_else(|_| {
            shell::output(apt(&lists)?.arg("update"))?;
            download(archive.package)
        })
        // An update of it may be listed and not yet be there. The release itself has the same archive.
        .or_else(|error| download(&format!("{}/{}", archive.package, codename()?)).map_err(|_| error))?;
    let found = sha256(&new)?;
    if found != archive.sha256 {
        return Err(format!("{} has the hash {found}, not {}", archive.file, archive.sha256));
    }
    // Renamed, since tests that run at once may want the same.
    std::fs::rename(&new, &file).map_err(fail)?;
    std::fs::remove_dir_all(&folder).map_err(fail)?;
    Ok(file)
}

/// The name of this machine's release of Debian.
fn codename() -> Result<String> {
    let release =
        std::fs::read_to_string("/etc/os-release").map_err(|e| format!("cannot read /etc/os-release: {e}"))?;
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(str::to_string).ok_or_else(|| "/etc/os-release names no release".into())
}

/// apt-get with the machine's own repositories as sources of sources, and nothing of the machine's changed.
fn apt(folder: &Path) -> Result<Command> {
    let parts = folder.join("sources.list.d");
    let fail = |e: std::io::Error| format!("cannot write {}: {e}", parts.display());
    std::fs::create_dir_all(&parts).map_err(fail)?;
    for folder in ["lists/partial", "archives/partial"] {
        std::fs::create_dir_all(parts.with_file_name(folder)).map_err(fail)?;
    }
    for entry in std::fs::read_dir("/etc/apt/sources.list.d").map_err(fail)?.flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        // Debian's own; others have no sources to give.
        if entry.path().extension().is_some_and(|e| e == "sources") && text.contains("debian-archive-keyring") {
            let sources: String = text
                .lines()
                .map(|l| if l == "Types: deb" { "Types: deb-src\n".into() } else { format!("{l}\n") })
                .collect();
            std::fs::write(parts.join(entry.file_name()), sources).map_err(fail)?;
        }
    }
    let mut apt = Command::new("apt-get");
    let option = |name: &str, value: &Path| format!("{name}={}", value.display());
    for (name, value) in [
        ("Dir::Etc::SourceParts", parts.clone()),
        ("Dir::Etc::SourceList", PathBuf::from("/dev/null")),
        ("Dir::State::Lists", folder.join("lists")),
        ("Dir::Cache", folder.to_path_buf()),
    ] {
        apt.arg("-o").arg(option(name, &value));
    }
    // As root it would look for a user of its own, who may not write here.
    apt.args(["-o", "APT::Sandbox::User=root", "-qq"]);
    Ok(apt)
}

/// SHA-256 in hex.
pub fn sha256(file: &Path) -> Result<String> {
    let out = shell::output(Command::new("sha256sum").arg(file))?;
    Ok(String::from_utf8_lossy(&out.stdout).split(' ').next().unwrap_or_default().to_string())
}
