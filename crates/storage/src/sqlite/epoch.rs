use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A few bytes in a file that change whenever a process beside the server has written records
/// (`palisade keys revoke`). The server reads them before it answers from memory, so that law 4 of
/// the records holds between processes too: 0.3 µs, where `PRAGMA data_version` takes a lock and
/// cannot tell the server's own commits from another's.
///
/// A process that dies between its commit and the change of these bytes has not said that its
/// command succeeded; the server may answer from memory until the command is given again.
#[derive(Debug)]
pub(crate) struct Epoch(File);

/// What stands in the file.
pub(crate) type Moment = [u8; 16];

impl Epoch {
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("records.epoch");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        Ok(Self(file))
    }

    /// The bytes now. A half-written change differs from both sides of it.
    pub(crate) fn now(&self) -> io::Result<Moment> {
        let mut moment = Moment::default();
        let mut filled = 0;
        while let Some(rest) = moment.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(moment)
    }

    /// Changes the bytes to some that never stood there.
    pub(crate) fn change(&self) -> io::Result<()> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut moment = Moment::default();
        moment[..8].copy_from_slice(&time.to_le_bytes()[..8]);
        moment[8..12].copy_from_slice(&std::process::id().to_le_bytes());
        moment[12..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        self.0.write_all_at(&moment, 0)
    }
}
