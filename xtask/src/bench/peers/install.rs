//! Peers are installed when they are not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::super::table::say;

/// A program of a Debian package.
pub(super) fn from_debian(program: &str, package: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    say(&format!("{program} is not here: installing Debian's {package}"));
    let install = |arguments: &[&str]| -> anyhow::Result<bool> {
        let status = Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(arguments)
            .status()
            .context("apt-get does not start; the peers are Debian's packages")?;
        Ok(status.success())
    };
    let wanted = ["install", "-y", "-qq", "--no-install-recommends", package];
    // Lists may be missing or old.
    if !install(&wanted)? {
        install(&["update", "-qq"])?;
        ensure!(
            install(&wanted)?,
            "{package} cannot be installed; as root, run `apt-get install {package}`"
        );
    }
    find(program).with_context(|| format!("{package} is installed and has no {program}"))
}

/// A program of a crate, built once below `target/bench-tools`.
pub(super) fn from_crates(
    program: &str,
    package: &str,
    version: Option<&str>,
    workspace: &Path,
) -> anyhow::Result<PathBuf> {
    let root = workspace.join("target/bench-tools");
    let path = root.join("bin").join(program);
    if path.is_file() {
        return Ok(path);
    }
    say(&format!("{program} is not here: building {package}, once; this takes minutes"));
    let mut command = Command::new("nice");
    command.args(["cargo", "install", "--locked", "--root"]).arg(&root).arg(package);
    if let Some(version) = version {
        command.args(["--version", version]);
    }
    let status = command.status().context("cargo does not start")?;
    ensure!(status.success(), "{package} cannot be built");
    Ok(path)
}

/// The version of a crate that this workspace is locked to.
pub(super) fn locked_version(workspace: &Path, package: &str) -> Option<String> {
    let lock = fs::read_to_string(workspace.join("Cargo.lock")).ok()?;
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    Some(lines.nth(1)?.strip_prefix("version = \"")?.trim_end_matches('"').to_owned())
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not every user's PATH has it, and daemons live there.
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_versions() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let version = locked_version(workspace, "anyhow").unwrap();
        assert!(version.starts_with("1."), "{version}");
        assert_eq!(locked_version(workspace, "no-such-crate"), None);
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program").is_none());
    }
}
