use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use palisade_model::Sha256;
use serde::{Deserialize, Serialize};

use super::source;
use super::table::{Table, TableError};

/// Where known-bad hashes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListSettings {
    /// The operator's list: a SHA-256 in hexadecimal on each line, alone, as `sha256sum` writes it
    /// (`hash  name`) or as CSV (`hash,name,…`). None: no list.
    pub file: Option<PathBuf>,
    /// A directory that we may write to. It holds `learned-bad.txt`, the hashes that scans added, and
    /// the unnamed files of the table, 40 bytes for each hash.
    pub directory: PathBuf,
    /// Hashes of the operator's list; a longer one is refused. Each takes 4 bytes of memory.
    pub max_hashes: usize,
    /// Hashes that scans added; further ones are refused. Each takes up to 300 bytes of memory.
    pub max_added: usize,
}

impl Default for ListSettings {
    fn default() -> Self {
        Self {
            file: None,
            directory: PathBuf::from("/var/lib/palisade/defend/hashes"),
            max_hashes: 5_000_000,
            max_added: 10_000,
        }
    }
}

/// A list that was not taken. The one before it stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file system.
    #[error("{path}: {what}", path = .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The list.
    #[error("{path}: {why}", path = .path.display())]
    List {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// More than `max_added`.
    #[error("{0} hashes were added by scans; there is room for no more (max_added)")]
    Full(usize),
}

/// What is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Hashes of the operator's list, each once.
    pub hashes: usize,
    /// Lines of it that are no hash.
    pub skipped: u64,
    /// Hashes that scans added.
    pub added: usize,
    /// Bytes of memory for the operator's list.
    pub bytes: usize,
    /// Look-ups that matched in memory while the file could not be read: they count as known.
    pub unconfirmed: u64,
}

/// Which version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    dev: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    fn of(about: &fs::Metadata) -> Self {
        Self {
            dev: about.dev(),
            inode: about.ino(),
            size: about.len(),
            mtime: (about.mtime(), about.mtime_nsec()),
            ctime: (about.ctime(), about.ctime_nsec()),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    file: Option<PathBuf>,
    table: Arc<Table>,
    stamp: Option<Stamp>,
    added: HashMap<Sha256, String>,
}

/// The hashes that are known to be bad: the operator's list, and what scans added. To say that one is not
/// there takes less than a microsecond and no I/O; to confirm one that is, three small reads of a file.
#[derive(Debug)]
pub struct KnownBad {
    settings: ListSettings,
    inner: RwLock<Inner>,
    /// One reload or addition at a time.
    change: Mutex<()>,
    unconfirmed: AtomicU64,
}

impl KnownBad {
    /// Reads what scans added before. The operator's list is read by [`KnownBad::reload`].
    ///
    /// # Errors
    /// [`ListError`] when the directory cannot be made or the file not be read.
    pub fn open(settings: ListSettings) -> Result<Self, ListError> {
        let directory = &settings.directory;
        fs::create_dir_all(directory)
            .map_err(|source| io_error(directory, "cannot be made", source))?;
        let path = own(directory);
        let mut added = HashMap::new();
        match File::open(&path) {
            Ok(file) => {
                let read = source::read::<io::Error>(BufReader::new(file), |hash, name| {
                    if added.len() < settings.max_added {
                        added.insert(hash, name);
                    }
                    Ok(())
                });
                // A line that was half written when the machine stopped is none; the others count.
                read.map_err(|source| io_error(&path, "cannot be read", source))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error(&path, "cannot be opened", source)),
        }
        let inner = RwLock::new(Inner { file: settings.file.clone(), added, ..Inner::default() });
        Ok(Self { settings, inner, change: Mutex::new(()), unconfirmed: AtomicU64::new(0) })
    }

    /// Another file is the operator's list from now on ([`KnownBad::reload`] reads it), or none. Until the
    /// other one is read, the list before stays in force.
    pub fn follow(&self, file: Option<PathBuf>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.file == file {
            return;
        }
        if file.is_none() {
            inner.table = Arc::default();
        }
        (inner.file, inner.stamp) = (file, None);
    }

    /// Reads the operator's list if it changed; `None` when it did not. Look-ups go on meanwhile, with the
    /// list before. It blocks: for seconds, if there are millions.
    ///
    /// # Errors
    /// [`ListError`]; the list before stays in force.
    pub fn reload(&self) -> Result<Option<Loaded>, ListError> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.read().file.clone();
        let Some(path) = &file else {
            return Ok(None);
        };
        let cannot = |what| move |source| io_error(path, what, source);
        let file = File::open(path).map_err(cannot("cannot be opened"))?;
        let stamp = Stamp::of(&file.metadata().map_err(cannot("cannot be read"))?);
        if self.read().stamp == Some(stamp) {
            return Ok(None);
        }
        let lines = BufReader::with_capacity(64 << 10, file);
        let table = Table::build(lines, &self.settings.directory, self.settings.max_hashes);
        let table = table.map_err(|error| match error {
            TableError::Io(source) => {
                io_error(path, "cannot be read, or its table not be written", source)
            }
            other => ListError::List { path: path.clone(), why: other.to_string() },
        })?;
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.table = Arc::new(table);
        inner.stamp = Some(stamp);
        drop(inner);
        Ok(Some(self.loaded()))
    }

    /// The name of a hash that is known to be bad, empty when the list has none; `None` when the hash is
    /// not known.
    pub fn find(&self, hash: &Sha256) -> Option<String> {
        let inner = self.read();
        if let Some(name) = inner.added.get(hash) {
            return Some(name.clone());
        }
        let table = inner.table.clone();
        // Confirming a match reads a file; nobody should wait for that to add a hash.
        drop(inner);
        table.find(hash).unwrap_or_else(|_| {
            self.unconfirmed.fetch_add(1, Ordering::Relaxed);
            Some(String::new())
        })
    }

    /// Adds a hash, at once and for good. False when it is known already.
    ///
    /// # Errors
    /// [`ListError::Full`]; [`ListError::Io`] when it could not be written down: it is in force until the
    /// Defender ends.
    pub fn add(&self, hash: Sha256, name: &str) -> Result<bool, ListError> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(&hash).is_some() {
            return Ok(false);
        }
        let name = source::clean(name).replace(['"', ',', ';'], "_");
        {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            if inner.added.len() >= self.settings.max_added {
                return Err(ListError::Full(inner.added.len()));
            }
            inner.added.insert(hash, name.clone());
        }
        let path = own(&self.settings.directory);
        // A line of its own even behind one that was cut by a crash.
        let line = format!("\n{hash}  {name}\n");
        let written =
            OpenOptions::new().append(true).create(true).mode(0o600).open(&path).and_then(
                |mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_data()),
            );
        written.map_err(|source| io_error(&path, "cannot be written", source))?;
        Ok(true)
    }

    /// What is in force.
    pub fn loaded(&self) -> Loaded {
        let inner = self.read();
        Loaded {
            hashes: inner.table.len(),
            skipped: inner.table.skipped,
            added: inner.added.len(),
            bytes: inner.table.bytes(),
            unconfirmed: self.unconfirmed.load(Ordering::Relaxed),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn own(directory: &Path) -> PathBuf {
    directory.join("learned-bad.txt")
}

fn io_error(path: &Path, what: &'static str, source: io::Error) -> ListError {
    ListError::Io { path: path.to_owned(), what, source }
}
