//! Rules, macros and lists as rule files define them, before anything is compiled.

use std::collections::BTreeSet;

use crate::priority::Priority;
use crate::source::Position;
use crate::text::Text;

/// A rule as all its definitions, appends and overrides leave it.
#[derive(Clone, Debug)]
pub(crate) struct RuleItem {
    pub(crate) name: String,
    pub(crate) position: Position,
    pub(crate) condition: Text,
    pub(crate) output: Text,
    pub(crate) description: String,
    pub(crate) priority: Priority,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) source: String,
    pub(crate) enabled: bool,
    pub(crate) warn_event_types: bool,
    pub(crate) skip_if_unknown_filter: bool,
    pub(crate) exceptions: Vec<Exception>,
}

/// What a later item changes of a rule. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleChange {
    pub(crate) condition: Option<Text>,
    pub(crate) output: Option<Text>,
    pub(crate) description: Option<String>,
    pub(crate) priority: Option<Priority>,
    pub(crate) tags: Option<BTreeSet<String>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) warn_event_types: Option<bool>,
    pub(crate) skip_if_unknown_filter: Option<bool>,
    pub(crate) exceptions: Option<Vec<Exception>>,
}

/// A macro.
#[derive(Clone, Debug)]
pub(crate) struct MacroItem {
    pub(crate) name: String,
    pub(crate) position: Position,
    pub(crate) condition: Text,
    /// When it was first defined, counted over all items.
    pub(crate) index: usize,
    /// When it was last changed: it sees what was first defined before.
    pub(crate) visibility: usize,
}

/// A list.
#[derive(Clone, Debug)]
pub(crate) struct ListItem {
    pub(crate) name: String,
    pub(crate) position: Position,
    pub(crate) items: Vec<(String, Position)>,
    pub(crate) index: usize,
    pub(crate) visibility: usize,
}

/// An exception of a rule: combinations of values that it should not report.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) name: String,
    pub(crate) position: Position,
    pub(crate) fields: Option<Entry>,
    pub(crate) comparisons: Option<Entry>,
    pub(crate) values: Vec<Entry>,
}

/// One value or several.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    One(String, Position),
    Many(Vec<Entry>, Position),
}

impl Entry {
    pub(crate) fn position(&self) -> Position {
        match self {
            Entry::One(_, position) | Entry::Many(_, position) => *position,
        }
    }
}
