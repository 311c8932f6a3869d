//! Keeps the reputation engine on the hash lists that are on disk.

use std::sync::Arc;
use std::time::Duration;

use palisade_engines::reputation::{self, Index, LoadSummary, ReputationEngine};
use palisade_storage::SystemClock;

use super::rules::look;
use crate::config::ReputationConfig;
use crate::engines::list_sources;

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Reads the lists.
pub(super) fn load(config: &ReputationConfig) -> anyhow::Result<(Index, LoadSummary)> {
    let (index, summary) = reputation::load(&list_sources(&config.blocklists, &config.allowlists))?;
    tracing::info!(hashes = summary.entries, version = index.version(), "hash lists");
    for problem in &summary.problems {
        tracing::warn!("{problem}");
    }
    Ok((index, summary))
}

/// Follows the lists on disk for ever.
pub(super) async fn follow(config: ReputationConfig, engine: Arc<ReputationEngine>) {
    let paths = [config.blocklists.clone(), config.allowlists.clone()].concat();
    if paths.is_empty() {
        return;
    }
    let mut seen = look(&paths);
    loop {
        tokio::time::sleep(LOOK).await;
        if look(&paths) == seen {
            continue;
        }
        // A list that is being written is seen in two states: wait until it rests.
        tokio::time::sleep(LOOK / 2).await;
        seen = look(&paths);
        let config = config.clone();
        match tokio::task::spawn_blocking(move || load(&config)).await {
            Ok(Ok((index, summary))) => engine.replace(index, summary, SystemClock::time()),
            Ok(Err(error)) => tracing::error!("the new lists are not in force: {error:#}"),
            Err(error) => tracing::error!(%error, "the new lists are not in force"),
        }
    }
}
