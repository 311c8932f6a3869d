//! What rules cost for one event.
//!
//! `rules_cost record SECONDS FILE` writes what this host does, one event a line (root).
//! `rules_cost measure FILE RULES` evaluates at least so many rules, the built-in ones and copies of them, over
//! that stream, and prints the mean time of one event in the median pass, the fastest and the slowest.

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_defender::detect::{
    DetectSettings, Detector, SENSITIVE_NAMES, Source, builtin_sources,
};
use palisade_model::event::{ContainerIdentity, Event, Record, Runtime};
use palisade_model::wire;
use palisade_sensor::ladder::Ladder;
use palisade_sensor::{Observation, Sensor, SensorConfig};

/// Passes over the stream go on for so long.
const LENGTH: Duration = Duration::from_secs(3);

/// Events of a stream at most: 1 GiB of lines or so.
const MOST: usize = 500_000;

/// Copies of the built-in rules at most.
const MOST_COPIES: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["record", seconds, file] => record(Duration::from_secs(seconds.parse()?), Path::new(file)),
        ["measure", file, rules] => measure(Path::new(file), rules.parse()?),
        _ => Err("rules_cost record SECONDS FILE | rules_cost measure FILE RULES".into()),
    }
}

fn record(length: Duration, to: &Path) -> Result<(), Box<dyn Error>> {
    let unified = PathBuf::from("/sys/fs/cgroup/unified");
    let root = if unified.exists() { unified } else { PathBuf::from("/sys/fs/cgroup") };
    let config = SensorConfig {
        cgroup_root: Some(root),
        host: true,
        sensitive: SENSITIVE_NAMES.iter().map(|name| (*name).to_owned()).collect(),
        ..SensorConfig::default()
    };
    let (_sensor, mut reader) = Sensor::start(&config, &mut Ladder::default())?;
    // Ancestors are known from here.
    reader.existing(&mut |_| {})?;
    let mut file = BufWriter::new(File::create(to)?);
    let (mut count, mut failed) = (0, None);
    let until = Instant::now() + length;
    while Instant::now() < until && count < MOST && failed.is_none() {
        reader.read(Duration::from_millis(100), 1_000, &mut |observation| {
            let Observation::Event { event, .. } = observation else { return };
            let mut line = wire::encode(&Record::Event(event));
            line.push(b'\n');
            failed = file.write_all(&line).err();
            count += 1;
        })?;
    }
    failed.map_or(Ok(()), Err)?;
    Ok(file.flush()?)
}

fn measure(from: &Path, wanted: usize) -> Result<(), Box<dyn Error>> {
    let events = stream(from)?;
    if events.is_empty() {
        return Err("the stream holds no event".into());
    }
    let (mut detector, rules) = detector(wanted);
    let mut found = Vec::new();
    let (mut passes, mut findings) = (Vec::new(), 0_usize);
    let start = Instant::now();
    while passes.len() < 2 || start.elapsed() < LENGTH {
        let (began, before) = (Instant::now(), findings);
        for event in &events {
            detector.look(black_box(event), event.time, &mut found);
            findings += found.len();
            found.clear();
        }
        passes.push((began.elapsed().as_nanos() as f64 / events.len() as f64, findings - before));
    }
    // The first pass fills caches.
    let (_, found) = passes.remove(0);
    passes.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let at = |place: usize| passes.get(place).map_or(f64::NAN, |(ns, _)| *ns);
    let (count, events) = (passes.len(), events.len());
    let (median, fastest, slowest) = (at(count / 2), at(0), at(count - 1));
    let mut out = io::stdout().lock();
    writeln!(out, "rules {rules}\nevents {events}\nfindings {found}\npasses {count}")?;
    writeln!(out, "ns {median:.1}\nfastest {fastest:.1}\nslowest {slowest:.1}")?;
    Ok(())
}

/// All of it as one container's: most rules say nothing of the host.
fn stream(from: &Path) -> Result<Vec<Event>, Box<dyn Error>> {
    let identity = ContainerIdentity {
        name: "web".to_owned(),
        image: "nginx:1.27".to_owned(),
        ..ContainerIdentity::bare("0123456789abcdef".parse()?, Runtime::Docker, 1)
    };
    let identity = Arc::new(identity);
    let mut events = Vec::new();
    for line in fs::read(from)?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Record::Event(mut event) = wire::decode::<Record>(line)? {
            event.container = Some(Arc::clone(&identity));
            events.push(*event);
        }
    }
    Ok(events)
}

/// The built-in rules, and copies of them under other names until there are so many.
fn detector(wanted: usize) -> (Detector, usize) {
    let mut sources = builtin_sources();
    let mut copy = 0;
    loop {
        let (detector, _) = Detector::load(&sources, DetectSettings::default());
        let rules = detector.rules().rules().count();
        if rules >= wanted || copy >= MOST_COPIES {
            return (detector, rules);
        }
        copy += 1;
        let mut room = wanted - rules;
        sources.extend(builtin_sources().iter().map(|source| copied(source, copy, &mut room)));
    }
}

/// The rules of a file under other names, as many as there is room for; its macros and lists, which stay as they
/// are, come again.
fn copied(source: &Source, copy: u32, room: &mut usize) -> Source {
    let mut text = String::new();
    let mut kept = true;
    for line in source.text().lines() {
        let rule = line.strip_prefix("- rule: ");
        if line.starts_with("- ") {
            kept = rule.is_none() || *room > 0;
        }
        if !kept {
            continue;
        }
        match rule {
            Some(name) => {
                *room -= 1;
                text.push_str(&format!("- rule: {} ({copy})\n", name.trim()));
            }
            None => text.extend([line, "\n"]),
        }
    }
    Source::new(format!("copy-{copy}/{}", source.name()), text)
}
