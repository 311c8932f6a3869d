use palisade_model::{Attempt, DeadLetter, Delivery, DeliveryState, Subject, UnixMillis, wire};
use palisade_pipeline::notifier::Bodies;
use palisade_ports::Records;
use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::{ADMIN, Server, Setup, reports};

const URL: &str = "https://callback.invalid/done?token=1";

#[tokio::test]
async fn a_callback_is_asked_for_and_can_be_looked_at() {
    let server = Server::start().await;
    let call = Request::post("/file").header("callbackurl", URL).body("x");
    let id = server.call(call).await.json()["data_id"].as_str().unwrap().to_owned();
    for path in [format!("/file/webhooks/{id}"), format!("/file/webhook/{id}")] {
        let body = server.call(Request::get(&path)).await.json();
        assert_eq!((&body["url"], &body["state"]), (&json!(URL), &json!("waiting")));
        assert_eq!((&body["status_code"], &body["attempts"]), (&json!(0), &json!(0)));
    }
    let subject = Subject::Request(id.parse().unwrap());
    let mut delivery = server.records.delivery(subject).await.unwrap().unwrap();
    delivery.state = DeliveryState::Delivered;
    delivery.attempts = 2;
    delivery.last = Some(Attempt {
        time: UnixMillis(1_793_613_600_000),
        status: Some(204),
        error: String::new(),
    });
    server.records.put_delivery(delivery).await.unwrap();
    let body = server.call(Request::get(&format!("/v4/file/webhooks/{id}"))).await.json();
    assert_eq!((&body["status_code"], &body["state"]), (&json!(204), &json!("delivered")));
    assert_eq!(body["request_time"], "2026-11-02T10:00:00.000Z");
    assert!(body.get("next_time").is_none() && body.get("error").is_none());
    // Nobody else sees the URL, and no result shows it.
    let call = Request::post("/file").key(Some(ADMIN)).header("callbackurl", URL).body("y");
    let other = server.call(call).await.json()["data_id"].as_str().unwrap().to_owned();
    server.call(Request::get(&format!("/file/webhooks/{other}"))).await.is_error(403_001);
    let open = server.call(Request::get(&format!("/file/{other}"))).await;
    assert!(!open.text().contains("token=1"));
    let quiet = server.upload("a", b"z").await;
    server.call(Request::get(&format!("/file/webhooks/{quiet}"))).await.is_error(404_903);
    server.call(Request::get("/file/webhooks/nonsense")).await.is_error(404_004);
}

#[tokio::test]
async fn a_callback_says_what_the_result_says() {
    let server = Server::start().await;
    let id = server.upload("mail.eml", b"x").await;
    server.finish(id, |request| reports::infected(&request)).await;
    let body = server.bodies.body(Subject::Request(id)).await.unwrap().unwrap();
    let asked = server.call(Request::get(&format!("/file/{id}"))).await;
    assert_eq!(&body[..], &asked.body[..]);
    let nobody = "00000000000000000000000000000001".parse().unwrap();
    assert_eq!(server.bodies.body(Subject::Request(nobody)).await.unwrap(), None);

    let made = server.call(Request::post("/file/batch")).await.json();
    let batch = made["batch_id"].as_str().unwrap();
    let close = Request::post(&format!("/file/batch/{batch}/close/callback"));
    server.call(close.clone()).await.is_error(400_909);
    let closed = server.call(close.header("callbackurl", URL)).await.json();
    assert_eq!(closed["is_closed"], true);
    let subject = Subject::Batch(batch.parse().unwrap());
    assert!(server.records.delivery(subject).await.unwrap().is_some());
    let body = server.bodies.body(subject).await.unwrap().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, server.call(Request::get(&format!("/file/batch/{batch}"))).await.json());
    let status = server.call(Request::get(&format!("/file/webhooks/{batch}"))).await.json();
    assert_eq!(status["data_id"], batch);
}

#[tokio::test]
async fn without_a_notifier_nobody_is_promised_a_call() {
    let server = Server::with(Setup { callbacks: false, ..Setup::default() }).await;
    let call = Request::post("/file").header("callbackurl", URL).body("x");
    server.call(call).await.is_error(501_000);
}

#[tokio::test]
async fn a_callback_that_was_given_up_is_tried_again() {
    let server = Server::start().await;
    let id = server.upload("a", b"x").await;
    let subject = Subject::Request(id);
    let dead = Delivery {
        state: DeliveryState::Dead,
        attempts: 10,
        ..Delivery::new(subject, URL.to_owned(), UnixMillis(5))
    };
    server.records.put_delivery(dead.clone()).await.unwrap();
    let letter = DeadLetter {
        id: format!("callback.{id}"),
        topic: "palisade.reports".to_owned(),
        key: id.to_string(),
        reason: "given up".to_owned(),
        attempts: 10,
        time: UnixMillis(9),
        payload: String::from_utf8(wire::encode(&dead)).unwrap(),
    };
    server.records.put_dead_letter(letter).await.unwrap();
    let path = format!("/admin/dead-letters/callback.{id}/retry");
    let again = server.call(Request::post(&path).key(Some(ADMIN))).await.json();
    assert_eq!(again["retried"], true);
    let delivery = server.records.delivery(subject).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Waiting, 0));
    server.call(Request::post(&path).key(Some(ADMIN))).await.is_error(404_900);
}
