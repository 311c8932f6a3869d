//! Everything of one machine, opened together.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_ports::PortResult;
use palisade_ports::log::Durability;

use crate::local::{LocalObjects, ObjectsConfig};
use crate::sqlite::{
    DATABASE, Epoch, Failure, LogConfig, Readers, RecordsConfig, SchemaError, SqliteLog,
    SqliteRecords, Surroundings, Writer, WriterConfig, open_writer, prepare,
};

/// How long to wait for a data directory that another process is about to leave.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Bounds of the embedded implementations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// The one writer of the database.
    pub writer: WriterConfig,
    /// Connections that read the database. Default 4.
    pub readers: usize,
    /// The log.
    pub log: LogConfig,
    /// The records.
    pub records: RecordsConfig,
    /// The object store.
    pub objects: ObjectsConfig,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            writer: WriterConfig::default(),
            readers: 4,
            log: LogConfig::default(),
            records: RecordsConfig::default(),
            objects: ObjectsConfig::default(),
        }
    }
}

/// A data directory that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has it open.
    #[error(
        "the data directory {} is in use by another Palisade; stop that one, or give this one a \
         data directory of its own", dir.display()
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "the database in {} has schema version {found}, and this program knows versions up to \
         {known}; start the newer Palisade that wrote it, or restore a copy made before the \
         upgrade", dir.display()
    )]
    TooNew {
        /// The directory.
        dir: PathBuf,
        /// The database's schema version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Written by an older program, which is running at this moment.
    #[error(
        "the database in {} has schema version {found}, older than this program's {known}, and a \
         server is running on it; run the command with that server's program, or restart the \
         server with this one", dir.display()
    )]
    TooOld {
        /// The directory.
        dir: PathBuf,
        /// The database's schema version.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// The database does not open.
    #[error("the database in {} does not open", dir.display())]
    Database {
        /// The directory.
        dir: PathBuf,
        /// SQLite's words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The directory cannot be made or used.
    #[error("the data directory {} cannot be used", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The runtime stopped meanwhile.
    #[error("opening was interrupted")]
    Interrupted(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OpenError {
    pub(crate) fn io(dir: &Path, source: io::Error) -> Self {
        Self::Directory { dir: dir.to_owned(), source }
    }

    pub(crate) fn schema(dir: &Path, error: SchemaError) -> Self {
        let dir = dir.to_owned();
        let known = crate::sqlite::VERSION;
        match error {
            SchemaError::TooNew { found } => Self::TooNew { dir, found, known },
            SchemaError::TooOld { found } => Self::TooOld { dir, found, known },
            SchemaError::Sqlite(source) => Self::Database { dir, source: source.into() },
        }
    }

    pub(crate) fn interrupted(error: tokio::task::JoinError) -> Self {
        Self::Interrupted(error.into())
    }
}

/// The log, the records and the objects of one data directory:
///
/// | path | what |
/// |---|---|
/// | `lock` | locked while a server has the directory open |
/// | `palisade.db` (`-wal`, `-shm`) | the log and the records |
/// | `records.epoch` | changes when a command beside the server has written records |
/// | `objects/ab/cd…` | the artifacts |
#[derive(Debug)]
pub struct Embedded {
    /// The log.
    pub log: Arc<SqliteLog>,
    /// The records.
    pub records: Arc<SqliteRecords>,
    /// The object store.
    pub objects: Arc<LocalObjects>,
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl Embedded {
    /// Opens a data directory, made when it is not there. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`], each with what to do.
    pub async fn open(dir: impl AsRef<Path>, config: EmbeddedConfig) -> Result<Self, OpenError> {
        let dir = dir.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_now(&dir, config)).await;
        opened.map_err(OpenError::interrupted)?
    }

    fn open_now(dir: &Path, config: EmbeddedConfig) -> Result<Self, OpenError> {
        let lock = wait_for_lock(dir)?;
        let io = |error| OpenError::io(dir, error);
        let open = || {
            let mut connection = open_writer(dir)?;
            prepare(&mut connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| OpenError::schema(dir, error))?;
        // The database's own name must survive the machine's death too.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
        let around =
            Surroundings { keeper: true, committed: Box::new(|| {}), hold: Box::new(lock) };
        let writer = Writer::start(dir, connection, config.writer, around).map_err(io)?;
        let writer = Arc::new(writer);
        let readers = Arc::new(Readers::new(dir, config.readers));
        let log = SqliteLog::open(Arc::clone(&writer), Arc::clone(&readers), config.log).map_err(
            |failure| OpenError::Database {
                dir: dir.to_owned(),
                source: Box::new(failure.into_port("the log")),
            },
        )?;
        let epoch = Epoch::open(dir).map_err(io)?;
        let records =
            SqliteRecords::open(Arc::clone(&writer), Arc::clone(&readers), epoch, config.records);
        let objects = LocalObjects::open(&dir.join("objects"), config.objects).map_err(io)?;
        Ok(Self {
            log: Arc::new(log),
            records: Arc::new(records),
            objects: Arc::new(objects),
            writer,
            readers,
        })
    }

    /// Writes what is pending, makes it durable, and closes the database. What is written later is
    /// refused; the directory can be opened again when this returns.
    ///
    /// # Errors
    /// When the last writes fail; closed it is all the same.
    pub async fn close(self) -> PortResult<()> {
        let flushed = self.log.flush().await;
        // An empty job, for its fsync.
        let durable =
            self.writer.write("the log", Durability::Machine, 0, |_| Ok::<_, Failure>(())).await;
        self.readers.close();
        self.writer.close().await;
        flushed.and(durable)
    }
}

fn wait_for_lock(dir: &Path) -> Result<File, OpenError> {
    let start = Instant::now();
    loop {
        match lock_dir(dir) {
            Err(OpenError::Locked { .. }) if start.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(20));
            }
            result => return result,
        }
    }
}

/// Makes the directory and takes its lock, which is given back when the file is dropped or the
/// process dies.
pub(crate) fn lock_dir(dir: &Path) -> Result<File, OpenError> {
    let io = |error| OpenError::io(dir, error);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join("lock"))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(io(error)),
    }
    // SQLite takes the mode of the database for its other files; whatever the umask is, nobody
    // else is to read what was scanned.
    let database = dir.join(DATABASE);
    if !fs::exists(&database).map_err(io)? {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).map_err(io)?;
    }
    Ok(file)
}
