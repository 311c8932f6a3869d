use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EngineName, FileType, NodeId, Request, UnixMillis};

/// One engine's work on one node: the same for every delivery of the same work (law 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommandId {
    /// The artifact in its tree.
    pub node: NodeId,
    /// The engine.
    pub engine: EngineName,
}

impl fmt::Display for CommandId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.node, self.engine)
    }
}

/// One engine to run on one artifact of one request. Topic `palisade.commands.<engine>`, keyed by
/// the root's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The engine to run.
    pub engine: EngineName,
    /// What was asked.
    pub request: Request,
    /// What the artifact is.
    pub file_type: FileType,
    /// When the extractor wrote it: from here counts the wait.
    pub issued: UnixMillis,
}

impl Command {
    /// Its id.
    pub fn id(&self) -> CommandId {
        CommandId { node: self.request.node, engine: self.engine.clone() }
    }
}
