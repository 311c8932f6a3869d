//! A cgroup to act in, and a sensor that watches.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use palisade_model::event::{Event, Kind};
use palisade_sensor::ladder::Ladder;
use palisade_sensor::{Observation, Reader, Sensor, SensorConfig};

/// The unified hierarchy, wherever this host has it.
pub(crate) fn root() -> PathBuf {
    let hybrid = Path::new("/sys/fs/cgroup/unified");
    if hybrid.is_dir() { hybrid.to_owned() } else { PathBuf::from("/sys/fs/cgroup") }
}

/// A cgroup of our own. Dropped, it is removed.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    pub(crate) fn new(name: &str) -> Self {
        let path = root().join(format!("palisade-test-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a cgroup: these tests run as root");
        Self(path)
    }

    /// One made inside it.
    pub(crate) fn child(&self, name: &str) -> Self {
        let path = self.0.join(name);
        std::fs::create_dir(&path).expect("a cgroup inside");
        Self(path)
    }

    pub(crate) fn id(&self) -> u64 {
        std::fs::metadata(&self.0).expect("the cgroup").ino()
    }

    /// Runs a script in it, with mounts of its own like a container's.
    pub(crate) fn run(&self, script: &str) -> Output {
        let enter =
            format!("echo 0 > {}/cgroup.procs && exec unshare -m sh -c \"$0\"", self.0.display());
        Command::new("sh").args(["-c", &enter, script]).output().expect("a shell")
    }
}

impl Cgroup {
    /// Does one act of [`crate::acts`] in it, and gives the error that it ended with; 0: none.
    pub(crate) fn act(&self, act: &str) -> i32 {
        let ourselves = std::env::current_exe().expect("our own file");
        let script = format!(
            "ACT='{act}' exec {} --exact acts::the_act_that_was_asked_for --ignored --nocapture",
            ourselves.display()
        );
        let output = self.run(&script);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = said.lines().find_map(|line| line.split("act ended with ").nth(1));
        let error = error.unwrap_or_else(|| panic!("{act}: {output:?}"));
        error.trim().parse().expect("a number")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The last process may still be on its way out.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

pub(crate) fn start(sensitive: &[&str]) -> (Sensor, Reader) {
    let sensitive = sensitive.iter().map(|&name| name.to_owned()).collect();
    start_with(SensorConfig { sensitive, ..SensorConfig::default() })
}

pub(crate) fn start_with(config: SensorConfig) -> (Sensor, Reader) {
    let config = SensorConfig { cgroup_root: Some(root()), ..config };
    let mut ladder = Ladder::default();
    let (sensor, reader) = Sensor::start(&config, &mut ladder).expect("BPF can be had");
    assert!(ladder.has("syscall__exit") && ladder.has("guard__exec"), "{ladder}");
    (sensor, reader)
}

/// Reads until an event of this cgroup satisfies; gives all of the cgroup up to it.
pub(crate) fn until(
    reader: &mut Reader,
    cgroup: u64,
    mut last: impl FnMut(&Event, Option<u32>) -> bool,
) -> Vec<Event> {
    let mut events = Vec::new();
    let (mut found, end) = (false, Instant::now() + Duration::from_secs(10));
    while !found && Instant::now() < end {
        reader
            .read(Duration::from_millis(100), 1_000, &mut |observation| {
                let Observation::Event { event, rule, .. } = observation else { return };
                if event.process.cgroup == cgroup && !found {
                    found = last(&event, rule);
                    events.push(*event);
                }
            })
            .expect("the rings");
    }
    assert!(found, "it did not come; there were {events:#?}");
    events
}

pub(crate) fn is_exec_of(event: &Event, name: &str) -> bool {
    event.kind() == Kind::Exec && event.process.executable.file.name() == name
}

pub(crate) fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}
