use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde_json::json as value;

use super::Answer;
use crate::auth::{hash_secret, secret};
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{LoginErrors, LogoutErrors};
use crate::sessions::{MAX_PASSWORD, Refused};
use crate::small_body;
use crate::state::{Api, json};
use crate::v4::{Login, Session};

/// Far more than a name and a password need.
const MAX_BODY: usize = 8 << 10;

/// Sign in
///
/// As MetaDefender Core's: the session goes into the header `apikey` like a key. It ends when it is
/// not used for `session_idle_ms`, and with the server.
#[utoipa::path(
    post, path = "/login", tag = "key", operation_id = "login",
    request_body = Login,
    responses((status = 200, description = "The session", body = Session), LoginErrors)
)]
pub(crate) async fn login(State(api): State<Api>, body: Body) -> Answer {
    let users = &api.config().users;
    if users.is_empty() {
        let what = "Signing in (this server has no users: send a key in the header apikey)";
        return Err(ApiError::not_served(what));
    }
    let body = small_body::read(&api, body, MAX_BODY).await?;
    let Login { user, password } = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("The body is not {{\"user\": \"…\", \"password\": \"…\"}}: {error}");
        ApiError::new(ErrorCode::BadJson, message)
    })?;
    let wrong = || {
        let message = "The user or the password is wrong: ask the operator, who sets both";
        ApiError::new(ErrorCode::BadLogin, message)
    };
    if password.len() > MAX_PASSWORD {
        return Err(wrong());
    }
    let signed_in = api.sessions().sign_in(&user, users.get(&user), password, api.now()).await;
    let session_id = signed_in.map_err(|refused| match refused {
        Refused::Wrong => wrong(),
        Refused::TooFast => {
            let message = "Too many sign-ins a minute; try again in 60 s";
            ApiError::new(ErrorCode::Throttled, message).retry_after(60)
        }
    })?;
    tracing::info!(user, "signed in");
    // The session is no cookie, so there is nothing to forge: the token is what the form asks for.
    json(&Session { oms_csrf_token: crate::new_secret(), session_id })
}

/// Sign out
#[utoipa::path(
    post, path = "/logout", tag = "key", operation_id = "logout",
    responses((status = 200, description = "The session has ended", body = Object), LogoutErrors),
    security(("apikey" = []))
)]
pub(crate) async fn logout(State(api): State<Api>, headers: HeaderMap) -> Answer {
    let ended = secret(&headers).is_some_and(|secret| api.sessions().sign_out(hash_secret(secret)));
    if !ended {
        let message = "This is no session: a key is not signed in, and cannot be signed out";
        return Err(ApiError::new(ErrorCode::BadLogin, message));
    }
    json(&value!({"response": "Logout success"}))
}
