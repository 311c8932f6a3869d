//! The load generator: one thread, `epoll`, connections that are kept open.
//!
//! In an open loop requests start at times drawn beforehand, whatever the server does; latency counts
//! from that time, so a slow answer makes those behind it late too and no wait is left out
//! ("coordinated omission"). In a closed loop each connection sends as soon as it has its answer.

mod connection;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use super::random::Random;
use connection::{Connection, Progress};

/// Connections at most; further requests wait for one, and their latency counts it.
const MAX_CONNECTIONS: usize = 1_500;

/// How long the end of a run waits for answers.
const DRAIN: Duration = Duration::from_secs(90);

const SEED: u64 = 44;

/// When requests start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arrival {
    /// So many a second, at times of a Poisson process.
    Open(f64),
    /// So many at any time.
    Closed(usize),
}

/// What is sent.
pub(super) struct Job {
    /// The whole request.
    pub(super) request: Vec<u8>,
    /// Whether the answer names a scan whose report is waited for.
    pub(super) awaits_report: bool,
}

/// How one job ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// With the answer wanted; `code` is that of the report.
    Good {
        code: Option<u16>,
    },
    /// 503: come back later.
    Refused,
    Bad(String),
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) sent: u64,
    /// Seconds from the time at which the request was due to its last answer.
    pub(super) latencies: Vec<f64>,
    pub(super) codes: BTreeMap<u16, u64>,
    pub(super) refused: u64,
    /// What went wrong otherwise, and how often.
    pub(super) errors: BTreeMap<String, u64>,
    /// Seconds in which requests started.
    pub(super) seconds: f64,
    /// Answers that came in these seconds.
    pub(super) answered_in_time: u64,
    /// Seconds from the last start to the last answer.
    pub(super) drain_seconds: f64,
    /// Bytes sent.
    pub(super) bytes: u64,
}

impl Run {
    /// Requests without the answer wanted.
    pub(super) fn bad(&self) -> u64 {
        self.refused + self.errors.values().sum::<u64>()
    }

    /// Answers a second, while requests started.
    pub(super) fn rate(&self) -> f64 {
        self.answered_in_time as f64 / self.seconds
    }

    /// What went wrong, in a line; empty when nothing did.
    pub(super) fn complaint(&self) -> String {
        let mut parts = Vec::new();
        if self.refused > 0 {
            parts.push(format!("{} × 503", self.refused));
        }
        parts.extend(self.errors.iter().take(5).map(|(error, count)| format!("{count} × {error}")));
        parts.join("; ")
    }
}

/// A run to be made.
pub(super) struct Load<'a> {
    pub(super) address: SocketAddr,
    pub(super) key: &'a str,
    pub(super) arrival: Arrival,
    pub(super) seconds: f64,
    /// Makes the job of a number, counted from 0.
    pub(super) job: &'a mut dyn FnMut(u64) -> Job,
}

impl Load<'_> {
    pub(super) fn run(self) -> anyhow::Result<Run> {
        let generator = Generator::new(self.address, self.key)?;
        generator.go(self.arrival, self.seconds, self.job)
    }
}

struct Generator<'a> {
    address: SocketAddr,
    key: &'a str,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    idle: Vec<usize>,
    free: Vec<usize>,
    scratch: Vec<u8>,
    run: Run,
    busy: usize,
    started: Instant,
}

impl<'a> Generator<'a> {
    fn new(address: SocketAddr, key: &'a str) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            key,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            idle: Vec::new(),
            free: Vec::new(),
            scratch: vec![0; 64 << 10],
            run: Run::default(),
            busy: 0,
            started: Instant::now(),
        })
    }

    fn go(
        mut self,
        arrival: Arrival,
        seconds: f64,
        job: &mut dyn FnMut(u64) -> Job,
    ) -> anyhow::Result<Run> {
        let mut random = Random::new(SEED);
        let mut due_at = 0.0;
        let mut waiting: VecDeque<(f64, Job)> = VecDeque::new();
        let mut events = Vec::with_capacity(256);
        self.started = Instant::now();
        loop {
            let now = self.now();
            match arrival {
                Arrival::Open(rate) => {
                    while due_at <= now && due_at < seconds {
                        waiting.push_back((due_at, job(self.run.sent)));
                        self.run.sent += 1;
                        due_at += random.exponential(rate);
                    }
                }
                Arrival::Closed(connections) => {
                    while self.busy + waiting.len() < connections && now < seconds {
                        waiting.push_back((self.now(), job(self.run.sent)));
                        self.run.sent += 1;
                    }
                    due_at = if now < seconds { f64::MAX } else { seconds };
                }
            }
            while self.busy < MAX_CONNECTIONS
                && let Some((due, job)) = waiting.pop_front()
            {
                self.begin(due, job, seconds)?;
            }
            let now = self.now();
            if now >= seconds && self.busy == 0 && waiting.is_empty() {
                break;
            }
            if now > seconds + DRAIN.as_secs_f64() {
                *self.run.errors.entry("no answer".to_owned()).or_default() +=
                    (self.busy + waiting.len()) as u64;
                break;
            }
            let wait = if now < seconds { due_at.min(seconds) - now } else { 0.5 };
            self.poll(&mut events, wait.clamp(0.0, 0.5), seconds)?;
        }
        self.run.seconds = seconds;
        self.run.drain_seconds = (self.now() - seconds).max(0.0);
        Ok(self.run)
    }

    fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn begin(&mut self, due: f64, job: Job, seconds: f64) -> anyhow::Result<()> {
        self.run.bytes += job.request.len() as u64;
        let slot = match self.idle.pop() {
            Some(slot) => slot,
            None => self.connect()?,
        };
        self.busy += 1;
        if let Some(connection) = self.connections.get_mut(slot).and_then(Option::as_mut) {
            connection.begin(due, job.request, job.awaits_report);
        }
        self.drive(slot, seconds);
        Ok(())
    }

    fn connect(&mut self) -> anyhow::Result<usize> {
        let connection = Connection::open(self.address)
            .with_context(|| format!("cannot connect to {}", self.address))?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        // Edge-triggered: a connection is driven until the kernel says wait.
        epoll::add(
            &self.epoll,
            connection.stream(),
            epoll::EventData::new_u64(slot as u64),
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET,
        )?;
        self.connections[slot] = Some(connection);
        Ok(slot)
    }

    fn poll(
        &mut self,
        events: &mut Vec<epoll::Event>,
        wait: f64,
        seconds: f64,
    ) -> anyhow::Result<()> {
        let wait = Duration::from_secs_f64(wait);
        let timeout =
            Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for event in &*events {
            self.drive(event.data.u64() as usize, seconds);
        }
        Ok(())
    }

    fn drive(&mut self, slot: usize, seconds: f64) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else { return };
        let was_idle = connection.is_idle();
        match connection.drive(self.key, &mut self.scratch) {
            Progress::Waits => {}
            Progress::Closed => {
                // An idle connection that the server ends is no error.
                if was_idle {
                    self.idle.retain(|idle| *idle != slot);
                }
                self.connections[slot] = None;
                self.free.push(slot);
            }
            Progress::Ended { due, outcome, usable } => {
                self.busy -= 1;
                if usable {
                    self.idle.push(slot);
                } else {
                    self.connections[slot] = None;
                    self.free.push(slot);
                }
                self.count(due, outcome, seconds);
            }
        }
    }

    fn count(&mut self, due: f64, outcome: Outcome, seconds: f64) {
        let now = self.now();
        match outcome {
            Outcome::Good { code } => {
                self.run.latencies.push(now - due);
                self.run.answered_in_time += u64::from(now <= seconds);
                if let Some(code) = code {
                    *self.run.codes.entry(code).or_default() += 1;
                }
            }
            Outcome::Refused => self.run.refused += 1,
            Outcome::Bad(error) => *self.run.errors.entry(error).or_default() += 1,
        }
    }
}
