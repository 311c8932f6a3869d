//! Two queues for one kind of message: what somebody waits for, and the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use palisade_model::Priority;
use palisade_ports::PortResult;
use palisade_ports::log::{Acknowledge, Delivery, Log, Position, Start, Subscription, Topic};

/// While interactive messages wait, every so-manyth one taken is a batch one all the same: batch
/// work has a guaranteed share of a quarter.
const BATCH_SHARE: u32 = 4;

/// Messages fetched ahead, for each lane.
const AHEAD: usize = 64;

/// Takes messages from both lanes.
pub(crate) struct Lanes {
    lanes: [Lane; 2],
    taken: u32,
}

struct Lane {
    subscription: Box<dyn Subscription>,
    acknowledger: Arc<dyn Acknowledge>,
    waiting: VecDeque<Delivery>,
}

impl Lanes {
    pub(crate) async fn join(
        log: &dyn Log,
        group: &str,
        topic: impl Fn(Priority) -> Topic,
    ) -> PortResult<Self> {
        let join = async |priority| {
            let subscription = log.subscribe(group, &[topic(priority)], Start::Oldest).await?;
            let acknowledger = subscription.acknowledger();
            PortResult::Ok(Lane { subscription, acknowledger, waiting: VecDeque::new() })
        };
        let [interactive, batch] = Priority::ALL;
        Ok(Self { lanes: [join(interactive).await?, join(batch).await?], taken: 0 })
    }

    /// The next message, by priority and share. Cancel-safe.
    pub(crate) async fn next(&mut self) -> PortResult<Delivery> {
        loop {
            if let Some(delivery) = self.pick() {
                return Ok(delivery);
            }
            let [interactive, batch] = &mut self.lanes;
            tokio::select! {
                biased;
                fetched = interactive.subscription.next(AHEAD) => interactive.waiting.extend(fetched?),
                fetched = batch.subscription.next(AHEAD) => batch.waiting.extend(fetched?),
            }
        }
    }

    fn pick(&mut self) -> Option<Delivery> {
        let [interactive, batch] = &mut self.lanes;
        self.taken = self.taken.wrapping_add(1);
        let batch_turn = self.taken.is_multiple_of(BATCH_SHARE);
        let (first, second) = if batch_turn { (batch, interactive) } else { (interactive, batch) };
        first.waiting.pop_front().or_else(|| second.waiting.pop_front())
    }

    /// A handle that acknowledges messages of both lanes.
    pub(crate) fn acknowledger(&self) -> LanesAcknowledger {
        LanesAcknowledger {
            lanes: self.lanes.each_ref().map(|lane| Arc::clone(&lane.acknowledger)),
        }
    }
}

#[derive(Clone)]
pub(crate) struct LanesAcknowledger {
    lanes: [Arc<dyn Acknowledge>; 2],
}

impl LanesAcknowledger {
    pub(crate) fn acknowledge(&self, position: &Position) {
        let batch = matches!(
            position.topic,
            Topic::Requests(Priority::Batch) | Topic::Commands(_, Priority::Batch)
        );
        self.lanes[usize::from(batch)].acknowledge(position);
    }
}
