use std::collections::BTreeSet;
use std::time::Duration;

use palisade_services::{ContainerNetwork, Docker, Image, Mount, Options};

#[test]
fn every_image_has_a_digest_of_its_own_and_runs_its_command() {
    let docker = Docker::shared().expect("an engine");
    let mut digests = BTreeSet::new();
    for image in Image::ALL {
        let container = docker.run(&Options::of(image)).expect("a container");
        assert!(digests.insert(container.inspect("{{.Image}}").expect("a digest")));
        // It answers as a server, or sleeps: it has not ended.
        let check: &[&str] = match image {
            Image::Debian | Image::Busybox => &["/bin/true"],
            Image::Nginx => {
                &["curl", "-sS", "--retry-connrefused", "--retry", "5", "http://127.0.0.1/"]
            }
            Image::Redis => &["sh", "-c", "until redis-cli ping; do sleep 0.1; done"],
            Image::Postgres => {
                &["sh", "-c", "until psql -h /tmp -c 'select 1'; do sleep 0.1; done"]
            }
        };
        let output = container.exec(check).expect("the client");
        let logs = container.logs().expect("its log");
        assert!(output.status.success(), "{image:?}: {output:?}\n{logs}");
        let marker = container.exec(&[Image::MARKER, "env", "echo", "seen"]).expect("the client");
        assert_eq!(marker.stdout, b"seen\n", "{image:?}: {marker:?}");
        assert!(container.pid().expect("a process") > 1);
    }
    assert_eq!(digests.len(), Image::ALL.len());
}

#[test]
fn a_container_gets_what_it_asks_for_and_goes() {
    let docker = Docker::shared().expect("an engine");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("note"), "from the host").expect("a file");
    let script = "id -u; cat /host/note; echo; grep -c tmpfs.*/scratch /proc/mounts; \
                  grep CapBnd /proc/self/status; ip -brief address show eth0";
    let mut options = Options::of(Image::Debian).run(&["sh", "-c", script]);
    options.user = Some("1000".to_owned());
    options.capabilities = vec!["SYS_PTRACE".to_owned()];
    options.network = ContainerNetwork::Bridge;
    options.labels = vec![("scenario".to_owned(), "one".to_owned())];
    options.mounts = vec![
        Mount::Tmpfs("/scratch".to_owned()),
        Mount::Bind(folder.path().display().to_string(), "/host".to_owned()),
    ];
    let container = docker.run(&options).expect("a container");
    assert_eq!(container.id().len(), 64);
    assert_eq!(container.wait(Duration::from_secs(30)).expect("its end"), 0);
    let logs = container.logs().expect("its log");
    let lines: Vec<&str> = logs.lines().collect();
    assert_eq!(lines[..3], ["1000", "from the host", "1"], "{logs}");
    let bounding =
        lines[3].split_whitespace().last().and_then(|it| u64::from_str_radix(it, 16).ok());
    // CAP_SYS_PTRACE is 19, and CAP_SYS_ADMIN, which nobody asked for, 21 (linux/capability.h).
    assert_eq!(bounding.expect("a set") >> 19 & 0b101, 0b001, "{logs}");
    assert!(lines[4].starts_with("eth0"), "{logs}");
    assert_eq!(container.inspect("{{.Config.Labels.scenario}}").expect("a label"), "one");

    let id = container.id().to_owned();
    drop(container);
    let mut left = docker.command();
    let left = left.args(["ps", "--all", "--quiet", "--no-trunc"]).output().expect("the client");
    assert!(!String::from_utf8_lossy(&left.stdout).contains(&id));
}
