use axum::extract::State;
use palisade_model::{DeliveryState, NodeId, Subject};

use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::WebhookErrors;
use crate::state::{Api, json, unknown_data_id};
use crate::v4::{WebhookStatus, timestamp};

/// How the callback of a scan or batch went
///
/// Only for the key that asked for it, and administrators: the URL may hold a secret.
#[utoipa::path(
    get, path = "/file/webhooks/{data_id}", tag = "scan", operation_id = "webhook_status",
    params(("data_id" = String, Path, description = "A data_id or a batch_id")),
    responses((status = 200, description = "How it went", body = WebhookStatus), WebhookErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let text = segment.map_err(|_| unknown_data_id())?;
    let node: NodeId = text.parse().map_err(|_| unknown_data_id())?;
    let records = &api.gateway().ports().records;
    // A batch's id has a request's form.
    let subjects = [
        Subject::Request(node.root),
        Subject::Batch(palisade_model::BatchId::from_bytes(*node.root.as_bytes())),
    ];
    let mut found = None;
    for subject in subjects {
        if found.is_none() {
            found = records.delivery(subject).await?;
        }
    }
    let Some(delivery) = found.filter(|_| node.is_root()) else {
        let message = "No callback was asked for with it: send the header callbackurl with the \
                       upload";
        return Err(ApiError::new(ErrorCode::NoCallback, message));
    };
    let owner = match delivery.subject {
        Subject::Request(id) => api.gateway().state(id).await?.and_then(|state| match state {
            palisade_ports::records::RequestState::Open { summary, .. }
            | palisade_ports::records::RequestState::Finished { summary, .. } => summary.key,
        }),
        Subject::Batch(id) => api.gateway().batch(id).await?.batch.key,
    };
    caller.must_own("callback", owner)?;
    let last = delivery.last.as_ref();
    json(&WebhookStatus {
        data_id: text.0,
        request_time: timestamp(last.map_or(delivery.created, |attempt| attempt.time)),
        status_code: last.and_then(|attempt| attempt.status).unwrap_or(0),
        state: match delivery.state {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        }
        .to_owned(),
        attempts: delivery.attempts,
        next_time: (delivery.state == DeliveryState::Waiting).then(|| timestamp(delivery.next)),
        error: last.map(|attempt| attempt.error.clone()).filter(|error| !error.is_empty()),
        url: delivery.url,
    })
}
