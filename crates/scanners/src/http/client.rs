//! HTTP to one scanner: a pool of kept connections, TLS, bounded answers.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Either, Empty};
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use palisade_ports::engine::Artifact;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::config::HttpConfig;
use crate::artifact;

/// Bytes of an artifact read at once.
const CHUNK: usize = 128 << 10;

/// The largest file of certificates, in bytes.
const CA_BYTES: u64 = 4 << 20;

/// A body: an artifact, or nothing.
pub(super) type Outgoing = Either<ArtifactBody, Empty<Bytes>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("it cannot be reached: {0}")]
    Connect(String),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Outgoing>,
    max_answer_bytes: usize,
}

impl Client {
    pub(super) fn new(config: &HttpConfig) -> Result<Self, String> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(Duration::from_millis(config.connect_timeout_ms)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(config.ca_file.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(config.idle_ms))
            .pool_max_idle_per_host(config.concurrency)
            .build(connector);
        Ok(Self { pool, max_answer_bytes: config.max_answer_bytes })
    }

    pub(super) async fn ask(&self, request: Request<Outgoing>) -> Result<Answered, ClientError> {
        let answer = self.pool.request(request).await.map_err(|error| {
            let why = innermost(&error);
            if error.is_connect() { ClientError::Connect(why) } else { ClientError::Broken(why) }
        })?;
        let (head, mut incoming) = answer.into_parts();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| ClientError::Broken(innermost(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            if body.len().saturating_add(data.len()) > self.max_answer_bytes {
                return Err(ClientError::TooLong(self.max_answer_bytes));
            }
            body.extend_from_slice(data);
        }
        Ok(Answered { status: head.status, headers: head.headers, body })
    }
}

/// The cause at the bottom: what wraps it says only where it happened.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    // Chains are short; the bound is against one that is a circle.
    for _ in 0..16 {
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    cause.to_string()
}

fn tls(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| format!("{}: {e}", path.display()))?;
            }
            if roots.is_empty() {
                return Err(format!("{} holds no certificate", path.display()));
            }
        }
        // Unreadable ones are passed over: a system's store has hundreds. Without any, a connection
        // says so.
        None => {
            let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot =
        |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
    let size = fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if size > CA_BYTES {
        return Err(cannot(&"it is too large for certificates"));
    }
    let bytes = fs::read(path).map_err(|error| cannot(&error))?;
    CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|error| cannot(&error))
}

/// A memory file as a body of known length.
pub(super) struct ArtifactBody {
    artifact: Artifact,
    size: u64,
    offset: u64,
}

impl ArtifactBody {
    pub(super) fn new(artifact: Artifact, size: u64) -> Self {
        Self { artifact, size, offset: 0 }
    }
}

impl Body for ArtifactBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let rest = self.size.saturating_sub(self.offset);
        if rest == 0 {
            return Poll::Ready(None);
        }
        // The file is memory: reading it does not block.
        let mut chunk = BytesMut::zeroed(usize::try_from(rest).unwrap_or(CHUNK).min(CHUNK));
        match artifact::read_at(&self.artifact, &mut chunk, self.offset) {
            Ok(0) => Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into()))),
            Ok(count) => {
                self.offset += count as u64;
                chunk.truncate(count);
                Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.offset >= self.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size.saturating_sub(self.offset))
    }
}
