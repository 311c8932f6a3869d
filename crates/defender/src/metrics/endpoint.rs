//! `GET /metrics`, `/healthz` and `/readyz`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Metrics;

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointSettings {
    /// The address. There is neither TLS nor a key: leave it on the loopback or behind a firewall.
    /// Default `127.0.0.1:9464`.
    pub listen: SocketAddr,
    /// Connections at once; further ones wait to be taken. Default 32.
    pub connections: usize,
    /// Seconds for a request to come in, and of a connection in all. Default 10.
    pub seconds: u64,
    /// Seconds without a sign of life after which `/healthz` is 503. Default 30.
    pub stalled_after_seconds: u64,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            connections: 32,
            seconds: 10,
            stalled_after_seconds: 30,
        }
    }
}

/// The endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} for metrics")]
pub struct EndpointError {
    /// Where.
    pub listen: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// How the Defender is, as it says itself.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    beat: Instant,
    unready: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        let unready = Some("starting".to_owned());
        Self { state: Mutex::new(State { beat: Instant::now(), unready }) }
    }
}

impl Health {
    /// A sign of life of the main loop.
    pub fn beat(&self) {
        self.lock().beat = Instant::now();
    }

    /// It watches and decides.
    pub fn ready(&self) {
        self.lock().unready = None;
    }

    /// It does not, and why: one line.
    pub fn unready(&self, why: impl Into<String>) {
        self.lock().unready = Some(why.into());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running endpoint. It ends when this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    listen: SocketAddr,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Listens. Needs a running tokio.
    ///
    /// # Errors
    /// [`EndpointError`] when the address cannot be had.
    pub async fn start(
        settings: EndpointSettings,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> Result<Self, EndpointError> {
        let failed = |source| EndpointError { listen: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let listen = listener.local_addr().map_err(failed)?;
        let served = Arc::new(Served { settings, metrics, health });
        let task = tokio::spawn(accept(listener, served));
        Ok(Self { listen, task })
    }

    /// Where it listens: the port that was chosen, if the setting was 0.
    pub fn address(&self) -> SocketAddr {
        self.listen
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Served {
    settings: EndpointSettings,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

async fn accept(listener: TcpListener, served: Arc<Served>) {
    let places = Arc::new(Semaphore::new(served.settings.connections.max(1)));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = Arc::clone(&served);
                tokio::spawn(async move {
                    serve(stream, served).await;
                    drop(place);
                });
            }
            Err(error) => {
                // No file descriptors, for example: it may pass.
                tracing::warn!(%error, "no connection for metrics could be taken");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, served: Arc<Served>) {
    let limit = Duration::from_secs(served.settings.seconds.max(1));
    let answer = service_fn(move |request: Request<Incoming>| {
        let response = served.answer(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(16 << 10);
    let connection = server.serve_connection(TokioIo::new(stream), answer);
    // Whoever asks slowly or breaks off harms nobody: there is nothing to tell.
    let _ = tokio::time::timeout(limit, connection).await;
}

impl Served {
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        }
        match path {
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.metrics.expose());
                let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form));
                response
            }
            "/healthz" => {
                let quiet = self.health.lock().beat.elapsed().as_secs();
                if quiet > self.settings.stalled_after_seconds {
                    let why = format!("no sign of life for {quiet} s\n");
                    return text(StatusCode::SERVICE_UNAVAILABLE, why);
                }
                text(StatusCode::OK, "ok\n")
            }
            "/readyz" => match &self.health.lock().unready {
                None => text(StatusCode::OK, "ready\n"),
                Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
            },
            _ => text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let form = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, form);
    response
}
