use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use palisade_model::{Sha256, UnixMillis};
use palisade_ports::objects::{Object, ObjectWriter};
use palisade_ports::{Objects, PortError, PortResult};

use super::file::{WHAT, blocking, is_older, port_error};
use super::segments::{Segments, Slice};
use super::shards::Shards;
use super::writer::LocalWriter;

/// Bytes of one piece of a body: the port's bound.
const PIECE: u64 = 1 << 20;

/// Bounds of the object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectsConfig {
    /// Bytes of an object that wait in memory until `commit`, so that an object that is there
    /// already costs no write; what is larger goes to a temporary file in pieces of this size.
    /// Default 1 MiB.
    pub small_bytes: usize,
}

impl Default for ObjectsConfig {
    fn default() -> Self {
        Self { small_bytes: 1 << 20 }
    }
}

/// Artifacts in `ab/cd…` below a directory, by the hexadecimal digits of their names, read-only
/// (0400); unfinished ones in `tmp`. The time of last use is the file's modification time.
///
/// The store is of one process: between the answers and the removals stand locks of this process,
/// and at the opening everything unfinished is removed. Several processes on one directory would
/// have to share those locks ([`crate::Embedded`] keeps a second server out).
#[derive(Debug)]
pub struct LocalObjects {
    shared: Arc<Shared>,
    /// What can be made again: not synced, and gone after the machine's death.
    derived: Arc<Shared>,
}

/// What the store and its writers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: ObjectsConfig,
    pub(super) temporary: PathBuf,
    pub(super) shards: Shards,
    /// Where small objects go instead, when they can be made again.
    pub(super) segments: Option<Segments>,
}

impl LocalObjects {
    /// Opens a store, made when it is not there; removes what unfinished writers left behind.
    /// Blocks.
    ///
    /// # Errors
    /// When the directories cannot be made or read.
    pub fn open(dir: &Path, config: ObjectsConfig) -> io::Result<Self> {
        let shared = Arc::new(Shared::open(dir, config, true)?);
        let derived = dir.join("derived");
        forget_other_boots(&derived)?;
        let derived = Arc::new(Shared::open(&derived, config, false)?);
        Ok(Self { shared, derived })
    }
}

impl Shared {
    fn open(dir: &Path, config: ObjectsConfig, durable: bool) -> io::Result<Self> {
        let temporary = dir.join("tmp");
        DirBuilder::new().recursive(true).mode(0o700).create(&temporary)?;
        remove_leftovers(&temporary, UnixMillis(u64::MAX))?;
        let shards = Shards::open(dir, durable)?;
        let segments = match durable {
            true => None,
            false => Some(Segments::open(dir.join("segments"))?),
        };
        Ok(Self { config, temporary, shards, segments })
    }

    /// Removes objects not used since `before`; gives their number and bytes.
    fn remove_older(&self, before: UnixMillis) -> io::Result<(u64, u64)> {
        let large = self.shards.remove_older(before)?;
        let small = self.segments.as_ref().map(|segments| segments.remove_older(before));
        let small = small.transpose()?.unwrap_or_default();
        Ok((large.0 + small.0, large.1 + small.1))
    }
}

/// Removes derived objects that were written before the machine last started: without a sync, their
/// names may have outlived their bytes.
fn forget_other_boots(derived: &Path) -> io::Result<()> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let mark = derived.join("boot");
    if fs::read_to_string(&mark).is_ok_and(|known| known == boot) {
        return Ok(());
    }
    match fs::remove_dir_all(derived) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().recursive(true).mode(0o700).create(derived)?;
    fs::write(mark, boot)
}

/// Removes unfinished files last written before `before`.
fn remove_leftovers(temporary: &Path, before: UnixMillis) -> io::Result<()> {
    for entry in fs::read_dir(temporary)? {
        let entry = entry?;
        // A writer may finish or drop it in this moment.
        match entry.metadata().map(|metadata| is_older(&metadata, before)) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        match fs::remove_file(entry.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[async_trait]
impl Objects for LocalObjects {
    async fn writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        Ok(Box::new(LocalWriter::new(Arc::clone(&self.shared))))
    }

    async fn derived_writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        Ok(Box::new(LocalWriter::new(Arc::clone(&self.derived))))
    }

    async fn open(&self, name: Sha256) -> PortResult<Option<Object>> {
        if let Some(slice) = self.derived.segments.as_ref().and_then(|segments| segments.get(name))
        {
            let size = slice.size;
            return Ok(Some(Object { size, body: pieces(slice) }));
        }
        let paths = [&self.shared, &self.derived].map(|shared| shared.shards.path(name));
        let opened = blocking(move || {
            let Some(mut file) = open_first(&paths)? else { return Ok(None) };
            let size = file.metadata()?.len();
            if size > PIECE {
                return Ok(Some((size, Err(file))));
            }
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            file.by_ref().take(size).read_to_end(&mut bytes)?;
            Ok(Some((size, Ok(Bytes::from(bytes)))))
        });
        Ok(opened.await?.map(|(size, content)| {
            let body = match content {
                Ok(bytes) => whole(bytes, size),
                Err(file) => pieces(Slice { file: Arc::new(file), offset: 0, size }),
            };
            Object { size, body }
        }))
    }

    async fn touch(&self, name: Sha256) -> PortResult<bool> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.shards.touch(name)).await
    }

    async fn remove_older(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        let stores = [Arc::clone(&self.shared), Arc::clone(&self.derived)];
        blocking(move || {
            let (mut count, mut bytes) = (0, 0);
            for shared in stores {
                remove_leftovers(&shared.temporary, before)?;
                let gone = shared.remove_older(before)?;
                count += gone.0;
                bytes += gone.1;
            }
            Ok((count, bytes))
        })
        .await
    }

    async fn remove_derived(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        let derived = Arc::clone(&self.derived);
        blocking(move || derived.remove_older(before)).await
    }
}

/// The first of these files that is there.
fn open_first(paths: &[PathBuf]) -> io::Result<Option<File>> {
    for path in paths {
        match File::open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A body in one piece.
fn whole(bytes: Bytes, size: u64) -> BoxStream<'static, PortResult<Bytes>> {
    if bytes.len() as u64 != size {
        return stream::iter([Err(shorter())]).boxed();
    }
    stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed()
}

/// A body read piece by piece. An object that is removed meanwhile can be read to its end.
fn pieces(slice: Slice) -> BoxStream<'static, PortResult<Bytes>> {
    let Slice { file, offset, size } = slice;
    stream::try_unfold((file, 0), move |(file, done)| async move {
        let left = size.saturating_sub(done).min(PIECE);
        if left == 0 {
            return Ok(None);
        }
        let source = Arc::clone(&file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; usize::try_from(left).unwrap_or(0)];
            source.read_exact_at(&mut bytes, offset + done).map(|()| Bytes::from(bytes))
        });
        match read.await {
            Ok(Ok(bytes)) => Ok(Some((bytes, (file, done + left)))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(shorter()),
            Ok(Err(error)) => Err(port_error(error)),
            Err(error) => Err(PortError::Unavailable { what: WHAT, source: error.into() }),
        }
    })
    .boxed()
}

fn shorter() -> PortError {
    PortError::Corrupt { what: WHAT, source: "an object became shorter".into() }
}
