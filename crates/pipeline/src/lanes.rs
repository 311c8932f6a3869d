//! Two queues for one kind of message: what somebody waits for, and the rest.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
    /// Messages taken: says whose turn it is.
    taken: u32,
}

struct Lane {
    fetching: Fetching,
    acknowledger: Arc<dyn Acknowledge>,
    waiting: VecDeque<Delivery>,
}

/// A subscription on its way to the next messages. It stays on its way while messages of the other
/// lane are taken, so that a lane is not asked only when the other has nothing.
type Fetching =
    Pin<Box<dyn Future<Output = (Box<dyn Subscription>, PortResult<Vec<Delivery>>)> + Send>>;

fn fetch(mut subscription: Box<dyn Subscription>) -> Fetching {
    Box::pin(async move {
        let fetched = subscription.next(AHEAD).await;
        (subscription, fetched)
    })
}

impl Lane {
    /// Goes on fetching when nothing is left.
    fn fill(&mut self, context: &mut Context<'_>) -> PortResult<()> {
        while self.waiting.is_empty()
            && let Poll::Ready((subscription, fetched)) = self.fetching.as_mut().poll(context)
        {
            self.fetching = fetch(subscription);
            self.waiting.extend(fetched?);
        }
        Ok(())
    }
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
            let fetching = fetch(subscription);
            PortResult::Ok(Lane { fetching, acknowledger, waiting: VecDeque::new() })
        };
        let [interactive, batch] = Priority::ALL;
        Ok(Self { lanes: [join(interactive).await?, join(batch).await?], taken: 0 })
    }

    /// The next messages, by priority and share: at least one, and of those that are here already up
    /// to `max`. Cancel-safe.
    pub(crate) async fn next(&mut self, max: usize) -> PortResult<Vec<Delivery>> {
        poll_fn(|context| {
            for lane in &mut self.lanes {
                lane.fill(context)?;
            }
            let Some(first) = self.pick() else { return Poll::Pending };
            let more = std::iter::from_fn(|| self.pick()).take(max.saturating_sub(1));
            Poll::Ready(Ok(std::iter::once(first).chain(more).collect()))
        })
        .await
    }

    fn pick(&mut self) -> Option<Delivery> {
        let [interactive, batch] = &mut self.lanes;
        let batch_turn = self.taken % BATCH_SHARE == BATCH_SHARE - 1;
        let (first, second) = if batch_turn { (batch, interactive) } else { (interactive, batch) };
        let delivery = first.waiting.pop_front().or_else(|| second.waiting.pop_front())?;
        self.taken = self.taken.wrapping_add(1);
        Some(delivery)
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
