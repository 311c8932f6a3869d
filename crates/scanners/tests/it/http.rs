//! Against the example scanner of `deploy/examples/http-scanner`, as it is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::{Failure, Outcome, Severity, Verdict};
use palisade_ports::Engine;
use palisade_ports::engine::ScanError;
use palisade_ports::records::EngineState;

use crate::support::{MARKER, engine, outcome, scan, scan_in, wait_for};

struct Scanner {
    directory: tempfile::TempDir,
    process: Child,
    port: u16,
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/http-scanner/scanner.py")
}

impl Scanner {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let patterns = directory.path().join("patterns.txt");
        fs::write(&patterns, line("Test.Marker", "malicious", MARKER)).unwrap();
        fs::write(directory.path().join("token"), "the-token\n").unwrap();
        let mut process = Command::new("python3")
            .arg(example())
            .args(["--listen", "127.0.0.1", "--port", "0", "--patterns"])
            .arg(&patterns)
            .args(arguments)
            .env("SCANNER_TOKEN", "the-token")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let port = said.trim().rsplit(' ').next().unwrap().parse().unwrap();
        Self { directory, process, port }
    }

    fn engine(&self, more: &str) -> Arc<dyn Engine> {
        let token = self.directory.path().join("token");
        let often = if more.contains("poll_interval_ms") { "" } else { "poll_interval_ms = 100" };
        engine(&format!(
            "[example]\nkind = \"http\"\nurl = \"http://127.0.0.1:{}\"\ntoken_file = \"{}\"\n{often}\n{more}\n",
            self.port,
            token.display()
        ))
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line(name: &str, severity: &str, mark: &str) -> String {
    let hex: String = mark.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {severity} {hex}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_scanner_joins_with_five_lines() {
    let scanner = Scanner::start(&[]);
    let engine = scanner.engine("");
    wait_for(&engine, EngineState::Up).await;
    assert!(engine.definitions().version.starts_with("example-scanner/1.0/"));
    assert!(engine.definitions().time.0 > 1_600_000_000_000);
    for size in [0, 10, 1 << 20, 20 << 20] {
        let mut bytes = vec![b'z'; size];
        assert_eq!(outcome(&engine, &bytes).await, Some(Outcome::Verdict(Verdict::NoThreat)));
        bytes.extend_from_slice(MARKER.as_bytes());
        let said = scan(&engine, &bytes).await.unwrap();
        assert_eq!(said.outcome, Some(Outcome::Verdict(Verdict::Malicious)));
        assert_eq!(said.threat.as_deref(), Some("Test.Marker"));
        assert_eq!(said.findings[0].severity, Severity::Malicious);
        assert_eq!(said.findings[0].explanation, format!("its pattern is at byte {size}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_definitions_are_told_with_the_answer() {
    let scanner = Scanner::start(&[]);
    let engine = scanner.engine("poll_interval_ms = 60000");
    wait_for(&engine, EngineState::Up).await;
    let before = engine.definitions();
    let path = scanner.directory.path().join("patterns.txt");
    fs::write(path, line("Test.Other", "suspicious", "PALISADE-OTHER")).unwrap();
    assert_eq!(
        outcome(&engine, b"a PALISADE-OTHER b").await,
        Some(Outcome::Verdict(Verdict::Suspicious))
    );
    // Told by the scan itself: the next poll is a minute away.
    assert_ne!(engine.definitions().version, before.version);
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_tokens_and_absence() {
    let mut scanner = Scanner::start(&["--max-bytes", "1000"]);
    let engine = scanner.engine("");
    wait_for(&engine, EngineState::Up).await;
    let not_scanned = Some(Outcome::Failure(Failure::NotScanned));
    let said = scan(&engine, &[b'x'; 1_001]).await.unwrap();
    assert_eq!(said.outcome, not_scanned);
    assert!(said.reason.unwrap().contains("at most 1000"));
    assert_eq!(outcome(&engine, &[b'x'; 1_000]).await, Some(Outcome::Verdict(Verdict::NoThreat)));
    // One that was not polled yet does not know the bound, and is told 413.
    let hasty = scanner.engine("poll_timeout_ms = 1");
    let said = scan(&hasty, &[b'x'; 1_001]).await.unwrap();
    assert_eq!(said.outcome, not_scanned);

    fs::write(scanner.directory.path().join("token"), "another").unwrap();
    let stranger = scanner.engine("");
    let error = scan_in(&stranger, b"x", 500).await.unwrap_err();
    assert!(error.to_string().contains("the token is not right"), "{error}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stranger.health().state, EngineState::Down);
    assert!(stranger.health().detail.contains("401"), "{:?}", stranger.health());

    scanner.process.kill().unwrap();
    scanner.process.wait().unwrap();
    wait_for(&engine, EngineState::Down).await;
    let error = scan_in(&engine, b"x", 500).await.unwrap_err();
    assert!(matches!(error, ScanError::Unavailable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_scanner_is_asked_again() {
    let scanner = Scanner::start(&["--scans", "1"]);
    let engine = scanner.engine("concurrency = 4");
    wait_for(&engine, EngineState::Up).await;
    let started = Instant::now();
    let mut bytes = vec![b'q'; 8 << 20];
    bytes.extend_from_slice(MARKER.as_bytes());
    let bytes = Arc::new(bytes);
    let scans: Vec<_> = (0..4)
        .map(|_| {
            let (engine, bytes) = (engine.clone(), bytes.clone());
            tokio::spawn(async move { outcome(&engine, &bytes).await })
        })
        .collect();
    for scan in scans {
        assert_eq!(scan.await.unwrap(), Some(Outcome::Verdict(Verdict::Malicious)));
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
