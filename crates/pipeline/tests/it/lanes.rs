//! Priorities: interactive before batch, and batch has its guaranteed share.

use std::collections::HashMap;
use std::sync::Arc;

use palisade_model::{Priority, RequestId};
use palisade_pipeline::engine_host::group;
use palisade_pipeline::gateway::Submission;
use palisade_ports::log::Topic;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine, Stage};
use tokio::sync::Semaphore;

use crate::support::fresh;

/// Commands that a host may have taken already when another comes: the one that it runs, and one for
/// which the other lane was being looked at.
const TAKEN: usize = 2;

struct Lanes {
    cluster: Cluster,
    gate: Arc<Semaphore>,
    priorities: HashMap<RequestId, Priority>,
}

impl Lanes {
    async fn start(asleep: Vec<Stage>) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let at_gate = Arc::clone(&gate);
        let slow = ScriptedEngine::new("slow", move |_| {
            Act::Wait(Arc::clone(&at_gate), Box::new(Act::nothing()))
        })
        .at_once(1);
        let engines = vec![slow];
        let cluster = Cluster::start(Config { engines, asleep, ..Config::default() }).await;
        Self { cluster, gate, priorities: HashMap::new() }
    }

    async fn submit(&mut self, priority: Priority, count: usize) {
        for _ in 0..count {
            let submission = Submission { priority, ..fresh() };
            let id = self.cluster.submit_as(b"fine", submission).await.id;
            self.priorities.insert(id, priority);
        }
    }

    async fn queued(&self, priority: Priority, count: u64) {
        let engine = "slow".parse().unwrap();
        let (group, topic) = (group(&engine), Topic::Commands(engine, priority));
        while self.cluster.backlog(&group, &topic).await < count {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    /// The priorities of the scans so far, in order.
    fn begun(&self) -> Vec<Priority> {
        let begun = self.cluster.engine("slow").begun();
        begun.iter().map(|scan| self.priorities[&scan.node.root]).collect()
    }

    async fn until_begun(&self, count: usize) {
        let begun = || self.begun().len() >= count;
        self.cluster.until("the scans begin", begun).await;
    }
}

fn count(priorities: &[Priority], priority: Priority) -> usize {
    priorities.iter().filter(|other| **other == priority).count()
}

#[tokio::test]
async fn interactive_work_is_first_and_batch_has_a_quarter() {
    let mut lanes = Lanes::start(vec![Stage::Engine("slow".to_owned())]).await;
    lanes.submit(Priority::Batch, 20).await;
    lanes.submit(Priority::Interactive, 40).await;
    lanes.queued(Priority::Batch, 20).await;
    lanes.queued(Priority::Interactive, 40).await;
    lanes.cluster.wake(&Stage::Engine("slow".to_owned()));
    lanes.gate.add_permits(60);
    lanes.until_begun(60).await;
    let begun = lanes.begun();
    // While both wait, every fourth is a batch one.
    let batch = count(&begun[..40], Priority::Batch);
    assert!((10 - TAKEN..=10 + TAKEN).contains(&batch), "{batch} of the first 40: {begun:?}");
}

#[tokio::test]
async fn interactive_work_does_not_wait_behind_batch_work_that_was_fetched() {
    let mut lanes = Lanes::start(Vec::new()).await;
    lanes.submit(Priority::Batch, 30).await;
    lanes.queued(Priority::Batch, 29).await;
    lanes.until_begun(1).await;
    lanes.submit(Priority::Interactive, 6).await;
    lanes.queued(Priority::Interactive, 6).await;
    lanes.gate.add_permits(36);
    lanes.until_begun(36).await;
    let begun = lanes.begun();
    let last = begun.iter().rposition(|priority| *priority == Priority::Interactive).unwrap();
    let before = count(&begun[..last], Priority::Batch);
    assert!(before <= 2 * TAKEN + 2, "{before} batch scans before the last: {begun:?}");
}

#[tokio::test]
async fn batch_work_goes_on_while_interactive_work_never_ends() {
    let mut lanes = Lanes::start(Vec::new()).await;
    lanes.submit(Priority::Interactive, 8).await;
    lanes.submit(Priority::Batch, 4).await;
    lanes.queued(Priority::Batch, 4).await;
    for round in 0..30 {
        lanes.submit(Priority::Interactive, 1).await;
        lanes.gate.add_permits(1);
        lanes.until_begun(round + 2).await;
    }
    assert_eq!(count(&lanes.begun(), Priority::Batch), 4, "{:?}", lanes.begun());
}
