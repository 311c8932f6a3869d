//! The janitor: ends requests that no stage ended, and forgets what has been kept long enough. A
//! reconciler: it looks at the records and acts, on a timer; any number of them may run.

use palisade_model::{Failure, UnixMillis};
use palisade_ports::PortError;

use crate::Ports;
use crate::aggregator::{store, unplanned};
use crate::catalog::palisade_error;

/// How long after its deadline a request without a report is ended here, in milliseconds: the
/// aggregator, which knows more, comes first.
const OVERDUE_MS: u64 = 2_000;

/// Requests read at once.
const BATCH: u32 = 256;

/// How often overdue requests are looked for, in milliseconds.
const LOOK_MS: u64 = 1_000;

/// How often old things are forgotten, in milliseconds.
const FORGET_MS: u64 = 60_000;

/// How often what was unpacked and is needed by nobody is removed, in milliseconds: at full load it is
/// a hundred megabytes a second.
const TIDY_MS: u64 = 5_000;

/// How much older than every open request that must be, in milliseconds: hosts' clocks differ.
const SKEW_MS: u64 = 10_000;

/// What is kept for how long.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Requests and reports, in hours. Default 720 (30 days).
    pub reports_hours: u64,
    /// Artifacts since their last use, in hours. Default 24.
    pub artifacts_hours: u64,
    /// Records of the log that every group has read, in minutes. Default 60.
    pub log_minutes: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { reports_hours: 720, artifacts_hours: 24, log_minutes: 60 }
    }
}

/// Works for ever.
pub async fn run(ports: Ports, retention: RetentionConfig) {
    let mut forget_at = ports.clock.now().plus(FORGET_MS);
    let mut tidy_at = ports.clock.now().plus(TIDY_MS);
    loop {
        ports.clock.sleep(LOOK_MS).await;
        let now = ports.clock.now();
        if let Err(error) = end_overdue(&ports, now).await {
            tracing::warn!(error = %palisade_error(&error), "overdue requests cannot be ended");
        }
        if now >= tidy_at {
            tidy_at = now.plus(TIDY_MS);
            if let Err(error) = tidy(&ports, now).await {
                tracing::warn!(error = %palisade_error(&error), "what was unpacked stays longer");
            }
        }
        if now >= forget_at {
            forget_at = now.plus(FORGET_MS);
            if let Err(error) = forget(&ports, &retention, now).await {
                tracing::warn!(error = %palisade_error(&error), "retention cannot be kept");
            }
        }
    }
}

/// Ends requests that are past their deadline and have no report: law 3 holds also when the log
/// lost them, no extractor runs, or the gateway died between the records and the log.
///
/// # Errors
/// The records' or the log's.
pub async fn end_overdue(ports: &Ports, now: UnixMillis) -> Result<(), PortError> {
    loop {
        let overdue = ports.records.overdue(now.minus(OVERDUE_MS), BATCH).await?;
        let more = overdue.len() >= BATCH as usize;
        for summary in overdue {
            tracing::warn!(request = %summary.node, "ended by its deadline without a plan");
            store(ports, unplanned(summary, Failure::TimedOut, now), None).await?;
        }
        if !more {
            return Ok(());
        }
    }
}

/// Removes what was unpacked for requests that have their reports.
async fn tidy(ports: &Ports, now: UnixMillis) -> Result<(), PortError> {
    let oldest = ports.records.counts().await?.oldest_open.unwrap_or(now);
    let (objects, bytes) = ports.objects.remove_derived(oldest.minus(SKEW_MS)).await?;
    tracing::trace!(objects, bytes, "tidied");
    Ok(())
}

async fn forget(
    ports: &Ports,
    retention: &RetentionConfig,
    now: UnixMillis,
) -> Result<(), PortError> {
    let hours = |hours: u64| now.minus(hours.saturating_mul(3_600_000));
    let requests = ports.records.forget(hours(retention.reports_hours)).await?;
    let (objects, bytes) = ports.objects.remove_older(hours(retention.artifacts_hours)).await?;
    forget_letters(ports, hours(retention.reports_hours)).await?;
    let uploads = ports.records.expire_uploads(now).await?;
    let records = ports.log.prune(retention.log_minutes.saturating_mul(60_000)).await?;
    tracing::debug!(requests, objects, bytes, uploads, records, "forgotten");
    Ok(())
}

/// Dead letters kept at most.
const MAX_LETTERS: u32 = 10_000;

/// Forgets dead letters that are as old as forgotten reports, and the oldest of too many.
async fn forget_letters(ports: &Ports, before: UnixMillis) -> Result<(), PortError> {
    let letters = ports.records.dead_letters(2 * MAX_LETTERS).await?;
    for (place, letter) in letters.iter().enumerate() {
        if letter.time < before || place >= MAX_LETTERS as usize {
            ports.records.remove_dead_letter(&letter.id).await?;
        }
    }
    Ok(())
}
