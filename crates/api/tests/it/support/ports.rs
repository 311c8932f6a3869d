//! The ports in memory: no more than the API's tests need of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use palisade_model::{
    AnyHash, Batch, BatchId, CommandId, DeadLetter, Delivery, KeyId, NodeId, Part, Progress,
    Report, RequestId, RequestSummary, Sha256, Subject, UnixMillis, Upload,
};
use palisade_ports::log::{
    Acknowledge, Append, Delivery as Handed, Durability, Position, Start, Subscription, Topic,
};
use palisade_ports::objects::{Object, ObjectWriter};
use palisade_ports::records::{
    Added, ApiKey, BatchEnd, BatchFile, BatchState, Charged, Counts, EngineStatus, History,
    PartAdded, ReportId, RequestState, UploadState,
};
use palisade_ports::{Clock, Log, Objects, PortError, PortResult, Records};
use tokio::sync::Notify;

use super::held::Held;

pub(crate) fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        now()
    }

    async fn sleep_until(&self, time: UnixMillis) {
        while now() < time {
            tokio::time::sleep(std::time::Duration::from_millis(time.since(now()))).await;
        }
    }
}

#[derive(Default)]
pub(crate) struct MemoryObjects {
    pub(crate) stored: Arc<Mutex<BTreeMap<Sha256, Vec<u8>>>>,
    /// Writers begun and neither committed nor dropped.
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) full: AtomicBool,
}

struct MemoryWriter {
    bytes: Vec<u8>,
    stored: Arc<Mutex<BTreeMap<Sha256, Vec<u8>>>>,
    open: Arc<AtomicUsize>,
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl ObjectWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn commit(mut self: Box<Self>, name: Sha256) -> PortResult<()> {
        let bytes = std::mem::take(&mut self.bytes);
        self.stored.lock().unwrap().insert(name, bytes);
        Ok(())
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        if self.full.load(Ordering::SeqCst) {
            return Err(PortError::Full { what: "the object store" });
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        let (stored, open) = (self.stored.clone(), self.open.clone());
        Ok(Box::new(MemoryWriter { bytes: Vec::new(), stored, open }))
    }

    async fn open(&self, name: Sha256) -> PortResult<Option<Object>> {
        Ok(self.stored.lock().unwrap().get(&name).cloned().map(|bytes| Object {
            size: bytes.len() as u64,
            body: futures_util::stream::once(async { Ok(bytes.into()) }).boxed(),
        }))
    }

    async fn touch(&self, name: Sha256) -> PortResult<bool> {
        Ok(self.stored.lock().unwrap().contains_key(&name))
    }

    async fn remove_older(&self, _: UnixMillis) -> PortResult<(u64, u64)> {
        Ok((0, 0))
    }
}

#[derive(Default)]
pub(crate) struct MemoryLog {
    records: Arc<Mutex<Vec<(Topic, Bytes, Bytes)>>>,
    news: Arc<Notify>,
    subscriptions: Arc<AtomicUsize>,
    pub(crate) backlog: AtomicU64,
}

impl MemoryLog {
    pub(crate) fn payloads(&self) -> Vec<Bytes> {
        self.records.lock().unwrap().iter().map(|(.., payload)| payload.clone()).collect()
    }

    /// Waits until somebody reads.
    pub(crate) async fn subscribed(&self) {
        while self.subscriptions.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

struct MemorySubscription {
    records: Arc<Mutex<Vec<(Topic, Bytes, Bytes)>>>,
    news: Arc<Notify>,
    topics: Vec<Topic>,
    next: usize,
}

struct NoAcknowledge;

#[async_trait]
impl Acknowledge for NoAcknowledge {
    fn acknowledge(&self, _: &Position) {}
    async fn flush(&self) -> PortResult<()> {
        Ok(())
    }
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(&mut self, max: usize) -> PortResult<Vec<Handed>> {
        loop {
            let news = self.news.notified();
            let found: Vec<Handed> = {
                let records = self.records.lock().unwrap();
                let from = self.next;
                self.next = records.len();
                let fresh = records[from..].iter().enumerate();
                fresh
                    .filter(|(_, (topic, ..))| self.topics.contains(topic))
                    .map(|(place, (topic, key, payload))| Handed {
                        position: Position {
                            topic: topic.clone(),
                            partition: 0,
                            offset: (from + place) as u64,
                        },
                        key: key.clone(),
                        payload: payload.clone(),
                    })
                    .collect()
            };
            assert!(found.len() <= max);
            if !found.is_empty() {
                return Ok(found);
            }
            // A permit kept by notify_one covers what was appended since the look.
            news.await;
        }
    }

    fn acknowledger(&self) -> Arc<dyn Acknowledge> {
        Arc::new(NoAcknowledge)
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, records: Vec<Append>, _: Durability) -> PortResult<()> {
        let records = records.into_iter().map(|append| (append.topic, append.key, append.payload));
        self.records.lock().unwrap().extend(records);
        self.news.notify_one();
        Ok(())
    }

    async fn subscribe(
        &self,
        _: &str,
        topics: &[Topic],
        _: Start,
    ) -> PortResult<Box<dyn Subscription>> {
        self.subscriptions.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(MemorySubscription {
            records: self.records.clone(),
            news: self.news.clone(),
            topics: topics.to_vec(),
            next: self.records.lock().unwrap().len(),
        }))
    }

    async fn backlog(&self, _: &str, _: &Topic) -> PortResult<u64> {
        Ok(self.backlog.load(Ordering::Relaxed))
    }

    async fn prune(&self, _: u64) -> PortResult<u64> {
        Ok(0)
    }
}

/// How the records fail, when they do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Unavailable,
    Corrupt,
    Panics,
}

#[derive(Default)]
pub(crate) struct MemoryRecords {
    requests: Mutex<BTreeMap<RequestId, RequestState>>,
    cached: Mutex<HashMap<Sha256, Arc<Report>>>,
    keys: Mutex<Vec<(ApiKey, Sha256)>>,
    scans: Mutex<HashMap<(KeyId, u32), u32>>,
    letters: Mutex<Vec<DeadLetter>>,
    engines: Mutex<BTreeMap<String, EngineStatus>>,
    held: Mutex<Held>,
    pub(crate) broken: Mutex<Option<Broken>>,
}

impl MemoryRecords {
    fn check(&self) -> PortResult<()> {
        let source = || Box::new(std::io::Error::other("as the test wants"));
        let broken = *self.broken.lock().unwrap();
        match broken {
            None => Ok(()),
            Some(Broken::Unavailable) => {
                Err(PortError::Unavailable { what: "the records", source: source() })
            }
            Some(Broken::Corrupt) => {
                Err(PortError::Corrupt { what: "the records", source: source() })
            }
            Some(Broken::Panics) => panic!("as the test wants"),
        }
    }

    pub(crate) fn set_progress(&self, id: RequestId, done: u32, expected: u32) {
        let mut requests = self.requests.lock().unwrap();
        if let Some(RequestState::Open { progress, .. }) = requests.get_mut(&id) {
            *progress = Progress { done, expected };
        }
    }

    /// Changes a key in place.
    pub(crate) fn change_key(&self, id: KeyId, change: impl FnOnce(&mut ApiKey)) {
        let mut keys = self.keys.lock().unwrap();
        change(&mut keys.iter_mut().find(|(key, _)| key.id == id).unwrap().0);
    }

    fn is_done(&self, id: RequestId) -> bool {
        matches!(self.requests.lock().unwrap().get(&id), Some(RequestState::Finished { .. }))
    }

    /// Puts a report under a cache key, as `finish` does.
    pub(crate) fn cache(&self, key: Sha256, report: Report) {
        self.cached.lock().unwrap().insert(key, Arc::new(report));
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn open_request(&self, summary: RequestSummary, progress: Progress) -> PortResult<()> {
        let mut requests = self.requests.lock().unwrap();
        requests.entry(summary.node.root).or_insert(RequestState::Open { summary, progress });
        Ok(())
    }

    async fn finish(&self, report: Report, cache_key: Option<Sha256>) -> PortResult<bool> {
        let report = Arc::new(report);
        if let Some(key) = cache_key {
            self.cached.lock().unwrap().insert(key, report.clone());
        }
        let summary = RequestSummary::of(&report.request);
        let id = summary.node.root;
        let finished = report.finished;
        let state = RequestState::Finished { summary, finished, report };
        self.requests.lock().unwrap().insert(id, state);
        Ok(true)
    }

    async fn cached(
        &self,
        key: Sha256,
        _: UnixMillis,
    ) -> PortResult<Option<(ReportId, Arc<Report>)>> {
        let cached = self.cached.lock().unwrap();
        Ok(cached.get(&key).map(|report| (report.request.node.root, report.clone())))
    }

    async fn finish_from_cache(
        &self,
        summary: RequestSummary,
        id: ReportId,
        finished: UnixMillis,
    ) -> PortResult<bool> {
        let cached = self.cached.lock().unwrap();
        let report = cached.values().find(|report| report.request.node.root == id).unwrap().clone();
        let request = summary.node.root;
        let state = RequestState::Finished { summary, finished, report };
        self.requests.lock().unwrap().insert(request, state);
        Ok(true)
    }

    async fn request(&self, id: RequestId) -> PortResult<Option<RequestState>> {
        self.check()?;
        Ok(self.requests.lock().unwrap().get(&id).cloned())
    }

    async fn by_hash(&self, hash: AnyHash) -> PortResult<Option<RequestState>> {
        self.check()?;
        let hash = hash.to_string();
        let requests = self.requests.lock().unwrap();
        let has = |state: &&RequestState| match state {
            RequestState::Finished { summary, .. } => {
                let hashes = &summary.artifact.hashes;
                [&hashes.md5, &hashes.sha1, &hashes.sha512].contains(&&hash)
                    || hashes.sha256.to_string() == hash
            }
            RequestState::Open { .. } => false,
        };
        Ok(requests.values().rev().find(has).cloned())
    }

    async fn by_hashes(&self, hashes: Vec<AnyHash>) -> PortResult<Vec<Option<RequestState>>> {
        let mut found = Vec::new();
        for hash in hashes {
            found.push(self.by_hash(hash).await?);
        }
        Ok(found)
    }

    async fn overdue(&self, _: UnixMillis, _: u32) -> PortResult<Vec<RequestSummary>> {
        Ok(Vec::new())
    }

    async fn forget(&self, _: UnixMillis) -> PortResult<u64> {
        Ok(0)
    }

    async fn strike(&self, _: CommandId) -> PortResult<u32> {
        Ok(1)
    }

    async fn charge(&self, _: NodeId, charge: Charged) -> PortResult<Charged> {
        Ok(charge)
    }

    async fn settle(&self, _: RequestId) -> PortResult<()> {
        Ok(())
    }

    async fn put_dead_letter(&self, letter: DeadLetter) -> PortResult<()> {
        self.letters.lock().unwrap().push(letter);
        Ok(())
    }

    async fn dead_letters(&self, limit: u32) -> PortResult<Vec<DeadLetter>> {
        let letters = self.letters.lock().unwrap();
        Ok(letters.iter().rev().take(limit as usize).cloned().collect())
    }

    async fn dead_letter(&self, id: &str) -> PortResult<Option<DeadLetter>> {
        Ok(self.letters.lock().unwrap().iter().find(|letter| letter.id == id).cloned())
    }

    async fn remove_dead_letter(&self, id: &str) -> PortResult<bool> {
        let mut letters = self.letters.lock().unwrap();
        let before = letters.len();
        letters.retain(|letter| letter.id != id);
        Ok(letters.len() < before)
    }

    async fn reopen(&self, _: RequestId) -> PortResult<bool> {
        Ok(false)
    }

    async fn put_key(&self, key: ApiKey, secret: Sha256) -> PortResult<()> {
        self.keys.lock().unwrap().push((key, secret));
        Ok(())
    }

    async fn key(&self, secret: Sha256) -> PortResult<Option<ApiKey>> {
        let keys = self.keys.lock().unwrap();
        Ok(keys.iter().find(|(_, known)| *known == secret).map(|(key, _)| key.clone()))
    }

    async fn keys(&self) -> PortResult<Vec<ApiKey>> {
        Ok(self.keys.lock().unwrap().iter().map(|(key, _)| key.clone()).collect())
    }

    async fn revoke_key(&self, id: KeyId, when: UnixMillis) -> PortResult<bool> {
        let mut keys = self.keys.lock().unwrap();
        let key = keys.iter_mut().find(|(key, _)| key.id == id);
        Ok(key.map(|(key, _)| key.revoked = Some(when)).is_some())
    }

    async fn count_scans(&self, key: KeyId, day: u32, add: u32) -> PortResult<u32> {
        let mut scans = self.scans.lock().unwrap();
        let count = scans.entry((key, day)).or_default();
        *count += add;
        Ok(*count)
    }

    async fn put_engine(&self, status: EngineStatus) -> PortResult<()> {
        self.engines.lock().unwrap().insert(status.engine.to_string(), status);
        Ok(())
    }

    async fn engines(&self) -> PortResult<Vec<EngineStatus>> {
        Ok(self.engines.lock().unwrap().values().cloned().collect())
    }

    async fn counts(&self) -> PortResult<Counts> {
        let dead_letters = self.letters.lock().unwrap().len() as u64;
        Ok(Counts { open: 0, finished: 0, dead_letters, oldest_open: None })
    }

    async fn cancel(&self, id: RequestId, _: UnixMillis) -> PortResult<Option<RequestState>> {
        self.request(id).await
    }

    async fn cancelled(&self, _: UnixMillis, _: u32) -> PortResult<Vec<RequestId>> {
        Ok(Vec::new())
    }

    async fn history(&self, of: History, skip: u32, limit: u32) -> PortResult<Vec<RequestState>> {
        let requests = self.requests.lock().unwrap();
        let is_asked = |state: &&RequestState| {
            let (RequestState::Open { summary, .. } | RequestState::Finished { summary, .. }) =
                state;
            match of {
                History::Artifact(sha256) => summary.artifact.sha256() == sha256,
                History::Key(key) => summary.key == Some(key),
            }
        };
        let found = requests.values().rev().filter(is_asked);
        Ok(found.skip(skip as usize).take(limit as usize).cloned().collect())
    }

    async fn put_batch(&self, batch: Batch) -> PortResult<()> {
        self.held.lock().unwrap().put_batch(batch);
        Ok(())
    }

    async fn batch(&self, id: BatchId, _: UnixMillis) -> PortResult<Option<BatchState>> {
        let held = self.held.lock().unwrap();
        Ok(held.batches.get(&id).map(|(batch, ended, files)| BatchState {
            batch: batch.clone(),
            ended: *ended,
            files: u32::try_from(files.len()).unwrap(),
            unfinished: u32::try_from(files.iter().filter(|id| !self.is_done(**id)).count())
                .unwrap(),
        }))
    }

    async fn add_to_batch(
        &self,
        id: BatchId,
        request: RequestId,
        _: UnixMillis,
        limit: u32,
    ) -> PortResult<Added> {
        Ok(self.held.lock().unwrap().add(id, request, limit))
    }

    async fn remove_from_batch(&self, id: BatchId, request: RequestId) -> PortResult<()> {
        self.held.lock().unwrap().remove(id, request);
        Ok(())
    }

    async fn end_batch(&self, id: BatchId, end: BatchEnd, when: UnixMillis) -> PortResult<bool> {
        Ok(self.held.lock().unwrap().end(id, end, when))
    }

    async fn batch_files(&self, id: BatchId, skip: u32, limit: u32) -> PortResult<Vec<BatchFile>> {
        let held = self.held.lock().unwrap();
        let files = held.batches.get(&id).map(|(_, _, files)| files.clone()).unwrap_or_default();
        let requests = self.requests.lock().unwrap();
        let page = files.into_iter().skip(skip as usize).take(limit as usize);
        let file = |request| BatchFile { request, state: requests.get(&request).cloned() };
        Ok(page.map(file).collect())
    }

    async fn put_delivery(&self, delivery: Delivery) -> PortResult<()> {
        self.held.lock().unwrap().put_delivery(delivery);
        Ok(())
    }

    async fn delivery(&self, subject: Subject) -> PortResult<Option<Delivery>> {
        Ok(self.held.lock().unwrap().delivery(subject))
    }

    async fn claim_deliveries(
        &self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<Delivery>> {
        let done = |subject| matches!(subject, Subject::Request(id) if self.is_done(id));
        Ok(self.held.lock().unwrap().claim(now, until, limit, done))
    }

    async fn put_upload(&self, upload: Upload) -> PortResult<()> {
        self.held.lock().unwrap().put_upload(upload);
        Ok(())
    }

    async fn upload(&self, id: RequestId) -> PortResult<Option<UploadState>> {
        Ok(self.held.lock().unwrap().upload(id))
    }

    async fn put_part(&self, id: RequestId, part: Part, limit: u32) -> PortResult<PartAdded> {
        Ok(self.held.lock().unwrap().put_part(id, part, limit))
    }

    async fn remove_upload(&self, id: RequestId) -> PortResult<bool> {
        Ok(self.held.lock().unwrap().remove_upload(id))
    }

    async fn uploads_of(&self, key: KeyId) -> PortResult<u32> {
        Ok(self.held.lock().unwrap().uploads_of(key))
    }

    async fn expire_uploads(&self, now: UnixMillis) -> PortResult<u64> {
        Ok(self.held.lock().unwrap().expire(now))
    }
}
