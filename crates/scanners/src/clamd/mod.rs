//! `clamd`: asks a ClamAV daemon, or another that speaks its protocol (clamd(8)).
//!
//! Over a Unix socket the sealed memory file itself is passed (`FILDES`), over TCP its bytes go
//! (`INSTREAM`). Connections are kept in sessions (`IDSESSION`), one request on each at a time.

mod config;
mod connection;
mod reply;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use palisade_model::{Command, Definitions, EngineName};
use palisade_ports::engine::{Artifact, Opinion, ScanError};

pub use config::{Address, ClamdConfig, Method};
use connection::{Connection, ConnectionError};
use reply::Reply;

use crate::backoff::Backoff;
use crate::outside::Scanner;
use crate::status::{PollError, Status, poll_every};
use crate::{fingerprint, text};

/// The engine.
pub struct ClamdEngine {
    name: EngineName,
    description: String,
    config: ClamdConfig,
    status: Status,
    backoff: Backoff,
    idle: Mutex<Vec<Connection>>,
}

impl ClamdEngine {
    /// Starts to poll; call it in a Tokio runtime.
    ///
    /// # Errors
    /// A setting that is not right.
    pub fn start(name: EngineName, config: ClamdConfig) -> Result<Arc<Self>, String> {
        config.check()?;
        let description = format!("clamd at {}", String::from(config.address.clone()));
        let interval = Duration::from_millis(config.poll_interval_ms);
        let engine = Arc::new(Self {
            name,
            description,
            config,
            status: Status::new(),
            backoff: Backoff::default(),
            idle: Mutex::new(Vec::new()),
        });
        poll_every(&engine, interval, |engine| async move { engine.poll().await });
        Ok(engine)
    }

    async fn poll(&self) {
        let time = Duration::from_millis(self.config.poll_timeout_ms);
        let slow = || format!("clamd did not answer in {} ms", self.config.poll_timeout_ms);
        let polled = tokio::time::timeout(time, self.version()).await;
        match polled.unwrap_or_else(|_| Err(PollError::Slow(slow()))) {
            Ok((definitions, detail)) => {
                self.backoff.success();
                self.status.answered(definitions, &detail);
            }
            Err(error) => self.status.failed(&error),
        }
        self.idle().retain(|connection| self.is_fresh(connection));
    }

    /// Its version, and what is wrong although it answers.
    async fn version(&self) -> Result<(Definitions, String), PollError> {
        let mut line = self.ask_once("VERSION").await?;
        let mut detail = String::new();
        let mut definitions = reply::version(&line);
        if definitions.is_none() {
            // clamd can be told not to answer `VERSION` (`EnableVersionCommand`).
            line = self.ask_once("PING").await?;
            if line != "PONG" {
                let line = text::line(&line, 80);
                return Err(PollError::Absent(format!("no clamd: it answers `{line}`")));
            }
            detail = "clamd does not tell its version: old reports stay in force".to_owned();
            let version = "unknown".to_owned();
            definitions = Some(Definitions { version, ..Definitions::default() });
        }
        let mut definitions = definitions.unwrap_or_default();
        if !self.config.databases.is_empty() {
            let paths = self.config.databases.clone();
            match tokio::task::spawn_blocking(move || fingerprint::of(&paths)).await {
                Ok(Ok(files)) => {
                    definitions.version = format!("{}+{}", definitions.version, files.version);
                    definitions.time = definitions.time.max(files.time);
                }
                Ok(Err(why)) => detail = why,
                Err(error) => detail = error.to_string(),
            }
        }
        Ok((definitions, detail))
    }

    /// A command on a connection of its own: a poll must not wait for a scan, nor use up a session.
    async fn ask_once(&self, command: &str) -> Result<String, PollError> {
        let mut connection = self.open(false).await.map_err(|error| poll_error(&error))?;
        connection.command(command).await.map_err(|error| poll_error(&error))
    }

    async fn open(&self, session: bool) -> Result<Connection, ConnectionError> {
        let time = Duration::from_millis(self.config.connect_timeout_ms);
        Connection::open(&self.config.address, time, session).await
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_fresh(&self, connection: &Connection) -> bool {
        connection.used.elapsed() < Duration::from_millis(self.config.idle_ms)
    }

    /// A kept connection, or a new one once the back-off allows it.
    async fn connection(&self, until: Instant) -> Result<Connection, ConnectionError> {
        let kept = self.idle().pop();
        if let Some(connection) = kept.filter(|connection| self.is_fresh(connection)) {
            return Ok(connection);
        }
        let wait = self.backoff.wait();
        if Instant::now() + wait >= until {
            return Err(ConnectionError::Connect(io::ErrorKind::NotConnected.into()));
        }
        tokio::time::sleep(wait).await;
        let opened = self.open(self.config.sessions).await;
        match &opened {
            Ok(_) => self.backoff.success(),
            Err(_) => self.backoff.failure(),
        }
        opened
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if connection.is_reusable() && idle.len() < self.config.concurrency {
            idle.push(connection);
        }
    }

    async fn ask(&self, artifact: &Artifact, until: Instant) -> Result<Reply, ConnectionError> {
        loop {
            let mut connection = self.connection(until).await?;
            let was_used = connection.answered > 0;
            let asked = if self.config.passes_descriptors() {
                connection.fildes(artifact).await
            } else {
                connection.instream(artifact).await
            };
            match asked {
                Ok(line) => {
                    let reply = reply::scan_reply(&line).ok_or_else(|| {
                        ConnectionError::Protocol(format!("`{}`", text::line(&line, 80)))
                    })?;
                    // After an error clamd closes the connection, or has lost the thread.
                    if !matches!(reply, Reply::Error(_)) {
                        self.keep(connection);
                    }
                    return Ok(reply);
                }
                // clamd closes what was idle for too long, and all when it restarts: that says
                // nothing of the artifact. Each turn uses up a kept connection.
                Err(ConnectionError::Sending(_) | ConnectionError::Waiting(_)) if was_used => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn answer(&self, artifact: &Artifact, until: Instant) -> Result<Opinion, ScanError> {
        let classes = reply::Classes { pua: self.config.pua, heuristics: self.config.heuristics };
        match self.ask(artifact, until).await {
            Ok(reply) => Ok(reply::opinion(reply, self.name.as_str(), classes)),
            Err(error) => Err(self.scan_error(error).await),
        }
    }

    async fn scan_error(&self, error: ConnectionError) -> ScanError {
        let unavailable = |why: String| ScanError::Unavailable(why);
        match error {
            ConnectionError::Connect(error) => {
                unavailable(format!("clamd cannot be reached: {error}"))
            }
            ConnectionError::Sending(error) => {
                unavailable(format!("clamd closed the connection while it was sent to: {error}"))
            }
            ConnectionError::Waiting(error) => {
                // It had the whole artifact. If it is gone now, the artifact may be why.
                let died = matches!(self.ask_once("PING").await, Err(PollError::Absent(_)));
                if died {
                    return ScanError::WorkerDied("clamd ended while it looked at this".to_owned());
                }
                unavailable(format!("clamd gave no reply: {error}"))
            }
            ConnectionError::Protocol(why) => {
                unavailable(format!("clamd's reply cannot be read: {why}"))
            }
            ConnectionError::Artifact(error) => {
                unavailable(format!("the memory file cannot be read: {error}"))
            }
        }
    }
}

fn poll_error(error: &ConnectionError) -> PollError {
    match error {
        ConnectionError::Connect(error) if error.kind() == io::ErrorKind::TimedOut => {
            PollError::Slow("clamd did not take the connection in time".to_owned())
        }
        ConnectionError::Connect(error) => {
            PollError::Absent(format!("clamd cannot be reached: {error}"))
        }
        ConnectionError::Sending(error) | ConnectionError::Waiting(error) => {
            PollError::Absent(format!("clamd closed the connection: {error}"))
        }
        ConnectionError::Protocol(why) => {
            PollError::Absent(format!("clamd's reply cannot be read: {why}"))
        }
        ConnectionError::Artifact(error) => PollError::Absent(error.to_string()),
    }
}

#[async_trait]
impl Scanner for ClamdEngine {
    fn name(&self) -> &EngineName {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn status(&self) -> &Status {
        &self.status
    }

    fn concurrency(&self) -> usize {
        self.config.concurrency
    }

    fn max_bytes(&self) -> u64 {
        self.config.max_bytes
    }

    fn too_large(&self, size: u64, most: u64) -> String {
        format!("it has {size} bytes; clamd is given at most {most} (max_bytes)")
    }

    async fn look(
        &self,
        _: &Command,
        artifact: &Artifact,
        _: u64,
        timeout_ms: u64,
    ) -> Result<(Opinion, Option<Definitions>), ScanError> {
        let time = Duration::from_millis(timeout_ms);
        let until = Instant::now() + time;
        let answered = tokio::time::timeout(time, self.answer(artifact, until)).await;
        Ok((answered.unwrap_or(Err(ScanError::TimedOut))?, None))
    }
}
