//! The progress bar, on a terminal.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Scanned;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    found: AtomicU64,
    findings: AtomicU64,
}

impl Progress {
    pub(super) fn new(wanted: bool) -> Self {
        let terminal = wanted && std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(counting());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, found: AtomicU64::new(0), findings: AtomicU64::new(0) }
    }

    pub(super) fn found(&self, _bytes: u64) {
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn all_found(&self) {
        if let Some(bar) = &self.bar {
            bar.set_length(self.found.load(Ordering::Relaxed));
            bar.set_style(measuring());
        }
    }

    pub(super) fn done(&self, scanned: &Scanned) {
        let Some(bar) = &self.bar else { return };
        if let Scanned::Report(report) = scanned
            && super::output::is_found(report)
        {
            let findings = self.findings.fetch_add(1, Ordering::Relaxed) + 1;
            bar.set_message(format!("{findings} found"));
        }
        bar.inc(1);
    }

    /// Runs `write` with the bar out of the way.
    pub(super) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn counting() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {human_pos} files  {per_sec}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn measuring() -> ProgressStyle {
    ProgressStyle::with_template(
        "{wide_bar} {human_pos}/{human_len} files  {per_sec}  {eta} left  {msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}
