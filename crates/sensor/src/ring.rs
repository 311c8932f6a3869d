//! Reads the rings: records out, losses counted from their sequence numbers.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::abi::Record;
use crate::{SensorError, SensorErrorKind};

/// A place in a ring.
#[derive(Debug, Clone, Copy)]
pub struct End(usize);

/// One ring.
pub struct Ring {
    ring: RingBuf<MapData>,
    marks: Marks,
    sequences: HashMap<u32, u64>,
    /// Records that could not be decoded.
    pub damaged: u64,
    /// Numbers that never came, over all processors.
    pub missing: u64,
}

impl Ring {
    /// Starts reading a ring.
    ///
    /// # Errors
    ///
    /// When its marks cannot be mapped.
    pub fn new(ring: RingBuf<MapData>) -> Result<Self, SensorError> {
        let marks = Marks::map(ring.as_fd())
            .map_err(|error| SensorError::os("the ring's marks cannot be mapped", error))?;
        Ok(Self { ring, marks, sequences: HashMap::new(), damaged: 0, missing: 0 })
    }

    /// How far it is written now.
    pub fn end(&self) -> End {
        End(self.marks.written())
    }

    /// Hands over at most `most` records before this end: a flood must not keep the caller from its other work
    /// (law 6). What came since stays: where the reader never stands at the writer's mark, the kernel need not
    /// wake it, which costs more than a record does. Gives how many there were.
    pub fn take(&mut self, End(end): End, most: usize, mut with: impl FnMut(Record)) -> usize {
        let mut taken = 0;
        while taken < most && self.marks.is_before(end) {
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

/// How far a ring was written and read, in bytes since it was made: two pages that the kernel shows
/// (kernel/bpf/ringbuf.c).
struct Marks {
    pages: NonNull<AtomicUsize>,
    page: usize,
}

// SAFETY: they are the kernel's pages and not a thread's, and are only loaded from, atomically.
unsafe impl Send for Marks {}

impl Marks {
    fn map(ring: BorrowedFd<'_>) -> io::Result<Self> {
        let page = rustix::param::page_size();
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let pages = unsafe {
            let nowhere = std::ptr::null_mut();
            mmap(nowhere, 2 * page, ProtFlags::READ, MapFlags::SHARED, ring, 0)?
        };
        let pages = NonNull::new(pages.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { pages, page })
    }

    fn load(&self, page: usize) -> usize {
        // SAFETY: both pages are mapped as long as this lives, and each begins with its mark.
        unsafe { self.pages.byte_add(page * self.page).as_ref() }.load(Ordering::Acquire)
    }

    fn written(&self) -> usize {
        self.load(1)
    }

    /// Marks may pass the largest number.
    fn is_before(&self, end: usize) -> bool {
        end.wrapping_sub(self.load(0)).cast_signed() > 0
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this size; nothing refers to it any more.
        let _ = unsafe { munmap(self.pages.as_ptr().cast(), 2 * self.page) };
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
