//! Law 2: at least once, with the effect of once. A stage, or the whole process, dies at every step
//! that there is, before and after the step's work; every message comes twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_model::{EngineName, RequestId};
use palisade_pipeline::aggregator;
use palisade_pipeline::engine_host::group;
use palisade_ports::log::{Append, Durability, Start, Subscription, Topic};
use palisade_testkit::{
    Act, Cluster, Config, Death, Moment, Scene, ScriptedEngine, Stage, Step, comparable, scripts,
};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{fresh, mixed};

/// The worker dies twice of something `shaky`, always of something that `kills`.
fn fragile() -> ScriptedEngine {
    ScriptedEngine::new("fragile", |scene: &Scene<'_>| match scene.bytes {
        b"shaky" if scene.earlier < 2 => Act::Die("shaky"),
        b"kills" => Act::Die("killed"),
        _ => Act::nothing(),
    })
}

fn config() -> Config {
    Config::with([fragile()])
}

fn artifact() -> Vec<u8> {
    let inner = mixed();
    palisade_testkit::packing::pack([("inner", inner.as_slice()), ("poison", b"kills")])
}

/// The report as it must be, and the steps that lead to it.
async fn undisturbed() -> (Value, BTreeSet<Step>) {
    let cluster = Cluster::start(config()).await;
    let id = cluster.submit(&artifact()).await;
    let report = cluster.report(id).await;
    cluster.idle().await;
    assert!(report.partial, "one worker was killed");
    (comparable(&report), cluster.faults.steps().into_iter().collect())
}

async fn dies_at(step: Step, moment: Moment, death: Death, expected: Arc<Value>) {
    let case = format!("{death:?} dies {moment:?} {step:?}");
    let mut cluster = Cluster::start(config()).await;
    cluster.faults.die_at(step.clone(), moment, death);
    let bytes = artifact();
    let submitted = tokio::select! {
        answer = cluster.try_submit(&bytes, fresh()) => answer.ok().map(|accepted| accepted.id),
        () = cluster.faults.tripped() => None,
    };
    let tripped = cluster.faults.tripped();
    let tripped = tokio::time::timeout(std::time::Duration::from_secs(60), tripped).await;
    assert!(tripped.is_ok(), "never came to the step: {case}");
    match death {
        Death::All => cluster.restart_all().await,
        Death::Stage => {
            let stages = cluster.stages();
            let stage = stages.into_iter().find(|stage| stage.to_string() == step.stage);
            cluster.restart(&stage.expect("a stage of this name")).await;
        }
    }
    // Whoever has no id asks again.
    let id = match submitted {
        Some(id) => id,
        None => cluster.submit(&bytes).await,
    };
    assert_eq!(comparable(&*cluster.report(id).await), *expected, "{case}");
    // What is delivered again of a finished request is let go of in the end, and changes nothing.
    cluster.idle_in_time().await;
    assert_eq!(comparable(&*cluster.report(id).await), *expected, "{case}, later");
    cluster.stored(id, 1).await;
}

async fn everyone_dies_once(death: Death) {
    let (expected, steps) = undisturbed().await;
    let expected = Arc::new(expected);
    let names: BTreeSet<&str> = steps.iter().map(|step| step.what.as_str()).collect();
    for needed in [
        "objects.commit",
        "log.append palisade.requests",
        "log.append palisade.results",
        "log.append palisade.reports",
        "log.append palisade.dead-letters",
        "log.acknowledge palisade.requests",
        "log.acknowledge palisade.commands.unpack",
        "log.acknowledge palisade.results",
        "records.charge",
        "records.strike",
        "records.put_dead_letter",
        "records.finish",
        "records.settle",
    ] {
        assert!(names.contains(needed), "no step {needed} in {names:?}");
    }
    let mut cases: Vec<_> = steps
        .into_iter()
        .filter(enough)
        .flat_map(|step| [(step.clone(), Moment::Before), (step, Moment::After)])
        .collect();
    let mut running = JoinSet::new();
    while !cases.is_empty() || !running.is_empty() {
        while running.len() < 6
            && let Some((step, moment)) = cases.pop()
        {
            running.spawn(dies_at(step, moment, death, Arc::clone(&expected)));
        }
        if let Some(ended) = running.join_next().await {
            ended.unwrap();
        }
    }
}

/// Of steps that come once for every file or message, the first few are enough.
fn enough(step: &Step) -> bool {
    step.nth < 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_may_die_at_every_step() {
    everyone_dies_once(Death::Stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_may_die_at_every_step() {
    everyone_dies_once(Death::All).await;
}

#[tokio::test]
async fn every_message_may_come_twice() {
    let (expected, _) = undisturbed().await;
    let cluster = Cluster::start(config()).await;
    cluster.faults.deliver_twice();
    let id = cluster.submit(&artifact()).await;
    // Four times as many at every depth: the extractor may pause until engines have caught up.
    assert_eq!(comparable(&*cluster.report_in_time(id).await), expected);
    cluster.idle_in_time().await;
    cluster.stored(id, 1).await;
}

/// Keeps every request, command and result that is appended, to append it again: a group like any
/// other, which acknowledges nothing.
struct Recorder {
    topics: Vec<(Topic, Box<dyn Subscription>, Vec<Append>)>,
}

impl Recorder {
    async fn start(cluster: &Cluster) -> Self {
        let mut names = vec![Topic::Results];
        for priority in palisade_model::Priority::ALL {
            names.push(Topic::Requests(priority));
            for engine in ["unpack", "words", "fragile"] {
                let engine: EngineName = engine.parse().unwrap();
                names.push(Topic::Commands(engine, priority));
            }
        }
        let mut topics = Vec::new();
        for topic in names {
            let log = &cluster.ports().log;
            let topics_of = std::slice::from_ref(&topic);
            let subscription = log.subscribe("recorder", topics_of, Start::Oldest).await.unwrap();
            topics.push((topic, subscription, Vec::new()));
        }
        Self { topics }
    }

    /// Appends again everything that was ever appended; gives how much that was.
    async fn replay(&mut self, cluster: &Cluster) -> usize {
        let log = &cluster.ports().log;
        let mut count = 0;
        for (topic, subscription, records) in &mut self.topics {
            let all = log.backlog("recorder", topic).await.unwrap() as usize;
            while records.len() < all {
                let taken = subscription.next(64).await.unwrap().into_iter();
                records.extend(taken.map(|record| Append {
                    topic: topic.clone(),
                    key: record.key,
                    payload: record.payload,
                }));
            }
            count += all;
            log.append(records.clone(), Durability::Process).await.unwrap();
        }
        count
    }
}

#[tokio::test]
async fn everything_may_come_again_after_the_report() {
    let (expected, _) = undisturbed().await;
    let mut cluster = Cluster::start(config()).await;
    let mut recorder = Recorder::start(&cluster).await;
    let id = cluster.submit(&artifact()).await;
    cluster.report(id).await;
    cluster.idle().await;
    assert!(recorder.replay(&cluster).await > 20);
    cluster.idle().await;
    // And once more to an aggregator that remembers nothing.
    cluster.restart(&Stage::Aggregator).await;
    recorder.replay(&cluster).await;
    cluster.idle_in_time().await;
    assert_eq!(comparable(&*cluster.report(id).await), expected);
    cluster.stored(id, 1).await;
    let counts = cluster.ports().records.counts().await.unwrap();
    assert_eq!((counts.open, counts.finished, counts.dead_letters), (0, 1, 1));
}

#[tokio::test]
async fn a_port_may_fail_at_every_step() {
    let (expected, steps) = undisturbed().await;
    let names: BTreeSet<String> = steps
        .into_iter()
        .filter(|step| step.stage != "gateway" && !step.what.starts_with("log.acknowledge"))
        .map(|step| step.what)
        .chain(["objects.open".to_owned(), "log.next".to_owned(), "log.backlog".to_owned()])
        .collect();
    for what in names {
        for moment in [Moment::Before, Moment::After] {
            if what == "log.next" && moment == Moment::After {
                continue;
            }
            let cluster = Cluster::start(config()).await;
            let accepted = cluster.submit(&artifact()).await;
            cluster.faults.fail(&what, moment, 2);
            // Time passes for those who try again in a while, but not so much that anything is due.
            let report = cluster.report_in_time(accepted).await;
            assert_eq!(comparable(&report), expected, "{what} fails {moment:?}");
            cluster.stored(accepted, 1).await;
        }
    }
}

/// The aggregator dies with requests open, some of their results in and some not.
#[tokio::test]
async fn an_aggregator_is_rebuilt_from_the_log() {
    let gate = Arc::new(Semaphore::new(0));
    let gated = |gate: &Arc<Semaphore>| {
        let gate = Arc::clone(gate);
        ScriptedEngine::new("gated", move |scene: &Scene<'_>| {
            let say = Act::Say(scripts::opinion_on(scene.bytes));
            Act::Wait(Arc::clone(&gate), Box::new(say))
        })
        .at_once(64)
    };
    let mut cluster = Cluster::start(Config::with([gated(&gate)])).await;
    let mut ids: Vec<RequestId> = Vec::new();
    for _ in 0..5 {
        ids.push(cluster.submit(&mixed()).await);
    }
    let begun = || cluster.engine("gated").begun().len();
    // 5 trees of 8 files: everything but the gated results is on the log.
    cluster.until("every file is at the gate", || begun() == 40).await;
    gate.add_permits(11);
    cluster.kill(&Stage::Aggregator).await;
    assert!(cluster.backlog(aggregator::GROUP, &Topic::Results).await > 0);
    gate.add_permits(29);
    let commands = Topic::Commands("gated".parse().unwrap(), palisade_model::Priority::Interactive);
    let host = group(&"gated".parse().unwrap());
    while cluster.backlog(&host, &commands).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    cluster.wake(&Stage::Aggregator);
    let first = comparable(&*cluster.report(ids[0]).await);
    for id in ids {
        assert_eq!(comparable(&*cluster.report(id).await), first);
        cluster.stored(id, 1).await;
    }
    cluster.idle_in_time().await;
}
