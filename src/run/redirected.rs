//! Standard input, output and error where they are files: `program < in > out`. The engine has them as streams, which
//! have no size and no place to seek to; a native program's have, and some ask (`lz4 --list < FILE`).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use wasmtime::{Caller, Val};

use super::Host;
use super::relay::{self, Call};

/// The descriptors of a program that are redirected to regular files.
pub(super) type Files = HashMap<u32, File>;

/// WASI preview 1's error numbers.
const EFAULT: i32 = 21;
const EINVAL: i32 = 28;
const EIO: i32 = 29;

/// Those of this process that are files.
pub(super) fn files() -> Files {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let descriptors = [(0, stdin.as_fd()), (1, stdout.as_fd()), (2, stderr.as_fd())];
    // A copy of a descriptor has the same place in the file.
    let open = descriptors.into_iter().filter_map(|(n, fd)| Some((n, File::from(fd.try_clone_to_owned().ok()?))));
    open.filter(|(_, file)| file.metadata().is_ok_and(|metadata| metadata.is_file())).collect()
}

/// The functions that [`answer`] knows.
pub(super) fn wanted(name: &str) -> bool {
    matches!(name, "fd_read" | "fd_seek" | "fd_tell" | "fd_filestat_get" | "fd_close" | "fd_renumber")
}

/// Answers a call about one of the files. Writing is left to the engine, which writes at the file's place.
pub(super) fn answer(caller: &mut Caller<'_, Host>, mut call: Call<'_>) -> wasmtime::Result<()> {
    let args: Vec<i64> = call.args.iter().map(|arg| arg.i64().unwrap_or(arg.i32().unwrap_or(0).into())).collect();
    let fd = args[0] as u32;
    match call.name {
        "fd_close" => drop(caller.data_mut().files.remove(&fd)),
        "fd_renumber" => {
            let files = &mut caller.data_mut().files;
            let moved = files.remove(&fd);
            files.remove(&(args[1] as u32));
            files.extend(moved.map(|file| (args[1] as u32, file)));
        }
        name => {
            if let Some(file) = caller.data().files.get(&fd) {
                let file = file.try_clone()?;
                let answer = match relay::memory(caller) {
                    Some(memory) => about(name, &args, file, memory.data_mut(caller)),
                    None => Err(EFAULT),
                };
                call.results[0] = Val::I32(answer.err().unwrap_or(0));
                return Ok(());
            }
        }
    }
    call.pass_on(caller)
}

/// What WASI's function does with a file.
fn about(name: &str, args: &[i64], mut file: File, memory: &mut [u8]) -> Result<(), i32> {
    let failed = |_: io::Error| EIO;
    // Of a pointer that is an argument.
    let at = |n: usize| args[n] as u32 as usize;
    match name {
        "fd_read" => {
            let mut taken = 0;
            for n in 0..at(2) {
                let vector = n.checked_mul(8).and_then(|n| at(1).checked_add(n)).ok_or(EFAULT)?;
                let (start, length) = (number(memory, vector)?, number(memory, vector + 4)?);
                let buffer = memory.get_mut(start..).and_then(|rest| rest.get_mut(..length)).ok_or(EFAULT)?;
                let read = file.read(buffer).map_err(failed)?;
                taken += read;
                if read < length {
                    break;
                }
            }
            put(memory, at(3), &(taken as u32).to_le_bytes())
        }
        "fd_seek" | "fd_tell" => {
            // What has been written must be in the file.
            io::stdout().flush().map_err(failed)?;
            let (to, result) = match (name, args.get(2)) {
                ("fd_tell", _) => (SeekFrom::Current(0), at(1)),
                (_, Some(0)) => (SeekFrom::Start(u64::try_from(args[1]).map_err(|_| EINVAL)?), at(3)),
                (_, Some(1)) => (SeekFrom::Current(args[1]), at(3)),
                (_, Some(2)) => (SeekFrom::End(args[1]), at(3)),
                _ => return Err(EINVAL),
            };
            let place = file.seek(to).map_err(|_| EINVAL)?;
            put(memory, result, &place.to_le_bytes())
        }
        _ => {
            io::stdout().flush().map_err(failed)?;
            let known = file.metadata().map_err(failed)?;
            const REGULAR_FILE: u64 = 4;
            let times = [
                (known.atime(), known.atime_nsec()),
                (known.mtime(), known.mtime_nsec()),
                (known.ctime(), known.ctime_nsec()),
            ];
            let [accessed, modified, changed] = times
                .map(|(seconds, nanoseconds)| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds) as u64);
            let (device, inode, links, size) = (known.dev(), known.ino(), known.nlink(), known.size());
            let fields = [device, inode, REGULAR_FILE, links, size, accessed, modified, changed];
            put(memory, at(1), &fields.map(u64::to_le_bytes).concat())
        }
    }
}

fn number(memory: &[u8], at: usize) -> Result<usize, i32> {
    let bytes = memory.get(at..).and_then(<[u8]>::first_chunk).ok_or(EFAULT)?;
    Ok(u32::from_le_bytes(*bytes) as usize)
}

fn put(memory: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), i32> {
    let place = memory.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())).ok_or(EFAULT)?;
    place.copy_from_slice(bytes);
    Ok(())
}
