//! The report cache: the same question has the same answer, and any other has not.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_model::{UnpackLimits, Verdict};
use palisade_pipeline::gateway::{Submission, Workflow, Workflows};
use palisade_ports::records::{EngineState, RequestState};
use palisade_testkit::packing::{open, pack};
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine, scripts};
use tokio::sync::Semaphore;

fn named(name: &str) -> Submission {
    Submission::new(name)
}

/// Whether these bytes, asked for in this way, were answered from the cache; there is a report
/// afterwards in any case.
async fn cached(cluster: &Cluster, bytes: &[u8], submission: Submission) -> bool {
    let accepted = cluster.submit_as(bytes, submission).await;
    cluster.report_in_time(accepted.id).await;
    accepted.cached
}

#[tokio::test]
async fn the_same_question_is_answered_at_once() {
    let cluster = Cluster::start(Config::default()).await;
    let bytes = crate::support::mixed();
    let clean = pack([("a", "fine"), ("b", "evil")]);
    let first = cluster.submit_as(&clean, named("file")).await;
    assert!(!first.cached);
    let report = cluster.report(first.id).await;
    let second = cluster.submit_as(&clean, named("file")).await;
    assert!(second.cached);
    assert_ne!(first.id, second.id);
    let state = cluster.gateway().state(second.id).await.unwrap();
    let Some(RequestState::Finished { summary, report: again, .. }) = state else { panic!() };
    assert_eq!(summary.node.root, second.id);
    assert_eq!(again.verdict, report.verdict);
    assert_eq!(again.verdict.verdict, Verdict::Malicious);
    assert_eq!(cluster.metrics().cached.get(), 1);
    cluster.stored(second.id, 1).await;

    // An encrypted member is a failure: with the password next time it may not be.
    assert!(!cached(&cluster, &bytes, named("file")).await);
    assert!(!cached(&cluster, &bytes, named("file")).await);
}

#[tokio::test]
async fn another_question_is_asked_anew() {
    let other = BTreeMap::from([("other".to_owned(), Workflow::default())]);
    let workflows = Workflows::new(other).unwrap();
    let cluster = Cluster::start(Config { workflows, ..Config::default() }).await;
    let base = || named("file");
    assert!(!cached(&cluster, b"fine", base()).await);
    let others = [
        named("file.exe"),
        Submission { workflow: "other".to_owned(), ..base() },
        Submission { passwords: vec!["secret".to_owned()], ..base() },
        Submission { passwords: vec!["sec".to_owned(), "ret".to_owned()], ..base() },
        Submission { engines: Some(vec!["words".parse().unwrap()]), ..base() },
        Submission {
            limits: Some(UnpackLimits { max_depth: 2, ..UnpackLimits::default() }),
            ..base()
        },
    ];
    for other in others {
        let again = other.clone();
        assert!(!cached(&cluster, b"fine", other).await, "{again:?}");
        assert!(cached(&cluster, b"fine", again).await);
    }
    assert!(!cached(&cluster, b"other", base()).await);
    assert!(!cached(&cluster, b"fine", Submission { cache: false, ..base() }).await);
    assert!(cached(&cluster, b"fine", base()).await);
}

#[tokio::test]
async fn new_definitions_and_new_engines_make_reports_stale() {
    let cluster = Cluster::start(Config::default()).await;
    assert!(!cached(&cluster, b"fine", named("file")).await);
    cluster.engine("words").set_definitions("2");
    cluster.refresh().await;
    assert!(!cached(&cluster, b"fine", named("file")).await);
    assert!(cached(&cluster, b"fine", named("file")).await);
    // The prober decides the plan.
    cluster.engine("filetype").set_definitions("2");
    cluster.refresh().await;
    assert!(!cached(&cluster, b"fine", named("file")).await);
}

#[tokio::test]
async fn other_bounds_of_the_gateway_are_another_question() {
    let mut config = Config::default();
    config.gateway.unpack.max_depth = 1;
    let bytes = pack([("a", pack([("b", "fine")]))]);
    let mut cluster = Cluster::start(config).await;
    assert!(!cached(&cluster, &bytes, named("file")).await);
    assert!(cached(&cluster, &bytes, named("file")).await);
    cluster.set_unpack(UnpackLimits::default());
    cluster.restart_all().await;
    let accepted = cluster.submit_as(&bytes, named("file")).await;
    assert!(!accepted.cached);
    assert!(cluster.report(accepted.id).await.verdict.is_clean());
}

#[tokio::test]
async fn partial_reports_answer_for_nothing() {
    let moody = ScriptedEngine::new("moody", |scene| match scene.bytes {
        b"kills" => Act::Die("of it"),
        b"late" => Act::Hang,
        _ => Act::nothing(),
    });
    let cluster = Cluster::start(Config::with([moody])).await;
    let soon = || Submission { deadline_ms: Some(1_000), ..named("file") };
    for bytes in [b"kills".as_slice(), b"late"] {
        assert!(!cached(&cluster, bytes, soon()).await);
        assert!(!cached(&cluster, bytes, soon()).await);
    }
    // While an engine is down there is no answer from the cache: its entry would be missing.
    assert!(!cached(&cluster, b"fine", named("file")).await);
    assert!(cached(&cluster, b"fine", named("file")).await);
    cluster.engine("moody").set_health(EngineState::Down, "away");
    cluster.refresh().await;
    assert!(!cached(&cluster, b"fine", named("file")).await);
    assert!(!cached(&cluster, b"fine", named("file")).await);
}

#[tokio::test]
async fn definitions_that_change_within_a_tree_answer_for_nothing() {
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    let unpack = ScriptedEngine::new(scripts::UNPACKER, move |scene| {
        let unpack = Act::Unpack(open(scene.bytes).0, Default::default());
        Act::Wait(Arc::clone(&at_gate), Box::new(unpack))
    });
    let engines = vec![unpack, scripts::scanner("words")];
    let cluster = Cluster::start(Config { engines, ..Config::default() }).await;
    let bytes = pack([("a", "fine")]);
    let id = cluster.submit_as(&bytes, named("file")).await.id;
    let scanned = |count| move |cluster: &Cluster| cluster.engine("words").begun().len() >= count;
    cluster.until("the root is scanned", || scanned(1)(&cluster)).await;
    cluster.engine("words").set_definitions("2");
    cluster.refresh().await;
    gate.add_permits(1);
    cluster.report(id).await;
    gate.add_permits(9);
    for definitions in ["2", "1"] {
        cluster.engine("words").set_definitions(definitions);
        cluster.refresh().await;
        assert!(!cached(&cluster, &bytes, named("file")).await, "definitions {definitions}");
        assert!(cached(&cluster, &bytes, named("file")).await);
    }
}

#[tokio::test]
async fn old_reports_answer_for_nothing() {
    let mut config = Config::default();
    config.gateway.cache_ms = 60_000;
    let cluster = Cluster::start(config).await;
    assert!(!cached(&cluster, b"fine", named("file")).await);
    cluster.clock.advance(59_000);
    cluster.refresh().await;
    assert!(cached(&cluster, b"fine", named("file")).await);
    cluster.clock.advance(2_000);
    assert!(!cached(&cluster, b"fine", named("file")).await);
}
