//! Where lines go. Each sink has threads of its own: one that blocks or fails costs the others nothing.

mod direct;
mod file;
mod network;
pub(super) mod syslog;

use std::io;
use std::time::Duration;

pub(super) use direct::{Standard, run as run_direct};
pub(super) use file::LogFile;
pub(super) use network::{Shared, deliver, spool};

/// Something on this host that bytes are written to.
pub(super) trait Place: Send {
    /// Writes whole lines, all of them or, as far as it can be helped, none.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Opens what is behind it anew.
    fn reopen(&mut self) {}

    /// Whether this failure is for good.
    fn is_gone(&self, _error: &io::Error) -> bool {
        false
    }
}

/// How long to wait after failures in a row: 100 ms, doubled up to 10 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        let wait = Duration::from_millis(100 << self.failures.min(7)).min(Duration::from_secs(10));
        self.failures = self.failures.saturating_add(1);
        wait
    }
}
