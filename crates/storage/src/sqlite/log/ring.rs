//! The newest records of a topic in memory, and how each of them stands with the database.

use std::collections::VecDeque;

use super::group::Done;
use super::topic::Record;

/// How a record stands with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Of an append that waits for its commit: nobody sees it before.
    Pending,
    /// Here and nowhere else.
    Memory,
    /// In a write behind that is not committed.
    Writing,
    /// In the database, or acknowledged by all who keep a mark.
    Settled,
    /// Of an append that was rolled back: there is no such record.
    Void,
}

#[derive(Debug)]
struct Slot {
    record: Record,
    state: State,
}

/// Records without gaps up to the next offset to give out.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// The offset of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    /// The first offset that is not to be seen.
    head: u64,
    bytes: usize,
    /// The first offset that may stand in memory only.
    unwritten: u64,
}

impl Ring {
    /// An empty ring before this offset.
    pub(super) fn new(next: u64) -> Self {
        Self { first: next, head: next, unwritten: next, ..Self::default() }
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Everything before this offset is in the database, or never will be.
    pub(super) fn written_to(&self) -> u64 {
        self.unwritten.min(self.head)
    }

    /// Gives records their offsets; gives the first one's.
    pub(super) fn push(&mut self, records: impl IntoIterator<Item = Record>, state: State) -> u64 {
        let first = self.next();
        for record in records {
            self.bytes = self.bytes.saturating_add(record.weight());
            self.slots.push_back(Slot { record, state });
        }
        self.advance();
        first
    }

    fn next(&self) -> u64 {
        self.first.saturating_add(self.slots.len() as u64)
    }

    /// The offsets of an append or a write behind that has ended stand like this from now on.
    pub(super) fn settle(&mut self, offsets: impl IntoIterator<Item = u64>, state: State) {
        for offset in offsets {
            if state == State::Memory {
                self.unwritten = self.unwritten.min(offset);
            }
            let Some(slot) = index(self.first, offset).and_then(|at| self.slots.get_mut(at)) else {
                continue;
            };
            slot.state = state;
            if state == State::Void {
                self.bytes = self.bytes.saturating_sub(slot.record.weight());
                slot.record = Record::default();
                self.bytes = self.bytes.saturating_add(slot.record.weight());
            }
        }
        self.advance();
    }

    /// Moves the head over what may be seen.
    fn advance(&mut self) {
        let seen = index(self.first, self.head).unwrap_or(0);
        let more = self.slots.iter().skip(seen);
        let more = more.take_while(|slot| slot.state != State::Pending).count();
        self.head = self.head.saturating_add(more as u64);
    }

    /// Takes what stands in memory only, to write it; what is done with by then never is.
    pub(super) fn take_unwritten(&mut self, done: &Done) -> Vec<(u64, Record)> {
        let start = index(self.first, self.unwritten).unwrap_or(0);
        let offsets = self.unwritten.max(self.first)..;
        let mut taken = Vec::new();
        for (offset, slot) in offsets.zip(self.slots.iter_mut().skip(start)) {
            if slot.state != State::Memory {
                continue;
            }
            if done.has(offset) {
                slot.state = State::Settled;
            } else {
                slot.state = State::Writing;
                taken.push((offset, slot.record.clone()));
            }
        }
        self.unwritten = self.next();
        taken
    }

    /// Up to `max` records and about `bytes` bytes from `cursor` on, and the offset after them.
    pub(super) fn window(
        &self,
        cursor: u64,
        max: usize,
        bytes: usize,
    ) -> (Vec<(u64, Record)>, u64) {
        let skip = index(self.first, cursor).unwrap_or(0);
        let mut left = bytes;
        let mut next = cursor;
        let mut records = Vec::new();
        for (offset, slot) in (cursor..self.head).zip(self.slots.iter().skip(skip)) {
            if slot.state != State::Void {
                let weight = slot.record.weight();
                if records.len() >= max || (!records.is_empty() && weight > left) {
                    break;
                }
                left = left.saturating_sub(weight);
                records.push((offset, slot.record.clone()));
            }
            next = offset.saturating_add(1);
        }
        (records, next)
    }

    /// Lets go of what is settled, from the oldest on: what nobody needs, and what is above the bounds.
    pub(super) fn trim(&mut self, needed_from: u64, records: usize, bytes: usize) {
        while let Some(slot) = self.slots.front() {
            let over = self.slots.len() > records || self.bytes > bytes;
            let settled = matches!(slot.state, State::Settled | State::Void);
            if !settled || !(over || self.first < needed_from) {
                break;
            }
            self.bytes = self.bytes.saturating_sub(slot.record.weight());
            self.slots.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }
}

/// Where an offset is, counted from the first one.
fn index(first: u64, offset: u64) -> Option<usize> {
    usize::try_from(offset.checked_sub(first)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &'static str) -> Record {
        Record { key: Default::default(), payload: text.into() }
    }

    fn seen(ring: &Ring, from: u64) -> Vec<u64> {
        ring.window(from, 100, 1 << 20).0.into_iter().map(|(offset, _)| offset).collect()
    }

    #[test]
    fn what_waits_for_its_commit_hides_what_came_after() {
        let mut ring = Ring::new(7);
        assert_eq!(ring.push([record("a")], State::Memory), 7);
        assert_eq!(ring.push([record("b"), record("c")], State::Pending), 8);
        assert_eq!(ring.push([record("d")], State::Memory), 10);
        assert_eq!((ring.head(), seen(&ring, 7)), (8, vec![7]));
        ring.settle(8..10, State::Void);
        assert_eq!((ring.head(), seen(&ring, 7)), (11, vec![7, 10]));
        assert_eq!(ring.window(8, 1, 100).1, 11, "over what there is not");
    }

    #[test]
    fn what_is_done_with_is_never_written_and_what_failed_is_written_again() {
        let mut ring = Ring::new(0);
        ring.push([record("a"), record("b"), record("c")], State::Memory);
        let done = Done::of([(0, vec![1])]);
        let offsets = |taken: Vec<(u64, Record)>| -> Vec<u64> {
            taken.into_iter().map(|(offset, _)| offset).collect()
        };
        assert_eq!(offsets(ring.take_unwritten(&done)), [0, 2]);
        assert!(ring.take_unwritten(&done).is_empty(), "they are on their way");
        ring.settle([0, 2], State::Memory);
        ring.trim(3, 0, 0);
        assert_eq!(ring.first(), 0, "what is nowhere else stays");
        assert_eq!(offsets(ring.take_unwritten(&done)), [0, 2]);
        ring.settle([0, 2], State::Settled);
        ring.trim(1, 100, 1 << 20);
        assert_eq!(ring.first(), 1);
        ring.trim(0, 1, 1 << 20);
        assert_eq!((ring.first(), seen(&ring, 2)), (2, vec![2]));
    }

    #[test]
    fn nobody_keeps_a_mark_so_everything_is_written() {
        let mut ring = Ring::new(0);
        ring.push([record("a")], State::Memory);
        assert_eq!(ring.take_unwritten(&Done::of([])).len(), 1);
    }
}
