use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use palisade_defender::containers::sockets::Socket;
use palisade_defender::containers::{
    Api, CgroupKey, Hierarchy, Settings, SocketSettings, StopOutcome, StopWay, Stopper,
};
use palisade_model::event::{ContainerIdentity, Runtime};

use super::server::{Server, status};
use super::{Root, id};

/// A cgroup of ordinary files: what the kernel would do to them is done by the test.
struct Cgroup {
    root: Root,
    place: PathBuf,
    number: u64,
}

impl Cgroup {
    fn new() -> Self {
        let root = Root::new();
        let below = format!("/sys/fs/cgroup/docker/{}", id('a'));
        let number = root.folder(&below);
        let place = root.path(&below);
        Self { root, place, number }
    }

    /// Puts a process in; it leaves the list when it ends.
    fn run(&self) -> std::thread::JoinHandle<std::process::ExitStatus> {
        let mut child: Child = Command::new("sleep").arg("60").spawn().expect("sleep");
        let list = self.place.join("cgroup.procs");
        fs::write(&list, format!("{}\n", child.id())).expect("written");
        std::thread::spawn(move || {
            let status = child.wait().expect("waited");
            fs::write(&list, "").expect("emptied");
            status
        })
    }

    fn identity(&self) -> ContainerIdentity {
        ContainerIdentity::bare(id('a').parse().expect("an id"), Runtime::Docker, self.number)
    }

    fn stopper(&self, stop_ms: u64) -> Arc<Stopper> {
        let settings = Settings { stop_ms, ask_ms: 200, ..self.root.settings() };
        let host = Arc::new(self.root.host());
        let one = SocketSettings { path: "/run/docker.sock".into(), api: Api::Docker };
        let socket = Socket::new(&one, host, &settings);
        let hierarchy = Hierarchy {
            root: self.root.path("/sys/fs/cgroup"),
            key: CgroupKey::Unified,
            number: 0,
            whole: true,
            certain: true,
        };
        Arc::new(Stopper::new(settings, hierarchy, &[socket]))
    }
}

fn killed(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(9)
}

#[tokio::test]
async fn without_a_runtime_processes_are_killed() {
    let cgroup = Cgroup::new();
    let run = cgroup.run();
    // A process that cannot be frozen: the file is not there.
    let outcome = cgroup.stopper(5_000).stop(&cgroup.identity()).await;
    assert!(matches!(outcome, StopOutcome::Stopped { way: StopWay::Signals, .. }), "{outcome:?}");
    assert!(killed(run.join().expect("ended")));
    assert!(!cgroup.place.join("cgroup.kill").exists(), "no file is made");
}

#[tokio::test]
async fn the_kernel_s_own_way_is_preferred_to_signals() {
    let cgroup = Cgroup::new();
    fs::write(cgroup.place.join("cgroup.kill"), "").expect("written");
    fs::write(cgroup.place.join("cgroup.procs"), "").expect("written");
    let outcome = cgroup.stopper(1_000).stop(&cgroup.identity()).await;
    assert!(
        matches!(outcome, StopOutcome::Stopped { way: StopWay::CgroupKill, .. }),
        "{outcome:?}"
    );
    assert_eq!(fs::read_to_string(cgroup.place.join("cgroup.kill")).expect("read"), "1");
}

#[tokio::test]
async fn the_runtime_is_asked_first_and_not_believed() {
    let cgroup = Cgroup::new();
    let server = Server::start(&cgroup.root, "/run/docker.sock");
    let order = format!("POST /containers/{}/kill?signal=SIGKILL", id('a'));
    server.say(&order, status(204, ""));
    fs::write(cgroup.place.join("cgroup.procs"), "").expect("written");
    let outcome = cgroup.stopper(1_000).stop(&cgroup.identity()).await;
    let StopOutcome::Stopped { way: StopWay::Runtime(path), .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((path, server.was_asked(&order)), (PathBuf::from("/run/docker.sock"), 1));

    let run = cgroup.run();
    let outcome = cgroup.stopper(2_000).stop(&cgroup.identity()).await;
    assert!(
        matches!(outcome, StopOutcome::Stopped { way: StopWay::Signals, took } if took >= Duration::from_secs(1)),
        "{outcome:?}"
    );
    assert!(killed(run.join().expect("ended")));
}

#[tokio::test]
async fn a_runtime_that_hangs_leaves_time_for_the_kernel() {
    let cgroup = Cgroup::new();
    let server = Server::start(&cgroup.root, "/run/docker.sock");
    server.say(&format!("POST /containers/{}/kill?signal=SIGKILL", id('a')), b"HANG".to_vec());
    let run = cgroup.run();
    let outcome = cgroup.stopper(2_000).stop(&cgroup.identity()).await;
    assert!(matches!(outcome, StopOutcome::Stopped { way: StopWay::Signals, .. }), "{outcome:?}");
    assert!(killed(run.join().expect("ended")));
}

#[tokio::test]
async fn nothing_is_stopped_that_is_not_surely_it() {
    let cgroup = Cgroup::new();
    let mut run = Command::new("sleep").arg("60").spawn().expect("sleep");
    fs::write(cgroup.place.join("cgroup.procs"), format!("{}\n", run.id())).expect("written");
    // Another container's id under this cgroup's number, and the cgroup above.
    let other =
        ContainerIdentity::bare(id('b').parse().expect("an id"), Runtime::Docker, cgroup.number);
    let docker = super::inode(&cgroup.root.path("/sys/fs/cgroup/docker"));
    let above = ContainerIdentity::bare(id('a').parse().expect("an id"), Runtime::Docker, docker);
    for identity in [other, above] {
        let outcome = cgroup.stopper(500).stop(&identity).await;
        let StopOutcome::Failed { reasons } = outcome else { panic!("{outcome:?}") };
        assert!(reasons[0].contains("not known to be container"), "{reasons:?}");
    }
    assert!(run.try_wait().expect("asked").is_none(), "it lives");
    run.kill().expect("killed");
    run.wait().expect("waited");

    // Our own.
    fs::write(cgroup.place.join("cgroup.procs"), format!("{}\n", std::process::id()))
        .expect("written");
    let outcome = cgroup.stopper(500).stop(&cgroup.identity()).await;
    let StopOutcome::Failed { reasons } = outcome else { panic!("{outcome:?}") };
    assert!(reasons[0].contains("Palisade runs in"), "{reasons:?}");
}

#[tokio::test]
async fn what_cannot_be_stopped_is_said_at_the_deadline() {
    let cgroup = Cgroup::new();
    // A process that has no number here.
    fs::write(cgroup.place.join("cgroup.procs"), "0\n").expect("written");
    let began = std::time::Instant::now();
    let outcome = cgroup.stopper(400).stop(&cgroup.identity()).await;
    let StopOutcome::Failed { reasons } = outcome else { panic!("{outcome:?}") };
    assert!(reasons.iter().any(|one| one.contains("processes are left")), "{reasons:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_container_that_is_gone_is_stopped() {
    let cgroup = Cgroup::new();
    let identity = cgroup.identity();
    fs::remove_dir(&cgroup.place).expect("removed");
    let outcome = cgroup.stopper(500).stop(&identity).await;
    assert!(matches!(outcome, StopOutcome::Stopped { way: StopWay::Already, .. }), "{outcome:?}");
}
