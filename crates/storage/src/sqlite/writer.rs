use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::failure::Failure;
use super::group::Committer;
use super::keeper::{Keeper, Wal};
use crate::lock;

/// Bounds of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterConfig {
    /// Jobs that may wait; more callers wait outside. Default 1,024.
    pub queue: usize,
    /// Bytes of the jobs that may wait. Default 64 MiB.
    pub queue_bytes: usize,
    /// Jobs in one commit. Default 512.
    pub group: usize,
    /// Bytes after which a commit takes no further job. Default 2 MiB.
    pub group_bytes: usize,
    /// Size of the write-ahead log from which it is copied into the database; four times this is
    /// its bound, save while a reader holds an old moment. Default 16 MiB.
    pub wal_bytes: u64,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            queue: 1024,
            queue_bytes: 64 << 20,
            group: 512,
            group_bytes: 2 << 20,
            wal_bytes: 16 << 20,
        }
    }
}

/// One unit of work that is done whole or not at all.
pub(super) trait Job: Send {
    /// Does the work inside a transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), Failure>;
    /// Called once, after the commit, in the order of the jobs.
    fn settle(self: Box<Self>, committed: Result<(), Failure>);
}

pub(super) struct Queued {
    pub(super) job: Box<dyn Job>,
    pub(super) durability: Durability,
    pub(super) bytes: usize,
    _permit: OwnedSemaphorePermit,
}

pub(super) enum Message {
    Job(Queued),
    /// Copies what is left of the write-ahead log into the database, and cuts the file if told to.
    Checkpoint {
        truncate: bool,
    },
    Stop,
}

/// The one thread that writes to a database. Jobs that wait together are committed together, so
/// that they share one fsync; a job that fails is rolled back alone.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: mpsc::Sender<Message>,
    bytes: Arc<Semaphore>,
    queue_bytes: usize,
    threads: Mutex<Option<(JoinHandle<()>, Option<Keeper>)>>,
}

/// What else the thread must do and hold.
pub(crate) struct Surroundings {
    /// Copies the write-ahead log in the background. Not for a process beside a server, which
    /// does that itself.
    pub(crate) keeper: bool,
    /// Called after each commit, before anybody is told of it.
    pub(crate) committed: Box<dyn Fn() + Send>,
    /// Dropped when the thread has ended and the database is closed.
    pub(crate) hold: Box<dyn Send>,
}

impl Writer {
    /// Starts the thread over a connection that is ready.
    pub(crate) fn start(
        dir: &Path,
        connection: Connection,
        config: WriterConfig,
        around: Surroundings,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(config.queue.max(1));
        let wal = Arc::new(Wal::new(config.wal_bytes));
        let keeper = match around.keeper {
            true => Some(Keeper::start(dir, Arc::clone(&wal), sender.downgrade())?),
            false => None,
        };
        let dir = dir.to_owned();
        let hold = around.hold;
        let committer = Committer::new(connection, dir, wal, around.committed);
        let thread = thread::Builder::new().name("palisade-writer".into()).spawn(move || {
            run(receiver, committer, config);
            drop(hold);
        })?;
        Ok(Self {
            sender,
            bytes: Arc::new(Semaphore::new(config.queue_bytes.clamp(1, Semaphore::MAX_PERMITS))),
            queue_bytes: config.queue_bytes.clamp(1, Semaphore::MAX_PERMITS),
            threads: Mutex::new(Some((thread, keeper))),
        })
    }

    /// Runs `work` in a transaction; the answer comes after its commit. `bytes` is what it writes,
    /// roughly. Once this has been polled the work may happen, even if the caller goes away.
    pub(crate) async fn write<T, W>(
        &self,
        what: &'static str,
        durability: Durability,
        bytes: usize,
        work: W,
    ) -> PortResult<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.write_then(what, durability, bytes, work, |_| {}).await
    }

    /// As [`Writer::write`]; `settle` runs on the writer's thread right after the commit (or its
    /// failure), in the order of the commits, before the caller hears of it.
    pub(crate) async fn write_then<T, W, S>(
        &self,
        what: &'static str,
        durability: Durability,
        bytes: usize,
        work: W,
        settle: S,
    ) -> PortResult<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        S: FnOnce(&mut Result<T, Failure>) + Send + 'static,
    {
        let closed = || Failure::unavailable("it is closed");
        let permits = u32::try_from(bytes.clamp(1, self.queue_bytes)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.bytes).acquire_many_owned(permits).await;
        let permit = permit.map_err(|_| closed().into_port(what))?;
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), result: None, settle, answer });
        let queued = Queued { job, durability, bytes, _permit: permit };
        let sent = self.sender.send(Message::Job(queued)).await;
        sent.map_err(|_| closed().into_port(what))?;
        match answered.await {
            Ok(result) => result.map_err(|failure| failure.into_port(what)),
            Err(_) => Err(closed().into_port(what)),
        }
    }

    /// Ends the threads once every job queued so far is done. What comes later is refused.
    pub(crate) async fn close(&self) {
        // Fails when the thread has ended already.
        let _ = self.sender.send(Message::Stop).await;
        let threads = lock(&self.threads).take();
        if let Some(threads) = threads {
            // Fails when the runtime stops: then the threads end by themselves.
            let _ = tokio::task::spawn_blocking(move || join(threads)).await;
        }
    }
}

impl Drop for Writer {
    /// Waits for the jobs that are queued still: whoever opens the same data next finds it closed.
    fn drop(&mut self) {
        // The thread ends when the last sender is gone: this one must go before the wait.
        let (sender, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.sender, sender));
        if let Some(threads) = lock(&self.threads).take() {
            join(threads);
        }
    }
}

fn join((thread, keeper): (JoinHandle<()>, Option<Keeper>)) {
    // The keeper first: while its connection is open, the writer's is not the last one, and
    // SQLite would leave the write-ahead log lying beside the database.
    drop(keeper);
    // A panic of the thread was printed when it happened.
    let _ = thread.join();
}

fn run(mut receiver: mpsc::Receiver<Message>, mut committer: Committer, config: WriterConfig) {
    while let Some(message) = receiver.blocking_recv() {
        let mut group = Vec::new();
        let mut bytes = 0_usize;
        let mut next = Some(message);
        let mut other = None;
        while let Some(message) = next.take() {
            match message {
                Message::Job(queued) => {
                    bytes = bytes.saturating_add(queued.bytes);
                    group.push(queued);
                }
                message => {
                    other = Some(message);
                    break;
                }
            }
            if group.len() < config.group && bytes < config.group_bytes {
                next = receiver.try_recv().ok();
            }
        }
        committer.commit(group);
        match other {
            Some(Message::Checkpoint { truncate }) => {
                committer.checkpoint(truncate);
            }
            Some(Message::Stop) => break,
            Some(Message::Job(_)) | None => {}
        }
    }
}

struct Task<T, W, S> {
    work: Option<W>,
    result: Option<T>,
    settle: S,
    answer: oneshot::Sender<Result<T, Failure>>,
}

impl<T, W, S> Job for Task<T, W, S>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Failure> + Send,
    S: FnOnce(&mut Result<T, Failure>) + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), Failure> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection)?);
        }
        Ok(())
    }

    fn settle(self: Box<Self>, committed: Result<(), Failure>) {
        let Self { result, settle, answer, .. } = *self;
        let mut result = match (committed, result) {
            (Ok(()), Some(value)) => Ok(value),
            (Err(failure), _) => Err(failure),
            (Ok(()), None) => Err(Failure::unavailable("the job was not run")),
        };
        settle(&mut result);
        // Fails when the caller has gone: the work stands all the same.
        let _ = answer.send(result);
    }
}
