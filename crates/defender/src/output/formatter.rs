//! An item as the bytes that a sink takes.

use palisade_model::event::{Blind, Event, Record};
use palisade_model::wire;

use super::pretty::Pretty;
use super::sink::syslog::Header;
use super::{Encoder, Item};

/// The form of a sink's lines.
pub(super) enum Shape {
    /// OCSF.
    Json(Encoder),
    /// For people.
    Pretty(Box<Pretty>),
    /// The Defender's own.
    Record,
}

pub(super) struct Formatter {
    pub(super) shape: Shape,
    pub(super) header: Option<Header>,
}

impl Formatter {
    /// One item: a line with its end, or a syslog message without one; nothing for what the form does
    /// not have.
    pub(super) fn bytes(&mut self, item: &Item, number: u64) -> Vec<u8> {
        let text = match &mut self.shape {
            Shape::Json(encoder) => encoder.line(item, number),
            Shape::Pretty(pretty) => pretty.text(item),
            Shape::Record => return record(item),
        };
        if text.is_empty() {
            return Vec::new();
        }
        match &self.header {
            Some(header) => header.message(item, &text).into_bytes(),
            None => {
                let mut bytes = text.into_bytes();
                bytes.push(b'\n');
                bytes
            }
        }
    }
}

fn record(item: &Item) -> Vec<u8> {
    let record = match item {
        Item::Event(event) => Record::Event(Box::new(Event::clone(event))),
        Item::Blind(blind) => Record::Blind(Blind::clone(blind)),
        Item::Incident(..) | Item::Dropped(_) => return Vec::new(),
    };
    let mut bytes = wire::encode(&record);
    bytes.push(b'\n');
    bytes
}
