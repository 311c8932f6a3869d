//! Reports by their hashes and their cache keys.

use palisade_model::{AnyHash, Progress, UnixMillis};

use super::{Factory, assert_finished, finish, sample, summary};
use crate::Records;

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    by_every_hash(factory).await;
    the_newest_of_a_hash(factory).await;
    under_a_cache_key(factory).await;
    reads_see_writes_at_once(factory).await;
}

fn hashes(about: u64) -> [AnyHash; 4] {
    let hashes = sample::artifact(about).hashes;
    [
        hashes.md5.parse().expect("an MD5"),
        hashes.sha1.parse().expect("a SHA-1"),
        AnyHash::Sha256(hashes.sha256.0),
        hashes.sha512.parse().expect("a SHA-512"),
    ]
}

async fn by_every_hash(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    for number in 1..4 {
        assert!(finish(&*instance.port(), number, number, 1000 + number, None).await);
    }
    // A request without a report is not found.
    let open = instance.port();
    open.open_request(summary(8, 8, 1000), Progress::default()).await.expect("open_request");
    drop(open);
    for restart in [false, false, true] {
        if restart {
            instance.restart().await;
        }
        let records = instance.port();
        for hash in hashes(2) {
            let state = records.by_hash(hash).await.expect("by_hash");
            assert_finished(state, 2, 2, 1002);
        }
        for hash in hashes(8).into_iter().chain(hashes(99)) {
            let state = records.by_hash(hash).await.expect("by_hash");
            assert!(state.is_none(), "{hash} has no report");
        }
        let asked = vec![hashes(3)[0], hashes(99)[1], hashes(1)[2], hashes(3)[3], hashes(8)[2]];
        let states = records.by_hashes(asked).await.expect("by_hashes");
        let mut states = states.into_iter();
        for expected in [Some(3), None, Some(1), Some(3), None] {
            let state = states.next().expect("as many answers as questions");
            match expected {
                Some(number) => assert_finished(state, number, number, 1000 + number),
                None => assert!(state.is_none()),
            }
        }
        assert!(states.next().is_none(), "as many answers as questions");
        assert!(records.by_hashes(Vec::new()).await.expect("by_hashes").is_empty());
    }
}

async fn the_newest_of_a_hash(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    // By the time that is in the report, in whatever order they are stored.
    for (number, finished, newest) in [(1, 2000, 1), (2, 1000, 1), (3, 3000, 3), (4, 2500, 3)] {
        assert!(finish(&*records, number, 7, finished, None).await);
        for hash in hashes(7) {
            let state = records.by_hash(hash).await.expect("by_hash");
            let finished = if newest == 1 { 2000 } else { 3000 };
            assert_finished(state, newest, newest, finished);
        }
    }
}

async fn under_a_cache_key(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    let key = sample::sha256(500);
    assert!(records.cached(key, UnixMillis(0)).await.expect("cached").is_none());
    assert!(finish(&*records, 1, 1, 1000, Some(500)).await);
    assert!(finish(&*records, 2, 1, 2000, None).await);
    assert!(finish(&*records, 3, 1, 3000, Some(501)).await);
    drop(records);
    for restart in [false, false, true] {
        if restart {
            instance.restart().await;
        }
        let records = instance.port();
        for (not_before, there) in [(0, true), (1000, true), (1001, false)] {
            let found = records.cached(key, UnixMillis(not_before)).await.expect("cached");
            assert_eq!(found.is_some(), there, "made at 1000, asked from {not_before}");
            if let Some((id, report)) = found {
                assert_eq!((id, report.finished), (sample::id(1), UnixMillis(1000)));
                assert!(report.request.passwords.is_empty(), "passwords were kept");
            }
        }
    }
    let records = instance.port();
    assert!(finish(&*records, 4, 1, 4000, Some(500)).await);
    let found = records.cached(key, UnixMillis(1001)).await.expect("cached");
    assert_eq!(found.map(|(id, _)| id), Some(sample::id(4)), "the newest under the key");
}

/// Law 4, with readers that never stop: none may see what was true before a write that has ended.
async fn reads_see_writes_at_once(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let records = instance.port();
    let hash = hashes(7)[2];
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (records, stop) = (instance.port(), std::sync::Arc::clone(&stop));
            tokio::spawn(async move {
                let mut latest = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let found = records.by_hash(hash).await.expect("by_hash");
                    records.cached(sample::sha256(7), UnixMillis(0)).await.expect("cached");
                    if let Some(crate::records::RequestState::Finished { finished, .. }) = found {
                        assert!(finished.0 >= latest, "an older report after a newer one");
                        latest = finished.0;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in 1..150 {
        assert!(finish(&*records, number, 7, 1000 + number, Some(7)).await);
        let found = records.by_hash(hash).await.expect("by_hash");
        assert_finished(found, number, number, 1000 + number);
        let cached = records.cached(sample::sha256(7), UnixMillis(0)).await.expect("cached");
        assert_eq!(cached.map(|(id, _)| id), Some(sample::id(number)));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        reader.await.expect("a reader");
    }
}
