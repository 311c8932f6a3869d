//! Databases of other versions, and directories in use.

use palisade_model::UnixMillis;
use palisade_ports::log::{Durability, Start, Topic};
use palisade_ports::records::{BatchEnd, History, RequestState};
use palisade_ports::{Log, Records};
use palisade_storage::{Embedded, EmbeddedConfig, OpenError, SqliteRecords};

use crate::store::{Store, append, drain};

/// A database of each schema version, as SQL: what a field once wrote must open for ever.
const GOLDEN: [(u32, &str); 2] =
    [(1, include_str!("../golden/schema-1.sql")), (2, include_str!("../golden/schema-2.sql"))];

fn database(dir: &std::path::Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("palisade.db")).expect("the database")
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let mut store = Store::new(EmbeddedConfig::default()).await;
    append(&*store.open().log, Topic::Results, b"x", Durability::Machine).await;
    store.close().await;
    database(store.dir()).pragma_update(None, "user_version", 999).expect("a newer version");
    let opened = Embedded::open(store.dir(), EmbeddedConfig::default()).await;
    let error = opened.expect_err("a newer schema was opened");
    assert!(matches!(error, OpenError::TooNew { found: 999, .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.contains("999") && words.contains("newer Palisade"), "{words}");
    let beside = SqliteRecords::open_beside(store.dir()).await;
    assert!(matches!(beside, Err(OpenError::TooNew { .. })), "beside: {beside:?}");
    let connection = database(store.dir());
    let version: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
    let records: u32 =
        connection.query_row("SELECT count(*) FROM log_1", (), |row| row.get(0)).expect("a count");
    assert_eq!((version, records), (999, 1), "it was not left alone");
}

#[tokio::test]
async fn what_is_not_a_database_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("palisade.db"), b"not a database, but long enough ".repeat(64))
        .expect("a file");
    let opened = Embedded::open(dir.path(), EmbeddedConfig::default()).await;
    assert!(matches!(opened, Err(OpenError::Database { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_second_server_is_refused() {
    let mut store = Store::new(EmbeddedConfig::default()).await;
    let second = Embedded::open(store.dir(), EmbeddedConfig::default()).await;
    let error = second.expect_err("two servers on one directory");
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    let words = error.to_string();
    assert!(words.contains("in use") && words.contains("stop"), "{words}");
    // The first one does not mind, and once it is gone the directory is free.
    append(&*store.open().log, Topic::Results, b"x", Durability::Process).await;
    store.close().await;
    let second = Embedded::open(store.dir(), EmbeddedConfig::default()).await.expect("open");
    second.close().await.expect("close");
}

#[tokio::test]
async fn what_is_written_after_the_close_is_refused() {
    let mut store = Store::new(EmbeddedConfig::default()).await;
    let log = std::sync::Arc::clone(&store.open().log);
    store.close().await;
    let record = palisade_ports::log::Append {
        topic: Topic::Results,
        key: bytes::Bytes::new(),
        payload: bytes::Bytes::new(),
    };
    assert!(log.append(vec![record], Durability::Process).await.is_err(), "closed");
    // Nothing but the database itself remains: it was closed in order.
    assert!(!store.dir().join("palisade.db-wal").exists(), "the write-ahead log stayed behind");
}

#[tokio::test]
async fn databases_of_every_version_open() {
    for (version, sql) in GOLDEN {
        let dir = tempfile::tempdir().expect("a directory");
        let connection = database(dir.path());
        connection.execute_batch(sql).expect("the golden database");
        let stored: u32 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .expect("a version");
        assert_eq!(stored, version);
        drop(connection);
        let store =
            Embedded::open(dir.path(), EmbeddedConfig::default()).await.expect("open the golden");
        let mut reader =
            store.log.subscribe("extractor", &[Topic::Results], Start::Oldest).await.expect("join");
        let payloads: Vec<_> =
            drain(&mut *reader).await.into_iter().map(|delivery| delivery.payload).collect();
        assert_eq!(payloads, [&b"second"[..], b"third"], "version {version}");
        drop(reader);
        let id = "018bcfe568000102030405060708090a".parse().expect("an id");
        match store.records.request(id).await.expect("request") {
            Some(RequestState::Finished { summary, finished, report }) => {
                assert_eq!(summary.name, "golden.zip");
                assert_eq!(finished, UnixMillis(1_700_000_000_500));
                assert_eq!(report.request.name, "golden.zip");
            }
            other => panic!("the golden request: {other:?}"),
        }
        let counts = store.records.counts().await.expect("counts");
        assert_eq!((counts.open, counts.finished, counts.dead_letters), (0, 1, 0));
        assert_eq!(store.records.keys().await.expect("keys").len(), 1);
        // What an earlier version did not write down by itself can be looked up all the same.
        let history = History::Artifact(palisade_model::Sha256([3; 32]));
        assert_eq!(store.records.history(history, 0, 9).await.expect("history").len(), 1);
        if version >= 2 {
            has_what_version_2_added(&*store.records).await;
        }
        store.close().await.expect("close");
    }
}

async fn has_what_version_2_added(records: &dyn Records) {
    let now = UnixMillis(1_700_000_000_700);
    let batch = "018bcfe568000b0b0b0b0b0b0b0b0b0b".parse().expect("an id");
    let batch = records.batch(batch, now).await.expect("batch").expect("the golden batch");
    assert_eq!((batch.files, batch.unfinished), (1, 0));
    assert_eq!(batch.ended, Some((BatchEnd::Closed, UnixMillis(1_700_000_000_600))));
    let due = records.claim_deliveries(now, now.plus(1), 9).await.expect("claim_deliveries");
    assert_eq!(due.len(), 1, "the golden delivery");
    let upload = "018bcfe568000c0c0c0c0c0c0c0c0c0c".parse().expect("an id");
    let upload = records.upload(upload).await.expect("upload").expect("the golden upload");
    assert_eq!((upload.upload.total, upload.parts.len()), (10, 1));
}

/// The schema that this program makes is the newest golden one: a change needs a new version.
#[tokio::test]
async fn the_schema_is_the_newest_golden_one() {
    let mut store = Store::new(EmbeddedConfig::default()).await;
    append(&*store.open().log, Topic::Results, b"x", Durability::Process).await;
    store.close().await;
    let golden = rusqlite::Connection::open_in_memory().expect("a database");
    let (_, sql) = GOLDEN.last().expect("a golden database");
    golden.execute_batch(sql).expect("the golden database");
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .expect("the schema");
        let rows = statement.query_map((), |row| row.get::<_, String>(0)).expect("the schema");
        rows.map(|sql| sql.expect("a definition").split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(schema(&database(store.dir())), schema(&golden));
}
