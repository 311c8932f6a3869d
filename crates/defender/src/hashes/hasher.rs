use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use palisade_model::Sha256;
use palisade_model::event::FileIdentity;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::Digest;
use tokio::sync::mpsc;

/// Bytes read at once.
const CHUNK: usize = 128 << 10;

/// How the hasher is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HasherSettings {
    /// Files whose hash is remembered; above, those that were not asked for lately are forgotten. Each
    /// takes about 100 bytes.
    pub max_cached: usize,
    /// Files that wait; further ones are not hashed.
    pub max_queue: usize,
    /// Bytes of the largest file that is hashed.
    pub max_bytes: u64,
    /// Bytes hashed in a second, on average over a second. 0: no limit.
    pub bytes_per_second: u64,
    /// Where the host's `/proc` is.
    pub proc: PathBuf,
}

impl Default for HasherSettings {
    fn default() -> Self {
        Self {
            max_cached: 65_536,
            max_queue: 1_024,
            max_bytes: 512 << 20,
            bytes_per_second: 64 << 20,
            proc: PathBuf::from("/proc"),
        }
    }
}

/// Where the bytes are.
#[derive(Debug)]
pub enum Source {
    /// Behind this descriptor (fanotify gives one). It is read with `pread`: its place does not move.
    File(File),
    /// What a process runs (`/proc/PID/exe`): its number on the host.
    Process(u32),
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<T> {
    /// The hash is known: nothing follows, and here is what was given along.
    Known(Sha256, T),
    /// It is computed; [`Hashed`] follows.
    Queued,
    /// Too many wait (`max_queue`), or the hasher ended: nothing follows.
    Refused,
}

/// Why there is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHashed {
    /// Larger than `max_bytes`.
    #[error("it has {0} bytes, more than are hashed (max_bytes)")]
    TooLarge(u64),
    /// Not a regular file.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is not the version that was asked for any more, or was written to meanwhile.
    #[error("it changed")]
    Changed,
    /// The process is gone, or the file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// A file that was hashed, or was not.
#[derive(Debug)]
pub struct Hashed<T> {
    /// Which version was asked for, where the asker knew.
    pub identity: Option<FileIdentity>,
    /// Its hash.
    pub outcome: Result<Sha256, NotHashed>,
    /// The file, open, for who wants its bytes (submission).
    pub file: Option<File>,
    /// What the asker gave along.
    pub context: T,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HashCounters {
    /// Hashes that were known.
    pub hits: u64,
    /// Files that were hashed.
    pub hashed: u64,
    /// Files that could not be hashed.
    pub failed: u64,
    /// Files that were refused because too many waited.
    pub refused: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
}

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    hashed: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
}

struct Job<T> {
    identity: Option<FileIdentity>,
    source: Source,
    context: T,
}

/// Hashes files on a thread of its own. Dropping it ends the thread; what waits then is not hashed.
#[derive(Debug)]
pub struct Hasher<T> {
    cache: Arc<Cache<FileIdentity, Sha256>>,
    queue: SyncSender<Job<T>>,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
}

impl<T: Send + 'static> Hasher<T> {
    /// Starts the thread. What it hashed goes to `results`; while nobody takes them, it waits, and the
    /// queue fills.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(settings: HasherSettings, results: mpsc::Sender<Hashed<T>>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(settings.max_queue.max(1));
        let cache = Arc::new(Cache::new(settings.max_cached.max(1)));
        let counts = Arc::new(Counts::default());
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            cache: cache.clone(),
            counts: counts.clone(),
            stop: stop.clone(),
            rate: Rate::new(settings.bytes_per_second),
            settings,
            buffer: vec![0; CHUNK],
        };
        thread::Builder::new()
            .name("hasher".to_owned())
            .spawn(move || worker.run(&jobs, &results))?;
        Ok(Self { cache, queue, counts, stop })
    }

    /// The hash of a version of a file, if it is known. Never blocks.
    pub fn known(&self, identity: &FileIdentity) -> Option<Sha256> {
        let known = self.cache.get(identity);
        self.counts.hits.fetch_add(u64::from(known.is_some()), Ordering::Relaxed);
        known
    }

    /// Asks for a hash. Never blocks. Without an identity it is computed always and not remembered.
    pub fn ask(&self, identity: Option<FileIdentity>, source: Source, context: T) -> Asked<T> {
        match identity.and_then(|identity| self.known(&identity)) {
            Some(hash) => Asked::Known(hash, context),
            None => self.fetch(identity, source, context),
        }
    }

    /// Asks for the open file and its hash: [`Hashed`] follows also where the hash is known. Never blocks.
    pub fn fetch(&self, identity: Option<FileIdentity>, source: Source, context: T) -> Asked<T> {
        match self.queue.try_send(Job { identity, source, context }) {
            Ok(()) => Asked::Queued,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                Asked::Refused
            }
        }
    }

    /// Remembers a hash that somebody else computed of a version of a file.
    pub fn remember(&self, identity: FileIdentity, hash: Sha256) {
        self.cache.insert(identity, hash);
    }

    /// What happened since the start.
    pub fn counters(&self) -> HashCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HashCounters {
            hits: read(&self.counts.hits),
            hashed: read(&self.counts.hashed),
            failed: read(&self.counts.failed),
            refused: read(&self.counts.refused),
            bytes: read(&self.counts.bytes),
        }
    }
}

impl<T> Drop for Hasher<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Worker {
    cache: Arc<Cache<FileIdentity, Sha256>>,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    rate: Rate,
    settings: HasherSettings,
    buffer: Vec<u8>,
}

impl Worker {
    fn run<T: Send>(mut self, jobs: &Receiver<Job<T>>, results: &mpsc::Sender<Hashed<T>>) {
        while let Ok(Job { identity, source, context }) = jobs.recv() {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let (outcome, file) = match self.open(source) {
                Ok(file) => (self.hash(&file, identity.as_ref()), Some(file)),
                Err(why) => (Err(why), None),
            };
            let count = if outcome.is_ok() { &self.counts.hashed } else { &self.counts.failed };
            count.fetch_add(1, Ordering::Relaxed);
            if let (Some(identity), Ok(hash)) = (identity, &outcome) {
                self.cache.insert(identity, *hash);
            }
            if results.blocking_send(Hashed { identity, outcome, file, context }).is_err() {
                return;
            }
        }
    }

    fn open(&self, source: Source) -> Result<File, NotHashed> {
        match source {
            Source::File(file) => Ok(file),
            Source::Process(tgid) => {
                let path = self.settings.proc.join(tgid.to_string()).join("exe");
                File::open(path).map_err(|error| unreadable(&error))
            }
        }
    }

    fn hash(&mut self, file: &File, wanted: Option<&FileIdentity>) -> Result<Sha256, NotHashed> {
        let about = file.metadata().map_err(|error| unreadable(&error))?;
        if !about.is_file() {
            return Err(NotHashed::NotRegular);
        }
        if about.len() > self.settings.max_bytes {
            return Err(NotHashed::TooLarge(about.len()));
        }
        let version = version(&about);
        // Device and inode are the overlay's here and the layer's in the kernel; the time of change and
        // the size are those of the same inode on both sides.
        if wanted.is_some_and(|wanted| (wanted.ctime_ns, wanted.size) != version) {
            return Err(NotHashed::Changed);
        }
        // A file that was asked for several times before the first answer is hashed once.
        if let Some(known) = wanted.and_then(|wanted| self.cache.get(wanted)) {
            return Ok(known);
        }
        let mut hasher = sha2::Sha256::new();
        let mut offset = 0;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(NotHashed::Unreadable("the Defender stops".to_owned()));
            }
            match file.read_at(&mut self.buffer, offset) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&self.buffer[..count]);
                    offset += count as u64;
                    self.counts.bytes.fetch_add(count as u64, Ordering::Relaxed);
                    self.rate.spend(count as u64, &self.stop);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
            if offset > self.settings.max_bytes {
                return Err(NotHashed::TooLarge(offset));
            }
        }
        let after = file.metadata().map_err(|error| unreadable(&error))?;
        if self::version(&after) != version || offset != version.1 {
            return Err(NotHashed::Changed);
        }
        Ok(Sha256(hasher.finalize().into()))
    }
}

/// Time of change, nanoseconds since 1970, and size.
fn version(about: &fs::Metadata) -> (u64, u64) {
    let seconds = u64::try_from(about.ctime()).unwrap_or(0);
    let rest = u64::try_from(about.ctime_nsec()).unwrap_or(0);
    (seconds.saturating_mul(1_000_000_000).saturating_add(rest), about.len())
}

fn unreadable(error: &io::Error) -> NotHashed {
    NotHashed::Unreadable(error.to_string())
}

/// A second's worth of bytes may go at once; then as fast as the rate.
#[derive(Debug)]
struct Rate {
    per_second: u64,
    left: u64,
    filled: Instant,
}

impl Rate {
    fn new(per_second: u64) -> Self {
        Self { per_second, left: per_second, filled: Instant::now() }
    }

    /// Waits until `bytes` may go.
    fn spend(&mut self, bytes: u64, stop: &AtomicBool) {
        if self.per_second == 0 {
            return;
        }
        loop {
            let passed = u64::try_from(self.filled.elapsed().as_micros()).unwrap_or(u64::MAX);
            let new = u128::from(passed) * u128::from(self.per_second) / 1_000_000;
            if new > 0 {
                let new = u64::try_from(new).unwrap_or(u64::MAX);
                self.left = self.left.saturating_add(new).min(self.per_second);
                self.filled = Instant::now();
            }
            // More than a second's worth goes when the bucket is full.
            if self.left >= bytes.min(self.per_second) || stop.load(Ordering::Relaxed) {
                self.left = self.left.saturating_sub(bytes);
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
