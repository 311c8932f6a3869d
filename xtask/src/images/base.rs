//! A base image made from Debian's packages: no registry of images is needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::command::{output, run, say};

/// Debian and nothing else.
pub(super) const IMAGE: &str = "palisade-base:test";

/// The build argument that names a base.
pub(super) fn argument(image: &str) -> String {
    format!("BASE={image}")
}

/// The base's files, made once. mmdebstrap uses this machine's own settings of apt: mirror, proxy, keys.
pub(super) fn tarball(home: &Path) -> anyhow::Result<PathBuf> {
    let release = release()?;
    let tarball = home.join(format!("base-{release}.tar"));
    if tarball.exists() {
        return Ok(tarball);
    }
    say(&format!("making a base image of Debian {release}"));
    // The name must not be there before the file is whole; its ending tells the format.
    let unfinished = home.join(format!("unfinished-{release}.tar"));
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--quiet", "--variant=apt", "--dpkgopt=force-unsafe-io"])
        // As in the usual slim bases.
        .args([
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
        ])
        .args(["--dpkgopt=path-exclude=/usr/share/locale/*", &release])
        .arg(&unfinished)
        .args(sources()?.lines());
    run(&mut command)?;
    std::fs::rename(&unfinished, &tarball)?;
    Ok(tarball)
}

/// This machine's release: the binary that goes into the image was linked with its libraries.
fn release() -> anyhow::Result<String> {
    let text = std::fs::read_to_string("/etc/os-release")?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .context("/etc/os-release names no VERSION_CODENAME: this is no Debian")
}

/// Where this machine gets Debian from, a line for each source; nothing leaves it to mmdebstrap.
fn sources() -> anyhow::Result<String> {
    let form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
    output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        form,
        "Created-By: Packages",
        "Origin: Debian",
    ]))
}
