//! The records, one file for each noun.

mod batches;
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

use std::sync::Arc;

use async_trait::async_trait;
use palisade_model::{
    AnyHash, Batch, BatchId, CommandId, DeadLetter, Delivery, KeyId, NodeId, Part, Progress,
    Report, RequestId, RequestSummary, Sha256, Subject, UnixMillis, Upload,
};
use palisade_ports::records::{
    Added, ApiKey, BatchEnd, BatchFile, BatchState, Charged, Counts, EngineStatus, History,
    PartAdded, ReportId, RequestState, UploadState,
};
use palisade_ports::{PortResult, Records};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::PostgresConfig;
use crate::schema::{SchemaError, prepare};
use crate::session::{ConnectError, Pool};

/// Values of a statement.
type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The records on PostgreSQL. Connections are made when they are needed.
pub struct PostgresRecords {
    durable: Pool,
    quick: Pool,
}

impl PostgresRecords {
    /// Over the database of these settings. Does not connect: until the database is there, calls
    /// answer [`palisade_ports::PortError::Unavailable`].
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(config: &PostgresConfig) -> Result<Self, ConnectError> {
        Ok(Self { durable: Pool::new(config, true)?, quick: Pool::new(config, false)? })
    }

    /// Makes the tables, or brings those of an older program up to date. Several processes may do it
    /// at once.
    ///
    /// # Errors
    /// A database that a newer program made, or none.
    pub async fn prepare(&self) -> Result<(), SchemaError> {
        // One connection does it: a transaction stays on it.
        prepare(&self.durable.alone()).await
    }

    /// The database's time: a clock that every process of an installation can go by.
    ///
    /// # Errors
    /// [`palisade_ports::PortError::Unavailable`].
    pub async fn time(&self) -> PortResult<UnixMillis> {
        let text = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let rows = self.run(text, &[], &[]).await?;
        Ok(UnixMillis(rows.first().map_or(0, |row| crate::from_sql(row.get(0)))))
    }

    /// What somebody outside is told of.
    async fn commit(
        &self,
        text: &'static str,
        types: &[Type],
        values: Values<'_>,
    ) -> PortResult<Vec<Row>> {
        self.durable.query(text, types, values).await
    }

    /// Reads, and writes that may be lost with the database.
    async fn run(
        &self,
        text: &'static str,
        types: &[Type],
        values: Values<'_>,
    ) -> PortResult<Vec<Row>> {
        self.quick.query(text, types, values).await
    }
}

#[async_trait]
impl Records for PostgresRecords {
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
