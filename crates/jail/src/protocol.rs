//! What host, template and worker say to each other.
//!
//! Control (host ↔ template): one JSON message in one packet. Jobs (host → worker): a length and a
//! JSON [`JobMessage`], the artifact's descriptor with the first byte. Answers (worker → host):
//! frames of a kind, a length and a payload.

use palisade_model::{Definitions, EngineName};
use palisade_ports::engine::{Opinion, ScanContext};
use serde::{Deserialize, Serialize};

use crate::confine::Layers;
use crate::limits::WorkerLimits;

/// The largest control message.
pub(crate) const CONTROL_BYTES: usize = 64 << 10;

/// The largest job message: passwords and names are bounded far below by the gateway.
pub(crate) const JOB_BYTES: usize = 4 << 20;

/// The largest opinion: it becomes a message on the log.
pub(crate) const OPINION_BYTES: usize = 1 << 20;

/// The largest piece of a child in one frame.
pub(crate) const DATA_BYTES: usize = 64 << 10;

/// Host to template.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToTemplate {
    /// Load these engines. The definitions' descriptors come along, in order.
    Start { engines: Vec<EngineStart>, limits: WorkerLimits },
    /// Fork a worker with the descriptor that comes along as its job socket.
    Fork,
    /// Kill this worker, if it still lives, and say how it ended.
    Reap { pid: i32 },
}

/// One engine to load.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EngineStart {
    pub(crate) name: EngineName,
    /// The engine's own settings.
    pub(crate) settings: serde_json::Value,
    /// How many of the descriptors are its definitions.
    pub(crate) definitions: usize,
}

/// Template to host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromTemplate {
    /// Loaded and confined.
    Ready { engines: Vec<(EngineName, Definitions)>, layers: Layers },
    /// Could not load.
    Failed { message: String },
    /// A worker lives.
    Forked { pid: i32 },
    /// A worker ended.
    Reaped { how: String },
}

/// Host to worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobMessage {
    /// Indices into the template's engines.
    pub(crate) engines: Vec<usize>,
    pub(crate) context: ScanContext,
    /// The worker stops by itself after this; the host kills it somewhat later.
    pub(crate) timeout_ms: u64,
}

/// Kinds of frames from a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// A child begins: JSON [`palisade_ports::engine::ChildHead`].
    ChildBegin = 1,
    /// Bytes of the child.
    ChildData = 2,
    /// The child is whole.
    ChildEnd = 3,
    /// An engine is done: JSON [`OpinionMessage`].
    Opinion = 4,
    /// Every engine of the job is done.
    Done = 5,
    /// The worker panicked: text, and it ends.
    LastWords = 6,
}

impl FrameKind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::ChildBegin,
            2 => Self::ChildData,
            3 => Self::ChildEnd,
            4 => Self::Opinion,
            5 => Self::Done,
            6 => Self::LastWords,
            _ => return None,
        })
    }
}

/// An engine's answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OpinionMessage {
    /// Index into the template's engines.
    pub(crate) engine: usize,
    pub(crate) opinion: Opinion,
    /// Microseconds that it took.
    pub(crate) micros: u64,
}
