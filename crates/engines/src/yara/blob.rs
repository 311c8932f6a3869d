//! Several compiled rule sets in one piece of memory: a count, then for each a name and its bytes,
//! each with its length before it (32 bits, little-endian).

/// Puts sets together.
pub(super) fn join(sets: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut blob = Vec::new();
    let length = |blob: &mut Vec<u8>, length: usize| {
        blob.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    };
    length(&mut blob, sets.len());
    for (name, bytes) in sets {
        length(&mut blob, name.len());
        blob.extend_from_slice(name.as_bytes());
        length(&mut blob, bytes.len());
        blob.extend_from_slice(bytes);
    }
    blob
}

/// Takes them apart; `None` for anything that [`join`] did not make.
pub(super) fn split(mut blob: &[u8]) -> Option<Vec<(String, &[u8])>> {
    fn take<'a>(blob: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let (taken, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        *blob = rest;
        Some(taken)
    }
    let (count, rest) = blob.split_first_chunk::<4>()?;
    blob = rest;
    let mut sets = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let name = String::from_utf8(take(&mut blob)?.to_vec()).ok()?;
        sets.push((name, take(&mut blob)?));
    }
    blob.is_empty().then_some(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split_and_nothing_else() {
        let sets = vec![(String::new(), b"one".to_vec()), ("two".to_owned(), Vec::new())];
        let blob = join(&sets);
        let split_again = split(&blob).unwrap();
        assert_eq!(split_again[0], (String::new(), &b"one"[..]));
        assert_eq!(split_again[1], ("two".to_owned(), &b""[..]));
        for end in 0..blob.len() {
            assert!(split(&blob[..end]).is_none());
        }
    }
}
