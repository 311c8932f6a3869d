//! The main loop, and the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use palisade_model::Sha256;
use palisade_model::event::{ContainerIdentity, Event};
use palisade_sensor::Observation;

use super::alive::Alive;
use super::config::Config;
use super::core::{Core, Order};
use super::eyes::{self, Watching};
use super::gate::Told;
use super::hands::{Done, Hands, Saved};
use super::processors::Processors;
use super::sources::{self, Stamp};
use super::{canary, control, now};
use crate::containers::Finder;
use crate::hashes::submit::{Candidate, Judged, Submitter, Verdict};
use crate::hashes::{self, Hashed, KnownBad};
use crate::manners::watchdog::Line;
use crate::metrics::{Endpoint, Health, Metrics};
use crate::policy::Enforce;

mod canaries;
mod exposed;
mod start;

use canaries::Canaries;
pub use start::AgentError;

/// What others tell a running agent.
#[derive(Debug, Default)]
pub struct Signals {
    /// It is to end.
    pub stop: AtomicBool,
    /// Files are to be read again and opened anew.
    pub reload: AtomicBool,
}

/// A started agent.
pub struct Agent {
    config: Config,
    core: Core,
    hands: Hands,
    finder: Finder,
    observations: Receiver<Vec<Observation>>,
    told: Receiver<Told>,
    questions: Option<tokio::sync::mpsc::Receiver<control::Question>>,
    done: tokio::sync::mpsc::UnboundedReceiver<Done>,
    saved: tokio::sync::mpsc::UnboundedReceiver<Saved>,
    hashed: tokio::sync::mpsc::Receiver<Hashed<Arc<Event>>>,
    judged: tokio::sync::mpsc::Receiver<Judged<Arc<Event>>>,
    submitter: Option<Submitter<Arc<Event>>>,
    known_bad: Option<Arc<KnownBad>>,
    watching: Arc<Watching>,
    reader: Option<std::thread::JoinHandle<()>>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    endpoint: Option<Endpoint>,
    stamps: (Stamp, Stamp),
    canaries: Canaries,
    /// What can be refused once fanotify is given up.
    without_gate: Enforce,
    processors: Processors,
    alive: Alive,
    summary: Vec<String>,
    runtime: tokio::runtime::Runtime,
}

/// Observations of one turn; between two, everything else gets its turn.
const TURN: usize = 64;
/// The decider looks at everything else at least so often.
const PATIENCE: Duration = Duration::from_millis(25);
const TICK: Duration = Duration::from_secs(1);
/// At the end, models that are being written are waited for.
const LAST_SAVES: Duration = Duration::from_secs(5);
/// Between two looks at files that may have changed.
const LOOK: Duration = Duration::from_secs(2);

impl Agent {
    /// What is watched and what can be done, a line each.
    pub fn summary(&self) -> &[String] {
        &self.summary
    }

    /// The containers that run now.
    pub fn containers(&self) -> Vec<Arc<ContainerIdentity>> {
        let running = self.core.registry().running();
        running.map(|container| Arc::clone(&container.identity)).collect()
    }

    /// Where metrics are served.
    pub fn metrics_address(&self) -> Option<std::net::SocketAddr> {
        self.endpoint.as_ref().map(Endpoint::address)
    }

    /// Runs until told to stop, or until the watchdog is gone. False when the sensor's thread has ended by
    /// itself: nothing is seen any more, and another agent is to be started.
    pub fn run(mut self, signals: &Signals, mut line: Option<Line>) -> bool {
        let mut orders = Vec::new();
        let mut sees = true;
        let (mut ticked, mut looked) = (Instant::now(), Instant::now());
        // From here on the watchdog is as patient as with an agent that runs, not as with one that starts.
        if let Some(line) = &mut line {
            line.beat();
        }
        while !signals.stop.load(Ordering::Acquire) {
            self.turn(&mut orders);
            if signals.reload.swap(false, Ordering::AcqRel) {
                self.hands.output.reopen();
                self.stamps = Default::default();
                looked = Instant::now().checked_sub(LOOK).unwrap_or(looked);
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick(&mut orders);
                self.health.beat();
                self.alive.touch();
                if line.as_mut().is_some_and(|line| !line.beat()) {
                    self.hands.say("the watchdog is gone: this agent ends, and lets go of all");
                    break;
                }
            }
            if self.reader.as_ref().is_some_and(|reader| reader.is_finished()) {
                self.tick(&mut orders);
                self.health.unready("the sensor's thread has ended".to_owned());
                self.hands.say("nothing is seen any more: this agent ends, to be started again");
                sees = false;
                break;
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.reload(&mut orders);
            }
            self.gate_lost(&mut orders);
            self.hands.carry_out(&mut orders);
        }
        self.end(orders);
        sees
    }

    fn turn(&mut self, orders: &mut Vec<Order>) {
        for turn in 0..TURN {
            let batch = if turn == 0 {
                match self.observations.recv_timeout(PATIENCE) {
                    Ok(batch) => batch,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        std::thread::sleep(PATIENCE);
                        break;
                    }
                }
            } else {
                let Ok(batch) = self.observations.try_recv() else { break };
                batch
            };
            let (began, count) = (Instant::now(), batch.len().max(1));
            for observation in batch {
                self.core.observe(observation, now(), orders);
            }
            self.metrics.rules_seconds.observe(began.elapsed().as_secs_f64() / count as f64);
            self.hands.carry_out(orders);
        }
        while let Some(found) = self.finder.ready() {
            self.core.found(found, now(), orders);
        }
        while let Ok(Told::Refused(event, answered)) = self.told.try_recv() {
            self.core.refused(*event, &answered, now(), orders);
        }
        while let Ok(done) = self.done.try_recv() {
            let Done { container, process, response } = done;
            self.core.responded(container.as_ref(), process.as_ref(), response, now(), orders);
        }
        self.saved(orders);
        while !self.core.is_saving()
            && let Some(Ok(question)) = self.questions.as_mut().map(|one| one.try_recv())
        {
            let reply = self.core.command(&question.command, now(), orders);
            let _ = question.answer.send(reply.map_err(|error| error.to_string()));
        }
        for (hash, event) in std::mem::take(&mut self.hands.known) {
            self.known_bad(hash, &event, orders);
        }
        while let Ok(hashed) = self.hashed.try_recv() {
            self.hashed(hashed, orders);
        }
        while let Ok(judged) = self.judged.try_recv() {
            self.judged(judged, orders);
        }
    }

    fn saved(&mut self, orders: &mut Vec<Order>) {
        while let Ok((snapshot, outcome)) = self.saved.try_recv() {
            self.core.saved(&snapshot, outcome, orders);
        }
    }

    fn hashed(&mut self, hashed: Hashed<Arc<Event>>, orders: &mut Vec<Order>) {
        let event = hashed.context;
        let Ok(hash) = hashed.outcome else {
            if hashed.file.is_none() {
                self.hands.ran_and_ended(event);
            }
            return;
        };
        if self.known_bad(hash, &event, orders) {
            return;
        }
        let executable = &event.process.executable;
        let (Some(submitter), Some(file)) = (&self.submitter, hashed.file) else { return };
        let image = event.container.as_ref().map(|container| container.image.clone());
        submitter.offer(
            Candidate {
                hash,
                file,
                about: executable.file.clone(),
                fileless: executable.fileless,
                image: image.unwrap_or_default(),
                context: Arc::clone(&event),
            },
            now(),
        );
    }

    /// Whether a program that ran is on the list; it is told then, at every run of it.
    fn known_bad(&mut self, hash: Sha256, event: &Arc<Event>, orders: &mut Vec<Order>) -> bool {
        let name = self.known_bad.as_ref().and_then(|known_bad| known_bad.find(&hash));
        let Some(name) = name else { return false };
        let finding = hashes::malware(hash, &name, &event.process.executable.file);
        self.core.learned_bad(event, finding, now(), orders);
        true
    }

    fn judged(&mut self, judged: Judged<Arc<Event>>, orders: &mut Vec<Order>) {
        let finding = match &judged.verdict {
            Verdict::Malicious(name) => hashes::malware(judged.hash, name, &judged.about),
            Verdict::Suspicious(name) => hashes::suspicious(judged.hash, name, &judged.about),
            _ => return,
        };
        self.core.learned_bad(&judged.context, finding, now(), orders);
    }

    fn tick(&mut self, orders: &mut Vec<Order>) {
        let time = now();
        for blind in self.losses() {
            self.core.blind(blind, time, orders);
        }
        self.core.tick(time, orders);
        if let Some(failed) =
            self.watching.failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
        {
            self.health.unready(failed.clone());
            self.hands.say(&format!("nothing is seen any more: {failed}"));
        }
        self.canaries(orders);
        if self.canaries.due() {
            self.send_canaries();
        }
        let readings = self.processors.due(&self.core, || self.hands.folders());
        for (container, busy, over) in readings {
            self.core.processor(&container, busy, over, time, orders);
        }
        self.expose();
    }

    /// Nobody is asked any more before a program runs: everybody who relied on it hears of it.
    fn gate_lost(&mut self, orders: &mut Vec<Order>) {
        let Some(why) = self.hands.gate.as_ref().and_then(|gate| gate.lost()).map(str::to_owned)
        else {
            return;
        };
        self.hands.gate = None;
        self.hands.say(&format!("fanotify is given up, programs are not asked about: {why}"));
        self.core.gate_lost(&why, self.without_gate, canary::event, now(), orders);
    }

    /// Rules, policy and hash lists that changed are read again. What is wrong leaves the old in force.
    fn reload(&mut self, orders: &mut Vec<Order>) {
        let rules = Stamp::of(&self.config.rules);
        if rules != self.stamps.0 {
            self.stamps.0 = rules;
            let config = &self.config;
            let root = &config.containers.host_root;
            match sources::detector(&config.rules, config.built_in_rules, &config.detect, root) {
                Ok((detector, problems)) => {
                    problems.iter().for_each(|problem| self.hands.say(&problem.to_string()));
                    self.core.set_detector(detector);
                    (self.hands.warn)("rules: read again");
                }
                Err(error) => self.hands.say(&format!("the old rules stay in force: {error}")),
            }
        }
        let policy = policy_stamp(&self.config);
        if policy != self.stamps.1 {
            self.stamps.1 = policy;
            match sources::policy(self.config.policy.as_deref()) {
                Ok(policy) => {
                    (self.hands.warn)(&format!("policy: {} is in force", policy.version()));
                    self.core.set_policy(Arc::new(policy), now(), orders);
                }
                Err(error) => (self.hands.warn)(&format!("the old policy stays in force: {error}")),
            }
        }
        if let Some(known_bad) = &self.known_bad {
            known_bad.follow(list_of(&self.config, &self.core));
            if let Err(error) = known_bad.reload() {
                self.hands.say(&format!("the old list of hashes stays in force: {error}"));
            }
        }
    }

    fn end(mut self, mut orders: Vec<Order>) {
        eyes::stop(&self.watching);
        let waiting = Instant::now();
        while self.core.is_saving() && waiting.elapsed() < LAST_SAVES {
            std::thread::sleep(PATIENCE);
            self.saved(&mut orders);
        }
        self.core.stop(now(), &mut orders);
        self.hands.carry_out(&mut orders);
        if let Some(sensor) = &self.hands.sensor {
            sensor.stop();
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        drop(self.hands.gate.take());
        for late in self.hands.output.stop(Duration::from_secs(5)) {
            (self.hands.warn)(&format!("output {late}: not everything was delivered"));
        }
        drop(self.endpoint);
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

fn policy_stamp(config: &Config) -> Stamp {
    let paths: Vec<PathBuf> = config.policy.iter().cloned().collect();
    Stamp::of(&paths)
}

/// The list of known-bad hashes: the policy's, where it names one.
fn list_of(config: &Config, core: &Core) -> Option<PathBuf> {
    core.known_bad_file().or_else(|| config.hashes.known_bad.clone())
}
