//! A call: which function is which, and the functions that are not about files.

use super::abi::{Answer, Errno, Halt};
use super::descriptors::mix;
use super::memory::Memory;
use super::{Function, Host, Residue, Stop};
use crate::error::Error;

/// The time at the start, in nanoseconds since 1970: the first second of 2020. A program that takes
/// zero for an error is not led astray by it.
const START: u64 = 1_577_836_800_000_000_000;

/// How far the clock goes whenever it is asked. A program that waits in a loop comes to an end.
const TICK: u64 = 1_000_000;

/// `clockid`: the wall clock, the monotonic clock, and the time that the process and the thread took.
const CLOCKS: u32 = 4;
const REALTIME: u32 = 0;

/// The arguments of a call, whose number has been checked.
struct Args<'a>(&'a [u64]);

impl Args<'_> {
    /// An `i64`.
    fn long(&self, i: usize) -> u64 {
        self.0.get(i).copied().unwrap_or(0)
    }

    /// An `i32`, in the low half, so that it does not matter how an engine widens it.
    fn int(&self, i: usize) -> u32 {
        self.long(i) as u32
    }

    /// Flags: the interface has sixteen at most, and no meaning for the bits above.
    fn flags(&self, i: usize) -> u16 {
        self.long(i) as u16
    }
}

impl Host {
    /// Calls a function with the arguments and the memory of the program, and returns what it returns:
    /// an error number, zero being success. An `i32` among the arguments is in the low half; what is
    /// in the high half is ignored. Where the program has no memory, `memory` is empty.
    ///
    /// An address that is not in memory is error 21 (`fault`); nothing that a program can pass makes
    /// this panic, wait, or leave the granted folders.
    pub fn call(&mut self, function: Function, args: &[u64], memory: &mut [u8]) -> Result<u32, Stop> {
        if args.len() != function.params().len() {
            let error = format!("{} is called with {} arguments", function.name(), args.len());
            return Err(Stop::Refused(Error::internal(error)));
        }
        match self.dispatch(function, &Args(args), &mut Memory(memory)) {
            Ok(()) => Ok(u32::from(Errno::SUCCESS.0)),
            Err(Halt::Errno(errno)) => Ok(u32::from(errno.0)),
            Err(Halt::Stop(stop)) => Err(stop),
        }
    }

    fn dispatch(&mut self, function: Function, a: &Args, memory: &mut Memory) -> Answer {
        use Function::*;
        match function {
            ArgsGet => {
                self.asked.insert(Residue::Arguments);
                strings(&self.args, memory, a.int(0), a.int(1))
            }
            ArgsSizesGet => {
                self.asked.insert(Residue::Arguments);
                sizes(&self.args, memory, a.int(0), a.int(1))
            }
            EnvironGet => {
                self.asked.insert(Residue::Environment);
                strings(&self.env, memory, a.int(0), a.int(1))
            }
            EnvironSizesGet => {
                self.asked.insert(Residue::Environment);
                if self.env.is_empty() {
                    self.hint("it asked for its environment, which is empty: --preinit-env NAME=VALUE".to_string());
                }
                sizes(&self.env, memory, a.int(0), a.int(1))
            }
            ClockResGet => self.clock_res_get(memory, a.int(0), a.int(1)),
            ClockTimeGet => self.clock_time_get(memory, a.int(0), a.int(2)),
            FdAdvise => self.fd_advise(a.int(0), a.int(3)),
            FdAllocate => self.fd_allocate(a.int(0), a.long(1), a.long(2)),
            FdClose => Ok(self.descriptors.close(a.int(0))?),
            FdDatasync | FdSync => self.fd_sync(a.int(0)),
            FdFdstatGet => self.fd_fdstat_get(memory, a.int(0), a.int(1)),
            FdFdstatSetFlags => self.fd_fdstat_set_flags(a.int(0), a.flags(1)),
            // Rights are an idea of the interface that nobody has kept.
            FdFdstatSetRights => self.descriptors.get(a.int(0)).and(Err(Errno::NOTSUP)).map_err(Halt::from),
            FdFilestatGet => self.fd_filestat_get(memory, a.int(0), a.int(1)),
            FdFilestatSetSize => self.fd_filestat_set_size(a.int(0), a.long(1)),
            FdFilestatSetTimes => self.fd_filestat_set_times(a.int(0), a.long(1), a.long(2), a.int(3)),
            FdPread => self.fd_read(memory, a.int(0), a.int(1), a.int(2), Some(a.long(3)), a.int(4)),
            FdPrestatDirName => self.fd_prestat_dir_name(memory, a.int(0), a.int(1), a.int(2)),
            FdPrestatGet => self.fd_prestat_get(memory, a.int(0), a.int(1)),
            FdPwrite => self.fd_write(memory, a.int(0), a.int(1), a.int(2), Some(a.long(3)), a.int(4)),
            FdRead => self.fd_read(memory, a.int(0), a.int(1), a.int(2), None, a.int(3)),
            FdReaddir => self.fd_readdir(memory, a.int(0), (a.int(1), a.int(2)), a.long(3), a.int(4)),
            FdRenumber => Ok(self.descriptors.renumber(a.int(0), a.int(1))?),
            FdSeek => self.fd_seek(memory, a.int(0), a.long(1) as i64, a.int(2), a.int(3)),
            FdTell => self.fd_seek(memory, a.int(0), 0, 1, a.int(1)),
            FdWrite => self.fd_write(memory, a.int(0), a.int(1), a.int(2), None, a.int(3)),
            PathCreateDirectory => {
                let path = memory.path(a.int(1), a.int(2))?;
                self.path_create_directory(a.int(0), &path)
            }
            PathFilestatGet => {
                let path = memory.path(a.int(2), a.int(3))?;
                self.path_filestat_get(memory, a.int(0), a.int(1), &path, a.int(4))
            }
            PathFilestatSetTimes => {
                let path = memory.path(a.int(2), a.int(3))?;
                self.path_filestat_set_times(a.int(0), a.int(1), &path, a.long(4), a.long(5), a.int(6))
            }
            PathLink => {
                let (old, new) = (memory.path(a.int(2), a.int(3))?, memory.path(a.int(5), a.int(6))?);
                self.path_link(a.int(0), a.int(1), &old, a.int(4), &new)
            }
            PathOpen => {
                let path = memory.path(a.int(2), a.int(3))?;
                // Before anything is opened, which the program could not close without its number.
                memory.check(a.int(8), 4)?;
                let fd = self.path_open(a.int(0), a.int(1), &path, a.int(4), a.long(5), a.flags(7))?;
                Ok(memory.write_u32(a.int(8), fd)?)
            }
            PathReadlink => {
                let path = memory.path(a.int(1), a.int(2))?;
                self.path_readlink(memory, a.int(0), &path, (a.int(3), a.int(4)), a.int(5))
            }
            PathRemoveDirectory => {
                let path = memory.path(a.int(1), a.int(2))?;
                self.path_remove_directory(a.int(0), &path)
            }
            PathRename => {
                let (old, new) = (memory.path(a.int(1), a.int(2))?, memory.path(a.int(4), a.int(5))?);
                self.path_rename(a.int(0), &old, a.int(3), &new)
            }
            PathSymlink => {
                let (target, path) = (memory.path(a.int(0), a.int(1))?, memory.path(a.int(3), a.int(4))?);
                self.path_symlink(&target, a.int(2), &path)
            }
            PathUnlinkFile => {
                let path = memory.path(a.int(1), a.int(2))?;
                self.path_unlink_file(a.int(0), &path)
            }
            PollOneoff => self.poll_oneoff(memory, a.int(0), a.int(1), a.int(2), a.int(3)),
            ProcExit => Err(Stop::Exit(a.int(0)).into()),
            ProcRaise => Err(Errno::NOTSUP.into()),
            RandomGet => {
                self.asked.insert(Residue::Random);
                self.fill_random(memory.bytes_mut(a.int(0), a.int(1))?);
                Ok(())
            }
            SchedYield => Ok(()),
            SockAccept | SockRecv | SockSend | SockShutdown => {
                self.descriptors.get(a.int(0)).and(Err(Errno::NOTSOCK)).map_err(Halt::from)
            }
        }
    }

    fn clock_res_get(&mut self, memory: &mut Memory, clock: u32, out: u32) -> Answer {
        if clock >= CLOCKS {
            return Err(Errno::INVAL.into());
        }
        self.asked.insert(Residue::Clock);
        Ok(memory.write_u64(out, TICK)?)
    }

    fn clock_time_get(&mut self, memory: &mut Memory, clock: u32, out: u32) -> Answer {
        if clock >= CLOCKS {
            return Err(Errno::INVAL.into());
        }
        self.asked.insert(Residue::Clock);
        let now = self.now(clock);
        self.elapsed = self.elapsed.saturating_add(TICK);
        Ok(memory.write_u64(out, now)?)
    }

    /// What a clock shows, without going on.
    pub(super) fn now(&self, clock: u32) -> u64 {
        match clock {
            REALTIME => START.saturating_add(self.elapsed),
            _ => self.elapsed,
        }
    }

    /// The numbers of splitmix64, the same in every run.
    fn fill_random(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let bytes = mix(self.random).to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

/// Writes how many strings there are, and how many bytes they take with a zero after each.
fn sizes(strings: &[String], memory: &mut Memory, count: u32, bytes: u32) -> Answer {
    let total: usize = strings.iter().map(|string| string.len().saturating_add(1)).sum();
    let (n, total) = (u32::try_from(strings.len()), u32::try_from(total));
    memory.write_u32(count, n.map_err(|_| Errno::OVERFLOW)?)?;
    Ok(memory.write_u32(bytes, total.map_err(|_| Errno::OVERFLOW)?)?)
}

/// Writes strings from `buffer` on, with a zero after each, and where they are from `pointers` on.
fn strings(strings: &[String], memory: &mut Memory, pointers: u32, buffer: u32) -> Answer {
    let (mut pointer, mut at) = (pointers, buffer);
    for string in strings {
        memory.write_u32(pointer, at)?;
        memory.write(at, string.as_bytes())?;
        let end = u64::from(at) + string.len() as u64;
        let end = u32::try_from(end).map_err(|_| Errno::FAULT)?;
        memory.write(end, &[0])?;
        at = end.checked_add(1).ok_or(Errno::FAULT)?;
        pointer = pointer.checked_add(4).ok_or(Errno::FAULT)?;
    }
    Ok(())
}
