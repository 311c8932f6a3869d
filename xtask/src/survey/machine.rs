//! What the machine is, in words that say nothing of whose it is.

use std::path::Path;
use std::process::Command;

use crate::command::output;
use crate::root;

pub(super) struct Machine {
    pub(super) date: String,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub(super) system: String,
    /// Packages of the system that are installed.
    pub(super) packages: usize,
    pub(super) program: String,
    pub(super) revision: String,
}

impl Machine {
    pub(super) fn look(program: &Path) -> anyhow::Result<Self> {
        let date = output(Command::new("date").args(["--utc", "+%Y-%m-%d"]))?;
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let packages = output(Command::new("dpkg-query").args(["--show"])).unwrap_or_default();
        let git =
            |arguments: &[&str]| output(Command::new("git").current_dir(root()).args(arguments));
        Ok(Self {
            date: date.trim().to_owned(),
            system: name.unwrap_or("Linux").trim_matches('"').to_owned(),
            packages: packages.lines().count(),
            program: output(Command::new(program).arg("--version"))?.trim().to_owned(),
            revision: git(&["rev-parse", "--short=12", "HEAD"])
                .unwrap_or_default()
                .trim()
                .to_owned(),
        })
    }
}
