//! Law 10: nothing is clean because it could not be read.

use palisade_model::{Failure, ProblemKind};
use palisade_ports::engine::Opinion;
use palisade_testkit::packing::pack;
use palisade_testkit::{Act, Cluster, Config, ScriptedEngine};

#[tokio::test]
async fn what_could_not_be_read_is_not_clean_at_any_depth() {
    let cluster = Cluster::start(Config::default()).await;
    let cases = [
        ("locked", Some(Failure::Encrypted), ProblemKind::EncryptedArchive),
        ("alien", Some(Failure::NotScanned), ProblemKind::Unsupported),
        ("cut", None, ProblemKind::Truncated),
    ];
    for (content, failure, problem) in cases {
        let mut bytes = content.as_bytes().to_vec();
        for depth in 0..4 {
            let id = cluster.submit(&bytes).await;
            let report = cluster.report(id).await;
            let case = format!("{content} at depth {depth}");
            assert!(!report.verdict.is_clean(), "{case}");
            assert_eq!(report.verdict.failure, failure, "{case}");
            assert_eq!(report.verdict.problem, Some(problem), "{case}");
            assert!(!report.partial, "{case}: nothing is missing");
            bytes = pack([("beside", b"fine".to_vec()), ("inner", bytes)]);
        }
    }
}

#[tokio::test]
async fn a_truncated_container_is_not_clean() {
    let cluster = Cluster::start(Config::default()).await;
    let whole = pack([("a", "fine"), ("b", "fine")]);
    let id = cluster.submit(&whole[..whole.len() - 1]).await;
    let report = cluster.report(id).await;
    assert!(!report.verdict.is_clean());
    assert_eq!((report.unpacked.files, report.verdict.problem), (1, Some(ProblemKind::Truncated)));
}

#[tokio::test]
async fn a_prober_that_cannot_tell_hides_nothing() {
    let prober = ScriptedEngine::new("filetype", |scene| match scene.bytes {
        bytes if bytes.starts_with(b"BOX") => Act::Die("of boxes"),
        _ => Act::nothing(),
    });
    let cluster = Cluster::start(Config { prober, ..Config::default() }).await;
    let id = cluster.submit(&pack([("inner", "evil")])).await;
    let report = cluster.report(id).await;
    assert_eq!(report.verdict.verdict, palisade_model::Verdict::Malicious, "{report:#?}");
    assert!(report.partial);
}

/// An exploit in a parser costs the one result (law 5): it cannot say of itself what only the
/// reputation engine may say, that this artifact is answered for.
#[tokio::test]
async fn only_reputation_lists_an_artifact_as_allowed() {
    let says_allowed = |name: &str| {
        ScriptedEngine::new(name, |_| {
            let finding = palisade_model::Finding {
                id: "allow-listed".to_owned(),
                ..palisade_model::Finding::default()
            };
            Act::Say(Opinion { findings: vec![finding], ..Opinion::default() })
        })
    };
    let cluster = Cluster::start(Config::with([says_allowed("exploited")])).await;
    let id = cluster.submit(b"evil").await;
    let report = cluster.report(id).await;
    assert_eq!(report.verdict.verdict, palisade_model::Verdict::Malicious);

    let cluster = Cluster::start(Config::with([says_allowed("reputation")])).await;
    let id = cluster.submit(b"evil").await;
    assert!(cluster.report(id).await.verdict.is_clean());
}
