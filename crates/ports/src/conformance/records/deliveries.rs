//! Deliveries: who is told, once for each claim, and only of what is done.

use palisade_model::{
    Attempt, BatchId, Delivery, DeliveryState, Progress, RequestId, Subject, UnixMillis,
};

use super::batches::{batch, id as batch_id};
use super::{Factory, finish, sample, soon, summary};
use crate::Records;
use crate::records::{BatchEnd, MEMBER_GRACE_MS};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    claimed_when_done_and_due(factory).await;
    of_a_batch_when_it_ended_and_all_is_done(factory).await;
    claimed_by_one_of_many(factory).await;
    forgotten(factory).await;
}

fn about(request: RequestId, next: u64) -> Delivery {
    let url = "https://callback.invalid/\u{e9}".to_owned();
    Delivery {
        next: UnixMillis(next),
        ..Delivery::new(Subject::Request(request), url, UnixMillis(1000))
    }
}

fn about_batch(batch: BatchId) -> Delivery {
    let url = "https://callback.invalid/batch".to_owned();
    Delivery::new(Subject::Batch(batch), url, UnixMillis(1000))
}

async fn claim(records: &dyn Records, now: u64, until: u64) -> Vec<Delivery> {
    let claimed = records.claim_deliveries(UnixMillis(now), UnixMillis(until), 10);
    claimed.await.expect("claim_deliveries")
}

async fn claimed_when_done_and_due(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    let (early, late, open) = (about(sample::id(1), 100), about(sample::id(2), 300), sample::id(3));
    assert_eq!(records.delivery(early.subject).await.expect("delivery"), None);
    for delivery in [&late, &early, &about(open, 50), &about(sample::id(4), 50)] {
        records.put_delivery(delivery.clone()).await.expect("put_delivery");
    }
    let opened = records.open_request(summary(3, 3, 1000), Progress::default());
    opened.await.expect("open_request");
    for number in [1, 2] {
        assert!(finish(&*records, number, number, 2000, None).await);
    }
    drop(records);
    instance.restart().await;
    let records = instance.port();
    assert_eq!(records.delivery(early.subject).await.expect("delivery"), Some(early.clone()));
    assert!(claim(&*records, 99, 500).await.is_empty(), "before its time");
    let leased =
        |delivery: &Delivery, until| Delivery { next: UnixMillis(until), ..delivery.clone() };
    assert_eq!(claim(&*records, 100, 500).await, [leased(&early, 500)]);
    assert!(claim(&*records, 100, 500).await.is_empty(), "claimed twice");
    assert_eq!(claim(&*records, 499, 900).await, [leased(&late, 900)], "the other one");
    assert_eq!(claim(&*records, 500, 900).await, [leased(&early, 900)], "when the claim is over");
    // What became of it.
    let last = Some(Attempt { time: UnixMillis(510), status: Some(500), error: "no".into() });
    let tried = Delivery { attempts: 1, next: UnixMillis(600), last, ..early.clone() };
    records.put_delivery(tried.clone()).await.expect("put_delivery");
    assert_eq!(claim(&*records, 600, 700).await, [leased(&tried, 700)], "tried again");
    for state in [DeliveryState::Delivered, DeliveryState::Dead] {
        let ended = Delivery { state, ..tried.clone() };
        records.put_delivery(ended.clone()).await.expect("put_delivery");
        assert_eq!(claim(&*records, 800, 850).await, [], "{state:?}");
        assert_eq!(records.delivery(early.subject).await.expect("delivery"), Some(ended));
    }
    // The open request is done at last.
    assert!(finish(&*records, 3, 3, 3000, None).await);
    assert_eq!(claim(&*records, 800, 850).await, [leased(&about(open, 50), 850)]);
}

async fn of_a_batch_when_it_ended_and_all_is_done(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    let delivery = about_batch(batch_id(1));
    records.put_batch(batch(1, 1000)).await.expect("put_batch");
    records.put_delivery(delivery.clone()).await.expect("put_delivery");
    for number in [1, 2] {
        let added = records.add_to_batch(batch_id(1), sample::id(number), UnixMillis(1000), 9);
        added.await.expect("add_to_batch");
    }
    let now = 1000 + MEMBER_GRACE_MS;
    assert!(finish(&*records, 1, 1, 2000, None).await);
    assert!(claim(&*records, now, now).await.is_empty(), "it takes more files");
    let end = records.end_batch(batch_id(1), BatchEnd::Closed, UnixMillis(2000));
    assert!(end.await.expect("end_batch"));
    assert!(claim(&*records, now - 1, now).await.is_empty(), "a file is coming");
    let open = records.open_request(summary(2, 2, 1000), Progress::default());
    open.await.expect("open_request");
    assert!(claim(&*records, now, now).await.is_empty(), "a file is not done");
    assert!(finish(&*records, 2, 2, 2000, None).await);
    let claimed = claim(&*records, now, now + 5).await;
    assert_eq!(claimed, [Delivery { next: UnixMillis(now + 5), ..delivery }]);
}

async fn claimed_by_one_of_many(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    for number in 0..20 {
        let records = instance.port();
        records.put_delivery(about(sample::id(number), number)).await.expect("put_delivery");
        assert!(finish(&*records, number, number, 2000, None).await);
    }
    let first = instance.port().claim_deliveries(UnixMillis(1000), UnixMillis(1001), 2).await;
    let subjects: Vec<_> =
        first.expect("claim_deliveries").iter().map(|delivery| delivery.subject).collect();
    let expected = [0, 1].map(|number| Subject::Request(sample::id(number)));
    assert_eq!(subjects, expected, "the earliest first, no more than the limit");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let records = instance.port();
            tokio::spawn(async move { claim(&*records, 1000, 9000).await })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(soon("claiming", task).await.expect("a task"));
    }
    let count = claimed.len();
    claimed.sort_by_key(|delivery| delivery.subject);
    claimed.dedup_by_key(|delivery| delivery.subject);
    assert_eq!((claimed.len(), count), (18, 18), "each by one");
}

async fn forgotten(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    records.put_delivery(about(sample::id(1), 1)).await.expect("put_delivery");
    let subject = Subject::Request(sample::id(1));
    for (before, there) in [(1000, true), (1001, false)] {
        records.forget(UnixMillis(before)).await.expect("forget");
        let delivery = records.delivery(subject).await.expect("delivery");
        assert_eq!(delivery.is_some(), there, "forgotten before {before}");
    }
}
