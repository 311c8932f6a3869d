use palisade_model::{DeadLetter, UnixMillis};
use palisade_ports::Records;
use serde_json::json;

use crate::support::client::Request;
use crate::support::{ADMIN, Server};

fn admin(call: Request) -> Request {
    call.key(Some(ADMIN))
}

#[tokio::test]
async fn keys_are_made_listed_and_taken_back() {
    let server = Server::start().await;
    let wish = json!({"name": "ci", "requests_per_minute": 60, "scans_per_day": 5}).to_string();
    let made = server.call(admin(Request::post("/admin/keys").body(wish))).await.json();
    let secret = made["apikey"].as_str().unwrap();
    assert_eq!((secret.len(), &made["role"]), (64, &json!("user")));
    let account = server.call(Request::get("/apikey/").key(Some(secret))).await.json();
    assert_eq!((&account["nickname"], &account["limit_analysis"]), (&json!("ci"), &json!(5)));

    let list = server.call(admin(Request::get("/admin/keys"))).await;
    assert!(!list.text().contains(secret), "a secret is shown once");
    assert_eq!(list.json()["keys"].as_array().unwrap().len(), 3);

    let path = format!("/admin/keys/{}", made["id"].as_str().unwrap());
    let gone = server.call(admin(Request::new("DELETE", &path))).await.json();
    assert_eq!(gone["revoked"], true);
    // At once, whatever was kept of it.
    server.call(Request::get("/apikey/").key(Some(secret))).await.is_error(401_006);
    let list = server.call(admin(Request::get("/admin/keys"))).await.json();
    assert!(list["keys"][2]["revoked_at"].is_string());
    for id in ["ffffffffffff", "nonsense"] {
        let path = format!("/admin/keys/{id}");
        server.call(admin(Request::new("DELETE", &path))).await.is_error(404_900);
    }
}

#[tokio::test]
async fn wishes_that_make_no_key() {
    let server = Server::start().await;
    for body in [
        "{",
        "{}",
        r#"{"name":""}"#,
        r#"{"name":"a","role":"root"}"#,
        r#"{"name":"a","requests_per_minute":0}"#,
        r#"{"name":"a","scans":1}"#,
        &json!({"name": "a".repeat(129)}).to_string(),
        &json!({"name": "a".repeat(10_000)}).to_string(),
    ] {
        let call = admin(Request::post("/admin/keys").body(body));
        server.call(call).await.is_error(400_903);
    }
}

#[tokio::test]
async fn dead_letters_are_seen_and_tried_again() {
    let server = Server::start().await;
    let letter = DeadLetter {
        id: "palisade.commands.yara/00ff".to_owned(),
        topic: "palisade.commands.yara".to_owned(),
        key: "00ff".to_owned(),
        reason: "the worker died three times".to_owned(),
        attempts: 3,
        time: UnixMillis(0),
        payload: r#"{"v":1,"body":{"passwords":["hunter2"],"name":"x"}}"#.to_owned(),
    };
    server.records.put_dead_letter(letter).await.unwrap();
    let list = server.call(admin(Request::get("/admin/dead-letters"))).await.json();
    assert_eq!((&list["total"], &list["dead_letters"][0]["attempts"]), (&json!(1), &json!(3)));
    assert!(list["dead_letters"][0].get("payload").is_none());
    let path = "/admin/dead-letters/palisade.commands.yara%2F00ff";
    let one = server.call(admin(Request::get(path))).await;
    assert!(one.text().contains("payload") && !one.text().contains("hunter2"), "{}", one.text());
    let retry = format!("{path}/retry");
    let retried = server.call(admin(Request::post(&retry))).await.json();
    assert_eq!(retried["retried"], true);
    server.call(admin(Request::post(&retry))).await.is_error(404_900);
    server.call(admin(Request::get(path))).await.is_error(404_900);
}
