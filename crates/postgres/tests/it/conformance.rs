//! The suite of the port, and what it leaves open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use palisade_ports::Records;
use palisade_ports::conformance::{self, Factory, Instance};
use palisade_postgres::{PostgresConfig, PostgresRecords};
use palisade_services::{Postgres, Shared};

/// The server that tests share while any of them runs.
fn shared() -> Arc<Postgres> {
    static SERVER: Shared<Postgres> = Shared::new();
    SERVER.get(Postgres::start)
}

async fn server() -> Arc<Postgres> {
    tokio::task::spawn_blocking(shared).await.expect("a server")
}

async fn database(server: &Arc<Postgres>) -> PostgresConfig {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("db{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let server = Arc::clone(server);
    let url =
        tokio::task::spawn_blocking(move || server.database(&name)).await.expect("a database");
    PostgresConfig { url, ..PostgresConfig::default() }
}

async fn open(config: &PostgresConfig) -> Arc<PostgresRecords> {
    let records = PostgresRecords::new(config).expect("settings");
    records.prepare().await.expect("tables");
    Arc::new(records)
}

struct Server(Arc<Postgres>);

struct Fresh {
    config: PostgresConfig,
    records: Arc<PostgresRecords>,
}

#[async_trait]
impl Factory<dyn Records> for Server {
    async fn fresh(&self) -> Box<dyn Instance<dyn Records>> {
        let config = database(&self.0).await;
        let records = open(&config).await;
        Box::new(Fresh { config, records })
    }
}

#[async_trait]
impl Instance<dyn Records> for Fresh {
    fn port(&self) -> Arc<dyn Records> {
        Arc::clone(&self.records) as _
    }

    async fn restart(&mut self) {
        self.records = open(&self.config).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records() {
    conformance::records::suite(Server(server().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_make_the_tables_once() {
    let server = server().await;
    let config = database(&server).await;
    let starting: Vec<_> = (0..8)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move { open(&config).await.counts().await })
        })
        .collect();
    for started in starting {
        started.await.expect("a start").expect("counts");
    }
}
