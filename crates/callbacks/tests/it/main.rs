//! The courier's laws, over real sockets.

mod receiver;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use palisade_callbacks::{CallbacksConfig, HttpCourier, Method, Resolve, Secret};
use palisade_model::UnixMillis;
use palisade_ports::Courier;
use palisade_ports::courier::{CourierError, Message, Target};

use receiver::Receiver;

fn message(url: &str) -> Message {
    Message {
        target: Target::parse(url).unwrap(),
        id: "callback.1".to_owned(),
        time: UnixMillis(1_700_000_000_123),
        body: Bytes::from_static(b"{\"data_id\":\"1\"}"),
    }
}

fn local() -> CallbacksConfig {
    let allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    CallbacksConfig { allow_networks, timeout_ms: 5_000, ..CallbacksConfig::default() }
}

fn courier(config: &CallbacksConfig, method: Method) -> (HttpCourier, Secret) {
    let secret = Secret::fresh();
    (HttpCourier::new(config, secret.clone(), method).unwrap(), secret)
}

/// Gives these addresses, each in its turn; the last one for ever.
struct Names(HashMap<&'static str, Vec<&'static str>>, AtomicUsize);

impl Names {
    fn new(names: impl IntoIterator<Item = (&'static str, Vec<&'static str>)>) -> Arc<Self> {
        Arc::new(Self(names.into_iter().collect(), AtomicUsize::new(0)))
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let asked = self.1.fetch_add(1, Ordering::SeqCst);
        let turns = self.0.get(host).ok_or_else(|| io::Error::other("no such name"))?;
        let turn = turns.get(asked).or(turns.last()).ok_or_else(|| io::Error::other("none"))?;
        Ok(turn.split(' ').map(|address| address.parse().unwrap()).collect())
    }
}

#[tokio::test]
async fn a_message_arrives_signed() {
    for (method, name) in [(Method::Post, "POST"), (Method::Put, "PUT")] {
        let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
        let (courier, secret) = courier(&local(), method);
        let url = format!("http://{}/done?token=1", receiver.address);
        assert_eq!(courier.send(&message(&url)).await, Ok(204));
        let heard = receiver.heard();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("{name} /done?token=1 HTTP/1.1\r\n")), "{head}");
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
        };
        assert_eq!(header("host"), Some(receiver.address.to_string()));
        assert_eq!(header("content-length"), Some(body.len().to_string()));
        assert_eq!(header("webhook-id").as_deref(), Some("callback.1"));
        assert_eq!(header("webhook-timestamp").as_deref(), Some("1700000000"));
        let signature = secret.sign("callback.1", 1_700_000_000, body.as_bytes());
        assert_eq!(header("webhook-signature"), Some(signature));
    }
}

#[tokio::test]
async fn this_machine_and_private_networks_are_not_called() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = receiver.address.port();
    let names = Names::new([
        ("inside.example", vec!["10.0.0.7"]),
        ("metadata.example", vec!["169.254.169.254"]),
        ("mapped.example", vec!["::ffff:127.0.0.1"]),
    ]);
    let (courier, _) = courier(&CallbacksConfig::default(), Method::Post);
    let courier = courier.with_resolver(names);
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "inside.example",
        "metadata.example",
        "mapped.example",
    ] {
        let refused = courier.send(&message(&format!("http://{host}:{port}/"))).await;
        assert!(matches!(refused, Err(CourierError::Forbidden(_))), "{host}: {refused:?}");
    }
    assert_eq!(receiver.connections(), 0);
}

/// A name that gives an allowed address first and another one when it is asked again.
#[tokio::test]
async fn a_name_is_asked_once_and_its_address_is_the_one_called() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = receiver.address.port();
    let names = Names::new([("rebinding.example", vec!["10.0.0.1 127.0.0.1", "10.0.0.1"])]);
    let (courier, _) = courier(&local(), Method::Post);
    let courier = courier.with_resolver(Arc::clone(&names) as _);
    let url = format!("http://rebinding.example:{port}/");
    assert_eq!(courier.send(&message(&url)).await, Ok(200), "the one that is allowed");
    assert_eq!(names.1.load(Ordering::SeqCst), 1);
    assert!(receiver.heard().contains(&format!("host: rebinding.example:{port}")));
    assert!(matches!(courier.send(&message(&url)).await, Err(CourierError::Forbidden(_))));
    let nowhere = courier.send(&message("http://nowhere.example/")).await;
    assert!(matches!(nowhere, Err(CourierError::NoAnswer(_))), "{nowhere:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_no_way() {
    let other = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let answer = format!(
        "HTTP/1.1 307 Elsewhere\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
        other.address
    );
    let receiver = Receiver::answering(&answer).await;
    let (courier, _) = courier(&local(), Method::Post);
    let url = format!("http://{}/", receiver.address);
    assert_eq!(courier.send(&message(&url)).await, Ok(307));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn an_answer_without_an_end_costs_nothing() {
    let body = "HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\nand then nothing";
    let receiver = Receiver::answering(body).await;
    let (courier, _) = courier(&local(), Method::Post);
    let url = format!("http://{}/", receiver.address);
    let started = Instant::now();
    assert_eq!(courier.send(&message(&url)).await, Ok(200));
    assert!(started.elapsed() < Duration::from_secs(3), "the body was waited for");

    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(1 << 20));
    let receiver = Receiver::answering(&endless).await;
    let refused = courier.send(&message(&format!("http://{}/", receiver.address))).await;
    assert!(matches!(refused, Err(CourierError::NoAnswer(_))), "{refused:?}");

    let silent = CallbacksConfig { timeout_ms: 200, ..local() };
    let (courier, _) = self::courier(&silent, Method::Post);
    let receiver = Receiver::answering("").await;
    let started = Instant::now();
    let refused = courier.send(&message(&format!("http://{}/", receiver.address))).await;
    assert!(matches!(refused, Err(CourierError::NoAnswer(_))), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    let closed = courier.send(&message("http://127.0.0.1:1/")).await;
    assert!(matches!(closed, Err(CourierError::NoAnswer(_))), "{closed:?}");
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_of_the_name() {
    let (receiver, ca) = Receiver::over_tls("good.example").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, ca).unwrap();
    let port = receiver.address.port();
    let names =
        || Names::new([("good.example", vec!["127.0.0.1"]), ("other.example", vec!["127.0.0.1"])]);
    let trusting = CallbacksConfig { ca_file: Some(path), require_https: true, ..local() };
    for (config, host, good) in [
        (&trusting, "good.example", true),
        (&trusting, "other.example", false),
        (&local(), "good.example", false),
    ] {
        let (courier, _) = courier(config, Method::Post);
        let courier = courier.with_resolver(names());
        let answer = courier.send(&message(&format!("https://{host}:{port}/x"))).await;
        assert_eq!(answer.is_ok(), good, "{host}: {answer:?}");
    }
    let (courier, _) = courier(&trusting, Method::Post);
    let plain = courier.send(&message("http://good.example/")).await;
    assert!(matches!(plain, Err(CourierError::Forbidden(_))), "{plain:?}");
    let missing = CallbacksConfig { ca_file: Some("/nowhere.pem".into()), ..local() };
    assert!(HttpCourier::new(&missing, Secret::fresh(), Method::Post).is_err());
}
