//! Programs are asked about wherever they are mounted, and one that is refused is one story.

use std::process::Command;

use palisade_services::{Container, Docker, Image, Mount, Options};

use super::alone;
use super::kit::{Defender, Setup};
use crate::support::{eventually, stderr};

/// One entry for the kernel's list, one for which programs wait until the agent has answered.
const POLICY: &str = "\
[[rule]]
name = \"none of these\"
process = { deny_effect = \"prevent\", deny = [\"/usr/bin/id\", \"/**/palisade-asked*\"] }
";

fn shell(container: &Container<'_>, script: &str) -> (Option<i32>, String) {
    let output = container.exec(&["sh", "-c", script]).expect("the client runs");
    (output.status.code(), stderr(&output))
}

/// Refused before it starts: the shell is there still to say so.
fn is_refused(container: &Container<'_>, program: &str) -> bool {
    let (code, said) = shell(container, &format!("{program}; exit $?"));
    code == Some(126) && said.contains("not permitted")
}

#[test]
fn programs_on_every_mount_are_asked_about_and_the_hosts_are_not() {
    let _alone = alone();
    let docker = Docker::shared().expect("a Docker engine");
    let socket = docker.socket();
    let defender =
        Defender::with(&Setup { socket: Some(&socket), policy: Some(POLICY), ..Setup::default() });
    let volume = tempfile::tempdir().expect("a folder");
    let options = Options {
        capabilities: vec!["SYS_ADMIN".to_owned()],
        mounts: vec![
            Mount::Tmpfs("/memory".to_owned()),
            Mount::Bind(volume.path().display().to_string(), "/volume".to_owned()),
        ],
        ..Options::of(Image::Debian).run(&["sleep", "infinity"])
    };
    let container = docker.run(&options).expect("a container");
    for place in ["/opt", "/memory", "/volume"] {
        let (code, said) = shell(&container, &format!("cp /usr/bin/true {place}/palisade-asked"));
        assert_eq!(code, Some(0), "{said}");
        let program = format!("{place}/palisade-asked");
        eventually(30, &format!("{program} is refused"), || {
            is_refused(&container, &program).then_some(())
        });
    }
    // The same file by the host's own mount.
    let own = volume.path().join("palisade-asked");
    assert!(Command::new(own).status().expect("it starts").success());

    let late = "mkdir /late && mount -t tmpfs tmpfs /late && cp /usr/bin/true /late/palisade-asked";
    let (code, said) = shell(&container, late);
    assert_eq!(code, Some(0), "{said}");
    eventually(30, "a program on a later mount is refused", || {
        is_refused(&container, "/late/palisade-asked").then_some(())
    });
    drop(defender);
    assert_eq!(shell(&container, "/opt/palisade-asked").0, Some(0), "nothing is left behind");
}

#[test]
fn a_refused_program_is_one_event_and_one_entry() {
    const TRIES: usize = 5;
    let _alone = alone();
    let docker = Docker::shared().expect("a Docker engine");
    let socket = docker.socket();
    let defender =
        Defender::with(&Setup { socket: Some(&socket), policy: Some(POLICY), ..Setup::default() });
    let container =
        docker.run(&Options::of(Image::Debian).run(&["sleep", "infinity"])).expect("a container");
    let copied = container.exec(&["cp", "/usr/bin/true", "/opt/palisade-asked"]);
    assert!(copied.expect("the client runs").status.success());
    let id = container.id().to_owned();
    let execs = || defender.seen(|seen| seen.events(&id, "exec")) as usize;
    for program in ["/usr/bin/id", "/opt/palisade-asked"] {
        let runs = || container.exec(&[program]).expect("the client runs").status.success();
        eventually(30, "the policy is in force", || (!runs()).then_some(()));
        let entries = || {
            let all = defender.audit(&container);
            all.iter().filter(|entry| entry["path"] == program).count()
        };
        // Everything of before is told: the last that was run is.
        let settled = || {
            let before = execs();
            let seen = container.exec(&["/usr/bin/true"]).expect("the client runs");
            assert!(seen.status.success());
            eventually(30, "it is told", || (execs() > before).then_some(()));
        };
        eventually(30, "the first is audited", || (entries() > 0).then_some(()));
        settled();
        settled();
        let (audited, told) = (entries(), execs());
        for _ in 0..TRIES {
            assert!(!runs(), "it ran");
        }
        eventually(30, "entries", || (entries() >= audited + TRIES).then_some(()));
        settled();
        assert_eq!(entries(), audited + TRIES, "{program}: {:#?}", defender.audit(&container));
        assert_eq!(execs(), told + TRIES + 1, "{program}");
        for entry in defender.audit(&container) {
            let reasons = entry["reasons"].as_array().expect("reasons");
            assert_eq!(reasons.len(), 1, "{entry}");
        }
    }
}
