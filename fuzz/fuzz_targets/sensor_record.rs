//! Records of the sensor's kernel side, one after the other: whatever they hold, they are refused or read,
//! the table of processes keeps to its bounds, and no control character comes out.

#![no_main]

use palisade_sensor::Observation;
use palisade_sensor::abi::Record;
use palisade_sensor::track::{TrackSettings, Tracker};

const PROCESSES: usize = 16;

fn tracker() -> Tracker {
    let settings = TrackSettings {
        proc: None,
        host_mounts: 0,
        processes: PROCESSES,
        ended: 4,
        bytes: 4 << 10,
    };
    Tracker::new(settings, 0)
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn look(observation: Observation) {
    let process = match &observation {
        Observation::Event { event, .. } => &event.process,
        Observation::Existing(process) | Observation::Sequence { process, .. } => process,
        Observation::Cgroup(change) => return assert!(is_plain(&change.path)),
        Observation::Canary { .. } => return,
    };
    assert!(is_plain(&process.name) && is_plain(process.path()) && is_plain(&process.cwd));
    assert!(process.args.iter().chain(&process.environment).all(|text| is_plain(text)));
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (mut live, mut rest, mut records) = (tracker(), data, Vec::new());
    while let Ok((record, size)) = Record::decode(rest) {
        assert!((1..=rest.len()).contains(&size), "a record of {size} bytes");
        live.take(&record, &mut look);
        assert!(live.counts().processes <= PROCESSES);
        rest = &rest[size..];
        records.push(record);
    }
    // The same as what existed when the sensor started.
    let mut later = tracker();
    later.existing(records, &mut look);
    assert!(later.counts().processes <= PROCESSES);
});
