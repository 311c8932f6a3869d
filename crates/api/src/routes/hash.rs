use std::collections::HashMap;

use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use palisade_model::{AnyHash, NodeId};
use palisade_ports::records::RequestState;

use super::Answer;
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::BulkErrors;
use crate::small_body;
use crate::state::{Api, json};
use crate::v4::{BulkAnswer, BulkAnswers, BulkQuestion, ScanCode, render};

/// The most hashes in one look-up.
const MAX_HASHES: usize = 1_000;
/// Enough for so many SHA-512 with quotes, commas and white space.
const MAX_BODY: usize = 512 << 10;

pub(super) fn parse(text: &str) -> Result<AnyHash, ApiError> {
    text.parse().map_err(|error| {
        let shown: String = text.chars().take(140).collect();
        ApiError::new(ErrorCode::BadHash, format!("{shown:?} is no hash: {error}"))
    })
}

pub(super) fn unknown() -> ApiError {
    let message = "Nothing is known of this hash: scan the file with POST /file";
    ApiError::new(ErrorCode::UnknownHash, message)
}

/// What is known of many hashes
///
/// At most 1,000, of any kinds, answered in the order asked. A hash of which nothing is known has
/// the code 5. With the header `includescandetails: 1` each answer holds the engines' entries.
#[utoipa::path(
    post, path = "/hash", tag = "look-up", operation_id = "hash_results",
    request_body = BulkQuestion,
    params(("includescandetails" = Option<String>, Header, description = "`1` or `true`")),
    responses((status = 200, description = "One answer for each hash", body = BulkAnswers), BulkErrors),
    security(("apikey" = []))
)]
pub(crate) async fn post(
    State(api): State<Api>,
    _caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let body = small_body::read(&api, body, MAX_BODY).await?;
    let question: BulkQuestion = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("The body is not {{\"hash\": [\"…\"]}}: {error}");
        ApiError::new(ErrorCode::BadJson, message)
    })?;
    if question.hash.is_empty() || question.hash.len() > MAX_HASHES {
        let count = question.hash.len();
        let message = format!("{count} hashes were asked for: send 1 to {MAX_HASHES} at once");
        return Err(ApiError::new(ErrorCode::TooManyHashes, message));
    }
    let hashes = question.hash.iter().map(|hash| parse(hash)).collect::<Result<Vec<_>, _>>()?;
    let details = headers
        .get("includescandetails")
        .is_some_and(|value| matches!(value.as_bytes(), b"1" | b"true" | b"True"));
    let states = api.gateway().by_hashes(hashes).await?;
    // Reports of large trees take time to go through.
    let work = move || answers(question.hash, states, details);
    let answers =
        tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(&error))?;
    json(&answers)
}

fn answers(hashes: Vec<String>, states: Vec<Option<RequestState>>, details: bool) -> BulkAnswers {
    // The same report may be asked for a thousand times.
    let mut briefs = HashMap::new();
    // One state for each hash is the records' promise; one that is missing is one not known.
    let states = states.into_iter().chain(std::iter::repeat_with(|| None));
    let data = hashes
        .into_iter()
        .zip(states)
        .map(|(hash, state)| answer(hash, state, details, &mut briefs));
    BulkAnswers { data: data.collect() }
}

fn answer(
    hash: String,
    state: Option<RequestState>,
    details: bool,
    briefs: &mut HashMap<NodeId, (ScanCode, u32)>,
) -> BulkAnswer {
    let unknown = BulkAnswer {
        hash,
        data_id: String::new(),
        scan_result_i: ScanCode::NotFound.number(),
        total_detected_avs: 0,
        scan_details: Default::default(),
    };
    match state {
        None => unknown,
        Some(RequestState::Open { summary, .. }) => BulkAnswer {
            data_id: summary.node.to_string(),
            scan_result_i: ScanCode::InProgress.number(),
            ..unknown
        },
        Some(RequestState::Finished { summary, report, .. }) => {
            let (code, detected) =
                *briefs.entry(report.request.node).or_insert_with(|| render::brief(&report));
            BulkAnswer {
                data_id: summary.node.to_string(),
                scan_result_i: code.number(),
                total_detected_avs: detected,
                scan_details: if details {
                    render::scan_details(&report)
                } else {
                    Default::default()
                },
                ..unknown
            }
        }
    }
}
