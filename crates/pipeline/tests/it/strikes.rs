//! Law 4: what kills its worker three times goes to the dead letters, its report says so, and nothing
//! else waits for it.

use palisade_model::{
    Command, DeadLetter, EngineEntry, EngineName, Failure, NodeId, Outcome, RequestId, wire,
};
use palisade_ports::log::{Start, Topic};
use palisade_telemetry::metrics::{DropReason, EngineLabel};
use palisade_testkit::{Act, Cluster, Config, Death, Moment, ScriptedEngine, Stage, Step};

use crate::support::{entry, fresh};

/// Its worker dies of everything that says `kills`.
fn fragile() -> ScriptedEngine {
    ScriptedEngine::new("fragile", |scene| match scene.bytes {
        bytes if bytes.starts_with(b"kills") => Act::Die("signal 11"),
        bytes if bytes.starts_with(b"panics") => Act::Panic,
        _ => Act::nothing(),
    })
}

fn letter_of(id: RequestId) -> String {
    format!("{}.fragile", NodeId::root(id))
}

async fn letter(cluster: &Cluster, id: RequestId) -> DeadLetter {
    let letter = cluster.ports().records.dead_letter(&letter_of(id)).await.unwrap();
    letter.expect("a dead letter")
}

#[tokio::test]
async fn three_deaths_make_a_dead_letter_and_keep_nobody_waiting() {
    let cluster = Cluster::start(Config::with([fragile()])).await;
    let submission =
        palisade_pipeline::gateway::Submission { passwords: vec!["hunter2".to_owned()], ..fresh() };
    let killer = cluster.submit_as(b"kills", submission).await.id;
    let mut others = Vec::new();
    for _ in 0..20 {
        others.push(cluster.submit(b"fine").await);
    }
    for other in others {
        let report = cluster.report(other).await;
        assert!(report.verdict.is_clean() && !report.partial, "{report:#?}");
    }

    let report = cluster.report(killer).await;
    assert!(report.partial && !report.verdict.is_clean());
    let EngineEntry::Done(result) = entry(&report.nodes[0], "fragile") else {
        panic!("{report:?}")
    };
    assert_eq!(result.outcome, Outcome::Failure(Failure::Failed));
    assert!(result.reason.as_ref().unwrap().contains(&letter_of(killer)), "{result:?}");
    assert!(matches!(entry(&report.nodes[0], "words"), EngineEntry::Done(_)));

    let letter = letter(&cluster, killer).await;
    assert_eq!(letter.attempts, 3);
    assert!(letter.reason.contains("signal 11"), "{}", letter.reason);
    let command: Command = wire::decode(letter.payload.as_bytes()).unwrap();
    assert_eq!(command.request.node, NodeId::root(killer));
    assert!(!letter.payload.contains("hunter2"), "no secrets in a dead letter");
    let mut letters =
        cluster.ports().log.subscribe("test", &[Topic::DeadLetters], Start::Oldest).await.unwrap();
    let on_the_log = letters.next(10).await.unwrap();
    assert_eq!(wire::decode::<DeadLetter>(&on_the_log[0].payload).unwrap(), letter);

    assert_eq!(cluster.drops(DropReason::DeadLetter, "fragile"), 1);
    let label = EngineLabel { engine: "fragile".to_owned() };
    assert_eq!(cluster.metrics().worker_deaths.get_or_create(&label).get(), 3);
}

#[tokio::test]
async fn strikes_survive_the_host() {
    let mut cluster = Cluster::start(Config::with([fragile()])).await;
    let step =
        Step { stage: "engine fragile".to_owned(), what: "records.strike".to_owned(), nth: 1 };
    cluster.faults.die_at(step, Moment::After, Death::Stage);
    let id = cluster.submit(b"kills").await;
    cluster.faults.tripped().await;
    cluster.restart(&Stage::Engine("fragile".to_owned())).await;
    cluster.report(id).await;
    assert_eq!(letter(&cluster, id).await.attempts, 3);
    let fragile: EngineName = "fragile".parse().unwrap();
    let scans = cluster.engine("fragile").begun();
    assert_eq!(scans.iter().filter(|scan| scan.engine == fragile).count(), 3);
}

/// An adapter in our own process may panic: that is a death like any other, and not of the host.
#[tokio::test]
async fn a_panic_is_a_death() {
    let cluster = Cluster::start(Config::with([fragile()])).await;
    let id = cluster.submit(b"panics").await;
    let other = cluster.submit(b"fine").await;
    assert!(cluster.report(other).await.verdict.is_clean());
    let report = cluster.report(id).await;
    assert!(report.partial);
    assert_eq!(letter(&cluster, id).await.attempts, 3);
    assert_eq!(cluster.engine("fragile").begun().len(), 4);
}
