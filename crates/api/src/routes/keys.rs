use axum::body::Body;
use axum::extract::State;
use palisade_model::KeyId;
use palisade_ports::records::{ApiKey, Role};
use serde_json::json as value;

use super::{Answer, Segment, role_name};
use crate::auth::{Caller, hash_secret, new_key_id, new_secret};
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{AdminEntryErrors, AdminErrors, AdminJsonErrors};
use crate::small_body;
use crate::state::{Api, json};
use crate::v4::{AdminKey, AdminKeys, CreatedKey, NewKey, timestamp};

/// Far more than a key needs.
const MAX_BODY: usize = 8 << 10;
const MAX_NAME: usize = 128;

fn shown(key: &ApiKey) -> AdminKey {
    AdminKey {
        id: key.id.to_string(),
        name: key.name.clone(),
        role: role_name(key.role).to_owned(),
        requests_per_minute: key.requests_per_minute,
        scans_per_day: key.scans_per_day,
        workflow: key.workflow.clone(),
        created_at: timestamp(key.created),
        revoked_at: key.revoked.map(timestamp),
    }
}

/// Every key
#[utoipa::path(
    get, path = "/admin/keys", tag = "administration", operation_id = "keys",
    responses((status = 200, description = "The keys", body = AdminKeys), AdminErrors),
    security(("apikey" = []))
)]
pub(crate) async fn list(State(api): State<Api>, _caller: Caller) -> Answer {
    let keys = api.gateway().ports().records.keys().await?;
    json(&AdminKeys { keys: keys.iter().map(shown).collect() })
}

/// Make a key
///
/// The answer is the only one that ever shows the secret.
#[utoipa::path(
    post, path = "/admin/keys", tag = "administration", operation_id = "make_key",
    request_body = NewKey,
    responses((status = 200, description = "The key and its secret", body = CreatedKey), AdminJsonErrors),
    security(("apikey" = []))
)]
pub(crate) async fn create(State(api): State<Api>, caller: Caller, body: Body) -> Answer {
    let body = small_body::read(&api, body, MAX_BODY).await?;
    let bad = |message: String| ApiError::new(ErrorCode::BadJson, message);
    let wish: NewKey = serde_json::from_slice(&body)
        .map_err(|error| bad(format!("The body is not a key to make: {error}")))?;
    if wish.name.is_empty() || wish.name.len() > MAX_NAME {
        return Err(bad(format!("The name must have 1 to {MAX_NAME} bytes")));
    }
    if wish.requests_per_minute == Some(0) {
        return Err(bad("requests_per_minute must be at least 1; leave it out for none".into()));
    }
    let role = match wish.role.as_deref() {
        None | Some("user") => Role::User,
        Some("admin") => Role::Admin,
        Some(_) => return Err(bad("The role must be user or admin".into())),
    };
    if let Some(name) = &wish.workflow
        && api.gateway().workflows().get(name).is_none()
    {
        let known = api.gateway().workflows().names();
        return Err(bad(format!("There is no workflow named {name:?}; those there are: {known}")));
    }
    let key = ApiKey {
        id: new_key_id(),
        name: wish.name,
        role,
        requests_per_minute: wish.requests_per_minute,
        scans_per_day: wish.scans_per_day,
        workflow: wish.workflow,
        created: api.now(),
        revoked: None,
    };
    let secret = new_secret();
    let created = CreatedKey { key: shown(&key), apikey: secret.clone() };
    tracing::info!(key = %key.id, role = role_name(role), by = %caller.key.id, "a key was made");
    api.gateway().ports().records.put_key(key, hash_secret(secret.as_bytes())).await?;
    json(&created)
}

/// Take a key back
#[utoipa::path(
    delete, path = "/admin/keys/{id}", tag = "administration", operation_id = "revoke_key",
    params(("id" = String, Path, description = "The key's id, 12 hexadecimal digits")),
    responses((status = 200, description = "It no longer works", body = Object), AdminEntryErrors),
    security(("apikey" = []))
)]
pub(crate) async fn revoke(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let unknown = || {
        let message = "There is no such key: GET /admin/keys lists those there are";
        ApiError::new(ErrorCode::UnknownEntry, message)
    };
    let id: KeyId = segment.ok().and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
    let revoked = api.gateway().ports().records.revoke_key(id, api.now()).await?;
    api.kept_keys().forget();
    if !revoked {
        return Err(unknown());
    }
    tracing::info!(key = %id, by = %caller.key.id, "a key was taken back");
    json(&value!({"id": id.to_string(), "revoked": true}))
}
