//! Takes messages from two lanes, works on a few at once, and acknowledges what is done.

use std::sync::Arc;

use palisade_ports::PortError;
use palisade_ports::log::Delivery;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use crate::lanes::Lanes;

/// A stage that works on messages on their own.
pub(crate) trait Work: Send + Sync + 'static {
    /// Tasks at once.
    fn at_once(&self) -> usize;

    /// Messages that one task may take.
    fn together(&self) -> usize {
        1
    }

    /// Waits until there is room for what comes out.
    fn wait_for_room(&self) -> impl Future<Output = Result<(), PortError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Does all that follows from the messages. They are acknowledged when it returns `Ok`.
    fn work(&self, messages: &[Delivery]) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Works for ever; returns only when the log or the work fails.
pub(crate) async fn run(mut lanes: Lanes, stage: impl Work) -> Result<(), PortError> {
    let stage = Arc::new(stage);
    let acknowledger = lanes.acknowledger();
    let places = Arc::new(Semaphore::new(stage.at_once().max(1)));
    let mut tasks = JoinSet::new();
    loop {
        stage.wait_for_room().await?;
        // A message is taken when there is a place for it: one that waits here could go first, or be
        // another's. The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        // A task that failed ends the stage at once and not with the next message: what it could not
        // do is delivered again to the next one.
        let messages = loop {
            tokio::select! {
                biased;
                Some(ended) = tasks.join_next() => {
                    ended.unwrap_or_else(|panic| Err(panicked(panic)))?;
                }
                messages = lanes.next(stage.together()) => break messages?,
            }
        };
        let (stage, acknowledger) = (Arc::clone(&stage), acknowledger.clone());
        tasks.spawn(async move {
            let done = stage.work(&messages).await;
            if done.is_ok() {
                messages.iter().for_each(|message| acknowledger.acknowledge(&message.position));
            }
            drop(place);
            done
        });
    }
}

/// A panic in a stage's task ends the stage: whoever runs it starts it again, and what was not
/// acknowledged is delivered again.
pub(crate) fn panicked(error: JoinError) -> PortError {
    PortError::Unavailable { what: "a task of this stage", source: Box::new(error) }
}
