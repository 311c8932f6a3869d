//! Use and removal: see the crate's documentation for how they agree.

use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, PutMode, PutOptions, PutPayload};
use palisade_model::{Sha256, UnixMillis};
use palisade_ports::{PortError, PortResult};

use crate::failed;
use crate::keys::Keys;
use crate::objects::S3Objects;

/// Removals at once.
const AT_ONCE: usize = 16;

/// A removal takes five requests; one that has been under way for as long as so many may take, and one
/// more, died with its process.
const REQUESTS: u32 = 6;

/// Between two looks at a removal that stands in the way, at first and at most.
const LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);

impl S3Objects {
    /// Notes that an artifact is used now. False when it is not there, or is going.
    pub(crate) async fn note_use(&self, name: Sha256) -> PortResult<bool> {
        let Some(meta) = self.head(&self.keys.object(name)).await? else { return Ok(false) };
        if self.is_fresh(name, &meta).await? {
            return Ok(true);
        }
        self.mark(&self.keys.usage(name)).await?;
        // From here on a removal that begins sees the use.
        if self.head(&self.keys.removal(name)).await?.is_some() {
            return Ok(false);
        }
        Ok(self.head(&self.keys.object(name)).await?.is_some())
    }

    /// Whether the last note of a use is new enough: removals leave out what is as old as that.
    async fn is_fresh(&self, name: Sha256, meta: &ObjectMeta) -> PortResult<bool> {
        let since = now().minus(self.slack_ms());
        if self.slack_ms() == 0 {
            return Ok(false);
        }
        // Whole seconds: the earliest moment that it can have been.
        let after = |meta: &ObjectMeta| Self::time(meta).minus(999) > since;
        if after(meta) {
            return Ok(true);
        }
        Ok(self.head(&self.keys.usage(name)).await?.as_ref().is_some_and(after))
    }

    fn slack_ms(&self) -> u64 {
        self.config.note_use_minutes.saturating_mul(60_000)
    }

    /// Waits until nobody is removing the artifact.
    pub(crate) async fn wait_for_removal(&self, name: Sha256) -> PortResult<()> {
        let key = self.keys.removal(name);
        let mut look = LOOK;
        while let Some(removal) = self.head(&key).await? {
            if self.is_abandoned(&removal).await? {
                self.delete(&key).await?;
            }
            tokio::time::sleep(look).await;
            look = LONGEST_LOOK.min(look * 2);
        }
        Ok(())
    }

    /// Removes artifacts whose last use is before `before`.
    pub(crate) async fn remove_unused(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        let before = before.minus(self.slack_ms());
        let removed = self
            .client
            .list(Some(&self.keys.objects()))
            .map_err(failed)
            .try_filter_map(|meta| async move {
                let old = Self::time(&meta) < before;
                Ok(Keys::name(&meta.location).filter(|_| old))
            })
            .map_ok(|name| self.remove(name, before))
            .try_buffer_unordered(AT_ONCE)
            .try_fold((0_u64, 0_u64), |(objects, bytes), removed| async move {
                Ok(removed.map_or((objects, bytes), |size| (objects + 1, bytes + size)))
            })
            .await?;
        Ok(removed)
    }

    /// Removes one artifact if it is still unused; its size.
    async fn remove(&self, name: Sha256, before: UnixMillis) -> PortResult<Option<u64>> {
        // Most are used again: one look, before anything is written.
        if self.last_use(name).await?.is_none_or(|(used, _)| used >= before) {
            return Ok(None);
        }
        let removal = self.keys.removal(name);
        if !self.begin_removal(name).await? {
            return Ok(None);
        }
        let removed = async {
            match self.last_use(name).await? {
                Some((used, size)) if used < before => {
                    self.delete(&self.keys.object(name)).await?;
                    self.delete(&self.keys.usage(name)).await?;
                    Ok(Some(size))
                }
                _ => Ok(None),
            }
        };
        let removed: Result<_, PortError> = removed.await;
        // After an error the removal stays until it counts as abandoned: whether the artifact is gone
        // is not known.
        if removed.is_ok() {
            self.delete(&removal).await?;
        }
        removed
    }

    /// When the artifact was used last, and its size; `None` when it is not there.
    async fn last_use(&self, name: Sha256) -> PortResult<Option<(UnixMillis, u64)>> {
        let Some(meta) = self.head(&self.keys.object(name)).await? else { return Ok(None) };
        let used = self.head(&self.keys.usage(name)).await?;
        let used = used.as_ref().map_or(UnixMillis(0), Self::time);
        Ok(Some((Self::time(&meta).max(used), meta.size)))
    }

    /// Says that the artifact is being removed. False when somebody else is at it.
    async fn begin_removal(&self, name: Sha256) -> PortResult<bool> {
        let key = self.keys.removal(name);
        if !self.config.conditional_writes {
            // Two removers at once are not told apart then: the second finds nothing to delete.
            if let Some(removal) = self.head(&key).await?
                && !self.is_abandoned(&removal).await?
            {
                return Ok(false);
            }
            return self.mark(&key).await.map(|()| true);
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.client.put_opts(&key, PutPayload::new(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => {
                if let Some(removal) = self.head(&key).await?
                    && self.is_abandoned(&removal).await?
                {
                    self.delete(&key).await?;
                }
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn is_abandoned(&self, removal: &ObjectMeta) -> PortResult<bool> {
        // By the server's clock, which made the removal's time: ours may be minutes away.
        self.mark(&self.keys.clock()).await?;
        let Some(clock) = self.head(&self.keys.clock()).await? else { return Ok(false) };
        let age = Self::time(&clock).since(Self::time(removal));
        Ok(u128::from(age) > (self.config.timeout() * REQUESTS).as_millis())
    }
}

fn now() -> UnixMillis {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
