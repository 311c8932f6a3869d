use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use palisade_model::AnyHash;
use palisade_ports::records::{History, RequestState};
use serde::Deserialize;

use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{HistoryErrors, LookUpErrors};
use crate::state::{Api, json};
use crate::v4::{HashHistory, KeyHistory, PeInfo, render};

/// Scans on a page that names no size, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

/// Scans that are passed over at most: beyond, going through them takes longer than it is worth.
const MAX_OFFSET: u32 = 100_000;

/// What may stand behind the question mark.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Scans to give; 50 if absent, 500 at most.
    limit: Option<u32>,
    /// Scans to leave out, 100,000 at most.
    offset: u32,
}

type Asked = Result<Query<Wanted>, QueryRejection>;

async fn page(api: &Api, of: History, asked: Asked) -> Result<Vec<RequestState>, ApiError> {
    let wanted = asked.ok().map(|Query(wanted)| wanted);
    let wanted = wanted.filter(|wanted| wanted.offset <= MAX_OFFSET).ok_or_else(|| {
        let message = format!(
            "The query cannot be read: limit and offset are whole numbers, offset at most \
             {MAX_OFFSET}"
        );
        ApiError::new(ErrorCode::BadQuery, message)
    })?;
    let limit = wanted.limit.unwrap_or(PAGE).min(MAX_PAGE);
    Ok(api.gateway().ports().records.history(of, wanted.offset, limit).await?)
}

/// The newest report on these bytes, which also knows all their hashes.
async fn newest(api: &Api, segment: Segment) -> Result<RequestState, ApiError> {
    let hash: AnyHash = super::hash::parse(segment.as_deref().map_or("", |hash| hash.as_str()))?;
    api.gateway().by_hash(hash).await?.ok_or_else(super::hash::unknown)
}

/// The scans of these bytes, the newest first
#[utoipa::path(
    get, path = "/hash/{hash}/scanhistory", tag = "look-up", operation_id = "hash_history",
    params(("hash" = String, Path, description = "32, 40, 64 or 128 hexadecimal digits"), Wanted),
    responses((status = 200, description = "The scans", body = HashHistory), LookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn of_hash(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
    query: Asked,
) -> Answer {
    let state = newest(&api, segment).await?;
    let (RequestState::Open { summary, .. } | RequestState::Finished { summary, .. }) = state;
    let hashes = summary.artifact.hashes;
    let states = page(&api, History::Artifact(hashes.sha256), query).await?;
    json(&HashHistory {
        md5: hashes.md5,
        sha1: hashes.sha1,
        sha256: hashes.sha256.to_string(),
        scan_result_history: states.iter().map(render::past_scan).collect(),
    })
}

/// The scans of this key, the newest first
#[utoipa::path(
    get, path = "/apikey/scan-history", tag = "key", operation_id = "key_history",
    params(Wanted),
    responses((status = 200, description = "The scans", body = KeyHistory), HistoryErrors),
    security(("apikey" = []))
)]
pub(crate) async fn of_key(State(api): State<Api>, caller: Caller, query: Asked) -> Answer {
    let states = page(&api, History::Key(caller.key.id), query).await?;
    json(&KeyHistory { data: states.iter().map(render::key_scan).collect() })
}

/// The facts of a program file
///
/// As the engine `pe` found them in the newest scan of these bytes. Members that this release does not
/// fill are empty and named in `not_filled`.
#[utoipa::path(
    get, path = "/hash/{hash}/peinfo", tag = "look-up", operation_id = "pe_info",
    params(("hash" = String, Path, description = "32, 40, 64 or 128 hexadecimal digits")),
    responses(
        (status = 200, description = "The facts", body = PeInfo),
        LookUpErrors, crate::openapi::DetailErrors
    ),
    security(("apikey" = []))
)]
pub(crate) async fn pe_info(State(api): State<Api>, _caller: Caller, segment: Segment) -> Answer {
    let info = match newest(&api, segment).await? {
        RequestState::Finished { report, .. } => render::details::pe_info(&report),
        RequestState::Open { .. } => None,
    };
    match info {
        Some(info) => json(&info),
        None => {
            let message = "The engine pe has not looked at these bytes: they are no PE file, or it \
                           did not run";
            Err(ApiError::new(ErrorCode::NoDetails, message))
        }
    }
}
