//! The disk is full, and then it is not.

use bytes::Bytes;
use palisade_model::{KeyId, Sha256, UnixMillis};
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_ports::{Log, Objects, PortError, Records};
use palisade_services::SmallDisk;
use palisade_storage::{Embedded, EmbeddedConfig};

use crate::store::drain;

fn record(number: u32) -> Append {
    let mut payload = vec![7; 10_000];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    Append { topic: Topic::Results, key: Bytes::new(), payload: payload.into() }
}

fn assert_full<T: std::fmt::Debug>(result: Result<T, PortError>, what: &str) {
    assert!(matches!(result, Err(PortError::Full { .. })), "{what} on a full disk: {result:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_wedges_nothing() {
    let Some(disk) = SmallDisk::mount("24m") else { return };
    let store = Embedded::open(disk.path(), EmbeddedConfig::default()).await.expect("open");
    let mut reader =
        store.log.subscribe("group", &[Topic::Results], Start::Oldest).await.expect("subscribe");
    let mut kept = Vec::new();
    for round in 0..4 {
        disk.fill();
        let mut refused = 0;
        for number in round * 1000..round * 1000 + 200 {
            let durability =
                if number % 2 == 0 { Durability::Machine } else { Durability::Process };
            match store.log.append(vec![record(number)], durability).await {
                Ok(()) => kept.push(number),
                Err(PortError::Full { .. }) => refused += 1,
                Err(error) => panic!("round {round}, record {number}: {error:?}"),
            }
        }
        assert!(refused > 0, "round {round}: the disk was not full");
        assert_full(put(&store, 50_000, round as u8).await, "a small object");
        assert_full(put(&store, 3 << 20, round as u8).await, "a large object");
        let counted = store.records.count_scans(KeyId::new([1; 6]), round, 1).await;
        assert!(matches!(counted, Ok(1) | Err(PortError::Full { .. })), "{counted:?}");
        let left = std::fs::read_dir(disk.path().join("objects/tmp")).expect("the directory");
        assert_eq!(left.count(), 0, "round {round}: a refused object left something behind");
        // What can be read is read all the same.
        store.records.counts().await.expect("counts on a full disk");

        disk.free();
        let number = round * 1000 + 999;
        let append = store.log.append(vec![record(number)], Durability::Machine).await;
        append.unwrap_or_else(|error| panic!("round {round}: space is there again: {error:?}"));
        kept.push(number);
        put(&store, 1000, round as u8).await.expect("space is there again for objects");
        store.records.count_scans(KeyId::new([2; 6]), round, 1).await.expect("and for records");
        let removed = store.objects.remove_older(UnixMillis(u64::MAX >> 12)).await;
        assert_eq!(removed.expect("remove_older"), (1, 1000));
    }
    let seen: Vec<u32> = drain(&mut *reader)
        .await
        .iter()
        .map(|delivery| u32::from_be_bytes(delivery.payload[..4].try_into().expect("a number")))
        .collect();
    assert_eq!(seen, kept, "exactly what was acknowledged was delivered");
    assert_eq!(
        store.log.backlog("group", &Topic::Results).await.expect("backlog"),
        seen.len() as u64
    );
    drop(reader);
    store.close().await.expect("close");
    let store = Embedded::open(disk.path(), EmbeddedConfig::default()).await.expect("open");
    let mut reader =
        store.log.subscribe("group", &[Topic::Results], Start::Oldest).await.expect("subscribe");
    assert_eq!(drain(&mut *reader).await.len(), kept.len(), "after it was opened again");
    drop(reader);
    store.close().await.expect("close");
}

async fn put(store: &Embedded, size: usize, seed: u8) -> Result<(), PortError> {
    let mut writer = store.objects.writer().await?;
    writer.write(Bytes::from(vec![seed; size])).await?;
    writer.commit(Sha256([seed ^ size as u8; 32])).await
}
