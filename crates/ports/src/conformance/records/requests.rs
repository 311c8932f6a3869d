//! Requests from their acceptance to their end.

use palisade_model::{Progress, UnixMillis};

use super::{Factory, assert_finished, finish, request, sample, soon, summary};
use crate::Records;
use crate::records::{Counts, RequestState};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    open_then_finished(factory).await;
    never_opened_and_finished(factory).await;
    finished_once_by_whoever_is_first(factory).await;
    answered_from_the_cache(factory).await;
    overdue_are_the_open_ones_past_their_deadline(factory).await;
    forgotten_are_the_old_ones(factory).await;
    a_report_stays_while_a_request_needs_it(factory).await;
    reopened(factory).await;
    reopened_while_others_have_its_report(factory).await;
}

async fn counts(records: &dyn Records) -> (u64, u64) {
    let Counts { open, finished, .. } = records.counts().await.expect("counts");
    (open, finished)
}

async fn open_then_finished(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert!(request(&records, 1).await.is_none(), "a request that nobody made");
    for (done, expected) in [(0, 0), (2, 5), (4, 9)] {
        let progress = Progress { done, expected };
        records.open_request(summary(1, 1, 1000), progress).await.expect("open_request");
        match request(&records, 1).await {
            Some(RequestState::Open { summary: stored, progress: at }) => {
                assert_eq!(stored, summary(1, 1, 1000));
                assert_eq!(at, progress);
            }
            other => panic!("an open request: {other:?}"),
        }
    }
    assert_eq!(counts(&*records).await, (1, 0));
    drop(records);
    instance.restart().await;
    let records = instance.port();
    assert!(matches!(request(&records, 1).await, Some(RequestState::Open { .. })), "restarted");
    assert!(finish(&*records, 1, 1, 2000, None).await);
    assert_finished(request(&records, 1).await, 1, 1, 2000);
    assert_eq!(counts(&*records).await, (0, 1));
    // A late note of progress does not open it again (law 2).
    records.open_request(summary(1, 1, 1000), Progress::default()).await.expect("open_request");
    assert_finished(request(&records, 1).await, 1, 1, 2000);
    drop(records);
    instance.restart().await;
    assert_finished(request(&instance.port(), 1).await, 1, 1, 2000);
    let records = instance.port();
    records.open_request(summary(1, 1, 1000), Progress::default()).await.expect("open_request");
    assert_finished(request(&records, 1).await, 1, 1, 2000);
    assert_eq!(counts(&*records).await, (0, 1));
}

async fn never_opened_and_finished(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    assert!(finish(&*instance.port(), 3, 3, 2000, None).await);
    assert_finished(request(&instance.port(), 3).await, 3, 3, 2000);
    instance.restart().await;
    assert_finished(request(&instance.port(), 3).await, 3, 3, 2000);
}

async fn finished_once_by_whoever_is_first(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert!(finish(&*records, 9, 9, 1000, Some(9)).await);
    for round in 0..5 {
        let tasks: Vec<_> = (0..12_u64)
            .map(|task| {
                let records = instance.port();
                tokio::spawn(async move {
                    let now = 5000 + task;
                    if task % 3 == 0 {
                        let summary = summary(round, 9, 1000);
                        let done =
                            records.finish_from_cache(summary, sample::id(9), UnixMillis(now));
                        (task, done.await.expect("finish_from_cache"))
                    } else {
                        (task, finish(&*records, round, round, now, None).await)
                    }
                })
            })
            .collect();
        let mut first = Vec::new();
        for task in tasks {
            let (task, was_first) = soon("a finish", task).await.expect("a task");
            first.extend(was_first.then_some(task));
        }
        let [first] = first[..] else { panic!("finished by {first:?}, not by one") };
        let made_by = if first % 3 == 0 { 9 } else { round };
        assert_finished(request(&records, round).await, round, made_by, 5000 + first);
        // Repeats change nothing, also later.
        assert!(!finish(&*records, round, round, 9000, Some(7)).await, "finished twice");
        let again =
            records.finish_from_cache(summary(round, 9, 1), sample::id(9), UnixMillis(9001));
        assert!(!again.await.expect("finish_from_cache"), "finished twice");
        assert_finished(request(&records, round).await, round, made_by, 5000 + first);
        let cached = records.cached(sample::sha256(7), UnixMillis(0)).await.expect("cached");
        assert!(cached.is_none(), "a report that was refused is in the report cache");
    }
    assert_eq!(counts(&*records).await, (0, 6));
    drop(records);
    instance.restart().await;
    assert_eq!(counts(&*instance.port()).await, (0, 6));
    assert!(!finish(&*instance.port(), 0, 0, 9000, None).await, "finished twice, restarted");
}

async fn answered_from_the_cache(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    let missing = records.finish_from_cache(summary(2, 1, 1), sample::id(77), UnixMillis(1)).await;
    assert!(missing.is_err(), "answered with a report that does not exist");
    assert!(request(&records, 2).await.is_none(), "a refused answer left a request behind");
    assert!(finish(&*records, 1, 1, 1000, Some(5)).await);
    for (number, opened) in [(2, false), (3, true)] {
        if opened {
            let open = records.open_request(summary(number, 1, 1500), Progress::default());
            open.await.expect("open_request");
        }
        let done = records.finish_from_cache(
            summary(number, 1, 1500),
            sample::id(1),
            UnixMillis(2000 + number),
        );
        assert!(done.await.expect("finish_from_cache"));
        assert_finished(request(&records, number).await, number, 1, 2000 + number);
    }
    drop(records);
    instance.restart().await;
    for number in [2, 3] {
        assert_finished(request(&instance.port(), number).await, number, 1, 2000 + number);
    }
}

async fn overdue_are_the_open_ones_past_their_deadline(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    for number in 0..6 {
        // Due at 60,000 + 1000 × number.
        let open = records.open_request(summary(number, 1, 1000 * number), Progress::default());
        open.await.expect("open_request");
    }
    assert!(finish(&*records, 1, 1, 2000, None).await);
    let overdue = |before, limit| {
        let records = instance.port();
        async move {
            let due = records.overdue(UnixMillis(before), limit).await.expect("overdue");
            let mut names: Vec<String> = due.into_iter().map(|summary| summary.name).collect();
            names.sort();
            names
        }
    };
    let names = |numbers: &[u64]| -> Vec<String> {
        numbers.iter().map(|number| sample::request(*number, 0, 0).name).collect()
    };
    assert_eq!(overdue(60_000, 10).await, names(&[]), "due at the limit is not before it");
    assert_eq!(overdue(63_001, 10).await, names(&[0, 2, 3]));
    assert_eq!(overdue(u64::MAX >> 1, 10).await, names(&[0, 2, 3, 4, 5]));
    assert_eq!(overdue(u64::MAX >> 1, 2).await.len(), 2, "the limit");
}

async fn forgotten_are_the_old_ones(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    // More than an implementation may take at once.
    for number in 0..1000 {
        let open = records.open_request(summary(number, number, number), Progress::default());
        open.await.expect("open_request");
    }
    for number in 1000..1010 {
        assert!(finish(&*records, number, number, number, Some(number)).await);
    }
    // Looked at, so that it is in memory where there is one.
    assert_finished(request(&records, 1003).await, 1003, 1003, 1003);
    assert_eq!(records.forget(UnixMillis(0)).await.expect("forget"), 0);
    assert_eq!(records.forget(UnixMillis(900)).await.expect("forget"), 900, "the open ones");
    assert_eq!(records.forget(UnixMillis(1005)).await.expect("forget"), 105, "both kinds");
    assert_eq!(counts(&*records).await, (0, 5));
    drop(records);
    for restart in [false, true] {
        if restart {
            instance.restart().await;
        }
        let records = instance.port();
        for number in [3, 950, 1003] {
            assert!(request(&records, number).await.is_none(), "request {number} is remembered");
        }
        let hash = sample::artifact(1003).hashes.sha256;
        let found = records.by_hash(palisade_model::AnyHash::Sha256(hash.0)).await;
        assert!(found.expect("by_hash").is_none(), "a forgotten report is found by its hash");
        let cached = records.cached(sample::sha256(1003), UnixMillis(0)).await.expect("cached");
        assert!(cached.is_none(), "a forgotten report is in the report cache");
        assert_finished(request(&records, 1005).await, 1005, 1005, 1005);
    }
}

async fn a_report_stays_while_a_request_needs_it(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert!(finish(&*records, 1, 1, 1000, Some(1)).await);
    let later = records.finish_from_cache(summary(2, 1, 1900), sample::id(1), UnixMillis(2000));
    assert!(later.await.expect("finish_from_cache"));
    assert_eq!(records.forget(UnixMillis(1500)).await.expect("forget"), 1);
    drop(records);
    for restart in [false, true] {
        if restart {
            instance.restart().await;
        }
        let records = instance.port();
        assert!(request(&records, 1).await.is_none());
        assert_finished(request(&records, 2).await, 2, 1, 2000);
        let hash = sample::artifact(1).hashes.sha256;
        let found = records.by_hash(palisade_model::AnyHash::Sha256(hash.0)).await;
        assert_finished(found.expect("by_hash"), 2, 1, 2000);
    }
    assert_eq!(instance.port().forget(UnixMillis(2001)).await.expect("forget"), 1);
    assert!(request(&instance.port(), 2).await.is_none());
    assert_eq!(counts(&*instance.port()).await, (0, 0));
}

async fn reopened(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert!(!records.reopen(sample::id(1)).await.expect("reopen"), "reopened what is not there");
    records.open_request(summary(1, 1, 1000), Progress::default()).await.expect("open_request");
    assert!(!records.reopen(sample::id(1)).await.expect("reopen"), "reopened what is open");
    assert!(finish(&*records, 1, 1, 2000, Some(1)).await);
    assert_finished(request(&records, 1).await, 1, 1, 2000);
    assert!(records.reopen(sample::id(1)).await.expect("reopen"));
    assert!(matches!(request(&records, 1).await, Some(RequestState::Open { .. })), "reopened");
    let cached = records.cached(sample::sha256(1), UnixMillis(0)).await.expect("cached");
    assert!(cached.is_none(), "a dropped report is in the report cache");
    assert_eq!(counts(&*records).await, (1, 0));
    drop(records);
    instance.restart().await;
    let records = instance.port();
    assert!(finish(&*records, 1, 1, 3000, None).await, "finished again");
    assert_finished(request(&records, 1).await, 1, 1, 3000);
}

async fn reopened_while_others_have_its_report(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    assert!(finish(&*records, 1, 1, 1000, Some(1)).await);
    let other = records.finish_from_cache(summary(2, 1, 1500), sample::id(1), UnixMillis(2000));
    assert!(other.await.expect("finish_from_cache"));
    assert!(records.reopen(sample::id(1)).await.expect("reopen"));
    assert_finished(request(&records, 2).await, 2, 1, 2000);
    assert!(finish(&*records, 1, 1, 3000, None).await, "finished again");
    assert_finished(request(&records, 1).await, 1, 1, 3000);
    assert_finished(request(&records, 2).await, 2, 1, 2000);
    // The other way round: the one that was answered from the cache is tried again.
    assert!(records.reopen(sample::id(2)).await.expect("reopen"));
    assert!(matches!(request(&records, 2).await, Some(RequestState::Open { .. })));
    assert_finished(request(&records, 1).await, 1, 1, 3000);
    assert!(finish(&*records, 2, 1, 4000, None).await);
    assert_finished(request(&records, 2).await, 2, 2, 4000);
}
