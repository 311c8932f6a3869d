//! The object store: artifacts by their SHA-256.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use palisade_model::{Sha256, UnixMillis};

use crate::PortResult;

/// The bytes of an artifact.
pub struct Object {
    /// Bytes in all.
    pub size: u64,
    /// The bytes in order, in pieces of at most 1 MiB.
    pub body: BoxStream<'static, PortResult<Bytes>>,
}

/// Artifacts, each stored once, named by their SHA-256.
///
/// Laws:
/// 1. After `commit(sha)` returns `Ok`, `open(sha)` gives exactly the bytes written, also after the
///    machine's death, until it is removed by `remove_older`.
/// 2. Nothing can be opened before `commit`; a writer dropped without it leaves nothing behind
///    (after a crash: nothing that `remove_older` does not remove).
/// 3. Committing bytes that are there already is not an error, keeps one copy, and counts as a new
///    use: `remove_older` measures from the last commit or `touch`.
/// 4. `touch` returning true means that the object is there and stays for a whole retention.
/// 5. A write that finds no space gives [`crate::PortError::Full`] and leaves nothing behind.
///
/// The implementation trusts that the caller computed the name; the gateway and the engine host
/// hash while they write.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Starts writing an object whose name is not known yet.
    async fn writer(&self) -> PortResult<Box<dyn ObjectWriter>>;

    /// As [`Objects::writer`], for an object that can be made again from another one: a child of a
    /// container. It survives the death of this process; the machine's death may take it, but never
    /// leaves something else under its name, and [`Objects::remove_derived`] takes it earlier. The
    /// same unless an implementation can save by it.
    async fn derived_writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        self.writer().await
    }

    /// Opens an object; `None` when it is not there.
    async fn open(&self, name: Sha256) -> PortResult<Option<Object>>;

    /// Whether it is there; if so, it counts as used now.
    async fn touch(&self, name: Sha256) -> PortResult<bool>;

    /// Removes objects not used since `before`, and what unfinished writers left behind earlier than
    /// that. Returns how many objects and bytes went.
    async fn remove_older(&self, before: UnixMillis) -> PortResult<(u64, u64)>;

    /// Removes derived objects not used since `before`, as far as the implementation keeps them apart:
    /// nobody needs them when every request that is older has its report.
    async fn remove_derived(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        let _ = before;
        Ok((0, 0))
    }
}

/// An object being written.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Appends bytes.
    async fn write(&mut self, bytes: Bytes) -> PortResult<()>;

    /// Makes the bytes durable under `name`.
    async fn commit(self: Box<Self>, name: Sha256) -> PortResult<()>;
}
