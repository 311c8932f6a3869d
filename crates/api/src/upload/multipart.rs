//! The file of a multipart form, streamed.
//!
//! The parser is `multer`'s. Two of its ways are reined in here: it reads on as long as bytes are
//! there, and it gathers a part's head without a bound. So each poll of the body gives one piece at
//! most, and between parts only so many bytes are given at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use multer::{Field, Multipart};

use super::body::{Headroom, MULTIPART_EXTRA, Paced, Received, empty, truncated};
use crate::error::{ApiError, ErrorCode};
use crate::state::Api;

/// Preamble, boundary and headers of one part, in bytes.
const MAX_PART_HEAD: u64 = 32 << 10;
/// Parts of a form.
pub(super) const MAX_PARTS: usize = 100;

/// Stores the one file of a form.
pub(super) async fn receive(
    api: &Api,
    body: Paced,
    boundary: String,
    limit: u64,
) -> Result<Received, ApiError> {
    let mut files = read(api, body, boundary, limit, 1).await?;
    files.pop().ok_or_else(no_file)
}

/// Stores every file of a form, in its order.
pub(super) async fn receive_files(
    api: &Api,
    body: Paced,
    boundary: String,
    limit: u64,
) -> Result<Vec<Received>, ApiError> {
    let files = read(api, body, boundary, limit, MAX_PARTS).await?;
    if files.is_empty() { Err(no_file()) } else { Ok(files) }
}

fn no_file() -> ApiError {
    malformed("The form has no file: send one part named file, with a filename")
}

async fn read(
    api: &Api,
    body: Paced,
    boundary: String,
    limit: u64,
    most: usize,
) -> Result<Vec<Received>, ApiError> {
    let headroom = Headroom::default();
    let mut form = Multipart::new(pieces(body, Arc::clone(&headroom)), boundary);
    let mut received = Vec::new();
    for _ in 0..MAX_PARTS {
        headroom.store(MAX_PART_HEAD, Ordering::Relaxed);
        let Some(field) = form.next_field().await.map_err(refused)? else { return Ok(received) };
        let is_file = field.file_name().is_some() || field.name() == Some("file");
        if is_file && received.len() >= most {
            return Err(malformed("The form has more than one file: send each by itself"));
        }
        if is_file {
            headroom.store(u64::MAX, Ordering::Relaxed);
            received.push(store(api, field, limit).await?);
        } else {
            headroom.store(MULTIPART_EXTRA, Ordering::Relaxed);
            skip(field).await?;
        }
    }
    Err(malformed(&format!("The form has more than {MAX_PARTS} parts: send only the file")))
}

async fn store(api: &Api, mut field: Field<'_>, limit: u64) -> Result<Received, ApiError> {
    let part_name = field.file_name().map(unescape).filter(|name| !name.is_empty());
    let mut intake = api.gateway().intake_within(limit);
    while let Some(bytes) = field.chunk().await.map_err(refused)? {
        intake.write(bytes).await.map_err(|error| api.refused(error))?;
    }
    if intake.size() == 0 {
        return Err(empty());
    }
    let artifact = intake.finish().await.map_err(|error| api.refused(error))?;
    Ok(Received { artifact, part_name })
}

async fn skip(mut field: Field<'_>) -> Result<(), ApiError> {
    while field.chunk().await.map_err(refused)?.is_some() {}
    Ok(())
}

/// What clients escape in a part's file name (the HTML standard, "multipart/form-data encoding
/// algorithm"): these three, and not the percent sign itself.
fn unescape(name: &str) -> String {
    let name = name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
    let mut end = name.len().min(1_024);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// The body, a piece for each poll, within the headroom.
fn pieces(
    body: Paced,
    headroom: Headroom,
) -> impl Stream<Item = Result<Bytes, ApiFault>> + Send + 'static {
    futures_util::stream::unfold(Some(body), move |body| {
        let headroom = Arc::clone(&headroom);
        async move {
            let mut body = body?;
            tokio::task::yield_now().await;
            let bytes = match body.next().await {
                Ok(None) => return None,
                Err(error) => return Some((Err(ApiFault(error)), None)),
                Ok(Some(bytes)) => bytes,
            };
            match charge(&headroom, bytes.len() as u64) {
                Ok(()) => Some((Ok(bytes), Some(body))),
                Err(error) => Some((Err(ApiFault(error)), None)),
            }
        }
    })
}

/// Takes bytes from the headroom. The piece that uses it up still passes: it may hold the beginning
/// of the file, and pieces are small.
fn charge(headroom: &AtomicU64, bytes: u64) -> Result<(), ApiError> {
    let left = headroom.load(Ordering::Relaxed);
    if left == 0 {
        return Err(malformed("A part's headers, or a part besides the file, are too long"));
    }
    headroom.store(left.saturating_sub(bytes), Ordering::Relaxed);
    Ok(())
}

/// Our own error on its way through the parser.
#[derive(Debug, thiserror::Error)]
#[error("the body cannot be read")]
struct ApiFault(ApiError);

fn malformed(message: &str) -> ApiError {
    ApiError::new(ErrorCode::BadMultipart, message)
}

fn refused(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(source) => match source.downcast::<ApiFault>() {
            Ok(fault) => fault.0,
            Err(_) => truncated(),
        },
        multer::Error::IncompleteStream
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders => truncated(),
        error => malformed(&format!("The form is not well formed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lose_their_escapes_and_their_excess() {
        assert_eq!(unescape("a%22b%0D%0Ac%25.txt"), "a\"b\r\nc%25.txt");
        assert_eq!(unescape(&"é".repeat(600)).len(), 1_024);
    }
}
