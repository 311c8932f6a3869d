use std::hash::Hash;
use std::sync::{Arc, Mutex};

use hashlink::LruCache;
use palisade_model::{AnyHash, Report, RequestId, RequestSummary, Sha256, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{ApiKey, ReportId, RequestState};

use super::WHAT;
use crate::lock;
use crate::sqlite::{Epoch, Failure, Moment};

/// Bytes that an entry costs besides its content, roughly.
const ENTRY: usize = 128;

/// What a report takes in memory, in lengths of its JSON: an estimate, on the safe side (its field
/// names take no memory, its strings and lists take an allocation each).
const REPORT_FACTOR: usize = 3;

/// A finished request.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) summary: Arc<RequestSummary>,
    pub(super) finished: UnixMillis,
    pub(super) report: ReportId,
}

/// What was looked up lately. Law 4 of the records ("every later read sees it") holds by two
/// rules:
/// - What is read from the database is kept only if nothing has changed since the read began: every
///   change moves the generation ([`Fill`]).
/// - A change of another process moves the epoch, which is looked at before every use.
#[derive(Debug)]
pub(super) struct Cache {
    epoch: Epoch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    moment: Moment,
    generation: u64,
    requests: Bounded<RequestId, Answered>,
    reports: Bounded<ReportId, Arc<Report>>,
    /// The newest report of a hash.
    hashes: Bounded<AnyHash, ReportId>,
    /// The newest report under a cache key.
    cached: Bounded<Sha256, ReportId>,
    keys: Bounded<Sha256, ApiKey>,
}

/// The right to keep what is read from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill(u64);

/// Something that was read.
pub(super) enum Found {
    Request(RequestId, Answered, Arc<Report>, usize),
    /// A finished request whose report is here.
    Answered(RequestId, Answered),
    Hash(AnyHash, ReportId),
    Cached(Sha256, ReportId),
    Report(ReportId, Arc<Report>, usize),
    Key(Sha256, ApiKey),
}

impl Cache {
    /// A cache of about `bytes` bytes.
    pub(super) fn new(bytes: usize, epoch: Epoch) -> Self {
        let inner = Inner {
            moment: Moment::default(),
            generation: 0,
            reports: Bounded::new(bytes / 2),
            requests: Bounded::new(bytes / 4),
            hashes: Bounded::new(bytes / 8),
            cached: Bounded::new(bytes / 16),
            keys: Bounded::new(bytes / 16),
        };
        Self { epoch, inner: Mutex::new(inner) }
    }

    /// A finished request and its report, or the right to keep them.
    pub(super) fn request(&self, id: &RequestId) -> PortResult<Result<RequestState, Fill>> {
        self.look(|inner| inner.state(id))
    }

    /// The newest report of a hash.
    pub(super) fn by_hash(&self, hash: &AnyHash) -> PortResult<Result<RequestState, Fill>> {
        self.look(|inner| {
            let id = *inner.hashes.get(hash)?;
            inner.state(&id)
        })
    }

    /// The newest report under a cache key.
    pub(super) fn cached(&self, key: &Sha256) -> PortResult<Result<(ReportId, Arc<Report>), Fill>> {
        self.look(|inner| {
            let id = *inner.cached.get(key)?;
            Some((id, Arc::clone(inner.reports.get(&id)?)))
        })
    }

    /// A key.
    pub(super) fn key(&self, secret: &Sha256) -> PortResult<Result<ApiKey, Fill>> {
        self.look(|inner| inner.keys.get(secret).cloned())
    }

    /// The report of this id, if it is here.
    pub(super) fn report(&self, id: &ReportId) -> Option<Arc<Report>> {
        lock(&self.inner).reports.get(id).cloned()
    }

    fn look<T>(&self, look: impl FnOnce(&mut Inner) -> Option<T>) -> PortResult<Result<T, Fill>> {
        let moment = self.epoch.now();
        let moment = moment.map_err(|error| Failure::unavailable(error).into_port(WHAT))?;
        let mut inner = lock(&self.inner);
        if inner.moment != moment {
            inner.clear();
            inner.moment = moment;
        }
        Ok(look(&mut inner).ok_or(Fill(inner.generation)))
    }

    /// Keeps what was read, unless something has changed meanwhile.
    pub(super) fn fill(&self, fill: Fill, found: impl IntoIterator<Item = Found>) {
        let mut inner = lock(&self.inner);
        if inner.generation == fill.0 {
            found.into_iter().for_each(|found| inner.keep(found));
        }
    }

    /// The epoch, inside a write transaction: while that is open no other process changes anything.
    pub(super) fn moment(&self) -> Result<Moment, Failure> {
        self.epoch.now().map_err(Failure::unavailable)
    }

    /// A report was stored at `moment`: what was the newest of its hashes and under its cache key may not be it
    /// any more. The request and its report, once finished, stay as they are.
    pub(super) fn stored(
        &self,
        moment: Moment,
        (id, answered): (RequestId, Answered),
        (report, bytes): (Arc<Report>, usize),
        cache_key: Option<Sha256>,
    ) {
        let mut inner = lock(&self.inner);
        inner.generation += 1;
        for hash in hashes(&report) {
            inner.hashes.remove(&hash);
        }
        if let Some(key) = cache_key {
            inner.cached.remove(&key);
        }
        // When another process has written since, it may have taken this back.
        if inner.moment == moment {
            inner.keep(Found::Request(id, answered, report, bytes));
        }
    }

    /// A request was answered at `moment` with a report that is stored already: a new fact, that
    /// changes none.
    pub(super) fn answered(&self, moment: Moment, id: RequestId, answered: Answered) {
        let mut inner = lock(&self.inner);
        if inner.moment == moment {
            inner.keep(Found::Answered(id, answered));
        }
    }

    /// Something was taken back or replaced.
    pub(super) fn clear(&self) {
        lock(&self.inner).clear();
    }

    /// A key was stored or taken back.
    pub(super) fn clear_keys(&self) {
        let mut inner = lock(&self.inner);
        inner.generation += 1;
        inner.keys.clear();
    }
}

impl Inner {
    fn state(&mut self, id: &RequestId) -> Option<RequestState> {
        let answered = self.requests.get(id)?;
        let report = Arc::clone(self.reports.get(&answered.report)?);
        Some(answered.clone().into_state(report))
    }

    fn keep(&mut self, found: Found) {
        match found {
            Found::Request(id, answered, report, bytes) => {
                self.keep(Found::Report(answered.report, report, bytes));
                self.keep(Found::Answered(id, answered));
            }
            Found::Answered(id, answered) => {
                let weight = summary_weight(&answered.summary);
                self.requests.put(id, answered, weight);
            }
            Found::Hash(hash, id) => self.hashes.put(hash, id, 0),
            Found::Cached(key, id) => self.cached.put(key, id, 0),
            Found::Report(id, report, bytes) => {
                self.reports.put(id, report, bytes.saturating_mul(REPORT_FACTOR));
            }
            Found::Key(secret, key) => {
                let weight = key.name.len();
                self.keys.put(secret, key, weight);
            }
        }
    }

    fn clear(&mut self) {
        self.generation += 1;
        self.requests.clear();
        self.reports.clear();
        self.hashes.clear();
        self.cached.clear();
        self.keys.clear();
    }
}

impl Answered {
    pub(super) fn into_state(self, report: Arc<Report>) -> RequestState {
        let Self { summary, finished, .. } = self;
        RequestState::Finished { summary: Arc::unwrap_or_clone(summary), finished, report }
    }
}

/// Every hash of a report's root.
pub(super) fn hashes(report: &Report) -> impl Iterator<Item = AnyHash> {
    let hashes = &report.request.artifact.hashes;
    hashes.keys().into_iter().chain([hashes.sha512.parse().ok()]).flatten()
}

/// Bytes of a summary in memory, roughly. Its metadata is bounded (16 KiB) by who accepted it.
fn summary_weight(summary: &RequestSummary) -> usize {
    let metadata = match &summary.metadata {
        None => 0,
        Some(value) => value.to_string().len().saturating_mul(REPORT_FACTOR),
    };
    let agent = summary.user_agent.as_ref().map_or(0, String::len);
    600 + summary.name.len() + agent + metadata
}

/// The entries used last, as many as fit.
#[derive(Debug)]
struct Bounded<K: Eq + Hash, V> {
    entries: LruCache<K, (V, usize)>,
    used: usize,
    limit: usize,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    fn new(limit: usize) -> Self {
        Self { entries: LruCache::new_unbounded(), used: 0, limit }
    }

    fn get(&mut self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }

    fn put(&mut self, key: K, value: V, weight: usize) {
        let weight = weight.saturating_add(ENTRY);
        self.remove(&key);
        if weight > self.limit {
            return;
        }
        self.used += weight;
        self.entries.insert(key, (value, weight));
        while self.used > self.limit {
            let Some((_, (_, weight))) = self.entries.remove_lru() else { break };
            self.used -= weight;
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some((_, weight)) = self.entries.remove(key) {
            self.used -= weight;
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_entries_go_when_it_is_full() {
        let mut cache = Bounded::new(3 * (ENTRY + 10));
        let get = |cache: &mut Bounded<i32, i32>, key| cache.get(&key).copied();
        for key in 0..3 {
            cache.put(key, key, 10);
        }
        assert_eq!(get(&mut cache, 0), Some(0));
        cache.put(3, 3, 10);
        assert_eq!([get(&mut cache, 1), get(&mut cache, 0)], [None, Some(0)]);
        cache.put(4, 4, usize::MAX);
        assert_eq!((get(&mut cache, 4), cache.entries.len()), (None, 3));
        cache.put(0, 9, 11);
        assert_eq!(cache.used, cache.entries.iter().map(|(_, (_, weight))| weight).sum::<usize>());
        cache.clear();
        assert_eq!((get(&mut cache, 0), cache.used), (None, 0));
    }
}
