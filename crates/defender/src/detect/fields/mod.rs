//! An event as rules see it: Falco's fields over [`Event`].
//!
//! Which fields there are values for, and where they differ from Falco's, is in
//! `docs/detection-rules.md`. A field that is not among [`catalogue`]'s never has a value, so that a rule
//! which needs it is left out by name instead of never matching.

mod argument;
mod argument_names;
mod call;
mod container;
mod descriptor;
mod event;
mod path;
mod process;
mod symbols;
mod texts;
mod user;

use std::ops::ControlFlow;

use palisade_model::event::Event;
use palisade_rules::{Argument, Catalogue, EventType, FieldId, Fields, Value};

use super::resolved::Resolved;
use crate::runtime_setup;

pub use argument_names::OWN as OWN_ARGUMENTS;
pub use texts::Texts;
pub use user::{NoNames, UserNames};

use texts::Slot;

/// The fields of one event.
pub struct EventFields<'e> {
    event: &'e Event,
    kind: EventType,
    texts: &'e Texts,
    names: &'e dyn UserNames,
    hostname: &'e str,
    resolved: Option<&'e Resolved>,
    runtime_setup: bool,
}

impl std::fmt::Debug for EventFields<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EventFields").field("event", self.event).finish_non_exhaustive()
    }
}

impl<'e> EventFields<'e> {
    /// The fields of `event`. `texts` must be cleared ([`Texts::clear`]) since the last event; `names`
    /// knows what users are called. `None` for an event of a type that rules cannot name, of which
    /// there is none.
    pub fn new(event: &'e Event, texts: &'e Texts, names: &'e dyn UserNames) -> Option<Self> {
        let kind = EventType::from_name(call::name(event))?;
        let runtime_setup = runtime_setup::is(event);
        Some(Self { event, kind, texts, names, hostname: "", resolved: None, runtime_setup })
    }

    /// On the host of this name.
    #[must_use]
    pub fn on_host(mut self, hostname: &'e str) -> Self {
        self.hostname = hostname;
        self
    }

    /// Where what went before tells whether this is a runtime's step.
    #[must_use]
    pub(crate) fn in_runtime_setup(mut self, is: bool) -> Self {
        self.runtime_setup = is;
        self
    }

    /// With what addresses are called.
    #[must_use]
    pub fn with_resolved(mut self, resolved: &'e Resolved) -> Self {
        self.resolved = Some(resolved);
        self
    }

    /// What `evt.type` says of it.
    pub fn event_type(&self) -> EventType {
        self.kind
    }

    fn text(&self, slot: Slot, write: impl FnOnce(&mut String) -> bool) -> Value<'_> {
        self.texts.get(slot, write).map_or(Value::Absent, Value::from)
    }
}

impl Fields for EventFields<'_> {
    fn get(&self, field: FieldId, argument: Argument<'_>) -> Value<'_> {
        use FieldId as F;
        // The table of fields is in the order of their classes.
        if field <= F::EvtIsOpenCreate {
            event::get(self, field, argument)
        } else if field <= F::ThreadIsmain {
            process::get(self, field, argument)
        } else if field <= F::GroupName {
            user::get(self, field)
        } else if field <= F::FdTypes {
            descriptor::get(self, field)
        } else if field <= F::FsPathTargetraw {
            path::get(self, field)
        } else {
            container::get(self, field, argument)
        }
    }

    fn each(
        &self,
        field: FieldId,
        argument: Argument<'_>,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        if argument == Argument::None {
            match field {
                FieldId::FdIp | FieldId::FdPort | FieldId::FdNet => {
                    return descriptor::each_end(self, field, visit);
                }
                FieldId::FdCipName
                | FieldId::FdSipName
                | FieldId::FdLipName
                | FieldId::FdRipName => return descriptor::each_name(self, field, visit),
                FieldId::ProcAname
                | FieldId::ProcAexe
                | FieldId::ProcAexepath
                | FieldId::ProcAcmdline
                | FieldId::ProcApid => return process::each_ancestor(self, field, visit),
                _ => {}
            }
        }
        match self.get(field, argument) {
            Value::Absent => {}
            value => {
                let _ = visit(value);
            }
        }
    }
}

/// Every field and argument that some event has a value for.
pub fn catalogue() -> Catalogue {
    let plain = event::FILLED
        .iter()
        .chain(process::FILLED)
        .chain(user::FILLED)
        .chain(descriptor::FILLED)
        .chain(path::FILLED)
        .chain(container::FILLED);
    Catalogue::new()
        .with(plain.copied())
        .with_arguments(FieldId::EvtArg, argument_names::all())
        .with_arguments(FieldId::EvtArg, ["0", "1", "2"])
        .with_arguments(FieldId::EvtRawarg, argument_names::NUMBERS.iter().copied())
        .with_events(call::told())
}

/// The names of the arguments that `evt.arg` has values for, sorted.
pub fn event_arguments() -> Vec<&'static str> {
    let mut names: Vec<_> = argument_names::all().collect();
    names.sort_unstable();
    names.dedup();
    names
}
