//! The records: what is looked up by key. Requests and reports, API keys, dead letters, counters.

mod batch;
mod upload;

use async_trait::async_trait;
use palisade_model::{
    AnyHash, Batch, BatchId, CommandId, DeadLetter, Definitions, Delivery, EngineName, KeyId,
    NodeId, Part, Progress, Report, RequestId, RequestSummary, Sha256, Subject, UnixMillis, Upload,
};

pub use batch::{Added, BatchEnd, BatchFile, BatchState, MEMBER_GRACE_MS};
pub use upload::{PartAdded, UploadState};

use crate::PortResult;

/// What a `data_id` leads to.
#[derive(Debug, Clone)]
pub enum RequestState {
    /// Accepted, no report yet.
    Open {
        /// What was asked.
        summary: RequestSummary,
        /// How far it is.
        progress: Progress,
    },
    /// There is a report. For a request that was answered from the report cache, `summary` is its
    /// own and the report is the one made earlier of the same bytes.
    Finished {
        /// What was asked.
        summary: RequestSummary,
        /// When this request was answered.
        finished: UnixMillis,
        /// The answer.
        report: std::sync::Arc<Report>,
    },
}

/// Names a stored report: the id of the request that it was made for.
pub type ReportId = RequestId;

/// Whose requests a history lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum History {
    /// Those about these bytes.
    Artifact(Sha256),
    /// Those that came with this key.
    Key(KeyId),
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Scan and look up.
    User,
    /// Also manage keys and dead letters, and see the engines.
    Admin,
}

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Shown in lists and logs.
    pub id: KeyId,
    /// Given by whoever made it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Requests a minute; `None` for no limit of its own.
    pub requests_per_minute: Option<u32>,
    /// Scans (uploads) a day; `None` for no limit of its own.
    pub scans_per_day: Option<u32>,
    /// The workflow of its requests that name none; `None` for the default one.
    pub workflow: Option<String>,
    /// When it was made.
    pub created: UnixMillis,
    /// When it was taken back.
    pub revoked: Option<UnixMillis>,
}

/// One engine as one host last told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Which engine.
    pub engine: EngineName,
    /// Which host: stable for the life of the process.
    pub host: String,
    /// `up`, `degraded` or `down`.
    pub state: EngineState,
    /// Why it is not up; empty when it is.
    pub detail: String,
    /// What it scans with.
    pub definitions: Definitions,
    /// Live workers.
    pub workers: u32,
    /// When it was told: a status older than the heartbeat's time-out counts as down.
    pub seen: UnixMillis,
}

/// Whether an engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineState {
    /// Answers.
    Up,
    /// Answers, but something is wrong (a rule file that does not compile, workers that crash).
    Degraded,
    /// Does not answer.
    Down,
}

/// What a tree has unpacked so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charged {
    /// Files of all nodes.
    pub files: u64,
    /// Bytes of all nodes.
    pub bytes: u64,
}

/// Keyed state.
///
/// Laws:
/// 1. `finish` and `finish_from_cache` store at most one report for a request, ever, and say whether
///    this call did. The first wins; it survives the machine's death once either returned `Ok`.
/// 2. `open_request` never turns a finished request back into an open one.
/// 3. `strike` and `charge` count each (command, attempt) and (node) once: repeats of a `charge`
///    replace the earlier one of the same node.
/// 4. After a call returned `Ok`, every later read in any process sees it.
/// 5. Writes whose durability is not stated survive the death of this process.
/// 6. `cancel` marks an open request and no other; the mark goes when the request is reopened.
/// 7. A batch that has ended takes no file, ever. What `add_to_batch` put in before its end stays in.
/// 8. One call of `claim_deliveries` hands a delivery out, and no other does before its `next`.
/// 9. `put_part` never loses a part that an earlier call was told counts, until the upload is removed
///    or has expired.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Notes an accepted request, or the progress of one.
    async fn open_request(&self, summary: RequestSummary, progress: Progress) -> PortResult<()>;

    /// Stores the report of a request, and under `cache_key` if it has one. False when it was
    /// finished already: then nothing changes. `Durability::Machine`.
    async fn finish(&self, report: Report, cache_key: Option<Sha256>) -> PortResult<bool>;

    /// The report under a cache key, if there is one made at `not_before` or later.
    async fn cached(
        &self,
        cache_key: Sha256,
        not_before: UnixMillis,
    ) -> PortResult<Option<(ReportId, std::sync::Arc<Report>)>>;

    /// Finishes a new request with a report that exists. False when it was finished already.
    /// `Durability::Machine`.
    async fn finish_from_cache(
        &self,
        summary: RequestSummary,
        report: ReportId,
        finished: UnixMillis,
    ) -> PortResult<bool>;

    /// What a request's id leads to.
    async fn request(&self, id: RequestId) -> PortResult<Option<RequestState>>;

    /// The newest report whose root has this hash, and the request that it answered.
    async fn by_hash(&self, hash: AnyHash) -> PortResult<Option<RequestState>>;

    /// As [`Records::by_hash`], many at once, in the order asked.
    async fn by_hashes(&self, hashes: Vec<AnyHash>) -> PortResult<Vec<Option<RequestState>>>;

    /// Requests that are open and were due before `before`: the janitor ends those that were never
    /// on the log.
    async fn overdue(&self, before: UnixMillis, limit: u32) -> PortResult<Vec<RequestSummary>>;

    /// Marks an open request as taken back; returns what the request is now, `None` when there is
    /// none of this id. `Durability::Machine`.
    async fn cancel(&self, id: RequestId, when: UnixMillis) -> PortResult<Option<RequestState>>;

    /// Requests that were taken back at `since` or later, at most `limit`, the newest first.
    async fn cancelled(&self, since: UnixMillis, limit: u32) -> PortResult<Vec<RequestId>>;

    /// Requests, the newest acceptance first: `limit` of them after the first `skip`.
    async fn history(&self, of: History, skip: u32, limit: u32) -> PortResult<Vec<RequestState>>;

    /// Forgets requests and reports finished before `before`, and open ones accepted before it; also
    /// batches and deliveries made before it. Returns how many requests went.
    async fn forget(&self, before: UnixMillis) -> PortResult<u64>;

    /// Stores a batch. A repeat changes nothing. `Durability::Machine`.
    async fn put_batch(&self, batch: Batch) -> PortResult<()>;

    /// A batch as it is at `now`.
    async fn batch(&self, id: BatchId, now: UnixMillis) -> PortResult<Option<BatchState>>;

    /// Puts a request into a batch that has fewer than `limit`, before it is submitted.
    /// `Durability::Machine`.
    async fn add_to_batch(
        &self,
        id: BatchId,
        request: RequestId,
        when: UnixMillis,
        limit: u32,
    ) -> PortResult<Added>;

    /// Takes a request out of a batch again: it could not be submitted.
    async fn remove_from_batch(&self, id: BatchId, request: RequestId) -> PortResult<()>;

    /// Ends a batch; the first end stays. False when there is none of this id.
    /// `Durability::Machine`.
    async fn end_batch(&self, id: BatchId, end: BatchEnd, when: UnixMillis) -> PortResult<bool>;

    /// Files of a batch in the order in which they were added: `limit` of them after the first
    /// `skip`.
    async fn batch_files(&self, id: BatchId, skip: u32, limit: u32) -> PortResult<Vec<BatchFile>>;

    /// Stores a delivery, in place of the one of the same subject. `Durability::Machine`.
    async fn put_delivery(&self, delivery: Delivery) -> PortResult<()>;

    /// The delivery of a subject.
    async fn delivery(&self, subject: Subject) -> PortResult<Option<Delivery>>;

    /// Deliveries that wait, whose time has come at `now`, and whose subject is done: a request with
    /// a report, a batch that has ended and whose files are all done. Those with the earliest `next`
    /// come first. `next` of each is set to `until`, and given back so.
    async fn claim_deliveries(
        &self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<Delivery>>;

    /// Stores the beginning of an upload. `Durability::Machine`.
    async fn put_upload(&self, upload: Upload) -> PortResult<()>;

    /// An upload and its parts.
    async fn upload(&self, id: RequestId) -> PortResult<Option<UploadState>>;

    /// Adds a part, which is in the object store already, to an upload that has fewer than `limit`.
    /// `Durability::Machine`.
    async fn put_part(&self, id: RequestId, part: Part, limit: u32) -> PortResult<PartAdded>;

    /// Removes an upload and its parts; false when there was none.
    async fn remove_upload(&self, id: RequestId) -> PortResult<bool>;

    /// How many uploads of a key are under way.
    async fn uploads_of(&self, key: KeyId) -> PortResult<u32>;

    /// Removes uploads that had expired at `now`; returns how many.
    async fn expire_uploads(&self, now: UnixMillis) -> PortResult<u64>;

    /// Adds one strike to a command whose worker died; returns the strikes so far.
    async fn strike(&self, command: CommandId) -> PortResult<u32>;

    /// Notes what unpacking `node` gave; returns the sum over its tree, this included.
    async fn charge(&self, node: NodeId, charge: Charged) -> PortResult<Charged>;

    /// Forgets the strikes and charges of a tree that is done.
    async fn settle(&self, root: RequestId) -> PortResult<()>;

    /// Stores a dead letter; a repeat of the same id replaces it.
    async fn put_dead_letter(&self, letter: DeadLetter) -> PortResult<()>;

    /// The newest dead letters.
    async fn dead_letters(&self, limit: u32) -> PortResult<Vec<DeadLetter>>;

    /// One dead letter.
    async fn dead_letter(&self, id: &str) -> PortResult<Option<DeadLetter>>;

    /// Forgets a dead letter; false when there was none.
    async fn remove_dead_letter(&self, id: &str) -> PortResult<bool>;

    /// Reopens a request whose dead letter is tried again: its report is dropped. False when it had
    /// none.
    async fn reopen(&self, id: RequestId) -> PortResult<bool>;

    /// Stores a key under the SHA-256 of its secret. `Durability::Machine`.
    async fn put_key(&self, key: ApiKey, secret: Sha256) -> PortResult<()>;

    /// The key with this secret, revoked ones too.
    async fn key(&self, secret: Sha256) -> PortResult<Option<ApiKey>>;

    /// Every key, oldest first.
    async fn keys(&self) -> PortResult<Vec<ApiKey>>;

    /// Takes a key back; false when there is none of this id. `Durability::Machine`.
    async fn revoke_key(&self, id: KeyId, when: UnixMillis) -> PortResult<bool>;

    /// Adds to a key's scans of a day (days since 1970); returns the sum.
    async fn count_scans(&self, key: KeyId, day: u32, add: u32) -> PortResult<u32>;

    /// Tells of an engine on a host.
    async fn put_engine(&self, status: EngineStatus) -> PortResult<()>;

    /// What every host last told of its engines.
    async fn engines(&self) -> PortResult<Vec<EngineStatus>>;

    /// Numbers for metrics and `/stat`: requests open and finished, dead letters.
    async fn counts(&self) -> PortResult<Counts>;
}

/// Sums over the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests without a report.
    pub open: u64,
    /// Requests with one.
    pub finished: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// When the oldest request without a report was accepted.
    pub oldest_open: Option<palisade_model::UnixMillis>,
}
