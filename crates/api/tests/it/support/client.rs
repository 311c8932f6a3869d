//! A small HTTP/1.1 client that can also misbehave.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::USER;

#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    key: Option<String>,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            key: Some(USER.to_owned()),
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    pub(crate) fn key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(str::to_owned);
        self
    }

    /// The head, without the length of the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\n", self.method, self.path);
        if let Some(key) = &self.key {
            head.push_str(&format!("apikey: {key}\r\n"));
        }
        let mut head = head.into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert_eq!(kind, "application/json; charset=utf-8", "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Checks an error in whole: status, form, code, and that the message says something.
    #[track_caller]
    pub(crate) fn is_error(&self, code: u64) {
        let body = self.json();
        assert_eq!(body["error"]["code"], code, "{body}");
        assert_eq!(u64::from(self.status), code / 1000, "{body}");
        assert_eq!(body["success"], false);
        let messages = body["error"]["messages"].as_array().unwrap();
        assert!(messages.len() == 1 && messages[0].as_str().unwrap().len() > 10, "{body}");
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub(crate) async fn call(&mut self, request: &Request) -> Response {
        self.send(&request.bytes()).await;
        self.response(request.method == "HEAD").await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// More bytes; false at the end of the stream.
    async fn fill(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.buffer);
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
        read.expect("no answer in 20 s").unwrap() > 0
    }

    /// Everything up to and with `end`.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(place) = self.buffer.windows(end.len()).position(|window| window == end) {
                return self.buffer.drain(..place + end.len()).collect();
            }
            assert!(self.fill().await, "ended: {}", String::from_utf8_lossy(&self.buffer));
        }
    }

    pub(crate) async fn head(&mut self) -> Response {
        let head = String::from_utf8(self.until(b"\r\n\r\n").await).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Response { status, headers, body: Vec::new() }
    }

    pub(crate) async fn response(&mut self, headless: bool) -> Response {
        let mut response = self.head().await;
        let length = response.header("content-length").map_or(0, |text| text.parse().unwrap());
        if !headless {
            while self.buffer.len() < length {
                assert!(self.fill().await, "the answer ended early");
            }
            response.body = self.buffer.drain(..length).collect();
        }
        response
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }
}
