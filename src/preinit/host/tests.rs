//! The host as a program sees it: calls with numbers, and bytes in memory.

use std::path::Path;

use tempfile::TempDir;

use super::*;

mod hostile;
mod machine;

const NOENT: u32 = 44;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const ROFS: u32 = 69;
const PERM: u32 = 63;

/// The rights to read and to write.
const R: u64 = 1 << 1;
const W: u64 = 1 << 6;

/// Where a test's program keeps a path, another path, and what it gets.
const PATH: u32 = 0x1000;
const PATH2: u32 = 0x2000;
const OUT: u32 = 0x3000;
const VECTOR: u32 = 0x3800;
const BUFFER: u32 = 0x4000;

/// A program with its memory.
struct Program {
    host: Host,
    memory: Vec<u8>,
}

impl Program {
    fn new(grants: &Grants) -> Program {
        Program { host: Host::new(grants).unwrap(), memory: vec![0; 1 << 16] }
    }

    /// One that sees a folder as `/data`.
    fn in_dir(dir: &Path, writable: bool) -> Program {
        Program::new(&Grants { dirs: vec![granted(dir, "/data", writable)], ..Grants::default() })
    }

    fn stopped(&mut self, name: &str, args: &[u64]) -> Result<u32, Stop> {
        self.host.call(Function::find(name).unwrap(), args, &mut self.memory)
    }

    fn call(&mut self, name: &str, args: &[u64]) -> u32 {
        self.stopped(name, args).unwrap()
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> [u64; 2] {
        self.memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
        [u64::from(at), bytes.len() as u64]
    }

    fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.memory[at as usize..][..4].try_into().unwrap())
    }

    fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.memory[at as usize..][..8].try_into().unwrap())
    }

    fn vector(&mut self, at: u32, len: u32) {
        self.put(VECTOR, &[at.to_le_bytes(), len.to_le_bytes()].concat());
    }

    fn open_in(&mut self, fd: u64, path: &str, oflags: u64, rights: u64) -> Result<u64, u32> {
        let [at, len] = self.put(PATH, path.as_bytes());
        match self.call("path_open", &[fd, 1, at, len, oflags, rights, 0, 0, OUT.into()]) {
            0 => Ok(self.u32(OUT).into()),
            errno => Err(errno),
        }
    }

    fn open(&mut self, path: &str, oflags: u64, rights: u64) -> Result<u64, u32> {
        self.open_in(3, path, oflags, rights)
    }

    fn read(&mut self, fd: u64, len: u32) -> Result<Vec<u8>, u32> {
        self.vector(BUFFER, len);
        match self.call("fd_read", &[fd, VECTOR.into(), 1, OUT.into()]) {
            0 => Ok(self.memory[BUFFER as usize..][..self.u32(OUT) as usize].to_vec()),
            errno => Err(errno),
        }
    }

    fn write(&mut self, fd: u64, bytes: &[u8]) -> Result<u32, Stop> {
        self.put(BUFFER, bytes);
        self.vector(BUFFER, bytes.len() as u32);
        self.stopped("fd_write", &[fd, VECTOR.into(), 1, OUT.into()])
    }

    /// A `filestat` without its padding.
    fn stat(&mut self, path: &str, follow: u64) -> Result<[u64; 8], u32> {
        let [at, len] = self.put(PATH, path.as_bytes());
        match self.call("path_filestat_get", &[3, follow, at, len, OUT.into()]) {
            0 => Ok(self.filestat()),
            errno => Err(errno),
        }
    }

    fn filestat(&self) -> [u64; 8] {
        let mut stat = [0, 8, 16, 24, 32, 40, 48, 56].map(|at| self.u64(OUT + at));
        stat[2] &= 0xff;
        stat
    }

    /// A function on one path of the folder.
    fn on_path(&mut self, name: &str, path: &str) -> u32 {
        let [at, len] = self.put(PATH, path.as_bytes());
        self.call(name, &[3, at, len])
    }

    fn residue(&self) -> Vec<&'static str> {
        self.host.residue().iter().map(Residue::name).collect()
    }
}

fn granted(host: &Path, guest: &str, writable: bool) -> GrantedDir {
    GrantedDir { host: host.to_path_buf(), guest: guest.to_string(), writable }
}

/// `a.txt` with ten bytes, an empty `b`, and `sub/c`.
fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("b"), "").unwrap();
    std::fs::write(dir.path().join("a.txt"), "0123456789").unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    std::fs::write(dir.path().join("sub/c"), "c").unwrap();
    dir
}

#[test]
fn the_table_is_that_of_preview_1() {
    assert_eq!(Function::ALL.len(), 46);
    assert!(Function::ALL.is_sorted_by_key(|f| f.name()));
    assert_eq!(Function::find("path_open"), Some(Function::PathOpen));
    assert_eq!(Function::find("path_openat"), None);
    use Type::{I32, I64};
    assert_eq!(Function::PathOpen.params(), [I32, I32, I32, I32, I32, I64, I64, I32, I32]);
    assert!(Function::ALL.iter().all(|f| f.has_result() == (f.name() != "proc_exit")));
}

/// An engine may run on a thread of its own.
#[test]
fn a_host_can_be_sent() {
    fn sent<T: Send + 'static>() {}
    sent::<(Host, Stop, Residue)>();
}

#[test]
fn arguments_and_environment() {
    let env = vec![("K".to_string(), "v=1".to_string())];
    let grants = Grants { args: vec!["prog".to_string(), "é".to_string()], env, ..Grants::default() };
    let mut program = Program::new(&grants);
    assert_eq!(program.call("args_sizes_get", &[OUT.into(), u64::from(OUT) + 4]), 0);
    assert_eq!((program.u32(OUT), program.u32(OUT + 4)), (2, 8));
    assert_eq!(program.call("args_get", &[OUT.into(), BUFFER.into()]), 0);
    assert_eq!((program.u32(OUT), program.u32(OUT + 4)), (BUFFER, BUFFER + 5));
    assert_eq!(&program.memory[BUFFER as usize..][..8], "prog\0é\0".as_bytes());
    assert_eq!(program.residue(), ["arguments"]);
    assert_eq!(program.call("environ_sizes_get", &[OUT.into(), u64::from(OUT) + 4]), 0);
    assert_eq!((program.u32(OUT), program.u32(OUT + 4)), (1, 6));
    assert_eq!(program.call("environ_get", &[OUT.into(), BUFFER.into()]), 0);
    assert_eq!(&program.memory[BUFFER as usize..][..6], b"K=v=1\0");
    assert_eq!(program.residue(), ["arguments", "environment"]);
    // The last byte does not fit.
    assert_eq!(program.call("environ_get", &[OUT.into(), (1 << 16) - 5]), FAULT);
    let error = Host::new(&Grants { args: vec!["a\0b".to_string()], ..Grants::default() }).unwrap_err();
    assert!(error.message.contains("--preinit-arg"), "{error}");
}

#[test]
fn a_file_is_read_and_leaves_nothing_when_closed() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    let fd = program.open("a.txt", 0, R).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(program.read(fd, 4).unwrap(), b"0123");
    assert_eq!(program.call("fd_tell", &[fd, OUT.into()]), 0);
    assert_eq!(program.u64(OUT), 4);
    assert_eq!(program.call("fd_seek", &[fd, -2_i64 as u64, 2, OUT.into()]), 0);
    assert_eq!(program.read(fd, 100).unwrap(), b"89");
    assert_eq!(program.read(fd, 100).unwrap(), b"");
    assert_eq!(program.call("fd_seek", &[fd, -1_i64 as u64, 0, OUT.into()]), INVAL);
    assert_eq!(program.call("fd_seek", &[fd, i64::MAX as u64, 1, OUT.into()]), INVAL);
    // At an offset, into two buffers; the position stays.
    program.put(VECTOR, &[[0, 0x40, 0, 0], [3, 0, 0, 0], [0, 0x50, 0, 0], [99, 0, 0, 0]].concat());
    assert_eq!(program.call("fd_pread", &[fd, VECTOR.into(), 2, 5, OUT.into()]), 0);
    assert_eq!((program.u32(OUT), &program.memory[0x4000..0x4003]), (5, &b"567"[..]));
    assert_eq!(&program.memory[0x5000..0x5002], b"89");
    assert_eq!(program.write(fd, b"x").unwrap(), BADF);

    let residue = Residue::OpenFile { fd: 4, path: "/data/a.txt".to_string() };
    assert!(residue.is_state());
    assert_eq!(residue.to_string(), "left /data/a.txt open, as file 4");
    assert_eq!(program.host.residue(), [residue]);
    assert_eq!(program.call("fd_close", &[fd]), 0);
    assert_eq!(program.call("fd_close", &[fd]), BADF);
    assert_eq!(program.residue(), Vec::<&str>::new());
    assert!(!program.host.has_written());
}

#[test]
fn a_folder_granted_for_reading_is_not_written() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    assert_eq!(program.open("a.txt", 0, R | W), Err(ROFS));
    assert_eq!(program.open("a.txt", 8, R), Err(ROFS));
    assert_eq!(program.open("new", 1, R | W), Err(ROFS));
    // Where the file is there, this does not write.
    let fd = program.open("a.txt", 1, R).unwrap();
    assert_eq!(program.open("a.txt", 5, R), Err(20));
    for name in ["path_unlink_file", "path_remove_directory", "path_create_directory"] {
        assert_eq!(program.on_path(name, "new"), ROFS, "{name}");
    }
    assert_eq!(program.on_path("path_create_directory", "sub"), 20);
    let ([a, alen], [b, blen]) = (program.put(PATH, b"a.txt"), program.put(PATH2, b"z"));
    assert_eq!(program.call("path_rename", &[3, a, alen, 3, b, blen]), ROFS);
    assert_eq!(program.call("path_link", &[3, 0, a, alen, 3, b, blen]), ROFS);
    assert_eq!(program.call("path_symlink", &[a, alen, 3, b, blen]), ROFS);
    assert_eq!(program.call("path_filestat_set_times", &[3, 1, a, alen, 0, 0, 5]), ROFS);
    assert_eq!(program.call("fd_filestat_set_times", &[fd, 0, 0, 5]), ROFS);
    assert_eq!(program.call("fd_filestat_set_times", &[3, 0, 0, 5]), ROFS);
    assert_eq!(program.call("fd_filestat_set_size", &[fd, 0]), INVAL);
    assert_eq!(std::fs::read(dir.path().join("a.txt")).unwrap(), b"0123456789");
    assert!(!program.host.has_written());
    let flag = format!("--preinit-dir {}::/data::rw", dir.path().display());
    assert!(program.host.hints().iter().any(|hint| hint.contains("/data/a.txt") && hint.contains(&flag)));
}

#[test]
fn a_folder_granted_for_writing_is_written() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), true);
    let fd = program.open("new", 1 | 4, R | W).unwrap();
    assert!(program.host.has_written());
    assert_eq!(program.write(fd, b"hello").unwrap(), 0);
    assert_eq!(program.u32(OUT), 5);
    assert_eq!(program.call("fd_seek", &[fd, 1, 0, OUT.into()]), 0);
    assert_eq!(program.read(fd, 9).unwrap(), b"ello");
    assert_eq!(program.call("fd_fdstat_set_flags", &[fd, 1]), 0);
    assert_eq!(program.call("fd_seek", &[fd, 0, 0, OUT.into()]), 0);
    assert_eq!(program.write(fd, b"!").unwrap(), 0);
    assert_eq!(std::fs::read(dir.path().join("new")).unwrap(), b"hello!");
    assert_eq!(program.call("fd_allocate", &[fd, 0, 8]), 0);
    assert_eq!(program.call("fd_filestat_get", &[fd, OUT.into()]), 0);
    assert_eq!(program.filestat()[4], 8);
    assert_eq!(program.call("fd_filestat_set_size", &[fd, 2]), 0);
    assert_eq!(program.call("fd_filestat_set_size", &[fd, u64::MAX]), INVAL);
    assert_eq!(program.call("fd_filestat_set_times", &[fd, 7, 7, 5]), 0);
    assert_eq!(program.call("fd_filestat_set_times", &[3, 7, 7, 10]), 0);
    assert_eq!(program.call("fd_sync", &[fd]), 0);
    let time = std::fs::metadata(dir.path().join("new")).unwrap().modified().unwrap();
    assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos(), 7);

    let ([a, alen], [b, blen]) = (program.put(PATH, b"new"), program.put(PATH2, b"sub/moved"));
    assert_eq!(program.call("path_rename", &[3, a, alen, 3, b, blen]), 0);
    assert_eq!(program.call("path_filestat_set_times", &[3, 1, b, blen, 0, 0, 5]), 0);
    assert_eq!(program.call("path_link", &[3, 0, b, blen, 3, a, alen]), 0);
    assert_eq!(std::fs::read(dir.path().join("new")).unwrap(), b"he");
    assert_eq!(program.on_path("path_create_directory", "made"), 0);
    assert_eq!(program.on_path("path_create_directory", "made"), 20);
    assert_eq!(program.on_path("path_remove_directory", "sub"), 55);
    assert_eq!(program.on_path("path_remove_directory", "made"), 0);
    assert_eq!(program.on_path("path_unlink_file", "new"), 0);
    assert_eq!(program.on_path("path_unlink_file", "new"), NOENT);
}

/// A file that may be read gets no second name where it could be written.
#[test]
fn a_file_does_not_become_writable_by_another_folder() {
    let (read, write) = (folder(), folder());
    let dirs = vec![granted(read.path(), "/r", false), granted(write.path(), "/w", true)];
    let mut program = Program::new(&Grants { dirs, ..Grants::default() });
    let ([a, alen], [b, blen]) = (program.put(PATH, b"a.txt"), program.put(PATH2, b"z"));
    assert_eq!(program.call("path_link", &[3, 0, a, alen, 4, b, blen]), ROFS);
    assert_eq!(program.call("path_rename", &[3, a, alen, 4, b, blen]), ROFS);
    assert_eq!(program.open_in(4, "z", 0, R), Err(NOENT));
}

#[test]
fn folders_are_listed_in_order() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    let list = |program: &mut Program, fd: u64, size: u32| {
        let (mut cookie, mut names) = (0, Vec::new());
        loop {
            assert_eq!(program.call("fd_readdir", &[fd, BUFFER.into(), size.into(), cookie, OUT.into()]), 0);
            let used = program.u32(OUT);
            let mut at = 0;
            while at + 24 <= used {
                let (next, len) = (program.u64(BUFFER + at), program.u32(BUFFER + at + 16));
                if at + 24 + len > used {
                    break;
                }
                let inode = program.u64(BUFFER + at + 8);
                let name = &program.memory[(BUFFER + at + 24) as usize..][..len as usize];
                let name = String::from_utf8(name.to_vec()).unwrap();
                names.push((name, program.memory[(BUFFER + at + 20) as usize], inode));
                cookie = next;
                at += 24 + len;
            }
            if used < size {
                return names;
            }
        }
    };
    let all = list(&mut program, 3, 4096);
    let names: Vec<_> = all.iter().map(|(name, ty, _)| (name.as_str(), *ty)).collect();
    assert_eq!(names, [(".", 3), ("..", 3), ("a.txt", 4), ("b", 4), ("sub", 3)]);
    for size in 29..80 {
        assert_eq!(list(&mut program, 3, size), all, "{size}");
    }
    // A buffer that is full holds the beginning of the next entry.
    assert_eq!(program.call("fd_readdir", &[3, BUFFER.into(), 10, 0, OUT.into()]), 0);
    assert_eq!(program.u32(OUT), 10);
    assert_eq!(program.call("fd_readdir", &[3, BUFFER.into(), 10, 5, OUT.into()]), 0);
    assert_eq!(program.u32(OUT), 0);
    assert_eq!(program.call("fd_readdir", &[3, BUFFER.into(), 10, u64::MAX, OUT.into()]), 0);
    // What comes in between shows when it is read from the beginning.
    std::fs::write(dir.path().join("0"), "").unwrap();
    assert_eq!(program.call("fd_readdir", &[3, BUFFER.into(), 29, 2, OUT.into()]), 0);
    assert_eq!(&program.memory[BUFFER as usize + 24..][..5], b"a.txt");
    assert_eq!(list(&mut program, 3, 4096)[2].0, "0");
    // The numbers are those that stat says.
    for (name, ty, inode) in &all[2..] {
        let stat = program.stat(name, 1).unwrap();
        assert_eq!((stat[1], stat[2]), (*inode, u64::from(*ty)), "{name}");
    }
    let sub = program.open("sub", 2, R).unwrap();
    let inside = list(&mut program, sub, 4096);
    assert_eq!((inside[0].2, inside[1].2), (all[4].2, all[0].2));
    assert_eq!(program.open_in(sub, "c", 0, R), Ok(5));
    assert_eq!(program.call("fd_filestat_get", &[5, OUT.into()]), 0);
    assert_eq!(program.filestat()[1], inside[2].2);
    assert_eq!(program.stat("sub/../sub/./c", 1).unwrap()[1], inside[2].2);
}

#[test]
fn files_are_the_same_on_every_disk() {
    let (one, two) = (folder(), folder());
    std::fs::remove_file(two.path().join("a.txt")).unwrap();
    std::fs::write(two.path().join("c"), "").unwrap();
    std::fs::write(two.path().join("a.txt"), "0123456789").unwrap();
    std::fs::hard_link(two.path().join("a.txt"), two.path().join("d")).unwrap();
    let (mut a, mut b) = (Program::in_dir(one.path(), false), Program::in_dir(two.path(), true));
    for path in ["a.txt", "b", "sub", "sub/c", "."] {
        let stat = a.stat(path, 1).unwrap();
        assert_eq!(stat, b.stat(path, 1).unwrap(), "{path}");
        assert_eq!((stat[0], stat[3], &stat[5..]), (1, 1, &[0, 0, 0][..]), "{path}");
        assert_ne!(stat[1], 0);
    }
    assert_eq!(a.stat("a.txt", 1).unwrap()[4], 10);
    assert_eq!(a.stat("sub", 1).unwrap()[4], 0);
    assert_eq!(a.stat("none", 1), Err(NOENT));
    let numbers: BTreeSet<u64> = ["a.txt", "b", "sub", "sub/c", "."].map(|p| a.stat(p, 0).unwrap()[1]).into();
    assert_eq!(numbers.len(), 5);
}

#[test]
fn the_structures_of_fdstat_and_prestat() {
    let dir = folder();
    let mut program = Program::in_dir(dir.path(), false);
    assert_eq!(program.call("fd_prestat_get", &[3, OUT.into()]), 0);
    assert_eq!((program.u32(OUT), program.u32(OUT + 4)), (0, 5));
    assert_eq!(program.call("fd_prestat_get", &[4, OUT.into()]), BADF);
    assert_eq!(program.call("fd_prestat_dir_name", &[3, BUFFER.into(), 5]), 0);
    assert_eq!(&program.memory[BUFFER as usize..][..6], b"/data\0");
    assert_eq!(program.call("fd_prestat_dir_name", &[3, BUFFER.into(), 4]), 37);
    assert_eq!(program.residue(), ["folders"]);
    assert_eq!(program.call("fd_fdstat_get", &[3, OUT.into()]), 0);
    let (base, inheriting) = (program.u64(OUT + 8), program.u64(OUT + 16));
    assert_eq!((program.u64(OUT), base & (R | W), inheriting & (R | W)), (3, 0, R | W));
    let fd = program.open("a.txt", 0, R).unwrap();
    assert_eq!(program.call("fd_fdstat_set_flags", &[fd, 5]), 0);
    assert_eq!(program.call("fd_fdstat_get", &[fd, OUT.into()]), 0);
    assert_eq!((program.u32(OUT), program.u64(OUT + 8) & (R | W)), (5 << 16 | 4, R));
    assert_eq!(program.residue(), ["open-file", "folders"]);
    assert_eq!(program.call("fd_fdstat_get", &[1, OUT.into()]), 0);
    assert_eq!((program.u64(OUT), program.u64(OUT + 8)), (0, W));
    assert_eq!(program.residue(), ["open-file", "folders", "streams"]);
    assert_eq!(program.call("fd_prestat_get", &[u32::MAX.into(), OUT.into()]), BADF);
}

#[test]
fn folders_that_cannot_be_granted() {
    let dir = folder();
    let new = |dirs| Host::new(&Grants { dirs, ..Grants::default() }).unwrap_err();
    let missing = new(vec![granted(&dir.path().join("none"), "/x", false)]);
    assert!(missing.help.unwrap().contains("mkdir -p"));
    let file = new(vec![granted(&dir.path().join("a.txt"), "/x", false)]);
    let expected = format!("--preinit-dir {}::/x", dir.path().display());
    assert!(file.help.clone().unwrap().ends_with(&expected), "{file}");
    let twice = new(vec![granted(dir.path(), "/x", false), granted(&dir.path().join("sub"), "/x", false)]);
    assert!(twice.message.contains("both"), "{twice}");
}
