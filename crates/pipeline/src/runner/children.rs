//! Children on their way from the jail into the object store, within the bounds of the whole tree.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use palisade_model::{
    ChildRef, EngineName, Inline, Lineage, NodeId, Problem, ProblemKind, Request, UnpackLimits,
};
use palisade_ports::Engine;
use palisade_ports::engine::{ChildHead, ChildSink};
use palisade_ports::log::MAX_PAYLOAD_BYTES;
use palisade_ports::records::Charged;
use palisade_ports::{PortError, Records};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::Ports;
use crate::artifacts::{ArtifactCache, Intake, IntakeError, Storing};

/// The engine whose children become requests.
pub const UNPACKER: &str = "unpack";

/// Bytes of a child's name, as JSON.
const NAME_BYTES: usize = 1_024;

/// Bytes of all names of one container, as JSON, before the rest are cut to [`SHORT_NAME_BYTES`]: the
/// list of children is one message on the log.
const NAMES_BYTES: usize = 2 << 20;
const SHORT_NAME_BYTES: usize = 48;

/// Bytes of a child in that list, as JSON and without its name, at most.
const CHILD_BYTES: usize = 224;

/// Bytes of the list: the rest of a message is for what else the result says. More children than fit
/// are more than a container may have.
const LIST_BYTES: usize = MAX_PAYLOAD_BYTES - (512 << 10);

/// Bytes of a path within a tree.
const PATH_BYTES: usize = 4_096;

/// How often the sum over the tree is looked at again: other containers of the same tree are
/// unpacked at the same time.
const CHARGE_FILES: u64 = 512;
const CHARGE_BYTES: u64 = 32 << 20;

/// Bytes of a container's children that travel with their requests, at most; the rest is stored. They
/// are in memory until the container is done, and on the log together.
const INLINE_BYTES: u64 = 4 << 20;

/// Bytes of a child that are gathered before they are written.
const PIECE_BYTES: usize = 256 << 10;

/// The children of one container.
pub(super) struct Children {
    shared: Arc<Mutex<Gathered>>,
    records: Arc<dyn Records>,
    node: NodeId,
}

/// Children on their way into the store at once: where it is far away, one after the other would be
/// most of the time of unpacking.
const STORING: usize = 16;

type Finished = (Vec<Problem>, Vec<Request>, Vec<ChildRef>);

struct Gathered {
    ports: Ports,
    artifacts: Arc<ArtifactCache>,
    parent: Request,
    naming: Naming,
    runtime: Handle,
    /// The child that is coming in.
    current: Option<(ChildHead, Intake, BytesMut)>,
    storing: JoinSet<Result<(), IntakeError>>,
    requests: Vec<Request>,
    references: Vec<ChildRef>,
    names_bytes: usize,
    /// Bytes of all children that travel with their requests.
    inline_bytes: u64,
    /// What this container has given.
    own: Charged,
    /// What the rest of the tree had given when last looked at.
    others: Charged,
    charged: Charged,
    exceeded: Option<ProblemKind>,
}

impl Children {
    /// For an engine that finds children; `None` for every other.
    pub(super) async fn new(
        ports: &Ports,
        artifacts: &Arc<ArtifactCache>,
        request: &Request,
        engine: &dyn Engine,
    ) -> Result<Option<Self>, PortError> {
        if !engine.gives_children() {
            return Ok(None);
        }
        let naming = Naming::of(request.node, engine.name());
        let gathered = Gathered {
            ports: ports.clone(),
            artifacts: Arc::clone(artifacts),
            parent: request.clone(),
            naming: naming.clone(),
            runtime: Handle::current(),
            current: None,
            storing: JoinSet::new(),
            requests: Vec::new(),
            references: Vec::new(),
            names_bytes: 0,
            inline_bytes: 0,
            own: Charged::default(),
            others: Charged::default(),
            charged: Charged::default(),
            exceeded: None,
        };
        Ok(Some(Self {
            shared: Arc::new(Mutex::new(gathered)),
            records: Arc::clone(&ports.records),
            node: naming.account(),
        }))
    }

    pub(super) fn sink(&self) -> Sink {
        Sink { shared: Arc::clone(&self.shared) }
    }

    /// What came out. Charges the tree once more, with the final sums.
    /// When this returns, every child is in the store.
    pub(super) async fn finish(self) -> Result<Finished, PortError> {
        let (own, charged, finished, mut storing) = {
            let mut gathered = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            gathered.current = None;
            let problems = gathered.exceeded.map(|kind| Problem {
                kind,
                name: String::new(),
                detail: "a bound of the request was reached".to_owned(),
            });
            let requests = std::mem::take(&mut gathered.requests);
            let references = std::mem::take(&mut gathered.references);
            let finished = (problems.into_iter().collect(), requests, references);
            let storing = std::mem::take(&mut gathered.storing);
            (gathered.own, gathered.charged, finished, storing)
        };
        while let Some(stored) = storing.join_next().await {
            match stored {
                Ok(Ok(())) => {}
                Ok(Err(IntakeError::Port(error))) => return Err(error),
                Ok(Err(error)) => return Err(store_error(error)),
                Err(panic) => return Err(store_error(panic)),
            }
        }
        if own != charged {
            self.records.charge(self.node, own).await?;
        }
        Ok(finished)
    }
}

/// What the children of an engine are called. The unpacker's names are those of a container's members;
/// another engine's must not meet them.
#[derive(Clone)]
struct Naming {
    node: NodeId,
    engine: Option<EngineName>,
}

impl Naming {
    fn of(node: NodeId, engine: &EngineName) -> Self {
        Self { node, engine: (engine.as_str() != UNPACKER).then(|| engine.clone()) }
    }

    fn child(&self, index: u32) -> NodeId {
        match &self.engine {
            None => self.node.child(index),
            Some(engine) => self.node.layer(engine, index),
        }
    }

    /// Under which name the records count what came out.
    fn account(&self) -> NodeId {
        match &self.engine {
            None => self.node,
            Some(engine) => self.node.layer(engine, u32::MAX),
        }
    }
}

/// The sink that the engine sees. Its calls come from a thread that may block.
pub(super) struct Sink {
    shared: Arc<Mutex<Gathered>>,
}

impl ChildSink for Sink {
    fn begin(&mut self, head: ChildHead) -> io::Result<()> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).begin(head)
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).data(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).end()
    }
}

impl Gathered {
    fn begin(&mut self, head: ChildHead) -> io::Result<()> {
        let limits = self.parent.limits;
        self.own.files += 1;
        // At the root, nobody has given anything yet.
        let first = self.own.files == 1 && self.parent.lineage.is_some();
        if self.own.files - self.charged.files > CHARGE_FILES || first {
            self.charge()?;
        }
        self.check(&limits)?;
        let intake = self.artifacts.intake(limits.max_file_bytes).derived();
        self.current = Some((head, intake, BytesMut::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.own.bytes += bytes.len() as u64;
        if self.own.bytes - self.charged.bytes > CHARGE_BYTES {
            self.charge()?;
        }
        let limits = self.parent.limits;
        self.check(&limits)?;
        let Some((_, intake, gathered)) = &mut self.current else { return Err(out_of_order()) };
        gathered.extend_from_slice(bytes);
        if gathered.len() >= PIECE_BYTES {
            let piece = gathered.split().freeze();
            let written = self.runtime.block_on(intake.write(piece));
            return written.map_err(|error| self.stop(error));
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some((head, mut intake, gathered)) = self.current.take() else {
            return Err(out_of_order());
        };
        let rest: Bytes = gathered.freeze();
        let written = self.runtime.block_on(intake.write(rest));
        written.map_err(|error| self.stop(error))?;
        let inline = self.inline(&intake);
        let (artifact, storing) = intake.name();
        if inline.is_none() {
            self.store(storing)?;
        }
        let index = u32::try_from(self.references.len()).unwrap_or(u32::MAX);
        let name = self.name(&head.name, index);
        let node = self.naming.child(index);
        let lineage = self.lineage();
        let left_out = (lineage.depth > self.parent.limits.max_depth
            || lineage.ancestors.contains(&artifact.sha256()))
        .then_some(ProblemKind::TooDeep);
        self.references.push(ChildRef {
            node,
            name: name.clone(),
            sha256: artifact.sha256(),
            size: artifact.size,
            encrypted: head.encrypted,
            left_out,
        });
        if left_out.is_none() {
            let mut path = join_path(&self.parent.path, &name);
            cut(&mut path, PATH_BYTES);
            self.requests.push(Request {
                node,
                lineage: Some(lineage),
                artifact,
                inline,
                name,
                path,
                metadata: None,
                callback: None,
                policy: None,
                facets: None,
                ..self.parent.clone()
            });
        }
        Ok(())
    }

    /// The bytes of a child that is to travel with its request.
    fn inline(&mut self, intake: &Intake) -> Option<Inline> {
        let size = intake.size();
        if !self.artifacts.is_inline(size) || self.inline_bytes.saturating_add(size) > INLINE_BYTES
        {
            return None;
        }
        let bytes = Bytes::copy_from_slice(intake.held()?);
        self.inline_bytes += size;
        Some(Inline(bytes))
    }

    /// Sends a child on its way. A store that is near takes it at once.
    fn store(&mut self, mut storing: Storing) -> io::Result<()> {
        let first = {
            let _runtime = self.runtime.enter();
            storing.as_mut().now_or_never()
        };
        match first {
            Some(stored) => return stored.map_err(|error| self.stop(error)),
            None => drop(self.storing.spawn_on(storing, &self.runtime)),
        }
        while self.storing.len() >= STORING {
            let stored = self.runtime.clone().block_on(self.storing.join_next());
            match stored {
                Some(Ok(stored)) => stored.map_err(|error| self.stop(error))?,
                Some(Err(panic)) => return Err(io::Error::other(panic)),
                None => {}
            }
        }
        Ok(())
    }

    fn name(&mut self, given: &str, index: u32) -> String {
        let mut name =
            if given.is_empty() { format!("member-{}", index + 1) } else { given.to_owned() };
        let limit = if self.names_bytes > NAMES_BYTES { SHORT_NAME_BYTES } else { NAME_BYTES };
        cut_json(&mut name, limit);
        self.names_bytes += json_bytes(&name);
        name
    }

    fn lineage(&self) -> Lineage {
        let (depth, mut ancestors) = match &self.parent.lineage {
            Some(lineage) => (lineage.depth, lineage.ancestors.clone()),
            None => (0, Vec::new()),
        };
        ancestors.push(self.parent.artifact.sha256());
        Lineage { parent: self.parent.node, depth: depth + 1, ancestors }
    }

    /// Tells the records what this container has given, and hears what the tree has.
    fn charge(&mut self) -> io::Result<()> {
        let charge = self.ports.records.charge(self.naming.account(), self.own);
        let sum = self.runtime.block_on(charge).map_err(io::Error::other)?;
        self.charged = self.own;
        self.others = Charged {
            files: sum.files.saturating_sub(self.own.files),
            bytes: sum.bytes.saturating_sub(self.own.bytes),
        };
        Ok(())
    }

    fn check(&mut self, limits: &UnpackLimits) -> io::Result<()> {
        let files = self.others.files + self.own.files > u64::from(limits.max_files);
        let list = self.names_bytes + self.references.len() * CHILD_BYTES > LIST_BYTES;
        let exceeded = if files || list {
            ProblemKind::TooManyFiles
        } else if self.others.bytes + self.own.bytes > limits.max_total_bytes {
            ProblemKind::TooLarge
        } else {
            return Ok(());
        };
        Err(self.exceed(exceeded))
    }

    /// A bound was reached: nothing more comes out of this container.
    fn exceed(&mut self, kind: ProblemKind) -> io::Error {
        self.exceeded = Some(kind);
        let place = self.naming.engine.as_ref().map_or(UNPACKER, EngineName::as_str);
        self.ports.metrics.drop(palisade_telemetry::metrics::DropReason::UnpackLimit, place);
        io::Error::other("a bound of the request was reached")
    }

    /// A child that could not be stored. One above its bound says something of the container, and
    /// would come again with every try; a store that fails does not.
    fn stop(&mut self, error: IntakeError) -> io::Error {
        match error {
            IntakeError::TooLarge { .. } => self.exceed(ProblemKind::TooLarge),
            error => io::Error::other(error),
        }
    }
}

fn store_error(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::Unavailable { what: "the object store", source: Box::new(error) }
}

fn out_of_order() -> io::Error {
    io::Error::other("children out of order")
}

/// The path of a child within its tree. A name that has slashes is the container's own path and
/// keeps them.
pub fn join_path(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// Cuts text to at most `limit` bytes at a character.
pub(crate) fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
}

/// Cuts text to at most `limit` bytes of JSON at a character.
fn cut_json(text: &mut String, limit: usize) {
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, character)| {
        bytes += json_bytes_of(*character);
        bytes > limit
    });
    if let Some((end, _)) = end {
        text.truncate(end);
    }
}

/// Bytes of text as JSON, without the quotes.
fn json_bytes(text: &str) -> usize {
    text.chars().map(json_bytes_of).sum()
}

/// RFC 8259, section 7: quotes and backslashes are escaped, and control characters take up to six
/// bytes.
fn json_bytes_of(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_by_what_they_take_in_json() {
        for (text, limit) in
            [("plain", 5), ("pl\u{1}ain", 8), ("\"\\", 3), ("grün", 3), ("", 0), ("\n\n", 6)]
        {
            let mut cut = text.to_owned();
            cut_json(&mut cut, limit);
            assert!(text.starts_with(&cut));
            assert!(json_bytes(&cut) <= limit, "{text:?}");
            let written = serde_json::to_string(&cut).unwrap().len() - 2;
            assert!(written <= json_bytes(&cut), "{text:?}");
            let next = text[cut.len()..].chars().next();
            assert!(next.is_none_or(|next| json_bytes(&cut) + json_bytes_of(next) > limit));
        }
    }

    #[test]
    fn a_child_in_the_list_takes_no_more_than_is_counted() {
        let root = NodeId::root(palisade_model::RequestId::from_bytes([255; 16]));
        let child = ChildRef {
            node: root.child(u32::MAX),
            name: String::new(),
            sha256: palisade_model::Sha256([255; 32]),
            size: u64::MAX,
            encrypted: true,
            left_out: Some(ProblemKind::EncryptedDocument),
        };
        // And a comma.
        assert!(serde_json::to_string(&child).unwrap().len() < CHILD_BYTES);
    }
}
