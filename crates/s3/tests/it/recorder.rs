//! What goes over the wire: passes bytes on to a server, and keeps what the client sent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request's head.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// Each connection's bytes from the client.
type Sent = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

/// A port of the loopback before another one.
pub(crate) struct Recorder {
    port: u16,
    sent: Sent,
}

impl Recorder {
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let sent = Sent::default();
        let kept = Arc::clone(&sent);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let bytes = Arc::new(Mutex::new(Vec::new()));
                kept.lock().expect("kept").push(Arc::clone(&bytes));
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("a server");
                let back =
                    (server.try_clone().expect("a handle"), client.try_clone().expect("one"));
                std::thread::spawn(move || {
                    pass(client, server, |piece| {
                        bytes.lock().expect("bytes").extend_from_slice(piece);
                    })
                });
                std::thread::spawn(move || pass(back.0, back.1, |_| {}));
            }
        });
        Self { port, sent }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let connections = self.sent.lock().expect("sent");
        connections.iter().flat_map(|bytes| requests(&bytes.lock().expect("bytes"))).collect()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        // Kept first: whoever has the answer finds the request.
        keep(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The heads of one connection's requests, which all tell the length of their bodies.
fn requests(mut bytes: &[u8]) -> Vec<Request> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, target) = (first.next().expect("a method"), first.next().expect("a target"));
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let request = Request { method, target, headers };
        let length = request.header("content-length").map_or(0, |text| text.parse().expect("one"));
        bytes = bytes.get(end + 4 + length..).unwrap_or_default();
        found.push(request);
    }
    found
}
