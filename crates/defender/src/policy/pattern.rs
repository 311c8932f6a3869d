//! Patterns of names and paths.

use std::collections::HashMap;

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use super::reader::{Reader, Text, cut};

/// How a pattern reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `*` stops at a slash, `**` does not.
    Path,
    /// `*` is any text.
    Name,
}

/// Whether a pattern has anything but plain characters.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

pub(crate) fn glob(text: &str, form: Form) -> Result<Glob, String> {
    GlobBuilder::new(text)
        .literal_separator(form == Form::Path)
        .backslash_escape(true)
        .build()
        .map_err(|error| error.kind().to_string())
}

/// One pattern of a name.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    matcher: Option<GlobMatcher>,
}

impl Name {
    pub(crate) fn read(text: &Text, form: Form, reader: &mut Reader<'_>) -> Option<Self> {
        reader.look_alikes(text);
        if is_plain(&text.text) {
            return Some(Self { text: text.text.clone(), matcher: None });
        }
        if !reader.count_pattern(text.span.clone()) {
            return None;
        }
        match glob(&text.text, form) {
            Ok(glob) => {
                Some(Self { text: text.text.clone(), matcher: Some(glob.compile_matcher()) })
            }
            Err(why) => {
                let shown = cut(&text.text);
                reader.notes.error(text.span.clone(), format!("pattern `{shown}`: {why}"));
                None
            }
        }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Some(matcher) => matcher.is_match(name),
            None => self.text == name,
        }
    }

    /// Whether everything that `other` fits, this fits; false where it cannot be told. A star of this
    /// takes any text, so that stars of the other are only characters to it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let only_stars = !self.text.contains(['?', '[', ']', '{', '}', '\\']);
        self.text == other.text
            || (only_stars && !other.text.contains(['{', '}', '\\']) && self.matches(&other.text))
    }
}

/// Many patterns of paths: those without wildcards are looked up, the others are tried at once.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    plain: HashMap<String, Vec<u32>>,
    globs: GlobSet,
    numbers: Vec<u32>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { plain: HashMap::new(), globs: GlobSet::empty(), numbers: Vec::new() }
    }
}

impl Paths {
    /// Of patterns that are good each by itself; together they may be too many for one automaton.
    pub(crate) fn new<'p>(patterns: impl Iterator<Item = &'p str>) -> Result<Self, String> {
        let mut plain: HashMap<String, Vec<u32>> = HashMap::new();
        let (mut set, mut numbers) = (GlobSetBuilder::new(), Vec::new());
        for (number, pattern) in (0..).zip(patterns) {
            if is_plain(pattern) {
                plain.entry(pattern.to_owned()).or_default().push(number);
            } else {
                set.add(glob(pattern, Form::Path)?);
                numbers.push(number);
            }
        }
        let globs = set.build().map_err(|error| error.to_string())?;
        Ok(Self { plain, globs, numbers })
    }

    /// Numbers of the patterns that fit, lowest first.
    pub(crate) fn find(&self, path: &str) -> Vec<u32> {
        let mut found: Vec<u32> = self.plain.get(path).cloned().unwrap_or_default();
        if !self.numbers.is_empty() {
            let globs = self.globs.matches(path);
            found.extend(globs.into_iter().filter_map(|at| self.numbers.get(at).copied()));
            found.sort_unstable();
        }
        found
    }
}
