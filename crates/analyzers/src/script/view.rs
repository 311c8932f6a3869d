//! Source as it means: without comments, with strings joined and decoded, blanks evened out. The
//! tables of features are searched for here.

/// Bytes shown of a string that is nothing but encoded data.
const MAX_DATA: usize = 256;

/// Normalised source.
#[derive(Default)]
pub(super) struct View {
    pub(super) text: Vec<u8>,
    /// Where pieces of the view come from: place in the view, place in the source.
    places: Vec<(u32, u32)>,
}

impl View {
    /// Adds a word, apart from a word before it.
    pub(super) fn word(&mut self, word: &[u8], offset: usize) {
        let joins = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'"');
        let starts = !matches!(word.first(), Some(b'.' | b':'));
        if starts && self.text.last().is_some_and(joins) {
            self.text.push(b' ');
        }
        self.mark_place(offset);
        self.text.extend_from_slice(word);
    }

    /// Adds a string, in double quotes.
    pub(super) fn string(&mut self, value: &[u8], offset: usize) {
        if self.text.last().is_some_and(u8::is_ascii_alphanumeric) {
            self.text.push(b' ');
        }
        self.text.push(b'"');
        self.mark_place(offset);
        let data = super::decode::looks_base64(value, MAX_DATA);
        let shown = if data { value.get(..MAX_DATA).unwrap_or(value) } else { value };
        self.even(shown);
        self.text.push(b'"');
    }

    /// Adds text with every run of blanks as one.
    pub(super) fn even(&mut self, text: &[u8]) {
        let mut blank = false;
        for byte in text {
            match byte {
                b' ' | b'\t' | b'\r' => blank = true,
                _ => {
                    if blank && *byte != b'\n' {
                        self.text.push(b' ');
                    }
                    blank = false;
                    self.text.push(*byte);
                }
            }
        }
        if blank {
            self.text.push(b' ');
        }
    }

    /// Adds a byte as it is.
    pub(super) fn mark(&mut self, byte: u8, offset: usize) {
        self.mark_place(offset);
        self.text.push(byte);
    }

    /// Ends a line.
    pub(super) fn line(&mut self) {
        if self.text.last() != Some(&b'\n') {
            self.text.push(b'\n');
        }
    }

    pub(super) fn mark_place(&mut self, offset: usize) {
        let pair = (u32::try_from(self.text.len()), u32::try_from(offset));
        if let (Ok(here), Ok(there)) = pair {
            // One place for some bytes is enough to find the line.
            if self.places.last().is_none_or(|(last, _)| here >= last + 16) {
                self.places.push((here, there));
            }
        }
    }

    /// Where this place of the view comes from, roughly.
    pub(super) fn source_of(&self, place: usize) -> usize {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let at = self.places.partition_point(|(here, _)| *here <= place);
        at.checked_sub(1).and_then(|at| self.places.get(at)).map_or(0, |(_, there)| *there as usize)
    }
}
