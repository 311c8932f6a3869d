//! The HTTP face of Palisade: wire-compatible with the MetaDefender v4 API (`docs/api.md`).
//!
//! [`v4`] holds the wire forms and the pure functions that render reports; [`router`] the routes;
//! [`serve`] the connections. A request goes through: the limit of connections, its head, [`auth`]
//! (key, then rates), the gateway's admission, its headers, its body.
//!
//! Invariant: nothing here knows an implementation of a port or a concrete engine.

mod auth;
mod callback_bodies;
mod config;
mod error;
mod linger;
mod observe;
mod openapi;
mod rates;
mod readiness;
mod rendered;
mod router;
mod routes;
mod server;
mod sessions;
mod signer;
mod small_body;
mod state;
mod upload;
pub mod v4;

pub use auth::{hash_secret, new_key_id, new_secret};
pub use config::{ApiConfig, Dialect, UserConfig};
pub use error::{ApiError, ErrorCode};
pub use openapi::document;
pub use readiness::{Check, DeadLetterRetry, Readiness, RetryError};
pub use router::router;
pub use server::serve;
pub use signer::{Signer, SignerError};
pub use state::Api;
