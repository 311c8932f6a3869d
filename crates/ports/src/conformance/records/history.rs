//! What was asked before, and what was taken back.

use palisade_model::{KeyId, Progress, RequestId, UnixMillis};

use super::{Factory, assert_finished, finish, request, sample, summary};
use crate::Records;
use crate::records::{History, RequestState};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    by_artifact_and_by_key(factory).await;
    taken_back(factory).await;
}

fn ids(states: &[RequestState]) -> Vec<RequestId> {
    let id = |state: &RequestState| match state {
        RequestState::Open { summary, .. } | RequestState::Finished { summary, .. } => {
            summary.node.root
        }
    };
    states.iter().map(id).collect()
}

async fn by_artifact_and_by_key(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    let key = KeyId::new([1, 2, 3, 4, 5, 6]);
    let artifact = History::Artifact(sample::sha256(7));
    assert!(records.history(artifact, 0, 9).await.expect("history").is_empty());
    // Accepted at 1500, 2000 and 3000; the first without having been open.
    assert!(finish(&*records, 1, 7, 2000, Some(7)).await);
    let open = records.open_request(summary(2, 7, 2000), Progress::default());
    open.await.expect("open_request");
    let cached =
        records.finish_from_cache(summary(3, 7, 3000), sample::id(1), UnixMillis(3001)).await;
    assert!(cached.expect("finish_from_cache"));
    let mut other = summary(4, 8, 4000);
    other.key = None;
    records.open_request(other, Progress::default()).await.expect("open_request");
    drop(records);
    for restart in [false, true] {
        if restart {
            instance.restart().await;
        }
        let records = instance.port();
        let newest = records.history(artifact, 0, 9).await.expect("history");
        assert_eq!(ids(&newest), [3, 2, 1].map(sample::id));
        assert_finished(newest.first().cloned(), 3, 1, 3001);
        assert!(matches!(newest[1], RequestState::Open { .. }));
        let page = records.history(artifact, 1, 1).await.expect("history");
        assert_eq!(ids(&page), [sample::id(2)]);
        let of_key = records.history(History::Key(key), 0, 9).await.expect("history");
        assert_eq!(ids(&of_key), [3, 2, 1].map(sample::id), "4 came without a key");
        let nobodys = History::Key(KeyId::new([9; 6]));
        assert!(records.history(nobodys, 0, 9).await.expect("history").is_empty());
    }
}

async fn taken_back(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    let cancel = |number, when| {
        let records = instance.port();
        async move { records.cancel(sample::id(number), UnixMillis(when)).await.expect("cancel") }
    };
    let cancelled = |since, limit| {
        let records = instance.port();
        async move { records.cancelled(UnixMillis(since), limit).await.expect("cancelled") }
    };
    assert!(cancel(1, 5000).await.is_none(), "a request that nobody made");
    for number in [1, 2] {
        let open = records.open_request(summary(number, number, 1000), Progress::default());
        open.await.expect("open_request");
    }
    assert!(finish(&*records, 3, 3, 2000, None).await);
    assert!(matches!(cancel(1, 5000).await, Some(RequestState::Open { .. })));
    assert!(matches!(cancel(2, 6000).await, Some(RequestState::Open { .. })));
    cancel(1, 9000).await;
    assert_finished(cancel(3, 7000).await, 3, 3, 2000);
    assert_eq!(cancelled(0, 9).await, [2, 1].map(sample::id), "not the one that was finished");
    assert_eq!(cancelled(5000, 1).await, [sample::id(2)]);
    assert_eq!(cancelled(5001, 9).await, [sample::id(2)], "the first time counts");
    // A note of progress does not take the mark away; its report ends the matter.
    let noted = records.open_request(summary(1, 1, 1000), Progress { done: 1, expected: 2 });
    noted.await.expect("open_request");
    assert!(finish(&*records, 1, 1, 7000, None).await);
    drop(records);
    let reopened = instance.port().reopen(sample::id(1)).await.expect("reopen");
    assert!(reopened);
    instance.restart().await;
    let left = instance.port().cancelled(UnixMillis(0), 9).await.expect("cancelled");
    assert_eq!(left, [sample::id(2)], "tried again, it is not taken back");
    assert!(matches!(request(&instance.port(), 1).await, Some(RequestState::Open { .. })));
}
