//! The audit log: what was refused, killed or stopped, by which rule of which policy. JSON lines in
//! `<state>/audit.jsonl`, at most [`MAX_BYTES`] and one older file.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::policy::AuditEntry;

/// Bytes of a file; then it becomes the older one.
const MAX_BYTES: u64 = 32 << 20;

/// The open log.
pub(super) struct Audit {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// Entries that could not be written.
    pub(super) failed: u64,
}

impl Audit {
    pub(super) fn open(state: &Path) -> Self {
        let path = state.join("audit.jsonl");
        let bytes = std::fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
        Self { path, file: None, bytes, failed: 0 }
    }

    /// A full disk costs entries, which are counted, and nothing else.
    pub(super) fn write(&mut self, entry: &AuditEntry) {
        if self.try_write(entry).is_err() {
            self.failed += 1;
            self.file = None;
        }
    }

    fn try_write(&mut self, entry: &AuditEntry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if self.bytes > MAX_BYTES {
            self.file = None;
            std::fs::rename(&self.path, self.path.with_extension("1.jsonl"))?;
            self.bytes = 0;
        }
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path)?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&line)?;
            self.bytes += line.len() as u64;
        }
        Ok(())
    }
}
