//! What a result depends on: hashes of it all, and the files that were read on the way.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The hash of everything that a result depends on, or of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(pub(super) [u8; 32]);

/// Takes in one thing after the other, each with its length, so that no two lists are alike.
#[derive(Debug, Clone)]
pub struct Hasher(Sha256);

/// A file that was looked for: what it held, or that it was not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    pub path: PathBuf,
    pub content: Option<Key>,
}

/// How a file looked: it changes whenever the content does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub len: u64,
    /// The later of the times of the last change of the content and of anything else.
    pub changed: SystemTime,
    file: (u64, u64),
}

impl Hasher {
    /// For a result of that kind, in this form of the cache.
    pub fn new(kind: &str) -> Hasher {
        Hasher(Sha256::new()).text("wbuild cache 1").text(kind)
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Hasher {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub fn text(self, text: impl AsRef<OsStr>) -> Hasher {
        self.bytes(text.as_ref().as_encoded_bytes())
    }

    pub fn number(self, number: u64) -> Hasher {
        self.bytes(&number.to_le_bytes())
    }

    /// How many follow, and each of them.
    pub fn all<T: AsRef<OsStr>>(self, texts: impl ExactSizeIterator<Item = T>) -> Hasher {
        let start = self.number(texts.len() as u64);
        texts.fold(start, Hasher::text)
    }

    pub fn key(self) -> Key {
        Key(self.0.finalize().into())
    }
}

impl Key {
    /// Of a file's content.
    pub fn of(bytes: &[u8]) -> Key {
        Key(Sha256::digest(bytes).into())
    }

    /// Of the same question with these answers about files.
    pub(super) fn with(&self, files: &[Dependency]) -> Key {
        let mut hasher = Hasher::new("result").bytes(&self.0).number(files.len() as u64);
        for file in files {
            hasher = hasher.text(&file.path).bytes(file.content.as_ref().map_or(&[], |content| &content.0));
        }
        hasher.key()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.to_string()
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Key, &'static str> {
        let mut key = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.is_ascii() {
            return Err("not 64 digits");
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| "not UTF-8")?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| "not hexadecimal")?;
        }
        Ok(Key(key))
    }
}

impl Stamp {
    pub fn of(path: &Path) -> std::io::Result<Stamp> {
        let meta = std::fs::metadata(path)?;
        let modified = meta.modified()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            // A file that was moved here keeps the time of its content, and not this one.
            let (seconds, nanos) = (meta.ctime().max(0) as u64, meta.ctime_nsec().max(0) as u32);
            let changed = SystemTime::UNIX_EPOCH + std::time::Duration::new(seconds, nanos);
            Ok(Stamp { len: meta.len(), changed: modified.max(changed), file: (meta.dev(), meta.ino()) })
        }
        #[cfg(not(unix))]
        Ok(Stamp { len: meta.len(), changed: modified, file: (0, 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_read_alike_have_different_keys() {
        let key = |words: &[&str]| Hasher::new("test").all(words.iter()).key();
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
    }

    #[test]
    fn a_file_that_is_not_there_is_not_an_empty_one() {
        let key = Hasher::new("test").key();
        let with = |content| key.with(&[Dependency { path: "x.h".into(), content }]);
        assert_ne!(with(None), with(Some(Key::of(b""))));
    }

    #[test]
    fn keys_survive_being_written() {
        let key = Key::of(b"x");
        assert_eq!(Key::try_from(String::from(key)), Ok(key));
        assert!(Key::try_from("é".repeat(32)).is_err());
    }
}
