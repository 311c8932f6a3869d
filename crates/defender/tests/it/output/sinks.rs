use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_defender::metrics::Metrics;
use palisade_defender::output::{
    FileSettings, Item, Output, OutputSettings, Phase, SinkSettings, Target,
};
use palisade_model::event::Kind;
use serde_json::Value;

use super::samples::{device, eventually, incident, item, seen};

fn file(path: &Path, rotate_bytes: u64, keep: u32) -> SinkSettings {
    SinkSettings::all(Target::File(FileSettings { path: path.to_owned(), rotate_bytes, keep }))
}

fn start(
    waiting_items: usize,
    sinks: impl IntoIterator<Item = (&'static str, SinkSettings)>,
) -> (Output, Arc<Metrics>) {
    let sinks = sinks.into_iter().map(|(name, sink)| (name.to_owned(), sink)).collect();
    let settings = OutputSettings { waiting_items, sinks, ..OutputSettings::default() };
    let metrics = Arc::new(Metrics::new());
    (Output::start(&settings, &device(), Arc::clone(&metrics)).unwrap(), metrics)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The last one may be on its way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sequence(line: &Value) -> u64 {
    line["metadata"]["sequence"].as_u64().unwrap()
}

fn send(output: &Output, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| output.send(&item(seen(Kind::Exec, number))));
}

#[test]
fn a_file_is_rotated_and_no_line_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/events.jsonl");
    let (output, metrics) = start(100_000, [("events", file(&path, 1 << 20, 20))]);
    send(&output, 0..3_000);
    assert!(output.stop(Duration::from_secs(20)).is_empty());
    let mut all = Vec::new();
    for number in (1..=20).rev() {
        let old = path.with_extension(format!("jsonl.{number}"));
        if old.exists() {
            assert!(fs::metadata(&old).unwrap().len() <= 1 << 20);
            all.extend(lines(&old));
        }
    }
    assert!(!all.is_empty(), "it was rotated");
    all.extend(lines(&path));
    let sequences: Vec<_> = all.iter().map(sequence).collect();
    assert_eq!(sequences, (0..3_000).collect::<Vec<_>>());
    let text = metrics.expose();
    assert!(text.contains("sink_lines_total{sink=\"events\"} 3000"), "{text}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn only_so_many_old_files_are_kept() {
    for keep in [0, 2] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let (output, _) = start(100_000, [("events", file(&path, 1 << 20, keep))]);
        send(&output, 0..3_000);
        assert!(output.stop(Duration::from_secs(20)).is_empty());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1 + keep as usize);
        assert_eq!(lines(&path).last().map(sequence), Some(2_999));
    }
}

#[test]
fn a_renamed_file_is_made_anew_when_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let (output, _) = start(1_000, [("events", file(&path, 1 << 30, 1))]);
    send(&output, 0..10);
    eventually("the first lines", || lines(&path).len() == 10);
    let old = directory.path().join("taken-away");
    fs::rename(&path, &old).unwrap();
    send(&output, 10..20);
    eventually("lines in the old file", || lines(&old).len() == 20);
    output.reopen();
    send(&output, 20..30);
    eventually("lines in the new one", || lines(&path).len() == 10);
    assert!(output.stop(Duration::from_secs(5)).is_empty());
}

#[test]
fn half_a_line_of_before_stands_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    fs::write(&path, "{\"half\":").unwrap();
    let (output, _) = start(1_000, [("events", file(&path, 1 << 30, 1))]);
    send(&output, 0..1);
    assert!(output.stop(Duration::from_secs(5)).is_empty());
    let text = fs::read_to_string(&path).unwrap();
    let (half, rest) = text.split_once('\n').unwrap();
    assert_eq!(half, "{\"half\":");
    assert!(serde_json::from_str::<Value>(rest).is_ok());
}

#[test]
fn a_sink_that_blocks_holds_up_nobody_and_its_losses_stand_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let good = directory.path().join("good");
    let (output, metrics) =
        start(256, [("slow", file(&pipe, 1 << 40, 1)), ("good", file(&good, 1 << 40, 1))]);
    let begin = Instant::now();
    let total = 5_000;
    for number in 0..total {
        send(&output, number..number + 1);
        // The good one keeps up.
        if number % 100 == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let story = Item::Incident(Arc::new(incident()), Phase::Created);
    output.send(&story);
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    eventually("the incident in the good sink", || {
        lines(&good).iter().any(|line| line["class_uid"] == 2004)
    });

    // Somebody reads at last.
    let (mut got, mut dropped, mut stories) = (0, 0, 0);
    for line in BufReader::new(File::open(&pipe).unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match line["activity_name"].as_str() {
            Some("Lines Dropped") => dropped += line["count"].as_u64().unwrap(),
            _ if line["class_uid"] == 2004 => stories += 1,
            _ => got += 1,
        }
        if got + dropped == total && stories == 1 {
            break;
        }
    }
    assert_eq!((got + dropped, stories), (total, 1), "a flood pushes out no incident");
    assert!(dropped > 1_000, "{dropped}");
    let text = metrics.expose();
    let count = format!("sink_dropped_total{{sink=\"slow\",reason=\"slow\"}} {dropped}\n");
    assert!(text.contains(&count), "{text}");
    output.stop(Duration::from_secs(5));
}

#[test]
fn the_end_waits_for_no_blocked_sink() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (output, _) = start(10_000, [("slow", file(&pipe, 1 << 40, 1))]);
    send(&output, 0..1_000);
    let begin = Instant::now();
    assert_eq!(output.stop(Duration::from_millis(300)), ["slow"]);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_place_that_is_not_there_yet_gets_everything_later() {
    let directory = tempfile::tempdir().unwrap();
    let parent = directory.path().join("not-a-directory");
    fs::write(&parent, "").unwrap();
    let path = parent.join("events");
    let (output, metrics) = start(10_000, [("events", file(&path, 1 << 30, 1))]);
    send(&output, 0..500);
    eventually("a failure", || metrics.expose().contains("sink_failures_total{sink=\"events\"}"));
    fs::remove_file(&parent).unwrap();
    eventually("all lines", || lines(&path).len() == 500);
    assert!(output.stop(Duration::from_secs(5)).is_empty());
}

#[test]
fn a_full_disk_makes_no_half_lines() {
    let directory = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"]).arg(directory.path());
    if !mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return super::samples::not_shown("nothing can be mounted");
    }
    let filler = directory.path().join("filler");
    fs::write(&filler, vec![0; 128 << 10]).unwrap();
    let path = directory.path().join("events");
    let (output, metrics) = start(10_000, [("events", file(&path, 1 << 30, 1))]);
    send(&output, 0..90);
    eventually("a failure", || metrics.expose().contains("sink_failures_total{sink=\"events\"}"));
    fs::remove_file(&filler).unwrap();
    eventually("all lines", || lines(&path).len() == 90);
    let sequences: Vec<_> = lines(&path).iter().map(sequence).collect();
    assert!(output.stop(Duration::from_secs(5)).is_empty());
    Command::new("umount").arg(directory.path()).status().unwrap();
    assert_eq!(sequences, (0..90).collect::<Vec<_>>());
}
