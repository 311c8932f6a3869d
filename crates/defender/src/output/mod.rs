//! Where events, blind intervals and incidents go: files, standard output, syslog. Any number of sinks
//! at once, each with its own filter and form.
//!
//! ```text
//! send ─► lane (memory, bounded) ─► thread: format, write            file, stdout
//!      └► lane ─► thread: format ─► queue (disk, bounded) ─► thread: send     syslog
//! ```
//!
//! Invariant: [`Output::send`] never waits for a sink. What a sink does not get is counted, and a line in
//! that sink says so where the others would have stood.

mod formatter;
mod item;
mod lane;
pub mod ocsf;
pub mod pretty;
pub mod queue;
mod settings;
mod sink;
mod words;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use palisade_model::UnixMillis;

pub use item::{Dropped, Item, Phase};
pub use ocsf::{Device, Encoder, LineLimits};
pub use queue::QueueSettings;
pub use settings::{
    FileSettings, Format, OutputSettings, SinkSettings, SyslogAddress, SyslogSettings, Target,
};

use crate::metrics::Metrics;
use formatter::{Formatter, Shape};
use lane::Lane;
use pretty::{Pretty, PrettySettings};
use queue::Queue;
use sink::syslog::{HEADER_BYTES, Header, Line};

/// Why the output could not start.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A setting cannot be used.
    #[error("output setting {setting}: {reason}")]
    Setting {
        /// Which.
        setting: String,
        /// What it must be.
        reason: String,
    },
    /// The queue of a sink cannot be opened.
    #[error("the queue of sink {sink} cannot be opened")]
    Queue {
        /// Of which sink.
        sink: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("no thread for sink {sink}")]
    Thread {
        /// For which sink.
        sink: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The running sinks.
pub struct Output {
    sinks: Vec<Running>,
    numbers: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

struct Running {
    name: String,
    settings: SinkSettings,
    lane: Arc<Lane>,
    network: Option<Arc<sink::Shared>>,
    threads: Vec<JoinHandle<()>>,
}

impl Output {
    /// Starts every sink. Files and connections are opened with the first line: a sink that is not there
    /// yet is no error.
    ///
    /// # Errors
    /// [`OutputError`]; nothing runs then.
    pub fn start(
        settings: &OutputSettings,
        device: &Device,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OutputError> {
        settings.check()?;
        // Larger than every number of an earlier run, and exact as a JSON number.
        let first = now().0.saturating_mul(1_000);
        let numbers = Arc::new(AtomicU64::new(first));
        let mut output = Self { sinks: Vec::new(), numbers, metrics };
        for (name, sink) in &settings.sinks {
            let running = output.start_sink(settings, name, sink, device)?;
            output.sinks.push(running);
        }
        Ok(output)
    }

    /// Gives it to every sink that wants it. Never waits for one.
    pub fn send(&self, item: &Item) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        for sink in &self.sinks {
            if sink.settings.wants(item)
                && let Err(reason) = sink.lane.push(number, item)
            {
                self.metrics.sink_dropped(&sink.name, reason, 1);
            }
        }
    }

    /// Opens files anew, after something else has renamed them. Returns before it is done.
    pub fn reopen(&self) {
        for sink in &self.sinks {
            sink.lane.reopen();
        }
    }

    /// Writes what waits, for so long at most, and ends. What waits on disk is sent after the next
    /// start. Gives the names of sinks that were not done in time: a thread that blocks is left behind.
    pub fn stop(mut self, within: Duration) -> Vec<String> {
        let deadline = Instant::now() + within;
        self.sinks.iter().for_each(|sink| sink.lane.close());
        let mut late = Vec::new();
        for sink in &mut self.sinks {
            sink.wait(deadline);
            if let Some(network) = &sink.network {
                network.stop();
                // The message that it is at.
                sink.wait(deadline + Duration::from_millis(100));
            }
            if sink.threads.iter().any(|thread| !thread.is_finished()) {
                late.push(sink.name.clone());
            }
        }
        late
    }

    fn start_sink(
        &self,
        settings: &OutputSettings,
        name: &str,
        sink: &SinkSettings,
        device: &Device,
    ) -> Result<Running, OutputError> {
        let lane = Arc::new(Lane::new(name, settings.waiting_items));
        let mut running = Running {
            name: name.to_owned(),
            settings: sink.clone(),
            lane: Arc::clone(&lane),
            network: None,
            threads: Vec::new(),
        };
        let metrics = Arc::clone(&self.metrics);
        let (thread_name, thread_lane) = (name.to_owned(), lane);
        match &sink.to {
            Target::Stdout => {
                let pretty = PrettySettings::of_terminal(&io::stdout());
                let formatter = formatter(sink.format, device, settings.lines, pretty);
                running.thread(move || {
                    let place = sink::Standard;
                    sink::run_direct(&thread_name, &thread_lane, formatter, place, &metrics);
                })?;
            }
            Target::File(file) => {
                let formatter =
                    formatter(sink.format, device, settings.lines, PrettySettings::default());
                let place = sink::LogFile::new(file.clone());
                running.thread(move || {
                    sink::run_direct(&thread_name, &thread_lane, formatter, place, &metrics);
                })?;
            }
            Target::Syslog(syslog) => {
                let queue = Queue::open(&settings.queues.join(name), sink.queue);
                let queue =
                    queue.map_err(|source| OutputError::Queue { sink: name.to_owned(), source })?;
                let numbers = Arc::clone(&self.numbers);
                let shared = Arc::new(sink::Shared::new(name, queue, metrics, numbers));
                running.network = Some(Arc::clone(&shared));
                let sender = Arc::clone(&shared);
                let (spooled, sent) = (
                    message_formatter(syslog, device, settings.lines),
                    message_formatter(syslog, device, settings.lines),
                );
                let line = Line::new(syslog.address.clone());
                running.thread(move || sink::spool(&thread_lane, &shared, spooled))?;
                running.thread(move || sink::deliver(&sender, sent, line))?;
            }
        }
        Ok(running)
    }
}

impl Drop for Running {
    /// Threads end by themselves once nothing can come.
    fn drop(&mut self) {
        self.lane.close();
        if let Some(network) = &self.network {
            network.stop();
        }
    }
}

impl Running {
    fn thread(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), OutputError> {
        let builder = thread::Builder::new().name(format!("out-{}", self.name));
        let thread = builder
            .spawn(work)
            .map_err(|source| OutputError::Thread { sink: self.name.clone(), source })?;
        self.threads.push(thread);
        Ok(())
    }

    fn wait(&self, deadline: Instant) {
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn formatter(
    format: Format,
    device: &Device,
    lines: LineLimits,
    pretty: PrettySettings,
) -> Formatter {
    let shape = match format {
        Format::Json => Shape::Json(Encoder::new(device.clone(), lines)),
        Format::Record => Shape::Record,
        Format::Pretty => Shape::Pretty(Box::new(Pretty::new(&device.hostname, pretty))),
    };
    Formatter { shape, header: None }
}

fn message_formatter(syslog: &SyslogSettings, device: &Device, lines: LineLimits) -> Formatter {
    let room = syslog.message_bytes() - HEADER_BYTES;
    let lines = LineLimits { line_bytes: lines.line_bytes.min(room), ..lines };
    let header = Header::new(syslog.facility, &device.hostname, std::process::id());
    let shape = Shape::Json(Encoder::new(device.clone(), lines));
    Formatter { shape, header: Some(header) }
}

/// By the wall clock.
fn now() -> UnixMillis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
