//! Floods are bounded, and what is left out is counted.

use std::time::{Duration, Instant};

use palisade_sensor::{CgroupWhat, Observation, Reader, SensorConfig};

use crate::support::{Cgroup, start_with};

/// Changes of cgroups below one, until none comes any more.
fn created(reader: &mut Reader, path: &str) -> usize {
    let (mut count, mut quiet) = (0, Instant::now());
    while quiet.elapsed() < Duration::from_millis(500) {
        reader
            .read(Duration::from_millis(100), 1_000, &mut |observation| {
                let Observation::Cgroup(change) = observation else { return };
                if change.what == CgroupWhat::Created && change.path.contains(path) {
                    count += 1;
                    quiet = Instant::now();
                }
            })
            .expect("the rings");
    }
    count
}

#[test]
fn a_container_that_makes_cgroups_in_a_loop_takes_its_share_of_the_ring_and_no_more() {
    const MADE: usize = 400;
    let config = SensorConfig { rate: 20, ..SensorConfig::default() };
    let (sensor, mut reader) = start_with(config);
    let cgroup = Cgroup::new("flood");
    sensor.watch(cgroup.id()).expect("watched");
    let began = Instant::now();
    let children: Vec<Cgroup> = (0..MADE).map(|n| cgroup.child(&format!("loop{n}"))).collect();
    let most = 20 * (usize::try_from(began.elapsed().as_secs()).expect("short") + 2);
    let told = created(&mut reader, "/loop");
    assert!(told > 0 && told <= most && most < MADE, "{told} of at most {most}");
    let losses = sensor.take_losses().expect("the maps");
    let lost: u64 = losses
        .iter()
        .filter(|loss| (loss.cgroup, loss.kind, loss.reason) == (cgroup.id(), 40, 2))
        .map(|loss| loss.count)
        .sum();
    assert_eq!(usize::try_from(lost).expect("few") + told, MADE, "{losses:?}");
    drop(children);
}

#[test]
fn losses_of_more_sorts_than_are_told_apart_are_told_by_kind() {
    let config = SensorConfig { rate: 5, losses: 1, ..SensorConfig::default() };
    let (sensor, _reader) = start_with(config);
    let cgroup = Cgroup::new("sorts");
    sensor.watch(cgroup.id()).expect("watched");
    cgroup.run("for i in $(seq 200); do /bin/true; done");
    let losses = sensor.take_losses().expect("the maps");
    let whole: Vec<_> = losses.iter().filter(|loss| loss.cgroup == cgroup.id()).collect();
    assert!(whole.len() <= 1, "{losses:?}");
    // fork, exec and exit were all lost, and one place is not enough for three.
    let by_kind: Vec<u16> = losses
        .iter()
        .filter(|loss| loss.cgroup == 0 && loss.count > 0)
        .map(|loss| loss.kind)
        .collect();
    let all: std::collections::BTreeSet<u16> =
        by_kind.iter().copied().chain(whole.iter().map(|loss| loss.kind)).collect();
    assert!(all.is_superset(&[0, 1, 2].into()) && !by_kind.is_empty(), "{losses:?}");
    let again = sensor.take_losses().expect("the maps");
    let total = |losses: &[palisade_sensor::loader::Loss]| -> u64 {
        losses.iter().filter(|loss| loss.cgroup == 0).map(|loss| loss.count).sum()
    };
    assert!(total(&again) < total(&losses), "told once");
}
