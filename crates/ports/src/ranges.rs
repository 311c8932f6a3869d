//! Runs of offsets: what a group has acknowledged above its mark, for every implementation of the log.

use std::collections::BTreeMap;

/// A set of offsets as runs without gaps: one slow record costs one run, however many records
/// after it are done with.
#[derive(Debug, Clone, Default)]
pub struct Ranges {
    /// First offset of each run, and the first one after it.
    runs: BTreeMap<u64, u64>,
    count: u64,
}

impl Ranges {
    /// Adds an offset. False when it was there.
    pub fn insert(&mut self, offset: u64) -> bool {
        let Some(after) = offset.checked_add(1) else { return false };
        let before = self.runs.range(..=offset).next_back().map(|(&start, &end)| (start, end));
        if before.is_some_and(|(_, end)| end > offset) {
            return false;
        }
        let end = self.runs.remove(&after).unwrap_or(after);
        match before {
            Some((start, touching)) if touching == offset => self.runs.insert(start, end),
            _ => self.runs.insert(offset, end),
        };
        self.count += 1;
        true
    }

    /// Adds the offsets from `start` up to `end`, which is not one of them. Returns how many of them were
    /// not there. The cost is that of the runs it meets, whatever their lengths.
    pub fn insert_run(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let (mut from, mut to, mut had) = (start, end, 0);
        while let Some((first, after)) =
            self.runs.range(..=to).next_back().map(|(&first, &after)| (first, after))
            && after >= from
        {
            self.runs.remove(&first);
            had += after - first;
            (from, to) = (from.min(first), to.max(after));
        }
        self.runs.insert(from, to);
        let added = to - from - had;
        self.count = self.count.saturating_add(added);
        added
    }

    /// The runs in order: the first offset, and the first one after it.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().map(|(&start, &end)| (start, end))
    }

    /// If `mark` is in a run, takes the run out and gives the first offset after it; takes out also
    /// what is below.
    pub fn advance(&mut self, mark: u64) -> u64 {
        let mut mark = mark;
        while let Some(run) = self.runs.first_entry().filter(|run| *run.key() <= mark) {
            let (start, end) = run.remove_entry();
            self.count = self.count.saturating_sub(end - start);
            mark = mark.max(end);
        }
        mark
    }

    /// Whether an offset is in it.
    pub fn contains(&self, offset: u64) -> bool {
        self.runs.range(..=offset).next_back().is_some_and(|(_, &end)| end > offset)
    }

    /// How many offsets there are.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_takes_in_what_it_meets() {
        let mut ranges = Ranges::default();
        for offset in [2, 3, 5, 9, 12] {
            assert!(ranges.insert(offset));
        }
        assert_eq!(ranges.insert_run(3, 9), 4, "4, 6, 7 and 8");
        assert!(ranges.runs().eq([(2, 10), (12, 13)]));
        assert_eq!((ranges.insert_run(4, 6), ranges.insert_run(7, 7)), (0, 0));
        assert_eq!(ranges.insert_run(0, u64::MAX), u64::MAX - 9);
        assert_eq!(ranges.count(), u64::MAX);
        assert!(ranges.runs().eq([(0, u64::MAX)]));
    }

    #[test]
    fn runs_grow_together_and_the_mark_moves_over_them() {
        let mut ranges = Ranges::default();
        for offset in [5, 3, 1, 4] {
            assert!(ranges.insert(offset));
        }
        assert!(!ranges.insert(4));
        assert_eq!(ranges.runs, BTreeMap::from([(1, 2), (3, 6)]));
        assert_eq!(ranges.count(), 4);
        assert_eq!(ranges.advance(0), 0);
        assert_eq!(ranges.advance(1), 2);
        assert!(ranges.contains(5) && !ranges.contains(6) && !ranges.contains(2));
        assert!(ranges.insert(2));
        assert_eq!(ranges.advance(2), 6);
        assert_eq!((ranges.count(), ranges.runs.len()), (0, 0));
    }

    #[test]
    fn the_last_offset_of_all_does_not_overflow() {
        let mut ranges = Ranges::default();
        assert!(!ranges.insert(u64::MAX));
        assert!(ranges.insert(u64::MAX - 1));
        assert_eq!(ranges.advance(u64::MAX - 1), u64::MAX);
    }
}
