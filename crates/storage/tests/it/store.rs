//! A data directory for a test.

use std::path::Path;

use palisade_ports::Log;
use palisade_ports::log::{Append, Delivery, Durability, Subscription, Topic};
use palisade_storage::{Embedded, EmbeddedConfig};

/// A data directory and what is open in it.
pub(crate) struct Store {
    dir: tempfile::TempDir,
    config: EmbeddedConfig,
    open: Option<Embedded>,
}

impl Store {
    pub(crate) async fn new(config: EmbeddedConfig) -> Self {
        let mut store = Self { dir: tempfile::tempdir().expect("a directory"), config, open: None };
        store.reopen().await;
        store
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn open(&self) -> &Embedded {
        self.open.as_ref().expect("it is open")
    }

    /// Drops it without an orderly stop, and opens it again.
    pub(crate) async fn reopen(&mut self) {
        self.open = None;
        let opened = Embedded::open(self.dir.path(), self.config).await;
        self.open = Some(opened.expect("open"));
    }

    /// An orderly stop.
    pub(crate) async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await.expect("close");
        }
    }
}

pub(crate) async fn append(log: &dyn Log, topic: Topic, payload: &[u8], durability: Durability) {
    let payload = bytes::Bytes::copy_from_slice(payload);
    let record = Append { topic, key: bytes::Bytes::from_static(b"key"), payload };
    log.append(vec![record], durability).await.expect("append");
}

/// Records until none comes any more.
pub(crate) async fn drain(reader: &mut dyn Subscription) -> Vec<Delivery> {
    let mut all = Vec::new();
    let patience = std::time::Duration::from_millis(300);
    while let Ok(next) = tokio::time::timeout(patience, reader.next(512)).await {
        all.extend(next.expect("next"));
    }
    all
}
