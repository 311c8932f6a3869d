//! Engines that ask a scanner which is not ours: a [`clamd`] daemon, a [`command`] line, a service
//! behind a small [`http`] contract.
//!
//! - Nothing here parses an artifact (law 5). Its bytes are passed on, unread.
//! - What a scanner answers is hostile input: bounded, checked, and never clean by default (law 10).
//! - Versions and health are polled in the background; [`palisade_ports::Engine::definitions`] and
//!   `health` only read what the last poll left.

mod answer;
mod artifact;
mod backoff;
pub mod clamd;
pub mod command;
mod config;
mod fingerprint;
pub mod http;
mod outside;
pub mod profiles;
mod secret;
mod status;
mod text;
mod time;

use std::sync::Arc;

use palisade_model::EngineName;
use palisade_ports::Engine;

pub use answer::{Meaning, Treatment};
use clamd::ClamdEngine;
use command::CommandEngine;
pub use command::JailHelper;
pub use config::{ConfigError, ScannerConfig, ScannersConfig};
use http::HttpEngine;
use outside::Outside;
pub use secret::Secret;

/// The engines of these settings. They begin to poll their scanners at once, in the background of the
/// Tokio runtime that this is called in.
///
/// Command-line scanners run under this very program, started again as `jail-command`
/// ([`palisade_jail::command::run_helper`]).
///
/// # Errors
/// A setting that is not right, by the scanner's name; no runtime.
pub fn build(config: &ScannersConfig) -> Result<Vec<Arc<dyn Engine>>, ConfigError> {
    build_with(config, &JailHelper::default())
}

/// As [`build`], with another program in the place of `palisade jail-command`.
///
/// # Errors
/// As [`build`].
pub fn build_with(
    config: &ScannersConfig,
    helper: &JailHelper,
) -> Result<Vec<Arc<dyn Engine>>, ConfigError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(ConfigError::NoRuntime);
    }
    let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
    for (name, scanner) in &config.0 {
        let wrong = |why: String| ConfigError::Scanner { name: name.clone(), why };
        let engine: EngineName =
            name.parse().map_err(|_| wrong("its name is none for an engine".to_owned()))?;
        engines.push(match scanner {
            ScannerConfig::Clamd(config) => {
                Arc::new(Outside(ClamdEngine::start(engine, config.clone()).map_err(wrong)?))
            }
            ScannerConfig::Command(config) => {
                Arc::new(Outside(CommandEngine::start(engine, config, helper).map_err(wrong)?))
            }
            ScannerConfig::Http(config) => {
                Arc::new(Outside(HttpEngine::start(engine, config).map_err(wrong)?))
            }
        });
    }
    Ok(engines)
}
