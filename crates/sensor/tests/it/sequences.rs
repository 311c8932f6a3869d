//! Sequences of system calls are told once for a program in a container, and only where they are asked for.

use std::time::{Duration, Instant};

use palisade_sensor::{Observation, Reader, SensorConfig};

use crate::support::{Cgroup, is_exec_of, start, start_with};

/// `kill` in the table of x86-64 and of aarch64.
const KILL: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 129 };
const KILLS: &str = "for i in $(seq 300); do kill -0 $$; done";

/// The sequences of a cgroup up to the start of `uptime`, with the name of who made them.
fn sequences(reader: &mut Reader, cgroup: u64) -> Vec<(String, [u16; 3])> {
    let mut told = Vec::new();
    let (mut over, end) = (false, Instant::now() + Duration::from_secs(10));
    while !over && Instant::now() < end {
        reader
            .read(Duration::from_millis(100), 1_000, &mut |observation| match observation {
                Observation::Sequence { process, calls } if process.cgroup == cgroup => {
                    told.push((process.name.clone(), calls));
                }
                Observation::Event { event, .. } if event.process.cgroup == cgroup => {
                    over |= is_exec_of(&event, "uptime");
                }
                _ => {}
            })
            .expect("the rings");
    }
    assert!(over, "the end did not come");
    told
}

#[test]
fn a_sequence_is_told_once_for_a_program_in_a_container() {
    let (sensor, mut reader) =
        start_with(SensorConfig { sequences: true, ..SensorConfig::default() });
    let mut counts = Vec::new();
    for name in ["first", "second"] {
        let cgroup = Cgroup::new(name);
        sensor.watch(cgroup.id()).expect("watched");
        // Twice by one shell, and again by another.
        let script = format!("{KILLS}; {KILLS}; sh -c '{KILLS}'; uptime");
        assert!(cgroup.run(&script).status.success());
        let told = sequences(&mut reader, cgroup.id());
        let kills = told.iter().filter(|(_, calls)| *calls == [KILL; 3]);
        assert_eq!(kills.clone().count(), 1, "{told:?}");
        assert!(kills.clone().all(|(name, _)| name == "sh"), "{told:?}");
        counts.push(told.len());
    }
    assert!(counts.iter().all(|&count| count > 20), "{counts:?}");
}

#[test]
fn nobody_who_did_not_ask_is_told_sequences() {
    let (sensor, mut reader) = start(&[]);
    let cgroup = Cgroup::new("unasked");
    sensor.watch(cgroup.id()).expect("watched");
    assert!(cgroup.run(&format!("{KILLS}; uptime")).status.success());
    assert_eq!(sequences(&mut reader, cgroup.id()), []);
}
