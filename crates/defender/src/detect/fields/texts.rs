//! Texts that no part of the event holds as they are: made when a rule asks, once for each event, in
//! memory that the next event uses again.

use std::cell::{OnceCell, RefCell};

/// Arguments that one event can have at most ([`super::argument_names`]).
pub(super) const MAX_ARGUMENTS: usize = 24;
/// Ancestors whose command lines can be asked for by number.
const MAX_LINES: usize = palisade_model::event::MAX_ANCESTORS;
const OWN: usize = 24;
const SLOTS: usize = OWN + MAX_LINES + MAX_ARGUMENTS;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Arguments,
    CommandLine,
    ExeLine,
    Environment,
    Cwd,
    Permitted,
    Effective,
    Inheritable,
    FdName,
    FdContainerName,
    FdContainerDirectory,
    Labels,
    EventArguments,
    EventInfo,
    Time,
    TimeSeconds,
    Iso8601,
    Datetime,
    DatetimeSeconds,
    ThreadName,
    Digest,
    /// Command line of an ancestor, 0 for the parent.
    Line(usize),
    /// An argument of the event, by its place among the names.
    Argument(usize),
}

impl Slot {
    fn place(self) -> Option<usize> {
        Some(match self {
            Slot::Arguments => 0,
            Slot::CommandLine => 1,
            Slot::ExeLine => 2,
            Slot::Environment => 3,
            Slot::Cwd => 4,
            Slot::Permitted => 5,
            Slot::Effective => 6,
            Slot::Inheritable => 7,
            Slot::FdName => 8,
            Slot::FdContainerName => 9,
            Slot::FdContainerDirectory => 10,
            Slot::Labels => 11,
            Slot::EventArguments => 12,
            Slot::EventInfo => 13,
            Slot::Time => 14,
            Slot::TimeSeconds => 15,
            Slot::Iso8601 => 16,
            Slot::Datetime => 17,
            Slot::DatetimeSeconds => 18,
            Slot::ThreadName => 19,
            Slot::Digest => 20,
            Slot::Line(level) if level < MAX_LINES => OWN + level,
            Slot::Argument(at) if at < MAX_ARGUMENTS => OWN + MAX_LINES + at,
            Slot::Line(_) | Slot::Argument(_) => return None,
        })
    }
}

/// The texts of one event, and the memory of earlier ones. Keep one for each thread.
#[derive(Debug)]
pub struct Texts {
    made: [OnceCell<Option<String>>; SLOTS],
    spare: RefCell<Vec<String>>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { made: [const { OnceCell::new() }; SLOTS], spare: RefCell::default() }
    }
}

/// A text longer than this gives its memory back after the event.
const KEPT_BYTES: usize = 16 << 10;

impl Texts {
    /// Forgets the last event, keeps the memory.
    pub fn clear(&mut self) {
        let spare = self.spare.get_mut();
        for cell in &mut self.made {
            if let Some(Some(mut text)) = cell.take()
                && text.capacity() <= KEPT_BYTES
            {
                text.clear();
                spare.push(text);
            }
        }
    }

    /// The text of a slot; `write` makes it when nobody has asked before, and says whether there is one.
    pub(super) fn get(&self, slot: Slot, write: impl FnOnce(&mut String) -> bool) -> Option<&str> {
        let cell = self.made.get(slot.place()?)?;
        let text = cell.get_or_init(|| {
            let mut text = self.take();
            if write(&mut text) {
                return Some(text);
            }
            text.clear();
            self.put(text);
            None
        });
        text.as_deref()
    }

    /// A text from the spare ones.
    pub(super) fn take(&self) -> String {
        self.spare.try_borrow_mut().ok().and_then(|mut spare| spare.pop()).unwrap_or_default()
    }

    /// Gives a text back.
    pub(super) fn put(&self, mut text: String) {
        text.clear();
        if let Ok(mut spare) = self.spare.try_borrow_mut() {
            spare.push(text);
        }
    }
}
