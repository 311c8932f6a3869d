//! `palisade policy explain`.

use std::collections::BTreeMap;
use std::fmt;

use palisade_behaviour::{ImportError, Model, Settings};
use palisade_model::event::{Event, ImageDigest, Kind, Record};
use palisade_model::{UnixMillis, wire};
use serde::Serialize;

use super::Policy;
use super::allowed::Allowed;
use super::decide::{Act, Explanation, Respond};
use super::effect::{Effect, Section};
use super::enforce::Enforce;

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// It cannot be read.
    #[error("not a record: {0}")]
    Unreadable(String),
    /// It is a blind interval: nothing was seen that a policy could speak of.
    #[error("a blind interval, not an event")]
    Blind,
}

/// A model that cannot be explained with.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// It is no model.
    #[error("it is no behaviour model")]
    Import(#[from] ImportError),
    /// It compares nothing yet.
    #[error("the model of {0} is not active: nothing departs from it")]
    NotActive(ImageDigest),
}

/// What the behaviour model of one image knows.
#[derive(Debug, Clone)]
pub struct ImageModel {
    image: ImageDigest,
    allowed: Allowed,
}

impl ImageModel {
    /// From a model's file. It is held to `settings`.
    ///
    /// # Errors
    ///
    /// [`KnownError`].
    pub fn import(text: &str, settings: Settings, now: UnixMillis) -> Result<Self, KnownError> {
        let ephemeral = settings.ephemeral_from;
        let model = Model::import(text, settings, now)?;
        let image = model.image();
        match Allowed::of_model(&model.allowed(now), ephemeral) {
            Some(allowed) => Ok(Self { image, allowed }),
            None => Err(KnownError::NotActive(image)),
        }
    }

    fn of(&self, event: &Event) -> Option<&Allowed> {
        let image = event.container.as_ref().and_then(|container| container.image_digest);
        (image == Some(self.image)).then_some(&self.allowed)
    }
}

/// What a policy would do with an event, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// When the event was.
    pub time: UnixMillis,
    /// Its kind.
    pub kind: Kind,
    /// In which container, as people call it; `None` for the host.
    pub container: Option<String>,
    /// What ran.
    pub path: String,
    /// The effect.
    pub effect: Effect,
    /// Whether it may be.
    pub allowed: bool,
    /// What would be done after it.
    pub respond: Respond,
    /// What the kernel would do, with the rungs given.
    pub kernel: String,
    /// Why.
    pub why: Explanation,
}

impl Policy {
    /// What the policy would do with an event that was written as a line of JSON (a
    /// [`Record`], in its envelope or bare). `model` is for events of containers of its image. Deviations are
    /// then told by its lists alone, without their severity.
    ///
    /// # Errors
    ///
    /// When the line is no event.
    pub fn explain(
        &self,
        line: &str,
        model: Option<&ImageModel>,
        enforce: &Enforce,
    ) -> Result<Explained, ExplainError> {
        let record = wire::decode::<Record>(line.trim().as_bytes()).or_else(|error| {
            serde_json::from_str(line).map_err(|_| ExplainError::Unreadable(error.to_string()))
        })?;
        match record {
            Record::Event(event) => {
                let allowed = model.and_then(|model| model.of(&event));
                Ok(self.explain_event(&event, allowed, enforce))
            }
            Record::Blind(_) => Err(ExplainError::Blind),
        }
    }

    /// The same for an event.
    pub fn explain_event(
        &self,
        event: &Event,
        model: Option<&Allowed>,
        enforce: &Enforce,
    ) -> Explained {
        let rule = self.for_container(event.container.as_deref());
        // What became of it in its time is no matter here: the question is what would.
        let mut anew = event.clone();
        anew.effect = palisade_model::event::Effect::Seen;
        anew.error = 0;
        let decision = rule.decide(Act { model, ..Act::bare(&anew) });
        let gravest = decision.why.reasons.first().filter(|reason| reason.effect.refuses());
        Explained {
            time: event.time,
            kind: event.kind(),
            container: event.container.as_ref().map(|container| container.shown().to_owned()),
            path: event.process.path().to_owned(),
            effect: decision.effect,
            allowed: decision.allowed,
            respond: decision.respond,
            kernel: gravest.map_or_else(
                || "lets it pass".to_owned(),
                |reason| kernel(reason.section, event, enforce),
            ),
            why: decision.why,
        }
    }
}

fn kernel(section: Section, event: &Event, enforce: &Enforce) -> String {
    let either = |can: bool, does: &str, rung: &str, else_: &str| {
        if can { format!("{does} ({rung})") } else { else_.to_owned() }
    };
    let told = "lets it pass; it is told of";
    match (section, event.kind()) {
        (Section::Process, Kind::Exec) if enforce.exec_before => {
            "refuses the exec: EPERM (rung 5 BPF-LSM, or rung 2 fanotify)".to_owned()
        }
        (Section::Process, Kind::Exec) => either(
            enforce.exec,
            "kills it before its first instruction, for what plain paths tell",
            "rung 3",
            "lets it run; it is killed once seen",
        ),
        (Section::Network | Section::Dns, Kind::Connect) => {
            either(enforce.connect, "refuses the connection: EPERM", "rung 3, cgroup", told)
        }
        (Section::Network | Section::Dns, Kind::Send) => {
            either(enforce.send, "refuses the datagram: EPERM", "rung 3, cgroup", told)
        }
        (Section::Network, Kind::Bind | Kind::Listen) => {
            either(enforce.bind, "refuses the bind: EPERM", "rung 3, cgroup", told)
        }
        (Section::File, _) => either(
            enforce.write,
            "refuses the change where a plain path denies it: EPERM",
            "rung 5, BPF-LSM",
            told,
        ),
        (Section::Kernel, kind) => {
            let can = match kind {
                Kind::Mount => enforce.mount,
                Kind::Ptrace | Kind::Memory => enforce.ptrace,
                Kind::Bpf => enforce.bpf,
                Kind::Module => enforce.module,
                _ => false,
            };
            either(can, "refuses it: EPERM", "rung 5, BPF-LSM", told)
        }
        (Section::Dns, _) => either(
            enforce.dns,
            "lets the question pass, and refuses the addresses of its answer",
            "rung 3, cgroup",
            told,
        ),
        (Section::Process | Section::Network | Section::Detect, _) => told.to_owned(),
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let container = self.container.as_deref().unwrap_or("the host");
        let verdict = if self.allowed { "allowed" } else { "refused" };
        writeln!(formatter, "{} by {} in {container}: {verdict}", self.kind, self.path)?;
        writeln!(formatter, "{}", self.why)?;
        let after = match self.respond {
            Respond::Nothing => "nothing",
            Respond::Kill => "the process is killed, unless the kernel refused it",
            Respond::Stop => "the container is stopped",
        };
        writeln!(formatter, "effect: {}", self.effect)?;
        writeln!(formatter, "kernel: {}", self.kernel)?;
        write!(formatter, "after:  {after}")
    }
}

/// How often what of a policy would have spoken, over many events: a policy is tried on yesterday's
/// before it is applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Trial {
    /// Events that were looked at.
    pub events: u64,
    /// Lines that were none.
    pub unreadable: u64,
    /// By effect, rule, section and entry: how many, and the first one's line in words.
    #[serde(skip)]
    found: BTreeMap<(std::cmp::Reverse<Effect>, String), (u64, String)>,
    /// What found no room.
    pub left_out: u64,
}

/// Different findings that a trial keeps.
const MAX_TRIAL: usize = 10_000;

impl Trial {
    /// Counts what became of a line.
    pub fn add(&mut self, explained: &Result<Explained, ExplainError>) {
        let explained = match explained {
            Ok(explained) => explained,
            Err(ExplainError::Blind) => return,
            Err(ExplainError::Unreadable(_)) => {
                self.unreadable = self.unreadable.saturating_add(1);
                return;
            }
        };
        self.events = self.events.saturating_add(1);
        for reason in &explained.why.reasons {
            let place = match &reason.entry {
                Some(entry) => format!(" `{}` (line {})", entry.text, entry.line),
                None => String::new(),
            };
            let (section, clause) = (reason.section, reason.clause.as_str());
            let what = format!("rule `{}`: {section}.{clause}{place}", explained.why.rule);
            let key = (std::cmp::Reverse(reason.effect), what);
            if let Some((count, _)) = self.found.get_mut(&key) {
                *count = count.saturating_add(1);
            } else if self.found.len() < MAX_TRIAL {
                self.found.insert(key, (1, reason.text.clone()));
            } else {
                self.left_out = self.left_out.saturating_add(1);
            }
        }
    }

    /// Events that would have been refused or worse, counted by what refuses.
    pub fn refused(&self) -> u64 {
        let refused = self.found.iter().filter(|((effect, _), _)| effect.0.refuses());
        refused.fold(0, |sum, (_, (count, _))| sum.saturating_add(*count))
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} events, {} lines that are none", self.events, self.unreadable)?;
        for ((effect, what), (count, first)) in &self.found {
            writeln!(formatter, "{count:>8}  {:<8} {what}; first: {first}", effect.0)?;
        }
        if self.left_out > 0 {
            writeln!(formatter, "{} more found no room", self.left_out)?;
        }
        Ok(())
    }
}
