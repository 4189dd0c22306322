//! The functions on paths, `path_*`. How a path is followed, and that it does not lead out of its
//! folder by `..` or links, is cap-std's affair.

use std::io;

use cap_std::fs::{Metadata, OpenOptions};

use super::Host;
use super::abi::{Answer, Errno, Halt, SYMLINK_FOLLOW, fdflags, filetype, oflags, rights};
use super::descriptors::{self, Descriptor, Directory, Kind, OpenFile};
use super::files::{file_times, filestat};
use super::memory::Memory;

/// How a path is to be opened.
struct Wanted {
    follow: bool,
    oflags: u32,
    read: bool,
    write: bool,
}

impl Wanted {
    fn has(&self, oflag: u32) -> bool {
        self.oflags & oflag != 0
    }
}

/// Why a path is not opened.
enum Refusal {
    Errno(Errno),
    Disk(io::Error),
    /// It would have to be written to, and the folder is granted for reading.
    ReadOnly,
    /// It is neither a file nor a folder.
    Special,
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Disk(error)
    }
}

impl Host {
    pub(super) fn path_open(
        &mut self,
        fd: u32,
        lookup: u32,
        path: &str,
        oflags: u32,
        rights: u64,
        flags: u16,
    ) -> Answer<u32> {
        self.descriptors.check_room()?;
        let wanted = Wanted {
            follow: lookup & SYMLINK_FOLLOW != 0,
            oflags,
            read: rights & rights::FD_READ != 0,
            write: rights & rights::FD_WRITE != 0,
        };
        let opened = open(self.descriptors.dir(fd)?, path, &wanted);
        let (kind, wrote) = opened.map_err(|refusal| match refusal {
            Refusal::Errno(errno) => errno.into(),
            Refusal::Disk(error) => self.failed(fd, path, error),
            Refusal::ReadOnly => self.read_only(fd, path),
            Refusal::Special => {
                let shown = self.shown(fd, path);
                self.hint(format!("it opened {shown}, which is neither a file nor a folder and is not to be had"));
                Errno::NOTSUP.into()
            }
        })?;
        self.written |= wrote;
        let shown = self.shown(fd, path);
        let descriptor = Descriptor { kind, shown, start: None, flags: flags & fdflags::ALL };
        Ok(self.descriptors.add(descriptor)?)
    }

    pub(super) fn path_filestat_get(
        &mut self,
        memory: &mut Memory,
        fd: u32,
        lookup: u32,
        path: &str,
        out: u32,
    ) -> Answer {
        let dir = self.descriptors.dir(fd)?;
        let meta = stat(dir, path, lookup & SYMLINK_FOLLOW != 0).map_err(|error| self.failed(fd, path, error))?;
        let dir = self.descriptors.dir(fd)?;
        let size = if meta.is_file() || meta.is_symlink() { meta.len() } else { 0 };
        let stat = filestat(1, dir.inode(path, &meta), filetype::of(meta.file_type()), size);
        Ok(memory.write(out, &stat)?)
    }

    pub(super) fn path_filestat_set_times(
        &mut self,
        fd: u32,
        lookup: u32,
        path: &str,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Answer {
        let times = file_times(atim, mtim, flags)?;
        self.check_writable(fd, path)?;
        let dir = self.descriptors.dir(fd)?;
        let wanted = Wanted { follow: lookup & SYMLINK_FOLLOW != 0, oflags: 0, read: true, write: false };
        let file = stat(dir, path, wanted.follow).and_then(|meta| match meta.is_file() || meta.is_dir() {
            true => open_with(dir, path, &wanted).map(Some),
            false => Ok(None),
        });
        match file.map_err(|error| self.failed(fd, path, error))? {
            Some(file) => Ok(file.set_times(times)?),
            None => Err(Errno::NOTSUP.into()),
        }
    }

    pub(super) fn path_readlink(
        &mut self,
        memory: &mut Memory,
        fd: u32,
        path: &str,
        (at, len): (u32, u32),
        out: u32,
    ) -> Answer {
        // A link to an absolute path is refused: where it leads is a matter of this machine.
        let target = self.descriptors.dir(fd)?.dir.read_link(path);
        let target = target.map_err(|error| self.failed(fd, path, error))?;
        let target = target.into_os_string().into_string().map_err(|_| Errno::ILSEQ)?;
        let target = target.as_bytes().get(..len as usize).unwrap_or(target.as_bytes());
        memory.write(at, target)?;
        Ok(memory.write_u32(out, target.len() as u32)?)
    }

    pub(super) fn path_create_directory(&mut self, fd: u32, path: &str) -> Answer {
        // Programs make folders that may be there, and take this answer for success.
        if self.descriptors.dir(fd)?.dir.symlink_metadata(path).is_ok() {
            return Err(Errno::EXIST.into());
        }
        self.check_writable(fd, path)?;
        let made = self.descriptors.dir(fd)?.dir.create_dir(path);
        made.map_err(|error| self.failed(fd, path, error))
    }

    pub(super) fn path_remove_directory(&mut self, fd: u32, path: &str) -> Answer {
        self.check_writable(fd, path)?;
        let removed = self.descriptors.dir(fd)?.dir.remove_dir(path);
        removed.map_err(|error| self.failed(fd, path, error))
    }

    pub(super) fn path_unlink_file(&mut self, fd: u32, path: &str) -> Answer {
        self.check_writable(fd, path)?;
        let removed = self.descriptors.dir(fd)?.dir.remove_file(path);
        removed.map_err(|error| self.failed(fd, path, error))
    }

    pub(super) fn path_rename(&mut self, fd: u32, old: &str, new_fd: u32, new: &str) -> Answer {
        self.check_writable(fd, old)?;
        self.check_writable(new_fd, new)?;
        let renamed = self.descriptors.dir(fd)?.dir.rename(old, &self.descriptors.dir(new_fd)?.dir, new);
        renamed.map_err(|error| self.failed(fd, old, error))
    }

    /// Both folders have to be granted for writing: by another name in a folder that is, a file in one
    /// that is not could be written to.
    pub(super) fn path_link(&mut self, fd: u32, lookup: u32, old: &str, new_fd: u32, new: &str) -> Answer {
        if lookup & SYMLINK_FOLLOW != 0 {
            return Err(Errno::INVAL.into());
        }
        self.check_writable(fd, old)?;
        self.check_writable(new_fd, new)?;
        let linked = self.descriptors.dir(fd)?.dir.hard_link(old, &self.descriptors.dir(new_fd)?.dir, new);
        linked.map_err(|error| self.failed(fd, old, error))
    }

    pub(super) fn path_symlink(&mut self, target: &str, fd: u32, path: &str) -> Answer {
        self.check_writable(fd, path)?;
        let dir = &self.descriptors.dir(fd)?.dir;
        #[cfg(unix)]
        let made = dir.symlink(target, path);
        #[cfg(not(unix))]
        let made = dir.symlink_file(target, path);
        made.map_err(|error| self.failed(fd, path, error))
    }

    /// Whether the folder is granted for writing, which is then taken to happen.
    fn check_writable(&mut self, fd: u32, path: &str) -> Answer {
        match self.descriptors.dir(fd)?.writable {
            true => {
                self.written = true;
                Ok(())
            }
            false => Err(self.read_only(fd, path)),
        }
    }

    /// The path of a program, which has it from a folder that it has opened.
    fn shown(&self, fd: u32, path: &str) -> String {
        let folder = self.descriptors.get(fd).map_or("", |open| open.shown.as_str());
        format!("{}/{path}", folder.trim_end_matches('/'))
    }

    /// "Read-only file system": the error that programs have words for.
    fn read_only(&mut self, fd: u32, path: &str) -> Halt {
        let shown = self.shown(fd, path);
        let grant = self.descriptors.dir(fd).ok().and_then(|dir| self.grants.get(dir.grant));
        if let Some(flag) = grant.map(|grant| grant.writable_flag()) {
            self.hint(format!("it tried to write {shown}, in a folder that is granted for reading: {flag}"));
        }
        Errno::ROFS.into()
    }

    /// What the disk said about a path.
    fn failed(&mut self, fd: u32, path: &str, error: io::Error) -> Halt {
        let shown = self.shown(fd, path);
        match error.kind() {
            // cap-std's own, which comes from no call to the system.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                self.hint(format!("{shown} leads out of the folder that is granted: grant the one it leads to"));
            }
            io::ErrorKind::NotFound => self.hint(format!("{shown} was not found")),
            _ => {}
        }
        error.into()
    }
}

fn stat(dir: &Directory, path: &str, follow: bool) -> io::Result<Metadata> {
    if follow { dir.dir.metadata(path) } else { dir.dir.symlink_metadata(path) }
}

/// Opens a file or a folder, and tells whether that wrote to the disk. What a path leads to is looked
/// at first, since opening something else may wait, for the other end of a pipe.
fn open(dir: &Directory, path: &str, wanted: &Wanted) -> Result<(Kind, bool), Refusal> {
    if wanted.has(oflags::DIRECTORY) && wanted.has(oflags::CREAT | oflags::EXCL | oflags::TRUNC) {
        return Err(Refusal::Errno(Errno::INVAL));
    }
    // Who asks for a file that is not there yet means the name, not what a link leads to.
    let new = wanted.has(oflags::CREAT) && wanted.has(oflags::EXCL);
    let writes = wanted.write || wanted.has(oflags::TRUNC);
    match stat(dir, path, wanted.follow && !new) {
        Ok(_) if new => Err(Refusal::Errno(Errno::EXIST)),
        Ok(meta) if meta.is_symlink() => Err(Refusal::Errno(Errno::LOOP)),
        Ok(meta) if meta.is_dir() => match (writes || wanted.has(oflags::CREAT)) && !wanted.has(oflags::DIRECTORY) {
            true => Err(Refusal::Errno(Errno::ISDIR)),
            false => {
                let inside = dir.inside_of(path, &meta);
                let (opened, writable) = (dir.dir.open_dir(path)?, dir.writable);
                let directory = Directory { dir: opened, grant: dir.grant, inside, writable, listing: None };
                Ok((Kind::Directory(directory), false))
            }
        },
        Ok(meta) if !meta.is_file() => Err(Refusal::Special),
        Ok(_) if wanted.has(oflags::DIRECTORY) => Err(Refusal::Errno(Errno::NOTDIR)),
        Ok(_) if writes && !dir.writable => Err(Refusal::ReadOnly),
        Ok(_) => open_file(dir, path, wanted).map(|kind| (kind, wanted.has(oflags::TRUNC))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && wanted.has(oflags::CREAT) => match dir.writable {
            true => open_file(dir, path, wanted).map(|kind| (kind, true)),
            false => Err(Refusal::ReadOnly),
        },
        Err(error) => Err(error.into()),
    }
}

fn open_file(dir: &Directory, path: &str, wanted: &Wanted) -> Result<Kind, Refusal> {
    let file = open_with(dir, path, wanted)?;
    let meta = Metadata::from_file(&file)?;
    // Somebody has put another thing in its place.
    if !meta.is_file() {
        return Err(Refusal::Special);
    }
    let inode = descriptors::inode(dir.grant, &dir.inside_of(path, &meta));
    let (readable, writable) = (wanted.read, wanted.write);
    Ok(Kind::File(OpenFile { file, inode, position: 0, readable, writable, in_writable: dir.writable }))
}

fn open_with(dir: &Directory, path: &str, wanted: &Wanted) -> io::Result<std::fs::File> {
    let (create, truncate) = (wanted.has(oflags::CREAT) && dir.writable, wanted.has(oflags::TRUNC));
    let write = wanted.write || create || truncate;
    let mut options = OpenOptions::new();
    // The system opens nothing for neither reading nor writing, as a program may.
    options.read(wanted.read || !write).write(write).truncate(truncate);
    match wanted.has(oflags::EXCL) && create {
        true => options.create_new(true),
        false => options.create(create),
    };
    // Should a pipe have come in between, this does not wait for its other end.
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    Ok(dir.dir.open_with(path, &options)?.into_std())
}
