//! Records that librdkafka takes for delivered and that are nowhere. Which of several batches under way
//! a broker refuses cannot be chosen on a real one, so this one is the broker that comes with
//! librdkafka for such tests.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use palisade_ports::Log;
use palisade_ports::log::{Append, Durability, Start, Topic};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::support::{config, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broker_refused_is_sent_again() {
    let broker = MockCluster::new(1).expect("a broker");
    let mut config = config(broker.bootstrap_servers(), 1);
    config.topics.create_missing = false;
    // Each record a batch of its own.
    config.properties.insert("batch.num.messages".to_owned(), "1".to_owned());
    broker.create_topic(&format!("{}palisade.results", config.prefix), 1, 1).expect("a topic");
    let log = open(&config);
    let not_leader = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    broker.request_errors(RDKafkaApiKey::Produce, &[not_leader, not_leader]);
    let records = (0..4_u8)
        .map(|number| Append {
            topic: Topic::Results,
            key: Bytes::from_static(b"key"),
            payload: Bytes::from(vec![number]),
        })
        .collect();
    log.append(records, Durability::Machine).await.expect("appended");
    let mut reader = log.subscribe("group", &[Topic::Results], Start::Oldest).await.expect("read");
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let next = tokio::time::timeout(Duration::from_secs(30), reader.next(16));
        let next = next.await.unwrap_or_else(|_| panic!("only {seen:?} came")).expect("next");
        seen.extend(next.iter().map(|delivery| delivery.payload[0]));
    }
}
