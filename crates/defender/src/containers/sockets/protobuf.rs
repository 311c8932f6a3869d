//! As much of protocol buffers as containerd's answers need: reading fields, writing one text.

use super::client::SocketError;

/// A field's value. Groups are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// As text; empty when it is none.
    pub(super) fn text(self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// As a message.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => &[],
        }
    }
}

/// The fields of a message, in their order. Ends after the first that cannot be read.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has one bit left.
            if place == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), SocketError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| SocketError::Unreadable("a damaged message".to_owned())))
    }
}

/// A message with one text, field number 1.
pub(super) fn message(text: &str) -> Vec<u8> {
    let mut bytes = vec![1 << 3 | 2];
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or(0));
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(text in ".{0,400}") {
            let bytes = message(&text);
            let fields: Result<Vec<_>, _> = Fields::new(&bytes).collect();
            let fields = fields.expect("written by us");
            prop_assert_eq!(fields.len(), 1);
            prop_assert_eq!((fields[0].0, fields[0].1.text()), (1, text.as_str()));
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        }
    }

    #[test]
    fn damage_is_said() {
        for bytes in [&[0x0a_u8, 0x05, b'a'][..], &[0x80; 11], &[0x0b], &[0x09, 1, 2]] {
            assert!(Fields::new(bytes).any(|field| field.is_err()), "{bytes:?}");
        }
        let half = [8, 1, 0x0a, 0xff];
        let read: Vec<_> = Fields::new(&half).collect();
        assert!(matches!(read[0], Ok((1, Value::Number(1)))) && read[1].is_err());
    }
}
