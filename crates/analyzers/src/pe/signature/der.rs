//! A walker over DER (X.690), as lenient as verifiers of code signatures are: lengths need not be
//! minimal. Indefinite lengths are not read.

/// An element: its tag and its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;
/// `[1]`, constructed.
pub(super) const CONTEXT_1: u8 = 0xa1;
/// `[3]`, constructed.
pub(super) const CONTEXT_3: u8 = 0xa3;

/// Elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next element, when it has this tag; otherwise nothing is read.
    pub(super) fn tagged(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let found = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(found)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let &[tag, first, ref after @ ..] = self.rest else { return None };
        // Tags of more than one byte are not used here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, head) = if first & 0x80 == 0 {
            (usize::from(first), 2)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let digits = after.get(..count)?;
            let length =
                digits.iter().fold(0usize, |length, &digit| (length << 8) | usize::from(digit));
            (length, 2 + count)
        };
        let end = head.checked_add(length)?;
        let whole = self.rest.get(..end)?;
        let content = whole.get(head..)?;
        self.rest = self.rest.get(end..)?;
        Some(Element { tag, content, whole })
    }
}

impl<'a> Element<'a> {
    /// Its elements.
    pub(super) fn elements(&self) -> Elements<'a> {
        Elements::of(self.content)
    }

    /// Its first element, when it has this tag.
    pub(super) fn first(&self, tag: u8) -> Option<Element<'a>> {
        self.elements().tagged(tag)
    }

    /// A time as `YYYYMMDDHHMMSS`, which sorts as times do (RFC 5280, 4.1.2.5).
    pub(super) fn time(&self) -> Option<String> {
        let text = std::str::from_utf8(self.content).ok()?;
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        match (self.tag, digits.len()) {
            (UTC_TIME, 12) => {
                let century = if digits.get(..2)? < "50" { "20" } else { "19" };
                Some(format!("{century}{digits}"))
            }
            (UTC_TIME, 10) => {
                let century = if digits.get(..2)? < "50" { "20" } else { "19" };
                Some(format!("{century}{digits}00"))
            }
            (GENERALIZED_TIME, 14..) => digits.get(..14).map(str::to_owned),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Elements, INTEGER, SEQUENCE, UTC_TIME};

    #[test]
    fn elements_are_read_and_lies_are_not() {
        let mut elements = Elements::of(&[0x30, 3, 2, 1, 5, 0x02, 0x81, 1, 9]);
        let sequence = elements.tagged(SEQUENCE).unwrap();
        assert_eq!(sequence.first(INTEGER).unwrap().content, [5]);
        assert_eq!(elements.tagged(SEQUENCE), None);
        assert_eq!(elements.tagged(INTEGER).unwrap().content, [9]);
        for lie in [&[0x30, 5, 0][..], &[0x30, 0x80, 0, 0], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(Elements::of(lie).next(), None);
        }
    }

    #[test]
    fn times_sort() {
        let whole = b"\x17\x0d491231235959Z";
        let late = Elements::of(whole).tagged(UTC_TIME).unwrap().time();
        assert_eq!(late.as_deref(), Some("20491231235959"));
        let early = Elements::of(b"\x17\x0d500101000000Z").next().unwrap().time();
        assert_eq!(early.as_deref(), Some("19500101000000"));
    }
}
