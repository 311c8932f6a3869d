use std::sync::Arc;

use async_trait::async_trait;
use palisade_model::{
    AnyHash, Batch, BatchId, CommandId, DeadLetter, Delivery, KeyId, NodeId, Part, Progress,
    Report, RequestId, RequestSummary, Sha256, Subject, UnixMillis, Upload,
};
use palisade_ports::PortResult;
use palisade_ports::records::{
    Added, ApiKey, BatchEnd, BatchFile, BatchState, Charged, Counts, EngineStatus, History,
    PartAdded, Records, ReportId, RequestState, UploadState,
};

use super::Port;

pub(super) struct FaultyRecords {
    port: Port,
    records: Arc<dyn Records>,
}

impl FaultyRecords {
    pub(super) fn new(port: Port, records: Arc<dyn Records>) -> Self {
        Self { port, records }
    }

    fn count(&self, id: RequestId, stored: bool) {
        if stored {
            *self.port.faults.state().stored.entry(id).or_default() += 1;
        }
    }
}

#[async_trait]
impl Records for FaultyRecords {
    async fn open_request(&self, summary: RequestSummary, progress: Progress) -> PortResult<()> {
        let work = self.records.open_request(summary, progress);
        self.port.write("records.open_request", work).await
    }

    async fn finish(&self, report: Report, cache_key: Option<Sha256>) -> PortResult<bool> {
        let work = async {
            let id = report.request.node.root;
            let stored = self.records.finish(report, cache_key).await?;
            self.count(id, stored);
            Ok(stored)
        };
        self.port.write("records.finish", work).await
    }

    async fn cached(
        &self,
        cache_key: Sha256,
        not_before: UnixMillis,
    ) -> PortResult<Option<(ReportId, Arc<Report>)>> {
        self.port.read("records.cached", self.records.cached(cache_key, not_before)).await
    }

    async fn finish_from_cache(
        &self,
        summary: RequestSummary,
        report: ReportId,
        finished: UnixMillis,
    ) -> PortResult<bool> {
        let work = async {
            let id = summary.node.root;
            let stored = self.records.finish_from_cache(summary, report, finished).await?;
            self.count(id, stored);
            Ok(stored)
        };
        self.port.write("records.finish_from_cache", work).await
    }

    async fn request(&self, id: RequestId) -> PortResult<Option<RequestState>> {
        self.port.read("records.request", self.records.request(id)).await
    }

    async fn by_hash(&self, hash: AnyHash) -> PortResult<Option<RequestState>> {
        self.port.read("records.by_hash", self.records.by_hash(hash)).await
    }

    async fn by_hashes(&self, hashes: Vec<AnyHash>) -> PortResult<Vec<Option<RequestState>>> {
        self.port.read("records.by_hashes", self.records.by_hashes(hashes)).await
    }

    async fn overdue(&self, before: UnixMillis, limit: u32) -> PortResult<Vec<RequestSummary>> {
        self.port.read("records.overdue", self.records.overdue(before, limit)).await
    }

    async fn forget(&self, before: UnixMillis) -> PortResult<u64> {
        self.port.read("records.forget", self.records.forget(before)).await
    }

    async fn strike(&self, command: CommandId) -> PortResult<u32> {
        self.port.write("records.strike", self.records.strike(command)).await
    }

    async fn charge(&self, node: NodeId, charge: Charged) -> PortResult<Charged> {
        self.port.write("records.charge", self.records.charge(node, charge)).await
    }

    async fn settle(&self, root: RequestId) -> PortResult<()> {
        self.port.write("records.settle", self.records.settle(root)).await
    }

    async fn put_dead_letter(&self, letter: DeadLetter) -> PortResult<()> {
        self.port.write("records.put_dead_letter", self.records.put_dead_letter(letter)).await
    }

    async fn dead_letters(&self, limit: u32) -> PortResult<Vec<DeadLetter>> {
        self.port.read("records.dead_letters", self.records.dead_letters(limit)).await
    }

    async fn dead_letter(&self, id: &str) -> PortResult<Option<DeadLetter>> {
        self.port.read("records.dead_letter", self.records.dead_letter(id)).await
    }

    async fn remove_dead_letter(&self, id: &str) -> PortResult<bool> {
        self.port.read("records.remove_dead_letter", self.records.remove_dead_letter(id)).await
    }

    async fn reopen(&self, id: RequestId) -> PortResult<bool> {
        self.port.read("records.reopen", self.records.reopen(id)).await
    }

    async fn put_key(&self, key: ApiKey, secret: Sha256) -> PortResult<()> {
        self.port.read("records.put_key", self.records.put_key(key, secret)).await
    }

    async fn key(&self, secret: Sha256) -> PortResult<Option<ApiKey>> {
        self.port.read("records.key", self.records.key(secret)).await
    }

    async fn keys(&self) -> PortResult<Vec<ApiKey>> {
        self.port.read("records.keys", self.records.keys()).await
    }

    async fn revoke_key(&self, id: KeyId, when: UnixMillis) -> PortResult<bool> {
        self.port.read("records.revoke_key", self.records.revoke_key(id, when)).await
    }

    async fn count_scans(&self, key: KeyId, day: u32, add: u32) -> PortResult<u32> {
        self.port.read("records.count_scans", self.records.count_scans(key, day, add)).await
    }

    async fn put_engine(&self, status: EngineStatus) -> PortResult<()> {
        self.port.read("records.put_engine", self.records.put_engine(status)).await
    }

    async fn engines(&self) -> PortResult<Vec<EngineStatus>> {
        self.port.read("records.engines", self.records.engines()).await
    }

    async fn counts(&self) -> PortResult<Counts> {
        self.port.read("records.counts", self.records.counts()).await
    }

    async fn cancel(&self, id: RequestId, when: UnixMillis) -> PortResult<Option<RequestState>> {
        self.port.write("records.cancel", self.records.cancel(id, when)).await
    }

    async fn cancelled(&self, since: UnixMillis, limit: u32) -> PortResult<Vec<RequestId>> {
        self.port.read("records.cancelled", self.records.cancelled(since, limit)).await
    }

    async fn history(&self, of: History, skip: u32, limit: u32) -> PortResult<Vec<RequestState>> {
        self.port.read("records.history", self.records.history(of, skip, limit)).await
    }

    async fn put_batch(&self, batch: Batch) -> PortResult<()> {
        self.port.write("records.put_batch", self.records.put_batch(batch)).await
    }

    async fn batch(&self, id: BatchId, now: UnixMillis) -> PortResult<Option<BatchState>> {
        self.port.read("records.batch", self.records.batch(id, now)).await
    }

    async fn add_to_batch(
        &self,
        id: BatchId,
        request: RequestId,
        when: UnixMillis,
        limit: u32,
    ) -> PortResult<Added> {
        self.port
            .write("records.add_to_batch", self.records.add_to_batch(id, request, when, limit))
            .await
    }

    async fn remove_from_batch(&self, id: BatchId, request: RequestId) -> PortResult<()> {
        self.port
            .write("records.remove_from_batch", self.records.remove_from_batch(id, request))
            .await
    }

    async fn end_batch(&self, id: BatchId, end: BatchEnd, when: UnixMillis) -> PortResult<bool> {
        self.port.write("records.end_batch", self.records.end_batch(id, end, when)).await
    }

    async fn batch_files(&self, id: BatchId, skip: u32, limit: u32) -> PortResult<Vec<BatchFile>> {
        self.port.read("records.batch_files", self.records.batch_files(id, skip, limit)).await
    }

    async fn put_delivery(&self, delivery: Delivery) -> PortResult<()> {
        self.port.write("records.put_delivery", self.records.put_delivery(delivery)).await
    }

    async fn delivery(&self, subject: Subject) -> PortResult<Option<Delivery>> {
        self.port.read("records.delivery", self.records.delivery(subject)).await
    }

    async fn claim_deliveries(
        &self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<Delivery>> {
        self.port
            .read("records.claim_deliveries", self.records.claim_deliveries(now, until, limit))
            .await
    }

    async fn put_upload(&self, upload: Upload) -> PortResult<()> {
        self.port.write("records.put_upload", self.records.put_upload(upload)).await
    }

    async fn upload(&self, id: RequestId) -> PortResult<Option<UploadState>> {
        self.port.read("records.upload", self.records.upload(id)).await
    }

    async fn put_part(&self, id: RequestId, part: Part, limit: u32) -> PortResult<PartAdded> {
        self.port.write("records.put_part", self.records.put_part(id, part, limit)).await
    }

    async fn remove_upload(&self, id: RequestId) -> PortResult<bool> {
        self.port.write("records.remove_upload", self.records.remove_upload(id)).await
    }

    async fn uploads_of(&self, key: KeyId) -> PortResult<u32> {
        self.port.read("records.uploads_of", self.records.uploads_of(key)).await
    }

    async fn expire_uploads(&self, now: UnixMillis) -> PortResult<u64> {
        self.port.read("records.expire_uploads", self.records.expire_uploads(now)).await
    }
}
