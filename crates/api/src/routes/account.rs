use axum::extract::State;
use palisade_pipeline::gateway::DEFAULT_WORKFLOW;

use super::{Answer, day, role_name};
use crate::auth::Caller;
use crate::openapi::KeyErrors;
use crate::rates::NO_LIMIT;
use crate::state::{Api, json};
use crate::v4::{Account, Limits, LimitsStatus, timestamp};

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

fn limit(limit: Option<u32>) -> u64 {
    u64::from(limit.unwrap_or(NO_LIMIT).min(NO_LIMIT))
}

fn scans(api: &Api, caller: &Caller) -> Option<u32> {
    caller.key.scans_per_day.or(api.config().key_scans_per_day)
}

fn requests(api: &Api, caller: &Caller) -> Option<u32> {
    caller.key.requests_per_minute.or(api.config().key_requests_per_minute)
}

/// The key of this call
#[utoipa::path(
    get, path = "/apikey/", tag = "key", operation_id = "account",
    responses((status = 200, description = "The key and its limits", body = Account), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, caller: Caller) -> Answer {
    let gateway = api.gateway().config();
    let unpack = gateway.unpack;
    let created = timestamp(caller.key.created);
    json(&Account {
        max_file_download: 0,
        max_upload_file_size: mib(gateway.max_upload_bytes),
        max_archive_file_depth: u64::from(unpack.max_depth),
        max_archive_file_size: mib(unpack.max_total_bytes),
        max_archive_file_number: u64::from(unpack.max_files),
        limit_prevention: 0,
        limit_reputation: u64::from(NO_LIMIT),
        limit_analysis: limit(scans(&api, &caller)),
        limit_sandbox: 0,
        limit_feed: 0,
        qos_scan: "normal".to_owned(),
        time_interval: "Daily".to_owned(),
        workflow_rule: caller.key.workflow.clone().unwrap_or_else(|| DEFAULT_WORKFLOW.to_owned()),
        enforce_private_scan: true,
        throttling_limit: limit(requests(&api, &caller)),
        nickname: caller.key.name.clone(),
        created_at: created.clone(),
        updated_at: created,
        key_id: caller.key.id.to_string(),
        role: role_name(caller.key.role).to_owned(),
    })
}

fn limits(lookups: u64, scans: u64) -> Limits {
    Limits {
        reputation_api: lookups,
        analysis_api: scans,
        prevention_api: 0,
        feed_api: 0,
        download_file: 0,
        sandbox_api: 0,
    }
}

/// What of this key's limits is used up
///
/// As the vendor's: the limits themselves are `limit_*` of `GET /apikey/`. Look-ups are not counted.
#[utoipa::path(
    get, path = "/apikey/limits", tag = "key", operation_id = "limits",
    responses((status = 200, description = "What is used up today", body = Limits), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get_limits(State(api): State<Api>, caller: Caller) -> Answer {
    json(&limits(0, u64::from(scans_today(&api, &caller).await?)))
}

async fn scans_today(api: &Api, caller: &Caller) -> Result<u32, crate::error::ApiError> {
    let records = &api.gateway().ports().records;
    Ok(records.count_scans(caller.key.id, day(api.now()), 0).await?)
}

/// What is left of this key's limits
#[utoipa::path(
    get, path = "/apikey/limits/status", tag = "key", operation_id = "limits_status",
    responses((status = 200, description = "What is left", body = LimitsStatus), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get_status(State(api): State<Api>, caller: Caller) -> Answer {
    let used = u64::from(scans_today(&api, &caller).await?);
    let left = limit(scans(&api, &caller)).saturating_sub(used);
    json(&LimitsStatus {
        left: limits(u64::from(NO_LIMIT), left),
        throttling_limit: u64::from(caller.standing.remaining()),
    })
}
