//! The notifier: tells those who asked for it that their reports are made. A reconciler: what is to
//! be told stands in the records from the moment that a request is accepted, so no notice can be
//! lost; the report notices only say when it is worth a look. Any number of notifiers may run.
//!
//! At least once: a notifier that dies between the answer of a receiver and its note in the records
//! is followed by another try, with the same id.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::{Attempt, DeadLetter, Delivery, DeliveryState, Subject, UnixMillis, wire};
use palisade_ports::courier::{CourierError, Message, Target};
use palisade_ports::log::{Start, Topic};
use palisade_ports::{Courier, PortError};
use palisade_telemetry::metrics::{DeliveryLabel, DropReason};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Ports;
use crate::workers::panicked;

/// How long a delivery that somebody took belongs to him, in milliseconds: longer than any try of it
/// takes. After that another may try it.
const LEASE_MS: u64 = 120_000;

/// How often the records are looked at when nobody says that there is anything, in milliseconds.
const LOOK_MS: u64 = 1_000;

/// How long a look waits for more notices to come, in milliseconds: one look serves all of them.
const GATHER_MS: u64 = 25;

/// RFC 9110, section 15.5.11: the receiver is gone for good and wants to hear no more.
const GONE: u16 = 410;

/// Settings of the notifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifierConfig {
    /// Tries of one delivery before it is given up. Default 10: about a day and a half.
    pub max_attempts: u32,
    /// Milliseconds to the second try; each later one waits twice as long as the one before. A
    /// random part of up to half is taken off, so that those who failed together do not come back
    /// together. Default 10,000.
    pub first_retry_ms: u64,
    /// Milliseconds that a try waits at most. Default 43,200,000 (12 h).
    pub max_retry_ms: u64,
    /// Deliveries at once. Default 16.
    pub at_once: usize,
}

impl Default for NotifierConfig {
    fn default() -> Self {
        Self { max_attempts: 10, first_retry_ms: 10_000, max_retry_ms: 43_200_000, at_once: 16 }
    }
}

/// What is said of a subject: the API's business.
#[async_trait]
pub trait Bodies: Send + Sync + 'static {
    /// The JSON that tells of a subject that is done; `None` when nothing is known of it any more.
    ///
    /// # Errors
    /// A port's: then the delivery is tried again.
    async fn body(&self, subject: Subject) -> Result<Option<Bytes>, PortError>;
}

/// The stage.
pub struct Notifier {
    teller: Arc<Teller>,
    host: String,
}

struct Teller {
    ports: Ports,
    courier: Arc<dyn Courier>,
    bodies: Arc<dyn Bodies>,
    config: NotifierConfig,
}

impl Notifier {
    /// A notifier on this host.
    pub fn new(
        ports: Ports,
        courier: Arc<dyn Courier>,
        bodies: Arc<dyn Bodies>,
        config: NotifierConfig,
        host: &str,
    ) -> Self {
        let teller = Arc::new(Teller { ports, courier, bodies, config });
        Self { teller, host: host.to_owned() }
    }

    /// Works for ever; returns only when the log or the records fail.
    ///
    /// # Errors
    /// Theirs.
    pub async fn run(self) -> Result<(), PortError> {
        let ports = &self.teller.ports;
        let group = format!("tail.notifier.{}", self.host);
        let mut notices = ports.log.subscribe(&group, &[Topic::Reports], Start::Newest).await?;
        let acknowledger = notices.acknowledger();
        let places = Arc::new(Semaphore::new(self.teller.config.at_once.max(1)));
        let mut tries = JoinSet::new();
        loop {
            // No more than there is room for: what is claimed must be tried before its lease ends.
            let free = u32::try_from(places.available_permits()).unwrap_or(u32::MAX);
            let now = ports.clock.now();
            let claimed = match free {
                0 => Vec::new(),
                free => ports.records.claim_deliveries(now, now.plus(LEASE_MS), free).await?,
            };
            let more = free > 0 && claimed.len() == free as usize;
            for delivery in claimed {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { break };
                let teller = Arc::clone(&self.teller);
                tries.spawn(async move {
                    let told = teller.attempt(delivery).await;
                    drop(place);
                    told
                });
            }
            if more {
                continue;
            }
            tokio::select! {
                Some(ended) = tries.join_next() => {
                    ended.unwrap_or_else(|panic| Err(panicked(panic)))?;
                }
                news = notices.next(256) => {
                    news?.iter().for_each(|notice| acknowledger.acknowledge(&notice.position));
                    ports.clock.sleep(GATHER_MS).await;
                }
                () = ports.clock.sleep(LOOK_MS) => {}
            }
        }
    }
}

/// How a try ended.
enum End {
    Taken(u16),
    /// Another try may go better.
    Failed(Option<u16>, String),
    /// No other try can.
    Hopeless(Option<u16>, String),
}

impl Teller {
    /// One try, and its note in the records.
    async fn attempt(&self, mut delivery: Delivery) -> Result<(), PortError> {
        let now = self.ports.clock.now();
        let end = self.send(&delivery, now).await?;
        delivery.attempts = delivery.attempts.saturating_add(1);
        let (state, status, error) = match end {
            End::Taken(status) => (DeliveryState::Delivered, Some(status), String::new()),
            End::Failed(status, error) if delivery.attempts < self.config.max_attempts => {
                (DeliveryState::Waiting, status, error)
            }
            End::Failed(status, error) | End::Hopeless(status, error) => {
                (DeliveryState::Dead, status, error)
            }
        };
        delivery.state = state;
        delivery.next = now.plus(self.pause_ms(delivery.attempts));
        delivery.last = Some(Attempt { time: now, status, error });
        self.count(&delivery);
        if state == DeliveryState::Dead {
            self.bury(&delivery).await?;
        }
        self.ports.records.put_delivery(delivery).await
    }

    async fn send(&self, delivery: &Delivery, now: UnixMillis) -> Result<End, PortError> {
        let target = match Target::parse(&delivery.url) {
            Ok(target) => target,
            Err(error) => return Ok(End::Hopeless(None, format!("not a URL to call: {error}"))),
        };
        let Some(body) = self.bodies.body(delivery.subject).await? else {
            return Ok(End::Hopeless(None, "what it tells of is forgotten".to_owned()));
        };
        let message = Message { target, id: message_id(delivery.subject), time: now, body };
        Ok(match self.courier.send(&message).await {
            Ok(status @ 200..=299) => End::Taken(status),
            Ok(GONE) => End::Hopeless(Some(GONE), "the receiver is gone for good".to_owned()),
            Ok(status @ 300..=399) => {
                End::Failed(Some(status), "redirects are not followed".to_owned())
            }
            Ok(status) => End::Failed(Some(status), "the receiver did not take it".to_owned()),
            Err(error @ CourierError::Forbidden(_)) => End::Hopeless(None, error.to_string()),
            Err(error @ CourierError::NoAnswer(_)) => End::Failed(None, error.to_string()),
        })
    }

    /// Milliseconds to the next try after so many.
    fn pause_ms(&self, attempts: u32) -> u64 {
        let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let whole = self.config.first_retry_ms.saturating_mul(doubled);
        let whole = whole.min(self.config.max_retry_ms);
        whole - rand::rng().random_range(0..=whole / 2)
    }

    fn count(&self, delivery: &Delivery) {
        let outcome = match delivery.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Waiting => "failed",
            DeliveryState::Dead => "dead",
        };
        let label = DeliveryLabel { outcome };
        self.ports.metrics.deliveries.get_or_create(&label).inc();
        let tried = delivery.last.as_ref();
        let error = tried.map(|attempt| attempt.error.as_str()).unwrap_or_default();
        let id = message_id(delivery.subject);
        tracing::debug!(id, outcome, attempts = delivery.attempts, error, "a callback was tried");
    }

    /// A delivery that is given up is seen by people, who can have it tried again.
    async fn bury(&self, delivery: &Delivery) -> Result<(), PortError> {
        let last = delivery.last.as_ref();
        let error = last.map(|attempt| attempt.error.as_str()).unwrap_or_default();
        let answered = last.and_then(|attempt| attempt.status);
        let status = answered.map_or_else(String::new, |status| format!(" (status {status})"));
        let id = message_id(delivery.subject);
        let attempts = delivery.attempts;
        let reason = format!("a callback was given up after {attempts} tries: {error}{status}");
        tracing::error!(letter = id, reason, "a callback went to the dead letters");
        self.ports.metrics.drop(DropReason::DeadLetter, "notifier");
        let letter = DeadLetter {
            id: id.clone(),
            topic: Topic::Reports.to_string(),
            key: id,
            reason,
            attempts,
            time: self.ports.clock.now(),
            payload: String::from_utf8(wire::encode(delivery)).unwrap_or_default(),
        };
        self.ports.records.put_dead_letter(letter).await
    }
}

/// Names a message: the same for every try.
pub fn message_id(subject: Subject) -> String {
    match subject {
        Subject::Request(id) => format!("callback.{id}"),
        Subject::Batch(id) => format!("callback.batch.{id}"),
    }
}
