//! Appending, until the broker says where each record stands.
//!
//! librdkafka (2.12.1) takes a record for delivered as soon as a later one of the same partition is: its
//! broker would have refused the later one otherwise, for the gap in the producer's sequence numbers.
//! A broker that has nothing of a producer in a partition accepts any number as the first, though
//! (KIP-360). Where it refuses the first batches of several that are under way, because it does not
//! know yet that it leads a partition, and then takes one, those before it are reported as delivered
//! and are nowhere. Such a report has no offset: the record is sent again, and may then stand after
//! those that followed it, or twice.

use futures_util::future::join_all;
use palisade_ports::log::Append;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::client::Words;
use crate::names::Names;

/// So often records without a place are sent, each time for `append_timeout_ms` at most.
const TRIES: u32 = 5;

/// Sends records until each has a place.
pub(crate) async fn append(
    producer: &FutureProducer<Words>,
    names: &Names,
    records: &[Append],
) -> Result<(), KafkaError> {
    let mut waiting: Vec<&Append> = records.iter().collect();
    for _ in 0..TRIES {
        waiting = send(producer, names, &waiting).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            records = waiting.len(),
            "the broker does not say where records stand; they are sent again"
        );
    }
    Err(KafkaError::MessageProduction(RDKafkaErrorCode::OutOfOrderSequenceNumber))
}

/// Sends records; returns those of which no place is known.
async fn send<'a>(
    producer: &FutureProducer<Words>,
    names: &Names,
    records: &[&'a Append],
) -> Result<Vec<&'a Append>, KafkaError> {
    let mut deliveries = Vec::with_capacity(records.len());
    for record in records {
        let topic = names.topic(&record.topic);
        let message =
            FutureRecord::to(&topic).key(record.key.as_ref()).payload(record.payload.as_ref());
        match producer.send_result(message) {
            Ok(delivery) => deliveries.push(delivery),
            // What was sent already may arrive: the caller repeats all of it.
            Err((error, _)) => return Err(error),
        }
    }
    let mut nowhere = Vec::new();
    for (record, delivery) in records.iter().zip(join_all(deliveries).await) {
        match delivery {
            Ok(Ok(place)) if place.offset < 0 => nowhere.push(*record),
            Ok(Ok(_)) => {}
            Ok(Err((error, _))) => return Err(error),
            Err(_) => return Err(KafkaError::Canceled),
        }
    }
    Ok(nowhere)
}
