//! `reputation`: hash lists. What is on a block list is malicious, what is on an allow list is
//! answered for by whoever listed it. Needs no bytes, so it needs no jail.

mod index;
mod list;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use palisade_model::{
    AnyHash, Command, Definitions, EngineName, Finding, HashKind, Hashes, Outcome, Severity,
    UnixMillis, Verdict,
};
use palisade_ports::Engine;
use palisade_ports::engine::{Artifact, ChildSink, Health, Opinion, ScanError};
use palisade_ports::records::EngineState;

pub use index::{Index, IndexBuilder, IndexError};
pub use list::{ListKind, ListSummary, read_list};

/// Its name.
pub const NAME: &str = "reputation";

/// For people.
pub const DESCRIPTION: &str = "hash allow and block lists";

/// Id of the finding for a blocked hash.
pub const BLOCK_LISTED: &str = "block-listed";

/// Id of the finding for the hash of a known threat.
pub const KNOWN_THREAT: &str = "known-threat";

/// Id of the finding for an allowed hash.
pub const ALLOW_LISTED: &str = "allow-listed";

/// The EICAR test file (68 bytes), by its SHA-256: what every scanner is first tried with.
const EICAR: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// A hash list to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// The file.
    pub path: PathBuf,
    /// What being on it means.
    pub kind: ListKind,
}

/// Lists that could not be read, in part or whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSummary {
    /// Entries of all lists, repeats counted once.
    pub entries: u64,
    /// A line for people for each list with something wrong.
    pub problems: Vec<String>,
}

/// Reads these lists, and the EICAR test file's hash, into an index.
///
/// # Errors
/// A list that cannot be opened or read. Lines that hold no hash are problems, not errors.
pub fn load(sources: &[ListSource]) -> Result<(Index, LoadSummary), IndexError> {
    let mut builder = IndexBuilder::default();
    if let Ok(hash) = EICAR.parse() {
        builder.add(hash, ListKind::Threat, "EICAR-Test-File");
    }
    let mut problems = Vec::new();
    for source in sources {
        let summary = read_list(&source.path, source.kind, &mut builder)?;
        problems.extend(summary.problem(&source.path));
    }
    let index = builder.build();
    let entries = index.len();
    Ok((index, LoadSummary { entries, problems }))
}

/// The engine.
pub struct ReputationEngine {
    name: EngineName,
    state: RwLock<Arc<State>>,
}

struct State {
    index: Index,
    definitions: Definitions,
    problems: Vec<String>,
}

impl ReputationEngine {
    /// Over an index.
    pub fn new(index: Index, summary: LoadSummary, now: UnixMillis) -> Self {
        Self {
            name: crate::engine_name(NAME),
            state: RwLock::new(Arc::new(State {
                definitions: Definitions { version: index.version(), time: now },
                index,
                problems: summary.problems,
            })),
        }
    }

    /// Puts another index in force.
    pub fn replace(&self, index: Index, summary: LoadSummary, now: UnixMillis) {
        let definitions = Definitions { version: index.version(), time: now };
        let state = State { definitions, index, problems: summary.problems };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the lists say of these hashes.
    pub fn look_up(&self, hashes: &Hashes) -> Opinion {
        look_up(&self.state().index, hashes.keys().into_iter().flatten())
    }
}

/// What an index says of an artifact with these hashes.
pub fn look_up(index: &Index, hashes: impl IntoIterator<Item = AnyHash>) -> Opinion {
    let mut found = None;
    for hash in hashes {
        let Some(entry) = index.get(&hash) else { continue };
        if entry.kind != ListKind::Allow {
            return listed(entry, &hash);
        }
        found.get_or_insert((entry, hash));
    }
    match found {
        Some((entry, hash)) => listed(entry, &hash),
        None => Opinion { outcome: Some(Outcome::Verdict(Verdict::Unknown)), ..Opinion::default() },
    }
}

fn listed(entry: index::Entry<'_>, hash: &AnyHash) -> Opinion {
    let function = match hash.kind() {
        HashKind::Md5 => "MD5",
        HashKind::Sha1 => "SHA-1",
        HashKind::Sha256 => "SHA-256",
        HashKind::Sha512 => "SHA-512",
    };
    let (id, severity, list) = match entry.kind {
        ListKind::Threat => (KNOWN_THREAT, Severity::Malicious, "the list of known threats"),
        ListKind::Block => (BLOCK_LISTED, Severity::Malicious, "a block list"),
        ListKind::Allow => (ALLOW_LISTED, Severity::Info, "an allow list"),
    };
    let named = if entry.name.is_empty() { String::new() } else { format!(" as {}", entry.name) };
    let blocked = entry.kind != ListKind::Allow;
    let threat = blocked.then(|| {
        if entry.name.is_empty() { "Blocklisted.Hash".to_owned() } else { entry.name.to_owned() }
    });
    let verdict = if blocked { Verdict::Malicious } else { Verdict::NoThreat };
    Opinion {
        outcome: Some(Outcome::Verdict(verdict)),
        threat,
        findings: vec![Finding {
            id: id.to_owned(),
            severity,
            explanation: format!("its {function} is on {list}{named}"),
            ..Finding::default()
        }],
        ..Opinion::default()
    }
}

#[async_trait]
impl Engine for ReputationEngine {
    fn name(&self) -> &EngineName {
        &self.name
    }

    fn description(&self) -> &str {
        DESCRIPTION
    }

    fn definitions(&self) -> Definitions {
        self.state().definitions.clone()
    }

    fn health(&self) -> Health {
        let problems = &self.state().problems;
        let state = if problems.is_empty() { EngineState::Up } else { EngineState::Degraded };
        Health { state, detail: problems.join("; "), workers: 1 }
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn together(&self) -> usize {
        32
    }

    fn needs_bytes(&self) -> bool {
        false
    }

    async fn scan(
        &self,
        command: &Command,
        _: Option<Artifact>,
        _: u64,
        _: Box<dyn ChildSink>,
    ) -> (Result<Opinion, ScanError>, Definitions) {
        let state = self.state();
        let hashes = command.request.artifact.hashes.keys();
        let opinion = look_up(&state.index, hashes.into_iter().flatten());
        (Ok(opinion), state.definitions.clone())
    }
}
