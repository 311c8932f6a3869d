//! `containers.json` and `images.json` of containers/storage, where Podman and CRI-O keep what they have.

use palisade_model::event::{ContainerId, ImageDigest, Runtime};
use serde::Deserialize;

use super::in_reference;
use crate::containers::{DigestKind, Facts, Limits, Source};

#[derive(Deserialize)]
struct Container {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    /// A JSON object in a text.
    #[serde(default)]
    metadata: String,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default, rename = "image-name")]
    image_name: String,
}

#[derive(Deserialize)]
struct Image {
    id: String,
    #[serde(default)]
    digest: Option<ImageDigest>,
}

/// What the list says of a container.
pub(super) struct Found {
    pub(super) facts: Facts,
    /// The image's id.
    pub(super) image: String,
}

/// `None`: it is not listed.
pub(super) fn facts(
    bytes: &[u8],
    id: &ContainerId,
    limits: Limits,
) -> Result<Option<Found>, serde_json::Error> {
    let all: Vec<Container> = serde_json::from_slice(bytes)?;
    let Some(found) = all.into_iter().find(|one| one.id == id.as_str()) else { return Ok(None) };
    let mut facts = Facts::new(id.clone(), Source::Disk, Runtime::Unknown);
    if let Some(name) = found.names.iter().flatten().next() {
        facts.name = limits.text(name);
    }
    if let Ok(metadata) = serde_json::from_str::<Metadata>(&found.metadata) {
        facts.image = limits.text(&metadata.image_name);
    }
    facts.digest = in_reference(&found.image);
    Ok(Some(Found { facts, image: found.image }))
}

/// The digest of an image's manifest.
pub(super) fn digest(bytes: &[u8], image: &str) -> Option<(DigestKind, ImageDigest)> {
    let images: Vec<Image> = serde_json::from_slice(bytes).ok()?;
    let found = images.into_iter().find(|one| one.id == image)?;
    Some((DigestKind::Manifest, found.digest?))
}
