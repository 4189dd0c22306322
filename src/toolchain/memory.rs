//! What probing found, remembered between builds: starting `clang --version` costs 20 ms and
//! hashing a compiler more, while looking at a file's size and time costs nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Facts about files, each valid as long as the file looks the same.
#[derive(Debug)]
pub struct Memory {
    file: Option<PathBuf>,
    entries: BTreeMap<String, Entry>,
    changed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    stamp: Stamp,
    value: serde_json::Value,
}

/// How a file looked: size, modification time in nanoseconds, inode, device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp(u64, i64, u64, u64);

impl Memory {
    /// What is remembered in `cache`. A file that is missing, damaged or of another version counts
    /// as empty, and is written anew.
    pub fn open(cache: Option<&Path>) -> Memory {
        let file = cache.map(|c| c.join("remembered-2"));
        let read = file.as_ref().and_then(|f| std::fs::read(f).ok());
        let entries = read.and_then(|bytes| {
            // In front is the hash of the rest.
            let (sum, json) = bytes.split_at_checked(64)?;
            let undamaged = hex(&Sha256::digest(json)).as_bytes() == sum;
            undamaged.then(|| serde_json::from_slice(json).ok())?
        });
        let entries = entries.unwrap_or_default();
        Memory { file, entries, changed: false }
    }

    /// The fact `what` about `path`: remembered, or found by `probe` now.
    pub fn recall<T>(&mut self, what: &str, path: &Path, probe: impl FnOnce() -> Result<T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let stamp = Stamp::of(path)?;
        let key = format!("{what} {}", path.display());
        if let Some(entry) = self.entries.get(&key).filter(|e| e.stamp == stamp)
            && let Ok(value) = T::deserialize(&entry.value)
        {
            return Ok(value);
        }
        let value = probe()?;
        if let Ok(json) = serde_json::to_value(&value) {
            self.entries.insert(key, Entry { stamp, value: json });
            self.changed = true;
        }
        Ok(value)
    }

    /// SHA-256 of the file, in hex.
    pub fn sha256(&mut self, path: &Path) -> Result<String> {
        self.recall("sha256", path, || {
            let fail = |e| Error::build(format!("cannot read {}", path.display())).cause(e);
            let mut hash = Sha256::new();
            std::io::copy(&mut std::fs::File::open(path).map_err(fail)?, &mut hash).map_err(fail)?;
            Ok(hex(&hash.finalize()))
        })
    }

    /// Writes what is new. Memory is a convenience: a cache that cannot be written is no error.
    pub fn save(&mut self) {
        let (true, Some(file)) = (self.changed, &self.file) else { return };
        self.changed = false;
        // Only the newest few count, since every upgrade of a compiler leaves one behind.
        self.entries.retain(|key, _| key.split_once(' ').is_some_and(|(_, path)| Path::new(path).exists()));
        let Ok(json) = serde_json::to_vec_pretty(&self.entries) else { return };
        if file.parent().is_some_and(|f| std::fs::create_dir_all(f).is_ok()) {
            let _ = crate::output::write(file, &[hex(&Sha256::digest(&json)).as_bytes(), &json].concat());
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.save();
    }
}

impl Stamp {
    fn of(path: &Path) -> Result<Stamp> {
        let meta =
            std::fs::metadata(path).map_err(|e| Error::build(format!("cannot read {}", path.display())).cause(e))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let time = meta.mtime() * 1_000_000_000 + meta.mtime_nsec();
            Ok(Stamp(meta.len(), time, meta.ino(), meta.dev()))
        }
        #[cfg(not(unix))]
        {
            let time = meta.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            Ok(Stamp(meta.len(), time.map_or(0, |t| t.as_nanos() as i64), 0, 0))
        }
    }
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe_once(cache: &Path, file: &Path, answer: &str) -> String {
        let mut memory = Memory::open(Some(cache));
        memory.recall("test", file, || Ok(answer.to_string())).unwrap()
    }

    #[test]
    fn a_fact_is_remembered_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, file) = (dir.path().join("cache"), dir.path().join("tool"));
        std::fs::write(&file, "one").unwrap();
        assert_eq!(probe_once(&cache, &file, "first"), "first");
        assert_eq!(probe_once(&cache, &file, "second"), "first");
        std::fs::write(&file, "longer").unwrap();
        assert_eq!(probe_once(&cache, &file, "third"), "third");
    }

    #[test]
    fn a_damaged_memory_is_ignored_and_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tool");
        std::fs::write(&file, "one").unwrap();
        assert_eq!(probe_once(dir.path(), &file, "first"), "first");
        let memory = dir.path().join("remembered-2");
        let other = std::fs::read_to_string(&memory).unwrap().replace("first", "wrong");
        assert!(other.contains("wrong"));
        for damaged in ["", "{", "[1,2]", "{\"test /x\": 3}", &other] {
            std::fs::write(&memory, damaged).unwrap();
            assert_eq!(probe_once(dir.path(), &file, "again"), "again");
            assert_eq!(probe_once(dir.path(), &file, "unused"), "again");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        let hash = Memory::open(None).sha256(&file).unwrap();
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
