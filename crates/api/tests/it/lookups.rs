use palisade_pipeline::artifacts::Digests;
use serde_json::json;

use crate::support::client::Request;
use crate::support::{Server, reports};

#[tokio::test]
async fn one_hash_of_any_kind() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    server.finish(id, |request| reports::clean(&request)).await;
    let hashes = Digests::of(b"hello");
    let kinds = [hashes.md5, hashes.sha1.to_uppercase(), hashes.sha256.to_string(), hashes.sha512];
    for hash in kinds {
        let response = server.call(Request::get(&format!("/hash/{hash}"))).await;
        let body = response.json();
        assert_eq!(body["data_id"], id.to_string());
        // What the vendor's client requires of a look-up.
        for field in ["file_id", "rest_version", "additional_info", "share_file"] {
            assert!(!body[field].is_null(), "{field}");
        }
        assert_eq!(body["scan_result_history_length"], 1);
        assert!(body["file_info"]["file_type_extension"].is_string());
        assert!(body["process_info"]["post_processing"]["actions_ran"].is_string());
    }
    server.call(Request::get(&format!("/hash/{}", "0".repeat(40)))).await.is_error(404_003);
    for bad in ["abc", &"g".repeat(32), &"é".repeat(16), "%FF"] {
        server.call(Request::get(&format!("/hash/{bad}"))).await.is_error(400_064);
    }
}

#[tokio::test]
async fn many_hashes_in_the_order_asked() {
    let server = Server::start().await;
    let clean = server.upload("a.txt", b"hello").await;
    server.finish(clean, |request| reports::clean(&request)).await;
    let evil = server.upload("b.eml", b"evil").await;
    server.finish(evil, |request| reports::infected(&request)).await;
    let asked = [
        "F".repeat(64),
        Digests::of(b"evil").md5.to_uppercase(),
        Digests::of(b"hello").sha1,
        Digests::of(b"evil").md5,
    ];
    let body = json!({ "hash": asked }).to_string();
    let answer = server.call(Request::post("/hash").body(&body)).await.json();
    let data = answer["data"].as_array().unwrap();
    let unknown = json!({
        "hash": asked[0], "data_id": "", "scan_result_i": 5, "total_detected_avs": 0,
        "scan_details": {}
    });
    assert_eq!(data[0], unknown);
    assert_eq!((&data[1]["hash"], &data[1]["scan_result_i"]), (&json!(asked[1]), &json!(1)));
    assert_eq!(data[1]["total_detected_avs"], 1);
    assert_eq!((&data[2]["scan_result_i"], &data[2]["scan_details"]), (&json!(0), &json!({})));
    assert_eq!(data[3]["data_id"], evil.to_string());
    let detailed = Request::post("/hash").header("includescandetails", "1").body(&body);
    let answer = server.call(detailed).await.json();
    assert_eq!(answer["data"][2]["scan_details"]["yara"]["scan_result_i"], 0);
}

#[tokio::test]
async fn bulk_look_ups_are_bounded_and_strict() {
    let server = Server::start().await;
    let hash = "0".repeat(128);
    let most = json!({"hash": vec![&hash; 1_000]}).to_string();
    let answer = server.call(Request::post("/hash").body(&most)).await.json();
    assert_eq!(answer["data"].as_array().unwrap().len(), 1_000);
    let more = json!({"hash": vec![&hash; 1_001]}).to_string();
    let huge = json!({"hash": vec!["0".repeat(600_000)]}).to_string();
    for (body, code) in [
        (more.as_str(), 400_908),
        (r#"{"hash":[]}"#, 400_908),
        (r#"{"hash":["zz"]}"#, 400_064),
        (r#"{"hash":"zz"}"#, 400_903),
        ("{", 400_903),
        ("", 400_903),
        (&huge, 400_903),
    ] {
        server.call(Request::post("/hash").body(body)).await.is_error(code);
    }
    let mut client = server.connect().await;
    let mut bytes = Request::post("/hash").head();
    bytes.extend_from_slice(b"content-length: 100\r\n\r\n{");
    client.send(&bytes).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    client.response(false).await.is_error(400_905);
}
