//! Strikes, charges, dead letters, engines.

use palisade_model::{CommandId, DeadLetter, Definitions, EngineName, NodeId, UnixMillis};

use super::{Factory, sample, soon};
use crate::Records;
use crate::records::{Charged, EngineState, EngineStatus};

pub(super) async fn suite(factory: &impl Factory<dyn Records>) {
    strikes(factory).await;
    charges(factory).await;
    a_large_tree(factory).await;
    dead_letters(factory).await;
    engines(factory).await;
}

fn engine(name: &str) -> EngineName {
    name.parse().expect("an engine's name")
}

async fn strikes(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let root = NodeId::root(sample::id(1));
    let command = |node: NodeId, name: &str| CommandId { node, engine: engine(name) };
    for expected in 1..=3 {
        let strikes = instance.port().strike(command(root, "yara")).await.expect("strike");
        assert_eq!(strikes, expected);
        instance.restart().await;
    }
    let records = instance.port();
    for other in [
        command(root, "hash"),
        command(root.child(0), "yara"),
        command(NodeId::root(sample::id(2)), "yara"),
    ] {
        assert_eq!(records.strike(other).await.expect("strike"), 1, "of another command");
    }
    // Every one of many at once counts.
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (records, command) = (instance.port(), command(root.child(9), "yara"));
            tokio::spawn(async move { records.strike(command).await.expect("strike") })
        })
        .collect();
    let mut counted = Vec::new();
    for task in tasks {
        counted.push(task.await.expect("a task"));
    }
    counted.sort_unstable();
    assert!(counted.iter().copied().eq(1..=10), "{counted:?}");
    records.settle(sample::id(1)).await.expect("settle");
    assert_eq!(records.strike(command(root, "yara")).await.expect("strike"), 1, "settled");
    let other = command(NodeId::root(sample::id(2)), "yara");
    assert_eq!(records.strike(other).await.expect("strike"), 2, "another tree was not settled");
}

async fn charges(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let root = NodeId::root(sample::id(1));
    let (child, stranger) = (root.child(3), NodeId::root(sample::id(2)));
    let steps = [
        (root, 3, 100, 3, 100),
        (child, 2, 50, 5, 150),
        (root, 3, 100, 5, 150),
        (child, 1, 10, 4, 110),
        (stranger, 7, 7, 7, 7),
        (child, 4, 40, 7, 140),
    ];
    for (node, files, bytes, all_files, all_bytes) in steps {
        let sum = instance.port().charge(node, Charged { files, bytes }).await.expect("charge");
        assert_eq!(sum, Charged { files: all_files, bytes: all_bytes }, "after {node}");
        instance.restart().await;
    }
    let records = instance.port();
    records.settle(sample::id(1)).await.expect("settle");
    records.settle(sample::id(1)).await.expect("settle twice");
    let sum = records.charge(child, Charged { files: 1, bytes: 1 }).await.expect("charge");
    assert_eq!(sum, Charged { files: 1, bytes: 1 }, "settled");
    // Numbers that no tree has do not make it small again.
    let huge = Charged { files: u64::MAX, bytes: u64::MAX };
    records.charge(child.child(0), huge).await.expect("charge");
    let sum = records.charge(child.child(1), huge).await.expect("charge");
    assert!(sum.files >= 1 << 62 && sum.bytes >= 1 << 62, "an overflow: {sum:?}");
}

/// A tree of many nodes, charged at once from many tasks, some of them twice.
async fn a_large_tree(factory: &impl Factory<dyn Records>) {
    let instance = factory.fresh().await;
    let root = NodeId::root(sample::id(1));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let records = instance.port();
            tokio::spawn(async move {
                for number in (task..1600).step_by(8) {
                    for _ in 0..=number % 2 {
                        let charge = Charged { files: 1, bytes: 10 };
                        records.charge(root.child(number), charge).await.expect("charge");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        soon("charging", task).await.expect("a task");
    }
    let sum = instance.port().charge(root, Charged::default()).await.expect("charge");
    assert_eq!(sum, Charged { files: 1600, bytes: 16_000 });
}

fn letter(number: u64, reason: &str) -> DeadLetter {
    DeadLetter {
        id: format!("palisade.commands.yara/{number}"),
        topic: "palisade.commands.yara".into(),
        key: sample::id(number).to_string(),
        reason: reason.into(),
        attempts: 3,
        time: UnixMillis(1000 + number),
        payload: "{\"v\":1,\"body\":\"\u{e9}\\u0000\"}".into(),
    }
}

async fn dead_letters(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let records = instance.port();
    assert!(records.dead_letters(10).await.expect("dead_letters").is_empty());
    for number in 0..5 {
        records.put_dead_letter(letter(number, "it died")).await.expect("put_dead_letter");
        records.put_dead_letter(letter(number, "it died again")).await.expect("put_dead_letter");
    }
    drop(records);
    instance.restart().await;
    let records = instance.port();
    assert_eq!(records.counts().await.expect("counts").dead_letters, 5, "repeats replace");
    let newest = records.dead_letters(2).await.expect("dead_letters");
    assert_eq!(newest, [letter(4, "it died again"), letter(3, "it died again")]);
    let id = letter(2, "").id;
    let one = records.dead_letter(&id).await.expect("dead_letter");
    assert_eq!(one, Some(letter(2, "it died again")));
    assert!(records.remove_dead_letter(&id).await.expect("remove_dead_letter"));
    assert!(!records.remove_dead_letter(&id).await.expect("remove_dead_letter"), "removed twice");
    assert_eq!(records.dead_letter(&id).await.expect("dead_letter"), None);
    assert_eq!(records.dead_letters(10).await.expect("dead_letters").len(), 4);
    assert_eq!(records.counts().await.expect("counts").dead_letters, 4);
}

async fn engines(factory: &impl Factory<dyn Records>) {
    let mut instance = factory.fresh().await;
    let status = |name: &str, host: &str, state, seen| EngineStatus {
        engine: engine(name),
        host: host.into(),
        state,
        detail: "rule 3 does not compile".into(),
        definitions: Definitions { version: "7".into(), time: UnixMillis(5) },
        workers: 2,
        seen: UnixMillis(seen),
    };
    let all = [
        status("hash", "a", EngineState::Down, 10),
        status("yara", "a", EngineState::Degraded, 30),
        status("yara", "b", EngineState::Up, 20),
    ];
    let records = instance.port();
    records.put_engine(status("yara", "a", EngineState::Up, 10)).await.expect("put_engine");
    for status in &all {
        records.put_engine(status.clone()).await.expect("put_engine");
    }
    drop(records);
    for restart in [false, true] {
        if restart {
            instance.restart().await;
        }
        let mut engines = instance.port().engines().await.expect("engines");
        engines.sort_by_key(|status| (status.engine.clone(), status.host.clone()));
        assert_eq!(engines, all);
    }
}
