//! Event types, and sets of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use crate::event_names::NAMES;

/// A type of event: what `evt.type` says, such as `execve` or `openat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(u16);

impl EventType {
    /// How many there are.
    pub const COUNT: usize = NAMES.len();

    /// The type of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        TYPES.get(name).copied()
    }

    /// The name.
    pub fn name(self) -> &'static str {
        NAMES.get(self.index()).copied().unwrap_or_default()
    }

    /// Every type, by name.
    pub fn all() -> impl Iterator<Item = EventType> {
        (0..Self::COUNT).filter_map(|index| u16::try_from(index).ok()).map(EventType)
    }

    /// From 0 to [`EventType::COUNT`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// By name: asked for at every event. The names are our own, so that a hash without a secret does.
static TYPES: LazyLock<HashMap<&'static str, EventType, FixedState>> =
    LazyLock::new(|| EventType::all().map(|event| (event.name(), event)).collect());

impl fmt::Display for EventType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

const WORDS: usize = EventType::COUNT.div_ceil(64);

/// A set of event types.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventSet([u64; WORDS]);

impl EventSet {
    /// No type.
    pub const EMPTY: EventSet = EventSet([0; WORDS]);

    /// Every type.
    pub fn all() -> Self {
        EventType::all().collect()
    }

    /// Puts a type in.
    pub fn insert(&mut self, event: EventType) {
        if let Some(word) = self.0.get_mut(event.index() / 64) {
            *word |= 1 << (event.index() % 64);
        }
    }

    /// Whether a type is in it.
    #[inline]
    pub fn contains(&self, event: EventType) -> bool {
        self.0.get(event.index() / 64).is_some_and(|word| (word >> (event.index() % 64)) & 1 == 1)
    }

    /// How many types it has.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| usize::try_from(word.count_ones()).unwrap_or(0)).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The types in both.
    pub fn and(mut self, other: &EventSet) -> EventSet {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= other;
        }
        self
    }

    /// The types in either.
    pub fn or(mut self, other: &EventSet) -> EventSet {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
        self
    }

    /// All other types.
    pub fn complement(self) -> EventSet {
        let mut all = EventSet::all();
        for (word, own) in all.0.iter_mut().zip(self.0) {
            *word &= !own;
        }
        all
    }

    /// The types, by name.
    pub fn iter(&self) -> impl Iterator<Item = EventType> + '_ {
        EventType::all().filter(|event| self.contains(*event))
    }
}

impl FromIterator<EventType> for EventSet {
    fn from_iter<I: IntoIterator<Item = EventType>>(events: I) -> Self {
        let mut set = EventSet::EMPTY;
        for event in events {
            set.insert(event);
        }
        set
    }
}

impl fmt::Debug for EventSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.iter().map(EventType::name)).finish()
    }
}
