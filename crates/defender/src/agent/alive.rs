//! When this host was last watched: the time of a file in the state directory. From then to a start nothing
//! was seen, whether the agent was stopped, stalled or ended by a flood; the next one says so.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use palisade_model::UnixMillis;
use palisade_model::event::{Blind, BlindCause, KindSet};

/// A gap up to this long, milliseconds, is the beat's own.
const BEAT_MS: u64 = 2_000;

/// The file.
pub(super) struct Alive(Option<File>);

impl Alive {
    /// Opens it, and gives the time since it was last touched. `boot`: before it, nothing ran that could
    /// have been seen.
    pub(super) fn open(
        state: &Path,
        boot: UnixMillis,
        now: UnixMillis,
        kinds: KindSet,
    ) -> (Self, Option<Blind>) {
        let path = state.join("alive");
        let last = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let last = last.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let last = last.and_then(|since| u64::try_from(since.as_millis()).ok());
        let blind = last.map(|last| UnixMillis(last).max(boot)).and_then(|from| {
            (now.since(from) > BEAT_MS)
                .then(|| Blind::unseen(from, now, BlindCause::Stalled, kinds))
        });
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok();
        (Self(file), blind)
    }

    /// We watch now. A directory that cannot be written costs the statement and nothing else.
    pub(super) fn touch(&self) {
        if let Some(file) = &self.0 {
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_agents_is_stated_and_a_boot_is_not() {
        let state = tempfile::tempdir().expect("a folder");
        let at = |seconds| UnixMillis(seconds * 1_000);
        let (first, blind) = Alive::open(state.path(), at(0), at(1), KindSet::all());
        assert_eq!(blind, None, "there was none before");
        first.touch();
        let touched = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let (_, blind) = Alive::open(state.path(), at(0), at(touched + 60), KindSet::all());
        let blind = blind.expect("a minute");
        assert!((55_000..=61_000).contains(&blind.length_ms()), "{blind:?}");
        let boot = at(touched + 59);
        let (_, blind) = Alive::open(state.path(), boot, at(touched + 60), KindSet::all());
        assert_eq!(blind, None, "the host was off");
    }
}
