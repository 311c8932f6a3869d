//! `palisade serve` under load.

mod observed;
mod workers;

use std::cell::Cell;
use std::time::Duration;

use anyhow::Context;

use super::corpus::{Class, Sample};
use super::http;
use super::load::{Arrival, Job, Load, Run};
use super::server::Server;
use super::stats::{Spread, median};
use super::table::{Table, Target, say};
use super::{Bench, Part};
use observed::{Observed, observe};

/// What a service of this kind publishes, requests a second.
const PACE: f64 = 44.0;

/// What one machine of two processors is to sustain, requests a second.
const SUSTAINED: f64 = 440.0;

/// What several processes on real servers are to sustain on the same two processors.
const DISTRIBUTED: f64 = 150.0;

/// Resident memory of all processes, in MiB.
const MEMORY: f64 = 600.0;

/// Connections of a closed loop: enough for commits in groups.
const CONNECTIONS: usize = 64;

/// Seconds of load before anything distributed is measured.
const WARM_UP: f64 = 60.0;

/// Warm starts of which the median is taken.
const STARTS: usize = 5;

/// The most steps of the search for the highest rate.
const STEPS: u32 = 10;

/// How long what waits may take to be worked off between two measurements.
const SETTLE: Duration = Duration::from_secs(180);

/// Runs the parts that are wanted, all on one server with one data directory.
pub(super) fn measure(
    bench: &Bench,
    wanted: &dyn Fn(Part) -> bool,
    table: &mut Table,
) -> anyhow::Result<()> {
    let parts = [Part::Start, Part::Pace, Part::Sustained, Part::Classes, Part::Again];
    if !parts.into_iter().any(wanted) {
        return Ok(());
    }
    let data = bench.directory.join("data");
    let server = Server::start(&bench.binary, &data)?;
    let cold = server.ready_seconds;
    let server = if wanted(Part::Start) {
        say("start to ready");
        start(bench, server, cold, table)?
    } else {
        server
    };
    let service = Service { bench, server, variants: Cell::new(0), goals: Goals::embedded() };
    service.load_parts(wanted, table)?;
    if wanted(Part::Again) {
        service.again(table)?;
    }
    Ok(())
}

/// The same load on several processes, with Kafka, S3 and PostgreSQL behind them.
pub(super) fn measure_distributed(
    bench: &Bench,
    wanted: &dyn Fn(Part) -> bool,
    table: &mut Table,
) -> anyhow::Result<()> {
    say("starting Kafka, an S3 server, PostgreSQL, and the processes of palisade");
    let engines: [(&'static str, &[&str]); 3] = [
        ("engine unpack", &["unpack"]),
        ("engines yara, reputation", &["yara", "reputation"]),
        ("static analysers", &["elf", "pe", "office", "pdf", "script", "mail"]),
    ];
    let server = Server::distributed(&bench.binary, "", &engines)?;
    table.add("distributed: start to ready, servers too", server.ready_seconds, "s", None, "");
    let service = Service { bench, server, variants: Cell::new(0), goals: Goals::distributed() };
    say(&format!("{WARM_UP} s of load that are not counted: Java compiles what it runs often"));
    service.scans(Arrival::Closed(CONNECTIONS), WARM_UP, None)?;
    service.load_parts(wanted, table)?;
    drop(service);
    if wanted(Part::Workers) {
        workers::measure(bench, table)?;
    }
    Ok(())
}

/// What is to be reached, and under which name it stands in the table.
struct Goals {
    prefix: &'static str,
    sustained: f64,
    mean: Option<Target>,
    p99: f64,
    memory: Option<Target>,
}

impl Goals {
    fn embedded() -> Self {
        Self {
            prefix: "",
            sustained: SUSTAINED,
            mean: Some(Target::AtMost(0.04)),
            p99: 0.2,
            memory: Some(Target::AtMost(MEMORY)),
        }
    }

    fn distributed() -> Self {
        Self { prefix: "distributed, ", sustained: DISTRIBUTED, mean: None, p99: 0.5, memory: None }
    }
}

fn start(
    bench: &Bench,
    mut server: Server,
    cold: f64,
    table: &mut Table,
) -> anyhow::Result<Server> {
    let data = bench.directory.join("data");
    let mut warm = Vec::new();
    for _ in 0..STARTS {
        drop(server);
        server = Server::start(&bench.binary, &data)?;
        warm.push(server.ready_seconds);
    }
    table.add(
        "start to ready, warm rule cache",
        median(&warm),
        "s",
        Some(Target::AtMost(1.0)),
        format!("median of {STARTS}, slowest {:.2}; rules compiled anew {cold:.2}", {
            Spread::of(&warm).max
        }),
    );
    Ok(server)
}

struct Service<'a> {
    bench: &'a Bench,
    server: Server,
    /// The number of the next variant: no two uploads of a run have the same bytes.
    variants: Cell<u32>,
    goals: Goals,
}

impl Service<'_> {
    /// The parts that both forms are measured by.
    fn load_parts(&self, wanted: &dyn Fn(Part) -> bool, table: &mut Table) -> anyhow::Result<()> {
        if wanted(Part::Pace) {
            self.pace(table)?;
        }
        if wanted(Part::Sustained) {
            self.sustained(table)?;
            self.highest(table)?;
        }
        if wanted(Part::Classes) {
            self.classes(table)?;
        }
        Ok(())
    }

    fn pace(&self, table: &mut Table) -> anyhow::Result<()> {
        say(&format!("{PACE} requests/s, each of new bytes, to the report"));
        let (run, observed) = self.scans(Arrival::Open(PACE), self.bench.seconds, None)?;
        let spread = Spread::of(&run.latencies);
        let prefix = self.goals.prefix;
        let at = |what: &str| format!("{prefix}at {PACE}/s: {what}");
        let (least, most) = (self.goals.mean, Some(Target::AtMost(self.goals.p99)));
        let note = format!("{} scans; {}", spread.samples, observed.line(&run));
        table.add(at("scan time, mean"), spread.mean, "s", least, note);
        table.add(at("scan time, p50"), spread.p50, "s", None, codes(&run));
        table.add(at("scan time, p99"), spread.p99, "s", most, "");
        table.add(at("scan time, max"), spread.max, "s", None, "");
        errors(table, &at("errors"), &run);
        table.add(
            at("processor seconds per report"),
            observed.cpu_seconds / run.latencies.len() as f64,
            "s",
            None,
            "",
        );
        Ok(())
    }

    fn sustained(&self, table: &mut Table) -> anyhow::Result<()> {
        let (prefix, sustained) = (self.goals.prefix, self.goals.sustained);
        say(&format!("{sustained} requests/s, each of new bytes, to the report"));
        let (run, observed) = self.scans(Arrival::Open(sustained), self.bench.seconds, None)?;
        let spread = Spread::of(&run.latencies);
        let at = |what: &str| format!("{prefix}at {sustained}/s: {what}");
        for (part, seconds) in &observed.parts {
            let each = seconds / run.latencies.len() as f64 * 1e3;
            table.add(at(part), each, "ms", None, "of processor for each report");
        }
        // What came in the last moments cannot be answered within them: a hundredth may be on its way.
        let share = run.answered_in_time as f64 / run.sent as f64;
        let goal = Some(Target::AtLeast(0.99));
        let note = format!("{:.1} reports/s; {}", run.rate(), observed.line(&run));
        table.add(at("share answered while they came"), share, "", goal, note);
        errors(table, &at("errors"), &run);
        let calm = Some(Target::AtMost(sustained));
        let note = format!(
            "unacknowledged records, all topics; at most {:.0}, slope {:+.1}/s in the last half; \
             drained in {:.2} s",
            observed.backlog_max, observed.backlog_slope, run.drain_seconds
        );
        table.add(at("backlog at the end"), observed.backlog_end, "", calm, note);
        let note = format!("p50 {:.4}, p99 {:.4}, max {:.3}", spread.p50, spread.p99, spread.max);
        table.add(at("scan time, mean"), spread.mean, "s", None, note);
        let bound = self.goals.memory;
        let note = format!("{} processes; shared pages count in each", observed.processes);
        table.add(at("resident, sum of RSS, max"), observed.rss_max_mib, "MiB", bound, note);
        table.add(at("resident, sum of PSS, max"), observed.pss_max_mib, "MiB", None, "");
        let note = format!(
            "over the last {:.0} s; RSS {:+.0} KiB/min",
            self.bench.seconds / 2.0,
            observed.rss_slope_kib
        );
        table.add(at("slope of PSS"), observed.pss_slope_kib, "KiB/m", None, note);
        table.add(
            at("processor seconds per report"),
            observed.cpu_seconds / run.latencies.len() as f64,
            "s",
            None,
            "user and system, all processes of palisade",
        );
        Ok(())
    }

    /// The highest rate at which nothing fails and nothing piles up, by steps of a quarter.
    fn highest(&self, table: &mut Table) -> anyhow::Result<()> {
        say("the highest sustained rate");
        let seconds = (self.bench.seconds / 2.0).max(5.0);
        let mut rate = self.goals.sustained;
        let mut best: Option<f64> = None;
        for _ in 0..STEPS {
            let (run, observed) = self.scans(Arrival::Open(rate), seconds, None)?;
            let holds = run.bad() == 0 && run.drain_seconds < 1.0;
            say(&format!(
                "    {rate:.0}/s: {} ({:.2} s to drain; {} {})",
                if holds { "holds" } else { "does not hold" },
                run.drain_seconds,
                observed.line(&run),
                run.complaint(),
            ));
            match (holds, best) {
                (true, _) => {
                    // Coming from above: it is found.
                    let found = rate < self.goals.sustained;
                    best = Some(rate);
                    if found {
                        break;
                    }
                    rate *= 1.25;
                }
                (false, Some(_)) => break,
                (false, None) => rate /= 1.25,
            }
        }
        let note = format!("steps of a quarter, {seconds:.0} s each, no error, drained within 1 s");
        let goal = Some(Target::AtLeast(self.goals.sustained));
        table.add(
            format!("{}highest sustained rate", self.goals.prefix),
            best.unwrap_or(0.0),
            "/s",
            goal,
            note,
        );
        let (run, observed) = self.scans(Arrival::Closed(CONNECTIONS), seconds, None)?;
        let note = format!("{CONNECTIONS} at a time; {}", observed.line(&run));
        table.add(
            format!("{}as many as it takes", self.goals.prefix),
            run.rate(),
            "/s",
            None,
            note,
        );
        Ok(())
    }

    /// Where the time goes: each class by itself, as many as it takes.
    fn classes(&self, table: &mut Table) -> anyhow::Result<()> {
        say("each kind of files alone");
        let seconds = (self.bench.seconds / 6.0).max(4.0);
        for class in Class::ALL {
            let (run, observed) = self.scans(Arrival::Closed(CONNECTIONS), seconds, Some(class))?;
            table.add(
                format!("{}{} alone", self.goals.prefix, class.name()),
                run.rate(),
                "/s",
                None,
                format!(
                    "{:.2} ms of processor each; {} {}",
                    observed.cpu_seconds / run.latencies.len() as f64 * 1e3,
                    observed.line(&run),
                    run.complaint()
                ),
            );
        }
        Ok(())
    }

    fn again(&self, table: &mut Table) -> anyhow::Result<()> {
        say("the same bytes again");
        let samples = &self.bench.corpus.samples;
        let known = self.upload_all().context("uploading the mix once")?;
        let seconds = (self.bench.seconds / 3.0).max(4.0);
        let requests: Vec<Vec<u8>> = samples.iter().map(|s| self.upload(s, &s.bytes, "")).collect();
        let small: Vec<Vec<u8>> = samples
            .iter()
            .zip(&requests)
            .filter(|(sample, _)| sample.bytes.len() <= 16 << 10)
            .map(|(_, request)| request.clone())
            .collect();
        let lookups: Vec<Vec<u8>> = known
            .iter()
            .map(|hash| http::get(&format!("/hash/{hash}"), &self.server.key))
            .collect();
        let unknown: Vec<Vec<u8>> =
            (0..1_000).map(|n| http::get(&format!("/hash/{n:064x}"), &self.server.key)).collect();
        let goal = Some(Target::AtLeast(3_000.0));
        let (run, note) = self.closed(&requests, seconds)?;
        table.add("same bytes: uploads answered", run.rate(), "/s", goal, note);
        let (run, note) = self.closed(&small, seconds)?;
        table.add("same bytes: uploads of ≤ 16 KiB answered", run.rate(), "/s", None, note);
        let (run, note) = self.closed(&lookups, seconds)?;
        let goal = Some(Target::AtLeast(10_000.0));
        table.add("hash look-ups, known", run.rate(), "/s", goal, note);
        let (run, note) = self.unknown(&unknown, seconds)?;
        table.add("hash look-ups, unknown", run, "/s", None, note);
        Ok(())
    }

    /// Uploads every file as it is, waits for its report, and gives the hashes.
    fn upload_all(&self) -> anyhow::Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Scanned {
            file_info: FileInfo,
        }
        #[derive(serde::Deserialize)]
        struct FileInfo {
            sha256: String,
        }
        self.server.settle(SETTLE)?;
        let mut hashes = Vec::new();
        for sample in &self.bench.corpus.samples {
            let request = self.upload_to("/file/sync", sample, &sample.bytes, "");
            let answer = http::once(self.server.address, &request)?;
            let scanned: Scanned = serde_json::from_slice(&answer.body)
                .with_context(|| String::from_utf8_lossy(&answer.body).into_owned())?;
            hashes.push(scanned.file_info.sha256);
        }
        Ok(hashes)
    }

    /// These requests over and over, as many as are answered.
    fn closed(&self, requests: &[Vec<u8>], seconds: f64) -> anyhow::Result<(Run, String)> {
        let mut job = |n: u64| Job {
            request: requests[n as usize % requests.len()].clone(),
            awaits_report: false,
        };
        let (run, observed) =
            observe(&self.server, self.load(Arrival::Closed(CONNECTIONS), seconds, &mut job))?;
        let note = format!(
            "{CONNECTIONS} at a time, {:.0} MiB/s; {} {}",
            run.bytes as f64 / f64::from(1 << 20) / seconds,
            observed.line(&run),
            run.complaint()
        );
        Ok((run, note))
    }

    /// Look-ups whose right answer is 404.
    fn unknown(&self, requests: &[Vec<u8>], seconds: f64) -> anyhow::Result<(f64, String)> {
        let (mut run, note) = self.closed(requests, seconds)?;
        let answered = run.errors.remove("status 404").unwrap_or_default();
        let note = note.split(';').next().unwrap_or_default().to_owned();
        Ok((answered as f64 / seconds, format!("{note} {}", run.complaint())))
    }

    /// Uploads of new bytes, each followed to its report.
    fn scans(
        &self,
        arrival: Arrival,
        seconds: f64,
        class: Option<Class>,
    ) -> anyhow::Result<(Run, Observed)> {
        self.server.settle(SETTLE)?;
        let samples: Vec<&Sample> = self
            .bench
            .corpus
            .samples
            .iter()
            .filter(|sample| class.is_none_or(|class| sample.class == class))
            .collect();
        let mut job = |n: u64| {
            let sample = samples[n as usize % samples.len()];
            let number = self.variants.replace(self.variants.get() + 1);
            let bytes = sample.variant(number);
            Job {
                request: self.upload(sample, &bytes, "x-palisade-cache: no\r\n"),
                awaits_report: true,
            }
        };
        observe(&self.server, self.load(arrival, seconds, &mut job))
    }

    fn load<'a>(
        &'a self,
        arrival: Arrival,
        seconds: f64,
        job: &'a mut dyn FnMut(u64) -> Job,
    ) -> Load<'a> {
        Load { address: self.server.address, key: &self.server.key, arrival, seconds, job }
    }

    fn upload(&self, sample: &Sample, bytes: &[u8], headers: &str) -> Vec<u8> {
        self.upload_to("/file", sample, bytes, headers)
    }

    fn upload_to(&self, path: &str, sample: &Sample, bytes: &[u8], headers: &str) -> Vec<u8> {
        let name: String = sample
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' })
            .collect();
        let headers = format!("filename: {name}\r\n{headers}");
        http::post(path, &self.server.key, &headers, bytes)
    }
}

fn errors(table: &mut Table, name: &str, run: &Run) {
    table.add(name, run.bad() as f64, "", Some(Target::AtMost(0.0)), run.complaint());
}

fn codes(run: &Run) -> String {
    let all: Vec<String> =
        run.codes.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    format!("results by code: {}", all.join(", "))
}
