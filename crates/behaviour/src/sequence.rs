//! Short sequences of system calls as a second opinion (STIDE: Forrest, Hofmeyr, Somayaji, Longstaff,
//! "A Sense of Self for Unix Processes", 1996; frames of mismatches after Hofmeyr et al., "Intrusion
//! Detection Using Sequences of System Calls", 1998). It informs and never blocks: interpreters and
//! just-in-time compilers make it noisy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use palisade_model::event::SequenceScore;

/// Calls in one sequence.
const N: usize = 3;

/// Sequences that one score looks back on.
const FRAME: u8 = 100;

/// Three system-call numbers in a row, written `0-1-60`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gram(pub(crate) [u16; N]);

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

/// Which of the latest sequences of one container its image had not made while learning. It does not grow.
///
/// Each sequence counts once for a container and program: the sensor tells it when it is new there. What is
/// looked back on is therefore not time but variety, so that a loop of known calls hides nothing. What was
/// learned from the container itself is looked back on too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame {
    mismatches: u128,
    filled: u8,
}

impl Frame {
    fn mark(&mut self, mismatch: bool) -> SequenceScore {
        let mask = (1_u128 << FRAME) - 1;
        self.mismatches = (self.mismatches << 1 | u128::from(mismatch)) & mask;
        self.filled = (self.filled + 1).min(FRAME);
        let mismatches = u8::try_from(self.mismatches.count_ones()).unwrap_or(FRAME);
        SequenceScore { mismatches, of: self.filled }
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

    /// Takes one sequence. While learning it is taken up; else it is scored, where anything is known of the
    /// executable.
    pub(crate) fn follow(
        &mut self,
        executable: &str,
        frame: &mut Frame,
        gram: Gram,
        learning: Option<(usize, usize)>,
    ) -> (Option<SequenceScore>, Insertion) {
        if let Some((executables, grams)) = learning {
            // The sensor does not tell it again of this container: it is part of what is looked back on.
            frame.mark(false);
            return (None, self.insert(executable, gram, executables, grams));
        }
        let Some(known) = self.0.get(executable) else {
            return (None, Insertion::Known);
        };
        (Some(frame.mark(!known.contains(&gram))), Insertion::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_scores_nothing_and_what_was_not_scores() {
        let mut sequences = Sequences::default();
        let mut frame = Frame::default();
        for gram in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
            sequences.follow("/bin/x", &mut frame, Gram(gram), Some((1, 100)));
        }
        assert_eq!(frame, Frame { mismatches: 0, filled: 3 }, "it is looked back on");
        let mut frame = Frame::default();
        let score = |sequences: &mut Sequences, frame: &mut Frame, gram| {
            sequences.follow("/bin/x", frame, Gram(gram), None).0
        };
        let known = score(&mut sequences, &mut frame, [0, 1, 2]);
        assert_eq!(known, Some(SequenceScore { mismatches: 0, of: 1 }));
        let strange = score(&mut sequences, &mut frame, [1, 2, 59]);
        assert_eq!(strange, Some(SequenceScore { mismatches: 1, of: 2 }));
        assert_eq!(strange.map(SequenceScore::percent), Some(50));
        for last in 100..600 {
            score(&mut sequences, &mut frame, [7, 7, last]);
        }
        let all = score(&mut sequences, &mut frame, [7, 7, 7]);
        assert_eq!(all, Some(SequenceScore { mismatches: 100, of: 100 }));
        // Of an executable that was never learned nothing can be said.
        assert_eq!(sequences.follow("/bin/y", &mut frame, Gram([0, 1, 2]), None).0, None);
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
