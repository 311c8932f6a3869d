//! The records over SQLite, one file for each noun.

mod batches;
mod body;
mod cache;
mod counters;
mod dead_letters;
mod deliveries;
mod engines;
mod forget;
mod history;
mod keys;
mod reports;
mod requests;
mod uploads;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use palisade_model::{
    AnyHash, Batch, BatchId, CommandId, DeadLetter, Delivery, KeyId, NodeId, Part, Progress,
    Report, RequestId, RequestSummary, Sha256, Subject, UnixMillis, Upload,
};
use palisade_ports::log::Durability;
use palisade_ports::records::{
    Added, ApiKey, BatchEnd, BatchFile, BatchState, Charged, Counts, EngineStatus, History,
    PartAdded, ReportId, RequestState, UploadState,
};
use palisade_ports::{PortResult, Records};
use rusqlite::Connection;

use self::cache::Cache;
use super::{
    Epoch, Failure, Readers, SchemaError, Surroundings, Writer, WriterConfig, open_writer, prepare,
    require_current,
};
use crate::embedded::{OpenError, lock_dir};

/// The port, for people.
const WHAT: &str = "the records";

/// Bounds of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordsConfig {
    /// Memory for what was looked up lately, bytes. Default 128 MiB.
    pub cache_bytes: usize,
}

impl Default for RecordsConfig {
    fn default() -> Self {
        Self { cache_bytes: 128 << 20 }
    }
}

/// Whether a report may be read and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Load {
    Yes,
    No,
}

/// What was looked up; `None` when a report would have to be loaded and that may not be.
type Looked<T> = Result<Option<T>, Failure>;

/// The embedded records.
#[derive(Debug)]
pub struct SqliteRecords {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    cache: Arc<Cache>,
}

impl SqliteRecords {
    /// Over a database that is ready.
    pub(crate) fn open(
        writer: Arc<Writer>,
        readers: Arc<Readers>,
        epoch: Epoch,
        config: RecordsConfig,
    ) -> Self {
        Self { writer, readers, cache: Arc::new(Cache::new(config.cache_bytes, epoch)) }
    }

    /// Opens the records of a data directory that a server may be using at this moment: for
    /// `palisade keys` and `palisade dead-letters`. What is written here, the server sees at once.
    /// Call [`SqliteRecords::close`] at the end.
    ///
    /// # Errors
    /// As [`crate::Embedded::open`]; that the directory is in use is none.
    pub async fn open_beside(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        let dir = dir.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_beside_now(&dir)).await;
        opened.map_err(OpenError::interrupted)?
    }

    fn open_beside_now(dir: &Path) -> Result<Self, OpenError> {
        // With nobody there, the database may be made or brought up to date; not under the feet of
        // a server.
        let alone = match lock_dir(dir) {
            Ok(lock) => Some(lock),
            Err(OpenError::Locked { .. }) => None,
            Err(error) => return Err(error),
        };
        let epoch = || Epoch::open(dir).map_err(|error| OpenError::io(dir, error));
        let open = || -> Result<Connection, SchemaError> {
            let mut connection = open_writer(dir)?;
            match alone {
                Some(_) => prepare(&mut connection)?,
                None => require_current(&connection)?,
            }
            Ok(connection)
        };
        let connection = open().map_err(|error| OpenError::schema(dir, error))?;
        let changes = epoch()?;
        let around = Surroundings {
            keeper: false,
            committed: Box::new(move || {
                if let Err(error) = changes.change() {
                    tracing::error!(%error, "a running server may see this change late");
                }
            }),
            hold: Box::new(()),
        };
        let writer = Writer::start(dir, connection, WriterConfig::default(), around)
            .map_err(|error| OpenError::io(dir, error))?;
        let readers = Arc::new(Readers::new(dir, 1));
        let config = RecordsConfig { cache_bytes: 0 };
        Ok(Self::open(Arc::new(writer), readers, epoch()?, config))
    }

    /// Ends the writer once everything is written. Only for records opened beside a server: those
    /// of [`crate::Embedded`] close with it.
    pub async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }

    /// Writes with [`Durability::Machine`] what somebody outside is told.
    async fn promise<T, W>(&self, bytes: usize, work: W) -> PortResult<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.writer.write(WHAT, Durability::Machine, bytes.saturating_add(512), work).await
    }

    /// Writes with [`Durability::Process`], a small row.
    async fn note<T, W>(&self, work: W) -> PortResult<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.writer.write(WHAT, Durability::Process, 512, work).await
    }

    /// Looks something up by its index: first on this thread, and if that meets a report that must
    /// be loaded, on one that may block.
    async fn look_up<T, L>(&self, look: L) -> PortResult<T>
    where
        T: Send + 'static,
        L: Fn(&Connection, Load) -> Looked<T> + Send + 'static,
    {
        let here = self.readers.read_here(|connection| look(connection, Load::No));
        if let Some(found) = here.map_err(|failure| failure.into_port(WHAT))? {
            return Ok(found);
        }
        self.read(move |connection| {
            let found = look(connection, Load::Yes)?;
            found.ok_or_else(|| Failure::unavailable("a report could not be read"))
        })
        .await
    }

    async fn read<T, R>(&self, read: R) -> PortResult<T>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.readers.read(WHAT, read).await
    }
}

#[async_trait]
impl Records for SqliteRecords {
    async fn open_request(&self, summary: RequestSummary, progress: Progress) -> PortResult<()> {
        self.open_request_row(summary, progress).await
    }

    async fn finish(&self, report: Report, cache_key: Option<Sha256>) -> PortResult<bool> {
        self.store_report(report, cache_key).await
    }

    async fn cached(
        &self,
        cache_key: Sha256,
        not_before: UnixMillis,
    ) -> PortResult<Option<(ReportId, Arc<Report>)>> {
        self.newest_cached(cache_key, not_before).await
    }

    async fn finish_from_cache(
        &self,
        summary: RequestSummary,
        report: ReportId,
        finished: UnixMillis,
    ) -> PortResult<bool> {
        self.answer_with(summary, report, finished).await
    }

    async fn request(&self, id: RequestId) -> PortResult<Option<RequestState>> {
        self.state_of(id).await
    }

    async fn by_hash(&self, hash: AnyHash) -> PortResult<Option<RequestState>> {
        self.newest_of(hash).await
    }

    async fn by_hashes(&self, hashes: Vec<AnyHash>) -> PortResult<Vec<Option<RequestState>>> {
        self.newest_of_each(hashes).await
    }

    async fn overdue(&self, before: UnixMillis, limit: u32) -> PortResult<Vec<RequestSummary>> {
        self.open_past_deadline(before, limit).await
    }

    async fn cancel(&self, id: RequestId, when: UnixMillis) -> PortResult<Option<RequestState>> {
        self.mark_cancelled(id, when).await
    }

    async fn cancelled(&self, since: UnixMillis, limit: u32) -> PortResult<Vec<RequestId>> {
        self.cancelled_since(since, limit).await
    }

    async fn history(&self, of: History, skip: u32, limit: u32) -> PortResult<Vec<RequestState>> {
        self.history_of(of, skip, limit).await
    }

    async fn forget(&self, before: UnixMillis) -> PortResult<u64> {
        self.forget_before(before).await
    }

    async fn put_batch(&self, batch: Batch) -> PortResult<()> {
        self.store_batch(batch).await
    }

    async fn batch(&self, id: BatchId, now: UnixMillis) -> PortResult<Option<BatchState>> {
        self.batch_at(id, now).await
    }

    async fn add_to_batch(
        &self,
        id: BatchId,
        request: RequestId,
        when: UnixMillis,
        limit: u32,
    ) -> PortResult<Added> {
        self.add_file(id, request, when, limit).await
    }

    async fn remove_from_batch(&self, id: BatchId, request: RequestId) -> PortResult<()> {
        self.remove_file(id, request).await
    }

    async fn end_batch(&self, id: BatchId, end: BatchEnd, when: UnixMillis) -> PortResult<bool> {
        self.set_end(id, end, when).await
    }

    async fn batch_files(&self, id: BatchId, skip: u32, limit: u32) -> PortResult<Vec<BatchFile>> {
        self.files_of(id, skip, limit).await
    }

    async fn put_delivery(&self, delivery: Delivery) -> PortResult<()> {
        self.store_delivery(delivery).await
    }

    async fn delivery(&self, subject: Subject) -> PortResult<Option<Delivery>> {
        self.delivery_of(subject).await
    }

    async fn claim_deliveries(
        &self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<Delivery>> {
        self.claim(now, until, limit).await
    }

    async fn put_upload(&self, upload: Upload) -> PortResult<()> {
        self.store_upload(upload).await
    }

    async fn upload(&self, id: RequestId) -> PortResult<Option<UploadState>> {
        self.upload_with_parts(id).await
    }

    async fn put_part(&self, id: RequestId, part: Part, limit: u32) -> PortResult<PartAdded> {
        self.add_part(id, part, limit).await
    }

    async fn remove_upload(&self, id: RequestId) -> PortResult<bool> {
        self.delete_upload(id).await
    }

    async fn uploads_of(&self, key: KeyId) -> PortResult<u32> {
        self.count_uploads(key).await
    }

    async fn expire_uploads(&self, now: UnixMillis) -> PortResult<u64> {
        self.delete_expired(now).await
    }

    async fn strike(&self, command: CommandId) -> PortResult<u32> {
        self.add_strike(command).await
    }

    async fn charge(&self, node: NodeId, charge: Charged) -> PortResult<Charged> {
        self.put_charge(node, charge).await
    }

    async fn settle(&self, root: RequestId) -> PortResult<()> {
        self.settle_tree(root).await
    }

    async fn put_dead_letter(&self, letter: DeadLetter) -> PortResult<()> {
        self.put_letter(letter).await
    }

    async fn dead_letters(&self, limit: u32) -> PortResult<Vec<DeadLetter>> {
        self.newest_letters(limit).await
    }

    async fn dead_letter(&self, id: &str) -> PortResult<Option<DeadLetter>> {
        self.letter(id).await
    }

    async fn remove_dead_letter(&self, id: &str) -> PortResult<bool> {
        self.remove_letter(id).await
    }

    async fn reopen(&self, id: RequestId) -> PortResult<bool> {
        self.drop_report_of(id).await
    }

    async fn put_key(&self, key: ApiKey, secret: Sha256) -> PortResult<()> {
        self.store_key(key, secret).await
    }

    async fn key(&self, secret: Sha256) -> PortResult<Option<ApiKey>> {
        self.key_with(secret).await
    }

    async fn keys(&self) -> PortResult<Vec<ApiKey>> {
        self.all_keys().await
    }

    async fn revoke_key(&self, id: KeyId, when: UnixMillis) -> PortResult<bool> {
        self.revoke(id, when).await
    }

    async fn count_scans(&self, key: KeyId, day: u32, add: u32) -> PortResult<u32> {
        self.add_scans(key, day, add).await
    }

    async fn put_engine(&self, status: EngineStatus) -> PortResult<()> {
        self.store_engine(status).await
    }

    async fn engines(&self) -> PortResult<Vec<EngineStatus>> {
        self.all_engines().await
    }

    async fn counts(&self) -> PortResult<Counts> {
        self.sums().await
    }
}
