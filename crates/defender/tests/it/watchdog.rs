//! The watchdog, with a shell in the agent's place.

use std::path::Path;
use std::time::{Duration, Instant};

use palisade_defender::manners::watchdog::{Signals, WatchdogSettings, supervise};

#[test]
fn an_agent_that_needs_longer_to_start_gets_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (lives, spoke) = (folder.path().join("lives"), folder.path().join("spoke"));
    // Its standard input is the line to the watchdog: a byte is a sign of life.
    let script = format!(
        "echo >> {}; sleep 1; printf . >&0; echo >> {}; exec sleep 60",
        lives.display(),
        spoke.display()
    );
    let settings = WatchdogSettings { start_ms: 300, restart_ms: 1, ..WatchdogSettings::default() };
    let until = Instant::now() + Duration::from_secs(60);
    let stop = || spoke.exists() || Instant::now() > until;
    let signals = Signals { stop: &stop, reload: &|| false };
    let arguments = ["-c".into(), script.into()];
    supervise(Path::new("/bin/sh"), &arguments, &settings, &signals, &|_, _| {}).unwrap();
    assert!(spoke.exists(), "it was never let start");
    let lives = std::fs::read_to_string(&lives).unwrap().lines().count();
    assert!(lives >= 2, "the first was not ended: it took {lives}");
}
