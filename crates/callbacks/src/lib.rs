//! The courier over HTTP: callbacks that are signed, and that go nowhere they must not.
//!
//! A callback's address comes from a caller, and the server that calls it stands where the caller may
//! not reach: it must not become his hands (server-side request forgery, CWE-918). So: the name is
//! resolved here, once for each try; the address that it gives is held against the list of what is
//! not public ([`guard`]) and then connected to as it is, so that a name which answers differently the
//! second time is not asked twice; no redirect is followed; of the answer nothing but the head is
//! read, within a bound; and nobody is told what stood in it but the status.
//!
//! Signatures are those of the Standard Webhooks specification 1.0 ([`signature`]).

mod config;
mod courier;
pub mod guard;
mod resolve;
pub mod signature;

pub use config::{CallbacksConfig, Method};
pub use courier::{CourierBuildError, HttpCourier};
pub use resolve::{Resolve, SystemResolver};
pub use signature::{Secret, SecretError};
