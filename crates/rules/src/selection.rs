//! Which of the loaded rules run.

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
        let mut runs = enabled;
        for (target, choice) in &self.choices {
            let meant = match target {
                Target::Name(pattern) => wildcard(pattern).matches(name.as_bytes()),
                Target::Tag(tag) => tags.clone().any(|own| own == tag),
            };
            if meant {
                runs = *choice;
            }
        }
        runs
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
