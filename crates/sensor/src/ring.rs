//! Reads the rings: records out, losses counted from their sequence numbers.

use std::collections::HashMap;
use std::os::fd::AsRawFd;

use aya::maps::{MapData, RingBuf};
use tokio::io::unix::AsyncFd;

use crate::abi::Record;
use crate::{SensorError, SensorErrorKind};

/// A ring that can be waited for.
pub struct Ring {
    ring: AsyncFd<RingBuf<MapData>>,
    sequences: HashMap<u32, u64>,
    /// Records that could not be decoded.
    pub damaged: u64,
    /// Numbers that never came, over all processors.
    pub missing: u64,
}

impl Ring {
    /// Makes a ring waitable.
    ///
    /// # Errors
    ///
    /// Outside a tokio runtime with I/O.
    pub fn new(ring: RingBuf<MapData>) -> Result<Self, SensorError> {
        debug_assert!(ring.as_raw_fd() >= 0);
        let ring = AsyncFd::new(ring).map_err(|error| {
            SensorError::new(SensorErrorKind::Io, "the ring cannot be waited for").with(error)
        })?;
        Ok(Self { ring, sequences: HashMap::new(), damaged: 0, missing: 0 })
    }

    /// Waits for records and hands over at most `most` of them: a flood must not keep the caller from its
    /// other work (law 6).
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be polled.
    pub async fn take(
        &mut self,
        most: usize,
        mut with: impl FnMut(Record),
    ) -> Result<usize, SensorError> {
        let mut ready = self.ring.readable_mut().await.map_err(|error| {
            SensorError::new(SensorErrorKind::Io, "the ring cannot be polled").with(error)
        })?;
        let mut taken = 0;
        while taken < most {
            let Some(item) = ready.get_inner_mut().next() else {
                ready.clear_ready();
                break;
            };
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
        Ok(taken)
    }
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
