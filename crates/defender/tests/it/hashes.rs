//! Hashing aside, and the list of what is known to be bad.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use palisade_defender::hashes::{
    Asked, Hashed, Hasher, HasherSettings, KnownBad, ListError, ListSettings, NotHashed, Source,
    malware,
};
use palisade_model::Sha256;
use palisade_model::event::{Cause, FileIdentity, FileRef, IncidentSeverity};
use sha2::Digest;
use tokio::sync::mpsc;

fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

fn identity(path: &Path) -> FileIdentity {
    let about = fs::metadata(path).unwrap();
    let ctime = about.ctime() as u64 * 1_000_000_000 + about.ctime_nsec() as u64;
    // The device is another one on overlay file systems.
    FileIdentity { dev: about.dev() + 1, inode: about.ino(), ctime_ns: ctime, size: about.len() }
}

fn hasher(settings: HasherSettings) -> (Hasher<u32>, mpsc::Receiver<Hashed<u32>>) {
    let (sender, results) = mpsc::channel(1_000);
    (Hasher::start(settings, sender).unwrap(), results)
}

#[test]
fn a_version_of_a_file_is_hashed_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    let bytes = vec![7; 300_000];
    fs::write(&path, &bytes).unwrap();
    let version = identity(&path);
    let (hasher, mut results) = hasher(HasherSettings::default());
    assert_eq!(hasher.known(&version), None);
    let ask = |number| hasher.ask(Some(version), Source::File(File::open(&path).unwrap()), number);
    assert_eq!(ask(1), Asked::Queued);
    let hashed = results.blocking_recv().unwrap();
    assert_eq!((hashed.outcome, hashed.context), (Ok(sha256(&bytes)), 1));
    assert!(hashed.file.is_some());
    assert_eq!(ask(2), Asked::Known(sha256(&bytes), 2));
    // Who wants the file itself gets it, and nothing is computed twice.
    let source = Source::File(File::open(&path).unwrap());
    assert_eq!(hasher.fetch(Some(version), source, 6), Asked::Queued);
    let hashed = results.blocking_recv().unwrap();
    assert_eq!(hashed.outcome, Ok(sha256(&bytes)));
    assert!(hashed.file.is_some());
    assert_eq!(hasher.counters().bytes, 300_000);
    // Another version of the same inode is another file.
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x").unwrap();
    let file = || Source::File(File::open(&path).unwrap());
    assert_eq!(hasher.ask(Some(version), file(), 3), Asked::Known(sha256(&bytes), 3));
    assert_eq!(hasher.fetch(Some(version), file(), 7), Asked::Queued);
    assert_eq!(results.blocking_recv().unwrap().outcome, Err(NotHashed::Changed));
    let stale = FileIdentity { inode: version.inode + 1, ..version };
    assert_eq!(hasher.ask(Some(stale), file(), 4), Asked::Queued);
    assert_eq!(results.blocking_recv().unwrap().outcome, Err(NotHashed::Changed));
    assert_eq!(hasher.ask(Some(identity(&path)), file(), 5), Asked::Queued);
    assert!(results.blocking_recv().unwrap().outcome.is_ok());
    let counters = hasher.counters();
    assert_eq!((counters.hashed, counters.failed, counters.hits), (3, 2, 2));
}

#[test]
fn what_a_process_runs_is_hashed_and_one_that_is_gone_is_said() {
    let (hasher, mut results) = hasher(HasherSettings::default());
    let own = fs::read("/proc/self/exe").unwrap();
    assert_eq!(hasher.ask(None, Source::Process(std::process::id()), 1), Asked::Queued);
    assert_eq!(results.blocking_recv().unwrap().outcome, Ok(sha256(&own)));
    assert_eq!(hasher.ask(None, Source::Process(u32::MAX), 2), Asked::Queued);
    let outcome = results.blocking_recv().unwrap().outcome;
    assert!(matches!(outcome, Err(NotHashed::Unreadable(_))), "{outcome:?}");
}

#[test]
fn what_is_too_large_or_no_file_is_not_hashed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sparse");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let (hasher, mut results) = hasher(HasherSettings::default());
    let started = Instant::now();
    hasher.ask(None, Source::File(File::open(&path).unwrap()), 1);
    hasher.ask(None, Source::File(File::open("/dev/zero").unwrap()), 2);
    hasher.ask(None, Source::File(File::open(directory.path()).unwrap()), 3);
    let outcomes: Vec<_> = (0..3).map(|_| results.blocking_recv().unwrap().outcome).collect();
    assert_eq!(outcomes[0], Err(NotHashed::TooLarge(1 << 40)));
    assert_eq!(outcomes[1], Err(NotHashed::NotRegular));
    assert_eq!(outcomes[2], Err(NotHashed::NotRegular));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_rate_and_the_queue_are_kept_and_asking_never_waits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    fs::write(&path, vec![1; 600_000]).unwrap();
    let settings =
        HasherSettings { bytes_per_second: 400_000, max_queue: 2, ..HasherSettings::default() };
    let (hasher, mut results) = hasher(settings);
    let started = Instant::now();
    let mut refused = 0;
    for number in 0..20 {
        let asked = hasher.ask(None, Source::File(File::open(&path).unwrap()), number);
        refused += u32::from(asked == Asked::Refused);
    }
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    assert!(refused >= 17, "{refused}");
    assert_eq!(hasher.counters().refused, u64::from(refused));
    // 600,000 bytes: 400,000 at once, the rest takes half a second.
    results.blocking_recv().unwrap().outcome.unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(10), "{took:?}");
    // Ending it does not wait for what is queued.
    drop(hasher);
    let ended = Instant::now();
    while results.blocking_recv().is_some() {}
    assert!(ended.elapsed() < Duration::from_secs(2), "{:?}", ended.elapsed());
}

fn settings(directory: &Path, list: Option<&str>) -> ListSettings {
    let file: Option<PathBuf> = list.map(|text| {
        let path = directory.join("list.csv");
        fs::write(&path, text).unwrap();
        path
    });
    ListSettings { file, directory: directory.join("state"), ..ListSettings::default() }
}

#[test]
fn a_list_is_read_in_every_form_and_again_when_it_changes() {
    let directory = tempfile::tempdir().unwrap();
    let [a, b, c, d] = [b"a", b"b", b"c", b"d"].map(|bytes| sha256(bytes));
    let text = format!("# list\n\nsha256,name\n{a}\n{b}  two\n\"{c}\",\"three\",\"x\"\n{a}\n");
    let known = KnownBad::open(settings(directory.path(), Some(&text))).unwrap();
    assert_eq!(known.find(&a), None);
    let loaded = known.reload().unwrap().unwrap();
    assert_eq!((loaded.hashes, loaded.skipped), (3, 1));
    assert_eq!(known.find(&a).as_deref(), Some(""));
    assert_eq!(known.find(&b).as_deref(), Some("two"));
    assert_eq!(known.find(&c).as_deref(), Some("three"));
    assert_eq!(known.find(&d), None);
    assert!(known.reload().unwrap().is_none());
    fs::write(directory.path().join("list.csv"), format!("{d} four\n")).unwrap();
    assert_eq!(known.reload().unwrap().unwrap().hashes, 1);
    assert_eq!((known.find(&d).as_deref(), known.find(&a)), (Some("four"), None));
    // A list that is none does not take the place of one that is.
    fs::write(directory.path().join("list.csv"), "<html>not found</html>\n").unwrap();
    let error = known.reload().unwrap_err();
    assert!(error.to_string().contains("none of its 1 lines"), "{error}");
    assert_eq!(known.find(&d).as_deref(), Some("four"));
    fs::remove_file(directory.path().join("list.csv")).unwrap();
    assert!(matches!(known.reload(), Err(ListError::Io { .. })));
    assert_eq!(known.find(&d).as_deref(), Some("four"));
    // An empty one is: the operator took everything out.
    fs::write(directory.path().join("list.csv"), "# nothing\n").unwrap();
    assert_eq!(known.reload().unwrap().unwrap().hashes, 0);
    assert_eq!(known.find(&d), None);
}

#[test]
fn hashes_that_share_their_first_bytes_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let hash = |last: u8| {
        let mut bytes = [0xaa; 32];
        bytes[31] = last;
        Sha256(bytes)
    };
    for last in (0..200).step_by(2) {
        text.push_str(&format!("{} n{last}\n", hash(last)));
    }
    let known = KnownBad::open(settings(directory.path(), Some(&text))).unwrap();
    known.reload().unwrap();
    for last in 0..=u8::MAX {
        let expected = (last < 200 && last % 2 == 0).then(|| format!("n{last}"));
        assert_eq!(known.find(&hash(last)), expected);
    }
}

#[test]
fn what_a_scan_found_is_kept_within_its_bound() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ListSettings { max_added: 2, ..settings(directory.path(), None) };
    let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| sha256(bytes));
    let known = KnownBad::open(settings.clone()).unwrap();
    assert!(known.reload().unwrap().is_none());
    assert!(known.add(a, "Evil\n{}, \"x\"").unwrap());
    assert!(!known.add(a, "Other").unwrap());
    assert!(known.add(b, "").unwrap());
    assert!(matches!(known.add(c, ""), Err(ListError::Full(2))));
    assert_eq!(known.find(&a).as_deref(), Some("Evil{}_ _x_"));
    // A crash in the middle of a line loses that line only.
    let path = settings.directory.join("learned-bad.txt");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 10]).unwrap();
    let again = KnownBad::open(settings).unwrap();
    assert_eq!(again.find(&a).as_deref(), Some("Evil{}_ _x_"));
    assert_eq!(again.find(&b), None);
    assert!(again.add(b, "again").unwrap());
    assert_eq!(again.loaded().added, 2);
}

#[test]
fn a_list_that_is_too_long_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let text: String = (0..11_u32).map(|n| format!("{}\n", sha256(&n.to_be_bytes()))).collect();
    let settings = ListSettings { max_hashes: 10, ..settings(directory.path(), Some(&text)) };
    let error = KnownBad::open(settings).unwrap().reload().unwrap_err();
    assert!(error.to_string().contains("more than 10"), "{error}");
}

#[test]
fn malware_is_a_critical_finding() {
    let file = FileRef { upper: Some(true), ..FileRef::at("/tmp/x") };
    let finding = malware(sha256(b"a"), "Evil", &file);
    assert_eq!(finding.severity, IncidentSeverity::Critical);
    assert_eq!(finding.cause, Cause::Malware { hash: sha256(b"a"), name: "Evil".to_owned() });
    assert_eq!(finding.techniques[0].as_str(), "T1105");
}

#[test]
fn a_list_takes_four_bytes_a_hash() {
    const COUNT: u64 = 100_000;
    let hash = |number: u64| sha256(&number.to_le_bytes());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    let mut file = std::io::BufWriter::new(File::create(&path).unwrap());
    for number in 1..=COUNT {
        writeln!(file, "{}  family-{}", hash(number), number % 50).unwrap();
    }
    drop(file);
    let settings = ListSettings {
        file: Some(path),
        directory: directory.path().to_owned(),
        ..ListSettings::default()
    };
    let known = KnownBad::open(settings).unwrap();
    let loaded = known.reload().unwrap().unwrap();
    assert_eq!(loaded.hashes as u64, COUNT);
    assert!(loaded.bytes < COUNT as usize * 4 + (300 << 10), "{}", loaded.bytes);
    for number in (1..=COUNT).step_by(1_000) {
        assert_eq!(known.find(&hash(number)), Some(format!("family-{}", number % 50)));
    }
    for number in COUNT + 1..=2 * COUNT {
        assert!(known.find(&hash(number)).is_none());
    }
}
