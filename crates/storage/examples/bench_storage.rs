//! What the embedded storage does on this machine: `cargo run --release -p palisade-storage
//! --example bench_storage [directory]`. The directory decides the disk; it is left empty.

#![allow(clippy::print_stdout)]

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use palisade_model::{
    AnyHash, ArtifactRef, EngineEntry, EngineResult, Evidence, FileType, Finding, Hashes, NodeId,
    NodeReport, Outcome, Priority, Progress, Report, ReportVerdict, Request, RequestId,
    RequestSummary, Severity, Sha256, UnixMillis, UnpackLimits, UnpackSummary, Verdict,
};
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_ports::{Log, Objects, Records};
use palisade_storage::{Embedded, EmbeddedConfig, SystemClock};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(base)?;
    let store = Embedded::open(dir.path(), EmbeddedConfig::default()).await?;
    println!("{:<44} {:>12} {:>10} {:>10}", "what", "per second", "p50 µs", "p99 µs");
    for (durability, name) in [(Durability::Machine, "Machine"), (Durability::Process, "Process")] {
        for (batch, calls) in [(1, 4000), (16, 2000), (64, 1500)] {
            append(&*store.log, durability, name, batch, calls, 1).await?;
        }
        append(&*store.log, durability, name, 1, 16_000, 64).await?;
        append(&*store.log, durability, name, 64, 4_000, 16).await?;
    }
    hop(&*store.log).await?;
    catch_up(&*store.log).await?;
    for (size, count) in [(4 << 10, 1000), (100 << 10, 600), (1 << 20, 150), (8 << 20, 16)] {
        objects(&*store.objects, size, count).await?;
    }
    records(Arc::clone(&store.records) as Arc<dyn Records>).await?;
    store.close().await?;
    Ok(())
}

/// Times of single calls, and of all.
struct Times {
    start: Instant,
    each: Vec<Duration>,
}

impl Times {
    fn new() -> Self {
        Self { start: Instant::now(), each: Vec::new() }
    }

    fn print(mut self, what: &str, units: usize) {
        let all = self.start.elapsed().as_secs_f64();
        self.each.sort_unstable();
        let at = |part: usize| {
            let place = self.each.len() * part / 100;
            self.each.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        let rate = units as f64 / all;
        println!("{what:<44} {rate:>12.0} {:>10.1} {:>10.1}", at(50), at(99));
    }
}

/// Runs `calls` calls in `tasks` tasks.
async fn many<F, C>(what: &str, calls: usize, tasks: usize, units: usize, call: F) -> Result<()>
where
    F: Fn(usize) -> C + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send,
{
    let mut times = Times::new();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut each = Vec::new();
                for number in (task..calls).step_by(tasks) {
                    let start = Instant::now();
                    call(number).await;
                    each.push(start.elapsed());
                }
                each
            })
        })
        .collect();
    for task in running {
        times.each.extend(task.await?);
    }
    times.print(what, calls * units);
    Ok(())
}

fn record(topic: Topic, number: usize) -> Append {
    let key = Bytes::copy_from_slice(&number.to_be_bytes());
    Append { topic, key, payload: Bytes::from(vec![b'x'; 1024]) }
}

async fn append(
    log: &dyn Log,
    durability: Durability,
    name: &str,
    batch: usize,
    calls: usize,
    tasks: usize,
) -> Result<()> {
    let mut times = Times::new();
    let each = calls / tasks;
    let tasks = (0..tasks).map(|task| async move {
        let mut times = Vec::new();
        for call in 0..each {
            let records =
                (0..batch).map(|_| record(Topic::Requests(Priority::Batch), task + call)).collect();
            let start = Instant::now();
            log.append(records, durability).await?;
            times.push(start.elapsed());
        }
        Ok::<_, palisade_ports::PortError>(times)
    });
    let count = tasks.len();
    for done in futures_util::future::join_all(tasks).await {
        times.each.extend(done?);
    }
    let what = format!("append 1 KiB, {name}, batch {batch}, {count} callers");
    times.print(&what, each * count * batch);
    Ok(())
}

async fn hop(log: &dyn Log) -> Result<()> {
    let topic = Topic::Results;
    let mut reader = log.subscribe("bench", std::slice::from_ref(&topic), Start::Oldest).await?;
    let acknowledger = reader.acknowledger();
    let mut times = Times::new();
    for number in 0..3000 {
        let append = log.append(vec![record(topic.clone(), number)], Durability::Process);
        let start = Instant::now();
        let (appended, delivered) = tokio::join!(append, reader.next(16));
        times.each.push(start.elapsed());
        appended?;
        delivered?.iter().for_each(|delivery| acknowledger.acknowledge(&delivery.position));
    }
    times.print("append, deliver, acknowledge (Process)", 3000);
    Ok(())
}

async fn catch_up(log: &dyn Log) -> Result<()> {
    let topic = Topic::Requests(Priority::Batch);
    let mut reader = log.subscribe("late", std::slice::from_ref(&topic), Start::Oldest).await?;
    let acknowledger = reader.acknowledger();
    let mut times = Times::new();
    let mut count = 0;
    while log.backlog("late", &topic).await? > 0 {
        let start = Instant::now();
        let deliveries = reader.next(256).await?;
        times.each.push(start.elapsed());
        count += deliveries.len();
        deliveries.iter().for_each(|delivery| acknowledger.acknowledge(&delivery.position));
    }
    acknowledger.flush().await?;
    times.print("read what is no longer in memory, 256 each", count);
    let times = Times::new();
    let pruned = log.prune(0).await?;
    times.print("prune", usize::try_from(pruned)?);
    Ok(())
}

async fn objects(objects: &dyn Objects, size: usize, count: usize) -> Result<()> {
    let bytes = Bytes::from(vec![7; size]);
    let name = |number: usize| {
        let mut name = [0; 32];
        name[0] = number.to_be_bytes()[7];
        name[8..16].copy_from_slice(&number.to_be_bytes());
        name[16..24].copy_from_slice(&size.to_be_bytes());
        Sha256(name)
    };
    let put = |number| {
        let bytes = bytes.clone();
        async move {
            let mut writer = objects.writer().await?;
            for start in (0..bytes.len()).step_by(256 << 10) {
                writer.write(bytes.slice(start..bytes.len().min(start + (256 << 10)))).await?;
            }
            writer.commit(name(number)).await
        }
    };
    for (what, callers) in [("put", 1), ("put", 8), ("put again", 8)] {
        let mut times = Times::new();
        let base = if callers == 1 { 0 } else { count };
        let runs = (0..callers).map(|caller| async move {
            let mut each = Vec::new();
            for number in (caller..count).step_by(callers) {
                let start = Instant::now();
                put(base + number).await?;
                each.push(start.elapsed());
            }
            Ok::<_, palisade_ports::PortError>(each)
        });
        for done in futures_util::future::join_all(runs).await {
            times.each.extend(done?);
        }
        times.print(&format!("{what} {} KiB, {callers} callers", size >> 10), count);
    }
    let mut times = Times::new();
    for number in 0..count {
        let start = Instant::now();
        let object = objects.open(name(number)).await?.ok_or("an object is missing")?;
        let read = futures_util::TryStreamExt::try_fold(object.body, 0, |sum, bytes| async move {
            Ok(sum + bytes.len())
        });
        assert_eq!(read.await?, size);
        times.each.push(start.elapsed());
    }
    times.print(&format!("read {} KiB, 1 caller", size >> 10), count);
    Ok(())
}

fn id(number: usize) -> RequestId {
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&number.to_le_bytes());
    RequestId::new(UnixMillis(SystemClock::time().0), chance)
}

fn hex(number: usize, digits: usize) -> String {
    format!("{:0digits$x}", number as u128 * 0x9e37_79b9_7f4a_7c15)
}

fn request(id: RequestId, artifact: usize) -> Request {
    let mut sha256 = [0; 32];
    sha256[..8]
        .copy_from_slice(&(artifact as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Request {
        node: NodeId::root(id),
        lineage: None,
        inline: None,
        artifact: ArtifactRef {
            hashes: Hashes {
                md5: hex(artifact, 32),
                sha1: hex(artifact, 40),
                sha256: Sha256(sha256),
                sha512: hex(artifact, 128),
            },
            size: 123_456,
        },
        name: "quarterly-report.docx".into(),
        path: String::new(),
        workflow: "default".into(),
        engines: None,
        passwords: Vec::new(),
        limits: UnpackLimits::default(),
        accepted: SystemClock::time(),
        deadline: SystemClock::time().plus(60_000),
        priority: Priority::Interactive,
        key: None,
        user_agent: Some("bench/1".into()),
        metadata: None,
        callback: None,
        policy: None,
        facets: None,
    }
}

/// A report of `nodes` nodes with four engines each.
fn report(id: RequestId, artifact: usize, nodes: u32) -> Report {
    let request = request(id, artifact);
    let finding = Finding {
        id: "macro-auto-open".into(),
        severity: Severity::Suspicious,
        explanation: "The document runs a macro as soon as it is opened".into(),
        tags: vec!["macro".into()],
        attack: vec!["T1059.005".into()],
        evidence: vec![Evidence {
            label: "$a".into(),
            offset: 4711,
            length: 8,
            excerpt: "AutoOpen".into(),
        }],
    };
    let entry = |node: NodeId, name: &str| {
        let engine: palisade_model::EngineName = name.parse().expect("a name");
        let result = EngineResult {
            command: palisade_model::CommandId { node, engine: engine.clone() },
            outcome: Outcome::Verdict(Verdict::NoThreat),
            threat: None,
            reason: None,
            findings: vec![finding.clone()],
            problems: Vec::new(),
            observables: Vec::new(),
            properties: Vec::new(),
            children: Vec::new(),
            definitions: Default::default(),
            wait_us: 120,
            scan_us: 3400,
        };
        (engine, EngineEntry::Done(Box::new(result)))
    };
    let root = NodeId::root(id);
    let node = |number: u32| {
        let node = if number == 0 { root } else { root.child(number) };
        NodeReport {
            node,
            parent: (number > 0).then_some(root),
            name: format!("member-{number}.bin"),
            path: String::new(),
            artifact: request.artifact.clone(),
            file_type: Some(FileType { id: "docx".into(), ..FileType::default() }),
            encrypted: false,
            engines: ["yara", "hash", "heuristics", "unpack"].map(|name| entry(node, name)).into(),
            children: Vec::new(),
            own: ReportVerdict::default(),
            whole: ReportVerdict::default(),
        }
    };
    Report {
        verdict: ReportVerdict::default(),
        partial: false,
        nodes: (0..nodes).map(node).collect(),
        unpacked: UnpackSummary::default(),
        started: request.accepted,
        finished: SystemClock::time(),
        request,
    }
}

async fn records(records: Arc<dyn Records>) -> Result<()> {
    for nodes in [1, 16, 256] {
        let body = palisade_model::wire::encode(&report(id(0), 0, nodes));
        let start = Instant::now();
        let packed = lz4_flex::block::compress(&body);
        println!(
            "report of {nodes} nodes: {} bytes of JSON, {} in LZ4 ({:.1} µs)",
            body.len(),
            packed.len(),
            start.elapsed().as_secs_f64() * 1e6
        );
    }
    let key = Sha256([9; 32]);
    let first = id(1_000_000);
    records.finish(report(first, 1_000_000, 4), Some(key)).await?;

    let shared = Arc::clone(&records);
    let open = move |number| {
        let records = Arc::clone(&shared);
        async move {
            let summary = RequestSummary::of(&request(RequestId::from_bytes([1; 16]), number));
            let summary = RequestSummary { node: NodeId::root(id(number)), ..summary };
            records.open_request(summary, Progress::default()).await.expect("open_request");
        }
    };
    many("open_request, 32 callers", 8000, 32, 1, open).await?;

    for (callers, calls) in [(1, 1500), (32, 8000)] {
        let shared = Arc::clone(&records);
        let finish = move |number| {
            let records = Arc::clone(&shared);
            async move {
                let number = number + callers * 100_000;
                let report = report(id(number), number, 1);
                assert!(records.finish(report, None).await.expect("finish"));
            }
        };
        many(&format!("finish, {callers} callers"), calls, callers, 1, finish).await?;
    }

    for (callers, calls) in [(1, 3000), (64, 30_000)] {
        let shared = Arc::clone(&records);
        let again = move |number| {
            let records = Arc::clone(&shared);
            async move {
                let found = records.cached(key, UnixMillis(0)).await.expect("cached");
                let (report, _) = found.expect("it is there");
                let summary = RequestSummary::of(&request(id(number + callers * 1_000_000), 7));
                let now = SystemClock::time();
                let done = records.finish_from_cache(summary, report, now).await;
                assert!(done.expect("finish_from_cache"));
            }
        };
        let what = format!("cached + finish_from_cache, {callers} callers");
        many(&what, calls, callers, 1, again).await?;
    }

    let hash = |number| AnyHash::Sha256(request(id(0), number).artifact.hashes.sha256.0);
    let lookups: [(&str, usize, usize, usize); 4] = [
        ("by_hash, in memory, 4 callers", 100, 4, 200_000),
        ("by_hash, 8,000 reports, 4 callers", 8000, 4, 60_000),
        ("by_hash, not there, 1 caller", 0, 1, 20_000),
        ("by_hash, not there, 4 callers", 0, 4, 40_000),
    ];
    for (what, span, callers, calls) in lookups {
        let shared = Arc::clone(&records);
        let look = move |number: usize| {
            let records = Arc::clone(&shared);
            async move {
                let known = number.checked_rem(span).map(|number| 3_200_000 + number);
                let asked = hash(known.unwrap_or(50_000_000 + number));
                let found = records.by_hash(asked).await.expect("by_hash");
                assert_eq!(found.is_some(), known.is_some());
            }
        };
        many(what, calls, callers, 1, look).await?;
    }
    let times = Times::new();
    let gone = records.forget(UnixMillis(u64::MAX)).await?;
    times.print("forget", usize::try_from(gone)?);
    Ok(())
}
