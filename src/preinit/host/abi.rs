//! The numbers of WASI preview 1: errors, kinds of files, flags and rights.

use std::io;

use super::Stop;

/// An error number, as a function returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(pub(super) u16);

impl Errno {
    pub(super) const SUCCESS: Errno = Errno(0);
    pub(super) const ACCES: Errno = Errno(2);
    pub(super) const AGAIN: Errno = Errno(6);
    pub(super) const BADF: Errno = Errno(8);
    pub(super) const BUSY: Errno = Errno(10);
    pub(super) const DQUOT: Errno = Errno(19);
    pub(super) const EXIST: Errno = Errno(20);
    pub(super) const FAULT: Errno = Errno(21);
    pub(super) const FBIG: Errno = Errno(22);
    pub(super) const ILSEQ: Errno = Errno(25);
    pub(super) const INTR: Errno = Errno(27);
    pub(super) const INVAL: Errno = Errno(28);
    pub(super) const IO: Errno = Errno(29);
    pub(super) const ISDIR: Errno = Errno(31);
    pub(super) const LOOP: Errno = Errno(32);
    pub(super) const MFILE: Errno = Errno(33);
    pub(super) const MLINK: Errno = Errno(34);
    pub(super) const NAMETOOLONG: Errno = Errno(37);
    pub(super) const NOENT: Errno = Errno(44);
    pub(super) const NOMEM: Errno = Errno(48);
    pub(super) const NOSPC: Errno = Errno(51);
    pub(super) const NOTDIR: Errno = Errno(54);
    pub(super) const NOTEMPTY: Errno = Errno(55);
    pub(super) const NOTSOCK: Errno = Errno(57);
    pub(super) const NOTSUP: Errno = Errno(58);
    pub(super) const OVERFLOW: Errno = Errno(61);
    pub(super) const PERM: Errno = Errno(63);
    pub(super) const ROFS: Errno = Errno(69);
    pub(super) const SPIPE: Errno = Errno(70);
    pub(super) const TXTBSY: Errno = Errno(74);
    pub(super) const XDEV: Errno = Errno(75);
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Errno {
        // What the standard library has no kind for, or one kind for two errors.
        #[cfg(unix)]
        match error.raw_os_error() {
            Some(libc::ELOOP) => return Errno::LOOP,
            Some(libc::ENAMETOOLONG) => return Errno::NAMETOOLONG,
            Some(libc::EMFILE | libc::ENFILE) => return Errno::MFILE,
            Some(libc::EACCES) => return Errno::ACCES,
            _ => {}
        }
        match error.kind() {
            io::ErrorKind::NotFound => Errno::NOENT,
            io::ErrorKind::PermissionDenied => Errno::PERM,
            io::ErrorKind::AlreadyExists => Errno::EXIST,
            io::ErrorKind::WouldBlock => Errno::AGAIN,
            io::ErrorKind::NotADirectory => Errno::NOTDIR,
            io::ErrorKind::IsADirectory => Errno::ISDIR,
            io::ErrorKind::DirectoryNotEmpty => Errno::NOTEMPTY,
            io::ErrorKind::ReadOnlyFilesystem => Errno::ROFS,
            io::ErrorKind::InvalidInput => Errno::INVAL,
            io::ErrorKind::StorageFull => Errno::NOSPC,
            io::ErrorKind::NotSeekable => Errno::SPIPE,
            io::ErrorKind::QuotaExceeded => Errno::DQUOT,
            io::ErrorKind::FileTooLarge => Errno::FBIG,
            io::ErrorKind::ResourceBusy => Errno::BUSY,
            io::ErrorKind::ExecutableFileBusy => Errno::TXTBSY,
            io::ErrorKind::CrossesDevices => Errno::XDEV,
            io::ErrorKind::TooManyLinks => Errno::MLINK,
            io::ErrorKind::InvalidFilename => Errno::NAMETOOLONG,
            io::ErrorKind::Interrupted => Errno::INTR,
            io::ErrorKind::Unsupported => Errno::NOTSUP,
            io::ErrorKind::OutOfMemory => Errno::NOMEM,
            _ => Errno::IO,
        }
    }
}

/// Why a function does not succeed: an error that the program is told, or an end.
#[derive(Debug)]
pub(super) enum Halt {
    Errno(Errno),
    Stop(Stop),
}

impl From<Errno> for Halt {
    fn from(errno: Errno) -> Halt {
        Halt::Errno(errno)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Halt {
        Halt::Errno(error.into())
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Halt {
        Halt::Stop(stop)
    }
}

/// What a function returns inside: its results are in memory by then.
pub(super) type Answer<T = ()> = Result<T, Halt>;

/// `filetype`. Pipes have none of their own.
pub(super) mod filetype {
    pub const UNKNOWN: u8 = 0;
    pub const BLOCK_DEVICE: u8 = 1;
    pub const CHARACTER_DEVICE: u8 = 2;
    pub const DIRECTORY: u8 = 3;
    pub const REGULAR_FILE: u8 = 4;
    pub const SOCKET_STREAM: u8 = 6;
    pub const SYMBOLIC_LINK: u8 = 7;

    /// That of a file on the disk.
    pub fn of(ty: cap_std::fs::FileType) -> u8 {
        #[cfg(unix)]
        {
            use cap_std::fs::FileTypeExt;
            if ty.is_block_device() {
                return BLOCK_DEVICE;
            } else if ty.is_char_device() {
                return CHARACTER_DEVICE;
            } else if ty.is_socket() {
                return SOCKET_STREAM;
            }
        }
        match ty {
            ty if ty.is_dir() => DIRECTORY,
            ty if ty.is_file() => REGULAR_FILE,
            ty if ty.is_symlink() => SYMBOLIC_LINK,
            _ => UNKNOWN,
        }
    }
}

/// `fdflags`
pub(super) mod fdflags {
    pub const APPEND: u16 = 1;
    pub const DSYNC: u16 = 1 << 1;
    pub const NONBLOCK: u16 = 1 << 2;
    pub const RSYNC: u16 = 1 << 3;
    pub const SYNC: u16 = 1 << 4;
    pub const ALL: u16 = APPEND | DSYNC | NONBLOCK | RSYNC | SYNC;
}

/// `oflags`
pub(super) mod oflags {
    pub const CREAT: u32 = 1;
    pub const DIRECTORY: u32 = 1 << 1;
    pub const EXCL: u32 = 1 << 2;
    pub const TRUNC: u32 = 1 << 3;
}

/// `fstflags`
pub(super) mod fstflags {
    pub const ATIM: u32 = 1;
    pub const ATIM_NOW: u32 = 1 << 1;
    pub const MTIM: u32 = 1 << 2;
    pub const MTIM_NOW: u32 = 1 << 3;
}

/// `lookupflags`: whether a link that a path ends in is followed.
pub(super) const SYMLINK_FOLLOW: u32 = 1;

/// `subclockflags`: the time of a subscription is one of the clock, rather than from now.
pub(super) const ABSTIME: u16 = 1;

/// `eventrwflags`: there will never be more to read.
pub(super) const HANGUP: u16 = 1;

/// `rights`, which wasi-libc reads: an open asks for no more than its folder passes on, and
/// `fcntl(F_GETFL)` and `isatty` are made from them.
pub(super) mod rights {
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    const FD_DATASYNC: u64 = 1;
    const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    const FD_SYNC: u64 = 1 << 4;
    const FD_ADVISE: u64 = 1 << 7;
    const FD_ALLOCATE: u64 = 1 << 8;
    const FD_READDIR: u64 = 1 << 14;
    const FD_FILESTAT_GET: u64 = 1 << 21;
    const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    const POLL_FD_READWRITE: u64 = 1 << 27;
    /// From `path_create_directory` to `path_open`, and the others that begin with `path_` but for
    /// `path_filestat_set_size`, which no function needs.
    const PATHS: u64 = 0b1_1111 << 9 | 0b1111 << 15 | 1 << 20 | 0b111 << 24;

    /// What may be done with a folder.
    pub const DIRECTORY: u64 = PATHS | FD_READDIR | FD_FILESTAT_GET | FD_FILESTAT_SET_TIMES;
    /// What may be done with a file in it. Writing is there for a folder that is read-only as well:
    /// wasi-libc would leave the right to write out of an open without it, and a program would have
    /// a file that it cannot write to, instead of an error when it opens it.
    pub const INHERITED: u64 = DIRECTORY | READING | WRITING;
    /// What may be done with a file that is open for reading.
    pub const READING: u64 = FD_READ | FILE;
    /// What may be done with a file that is open for writing.
    pub const WRITING: u64 = FD_WRITE | FD_DATASYNC | FD_SYNC | FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FILE;
    /// What may be done with any file.
    pub const FILE: u64 = FD_SEEK
        | FD_TELL
        | FD_ADVISE
        | FD_FDSTAT_SET_FLAGS
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;
}
