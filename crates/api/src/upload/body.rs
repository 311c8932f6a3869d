use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use palisade_model::ArtifactRef;
use palisade_pipeline::gateway::GatewayError;
use tokio::time::Instant;

use super::multipart;
use crate::config::Dialect;
use crate::error::{ApiError, ErrorCode};
use crate::state::Api;

/// What a multipart body may hold besides the file.
pub(super) const MULTIPART_EXTRA: u64 = 1 << 20;

/// A file that was received and stored.
pub(crate) struct Received {
    pub(crate) artifact: ArtifactRef,
    /// The name that the multipart part gives it.
    pub(crate) part_name: Option<String>,
}

/// Stores the file in a body: the whole body, or the file of a multipart form. Memory does not grow
/// with its size, and what ends early leaves nothing behind.
pub(crate) async fn receive(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
    limit: u64,
) -> Result<Received, ApiError> {
    let boundary = multipart_boundary(headers)?;
    let extra = if boundary.is_some() { MULTIPART_EXTRA } else { 0 };
    check_length(api, headers, limit.saturating_add(extra), limit)?;
    let paced = paced(api, body);
    match boundary {
        Some(boundary) => multipart::receive(api, paced, boundary, limit).await,
        None => {
            let artifact = raw(api, paced, limit).await?;
            Ok(Received { artifact, part_name: None })
        }
    }
}

/// Stores every file of a form, each of at most `limit` bytes.
pub(crate) async fn receive_files(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
    limit: u64,
) -> Result<Vec<Received>, ApiError> {
    let boundary = multipart_boundary(headers)?.ok_or_else(empty)?;
    let all = limit.saturating_mul(multipart::MAX_PARTS as u64).saturating_add(MULTIPART_EXTRA);
    check_length(api, headers, all, limit)?;
    multipart::receive_files(api, paced(api, body), boundary, limit).await
}

/// Stores a body that is a piece of a file.
pub(crate) async fn receive_part(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
    limit: u64,
) -> Result<ArtifactRef, ApiError> {
    check_length(api, headers, limit, limit)?;
    raw(api, paced(api, body), limit).await
}

/// Whether a body is a multipart form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    !matches!(multipart_boundary(headers), Ok(None))
}

fn paced(api: &Api, body: Body) -> Paced {
    Paced::new(body, api.config().body_idle_ms, api.config().min_body_rate)
}

/// That the length that is said of a body is one to read; `limit` is what the error names.
fn check_length(api: &Api, headers: &HeaderMap, most: u64, limit: u64) -> Result<(), ApiError> {
    match content_length(headers) {
        Some(0) => Err(empty()),
        Some(length) if length > most => Err(GatewayError::TooLarge { limit }.into()),
        None if api.config().dialect == Dialect::Core => {
            let message = "Send a Content-Length: a chunked body is not taken here";
            Err(ApiError::new(ErrorCode::LengthRequired, message))
        }
        _ => Ok(()),
    }
}

async fn raw(api: &Api, mut body: Paced, limit: u64) -> Result<ArtifactRef, ApiError> {
    let mut intake = api.gateway().intake_within(limit);
    while let Some(bytes) = body.next().await? {
        intake.write(bytes).await.map_err(|error| api.refused(error))?;
    }
    if intake.size() == 0 {
        return Err(empty());
    }
    intake.finish().await.map_err(|error| api.refused(error))
}

/// `Some` for a multipart form.
fn multipart_boundary(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    const FORM: &[u8] = b"multipart/form-data";
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(None) };
    let start = value.as_bytes().get(..FORM.len());
    if !start.is_some_and(|start| start.eq_ignore_ascii_case(FORM)) {
        return Ok(None);
    }
    let boundary = value.to_str().ok().and_then(|text| multer::parse_boundary(text).ok());
    boundary.map(Some).ok_or_else(|| {
        ApiError::new(
            ErrorCode::BadMultipart,
            "The Content-Type multipart/form-data has no boundary: let the HTTP library write it",
        )
    })
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) fn empty() -> ApiError {
    ApiError::new(ErrorCode::Empty, "There are no bytes to scan: send the file as the body")
}

/// A body that must not stall (a slow-loris holds a connection for the price of a byte a minute).
pub(super) struct Paced {
    body: BodyDataStream,
    idle: Duration,
    min_rate: u64,
    started: Instant,
    bytes: u64,
}

impl Paced {
    fn new(body: Body, idle_ms: u64, min_rate: u64) -> Self {
        Self {
            body: body.into_data_stream(),
            idle: Duration::from_millis(idle_ms),
            min_rate,
            started: Instant::now(),
            bytes: 0,
        }
    }

    /// The next bytes.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        match tokio::time::timeout(self.idle, self.body.next()).await {
            Err(_) => {
                let idle = self.idle.as_millis();
                Err(slow(&format!("Nothing of the body came for {idle} ms")))
            }
            Ok(None) => Ok(None),
            Ok(Some(Ok(bytes))) => {
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                self.check_rate()?;
                Ok(Some(bytes))
            }
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "a body ended early");
                Err(truncated())
            }
        }
    }

    fn check_rate(&self) -> Result<(), ApiError> {
        let elapsed = self.started.elapsed();
        let due = elapsed.as_secs().saturating_mul(self.min_rate);
        if elapsed > self.idle && self.bytes < due {
            let rate = self.min_rate;
            return Err(slow(&format!("The body came with less than {rate} bytes a second")));
        }
        Ok(())
    }
}

fn slow(what: &str) -> ApiError {
    ApiError::new(ErrorCode::SlowBody, format!("{what}: send the file again, over a better line"))
}

pub(super) fn truncated() -> ApiError {
    let message = "The body ended early, nothing was kept: send the file again, whole";
    ApiError::new(ErrorCode::Truncated, message)
}

/// Bytes that may still come before the next part must have begun.
pub(super) type Headroom = Arc<AtomicU64>;
