use palisade_pipeline::artifacts::Digests;
use palisade_pipeline::gateway::{Workflow, Workflows};
use serde_json::json;

use crate::support::client::Request;
use crate::support::{ADMIN, Server, Setup, reports};

#[tokio::test]
async fn the_scans_of_a_hash_and_of_a_key() {
    let server = Server::start().await;
    let first = server.upload("a.txt", b"hello").await;
    server.finish(first, |request| reports::clean(&request)).await;
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let second = server.upload("b.txt", b"hello").await;
    let md5 = Digests::of(b"hello").md5;
    let path = format!("/hash/{md5}/scanhistory");
    let body = server.call(Request::get(&path)).await.json();
    assert_eq!(body["md5"], md5);
    let scans = body["scan_result_history"].as_array().unwrap();
    let ids: Vec<_> = scans.iter().map(|scan| scan["data_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [second.to_string(), first.to_string()]);
    assert_eq!(
        (&scans[0]["scan_all_result_i"], &scans[1]["scan_all_result_i"]),
        (&json!(255), &json!(0))
    );
    let page = server.call(Request::get(&format!("{path}?offset=1&limit=5"))).await.json();
    assert_eq!(page["scan_result_history"].as_array().unwrap().len(), 1);
    let mine = server.call(Request::get("/apikey/scan-history")).await.json();
    assert_eq!(mine["data"][1]["file_info"]["display_name"], "a.txt");
    assert_eq!(mine["data"][1]["scan_with"], "palisade");
    let other = Request::get("/apikey/scan-history").key(Some(ADMIN));
    assert_eq!(server.call(other).await.json()["data"], json!([]));
    for query in ["limit=x", "offset=-1", "offset=100001"] {
        server.call(Request::get(&format!("{path}?{query}"))).await.is_error(400_902);
        let call = Request::get(&format!("/apikey/scan-history?{query}"));
        server.call(call).await.is_error(400_902);
    }
    let unknown = format!("/hash/{}/scanhistory", "0".repeat(32));
    server.call(Request::get(&unknown)).await.is_error(404_003);
}

#[tokio::test]
async fn workflows_are_listed_and_a_key_may_have_its_own() {
    let mail = Workflow {
        description: "Mail".to_owned(),
        engines: Some(vec!["yara".parse().unwrap()]),
        max_bytes: Some(1_000),
        ..Workflow::default()
    };
    let workflows = Workflows::new([("mail".to_owned(), mail)].into()).unwrap();
    let server = Server::with(Setup { workflows, ..Setup::default() }).await;
    let rules = server.call(Request::get("/file/rules")).await.json();
    assert_eq!(rules[0]["name"], "default");
    assert_eq!(rules[0]["is_default"], true);
    assert_eq!(
        rules[1],
        json!({
            "name": "mail", "max_file_size": 1_000, "description": "Mail", "engines": ["yara"],
            "is_default": false
        })
    );
    let large = Request::post("/file").header("rule", "mail").body(vec![b'x'; 1_001]);
    server.call(large).await.is_error(400_144);

    let wish = |workflow: &str| {
        let wish = json!({"name": "gateway", "workflow": workflow}).to_string();
        Request::post("/admin/keys").key(Some(ADMIN)).body(wish)
    };
    server.call(wish("nowhere")).await.is_error(400_903);
    let made = server.call(wish("mail")).await.json();
    let key = made["apikey"].as_str();
    let call = Request::post("/file").key(key).body("x");
    let id = server.call(call).await.json()["data_id"].as_str().unwrap().parse().unwrap();
    let request = server.request(id);
    assert_eq!(request.workflow, "mail");
    assert_eq!(request.engines.unwrap().len(), 1);
    let account = server.call(Request::get("/apikey/").key(key)).await.json();
    assert_eq!(account["workflow_rule"], "mail");
    let named = Request::post("/file").key(key).header("rule", "multiscan").body("x");
    let id = server.call(named).await.json()["data_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(server.request(id).workflow, "default");
}

#[tokio::test]
async fn hosts_are_listed_with_their_engines() {
    let server = Server::start().await;
    let nodes = server.call(Request::get("/stat/nodes")).await.json();
    let host = &nodes[0]["statuses"][0];
    assert_eq!((&host["id"], host["engines"].as_array().unwrap().len()), (&json!("h"), 4));
    assert_eq!(host["issues"], json!([]));
}
