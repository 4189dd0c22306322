//! The functions on open files, `fd_*`.

use std::fs::FileTimes;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::abi::{Answer, Errno, fdflags, filetype, fstflags, rights};
use super::descriptors::{self, Descriptor, Directory, Entry, Kind, OpenFile};
use super::disk::{read, write};
use super::memory::Memory;
use super::{Host, Residue};

/// The most names that the listings of all open folders may hold together.
const MOST_LISTED: usize = 1_000_000;

/// The size of a `dirent`, without the name after it.
const DIRENT: usize = 24;

impl Host {
    pub(super) fn fd_advise(&self, fd: u32, advice: u32) -> Answer {
        self.file(fd)?;
        if advice <= 5 { Ok(()) } else { Err(Errno::INVAL.into()) }
    }

    pub(super) fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Answer {
        let end = offset.checked_add(len).ok_or(Errno::FBIG)?;
        if len == 0 {
            return Err(Errno::INVAL.into());
        }
        let open = self.writable_file(fd)?;
        if open.file.metadata()?.len() < end {
            open.file.set_len(end)?;
        }
        Ok(())
    }

    /// A snapshot is of no use after a power failure, so nothing waits for the disk.
    pub(super) fn fd_sync(&self, fd: u32) -> Answer {
        match &self.descriptors.get(fd)?.kind {
            Kind::File(_) | Kind::Directory(_) => Ok(()),
            Kind::Stdin | Kind::Output => Err(Errno::INVAL.into()),
        }
    }

    pub(super) fn fd_fdstat_get(&mut self, memory: &mut Memory, fd: u32, out: u32) -> Answer {
        let open = self.descriptors.get(fd)?;
        // Not a terminal: who thinks it were may colour what is printed when the program runs.
        let (filetype, base, inheriting) = match &open.kind {
            Kind::Stdin => (filetype::UNKNOWN, rights::FD_READ, 0),
            Kind::Output => (filetype::UNKNOWN, rights::FD_WRITE, 0),
            Kind::Directory(_) => (filetype::DIRECTORY, rights::DIRECTORY, rights::INHERITED),
            Kind::File(open) => {
                let reading = if open.readable { rights::READING } else { rights::FILE };
                let writing = if open.writable { rights::WRITING } else { rights::FILE };
                (filetype::REGULAR_FILE, reading | writing, 0)
            }
        };
        let mut stat = [0; 24];
        stat[0] = filetype;
        stat[2..4].copy_from_slice(&open.flags.to_le_bytes());
        stat[8..16].copy_from_slice(&base.to_le_bytes());
        stat[16..24].copy_from_slice(&inheriting.to_le_bytes());
        if matches!(open.kind, Kind::Stdin | Kind::Output) {
            self.asked.insert(Residue::Streams);
        }
        Ok(memory.write(out, &stat)?)
    }

    pub(super) fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u16) -> Answer {
        let open = self.descriptors.get_mut(fd)?;
        // What a standard stream is told would be forgotten when the program runs.
        if !matches!(open.kind, Kind::File(_)) {
            return Err(Errno::BADF.into());
        }
        if flags & !(fdflags::APPEND | fdflags::NONBLOCK) != 0 {
            return Err(Errno::INVAL.into());
        }
        open.flags = flags;
        Ok(())
    }

    pub(super) fn fd_filestat_get(&mut self, memory: &mut Memory, fd: u32, out: u32) -> Answer {
        let stat = match &self.descriptors.get(fd)?.kind {
            Kind::Stdin | Kind::Output => filestat(0, 0, filetype::UNKNOWN, 0),
            Kind::Directory(dir) => filestat(1, dir.own_inode(), filetype::DIRECTORY, 0),
            Kind::File(open) => filestat(1, open.inode, filetype::REGULAR_FILE, open.file.metadata()?.len()),
        };
        if self.file(fd) == Err(Errno::SPIPE) {
            self.asked.insert(Residue::Streams);
        }
        Ok(memory.write(out, &stat)?)
    }

    pub(super) fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Answer {
        Ok(self.writable_file(fd)?.file.set_len(size)?)
    }

    pub(super) fn fd_filestat_set_times(&mut self, fd: u32, atim: u64, mtim: u64, flags: u32) -> Answer {
        let times = file_times(atim, mtim, flags)?;
        let open = self.descriptors.get(fd)?;
        match &open.kind {
            Kind::File(open) if open.in_writable => open.file.set_times(times)?,
            Kind::Directory(dir) if dir.writable => dir.dir.open(".")?.into_std().set_times(times)?,
            Kind::File(_) | Kind::Directory(_) => return Err(Errno::ROFS.into()),
            Kind::Stdin | Kind::Output => return Err(Errno::BADF.into()),
        }
        self.written = true;
        Ok(())
    }

    /// `fd_read`, and `fd_pread` where there is an offset.
    pub(super) fn fd_read(
        &mut self,
        memory: &mut Memory,
        fd: u32,
        vectors: u32,
        count: u32,
        offset: Option<u64>,
        out: u32,
    ) -> Answer {
        let vectors = memory.vectors(vectors, count)?;
        memory.check(out, 4)?;
        let done = match (&mut self.descriptors.get_mut(fd)?.kind, offset) {
            (Kind::File(open), _) if !open.readable => return Err(Errno::BADF.into()),
            (Kind::File(open), offset) => {
                let done = read(&open.file, memory, &vectors, offset.unwrap_or(open.position))?;
                if offset.is_none() {
                    open.position = open.position.saturating_add(u64::from(done));
                }
                done
            }
            (Kind::Directory(_), _) => return Err(Errno::ISDIR.into()),
            (Kind::Stdin | Kind::Output, Some(_)) => return Err(Errno::SPIPE.into()),
            (Kind::Output, None) => return Err(Errno::BADF.into()),
            (Kind::Stdin, None) => self.read_stdin(memory, &vectors)?,
        };
        Ok(memory.write_u32(out, done)?)
    }

    fn read_stdin(&mut self, memory: &mut Memory, vectors: &[(u32, u32)]) -> Answer<u32> {
        if !self.stdin_granted {
            self.hint("it read standard input, which is empty: --preinit-stdin FILE".to_string());
        }
        let mut done = 0;
        for (at, len) in vectors {
            let rest = self.stdin.get(self.stdin_at..).unwrap_or_default();
            let some = rest.get(..*len as usize).unwrap_or(rest);
            memory.write(*at, some)?;
            self.stdin_at += some.len();
            done += some.len() as u32;
        }
        if done == 0 && !vectors.is_empty() {
            self.asked.insert(Residue::StdinEnded);
        }
        Ok(done)
    }

    /// `fd_write`, and `fd_pwrite` where there is an offset.
    pub(super) fn fd_write(
        &mut self,
        memory: &mut Memory,
        fd: u32,
        vectors: u32,
        count: u32,
        offset: Option<u64>,
        out: u32,
    ) -> Answer {
        let vectors = memory.vectors(vectors, count)?;
        memory.check(out, 4)?;
        let open = self.descriptors.get_mut(fd)?;
        let done = match (&mut open.kind, offset) {
            (Kind::File(open), _) if !open.writable => return Err(Errno::BADF.into()),
            (Kind::File(file), offset) => {
                self.written = true;
                // Where a file is appended to, an offset is ignored, as Linux does.
                let append = open.flags & fdflags::APPEND != 0;
                let start = if append { file.file.metadata()?.len() } else { offset.unwrap_or(file.position) };
                let done = write(&file.file, memory, &vectors, start)?;
                if offset.is_none() {
                    file.position = start.saturating_add(u64::from(done));
                }
                done
            }
            (Kind::Output, None) => {
                let mut done = 0;
                for (at, len) in vectors {
                    self.print(memory.bytes(at, len)?)?;
                    done += len;
                }
                done
            }
            (Kind::Stdin | Kind::Output, Some(_)) => return Err(Errno::SPIPE.into()),
            (Kind::Stdin | Kind::Directory(_), _) => return Err(Errno::BADF.into()),
        };
        Ok(memory.write_u32(out, done)?)
    }

    pub(super) fn fd_prestat_get(&mut self, memory: &mut Memory, fd: u32, out: u32) -> Answer {
        self.asked.insert(Residue::Folders);
        if self.grants.is_empty() {
            self.hint("it looked for folders, and has none: --preinit-dir HOST::GUEST".to_string());
        }
        match self.descriptors.get(fd)? {
            Descriptor { kind: Kind::Directory(_), start: Some(_), shown, .. } => {
                let len = u32::try_from(shown.len()).map_err(|_| Errno::OVERFLOW)?;
                memory.write_u32(out, 0)?;
                Ok(memory.write_u32(out.checked_add(4).ok_or(Errno::FAULT)?, len)?)
            }
            // The end of the folders, for wasi-libc.
            _ => Err(Errno::BADF.into()),
        }
    }

    pub(super) fn fd_prestat_dir_name(&mut self, memory: &mut Memory, fd: u32, at: u32, len: u32) -> Answer {
        self.asked.insert(Residue::Folders);
        match self.descriptors.get(fd)? {
            Descriptor { kind: Kind::Directory(_), start: Some(_), shown, .. } => match shown.len() <= len as usize {
                true => Ok(memory.write(at, shown.as_bytes())?),
                false => Err(Errno::NAMETOOLONG.into()),
            },
            _ => Err(Errno::NOTDIR.into()),
        }
    }

    pub(super) fn fd_seek(&mut self, memory: &mut Memory, fd: u32, offset: i64, whence: u32, out: u32) -> Answer {
        memory.check(out, 8)?;
        self.file(fd)?;
        let Kind::File(open) = &mut self.descriptors.get_mut(fd)?.kind else { return Err(Errno::BADF.into()) };
        let base = match whence {
            0 => 0,
            1 => open.position,
            2 => open.file.metadata()?.len(),
            _ => return Err(Errno::INVAL.into()),
        };
        let position = base.checked_add_signed(offset).filter(|at| i64::try_from(*at).is_ok()).ok_or(Errno::INVAL)?;
        open.position = position;
        Ok(memory.write_u64(out, position)?)
    }

    /// Names are in order: on the disk they are in another one on every machine.
    pub(super) fn fd_readdir(
        &mut self,
        memory: &mut Memory,
        fd: u32,
        (at, len): (u32, u32),
        cookie: u64,
        out: u32,
    ) -> Answer {
        memory.check(at, len)?;
        memory.check(out, 4)?;
        let dir = self.descriptors.dir(fd)?;
        // From the beginning means anew. In between, nothing that happens to the folder may shift the
        // names that are still to come.
        if cookie == 0 || dir.listing.is_none() {
            let own = dir.listing.as_ref().map_or(0, Vec::len);
            let room = MOST_LISTED.saturating_sub(self.descriptors.listed() - own);
            let listing = list(dir, room)?;
            if let Kind::Directory(dir) = &mut self.descriptors.get_mut(fd)?.kind {
                dir.listing = Some(listing);
            }
        }
        let entries = self.descriptors.dir(fd)?.listing.as_deref().unwrap_or_default();
        let mut buffer = memory.bytes_mut(at, len)?;
        let first = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (next, entry) in (1_u64..).zip(entries).skip(first) {
            let mut dirent = [0; DIRENT];
            dirent[..8].copy_from_slice(&next.to_le_bytes());
            dirent[8..16].copy_from_slice(&entry.inode.to_le_bytes());
            dirent[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
            dirent[20] = entry.filetype;
            // The last entry is cut off where the buffer ends, by which a program sees that there is
            // more.
            buffer = fill(fill(buffer, &dirent), entry.name.as_bytes());
            if buffer.is_empty() {
                break;
            }
        }
        let left = buffer.len() as u32;
        Ok(memory.write_u32(out, len - left)?)
    }

    /// The open file of a number, or the error for what is none.
    fn file(&self, fd: u32) -> Result<(), Errno> {
        match &self.descriptors.get(fd)?.kind {
            Kind::File(_) => Ok(()),
            Kind::Stdin | Kind::Output => Err(Errno::SPIPE),
            Kind::Directory(_) => Err(Errno::BADF),
        }
    }

    /// A file to be changed.
    fn writable_file(&mut self, fd: u32) -> Answer<&OpenFile> {
        match &self.descriptors.get(fd)?.kind {
            Kind::File(open) if open.writable => {
                self.written = true;
                Ok(open)
            }
            Kind::File(_) => Err(Errno::INVAL.into()),
            _ => Err(Errno::BADF.into()),
        }
    }
}

/// A `filestat`. What depends on the machine is fixed: times, the number of links, the size of folders.
pub(super) fn filestat(dev: u64, inode: u64, filetype: u8, size: u64) -> [u8; 64] {
    let mut stat = [0; 64];
    stat[..8].copy_from_slice(&dev.to_le_bytes());
    stat[8..16].copy_from_slice(&inode.to_le_bytes());
    stat[16] = filetype;
    stat[24..32].copy_from_slice(&dev.to_le_bytes());
    stat[32..40].copy_from_slice(&size.to_le_bytes());
    stat
}

/// Times to set. "Now" is really now: the program does not see it, and whoever looks at the folder
/// afterwards expects it.
pub(super) fn file_times(atim: u64, mtim: u64, flags: u32) -> Result<FileTimes, Errno> {
    let one = |set: u32, now: u32, nanos: u64| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)).map(Some).ok_or(Errno::INVAL),
        (false, true) => Ok(Some(SystemTime::now())),
        (false, false) => Ok(None),
    };
    let mut times = FileTimes::new();
    if let Some(time) = one(fstflags::ATIM, fstflags::ATIM_NOW, atim)? {
        times = times.set_accessed(time);
    }
    if let Some(time) = one(fstflags::MTIM, fstflags::MTIM_NOW, mtim)? {
        times = times.set_modified(time);
    }
    Ok(times)
}

/// What is in a folder, by name, with `.` and `..`.
fn list(dir: &Directory, most: usize) -> Answer<Vec<Entry>> {
    let up = dir.inside.rsplit_once('/').map_or("", |(up, _)| up);
    let entry = |name: &str, inode| Entry { name: name.to_string(), inode, filetype: filetype::DIRECTORY };
    let mut entries = Vec::new();
    for found in dir.dir.entries()? {
        let found = found?;
        if entries.len() >= most {
            return Err(Errno::NOMEM.into());
        }
        let name = found.file_name().into_string().map_err(|_| Errno::ILSEQ)?;
        let filetype = match filetype::of(found.file_type()?) {
            // Not all disks say it in the listing.
            filetype::UNKNOWN => found.metadata().map_or(filetype::UNKNOWN, |meta| filetype::of(meta.file_type())),
            known => known,
        };
        let inside = descriptors::join(&dir.inside, Path::new(&name));
        entries.push(Entry { name, inode: descriptors::inode(dir.grant, &inside), filetype });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let here = [entry(".", dir.own_inode()), entry("..", descriptors::inode(dir.grant, up))];
    Ok(here.into_iter().chain(entries).collect())
}

/// Writes as much as fits, and returns the rest of the buffer.
fn fill<'a>(buffer: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (now, rest) = buffer.split_at_mut(bytes.len().min(buffer.len()));
    now.copy_from_slice(bytes.get(..now.len()).unwrap_or_default());
    rest
}
