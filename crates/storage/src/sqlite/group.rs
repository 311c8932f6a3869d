use std::cell::Cell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use palisade_ports::log::Durability;
use rusqlite::Connection;

use super::connection::BUSY;
use super::failure::Failure;
use super::keeper::Wal;
use super::writer::{Job, Queued};

/// Below this much free space, an input/output error counts as a full disk: SQLite says so only
/// for ENOSPC of a write, not of the other calls.
const NO_SPACE: u64 = 1 << 20;

thread_local! {
    /// Pages in the write-ahead log after this thread's latest commit. SQLite tells them only to a
    /// function without a context.
    static WAL_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// How much of the write-ahead log was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// All: the next commit starts at its beginning.
    Whole,
    /// Not all: a reader needs the rest as it is.
    Partly,
    /// Nothing: another connection copies.
    Busy,
}

/// Runs groups of jobs, each group in one transaction.
pub(super) struct Committer {
    connection: Connection,
    dir: PathBuf,
    wal: Arc<Wal>,
    committed: Box<dyn Fn() + Send>,
    /// What `synchronous` stands at.
    durability: Option<Durability>,
}

impl Committer {
    pub(super) fn new(
        connection: Connection,
        dir: PathBuf,
        wal: Arc<Wal>,
        committed: Box<dyn Fn() + Send>,
    ) -> Self {
        connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(u64::try_from(pages).unwrap_or(0));
            Ok(())
        }));
        Self { connection, dir, wal, committed, durability: None }
    }

    /// Runs, commits and settles every job, in their order.
    pub(super) fn commit(&mut self, group: Vec<Queued>) {
        // One fsync serves all: asked for by one, given to all.
        let Some(durability) = group.iter().map(|queued| queued.durability).max() else { return };
        let mut waiting = VecDeque::from(group);
        // More than one round only when SQLite itself ended a transaction in the middle.
        while !waiting.is_empty() {
            self.round(&mut waiting, durability);
        }
    }

    fn round(&mut self, waiting: &mut VecDeque<Queued>, durability: Durability) {
        if let Err(failure) = self.begin(durability) {
            for queued in waiting.drain(..) {
                queued.job.settle(Err(failure.clone()));
            }
            return;
        }
        let alone = waiting.len() == 1;
        let mut ran: Vec<(Queued, Result<(), Failure>)> = Vec::with_capacity(waiting.len());
        let mut outcome = Ok(());
        while let Some(mut queued) = waiting.pop_front() {
            let result = self.step(queued.job.as_mut(), alone);
            let ended = self.connection.is_autocommit();
            if ended {
                // A full disk or an input/output error: SQLite has rolled everything back.
                let ended_by = result.clone().err();
                outcome = Err(ended_by.unwrap_or_else(|| Failure::unavailable("rolled back")));
            }
            ran.push((queued, result));
            if ended {
                break;
            }
        }
        if outcome.is_ok() {
            outcome = self.end();
        }
        for (queued, result) in ran {
            queued.job.settle(result.and(outcome.clone()));
        }
    }

    /// Begins a transaction that writes with this durability.
    fn begin(&mut self, durability: Durability) -> Result<(), Failure> {
        if self.durability != Some(durability) {
            // Not a cached statement: this pragma works while it is prepared, not when it is run.
            self.connection.execute_batch(match durability {
                Durability::Derived | Durability::Process => "PRAGMA synchronous = NORMAL",
                Durability::Machine => "PRAGMA synchronous = FULL",
            })?;
            self.durability = Some(durability);
        }
        self.execute("BEGIN IMMEDIATE")
    }

    /// Runs one job; when it fails, nothing of it remains.
    fn step(&self, job: &mut dyn Job, alone: bool) -> Result<(), Failure> {
        if alone {
            // The whole transaction is its own.
            let result = job.run(&self.connection);
            return match result {
                Err(failure) if !self.connection.is_autocommit() => {
                    self.execute("ROLLBACK")?;
                    Err(self.judge(failure))
                }
                result => result.map_err(|failure| self.judge(failure)),
            };
        }
        self.execute("SAVEPOINT job")?;
        let result = job.run(&self.connection).map_err(|failure| self.judge(failure));
        if result.is_err() && !self.connection.is_autocommit() {
            self.execute("ROLLBACK TO job")?;
        }
        if !self.connection.is_autocommit() {
            self.execute("RELEASE job")?;
        }
        result
    }

    fn end(&mut self) -> Result<(), Failure> {
        if let Err(failure) = self.execute("COMMIT") {
            if !self.connection.is_autocommit() {
                self.execute("ROLLBACK")?;
            }
            return Err(failure);
        }
        (self.committed)();
        if self.wal.committed(WAL_PAGES.get()) {
            self.bound_wal();
        }
        Ok(())
    }

    /// The write-ahead log is over its bound: nothing more is written until it is copied.
    fn bound_wal(&mut self) {
        let start = Instant::now();
        // While the keeper copies, this connection cannot. It copies no further than the log's end
        // at its start, so it comes to its end; a reader that keeps the log from being copied is
        // not waited for.
        while self.checkpoint(false) == Copied::Busy && start.elapsed() < BUSY {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Copies the write-ahead log's rest into the database; `truncate` also cuts its file, for
    /// when nothing is going on.
    pub(super) fn checkpoint(&mut self, truncate: bool) -> Copied {
        let result = if truncate {
            // Waits for readers, and a writer that waits answers nobody: shortly, then.
            self.connection
                .busy_timeout(Duration::from_millis(20))
                .and_then(|()| self.copy("PRAGMA wal_checkpoint(TRUNCATE)"))
                .and_then(|copied| self.connection.busy_timeout(BUSY).map(|()| copied))
        } else {
            self.copy("PRAGMA wal_checkpoint(PASSIVE)")
        };
        let copied = result.unwrap_or_else(|error| {
            tracing::warn!(%error, "the write-ahead log could not be copied");
            Copied::Partly
        });
        if copied == Copied::Whole {
            self.wal.emptied(truncate);
        }
        copied
    }

    fn copy(&self, pragma: &str) -> rusqlite::Result<Copied> {
        self.connection.query_row(pragma, (), |row| {
            let (busy, pages, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(match busy {
                0 if pages == copied => Copied::Whole,
                0 => Copied::Partly,
                _ => Copied::Busy,
            })
        })
    }

    fn execute(&self, sql: &str) -> Result<(), Failure> {
        let run = || self.connection.prepare_cached(sql)?.execute(());
        run().map(|_| ()).map_err(|error| self.judge(error.into()))
    }

    /// An error that a full disk explains counts as a full disk.
    fn judge(&self, failure: Failure) -> Failure {
        match (&failure, rustix::fs::statvfs(&self.dir)) {
            (Failure::Unavailable(_), Ok(space))
                if space.f_bavail.saturating_mul(space.f_frsize) < NO_SPACE =>
            {
                Failure::Full
            }
            _ => failure,
        }
    }
}
