//! Unknown executables to a `palisade serve`, and its verdict back.
//!
//! The server speaks the MetaDefender v4 API (docs/api.md): `GET /hash/{sha256}` first, and only if it
//! does not know the hash `POST /file`, then `GET /file/{data_id}` until there is a result. What it calls
//! malicious is on the local list before anybody is told.
//!
//! Its answers are not trusted further than that: they are bounded, must be about the file that was
//! asked for, and no redirect is followed.

mod answer;
mod body;
mod client;
mod settings;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palisade_model::event::FileRef;
use palisade_model::{Sha256, UnixMillis};
use quick_cache::unsync::Cache;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::{Instant, sleep, timeout_at};

pub use settings::{SubmitError, SubmitSettings};

use self::client::{Client, ClientError};
use super::KnownBad;
use crate::incidents::fits;

/// A file that may be submitted.
#[derive(Debug)]
pub struct Candidate<T> {
    /// Of its bytes.
    pub hash: Sha256,
    /// The file, open.
    pub file: File,
    /// What is known of it: its path, and whether it came with the image.
    pub about: FileRef,
    /// It has no name in a file system (memfd).
    pub fileless: bool,
    /// The container's image as it was asked for; empty for the host.
    pub image: String,
    /// Comes back with the verdict: the event, for example.
    pub context: T,
}

/// It did not come with the image: all else is never submitted.
pub fn came_later(file: &FileRef, fileless: bool) -> bool {
    file.upper == Some(true) || fileless
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// A verdict follows.
    Queued,
    /// It came with the image, or nobody can tell whether it did.
    OfImage,
    /// The image is opted out (`opt_out_images`).
    OptedOut,
    /// It was asked for already, or is on the list.
    Known,
    /// It is no ELF file (`only_elf`).
    NotElf,
    /// It is empty, larger than `max_bytes`, or not a regular file.
    Size,
    /// The day's share is used up (`per_day`).
    DayUsedUp,
    /// Too many wait (`max_queue`).
    Busy,
    /// It cannot be read.
    Unreadable,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is bad, by this name.
    Malicious(String),
    /// It looks bad, by this name.
    Suspicious(String),
    /// Every engine looked at it whole and found nothing.
    Clean,
    /// It was scanned, and nothing can be said; the server's words.
    Unknown(String),
    /// There is no verdict, and why.
    Failed(String),
}

/// A verdict on a file that was offered.
#[derive(Debug)]
pub struct Judged<T> {
    /// Of its bytes.
    pub hash: Sha256,
    /// What is known of the file.
    pub about: FileRef,
    /// What the server says.
    pub verdict: Verdict,
    /// Whether the file was sent; if not, the server knew its hash.
    pub sent: bool,
    /// What came with the offer.
    pub context: T,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubmitCounters {
    /// Offers that were taken.
    pub queued: u64,
    /// Offers that were refused because too many waited.
    pub busy: u64,
    /// Offers that were refused because the day's share was used up.
    pub day_used_up: u64,
    /// Files that were sent.
    pub sent: u64,
    /// Verdicts "malicious".
    pub malicious: u64,
    /// Verdicts that could not be had.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Counts {
    queued: AtomicU64,
    busy: AtomicU64,
    day_used_up: AtomicU64,
    sent: AtomicU64,
    malicious: AtomicU64,
    failed: AtomicU64,
}

/// What offers are measured by.
struct Gate {
    seen: Cache<Sha256, ()>,
    /// Days since 1970 by UTC, and how many were taken in that day.
    day: (u64, u64),
}

/// Submits files, one after the other on each of its tasks. Dropping it ends the tasks when they have
/// done what waits.
pub struct Submitter<T> {
    settings: SubmitSettings,
    queue: mpsc::Sender<Candidate<T>>,
    gate: Mutex<Gate>,
    known_bad: Arc<KnownBad>,
    counts: Arc<Counts>,
}

impl<T: Send + Sync + 'static> Submitter<T> {
    /// Starts its tasks on the current runtime. What is malicious goes to `known_bad`, then every verdict
    /// to `results`.
    ///
    /// # Errors
    /// [`SubmitError`] when the settings cannot be used.
    pub fn start(
        settings: SubmitSettings,
        known_bad: Arc<KnownBad>,
        results: mpsc::Sender<Judged<T>>,
    ) -> Result<Self, SubmitError> {
        let client = Arc::new(Client::new(&settings)?);
        let (queue, candidates) = mpsc::channel(settings.max_queue.max(1));
        let candidates = Arc::new(AsyncMutex::new(candidates));
        let counts = Arc::new(Counts::default());
        for _ in 0..settings.workers.max(1) {
            let worker = Worker {
                client: client.clone(),
                settings: settings.clone(),
                known_bad: known_bad.clone(),
                counts: counts.clone(),
            };
            tokio::spawn(worker.run(candidates.clone(), results.clone()));
        }
        let gate =
            Mutex::new(Gate { seen: Cache::new(settings.max_remembered.max(1)), day: (0, 0) });
        Ok(Self { settings, queue, gate, known_bad, counts })
    }

    /// Offers a file. Never waits, except for the first bytes of the file.
    pub fn offer(&self, candidate: Candidate<T>, now: UnixMillis) -> Offered {
        const DAY: u64 = 86_400_000;
        if !came_later(&candidate.about, candidate.fileless) {
            return Offered::OfImage;
        }
        if self.settings.opt_out_images.iter().any(|pattern| fits(pattern, &candidate.image)) {
            return Offered::OptedOut;
        }
        let Ok(about) = candidate.file.metadata() else {
            return Offered::Unreadable;
        };
        if !about.is_file() || about.len() == 0 || about.len() > self.settings.max_bytes {
            return Offered::Size;
        }
        if self.settings.only_elf {
            let mut magic = [0; 4];
            match candidate.file.read_exact_at(&mut magic, 0) {
                Ok(()) if magic == *b"\x7fELF" => {}
                Ok(()) => return Offered::NotElf,
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Offered::NotElf;
                }
                Err(_) => return Offered::Unreadable,
            }
        }
        if self.known_bad.find(&candidate.hash).is_some() {
            return Offered::Known;
        }
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if gate.seen.get(&candidate.hash).is_some() {
            return Offered::Known;
        }
        let today = now.0 / DAY;
        // A clock that goes back does not give a second share.
        if today > gate.day.0 {
            gate.day = (today, 0);
        }
        if gate.day.1 >= self.settings.per_day {
            self.counts.day_used_up.fetch_add(1, Ordering::Relaxed);
            return Offered::DayUsedUp;
        }
        let hash = candidate.hash;
        if self.queue.try_send(candidate).is_err() {
            self.counts.busy.fetch_add(1, Ordering::Relaxed);
            return Offered::Busy;
        }
        gate.day.1 += 1;
        gate.seen.insert(hash, ());
        self.counts.queued.fetch_add(1, Ordering::Relaxed);
        Offered::Queued
    }

    /// What happened since the start.
    pub fn counters(&self) -> SubmitCounters {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SubmitCounters {
            queued: read(&self.counts.queued),
            busy: read(&self.counts.busy),
            day_used_up: read(&self.counts.day_used_up),
            sent: read(&self.counts.sent),
            malicious: read(&self.counts.malicious),
            failed: read(&self.counts.failed),
        }
    }
}

struct Worker {
    client: Arc<Client>,
    settings: SubmitSettings,
    known_bad: Arc<KnownBad>,
    counts: Arc<Counts>,
}

impl Worker {
    async fn run<T>(
        self,
        candidates: Arc<AsyncMutex<mpsc::Receiver<Candidate<T>>>>,
        results: mpsc::Sender<Judged<T>>,
    ) {
        loop {
            let next = candidates.lock().await.recv().await;
            let Some(Candidate { hash, file, about, context, .. }) = next else {
                return;
            };
            let (verdict, sent) = self.judge(&hash, file, &about).await;
            match &verdict {
                Verdict::Malicious(name) => {
                    self.counts.malicious.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = self.known_bad.add(hash, name) {
                        tracing::warn!("a hash that a scan found malicious is not kept: {error}");
                    }
                }
                Verdict::Failed(_) => {
                    self.counts.failed.fetch_add(1, Ordering::Relaxed);
                }
                Verdict::Suspicious(_) | Verdict::Clean | Verdict::Unknown(_) => {}
            }
            if results.send(Judged { hash, about, verdict, sent, context }).await.is_err() {
                return;
            }
        }
    }

    async fn judge(&self, hash: &Sha256, file: File, about: &FileRef) -> (Verdict, bool) {
        let deadline = Instant::now() + Duration::from_millis(self.settings.deadline_ms);
        let mut sent = false;
        let work = self.ask(hash, Arc::new(file), about, &mut sent);
        let verdict = match timeout_at(deadline, work).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Verdict::Failed(error.to_string()),
            Err(_) => Verdict::Failed("there was no result in time (deadline_ms)".to_owned()),
        };
        (verdict, sent)
    }

    async fn ask(
        &self,
        hash: &Sha256,
        file: Arc<File>,
        about: &FileRef,
        sent: &mut bool,
    ) -> Result<Verdict, ClientError> {
        if let Some(Some(verdict)) = self.retry(|| self.client.look_up(hash)).await? {
            return Ok(verdict);
        }
        let id = self.retry(|| self.client.send(file.clone(), about.name())).await?;
        *sent = true;
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
        loop {
            if let Some(verdict) = self.retry(|| self.client.result(&id, hash)).await? {
                return Ok(verdict);
            }
            sleep(Duration::from_millis(self.settings.poll_ms)).await;
        }
    }

    /// Tries again what may go better later, each time after twice as long.
    async fn retry<R, F: Future<Output = Result<R, ClientError>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<R, ClientError> {
        let mut pause = self.settings.retry_ms;
        for _ in 1..self.settings.attempts {
            match attempt().await {
                Err(error) if error.is_passing() => {
                    sleep(Duration::from_millis(pause)).await;
                    pause = pause.saturating_mul(2);
                }
                other => return other,
            }
        }
        attempt().await
    }
}
