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

const SANITIZED: &str = "Sanitized copies (nothing is disarmed and rebuilt)";
const SANDBOX: &str = "The sandbox (nothing is detonated)";
const REPUTATION: &str = "Reputation of addresses, domains and URLs (no indicators are looked up)";
const DOWNLOAD: &str = "Giving out stored files";
const LICENSE: &str = "Licences (there is none to activate)";
const RULES: &str = "Rules over HTTP (they are files beside the server's settings)";

/// All of them.
pub(crate) const CALLS: [Call; 29] = [
    call("GET", "/file/{data_id}/download", DOWNLOAD),
    call("GET", "/file/download/{data_id}", DOWNLOAD),
    call("GET", "/file/converted/{data_id}", SANITIZED),
    call("DELETE", "/file/converted/{data_id}", SANITIZED),
    call("POST", "/repo", "Scanning repositories (send the files instead)"),
    call("GET", "/quarantine/{sha256}/download", DOWNLOAD),
    call("POST", "/sandbox", SANDBOX),
    call("GET", "/sandbox/{sandbox_id}", SANDBOX),
    call("GET", "/hash/{hash}/sandbox", SANDBOX),
    call("GET", "/hash/{hash}/badge", "Badges (an image for public web pages)"),
    call(
        "GET",
        "/hash/{hash}/exif",
        "Image metadata in this form (see `properties` of the result)",
    ),
    call("GET", "/hash/{hash}/apk-manifest", "Android manifests (no engine reads them)"),
    call("GET", "/ip/{ip}", REPUTATION),
    call("POST", "/ip", REPUTATION),
    call("POST", "/ip/", REPUTATION),
    call("GET", "/domain/{domain}", REPUTATION),
    call("POST", "/domain", REPUTATION),
    call("POST", "/domain/", REPUTATION),
    call("GET", "/url/{url}", REPUTATION),
    call("POST", "/url", REPUTATION),
    call("POST", "/url/", REPUTATION),
    call("GET", "/stat/activeperformance", "Performance counters (see GET /metrics)"),
    call("GET", "/feed/{feed}", "Feeds"),
    call("POST", "/user/changepassword", "Changing passwords (they are in the server's settings)"),
    call("GET", "/admin/license", LICENSE),
    call("GET", "/admin/config/yara/sources", RULES),
    call("PUT", "/admin/config/yara/sources", RULES),
    call("POST", "/yara/generate", RULES),
    call("GET", "/yara/package", RULES),
];

/// The routes.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Api>)> {
    let routes = CALLS.iter().map(|call| {
        let filter = match call.method {
            "POST" => MethodFilter::POST,
            "DELETE" => MethodFilter::DELETE,
            "PUT" => MethodFilter::PUT,
            _ => MethodFilter::GET,
        };
        (call.path, on(filter, || async { ApiError::not_served(call.what) }))
    });
    routes.collect()
}
