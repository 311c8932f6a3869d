//! Labels: each set is bounded.

use prometheus_client::encoding::EncodeLabelSet;

/// `kind="exec"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabel {
    /// An event's kind.
    pub kind: &'static str,
}

/// `kind="exec", cause="buffer-full"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LostLabel {
    /// An event's kind.
    pub kind: &'static str,
    /// Why it was lost.
    pub cause: &'static str,
}

/// `cause="buffer-full", scope="container"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BlindLabel {
    /// Why nothing was seen.
    pub cause: &'static str,
    /// `container` or `host`.
    pub scope: &'static str,
}

/// `severity="high", rule="…"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct IncidentLabel {
    /// `informational` to `critical`.
    pub severity: &'static str,
    /// The rule's or the policy's name; `deviation`, `malware`, `prevention-lost`, `blind` otherwise.
    pub rule: String,
}

/// `reason="…"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// Why.
    pub reason: &'static str,
}

/// `outcome="…"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// How it ended.
    pub outcome: &'static str,
}

/// `phase="…"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabel {
    /// Of a model: `learning`, `dry-run`, `active`, `archived`.
    pub phase: &'static str,
}

/// `sink="siem"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SinkLabel {
    /// The sink's name in the settings.
    pub sink: String,
}

/// `sink="siem", reason="slow"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SinkDropLabel {
    /// The sink's name in the settings.
    pub sink: String,
    /// `slow`: memory was full. `full`: the queue on disk was. `no-space`: nothing could be written.
    /// `too-long`: the transport takes no such message. `stopped`: it could not be written at the end.
    /// `gone`: nobody reads it any more.
    pub reason: &'static str,
}
