use std::sync::Arc;

use palisade_model::UnixMillis;
use palisade_model::event::{Blind, Event, Incident};

/// What is told about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is new.
    Created,
    /// More belongs to it now.
    Updated,
    /// Nothing more is expected.
    Closed,
}

impl Phase {
    /// OCSF's `activity_id` of a finding.
    pub fn ocsf(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Closed => 3,
        }
    }

    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Create",
            Self::Updated => "Update",
            Self::Closed => "Close",
        }
    }
}

/// Lines that a sink never got (law 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The sink's name.
    pub sink: String,
    /// How many.
    pub lines: u64,
    /// From about when.
    pub from: UnixMillis,
    /// Until about when.
    pub until: UnixMillis,
    /// Why, one of the `reason`s of the metric `palisade_defender_sink_dropped_total`; `gap` where
    /// running numbers show a loss that an earlier process had.
    pub reason: &'static str,
}

/// One thing to tell. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Something happened.
    Event(Arc<Event>),
    /// Something may have happened unseen.
    Blind(Arc<Blind>),
    /// A story for a person to look at.
    Incident(Arc<Incident>, Phase),
    /// This sink did not get everything. Made by the output itself, for the sink that it is about.
    Dropped(Arc<Dropped>),
}

impl Item {
    /// When it happened: of an interval or an incident, the end.
    pub fn time(&self) -> UnixMillis {
        match self {
            Self::Event(event) => event.time,
            Self::Blind(blind) => blind.until,
            Self::Incident(incident, _) => incident.last,
            Self::Dropped(dropped) => dropped.until,
        }
    }

    /// A word for its sort: the event's kind, `blind`, `incident`, `dropped`.
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Event(event) => event.kind().as_str(),
            Self::Blind(_) => "blind",
            Self::Incident(..) => "incident",
            Self::Dropped(_) => "dropped",
        }
    }

    /// OCSF's `severity_id`: events are informational, lost sight and lost lines medium.
    pub fn severity(&self) -> u8 {
        match self {
            Self::Event(_) => 1,
            Self::Blind(_) | Self::Dropped(_) => 3,
            Self::Incident(incident, _) => incident.severity.ocsf(),
        }
    }
}
