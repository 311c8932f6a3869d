//! Reads the rings: records out, losses counted from their sequence numbers.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::abi::Record;
use crate::{SensorError, SensorErrorKind};

/// One ring.
pub struct Ring {
    ring: RingBuf<MapData>,
    sequences: HashMap<u32, u64>,
    /// Records that could not be decoded.
    pub damaged: u64,
    /// Numbers that never came, over all processors.
    pub missing: u64,
}

impl Ring {
    /// Starts reading a ring.
    pub fn new(ring: RingBuf<MapData>) -> Self {
        Self { ring, sequences: HashMap::new(), damaged: 0, missing: 0 }
    }

    /// Hands over at most `most` records of those that wait: a flood must not keep the caller from its
    /// other work (law 6). Gives how many there were.
    pub fn take(&mut self, most: usize, mut with: impl FnMut(Record)) -> usize {
        let mut taken = 0;
        while taken < most {
            let Some(item) = self.ring.next() else { break };
            taken += 1;
            match Record::decode(&item) {
                Ok((record, _)) => {
                    note(
                        &mut self.sequences,
                        &mut self.missing,
                        record.header.cpu,
                        record.header.sequence,
                    );
                    with(record);
                }
                Err(_) => self.damaged += 1,
            }
        }
        taken
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }
}

/// Waits until one of the rings has something, or the time is over: false then.
///
/// # Errors
///
/// When the descriptors cannot be polled.
pub fn wait(rings: &[Ring], time: Duration) -> Result<bool, SensorError> {
    let time = Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    };
    let mut waited: Vec<PollFd<'_>> =
        rings.iter().map(|ring| PollFd::from_borrowed_fd(borrowed(ring), PollFlags::IN)).collect();
    match poll(&mut waited, Some(&time)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(SensorError::new(SensorErrorKind::Io, "the rings cannot be polled")
            .with(std::io::Error::from(error))),
    }
}

fn borrowed(ring: &Ring) -> BorrowedFd<'_> {
    // SAFETY: the descriptor belongs to the ring, which outlives the borrow.
    unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) }
}

/// An interrupt's program can take a number between another's taking and sending its own, so that two
/// neighbours can come in the wrong order: only a forward jump counts.
fn note(sequences: &mut HashMap<u32, u64>, missing: &mut u64, cpu: u32, sequence: u64) {
    let last = sequences.entry(cpu).or_insert(sequence);
    *missing += sequence.saturating_sub(*last).saturating_sub(1);
    *last = sequence.max(*last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_loss_and_a_late_neighbour_is_not() {
        let (mut sequences, mut missing) = (HashMap::new(), 0);
        for number in [1, 2, 5, 4, 6] {
            note(&mut sequences, &mut missing, 0, number);
        }
        assert_eq!(missing, 2);
    }
}
