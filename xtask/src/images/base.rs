//! A base image made from Debian's packages: no registry of images is needed.

use std::path::PathBuf;

use palisade_services::Rootfs;

use crate::command::say;

/// Debian and nothing else.
pub(super) const IMAGE: &str = "palisade-base:test";

const ROOTFS: Rootfs = Rootfs { name: "base", variant: "apt", packages: &[], hooks: &[] };

/// The build argument that names a base.
pub(super) fn argument(image: &str) -> String {
    format!("BASE={image}")
}

/// The base's files, made once.
pub(super) fn tarball() -> anyhow::Result<PathBuf> {
    say("making a base image of Debian, if there is none");
    Ok(ROOTFS.archive()?)
}
