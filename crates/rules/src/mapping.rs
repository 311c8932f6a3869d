//! Typed access to the keys of an item.

use std::collections::BTreeSet;

use crate::limits::Limits;
use crate::problem::{Code, Fault, Problems};
use crate::source::{Lines, Position};
use crate::text::Text;
use crate::yaml::{Data, Node};

/// A YAML mapping that should have certain keys.
#[derive(Clone, Copy)]
pub(crate) struct Mapping<'n> {
    node: &'n Node,
    lines: &'n Lines<'n>,
    limits: &'n Limits,
}

impl<'n> Mapping<'n> {
    pub(crate) fn new(
        node: &'n Node,
        lines: &'n Lines<'n>,
        limits: &'n Limits,
    ) -> Result<Self, Fault> {
        let mapping = Mapping { node, lines, limits };
        match node.data {
            Data::Mapping(_) => Ok(mapping),
            Data::Null | Data::Scalar(_) | Data::Sequence(_) => Err(Fault::new(
                Code::Item,
                mapping.position(),
                "expected a mapping of keys to values",
            )),
        }
    }

    /// A mapping inside this one's source.
    pub(crate) fn inner(&self, node: &'n Node) -> Result<Self, Fault> {
        Mapping::new(node, self.lines, self.limits)
    }

    pub(crate) fn position(&self) -> Position {
        self.at(self.node)
    }

    pub(crate) fn at(&self, node: &Node) -> Position {
        self.lines.position(node.at)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node.entry(key).is_some()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key)
    }

    /// Where a key stands, or the item if it does not.
    pub(crate) fn key_at(&self, key: &str) -> Position {
        self.node.entry(key).map_or_else(|| self.position(), |(key, _)| self.at(key))
    }

    pub(crate) fn entries(&self) -> &'n [(Node, Node)] {
        match &self.node.data {
            Data::Mapping(entries) => entries,
            Data::Null | Data::Scalar(_) | Data::Sequence(_) => &[],
        }
    }

    /// Warns of keys that nobody reads, and of keys that are there twice.
    pub(crate) fn warn_of_others(&self, known: &[&str], problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (key, _) in self.entries() {
            let name = key.scalar().unwrap_or_default();
            if !known.contains(&name) {
                let message = format!("nobody reads the key `{name}`");
                problems.warn(Code::UnknownKey, self.at(key), message);
            } else if !seen.insert(name) {
                let message = format!("`{name}` is there twice; the first one counts");
                problems.warn(Code::UnknownKey, self.at(key), message);
            }
        }
    }

    /// The text of a key that must be there.
    pub(crate) fn need_str(&self, key: &str) -> Result<&'n str, Fault> {
        match self.get(key) {
            Some(node) => self.scalar(key, node),
            None => Err(Fault::new(Code::Item, self.position(), format!("`{key}` is missing"))),
        }
    }

    pub(crate) fn str(&self, key: &str) -> Result<Option<&'n str>, Fault> {
        self.get(key).map(|node| self.scalar(key, node)).transpose()
    }

    /// The text of a key that must be there, with its places.
    pub(crate) fn need_text(&self, key: &str) -> Result<Text, Fault> {
        let value = self.need_str(key)?;
        let at = self.get(key).map_or(self.node.at, |node| node.at);
        if value.len() > self.limits.text_bytes {
            let message = format!("`{key}` has more than {} bytes", self.limits.text_bytes);
            return Err(Fault::new(Code::Limit, self.key_at(key), message));
        }
        Ok(Text::of_scalar(value, at, self.lines))
    }

    pub(crate) fn bool(&self, key: &str) -> Result<Option<bool>, Fault> {
        let Some(value) = self.str(key)? else { return Ok(None) };
        // The words of YAML 1.1, which Falco's reader takes.
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Ok(Some(true)),
            "false" | "no" | "off" | "n" => Ok(Some(false)),
            _ => {
                let message = format!("`{key}` is true or false, not `{value}`");
                Err(Fault::new(Code::Item, self.key_at(key), message))
            }
        }
    }

    /// The values of a key that has a sequence of scalars.
    pub(crate) fn strings(&self, key: &str) -> Result<Option<Vec<(String, Position)>>, Fault> {
        let Some(node) = self.get(key) else { return Ok(None) };
        let Data::Sequence(items) = &node.data else {
            let message = format!("`{key}` is a sequence");
            return Err(Fault::new(Code::Item, self.at(node), message));
        };
        let mut strings = Vec::with_capacity(items.len());
        for item in items {
            match &item.data {
                Data::Scalar(text) => strings.push((text.clone(), self.at(item))),
                Data::Null => strings.push((String::new(), self.at(item))),
                Data::Sequence(_) | Data::Mapping(_) => {
                    let message = format!("a value of `{key}` is plain text");
                    return Err(Fault::new(Code::Item, self.at(item), message));
                }
            }
        }
        Ok(Some(strings))
    }

    fn scalar(&self, key: &str, node: &'n Node) -> Result<&'n str, Fault> {
        match &node.data {
            Data::Scalar(text) if !text.trim().is_empty() => Ok(text),
            Data::Scalar(_) | Data::Null => {
                Err(Fault::new(Code::Item, self.key_at(key), format!("`{key}` is empty")))
            }
            Data::Sequence(_) | Data::Mapping(_) => {
                let message = format!("`{key}` is plain text");
                Err(Fault::new(Code::Item, self.at(node), message))
            }
        }
    }
}
