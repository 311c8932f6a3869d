use palisade_api::ApiConfig;
use palisade_model::{KeyId, UnixMillis};

use crate::support::client::Request;
use crate::support::{ADMIN, Server, Setup, USER};

fn user() -> KeyId {
    KeyId::new([1; 6])
}

fn uncached() -> ApiConfig {
    ApiConfig { key_cache_ms: 0, ..ApiConfig::default() }
}

#[tokio::test]
async fn a_key_is_needed_and_taken_in_three_ways() {
    let server = Server::start().await;
    for path in ["/file/x", "/hash/x", "/apikey/", "/stat/engines", "/admin/keys", "/file/rules"] {
        server.call(Request::get(path).key(None)).await.is_error(401_006);
        server.call(Request::get(path).key(Some("wrong"))).await.is_error(401_006);
    }
    for (name, value) in [
        ("apikey", USER.to_owned()),
        ("authorization", format!("Bearer {USER}")),
        ("authorization", format!("apikey {USER}")),
    ] {
        let response = server.call(Request::get("/apikey").key(None).header(name, value)).await;
        assert_eq!(response.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_none() {
    let server = Server::with(Setup { api: uncached(), ..Setup::default() }).await;
    assert_eq!(server.call(Request::get("/apikey/")).await.status, 200);
    server.records.change_key(user(), |key| key.revoked = Some(UnixMillis(1)));
    server.call(Request::get("/apikey/")).await.is_error(401_006);
}

#[tokio::test]
async fn a_user_is_no_administrator() {
    let server = Server::start().await;
    for path in ["/admin/keys", "/admin/dead-letters"] {
        server.call(Request::get(path)).await.is_error(403_000);
        assert_eq!(server.call(Request::get(path).key(Some(ADMIN))).await.status, 200);
    }
}

#[tokio::test]
async fn every_answer_with_a_key_says_where_it_stands() {
    let server = Server::start().await;
    for call in [
        Request::get("/apikey/"),
        Request::get("/hash/00000000000000000000000000000000"),
        Request::get("/admin/keys"),
        Request::get("/file/rules"),
        Request::post("/file").body("x"),
    ] {
        let response = server.call(call).await;
        let headers = ["limit", "remaining", "used", "reset-in", "interval", "for"].map(|name| {
            response.header(&format!("x-ratelimit-{name}")).unwrap_or("missing").to_owned()
        });
        assert_eq!(headers, ["2147483647", "2147483647", "0", "60s", "60", "throttling"]);
    }
}

#[tokio::test]
async fn a_keys_rate_is_kept() {
    let server = Server::with(Setup { api: uncached(), ..Setup::default() }).await;
    server.records.change_key(user(), |key| key.requests_per_minute = Some(2));
    for left in ["1", "0"] {
        let response = server.call(Request::get("/apikey/")).await;
        assert_eq!(response.header("x-ratelimit-remaining"), Some(left));
        assert_eq!(response.header("x-ratelimit-limit"), Some("2"));
    }
    let response = server.call(Request::get("/apikey/")).await;
    response.is_error(429_001);
    assert_eq!(response.header("x-ratelimit-remaining"), Some("0"));
    let wait: u32 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(server.metrics.expose().contains("kind=\"RateLimit\",place=\"api\"} 1"));
    // Others are not touched.
    assert_eq!(server.call(Request::get("/apikey/").key(Some(ADMIN))).await.status, 200);
}

#[tokio::test]
async fn the_servers_rate_is_over_all_keys() {
    let api = ApiConfig { requests_per_minute: Some(2), ..ApiConfig::default() };
    let server = Server::with(Setup { api, ..Setup::default() }).await;
    assert_eq!(server.call(Request::get("/apikey/")).await.status, 200);
    assert_eq!(server.call(Request::get("/apikey/").key(Some(ADMIN))).await.status, 200);
    server.call(Request::get("/apikey/")).await.is_error(429_001);
    // What needs no key is not counted.
    assert_eq!(server.call(Request::get("/livez").key(None)).await.status, 200);
}

#[tokio::test]
async fn a_days_scans_are_counted() {
    let server = Server::with(Setup { api: uncached(), ..Setup::default() }).await;
    server.records.change_key(user(), |key| key.scans_per_day = Some(2));
    let status = || async { server.call(Request::get("/apikey/limits/status")).await.json() };
    assert_eq!(status().await["analysis_api"], 2);
    for (used, left) in [("1", "1"), ("2", "0")] {
        let response = server.call(Request::post("/file").body("x")).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("x-ratelimit-used"), Some(used));
        assert_eq!(response.header("x-ratelimit-remaining"), Some(left));
        assert_eq!(response.header("x-ratelimit-for"), Some("analysis_api"));
        assert_eq!(response.header("x-ratelimit-interval"), Some("86400"));
    }
    let mut client = server.connect().await;
    let mut head = Request::post("/file").head();
    head.extend_from_slice(b"content-length: 1000000\r\n\r\n");
    client.send(&head).await;
    client.response(false).await.is_error(429_000);
    assert_eq!(status().await["analysis_api"], 0);
    // A scan that failed is not counted, and look-ups go on.
    assert_eq!(server.call(Request::get("/apikey/")).await.status, 200);
}

#[tokio::test]
async fn an_upload_that_fails_costs_no_scan() {
    let server = Server::with(Setup { api: uncached(), ..Setup::default() }).await;
    server.records.change_key(user(), |key| key.scans_per_day = Some(1));
    server.call(Request::post("/file").body("")).await.is_error(400_145);
    assert_eq!(server.call(Request::post("/file").body("x")).await.status, 200);
}

#[tokio::test]
async fn an_account_has_its_limits() {
    let server = Server::start().await;
    let account = server.call(Request::get("/v4/apikey/")).await.json();
    assert_eq!(account["max_upload_file_size"], 2_048);
    assert_eq!(account["nickname"], "User");
    assert_eq!(account["role"], "user");
    for field in ["max_file_download", "max_archive_file_depth", "max_archive_file_number"] {
        assert!(account[field].is_u64(), "{field}");
    }
    let used = server.call(Request::get("/apikey/limits")).await.json();
    assert_eq!(used["analysis_api"], 0);
    let status = server.call(Request::get("/apikey/limits/status")).await.json();
    assert_eq!(status["throttling_limit"], 2_147_483_647u32);
}
