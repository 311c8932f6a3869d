//! The process dies without a warning: everything that was acknowledged is there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use palisade_model::{AnyHash, Sha256, UnixMillis};
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_ports::records::{ApiKey, Role};
use palisade_ports::{Log, Objects, Records};
use palisade_storage::{Embedded, EmbeddedConfig, WriterConfig};

use crate::store::drain;

/// Names the data directory to the child.
const DIR: &str = "PALISADE_TEST_KILL_DIR";

const ROUNDS: u64 = 10;

fn config() -> EmbeddedConfig {
    // The write-ahead log is copied often, so that some kills hit that.
    let writer = WriterConfig { wal_bytes: 64 << 10, ..WriterConfig::default() };
    EmbeddedConfig { writer, ..EmbeddedConfig::default() }
}

fn name(number: u64) -> Sha256 {
    let mut name = [0xab; 32];
    name[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Sha256(name)
}

fn content(number: u64) -> Bytes {
    // Some are streamed, most are not.
    let size = if number.is_multiple_of(16) { 1_200_000 } else { 1000 };
    Bytes::from(vec![number as u8; size])
}

fn key(number: u64) -> ApiKey {
    let [.., a, b, c, d, e, f] = number.to_be_bytes();
    ApiKey {
        id: palisade_model::KeyId::new([a, b, c, d, e, f]),
        name: String::new(),
        role: Role::User,
        requests_per_minute: None,
        scans_per_day: None,
        workflow: None,
        created: UnixMillis(number),
        revoked: None,
    }
}

/// The child: writes, and tells on its standard output what was acknowledged. Without the
/// environment variable there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = Arc::new(Embedded::open(Path::new(&dir), config()).await.expect("open"));
    let start = palisade_ports::Clock::now(&palisade_storage::SystemClock).0 << 16;
    let tell = |what: &str, number: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nACKNOWLEDGED {what} {number}").expect("the parent listens");
        out.flush().expect("the parent listens");
    };
    let tasks = (0..6_u64).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for step in 0_u64.. {
                let number = start + step * 6 + task;
                match task {
                    0..=2 => {
                        let payload = Bytes::copy_from_slice(&number.to_be_bytes());
                        let record =
                            |topic| Append { topic, key: Bytes::new(), payload: payload.clone() };
                        let durability =
                            if task == 0 { Durability::Machine } else { Durability::Process };
                        let records = vec![record(Topic::Results), record(Topic::Reports)];
                        store.log.append(records, durability).await.expect("append");
                        tell("record", number);
                    }
                    3 | 4 => {
                        let mut writer = store.objects.writer().await.expect("writer");
                        writer.write(content(number)).await.expect("write");
                        writer.commit(name(number)).await.expect("commit");
                        tell("object", number);
                    }
                    _ => {
                        let stored = store.records.put_key(key(number), name(number)).await;
                        stored.expect("put_key");
                        tell("key", number);
                    }
                }
            }
        })
    });
    futures_util::future::join_all(tasks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_is_there_after_a_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut records, mut objects, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let path = dir.path().to_owned();
        let told =
            tokio::task::spawn_blocking(move || write_and_die("kill::child", DIR, &path, round));
        for (what, number) in told.await.expect("the child") {
            match what.as_str() {
                "record" => records.insert(number),
                "object" => objects.insert(number),
                "key" => keys.insert(number),
                other => panic!("the child said {other}"),
            };
        }
        let store = Embedded::open(dir.path(), config()).await.expect("open after a kill");
        for topic in [Topic::Results, Topic::Reports] {
            // A group of its own for each round: everything, from the start.
            let group = format!("round {round}");
            let reader = store.log.subscribe(&group, std::slice::from_ref(&topic), Start::Oldest);
            let mut reader = reader.await.expect("subscribe");
            let mut found = BTreeSet::new();
            for delivery in drain(&mut *reader).await {
                let number = delivery.payload.as_ref().try_into().expect("eight bytes");
                found.insert(u64::from_be_bytes(number));
            }
            let lost: Vec<_> = records.difference(&found).collect();
            assert!(lost.is_empty(), "round {round}: records lost on {topic}: {lost:?}");
        }
        for number in &objects {
            let object = store.objects.open(name(*number)).await.expect("open");
            let object = object.unwrap_or_else(|| panic!("round {round}: object {number} lost"));
            let pieces: Vec<Bytes> =
                futures_util::TryStreamExt::try_collect(object.body).await.expect("the body");
            assert!(pieces.concat() == content(*number), "round {round}: object {number} differs");
        }
        for number in &keys {
            let found = store.records.key(name(*number)).await.expect("key");
            assert_eq!(found, Some(key(*number)), "round {round}: key {number} lost");
        }
        let left = std::fs::read_dir(dir.path().join("objects/tmp")).expect("the directory");
        assert_eq!(left.count(), 0, "round {round}: an unfinished object stayed behind");
        let none = store.records.by_hash(AnyHash::Sha256(name(1).0)).await.expect("by_hash");
        assert!(none.is_none());
        store.close().await.expect("close");
    }
    assert!(
        records.len() > 100 && objects.len() > 20 && keys.len() > 20,
        "the children did too little for this to say anything: {} records, {} objects, {} keys",
        records.len(),
        objects.len(),
        keys.len()
    );
}

/// Runs a child and kills it a little after its first acknowledgement; gives what it told.
pub(crate) fn write_and_die(
    test: &str,
    variable: &str,
    dir: &Path,
    round: u64,
) -> Vec<(String, u64)> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(variable, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let mut told = Vec::new();
    let mut killer = None;
    for line in output.lines() {
        // The kill may cut the last line in two, even inside a character of it.
        let Ok(line) = line else { break };
        let Some(line) = line.strip_prefix("ACKNOWLEDGED ") else { continue };
        if killer.is_none() {
            let id = rustix::process::Pid::from_child(&child);
            // Somewhere else in each round.
            let delay = Duration::from_micros(20_000 + (round * 77_003) % 400_000);
            killer = Some(std::thread::spawn(move || {
                std::thread::sleep(delay);
                let killed = rustix::process::kill_process(id, rustix::process::Signal::KILL);
                killed.expect("the child lives until it is killed");
            }));
        }
        if let Some((what, number)) = line.split_once(' ')
            && let Ok(number) = number.parse()
        {
            told.push((what.to_owned(), number));
        }
    }
    killer.expect("the child acknowledged something").join().expect("the killer");
    let status = child.wait().expect("the child's end");
    assert!(!status.success(), "the child was to be killed, and ended by itself");
    // A number that the kill cut short would be one that was never acknowledged.
    told.pop();
    told
}
