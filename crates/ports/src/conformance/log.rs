//! The laws of [`Log`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use palisade_model::Priority;

use super::{Factory, SILENCE, soon};
use crate::log::{
    Acknowledge, Append, Delivery, Durability, MAX_PAYLOAD_BYTES, Start, Subscription, Topic,
};
use crate::{Log, PortError};

/// Runs every test.
pub async fn suite(factory: impl Factory<dyn Log>) {
    let factory = &factory;
    what_is_appended_is_delivered(factory).await;
    the_largest_payload_and_the_smallest(factory).await;
    order_for_each_key_under_concurrent_appends(factory).await;
    not_acknowledged_is_delivered_again(factory).await;
    acknowledged_and_flushed_is_not_delivered_again(factory).await;
    out_of_order_acknowledgements(factory).await;
    a_slow_record_stops_nothing(factory).await;
    a_cancelled_next_loses_nothing(factory).await;
    next_waits_and_wakes(factory).await;
    groups_are_independent(factory).await;
    a_second_subscription_is_refused_or_shares(factory).await;
    several_topics_in_one_subscription(factory).await;
    starts(factory).await;
    backlog_counts_what_is_not_acknowledged(factory).await;
    pruning_keeps_what_is_needed(factory).await;
    everything_survives_a_restart(factory).await;
    repeated_and_foreign_acknowledgements_do_no_harm(factory).await;
}

const A: Topic = Topic::Results;
const B: Topic = Topic::Requests(Priority::Batch);

fn append(topic: Topic, key: &str, number: u64) -> Append {
    let payload = Bytes::copy_from_slice(&number.to_be_bytes());
    Append { topic, key: Bytes::copy_from_slice(key.as_bytes()), payload }
}

fn number(delivery: &Delivery) -> u64 {
    let bytes = delivery.payload.as_ref().try_into().expect("a payload of this suite");
    u64::from_be_bytes(bytes)
}

async fn fill(log: &dyn Log, topic: Topic, numbers: std::ops::Range<u64>) {
    let records = numbers.map(|number| append(topic.clone(), "key", number)).collect();
    soon("append", log.append(records, Durability::Process)).await.expect("append");
}

async fn join(log: &dyn Log, group: &str, topics: &[Topic]) -> Box<dyn Subscription> {
    soon("subscribe", log.subscribe(group, topics, Start::Oldest)).await.expect("subscribe")
}

/// Exactly `count` records, in the order of their delivery.
async fn take(reader: &mut dyn Subscription, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let wanted = count - taken.len();
        let next = soon("next", reader.next(wanted)).await.expect("next");
        assert!(!next.is_empty(), "next returned without a record");
        assert!(next.len() <= wanted, "next gave more than it was asked for");
        taken.extend(next);
    }
    taken
}

async fn nothing_comes(reader: &mut dyn Subscription, why: &str) {
    if let Ok(next) = tokio::time::timeout(SILENCE, reader.next(16)).await {
        let numbers: Vec<u64> = next.expect("next").iter().map(number).collect();
        panic!("{why}, and yet {numbers:?} came");
    }
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(number).collect()
}

fn acknowledge<'a>(
    acknowledger: &Arc<dyn Acknowledge>,
    deliveries: impl IntoIterator<Item = &'a Delivery>,
) {
    deliveries.into_iter().for_each(|delivery| acknowledger.acknowledge(&delivery.position));
}

async fn flush(acknowledger: &Arc<dyn Acknowledge>) {
    soon("flush", acknowledger.flush()).await.expect("flush");
}

/// Waits until the backlog is `expected`: it may lag behind by a second.
async fn backlog_becomes(log: &dyn Log, group: &str, topic: &Topic, expected: u64) {
    let start = Instant::now();
    loop {
        let backlog = log.backlog(group, topic).await.expect("backlog");
        if backlog == expected {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the backlog of {group} on {topic} is {backlog}, not {expected}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn what_is_appended_is_delivered(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    log.append(Vec::new(), Durability::Machine).await.expect("an append of nothing");
    for durability in [Durability::Process, Durability::Machine] {
        let records = (0..3).map(|number| append(A, "k\0ey", number)).collect();
        soon("append", log.append(records, durability)).await.expect("append");
    }
    let mut reader = join(&*log, "group", &[A]).await;
    let taken = take(&mut *reader, 6).await;
    assert_eq!(numbers(&taken), [0, 1, 2, 0, 1, 2]);
    let places: BTreeSet<_> = taken.iter().map(|delivery| delivery.position.clone()).collect();
    assert_eq!(places.len(), 6, "every record has a place of its own");
    for delivery in &taken {
        assert_eq!(delivery.position.topic, A);
        assert_eq!(delivery.key, "k\0ey");
    }
    nothing_comes(&mut *reader, "everything was delivered").await;
}

async fn the_largest_payload_and_the_smallest(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    let large = Bytes::from(vec![0xa5; MAX_PAYLOAD_BYTES]);
    let records = [Bytes::new(), large.clone(), Bytes::from_static(b"after")];
    let records = records
        .map(|payload| Append { topic: A, key: Bytes::from_static(b"key"), payload })
        .to_vec();
    soon("append", log.append(records, Durability::Process)).await.expect("append");
    let mut reader = join(&*log, "group", &[A]).await;
    let taken = take(&mut *reader, 3).await;
    assert!(taken[0].payload.is_empty(), "an empty payload");
    assert!(taken[1].payload == large, "a payload of {MAX_PAYLOAD_BYTES} bytes");
    assert_eq!(taken[2].payload, "after");
}

async fn order_for_each_key_under_concurrent_appends(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let log = instance.port();
            tokio::spawn(async move {
                for step in 0..40 {
                    let key = format!("key {writer}");
                    let records =
                        (step * 3..step * 3 + 3).map(|number| append(A, &key, number)).collect();
                    let durability =
                        if step % 5 == 0 { Durability::Machine } else { Durability::Process };
                    log.append(records, durability).await.expect("append");
                }
            })
        })
        .collect();
    let mut seen: BTreeMap<Bytes, Vec<u64>> = BTreeMap::new();
    for delivery in take(&mut *reader, 8 * 120).await {
        let number = number(&delivery);
        seen.entry(delivery.key).or_default().push(number);
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    assert_eq!(seen.len(), 8);
    for (key, numbers) in seen {
        assert!(numbers.iter().copied().eq(0..120), "the order of {key:?}: {numbers:?}");
    }
}

async fn not_acknowledged_is_delivered_again(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    fill(&*instance.port(), A, 0..5).await;
    for restart in [false, true] {
        let mut reader = join(&*instance.port(), "group", &[A]).await;
        let taken = take(&mut *reader, 5).await;
        assert_eq!(numbers(&taken), [0, 1, 2, 3, 4], "after restart: {restart}");
        drop(reader);
        if restart {
            instance.restart().await;
        }
    }
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    assert_eq!(numbers(&take(&mut *reader, 5).await), [0, 1, 2, 3, 4], "after a restart");
}

async fn acknowledged_and_flushed_is_not_delivered_again(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    fill(&*instance.port(), A, 0..6).await;
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    let taken = take(&mut *reader, 6).await;
    let acknowledger = reader.acknowledger();
    acknowledge(&acknowledger, &taken[..2]);
    flush(&acknowledger).await;
    drop((reader, acknowledger));
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    assert_eq!(numbers(&take(&mut *reader, 4).await), [2, 3, 4, 5], "in the same process");
    let acknowledger = reader.acknowledger();
    acknowledge(&acknowledger, &taken[2..4]);
    flush(&acknowledger).await;
    drop((reader, acknowledger));
    instance.restart().await;
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    assert_eq!(numbers(&take(&mut *reader, 2).await), [4, 5], "after a restart");
    nothing_comes(&mut *reader, "the rest was acknowledged").await;
}

async fn out_of_order_acknowledgements(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    fill(&*instance.port(), A, 0..10).await;
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    let taken = take(&mut *reader, 10).await;
    let acknowledger = reader.acknowledger();
    // All but 3 and 7, from the last to the first.
    let done = taken.iter().rev().filter(|delivery| ![3, 7].contains(&number(delivery)));
    acknowledge(&acknowledger, done);
    backlog_becomes(&*instance.port(), "group", &A, 2).await;
    flush(&acknowledger).await;
    drop((reader, acknowledger));
    instance.restart().await;
    let mut reader = join(&*instance.port(), "group", &[A]).await;
    let mut again = BTreeSet::new();
    while !again.contains(&7) {
        for delivery in take(&mut *reader, 1).await {
            // Later acknowledged ones may come again, but none before the oldest unacknowledged.
            assert!(number(&delivery) >= 3, "{} came again", number(&delivery));
            again.insert(number(&delivery));
            reader.acknowledger().acknowledge(&delivery.position);
        }
    }
    assert!(again.contains(&3), "3 was not acknowledged and did not come again: {again:?}");
}

async fn a_slow_record_stops_nothing(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    let mut reader = join(&*log, "group", &[A]).await;
    let acknowledger = reader.acknowledger();
    fill(&*log, A, 0..1).await;
    let slow = take(&mut *reader, 1).await;
    for round in 0..20 {
        fill(&*log, A, 1 + round * 50..51 + round * 50).await;
        let taken = take(&mut *reader, 50).await;
        acknowledge(&acknowledger, &taken);
    }
    backlog_becomes(&*log, "group", &A, 1).await;
    acknowledge(&acknowledger, &slow);
    backlog_becomes(&*log, "group", &A, 0).await;
}

async fn a_cancelled_next_loses_nothing(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    // Some wait in the log's past, some come while the reader asks and gives up.
    fill(&*log, A, 0..300).await;
    let mut reader = join(&*log, "group", &[A]).await;
    let writer = {
        let log = instance.port();
        tokio::spawn(async move {
            for number in 300..600 {
                fill(&*log, A, number..number + 1).await;
            }
        })
    };
    let mut seen = Vec::new();
    let start = Instant::now();
    let mut patience = 0;
    while seen.len() < 600 {
        assert!(start.elapsed() < super::PATIENCE, "{} of 600 records came", seen.len());
        patience = (patience + 37) % 1500;
        let limit = Duration::from_micros(patience);
        if let Ok(next) = tokio::time::timeout(limit, reader.next(7)).await {
            seen.extend(numbers(&next.expect("next")));
        }
    }
    writer.await.expect("the writer");
    assert!(seen.iter().copied().eq(0..600), "records were lost or came twice: {seen:?}");
}

async fn next_waits_and_wakes(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    let mut reader = join(&*log, "group", &[A, B]).await;
    nothing_comes(&mut *reader, "nothing was appended").await;
    for (topic, number) in [(A, 1), (B, 2), (A, 3)] {
        let appender = instance.port();
        let expected = topic.clone();
        let later = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            fill(&*appender, topic, number..number + 1).await;
        });
        let taken = take(&mut *reader, 1).await;
        assert_eq!((&taken[0].position.topic, numbers(&taken)), (&expected, vec![number]));
        later.await.expect("the appender");
    }
}

async fn groups_are_independent(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    fill(&*log, A, 0..4).await;
    let mut first = join(&*log, "first", &[A]).await;
    let mut second = join(&*log, "second", &[A]).await;
    let taken = take(&mut *first, 4).await;
    acknowledge(&first.acknowledger(), &taken);
    backlog_becomes(&*log, "first", &A, 0).await;
    backlog_becomes(&*log, "second", &A, 4).await;
    assert_eq!(numbers(&take(&mut *second, 4).await), [0, 1, 2, 3]);
}

async fn a_second_subscription_is_refused_or_shares(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    fill(&*log, A, 0..50).await;
    let mut first = join(&*log, "group", &[A]).await;
    match log.subscribe("group", &[B, A], Start::Oldest).await {
        Err(PortError::Unavailable { .. }) => {
            // Refused as a whole: the other topic is free.
            drop(join(&*log, "group", &[B]).await);
            assert_eq!(take(&mut *first, 50).await.len(), 50, "the first one keeps everything");
        }
        Err(error) => panic!("a second subscription: {error}"),
        Ok(mut second) => {
            let mut seen = BTreeSet::new();
            let start = Instant::now();
            while seen.len() < 50 {
                assert!(start.elapsed() < super::PATIENCE, "shared, {} of 50 came", seen.len());
                for reader in [&mut first, &mut second] {
                    if let Ok(next) = tokio::time::timeout(SILENCE, reader.next(16)).await {
                        let next = next.expect("next");
                        acknowledge(&reader.acknowledger(), &next);
                        seen.extend(numbers(&next));
                    }
                }
            }
        }
    }
    drop(first);
    drop(join(&*log, "group", &[A]).await);
}

async fn several_topics_in_one_subscription(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    // The same topic twice is once.
    let mut reader = join(&*log, "group", &[A, B, A]).await;
    let records = (0..40).map(|number| append([A, B][number as usize % 2].clone(), "k", number));
    log.append(records.collect(), Durability::Process).await.expect("append");
    let mut taken = Vec::new();
    while taken.len() < 40 {
        taken.extend(take(&mut *reader, 3.min(40 - taken.len())).await);
    }
    for (topic, rest) in [(A, 0), (B, 1)] {
        let of: Vec<u64> =
            taken.iter().filter(|delivery| delivery.position.topic == topic).map(number).collect();
        assert!(of.iter().copied().eq((rest..40).step_by(2)), "{topic}: {of:?}");
    }
    // A busy topic does not starve a quiet one.
    acknowledge(&reader.acknowledger(), &taken);
    fill(&*log, A, 0..500).await;
    fill(&*log, B, 1000..1001).await;
    let mut before = 0;
    loop {
        // More comes to the busy one than is taken.
        fill(&*log, A, 0..20).await;
        let taken = numbers(&take(&mut *reader, 10).await);
        if taken.contains(&1000) {
            break;
        }
        before += taken.len();
        assert!(before < 3000, "a busy topic starves a quiet one");
    }
}

async fn starts(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    let log = instance.port();
    fill(&*log, A, 0..3).await;
    for group in ["newest", "tail.newest"] {
        let mut reader =
            soon("subscribe", log.subscribe(group, &[A], Start::Newest)).await.expect("subscribe");
        nothing_comes(&mut *reader, "all was appended before the subscription").await;
        fill(&*log, A, 3..5).await;
        assert_eq!(numbers(&take(&mut *reader, 2).await), [3, 4], "{group}");
    }
    drop(log);
    // Where it started is not forgotten: it comes back to the oldest that it has not acknowledged.
    instance.restart().await;
    let mut reader = instance.port().subscribe("newest", &[A], Start::Newest).await.expect("join");
    assert_eq!(numbers(&take(&mut *reader, 2).await), [3, 4], "a group that started at the newest");
}

async fn backlog_counts_what_is_not_acknowledged(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    let log = instance.port();
    assert_eq!(log.backlog("group", &A).await.expect("backlog"), 0, "a topic that nobody knows");
    let mut reader = join(&*log, "group", &[A]).await;
    backlog_becomes(&*log, "group", &A, 0).await;
    fill(&*log, A, 0..100).await;
    backlog_becomes(&*log, "group", &A, 100).await;
    let taken = take(&mut *reader, 100).await;
    backlog_becomes(&*log, "group", &A, 100).await;
    let acknowledger = reader.acknowledger();
    acknowledge(&acknowledger, &taken[..10]);
    backlog_becomes(&*log, "group", &A, 90).await;
    acknowledge(&acknowledger, &taken[20..]);
    backlog_becomes(&*log, "group", &A, 10).await;
    acknowledge(&acknowledger, &taken[10..20]);
    backlog_becomes(&*log, "group", &A, 0).await;
    flush(&acknowledger).await;
    drop((reader, acknowledger, log));
    instance.restart().await;
    let _reader = join(&*instance.port(), "group", &[A]).await;
    backlog_becomes(&*instance.port(), "group", &A, 0).await;
    fill(&*instance.port(), A, 0..7).await;
    backlog_becomes(&*instance.port(), "group", &A, 7).await;
}

async fn pruning_keeps_what_is_needed(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    let log = instance.port();
    assert_eq!(log.prune(0).await.expect("prune"), 0, "pruned nothing");
    fill(&*log, A, 0..3000).await;
    let mut fast = join(&*log, "fast", &[A]).await;
    let mut slow = join(&*log, "slow", &[A]).await;
    acknowledge(&fast.acknowledger(), &take(&mut *fast, 3000).await);
    flush(&fast.acknowledger()).await;
    let taken = take(&mut *slow, 3000).await;
    // The slow group has done with all but number 1200.
    let done = taken.iter().filter(|delivery| number(delivery) != 1200);
    acknowledge(&slow.acknowledger(), done);
    flush(&slow.acknowledger()).await;
    let young = log.prune(3_600_000).await.expect("prune");
    assert_eq!(young, 0, "records younger than an hour were removed");
    // So that the records are older than now.
    tokio::time::sleep(factory.time_step()).await;
    let removed = soon("prune", log.prune(0)).await.expect("prune");
    assert!(removed <= 1200, "{removed} records were removed, and 1200 are done with");
    backlog_becomes(&*log, "slow", &A, 1).await;
    backlog_becomes(&*log, "fast", &A, 0).await;
    drop((fast, slow, log));
    instance.restart().await;
    let log = instance.port();
    let mut slow = join(&*log, "slow", &[A]).await;
    let again = take(&mut *slow, 1).await;
    assert_eq!(numbers(&again), [1200], "the oldest that is not acknowledged");
    // Somebody who comes new sees what is kept: an implementation may spare the slow group what it
    // has acknowledged.
    let mut kept = join(&*log, "new", &[A]).await;
    let mut all = Vec::new();
    while all.last().is_none_or(|last| number(last) != 2999) {
        all.extend(take(&mut *kept, 1).await);
    }
    assert!(
        numbers(&all[all.len() - 1800..]).iter().copied().eq(1200..3000),
        "nothing after it went"
    );
    acknowledge(&kept.acknowledger(), &all);
    flush(&kept.acknowledger()).await;
    acknowledge(&slow.acknowledger(), &all);
    flush(&slow.acknowledger()).await;
    soon("prune", log.prune(0)).await.expect("prune");
    // Places are never used twice, even when everything is gone.
    let last = all.last().expect("a record").position.offset;
    drop((slow, kept, log));
    instance.restart().await;
    let log = instance.port();
    fill(&*log, A, 5000..5001).await;
    let mut slow = join(&*log, "slow", &[A]).await;
    let next = take(&mut *slow, 1).await;
    assert_eq!(numbers(&next), [5000], "appended after everything was removed");
    assert!(next[0].position.offset > last, "a place was used twice");
    backlog_becomes(&*log, "slow", &A, 1).await;
}

async fn everything_survives_a_restart(factory: &impl Factory<dyn Log>) {
    let mut instance = factory.fresh().await;
    let mut appended = 0;
    for round in 1..4 {
        for durability in [Durability::Process, Durability::Machine] {
            let records = (appended..appended + 500).map(|number| append(B, "key", number));
            instance.port().append(records.collect(), durability).await.expect("append");
            appended += 500;
        }
        instance.restart().await;
        let mut reader = join(&*instance.port(), "group", &[B]).await;
        let taken = take(&mut *reader, round * 1000).await;
        assert!(numbers(&taken).iter().copied().eq(0..appended), "round {round}");
    }
}

async fn repeated_and_foreign_acknowledgements_do_no_harm(factory: &impl Factory<dyn Log>) {
    let instance = factory.fresh().await;
    let log = instance.port();
    fill(&*log, A, 0..10).await;
    fill(&*log, B, 0..10).await;
    let mut reader = join(&*log, "group", &[A]).await;
    let mut other = join(&*log, "other", &[B]).await;
    let foreign = take(&mut *other, 10).await;
    let taken = take(&mut *reader, 10).await;
    let acknowledger = reader.acknowledger();
    for _ in 0..3 {
        acknowledge(&acknowledger, &taken[..3]);
        acknowledge(&acknowledger, &taken[5..7]);
        // Not of this subscription's topic.
        acknowledge(&acknowledger, &foreign);
    }
    // Not on the log yet.
    let mut future = taken[9].position.clone();
    future.offset += 1000;
    acknowledger.acknowledge(&future);
    backlog_becomes(&*log, "group", &A, 5).await;
    backlog_becomes(&*log, "other", &B, 10).await;
    // From another task, after the reader has gone.
    drop(reader);
    acknowledge(&acknowledger, &taken[3..5]);
    flush(&acknowledger).await;
    backlog_becomes(&*log, "group", &A, 3).await;
    let mut reader = join(&*log, "group", &[A]).await;
    assert_eq!(numbers(&take(&mut *reader, 1).await), [7], "0 to 6 are done with");
}
