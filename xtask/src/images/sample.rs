//! What is scanned.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

use crate::command::output;
use crate::up;

/// The archive's name.
pub(super) const NAME: &str = "delivery.zip";
/// What is in it.
const MEMBER: &str = "eicar.com";

/// A zip archive with the EICAR test file in it.
pub(super) fn infected(directory: &Path) -> anyhow::Result<PathBuf> {
    let archive = directory.join(NAME);
    std::fs::write(directory.join(MEMBER), up::eicar())?;
    output(
        Command::new("/usr/bin/python3")
            .args(["-m", "zipfile", "-c", NAME, MEMBER])
            .current_dir(directory),
    )?;
    std::fs::remove_file(directory.join(MEMBER))?;
    Ok(archive)
}

/// That a report on [`infected`] says where the test file is.
pub(super) fn is_found(report: &Value) -> anyhow::Result<()> {
    let result = &report["scan_results"]["scan_all_result_a"];
    ensure!(result == "Infected", "the archive's result is {result}: {report}");
    let mut nodes = report["tree"].as_array().into_iter().flatten();
    let path = format!("{NAME}/{MEMBER}");
    let found =
        nodes.any(|node| node["path"] == path.as_str() && node["scan_all_result_a"] == "Infected");
    ensure!(found, "{path} is not in the report's tree: {}", report["tree"]);
    Ok(())
}

/// Lets the users in containers read a directory.
pub(super) fn open_to_all(directory: &Path) -> anyhow::Result<()> {
    Ok(std::fs::set_permissions(directory, Permissions::from_mode(0o755))?)
}
