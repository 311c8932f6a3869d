//! One open incident and what is remembered to let it grow.

use std::collections::VecDeque;
use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{
    Cause, ContainerId, Effect, Event, Incident, IncidentId, IncidentSeverity, MAX_EVIDENCE,
    MAX_TREE, ProcessKey, Record, Response, SequenceScore,
};

use super::Settings;
use crate::Finding;
use crate::recorder::{event_bytes, process_bytes};

/// What was not told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unsent {
    Nothing,
    Acts,
    Findings,
    /// It became graver, or something was done.
    Urgent,
}

/// What did not find room in an incident.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LeftOut {
    pub(super) causes: u64,
    pub(super) responses: u64,
}

#[derive(Debug)]
pub(super) struct Story {
    pub(super) incident: Arc<Incident>,
    /// Processes whose acts and children belong to it, the oldest first.
    pub(super) members: VecDeque<ProcessKey>,
    pub(super) opened: UnixMillis,
    pub(super) last_finding: UnixMillis,
    pub(super) sent: UnixMillis,
    pub(super) unsent: Unsent,
    pub(super) bytes: usize,
    acts: usize,
}

impl Story {
    /// A story that begins with `event`; `findings` is not empty, and its gravest comes first.
    /// `before` are events that came before it, oldest first.
    pub(super) fn begin(
        event: &Event,
        first: &Finding,
        before: Vec<Arc<Event>>,
        settings: &Settings,
        now: UnixMillis,
    ) -> Self {
        let mut incident = Incident::new(
            IncidentId::new(event.time, rand::random()),
            first.cause.clone(),
            first.title.clone(),
            first.severity,
            settings.host.clone(),
            event.clone(),
        );
        let mut bytes = event_bytes(event) + 2 * process_bytes(&event.process);
        // It counts what it shows, so that what is left out is the difference.
        incident.count = incident.count.saturating_add(before.len() as u64);
        let before: Vec<Record> = before
            .into_iter()
            .map(|event| {
                bytes += event_bytes(&event);
                Record::Event(Box::new(Arc::unwrap_or_clone(event)))
            })
            .collect();
        incident.evidence.splice(0..0, before);
        Self {
            incident: Arc::new(incident),
            members: VecDeque::new(),
            opened: now,
            last_finding: now,
            sent: now,
            unsent: Unsent::Nothing,
            bytes,
            acts: 0,
        }
    }

    pub(super) fn container(&self) -> Option<&ContainerId> {
        self.incident.container.as_ref().map(|container| &container.id)
    }

    pub(super) fn severity(&self) -> IncidentSeverity {
        self.incident.severity
    }

    /// It is no reason to tell the incident again.
    pub(super) fn score(&mut self, score: SequenceScore) {
        Arc::make_mut(&mut self.incident).sequences = Some(score);
    }

    /// An event of the story that no decider minds.
    pub(super) fn act(&mut self, event: &Event, settings: &Settings) {
        let room = self.acts < settings.max_acts && self.incident.evidence.len() < MAX_EVIDENCE;
        if room {
            self.acts += 1;
            self.unsent = self.unsent.max(Unsent::Acts);
        }
        self.add(event, room);
    }

    /// What was found in an event of the story. The event itself was added by `begin` if `is_first`.
    pub(super) fn find(
        &mut self,
        event: &Event,
        findings: Vec<Finding>,
        is_first: bool,
        settings: &Settings,
        now: UnixMillis,
    ) -> LeftOut {
        if !is_first {
            self.add(event, true);
            self.unsent = self.unsent.max(Unsent::Findings);
        }
        self.last_finding = self.last_finding.max(now);
        let mut left_out = LeftOut::default();
        for finding in findings {
            left_out.causes += u64::from(!self.cause(finding, settings));
        }
        if event.effect != Effect::Seen {
            let response = Response::Prevented { process: event.process.key };
            left_out.responses += u64::from(!self.respond(response, settings));
        }
        left_out
    }

    /// False when there was no room.
    fn cause(&mut self, finding: Finding, settings: &Settings) -> bool {
        let Finding { cause, title, severity, techniques, .. } = finding;
        let incident = Arc::make_mut(&mut self.incident);
        for technique in techniques {
            incident.add_technique(technique);
        }
        let known = incident.causes.iter().position(|known| *known == cause);
        let graver = severity > incident.severity;
        if graver {
            self.unsent = Unsent::Urgent;
        }
        match known {
            // The same cause, graver this time: the model's own way leaves it as it was.
            Some(place) if graver => {
                incident.severity = severity;
                incident.title = title;
                incident.causes[..=place].rotate_right(1);
                true
            }
            Some(_) => true,
            None if incident.causes.len() < settings.max_causes => {
                incident.add_cause(cause, title, severity);
                true
            }
            // The gravest is never what is left out.
            None if graver => {
                incident.causes.pop();
                incident.add_cause(cause, title, severity);
                false
            }
            None => false,
        }
    }

    /// False when there was no room.
    pub(super) fn respond(&mut self, response: Response, settings: &Settings) -> bool {
        if self.incident.responses.contains(&response) {
            return true;
        }
        if self.incident.responses.len() >= settings.max_responses {
            return false;
        }
        Arc::make_mut(&mut self.incident).responses.push(response);
        self.unsent = Unsent::Urgent;
        true
    }

    /// Something may have happened unseen.
    pub(super) fn blind(&mut self, blind: &palisade_model::event::Blind) {
        if self.incident.evidence.len() < MAX_EVIDENCE {
            Arc::make_mut(&mut self.incident).evidence.push(Record::Blind(blind.clone()));
            self.unsent = self.unsent.max(Unsent::Acts);
        }
    }

    fn add(&mut self, event: &Event, keep: bool) {
        let process = &event.process;
        let incident = Arc::make_mut(&mut self.incident);
        let known = incident.tree.binary_search_by_key(&process.key, |known| known.key);
        // Copying a process is the dear part: once it is known, only an exec makes it another.
        let news = match known {
            Ok(place) => incident.tree[place].executable != process.executable,
            Err(_) => incident.tree.len() < MAX_TREE,
        };
        if news {
            self.bytes += process_bytes(process);
            incident.add_process(process);
        }
        incident.count = incident.count.saturating_add(1);
        incident.first = incident.first.min(event.time);
        incident.last = incident.last.max(event.time);
        if keep && incident.evidence.len() < MAX_EVIDENCE {
            self.bytes += event_bytes(event);
            incident.evidence.push(Record::Event(Box::new(event.clone())));
        }
    }

    /// Remembers a process. Returns one that was forgotten for it.
    pub(super) fn enter(&mut self, process: ProcessKey, max: usize) -> Option<ProcessKey> {
        self.members.push_back(process);
        if self.members.len() > max { self.members.pop_front() } else { None }
    }

    /// The incident, when it is time to tell of it.
    pub(super) fn due(&mut self, settings: &Settings, now: UnixMillis) -> Option<Arc<Incident>> {
        let since = now.since(self.sent);
        let due = match self.unsent {
            Unsent::Nothing => false,
            Unsent::Acts => since >= settings.acts_update_ms,
            Unsent::Findings => since >= settings.update_ms,
            Unsent::Urgent => true,
        };
        due.then(|| self.send(now))
    }

    pub(super) fn send(&mut self, now: UnixMillis) -> Arc<Incident> {
        self.unsent = Unsent::Nothing;
        self.sent = now;
        self.incident.clone()
    }

    /// Whether the same cause just came again.
    pub(super) fn has_lately(&self, cause: &Cause, window_ms: u64, now: UnixMillis) -> bool {
        now.since(self.last_finding) <= window_ms && self.incident.causes.contains(cause)
    }
}
