use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};

use crate::state::Api;

/// No scripts, no other resources, no frames: the page needs nothing but its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("home.html");

/// A page for people who open the server in a browser.
pub(crate) async fn get(State(api): State<Api>) -> Response {
    let engines = api.gateway().catalog().entries();
    // Engine names are `[a-z0-9-]`: nothing to escape.
    let names: Vec<_> = engines.keys().map(ToString::to_string).collect();
    let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
    let page = PAGE.replace("{version}", env!("CARGO_PKG_VERSION")).replace("{engines}", &names);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page).into_response()
}
