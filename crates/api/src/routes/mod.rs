//! The handlers, one file per noun.

pub(crate) mod account;
pub(crate) mod archive;
pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod dead_letters;
pub(crate) mod engines;
pub(crate) mod file;
pub(crate) mod hash;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod keys;
pub(crate) mod nodes;
pub(crate) mod not_served;
pub(crate) mod ops;
pub(crate) mod parts;
pub(crate) mod progress;
pub(crate) mod sessions;
mod submit;
pub(crate) mod webhook;
pub(crate) mod workflows;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use palisade_model::UnixMillis;
use palisade_ports::records::Role;

use crate::error::ApiError;

/// What a handler returns.
pub(crate) type Answer = Result<Response, ApiError>;

/// A path's one segment, percent-decoded. What is not UTF-8 is nothing that we ever gave out.
pub(crate) type Segment = Result<Path<String>, PathRejection>;

/// The day of the quota.
fn day(now: UnixMillis) -> u32 {
    u32::try_from(now.0 / 86_400_000).unwrap_or(u32::MAX)
}

/// A role on the wire.
fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}
