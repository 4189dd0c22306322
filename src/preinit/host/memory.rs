//! The memory of the program, read and written within its bounds.

use std::ops::Range;

use super::abi::Errno;

/// The most vectors that one call reads or writes, and the most bytes: those of Linux. A call that has
/// more does a part, as it may.
const MOST_VECTORS: u32 = 1024;
const MOST_BYTES: u32 = 0x7fff_f000;

/// The longest path: that of Linux.
const LONGEST_PATH: u32 = 4096;

/// A program's memory. Every address is the program's, so none is trusted.
pub(super) struct Memory<'a>(pub(super) &'a mut [u8]);

impl Memory<'_> {
    /// Whether so many bytes are there.
    pub(super) fn check(&self, at: u32, len: u32) -> Result<(), Errno> {
        self.range(at, len).map(drop)
    }

    fn range(&self, at: u32, len: u32) -> Result<Range<usize>, Errno> {
        let end = u64::from(at) + u64::from(len);
        match end <= self.0.len() as u64 {
            true => Ok(at as usize..end as usize),
            false => Err(Errno::FAULT),
        }
    }

    pub(super) fn bytes(&self, at: u32, len: u32) -> Result<&[u8], Errno> {
        let range = self.range(at, len)?;
        self.0.get(range).ok_or(Errno::FAULT)
    }

    pub(super) fn bytes_mut(&mut self, at: u32, len: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(at, len)?;
        self.0.get_mut(range).ok_or(Errno::FAULT)
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        self.bytes_mut(at, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), Errno> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), Errno> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn read_u32(&self, at: u32) -> Result<u32, Errno> {
        self.bytes(at, 4).map(|bytes| le_u32(bytes, 0))
    }

    /// A path, which is UTF-8 in this interface, without a zero byte at its end.
    pub(super) fn path(&self, at: u32, len: u32) -> Result<String, Errno> {
        let bytes = self.bytes(at, len)?;
        if len > LONGEST_PATH {
            return Err(Errno::NAMETOOLONG);
        }
        std::str::from_utf8(bytes).map(str::to_string).map_err(|_| Errno::ILSEQ)
    }

    /// The buffers that an array of `iovec` or `ciovec` names, each of them in bounds.
    pub(super) fn vectors(&self, at: u32, count: u32) -> Result<Vec<(u32, u32)>, Errno> {
        let mut vectors = Vec::new();
        let mut room = MOST_BYTES;
        for i in 0..count.min(MOST_VECTORS) {
            let at = at.checked_add(i * 8).ok_or(Errno::FAULT)?;
            let buffer = self.read_u32(at)?;
            let len = self.read_u32(at.checked_add(4).ok_or(Errno::FAULT)?)?;
            self.check(buffer, len)?;
            let len = len.min(room);
            room -= len;
            if len > 0 {
                vectors.push((buffer, len));
            }
        }
        Ok(vectors)
    }
}

/// A number in a structure whose bytes are known to be there; zero where they are not.
pub(super) fn le_u32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}

/// Like [`le_u32`].
pub(super) fn le_u64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |eight| u64::from_le_bytes(*eight))
}
