//! Connections: made when needed, made again when lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use palisade_ports::{PortError, PortResult};
use tokio::sync::Mutex;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::PostgresConfig;
use crate::failure::{Words, failed, not_connected, unavailable};
use crate::tls::{Mode, connector};

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not a connection string.
    #[error("postgres.url cannot be read: use postgres://user@host:5432/database")]
    Url(#[source] tokio_postgres::Error),
    /// No URL.
    #[error("postgres.url is empty: use postgres://user@host:5432/database")]
    NoUrl,
    /// A file that a setting names.
    #[error("{path} cannot be read")]
    File {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not a mode of TLS.
    #[error(
        "postgres.url: sslmode={found} is not supported: use disable, prefer, require, verify-ca or \
         verify-full"
    )]
    SslMode {
        /// What stands there.
        found: String,
    },
    /// An authority that is not asked.
    #[error(
        "postgres.ca_file has no effect with sslmode={mode} in postgres.url: use verify-full there"
    )]
    NoEffect {
        /// What stands there.
        mode: String,
    },
    /// The system has none.
    #[error(
        "this system trusts no authority: set postgres.ca_file to the certificate of the one that \
         signed the server's"
    )]
    NoAuthority,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// How to connect.
#[derive(Clone)]
struct Target {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    timeout: Duration,
    /// Run in every new session.
    greeting: &'static str,
}

/// Some connections of one kind, used in turn.
pub(crate) struct Pool {
    target: Target,
    places: Vec<Mutex<Option<Arc<Session>>>>,
    turn: AtomicUsize,
}

/// One connection, with the statements that are prepared on it.
pub(crate) struct Session {
    client: Client,
    prepared: Mutex<HashMap<&'static str, Statement>>,
}

impl Pool {
    /// Connections whose commits wait for the disk, or do not.
    pub(crate) fn new(config: &PostgresConfig, durable: bool) -> Result<Self, ConnectError> {
        let (size, greeting) = if durable {
            (config.durable_connections, "SET synchronous_commit = on")
        } else {
            (config.connections, "SET synchronous_commit = off")
        };
        let timeout = Duration::from_millis(config.timeout_ms.max(1));
        let (mode, url) = Mode::of(config)?;
        let tls = connector(config, mode)?;
        // Once for both kinds of connection.
        if durable && mode == Mode::Require {
            tracing::warn!(
                "postgres: sslmode=require does not check who the server is; use verify-full"
            );
        }
        let target = Target { config: parse(config, mode, &url)?, tls, timeout, greeting };
        let places = (0..size.max(1)).map(|_| Mutex::new(None)).collect();
        Ok(Self { target, places, turn: AtomicUsize::new(0) })
    }

    /// The same with one connection: what is begun on it is ended on it.
    pub(crate) fn alone(&self) -> Self {
        Self {
            target: self.target.clone(),
            places: vec![Mutex::new(None)],
            turn: AtomicUsize::new(0),
        }
    }

    async fn session(&self) -> PortResult<Arc<Session>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.places.len();
        let place = self.places.get(turn).ok_or_else(|| unavailable(Words("no place".into())))?;
        let mut place = place.lock().await;
        if let Some(session) = &*place
            && !session.client.is_closed()
        {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(self.target.connect().await?);
        *place = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Runs a statement; its rows.
    pub(crate) async fn query(
        &self,
        statement: &'static str,
        types: &[Type],
        values: &[&(dyn ToSql + Sync)],
    ) -> PortResult<Vec<Row>> {
        let run = async {
            let session = self.session().await?;
            let prepared = session.prepare(statement, types).await?;
            session.client.query(&prepared, values).await.map_err(failed)
        };
        self.in_time(run).await
    }

    /// Runs statements that take no values, as one transaction.
    pub(crate) async fn batch(&self, statements: &str) -> PortResult<()> {
        let run = async {
            let session = self.session().await?;
            session.client.batch_execute(statements).await.map_err(failed)
        };
        self.in_time(run).await
    }

    async fn in_time<T>(&self, run: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        match tokio::time::timeout(self.target.timeout, run).await {
            Ok(done) => done,
            Err(_) => {
                let limit = self.target.timeout.as_millis();
                Err(unavailable(Words(format!("PostgreSQL did not answer in {limit} ms"))))
            }
        }
    }
}

impl Target {
    async fn connect(&self) -> Result<Session, PortError> {
        let (client, connection) =
            self.config.connect(self.tls.clone()).await.map_err(not_connected)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(%error, "a connection to PostgreSQL ended");
            }
        });
        client.batch_execute(self.greeting).await.map_err(failed)?;
        Ok(Session { client, prepared: Mutex::default() })
    }
}

impl Session {
    async fn prepare(&self, text: &'static str, types: &[Type]) -> PortResult<Statement> {
        let mut prepared = self.prepared.lock().await;
        if let Some(statement) = prepared.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare_typed(text, types).await.map_err(failed)?;
        prepared.insert(text, statement.clone());
        Ok(statement)
    }
}

fn parse(
    config: &PostgresConfig,
    mode: Mode,
    url: &str,
) -> Result<tokio_postgres::Config, ConnectError> {
    if config.url.is_empty() {
        return Err(ConnectError::NoUrl);
    }
    let mut parsed: tokio_postgres::Config = url.parse().map_err(ConnectError::Url)?;
    // On a socket of this machine there is no TLS, whatever the mode says.
    let local = |host: &Host| matches!(host, Host::Unix(_));
    let everywhere = !parsed.get_hosts().is_empty() && parsed.get_hosts().iter().all(local);
    parsed.ssl_mode(if everywhere { SslMode::Disable } else { mode.negotiates() });
    if let Some(path) = &config.password_file {
        let text = std::fs::read_to_string(path).map_err(|source| file(path, source))?;
        parsed.password(text.lines().next().unwrap_or_default());
    }
    if parsed.get_application_name().is_none() {
        parsed.application_name("palisade");
    }
    parsed.connect_timeout(Duration::from_millis(config.timeout_ms.clamp(1, 5_000)));
    // A cut is noticed by the connection itself, not only by the calls on it.
    parsed.keepalives(true).keepalives_idle(Duration::from_secs(10));
    parsed.tcp_user_timeout(Duration::from_millis(config.timeout_ms.max(1)));
    Ok(parsed)
}

pub(crate) fn file(
    path: &std::path::Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ConnectError {
    ConnectError::File { path: path.display().to_string(), source: source.into() }
}
