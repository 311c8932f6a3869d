use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::Metrics;
use crate::output::formatter::Formatter;
use crate::output::lane::Lane;

use super::{Backoff, Place};

/// Items taken at once, and bytes written at once as soon as they are reached.
const TAKE: usize = 256;
const WRITE_BYTES: usize = 64 << 10;

/// Standard output.
pub(in crate::output) struct Standard;

impl Place for Standard {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(lines)?;
        out.flush()
    }
}

/// Writes what comes until the lane is closed and empty. While the place fails, what waits for it grows
/// in the lane up to its bound.
pub(in crate::output) fn run(
    name: &str,
    lane: &Arc<Lane>,
    mut formatter: Formatter,
    mut place: impl Place,
    metrics: &Metrics,
) {
    let mut pending = Vec::new();
    let mut count = 0;
    loop {
        let work = lane.take(TAKE, Duration::from_secs(60));
        if work.reopen {
            place.reopen();
        }
        for (number, item) in &work.items {
            pending.extend(formatter.bytes(item, *number));
            count += 1;
            if pending.len() >= WRITE_BYTES {
                write(name, lane, &mut place, &mut pending, &mut count, metrics);
            }
        }
        write(name, lane, &mut place, &mut pending, &mut count, metrics);
        if work.closed {
            return;
        }
    }
}

/// Tries until it succeeds, or until nothing more is wanted.
fn write(
    name: &str,
    lane: &Lane,
    place: &mut impl Place,
    pending: &mut Vec<u8>,
    count: &mut u64,
    metrics: &Metrics,
) {
    let mut backoff = Backoff::default();
    while !pending.is_empty() {
        match place.write(pending) {
            Ok(()) => {
                metrics.sink_lines(name, *count);
                break;
            }
            Err(error) => {
                metrics.sink_failed(name);
                tracing::warn!(sink = name, %error, "a sink cannot write");
                if lane.is_closed_after(backoff.next()) {
                    metrics.sink_dropped(name, "stopped", *count);
                    break;
                }
            }
        }
    }
    pending.clear();
    *count = 0;
}
