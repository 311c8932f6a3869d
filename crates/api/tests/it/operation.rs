use palisade_api::{ApiConfig, Check};
use palisade_ports::Records;
use palisade_ports::records::EngineState;
use serde_json::json;

use crate::support::client::Request;
use crate::support::{ADMIN, Server, Setup, engine};

#[tokio::test]
async fn what_needs_no_key() {
    let server = Server::start().await;
    for path in ["/version", "/status/version", "/livez", "/readyz", "/status/enginedef"] {
        for prefix in ["", "/v4"] {
            let call = Request::get(&format!("{prefix}{path}?verbose=true")).key(None);
            let response = server.call(call).await;
            assert_eq!(response.status, 200, "{prefix}{path}");
            response.json();
        }
    }
    let version = server.call(Request::get("/version")).await.json();
    assert_eq!(version["product_id"], "palisade");
}

#[tokio::test]
async fn the_engines_have_the_vendors_form() {
    let server = Server::start().await;
    let engines = server.call(Request::get("/stat/engines")).await.json();
    let kinds: Vec<_> =
        engines.as_array().unwrap().iter().map(|e| (&e["eng_name"], &e["engine_type"])).collect();
    assert_eq!(
        json!(kinds),
        json!([
            ["filetype", "filetype"],
            ["reputation", "av"],
            ["unpack", "archive"],
            ["yara", "av"]
        ])
    );
    assert_eq!(engines[3]["state"], "production");
    assert_eq!(engines[3]["eng_id"], "yara_1_linux");
    let definitions = server.call(Request::get("/status/enginedef")).await.json();
    assert!(definitions["yara"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn readiness_names_what_stands_against_it() {
    let server = Server::start().await;
    let body = server.call(Request::get("/readyz")).await.json();
    assert_eq!((&body["ready"], &body["database"]["status"]), (&json!(true), &json!(true)));
    assert_eq!(body["engines"].as_array().unwrap().len(), 4);
    server.records.put_engine(engine("yara", EngineState::Down, "no rules")).await.unwrap();
    let response = loop {
        let response = server.call(Request::get("/readyz")).await;
        if response.status == 503 {
            break response;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let body = response.json();
    let checks = body["checks"].as_array().unwrap();
    let yara = checks.iter().find(|check| check["name"] == "engine.yara").unwrap();
    assert_eq!((&yara["ok"], &yara["detail"]), (&json!(false), &json!("no rules")));
    let engines = server.call(Request::get("/stat/engines")).await.json();
    assert_eq!(engines[3]["state"], "temporary failed");

    let checks = vec![Check {
        name: "jail.seccomp".to_owned(),
        ok: false,
        required: true,
        detail: "the kernel has none".to_owned(),
    }];
    let server = Server::with(Setup { checks, ..Setup::default() }).await;
    let response = server.call(Request::get("/readyz").key(None)).await;
    assert_eq!(response.status, 503);
    assert!(response.text().contains("the kernel has none"));
}

#[tokio::test]
async fn metrics_count_by_route() {
    let server = Server::start().await;
    server.call(Request::get("/v4/hash/00000000000000000000000000000000")).await;
    server.call(Request::get("/hash/00000000000000000000000000000000")).await;
    server.call(Request::new("BREW", "/nowhere")).await;
    let response = server.call(Request::get("/metrics").key(None)).await;
    assert!(response.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = response.text();
    let line = r#"palisade_http_requests_total{method="GET",route="/hash/{hash}",status="404"} 2"#;
    assert!(text.contains(line), "{text}");
    assert!(text.contains(r#"{method="OTHER",route="unknown",status="404"} 1"#), "{text}");

    let api = ApiConfig { metrics_need_admin: true, ..ApiConfig::default() };
    let server = Server::with(Setup { api, ..Setup::default() }).await;
    server.call(Request::get("/metrics").key(None)).await.is_error(401_006);
    server.call(Request::get("/metrics")).await.is_error(403_000);
    assert_eq!(server.call(Request::get("/metrics").key(Some(ADMIN))).await.status, 200);
}

#[tokio::test]
async fn the_page_for_people_needs_nothing_from_elsewhere() {
    let server = Server::start().await;
    for path in ["/", "/v4/", "/v4"] {
        let response = server.call(Request::get(path).key(None)).await;
        assert_eq!(response.status, 200, "{path}");
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let page = response.text();
        assert!(page.contains("filetype, reputation, unpack, yara"));
        assert!(!page.contains("<script") && !page.contains("src="));
    }
}
