//! API keys and what is counted of them.

use palisade_model::{KeyId, UnixMillis};

use super::{Factory, sample};
use crate::Records;
use crate::records::{ApiKey, Role};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    stored_found_and_taken_back(factory).await;
    scans_are_counted(factory).await;
}

fn key(number: u8, created: u64) -> ApiKey {
    ApiKey {
        id: KeyId::new([number; 6]),
        name: format!("key {number} \u{1f511}"),
        role: if number.is_multiple_of(2) { Role::User } else { Role::Admin },
        requests_per_minute: (number > 1).then_some(u32::MAX),
        scans_per_day: (number > 2).then_some(0),
        workflow: (number > 2).then(|| "mail".to_owned()),
        created: UnixMillis(created),
        revoked: None,
    }
}

async fn stored_found_and_taken_back(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    for (number, created) in [(1, 300), (2, 100), (3, 200)] {
        let secret = sample::sha256(u64::from(number));
        assert_eq!(records.key(secret).await.expect("key"), None, "not stored yet");
        records.put_key(key(number, created), secret).await.expect("put_key");
        assert_eq!(records.key(secret).await.expect("key"), Some(key(number, created)));
    }
    drop(records);
    instance.restart().await;
    let records = instance.port();
    let all = [key(2, 100), key(3, 200), key(1, 300)];
    assert_eq!(records.keys().await.expect("keys"), all, "oldest first");
    for _ in 0..2 {
        let found = records.key(sample::sha256(3)).await.expect("key");
        assert_eq!(found, Some(key(3, 200)));
    }
    let id = key(3, 0).id;
    assert!(records.revoke_key(id, UnixMillis(900)).await.expect("revoke_key"));
    let revoked = ApiKey { revoked: Some(UnixMillis(900)), ..key(3, 200) };
    let found = records.key(sample::sha256(3)).await.expect("key");
    assert_eq!(found.as_ref(), Some(&revoked), "seen at once");
    assert!(records.revoke_key(id, UnixMillis(999)).await.expect("revoke_key"), "it is there");
    let unknown = records.revoke_key(KeyId::new([99; 6]), UnixMillis(900)).await;
    assert!(!unknown.expect("revoke_key"), "nobody knows this key");
    drop(records);
    instance.restart().await;
    let found = instance.port().key(sample::sha256(3)).await.expect("key");
    assert_eq!(found, Some(revoked), "the first time counts, restarted");
}

async fn scans_are_counted(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let (one, other) = (KeyId::new([1; 6]), KeyId::new([2; 6]));
    for (id, day, add, sum) in
        [(one, 20_000, 1, 1), (one, 20_000, 5, 6), (one, 20_001, 2, 2), (other, 20_000, 0, 0)]
    {
        let counted = instance.port().count_scans(id, day, add).await.expect("count_scans");
        assert_eq!(counted, sum);
        instance.restart().await;
    }
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let records = instance.port();
            tokio::spawn(async move { records.count_scans(other, 20_000, 3).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("count_scans");
    }
    let counted = instance.port().count_scans(other, 20_000, 0).await.expect("count_scans");
    assert_eq!(counted, 60, "every one of many at once");
    let counted = instance.port().count_scans(one, 20_000, u32::MAX).await.expect("count_scans");
    assert_eq!(counted, u32::MAX, "a sum that does not fit is the largest");
}
