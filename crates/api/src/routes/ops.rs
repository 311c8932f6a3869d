use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use palisade_ports::records::EngineState;
use serde_json::json as value;

use super::Answer;
use crate::openapi::OpenErrors;
use crate::readiness::Check;
use crate::state::{Api, json};
use crate::v4::{
    ActiveEngines, ApiVersion, Database, License, NamedCheck, Ready, ReadyEngine, ScanQueue,
    Version, render::eng_id,
};

/// An answer that takes longer is none.
const CHECKS_IN: Duration = Duration::from_secs(2);

/// The program
#[utoipa::path(
    get, path = "/version", tag = "operation", operation_id = "version",
    responses((status = 200, description = "The release", body = Version), OpenErrors)
)]
pub(crate) async fn version() -> Answer {
    json(&Version {
        product_id: "palisade".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The API
#[utoipa::path(
    get, path = "/status/version", tag = "operation", operation_id = "api_version",
    responses((status = 200, description = "The release", body = ApiVersion), OpenErrors)
)]
pub(crate) async fn api_version() -> Answer {
    json(&ApiVersion { version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether the process lives
#[utoipa::path(
    get, path = "/livez", tag = "operation", operation_id = "live",
    responses((status = 200, description = "It does", body = Object), OpenErrors)
)]
pub(crate) async fn live() -> Answer {
    json(&value!({"status": "ok"}))
}

/// Whether requests are served, and what stands against it
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "ready",
    responses(
        (status = 200, description = "Ready", body = Ready),
        (status = 503, description = "Not ready: `checks` says why", body = Ready),
        OpenErrors
    )
)]
pub(crate) async fn ready(State(api): State<Api>) -> Answer {
    let mut checks = match tokio::time::timeout(CHECKS_IN, api.readiness().checks()).await {
        Ok(checks) => checks,
        Err(_) => vec![Check {
            name: "checks".to_owned(),
            ok: false,
            required: true,
            detail: "no answer within two seconds".to_owned(),
        }],
    };
    let engines = engine_checks(&api, &mut checks);
    let queue = api.gateway().admit();
    checks.push(Check {
        name: "admission".to_owned(),
        ok: queue.is_ok(),
        // A full queue passes, and 503 with Retry-After says so to each caller.
        required: false,
        detail: queue.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    });
    if api.is_stopping() {
        checks.push(Check {
            name: "stopping".to_owned(),
            ok: false,
            required: true,
            detail: "the server is being stopped".to_owned(),
        });
    }
    let well = |name: &str| checks.iter().all(|check| check.name != name || check.ok);
    let ready = checks.iter().all(|check| check.ok || !check.required);
    let body = Ready {
        database: Database { status: well("records") },
        number_active_av_engines: ActiveEngines {
            status: engines.iter().any(|engine| engine.status),
            threshold: 1,
        },
        engines,
        license: License { status: "ok".to_owned() },
        scan_queue: ScanQueue {
            status: queue.is_ok(),
            max_number_in_queue: api.gateway().config().max_waiting,
        },
        ready,
        checks: checks
            .into_iter()
            .map(|Check { name, ok, required, detail }| NamedCheck { name, ok, required, detail })
            .collect(),
    };
    let mut response = json(&body)?;
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(RETRY_AFTER, 1.into());
    }
    Ok(response)
}

/// Adds a check for every engine, and one that there are any.
fn engine_checks(api: &Api, checks: &mut Vec<Check>) -> Vec<ReadyEngine> {
    let entries = api.gateway().catalog().entries();
    let required = api.config().engines_required;
    let up = entries.values().filter(|entry| entry.state != EngineState::Down).count();
    checks.push(Check {
        name: "engines".to_owned(),
        ok: up > 0,
        required: true,
        detail: format!("{up} of {} answer", entries.len()),
    });
    entries
        .values()
        .map(|entry| {
            let ok = entry.state != EngineState::Down;
            let name = format!("engine.{}", entry.engine);
            checks.push(Check { name, ok, required, detail: entry.detail.clone() });
            ReadyEngine { engine_id: eng_id(&entry.engine), required, status: ok }
        })
        .collect()
}

/// Metrics for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "metrics",
    responses(
        (status = 200, description = "OpenMetrics text", body = String,
            content_type = "application/openmetrics-text"),
        OpenErrors
    )
)]
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPEN_METRICS)], api.gateway().ports().metrics.expose()).into_response()
}
