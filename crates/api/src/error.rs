use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use palisade_pipeline::gateway::GatewayError;
use palisade_ports::PortError;

use crate::v4::{CoreErrorBody, ErrorBody, ErrorDetail, SyncTimeout};

/// Every error code of the API. The first three digits are the HTTP status; the vendor's own where
/// it has one, and `9xx` behind the status where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
#[allow(missing_docs, reason = "`meaning` says it, once")]
pub enum ErrorCode {
    BadHash = 400_064,
    TooLarge = 400_144,
    Empty = 400_145,
    BadHeader = 400_901,
    BadQuery = 400_902,
    BadJson = 400_903,
    BadMultipart = 400_904,
    Truncated = 400_905,
    UnknownWorkflow = 400_906,
    UnknownEngine = 400_907,
    TooManyHashes = 400_908,
    BadCallback = 400_909,
    BadKey = 401_006,
    Forbidden = 403_000,
    NotYours = 403_001,
    BadLogin = 403_002,
    UnknownRoute = 404_000,
    UnknownHash = 404_003,
    UnknownDataId = 404_004,
    UnknownEntry = 404_900,
    UnknownBatch = 404_901,
    UnknownUpload = 404_902,
    NoCallback = 404_903,
    NoDetails = 404_904,
    WrongMethod = 405_000,
    SyncTimeout = 408_000,
    SlowBody = 408_900,
    Finished = 409_900,
    BatchEnded = 409_901,
    BatchFull = 409_902,
    BatchOpen = 409_903,
    UploadFull = 409_904,
    NotFinished = 409_905,
    LengthRequired = 411_000,
    BadRange = 416_900,
    Quota = 429_000,
    Throttled = 429_001,
    Internal = 500_000,
    NotServed = 501_000,
    Busy = 503_000,
    Unavailable = 503_900,
}

impl ErrorCode {
    /// All of them, in numeric order.
    pub const ALL: [Self; 41] = [
        Self::BadHash,
        Self::TooLarge,
        Self::Empty,
        Self::BadHeader,
        Self::BadQuery,
        Self::BadJson,
        Self::BadMultipart,
        Self::Truncated,
        Self::UnknownWorkflow,
        Self::UnknownEngine,
        Self::TooManyHashes,
        Self::BadCallback,
        Self::BadKey,
        Self::Forbidden,
        Self::NotYours,
        Self::BadLogin,
        Self::UnknownRoute,
        Self::UnknownHash,
        Self::UnknownDataId,
        Self::UnknownEntry,
        Self::UnknownBatch,
        Self::UnknownUpload,
        Self::NoCallback,
        Self::NoDetails,
        Self::WrongMethod,
        Self::SyncTimeout,
        Self::SlowBody,
        Self::Finished,
        Self::BatchEnded,
        Self::BatchFull,
        Self::BatchOpen,
        Self::UploadFull,
        Self::NotFinished,
        Self::LengthRequired,
        Self::BadRange,
        Self::Quota,
        Self::Throttled,
        Self::Internal,
        Self::NotServed,
        Self::Busy,
        Self::Unavailable,
    ];

    /// The number on the wire.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        u16::try_from(self.number() / 1000)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// When it is given, in one line, for the OpenAPI document and `docs/api.md`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::BadHash => "not an MD5, SHA-1, SHA-256 or SHA-512",
            Self::TooLarge => "larger than the upload limit",
            Self::Empty => "no bytes to scan",
            Self::BadHeader => "a header that cannot be read",
            Self::BadQuery => "a query parameter that cannot be read",
            Self::BadJson => "a body that is not the JSON that was expected",
            Self::BadMultipart => "a multipart body without exactly one file, or not well formed",
            Self::Truncated => "the body ended early",
            Self::UnknownWorkflow => "there is no workflow of this name",
            Self::UnknownEngine => "there is no engine of this name",
            Self::TooManyHashes => "no hash, or more than 1,000, in one look-up",
            Self::BadKey => "no API key, an unknown one, or one that was taken back",
            Self::Forbidden => "the key's role is not enough",
            Self::UnknownRoute => "there is no such path",
            Self::UnknownHash => "nothing is known of this hash",
            Self::UnknownDataId => "there is no scan of this id",
            Self::UnknownEntry => "there is no such key or dead letter",
            Self::WrongMethod => "the path has other methods: see the header Allow",
            Self::SyncTimeout => "not scanned in time; the scan goes on under the data_id given",
            Self::SlowBody => "the body came too slowly",
            Self::Quota => "the key's scans for today are used up",
            Self::Throttled => "too many requests a minute",
            Self::Internal => "a fault of the server; the message holds the id it is logged under",
            Self::NotServed => "the API has this call, and this release does not serve it yet",
            Self::Busy => "too much waits already, or the disk is full; see Retry-After",
            Self::Unavailable => "the log, the records or the object store does not answer",
            Self::BadCallback => "a callback URL that cannot be called",
            Self::NotYours => "it belongs to another key",
            Self::BadLogin => "the user or the password is wrong",
            Self::UnknownBatch => "there is no batch of this id",
            Self::UnknownUpload => {
                "there is no upload of this id: it is complete, given up, or expired"
            }
            Self::NoCallback => "no callback was asked for with it",
            Self::NoDetails => "the file is not of the type that has these details",
            Self::Finished => "the scan has its result already",
            Self::BatchEnded => "the batch was closed or cancelled and takes no more files",
            Self::BatchFull => "the batch has as many files as it may have",
            Self::BatchOpen => "the batch is not closed, or not every file of it is done",
            Self::UploadFull => {
                "the upload has as many parts as it may have, or the key as many uploads"
            }
            Self::NotFinished => "the scan has no result yet",
            Self::LengthRequired => "the body has no Content-Length",
            Self::BadRange => "a part whose range does not fit the upload or its own bytes",
        }
    }
}

/// An error on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    retry_after_s: Option<u32>,
    data_id: Option<String>,
}

impl ApiError {
    /// An error with what happened and what to do about it.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_s: None, data_id: None }
    }

    /// Its code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// With `Retry-After`, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// A synchronous scan that goes on.
    pub(crate) fn sync_timeout(data_id: String) -> Self {
        let message = format!(
            "The file was accepted and is still being scanned: ask GET /file/{data_id} for the \
             result"
        );
        Self { data_id: Some(data_id), ..Self::new(ErrorCode::SyncTimeout, message) }
    }

    /// A fault of ours: the caller gets an id, the log gets the id and the cause.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        let id = format!("{:016x}", rand::random::<u64>());
        tracing::error!(error_id = %id, cause = %chain(cause), "a request failed");
        Self::fault(&id)
    }

    /// A fault of ours that is already logged under this id.
    pub(crate) fn fault(id: &str) -> Self {
        let message = format!(
            "The server failed on this request; try again, and give its operator the error id {id}"
        );
        Self::new(ErrorCode::Internal, message)
    }

    /// Something of another key.
    pub(crate) fn not_yours(what: &str) -> Self {
        let message = format!(
            "The {what} belongs to another key: use the key that made it, or one of role admin"
        );
        Self::new(ErrorCode::NotYours, message)
    }

    pub(crate) fn header(name: &str, why: &str) -> Self {
        Self::new(ErrorCode::BadHeader, format!("The header {name} {why}"))
    }

    pub(crate) fn not_served(what: &str) -> Self {
        let message = format!("{what}: this release of Palisade does not serve it yet");
        Self::new(ErrorCode::NotServed, message)
    }
}

/// An error with its sources, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl From<PortError> for ApiError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::Full { .. } => GatewayError::from(error).into(),
            PortError::Unavailable { what, .. } => {
                tracing::warn!(cause = %chain(&error), "a port is not available");
                let message = format!("Right now {what} does not answer; try again in a moment");
                Self::new(ErrorCode::Unavailable, message).retry_after(2)
            }
            PortError::Corrupt { .. } => Self::internal(&error),
        }
    }
}

impl From<GatewayError> for ApiError {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Busy { reason, retry_after_s } => {
                let message =
                    format!("Not accepted: {reason}; send the file again in {retry_after_s} s");
                Self::new(ErrorCode::Busy, message).retry_after(retry_after_s)
            }
            GatewayError::TooLarge { limit } => {
                let message = format!(
                    "The file is larger than the limit of {limit} bytes; the operator can raise \
                     max_upload_bytes"
                );
                Self::new(ErrorCode::TooLarge, message)
            }
            GatewayError::UnknownEngine(name) => {
                let message = format!(
                    "There is no engine named {name}; GET /stat/engines lists those there are"
                );
                Self::new(ErrorCode::UnknownEngine, message)
            }
            error @ GatewayError::UnknownWorkflow { .. } => {
                let message = format!("Not accepted: {error}; name one in the header rule");
                Self::new(ErrorCode::UnknownWorkflow, message)
            }
            GatewayError::UnknownBatch => {
                let message = "There is no such batch: it is mistyped, or older than the retention";
                Self::new(ErrorCode::UnknownBatch, message)
            }
            GatewayError::BatchEnded => {
                let message = "The batch was closed or cancelled: make a new one, POST /file/batch";
                Self::new(ErrorCode::BatchEnded, message)
            }
            GatewayError::BatchFull { limit } => {
                let message = format!(
                    "The batch has {limit} files, which is as many as it may have: make another"
                );
                Self::new(ErrorCode::BatchFull, message)
            }
            GatewayError::Port(error) => error.into(),
        }
    }
}

/// What Core's form of an error is made of.
#[derive(Debug, Clone)]
pub(crate) struct PlainError {
    message: String,
    data_id: Option<String>,
}

impl PlainError {
    /// `{"err": "…"}`, and the data_id where there is one.
    pub(crate) fn body(&self) -> Vec<u8> {
        let body = CoreErrorBody { err: self.message.clone(), data_id: self.data_id.clone() };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let plain = PlainError { message: self.message.clone(), data_id: self.data_id.clone() };
        let error = ErrorDetail { code: self.code.number(), messages: vec![self.message] };
        let body = match self.data_id {
            Some(data_id) => serde_json::to_vec(&SyncTimeout { success: false, error, data_id }),
            None => serde_json::to_vec(&ErrorBody { success: false, error }),
        };
        // Strings and numbers always become JSON.
        let mut response = (self.code.status(), body.unwrap_or_default()).into_response();
        // In Core's dialect the outermost layer writes its form.
        response.extensions_mut().insert(plain);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The media type of every JSON answer.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_begins_with_its_status() {
        for code in ErrorCode::ALL {
            assert_eq!(u32::from(code.status().as_u16()), code.number() / 1000, "{code:?}");
        }
        assert!(ErrorCode::ALL.is_sorted());
    }
}
