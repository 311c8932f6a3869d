//! The image in the place of the program: `docker run --rm palisade …`.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::{HARDENED, IMAGE, sample};
use crate::command::output;
use palisade_services::Daemon;

pub(super) fn test(daemon: &Daemon, program: &Path, samples: &Path) -> anyhow::Result<()> {
    let version = output(daemon.docker().args(["run", "--rm", IMAGE, "--version"]))?;
    let ours = output(Command::new(program).arg("--version"))?;
    ensure!(version == ours, "the image has {version}, the program is {ours}");
    let form = r#"{{index .Config.Labels "org.opencontainers.image.version"}} {{.Config.User}}"#;
    let label = output(daemon.docker().args(["image", "inspect", "--format", form, IMAGE]))?;
    let expected = format!("{} 10001:10001", env!("CARGO_PKG_VERSION"));
    ensure!(label.trim() == expected, "version and user are {label}, not {expected}");
    let help = output(daemon.docker().args(["run", "--rm", IMAGE, "--help"]))?;
    ensure!(help.contains("Usage: palisade"), "no help: {help}");
    scan(daemon, samples)
}

/// A scan without a server, without a network, on nothing but read-only files.
fn scan(daemon: &Daemon, samples: &Path) -> anyhow::Result<()> {
    sample::infected(samples)?;
    let mut scan = daemon.docker();
    scan.args(["run", "--rm", "--network", "none"]).args(HARDENED).arg("--volume");
    scan.arg(format!("{}:/files:ro", samples.display())).args([IMAGE, "scan", "/files"]);
    let answer = scan.output()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let complaints = String::from_utf8_lossy(&answer.stderr);
    ensure!(
        answer.status.code() == Some(1),
        "the scan ended with {}: {text}{complaints}",
        answer.status
    );
    let path = format!("/files/{} → eicar.com", sample::NAME);
    ensure!(text.contains(&path), "the scan did not name {path}: {text}{complaints}");
    Ok(())
}
