//! HTTP to the server: TLS, a bound on everything that comes back.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Empty};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use palisade_model::Sha256;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use super::answer::{Answer, Unusable};
use super::body::FileBody;
use super::{SubmitError, SubmitSettings, Verdict};

type Outgoing = Either<FileBody, Empty<Bytes>>;

/// Bytes of a file with the key.
const KEY: u64 = 4 << 10;

/// Bytes of a file of certificates.
const CERTIFICATES: u64 = 4 << 20;

/// Bytes of a file's name that are told, before encoding.
const NAME: usize = 255;

/// Seconds that a question for a result waits at the server.
const WAIT: u64 = 30;

#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("the server cannot be reached: {0}")]
    Connection(String),
    #[error("the server did not answer in time (request_timeout_ms)")]
    TimedOut,
    #[error("the server's answer is longer than {0} bytes (max_answer_bytes)")]
    TooLong(usize),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the server's answer cannot be used: {0}")]
    Unusable(#[from] Unusable),
    #[error("the API key cannot be read: {0}")]
    Key(String),
    #[error("the file cannot be read: {0}")]
    File(String),
}

impl ClientError {
    /// Whether it may go better later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connection(_) | Self::TimedOut => true,
            Self::Status(status) => {
                status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            _ => false,
        }
    }
}

pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Outgoing>,
    base: String,
    key_file: Option<PathBuf>,
    request_timeout: Duration,
    wait: u64,
    max_answer: usize,
}

impl Client {
    pub(super) fn new(settings: &SubmitSettings) -> Result<Self, SubmitError> {
        let base = base(&settings.url)?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(Duration::from_millis(settings.connect_timeout_ms)));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(settings.ca_file.as_deref()).map_err(SubmitError::Tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(settings.workers.max(1))
            .build(connector);
        Ok(Self {
            pool,
            base,
            key_file: settings.api_key_file.clone(),
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            // The answer must come before we give up on it.
            wait: WAIT.min(settings.request_timeout_ms / 2_000),
            max_answer: settings.max_answer_bytes,
        })
    }

    /// What the server knows of a hash; `None` if it does not, `Some(None)` while a scan runs.
    pub(super) async fn look_up(
        &self,
        hash: &Sha256,
    ) -> Result<Option<Option<Verdict>>, ClientError> {
        let (status, body) = self.get(&format!("/hash/{hash}")).await?;
        match status {
            StatusCode::OK => Ok(Some(Answer::read(&body)?.verdict(hash)?)),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(ClientError::Status(other)),
        }
    }

    /// Sends a file; its id comes back.
    pub(super) async fn send(&self, file: Arc<File>, name: &str) -> Result<String, ClientError> {
        let about = file.metadata().map_err(|error| ClientError::File(error.to_string()))?;
        let name: String = name.chars().take(NAME).collect();
        let name = utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string();
        let body = Either::Left(FileBody::new(file, about.len()));
        let mut request = self.request(Method::POST, "/file", body)?;
        if let Ok(name) = HeaderValue::try_from(name) {
            request.headers_mut().insert("filename", name);
        }
        let octets = HeaderValue::from_static("application/octet-stream");
        request.headers_mut().insert(http::header::CONTENT_TYPE, octets);
        match self.ask(request).await? {
            (status, body) if status.is_success() => Ok(Answer::read(&body)?.data_id()?),
            (status, _) => Err(ClientError::Status(status)),
        }
    }

    /// The result of a file that was sent; `None` while there is none.
    pub(super) async fn result(
        &self,
        id: &str,
        hash: &Sha256,
    ) -> Result<Option<Verdict>, ClientError> {
        match self.get(&format!("/file/{id}?wait={}", self.wait)).await? {
            (StatusCode::OK, body) => Ok(Answer::read(&body)?.verdict(hash)?),
            (status, _) => Err(ClientError::Status(status)),
        }
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let request = self.request(Method::GET, path, Either::Right(Empty::new()))?;
        self.ask(request).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Outgoing,
    ) -> Result<Request<Outgoing>, ClientError> {
        let uri = format!("{}{path}", self.base);
        let request = Request::builder().method(method).uri(uri).body(body);
        let mut request = request.map_err(|error| ClientError::Connection(error.to_string()))?;
        if let Some(path) = &self.key_file {
            let mut key = String::new();
            let read = File::open(path).and_then(|file| file.take(KEY).read_to_string(&mut key));
            read.map_err(|error| ClientError::Key(format!("{}: {error}", path.display())))?;
            let value = HeaderValue::try_from(key.trim());
            let mut value = value.map_err(|error| ClientError::Key(error.to_string()))?;
            value.set_sensitive(true);
            request.headers_mut().insert("apikey", value);
        }
        Ok(request)
    }

    async fn ask(&self, request: Request<Outgoing>) -> Result<(StatusCode, Vec<u8>), ClientError> {
        timeout(self.request_timeout, self.exchange(request))
            .await
            .unwrap_or(Err(ClientError::TimedOut))
    }

    async fn exchange(
        &self,
        request: Request<Outgoing>,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let answer = self.pool.request(request).await;
        let answer = answer.map_err(|error| ClientError::Connection(innermost(&error)))?;
        let (head, mut incoming) = answer.into_parts();
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| ClientError::Connection(innermost(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            if body.len().saturating_add(data.len()) > self.max_answer {
                return Err(ClientError::TooLong(self.max_answer));
            }
            body.extend_from_slice(data);
        }
        Ok((head.status, body))
    }
}

/// The address without a last slash, held to what may be used.
fn base(url: &str) -> Result<String, SubmitError> {
    let wrong = || SubmitError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    if uri.query().is_some() {
        return Err(wrong());
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") => {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let here = bare == "localhost"
                || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
            if !here {
                return Err(SubmitError::Plain(url.to_owned()));
            }
        }
        _ => return Err(wrong()),
    }
    Ok(url.trim_end_matches('/').to_owned())
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
            let cannot = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let mut bytes = Vec::new();
            File::open(path)
                .and_then(|file| file.take(CERTIFICATES).read_to_end(&mut bytes))
                .map_err(|error| cannot(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| cannot(&error))?;
                roots.add(certificate).map_err(|error| cannot(&error))?;
            }
            if roots.is_empty() {
                return Err(cannot(&"it holds no certificate"));
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
