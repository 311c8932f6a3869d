use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc::WeakSender;

use super::connection::open_writer;
use super::writer::Message;
use crate::lock;

/// SQLite's default page size, which the databases here have.
const PAGE: u64 = 4096;

/// How often the keeper looks whether nothing is going on.
const TICK: Duration = Duration::from_secs(1);

/// How long the keeper leaves the writer alone after it asked for a checkpoint.
const PAUSE: Duration = Duration::from_millis(100);

/// Pages that the write-ahead log's file may have when nothing is going on: 1 MiB.
const IDLE_PAGES: u64 = 256;

/// What the writer tells the keeper.
#[derive(Debug)]
pub(super) struct Wal {
    /// Pages from which the log is copied into the database.
    limit: u64,
    /// Pages in the log that are not copied yet.
    pages: AtomicU64,
    /// Pages that the log's file has room for: the file stays as long as it ever was.
    room: AtomicU64,
    commits: AtomicU64,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Wal {
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            limit: (bytes / PAGE).max(1),
            pages: AtomicU64::new(0),
            room: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            stopped: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// Notes a commit. True when the log is over its bound: the writer must stop and copy.
    pub(super) fn committed(&self, pages: u64) -> bool {
        let before = self.pages.swap(pages, Ordering::Relaxed);
        self.room.fetch_max(pages, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        if before < self.limit && pages >= self.limit {
            // Under the lock, so that the keeper cannot miss it between its look and its sleep.
            let _stopped = lock(&self.stopped);
            self.changed.notify_one();
        }
        pages >= self.limit.saturating_mul(4)
    }

    /// Notes that all of the log is copied, and whether its file was cut.
    pub(super) fn emptied(&self, cut: bool) {
        self.pages.store(0, Ordering::Relaxed);
        if cut {
            self.room.store(0, Ordering::Relaxed);
        }
    }
}

/// Copies the write-ahead log into the database without stopping the writer.
///
/// A checkpoint beside a busy writer never reaches the log's end, so the log would never start
/// over. So the keeper copies the bulk on a connection of its own, and then asks the writer for
/// the little that came meanwhile: between two commits it reaches the end, and the next commit
/// starts at the log's beginning.
#[derive(Debug)]
pub(super) struct Keeper {
    wal: Arc<Wal>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(super) fn start(
        dir: &Path,
        wal: Arc<Wal>,
        writer: WeakSender<Message>,
    ) -> io::Result<Self> {
        let dir = dir.to_owned();
        let shared = Arc::clone(&wal);
        let thread = thread::Builder::new()
            .name("palisade-keeper".into())
            .spawn(move || run(&dir, &shared, &writer))?;
        Ok(Self { wal, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *lock(&self.wal.stopped) = true;
        self.wal.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn run(dir: &Path, wal: &Wal, writer: &WeakSender<Message>) {
    let mut connection = None;
    let mut seen = 0;
    loop {
        let pages = wait(wal, TICK, |pages| pages < wal.limit);
        let Some(pages) = pages else { return };
        let commits = wal.commits.load(Ordering::Relaxed);
        let idle = commits == seen && wal.room.load(Ordering::Relaxed) > IDLE_PAGES;
        seen = commits;
        if pages >= wal.limit
            && let Err(error) = copy(dir, &mut connection)
        {
            tracing::warn!(%error, "the write-ahead log could not be copied in the background");
            connection = None;
        }
        if pages >= wal.limit || idle {
            let Some(writer) = writer.upgrade() else { return };
            // When the queue is full the writer is too busy; the log's bound stops it in time.
            let _ = writer.try_send(Message::Checkpoint { truncate: idle });
            drop(writer);
            // The writer needs a moment, and a reader that holds an old one may need more.
            if wait(wal, PAUSE, |_| true).is_none() {
                return;
            }
        }
    }
}

/// Waits at most `time` while `condition` holds of the log's pages; `None` when it is time to stop.
fn wait(wal: &Wal, time: Duration, condition: impl Fn(u64) -> bool) -> Option<u64> {
    let pages = || wal.pages.load(Ordering::Relaxed);
    let waited = wal
        .changed
        .wait_timeout_while(lock(&wal.stopped), time, |stopped| !*stopped && condition(pages()));
    let (stopped, _) = waited.unwrap_or_else(PoisonError::into_inner);
    (!*stopped).then(pages)
}

/// Copies what no reader needs in the write-ahead log any more, beside the writer.
fn copy(dir: &Path, connection: &mut Option<Connection>) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open_writer(dir)?),
    };
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
}
