use axum::extract::State;

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
        workflow_rule: "default".to_owned(),
        enforce_private_scan: true,
        throttling_limit: limit(requests(&api, &caller)),
        nickname: caller.key.name.clone(),
        created_at: created.clone(),
        updated_at: created,
        key_id: caller.key.id.to_string(),
        role: role_name(caller.key.role).to_owned(),
    })
}

fn limits(scans: u64) -> Limits {
    Limits {
        reputation_api: u64::from(NO_LIMIT),
        analysis_api: scans,
        prevention_api: 0,
        feed_api: 0,
        download_file: 0,
        sandbox_api: 0,
    }
}

/// The limits of this key
#[utoipa::path(
    get, path = "/apikey/limits", tag = "key", operation_id = "limits",
    responses((status = 200, description = "The limits", body = Limits), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get_limits(State(api): State<Api>, caller: Caller) -> Answer {
    json(&limits(limit(scans(&api, &caller))))
}

/// What is left of this key's limits
#[utoipa::path(
    get, path = "/apikey/limits/status", tag = "key", operation_id = "limits_status",
    responses((status = 200, description = "What is left", body = LimitsStatus), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get_status(State(api): State<Api>, caller: Caller) -> Answer {
    let left = match scans(&api, &caller) {
        None => u64::from(NO_LIMIT),
        Some(limit) => {
            let records = &api.gateway().ports().records;
            let used = records.count_scans(caller.key.id, day(api.now()), 0).await?;
            u64::from(limit.saturating_sub(used))
        }
    };
    json(&LimitsStatus {
        left: limits(left),
        throttling_limit: u64::from(caller.standing.remaining()),
    })
}
