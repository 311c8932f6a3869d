//! Command-line scanners: small ones in Python that the test writes, and ClamAV's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_model::{Failure, Outcome, Severity, Verdict};
use palisade_ports::Engine;
use palisade_ports::engine::ScanError;
use palisade_ports::records::EngineState;

use crate::support::{MARKER, engine, outcome, scan, scan_in, wait_for};

const MALICIOUS: Option<Outcome> = Some(Outcome::Verdict(Verdict::Malicious));
const NO_THREAT: Option<Outcome> = Some(Outcome::Verdict(Verdict::NoThreat));

/// A scanner in a directory of its own, that everybody may read.
struct Script {
    directory: tempfile::TempDir,
}

/// Looks for the words of `signatures.txt`, as a real one would, and misbehaves on request.
const SCANNER: &str = r#"#!/usr/bin/python3
import os, signal, sys, time
here = os.path.dirname(os.path.abspath(__file__))
lines = open(here + '/db/signatures.txt').read().split('\n')
if sys.argv[1] == '--version':
    print('Script scanner 2.1, base', lines[0], 'of 2024-11-10')
    sys.exit(0)
path = sys.argv[1]
data = open(path, 'rb').read()
if b'say name' in data: print('name', os.path.basename(path), file=sys.stderr); sys.exit(5)
if b'say key' in data: print('key', os.environ.get('PALISADE_TEST_KEY'), os.environ.get('OTHER'), file=sys.stderr); sys.exit(5)
found = [line.split() for line in lines[1:] if line and line.split()[1].encode() in data]
for name, mark in found: print(f'{path}: {name} FOUND', flush=True)
if b'please hang' in data: time.sleep(1000)
if b'please die' in data: os.kill(os.getpid(), signal.SIGSEGV)
if b'please flood' in data:
    while True: print('x' * 1000)
if b'please ask for a password' in data: print(f'{path}: password protected'); sys.exit(3)
sys.exit(1 if found else 0)
"#;

impl Script {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(path.join("scanner"), SCANNER).unwrap();
        fs::set_permissions(path.join("scanner"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(path.join("db")).unwrap();
        fs::set_permissions(path.join("db"), fs::Permissions::from_mode(0o777)).unwrap();
        let script = Self { directory };
        script.sign("100", &[("Test.Marker", MARKER)]);
        script
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn sign(&self, version: &str, marks: &[(&str, &str)]) {
        let lines: String = marks.iter().map(|(name, mark)| format!("{name} {mark}\n")).collect();
        fs::write(self.path().join("db/signatures.txt"), format!("{version}\n{lines}")).unwrap();
    }

    fn toml(&self, more: &str) -> String {
        let path = self.path().display();
        format!(
            r#"[script]
kind = "command"
program = "{path}/scanner"
read_paths = ["{path}"]
exit_codes = {{ 0 = "clean", 1 = "infected", 3 = "encrypted" }}
patterns = [{{ regex = '^(?<file>.*): (?<threat>\S+) FOUND$', means = "infected" }}]
poll_seconds = 1
{more}
[script.version]
arguments = ["--version"]
regex = '(?<engine>Script scanner [\d.]+), base (?<definitions>\d+) of (?<date>\S+)'
date_format = "%Y-%m-%d"
"#
        )
    }

    fn engine(&self, more: &str) -> Arc<dyn Engine> {
        engine(&self.toml(more))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_of_the_house() {
    let script = Script::new();
    for more in ["", "artifact = \"memory\"", "artifact = \"shared\"", "file_name = \"extension\""]
    {
        let engine = script.engine(more);
        wait_for(&engine, EngineState::Up).await;
        let version = engine.definitions().version;
        assert!(version.starts_with("Script scanner 2.1/100/2024-11-10+"), "{version}");
        assert_eq!(engine.definitions().time.0, 1_731_196_800_000);
        let said = scan(&engine, format!("a {MARKER} b").as_bytes()).await.unwrap();
        assert_eq!(said.outcome, MALICIOUS, "{more}: {said:?}");
        assert_eq!(said.threat.as_deref(), Some("Test.Marker"));
        assert_eq!(said.findings[0].severity, Severity::Malicious);
        assert_eq!(outcome(&engine, b"nothing").await, NO_THREAT);
        assert_eq!(outcome(&engine, b"").await, NO_THREAT);
        let locked = outcome(&engine, b"please ask for a password").await;
        assert_eq!(locked, Some(Outcome::Failure(Failure::Encrypted)));
    }
    // Other settings are another version: old answers do not stand for new ones.
    let one = script.engine("");
    let other = script.engine("time_limit_ms = 99");
    wait_for(&one, EngineState::Up).await;
    wait_for(&other, EngineState::Up).await;
    assert_ne!(one.definitions().version, other.definitions().version);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_variables() {
    let script = Script::new();
    let reason = async |more: &str, ask: &[u8]| {
        scan(&script.engine(more), ask).await.unwrap().reason.unwrap()
    };
    assert!(reason("", b"say name").await.ends_with("name artifact.bin"));
    // By content, not by the caller's name.
    assert!(reason("file_name = \"extension\"", b"say name").await.ends_with("name artifact.txt"));
    let key = "environment = { PALISADE_TEST_KEY = \"abc\" }\ninherit_environment = [\"PATH\"]";
    assert!(reason(key, b"say key").await.ends_with("key abc None"));
    assert!(reason("", b"say key").await.ends_with("key None None"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_ends() {
    let script = Script::new();
    let engine = script.engine("limits = { output_bytes = 20000 }");
    let error = scan_in(&engine, b"please hang", 700).await.unwrap_err();
    assert!(matches!(error, ScanError::TimedOut), "{error}");
    let error = scan(&engine, b"please die").await.unwrap_err();
    assert!(matches!(error, ScanError::WorkerDied(_)), "{error}");
    assert!(error.to_string().contains("signal 11"), "{error}");
    let said = scan(&engine, b"please flood").await.unwrap();
    assert_eq!(said.outcome, Some(Outcome::Failure(Failure::Failed)));
    assert!(said.reason.unwrap().contains("more than it may"));
    // What it found before is found.
    for end in ["please die", "please flood"] {
        assert_eq!(outcome(&engine, format!("{end} {MARKER}").as_bytes()).await, MALICIOUS);
    }
    let said = scan_in(&engine, format!("please hang {MARKER}").as_bytes(), 700).await.unwrap();
    assert_eq!(said.outcome, MALICIOUS);
    // Its own limit is the shorter one.
    let short = script.engine("time_limit_ms = 300");
    let started = Instant::now();
    assert!(scan(&short, b"please hang").await.is_err());
    assert!(started.elapsed() < Duration::from_secs(3));
    // Too large for it.
    let small = script.engine("max_bytes = 10");
    let said = outcome(&small, b"more than ten bytes").await;
    assert_eq!(said, Some(Outcome::Failure(Failure::NotScanned)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_one_is_down() {
    let engine = engine(
        "[absent]\nkind = \"command\"\nprogram = \"/opt/no/such/scanner\"\nexit_codes = { 0 = \"clean\" }\n",
    );
    let error = scan_in(&engine, b"x", 2_000).await.unwrap_err();
    assert!(matches!(error, ScanError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("No such file"), "{error}");
    assert_eq!(engine.health().state, EngineState::Down);
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_run_beside_scans_and_are_told() {
    let script = Script::new();
    let updater = script.path().join("updater");
    let code = r#"#!/usr/bin/python3
import os
here = os.path.dirname(os.path.abspath(__file__))
open(here + '/db/new', 'w').write('200\nTest.Later PALISADE-LATER\n')
os.rename(here + '/db/new', here + '/db/signatures.txt')
"#;
    fs::write(&updater, code).unwrap();
    fs::set_permissions(&updater, fs::Permissions::from_mode(0o755)).unwrap();
    let update = |writes: &str| {
        let path = script.path().display();
        let more =
            format!("[script.update]\nprogram = \"{path}/updater\"\nexclusive = true\n{writes}");
        engine(&format!("{}\n{more}\n", script.toml("")))
    };
    // It may not write where it was not said to.
    let failing = update("");
    let until = Instant::now() + Duration::from_secs(20);
    while !failing.health().detail.contains("update failed: exit code 1")
        || !failing.definitions().version.contains("/100/")
    {
        assert!(Instant::now() < until, "{:?}", failing.health());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let engine = update(&format!("write_paths = [\"{}/db\"]", script.path().display()));
    let until = Instant::now() + Duration::from_secs(20);
    while !engine.definitions().version.contains("/200/") {
        assert!(Instant::now() < until, "{:?} {:?}", engine.health(), engine.definitions());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(engine.health().detail.contains("updated"), "{:?}", engine.health());
    assert_eq!(engine.health().state, EngineState::Up);
    assert_eq!(outcome(&engine, b"PALISADE-LATER").await, MALICIOUS);
}

#[tokio::test(flavor = "multi_thread")]
async fn clamscan_by_its_profile() {
    let database = tempfile::tempdir().unwrap();
    fs::set_permissions(database.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let hex: String = MARKER.bytes().map(|byte| format!("{byte:02x}")).collect();
    let lines = format!("Test.Marker:0:*:{hex}\nPUA.Test.Tool:0:*:{}\n", "50414c2d505541");
    fs::write(database.path().join("house.ndb"), lines).unwrap();
    let path = database.path().display();
    // Its own arguments, with our small database in the place of the system's.
    let engine = engine(&format!(
        r#"[clamscan]
kind = "command"
profile = "clamscan"
read_paths = ["{path}"]
databases = ["{path}"]
arguments = ["--database={path}", "--no-summary", "--alert-exceeds-max=yes", "--alert-encrypted=yes", "--max-filesize=1M", "--tempdir={{directory}}", "{{file}}"]
"#
    ));
    wait_for(&engine, EngineState::Up).await;
    assert!(engine.definitions().version.starts_with("ClamAV 1."), "{:?}", engine.definitions());
    let said = scan(&engine, format!("a {MARKER}").as_bytes()).await.unwrap();
    assert_eq!(said.outcome, MALICIOUS, "{said:?}");
    assert_eq!(said.threat.as_deref(), Some("Test.Marker.UNOFFICIAL"));
    assert_eq!(outcome(&engine, b"nothing here").await, NO_THREAT);
    assert_eq!(outcome(&engine, b"").await, NO_THREAT);
    let unwanted = outcome(&engine, b"PAL-PUA").await;
    assert_eq!(unwanted, Some(Outcome::Verdict(Verdict::Suspicious)));
    // Above its own bound.
    let large = outcome(&engine, &vec![b'x'; 2 << 20]).await;
    assert_eq!(large, Some(Outcome::Failure(Failure::NotScanned)));
}

#[tokio::test(flavor = "multi_thread")]
async fn clamdscan_by_its_profile() {
    // No daemon is there: never clean, and the reason is clamdscan's own.
    let engine = engine("[clamdscan]\nkind = \"command\"\nprofile = \"clamdscan\"\n");
    let said = scan(&engine, b"anything").await.unwrap();
    assert_eq!(said.outcome, Some(Outcome::Failure(Failure::Failed)));
    assert!(said.reason.as_deref().unwrap().contains("Could not connect to clamd"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn yara_by_its_profile() {
    let rules = tempfile::tempdir().unwrap();
    fs::set_permissions(rules.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = rules.path().join("rules.yar");
    fs::write(&path, format!("rule Test_Marker {{ strings: $a = \"{MARKER}\" condition: $a }}"))
        .unwrap();
    let engine_of = |path: &Path| {
        engine(&format!(
            "[yara-own]\nkind = \"command\"\nprofile = \"yara\"\nread_paths = [\"{0}\"]\n\
             databases = [\"{0}\"]\narguments = [\"--no-warnings\", \"{1}\", \"{{file}}\"]\n",
            rules.path().display(),
            path.display()
        ))
    };
    let engine = engine_of(&path);
    wait_for(&engine, EngineState::Up).await;
    assert!(engine.definitions().version.starts_with("4."), "{:?}", engine.definitions());
    let said = scan(&engine, MARKER.as_bytes()).await.unwrap();
    assert_eq!((said.outcome, said.threat.as_deref()), (MALICIOUS, Some("Test_Marker")));
    assert_eq!(outcome(&engine, b"nothing").await, NO_THREAT);
    // Rules that cannot be read are a failure.
    let broken = engine_of(&rules.path().join("absent.yar"));
    let said = scan(&broken, b"nothing").await.unwrap();
    assert_eq!(said.outcome, Some(Outcome::Failure(Failure::Failed)));
    assert!(said.reason.unwrap().contains("could not open file"));
}
