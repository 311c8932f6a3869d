//! Calls that the vendor's API has and this release does not serve. They are known, so that a
//! caller learns it at once and from a stated answer, not from a 404 that looks like a lost file.

use axum::routing::{MethodFilter, MethodRouter, on};

use crate::error::ApiError;
use crate::state::Api;

/// A call that is not served.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) what: &'static str,
}

const fn call(method: &'static str, path: &'static str, what: &'static str) -> Call {
    Call { method, path, what }
}

const BATCH: &str = "Batches (send each file by itself)";
const PARTS: &str = "Uploads in parts (POST /file takes any size in one stream)";
const WEBHOOK: &str = "Callbacks (poll, long-poll with ?wait=, or read the event stream instead)";
const SANITIZED: &str = "Sanitized copies";
const SANDBOX: &str = "The sandbox";
const REPUTATION: &str = "Reputation of addresses, domains and URLs";
const DETAILS: &str = "Details of a hash beyond its report";

/// All of them.
pub(crate) const CALLS: [Call; 49] = [
    call("POST", "/file/batch", BATCH),
    call("GET", "/file/batch/{batch_id}", BATCH),
    call("POST", "/file/batch/{batch_id}/close", BATCH),
    call("POST", "/file/batch/{batch_id}/close/callback", BATCH),
    call("POST", "/file/batch/{batch_id}/cancel", BATCH),
    call("GET", "/file/batch/{batch_id}/certificate", BATCH),
    call("POST", "/file/multipart", PARTS),
    call("POST", "/file/multipart/{upload_id}", PARTS),
    call("GET", "/file/multipart/{upload_id}", PARTS),
    call("DELETE", "/file/multipart/{upload_id}", PARTS),
    call("GET", "/file/webhook/{data_id}", WEBHOOK),
    call("GET", "/file/webhooks/{data_id}", WEBHOOK),
    call("GET", "/file/rules", "The list of workflows"),
    call("POST", "/file/{data_id}/cancel", "Cancelling a scan"),
    call("GET", "/file/{data_id}/blocked-leaves", "The list of blocked leaves (see `threats`)"),
    call("GET", "/file/{data_id}/export", "Exporting a result"),
    call("GET", "/file/{data_id}/download", "Giving artifacts out"),
    call("GET", "/file/download/{data_id}", "Giving artifacts out"),
    call("GET", "/file/converted/{data_id}", SANITIZED),
    call("DELETE", "/file/converted/{data_id}", SANITIZED),
    call("GET", "/archive/{data_id}", "The list of all children (see `tree`)"),
    call("POST", "/repo", "Scanning repositories"),
    call("GET", "/quarantine/{sha256}/download", "The quarantine"),
    call("POST", "/sandbox", SANDBOX),
    call("GET", "/sandbox/{sandbox_id}", SANDBOX),
    call("GET", "/hash/{hash}/sandbox", SANDBOX),
    call("GET", "/hash/{hash}/scanhistory", DETAILS),
    call("GET", "/hash/{hash}/badge", DETAILS),
    call("GET", "/hash/{hash}/peinfo", DETAILS),
    call("GET", "/hash/{hash}/exif", DETAILS),
    call("GET", "/hash/{hash}/apk-manifest", DETAILS),
    call("GET", "/ip/{ip}", REPUTATION),
    call("POST", "/ip", REPUTATION),
    call("POST", "/ip/", REPUTATION),
    call("GET", "/domain/{domain}", REPUTATION),
    call("POST", "/domain", REPUTATION),
    call("POST", "/domain/", REPUTATION),
    call("GET", "/url/{url}", REPUTATION),
    call("POST", "/url", REPUTATION),
    call("POST", "/url/", REPUTATION),
    call("GET", "/apikey/scan-history", "The scans of a key"),
    call("GET", "/stat/nodes", "The list of hosts (see GET /stat/engines)"),
    call("GET", "/stat/activeperformance", "Performance counters (see GET /metrics)"),
    call("GET", "/feed/{feed}", "Feeds"),
    call("POST", "/login", "Sessions (send the key in the header apikey)"),
    call("POST", "/logout", "Sessions (send the key in the header apikey)"),
    call("POST", "/user/changepassword", "Users (keys are made with POST /admin/keys)"),
    call("GET", "/yara/sources", "Rules over HTTP"),
    call("POST", "/yara/sources", "Rules over HTTP"),
];

/// The routes.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Api>)> {
    let routes = CALLS.iter().map(|call| {
        let filter = match call.method {
            "POST" => MethodFilter::POST,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        (call.path, on(filter, || async { ApiError::not_served(call.what) }))
    });
    routes.collect()
}
