//! One clock for all processes of an installation: the database's. A deadline is set by one process and
//! looked at by others, on machines whose clocks may be minutes apart.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use palisade_postgres::PostgresRecords;
use palisade_storage::SystemClock;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// Differences below this stay as they are: they may as well be the network's.
const NOTICEABLE_MS: u64 = 25;

/// Looks once, and sets this process's clock.
pub(super) async fn set(database: &PostgresRecords) -> anyhow::Result<()> {
    let asked = Instant::now();
    let theirs = database.time().await?;
    let took = asked.elapsed();
    // Their answer was made in the middle of the question, give or take half of it: Cristian's
    // algorithm (1989).
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ours = i64::try_from(now.saturating_sub(took / 2).as_millis()).unwrap_or(i64::MAX);
    let behind = i64::try_from(theirs.0).unwrap_or(i64::MAX).saturating_sub(ours);
    let change = behind.abs_diff(SystemClock::behind());
    let doubt = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if change > NOTICEABLE_MS.max(doubt) {
        if change > 1_000 {
            tracing::warn!(
                milliseconds = behind,
                "this machine's clock differs from the database's, which is gone by"
            );
        }
        SystemClock::set_behind(behind);
    }
    Ok(())
}

/// Keeps this process's clock on the database's, for ever.
pub(super) async fn follow(database: Arc<PostgresRecords>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Err(error) = set(&database).await {
            tracing::debug!("the database's time is not known: {error:#}");
        }
    }
}
