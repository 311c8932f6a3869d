//! Commands that work on the records while a server runs.

use std::sync::Arc;
use std::time::Duration;

use palisade_model::{DeadLetter, KeyId, Sha256, UnixMillis};
use palisade_ports::Records;
use palisade_ports::log::{Durability, Topic};
use palisade_ports::records::{ApiKey, Role};
use palisade_storage::{Embedded, EmbeddedConfig, SqliteRecords};

use crate::store::{Store, append};

fn key(number: u8) -> ApiKey {
    ApiKey {
        id: KeyId::new([number; 6]),
        name: "beside".into(),
        role: Role::User,
        requests_per_minute: None,
        scans_per_day: None,
        workflow: None,
        created: UnixMillis(1),
        revoked: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_see_each_other_at_once() {
    let store = Store::new(EmbeddedConfig::default()).await;
    let server = &store.open().records;
    let beside = SqliteRecords::open_beside(store.dir()).await.expect("open beside a server");
    for number in 1..20 {
        let secret = Sha256([number; 32]);
        assert_eq!(server.key(secret).await.expect("key"), None);
        beside.put_key(key(number), secret).await.expect("put_key");
        // Twice: the second answer comes from memory.
        for _ in 0..2 {
            assert_eq!(server.key(secret).await.expect("key"), Some(key(number)));
        }
        let revoked = beside.revoke_key(key(number).id, UnixMillis(7)).await;
        assert!(revoked.expect("revoke_key"));
        let seen = server.key(secret).await.expect("key").expect("the key");
        assert_eq!(seen.revoked, Some(UnixMillis(7)), "the server answers from a stale memory");
    }
    let letter = DeadLetter {
        id: "a".into(),
        topic: "t".into(),
        key: "k".into(),
        reason: "r".into(),
        attempts: 3,
        time: UnixMillis(1),
        payload: "{}".into(),
    };
    server.put_dead_letter(letter.clone()).await.expect("put_dead_letter");
    assert_eq!(beside.dead_letters(10).await.expect("dead_letters"), [letter]);
    assert!(beside.remove_dead_letter("a").await.expect("remove_dead_letter"));
    assert_eq!(server.dead_letter("a").await.expect("dead_letter"), None);
    beside.close().await;
}

/// The server writes all the time; the command must neither fail nor make the server fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_beside_a_busy_server() {
    let store = Store::new(EmbeddedConfig::default()).await;
    let log = Arc::clone(&store.open().log);
    let busy = tokio::spawn(async move {
        for _ in 0..2000 {
            append(&*log, Topic::Results, &[7; 2000], Durability::Process).await;
        }
    });
    for number in 0..10 {
        let beside = SqliteRecords::open_beside(store.dir()).await.expect("open beside a server");
        beside.put_key(key(number), Sha256([number; 32])).await.expect("put_key");
        assert_eq!(beside.keys().await.expect("keys").len(), usize::from(number) + 1);
        beside.close().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    busy.await.expect("the server's writes");
}

#[tokio::test]
async fn before_the_first_start_of_a_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let beside = SqliteRecords::open_beside(dir.path().join("new")).await.expect("open");
    beside.put_key(key(1), Sha256([1; 32])).await.expect("put_key");
    beside.close().await;
    let server = Embedded::open(dir.path().join("new"), EmbeddedConfig::default()).await;
    let server = server.expect("open");
    assert_eq!(server.records.keys().await.expect("keys"), [key(1)]);
    server.close().await.expect("close");
}
