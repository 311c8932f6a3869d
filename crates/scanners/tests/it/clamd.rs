//! Against ClamAV's own daemon, with signatures that the test writes. Without the daemon on this
//! machine these tests cannot run; then they fail, for a silent pass would say too much.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use palisade_model::{Failure, Outcome, Verdict};
use palisade_ports::engine::ScanError;
use palisade_ports::records::EngineState;

use crate::support::{MARKER, engine, outcome, scan, scan_in, wait_for};

const CLAMD: &str = "/usr/sbin/clamd";

/// A daemon of our own, with its files in a directory that goes with it.
struct Daemon {
    directory: tempfile::TempDir,
    process: Option<Child>,
    port: u16,
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

impl Daemon {
    fn new(settings: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("palisade-clamd-").tempdir().unwrap();
        let path = directory.path();
        let database = path.join("db");
        fs::create_dir(&database).unwrap();
        // Extended signatures: Name:TargetType:Offset:Hex (ClamAV's signature documentation).
        let marks = [("Test.Marker", MARKER), ("PUA.Test.Tool-1", "PALISADE-UNWANTED-MARKER")];
        let lines = marks.map(|(name, mark)| format!("{name}:0:*:{}\n", hex(mark)));
        fs::write(database.join("house.ndb"), lines.concat()).unwrap();
        // A logical signature: both words must be there.
        let logical = format!(
            "Test.Logical;Engine:51-255,Target:0;0&1;{};{}\n",
            hex("PALISADE-FIRST-HALF"),
            hex("PALISADE-SECOND-HALF")
        );
        fs::write(database.join("house.ldb"), logical).unwrap();
        // A free port: taken and let go.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shown = path.display();
        let config = format!(
            "DatabaseDirectory {shown}/db\nLocalSocket {shown}/clamd.sock\nTCPSocket {port}\n\
             TCPAddr 127.0.0.1\nForeground yes\nLogFile {shown}/clamd.log\nPidFile {shown}/pid\n\
             TemporaryDirectory {shown}\nSelfCheck 3600\n{settings}\n"
        );
        fs::write(path.join("clamd.conf"), config).unwrap();
        let mut daemon = Self { directory, process: None, port };
        daemon.start();
        daemon
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn socket(&self) -> PathBuf {
        self.path().join("clamd.sock")
    }

    fn start(&mut self) {
        assert!(Path::new(CLAMD).exists(), "this test needs {CLAMD} (package clamav-daemon)");
        let child = Command::new(CLAMD)
            .arg(format!("--config-file={}", self.path().join("clamd.conf").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        let until = Instant::now() + Duration::from_secs(30);
        while !self.answers() {
            assert!(Instant::now() < until, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path().join("clamd.log")).unwrap_or_default()
    }

    fn answers(&self) -> bool {
        use std::io::Write;
        let Ok(mut stream) = UnixStream::connect(self.socket()) else { return false };
        let mut answer = String::new();
        stream.write_all(b"zPING\0").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("PONG")
    }

    fn kill(&mut self) {
        let mut child = self.process.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // A killed daemon leaves its socket file behind.
    }

    fn toml(&self, more: &str) -> String {
        format!(
            "[clamav]\nkind = \"clamd\"\naddress = \"unix:{}\"\npoll_interval_ms = 100\n{more}\n",
            self.socket().display()
        )
    }

    fn toml_tcp(&self, more: &str) -> String {
        let port = self.port;
        format!(
            "[clamav]\nkind = \"clamd\"\naddress = \"tcp:127.0.0.1:{port}\"\npoll_interval_ms = 100\n{more}\n"
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const MALICIOUS: Option<Outcome> = Some(Outcome::Verdict(Verdict::Malicious));
const NO_THREAT: Option<Outcome> = Some(Outcome::Verdict(Verdict::NoThreat));

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_giving_bytes_finds_the_same() {
    let daemon = Daemon::new("");
    let ways = [
        daemon.toml("method = \"fildes\""),
        daemon.toml("method = \"instream\""),
        daemon.toml("method = \"instream\"\nsessions = false"),
        daemon.toml("method = \"fildes\"\nsessions = false"),
        daemon.toml_tcp(""),
    ];
    for way in ways {
        let engine = engine(&way);
        wait_for(&engine, EngineState::Up).await;
        assert!(engine.definitions().version.starts_with("ClamAV "), "{:?}", engine.definitions());
        // Three rounds: the second and the third go over kept connections.
        for _ in 0..3 {
            let found = scan(&engine, format!("so: {MARKER}.").as_bytes()).await.unwrap();
            assert_eq!(found.outcome, MALICIOUS, "{way}");
            assert_eq!(found.threat.as_deref(), Some("Test.Marker.UNOFFICIAL"));
            assert_eq!(outcome(&engine, b"nothing in here").await, NO_THREAT, "{way}");
            assert_eq!(outcome(&engine, b"").await, NO_THREAT, "{way}");
            let half = b"PALISADE-FIRST-HALF and PALISADE-SECOND-HALF";
            let found = scan(&engine, half).await.unwrap();
            assert_eq!(found.threat.as_deref(), Some("Test.Logical.UNOFFICIAL"));
            let unwanted = outcome(&engine, b"a PALISADE-UNWANTED-MARKER here").await;
            assert_eq!(unwanted, Some(Outcome::Verdict(Verdict::Suspicious)));
        }
        // Larger than any buffer on the way, with the mark at its end.
        let mut large = vec![b'x'; 5 << 20];
        large.extend_from_slice(MARKER.as_bytes());
        assert_eq!(outcome(&engine, &large).await, MALICIOUS, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_never_clean() {
    let daemon = Daemon::new("StreamMaxLength 64K\nAlertExceedsMax yes\nMaxFileSize 1M\n");
    // Ours is the smaller bound: nothing is sent.
    let small = engine(&daemon.toml("max_bytes = 1000"));
    let said = scan(&small, &[b'x'; 1_001]).await.unwrap();
    assert_eq!(said.outcome, Some(Outcome::Failure(Failure::NotScanned)));
    assert!(said.reason.unwrap().contains("max_bytes"));
    assert_eq!(outcome(&small, &[b'x'; 1_000]).await, NO_THREAT);
    // Theirs is: clamd says so in the middle of the stream, and closes.
    for way in [daemon.toml("method = \"instream\""), daemon.toml_tcp("")] {
        let engine = engine(&way);
        for size in [70_000, 3 << 20] {
            match scan(&engine, &vec![b'x'; size]).await {
                Ok(said) => {
                    assert_eq!(said.outcome, Some(Outcome::Failure(Failure::NotScanned)), "{way}");
                    assert!(said.reason.unwrap().contains("size limit exceeded"));
                }
                // Over TCP the reset may overtake the reply.
                Err(error) => assert!(matches!(error, ScanError::Unavailable(_)), "{error}"),
            }
        }
        assert_eq!(outcome(&engine, b"small").await, NO_THREAT);
    }
    // A descriptor has no stream length; the file's bound is told by an alert.
    let passed = engine(&daemon.toml("method = \"fildes\""));
    let said = scan(&passed, &vec![b'x'; 2 << 20]).await.unwrap();
    assert_eq!(said.outcome, Some(Outcome::Failure(Failure::NotScanned)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_is_down_and_comes_back() {
    let mut daemon = Daemon::new("");
    let engine = engine(&daemon.toml(""));
    wait_for(&engine, EngineState::Up).await;
    assert_eq!(outcome(&engine, MARKER.as_bytes()).await, MALICIOUS);
    daemon.kill();
    wait_for(&engine, EngineState::Down).await;
    assert!(engine.health().detail.contains("cannot be reached"), "{:?}", engine.health());
    assert_eq!(engine.health().workers, 0);
    let error = scan_in(&engine, b"x", 1_000).await.unwrap_err();
    assert!(matches!(error, ScanError::Unavailable(_)), "{error}");
    daemon.start();
    wait_for(&engine, EngineState::Up).await;
    // The kept connection of before is of no use, and nobody notices.
    assert_eq!(outcome(&engine, MARKER.as_bytes()).await, MALICIOUS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_between_is_not_seen_by_scans() {
    let mut daemon = Daemon::new("");
    let engine = engine(&daemon.toml(""));
    assert_eq!(outcome(&engine, MARKER.as_bytes()).await, MALICIOUS);
    daemon.kill();
    daemon.start();
    assert_eq!(outcome(&engine, MARKER.as_bytes()).await, MALICIOUS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_way_loses_nothing() {
    let daemon = Daemon::new("");
    let database = daemon.path().join("db");
    let engine = engine(&daemon.toml(&format!("databases = [\"{}\"]", database.display())));
    wait_for(&engine, EngineState::Up).await;
    let before = engine.definitions();
    let later = "PALISADE-LATER-MARKER";
    assert_eq!(outcome(&engine, later.as_bytes()).await, NO_THREAT);
    fs::write(database.join("more.ndb"), format!("Test.Later:0:*:{}\n", hex(later))).unwrap();
    {
        use std::io::Write;
        let mut stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.write_all(b"zRELOAD\0").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "RELOADING\0");
    }
    let until = Instant::now() + Duration::from_secs(20);
    while outcome(&engine, later.as_bytes()).await != MALICIOUS {
        assert!(Instant::now() < until, "{}", daemon.log());
        assert_eq!(outcome(&engine, MARKER.as_bytes()).await, MALICIOUS);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    // clamd's own version says nothing of the house's databases; their files do.
    assert_ne!(engine.definitions().version, before.version);
    assert!(engine.definitions().time > before.time || before.time.0 > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once() {
    let daemon = Daemon::new("");
    let engine = engine(&daemon.toml("concurrency = 8"));
    let scans = (0..64).map(|number| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mark = if number % 2 == 0 { MARKER } else { "nothing" };
            let bytes = format!("{number} {mark} {}", "y".repeat(number * 1_000));
            (number, outcome(&engine, bytes.as_bytes()).await)
        })
    });
    for scan in scans.collect::<Vec<_>>() {
        let (number, outcome) = scan.await.unwrap();
        assert_eq!(outcome, if number % 2 == 0 { MALICIOUS } else { NO_THREAT });
    }
}
