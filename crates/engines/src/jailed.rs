use std::os::fd::OwnedFd;

use async_trait::async_trait;
use palisade_jail::{Job, Pool};
use palisade_model::{Command, Definitions, EngineName};
use palisade_ports::Engine;
use palisade_ports::engine::{Artifact, ChildSink, Health, Opinion, ScanContext, ScanError};
use palisade_ports::records::EngineState;
use rustix::fs::{MemfdFlags, SealFlags};

/// An engine that runs in a pool of jailed workers.
pub struct JailedEngine {
    name: EngineName,
    description: &'static str,
    pool: Pool,
    gives_children: bool,
    /// What is wrong although it works; told with its health.
    degraded: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

impl JailedEngine {
    /// The engine `name` of `pool`.
    pub fn new(name: EngineName, description: &'static str, pool: Pool) -> Self {
        let degraded = std::sync::Arc::default();
        Self { name, description, pool, gives_children: false, degraded }
    }

    /// It gives children.
    pub fn with_children(self) -> Self {
        Self { gives_children: true, ..self }
    }

    /// Its pool: to put other definitions in force.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Says what is wrong although it works; `None` when nothing is.
    pub fn set_degraded(&self, why: Option<String>) {
        *self.degraded.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = why;
    }

    fn in_force(&self) -> Definitions {
        let engines = self.pool.engines();
        let own = engines.into_iter().find(|(name, _)| *name == self.name);
        own.map(|(_, definitions)| definitions).unwrap_or_default()
    }
}

#[async_trait]
impl Engine for JailedEngine {
    fn name(&self) -> &EngineName {
        &self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn definitions(&self) -> Definitions {
        self.in_force()
    }

    fn health(&self) -> Health {
        let pool = self.pool.health();
        let degraded =
            self.degraded.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let (state, detail) = match (pool.broken, degraded) {
            (Some(broken), _) => (EngineState::Down, broken),
            (None, Some(why)) => (EngineState::Degraded, why),
            (None, None) => (EngineState::Up, String::new()),
        };
        Health { state, detail, workers: pool.workers }
    }

    fn concurrency(&self) -> usize {
        self.pool.workers()
    }

    fn gives_children(&self) -> bool {
        self.gives_children
    }

    async fn scan(
        &self,
        command: &Command,
        artifact: Option<Artifact>,
        timeout_ms: u64,
        children: Box<dyn ChildSink>,
    ) -> (Result<Opinion, ScanError>, Definitions) {
        let Some(artifact) = artifact else {
            let error = ScanError::Unavailable("the artifact was not handed over".to_owned());
            return (Err(error), self.in_force());
        };
        let job = Job {
            artifact,
            context: context(command),
            engines: Some(vec![self.name.clone()]),
            timeout_ms,
        };
        let scanned = match self.gives_children {
            true => self.pool.scan_on_thread(job, children).await,
            false => self.pool.ask(job).await,
        };
        match scanned {
            Ok(Some(outcome)) => (outcome.opinion, outcome.definitions),
            Ok(None) => {
                let error = ScanError::Unavailable("the pool has no such engine".to_owned());
                (Err(error), self.in_force())
            }
            Err(error) => (Err(error), self.in_force()),
        }
    }
}

/// What the jailed side is told of a command.
fn context(command: &Command) -> ScanContext {
    ScanContext {
        command: Some(command.id()),
        name: command.request.name.clone(),
        file_type: command.file_type.clone(),
        passwords: command.request.passwords.clone(),
        limits: command.request.limits,
    }
}

/// A sealed memory file holding definitions for the jail.
///
/// # Errors
/// No memory, or no file descriptors left.
pub fn memory_file(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create(c"definitions", flags)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(count) => rest = &rest[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file)
}
