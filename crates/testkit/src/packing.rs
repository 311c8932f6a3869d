//! A container format for tests: as simple as can be, and nothing of it looks like a real one.
//!
//! `BOX` and a line end, then for each member `<bytes of name> <bytes of content>`, a line end, the
//! name and the content.

const MAGIC: &[u8] = b"BOX\n";

/// A box of these members.
pub fn pack<N: AsRef<str>, B: AsRef<[u8]>>(members: impl IntoIterator<Item = (N, B)>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for (name, content) in members {
        let (name, content) = (name.as_ref(), content.as_ref());
        bytes.extend_from_slice(format!("{} {}\n", name.len(), content.len()).as_bytes());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(content);
    }
    bytes
}

/// Whether it is a box.
pub fn is_box(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The members of a box in order, and whether it ends as it should.
pub fn open(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, bool) {
    let mut members = Vec::new();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return (members, false) };
    while !rest.is_empty() {
        let Some((member, after)) = next(rest) else { return (members, false) };
        members.push(member);
        rest = after;
    }
    (members, true)
}

type Member = (String, Vec<u8>);

fn next(bytes: &[u8]) -> Option<(Member, &[u8])> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = bytes.split_at_checked(line)?;
    let (name, content) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    let (name, content): (usize, usize) = (name.parse().ok()?, content.parse().ok()?);
    let (name, rest) = rest.get(1..)?.split_at_checked(name)?;
    let (content, rest) = rest.split_at_checked(content)?;
    Some(((String::from_utf8_lossy(name).into_owned(), content.to_vec()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out() {
        let inner = pack([("c", "deep\nbytes")]);
        let outer = pack([("a", b"".as_slice()), ("b/inner", &inner)]);
        let (members, whole) = open(&outer);
        assert!(whole);
        assert_eq!(members, vec![("a".to_owned(), vec![]), ("b/inner".to_owned(), inner)]);
        let (members, whole) = open(&outer[..outer.len() - 1]);
        assert_eq!((members.len(), whole), (1, false));
        assert_eq!(open(b"BOX"), (vec![], false));
    }
}
