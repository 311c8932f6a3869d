//! What one connection after the other costs: measured, not a part of the ordinary run.
//! `cargo test --release -p palisade-api --test it load -- --ignored`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use palisade_pipeline::artifacts::Digests;

use crate::support::client::Request;
use crate::support::{Server, reports};

/// Calls a second over 32 kept connections, with the load made by the same two cores.
async fn rate(server: &Server, call: Request) -> u64 {
    let answered = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(3);
    let mut callers = Vec::new();
    for _ in 0..32 {
        let (call, answered) = (call.clone(), answered.clone());
        let mut client = server.connect().await;
        callers.push(tokio::spawn(async move {
            while Instant::now() < until {
                let response = client.call(&call).await;
                assert_eq!(response.status, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    let rate = answered.load(Ordering::Relaxed) / 3;
    #[expect(clippy::print_stderr, reason = "a measurement shows its number")]
    {
        eprintln!("{} a second", rate);
    }
    rate
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: for a release build on a quiet machine"]
async fn look_ups_a_second() {
    let server = Server::start().await;
    let id = server.upload("mail.eml", b"hello").await;
    server.finish(id, |request| reports::infected(&request)).await;
    let hash = Digests::of(b"hello").sha256;
    let found = rate(&server, Request::get(&format!("/hash/{hash}"))).await;
    assert!(found >= 10_000, "{found} look-ups a second");
}

/// Against ports in memory: what HTTP, hashing and the gateway cost, without a disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: for a release build on a quiet machine"]
async fn uploads_a_second() {
    let server = Server::start().await;
    let call = Request::post("/file").header("filename", "a.bin").body(vec![7; 4_096]);
    let taken = rate(&server, call).await;
    assert!(taken >= 3_000, "{taken} uploads a second");
}
