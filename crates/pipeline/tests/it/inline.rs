//! Small artifacts travel with their request, where the object store is far away (decision 0015).

use palisade_model::{Report, wire};
use palisade_pipeline::artifacts::CacheConfig;
use palisade_ports::Objects;
use palisade_testkit::packing::pack;
use palisade_testkit::{Cluster, Config, comparable};

use crate::support::{at, fresh, mixed};

const SMALL: u64 = 512;

async fn cluster(inline_bytes: u64) -> Cluster {
    let cache = CacheConfig { inline_bytes, ..CacheConfig::default() };
    Cluster::start(Config { cache, ..Config::default() }).await
}

async fn is_stored(objects: &dyn Objects, report: &Report, path: &str) -> bool {
    let name = at(report, path).artifact.sha256();
    objects.open(name).await.expect("the store").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_travels_is_seen_by_every_engine_and_stored_nowhere() {
    let (near, far) = (cluster(0).await, cluster(SMALL).await);
    let large = vec![b'x'; SMALL as usize + 1];
    let bytes = pack([("mixed", mixed()), ("large", large), ("empty", Vec::new())]);
    let mut reports = Vec::new();
    for cluster in [&near, &far] {
        let id = cluster.submit_as(&bytes, fresh()).await.id;
        reports.push(cluster.report(id).await);
    }
    let [at_hand, travelled] = [&reports[0], &reports[1]];
    assert_eq!(comparable(at_hand), comparable(travelled), "the report is the same");

    let objects = &*far.ports().objects;
    // What a caller brought is durable, whatever its size (law 1).
    assert!(is_stored(objects, travelled, "").await);
    assert!(is_stored(objects, travelled, "large").await, "too large to travel");
    for path in ["mixed", "mixed/plain", "mixed/middle/deep/worse", "empty"] {
        assert!(!is_stored(objects, travelled, path).await, "{path}");
        assert!(is_stored(&*near.ports().objects, at_hand, path).await, "{path}");
    }

    // Nobody who reads a report is given hostile bytes.
    let text = String::from_utf8(wire::encode(&**travelled)).expect("JSON");
    assert!(!text.contains("\"inline\""), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_upload_travels_and_is_stored() {
    let far = cluster(SMALL).await;
    let id = far.submit_as(b"evil", fresh()).await.id;
    let report = far.report(id).await;
    assert!(!report.verdict.is_clean(), "{:?}", report.verdict);
    assert!(is_stored(&*far.ports().objects, &report, "").await);
}
