//! What is kept of the recent past, bounded: distinct things, numbers of things, tables of either.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use palisade_model::UnixMillis;

/// Distinct things within a window, never more of them than the limit that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Recent<K> {
    seen: HashMap<K, UnixMillis, RandomState>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self { seen: HashMap::default() }
    }
}

impl<K: Hash + Eq> Recent<K> {
    /// Notes one; whether `limit` distinct ones came within `window_ms`, this one among them.
    pub(super) fn note(&mut self, key: K, now: UnixMillis, window_ms: u64, limit: usize) -> bool {
        if self.seen.len() + 1 >= limit {
            self.seen.retain(|_, at| now.since(*at) <= window_ms);
        }
        if self.seen.len() < limit || self.seen.contains_key(&key) {
            self.seen.insert(key, now);
        }
        self.seen.len() >= limit
    }

    /// Whether there was this one; it is forgotten.
    pub(super) fn take(&mut self, key: &K) -> bool {
        self.seen.remove(key).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.seen = HashMap::default();
    }
}

/// How many things came within about a window: two halves of fixed size, no memory for each.
#[derive(Debug, Clone, Default)]
pub(super) struct Rate {
    half: u64,
    now: usize,
    before: usize,
}

impl Rate {
    /// Notes one; how many came within the window, counted in halves of it.
    pub(super) fn note(&mut self, now: UnixMillis, window_ms: u64) -> usize {
        let half = now.0 / (window_ms / 2).max(1);
        match half.checked_sub(self.half) {
            Some(0) | None => {}
            Some(1) => {
                self.before = std::mem::take(&mut self.now);
                self.half = half;
            }
            Some(_) => {
                (self.before, self.now) = (0, 0);
                self.half = half;
            }
        }
        self.now = self.now.saturating_add(1);
        self.now.saturating_add(self.before)
    }

    pub(super) fn clear(&mut self) {
        (self.before, self.now) = (0, 0);
    }
}

/// Tallies by key, at most so many: a further one takes the place of the one that was asked for least
/// recently.
#[derive(Debug, Clone)]
pub(super) struct Table<K, V> {
    rows: HashMap<K, (UnixMillis, V), RandomState>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: HashMap::default() }
    }
}

impl<K: Hash + Eq + Clone, V: Default> Table<K, V> {
    /// The tally of a key, made when there is none; `pushed_out` counts those that gave their place.
    pub(super) fn at(
        &mut self,
        key: &K,
        now: UnixMillis,
        most: usize,
        pushed_out: &mut u64,
    ) -> &mut V {
        if !self.rows.contains_key(key) && self.rows.len() >= most.max(1) {
            let oldest =
                self.rows.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.rows.remove(&oldest);
                *pushed_out = pushed_out.saturating_add(1);
            }
        }
        let row = self.rows.entry(key.clone()).or_insert_with(|| (now, V::default()));
        row.0 = row.0.max(now);
        &mut row.1
    }

    /// The tally of a key, if there is one.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|(_, row)| row)
    }

    /// Forgets a key.
    pub(super) fn forget(&mut self, key: &K) {
        self.rows.remove(key);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// One finding of a kind for each quiet time.
#[derive(Debug, Clone, Default)]
pub(super) struct Quiet(Option<UnixMillis>);

impl Quiet {
    /// Whether the time after the last finding is over.
    pub(super) fn is_over(&self, now: UnixMillis, quiet_ms: u64) -> bool {
        self.0.is_none_or(|last| now.since(last) >= quiet_ms)
    }

    pub(super) fn begin(&mut self, now: UnixMillis) {
        self.0 = Some(now);
    }
}
