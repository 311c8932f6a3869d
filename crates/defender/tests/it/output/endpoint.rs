use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use palisade_defender::metrics::{Endpoint, EndpointSettings, Health, MAX_RULES, Metrics};
use palisade_model::event::{Cause, Kind};

use super::samples::{blind, incident};

fn get(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn settings() -> EndpointSettings {
    EndpointSettings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Default::default() }
}

#[test]
fn metrics_and_health_are_served() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
    let settings = EndpointSettings { stalled_after_seconds: 0, ..settings() };
    let endpoint = runtime
        .block_on(Endpoint::start(settings, Arc::clone(&metrics), Arc::clone(&health)))
        .unwrap();
    let ask = |request: &str| get(endpoint.address(), request);
    metrics.event(Kind::Exec);
    let answer = ask("GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    assert!(answer.contains("palisade_defender_events_total{kind=\"exec\"} 1"), "{answer}");
    assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    let memory = answer.lines().find(|line| line.starts_with("palisade_defender_memory_bytes "));
    let memory: i64 = memory.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(memory > 1 << 20, "{memory}");

    let starting = ask("GET /readyz");
    assert!(starting.starts_with("HTTP/1.1 503") && starting.ends_with("starting\n"), "{starting}");
    health.ready();
    assert!(ask("GET /readyz").starts_with("HTTP/1.1 200"));
    health.unready("no sensor");
    assert!(ask("GET /readyz").ends_with("no sensor\n"));
    health.beat();
    assert!(ask("GET /healthz").starts_with("HTTP/1.1 200"));
    std::thread::sleep(Duration::from_millis(1_100));
    assert!(ask("GET /healthz").starts_with("HTTP/1.1 503"));
    assert!(ask("GET /etc/passwd").starts_with("HTTP/1.1 404"));
    assert!(ask("POST /metrics").starts_with("HTTP/1.1 405"));
}

#[test]
fn who_asks_slowly_is_left_and_holds_up_nobody_for_long() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let settings = EndpointSettings { connections: 2, seconds: 1, ..settings() };
    let endpoint =
        runtime.block_on(Endpoint::start(settings, Arc::default(), Arc::default())).unwrap();
    let mut slow: Vec<_> =
        (0..8).map(|_| TcpStream::connect(endpoint.address()).unwrap()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(b"GET /met").unwrap());
    assert!(get(endpoint.address(), "GET /healthz").starts_with("HTTP/1.1 200"));
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let settings = EndpointSettings { listen, ..settings() };
    let error = runtime.block_on(Endpoint::start(settings, Arc::default(), Arc::default()));
    assert_eq!(error.unwrap_err().listen, listen);
}

#[test]
fn labels_are_bounded() {
    let metrics = Metrics::new();
    let mut story = incident();
    for number in 0..2 * MAX_RULES {
        story.causes[0] = Cause::Rule { name: format!("rule \"{number}\"\n") };
        metrics.incident(&story, Duration::from_millis(3));
    }
    let text = metrics.expose();
    let series = text.lines().filter(|line| line.contains("incidents_total{")).count();
    assert_eq!(series, MAX_RULES + 1);
    assert!(text.contains(&format!("rule=\"other\"}} {MAX_RULES}")), "{text}");
}

#[test]
fn what_was_lost_is_counted_by_kind_and_cause() {
    let metrics = Metrics::new();
    metrics.blind(&blind());
    let text = metrics.expose();
    for line in [
        "palisade_defender_lost_events_total{kind=\"open\",cause=\"buffer-full\"} 12",
        "palisade_defender_lost_events_total{kind=\"exec\",cause=\"buffer-full\"} 1",
        "palisade_defender_blind_intervals_total{cause=\"buffer-full\",scope=\"container\"} 1",
        "palisade_defender_blind_seconds_total 0.005",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
