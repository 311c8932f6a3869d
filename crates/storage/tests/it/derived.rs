//! What is derived may die with the process, but nothing is lost: whatever it was made from comes
//! again.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use palisade_model::{EngineName, Priority};
use palisade_ports::Log;
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_storage::{Embedded, EmbeddedConfig, LogConfig, SqliteLog};

use crate::kill::write_and_die;
use crate::store::{Store, append, drain};

/// Names the data directory to the child.
const DIR: &str = "PALISADE_TEST_DERIVED_DIR";

const ROUNDS: u64 = 12;

fn config() -> EmbeddedConfig {
    // Written behind often, so that kills come before, between and after.
    let log = LogConfig { behind_ms: 3, ..LogConfig::default() };
    EmbeddedConfig { log, ..EmbeddedConfig::default() }
}

fn topics() -> [Topic; 4] {
    let engine: EngineName = "engine".parse().expect("a name");
    [
        Topic::Requests(Priority::Interactive),
        Topic::Commands(engine, Priority::Interactive),
        Topic::Results,
        Topic::Reports,
    ]
}

/// Hands everything of a topic on to the next, for ever. Only the last topic is written at once.
async fn stage(log: Arc<SqliteLog>, from: Topic, to: Topic) {
    let last = to == Topic::Reports;
    let durability = if last { Durability::Process } else { Durability::Derived };
    let mut reader =
        log.subscribe("stage", std::slice::from_ref(&from), Start::Oldest).await.expect("join");
    let acknowledger = reader.acknowledger();
    loop {
        for delivery in reader.next(7).await.expect("next") {
            let (key, payload) = (delivery.key, delivery.payload);
            let record = Append { topic: to.clone(), key, payload };
            log.append(vec![record], durability).await.expect("append");
            acknowledger.acknowledge(&delivery.position);
        }
    }
}

fn stages(log: &Arc<SqliteLog>) -> tokio::task::JoinSet<()> {
    let topics = topics();
    let pairs = topics.windows(2);
    pairs.map(|pair| stage(Arc::clone(log), pair[0].clone(), pair[1].clone())).collect()
}

/// The child: takes requests in and hands them on through every stage. Without the environment
/// variable there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = Embedded::open(Path::new(&dir), config()).await.expect("open");
    let _stages = stages(&store.log);
    let start = palisade_ports::Clock::now(&palisade_storage::SystemClock).0 << 16;
    for number in start.. {
        let payload = Bytes::copy_from_slice(&number.to_be_bytes());
        let [requests, ..] = topics();
        let record = Append { topic: requests, key: Bytes::new(), payload };
        store.log.append(vec![record], Durability::Process).await.expect("append");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nACKNOWLEDGED request {number}").expect("the parent listens");
        out.flush().expect("the parent listens");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_on_its_way_through_stages_that_are_killed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut requests = BTreeSet::new();
    for round in 0..ROUNDS {
        let path = dir.path().to_owned();
        let told =
            tokio::task::spawn_blocking(move || write_and_die("derived::child", DIR, &path, round));
        requests.extend(told.await.expect("the child").into_iter().map(|(_, number)| number));
    }
    let store = Embedded::open(dir.path(), config()).await.expect("open after a kill");
    let _stages = stages(&store.log);
    let [.., reports] = topics();
    let mut reader = store.log.subscribe("all", &[reports], Start::Oldest).await.expect("join");
    let mut missing = requests.clone();
    while !missing.is_empty() {
        let next = tokio::time::timeout(Duration::from_secs(10), reader.next(512)).await;
        let Ok(next) = next else { break };
        for delivery in next.expect("next") {
            let number = delivery.payload.as_ref().try_into().expect("eight bytes");
            missing.remove(&u64::from_be_bytes(number));
        }
    }
    assert!(missing.is_empty(), "{} of {} were lost: {missing:?}", missing.len(), requests.len());
    assert!(requests.len() > 200, "the children did too little: {}", requests.len());
}

fn rows(store: &Store, topic: &Topic) -> i64 {
    let database = rusqlite::Connection::open(store.dir().join("palisade.db")).expect("open");
    let find = "SELECT id FROM topics WHERE name = ?1";
    let id: i64 = database.query_row(find, [topic.to_string()], |row| row.get(0)).expect("a topic");
    let count = format!("SELECT count(*) FROM log_{id}");
    database.query_row(&count, (), |row| row.get(0)).expect("a count")
}

/// What every group is done with is never written; what somebody may still need is, and before the
/// mark of what it was made from.
#[tokio::test]
async fn only_what_somebody_may_need_is_written() {
    let log = LogConfig { behind_ms: 600_000, ..LogConfig::default() };
    let mut store = Store::new(EmbeddedConfig { log, ..EmbeddedConfig::default() }).await;
    let topic = Topic::Results;
    let log = Arc::clone(&store.open().log);
    let topics = std::slice::from_ref(&topic);
    let mut reader = log.subscribe("group", topics, Start::Oldest).await.expect("join");
    for number in 0..100_u8 {
        append(&*log, topic.clone(), &[number], Durability::Derived).await;
    }
    let seen = drain(&mut *reader).await;
    assert_eq!(seen.len(), 100, "visible at once");
    assert_eq!(rows(&store, &topic), 0);
    let acknowledger = reader.acknowledger();
    for delivery in seen.iter().filter(|delivery| delivery.position.offset % 10 != 3) {
        acknowledger.acknowledge(&delivery.position);
    }
    acknowledger.flush().await.expect("flush");
    assert_eq!(rows(&store, &topic), 10, "only those that were not acknowledged");
    append(&*log, topic.clone(), b"late", Durability::Derived).await;
    drop((reader, acknowledger, log));
    store.reopen().await;
    let log = Arc::clone(&store.open().log);
    let mut reader = log.subscribe("group", topics, Start::Oldest).await.expect("join");
    let again: Vec<u64> =
        drain(&mut *reader).await.iter().map(|delivery| delivery.position.offset).collect();
    assert_eq!(again, [3, 13, 23, 33, 43, 53, 63, 73, 83, 93], "and what was not written is gone");
    assert_eq!(log.backlog("group", &topic).await.expect("backlog"), 10);
    let acknowledger = reader.acknowledger();
    for offset in again {
        let position = palisade_ports::log::Position { topic: topic.clone(), partition: 0, offset };
        acknowledger.acknowledge(&position);
    }
    assert_eq!(log.backlog("group", &topic).await.expect("backlog"), 0);
}

/// Too much of it is written at once, whoever needs it.
#[tokio::test]
async fn what_stands_in_memory_only_is_bounded() {
    let log = LogConfig { behind_ms: 600_000, behind_bytes: 20_000, ..LogConfig::default() };
    let store = Store::new(EmbeddedConfig { log, ..EmbeddedConfig::default() }).await;
    let topic = Topic::Results;
    for _ in 0..50 {
        append(&*store.open().log, topic.clone(), &[7; 1000], Durability::Derived).await;
    }
    assert!(rows(&store, &topic) >= 30);
}
