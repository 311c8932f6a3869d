//! A YAML tree with the place of every node, bounded in size and depth.
//!
//! The parser underneath hands out events; the tree is built here, so that nesting, nodes and
//! aliases are counted before anything is kept.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

use crate::limits::Limits;
use crate::relax::Relaxed;

/// A node and where it starts, as a byte of the source.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) data: Data,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// An empty value, `~` or `null`.
    Null,
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The first value of a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        let Data::Mapping(entries) = &self.data else { return None };
        entries.iter().find(|(name, _)| name.scalar() == Some(key)).map(|(key, value)| (key, value))
    }

    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(text) => Some(text),
            Data::Null | Data::Sequence(_) | Data::Mapping(_) => None,
        }
    }

    fn size(&self) -> usize {
        match &self.data {
            Data::Null | Data::Scalar(_) => 1,
            Data::Sequence(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Data::Mapping(entries) => {
                1 + entries.iter().map(|(key, value)| key.size() + value.size()).sum::<usize>()
            }
        }
    }
}

/// Why there is no tree.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) message: String,
    /// A bound was met: the text may well be YAML.
    pub(crate) limit: bool,
}

/// Reads every document of a source.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Vec<Node>, Malformed> {
    let strictly = read(text, &|at| at, limits);
    let Err(malformed) = &strictly else { return strictly };
    let relaxed = if malformed.limit { None } else { Relaxed::new(text, limits.source_bytes) };
    match relaxed.map(|relaxed| read(&relaxed.text, &|at| relaxed.written(at), limits)) {
        // What is wrong is said of the text as it is.
        Some(Err(again)) if !again.limit => strictly,
        Some(read) => read,
        None => strictly,
    }
}

/// Reads a text whose bytes were `written` elsewhere.
fn read(
    text: &str,
    written: &dyn Fn(usize) -> usize,
    limits: &Limits,
) -> Result<Vec<Node>, Malformed> {
    let offsets = Offsets::new(text);
    let mut builder =
        Builder { limits, open: Vec::new(), done: Vec::new(), anchors: HashMap::new(), nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Malformed {
            at: written(offsets.byte(error.marker().index())),
            message: format!("this is not YAML: {}", error.info()),
            limit: false,
        })?;
        let here = offsets.byte(span.start.index());
        let at = written(here);
        match event {
            Event::Scalar(value, _, anchor, _) => {
                let data = if is_null(&value, text, here) {
                    Data::Null
                } else {
                    Data::Scalar(value.into_owned())
                };
                builder.node(Node { at, data }, anchor)?;
            }
            Event::Alias(anchor) => builder.alias(anchor, at)?,
            Event::SequenceStart(anchor, ..) => {
                builder.start(Open { at, anchor, items: Vec::new(), mapping: false })?;
            }
            Event::MappingStart(anchor, ..) => {
                builder.start(Open { at, anchor, items: Vec::new(), mapping: true })?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.end()?,
            _ => {}
        }
    }
    Ok(builder.done)
}

/// A plain scalar that means nothing. In quotes it is text.
fn is_null(value: &str, text: &str, at: usize) -> bool {
    // The parser has no text of its own for a missing value, whose place is that of what follows:
    // so it is looked at whether this very value stands there in quotes.
    let rest = text.get(at..).unwrap_or_default();
    let quoted = ["'", "\""].iter().any(|quote| {
        rest.strip_prefix(quote)
            .and_then(|rest| rest.strip_prefix(value))
            .is_some_and(|rest| rest.starts_with(quote))
    });
    !quoted && matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// A sequence or mapping that is being read; a mapping's keys and values take turns.
struct Open {
    at: usize,
    anchor: usize,
    items: Vec<Node>,
    mapping: bool,
}

struct Builder<'l> {
    limits: &'l Limits,
    open: Vec<Open>,
    done: Vec<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn start(&mut self, open: Open) -> Result<(), Malformed> {
        if self.open.len() >= self.limits.nesting {
            return Err(Malformed {
                at: open.at,
                message: format!("more than {} levels of nesting", self.limits.nesting),
                limit: true,
            });
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Malformed> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let data = if open.mapping {
            let mut entries = Vec::with_capacity(open.items.len() / 2);
            let mut items = open.items.into_iter();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                entries.push((key, value));
            }
            Data::Mapping(entries)
        } else {
            Data::Sequence(open.items)
        };
        self.node(Node { at: open.at, data }, open.anchor)
    }

    fn node(&mut self, node: Node, anchor: usize) -> Result<(), Malformed> {
        self.count(1, node.at)?;
        if anchor != 0 {
            self.count(node.size(), node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.attach(node);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: usize) -> Result<(), Malformed> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Malformed {
                at,
                message: "an alias inside what it stands for".to_owned(),
                limit: false,
            });
        };
        let size = node.size();
        let node = node.clone();
        self.count(size, at)?;
        self.attach(node);
        Ok(())
    }

    fn attach(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.done.push(node),
        }
    }

    fn count(&mut self, nodes: usize, at: usize) -> Result<(), Malformed> {
        self.nodes += nodes;
        if self.nodes > self.limits.nodes {
            return Err(Malformed {
                at,
                message: format!("more than {} YAML nodes", self.limits.nodes),
                limit: true,
            });
        }
        Ok(())
    }
}

/// From characters, which the parser counts, to bytes.
struct Offsets {
    /// Empty where both are the same.
    bytes: Vec<usize>,
    length: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Offsets { bytes, length: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            return character.min(self.length);
        }
        self.bytes.get(character).copied().unwrap_or(self.length)
    }
}
