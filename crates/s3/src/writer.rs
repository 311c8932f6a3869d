//! An artifact on its way: S3 wants its name first, and the name is known last.

use std::io::{Read, Seek, SeekFrom, Write};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use palisade_model::Sha256;
use palisade_ports::objects::ObjectWriter;
use palisade_ports::{PortError, PortResult};

use crate::objects::S3Objects;
use crate::{WHAT, failed, unavailable};

/// Bytes of each part of a large artifact. S3 takes at least 5 MiB and at most 10,000 parts: up to
/// 156 GiB.
const PART: usize = 16 << 20;

/// Times that a commit and a removal of the same artifact may get into each other's way.
const TRIES: usize = 3;

pub(crate) struct Writer {
    objects: S3Objects,
    gathered: BytesMut,
    spool: Option<std::fs::File>,
}

impl Writer {
    pub(crate) fn new(objects: S3Objects) -> Self {
        Self { objects, gathered: BytesMut::new(), spool: None }
    }

    /// Moves what is gathered into the temporary file.
    async fn spill(&mut self) -> PortResult<()> {
        let bytes = self.gathered.split().freeze();
        let spool = self.spool.take();
        let dir = self.objects.config.spool.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = match (spool, dir) {
                (Some(file), _) => file,
                (None, Some(dir)) => tempfile::tempfile_in(dir)?,
                (None, None) => tempfile::tempfile()?,
            };
            file.write_all(&bytes)?;
            Ok(file)
        });
        self.spool = Some(written.await.map_err(unavailable)?.map_err(spool_failed)?);
        Ok(())
    }
}

fn spool_failed(error: std::io::Error) -> PortError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            PortError::Full { what: WHAT }
        }
        _ => unavailable(error),
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        self.gathered.extend_from_slice(&bytes);
        if self.gathered.len() > self.objects.config.memory_bytes {
            self.spill().await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>, name: Sha256) -> PortResult<()> {
        if self.spool.is_none() {
            return self.objects.put_small(name, self.gathered.freeze()).await;
        }
        self.spill().await?;
        match self.spool {
            Some(file) => self.objects.put_large(name, file).await,
            None => Err(unavailable("the temporary file is gone")),
        }
    }
}

impl S3Objects {
    /// Most artifacts: one request, and if the artifact is there already, a note of its use.
    async fn put_small(&self, name: Sha256, bytes: Bytes) -> PortResult<()> {
        let key = self.keys.object(name);
        for _ in 0..TRIES {
            if !self.config.conditional_writes && self.is_there(name).await? {
                return Ok(());
            }
            let mode =
                if self.config.conditional_writes { PutMode::Create } else { PutMode::Overwrite };
            let options = PutOptions { mode, ..PutOptions::default() };
            let payload = PutPayload::from_bytes(bytes.clone());
            match self.client.put_opts(&key, payload, options).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::AlreadyExists { .. }) => {
                    if self.is_there(name).await? {
                        return Ok(());
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        self.put_over(name, bytes).await
    }

    /// The artifact, whatever the server says is there. A gateway that was killed in the middle of a
    /// write may refuse another one because it has the object's description, and have no object.
    async fn put_over(&self, name: Sha256, bytes: Bytes) -> PortResult<()> {
        for _ in 0..TRIES {
            // A removal that begins from here on sees the use; one that began is waited for.
            self.mark(&self.keys.usage(name)).await?;
            if self.head(&self.keys.removal(name)).await?.is_none() {
                let payload = PutPayload::from_bytes(bytes);
                self.client.put(&self.keys.object(name), payload).await.map_err(failed)?;
                return Ok(());
            }
            self.wait_for_removal(name).await?;
        }
        Err(unavailable("somebody removes this object again and again"))
    }

    /// Whether the artifact is there and stays; waits for a removal that is under way.
    async fn is_there(&self, name: Sha256) -> PortResult<bool> {
        if self.note_use(name).await? {
            return Ok(true);
        }
        self.wait_for_removal(name).await?;
        Ok(false)
    }

    async fn put_large(&self, name: Sha256, file: std::fs::File) -> PortResult<()> {
        if self.is_there(name).await? {
            return Ok(());
        }
        let mut upload =
            self.client.put_multipart(&self.keys.object(name)).await.map_err(failed)?;
        let sent = async {
            let mut file = rewound(file).await?;
            loop {
                let (part, rest) = next_part(file).await?;
                file = rest;
                if part.is_empty() {
                    break;
                }
                upload.put_part(PutPayload::from_bytes(part)).await.map_err(failed)?;
            }
            upload.complete().await.map_err(failed)?;
            Ok(())
        };
        let sent: PortResult<()> = sent.await;
        if sent.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%error, %name, "parts of an artifact stay until the bucket's own rule");
        }
        sent
    }
}

async fn rewound(mut file: std::fs::File) -> PortResult<std::fs::File> {
    tokio::task::spawn_blocking(move || file.seek(SeekFrom::Start(0)).map(|_| file))
        .await
        .map_err(unavailable)?
        .map_err(spool_failed)
}

/// The next bytes of the file; none at its end.
async fn next_part(file: std::fs::File) -> PortResult<(Bytes, std::fs::File)> {
    let read = move || {
        let mut part = Vec::with_capacity(PART);
        (&file).take(PART as u64).read_to_end(&mut part)?;
        Ok((Bytes::from(part), file))
    };
    tokio::task::spawn_blocking(read).await.map_err(unavailable)?.map_err(spool_failed)
}
