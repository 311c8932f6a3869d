//! The port.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload};
use palisade_model::{Sha256, UnixMillis};
use palisade_ports::objects::{Object, ObjectWriter};
use palisade_ports::{Objects, PortError, PortResult};

use crate::config::{ConfigError, S3Config};
use crate::failure::is_absent;
use crate::keys::Keys;
use crate::writer::Writer;
use crate::{failed, unavailable};

/// The largest piece of a body.
const PIECE: usize = 1 << 20;

/// Artifacts in a bucket. Clones share connections.
#[derive(Clone)]
pub struct S3Objects {
    pub(crate) client: Arc<AmazonS3>,
    pub(crate) keys: Keys,
    pub(crate) config: Arc<S3Config>,
}

impl S3Objects {
    /// Over the bucket of these settings. Does not connect: until the server is there, calls answer
    /// [`PortError::Unavailable`].
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(config: &S3Config) -> Result<Self, ConfigError> {
        Ok(Self {
            client: Arc::new(config.client()?),
            keys: Keys::new(&config.prefix),
            config: Arc::new(config.clone()),
        })
    }

    /// What is known of a key; `None` when it is not there.
    pub(crate) async fn head(&self, key: &Path) -> PortResult<Option<ObjectMeta>> {
        match self.client.head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes an empty object, or makes its time now.
    pub(crate) async fn mark(&self, key: &Path) -> PortResult<()> {
        self.client.put(key, PutPayload::new()).await.map_err(failed)?;
        Ok(())
    }

    /// Removes a key; one that is not there is no error.
    pub(crate) async fn delete(&self, key: &Path) -> PortResult<()> {
        match self.client.delete(key).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// A moment that is certainly not before the object's time: servers tell whole seconds.
    pub(crate) fn time(meta: &ObjectMeta) -> UnixMillis {
        let millis = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
        UnixMillis(millis - millis % 1000).plus(999)
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        Ok(Box::new(Writer::new(self.clone())))
    }

    async fn open(&self, name: Sha256) -> PortResult<Option<Object>> {
        let found = match self.client.get(&self.keys.object(name)).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let size = found.meta.size;
        let body = found.into_stream().flat_map(|piece| stream::iter(pieces(piece)));
        Ok(Some(Object { size, body: whole(size, body.boxed()) }))
    }

    async fn touch(&self, name: Sha256) -> PortResult<bool> {
        self.note_use(name).await
    }

    async fn remove_older(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        self.remove_unused(before).await
    }
}

/// A piece of what came, in pieces of a bounded size.
fn pieces(piece: object_store::Result<Bytes>) -> Vec<PortResult<Bytes>> {
    match piece {
        Err(error) => vec![Err(failed(error))],
        Ok(mut bytes) => {
            let mut pieces = Vec::new();
            while bytes.len() > PIECE {
                pieces.push(Ok(bytes.split_to(PIECE)));
            }
            pieces.push(Ok(bytes));
            pieces
        }
    }
}

/// The same body, which ends with an error when it ends early.
fn whole(
    size: u64,
    body: stream::BoxStream<'static, PortResult<Bytes>>,
) -> stream::BoxStream<'static, PortResult<Bytes>> {
    stream::unfold((body, size), |(mut body, left)| async move {
        match body.next().await {
            Some(Ok(piece)) => {
                let left = left.saturating_sub(piece.len() as u64);
                Some((Ok(piece), (body, left)))
            }
            Some(Err(error)) => Some((Err(error), (stream::empty().boxed(), 0))),
            None if left > 0 => {
                let error: PortError = unavailable("the object ended early");
                Some((Err(error), (stream::empty().boxed(), 0)))
            }
            None => None,
        }
    })
    .boxed()
}
