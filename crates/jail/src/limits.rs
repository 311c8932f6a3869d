//! Resource limits of a worker.

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// What a worker may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerLimits {
    /// Private writable memory, in bytes (`RLIMIT_DATA`, which since Linux 4.7 counts private
    /// anonymous mappings too). The artifact itself does not count: it is mapped read-only.
    /// Default 512 MiB.
    pub memory_bytes: u64,
    /// Processor time of one worker over its life, in seconds (`RLIMIT_CPU`): the last resort behind
    /// the deadline. Default 3,600.
    pub cpu_seconds: u64,
    /// Bytes that a worker may answer for one artifact: opinions and the names of children, not
    /// their bytes. Default 8 MiB.
    pub answer_bytes: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, cpu_seconds: 3_600, answer_bytes: 8 << 20 }
    }
}

impl WorkerLimits {
    /// Applies them to this process.
    pub(crate) fn apply(&self) -> rustix::io::Result<()> {
        let fixed = |value| Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(Resource::Data, fixed(self.memory_bytes))?;
        setrlimit(Resource::Cpu, fixed(self.cpu_seconds))?;
        // No core dump: it would hold somebody's file.
        setrlimit(Resource::Core, fixed(0))?;
        // Nothing can be written to a file system anyway; this also stops growing a memory file.
        setrlimit(Resource::Fsize, fixed(0))?;
        // Job socket, artifact, and what the template left open (standard streams).
        setrlimit(Resource::Nofile, fixed(16))?;
        // No further process under this user id.
        setrlimit(Resource::Nproc, fixed(0))?;
        Ok(())
    }
}
