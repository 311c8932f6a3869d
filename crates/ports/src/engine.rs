//! Engines: outside the jail ([`Engine`]) and inside it ([`Analyzer`]).

use std::io::{self, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use async_trait::async_trait;
use palisade_model::{
    ArtifactRef, Command, CommandId, Definitions, EngineName, FileType, Finding, Observable,
    Outcome, Problem, Property, UnpackLimits,
};

use crate::records::EngineState;

/// An artifact as the engines get it: a sealed memory file (law 5). Clones share it, which is safe
/// because nobody can write it.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its names and size.
    pub reference: ArtifactRef,
    file: Arc<OwnedFd>,
}

impl Artifact {
    /// From a memory file that the caller has sealed.
    pub fn new(reference: ArtifactRef, sealed: OwnedFd) -> Self {
        Self { reference, file: Arc::new(sealed) }
    }

    /// The sealed memory file. Read it by position: the offset is shared.
    pub fn file(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.file.as_fd()
    }
}

/// What an engine says, before the host adds whose work it was and how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Opinion {
    /// Verdict, or why there is none. `None` stands for "as the findings say".
    pub outcome: Option<Outcome>,
    /// The name of the threat.
    pub threat: Option<String>,
    /// Why, for a failure.
    pub reason: Option<String>,
    /// What it noticed.
    pub findings: Vec<Finding>,
    /// What it could not read.
    pub problems: Vec<Problem>,
    /// Addresses and hashes in the artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observables: Vec<Observable>,
    /// Facts about the artifact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    /// What the artifact is: only the file type engine fills it.
    pub file_type: Option<FileType>,
}

/// A scan that gave no opinion.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The worker died of this artifact, or was killed for what it tried: a strike.
    #[error("the worker died: {0}")]
    WorkerDied(String),
    /// Not done in the time given: killed.
    #[error("not done in time")]
    TimedOut,
    /// No worker can be had; says nothing of the artifact.
    #[error("no worker: {0}")]
    Unavailable(String),
    /// The sink for children failed (a full disk); says nothing of the artifact.
    #[error("a child could not be stored")]
    Sink(#[source] io::Error),
}

/// What the jailed side tells of a child before its bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChildHead {
    /// Its name in the container; may be empty.
    pub name: String,
    /// Whether it was stored encrypted.
    pub encrypted: bool,
}

/// Takes children as they come out of the jail. Called from a thread that may block.
pub trait ChildSink: Send {
    /// A child begins. Its bytes follow by `data`, then `end`.
    ///
    /// # Errors
    /// An error ends the scan with [`ScanError::Sink`].
    fn begin(&mut self, head: ChildHead) -> io::Result<()>;
    /// The next bytes of the child.
    ///
    /// # Errors
    /// As [`ChildSink::begin`].
    fn data(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The child is whole.
    ///
    /// # Errors
    /// As [`ChildSink::begin`].
    fn end(&mut self) -> io::Result<()>;
}

/// A sink for engines that give no children.
pub struct NoChildren;

impl ChildSink for NoChildren {
    fn begin(&mut self, _: ChildHead) -> io::Result<()> {
        Err(io::Error::other("this engine gives no children"))
    }
    fn data(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::Error::other("this engine gives no children"))
    }
    fn end(&mut self) -> io::Result<()> {
        Err(io::Error::other("this engine gives no children"))
    }
}

/// How an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it answers.
    pub state: EngineState,
    /// Why it is not up.
    pub detail: String,
    /// Live workers.
    pub workers: u32,
}

/// Something that looks at an artifact and gives an opinion, as the engine host sees it.
///
/// Laws:
/// 1. `scan` ends within `timeout_ms` plus a second, whatever the artifact is.
/// 2. The opinion is a function of the artifact, the command and the definitions that it returns.
/// 3. A scan that starts before a change of definitions ends with the old ones; none is dropped.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Its name: of its topic, its entry in reports, its metrics.
    fn name(&self) -> &EngineName;

    /// For people, one line.
    fn description(&self) -> &str;

    /// The definitions in force.
    fn definitions(&self) -> Definitions;

    /// How it is.
    fn health(&self) -> Health;

    /// Scans that it can run at once; the host asks for no more.
    fn concurrency(&self) -> usize;

    /// Commands that the host may hand to one task, one after the other: more than one for an engine
    /// whose scan takes less than a task does.
    fn together(&self) -> usize {
        1
    }

    /// Whether it finds children: the sink that it is given takes them then, and refuses them otherwise.
    fn gives_children(&self) -> bool {
        false
    }

    /// Whether it needs the bytes; one that does not is given `None` for the artifact.
    fn needs_bytes(&self) -> bool {
        true
    }

    /// Looks at one artifact. The definitions returned are those it was looked at with.
    async fn scan(
        &self,
        command: &Command,
        artifact: Option<Artifact>,
        timeout_ms: u64,
        children: Box<dyn ChildSink>,
    ) -> (Result<Opinion, ScanError>, Definitions);
}

/// What an analyzer is told of the artifact.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ScanContext {
    /// Whose work it is: only for messages.
    pub command: Option<CommandId>,
    /// The name that the caller or the container gives it.
    pub name: String,
    /// What it is, by content; empty id when not detected yet.
    pub file_type: FileType,
    /// Passwords to try on encrypted content.
    pub passwords: Vec<String>,
    /// The bounds of unpacking.
    pub limits: UnpackLimits,
}

/// What an analyzer may do besides giving an opinion.
pub trait Scan {
    /// True once the time is nearly over: finish with what there is.
    fn should_stop(&mut self) -> bool;

    /// Milliseconds until then.
    fn remaining_ms(&self) -> u64;

    /// Hands out a child.
    ///
    /// # Errors
    /// When the host takes no more: finish.
    fn child(&mut self, head: &ChildHead, body: &mut dyn Read) -> io::Result<()>;
}

/// An engine inside the jail: bytes in, opinion out. It has no file system, no network, no
/// threads; it may crash.
pub trait Analyzer {
    /// Looks at an artifact.
    fn analyze(&mut self, bytes: &[u8], context: &ScanContext, scan: &mut dyn Scan) -> Opinion;
}
