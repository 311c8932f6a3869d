//! What a group has acknowledged of one partition.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use palisade_ports::log::Ranges;

/// Bytes of a commit's metadata. The broker's `offset.metadata.max.bytes` is 4,096 by default.
const METADATA_BYTES: usize = 3_600;

/// The form of the metadata.
const VERSION: &str = "r1:";

/// Everything below `next` is acknowledged, and the runs in `above`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    next: u64,
    above: Ranges,
    /// One past the highest offset that was delivered: nothing from there on can be acknowledged.
    delivered: u64,
    /// Whether it changed since it was last taken to be committed.
    changed: bool,
    /// The offset after the last record that came, since these marks were read.
    expected: Option<u64>,
}

impl Marks {
    /// As a commit has them.
    pub(crate) fn committed(next: u64, metadata: &str) -> Self {
        let mut marks = Self { next, delivered: next, ..Self::default() };
        // Metadata of another form says nothing: what it would have said is delivered again.
        for (start, end) in decode(next, metadata).unwrap_or_default() {
            marks.above.insert_run(start, end);
            marks.delivered = marks.delivered.max(end);
        }
        marks
    }

    /// Everything below is acknowledged.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// How many offsets from `next` up to `head` are acknowledged.
    pub(crate) fn acknowledged_above(&self) -> u64 {
        self.above.count()
    }

    /// Notes that the broker has removed what stood between the last record and this one: there are no
    /// gaps otherwise, because our records are never compacted and never part of a transaction. Returns
    /// how many were not done with.
    pub(crate) fn arrive(&mut self, offset: u64) -> u64 {
        let Some(expected) = self.expected.replace(offset.saturating_add(1)) else {
            return self.skip_to(offset);
        };
        // Nobody will acknowledge them, and the mark must not wait for that.
        let gone = self.above.insert_run(expected.max(self.next), offset);
        if gone > 0 {
            self.next = self.above.advance(self.next);
            self.changed = true;
        }
        gone
    }

    /// Notes that a record is being handed out. False when it is done with already.
    pub(crate) fn deliver(&mut self, offset: u64) -> bool {
        self.delivered = self.delivered.max(offset.saturating_add(1));
        offset >= self.next && !self.above.contains(offset)
    }

    /// Marks a record as done with.
    pub(crate) fn acknowledge(&mut self, offset: u64) {
        if offset < self.next || offset >= self.delivered || !self.above.insert(offset) {
            return;
        }
        self.next = self.above.advance(self.next);
        self.changed = true;
    }

    /// Moves over records that the broker has removed; returns how many of them were not done with.
    pub(crate) fn skip_to(&mut self, floor: u64) -> u64 {
        if floor <= self.next {
            return 0;
        }
        let gone = floor - self.next;
        let done = self.above.count();
        self.next = self.above.advance(floor);
        self.changed = true;
        gone.saturating_sub(done.saturating_sub(self.above.count()))
    }

    /// What to commit, if it changed.
    pub(crate) fn take(&mut self) -> Option<(u64, String)> {
        std::mem::take(&mut self.changed).then(|| (self.next, self.encode()))
    }

    /// The commit failed: it is to be tried again.
    pub(crate) fn restore(&mut self) {
        self.changed = true;
    }

    /// The runs as distances and lengths in LEB128, as base64; the farthest are left out where there
    /// is no room.
    fn encode(&self) -> String {
        let mut bytes = Vec::new();
        let mut at = self.next;
        for (start, end) in self.above.runs() {
            let before = bytes.len();
            push(&mut bytes, start.saturating_sub(at));
            push(&mut bytes, end.saturating_sub(start));
            if bytes.len().div_ceil(3) * 4 + VERSION.len() > METADATA_BYTES {
                bytes.truncate(before);
                break;
            }
            at = end;
        }
        if bytes.is_empty() {
            return String::new();
        }
        format!("{VERSION}{}", STANDARD_NO_PAD.encode(bytes))
    }
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn decode(next: u64, metadata: &str) -> Option<Vec<(u64, u64)>> {
    let bytes = STANDARD_NO_PAD.decode(metadata.strip_prefix(VERSION)?).ok()?;
    let mut rest = bytes.as_slice();
    let mut runs = Vec::new();
    let mut at = next;
    while !rest.is_empty() {
        let start = at.checked_add(take(&mut rest)?)?;
        let end = start.checked_add(take(&mut rest)?)?;
        runs.push((start, end));
        at = end;
    }
    Some(runs)
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(count: u64) -> Marks {
        let mut marks = Marks::default();
        (0..count).for_each(|offset| assert!(marks.deliver(offset)));
        marks
    }

    #[test]
    fn runs_travel_in_the_metadata() {
        let mut marks = delivered(1_000_000);
        for offset in (0..3).chain(5..9).chain(200..999_999) {
            marks.acknowledge(offset);
        }
        let (next, metadata) = marks.take().unwrap();
        assert_eq!(next, 3);
        assert!(marks.take().is_none(), "nothing has changed since");
        let mut again = Marks::committed(next, &metadata);
        assert_eq!((again.next(), again.acknowledged_above()), (3, marks.acknowledged_above()));
        let open: Vec<u64> = (0..1_000_001).filter(|&offset| again.deliver(offset)).collect();
        assert!(
            open.iter().copied().eq([3, 4].into_iter().chain(9..200).chain([999_999, 1_000_000]))
        );
    }

    #[test]
    fn metadata_has_a_bound_and_what_has_no_room_comes_again() {
        let mut marks = delivered(100_000);
        (1..100_000).step_by(2).for_each(|offset| marks.acknowledge(offset));
        let (next, metadata) = marks.take().unwrap();
        assert_eq!(next, 0);
        assert!(metadata.len() <= METADATA_BYTES && metadata.len() > METADATA_BYTES / 2);
        let mut again = Marks::committed(next, &metadata);
        assert!(!again.deliver(1) && !again.deliver(101) && again.deliver(0));
        assert!(again.deliver(99_999), "acknowledged, and had no room");
    }

    #[test]
    fn foreign_metadata_is_ignored() {
        for metadata in
            ["", "r1:", "r1:!!", "r1:gICAgICAgICAgICAgA", "r2:AAAA", "anything", "r1:/w"]
        {
            let mut marks = Marks::committed(7, metadata);
            assert_eq!(marks.next(), 7, "{metadata}");
            assert!(marks.deliver(7), "{metadata}");
        }
    }

    #[test]
    fn what_was_not_delivered_cannot_be_acknowledged() {
        let mut marks = delivered(3);
        marks.acknowledge(10);
        marks.acknowledge(3);
        assert!(marks.take().is_none());
        marks.acknowledge(0);
        marks.acknowledge(0);
        assert_eq!(marks.take(), Some((1, String::new())));
    }

    #[test]
    fn removed_records_are_counted_once_and_only_if_not_done_with() {
        let mut marks = delivered(10);
        marks.acknowledge(4);
        assert_eq!(marks.skip_to(6), 5);
        assert_eq!((marks.skip_to(6), marks.next()), (0, 6));
    }

    #[test]
    fn the_mark_moves_over_what_is_removed_while_records_come() {
        let mut marks = Marks::committed(10, "");
        assert_eq!(marks.arrive(12), 2, "removed before the first one");
        assert!(marks.deliver(12));
        assert_eq!((marks.arrive(13), marks.deliver(13)), (0, true));
        assert_eq!((marks.arrive(1_000_000), marks.deliver(1_000_000)), (1_000_000 - 14, true));
        // What was delivered before is not done with yet, and can still be.
        assert_eq!(marks.next(), 12);
        [12, 1_000_000, 13].into_iter().for_each(|offset| marks.acknowledge(offset));
        assert_eq!(marks.take(), Some((1_000_001, String::new())));
    }

    #[test]
    fn what_was_done_above_the_mark_and_is_removed_is_not_lost() {
        let mut marks = delivered(10);
        (5..8).for_each(|offset| marks.acknowledge(offset));
        let (next, metadata) = marks.take().unwrap();
        let mut again = Marks::committed(next, &metadata);
        assert_eq!((again.arrive(0), again.deliver(0)), (0, true));
        assert_eq!((again.arrive(9), again.deliver(9)), (5, true), "1 to 4, and 8");
        again.acknowledge(0);
        assert_eq!(again.next(), 9);
    }
}
