use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use palisade_ports::PortResult;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use super::failure::Failure;
use crate::lock;

/// A small pool of connections that only read.
#[derive(Debug)]
pub(crate) struct Readers {
    dir: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// A pool of at most `connections`, opened as they are needed.
    pub(crate) fn new(dir: &Path, connections: usize) -> Self {
        let permits = Arc::new(Semaphore::new(connections.max(1)));
        Self { dir: dir.to_owned(), idle: Mutex::default(), permits }
    }

    /// Runs `read` on a thread that may block, seeing one moment of the database: for what reads
    /// many rows or large ones.
    pub(crate) async fn read<T, R>(self: &Arc<Self>, what: &'static str, read: R) -> PortResult<T>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Failure::unavailable("it is closed").into_port(what))?;
        let readers = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.read_here(read)
        });
        match done.await {
            Ok(result) => result.map_err(|failure| failure.into_port(what)),
            Err(error) => Err(Failure::unavailable(error).into_port(what)),
        }
    }

    /// As [`Readers::read`], on this thread: for a few small rows by their index.
    ///
    /// Measured on two cores, a look-up of a hash that is not there takes 6 µs here and 38 µs with
    /// the hop to another thread. A page that is not in memory holds up one of the runtime's
    /// threads for a disk access; the inner pages of the indexes, and lately used ones, are.
    pub(crate) fn read_here<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.permits.is_closed() {
            return Err(Failure::unavailable("it is closed"));
        }
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.dir)?,
        };
        // Dropped, the transaction is rolled back: for a reader, that ends it.
        let transaction = connection.unchecked_transaction()?;
        let result = read(&transaction);
        drop(transaction);
        let mut idle = lock(&self.idle);
        if connection.is_autocommit() && !self.permits.is_closed() {
            idle.push(connection);
        }
        result
    }

    /// Closes the connections. What is read later is refused.
    ///
    /// The writer's must be the last one: SQLite leaves the write-ahead log lying when a reader is.
    pub(crate) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}
