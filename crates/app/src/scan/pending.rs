//! Children that wait for their own scan. Small ones wait in memory, the rest in a file without a
//! name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use palisade_model::{ProblemKind, UnpackLimits};
use palisade_ports::engine::{ChildHead, ChildSink};
use sha2::{Digest, Sha256};

/// Bytes of children of one scanned file that wait in memory.
const MEMORY_BYTES: u64 = 64 << 20;

/// A child as it came out of its container.
pub(super) struct PendingChild {
    pub(super) head: ChildHead,
    pub(super) size: u64,
    digest: Sha256,
    body: Body,
}

enum Body {
    Memory(Vec<u8>),
    Disk(File),
}

impl PendingChild {
    /// Its bytes from the start.
    pub(super) fn open(self) -> io::Result<Box<dyn Read>> {
        match self.body {
            Body::Memory(bytes) => Ok(Box::new(io::Cursor::new(bytes))),
            Body::Disk(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                Ok(Box::new(file))
            }
        }
    }

    /// Its name, before it is read again: whether it contains itself is known without a scan.
    pub(super) fn sha256(&self) -> palisade_model::Sha256 {
        palisade_model::Sha256(self.digest.clone().finalize().into())
    }

    pub(super) fn in_memory(&self) -> u64 {
        match &self.body {
            Body::Memory(bytes) => bytes.len() as u64,
            Body::Disk(_) => 0,
        }
    }
}

/// What the whole tree has given so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Spent {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Of these, waiting in memory now.
    pub(super) in_memory: u64,
}

/// Gathers the children of one container within the bounds of the tree.
pub(super) struct Spool<'a> {
    limits: &'a UnpackLimits,
    spent: &'a mut Spent,
    current: Option<PendingChild>,
    pub(super) children: Vec<PendingChild>,
    pub(super) exceeded: Option<ProblemKind>,
}

impl<'a> Spool<'a> {
    pub(super) fn new(limits: &'a UnpackLimits, spent: &'a mut Spent) -> Self {
        Self { limits, spent, current: None, children: Vec::new(), exceeded: None }
    }

    fn exceed(&mut self, kind: ProblemKind) -> io::Error {
        self.exceeded = Some(kind);
        io::Error::other("a bound of the whole file was reached")
    }
}

impl ChildSink for Spool<'_> {
    fn begin(&mut self, head: ChildHead) -> io::Result<()> {
        self.spent.files += 1;
        if self.spent.files > u64::from(self.limits.max_files) {
            return Err(self.exceed(ProblemKind::TooManyFiles));
        }
        let (digest, body) = (Sha256::new(), Body::Memory(Vec::new()));
        self.current = Some(PendingChild { head, size: 0, digest, body });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spent.bytes += bytes.len() as u64;
        if self.spent.bytes > self.limits.max_total_bytes {
            return Err(self.exceed(ProblemKind::TooLarge));
        }
        let Some(child) = &mut self.current else {
            return Err(io::Error::other("children out of order"));
        };
        child.size += bytes.len() as u64;
        child.digest.update(bytes);
        match &mut child.body {
            Body::Memory(gathered) => {
                self.spent.in_memory += bytes.len() as u64;
                gathered.extend_from_slice(bytes);
                if self.spent.in_memory > MEMORY_BYTES {
                    let mut file = tempfile::tempfile()?;
                    file.write_all(gathered)?;
                    self.spent.in_memory -= gathered.len() as u64;
                    child.body = Body::Disk(file);
                }
                Ok(())
            }
            Body::Disk(file) => file.write_all(bytes),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.children.extend(self.current.take());
        Ok(())
    }
}
