//! Engines that do what a test tells them to.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use palisade_model::{Command, CommandId, Definitions, EngineName, UnixMillis};
use palisade_ports::engine::{Artifact, ChildHead, ChildSink, Health, Opinion, ScanError};
use palisade_ports::records::EngineState;
use palisade_ports::{Clock, Engine};
use tokio::sync::Semaphore;

/// What a script is told of a scan.
pub struct Scene<'a> {
    /// What was asked.
    pub command: &'a Command,
    /// The artifact; empty for an engine that needs none.
    pub bytes: &'a [u8],
    /// Scans of the same command that began before this one.
    pub earlier: u32,
}

/// What a scan comes to.
pub enum Act {
    /// An opinion.
    Say(Opinion),
    /// These children, each a name and its content, then an opinion.
    Unpack(Vec<(String, Vec<u8>)>, Opinion),
    /// The worker dies of the artifact.
    Die(&'static str),
    /// There is no worker.
    Unavailable(&'static str),
    /// Never ends by itself.
    Hang,
    /// The engine's own code panics.
    Panic,
    /// Waits for a permit, which it uses up, and then does this.
    Wait(Arc<Semaphore>, Box<Act>),
}

impl Act {
    /// Looked, and found nothing.
    pub fn nothing() -> Self {
        Self::Say(Opinion::default())
    }
}

type Script = dyn Fn(&Scene<'_>) -> Act + Send + Sync;

/// An engine whose scans a closure decides.
pub struct ScriptedEngine {
    name: EngineName,
    script: Box<Script>,
    concurrency: usize,
    needs_bytes: bool,
    clock: OnceLock<Arc<dyn Clock>>,
    state: Mutex<State>,
}

struct State {
    definitions: Definitions,
    health: Health,
    scans: HashMap<CommandId, u32>,
    begun: Vec<CommandId>,
}

impl ScriptedEngine {
    /// An engine of this name, which is up and has definitions `1`.
    ///
    /// # Panics
    /// When the name is none.
    pub fn new(
        name: &str,
        script: impl Fn(&Scene<'_>) -> Act + Send + Sync + 'static,
    ) -> ScriptedEngine {
        let health = Health { state: EngineState::Up, detail: String::new(), workers: 2 };
        Self {
            name: name.parse().expect("an engine's name"),
            script: Box::new(script),
            concurrency: 2,
            needs_bytes: true,
            clock: OnceLock::new(),
            state: Mutex::new(State {
                definitions: definitions("1"),
                health,
                scans: HashMap::new(),
                begun: Vec::new(),
            }),
        }
    }

    /// Scans that it runs at once. Default 2.
    pub fn at_once(mut self, scans: usize) -> Self {
        self.concurrency = scans;
        self
    }

    /// It does not need the artifact's bytes.
    pub fn without_bytes(mut self) -> Self {
        self.needs_bytes = false;
        self
    }

    /// Other definitions from now on.
    pub fn set_definitions(&self, version: &str) {
        self.state().definitions = definitions(version);
    }

    /// Another state from now on.
    pub fn set_health(&self, state: EngineState, detail: &str) {
        self.state().health = Health { state, detail: detail.to_owned(), workers: 0 };
    }

    /// Every scan so far, in the order in which they began.
    pub fn begun(&self) -> Vec<CommandId> {
        self.state().begun.clone()
    }

    pub(crate) fn set_clock(&self, clock: Arc<dyn Clock>) {
        // A second cluster with the same engine keeps the first clock; none does that.
        let _ = self.clock.set(clock);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: CommandId) -> (u32, Definitions) {
        let mut state = self.state();
        state.begun.push(id.clone());
        let scans = state.scans.entry(id).or_default();
        let earlier = *scans;
        *scans += 1;
        (earlier, state.definitions.clone())
    }
}

/// Definitions of this version, made at a fixed time.
pub fn definitions(version: &str) -> Definitions {
    Definitions { version: version.to_owned(), time: UnixMillis(1_600_000_000_000) }
}

#[async_trait]
impl Engine for ScriptedEngine {
    fn name(&self) -> &EngineName {
        &self.name
    }

    fn description(&self) -> &str {
        "does what a test tells it to"
    }

    fn gives_children(&self) -> bool {
        self.name.as_str() == crate::scripts::UNPACKER
    }

    fn definitions(&self) -> Definitions {
        self.state().definitions.clone()
    }

    fn health(&self) -> Health {
        self.state().health.clone()
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    fn needs_bytes(&self) -> bool {
        self.needs_bytes
    }

    async fn scan(
        &self,
        command: &Command,
        artifact: Option<Artifact>,
        timeout_ms: u64,
        children: Box<dyn ChildSink>,
    ) -> (Result<Opinion, ScanError>, Definitions) {
        let (earlier, definitions) = self.begin(command.id());
        let bytes = artifact.map(|artifact| read(&artifact)).unwrap_or_default();
        let act = (self.script)(&Scene { command, bytes: &bytes, earlier });
        let timeout = async {
            match self.clock.get() {
                Some(clock) => clock.sleep(timeout_ms).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = play(act, children) => ended,
            () = timeout => Err(ScanError::TimedOut),
        };
        (ended, definitions)
    }
}

async fn play(mut act: Act, children: Box<dyn ChildSink>) -> Result<Opinion, ScanError> {
    loop {
        act = match act {
            Act::Say(opinion) => return Ok(opinion),
            Act::Die(how) => return Err(ScanError::WorkerDied(how.to_owned())),
            Act::Unavailable(why) => return Err(ScanError::Unavailable(why.to_owned())),
            Act::Panic => panic!("told to"),
            Act::Hang => return std::future::pending().await,
            Act::Wait(gate, then) => {
                if let Ok(permit) = gate.acquire().await {
                    permit.forget();
                }
                *then
            }
            Act::Unpack(members, opinion) => {
                // Sinks are called from threads that may block.
                let given = tokio::task::spawn_blocking(move || give(children, members)).await;
                return match given {
                    Ok(Ok(())) => Ok(opinion),
                    Ok(Err(error)) => Err(ScanError::Sink(error)),
                    Err(error) => Err(ScanError::Sink(std::io::Error::other(error))),
                };
            }
        }
    }
}

fn give(mut children: Box<dyn ChildSink>, members: Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    for (name, content) in members {
        children.begin(ChildHead { name, encrypted: false })?;
        for piece in content.chunks(64 << 10) {
            children.data(piece)?;
        }
        children.end()?;
    }
    Ok(())
}

fn read(artifact: &Artifact) -> Vec<u8> {
    let size = usize::try_from(artifact.reference.size).unwrap_or(0);
    let mut bytes = vec![0; size];
    // By position: the offset is shared with whoever else has this artifact.
    let read = artifact
        .file()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|file| File::from(file).read_exact_at(&mut bytes, 0));
    match read {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}
