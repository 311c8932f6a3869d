//! Workflows: what an operator calls by a name decides engines, bounds, time and policy.

use std::collections::BTreeMap;

use palisade_model::{Policy, ProblemKind, Tolerated};
use palisade_pipeline::gateway::{
    Gateway, GatewayError, Submission, Workflow, WorkflowLimits, Workflows,
};
use palisade_testkit::packing::pack;
use palisade_testkit::{Cluster, Config, scripts};

use crate::support::fresh;

fn workflows() -> Workflows {
    let policy = Policy { tolerate: [Tolerated::TooDeep].into(), ..Policy::default() };
    let flat = Workflow {
        engines: Some(vec!["filetype".parse().unwrap(), "unpack".parse().unwrap()]),
        max_bytes: Some(1_000),
        deadline_ms: Some(7_000),
        unpack: WorkflowLimits { max_depth: Some(0), ..WorkflowLimits::default() },
        policy,
        ..Workflow::default()
    };
    Workflows::new(BTreeMap::from([("flat".to_owned(), flat)])).unwrap()
}

fn gateway(cluster: &Cluster) -> Gateway {
    cluster.gateway().clone().with_workflows(workflows())
}

fn flat() -> Submission {
    Submission { workflow: "flat".to_owned(), ..Submission::new("file") }
}

#[tokio::test]
async fn a_workflow_decides_what_its_requests_do_not_say() {
    let cluster = Cluster::start(Config::with([scripts::scanner("more")])).await;
    let gateway = gateway(&cluster);
    let artifact = cluster.store(&pack([("inner", b"evil".to_vec())])).await;
    let id = gateway.submit(artifact.clone(), flat()).await.unwrap().id;
    let report = cluster.report(id).await;
    let engines: Vec<_> =
        report.nodes[0].engines.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(engines, ["filetype", "unpack"]);
    assert_eq!(report.verdict.problem, Some(ProblemKind::TooDeep));
    assert_eq!(report.request.deadline.since(report.request.accepted), 7_000);
    assert_eq!(report.request.policy.as_ref().map(|policy| policy.tolerate.len()), Some(1));
    assert_eq!((gateway.upload_limit("flat"), gateway.upload_limit("default")), (1_000, 2 << 30));
    // What a request says for itself goes first.
    let asked = Submission {
        engines: Some(vec!["more".parse().unwrap()]),
        deadline_ms: Some(9_000),
        ..flat()
    };
    let id = gateway.submit(artifact, asked).await.unwrap().id;
    let report = cluster.report(id).await;
    assert_eq!(report.nodes[0].engines.len(), 1);
    assert_eq!(report.request.deadline.since(report.request.accepted), 9_000);
}

#[tokio::test]
async fn an_unknown_workflow_is_refused_with_the_names_there_are() {
    let cluster = Cluster::start(Config::default()).await;
    let artifact = cluster.store(b"fine").await;
    let nowhere = Submission { workflow: "nowhere".to_owned(), ..fresh() };
    let refused = gateway(&cluster).submit(artifact, nowhere).await.unwrap_err();
    assert!(matches!(refused, GatewayError::UnknownWorkflow { .. }));
    assert!(refused.to_string().contains("default, flat"), "{refused}");
}

/// A report answers for the same bytes only when it was made by the same rules.
#[tokio::test]
async fn reports_are_kept_apart_by_what_their_workflow_says() {
    let cluster = Cluster::start(Config::default()).await;
    let artifact = cluster.store(b"odd").await;
    let strict = |tolerate: &[Tolerated]| {
        let policy = Policy { tolerate: tolerate.iter().copied().collect(), ..Policy::default() };
        let workflow = Workflow { policy, ..Workflow::default() };
        Workflows::new(BTreeMap::from([("mail".to_owned(), workflow)])).unwrap()
    };
    let mail = || Submission { workflow: "mail".to_owned(), ..Submission::new("file") };
    let before = cluster.gateway().clone().with_workflows(strict(&[]));
    let after = cluster.gateway().clone().with_workflows(strict(&[Tolerated::Suspicious]));
    let first = before.submit(artifact.clone(), mail()).await.unwrap();
    cluster.report(first.id).await;
    assert!(before.submit(artifact.clone(), mail()).await.unwrap().cached);
    let second = after.submit(artifact.clone(), mail()).await.unwrap();
    assert!(!second.cached, "the policy has changed since");
    let report = cluster.report(second.id).await;
    assert!(report.request.policy.is_some());
    assert!(after.submit(artifact, mail()).await.unwrap().cached);
}
