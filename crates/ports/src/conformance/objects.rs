//! The laws of [`Objects`].

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use palisade_model::{Sha256, UnixMillis};

use super::{Factory, sample, soon};
use crate::Objects;

/// The largest piece of a body.
const PIECE: usize = 1 << 20;

/// Runs every test.
pub async fn suite(factory: impl Factory<dyn Objects>) {
    let factory = &factory;
    what_was_written_is_read(factory).await;
    survives_a_restart(factory).await;
    nothing_before_commit(factory).await;
    a_dropped_writer_leaves_nothing(factory).await;
    committing_twice_keeps_one(factory).await;
    many_commit_the_same(factory).await;
    removal_measures_from_the_last_use(factory).await;
    touched_while_being_removed(factory).await;
    a_removed_object_can_be_read_to_its_end(factory).await;
}

/// `size` bytes that differ from place to place and by `seed`.
fn content(size: usize, seed: u8) -> Bytes {
    (0..size).map(|place| (place % 251) as u8 ^ (place >> 12) as u8 ^ seed).collect()
}

async fn put(objects: &dyn Objects, name: Sha256, content: &Bytes, piece: usize) {
    let mut writer = objects.writer().await.expect("writer");
    for start in (0..content.len()).step_by(piece) {
        let end = content.len().min(start + piece);
        writer.write(content.slice(start..end)).await.expect("write");
    }
    soon("commit", writer.commit(name)).await.expect("commit");
}

async fn get(objects: &dyn Objects, name: Sha256) -> Option<Bytes> {
    let object = objects.open(name).await.expect("open")?;
    let pieces: Vec<Bytes> = object.body.try_collect().await.expect("the body");
    assert!(pieces.iter().all(|piece| piece.len() <= PIECE), "a piece is larger than 1 MiB");
    let whole = pieces.concat();
    assert_eq!(whole.len() as u64, object.size, "the size that was told");
    Some(whole.into())
}

async fn what_was_written_is_read(factory: &impl Factory<dyn Objects>) {
    let instance = factory.fresh().await;
    let objects = instance.port();
    assert_eq!(get(&*objects, sample::sha256(0)).await, None, "an object that nobody wrote");
    assert!(!objects.touch(sample::sha256(0)).await.expect("touch"), "touch of nothing");
    let sizes = [0, 1, 4095, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17];
    for (number, size) in (1..).zip(sizes) {
        let (name, content) = (sample::sha256(number), content(size, number as u8));
        put(&*objects, name, &content, 300_000).await;
        assert!(get(&*objects, name).await == Some(content), "an object of {size} bytes");
        assert!(objects.touch(name).await.expect("touch"), "touch of what is there");
    }
    // In crumbs, and with empty writes between them.
    let (name, crumbs) = (sample::sha256(99), content(5000, 99));
    let mut writer = objects.writer().await.expect("writer");
    for byte in 0..crumbs.len() {
        writer.write(crumbs.slice(byte..=byte)).await.expect("write");
        writer.write(Bytes::new()).await.expect("write of nothing");
    }
    writer.commit(name).await.expect("commit");
    assert!(get(&*objects, name).await == Some(crumbs), "written byte by byte");
    // In one piece that is larger than those that are read.
    let (name, large) = (sample::sha256(98), content(5 * PIECE, 98));
    put(&*objects, name, &large, usize::MAX >> 1).await;
    assert!(get(&*objects, name).await == Some(large), "written at once");
}

async fn survives_a_restart(factory: &impl Factory<dyn Objects>) {
    let mut instance = factory.fresh().await;
    let (small, large) = (content(10, 1), content(2 * PIECE, 2));
    put(&*instance.port(), sample::sha256(1), &small, PIECE).await;
    put(&*instance.port(), sample::sha256(2), &large, PIECE).await;
    instance.restart().await;
    let objects = instance.port();
    assert!(get(&*objects, sample::sha256(1)).await == Some(small.clone()), "small, restarted");
    assert!(get(&*objects, sample::sha256(2)).await == Some(large), "large, restarted");
    put(&*objects, sample::sha256(1), &small, PIECE).await;
    assert!(get(&*objects, sample::sha256(1)).await == Some(small), "committed again, restarted");
}

async fn nothing_before_commit(factory: &impl Factory<dyn Objects>) {
    let instance = factory.fresh().await;
    let objects = instance.port();
    for (number, size) in (1..).zip([100, 3 * PIECE]) {
        let (name, content) = (sample::sha256(number), content(size, 3));
        let mut writer = objects.writer().await.expect("writer");
        writer.write(content.clone()).await.expect("write");
        assert_eq!(get(&*objects, name).await, None, "readable before its commit");
        assert!(!objects.touch(name).await.expect("touch"), "there before its commit");
        writer.commit(name).await.expect("commit");
        assert!(get(&*objects, name).await == Some(content), "readable after its commit");
    }
}

async fn a_dropped_writer_leaves_nothing(factory: &impl Factory<dyn Objects>) {
    let mut instance = factory.fresh().await;
    for restart in [false, true] {
        let objects = instance.port();
        for size in [100, 3 * PIECE] {
            let mut writer = objects.writer().await.expect("writer");
            writer.write(content(size, 4)).await.expect("write");
            drop(writer);
        }
        drop(objects);
        if restart {
            instance.restart().await;
        }
        let removed = instance.port().remove_older(UnixMillis(u64::MAX >> 12)).await;
        assert_eq!(removed.expect("remove_older"), (0, 0), "a dropped writer left an object");
    }
}

async fn committing_twice_keeps_one(factory: &impl Factory<dyn Objects>) {
    let instance = factory.fresh().await;
    let objects = instance.port();
    for (number, size) in (1..).zip([100, 2 * PIECE]) {
        let (name, content) = (sample::sha256(number), content(size, 5));
        put(&*objects, name, &content, PIECE).await;
        put(&*objects, name, &content, PIECE).await;
        assert!(get(&*objects, name).await == Some(content), "committed twice");
        let removed = objects.remove_older(UnixMillis(u64::MAX >> 12)).await;
        assert_eq!(removed.expect("remove_older"), (1, size as u64), "one copy is kept");
        assert_eq!(get(&*objects, name).await, None, "removed");
    }
}

async fn many_commit_the_same(factory: &impl Factory<dyn Objects>) {
    let instance = factory.fresh().await;
    let (name, bytes) = (sample::sha256(1), content(PIECE + 500, 6));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (objects, bytes) = (instance.port(), bytes.clone());
            tokio::spawn(async move {
                put(&*objects, name, &bytes, 100_000).await;
                assert!(get(&*objects, name).await == Some(bytes), "read after its own commit");
            })
        })
        .collect();
    for task in tasks {
        soon("a commit of the same bytes", task).await.expect("a task");
    }
}

/// A moment after everything before and before everything after, as exact as the store is.
async fn moment(factory: &impl Factory<dyn Objects>) -> UnixMillis {
    tokio::time::sleep(factory.time_step()).await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    tokio::time::sleep(factory.time_step()).await;
    UnixMillis(u64::try_from(now).unwrap_or(u64::MAX))
}

async fn removal_measures_from_the_last_use(factory: &impl Factory<dyn Objects>) {
    let mut instance = factory.fresh().await;
    let objects = instance.port();
    let before_all = moment(factory).await;
    for number in 1..=4 {
        put(&*objects, sample::sha256(number), &content(100, number as u8), 100).await;
    }
    let removed = objects.remove_older(before_all).await.expect("remove_older");
    assert_eq!(removed, (0, 0), "removed what was used later");
    let between = moment(factory).await;
    assert!(objects.touch(sample::sha256(1)).await.expect("touch"));
    put(&*objects, sample::sha256(2), &content(100, 2), 100).await;
    put(&*objects, sample::sha256(5), &content(100, 5), 100).await;
    drop(objects);
    instance.restart().await;
    let objects = instance.port();
    let removed = objects.remove_older(between).await.expect("remove_older");
    assert_eq!(removed, (2, 200), "objects 3 and 4 were not used since");
    for (number, there) in [(1, true), (2, true), (3, false), (4, false), (5, true)] {
        let found = get(&*objects, sample::sha256(number)).await.is_some();
        assert_eq!(found, there, "object {number} after the removal");
    }
    put(&*objects, sample::sha256(3), &content(100, 3), 100).await;
    assert!(get(&*objects, sample::sha256(3)).await.is_some(), "written again after its removal");
}

/// `touch` that says true wins over a removal at the same time.
async fn touched_while_being_removed(factory: &impl Factory<dyn Objects>) {
    let instance = factory.fresh().await;
    for round in 0..10 {
        let objects = instance.port();
        for number in 0..16 {
            put(&*objects, sample::sha256(number), &content(10, 1), 10).await;
        }
        let limit = moment(factory).await;
        let remover = Arc::clone(&objects);
        let removal = tokio::spawn(async move { remover.remove_older(limit).await });
        let mut there = Vec::new();
        for number in 0..16 {
            there.push(objects.touch(sample::sha256(number)).await.expect("touch"));
        }
        removal.await.expect("a task").expect("remove_older");
        for (number, there) in (0..).zip(there) {
            let found = get(&*objects, sample::sha256(number)).await.is_some();
            assert!(found || !there, "round {round}: touched object {number} was removed");
        }
    }
}

async fn a_removed_object_can_be_read_to_its_end(factory: &impl Factory<dyn Objects>) {
    let instance = factory.fresh().await;
    let objects = instance.port();
    let (name, content) = (sample::sha256(1), content(3 * PIECE, 8));
    put(&*objects, name, &content, PIECE).await;
    let object = objects.open(name).await.expect("open").expect("it is there");
    objects.remove_older(UnixMillis(u64::MAX >> 12)).await.expect("remove_older");
    // Either all of it or an error; never other bytes, never fewer without an error.
    if let Ok(pieces) = object.body.try_collect::<Vec<Bytes>>().await {
        assert!(pieces.concat() == content, "a removed object gave other bytes");
    }
}
