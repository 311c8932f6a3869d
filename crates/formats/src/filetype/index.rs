//! Finds the signatures that a file begins with, without trying them all.

use std::sync::LazyLock;

use super::tables::{Entry, Signature, TABLES};
use super::{Category, Confidence, Type, encoding};

/// Bytes of signature from which an accident is unlikely: shorter ones are tried only after the
/// longer ones at every offset, so that a tar whose first name begins with `BM` is a tar.
const STRONG: usize = 4;

struct Candidate {
    entry: &'static Entry,
    signature: Signature,
    weight: usize,
    /// The signature is a short word that text may begin with, while the format is not text: the
    /// bytes behind it must not be text either.
    wants_binary: bool,
}

/// Bytes behind a signature that [`Candidate::wants_binary`] looks at.
const BINARY_LOOK: usize = 512;

impl Candidate {
    fn new(entry: &'static Entry, signature: Signature) -> Self {
        let weight = signature.iter().map(|(_, bytes)| bytes.len()).sum();
        let word = signature.iter().all(|(_, bytes)| bytes.iter().all(u8::is_ascii_graphic));
        let textual = matches!(
            entry.ty.category,
            Category::Text | Category::Script | Category::Mail | Category::Pdf
        ) || entry.ty.id == "rtf";
        let wants_binary = word && weight <= 6 && !textual && entry.check.is_none();
        Self { entry, signature, weight, wants_binary }
    }

    fn matches(&self, data: &[u8]) -> bool {
        self.signature
            .iter()
            .all(|(at, bytes)| data.get(*at..).is_some_and(|rest| rest.starts_with(bytes)))
    }

    fn check(&self, data: &[u8]) -> Option<(&'static Type, Confidence)> {
        if !self.matches(data) {
            return None;
        }
        let look = &data[..data.len().min(BINARY_LOOK)];
        if self.wants_binary && !look.iter().any(|byte| encoding::is_control(*byte)) {
            return None;
        }
        match self.entry.check {
            Some(check) => check(data).map(|ty| (ty, Confidence::Structure)),
            None => Some((&self.entry.ty, Confidence::Signature)),
        }
    }
}

/// Derived from the constant tables, the same in every process: a table, not state.
struct Index {
    /// Signatures with a part at offset 0, by their first byte, heaviest first.
    prefixes: Vec<Vec<Candidate>>,
    /// The others, heaviest first.
    floating: Vec<Candidate>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut prefixes: Vec<Vec<Candidate>> = (0..256).map(|_| Vec::new()).collect();
    let mut floating = Vec::new();
    for entry in TABLES.iter().flat_map(|table| table.iter()) {
        for &signature in entry.signatures {
            let candidate = Candidate::new(entry, signature);
            let first = signature.iter().find(|(at, _)| *at == 0).and_then(|(_, b)| b.first());
            match first {
                Some(&byte) => prefixes[usize::from(byte)].push(candidate),
                None => floating.push(candidate),
            }
        }
    }
    for bucket in &mut prefixes {
        bucket.sort_by_key(|candidate| std::cmp::Reverse(candidate.weight));
    }
    floating.sort_by_key(|candidate| std::cmp::Reverse(candidate.weight));
    Index { prefixes, floating }
});

/// The type of the heaviest signature that matches and whose check agrees.
pub(super) fn lookup(data: &[u8]) -> Option<(&'static Type, Confidence)> {
    let first = usize::from(*data.first()?);
    let prefixes = &INDEX.prefixes[first];
    let floating = &INDEX.floating;
    let (strong, weak) = split(prefixes);
    let (strong_floating, weak_floating) = split(floating);
    [strong, strong_floating, weak, weak_floating]
        .into_iter()
        .flatten()
        .find_map(|candidate| candidate.check(data))
}

fn split(candidates: &[Candidate]) -> (&[Candidate], &[Candidate]) {
    candidates.split_at(candidates.partition_point(|candidate| candidate.weight >= STRONG))
}
