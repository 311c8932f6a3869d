use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::Metrics;
use crate::output::formatter::Formatter;
use crate::output::lane::{GONE, Lane};

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

    /// Nobody reads any more (`palisade defend | head`), and nobody will.
    fn is_gone(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Writes what comes until the lane is closed and empty, or the place is gone. While the place fails, what
/// waits for it grows in the lane up to its bound.
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
        if work.closed || lane.is_gone() {
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
            Err(error) if place.is_gone(&error) => {
                tracing::warn!(sink = name, "nobody reads this sink any more: it gets nothing");
                metrics.sink_dropped(name, GONE, *count + lane.give_up());
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

#[cfg(test)]
mod tests {
    use palisade_model::UnixMillis;
    use palisade_model::event::{Blind, BlindCause, KindSet};

    use super::*;
    use crate::output::formatter::Shape;
    use crate::output::item::Item;

    /// Standard output whose reader has gone after one write.
    struct Closed(u32);

    impl Place for Closed {
        fn write(&mut self, _lines: &[u8]) -> io::Result<()> {
            self.0 += 1;
            if self.0 > 1 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        }

        fn is_gone(&self, error: &io::Error) -> bool {
            Standard.is_gone(error)
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_not_written_to_for_ever() {
        let lane = Arc::new(Lane::new("stdout", 16));
        let metrics = Metrics::new();
        let at = UnixMillis;
        let blind = Blind::unseen(at(0), at(1), BlindCause::Stalled, KindSet::all());
        let item = Item::Blind(Arc::new(blind));
        assert_eq!(lane.push(1, &item), Ok(()));
        let (own, (done, end)) = (Arc::clone(&lane), std::sync::mpsc::channel());
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                let formatter = Formatter { shape: Shape::Record, header: None };
                run("stdout", &own, formatter, Closed(0), &metrics);
                let _ = done.send(());
            });
            // The first write may take several.
            let ended = (2..2_000).any(|number| {
                let _ = lane.push(number, &item);
                end.recv_timeout(Duration::from_millis(5)).is_ok()
            });
            lane.close();
            ended
        });
        assert!(ended, "it goes on for ever");
        assert_eq!(lane.push(9_999, &item), Err(GONE), "it waits for nobody");
        let text = metrics.expose();
        assert!(text.contains(r#"sink_dropped_total{sink="stdout",reason="gone"}"#), "{text}");
    }
}
