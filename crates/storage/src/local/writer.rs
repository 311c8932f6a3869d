use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::Sha256;
use palisade_ports::objects::ObjectWriter;
use palisade_ports::{PortError, PortResult};

use super::file::{Temporary, WHAT, blocking, port_error};
use super::objects::Shared;

/// An object being written: in memory while it is small, then in a temporary file.
pub(super) struct LocalWriter {
    shared: Arc<Shared>,
    /// Not in the file yet.
    pending: Vec<Bytes>,
    pending_bytes: usize,
    file: State,
}

enum State {
    /// Small so far.
    None,
    Open(Temporary),
    /// A write failed or was cancelled: what the file has is not what was written.
    Broken,
}

impl LocalWriter {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, pending: Vec::new(), pending_bytes: 0, file: State::None }
    }

    /// Writes what is pending to the file.
    async fn spill(&mut self) -> PortResult<()> {
        let pending = mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let shared = Arc::clone(&self.shared);
        // While it is away, a cancelled call leaves the writer broken and the file removed.
        let file = match mem::replace(&mut self.file, State::Broken) {
            State::None => None,
            State::Open(file) => Some(file),
            State::Broken => return Err(broken()),
        };
        let file = blocking(move || {
            let mut file = match file {
                Some(file) => file,
                None => Temporary::create(&shared.temporary)?,
            };
            pending.iter().try_for_each(|bytes| file.write(bytes))?;
            Ok(file)
        });
        self.file = State::Open(file.await?);
        Ok(())
    }
}

#[async_trait]
impl ObjectWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        if matches!(self.file, State::Broken) {
            return Err(broken());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.pending_bytes = self.pending_bytes.saturating_add(bytes.len());
        // A caller that writes in crumbs must not cost a list entry for each byte.
        match self.pending.last_mut() {
            Some(last) if last.len() + bytes.len() <= CRUMB => {
                *last = [last.as_ref(), bytes.as_ref()].concat().into();
            }
            _ => self.pending.push(bytes),
        }
        if self.pending_bytes > self.shared.config.small_bytes {
            self.spill().await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>, name: Sha256) -> PortResult<()> {
        let shared = Arc::clone(&self.shared);
        let pending = mem::take(&mut self.pending);
        let file = match mem::replace(&mut self.file, State::Broken) {
            State::None => None,
            State::Open(file) => Some(file),
            State::Broken => return Err(broken()),
        };
        if let (Some(segments), None) = (&shared.segments, &file) {
            // No more than a copy into the system's cache.
            return segments.put(name, &pending).map_err(port_error);
        }
        blocking(move || {
            // The same bytes again cost no write.
            if shared.shards.touch(name)? {
                return Ok(());
            }
            let mut file = match file {
                Some(file) => file,
                None => Temporary::create(&shared.temporary)?,
            };
            pending.iter().try_for_each(|bytes| file.write(bytes))?;
            shared.shards.place(name, file)
        })
        .await
    }
}

/// Pieces below this many bytes are put together while they wait.
const CRUMB: usize = 4096;

fn broken() -> PortError {
    let source = "an earlier write of this object failed or was cancelled".into();
    PortError::Unavailable { what: WHAT, source }
}
