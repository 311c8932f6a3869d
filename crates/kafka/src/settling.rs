use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use crate::client::ANSWER;

/// Between two questions.
pub(crate) const AGAIN: Duration = Duration::from_millis(25);

/// Asks again while a topic that was made or moved a moment ago has not reached every broker.
pub(crate) fn patiently<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    let until = Instant::now() + ANSWER;
    loop {
        match ask() {
            Err(error) if is_settling(&error) && Instant::now() < until => {
                std::thread::sleep(AGAIN);
            }
            answer => return answer,
        }
    }
}

fn is_settling(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
        )
    )
}
