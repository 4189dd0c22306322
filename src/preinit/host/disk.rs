//! Reading and writing files on the disk, from and to the memory of the program.

use std::fs::File;
use std::io;
#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::FileExt;

use super::abi::Answer;
use super::memory::Memory;

/// Fills the buffers as far as the file goes: how much one read of the system returns is not fixed.
pub(super) fn read(file: &File, memory: &mut Memory, vectors: &[(u32, u32)], start: u64) -> Answer<u32> {
    let mut done = 0;
    for (at, len) in vectors {
        let mut buffer = memory.bytes_mut(*at, *len)?;
        while !buffer.is_empty() {
            match read_at(file, buffer, start.saturating_add(u64::from(done))) {
                Ok(0) => return Ok(done),
                Ok(n) => {
                    done += n as u32;
                    buffer = buffer.get_mut(n..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if done == 0 => return Err(error.into()),
                Err(_) => return Ok(done),
            }
        }
    }
    Ok(done)
}

/// Writes all of the buffers, for the same reason.
pub(super) fn write(file: &File, memory: &Memory, vectors: &[(u32, u32)], start: u64) -> Answer<u32> {
    let mut done = 0;
    for (at, len) in vectors {
        let mut buffer = memory.bytes(*at, *len)?;
        while !buffer.is_empty() {
            match write_at(file, buffer, start.saturating_add(u64::from(done))) {
                Ok(0) => return Ok(done),
                Ok(n) => {
                    done += n as u32;
                    buffer = buffer.get(n..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if done == 0 => return Err(error.into()),
                Err(_) => return Ok(done),
            }
        }
    }
    Ok(done)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(buffer, at)
}

#[cfg(unix)]
fn write_at(file: &File, buffer: &[u8], at: u64) -> io::Result<usize> {
    file.write_at(buffer, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(at))?;
    file.read(buffer)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, buffer: &[u8], at: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(at))?;
    file.write(buffer)
}
