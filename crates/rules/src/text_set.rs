//! A set of texts for `in`.

/// Looks texts up; length, first and last byte turn most away.
#[derive(Clone, Debug)]
pub(crate) struct TextSet {
    texts: Box<[Box<[u8]>]>,
    /// A Bloom filter of these three, of 2^n bits and at least eight a text.
    filter: Box<[u64]>,
    has_empty: bool,
}

/// Where the filter has its bit: the word, and the bit in it.
#[inline]
fn place(first: u8, last: u8, length: usize, words: usize) -> (usize, u64) {
    let key = u64::from(first) | u64::from(last) << 8 | (length as u64) << 16;
    // Fibonacci hashing: the high bits of a product with 2^64 over the golden ratio.
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    ((hash >> 6) as usize & (words - 1), 1 << (hash & 63))
}

impl TextSet {
    pub(crate) fn new(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut texts: Vec<Box<[u8]>> = texts.into_iter().map(Vec::into_boxed_slice).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut filter = vec![0_u64; texts.len().div_ceil(8).next_power_of_two()];
        for text in &texts {
            let (Some(first), Some(last)) = (text.first(), text.last()) else { continue };
            let (word, bit) = place(*first, *last, text.len(), filter.len());
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        TextSet {
            has_empty: texts.first().is_some_and(|text| text.is_empty()),
            texts: texts.into_boxed_slice(),
            filter: filter.into_boxed_slice(),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        let (Some(first), Some(last)) = (text.first(), text.last()) else { return self.has_empty };
        let (word, bit) = place(*first, *last, text.len(), self.filter.len());
        self.filter.get(word).is_some_and(|word| word & bit != 0)
            && self.texts.binary_search_by(|own| own.as_ref().cmp(text)).is_ok()
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
