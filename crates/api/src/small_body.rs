use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{ApiError, ErrorCode};
use crate::state::Api;

/// Reads a small JSON body, of `limit` bytes at most and within `body_idle_ms` in all.
pub(crate) async fn read(api: &Api, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let within = Duration::from_millis(api.config().body_idle_ms);
    let (code, message) =
        match tokio::time::timeout(within, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => return Ok(body.to_bytes()),
            Err(_) => {
                let within = within.as_millis();
                (
                    ErrorCode::SlowBody,
                    format!("The body was not there after {within} ms: send it again"),
                )
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => (
                ErrorCode::BadJson,
                format!("The body is larger than {limit} bytes: send less at once"),
            ),
            Ok(Err(_)) => {
                let message = "The body ended before its Content-Length: send it again";
                (ErrorCode::Truncated, message.to_owned())
            }
        };
    Err(ApiError::new(code, message))
}
