use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use http::HeaderMap;
use palisade_model::{NodeId, RequestId};
use palisade_ports::records::RequestState;
use serde::Deserialize;

use super::batch::batch_of_form;
use super::progress;
use super::submit::take;
use super::{Answer, Segment};
use crate::auth::Caller;
use crate::config::Dialect;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{LookUpErrors, ScanLookUpErrors, SyncErrors, UploadErrors};
use crate::state::{Api, json, json_bytes, unknown_data_id};
use crate::upload;
use crate::v4::{FileResult, Page, Uploaded};

/// After a request's deadline its report is nearly there: so long a synchronous caller waits on.
const GRACE_MS: u64 = 2_000;

/// Scan a file
///
/// The body is the file itself, of any media type, with a Content-Length or chunked; or a
/// multipart form with one file. When this answers, the file and the request are on disk. In Core's
/// dialect a body needs a Content-Length, and a form becomes a batch: the answer is its `batch_id`.
#[utoipa::path(
    post, path = "/file", tag = "scan", operation_id = "scan_file",
    request_body(
        content(
            (Vec<u8> = "application/octet-stream"),
            (crate::openapi::FileForm = "multipart/form-data")
        ),
        description = "The file"
    ),
    params(crate::openapi::UploadHeaders),
    responses((status = 200, description = "Accepted", body = Uploaded), UploadErrors),
    security(("apikey" = []))
)]
pub(crate) async fn post(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    if api.config().dialect == Dialect::Core && upload::is_form(&headers) {
        return batch_of_form(&api, &caller, &headers, body).await;
    }
    let taken = take(&api, &caller, &headers, body).await?;
    let mut response = json(&taken.uploaded())?;
    taken.tell_quota(&mut response);
    Ok(response)
}

/// Scan a file and wait for the result
///
/// As `POST /file`, but answers with the result. When the scan takes longer than the server waits,
/// it goes on, and the answer is 408 with the data_id to ask with.
#[utoipa::path(
    post, path = "/file/sync", tag = "scan", operation_id = "scan_file_sync",
    request_body(
        content(
            (Vec<u8> = "application/octet-stream"),
            (crate::openapi::FileForm = "multipart/form-data")
        ),
        description = "The file"
    ),
    params(crate::openapi::UploadHeaders),
    responses((status = 200, description = "The result", body = FileResult), SyncErrors),
    security(("apikey" = []))
)]
pub(crate) async fn post_sync(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let taken = take(&api, &caller, &headers, body).await?;
    let id = taken.id();
    let mut response = match result_of(&api, id, taken.deadline_ms).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    taken.tell_quota(&mut response);
    Ok(response)
}

async fn result_of(api: &Api, id: RequestId, deadline_ms: u64) -> Answer {
    let wait_ms = api.config().sync_timeout_ms.min(deadline_ms.saturating_add(GRACE_MS));
    match api.wait(id, api.now().plus(wait_ms)).await? {
        Some(state @ RequestState::Finished { .. }) => {
            let body = api.render(state, NodeId::root(id), api.first_page()).await?;
            Ok(json_bytes(body))
        }
        _ => Err(ApiError::sync_timeout(id.to_string())),
    }
}

/// What may stand behind the question mark.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Seconds to wait for the result; 60 at most.
    wait: Option<u64>,
    /// Entries of `tree` and `files_in_archive` to leave out.
    first: Option<usize>,
    /// Entries of `tree` and `files_in_archive` to give; 1,000 if absent.
    size: Option<usize>,
}

impl Wanted {
    pub(super) fn page(&self, api: &Api) -> Page {
        let config = api.config();
        Page {
            first: self.first.unwrap_or(0),
            size: self.size.unwrap_or(config.page_size).min(config.max_page_size),
        }
    }
}

pub(super) fn wanted(query: Result<Query<Wanted>, QueryRejection>) -> Result<Wanted, ApiError> {
    query.map(|Query(wanted)| wanted).map_err(|_| {
        let message = "The query cannot be read: wait, first and size are whole numbers";
        ApiError::new(ErrorCode::BadQuery, message)
    })
}

/// The result of a scan, or how far it is
///
/// Until the report is made, `scan_all_result_i` is 255. With `?wait=` the answer is held back
/// until then, at most so long; with `Accept: text/event-stream` events named `progress` tell how
/// far it is and one named `result` ends the stream. A child's data_id gives the result of that
/// file alone.
#[utoipa::path(
    get, path = "/file/{data_id}", tag = "scan", operation_id = "file_result",
    params(("data_id" = String, Path, description = "From the upload, or from a result"), Wanted),
    responses(
        (status = 200, description = "The result, or how far it is", body = FileResult),
        ScanLookUpErrors
    ),
    security(("apikey" = []))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let wanted = wanted(query)?;
    let node: NodeId = segment.ok().and_then(|id| id.parse().ok()).ok_or_else(unknown_data_id)?;
    if progress::is_asked(&headers) {
        let page = wanted.page(&api);
        return progress::stream(api, node, page).await;
    }
    let state = match wanted.wait {
        None | Some(0) => api.gateway().state(node.root).await?,
        Some(seconds) => {
            let wait_ms = seconds.saturating_mul(1000).min(api.config().long_poll_max_ms);
            api.wait(node.root, api.now().plus(wait_ms)).await?
        }
    };
    let state = state.ok_or_else(unknown_data_id)?;
    api.render(state, node, wanted.page(&api)).await.map(json_bytes)
}

/// The newest result on these bytes
///
/// By MD5, SHA-1, SHA-256 or SHA-512, told apart by their length. In Core's dialect a hash of which
/// nothing is known is answered with 200 and `{"HASH": "Not Found"}`.
#[utoipa::path(
    get, path = "/hash/{hash}", tag = "look-up", operation_id = "hash_result",
    params(("hash" = String, Path, description = "32, 40, 64 or 128 hexadecimal digits"), Wanted),
    responses((status = 200, description = "The result", body = FileResult), LookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get_by_hash(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Answer {
    let wanted = wanted(query)?;
    let asked = segment.as_deref().map_or("", |hash| hash.as_str());
    let hash = super::hash::parse(asked)?;
    let Some(state) = api.gateway().by_hash(hash).await? else {
        return match api.config().dialect {
            Dialect::Cloud => Err(super::hash::unknown()),
            Dialect::Core => json(&BTreeMap::from([(asked, "Not Found")])),
        };
    };
    let node = match &state {
        RequestState::Open { summary, .. } | RequestState::Finished { summary, .. } => summary.node,
    };
    api.render(state, node, wanted.page(&api)).await.map(json_bytes)
}
