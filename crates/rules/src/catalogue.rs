//! Which fields a sensor can fill.

use std::collections::{HashMap, HashSet};

use crate::event::EventSet;
use crate::field::Argument;
use crate::field_table::FieldId;

/// The fields that events of this host can have. What a rule needs beyond them leaves it out.
///
/// A field that has no value on some event is still filled: it is absent there. A field is not
/// filled if it never has a value, so that a rule on it would silently never match.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    fields: HashSet<FieldId>,
    arguments: HashMap<FieldId, HashSet<String>>,
    events: Option<EventSet>,
}

/// What evaluation knows by itself.
const BUILT_IN: [FieldId; 3] = [FieldId::EvtType, FieldId::EvtTypeIs, FieldId::EvtDir];

impl Catalogue {
    /// No field, but for `evt.type`, `evt.type.is` and `evt.dir`, which need nobody.
    pub fn new() -> Self {
        Catalogue::default()
    }

    /// Every field there is.
    pub fn everything() -> Self {
        Catalogue::new().with(FieldId::all())
    }

    /// Adds fields.
    #[must_use]
    pub fn with(mut self, fields: impl IntoIterator<Item = FieldId>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Takes fields out.
    #[must_use]
    pub fn without(mut self, fields: impl IntoIterator<Item = FieldId>) -> Self {
        for field in fields {
            self.fields.remove(&field);
        }
        self
    }

    /// Of a field, fills these named arguments only: of `evt.arg`, say, `flags` and `res`.
    #[must_use]
    pub fn with_arguments<S: Into<String>>(
        mut self,
        field: FieldId,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.fields.insert(field);
        self.arguments.entry(field).or_default().extend(names.into_iter().map(Into::into));
        self
    }

    /// The types of events that there are here. Without this, all of them.
    #[must_use]
    pub fn with_events(mut self, events: EventSet) -> Self {
        self.events = Some(events);
        self
    }

    /// Whether an event of one of these types can come.
    pub fn tells(&self, events: &EventSet) -> bool {
        self.events.is_none_or(|told| !told.and(events).is_empty())
    }

    /// Whether a field with this argument can be filled.
    pub fn fills(&self, field: FieldId, argument: Argument<'_>) -> bool {
        if BUILT_IN.contains(&field) {
            return true;
        }
        if !self.fields.contains(&field) {
            return false;
        }
        match (self.arguments.get(&field), argument) {
            (Some(names), Argument::Name(name)) => names.contains(name),
            (Some(names), Argument::Index(index)) => names.contains(&index.to_string()),
            (Some(_), Argument::None) | (None, _) => true,
        }
    }
}
