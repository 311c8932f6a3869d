//! Batches and their files.

use palisade_model::{Batch, BatchId, KeyId, Progress, UnixMillis};

use super::{Factory, finish, sample, soon, summary};
use crate::Records;
use crate::records::{Added, BatchEnd, BatchState, MEMBER_GRACE_MS, RequestState};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    files_are_added_until_the_end(factory).await;
    no_more_than_the_limit_of_many_at_once(factory).await;
    files_whose_request_never_came_are_given_up(factory).await;
    forgotten(factory).await;
}

pub(super) fn id(number: u8) -> BatchId {
    BatchId::new(UnixMillis(1_700_000_000_000), [number; 10])
}

pub(super) fn batch(number: u8, created: u64) -> Batch {
    Batch {
        id: id(number),
        created: UnixMillis(created),
        key: Some(KeyId::new([number; 6])),
        workflow: "mail".into(),
        user_agent: Some("conformance".into()),
        user_data: Some("ticket \u{1f4e6}".into()),
    }
}

async fn look(records: &dyn Records, number: u8, now: u64) -> Option<BatchState> {
    records.batch(id(number), UnixMillis(now)).await.expect("batch")
}

async fn add(records: &dyn Records, batch: u8, request: u64, limit: u32) -> Added {
    let added = records.add_to_batch(id(batch), sample::id(request), UnixMillis(2000), limit);
    added.await.expect("add_to_batch")
}

async fn files_are_added_until_the_end(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert!(look(&*records, 1, 1000).await.is_none(), "a batch that nobody made");
    assert_eq!(add(&*records, 1, 1, 9).await, Added::Unknown);
    assert!(!records.end_batch(id(1), BatchEnd::Closed, UnixMillis(1)).await.expect("end_batch"));
    records.put_batch(batch(1, 1000)).await.expect("put_batch");
    records.put_batch(batch(1, 7777)).await.expect("put_batch again");
    let fresh = BatchState { batch: batch(1, 1000), ended: None, files: 0, unfinished: 0 };
    assert_eq!(look(&*records, 1, 1000).await, Some(fresh.clone()), "the first one stays");
    for request in [5, 3, 4] {
        let open = records.open_request(summary(request, request, 1000), Progress::default());
        open.await.expect("open_request");
        assert_eq!(add(&*records, 1, request, 3).await, Added::Yes);
        assert_eq!(add(&*records, 1, request, 3).await, Added::Yes, "added twice");
    }
    assert_eq!(add(&*records, 1, 6, 3).await, Added::Full);
    assert!(finish(&*records, 3, 3, 3000, None).await);
    drop(records);
    instance.restart().await;
    let records = instance.port();
    let now = 2000 + 2 * MEMBER_GRACE_MS;
    let state = look(&*records, 1, now).await.expect("the batch");
    assert_eq!((state.files, state.unfinished), (3, 2));
    let files = records.batch_files(id(1), 1, 9).await.expect("batch_files");
    let numbers: Vec<_> = files.iter().map(|file| file.request).collect();
    assert_eq!(numbers, [sample::id(3), sample::id(4)], "in the order added, after the first");
    assert!(matches!(files[0].state, Some(RequestState::Finished { .. })));
    assert!(matches!(files[1].state, Some(RequestState::Open { .. })));
    assert_eq!(records.batch_files(id(1), 0, 1).await.expect("batch_files").len(), 1);
    assert!(records.batch_files(id(9), 0, 9).await.expect("batch_files").is_empty());

    records.remove_from_batch(id(1), sample::id(5)).await.expect("remove_from_batch");
    records.remove_from_batch(id(1), sample::id(5)).await.expect("remove_from_batch again");
    assert_eq!(look(&*records, 1, now).await.expect("the batch").files, 2);
    assert_eq!(add(&*records, 1, 6, 3).await, Added::Yes, "there is room again");
    assert!(records.end_batch(id(1), BatchEnd::Cancelled, UnixMillis(9)).await.expect("end_batch"));
    assert!(records.end_batch(id(1), BatchEnd::Closed, UnixMillis(99)).await.expect("end_batch"));
    assert_eq!(add(&*records, 1, 7, 9).await, Added::Ended);
    assert_eq!(add(&*records, 1, 6, 9).await, Added::Yes, "it was in before the end");
    drop(records);
    instance.restart().await;
    let state = look(&*instance.port(), 1, now).await.expect("the batch");
    assert_eq!(state.ended, Some((BatchEnd::Cancelled, UnixMillis(9))), "the first end stays");
    assert_eq!(state.files, 3);
}

async fn no_more_than_the_limit_of_many_at_once(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    instance.port().put_batch(batch(1, 1000)).await.expect("put_batch");
    let tasks: Vec<_> = (0..30)
        .map(|request| {
            let records = instance.port();
            tokio::spawn(async move { add(&*records, 1, request, 20).await })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += u32::from(soon("adding", task).await.expect("a task") == Added::Yes);
    }
    assert_eq!(added, 20);
    let files = instance.port().batch_files(id(1), 0, 99).await.expect("batch_files");
    assert_eq!(files.len(), 20);
    assert_eq!(look(&*instance.port(), 1, 2000).await.expect("the batch").files, 20);
}

async fn files_whose_request_never_came_are_given_up(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    records.put_batch(batch(1, 1000)).await.expect("put_batch");
    assert_eq!(add(&*records, 1, 1, 9).await, Added::Yes);
    for (now, unfinished) in [(2000 + MEMBER_GRACE_MS - 1, 1), (2000 + MEMBER_GRACE_MS, 0)] {
        let state = look(&*records, 1, now).await.expect("the batch");
        assert_eq!((state.files, state.unfinished), (1, unfinished), "at {now}");
    }
    let files = records.batch_files(id(1), 0, 9).await.expect("batch_files");
    assert!(files[0].state.is_none());
}

async fn forgotten(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    for (number, created) in [(1, 1000), (2, 2000)] {
        instance.port().put_batch(batch(number, created)).await.expect("put_batch");
        assert_eq!(add(&*instance.port(), number, 1, 9).await, Added::Yes);
    }
    instance.port().forget(UnixMillis(1500)).await.expect("forget");
    instance.restart().await;
    assert!(look(&*instance.port(), 1, 1500).await.is_none());
    let files = instance.port().batch_files(id(1), 0, 9).await.expect("batch_files");
    assert!(files.is_empty(), "the files of a forgotten batch");
    assert_eq!(look(&*instance.port(), 2, 1500).await.expect("the batch").files, 1);
}
