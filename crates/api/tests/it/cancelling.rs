use palisade_model::{Failure, NodeEvent, wire};
use serde_json::json;

use crate::support::client::Request;
use crate::support::{ADMIN, Server, reports};

#[tokio::test]
async fn a_scan_is_taken_back() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    let path = format!("/file/{id}/cancel");
    for _ in 0..2 {
        let answer = server.call(Request::post(&path)).await.json();
        assert_eq!(answer, json!({ (id.to_string()): "cancelled" }));
    }
    let payloads = server.log.payloads();
    let cancel = payloads.iter().find_map(|payload| match wire::decode(payload) {
        Ok(NodeEvent::Cancel(summary)) => Some(summary),
        _ => None,
    });
    assert_eq!(cancel.unwrap().node.root, id);
    server
        .finish(id, |request| {
            let mut report = reports::partial(&request);
            report.nodes[0].own.failure = Some(Failure::Cancelled);
            report.nodes[0].whole.failure = Some(Failure::Cancelled);
            report.verdict.failure = Some(Failure::Cancelled);
            report
        })
        .await;
    let result = server.call(Request::get(&format!("/file/{id}"))).await.json();
    assert_eq!(result["scan_results"]["scan_all_result_i"], 19);
    assert_eq!(result["scan_results"]["scan_all_result_a"], "Cancelled");
    assert_eq!(result["process_info"]["result"], "Blocked");
    assert_eq!(server.call(Request::post(&path)).await.status, 200, "it is what was asked for");
}

#[tokio::test]
async fn what_is_done_or_anothers_is_not_cancelled() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    server.finish(id, |request| reports::clean(&request)).await;
    server.call(Request::post(&format!("/file/{id}/cancel"))).await.is_error(409_900);
    let call = Request::post("/file").key(Some(ADMIN)).body("mine");
    let other = server.call(call).await.json()["data_id"].as_str().unwrap().to_owned();
    server.call(Request::post(&format!("/file/{other}/cancel"))).await.is_error(403_001);
    let child = format!("{id}00000000000000ff");
    for unknown in ["018bcfe568000102030405060708090a", "nonsense", &child] {
        server.call(Request::post(&format!("/file/{unknown}/cancel"))).await.is_error(404_004);
    }
}
