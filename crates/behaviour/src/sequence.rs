//! Short sequences of system calls as a second opinion (STIDE: Forrest, Hofmeyr, Somayaji, Longstaff,
//! "A Sense of Self for Unix Processes", 1996; frames of mismatches after Hofmeyr et al., "Intrusion
//! Detection Using Sequences of System Calls", 1998). It informs and never blocks: interpreters and
//! just-in-time compilers make it noisy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Calls in one sequence.
const N: usize = 3;

/// Sequences that one score looks back on.
const FRAME: u8 = 100;

/// Three system-call numbers in a row, written `0-1-60`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gram([u16; N]);

impl fmt::Display for Gram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.0;
        write!(formatter, "{first}-{second}-{third}")
    }
}

impl FromStr for Gram {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split('-').map(|part| part.parse::<u16>().map_err(|_| ()));
        let mut next = || numbers.next().unwrap_or(Err(()));
        let gram = Self([next()?, next()?, next()?]);
        if numbers.next().is_none() { Ok(gram) } else { Err(()) }
    }
}

/// The recent calls of one thread; whoever follows threads keeps one for each. It does not grow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trace {
    last: [u16; N - 1],
    seen: u8,
    mismatches: u128,
    filled: u8,
}

/// How strange the recent calls of a thread are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Sequences among the last [`Score::of`] that were never seen while learning.
    pub mismatches: u8,
    /// Sequences looked back on, at most 100.
    pub of: u8,
}

impl Score {
    /// From 0 (all known) to 100 (none known), per cent.
    pub fn percent(self) -> u8 {
        let share = u16::from(self.mismatches) * 100 / u16::from(self.of.max(1));
        u8::try_from(share).unwrap_or(100)
    }
}

impl Trace {
    /// The sequence that `call` completes.
    fn push(&mut self, call: u16) -> Option<Gram> {
        let [first, second] = self.last;
        self.last = [second, call];
        if usize::from(self.seen) < N - 1 {
            self.seen += 1;
            return None;
        }
        Some(Gram([first, second, call]))
    }

    fn mark(&mut self, mismatch: bool) -> Score {
        let mask = (1_u128 << FRAME) - 1;
        self.mismatches = (self.mismatches << 1 | u128::from(mismatch)) & mask;
        self.filled = (self.filled + 1).min(FRAME);
        let mismatches = u8::try_from(self.mismatches.count_ones()).unwrap_or(FRAME);
        Score { mismatches, of: self.filled }
    }
}

/// What insertions did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insertion {
    Known,
    Added,
    Full,
}

/// The sequences of each executable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sequences(BTreeMap<String, BTreeSet<Gram>>);

impl Sequences {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<Gram>)> {
        self.0.iter().map(|(executable, grams)| (executable.as_str(), grams))
    }

    pub(crate) fn insert(
        &mut self,
        executable: &str,
        gram: Gram,
        executables: usize,
        grams: usize,
    ) -> Insertion {
        if let Some(known) = self.0.get_mut(executable) {
            if known.contains(&gram) {
                return Insertion::Known;
            }
            if known.len() >= grams {
                return Insertion::Full;
            }
            known.insert(gram);
        } else {
            if self.0.len() >= executables || grams == 0 {
                return Insertion::Full;
            }
            self.0.insert(executable.to_owned(), BTreeSet::from([gram]));
        }
        Insertion::Added
    }

    /// Follows one call. While learning, what it completes is taken up; else it is scored, where
    /// anything is known of the executable.
    pub(crate) fn follow(
        &mut self,
        executable: &str,
        trace: &mut Trace,
        call: u16,
        learning: Option<(usize, usize)>,
    ) -> (Option<Score>, Insertion) {
        let Some(gram) = trace.push(call) else {
            return (None, Insertion::Known);
        };
        if let Some((executables, grams)) = learning {
            return (None, self.insert(executable, gram, executables, grams));
        }
        let Some(known) = self.0.get(executable) else {
            return (None, Insertion::Known);
        };
        (Some(trace.mark(!known.contains(&gram))), Insertion::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_scores_nothing_and_what_was_not_scores() {
        let mut sequences = Sequences::default();
        let mut trace = Trace::default();
        for call in [0, 1, 2, 0, 1, 2, 0, 1] {
            sequences.follow("/bin/x", &mut trace, call, Some((1, 100)));
        }
        let mut trace = Trace::default();
        let score = |sequences: &mut Sequences, trace: &mut Trace, call| {
            sequences.follow("/bin/x", trace, call, None).0
        };
        assert_eq!(score(&mut sequences, &mut trace, 0), None);
        assert_eq!(score(&mut sequences, &mut trace, 1), None);
        assert_eq!(score(&mut sequences, &mut trace, 2), Some(Score { mismatches: 0, of: 1 }));
        let strange = score(&mut sequences, &mut trace, 59);
        assert_eq!(strange, Some(Score { mismatches: 1, of: 2 }));
        assert_eq!(strange.map(Score::percent), Some(50));
        for _ in 0..500 {
            score(&mut sequences, &mut trace, 7);
        }
        let all = score(&mut sequences, &mut trace, 7);
        assert_eq!(all, Some(Score { mismatches: 100, of: 100 }));
        // Of an executable that was never learned nothing can be said.
        assert_eq!(sequences.follow("/bin/y", &mut trace, 7, None).0, None);
    }

    #[test]
    fn sequences_are_bounded_and_have_one_text() {
        let mut sequences = Sequences::default();
        let gram = |last| Gram([0, 1, last]);
        assert_eq!(sequences.insert("/a", gram(0), 1, 2), Insertion::Added);
        assert_eq!(sequences.insert("/a", gram(0), 1, 2), Insertion::Known);
        assert_eq!(sequences.insert("/a", gram(1), 1, 2), Insertion::Added);
        assert_eq!(sequences.insert("/a", gram(2), 1, 2), Insertion::Full);
        assert_eq!(sequences.insert("/b", gram(2), 1, 2), Insertion::Full);
        assert_eq!("0-1-2".parse(), Ok(gram(2)));
        assert_eq!(gram(2).to_string(), "0-1-2");
        for bad in ["", "1", "1-2", "1-2-3-4", "1-2-x", "1-2-70000", "1--2"] {
            assert!(bad.parse::<Gram>().is_err(), "{bad}");
        }
    }
}
