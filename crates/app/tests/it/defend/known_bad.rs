//! Programs whose bytes are known to be bad.

use palisade_services::{Container, Docker, Image, Options};

use super::alone;
use super::kit::{Defender, INCIDENT, Setup};
use crate::support::{eventually, stderr, stdout};

/// A harmless program with bytes of its own; what it is, the list alone says.
const PROGRAM: &str = "/tmp/odd";

/// What the list calls it.
const NAME: &str = "Test.Odd";

fn made(container: &Container<'_>) -> String {
    let make = format!("cp /bin/true {PROGRAM} && echo odd >> {PROGRAM} && sha256sum {PROGRAM}");
    let output = container.exec(&["sh", "-c", &make]).expect("the client runs");
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).split(' ').next().expect("a hash").to_owned()
}

fn runs(container: &Container<'_>) -> bool {
    container.exec(&[PROGRAM]).expect("the client runs").status.success()
}

/// A list that can change, and the settings that name it.
struct List {
    folder: tempfile::TempDir,
}

impl List {
    fn new(text: &str) -> Self {
        let list = Self { folder: tempfile::tempdir().expect("a folder") };
        list.write(text);
        list
    }

    fn write(&self, text: &str) {
        std::fs::write(self.folder.path().join("bad.txt"), text).expect("a list");
    }

    fn settings(&self) -> String {
        format!("[hashes]\nknown_bad = \"{}\"\n", self.folder.path().join("bad.txt").display())
    }
}

#[test]
fn a_program_that_becomes_known_as_bad_is_told_when_it_runs_again() {
    let _alone = alone();
    let docker = Docker::shared().expect("a Docker engine");
    let list = List::new("");
    let (socket, settings) = (docker.socket(), list.settings());
    let setup = Setup { socket: Some(&socket), settings: &settings, ..Setup::default() };
    let defender = Defender::with(&setup);
    let container = docker.run(&Options::of(Image::Debian)).expect("a container");
    let hash = made(&container);
    assert!(runs(&container));
    // Its hash is known by now, and nothing is held against it.
    defender.close(&container);
    assert!(!defender.seen(|seen| seen.has_malware(container.id(), NAME)));

    list.write(&format!("{hash}  {NAME}\n"));
    eventually(INCIDENT.as_secs(), "the second run is told", || {
        assert!(runs(&container), "nothing is refused");
        defender.seen(|seen| seen.has_malware(container.id(), NAME)).then_some(())
    });
    // Another container of the image has the same programs, but this one.
    let other = docker.run(&Options::of(Image::Debian)).expect("a container");
    assert!(other.exec(&["/bin/true"]).expect("the client runs").status.success());
    defender.close(&other);
    assert!(!defender.seen(|seen| seen.has_malware(other.id(), NAME)));
}

#[test]
fn a_program_that_is_known_as_bad_is_told_when_it_runs_once_and_has_ended_long_before_it_is_read() {
    let _alone = alone();
    let docker = Docker::shared().expect("a Docker engine");
    let container = docker.run(&Options::of(Image::Debian)).expect("a container");
    let list = List::new(&format!("{}  {NAME}\n", made(&container)));
    let (socket, settings) = (docker.socket(), list.settings());
    // What happens within this time is read at its end.
    let settings = format!("{settings}[sensor]\ngather_ms = 500\n");
    let setup = Setup { socket: Some(&socket), settings: &settings, ..Setup::default() };
    let defender = Defender::with(&setup);
    defender.close(&container);
    assert!(runs(&container), "nothing is refused");
    eventually(INCIDENT.as_secs(), "the run is told", || {
        defender.seen(|seen| seen.has_malware(container.id(), NAME)).then_some(())
    });
}

#[test]
fn a_program_that_is_known_as_bad_does_not_run_where_policy_says_so() {
    let _alone = alone();
    let docker = Docker::shared().expect("a Docker engine");
    let container = docker.run(&Options::of(Image::Debian)).expect("a container");
    let hash = made(&container);
    let list = List::new(&format!("{hash}  {NAME}\n"));
    let (socket, settings) = (docker.socket(), list.settings());
    let policy = Some("malware = \"prevent\"\n");
    let defender = Defender::with(&Setup {
        socket: Some(&socket),
        settings: &settings,
        policy,
        ..Setup::default()
    });
    defender.close(&container);
    assert!(!runs(&container), "it ran:\n{}", defender.log());
    eventually(INCIDENT.as_secs(), "the refusal is told", || {
        defender.seen(|seen| seen.has_malware(container.id(), NAME)).then_some(())
    });
    let audited = defender.audit(&container);
    assert!(audited.iter().any(|entry| entry["path"] == PROGRAM), "{audited:?}");
    // Its own copy is another program.
    let other = format!("cp {PROGRAM} {PROGRAM}2 && echo x >> {PROGRAM}2 && {PROGRAM}2");
    let output = container.exec(&["sh", "-c", &other]).expect("the client runs");
    assert!(output.status.success(), "{}", stderr(&output));
}
