//! Objects as files.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use bytes::Bytes;
use palisade_model::{Sha256, UnixMillis};
use palisade_ports::Objects;
use palisade_storage::{LocalObjects, ObjectsConfig};

async fn put(objects: &LocalObjects, name: Sha256, content: Vec<u8>) {
    let mut writer = objects.writer().await.expect("writer");
    writer.write(Bytes::from(content)).await.expect("write");
    writer.commit(name).await.expect("commit");
}

#[tokio::test]
async fn nobody_else_reads_them_and_nobody_writes_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let objects = LocalObjects::open(dir.path(), ObjectsConfig::default()).expect("open");
    let name = Sha256([0xab; 32]);
    let path = dir.path().join("ab").join("ab".repeat(31));
    for size in [100, 2 << 20] {
        put(&objects, name, vec![7; size]).await;
        let metadata = std::fs::metadata(&path).expect("the object's file");
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o400);
        assert_eq!(metadata.len(), size as u64);
        // The same again is the same file still.
        put(&objects, name, vec![7; size]).await;
        let again = std::fs::metadata(&path).expect("the object's file");
        assert_eq!((again.ino(), again.ctime() >= metadata.ctime()), (metadata.ino(), true));
        objects.remove_older(UnixMillis(u64::MAX >> 12)).await.expect("remove_older");
    }
    for inside in ["tmp", "ab"] {
        let metadata = std::fs::metadata(dir.path().join(inside)).expect("a directory");
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o700, "{inside}");
    }
}

#[tokio::test]
async fn what_a_crashed_writer_left_is_removed() {
    let dir = tempfile::tempdir().expect("a directory");
    let leftover = dir.path().join("tmp/1-2-3");
    let objects = LocalObjects::open(dir.path(), ObjectsConfig::default()).expect("open");
    std::fs::write(&leftover, b"half").expect("a leftover");
    let removed = objects.remove_older(UnixMillis(0)).await.expect("remove_older");
    assert!(removed == (0, 0) && leftover.exists(), "it may be in use");
    let removed = objects.remove_older(UnixMillis(u64::MAX >> 12)).await.expect("remove_older");
    assert!(removed == (0, 0) && !leftover.exists(), "it is old");
    std::fs::write(&leftover, b"half").expect("a leftover");
    drop(LocalObjects::open(dir.path(), ObjectsConfig::default()).expect("open"));
    assert!(!leftover.exists(), "nobody writes at the opening");
}

#[tokio::test]
async fn an_object_that_became_shorter_is_said_to_be_corrupt() {
    let dir = tempfile::tempdir().expect("a directory");
    let objects = LocalObjects::open(dir.path(), ObjectsConfig::default()).expect("open");
    let name = Sha256([0xcd; 32]);
    put(&objects, name, vec![7; 3 << 20]).await;
    let path = dir.path().join("cd").join("cd".repeat(31));
    let object = objects.open(name).await.expect("open").expect("it is there");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
    file.set_len(1 << 20).expect("cut");
    let pieces: Result<Vec<Bytes>, _> = futures_util::TryStreamExt::try_collect(object.body).await;
    assert!(matches!(pieces, Err(palisade_ports::PortError::Corrupt { .. })), "{pieces:?}");
}

async fn derive(objects: &LocalObjects, name: Sha256, content: Vec<u8>) {
    let mut writer = objects.derived_writer().await.expect("writer");
    writer.write(Bytes::from(content)).await.expect("write");
    writer.commit(name).await.expect("commit");
}

async fn read(objects: &LocalObjects, name: Sha256) -> Option<Vec<u8>> {
    let object = objects.open(name).await.expect("open")?;
    let pieces: Vec<Bytes> =
        futures_util::TryStreamExt::try_collect(object.body).await.expect("the body");
    Some(pieces.concat())
}

/// Small ones share a file, large ones have their own; a process that dies leaves both, but for what
/// it was writing.
#[tokio::test]
async fn what_is_derived_survives_the_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || LocalObjects::open(dir.path(), ObjectsConfig::default()).expect("open");
    let objects = open();
    let name = |number| Sha256([number; 32]);
    let sizes = [0, 1, 5_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20];
    for (number, size) in (1..).zip(sizes) {
        derive(&objects, name(number), vec![number; size]).await;
        derive(&objects, name(number), vec![number; size]).await;
        assert!(!objects.touch(name(number)).await.expect("touch"), "nobody uploaded it");
    }
    drop(objects);
    // It dies while it writes the next one.
    let segment = dir.path().join("derived/segments/0");
    let whole = std::fs::read(&segment).expect("a segment");
    std::fs::write(&segment, [&whole, &whole[..60]].concat()).expect("a torn segment");
    let objects = open();
    for (number, size) in (1..).zip(sizes) {
        assert_eq!(read(&objects, name(number)).await, Some(vec![number; size]), "{size} bytes");
    }
    derive(&objects, name(99), vec![99; 10]).await;
    assert_eq!(read(&objects, name(99)).await, Some(vec![99; 10]));
    let (count, bytes) =
        objects.remove_derived(UnixMillis(u64::MAX >> 12)).await.expect("remove_derived");
    assert_eq!((count, bytes), (8, sizes.iter().sum::<usize>() as u64 + 10));
    assert_eq!(read(&objects, name(99)).await, None);
    assert_eq!(std::fs::read_dir(dir.path().join("derived/segments")).expect("it").count(), 0);
    derive(&objects, name(99), vec![98; 10]).await;
    assert_eq!(read(&objects, name(99)).await, Some(vec![98; 10]));
}

/// What was uploaded is not derived, whatever the order.
#[tokio::test]
async fn an_upload_of_derived_bytes_is_stored_for_good() {
    let dir = tempfile::tempdir().expect("a directory");
    let objects = LocalObjects::open(dir.path(), ObjectsConfig::default()).expect("open");
    let name = Sha256([7; 32]);
    derive(&objects, name, vec![7; 100]).await;
    put(&objects, name, vec![7; 100]).await;
    objects.remove_derived(UnixMillis(u64::MAX >> 12)).await.expect("remove_derived");
    assert_eq!(read(&objects, name).await, Some(vec![7; 100]));
    assert!(objects.touch(name).await.expect("touch"));
}
