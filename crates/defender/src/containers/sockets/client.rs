//! HTTP over a Unix socket, one connection for a question.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST, TE, USER_AGENT};
use hyper::http::HeaderMap;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

use super::lines::{Driver, Lines};
use super::within;
use crate::containers::{Host, HostError, Settings};

/// Bytes of an answer's head, and its header lines.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// Why a runtime gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// There is no socket.
    #[error("there is no such socket")]
    Absent,
    /// It could not be reached.
    #[error("it cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// No whole answer in time.
    #[error("no answer in {0:?}")]
    Late(Duration),
    /// More than is read.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The runtime refused.
    #[error("it answered with status {0}")]
    Status(u16),
    /// Something that is no answer.
    #[error("not an answer of this API: {0}")]
    Unreadable(String),
}

impl SocketError {
    /// The error and what it comes from, in one line.
    pub fn explained(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

impl From<hyper::Error> for SocketError {
    fn from(error: hyper::Error) -> Self {
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        Self::Unreadable(format!("{error}{source}"))
    }
}

impl From<serde_json::Error> for SocketError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// An answer with a whole body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) headers: HeaderMap,
}

/// Asks one socket.
#[derive(Debug, Clone)]
pub(super) struct Client {
    host: Arc<Host>,
    path: PathBuf,
    limit: Duration,
    max_body: usize,
    max_event: usize,
}

impl Client {
    pub(super) fn new(host: Arc<Host>, path: PathBuf, settings: &Settings) -> Self {
        Self {
            host,
            path,
            limit: Duration::from_millis(settings.ask_ms),
            max_body: settings.max_body,
            max_event: settings.max_event,
        }
    }

    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        self.handle().ok()?.identity()
    }

    /// The answer to `GET path`.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, SocketError> {
        within(self.limit, self.plain(Method::GET, path)).await
    }

    /// The answer to `POST path` without a body.
    pub(super) async fn post(&self, path: &str) -> Result<Answer, SocketError> {
        within(self.limit, self.plain(Method::POST, path)).await
    }

    /// The answer to a gRPC call: one message each way, without the frame. A status other than 0 is in
    /// [`Answer::status`].
    pub(super) async fn call(
        &self,
        method: &str,
        namespace: Option<&str>,
        message: &[u8],
    ) -> Result<Answer, SocketError> {
        within(self.limit, self.grpc(method, namespace, message)).await
    }

    /// A body without end, line by line.
    pub(super) async fn lines(&self, path: &str) -> Result<Lines, SocketError> {
        within(self.limit, async {
            let (mut sender, connection) = self.http1().await?;
            let mut connection: Driver =
                Box::pin(async move { connection.await.map_err(Into::into) });
            let request = request(Method::GET, path)?;
            let head = sender.send_request(request);
            tokio::pin!(head);
            let (answer, connection) = tokio::select! {
                biased;
                answer = &mut head => (answer?, Some(connection)),
                ended = &mut connection => {
                    ended?;
                    (head.await?, None)
                }
            };
            if answer.status() != 200 {
                return Err(SocketError::Status(answer.status().as_u16()));
            }
            Ok(Lines {
                body: answer.into_body(),
                connection,
                buffer: BytesMut::new(),
                limit: self.max_event,
            })
        })
        .await
    }

    async fn plain(&self, method: Method, path: &str) -> Result<Answer, SocketError> {
        let (mut sender, connection) = self.http1().await?;
        let request = request(method, path)?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            self.whole(answer).await
        };
        with(exchange, async { connection.await.map_err(Into::into) }).await
    }

    async fn grpc(
        &self,
        method: &str,
        namespace: Option<&str>,
        message: &[u8],
    ) -> Result<Answer, SocketError> {
        let stream = self.connect().await?;
        let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .handshake(TokioIo::new(stream))
            .await?;
        let length = u32::try_from(message.len()).map_err(unreadable)?;
        let mut body = BytesMut::with_capacity(message.len().saturating_add(5));
        body.extend_from_slice(&[0]);
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(message);
        let mut request = Request::post(format!("http://localhost/{method}"))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
            .header(USER_AGENT, AGENT);
        if let Some(namespace) = namespace {
            request = request.header("containerd-namespace", namespace);
        }
        let request = request.body(Full::new(body.freeze())).map_err(unreadable)?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            self.whole(answer).await
        };
        let answer = with(exchange, async { connection.await.map_err(Into::into) }).await?;
        if answer.status != 200 {
            return Err(SocketError::Status(answer.status));
        }
        let code = answer.headers.get("grpc-status").and_then(|code| code.to_str().ok());
        let Some(status) = code.and_then(|code| code.parse().ok()) else {
            return Err(SocketError::Unreadable("an answer without grpc-status".to_owned()));
        };
        Ok(Answer { status, body: unframed(answer.body)?, headers: answer.headers })
    }

    async fn http1(
        &self,
    ) -> Result<
        (http1::SendRequest<Full<Bytes>>, http1::Connection<TokioIo<UnixStream>, Full<Bytes>>),
        SocketError,
    > {
        let stream = self.connect().await?;
        let parts = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(parts)
    }

    /// Trailers are added to the head's lines.
    async fn whole(&self, answer: hyper::Response<Incoming>) -> Result<Answer, SocketError> {
        let (head, body) = answer.into_parts();
        // A length that is said to be too much is not waited for.
        let said = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if said > self.max_body {
            return Err(SocketError::TooLarge(self.max_body));
        }
        let body = Limited::new(body, self.max_body).collect().await.map_err(|error| {
            match error.downcast::<LengthLimitError>() {
                Ok(_) => SocketError::TooLarge(self.max_body),
                Err(error) => SocketError::Unreadable(error.to_string()),
            }
        })?;
        let mut headers = head.headers;
        if let Some(trailers) = body.trailers() {
            headers.extend(trailers.clone());
        }
        Ok(Answer { status: head.status.as_u16(), body: body.to_bytes(), headers })
    }

    async fn connect(&self) -> Result<UnixStream, SocketError> {
        let handle = self.handle()?;
        UnixStream::connect(handle.path()).await.map_err(SocketError::Unreachable)
    }

    /// Below the host's root; where it is not there, at its own place: a socket is often mounted alone.
    fn handle(&self) -> Result<crate::containers::host::Handle, SocketError> {
        let below = self.host.handle(&self.path);
        let found = match below {
            Err(HostError::Absent(_)) if !self.host.is_own() => {
                Host::open("/".as_ref()).and_then(|own| own.handle(&self.path))
            }
            found => found,
        };
        match found {
            Ok(handle) if handle.is_socket() => Ok(handle),
            Ok(_) | Err(HostError::Absent(_)) => Err(SocketError::Absent),
            Err(HostError::Io { source, .. }) => Err(SocketError::Unreachable(source)),
            Err(error) => Err(SocketError::Unreadable(error.to_string())),
        }
    }
}

const AGENT: &str = concat!("palisade/", env!("CARGO_PKG_VERSION"));

fn request(method: Method, path: &str) -> Result<Request<Full<Bytes>>, SocketError> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(USER_AGENT, AGENT)
        .body(Full::default())
        .map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> SocketError {
    SocketError::Unreadable(error.to_string())
}

/// An exchange and its connection in one task: when the question is given up, nothing of it goes on.
async fn with<T>(
    exchange: impl Future<Output = Result<T, SocketError>>,
    connection: impl Future<Output = Result<(), SocketError>>,
) -> Result<T, SocketError> {
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        ended = &mut connection => match ended {
            // What has arrived is still to be read; an answer that was cut says so itself.
            Ok(()) => exchange.await,
            Err(error) => match exchange.await {
                Ok(answer) => Ok(answer),
                Err(_) => Err(error),
            },
        },
    }
}

/// The one message of a gRPC body: a flag, the length in four bytes, the message.
fn unframed(mut body: Bytes) -> Result<Bytes, SocketError> {
    if body.is_empty() {
        return Ok(body);
    }
    if body.len() < 5 || body.get_u8() != 0 {
        return Err(SocketError::Unreadable("not a plain gRPC message".to_owned()));
    }
    let length = usize::try_from(body.get_u32()).unwrap_or(usize::MAX);
    if body.len() != length {
        return Err(SocketError::Unreadable("a gRPC message of another length".to_owned()));
    }
    Ok(body)
}
