use std::collections::HashMap;

use axum::extract::State;
use palisade_model::{Failure, NodeId};
use palisade_ports::records::RequestState;

use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::CancelErrors;
use crate::state::{Api, json, unknown_data_id};

/// Cancel a scan
///
/// Engines stop, and the result is made of what was found until now, with the code 19. A scan that is
/// cancelled already stays so; one that has another result has it for good.
#[utoipa::path(
    post, path = "/file/{data_id}/cancel", tag = "scan", operation_id = "cancel_scan",
    params(("data_id" = String, Path, description = "From the upload")),
    responses(
        (status = 200, description = "`{\"DATA_ID\": \"cancelled\"}`", body = Object),
        CancelErrors
    ),
    security(("apikey" = []))
)]
pub(crate) async fn post(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let node: NodeId = segment
        .ok()
        .and_then(|id| id.parse().ok())
        .filter(NodeId::is_root)
        .ok_or_else(unknown_data_id)?;
    let known = api.gateway().state(node.root).await?;
    let (RequestState::Open { summary, .. } | RequestState::Finished { summary, .. }) =
        known.ok_or_else(unknown_data_id)?;
    caller.must_own("scan", summary.key)?;
    let state = api.gateway().cancel(node.root).await?;
    match state.ok_or_else(unknown_data_id)? {
        RequestState::Open { .. } => {}
        RequestState::Finished { report, .. }
            if report.verdict.failure == Some(Failure::Cancelled) => {}
        RequestState::Finished { .. } => {
            let message = format!(
                "The scan has its result already, so there is nothing to cancel: see GET \
                 /file/{node}"
            );
            return Err(ApiError::new(ErrorCode::Finished, message));
        }
    }
    json(&HashMap::from([(node.to_string(), "cancelled")]))
}
