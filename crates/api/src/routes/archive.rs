use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use palisade_model::{NodeId, Report, RequestSummary};
use palisade_ports::records::RequestState;
use serde::Deserialize;
use std::sync::Arc;

use super::file::Wanted;
use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{FinishedErrors, ScanLookUpErrors};
use crate::state::{Api, json, json_bytes, unknown_data_id};
use crate::v4::{ArchiveResult, BlockedLeaves, Page, render};

/// A scan that is done, by the id of a node of it.
async fn finished(
    api: &Api,
    segment: Segment,
) -> Result<(NodeId, RequestSummary, Arc<Report>), ApiError> {
    let node: NodeId = segment.ok().and_then(|id| id.parse().ok()).ok_or_else(unknown_data_id)?;
    match api.gateway().state(node.root).await?.ok_or_else(unknown_data_id)? {
        RequestState::Finished { summary, report, .. } => Ok((node, summary, report)),
        RequestState::Open { .. } => {
            let message = "The scan has no result yet: ask GET /file/{data_id} until \
                           progress_percentage is 100";
            Err(ApiError::new(ErrorCode::NotFinished, message))
        }
    }
}

/// Goes through a report where that may take time: large trees do.
async fn render_on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Result<T, ApiError> {
    let rendered = tokio::task::spawn_blocking(work).await;
    rendered.map_err(|error| ApiError::internal(&error))?.ok_or_else(unknown_data_id)
}

/// A file and everything inside it, at any level
///
/// `extracted_files` comes in pages. Until the report is made, there is nothing inside.
#[utoipa::path(
    get, path = "/archive/{data_id}", tag = "scan", operation_id = "archive",
    params(("data_id" = String, Path, description = "From the upload, or from a result"), Wanted),
    responses(
        (status = 200, description = "The file and what is inside", body = ArchiveResult),
        FinishedErrors, ScanLookUpErrors
    ),
    security(("apikey" = []))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Answer {
    let page = super::file::wanted(query)?.page(&api);
    let (node, summary, report) = finished(&api, segment).await?;
    let work = move || render::archive(&report, node, &summary, page);
    json(&render_on_thread(work).await?)
}

/// The deepest files that are blocked
///
/// Files without files inside them, at most 100; none when nothing is blocked.
#[utoipa::path(
    get, path = "/file/{data_id}/blocked-leaves", tag = "scan", operation_id = "blocked_leaves",
    params(("data_id" = String, Path, description = "From the upload, or from a result")),
    responses(
        (status = 200, description = "The files", body = BlockedLeaves),
        FinishedErrors
    ),
    security(("apikey" = []))
)]
pub(crate) async fn blocked_leaves(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
) -> Answer {
    let (node, summary, report) = finished(&api, segment).await?;
    let work = move || render::blocked_leaves(&report, node, &summary);
    json(&render_on_thread(work).await?)
}

/// In what form a result is exported.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct ExportForm {
    /// `json` (default) or `csv`.
    format: Option<String>,
}

/// A result as a file to keep
///
/// `json` is the whole result with every page of its lists; `csv` has one line for each file of the
/// tree. MetaDefender Core's PDF is not made.
#[utoipa::path(
    get, path = "/file/{data_id}/export", tag = "scan", operation_id = "export",
    params(("data_id" = String, Path, description = "From the upload, or from a result"), ExportForm),
    responses(
        (status = 200, description = "The result", content(
            (crate::v4::FileResult = "application/json"), (String = "text/csv")
        )),
        FinishedErrors, ScanLookUpErrors
    ),
    security(("apikey" = []))
)]
pub(crate) async fn export(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
    query: Result<Query<ExportForm>, QueryRejection>,
) -> Answer {
    let csv = match query.ok().map(|Query(form)| form.format).as_ref().map(Option::as_deref) {
        Some(None | Some("json")) => false,
        Some(Some("csv")) => true,
        _ => {
            let message = "A result is exported as ?format=json or ?format=csv; there is no PDF";
            return Err(ApiError::new(ErrorCode::BadQuery, message));
        }
    };
    let (node, summary, report) = finished(&api, segment).await?;
    let name = format!("{node}.{}", if csv { "csv" } else { "json" });
    let mut response = if csv {
        let work = move || render::csv(&report, node, &summary);
        let table = render_on_thread(work).await?;
        ([(CONTENT_TYPE, "text/csv; charset=utf-8")], table).into_response()
    } else {
        let work = move || {
            let result = render::render_page(&report, node, &summary, Page::ALL)?;
            serde_json::to_vec(&result).ok()
        };
        json_bytes(render_on_thread(work).await?.into())
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let value = disposition
        .parse()
        .map_err(|error: http::header::InvalidHeaderValue| ApiError::internal(&error))?;
    response.headers_mut().insert(CONTENT_DISPOSITION, value);
    Ok(response)
}
