//! The polling thread.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use palisade_ports::PortResult;
use palisade_ports::log::Delivery;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::Consuming;
use crate::unavailable;

/// Between two looks at what else is to be done, while nothing comes.
const POLL: Duration = Duration::from_millis(100);

/// Between two tries to hand out what the stage has no room for.
const FULL: Duration = Duration::from_millis(2);

/// For so long a stage may be busy before the partitions are paused: pausing throws away what was
/// fetched ahead, and a stage at its limit is busy all the time.
const BUSY: Duration = Duration::from_secs(5);

/// Between two commits.
const COMMIT: Duration = Duration::from_millis(200);

/// Leaving a group may take so long.
const LEAVE: Duration = Duration::from_secs(3);

type Sent = PortResult<Delivery>;

pub(super) fn run(consuming: &Consuming, sender: &Sender<Sent>) {
    let mut held: VecDeque<Sent> = VecDeque::new();
    let mut busy_since: Option<Instant> = None;
    let mut paused = false;
    let mut commit_at = Instant::now() + COMMIT;
    while !consuming.stop.load(Ordering::Acquire) {
        hand_out(&mut held, sender);
        let busy = busy_since.filter(|_| !held.is_empty());
        busy_since = if held.is_empty() { None } else { Some(busy.unwrap_or_else(Instant::now)) };
        let too_long = busy_since.is_some_and(|since| since.elapsed() > BUSY);
        if too_long && !paused {
            paused = pause(consuming, true);
        } else if paused && held.is_empty() {
            paused = !pause(consuming, false);
        }
        // A full stage gets no more than it has: the client's own queue holds the rest.
        if held.is_empty() || paused {
            let wait = if held.is_empty() { POLL } else { FULL };
            if let Some(polled) = consuming.client.poll(wait) {
                match polled {
                    Ok(message) => held.extend(consuming.member().deliver(&message).map(Ok)),
                    Err(error) => held.extend(grave(error).map(|error| Err(unavailable(error)))),
                }
            }
        } else {
            std::thread::sleep(FULL);
        }
        if Instant::now() >= commit_at {
            consuming.member().mend(&consuming.client);
            if let Err(error) = consuming.commit(CommitMode::Async) {
                tracing::debug!(%error, "offsets cannot be committed now");
            }
            commit_at = Instant::now() + COMMIT;
        }
    }
    leave(consuming);
}

fn hand_out(held: &mut VecDeque<Sent>, sender: &Sender<Sent>) {
    while let Some(next) = held.pop_front() {
        match sender.try_send(next) {
            Ok(()) => {}
            Err(TrySendError::Full(next)) => return held.push_front(next),
            // The reader is gone, and says so in a moment.
            Err(TrySendError::Closed(_)) => return held.clear(),
        }
    }
}

/// Stops or resumes fetching, so that polling serves the group alone.
fn pause(consuming: &Consuming, stop: bool) -> bool {
    let assignment = consuming.client.assignment();
    let done = assignment.and_then(|partitions| {
        if stop {
            consuming.client.pause(&partitions)
        } else {
            consuming.client.resume(&partitions)
        }
    });
    done.is_ok()
}

/// Errors of which the stage must hear: the rest the client mends by itself, and says so in the log.
fn grave(error: KafkaError) -> Option<KafkaError> {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnsupportedVersion,
        ) => Some(error),
        _ => {
            tracing::debug!(%error, "reading from the log");
            None
        }
    }
}

/// Leaves the group, so that others have its partitions at once.
fn leave(consuming: &Consuming) {
    consuming.member().leave();
    if let Err(error) = consuming.commit(CommitMode::Async) {
        tracing::debug!(%error, "what was acknowledged last is delivered again");
    }
    if consuming.keeps_marks {
        consuming.client.unsubscribe();
        let until = Instant::now() + LEAVE;
        let assigned =
            || consuming.client.assignment().is_ok_and(|partitions| partitions.count() > 0);
        while assigned() && Instant::now() < until {
            // What comes now was not handed out, so it is delivered to whoever comes next.
            let _ = consuming.client.poll(Duration::from_millis(10));
        }
    } else {
        let _ = consuming.client.unassign();
    }
    consuming.member().has_left();
}
