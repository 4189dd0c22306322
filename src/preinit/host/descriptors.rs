//! The files that a program has open.

use std::fs::File;
use std::io;
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};

use super::abi::Errno;
use super::{GrantedDir, Residue};
use crate::error::{Error, Result};

/// The most files that a program may have open besides those it starts with. The process that builds
/// has often no more than 1,024, and a limit of the machine would be another one on the next.
pub(super) const MOST_OPEN: usize = 500;

/// An open file, by whatever number.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) kind: Kind,
    /// What to call it in messages: its path, as the program knows it.
    pub(super) shown: String,
    /// The number that it had at the start, if it was there.
    pub(super) start: Option<u32>,
    /// `fdflags`
    pub(super) flags: u16,
}

/// What is open.
#[derive(Debug)]
pub(super) enum Kind {
    Stdin,
    /// Standard output or standard error.
    Output,
    Directory(Directory),
    File(OpenFile),
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) dir: Dir,
    /// Which of the granted folders it is in.
    pub(super) grant: usize,
    /// Where in it, without links, `.` and `..`; empty for the granted folder itself.
    pub(super) inside: String,
    pub(super) writable: bool,
    /// What is in it, as of the last time that it was read from the beginning.
    pub(super) listing: Option<Vec<Entry>>,
}

/// What is in a folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) inode: u64,
    pub(super) filetype: u8,
}

/// An open file on the disk.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) inode: u64,
    pub(super) position: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Whether the folder it is in is granted for writing.
    pub(super) in_writable: bool,
}

impl Directory {
    /// The number of a file for this program. That of the disk is another one on another machine, so
    /// it is made of the path without links: two names for one file by symbolic links have one number,
    /// two by hard links have two.
    pub(super) fn inode(&self, path: &str, meta: &Metadata) -> u64 {
        inode(self.grant, &self.inside_of(path, meta))
    }

    /// Its own.
    pub(super) fn own_inode(&self) -> u64 {
        inode(self.grant, &self.inside)
    }

    /// Where in the granted folder a path leads. What is neither a file nor a folder is not opened,
    /// for that may wait, so such a path is taken as it is written.
    pub(super) fn inside_of(&self, path: &str, meta: &Metadata) -> String {
        let written = Path::new(path);
        let found = match written.file_name() {
            _ if meta.is_file() || meta.is_dir() => self.dir.canonicalize(written),
            Some(name) if meta.is_symlink() => {
                let parent = written.parent().filter(|parent| !parent.as_os_str().is_empty());
                self.dir.canonicalize(parent.unwrap_or(Path::new("."))).map(|parent| parent.join(name))
            }
            _ => Ok(written.to_path_buf()),
        };
        join(&self.inside, &found.unwrap_or(written.to_path_buf()))
    }
}

/// A path below another. `.` is left out; `..` cannot be there, as the paths are without it.
pub(super) fn join(base: &str, path: &Path) -> String {
    let mut joined = base.to_string();
    for part in path.components() {
        if let Component::Normal(part) = part {
            if !joined.is_empty() && !joined.ends_with('/') {
                joined.push('/');
            }
            joined.push_str(&part.to_string_lossy());
        }
    }
    joined
}

/// FNV-1a, then the last step of splitmix64, since FNV leaves the high bits of short strings alike.
pub(super) fn inode(grant: usize, inside: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in (grant as u64).to_le_bytes().iter().chain(inside.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // Zero means to wasi-libc that there is no number.
    mix(hash).max(1)
}

/// The output function of splitmix64.
pub(super) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The open files by number.
#[derive(Debug)]
pub(super) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// How many there were at the start, and what each was called.
    start: Vec<String>,
}

impl Descriptors {
    /// The standard streams, and the granted folders from number 3.
    pub(super) fn new(grants: &[GrantedDir]) -> Result<Descriptors> {
        let mut kinds = vec![
            (Kind::Stdin, "standard input".to_string()),
            (Kind::Output, "standard output".to_string()),
            (Kind::Output, "standard error".to_string()),
        ];
        for (i, grant) in grants.iter().enumerate() {
            let dir =
                Dir::open_ambient_dir(&grant.host, ambient_authority()).map_err(|error| cannot_grant(grant, &error))?;
            if grant.guest.is_empty() || grant.guest.contains('\0') {
                return Err(Error::usage(format!("the program cannot know a folder as {:?}", grant.guest))
                    .help(format!("--preinit-dir {}::/NAME", grant.host.display())));
            }
            if let Some(other) = grants.iter().take(i).find(|other| other.guest == grant.guest) {
                let (a, b) = (other.host.display(), grant.host.display());
                return Err(Error::usage(format!("both {a} and {b} are granted as {}", grant.guest))
                    .help(format!("give one of them another name: --preinit-dir {b}::{}2", grant.guest)));
            }
            let (inside, writable) = (String::new(), grant.writable);
            let directory = Directory { dir, grant: i, inside, writable, listing: None };
            kinds.push((Kind::Directory(directory), grant.guest.clone()));
        }
        let start = kinds.iter().map(|(_, shown)| shown.clone()).collect();
        let numbered = (0..).zip(kinds);
        let slots = numbered.map(|(fd, (kind, shown))| Some(Descriptor { kind, shown, start: Some(fd), flags: 0 }));
        Ok(Descriptors { slots: slots.collect(), start })
    }

    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::BADF)
    }

    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BADF)
    }

    pub(super) fn dir(&self, fd: u32) -> Result<&Directory, Errno> {
        match &self.get(fd)?.kind {
            Kind::Directory(dir) => Ok(dir),
            Kind::File(_) => Err(Errno::NOTDIR),
            _ => Err(Errno::BADF),
        }
    }

    /// Whether another file may be opened.
    pub(super) fn check_room(&self) -> Result<(), Errno> {
        let open = self.slots.iter().flatten().filter(|open| open.start.is_none()).count();
        if open < MOST_OPEN { Ok(()) } else { Err(Errno::MFILE) }
    }

    /// Adds an open file under the lowest free number, which is what programs of POSIX expect.
    pub(super) fn add(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let fd = u32::try_from(free).map_err(|_| Errno::MFILE)?;
        match self.slots.get_mut(free) {
            Some(slot) => *slot = Some(descriptor),
            None => self.slots.push(Some(descriptor)),
        }
        Ok(fd)
    }

    pub(super) fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::take).map(drop).ok_or(Errno::BADF)
    }

    /// Gives a file another number, and closes what had it.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.slots.get_mut(from as usize).and_then(Option::take);
            if let Some(slot) = self.slots.get_mut(to as usize) {
                *slot = moved;
            }
        }
        Ok(())
    }

    /// How many names the listings of the open folders hold.
    pub(super) fn listed(&self) -> usize {
        let listings = self.slots.iter().flatten().map(|open| match &open.kind {
            Kind::Directory(Directory { listing: Some(listing), .. }) => listing.len(),
            _ => 0,
        });
        listings.sum()
    }

    /// What is open now and was not at the start, and the other way round.
    pub(super) fn residue(&self) -> Vec<Residue> {
        let mut all = Vec::new();
        let mut there = vec![false; self.start.len()];
        for (fd, open) in (0..).zip(&self.slots) {
            match open {
                Some(Descriptor { start: Some(start), shown, .. }) => {
                    if let Some(there) = there.get_mut(*start as usize) {
                        *there = true;
                    }
                    if *start != fd {
                        all.push(Residue::Moved { from: *start, to: fd, what: shown.clone() });
                    }
                }
                Some(Descriptor { start: None, shown, .. }) => {
                    all.push(Residue::OpenFile { fd, path: shown.clone() });
                }
                None => {}
            }
        }
        let gone = (0..).zip(&self.start).zip(there).filter(|(_, there)| !there);
        all.extend(gone.map(|((fd, what), _)| Residue::Closed { fd, what: what.clone() }));
        all
    }
}

fn cannot_grant(grant: &GrantedDir, error: &io::Error) -> Error {
    let host = grant.host.display();
    let help = match (error.kind(), grant.host.parent()) {
        (io::ErrorKind::NotADirectory, Some(parent)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            format!("grant the folder that it is in: --preinit-dir {}::{}", parent.display(), grant.guest)
        }
        (io::ErrorKind::NotFound, _) => format!("--preinit-dir takes a folder that exists: mkdir -p {host}"),
        _ => format!("--preinit-dir takes a folder that can be read: ls {host}"),
    };
    Error::usage(format!("cannot grant {host} to initialization")).cause(error).help(help)
}
