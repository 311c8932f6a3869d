//! One socket, for as long as we run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use palisade_model::event::ContainerId;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::{Looker, lock};
use crate::containers::Found;
use crate::containers::sockets::docker::{Event, event};
use crate::containers::sockets::{SocketError, SocketOutcome, outcome_of};

impl Looker {
    /// One socket, for as long as we run.
    pub(super) async fn serve(self: Arc<Self>, index: usize) {
        let first = self.settings.backoff_ms.max(1);
        let mut wait = first;
        loop {
            match self.session(index).await {
                Ok(()) => wait = first,
                Err((answered, error)) => {
                    if answered {
                        wait = first;
                    }
                    self.set(index, outcome_of(Err(error)));
                }
            }
            sleep(Duration::from_millis(wait)).await;
            wait = wait.saturating_mul(2).min(self.settings.max_backoff_ms.max(first));
        }
    }

    /// From the first question to the end of the events. The error tells whether it ever answered.
    async fn session(self: &Arc<Self>, index: usize) -> Result<(), (bool, SocketError)> {
        let Some(socket) = self.sockets.get(index) else { return Ok(()) };
        let same = socket.identity().is_some_and(|own| {
            self.sockets.iter().take(index).any(|other| other.identity() == Some(own))
        });
        if same {
            self.set(index, SocketOutcome::Same);
            return Ok(());
        }
        let version = socket.version().await.map_err(|error| (false, error))?;
        self.set(index, SocketOutcome::Answers(version));
        let answered = |error| (true, error);
        // The stream first: what happens between it and the list is in both, not in neither.
        let lines = match socket.watch().await {
            Ok(lines) => lines,
            // A proxy before the socket can let questions through and no events.
            Err(error @ SocketError::Status(_)) => {
                let path = socket.settings().path.display();
                warn!("{path}: no events, so renaming is not seen: {error}");
                None
            }
            Err(error) => return Err(answered(error)),
        };
        let listed = match socket.list().await {
            Ok(listed) => listed,
            // Too many to be told at once: they are asked for one by one.
            Err(error @ SocketError::TooLarge(_)) => {
                warn!("{}: the list of containers: {error}", socket.settings().path.display());
                Vec::new()
            }
            Err(error) => return Err(answered(error)),
        };
        let mut ids: BTreeSet<ContainerId> = listed.iter().map(|one| one.id.clone()).collect();
        for facts in listed {
            self.tell_facts(facts).await;
        }
        ids.extend(lock(&self.known).iter().cloned());
        let mut questions = JoinSet::new();
        for id in ids {
            let looker = Arc::clone(self);
            questions.spawn(async move { looker.ask_one(index, &id).await });
        }
        questions.join_all().await;
        let Some(mut lines) = lines else { return self.stay(index).await };
        while let Some(line) = lines.next().await.map_err(answered)? {
            match event(&line) {
                Some(Event::Changed(id)) => {
                    self.ask_one(index, &id).await;
                }
                Some(Event::Removed(id)) => self.tell(Found::Removed(id)).await,
                None => {}
            }
        }
        Err((true, SocketError::Unreadable("the event stream ended".to_owned())))
    }

    /// A runtime without events: asked now and then whether it is still there.
    async fn stay(&self, index: usize) -> Result<(), (bool, SocketError)> {
        let Some(socket) = self.sockets.get(index) else { return Ok(()) };
        loop {
            sleep(Duration::from_millis(self.settings.reconcile_ms.max(1))).await;
            socket.version().await.map_err(|error| (true, error))?;
        }
    }

    pub(super) fn answers(&self, index: usize) -> bool {
        let statuses = lock(&self.statuses);
        statuses.get(index).is_some_and(|one| matches!(one.outcome, SocketOutcome::Answers(_)))
    }

    pub(super) fn anybody_answers(&self) -> bool {
        (0..self.sockets.len()).any(|index| self.answers(index))
    }

    /// Says it once for every change.
    fn set(&self, index: usize, outcome: SocketOutcome) {
        let mut statuses = lock(&self.statuses);
        let Some(status) = statuses.get_mut(index) else { return };
        if status.outcome == outcome {
            return;
        }
        let was = std::mem::replace(&mut status.outcome, outcome);
        let lost = matches!(was, SocketOutcome::Answers(_));
        match &status.outcome {
            SocketOutcome::Answers(_) => info!("container runtime: {status}"),
            SocketOutcome::Failed(_) => warn!("container runtime: {status}"),
            SocketOutcome::Absent if lost => {
                warn!("container runtime: {status}; {}", status.cost())
            }
            _ => debug!("container runtime: {status}"),
        }
    }
}
