use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use palisade_ports::Courier;
use palisade_ports::courier::{CourierError, Message, Target};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::{CallbacksConfig, Method};
use crate::guard::Guard;
use crate::resolve::{Resolve, SystemResolver};
use crate::signature::Secret;

/// No try may take longer, in milliseconds, whatever the settings say.
const MAX_TIMEOUT_MS: u64 = 60_000;

/// The most that is read of an answer's head, in bytes, and its header lines.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 100;

/// Settings from which no courier can be made.
#[derive(Debug, thiserror::Error)]
pub enum CourierBuildError {
    /// `ca_file` cannot be read.
    #[error("the certificates in {0} cannot be read")]
    CaFile(PathBuf, #[source] rustls::pki_types::pem::Error),
    /// The TLS library takes none of its own ways.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// Calls receivers over HTTP/1.1 and TLS.
pub struct HttpCourier {
    guard: Guard,
    require_https: bool,
    timeout: Duration,
    method: Method,
    secret: Secret,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
}

impl HttpCourier {
    /// A courier over the system's resolver.
    ///
    /// # Errors
    /// [`CourierBuildError`].
    pub fn new(
        config: &CallbacksConfig,
        secret: Secret,
        method: Method,
    ) -> Result<Self, CourierBuildError> {
        Ok(Self {
            guard: Guard::new(config.allow_networks.clone()),
            require_https: config.require_https,
            timeout: Duration::from_millis(config.timeout_ms.min(MAX_TIMEOUT_MS)),
            method,
            secret,
            resolver: Arc::new(SystemResolver),
            tls: tls(config)?,
        })
    }

    /// With another resolver.
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// The one address that this try connects to.
    async fn address(&self, target: &Target) -> Result<SocketAddr, CourierError> {
        if self.require_https && !target.https {
            let why = "only https is called here (callbacks.require_https)";
            return Err(CourierError::Forbidden(why.to_owned()));
        }
        let addresses = match target.host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.resolve(&target.host).await.map_err(|error| {
                CourierError::NoAnswer(format!("{} has no address: {error}", target.host))
            })?,
        };
        let mut refused = None;
        for address in addresses {
            match self.guard.check(address) {
                Ok(()) => return Ok(SocketAddr::new(address, target.port)),
                Err(what) => refused = Some((address, what)),
            }
        }
        Err(match refused {
            None => CourierError::NoAnswer(format!("{} has no address", target.host)),
            Some((address, what)) => CourierError::Forbidden(format!(
                "{} is {address}, which is {what}; the operator can allow it in \
                 callbacks.allow_networks",
                target.host
            )),
        })
    }

    async fn exchange(&self, message: &Message) -> Result<u16, CourierError> {
        let target = &message.target;
        let address = self.address(target).await?;
        let request = self.request(message)?;
        let stream = TcpStream::connect(address).await.map_err(|error| no_answer(target, error))?;
        if !target.https {
            return ask(stream, target, request).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|error| CourierError::Forbidden(format!("no name for TLS: {error}")))?;
        let stream =
            self.tls.connect(name, stream).await.map_err(|error| no_answer(target, error))?;
        ask(stream, target, request).await
    }

    fn request(&self, message: &Message) -> Result<Request<Full<Bytes>>, CourierError> {
        let seconds = message.time.0 / 1000;
        let method = match self.method {
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
        };
        let path: Uri = message
            .target
            .path
            .parse()
            .map_err(|error| CourierError::Forbidden(format!("no path to call: {error}")))?;
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &message.target.authority)
            .header(USER_AGENT, concat!("palisade/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.secret.sign(&message.id, seconds, &message.body))
            .body(Full::new(message.body.clone()))
            .map_err(|error| CourierError::Forbidden(format!("no request can be made: {error}")))
    }
}

/// The answer's status. Its body is not read: the connection is dropped with what is left of it.
async fn ask<S>(
    stream: S,
    target: &Target,
    request: Request<Full<Bytes>>,
) -> Result<u16, CourierError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| no_answer(target, error))?;
    // Both in this task: when the try is given up, nothing of it goes on.
    tokio::pin!(connection);
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => {
            Ok(answer.map_err(|error| no_answer(target, error))?.status().as_u16())
        }
        ended = &mut connection => match ended {
            Err(error) => Err(no_answer(target, error)),
            // It ended with the answer on its way to us.
            Ok(()) => {
                Ok(answer.await.map_err(|error| no_answer(target, error))?.status().as_u16())
            }
        },
    }
}

fn no_answer(target: &Target, error: impl std::error::Error) -> CourierError {
    let mut text = format!("{target} did not answer: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    CourierError::NoAnswer(text)
}

fn tls(config: &CallbacksConfig) -> Result<TlsConnector, CourierBuildError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read");
    }
    // Those that cannot be used are passed over: systems keep old ones.
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = &config.ca_file {
        let failed = |error| CourierBuildError::CaFile(path.clone(), error);
        for certificate in CertificateDer::pem_file_iter(path).map_err(failed)? {
            let certificate = certificate.map_err(failed)?;
            roots.add(certificate).map_err(CourierBuildError::Tls)?;
        }
    }
    if roots.is_empty() {
        tracing::warn!("no certificates are trusted: https callbacks will fail; set ca_file");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(CourierBuildError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(client)))
}

#[async_trait]
impl Courier for HttpCourier {
    async fn send(&self, message: &Message) -> Result<u16, CourierError> {
        match tokio::time::timeout(self.timeout, self.exchange(message)).await {
            Ok(answer) => answer,
            Err(_) => {
                let after = self.timeout.as_millis();
                let error = io::Error::new(io::ErrorKind::TimedOut, format!("after {after} ms"));
                Err(no_answer(&message.target, error))
            }
        }
    }
}
