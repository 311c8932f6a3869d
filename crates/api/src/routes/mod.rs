//! The handlers, one file per noun.

pub(crate) mod account;
pub(crate) mod dead_letters;
pub(crate) mod engines;
pub(crate) mod file;
pub(crate) mod hash;
pub(crate) mod home;
pub(crate) mod keys;
pub(crate) mod not_served;
pub(crate) mod ops;
pub(crate) mod progress;

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use http::request::Parts;
use palisade_ports::records::ApiKey;
use std::sync::Arc;

use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};

/// What a handler returns.
pub(crate) type Answer = Result<axum::response::Response, ApiError>;

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Missing only on a route that was wired without the guard: then nobody gets in.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            ApiError::new(ErrorCode::BadKey, "No API key: send one in the header apikey")
        })
    }
}

/// A path's one segment, percent-decoded. What is not UTF-8 is nothing we ever gave out.
pub(crate) type Segment = Result<axum::extract::Path<String>, PathRejection>;

/// The day of the quota.
pub(crate) fn day(now: palisade_model::UnixMillis) -> u32 {
    u32::try_from(now.0 / 86_400_000).unwrap_or(u32::MAX)
}

pub(crate) fn role(key: &Arc<ApiKey>) -> &'static str {
    role_name(key.role)
}

pub(crate) fn role_name(role: palisade_ports::records::Role) -> &'static str {
    match role {
        palisade_ports::records::Role::User => "user",
        palisade_ports::records::Role::Admin => "admin",
    }
}
