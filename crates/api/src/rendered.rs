//! Results as they were sent: clients ask again and again, and a report does not change.

use bytes::Bytes;
use palisade_model::{NodeId, Report, RequestId, UnixMillis};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What a rendering was made of: a request that was tried again may get another report.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Made {
    report: RequestId,
    finished: UnixMillis,
}

impl Made {
    fn of(report: &Report) -> Self {
        Self { report: report.request.node.root, finished: report.finished }
    }
}

#[derive(Clone)]
struct Entry {
    made: Made,
    body: Bytes,
}

#[derive(Clone)]
struct Size;

impl Weighter<NodeId, Entry> for Size {
    fn weight(&self, _: &NodeId, entry: &Entry) -> u64 {
        // Beside the body: the entry itself, roughly.
        entry.body.len() as u64 + 256
    }
}

/// The renderings kept, within a sum of bytes; those asked for least go first.
pub(crate) struct Rendered {
    cache: Cache<NodeId, Entry, Size>,
    largest: usize,
}

impl Rendered {
    /// Room for `bytes` in all; a body above a sixteenth of it is not kept.
    pub(crate) fn new(bytes: u64) -> Self {
        const TYPICAL: u64 = 8 << 10;
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX).max(16);
        let largest = usize::try_from(bytes / 16).unwrap_or(usize::MAX);
        Self { cache: Cache::with_weighter(items, bytes, Size), largest }
    }

    pub(crate) fn get(&self, node: NodeId, report: &Report) -> Option<Bytes> {
        self.cache.get(&node).filter(|entry| entry.made == Made::of(report)).map(|entry| entry.body)
    }

    pub(crate) fn put(&self, node: NodeId, report: &Report, body: &Bytes) {
        if body.len() <= self.largest {
            self.cache.insert(node, Entry { made: Made::of(report), body: body.clone() });
        }
    }
}
