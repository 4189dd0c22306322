//! The cache on disk: one file for each entry, under the hash of what it answers.
//!
//! There are no locks. An entry is written beside its place and renamed, so that a reader sees all of it or nothing,
//! whoever else writes and whatever is killed; its first bytes are the hash of the others, so that what a full disk,
//! another program or a network left behind is seen and removed. Nothing here fails: what cannot be read is a miss, and
//! what cannot be written is not kept.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::key::Key;

/// Entries lie in as many folders, each with its share of the limit, so that making room looks at a part only.
const FOLDERS: u64 = 16;
/// A temporary file as old as that is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(3600);
/// An entry that is used again is marked as used only then, which saves most of the writing.
const USED: Duration = Duration::from_secs(60);
const TEMPORARY: &str = ".new-";
const HEAD: usize = 32;

/// The folder of entries.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Bytes of all entries together.
    limit: u64,
}

/// What lies in a store.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub entries: u64,
    pub bytes: u64,
}

impl Store {
    /// The store in `folder`, which need not be there. An error says why it must not be used.
    pub fn open(folder: PathBuf, limit: u64) -> Result<Store, String> {
        trusted(&folder)?;
        Ok(Store { folder, limit })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What was kept under `key`, if it is there and undamaged.
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let path = self.path(key);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            // A folder in the place of an entry would be in the way for ever.
            Err(_) => return None,
        };
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        let whole = read.is_ok() && bytes.len() >= HEAD && hash_of(key, &bytes[HEAD..]) == bytes[..HEAD];
        if !whole {
            remove(&path);
            return None;
        }
        let used = file.metadata().and_then(|meta| meta.modified()).ok();
        if used.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > USED) {
            // By way of the path's own times; a read-only folder cannot tell what was used, and need not.
            let _ = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        bytes.drain(..HEAD);
        Some(bytes)
    }

    /// Keeps `parts`, one behind the other. An error is for people who want to know, and for nothing else.
    pub fn put(&self, key: &Key, parts: &[&[u8]]) -> std::io::Result<()> {
        let size = HEAD as u64 + parts.iter().map(|part| part.len() as u64).sum::<u64>();
        let share = self.limit / FOLDERS;
        if size > share / 2 {
            return Ok(());
        }
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.folder);
        create(folder)?;
        // It is the user's alone: tempfile makes it so.
        let mut new = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        let mut hash = start(key);
        parts.iter().for_each(|part| hash.update(part));
        new.write_all(&hash.finalize())?;
        for part in parts {
            new.write_all(part)?;
        }
        if path.is_dir() {
            remove(&path);
        }
        new.persist(&path)?;
        // Looking at a folder costs as much as writing several entries, so it is done once for each sixteenth of its
        // share that was written, about: the key is as good as a die.
        let die = u64::from(u16::from_le_bytes([key.0[30], key.0[31]]));
        if die * (share / 16) < size << 16 {
            make_room(folder, share);
        }
        Ok(())
    }

    /// Counts what is there.
    pub fn size(&self) -> Size {
        let mut size = Size::default();
        for folder in self.folders() {
            for (_, meta) in files(&folder) {
                size.entries += 1;
                size.bytes += meta.len();
            }
        }
        size
    }

    /// Removes every entry; how many there were, and what could not be removed.
    pub fn clear(&self) -> (Size, Option<std::io::Error>) {
        let (mut size, mut failed) = (Size::default(), None);
        for folder in self.folders() {
            for (path, meta) in files(&folder) {
                match fs::remove_file(&path) {
                    Ok(()) => {
                        size.entries += 1;
                        size.bytes += meta.len();
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    Err(e) => failed = Some(e),
                }
            }
        }
        (size, failed)
    }

    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        (0..FOLDERS).map(|n| self.folder.join(format!("{n:x}")))
    }

    fn path(&self, key: &Key) -> PathBuf {
        let name = key.to_string();
        self.folder.join(&name[..1]).join(&name[1..])
    }
}

fn start(key: &Key) -> Sha256 {
    // With the key in front, a file under another's name is no entry either.
    let mut hash = Sha256::new();
    hash.update(key.0);
    hash
}

fn hash_of(key: &Key, bytes: &[u8]) -> [u8; 32] {
    let mut hash = start(key);
    hash.update(bytes);
    hash.finalize().into()
}

fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// Files of a folder with what is known of them.
fn files(folder: &Path) -> Vec<(PathBuf, fs::Metadata)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok().filter(|meta| meta.is_file())?))).collect()
}

/// Removes what was used longest ago, until a quarter of the share is free, and what writers that died left behind.
fn make_room(folder: &Path, share: u64) {
    let mut entries = Vec::new();
    let mut bytes = 0;
    for (path, meta) in files(folder) {
        let time = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())) {
            if time.elapsed().is_ok_and(|age| age > ABANDONED) {
                remove(&path);
            }
            continue;
        }
        bytes += meta.len();
        entries.push((time, path, meta.len()));
    }
    // What is written until the next look fits into the last sixteenth.
    if bytes <= share - share / 16 {
        return;
    }
    entries.sort();
    for (_, path, size) in entries {
        if bytes <= share - share / 4 {
            return;
        }
        remove(&path);
        bytes -= size;
    }
}

/// Makes a folder that is the user's alone, and those above it.
pub(super) fn create(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whoever may write into the folder decides what our builds give out: only the user may, and whom the user's group
/// rights let in.
fn trusted(folder: &Path) -> Result<(), String> {
    #[cfg(unix)]
    if let Ok(meta) = fs::metadata(folder) {
        use std::os::unix::fs::MetadataExt;
        // SAFETY: it only tells a number.
        let user = unsafe { libc::geteuid() };
        if meta.uid() != user {
            return Err(format!("{} belongs to another user", folder.display()));
        }
        if meta.mode() & 0o002 != 0 {
            return Err(format!("everybody may write to {}", folder.display()));
        }
    }
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::Hasher;

    fn key(n: u64) -> Key {
        Hasher::new("test").number(n).key()
    }

    fn store(limit: u64) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("results"), limit).unwrap();
        (dir, store)
    }

    #[test]
    fn what_was_put_is_there_under_its_key_only() {
        let (_dir, store) = store(1 << 20);
        store.put(&key(1), &[b"one", b"two"]).unwrap();
        assert_eq!(store.get(&key(1)).unwrap(), b"onetwo");
        assert_eq!(store.get(&key(2)), None);
        fs::create_dir_all(store.path(&key(2)).parent().unwrap()).unwrap();
        fs::copy(store.path(&key(1)), store.path(&key(2))).unwrap();
        assert_eq!(store.get(&key(2)), None, "an entry under another's name");
    }

    #[test]
    fn every_damage_is_a_miss_and_is_removed() {
        let (_dir, store) = store(1 << 20);
        let path = store.path(&key(1));
        store.put(&key(1), &[b"a module"]).unwrap();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            assert_eq!(store.get(&key(1)), None, "byte {at}");
            assert!(!path.exists(), "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert_eq!(store.get(&key(1)), None, "cut at {at}");
        }
        fs::create_dir(&path).unwrap();
        assert_eq!(store.get(&key(1)), None, "a folder");
        store.put(&key(1), &[b"a module"]).unwrap();
        assert_eq!(store.get(&key(1)).unwrap(), b"a module");
    }

    #[test]
    fn the_limit_holds_and_what_was_used_last_stays() {
        let limit = 1 << 20;
        let (_dir, store) = store(limit);
        let bytes = vec![7; 3000];
        let mut most = 0;
        for n in 0..2000 {
            store.put(&key(n), &[&bytes]).unwrap();
            if n % 50 == 0 {
                most = most.max(store.size().bytes);
            }
        }
        assert!(most <= limit, "{most}");
        assert!(store.size().bytes > limit / 2, "{:?}", store.size());
        assert!(store.get(&key(1999)).is_some());
        assert!(store.get(&key(0)).is_none());
    }

    #[test]
    fn what_dead_writers_left_goes_when_it_is_old() {
        let (_dir, store) = store(1 << 12);
        store.put(&key(1), &[b"x"]).unwrap();
        let folder = store.path(&key(1)).parent().unwrap().to_path_buf();
        let (old, young) = (folder.join(".new-old"), folder.join(".new-young"));
        fs::write(&young, "y").unwrap();
        fs::write(&old, "o").unwrap();
        let hours_ago = SystemTime::now() - Duration::from_secs(7300);
        File::options().append(true).open(&old).unwrap().set_modified(hours_ago).unwrap();
        make_room(&folder, 1 << 8);
        assert!(!old.exists() && young.exists());
        assert_eq!(store.get(&key(1)).unwrap(), b"x");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_everybody_may_write_to_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Store::open(dir.path().to_path_buf(), 1).is_err());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
        assert!(Store::open(dir.path().to_path_buf(), 1).is_ok());
    }
}
