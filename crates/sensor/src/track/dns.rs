//! DNS messages, as they were on the wire (RFC 1035): the only hostile format that is read here. Every
//! read is bounded by the message, every loop by a count, and a bad message gives nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_model::event::{Activity, Kind, readable};

use super::socket;
use crate::abi::Address;

/// Most records of an answer that are read.
const MAX_RECORDS: usize = 32;
/// Most labels of a name, and jumps of compression in one.
const MAX_LABELS: usize = 128;
/// RFC 1035, 2.3.4.
const MAX_NAME: usize = 255;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;

/// A question that left, or an answer that came in. The other two are a name server's own trade and are
/// not told.
pub(super) fn of(kind: u16, remote: &Address, outgoing: bool, message: &[u8]) -> Option<Activity> {
    let is_question = kind == u16::from(Kind::DnsQuestion.number());
    if is_question != outgoing {
        return None;
    }
    let id = word(message, 0)?;
    let flags = word(message, 2)?;
    if word(message, 4)? == 0 {
        return None;
    }
    let (name, at) = name(message, 12)?;
    let record_type = word(message, at)?;
    if is_question {
        return Some(Activity::DnsQuestion {
            id,
            name,
            record_type,
            server: socket::address(remote),
        });
    }
    let (addresses, aliases) = answers(message, at + 4, usize::from(word(message, 6)?));
    let code = u8::try_from(flags & 15).unwrap_or_default();
    Some(Activity::DnsAnswer { id, name, record_type, code, addresses, aliases })
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// A cut message gives what came before the cut.
fn answers(message: &[u8], mut at: usize, count: usize) -> (Vec<IpAddr>, Vec<String>) {
    let (mut addresses, mut aliases) = (Vec::new(), Vec::new());
    for _ in 0..count.min(MAX_RECORDS) {
        let Some((_, after)) = name(message, at) else { break };
        let (Some(record_type), Some(length)) = (word(message, after), word(message, after + 8))
        else {
            break;
        };
        let start = after + 10;
        let Some(data) = message.get(start..start + usize::from(length)) else { break };
        match record_type {
            TYPE_A => {
                if let Ok(bytes) = <[u8; 4]>::try_from(data) {
                    addresses.push(IpAddr::V4(Ipv4Addr::from(bytes)));
                }
            }
            TYPE_AAAA => {
                if let Ok(bytes) = <[u8; 16]>::try_from(data) {
                    addresses.push(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical());
                }
            }
            TYPE_CNAME => aliases.extend(name(message, start).map(|(name, _)| name)),
            _ => {}
        }
        at = start + usize::from(length);
    }
    (addresses, aliases)
}

/// A name in lower case without its last dot, and where the record goes on. Pointers only go back
/// (RFC 1035, 4.1.4), so that they cannot turn in a circle.
fn name(message: &[u8], start: usize) -> Option<(String, usize)> {
    let mut text: Vec<u8> = Vec::new();
    let (mut at, mut next) = (start, None);
    for _ in 0..MAX_LABELS {
        let length = usize::from(*message.get(at)?);
        match length >> 6 {
            0 if length == 0 => {
                return Some((readable(&text.to_ascii_lowercase()), next.unwrap_or(at + 1)));
            }
            0 => {
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend_from_slice(message.get(at + 1..at + 1 + length)?);
                if text.len() > MAX_NAME {
                    return None;
                }
                at += 1 + length;
            }
            3 => {
                let to = usize::from(word(message, at)? & 0x3fff);
                next = next.or(Some(at + 2));
                if to >= at {
                    return None;
                }
                at = to;
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(b"\x03WWW\x07example\x03com\x00\x00\x01\x00\x01");
        bytes
    }

    fn remote() -> Address {
        Address { family: 2, port: 53, bytes: [192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }
    }

    #[test]
    fn a_question_has_its_name() {
        let Some(Activity::DnsQuestion { id, name, record_type, server }) =
            of(26, &remote(), true, &question())
        else {
            panic!("no question")
        };
        assert_eq!((id, name.as_str(), record_type), (0x1234, "www.example.com", 1));
        assert!(server.is_some());
        assert_eq!(of(26, &remote(), false, &question()), None);
    }

    #[test]
    fn an_answer_has_its_addresses_and_aliases() {
        let mut bytes = question();
        bytes[2] = 0x81;
        bytes[3] = 0x83;
        bytes[7] = 3;
        bytes.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x01\x00\x04\x01x\xc0\x10");
        bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04");
        bytes.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x05\x06");
        let Some(Activity::DnsAnswer { code, addresses, aliases, .. }) =
            of(27, &remote(), false, &bytes)
        else {
            panic!("no answer")
        };
        assert_eq!(code, 3);
        assert_eq!(addresses, [IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4))]);
        assert_eq!(aliases, ["x.example.com"]);
    }

    #[test]
    fn lies_give_nothing_and_end() {
        let mut circle = question();
        circle.truncate(12);
        circle.extend([0xc0, 12, 0, 1, 0, 1]);
        assert_eq!(of(26, &remote(), true, &circle), None);
        for cut in 0..question().len() - 4 {
            assert_eq!(of(26, &remote(), true, &question()[..cut]), None, "{cut}");
        }
        let mut long = question();
        long.truncate(12);
        for _ in 0..70 {
            long.extend(b"\x3fabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk");
        }
        long.extend([0, 0, 1, 0, 1]);
        assert_eq!(of(26, &remote(), true, &long), None);
    }
}
