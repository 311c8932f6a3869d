//! Which engines there are, how they are, and with which definitions they scan: one view, refreshed
//! from the records, for the gateway (cache keys, `/stat/engines`) and the extractor (plans).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use palisade_model::{Definitions, EngineName, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{EngineState, EngineStatus};

use crate::Ports;

/// How often the view is refreshed, in milliseconds.
pub const REFRESH_MS: u64 = 250;

/// A host that has not been heard of for so long is taken for dead, in milliseconds. Hosts tell of
/// themselves every two seconds.
pub const SILENCE_MS: u64 = 10_000;

/// One engine over all its hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// Which.
    pub engine: EngineName,
    /// The best state of any of its hosts.
    pub state: EngineState,
    /// Why it is not up.
    pub detail: String,
    /// The newest definitions of any of its hosts.
    pub definitions: Definitions,
    /// Live workers of all its hosts.
    pub workers: u32,
    /// When any host last told of it.
    pub seen: UnixMillis,
}

/// The view. Clones share it.
#[derive(Clone)]
pub struct Catalog {
    ports: Ports,
    /// Engines that there are to be, whether or not a host of them was ever heard of.
    expected: Arc<[EngineName]>,
    entries: Arc<RwLock<Arc<BTreeMap<EngineName, CatalogEntry>>>>,
    /// Whether the records could not be read the last time, and when they could again after that.
    away: Arc<AtomicBool>,
    back: Arc<AtomicU64>,
    /// One refresh at a time: what was read earlier must not replace what was read later.
    refreshing: Arc<tokio::sync::Mutex<()>>,
}

impl Catalog {
    /// An empty view; call [`Catalog::refresh`] or [`Catalog::run`].
    pub fn new(ports: Ports) -> Self {
        Self {
            ports,
            expected: Arc::default(),
            entries: Arc::default(),
            away: Arc::default(),
            back: Arc::default(),
            refreshing: Arc::default(),
        }
    }

    /// With engines that are down as long as no host of them was heard of: what is to be asked and is
    /// not there makes a report partial (law 3).
    #[must_use]
    pub fn expecting(self, engines: impl IntoIterator<Item = EngineName>) -> Self {
        Self { expected: engines.into_iter().collect(), ..self }
    }

    /// The engines as last seen.
    pub fn entries(&self) -> Arc<BTreeMap<EngineName, CatalogEntry>> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the records once.
    ///
    /// # Errors
    /// The records' error; the view stays as it was.
    pub async fn refresh(&self) -> PortResult<()> {
        let _alone = self.refreshing.lock().await;
        let now = self.ports.clock.now();
        let statuses = match self.ports.records.engines().await {
            Ok(statuses) => statuses,
            Err(error) => {
                self.away.store(true, Ordering::Relaxed);
                return Err(error);
            }
        };
        // While the records are away no host can tell of itself: its silence counts from their return.
        if self.away.swap(false, Ordering::Relaxed) {
            self.back.store(now.0, Ordering::Relaxed);
        }
        let back = UnixMillis(self.back.load(Ordering::Relaxed));
        let mut entries = merge(statuses, now, back);
        for engine in self.expected.iter() {
            entries.entry(engine.clone()).or_insert_with(|| absent(engine.clone()));
        }
        let entries = Arc::new(entries);
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
        Ok(())
    }

    /// Refreshes for ever.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.refresh().await {
                tracing::warn!(error = %palisade_error(&error), "the engines' status cannot be read");
            }
            self.ports.clock.sleep(REFRESH_MS).await;
        }
    }
}

/// An error with its sources, on one line.
pub(crate) fn palisade_error(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn merge(
    statuses: Vec<EngineStatus>,
    now: UnixMillis,
    back: UnixMillis,
) -> BTreeMap<EngineName, CatalogEntry> {
    let mut entries = BTreeMap::<EngineName, CatalogEntry>::new();
    for mut status in statuses {
        let silence = now.since(status.seen.max(back));
        if silence > SILENCE_MS {
            status.state = EngineState::Down;
            status.detail = format!("not heard of for {} s", silence / 1000);
            status.workers = 0;
        }
        let entry = CatalogEntry {
            engine: status.engine.clone(),
            state: status.state,
            detail: status.detail,
            definitions: status.definitions,
            workers: status.workers,
            seen: status.seen,
        };
        match entries.get_mut(&status.engine) {
            None => {
                entries.insert(status.engine, entry);
            }
            Some(known) => {
                let workers = known.workers + entry.workers;
                // A dead host says nothing of the definitions in force.
                let better = (rank(entry.state), entry.seen) > (rank(known.state), known.seen);
                if better {
                    *known = entry;
                }
                known.workers = workers;
            }
        }
    }
    entries
}

/// An engine that no host has told of.
fn absent(engine: EngineName) -> CatalogEntry {
    CatalogEntry {
        engine,
        state: EngineState::Down,
        detail: "no host of it has been heard of".to_owned(),
        definitions: Definitions::default(),
        workers: 0,
        seen: UnixMillis(0),
    }
}

fn rank(state: EngineState) -> u8 {
    match state {
        EngineState::Down => 0,
        EngineState::Degraded => 1,
        EngineState::Up => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(host: &str, state: EngineState, seen: u64, version: &str) -> EngineStatus {
        EngineStatus {
            engine: "yara".parse().unwrap(),
            host: host.into(),
            state,
            detail: String::new(),
            definitions: Definitions { version: version.into(), time: UnixMillis(0) },
            workers: 1,
            seen: UnixMillis(seen),
        }
    }

    #[test]
    fn a_silent_host_is_down_and_a_live_one_speaks_for_the_engine() {
        let now = UnixMillis(100_000);
        let dead = status("a", EngineState::Up, 100_000 - SILENCE_MS - 1, "old");
        let merged = merge(vec![dead.clone()], now, UnixMillis(0));
        let entry = merged.values().next().unwrap();
        assert_eq!((entry.state, entry.workers), (EngineState::Down, 0));

        // The records were away until a moment ago.
        let back = UnixMillis(now.0 - 1_000);
        let merged = merge(vec![dead.clone()], now, back);
        assert_eq!(merged.values().next().unwrap().state, EngineState::Up);

        let live = status("b", EngineState::Degraded, 99_999, "new");
        for order in [vec![dead.clone(), live.clone()], vec![live, dead]] {
            let merged = merge(order, now, UnixMillis(0));
            let entry = merged.values().next().unwrap();
            assert_eq!((entry.state, entry.workers), (EngineState::Degraded, 1));
            assert_eq!(entry.definitions.version, "new");
        }
    }
}
