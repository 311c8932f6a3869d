use std::time::{Duration, Instant};

use palisade_api::ApiConfig;

use crate::support::client::Request;
use crate::support::{Server, Setup};

fn with(api: ApiConfig) -> Setup {
    Setup { api, ..Setup::default() }
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for _ in 0..50 {
        assert_eq!(client.call(&Request::get("/livez")).await.status, 200);
        assert_eq!(client.call(&Request::post("/file").body("x")).await.status, 200);
        client.call(&Request::get("/file/x")).await.is_error(404_004);
    }
}

#[tokio::test]
async fn a_head_has_bounds_of_size_and_time() {
    let api =
        ApiConfig { max_header_bytes: 8 << 10, header_timeout_ms: 200, ..ApiConfig::default() };
    let server = Server::with(with(api)).await;
    let mut client = server.connect().await;
    let big = Request::get("/livez").header("x", vec![b'a'; 20_000]);
    assert_eq!(client.call(&big).await.status, 431);
    let mut many = Request::get("/livez");
    for number in 0..150 {
        many = many.header(&format!("x{number}"), "y");
    }
    assert_eq!(server.call(many).await.status, 431);
    // Slowly, or nothing at all: the connection ends.
    for start in [&b"GET /livez HT"[..], b""] {
        let mut client = server.connect().await;
        client.send(start).await;
        let started = Instant::now();
        client.rest().await;
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn what_is_no_http_is_answered_and_ended() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS\r\n\r\n").await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// The client sends on while the answer is on its way; a reset must not overtake it.
#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut head = Request::post("/file").key(None).head();
    head.extend_from_slice(b"content-length: 4000000\r\n\r\n");
    client.send(&head).await;
    for _ in 0..40 {
        client.send(&[b'a'; 100_000]).await;
    }
    let response = client.response(false).await;
    response.is_error(401_006);
    assert_eq!(response.header("connection"), Some("close"));
}

#[tokio::test]
async fn connections_are_bounded_and_places_come_back() {
    let server = Server::with(with(ApiConfig { max_connections: 2, ..ApiConfig::default() })).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert_eq!(first.call(&Request::get("/livez")).await.status, 200);
    assert_eq!(second.call(&Request::get("/livez")).await.status, 200);
    let third = server.connect().await;
    let waits = tokio::spawn(async move {
        let mut third = third;
        third.call(&Request::get("/livez")).await.status
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waits.is_finished());
    drop(first);
    assert_eq!(waits.await.unwrap(), 200);
}

#[tokio::test]
async fn a_stop_answers_what_is_under_way() {
    let mut server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    let mut poller = server.connect().await;
    let mut call = Request::get(&format!("/file/{id}?wait=60")).head();
    call.extend_from_slice(b"\r\n");
    poller.send(&call).await;
    let mut watcher = server.connect().await;
    let mut call =
        Request::get(&format!("/file/{id}")).header("accept", "text/event-stream").head();
    call.extend_from_slice(b"\r\n");
    watcher.send(&call).await;
    watcher.until(b"\n\n").await;
    let mut idle = server.connect().await;
    assert_eq!(idle.call(&Request::get("/livez")).await.status, 200);

    let started = Instant::now();
    server.begin_stop();
    let body = poller.response(false).await.json();
    assert_eq!(body["scan_results"]["scan_all_result_i"], 255);
    watcher.until(b"\r\n0\r\n\r\n").await;
    idle.rest().await;
    drop((poller, watcher));
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}
