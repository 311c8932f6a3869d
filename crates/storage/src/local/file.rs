use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use palisade_model::UnixMillis;
use palisade_ports::PortError;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use rustix::io::Errno;

/// The port, for people.
pub(super) const WHAT: &str = "the object store";

/// A file that is removed when it is dropped, unless it was given its place.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: PathBuf,
    placed: bool,
}

impl Temporary {
    /// A new file in `dir` that only this user can read.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = dir.join(format!("{}-{time}-{count}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, placed: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the file read-only and, if asked to, its bytes durable.
    pub(super) fn finish(&self, durable: bool) -> io::Result<()> {
        // The umask can only take rights away from 0600; this sets them for good.
        self.file.set_permissions(fs::Permissions::from_mode(0o400))?;
        if durable { self.file.sync_data() } else { Ok(()) }
    }

    /// Gives the file its name.
    pub(super) fn place(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.placed = true;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a temporary file stays behind");
        }
    }
}

/// Sets the time of use of a file; false when it is not there.
///
/// The time is given, not taken from the kernel: that one's is up to a tick behind, and would make
/// an object look older than its last use.
pub(super) fn mark_used(path: &Path, time: UnixMillis) -> io::Result<bool> {
    let seconds = i64::try_from(time.0 / 1000).unwrap_or(i64::MAX);
    let nanoseconds = i64::try_from(time.0 % 1000).unwrap_or(0) * 1_000_000;
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    match utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file was last used before `before`.
pub(super) fn is_older(metadata: &fs::Metadata, before: UnixMillis) -> bool {
    let age = metadata.modified().map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default());
    age.is_ok_and(|age| age < Duration::from_millis(before.0))
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// As the port says it.
pub(super) fn port_error(error: io::Error) -> PortError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PortError::Full { what: WHAT },
        _ => PortError::Unavailable { what: WHAT, source: error.into() },
    }
}

/// Runs `work` on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(port_error),
        Err(error) => Err(PortError::Unavailable { what: WHAT, source: error.into() }),
    }
}
