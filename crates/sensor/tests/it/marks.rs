//! fanotify in mounts of our own: which programs are asked about. As root, without BPF.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_sensor::fanotify::{Answer, Guard};

/// A shell in mounts of its own, as a container's: each line that it is given it runs, and says what came of
/// it.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    fn new(mounts: &str) -> Self {
        let script = format!(
            "set -e; {mounts}; set +e; echo ready; while read -r line; do eval \"$line\"; echo $?; done"
        );
        let mut child = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare: these tests run as root");
        let stdin = child.stdin.take().expect("its input");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut shell = Self { child, stdin, stdout };
        assert_eq!(shell.line(), "ready");
        shell
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// The exit status.
    fn run(&mut self, command: &str) -> String {
        writeln!(self.stdin, "{command} >/dev/null").expect("a shell that reads");
        self.line()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Refuses every program of this name, until dropped.
struct Refuser {
    guard: Arc<Guard>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Refuser {
    fn new(name: &'static str) -> Self {
        let guard = Arc::new(Guard::new().expect("fanotify: these tests run as root"));
        guard.watch(Duration::from_secs(5)).expect("a thread");
        let stop = Arc::new(AtomicBool::new(false));
        let (own, ends) = (Arc::clone(&guard), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Acquire) && own.wait(Duration::from_millis(20)).is_ok() {
                let answer = |question: &palisade_sensor::fanotify::Question| {
                    use std::os::fd::AsRawFd as _;
                    let link = format!("/proc/self/fd/{}", question.file.as_raw_fd());
                    let path = std::fs::read_link(link).unwrap_or_default();
                    let is = path.file_name().is_some_and(|own| own == name);
                    if is { Answer::Deny } else { Answer::Allow }
                };
                while own.answer(answer).is_ok() {}
            }
        });
        Self { guard, stop, thread: Some(thread) }
    }
}

impl Drop for Refuser {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread");
        }
    }
}

/// 126: found, and not to be run.
const REFUSED: &str = "126";

#[test]
fn every_mount_of_a_container_is_asked_about_and_the_hosts_are_not() {
    let name = "palisade-marked";
    let volume = tempfile::tempdir().expect("a folder of the host's");
    let host = volume.path().join(name);
    std::fs::copy("/bin/true", &host).expect("a program");
    let place = volume.path().display();
    // A file system of its own, and a bind mount of the host's.
    let own = tempfile::tempdir().expect("a place for mounts");
    let own = own.path().display();
    let mounts = format!(
        "mount -t tmpfs tmpfs {own}; mkdir {own}/volume {own}/late; \
         mount --bind {place} {own}/volume; cp /bin/true {own}/{name}"
    );
    let mut shell = Shell::new(&mounts);
    assert_eq!(shell.run(&format!("{own}/{name}")), "0", "nothing is marked yet");

    let refuser = Refuser::new(name);
    let proc = Path::new("/proc");
    let hosts =
        refuser.guard.mark_mounts(proc, std::process::id()).expect_err("the host's own mounts");
    assert!(hosts.to_string().contains("host's mounts"), "{hosts}");
    let marked = refuser.guard.mark_mounts(proc, shell.child.id()).expect("marks");
    assert!(marked.marks >= 3 && marked.failed.is_none(), "{marked:?}");
    assert_eq!(shell.run(&format!("{own}/{name}")), REFUSED);
    assert_eq!(shell.run(&format!("{own}/volume/{name}")), REFUSED);
    // The same file by the host's own mount.
    assert!(Command::new(&host).status().expect("it runs").success());
    // Another namespace cannot evade the mark of a whole file system.
    assert_eq!(shell.run(&format!("unshare -m {own}/{name}")), REFUSED);

    // What is mounted later is asked about once it was marked.
    let late = format!("mount -t tmpfs tmpfs {own}/late && cp /bin/true {own}/late/{name}");
    assert_eq!(shell.run(&late), "0");
    assert_eq!(shell.run(&format!("{own}/late/{name}")), "0");
    refuser.guard.mark_mounts(proc, shell.child.id()).expect("marks");
    assert_eq!(shell.run(&format!("{own}/late/{name}")), REFUSED);
}

#[test]
fn what_is_given_up_says_why_and_lets_everybody_run() {
    let guard = Guard::new().expect("fanotify: these tests run as root");
    assert_eq!(guard.lost(), None);
    guard.watch(Duration::from_millis(20)).expect("a thread");
    let own = tempfile::tempdir().expect("a place for mounts");
    let own = own.path().display();
    let mut shell = Shell::new(&format!("mount -t tmpfs tmpfs {own}; cp /bin/true {own}/one"));
    guard.mark_mounts(Path::new("/proc"), shell.child.id()).expect("marks");
    let asked = std::thread::scope(|scope| {
        let answers = scope.spawn(|| {
            guard.wait(Duration::from_secs(10)).expect("somebody asks");
            let _ = guard.answer(|_| {
                while guard.lost().is_none() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Answer::Deny
            });
        });
        let status = shell.run(&format!("{own}/one"));
        answers.join().expect("the thread");
        status
    });
    assert_eq!(asked, "0", "who waits for an answer that does not come runs");
    assert_eq!(guard.lost(), Some("a program waited for more than 20 ms"));
    let error = guard.mark_mounts(Path::new("/proc"), shell.child.id());
    assert!(error.is_err_and(|error| error.to_string().contains("given up")));
}
