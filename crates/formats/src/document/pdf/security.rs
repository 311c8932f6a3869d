//! Whether a file is encrypted, and what opens it: trailers and encryption dictionaries wherever they
//! stand (ISO 32000-1, 7.5.5 and 7.6.1).

use std::collections::HashMap;

use super::crypt::Cipher;
use super::object::{Object, Parser};
use crate::bytes::find;

/// Trailers of one file that are read.
const MAX_TRAILERS: usize = 1_000;
/// Objects that may be the encryption dictionary.
const MAX_CANDIDATES: usize = 1_000;

/// What the objects and trailers say about encryption.
#[derive(Default)]
pub struct Security {
    direct: Option<Object>,
    reference: Option<u32>,
    candidates: HashMap<u32, Object>,
    id: Vec<u8>,
}

impl Security {
    /// Notes an object of the file.
    pub fn see(&mut self, number: u32, value: &Object) {
        let keys = value.get(b"O").is_some() && value.get(b"U").is_some();
        if (keys || value.get(b"V").is_some() && value.get(b"Filter").is_some())
            && self.candidates.len() < MAX_CANDIDATES
        {
            self.candidates.insert(number, value.clone());
        }
        if value.get(b"Type").is_some_and(|kind| kind.is_name(b"XRef")) {
            self.trailer(value);
        }
    }

    /// Notes the trailers of the classic form; every update has one.
    pub fn trailers(&mut self, input: &[u8]) {
        let mut at = 0;
        for _ in 0..MAX_TRAILERS {
            let Some(found) = find(input, b"trailer", at) else { return };
            at = found + 7;
            let mut parser = Parser::new(input, at);
            parser.skip_blanks();
            if parser.rest().starts_with(b"<<")
                && let Some(value) = parser.value()
            {
                self.trailer(&value);
                at = parser.at.max(at);
            }
        }
    }

    fn trailer(&mut self, value: &Object) {
        match value.get(b"Encrypt") {
            Some(Object::Reference(number, _)) => self.reference = Some(*number),
            Some(direct @ Object::Dictionary(_)) => self.direct = Some(direct.clone()),
            _ => {}
        }
        if let Some(Object::Array(ids)) = value.get(b"ID")
            && let Some(first) = ids.first().and_then(Object::text)
        {
            self.id = first.to_vec();
        }
    }

    /// Whether a trailer says that the file is encrypted. Its dictionary may be lost all the same:
    /// then nothing can be read.
    pub fn is_encrypted(&self) -> bool {
        self.reference.is_some() || self.direct.is_some()
    }

    /// The encryption dictionary.
    pub fn dictionary(&self) -> Option<&Object> {
        self.reference.and_then(|number| self.candidates.get(&number)).or(self.direct.as_ref())
    }

    /// The key, when one of the passwords fits.
    pub fn cipher(&self, passwords: &[String]) -> Option<Cipher> {
        Cipher::open(self.dictionary()?, &self.id, passwords)
    }
}
