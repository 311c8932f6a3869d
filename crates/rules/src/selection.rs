//! Which of the loaded rules run.

use std::fmt;

use crate::glob::Glob;
use crate::priority::Priority;

/// What turns rules on and off, over what their files say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    minimum: Priority,
    choices: Vec<(Target, bool)>,
}

/// Rules by name or tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Rules whose name matches; `*` stands for any text.
    Name(String),
    /// Rules with this very tag.
    Tag(String),
}

impl Selection {
    /// Every rule that its file enables.
    pub fn new() -> Self {
        Selection::default()
    }

    /// Runs only rules of this priority and worse ones.
    #[must_use]
    pub fn minimum(mut self, priority: Priority) -> Self {
        self.minimum = priority;
        self
    }

    /// Enables rules. Of several choices for one rule the last counts.
    #[must_use]
    pub fn enable(mut self, target: Target) -> Self {
        self.choices.push((target, true));
        self
    }

    /// Disables rules.
    #[must_use]
    pub fn disable(mut self, target: Target) -> Self {
        self.choices.push((target, false));
        self
    }

    /// Whether a rule runs.
    pub(crate) fn runs<'t>(
        &self,
        name: &str,
        tags: impl Iterator<Item = &'t str> + Clone,
        priority: Priority,
        enabled: bool,
    ) -> bool {
        if priority > self.minimum {
            return false;
        }
        let choices = self.choices.iter().filter(|(target, _)| target.means(name, tags.clone()));
        choices.last().map_or(enabled, |(_, choice)| *choice)
    }

    /// The choices, in their order.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.choices.iter().map(|(target, _)| target)
    }
}

impl Target {
    /// Whether it is this rule, or one of several.
    pub(crate) fn means<'t>(&self, name: &str, mut tags: impl Iterator<Item = &'t str>) -> bool {
        match self {
            Target::Name(pattern) => wildcard(pattern).matches(name.as_bytes()),
            Target::Tag(tag) => tags.any(|own| own == tag),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Name(name) => write!(out, "the name `{name}`"),
            Target::Tag(tag) => write!(out, "the tag `{tag}`"),
        }
    }
}

/// A pattern in which nothing but `*` is special.
fn wildcard(pattern: &str) -> Glob {
    let mut escaped = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        if matches!(character, '?' | '[' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    Glob::new(escaped.as_bytes(), false)
}
