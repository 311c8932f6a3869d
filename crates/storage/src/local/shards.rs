use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use palisade_model::{Sha256, UnixMillis};

use super::file::{Temporary, is_older, mark_used, sync_dir};
use crate::{SystemClock, lock};

/// The directories that hold the objects: one for each first byte of their names.
#[derive(Debug)]
pub(super) struct Shards {
    dir: PathBuf,
    shards: Vec<Mutex<Shard>>,
    /// Whether objects survive the machine's death.
    durable: bool,
}

/// Whoever uses, places or removes an object of a shard holds its lock, so that an object cannot
/// go between the answer that it is there and the note of its use. The lock is this process's:
/// the store is of one process.
#[derive(Debug, Default)]
struct Shard {
    /// Whether every name in the directory is known to be durable. An object that is found there
    /// may have been placed by a process that died before it could make the name durable.
    durable: bool,
}

impl Shards {
    /// Makes the directories that are missing.
    pub(super) fn open(dir: &Path, durable: bool) -> io::Result<Self> {
        for shard in 0..=u8::MAX {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir.join(format!("{shard:02x}")))?;
        }
        sync_dir(dir)?;
        // Where nothing is to be durable, every name is as durable as it needs to be.
        let shard = || Mutex::new(Shard { durable: !durable });
        let shards = (0..=u8::MAX).map(|_| shard()).collect();
        Ok(Self { dir: dir.to_owned(), shards, durable })
    }

    /// Where an object lies.
    pub(super) fn path(&self, name: Sha256) -> PathBuf {
        let text = name.to_string();
        let (shard, rest) = text.split_at_checked(2).unwrap_or_default();
        self.dir.join(shard).join(rest)
    }

    /// Whether an object is there, durable; if so, it counts as used now.
    pub(super) fn touch(&self, name: Sha256) -> io::Result<bool> {
        self.locked(name, touch)
    }

    /// Gives an object its place, unless it is there already.
    pub(super) fn place(&self, name: Sha256, object: Temporary) -> io::Result<()> {
        object.finish(self.durable)?;
        let durable = self.durable;
        self.locked(name, |shard, path| {
            if touch(shard, path)? {
                return Ok(());
            }
            mark_used(object.path(), SystemClock::time())?;
            shard.durable = !durable;
            object.place(path)?;
            if durable { make_durable(shard, path) } else { Ok(()) }
        })
    }

    /// Removes objects not used since `before`; gives their number and bytes.
    pub(super) fn remove_older(&self, before: UnixMillis) -> io::Result<(u64, u64)> {
        let (mut count, mut bytes) = (0_u64, 0_u64);
        for (number, shard) in self.shards.iter().enumerate() {
            for entry in fs::read_dir(self.dir.join(format!("{number:02x}")))? {
                let path = entry?.path();
                // Looked at under the lock: it may be used in this moment.
                let _shard = lock(shard);
                let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
                if metadata.is_file() && is_older(&metadata, before) {
                    fs::remove_file(&path)?;
                    count += 1;
                    bytes = bytes.saturating_add(metadata.len());
                }
            }
        }
        Ok((count, bytes))
    }

    fn locked<T>(
        &self,
        name: Sha256,
        work: impl FnOnce(&mut Shard, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let path = self.path(name);
        let shard = self.shards.get(usize::from(name.0[0])).ok_or(io::ErrorKind::NotFound)?;
        work(&mut lock(shard), &path)
    }
}

fn touch(shard: &mut Shard, path: &Path) -> io::Result<bool> {
    let there = mark_used(path, SystemClock::time())?;
    if there && !shard.durable {
        make_durable(shard, path)?;
    }
    Ok(there)
}

fn make_durable(shard: &mut Shard, path: &Path) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        sync_dir(dir)?;
    }
    shard.durable = true;
    Ok(())
}
