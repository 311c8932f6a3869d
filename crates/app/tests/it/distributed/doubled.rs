//! Every record is on its topic twice: what a log that delivers at least once may do at any time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use palisade_kafka::{KafkaConfig, KafkaLog};
use palisade_model::Priority;
use palisade_ports::Log;
use palisade_ports::log::{Append, Durability, Start, Topic};

use super::client::{all_are_whole, under_load};
use super::{Installation, alone, program};

/// Appends every record that comes a second time, until it is told to stop; how many it appended.
async fn double(
    log: Arc<KafkaLog>,
    topics: Vec<Topic>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) {
    let mut reader =
        log.subscribe("tail.doubler", &topics, Start::Newest).await.expect("a subscription");
    let mut ours = HashSet::new();
    while !stop.load(Ordering::Relaxed) {
        let next = tokio::time::timeout(Duration::from_millis(200), reader.next(64)).await;
        let Ok(deliveries) = next else { continue };
        let again: Vec<Append> = deliveries
            .expect("records")
            .into_iter()
            .map(|delivery| Append {
                topic: delivery.position.topic,
                key: delivery.key,
                payload: delivery.payload,
            })
            // The second of two is the one that was appended here.
            .filter(|append| {
                let what = (append.topic.clone(), append.key.clone(), append.payload.clone());
                ours.insert(what.clone()) || !ours.remove(&what)
            })
            .collect();
        count.fetch_add(again.len() as u64, Ordering::Relaxed);
        log.append(again, Durability::Machine).await.expect("append");
    }
}

#[test]
fn records_that_come_twice_count_once() {
    let _alone = alone();
    let installation = Installation::start(&program());
    let client = installation.client();
    let config = KafkaConfig {
        bootstrap: vec![installation.cluster.servers.kafka.address()],
        ..KafkaConfig::default()
    };
    let log = KafkaLog::open(config, Arc::new(|_, _| {})).expect("a log");
    let engines = ["unpack", "reputation", "yara"].map(|name| name.parse().expect("a name"));
    let lanes = Priority::ALL.into_iter().flat_map(|priority| {
        let commands = engines.iter().map(move |engine: &palisade_model::EngineName| {
            Topic::Commands(engine.clone(), priority)
        });
        commands.chain([Topic::Requests(priority)])
    });
    let topics = lanes.chain([Topic::Results, Topic::Reports]).collect();
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let doubling =
        runtime.spawn(double(Arc::new(log), topics, Arc::clone(&stop), Arc::clone(&count)));
    let ids = under_load(&client, 120, || std::thread::sleep(Duration::from_secs(6)));
    assert!(ids.len() > 20, "only {} requests were acknowledged", ids.len());
    all_are_whole(&client, &ids);
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(doubling).expect("the doubler went on to the end");
    let doubled = count.load(Ordering::Relaxed);
    // A request, commands, results, a report: far more than one record for each request.
    assert!(doubled > 4 * ids.len() as u64, "{doubled} records for {} requests", ids.len());
}
