//! An item as the bytes that a sink takes.

use super::pretty::Pretty;
use super::sink::syslog::Header;
use super::{Encoder, Item};

/// The form of a sink's lines.
pub(super) enum Shape {
    /// OCSF.
    Json(Encoder),
    /// For people.
    Pretty(Box<Pretty>),
}

pub(super) struct Formatter {
    pub(super) shape: Shape,
    pub(super) header: Option<Header>,
}

impl Formatter {
    /// One item: a line with its end, or a syslog message without one.
    pub(super) fn bytes(&mut self, item: &Item, number: u64) -> Vec<u8> {
        let text = match &mut self.shape {
            Shape::Json(encoder) => encoder.line(item, number),
            Shape::Pretty(pretty) => pretty.text(item),
        };
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
