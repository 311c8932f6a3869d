use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_api::Dialect;
use palisade_model::Priority;
use palisade_pipeline::gateway::{GatewayConfig, Workflow, Workflows};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::{ADMIN, Server, Setup, reports};
use crate::uploads::{form, multipart};

async fn batch(server: &Server) -> String {
    let call = Request::post("/file/batch").header("user-data", "ticket%207").body("");
    server.call(call).await.json()["batch_id"].as_str().unwrap().to_owned()
}

async fn add(server: &Server, batch: &str, name: &str, bytes: &[u8]) -> String {
    let call = Request::post("/file").header("batch", batch).header("filename", name).body(bytes);
    server.call(call).await.json()["data_id"].as_str().unwrap().to_owned()
}

async fn look(server: &Server, batch: &str) -> Value {
    server.call(Request::get(&format!("/file/batch/{batch}"))).await.json()
}

#[tokio::test]
async fn a_batch_goes_from_open_to_its_result() {
    let server = Server::start().await;
    let id = batch(&server).await;
    let body = look(&server, &id).await;
    assert_eq!((&body["is_closed"], &body["user_data"]), (&json!(false), &json!("ticket 7")));
    assert_eq!(body["scan_results"]["scan_all_result_i"], 255);
    let clean = add(&server, &id, "a.txt", b"fine").await;
    let evil = add(&server, &id, "b.eml", b"evil").await;
    server.finish(clean.parse().unwrap(), |request| reports::clean(&request)).await;
    let body = look(&server, &id).await;
    assert_eq!((&body["batch_files"]["batch_count"], &body["unfinished"]), (&json!(2), &json!(1)));
    let files = body["batch_files"]["files_in_batch"].as_array().unwrap();
    assert_eq!(
        (&files[0]["display_name"], &files[0]["scan_all_result_i"]),
        (&json!("a.txt"), &json!(0))
    );
    assert_eq!(files[0]["process_info"]["result"], "Allowed");
    assert_eq!(
        (&files[1]["data_id"], &files[1]["scan_all_result_a"]),
        (&json!(evil), &json!("In Progress"))
    );
    server.finish(evil.parse().unwrap(), |request| reports::infected(&request)).await;
    assert_eq!(look(&server, &id).await["scan_results"]["scan_all_result_i"], 255, "it is open");

    let closed = server.call(Request::post(&format!("/file/batch/{id}/close"))).await.json();
    assert_eq!(closed["is_closed"], true);
    assert_eq!(closed["scan_results"]["scan_all_result_a"], "Infected");
    assert_eq!(closed["process_info"]["result"], "Blocked");
    assert_eq!(closed["process_info"]["blocked_reason"], "Infected");
    let page = Request::get(&format!("/v4/file/batch/{id}?first=1&size=1"));
    let page = server.call(page).await.json();
    assert_eq!(page["batch_files"]["files_in_batch"].as_array().unwrap().len(), 1);
    assert_eq!(page["batch_files"]["files_in_batch"][0]["detected_by"], 1);
    let late = Request::post("/file").header("batch", &id).body("late");
    server.call(late).await.is_error(409_901);
    // Closed again, it is closed.
    let again = server.call(Request::post(&format!("/file/batch/{id}/close"))).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_batch_without_files_is_not_clean() {
    let server = Server::start().await;
    let id = batch(&server).await;
    let closed = server.call(Request::post(&format!("/file/batch/{id}/close"))).await.json();
    assert_eq!(closed["scan_results"]["scan_all_result_a"], "Not Scanned");
    assert_eq!(closed["process_info"]["result"], "Blocked");
}

#[tokio::test]
async fn a_batch_belongs_to_its_key() {
    let server = Server::start().await;
    let call = Request::post("/file/batch").key(Some(ADMIN));
    let id = server.call(call).await.json()["batch_id"].as_str().unwrap().to_owned();
    for path in ["close", "cancel"] {
        let call = Request::post(&format!("/file/batch/{id}/{path}"));
        server.call(call).await.is_error(403_001);
    }
    server.call(Request::post("/file").header("batch", &id).body("x")).await.is_error(403_001);
    assert_eq!(look(&server, &id).await["batch_id"], id, "results are everybody's");
    // An administrator may.
    let own = batch(&server).await;
    let call = Request::post(&format!("/file/batch/{own}/close")).key(Some(ADMIN));
    assert_eq!(server.call(call).await.status, 200);
    for unknown in ["018bcfe568000102030405060708090a", "nonsense"] {
        let call = Request::get(&format!("/file/batch/{unknown}"));
        server.call(call).await.is_error(404_901);
    }
    let query = Request::get(&format!("/file/batch/{own}?first=x"));
    server.call(query).await.is_error(400_902);
}

#[tokio::test]
async fn a_full_batch_takes_no_more() {
    let gateway = GatewayConfig { max_batch_files: 1, ..GatewayConfig::default() };
    let server = Server::with(Setup { gateway, ..Setup::default() }).await;
    let id = batch(&server).await;
    add(&server, &id, "a", b"x").await;
    let call = Request::post("/file").header("batch", &id).body("y");
    server.call(call).await.is_error(409_902);
}

#[tokio::test]
async fn files_take_the_workflow_of_their_batch() {
    let workflows = Workflows::new([("mail".to_owned(), Workflow::default())].into()).unwrap();
    let server = Server::with(Setup { workflows, ..Setup::default() }).await;
    let call = Request::post("/file/batch").header("rule", "mail");
    let id = server.call(call).await.json()["batch_id"].as_str().unwrap().to_owned();
    let file = add(&server, &id, "a", b"x").await;
    assert_eq!(server.request(file.parse().unwrap()).workflow, "mail");
    assert_eq!(look(&server, &id).await["process_info"]["profile"], "mail");
    let call = Request::post("/file/batch").header("rule", "nowhere");
    server.call(call).await.is_error(400_906);
}

#[tokio::test]
async fn a_certificate_is_signed_and_says_what_the_result_says() {
    let server = Server::start().await;
    let id = batch(&server).await;
    let file = add(&server, &id, "b.eml", b"evil").await;
    let path = format!("/file/batch/{id}/certificate");
    server.call(Request::get(&path)).await.is_error(409_903);
    server.finish(file.parse().unwrap(), |request| reports::infected(&request)).await;
    server.call(Request::get(&path)).await.is_error(409_903);
    server.call(Request::post(&format!("/file/batch/{id}/close"))).await;
    let body = server.call(Request::get(&path)).await.json();

    let keys = server.call(Request::get("/.well-known/jwks.json").key(None)).await.json();
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kid"], &key["kty"], &key["alg"]),
        (&body["kid"], &json!("OKP"), &json!("EdDSA"))
    );
    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let (signed, signature) = body["jws"].as_str().unwrap().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&ED25519, public);
    public.verify(signed.as_bytes(), &signature).unwrap();
    public.verify(format!("{signed}x").as_bytes(), &signature).unwrap_err();
    let (header, payload) = signed.split_once('.').unwrap();
    let read = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(read(header)["kid"], body["kid"]);
    let claims = read(payload);
    assert_eq!(claims, body["certificate"]);
    assert_eq!((&claims["sub"], &claims["result"]), (&json!(id), &json!("Blocked")));
    assert_eq!(claims["files"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(claims["files"][0]["scan_all_result_a"], "Infected");
}

#[tokio::test]
async fn a_cancelled_batch_stays_so() {
    let server = Server::start().await;
    let id = batch(&server).await;
    add(&server, &id, "a", b"x").await;
    let cancelled = server.call(Request::post(&format!("/file/batch/{id}/cancel"))).await.json();
    assert_eq!(cancelled, json!({ (id.as_str()): "cancelled" }));
    let events = server
        .log
        .payloads()
        .iter()
        .filter(|payload| {
            palisade_model::wire::decode::<palisade_model::NodeEvent>(payload).is_ok()
        })
        .count();
    assert_eq!(events, 1, "its file is taken back");
    let body = look(&server, &id).await;
    assert_eq!((&body["is_closed"], &body["is_cancelled"]), (&json!(true), &json!(true)));
    server.call(Request::post(&format!("/file/batch/{id}/close"))).await.is_error(409_901);
}

/// Core's clients send several files in a form, and get a batch.
#[tokio::test]
async fn a_form_is_a_batch_in_cores_dialect() {
    let mut setup = Setup::default();
    setup.api.dialect = Dialect::Core;
    let server = Server::with(setup).await;
    let files =
        [("name=\"a\"; filename=\"a.txt\"", &b"x"[..]), ("name=\"b\"; filename=\"b\"", b"y")];
    let call = multipart(&form(&files)).header("priority", "batch");
    let id = server.call(call).await.json()["batch_id"].as_str().unwrap().to_owned();
    let body = look(&server, &id).await;
    assert_eq!(
        (&body["is_closed"], &body["batch_files"]["batch_count"]),
        (&json!(true), &json!(2))
    );
    let files = body["batch_files"]["files_in_batch"].as_array().unwrap();
    assert_eq!(
        (&files[0]["display_name"], &files[1]["display_name"]),
        (&json!("a.txt"), &json!("b"))
    );
    let first = files[0]["data_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(server.request(first).priority, Priority::Batch);
}
