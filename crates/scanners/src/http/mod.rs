//! `http`: asks a service behind the contract of `docs/http-scanner.md`.

mod client;
mod config;
mod contract;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{Either, Empty};
use palisade_model::{Command, Definitions, EngineName};
use palisade_ports::engine::{Artifact, Opinion, ScanError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use client::{Answered, ArtifactBody, Client, ClientError, Outgoing};
pub use config::HttpConfig;
use contract::{Info, ScanForm};

use crate::answer::Answer;
use crate::backoff::Backoff;
use crate::outside::Scanner;
use crate::status::{PollError, Status, poll_every};
use crate::text;

/// The artifact's SHA-256, in hexadecimal.
pub const SHA256: &str = "palisade-sha256";
/// The artifact's type by content, as Palisade names it (`pe`, `docx`).
pub const FILE_TYPE: &str = "palisade-file-type";
/// The artifact's name: percent-encoded UTF-8 (RFC 3986, section 2.1).
pub const FILE_NAME: &str = "palisade-file-name";
/// Milliseconds after which nobody waits for the answer any more.
pub const DEADLINE_MS: &str = "palisade-deadline-ms";

/// Bytes of a name that are told.
const NAME_BYTES: usize = 255;

/// Milliseconds to wait where a busy scanner does not say how long.
const BUSY_MS: u64 = 200;

/// What RFC 3986 calls unreserved stays as it is.
const NAME_SET: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The engine.
pub struct HttpEngine {
    name: EngineName,
    description: String,
    config: HttpConfig,
    client: Client,
    scan_url: Uri,
    info_url: Uri,
    authorization: Option<HeaderValue>,
    status: Status,
    info: RwLock<Arc<Info>>,
    backoff: Backoff,
}

/// What an answer to a scan means.
enum Told {
    Opinion(Box<Opinion>, Option<Definitions>),
    /// Try again after so many milliseconds.
    Busy(u64),
}

impl HttpEngine {
    /// Starts to poll; call it in a Tokio runtime.
    ///
    /// # Errors
    /// A setting that is not right, a token or certificates that cannot be read.
    pub fn start(name: EngineName, config: &HttpConfig) -> Result<Arc<Self>, String> {
        config.check()?;
        let authorization = config.bearer()?.map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| "the token has characters that no header may have".to_owned())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        });
        let engine = Arc::new(Self {
            name,
            description: format!("the scanner at {}", config.url),
            client: Client::new(config)?,
            scan_url: config.resource("scan")?,
            info_url: config.resource("info")?,
            authorization: authorization.transpose()?,
            config: config.clone(),
            status: Status::new(),
            info: RwLock::default(),
            backoff: Backoff::default(),
        });
        let interval = Duration::from_millis(config.poll_interval_ms);
        poll_every(&engine, interval, |engine| async move { engine.poll().await });
        Ok(engine)
    }

    fn info(&self) -> Arc<Info> {
        Arc::clone(&self.info.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn request(&self, method: Method, url: &Uri) -> http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(url.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        request
    }

    async fn poll(&self) {
        let time = Duration::from_millis(self.config.poll_timeout_ms);
        match tokio::time::timeout(time, self.ask_info()).await {
            Ok(Ok(info)) => {
                self.backoff.success();
                self.status.answered(info.definitions(), "");
                *self.info.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(info);
            }
            Ok(Err(error)) => self.status.failed(&error),
            Err(_) => {
                let time = self.config.poll_timeout_ms;
                self.status.failed(&PollError::Slow(format!("no answer in {time} ms")));
            }
        }
    }

    async fn ask_info(&self) -> Result<Info, PollError> {
        let absent = |error: &dyn std::fmt::Display| PollError::Absent(error.to_string());
        let request = self
            .request(Method::GET, &self.info_url)
            .body(Either::Right(Empty::new()))
            .map_err(|error| absent(&error))?;
        let answer = self.client.ask(request).await.map_err(|error| absent(&error))?;
        match answer.status {
            StatusCode::OK => Info::read(&answer.body).map_err(PollError::Absent),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Err(PollError::Slow(format!("it is busy: {}", answer.status)))
            }
            status => Err(PollError::Absent(said(status, &answer.body))),
        }
    }

    fn scan_request(
        &self,
        command: &Command,
        artifact: &Artifact,
        size: u64,
        left: Duration,
    ) -> Result<Request<Outgoing>, ScanError> {
        let ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let mut request = self
            .request(Method::POST, &self.scan_url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            // Stated, for an empty body would have none.
            .header(CONTENT_LENGTH, HeaderValue::from(size))
            .header(SHA256, command.request.artifact.sha256().to_string())
            .header(DEADLINE_MS, HeaderValue::from(ms));
        if !command.file_type.id.is_empty() {
            let id = utf8_percent_encode(&command.file_type.id, &NAME_SET).to_string();
            request = request.header(FILE_TYPE, id);
        }
        if self.config.tell_name {
            let name = text::line(&command.request.name, NAME_BYTES);
            request = request.header(FILE_NAME, utf8_percent_encode(&name, &NAME_SET).to_string());
        }
        let body = ArtifactBody::new(artifact.clone(), size);
        request.body(Either::Left(body)).map_err(|e| ScanError::Unavailable(e.to_string()))
    }

    /// Asks until there is an answer, it says that it has none, or the time is over.
    async fn ask(
        &self,
        command: &Command,
        artifact: &Artifact,
        size: u64,
        until: Instant,
    ) -> Result<(Opinion, Option<Definitions>), ScanError> {
        loop {
            let wait = self.backoff.wait();
            if Instant::now() + wait >= until {
                return Err(ScanError::Unavailable("it could not be reached".to_owned()));
            }
            tokio::time::sleep(wait).await;
            let left = until.saturating_duration_since(Instant::now());
            let request = self.scan_request(command, artifact, size, left)?;
            let answer = match self.client.ask(request).await {
                Ok(answer) => answer,
                Err(ClientError::TooLong(most)) => {
                    let why = ClientError::TooLong(most).to_string();
                    return Ok((Answer::failed(why).opinion(self.name.as_str()), None));
                }
                Err(error) => {
                    self.backoff.failure();
                    return Err(ScanError::Unavailable(error.to_string()));
                }
            };
            self.backoff.success();
            match self.told(&answer)? {
                Told::Opinion(opinion, definitions) => return Ok((*opinion, definitions)),
                Told::Busy(ms) => {
                    let wait = Duration::from_millis(ms);
                    if Instant::now() + wait >= until {
                        return Err(ScanError::Unavailable(said(answer.status, &answer.body)));
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn told(&self, answer: &Answered) -> Result<Told, ScanError> {
        let scanner = self.name.as_str();
        let opinion = |answer: Answer| Ok(Told::Opinion(Box::new(answer.opinion(scanner)), None));
        let words = said(answer.status, &answer.body);
        match answer.status {
            StatusCode::OK => match ScanForm::read(&answer.body) {
                Ok(form) => {
                    let definitions = form.definitions(&self.info());
                    Ok(Told::Opinion(Box::new(form.opinion(scanner)), definitions))
                }
                Err(why) => opinion(Answer::failed(why)),
            },
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                opinion(Answer::not_scanned(words))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Ok(Told::Busy(retry_after_ms(&answer.headers)))
            }
            // About the service, not about the artifact.
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => Err(ScanError::Unavailable(words)),
            // 500 and whatever else: it broke on this artifact, and would again.
            _ => opinion(Answer::failed(words)),
        }
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3); its form as a date is not read.
fn retry_after_ms(headers: &HeaderMap) -> u64 {
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse::<u64>().ok());
    seconds.map_or(BUSY_MS, |seconds| seconds.saturating_mul(1_000)).max(BUSY_MS)
}

/// A status with the reason that came with it.
fn said(status: StatusCode, body: &[u8]) -> String {
    let reason = contract::reason(body);
    let colon = if reason.is_empty() { "" } else { ": " };
    format!("it answers {status}{colon}{reason}")
}

#[async_trait]
impl Scanner for HttpEngine {
    fn name(&self) -> &EngineName {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn status(&self) -> &Status {
        &self.status
    }

    fn concurrency(&self) -> usize {
        self.config.concurrency
    }

    fn max_bytes(&self) -> u64 {
        self.config.max_bytes.min(self.info().limits.max_bytes.unwrap_or(u64::MAX))
    }

    async fn look(
        &self,
        command: &Command,
        artifact: &Artifact,
        size: u64,
        timeout_ms: u64,
    ) -> Result<(Opinion, Option<Definitions>), ScanError> {
        let time = Duration::from_millis(timeout_ms);
        let until = Instant::now() + time;
        let answered = tokio::time::timeout(time, self.ask(command, artifact, size, until)).await;
        answered.unwrap_or(Err(ScanError::TimedOut))
    }
}
