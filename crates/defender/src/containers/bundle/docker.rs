//! Docker's own files: `config.v2.json`, `hostconfig.json` and `repositories.json`. Written before a
//! container starts.

use std::collections::BTreeMap;

use palisade_model::event::{ContainerId, ImageDigest, Runtime};
use serde::Deserialize;

use crate::containers::sockets::docker as api;
use crate::containers::{DigestKind, Facts, Limits, Source};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    driver: String,
    #[serde(default)]
    config: Option<api::Config>,
    #[serde(default)]
    state: Option<api::State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    privileged: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Repositories {
    #[serde(default)]
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

/// What the container's file says.
pub(super) struct Found {
    /// Who it is; the digest is the image's id.
    pub(super) facts: Facts,
    /// The storage driver: the name of the directory where the image store is.
    pub(super) driver: Option<String>,
}

/// Reads `config.v2.json`.
pub(super) fn facts(
    bytes: &[u8],
    id: &ContainerId,
    limits: Limits,
) -> Result<Found, serde_json::Error> {
    let container: Container = serde_json::from_slice(bytes)?;
    let mut facts = Facts::new(id.clone(), Source::Disk, Runtime::Docker);
    // A file that speaks of another container says nothing of this one.
    if container.id != id.as_str() {
        return Ok(Found { facts, driver: None });
    }
    facts.name = limits.text(container.name.trim_start_matches('/'));
    let image = container.image.parse().ok();
    facts.digest = image.map(|digest: ImageDigest| (DigestKind::Config, digest));
    if let Some(config) = container.config {
        config.tell(limits, &mut facts);
    }
    // The start of the run before this one is still in it when it is read on the cgroup's making.
    if let Some(state) = container.state.filter(|state| state.running) {
        state.tell(&mut facts);
    }
    let fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let driver = container.driver;
    let driver = (!driver.is_empty() && driver.chars().all(fit)).then_some(driver);
    Ok(Found { facts, driver })
}

/// Reads `hostconfig.json`.
pub(super) fn privileged(bytes: &[u8]) -> Option<bool> {
    serde_json::from_slice::<HostConfig>(bytes).ok()?.privileged
}

/// The digest that the image was pulled by, from `repositories.json`: the same choice as from the API's
/// `RepoDigests`.
pub(super) fn repository_digest(
    bytes: &[u8],
    image: ImageDigest,
    asked: &str,
) -> Option<(DigestKind, ImageDigest)> {
    let repositories: Repositories = serde_json::from_slice(bytes).ok()?;
    let image = image.to_string();
    let references = repositories.repositories.values().flat_map(|names| {
        names.iter().filter(|(name, id)| **id == image && name.contains('@')).map(|(name, _)| name)
    });
    api::choose_digest(references.map(String::as_str), asked)
}
