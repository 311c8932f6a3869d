use std::io::{BufReader, Read};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use palisade_defender::metrics::Metrics;
use palisade_defender::output::{
    Item, Output, OutputSettings, Phase, QueueSettings, SinkSettings, SyslogSettings, Target,
};
use palisade_model::event::Kind;
use serde_json::Value;

use super::samples::{device, eventually, incident, item, seen};

fn settings(queues: &Path, address: &str, queue: QueueSettings) -> OutputSettings {
    let address = address.parse().unwrap();
    let target = SyslogSettings { address, facility: 10, message_bytes: None };
    let sink = SinkSettings { queue, ..SinkSettings::all(Target::Syslog(target)) };
    OutputSettings {
        queues: queues.to_owned(),
        waiting_items: 100_000,
        sinks: [("siem".to_owned(), sink)].into_iter().collect(),
        ..OutputSettings::default()
    }
}

fn start(settings: &OutputSettings) -> (Output, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    (Output::start(settings, &device(), Arc::clone(&metrics)).unwrap(), metrics)
}

fn send(output: &Output, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| output.send(&item(seen(Kind::Exec, number))));
}

/// The head's fields and the object of a message.
fn parts(message: &[u8]) -> (Vec<String>, Value) {
    let text = std::str::from_utf8(message).unwrap();
    assert!(!text.contains(char::is_control), "{text:?}");
    let mut fields: Vec<_> = text.splitn(8, ' ').map(str::to_owned).collect();
    let object = fields.pop().unwrap();
    (fields, serde_json::from_str(&object).unwrap())
}

/// One octet-counted message; `None` at the end.
fn frame(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        match byte[0] {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

fn sequences(stream: &mut impl Read, count: usize) -> Vec<u64> {
    let messages = std::iter::from_fn(|| frame(stream)).take(count);
    messages.map(|message| parts(&message).1["metadata"]["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn the_hosts_own_syslog_gets_datagrams() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = format!("unix:{}", path.display());
    let (output, _) = start(&settings(directory.path(), &address, QueueSettings::default()));
    output.send(&item(seen(Kind::Exec, 5)));
    let mut buffer = vec![0; 1 << 18];
    let length = socket.recv(&mut buffer).unwrap();
    let (head, object) = parts(&buffer[..length]);
    assert_eq!(head[0], "<86>1", "authpriv, informational");
    assert_eq!(head[1], "2023-11-14T22:13:20.123Z");
    assert_eq!(&head[2..4], ["host-1", "palisade"]);
    assert_eq!(head[4], std::process::id().to_string());
    assert_eq!(&head[5..], ["exec", "-"]);
    assert_eq!(object["metadata"]["sequence"], 5);

    output.send(&Item::Incident(Arc::new(incident()), Phase::Created));
    let length = socket.recv(&mut buffer).unwrap();
    let (head, object) = parts(&buffer[..length]);
    assert_eq!((head[0].as_str(), head[5].as_str()), ("<83>1", "incident"));
    assert_eq!(object["class_uid"], 2004);

    let mut long = seen(Kind::Exec, 6);
    Arc::make_mut(&mut long.process).args = vec!["x".repeat(5_000); 50];
    output.send(&item(long));
    let length = socket.recv(&mut buffer).unwrap();
    assert!(length <= 8 << 10, "{length}");
    assert_eq!(parts(&buffer[..length]).1["metadata"]["is_truncated"], true);
    assert!(output.stop(Duration::from_secs(5)).is_empty());
}

#[test]
fn udp_takes_one_message_a_datagram() {
    let directory = tempfile::tempdir().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = format!("udp://{}", socket.local_addr().unwrap());
    let (output, _) = start(&settings(directory.path(), &address, QueueSettings::default()));
    send(&output, 3..4);
    let mut buffer = vec![0; 1 << 16];
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(parts(&buffer[..length]).1["metadata"]["sequence"], 3);
    assert!(output.stop(Duration::from_secs(5)).is_empty());
}

/// A port where nobody listens any more.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn what_waits_for_a_server_survives_a_restart_and_comes_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let server = free();
    let settings = settings(directory.path(), &format!("tcp://{server}"), QueueSettings::default());
    let (output, metrics) = start(&settings);
    send(&output, 0..200);
    eventually("everything in the queue", || {
        let text = metrics.expose();
        let line = text.lines().find(|line| line.contains("sink_queue_bytes{")).unwrap_or("");
        let bytes = line.rsplit(' ').next().and_then(|bytes| bytes.parse::<u64>().ok());
        bytes.is_some_and(|bytes| bytes > 200 * 1_000)
    });
    assert_eq!(output.stop(Duration::from_millis(200)), Vec::<String>::new());

    let (output, _) = start(&settings);
    send(&output, 200..300);
    let listener = TcpListener::bind(server).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = BufReader::new(stream);
    assert_eq!(sequences(&mut stream, 300), (0..300).collect::<Vec<_>>());
    assert!(output.stop(Duration::from_secs(5)).is_empty());
    assert_eq!(frame(&mut stream), None, "nothing comes twice");
}

#[test]
fn a_server_that_goes_and_comes_back_gets_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let (output, metrics) = start(&settings(directory.path(), &address, QueueSettings::default()));
    send(&output, 0..10);
    let (stream, _) = listener.accept().unwrap();
    let mut stream = BufReader::new(stream);
    assert_eq!(sequences(&mut stream, 10), (0..10).collect::<Vec<_>>());
    drop(stream);
    // It is seen before the next message is given away.
    std::thread::sleep(Duration::from_millis(100));
    send(&output, 10..20);
    let (stream, _) = listener.accept().unwrap();
    assert_eq!(sequences(&mut BufReader::new(stream), 10), (10..20).collect::<Vec<_>>());
    assert!(metrics.expose().contains("sink_failures_total{sink=\"siem\"} 1"));
    assert!(output.stop(Duration::from_secs(5)).is_empty());
}

#[test]
fn what_the_queue_could_not_hold_is_told_where_it_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let server = free();
    let small =
        QueueSettings { disk_bytes: 1 << 20, segment_bytes: 64 << 10, ..QueueSettings::default() };
    let settings = settings(directory.path(), &format!("tcp://{server}"), small);
    let (output, metrics) = start(&settings);
    let total = 3_000;
    send(&output, 0..total);
    let full = || {
        let text = metrics.expose();
        text.lines().find(|line| line.contains("reason=\"full\"")).map(str::to_owned)
    };
    eventually("a full queue, and an end of what comes", || {
        let before = full();
        std::thread::sleep(Duration::from_millis(300));
        before.is_some() && before == full()
    });
    let listener = TcpListener::bind(server).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = BufReader::new(stream);
    let (mut got, mut dropped, mut last) = (0, 0, None);
    while got + dropped < total {
        let (head, object) = parts(&frame(&mut stream).unwrap());
        match head[5].as_str() {
            "dropped" => dropped += object["count"].as_u64().unwrap(),
            _ => {
                let sequence = object["metadata"]["sequence"].as_u64().unwrap();
                assert_eq!(sequence, got + dropped);
                last = Some(sequence);
                got += 1;
            }
        }
    }
    assert_eq!((got + dropped, last), (total, Some(total - 1)));
    assert!(dropped > 500, "{dropped}");
    assert!(full().unwrap().ends_with(&format!(" {dropped}")), "{:?} {dropped}", full());
    assert!(output.stop(Duration::from_secs(5)).is_empty());
}
