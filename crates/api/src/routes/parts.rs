use axum::body::Body;
use axum::extract::State;
use futures_util::StreamExt;
use http::HeaderMap;
use palisade_model::{ArtifactRef, Part, RequestId, Upload};
use palisade_pipeline::gateway::{GatewayError, Submission};
use palisade_ports::PortError;
use palisade_ports::records::{PartAdded, RequestState, UploadState};
use serde_json::json as value;

use super::submit::{begin, submit};
use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{PartErrors, PartLookUpErrors, PartsErrors};
use crate::state::{Api, json};
use crate::upload::{self, receive_part};
use crate::v4::{PartsReceived, UploadBegun, UploadStatus, timestamp};

fn unknown() -> ApiError {
    let message = "There is no upload of this id: it is mistyped, complete, given up or expired; \
                   GET /file/{data_id} knows whether it was scanned";
    ApiError::new(ErrorCode::UnknownUpload, message)
}

fn bad_range(message: String) -> ApiError {
    ApiError::new(ErrorCode::BadRange, message)
}

/// Begin an upload in parts
///
/// The headers are those of `POST /file`, and `total-length`. The parts may come at once and in any
/// order, to any server of the installation, also after a restart. When the last byte is there the
/// scan begins, under the same id.
#[utoipa::path(
    post, path = "/file/multipart", tag = "upload in parts", operation_id = "begin_upload",
    params(
        ("total-length" = u64, Header, description = "Bytes of the whole file"),
        crate::openapi::UploadHeaders
    ),
    responses((status = 200, description = "Begun", body = UploadBegun), PartsErrors),
    security(("apikey" = []))
)]
pub(crate) async fn begin_upload(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Answer {
    let (_, mut submission) = begin(&api, &caller, &headers).await?;
    let total = headers.get("total-length").and_then(|value| value.to_str().ok());
    let total: Option<u64> = total.and_then(|text| text.trim().parse().ok());
    let total = total.filter(|total| *total > 0).ok_or_else(|| {
        ApiError::header("total-length", "must say how many bytes the whole file has, 1 or more")
    })?;
    let limit = api.gateway().upload_limit(&submission.workflow);
    if total > limit {
        return Err(GatewayError::TooLarge { limit }.into());
    }
    let records = &api.gateway().ports().records;
    let most = api.config().max_uploads_per_key;
    if records.uploads_of(caller.key.id).await? >= most {
        let message = format!(
            "The key has {most} uploads under way, which is as many as it may have: complete or \
             delete one"
        );
        return Err(ApiError::new(ErrorCode::UploadFull, message));
    }
    let id = api.gateway().new_id();
    submission.id = Some(id);
    let now = api.now();
    let upload = Upload {
        id,
        key: Some(caller.key.id),
        created: now,
        expires: now.plus(api.config().upload_ms),
        total,
        asked: serde_json::to_string(&submission).map_err(|error| ApiError::internal(&error))?,
    };
    records.put_upload(upload).await?;
    json(&UploadBegun { data_id: id.to_string() })
}

/// An upload that the caller may go on with.
async fn own(api: &Api, caller: &Caller, segment: Segment) -> Result<UploadState, ApiError> {
    let id: RequestId = segment.ok().and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
    let found = api.gateway().ports().records.upload(id).await?;
    let state = found.ok_or_else(unknown)?;
    caller.must_own("upload", state.upload.key)?;
    Ok(state)
}

/// Send a part
///
/// `content-range` is `bytes first-last/total`, or `offset-size/total` as MetaDefender Core has it.
/// Parts may overlap; one that is sent again replaces itself. The part that completes the file is
/// answered when the file is accepted.
#[utoipa::path(
    post, path = "/file/multipart/{data_id}", tag = "upload in parts", operation_id = "send_part",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(
        ("data_id" = String, Path, description = "From POST /file/multipart"),
        ("content-range" = String, Header, description = "Where the part stands")
    ),
    responses((status = 200, description = "What is there", body = PartsReceived), PartErrors),
    security(("apikey" = []))
)]
pub(crate) async fn send(
    State(api): State<Api>,
    caller: Caller,
    segment: Segment,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let state = own(&api, &caller, segment).await?;
    let Upload { id, total, expires, .. } = state.upload;
    if api.now() >= expires {
        return Err(unknown());
    }
    let range = upload::range(&headers).ok_or_else(|| {
        bad_range(
            "Send the header content-range as bytes first-last/total, or as offset-size/total, \
             within the total"
                .to_owned(),
        )
    })?;
    if range.total != total {
        return Err(bad_range(format!("The upload was begun with {total} bytes in all")));
    }
    let artifact = receive_part(&api, &headers, body, range.size).await?;
    if artifact.size != range.size {
        let size = range.size;
        return Err(bad_range(format!(
            "The range has {size} bytes and the body {}: send the part again, whole",
            artifact.size
        )));
    }
    let part = Part { offset: range.offset, size: range.size, sha256: artifact.sha256() };
    let limit = api.config().max_parts;
    let state = match api.gateway().ports().records.put_part(id, part, limit).await? {
        PartAdded::Yes(state) => state,
        PartAdded::Unknown => return Err(unknown()),
        PartAdded::Full => {
            let message = format!(
                "The upload has {limit} parts, which is as many as it may have: begin again with \
                 larger ones"
            );
            return Err(ApiError::new(ErrorCode::UploadFull, message));
        }
    };
    let there = merged(&state.parts);
    let completed = there == [(0, total)];
    if completed {
        complete(&api, &caller, &state).await?;
    }
    json(&PartsReceived { ranges_received: text(&there), completed })
}

/// How far an upload is
#[utoipa::path(
    get, path = "/file/multipart/{data_id}", tag = "upload in parts", operation_id = "upload_status",
    params(("data_id" = String, Path, description = "From POST /file/multipart")),
    responses((status = 200, description = "How far it is", body = UploadStatus), PartLookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let id = segment.as_ref().ok().and_then(|id| id.parse::<RequestId>().ok());
    let state = match own(&api, &caller, segment).await {
        Ok(state) => state,
        Err(error) if error.code() == ErrorCode::UnknownUpload => {
            let scan = match id {
                Some(id) => api.gateway().state(id).await?,
                None => None,
            };
            let (RequestState::Open { summary, .. } | RequestState::Finished { summary, .. }) =
                scan.ok_or(error)?;
            let size = summary.artifact.size;
            return json(&UploadStatus {
                data_id: summary.node.to_string(),
                ranges_received: text(&[(0, size)]),
                status: "completed".to_owned(),
                total_length: size,
                expires: None,
            });
        }
        Err(error) => return Err(error),
    };
    let late = api.now() >= state.upload.expires;
    json(&UploadStatus {
        data_id: state.upload.id.to_string(),
        ranges_received: text(&merged(&state.parts)),
        status: if late { "timed out" } else { "uploading" }.to_owned(),
        total_length: state.upload.total,
        expires: Some(timestamp(state.upload.expires)),
    })
}

/// Give an upload up
#[utoipa::path(
    delete, path = "/file/multipart/{data_id}", tag = "upload in parts",
    operation_id = "give_upload_up",
    params(("data_id" = String, Path, description = "From POST /file/multipart")),
    responses((status = 200, description = "It is forgotten", body = Object), PartLookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn delete(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let id = own(&api, &caller, segment).await?.upload.id;
    if !api.gateway().ports().records.remove_upload(id).await? {
        return Err(unknown());
    }
    json(&value!({"data_id": id.to_string(), "status": "canceled"}))
}

/// Which bytes are there, as ranges from the first to behind the last. `parts` are in the order of
/// their offsets.
fn merged(parts: &[Part]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for part in parts {
        let end = part.offset.saturating_add(part.size);
        match ranges.last_mut() {
            Some((_, last)) if part.offset <= *last => *last = (*last).max(end),
            _ => ranges.push((part.offset, end)),
        }
    }
    ranges
}

fn text(ranges: &[(u64, u64)]) -> String {
    let range = |(first, end): &(u64, u64)| format!("{first}-{}", end.saturating_sub(1));
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Puts the parts together and asks for the whole to be scanned. Whoever does it twice, at once or
/// after a crash, asks for the same request twice, which is one.
async fn complete(api: &Api, caller: &Caller, state: &UploadState) -> Result<(), ApiError> {
    let records = &api.gateway().ports().records;
    let id = state.upload.id;
    let submission: Submission =
        serde_json::from_str(&state.upload.asked).map_err(|error| ApiError::internal(&error))?;
    let artifact = match assemble(api, state).await? {
        Some(artifact) => artifact,
        None => {
            records.remove_upload(id).await?;
            let message = "A part of the upload is no longer stored: begin again, and send the \
                           parts within an hour";
            return Err(ApiError::new(ErrorCode::UnknownUpload, message));
        }
    };
    submit(api, caller, artifact, submission).await?;
    records.remove_upload(id).await?;
    Ok(())
}

/// The whole file, from parts that leave no gap; `None` when one is gone from the object store.
async fn assemble(api: &Api, state: &UploadState) -> Result<Option<ArtifactRef>, ApiError> {
    let gateway = api.gateway();
    let refused = |error| api.refused(GatewayError::from(error));
    let mut intake = gateway.intake_within(state.upload.total);
    let mut parts = state.parts.iter().peekable();
    while intake.size() < state.upload.total {
        let place = intake.size();
        // Of the parts that begin here or before, the one that reaches farthest.
        let mut best: Option<&Part> = None;
        while let Some(part) = parts.next_if(|part| part.offset <= place) {
            let farther = best.is_none_or(|best| {
                best.offset.saturating_add(best.size) < part.offset.saturating_add(part.size)
            });
            if farther {
                best = Some(part);
            }
        }
        // None is left that goes on from here: no gap was seen before, so this cannot be.
        let Some(part) = best else { return Err(gap()) };
        let Some(object) = gateway.ports().objects.open(part.sha256).await? else {
            return Ok(None);
        };
        let mut skip = place.saturating_sub(part.offset);
        let mut body = object.body;
        while let Some(bytes) = body.next().await {
            let mut bytes = bytes.map_err(|error: PortError| refused(error))?;
            let cut = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= cut as u64;
            let rest = bytes.split_off(cut);
            if !rest.is_empty() {
                intake.write(rest).await.map_err(|error| api.refused(error))?;
            }
        }
    }
    let artifact = intake.finish().await.map_err(|error| api.refused(error))?;
    Ok(Some(artifact))
}

fn gap() -> ApiError {
    bad_range("The parts leave a gap: see ranges_received".to_owned())
}

#[cfg(test)]
mod tests {
    use palisade_model::Sha256;

    use super::*;

    #[test]
    fn parts_grow_together() {
        let part = |offset, size| Part { offset, size, sha256: Sha256([0; 32]) };
        assert_eq!(text(&merged(&[])), "");
        let parts = [part(0, 10), part(5, 10), part(15, 1), part(20, 5), part(21, 1)];
        assert_eq!(text(&merged(&parts)), "0-15, 20-24");
        let huge = [part(0, u64::MAX), part(1, u64::MAX)];
        assert_eq!(merged(&huge), [(0, u64::MAX)]);
    }
}
