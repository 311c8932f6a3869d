//! Mailboxes: messages one behind the other, each after a line that begins with `From `
//! (RFC 4155).

use crate::unpack::{Child, ChildKind, Stop, Unpacking};

/// Hands out each message.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut start: Option<usize> = None;
    let mut number = 0;
    let mut after_blank = true;
    let mut at = 0;
    while at < input.len() {
        let end = memchr::memchr(b'\n', &input[at..]).map_or(input.len(), |end| at + end + 1);
        let line = &input[at..end];
        if after_blank && line.starts_with(b"From ") && is_field(&input[end..]) {
            if let Some(start) = start {
                number += 1;
                message(&input[start..at], number, unpacking)?;
            }
            start = Some(end);
        }
        after_blank = line.trim_ascii().is_empty();
        at = end;
    }
    number += 1;
    message(&input[start.unwrap_or(0)..], number, unpacking)
}

fn message(bytes: &[u8], number: usize, unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let child = Child::new(ChildKind::Member, format!("message-{number}.eml"));
    unpacking.child_bytes(&child.packed(bytes.len() as u64), bytes)
}

/// A header field follows: the line is not one of prose.
fn is_field(text: &[u8]) -> bool {
    let line = &text[..text.len().min(200)];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    memchr::memchr(b':', line)
        .is_some_and(|colon| colon > 0 && line[..colon].iter().all(|byte| (33..127).contains(byte)))
}

#[cfg(test)]
mod tests {
    use super::unpack;
    use crate::document::test_support::{collect, survives};

    const TWO: &[u8] = b"From a Mon\nSubject: 1\n\nFrom here on\n\nFrom prose to prose\n\n\
From b Tue\nSubject: 2\n\nx\n";

    #[test]
    fn each_message_is_a_child() {
        let found = collect(unpack, TWO);
        assert_eq!(found.names(), ["message-1.eml", "message-2.eml"]);
        assert!(found.body("message-1.eml").ends_with(b"prose\n\n"));
        assert_eq!(found.body("message-2.eml"), b"Subject: 2\n\nx\n");
    }

    #[test]
    fn hostile_bytes_survive() {
        survives(unpack, TWO);
    }
}
