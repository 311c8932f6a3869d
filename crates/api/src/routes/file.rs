use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use palisade_model::{NodeId, Priority, RequestId};
use palisade_pipeline::gateway::{Accepted, GatewayError};
use palisade_ports::records::RequestState;
use palisade_telemetry::metrics::DropReason;
use serde::Deserialize;

use super::progress;
use super::{Answer, Segment, day};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{LookUpErrors, ScanLookUpErrors, SyncErrors, UploadErrors};
use crate::rates::Standing;
use crate::state::{Api, json, json_bytes, unknown_data_id};
use crate::upload::{self, Asked, receive};
use crate::v4::{FileResult, Page, Uploaded};

/// After a request's deadline its report is nearly there: so long a synchronous caller waits on.
const GRACE_MS: u64 = 2_000;

/// Scan a file
///
/// The body is the file itself, of any media type, with a Content-Length or chunked; or a
/// multipart form with one file. When this answers, the file and the request are on disk.
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
    let taken = take(&api, &caller, &headers, body).await?;
    let hashes = &taken.artifact.hashes;
    let mut response = json(&Uploaded {
        data_id: taken.accepted.id.to_string(),
        status: if taken.accepted.cached { "completed" } else { "inqueue" }.to_owned(),
        in_queue: 0,
        queue_priority: match taken.priority {
            Priority::Interactive => "normal",
            Priority::Batch => "low",
        }
        .to_owned(),
        md5: hashes.md5.clone(),
        sha1: hashes.sha1.clone(),
        sha256: hashes.sha256.to_string(),
        file_size: taken.artifact.size,
    })?;
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
    let id = taken.accepted.id;
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

/// A request that was taken.
struct Taken {
    accepted: Accepted,
    artifact: palisade_model::ArtifactRef,
    priority: Priority,
    deadline_ms: u64,
    quota: Option<Standing>,
}

impl Taken {
    fn tell_quota(&self, response: &mut Response) {
        if let Some(quota) = &self.quota {
            quota.write(response.headers_mut());
        }
    }
}

/// Admission, headers, body, and then the request itself.
async fn take(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Taken, ApiError> {
    let gateway = api.gateway();
    gateway.admit()?;
    let quota = Quota::of(api, caller);
    // A look, so that nobody sends a gigabyte to be refused; the count is taken below.
    quota.count(api, 0).await?;
    let Asked { named, mut submission } = upload::parse(headers, api.config())?;
    if let Some(engines) = &submission.engines {
        let known = gateway.catalog().entries();
        if let Some(unknown) = engines.iter().find(|engine| !known.contains_key(*engine)) {
            return Err(GatewayError::UnknownEngine(unknown.to_string()).into());
        }
    }
    let received = receive(api, headers, body).await?;
    if !named {
        submission.name = received.part_name.unwrap_or_default();
    }
    submission.key = Some(caller.key.id);
    let priority = submission.priority;
    let deadline_ms = submission.deadline_ms.unwrap_or(match priority {
        Priority::Interactive => gateway.config().deadline_ms,
        Priority::Batch => gateway.config().batch_deadline_ms,
    });
    let standing = quota.count(api, 1).await?;
    let artifact = received.artifact;
    let accepted = gateway.submit(artifact.clone(), submission).await;
    let accepted = accepted.map_err(|error| api.refused(error))?;
    let deadline_ms = deadline_ms.min(gateway.config().max_deadline_ms);
    Ok(Taken { accepted, artifact, priority, deadline_ms, quota: standing })
}

/// A key's scans of today.
struct Quota<'a> {
    caller: &'a Caller,
    limit: Option<u32>,
}

impl<'a> Quota<'a> {
    fn of(api: &Api, caller: &'a Caller) -> Self {
        Self { caller, limit: caller.key.scans_per_day.or(api.config().key_scans_per_day) }
    }

    /// Counts `add` scans; an error when the day's are used up (with `add` 0: when no more would
    /// fit).
    async fn count(&self, api: &Api, add: u32) -> Result<Option<Standing>, ApiError> {
        let now = api.now();
        if self.limit.is_none() && add == 0 {
            return Ok(None);
        }
        // Counted also where there is no limit: the key's owner can ask how many there were.
        let records = &api.gateway().ports().records;
        let used = records.count_scans(self.caller.key.id, day(now), add).await?;
        let Some(limit) = self.limit else { return Ok(None) };
        let standing = Standing::day(limit, used, now);
        if used > limit || (add == 0 && used >= limit) {
            api.gateway().ports().metrics.drop(DropReason::RateLimit, "api");
            let seconds = standing.reset_s;
            let message = format!(
                "The key's {limit} scans for today are used up; the next day (UTC) begins in \
                 {seconds} s"
            );
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            return Err(ApiError::new(ErrorCode::Quota, message).retry_after(seconds));
        }
        Ok(Some(standing))
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
    fn page(&self, api: &Api) -> Page {
        let config = api.config();
        Page {
            first: self.first.unwrap_or(0),
            size: self.size.unwrap_or(config.page_size).min(config.max_page_size),
        }
    }
}

fn wanted(query: Result<Query<Wanted>, QueryRejection>) -> Result<Wanted, ApiError> {
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
/// By MD5, SHA-1, SHA-256 or SHA-512, told apart by their length.
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
    let hash = super::hash::parse(segment.as_deref().map_or("", |hash| hash.as_str()))?;
    let state = api.gateway().by_hash(hash).await?.ok_or_else(|| {
        let message = "Nothing is known of this hash: scan the file with POST /file";
        ApiError::new(ErrorCode::UnknownHash, message)
    })?;
    let node = match &state {
        RequestState::Open { summary, .. } | RequestState::Finished { summary, .. } => summary.node,
    };
    api.render(state, node, wanted.page(&api)).await.map(json_bytes)
}
