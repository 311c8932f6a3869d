//! Which requests were taken back: a view of the records, for whoever works on commands. A request
//! that is in it needs no more work, whatever waits of it on the log.

use std::collections::HashSet;
use std::sync::Arc;

use palisade_model::RequestId;
use palisade_ports::PortResult;
use tokio::sync::watch;

use crate::Ports;
use crate::catalog::palisade_error;

/// How often the view is refreshed, in milliseconds.
const REFRESH_MS: u64 = 200;

/// How long ago a request may have been taken back and still have commands on the log, in
/// milliseconds: the longest deadline that the gateway's defaults allow.
const WINDOW_MS: u64 = 3_600_000;

/// Requests in the view; of more, the newest. The rest run to their end for nothing, which costs
/// time and changes no report.
const MAX_CANCELLED: u32 = 1_000;

/// The view. Clones share it.
#[derive(Clone)]
pub(crate) struct Cancellations {
    ports: Ports,
    requests: Arc<watch::Sender<HashSet<RequestId>>>,
}

impl Cancellations {
    /// An empty view; [`Cancellations::run`] fills it.
    pub(crate) fn new(ports: Ports) -> Self {
        Self { ports, requests: Arc::new(watch::Sender::new(HashSet::new())) }
    }

    /// Whether a request was taken back, as last seen.
    pub(crate) fn has(&self, request: RequestId) -> bool {
        self.requests.borrow().contains(&request)
    }

    /// Returns once a request is seen to be taken back.
    pub(crate) async fn of(&self, request: RequestId) {
        let mut requests = self.requests.subscribe();
        // The sender lives as long as this.
        let _ = requests.wait_for(|requests| requests.contains(&request)).await;
    }

    async fn refresh(&self) -> PortResult<()> {
        let since = self.ports.clock.now().minus(WINDOW_MS);
        let cancelled = self.ports.records.cancelled(since, MAX_CANCELLED).await?;
        self.requests.send_if_modified(|requests| {
            let same = requests.len() == cancelled.len()
                && cancelled.iter().all(|request| requests.contains(request));
            if !same {
                *requests = cancelled.into_iter().collect();
            }
            !same
        });
        Ok(())
    }

    /// Refreshes for ever.
    pub(crate) async fn run(&self) {
        loop {
            if let Err(error) = self.refresh().await {
                tracing::warn!(error = %palisade_error(&error), "cancellations cannot be read");
            }
            self.ports.clock.sleep(REFRESH_MS).await;
        }
    }
}
