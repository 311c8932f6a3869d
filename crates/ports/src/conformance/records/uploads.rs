//! Uploads in parts.

use palisade_model::{KeyId, Part, UnixMillis, Upload};

use super::{Factory, sample, soon};
use crate::Records;
use crate::records::{PartAdded, UploadState};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    parts_come_in_any_order(factory).await;
    none_is_lost_of_many_at_once(factory).await;
    removed_and_expired(factory).await;
}

fn upload(number: u64, expires: u64) -> Upload {
    Upload {
        id: sample::id(number),
        key: Some(KeyId::new([1; 6])),
        created: UnixMillis(1000),
        expires: UnixMillis(expires),
        total: u64::MAX >> 1,
        asked: "{\"name\":\"\u{1f4c4}\"}".into(),
    }
}

fn part(offset: u64, size: u64, content: u64) -> Part {
    Part { offset, size, sha256: sample::sha256(content) }
}

async fn add(records: &dyn Records, number: u64, part: Part, limit: u32) -> PartAdded {
    records.put_part(sample::id(number), part, limit).await.expect("put_part")
}

async fn look(records: &dyn Records, number: u64) -> Option<UploadState> {
    records.upload(sample::id(number)).await.expect("upload")
}

async fn parts_come_in_any_order(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert_eq!(look(&*records, 1).await, None);
    assert_eq!(add(&*records, 1, part(0, 1, 1), 9).await, PartAdded::Unknown);
    records.put_upload(upload(1, 5000)).await.expect("put_upload");
    let mut parts = Vec::new();
    for new in [part(20, 5, 1), part(0, 10, 2), part(0, 25, 3)] {
        parts.push(new);
        parts.sort_by_key(|part| (part.offset, std::cmp::Reverse(part.size)));
        let expected = UploadState { upload: upload(1, 5000), parts: parts.clone() };
        assert_eq!(add(&*records, 1, new, 3).await, PartAdded::Yes(expected));
        drop(look(&*records, 1).await);
    }
    assert_eq!(add(&*records, 1, part(1, 1, 4), 3).await, PartAdded::Full);
    drop(records);
    instance.restart().await;
    let records = instance.port();
    assert_eq!(look(&*records, 1).await.expect("the upload").parts, parts);
    // Sent again, the later bytes count, and it is one part.
    let PartAdded::Yes(state) = add(&*records, 1, part(0, 10, 9), 3).await else {
        panic!("a part that is sent again was refused");
    };
    assert_eq!(state.parts, [part(0, 25, 3), part(0, 10, 9), part(20, 5, 1)]);
}

async fn none_is_lost_of_many_at_once(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    instance.port().put_upload(upload(1, 5000)).await.expect("put_upload");
    let tasks: Vec<_> = (0..20)
        .map(|place| {
            let records = instance.port();
            tokio::spawn(async move { add(&*records, 1, part(place * 10, 10, place), 15).await })
        })
        .collect();
    let mut counted = 0;
    for task in tasks {
        let added = soon("adding", task).await.expect("a task");
        counted += usize::from(matches!(added, PartAdded::Yes(_)));
    }
    let stored = look(&*instance.port(), 1).await.expect("the upload").parts.len();
    assert_eq!((counted, stored), (15, 15));
}

async fn removed_and_expired(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    for (number, expires) in [(1, 5000), (2, 6000), (3, 7000)] {
        records.put_upload(upload(number, expires)).await.expect("put_upload");
        add(&*records, number, part(0, 1, number), 9).await;
    }
    let key = KeyId::new([1; 6]);
    assert_eq!(records.uploads_of(key).await.expect("uploads_of"), 3);
    assert_eq!(records.uploads_of(KeyId::new([9; 6])).await.expect("uploads_of"), 0);
    assert!(records.remove_upload(sample::id(1)).await.expect("remove_upload"));
    assert!(!records.remove_upload(sample::id(1)).await.expect("remove_upload"), "removed twice");
    assert_eq!(records.expire_uploads(UnixMillis(5999)).await.expect("expire_uploads"), 0);
    assert_eq!(records.expire_uploads(UnixMillis(6000)).await.expect("expire_uploads"), 1);
    drop(records);
    instance.restart().await;
    let records = instance.port();
    for (number, there) in [(1, false), (2, false), (3, true)] {
        assert_eq!(look(&*records, number).await.is_some(), there, "upload {number}");
    }
    assert_eq!(records.uploads_of(key).await.expect("uploads_of"), 1);
    // A new one of the same id begins without parts.
    records.put_upload(upload(1, 5000)).await.expect("put_upload");
    assert!(look(&*records, 1).await.expect("the upload").parts.is_empty());
}
