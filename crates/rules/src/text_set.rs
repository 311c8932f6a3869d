//! A set of texts for `in`.

/// Looks texts up without hashing: lengths and first bytes turn most away.
#[derive(Clone, Debug)]
pub(crate) struct TextSet {
    texts: Box<[Box<[u8]>]>,
    shortest: usize,
    longest: usize,
    /// The first bytes that occur, one bit each.
    first: [u64; 4],
    has_empty: bool,
}

impl TextSet {
    pub(crate) fn new(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut texts: Vec<Box<[u8]>> = texts.into_iter().map(Vec::into_boxed_slice).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut first = [0_u64; 4];
        for byte in texts.iter().filter_map(|text| text.first()) {
            first[usize::from(byte / 64)] |= 1 << (byte % 64);
        }
        TextSet {
            shortest: texts.iter().map(|text| text.len()).min().unwrap_or(usize::MAX),
            longest: texts.iter().map(|text| text.len()).max().unwrap_or(0),
            has_empty: texts.first().is_some_and(|text| text.is_empty()),
            texts: texts.into_boxed_slice(),
            first,
        }
    }

    #[inline]
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        let Some(byte) = text.first() else { return self.has_empty };
        if text.len() < self.shortest
            || text.len() > self.longest
            || (self.first[usize::from(byte / 64)] >> (byte % 64)) & 1 == 0
        {
            return false;
        }
        self.texts.binary_search_by(|own| own.as_ref().cmp(text)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::TextSet;

    #[test]
    fn a_set_has_what_was_put_in() {
        let set = TextSet::new(["bash", "sh", "zsh", "sh"].map(|text| text.as_bytes().to_vec()));
        for text in ["bash", "sh", "zsh"] {
            assert!(set.contains(text.as_bytes()), "{text}");
        }
        for text in ["", "b", "bas", "bashes", "dash", "s", "\u{ff}sh"] {
            assert!(!set.contains(text.as_bytes()), "{text}");
        }
        assert!(!TextSet::new([]).contains(b""));
        assert!(TextSet::new([Vec::new()]).contains(b""));
    }
}
