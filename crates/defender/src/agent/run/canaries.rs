//! Canaries are sent, and what they show is told.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::Agent;
use crate::agent::core::Order;
use crate::agent::{canary, now};

/// Canaries that are under way.
pub(super) struct Canaries {
    every: Option<Duration>,
    sent: Instant,
    sender: mpsc::Sender<(u64, canary::Outcome)>,
    outcomes: Receiver<(u64, canary::Outcome)>,
    pending: canary::Pending,
}

impl Canaries {
    pub(super) fn new(seconds: u64) -> Self {
        let (sender, outcomes) = mpsc::channel();
        let every = (seconds > 0).then(|| Duration::from_secs(seconds));
        let pending = canary::Pending::default();
        Self { every, sent: Instant::now(), sender, outcomes, pending }
    }

    pub(super) fn due(&mut self) -> bool {
        let due = self.every.is_some_and(|every| self.sent.elapsed() >= every);
        if due {
            self.sent = Instant::now();
        }
        due
    }

    fn send(&self, runtime: &tokio::runtime::Runtime, cgroup: u64, folder: PathBuf) {
        let sender = self.sender.clone();
        runtime.spawn_blocking(move || {
            let _ = sender.send((cgroup, canary::send(&folder)));
        });
    }
}

impl Agent {
    pub(super) fn canaries(&mut self, orders: &mut Vec<Order>) {
        let time = now();
        for (cgroup, outcome) in self.canaries.outcomes.try_iter() {
            self.canaries.pending.ended(cgroup, outcome, time);
        }
        for cgroup in self.hands.proofs.drain() {
            self.canaries.pending.proof(cgroup);
        }
        for (container, verdict) in self.canaries.pending.settle(time) {
            match verdict {
                canary::Verdict::Passed => self.metrics.canary("passed"),
                canary::Verdict::Missed => {
                    self.metrics.canary("missed");
                    self.core.canary_missed(canary::event(Some(container)), time, orders);
                }
                canary::Verdict::Unproven => {
                    self.metrics.canary("unproven");
                    let name = container.shown();
                    self.hands.say(&format!(
                        "container {name}: a canary ended, and not by what refuses programs there"
                    ));
                }
            }
        }
    }

    pub(super) fn send_canaries(&mut self) {
        let Some(sensor) = self.hands.sensor.clone() else { return };
        let Ok((device, inode)) = canary::identity() else { return };
        let protected = self.core.protected();
        if protected.is_empty() {
            return;
        }
        let mut folders = self.hands.folders();
        let mut failed = None;
        for (container, cgroup) in protected {
            let Some(folder) = folders.remove(&cgroup) else { continue };
            match sensor.canary(cgroup, device, inode) {
                Ok(()) => {
                    self.canaries.pending.sent(cgroup, container, now());
                    self.canaries.send(&self.runtime, cgroup, folder);
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            self.hands.say(&format!("canaries cannot be sent: {error}"));
        }
    }
}
