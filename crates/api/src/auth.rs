//! Who calls: the key in the header, looked up by the SHA-256 of its secret.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use palisade_model::{KeyId, Sha256};
use palisade_ports::Records;
use palisade_ports::records::{ApiKey, Role};
use palisade_telemetry::metrics::DropReason;
use sha2::Digest;

use crate::error::{ApiError, ErrorCode};
use crate::rates::Standing;
use crate::state::Api;

/// No secret is longer, in bytes.
const MAX_SECRET: usize = 512;
/// Keys kept for a moment; when there are more, all are looked up again.
const MAX_KEPT: usize = 4_096;

/// A fresh secret: 32 bytes of chance as 64 hexadecimal digits. Only its hash is ever stored.
pub fn new_secret() -> String {
    Sha256(rand::random()).to_string()
}

/// A fresh id for a key.
pub fn new_key_id() -> KeyId {
    KeyId::new(rand::random())
}

/// Under which a secret is stored and looked up. A secret has 256 bits of chance, so no slow hash
/// is needed, and the look-up takes no time that depends on how much of it was guessed.
pub fn hash_secret(secret: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(secret).into())
}

/// Who calls, with where it stands with its rate.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) standing: Standing,
}

impl Caller {
    /// That something which this key made, or an administrator's, is at hand.
    pub(crate) fn must_own(&self, what: &str, key: Option<KeyId>) -> Result<(), ApiError> {
        if key == Some(self.key.id) || self.key.role == Role::Admin {
            return Ok(());
        }
        Err(ApiError::not_yours(what))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Missing only on a route that was wired without its guard: then nobody gets in.
        parts.extensions.get::<Self>().cloned().ok_or_else(no_key)
    }
}

fn no_key() -> ApiError {
    ApiError::new(ErrorCode::BadKey, "No API key: send one in the header apikey")
}

/// Keys looked up a moment ago.
#[derive(Default)]
pub(crate) struct KeptKeys {
    keys: Mutex<HashMap<Sha256, (Instant, Arc<ApiKey>)>>,
}

impl KeptKeys {
    async fn key(
        &self,
        records: &dyn Records,
        secret: Sha256,
        keep: Duration,
    ) -> Result<Option<Arc<ApiKey>>, ApiError> {
        if !keep.is_zero() {
            let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, key)) = keys.get(&secret)
                && since.elapsed() < keep
            {
                return Ok(Some(Arc::clone(key)));
            }
        }
        // Only keys that exist are kept: guesses take no room.
        let Some(key) = records.key(secret).await?.map(Arc::new) else { return Ok(None) };
        if !keep.is_zero() {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.len() >= MAX_KEPT {
                keys.clear();
            }
            keys.insert(secret, (Instant::now(), Arc::clone(&key)));
        }
        Ok(Some(key))
    }

    /// After a key was taken back.
    pub(crate) fn forget(&self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The secret in `apikey: S`, `Authorization: apikey S` or `Authorization: Bearer S`.
pub(crate) fn secret(headers: &HeaderMap) -> Option<&[u8]> {
    let secret = match headers.get("apikey") {
        Some(value) => value.as_bytes().trim_ascii(),
        None => {
            let value = headers.get(AUTHORIZATION)?.as_bytes().trim_ascii();
            let space = value.iter().position(|byte| *byte == b' ')?;
            let (scheme, rest) = value.split_at(space);
            let known = [b"bearer".as_slice(), b"apikey"];
            if !known.iter().any(|name| scheme.eq_ignore_ascii_case(name)) {
                return None;
            }
            rest.trim_ascii()
        }
    };
    (!secret.is_empty() && secret.len() <= MAX_SECRET).then_some(secret)
}

impl Api {
    /// The key of a request, and one request taken from its rate.
    async fn caller(
        &self,
        headers: &HeaderMap,
    ) -> Result<(Caller, Result<(), ApiError>), ApiError> {
        let config = self.config();
        self.rates().take_server(config.requests_per_minute)?;
        let secret = secret(headers).ok_or_else(no_key)?;
        let keep = Duration::from_millis(config.key_cache_ms);
        let records = &self.gateway().ports().records;
        let secret = hash_secret(secret);
        let idle = Duration::from_millis(config.session_idle_ms);
        let found = match self.sessions().key(secret, idle) {
            Some(user) => Some(user),
            None => self.kept_keys().key(&**records, secret, keep).await?,
        };
        let Some(key) = found.filter(|key| key.revoked.is_none()) else {
            let message = "The API key is not known or was taken back: ask the operator for one";
            return Err(ApiError::new(ErrorCode::BadKey, message));
        };
        let limit = key.requests_per_minute.or(config.key_requests_per_minute);
        let (standing, taken) = self.rates().take_key(key.id, limit);
        Ok((Caller { key, standing }, taken))
    }
}

/// Lets requests with a key through, within its rate.
pub(crate) async fn any_key(State(api): State<Api>, request: Request, next: Next) -> Response {
    guard(api, request, next, Role::User).await
}

/// Lets requests with a key of role admin through, within its rate.
pub(crate) async fn admin_key(State(api): State<Api>, request: Request, next: Next) -> Response {
    guard(api, request, next, Role::Admin).await
}

async fn guard(api: Api, mut request: Request, next: Next, role: Role) -> Response {
    // What a path allows is no secret.
    if request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    let (caller, taken) = match api.caller(request.headers()).await {
        Ok(found) => found,
        Err(error) => return refuse(&api, error),
    };
    let standing = caller.standing;
    let mut response = if let Err(error) = taken {
        refuse(&api, error)
    } else if role == Role::Admin && caller.key.role != Role::Admin {
        let message = "This call needs a key of role admin";
        ApiError::new(ErrorCode::Forbidden, message).into_response()
    } else {
        request.extensions_mut().insert(caller);
        next.run(request).await
    };
    // An upload with a daily quota has told of that already.
    if !response.headers().contains_key("x-ratelimit-limit") {
        standing.write(response.headers_mut());
    }
    response
}

fn refuse(api: &Api, error: ApiError) -> Response {
    if error.code() == ErrorCode::Throttled {
        api.gateway().ports().metrics.drop(DropReason::RateLimit, "api");
    }
    error.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_in_three_ways() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        for (name, value, expected) in [
            ("apikey", " abc ", Some("abc")),
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "apikey  abc", Some("abc")),
            ("authorization", "Basic abc", None),
            ("authorization", "abc", None),
            ("apikey", "", None),
        ] {
            assert_eq!(secret(&with(name, value)), expected.map(str::as_bytes), "{name}: {value}");
        }
        assert_eq!(new_secret().len(), 64);
        assert_ne!(new_secret(), new_secret());
    }
}
