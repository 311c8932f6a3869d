//! Without BPF: processes, and nothing more.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use palisade_model::event::{Activity, Kind, Rung};
use palisade_sensor::Observation;
use palisade_sensor::fallback::{Fallback, FallbackConfig};
use palisade_sensor::ladder::Ladder;

#[test]
fn execs_and_exits_are_told_by_the_connector() {
    let config = FallbackConfig {
        proc: PathBuf::from("/proc"),
        cgroup_root: super::support::root(),
        controller: None,
    };
    let mut ladder = Ladder::default();
    let mut fallback = Fallback::start(config, &mut ladder);
    assert!(ladder.has("connector"), "{ladder}");
    let mut own = false;
    fallback.existing(&mut |observation| {
        let Observation::Existing(process) = observation else { return };
        own |= process.key.tgid() == std::process::id() && !process.ancestors.is_empty();
    });
    assert!(own, "we were not there");
    let child = Command::new("sleep").arg("0.3").spawn().expect("a child");
    let (tgid, end) = (child.id(), Instant::now() + Duration::from_secs(10));
    let (mut started, mut ended) = (false, false);
    while !ended && Instant::now() < end {
        fallback
            .read(Duration::from_millis(100), 100, &mut |observation| {
                let Observation::Event { event, .. } = observation else { return };
                if event.process.key.tgid() != tgid {
                    return;
                }
                assert_eq!(event.source.rung, Rung::Connector);
                started |= event.kind() == Kind::Exec
                    && event.process.args == ["sleep", "0.3"]
                    && event.process.path().ends_with("/sleep");
                ended |= started && matches!(event.activity, Activity::Exit { status: 0, .. });
            })
            .expect("the connector");
    }
    assert!(started && ended);
    drop(child);
}
