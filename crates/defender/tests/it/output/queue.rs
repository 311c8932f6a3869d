use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use palisade_defender::output::queue::{Files, HostFiles, Queue, QueueSettings};

const SMALL: QueueSettings =
    QueueSettings { disk_bytes: 64 << 10, segment_bytes: 4 << 10, memory_bytes: 8 << 10 };

fn payload(number: u64) -> Vec<u8> {
    format!("line {number} {}", "x".repeat(100)).into_bytes()
}

fn open(path: &Path) -> Queue {
    Queue::open(path, SMALL).unwrap()
}

/// Everything that waits: numbers, and gaps before them.
fn drain<F: Files>(queue: &mut Queue<F>) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    while let Some(waiting) = queue.peek().unwrap() {
        assert_eq!(waiting.payload, payload(waiting.number));
        assert_eq!(queue.peek().unwrap().as_ref(), Some(&waiting), "it stays until it is done");
        queue.done(waiting.number);
        all.push((waiting.number, waiting.gap));
    }
    all
}

fn push<F: Files>(queue: &mut Queue<F>, numbers: std::ops::RangeInclusive<u64>, now: Instant) {
    numbers.for_each(|number| queue.push(payload(number), now));
}

fn all(numbers: std::ops::RangeInclusive<u64>) -> Vec<(u64, u64)> {
    numbers.map(|number| (number, 0)).collect()
}

fn segments(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.filter(|path| !path.ends_with("delivered")).collect();
    all.sort();
    all
}

#[test]
fn what_goes_in_comes_out_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    assert_eq!(queue.peek().unwrap(), None);
    push(&mut queue, 1..=200, Instant::now());
    assert!(queue.bytes() > 200 * 100 && segments(directory.path()).len() > 2);
    assert_eq!(drain(&mut queue), all(1..=200));
    assert_eq!(queue.bytes(), 0);
    assert_eq!(segments(directory.path()), Vec::<PathBuf>::new());
    push(&mut queue, 201..=203, Instant::now());
    assert_eq!(drain(&mut queue), all(201..=203));
    assert_eq!(queue.take_losses(), Default::default());
}

#[test]
fn reading_and_writing_go_hand_in_hand() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    let now = Instant::now();
    for number in 1..=500 {
        queue.push(payload(number), now);
        if number % 3 == 0 {
            let waiting = queue.peek().unwrap().unwrap();
            assert_eq!((waiting.number, waiting.gap), (number / 3, 0));
            queue.done(waiting.number);
        }
    }
    assert_eq!(drain(&mut queue), all(167..=500));
}

#[test]
fn a_line_longer_than_what_is_read_at_once_comes_out_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = Queue::open(directory.path(), QueueSettings::default()).unwrap();
    let long = vec![b'y'; 3 << 20];
    for _ in 0..3 {
        queue.push(long.clone(), Instant::now());
    }
    for number in 1..=3 {
        let waiting = queue.peek().unwrap().unwrap();
        assert_eq!((waiting.number, waiting.gap), (number, 0));
        assert!(waiting.payload == long);
        queue.done(number);
    }
}

#[test]
fn a_restart_loses_nothing_and_repeats_little() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    push(&mut queue, 1..=100, Instant::now());
    for number in 1..=40 {
        queue.done(number);
    }
    queue.remember().unwrap();
    drop(queue);
    let mut queue = open(directory.path());
    assert_eq!(drain(&mut queue), all(41..=100));
    drop(queue);
    // Numbers go on where they were, also when nothing is left.
    let mut queue = open(directory.path());
    push(&mut queue, 101..=102, Instant::now());
    assert_eq!(drain(&mut queue), all(101..=102));
}

#[test]
fn what_was_delivered_is_forgotten_at_worst_and_no_gap_is_invented() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    push(&mut queue, 1..=100, Instant::now());
    (1..=90).for_each(|number| queue.done(number));
    drop(queue);
    fs::write(directory.path().join("delivered"), b"nonsense, and long enough").unwrap();
    let again = drain(&mut open(directory.path()));
    assert!(again.len() < 100, "whole segments were gone");
    assert_eq!(again, all(101 - again.len() as u64..=100));
}

#[test]
fn a_torn_end_is_cut_wherever_it_is_torn() {
    let directory = tempfile::tempdir().unwrap();
    push(&mut open(directory.path()), 1..=3, Instant::now());
    let segment = segments(directory.path()).remove(0);
    let whole = fs::read(&segment).unwrap();
    let record = whole.len() / 3;
    for length in 0..whole.len() {
        fs::write(&segment, &whole[..length]).unwrap();
        let mut queue = open(directory.path());
        let left = (length / record) as u64;
        assert_eq!(queue.take_losses().damaged_bytes, (length % record) as u64, "{length}");
        // What comes next goes where the torn one was.
        queue.push(payload(left + 1), Instant::now());
        assert_eq!(drain(&mut queue), all(1..=left + 1), "{length}");
        drop(queue);
        fs::remove_dir_all(directory.path()).unwrap();
        fs::create_dir(directory.path()).unwrap();
    }
}

#[test]
fn a_damaged_line_is_a_gap_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    push(&mut queue, 1..=50, Instant::now());
    let first = segments(directory.path()).remove(0);
    let length = fs::metadata(&first).unwrap().len();
    let file = File::options().write(true).open(&first).unwrap();
    file.write_all_at(b"\xff", length / 2).unwrap();
    let found = drain(&mut queue);
    assert_eq!(found.len(), 49);
    assert_eq!(found.iter().map(|(_, gap)| gap).sum::<u64>(), 1);
    assert!(queue.take_losses().damaged_bytes > 100);
}

#[test]
fn a_segment_of_nonsense_costs_itself_alone() {
    let directory = tempfile::tempdir().unwrap();
    push(&mut open(directory.path()), 1..=100, Instant::now());
    let all_segments = segments(directory.path());
    fs::write(&all_segments[1], vec![b'P'; 4_000]).unwrap();
    let mut queue = open(directory.path());
    assert_eq!(queue.take_losses().damaged_bytes, 4_000);
    let found = drain(&mut queue);
    let lost: u64 = found.iter().map(|(_, gap)| gap).sum();
    assert!(lost > 10 && found.len() as u64 + lost == 100, "{lost}");
    assert_eq!(found.iter().filter(|(_, gap)| *gap > 0).count(), 1);
}

#[test]
fn a_segment_that_somebody_took_away_or_cut_is_a_gap() {
    for cut in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let mut queue = open(directory.path());
        push(&mut queue, 1..=100, Instant::now());
        let second = segments(directory.path()).remove(1);
        if cut {
            File::options().write(true).open(&second).unwrap().set_len(10).unwrap();
        } else {
            fs::remove_file(&second).unwrap();
        }
        let found = drain(&mut queue);
        let lost: u64 = found.iter().map(|(_, gap)| gap).sum();
        assert!(lost > 10 && found.len() as u64 + lost == 100, "{lost}");
        assert!(queue.take_losses().damaged_bytes > 1_000);
    }
}

#[test]
fn the_line_that_is_on_its_way_is_not_lost_when_its_segment_goes() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    push(&mut queue, 1..=10, Instant::now());
    let first = queue.peek().unwrap().unwrap();
    push(&mut queue, 11..=2_000, Instant::now());
    queue.done(first.number);
    let found = drain(&mut queue);
    let losses = queue.take_losses();
    assert_eq!(found[0].1, losses.full);
    assert_eq!(1 + found.len() as u64 + losses.full, 2_000);
}

#[test]
fn the_oldest_go_when_it_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue = open(directory.path());
    push(&mut queue, 1..=2_000, Instant::now());
    assert!(queue.bytes() <= SMALL.disk_bytes);
    let on_disk: u64 = segments(directory.path()).iter().map(|p| p.metadata().unwrap().len()).sum();
    assert!(on_disk <= SMALL.disk_bytes, "{on_disk}");
    let losses = queue.take_losses();
    let found = drain(&mut queue);
    assert_eq!(found.len() as u64 + losses.full, 2_000);
    assert_eq!(found[0], (losses.full + 1, losses.full));
    assert_eq!(found.last(), Some(&(2_000, 0)));
    assert_eq!(queue.take_losses(), Default::default());
}

/// A disk with so many bytes left. A write that does not fit writes what does, as the kernel would.
#[derive(Clone)]
struct Disk(Arc<AtomicU64>);

impl Files for Disk {
    fn write_at(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let room = self.0.load(Ordering::SeqCst);
        // What is written over needs none.
        let more = (offset + bytes.len() as u64).saturating_sub(file.metadata()?.len());
        if room < more {
            file.write_all_at(&bytes[..bytes.len() - (more - room) as usize], offset)?;
            return Err(rustix::io::Errno::NOSPC.into());
        }
        self.0.fetch_sub(more, Ordering::SeqCst);
        file.write_all_at(bytes, offset)
    }
}

#[test]
fn a_full_disk_is_lived_through() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk(Arc::new(AtomicU64::new(2_000)));
    let mut queue = Queue::open_with(directory.path(), SMALL, disk.clone()).unwrap();
    let start = Instant::now();
    push(&mut queue, 1..=50, start);
    assert!(queue.is_failing());
    assert_eq!(queue.take_losses(), Default::default(), "memory has room");
    // In order over disk and memory, while it fails.
    for number in 1..=20 {
        let waiting = queue.peek().unwrap().unwrap();
        assert_eq!((waiting.number, waiting.gap), (number, 0));
        queue.done(number);
    }
    // Space again, but it is not tried at once.
    disk.0.store(1 << 20, Ordering::SeqCst);
    queue.push(payload(51), start + Duration::from_millis(500));
    assert!(queue.is_failing());
    queue.push(payload(52), start + Duration::from_secs(2));
    assert!(!queue.is_failing());
    drop(queue);
    // Nothing was in memory only.
    let mut queue = open(directory.path());
    assert_eq!(drain(&mut queue), all(21..=52));
    assert_eq!(queue.take_losses(), Default::default(), "what was written by halves is gone");
}

#[test]
fn memory_is_bounded_while_the_disk_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let mut queue =
        Queue::open_with(directory.path(), SMALL, Disk(Arc::new(AtomicU64::new(2_000)))).unwrap();
    push(&mut queue, 1..=1_000, Instant::now());
    assert!(queue.bytes() <= 2_000 + SMALL.memory_bytes);
    let losses = queue.take_losses();
    let found = drain(&mut queue);
    assert!(losses.no_space > 800, "{losses:?}");
    assert_eq!(found.len() as u64 + losses.no_space, 1_000);
    assert_eq!(found.iter().map(|(_, gap)| gap).sum::<u64>(), losses.no_space);
    assert_eq!(found.last(), Some(&(1_000, 0)));
}

/// Mounts a file system of 128 KiB; `None` where that is not allowed.
fn tiny(path: &Path) -> Option<impl Drop> {
    struct Mounted(PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs"]).arg(path);
    let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    mounted.then(|| Mounted(path.to_owned()))
}

#[test]
fn a_real_full_disk_is_lived_through() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_mounted) = tiny(directory.path()) else {
        return super::samples::not_shown("nothing can be mounted");
    };
    let filler = directory.path().join("filler");
    fs::write(&filler, vec![0; 96 << 10]).unwrap();
    let settings = QueueSettings { disk_bytes: 1 << 20, memory_bytes: 1 << 20, ..SMALL };
    let path = directory.path().join("queue");
    let mut queue = Queue::open(&path, settings).unwrap();
    let start = Instant::now();
    push(&mut queue, 1..=400, start);
    assert!(queue.is_failing());
    fs::remove_file(&filler).unwrap();
    queue.settle(start + Duration::from_secs(2));
    assert!(!queue.is_failing());
    drop(queue);
    assert_eq!(drain(&mut Queue::open(&path, settings).unwrap()), all(1..=400));
}

const CHILD: &str = "PALISADE_TEST_QUEUE";

/// Not a test by itself: the process that is killed.
#[test]
fn a_process_that_pushes() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut queue = Queue::open(Path::new(&path), QueueSettings::default()).unwrap();
    for number in 1.. {
        queue.push(payload(number), Instant::now());
        // Said after it was taken.
        let mut out = io::stderr().lock();
        if writeln!(out, "pushed {number}").is_err() {
            return;
        }
    }
}

#[test]
fn a_kill_loses_nothing_that_was_taken() {
    for wait in [300, 1_700] {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["output::queue::a_process_that_pushes", "--exact", "--nocapture"])
            .env(CHILD, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut last = 0;
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let Some(number) = line.strip_prefix("pushed ") else { continue };
            // The very last may be torn.
            last = last.max(number.parse().unwrap_or(0));
            if last == wait {
                // SIGKILL.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(last >= wait);
        let mut queue =
            Queue::open_with(directory.path(), QueueSettings::default(), HostFiles).unwrap();
        let found = drain(&mut queue);
        assert!(found.len() as u64 >= last, "{} of {last}", found.len());
        assert_eq!(found, all(1..=found.len() as u64));
    }
}
