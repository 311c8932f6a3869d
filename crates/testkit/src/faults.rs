//! Faults between the stages and their ports: at any step of any stage a test can let the port fail,
//! stall, or let the stage die there, before or after the port has done its work.

mod log;
mod objects;
mod records;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_model::RequestId;
use palisade_pipeline::Ports;
use palisade_ports::log::Durability;
use palisade_ports::{PortError, PortResult};
use tokio::sync::watch;

/// Before or after the port has done its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The port has done nothing yet.
    Before,
    /// The port has done it, and the stage does not come to know.
    After,
}

/// Who dies at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The stage whose step it is.
    Stage,
    /// The whole process.
    All,
}

/// One write to a port by one stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Step {
    /// The stage, as [`crate::Stage`] shows it.
    pub stage: String,
    /// The port's method and what it is about: `log.append palisade.results`, `records.finish`.
    pub what: String,
    /// How many of the same the stage had made before.
    pub nth: u32,
}

/// The switchboard. Clones share it.
#[derive(Clone, Default)]
pub struct Faults {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Tells those who hang to look again.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    steps: Vec<Step>,
    counts: HashMap<(String, String), u32>,
    trap: Option<(Step, Moment, Death)>,
    tripped: bool,
    dead: HashSet<String>,
    all_dead: bool,
    /// How often each stage has died.
    lives: HashMap<String, u64>,
    failures: Vec<Failing>,
    stalled: Vec<String>,
    twice: bool,
    stored: HashMap<RequestId, u32>,
    weakest: HashMap<(String, String), Durability>,
}

struct Failing {
    what: String,
    moment: Moment,
    times: u32,
}

impl Faults {
    /// Lets the next `times` calls fail whose name starts with `what`.
    pub fn fail(&self, what: &str, moment: Moment, times: u32) {
        self.change(|state| {
            state.failures.push(Failing { what: what.to_owned(), moment, times });
        });
    }

    /// Lets calls whose name starts with `what` wait until [`Faults::heal`].
    pub fn stall(&self, what: &str) {
        self.change(|state| state.stalled.push(what.to_owned()));
    }

    /// Ends every failure and every stall.
    pub fn heal(&self) {
        self.change(|state| {
            state.failures.clear();
            state.stalled.clear();
        });
    }

    /// From now on, everything that is appended to the log is appended twice.
    pub fn deliver_twice(&self) {
        self.change(|state| state.twice = true);
    }

    /// Lets a stage, or everything, die at a step. From there on no call of the dead does anything;
    /// its tasks are still to be killed.
    pub fn die_at(&self, step: Step, moment: Moment, death: Death) {
        self.change(|state| state.trap = Some((step, moment, death)));
    }

    /// Returns once the step of [`Faults::die_at`] was reached.
    pub async fn tripped(&self) {
        let mut changes = self.inner.changes.subscribe();
        while !self.state().tripped {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Every step so far.
    pub fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// How many reports were stored for a request.
    pub fn stored(&self, id: RequestId) -> u32 {
        self.state().stored.get(&id).copied().unwrap_or(0)
    }

    /// Whether any stage was killed so far.
    pub fn has_killed(&self) -> bool {
        !self.state().lives.is_empty()
    }

    /// The weakest durability that a stage asked for on a topic; `None` when it appended nothing.
    pub fn weakest(&self, stage: &str, topic: &str) -> Option<Durability> {
        self.state().weakest.get(&(stage.to_owned(), topic.to_owned())).copied()
    }

    /// The ports of a stage, with the faults between.
    pub(crate) fn between(&self, stage: &str, ports: &Ports) -> Ports {
        let life = self.state().lives.get(stage).copied().unwrap_or(0);
        let port = Port { faults: self.clone(), stage: stage.to_owned(), life };
        Ports {
            log: Arc::new(log::FaultyLog::new(port.clone(), Arc::clone(&ports.log))),
            objects: Arc::new(objects::FaultyObjects::new(
                port.clone(),
                Arc::clone(&ports.objects),
            )),
            records: Arc::new(records::FaultyRecords::new(port, Arc::clone(&ports.records))),
            clock: Arc::clone(&ports.clock),
            metrics: ports.metrics.clone(),
        }
    }

    /// The stage's tasks are gone: what is left of it gets errors, and a new one may start.
    pub(crate) fn bury(&self, stage: &str) {
        self.change(|state| {
            *state.lives.entry(stage.to_owned()).or_default() += 1;
            state.dead.remove(stage);
        });
    }

    /// Everything was buried.
    pub(crate) fn bury_all(&self) {
        self.change(|state| state.all_dead = false);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.inner.changes.send_modify(|count| *count += 1);
    }
}

/// What a call is to do.
enum Decision {
    Go,
    Fail,
    Wait,
}

/// One stage's end of the wires.
#[derive(Clone)]
struct Port {
    faults: Faults,
    stage: String,
    life: u64,
}

impl Port {
    /// A write: it can be died at, and it can fail.
    async fn write<T>(
        &self,
        what: &str,
        work: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        let step = self.enter(what);
        self.pass(what, &step, Moment::Before).await?;
        let done = work.await?;
        self.pass(what, &step, Moment::After).await?;
        Ok(done)
    }

    /// A read: it can fail, and the dead get no answer.
    async fn read<T>(
        &self,
        what: &str,
        work: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        self.pass(what, &None, Moment::Before).await?;
        let done = work.await?;
        self.pass(what, &None, Moment::After).await?;
        Ok(done)
    }

    /// A write that does not wait. False when it is not to be done.
    fn write_now(&self, what: &str, work: impl FnOnce()) {
        let step = self.enter(what);
        if matches!(self.decide(what, &step, Moment::Before), Decision::Go) {
            work();
            self.decide(what, &step, Moment::After);
        }
    }

    /// Notes a step of the living.
    fn enter(&self, what: &str) -> Option<Step> {
        let mut state = self.faults.state();
        if self.is_dead(&state) {
            return None;
        }
        let count = state.counts.entry((self.stage.clone(), what.to_owned())).or_default();
        let step = Step { stage: self.stage.clone(), what: what.to_owned(), nth: *count };
        *count += 1;
        state.steps.push(step.clone());
        Some(step)
    }

    async fn pass(&self, what: &str, step: &Option<Step>, moment: Moment) -> PortResult<()> {
        loop {
            let mut changes = self.faults.inner.changes.subscribe();
            match self.decide(what, step, moment) {
                Decision::Go => return Ok(()),
                Decision::Fail => return Err(failed()),
                Decision::Wait => {
                    if changes.changed().await.is_err() {
                        return Err(failed());
                    }
                }
            }
        }
    }

    fn decide(&self, what: &str, step: &Option<Step>, moment: Moment) -> Decision {
        let mut state = self.faults.state();
        if state.lives.get(&self.stage).copied().unwrap_or(0) != self.life {
            return Decision::Fail;
        }
        if self.is_dead(&state) {
            return Decision::Wait;
        }
        let trapped = matches!(&state.trap, Some((trap, when, _))
            if Some(trap) == step.as_ref() && *when == moment);
        if trapped && let Some((_, _, death)) = state.trap.take() {
            state.tripped = true;
            match death {
                Death::Stage => drop(state.dead.insert(self.stage.clone())),
                Death::All => state.all_dead = true,
            }
            drop(state);
            self.faults.inner.changes.send_modify(|count| *count += 1);
            return Decision::Wait;
        }
        let failing = state.failures.iter_mut().find(|failing| {
            failing.times > 0 && failing.moment == moment && what.starts_with(&failing.what)
        });
        if let Some(failing) = failing {
            failing.times -= 1;
            return Decision::Fail;
        }
        if moment == Moment::Before && state.stalled.iter().any(|name| what.starts_with(name)) {
            return Decision::Wait;
        }
        Decision::Go
    }

    fn is_dead(&self, state: &State) -> bool {
        state.all_dead
            || state.dead.contains(&self.stage)
            || state.lives.get(&self.stage).copied().unwrap_or(0) != self.life
    }
}

fn failed() -> PortError {
    PortError::Unavailable { what: "the port", source: "told to fail".into() }
}
