//! The stores behind the ports: embedded or distributed, by the settings.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use palisade_kafka::{KafkaLog, LostRecords};
use palisade_ports::{Log, Objects, Records};
use palisade_postgres::PostgresRecords;
use palisade_s3::S3Objects;
use palisade_storage::{Embedded, EmbeddedConfig, SqliteRecords};
use palisade_telemetry::Metrics;
use palisade_telemetry::metrics::DropReason;

use crate::config::{Config, StorageKind};
use crate::role::Role;

/// The log, the objects and the records.
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) records: Arc<dyn Records>,
    /// Where several processes share the stores: whose clock they go by.
    pub(crate) database: Option<Arc<PostgresRecords>>,
    embedded: Option<Embedded>,
}

impl Stores {
    /// Opens them. Distributed ones are waited for: a process may start before its servers.
    pub(crate) async fn open(config: &Config, metrics: &Metrics) -> anyhow::Result<Self> {
        match config.storage {
            StorageKind::Embedded => {
                if Role::ALL.iter().any(|role| !config.roles.contains(role)) {
                    bail!(
                        "the embedded stores serve one process, so it must have all roles; set \
                         storage = \"distributed\" to share the work among processes"
                    );
                }
                let embedded = Embedded::open(&config.data, EmbeddedConfig::default()).await?;
                Ok(Self {
                    log: Arc::clone(&embedded.log) as _,
                    objects: Arc::clone(&embedded.objects) as _,
                    records: Arc::clone(&embedded.records) as _,
                    database: None,
                    embedded: Some(embedded),
                })
            }
            StorageKind::Distributed => {
                std::fs::create_dir_all(&config.data)
                    .with_context(|| format!("{} cannot be made", config.data.display()))?;
                let lost = count_lost(metrics.clone());
                let log =
                    KafkaLog::open(config.kafka.clone(), lost).context("settings of kafka")?;
                let objects = S3Objects::new(&config.s3).context("settings of s3")?;
                let records = records(config).await?;
                Ok(Self {
                    log: Arc::new(log),
                    objects: Arc::new(objects),
                    records: Arc::clone(&records) as _,
                    database: Some(records),
                    embedded: None,
                })
            }
        }
    }

    /// Writes what is to be written. Call it when nothing uses the stores any more.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        let Self { log, objects, embedded, .. } = self;
        // A log on the network says good-bye, which may take a moment.
        tokio::task::spawn_blocking(move || drop((log, objects))).await?;
        if let Some(embedded) = embedded {
            embedded.close().await?;
        }
        Ok(())
    }
}

/// Records that the log removed before they were read (law 7).
fn count_lost(metrics: Metrics) -> LostRecords {
    Arc::new(move |topic, records| {
        metrics.drop_many(DropReason::Retention, "log", records);
        tracing::error!(%topic, records, "the log removed records before they were worked on");
    })
}

/// How long a database is waited for at the start, and how often it is looked for.
const WAIT: std::time::Duration = std::time::Duration::from_secs(60);
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

async fn records(config: &Config) -> anyhow::Result<Arc<PostgresRecords>> {
    let records = PostgresRecords::new(&config.postgres).context("settings of postgres")?;
    let started = std::time::Instant::now();
    loop {
        match records.prepare().await {
            Ok(()) => return Ok(Arc::new(records)),
            Err(palisade_postgres::SchemaError::Database(error)) if started.elapsed() < WAIT => {
                tracing::warn!(error = format!("{:#}", anyhow::Error::new(error)), "PostgreSQL");
                tokio::time::sleep(LOOK).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The records for a command beside a running server.
pub(crate) enum Beside {
    /// Of a data directory.
    Embedded(SqliteRecords),
    /// On PostgreSQL.
    Distributed(Arc<dyn Records>),
}

impl Beside {
    /// By a server's settings, or by its data directory alone.
    pub(crate) async fn open(settings: Option<&Path>, data: &Path) -> anyhow::Result<Self> {
        if let Some(path) = settings {
            let config = Config::load(Some(path))?;
            return match config.storage {
                StorageKind::Distributed => Ok(Self::Distributed(records(&config).await?)),
                StorageKind::Embedded => {
                    Ok(Self::Embedded(SqliteRecords::open_beside(&config.data).await?))
                }
            };
        }
        Ok(Self::Embedded(SqliteRecords::open_beside(data).await?))
    }

    pub(crate) fn records(&self) -> &dyn Records {
        match self {
            Self::Embedded(records) => records,
            Self::Distributed(records) => &**records,
        }
    }

    pub(crate) async fn close(self) {
        if let Self::Embedded(records) = self {
            records.close().await;
        }
    }
}
