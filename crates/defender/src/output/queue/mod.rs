//! Lines that wait for a sink in the network: in files, so that a restart or a kill of the process loses
//! none that was taken.
//!
//! A queue is a directory of segments named by the number of their first record, `00000000000000000042`,
//! and a file `delivered`. Every line has a running number, also one that has to be dropped: a gap is a
//! loss, whoever finds it. Delivery is at least once: what was sent shortly before a kill is sent again.
//!
//! Where not a byte can be written (`ENOSPC` and any other failure), lines are kept in memory up to a
//! bound, the oldest are dropped then, and writing is tried again every second.
//!
//! The embedded log of `palisade-storage` is not used here: it brings SQLite into an agent that needs
//! none, keeps several readers and topics, and does not drop what is oldest when it is full.

mod directory;
mod head;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use directory::Directory;
pub use directory::{Files, HostFiles};

/// A try to write after a failure, at most so often.
const RETRY: Duration = Duration::from_secs(1);

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSettings {
    /// Bytes of all segments. Above it, the oldest segment is dropped. Default 256 MiB.
    pub disk_bytes: u64,
    /// Bytes of one segment; at most a quarter of `disk_bytes` counts. Default 4 MiB.
    pub segment_bytes: u64,
    /// Bytes kept in memory while nothing can be written. Default 8 MiB.
    pub memory_bytes: u64,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { disk_bytes: 256 << 20, segment_bytes: 4 << 20, memory_bytes: 8 << 20 }
    }
}

/// Lines that were dropped, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// The oldest, because the segments were as large as they may be.
    pub full: u64,
    /// The oldest, because nothing could be written and memory was full.
    pub no_space: u64,
    /// Bytes that could not be read back: torn by a kill, or damaged.
    pub damaged_bytes: u64,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its running number.
    pub number: u64,
    /// Lines before it that are lost, since the one before.
    pub gap: u64,
    /// The line.
    pub payload: Vec<u8>,
}

/// A queue in a directory. One process at a time.
pub struct Queue<F: Files = HostFiles> {
    directory: Directory<F>,
    memory: VecDeque<(u64, Vec<u8>)>,
    memory_bytes: u64,
    most_memory: u64,
    /// Number of the next line that is taken.
    next: u64,
    /// Number of the last line that was delivered or given up.
    delivered: u64,
    /// Number of the last line that was given out: on its way, and not lost when its segment goes.
    offered: u64,
    failed: Option<Instant>,
    losses: Losses,
}

impl Queue<HostFiles> {
    /// Opens the queue, made when it is not there. What a kill tore is cut off.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(path: &Path, settings: QueueSettings) -> io::Result<Self> {
        Self::open_with(path, settings, HostFiles)
    }
}

impl<F: Files> Queue<F> {
    /// The same, writing through `files`.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open_with(path: &Path, settings: QueueSettings, files: F) -> io::Result<Self> {
        let (directory, found) = Directory::open(path, settings, files)?;
        Ok(Self {
            directory,
            memory: VecDeque::new(),
            memory_bytes: 0,
            most_memory: settings.memory_bytes,
            next: found.last.max(found.delivered) + 1,
            delivered: found.delivered,
            offered: found.delivered,
            failed: None,
            losses: Losses { damaged_bytes: found.torn, ..Losses::default() },
        })
    }

    /// Takes a line. It never fails: what cannot be kept is counted.
    pub fn push(&mut self, payload: Vec<u8>, now: Instant) {
        let number = self.next;
        self.next += 1;
        self.settle(now);
        if self.memory.is_empty() && self.failed.is_none() {
            match self.append(number, &payload) {
                Ok(()) => return,
                Err(_) => self.failed = Some(now),
            }
        }
        self.memory_bytes += payload.len() as u64;
        self.memory.push_back((number, payload));
        while self.memory_bytes > self.most_memory
            && let Some((number, oldest)) = self.memory.pop_front()
        {
            self.memory_bytes -= oldest.len() as u64;
            self.losses.no_space += u64::from(number > self.offered);
        }
    }

    /// Writes what had to stay in memory, if it can be written now.
    pub fn settle(&mut self, now: Instant) {
        if self.memory.is_empty() {
            return;
        }
        if self.failed.is_some_and(|failed| now.saturating_duration_since(failed) < RETRY) {
            return;
        }
        while let Some((number, payload)) = self.memory.pop_front() {
            if self.append(number, &payload).is_err() {
                self.memory.push_front((number, payload));
                self.failed = Some(now);
                return;
            }
            self.memory_bytes -= payload.len() as u64;
        }
        self.failed = None;
    }

    /// The line that is to be delivered now. The same until [`Queue::done`].
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn peek(&mut self) -> io::Result<Option<Waiting>> {
        let found = match self.directory.peek(self.delivered)? {
            Some((number, payload)) => Some((number, payload)),
            None => self.memory.front().cloned(),
        };
        self.losses.damaged_bytes += self.directory.take_damaged();
        self.offered = found.as_ref().map_or(self.offered, |(number, _)| *number);
        Ok(found.map(|(number, payload)| Waiting {
            number,
            gap: number.saturating_sub(self.delivered + 1),
            payload,
        }))
    }

    /// The line with this number was delivered, or given up.
    pub fn done(&mut self, number: u64) {
        self.delivered = self.delivered.max(number);
        let waiting = self.memory.len();
        while let Some((first, payload)) = self.memory.front()
            && *first <= self.delivered
        {
            self.memory_bytes -= payload.len() as u64;
            self.memory.pop_front();
        }
        self.directory.done(self.delivered);
        if self.memory.len() < waiting {
            // It was never on disk: after a kill its number would look like a loss.
            let _ = self.directory.remember(self.delivered);
        }
    }

    /// Writes down what was delivered, so that a restart does not send it again. Done by itself every
    /// 256 lines and when a segment is through.
    ///
    /// # Errors
    /// When it cannot be written; it is tried again then.
    pub fn remember(&mut self) -> io::Result<()> {
        self.directory.remember(self.delivered)
    }

    /// Bytes that wait, on disk and in memory.
    pub fn bytes(&self) -> u64 {
        self.directory.bytes() + self.memory_bytes
    }

    /// Whether lines are kept in memory because they cannot be written.
    pub fn is_failing(&self) -> bool {
        self.failed.is_some()
    }

    /// What was dropped since this was asked last.
    pub fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    fn append(&mut self, number: u64, payload: &[u8]) -> io::Result<()> {
        let outcome = self.directory.append(number, payload, self.offered.max(self.delivered));
        self.losses.full += self.directory.take_full();
        outcome
    }
}
