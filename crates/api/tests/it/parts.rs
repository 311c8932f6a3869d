use palisade_api::ApiConfig;
use palisade_pipeline::artifacts::Digests;
use palisade_pipeline::gateway::GatewayConfig;
use serde_json::json;

use crate::support::client::{Request, Response};
use crate::support::{ADMIN, Server, Setup};

async fn begin(server: &Server, total: usize) -> String {
    let call = Request::post("/file/multipart")
        .header("total-length", total.to_string())
        .header("filename", "big%20file.bin")
        .header("archivepwd", "secret");
    let response = server.call(call).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["data_id"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, id: &str, range: &str, bytes: &[u8]) -> Response {
    let call = Request::post(&format!("/file/multipart/{id}"));
    server.call(call.header("content-range", range).body(bytes)).await
}

fn content() -> Vec<u8> {
    (0..200_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test]
async fn parts_in_any_order_become_one_file_under_one_id() {
    let server = Server::start().await;
    let all = content();
    let id = begin(&server, all.len()).await;
    let last = send(&server, &id, "500000-300000/800000", &all[500_000..]).await.json();
    assert_eq!(last, json!({"ranges_received": "500000-799999", "completed": false}));
    // In the other form, and overlapping the last one.
    let first = send(&server, &id, "bytes 0-199999/800000", &all[..200_000]).await.json();
    assert_eq!(first["ranges_received"], "0-199999, 500000-799999");
    let status = server.call(Request::get(&format!("/file/multipart/{id}"))).await.json();
    assert_eq!(
        (&status["status"], &status["total_length"]),
        (&json!("uploading"), &json!(800_000))
    );
    // Sent again, broken the first time.
    send(&server, &id, "100000-300000/800000", &vec![0; 300_000]).await.json();
    send(&server, &id, "100000-300000/800000", &all[100_000..400_000]).await.json();
    server.call(Request::get(&format!("/file/{id}"))).await.is_error(404_004);
    let done = send(&server, &id, "bytes 390000-599999/800000", &all[390_000..600_000]).await;
    assert_eq!(done.json(), json!({"ranges_received": "0-799999", "completed": true}));

    let request = server.request(id.parse().unwrap());
    assert_eq!(request.name, "big file.bin");
    assert_eq!(request.passwords, ["secret"]);
    assert_eq!(request.artifact.sha256(), Digests::name_of(&all));
    assert_eq!(server.objects.stored.lock().unwrap()[&Digests::name_of(&all)], all);
    let open = server.call(Request::get(&format!("/file/{id}"))).await.json();
    assert_eq!(open["scan_results"]["scan_all_result_a"], "In Progress");
    let status = server.call(Request::get(&format!("/file/multipart/{id}"))).await.json();
    assert_eq!(
        (&status["status"], &status["ranges_received"]),
        (&json!("completed"), &json!("0-799999"))
    );
    send(&server, &id, "bytes 0-0/800000", b"x").await.is_error(404_902);
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused() {
    let server = Server::start().await;
    let id = begin(&server, 10).await;
    for (range, bytes, code) in [
        ("bytes 0-4/11", &b"12345"[..], 416_900),
        ("bytes 6-10/10", b"12345", 416_900),
        ("bytes 0-4/10", b"1234", 416_900),
        ("bytes 0-4/10", b"123456", 400_144),
        ("bytes 0-4/10", b"", 400_145),
        ("nonsense", b"12345", 416_900),
    ] {
        send(&server, &id, range, bytes).await.is_error(code);
    }
    let bare = Request::post(&format!("/file/multipart/{id}")).body("12345");
    server.call(bare).await.is_error(416_900);
    for unknown in ["018bcfe568000102030405060708090a", "nonsense"] {
        send(&server, unknown, "bytes 0-4/10", b"12345").await.is_error(404_902);
    }
    let status = server.call(Request::get(&format!("/file/multipart/{id}"))).await.json();
    assert_eq!(status["ranges_received"], "");
    let other = Request::get(&format!("/file/multipart/{id}"));
    assert_eq!(server.call(other.clone().key(Some(ADMIN))).await.status, 200);
    let call = Request::new("DELETE", &format!("/file/multipart/{id}"));
    assert_eq!(server.call(call.clone()).await.json()["status"], "canceled");
    server.call(call).await.is_error(404_902);
    server.call(other).await.is_error(404_902);
}

#[tokio::test]
async fn uploads_are_bounded() {
    let api = ApiConfig { max_parts: 2, max_uploads_per_key: 2, ..ApiConfig::default() };
    let gateway = GatewayConfig { max_upload_bytes: 1_000, ..GatewayConfig::default() };
    let server = Server::with(Setup { api, gateway, ..Setup::default() }).await;
    for (total, code) in [("1001", 400_144), ("0", 400_901), ("x", 400_901)] {
        let call = Request::post("/file/multipart").header("total-length", total);
        server.call(call).await.is_error(code);
    }
    server.call(Request::post("/file/multipart")).await.is_error(400_901);
    let id = begin(&server, 10).await;
    for place in 0..2 {
        let range = format!("bytes {place}-{place}/10");
        assert_eq!(send(&server, &id, &range, b"x").await.status, 200);
    }
    send(&server, &id, "bytes 5-5/10", b"x").await.is_error(409_904);
    assert_eq!(send(&server, &id, "bytes 0-0/10", b"y").await.status, 200, "sent again");
    begin(&server, 10).await;
    let call = Request::post("/file/multipart").header("total-length", "10");
    server.call(call).await.is_error(409_904);
    let late = ApiConfig { upload_ms: 0, ..ApiConfig::default() };
    let server = Server::with(Setup { api: late, ..Setup::default() }).await;
    let id = begin(&server, 10).await;
    send(&server, &id, "bytes 0-0/10", b"x").await.is_error(404_902);
    let status = server.call(Request::get(&format!("/file/multipart/{id}"))).await.json();
    assert_eq!(status["status"], "timed out");
}

/// The object store has forgotten a part: the upload says so, and what to do.
#[tokio::test]
async fn a_part_that_is_gone_is_said() {
    let server = Server::start().await;
    let id = begin(&server, 10).await;
    send(&server, &id, "bytes 0-4/10", b"12345").await.json();
    server.objects.stored.lock().unwrap().clear();
    let gone = send(&server, &id, "bytes 5-9/10", b"67890").await;
    gone.is_error(404_902);
    assert!(gone.text().contains("begin again"), "{}", gone.text());
}
