//! The files that are scanned: the system, and packages from the registries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use crate::command::{complain, run};
use crate::{packages, root, target};

/// Files that belong together.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) paths: Vec<PathBuf>,
    /// Where the files come from, for the summary.
    pub(super) about: String,
}

/// The committed list of packages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packages {
    /// Installed with what they need.
    python: Vec<String>,
    windows_wheels: Wheels,
    /// Installed with what they need; none of their scripts is run.
    node: Vec<String>,
}

/// Wheels for another system, downloaded and not installed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wheels {
    python_version: String,
    platform: String,
    packages: Vec<String>,
}

impl Set {
    pub(super) fn of_path(path: &Path) -> Self {
        let shown = path.display().to_string();
        Self { name: shown, paths: vec![path.to_owned()], about: "a given path".to_owned() }
    }
}

/// Everything: installs what is missing.
pub(super) fn all() -> anyhow::Result<Vec<Set>> {
    let list = root().join("xtask/survey/packages.toml");
    let text = std::fs::read_to_string(&list)
        .with_context(|| format!("{} cannot be read", list.display()))?;
    let list: Packages = toml::from_str(&text)?;
    let home = target().join("survey");
    let python = Once { directory: home.join("python"), content: list.python.join("\n") };
    let wheels =
        Once { directory: home.join("wheels"), content: format!("{:?}", list.windows_wheels) };
    let node = Once { directory: home.join("node"), content: list.node.join("\n") };
    python.install(|directory| install_python(directory, &list.python))?;
    wheels.install(|directory| {
        download_wheels(&python.directory.join("bin/python"), directory, &list.windows_wheels)
    })?;
    node.install(|directory| install_node(directory, &list.node))?;
    let of = |name: &str, path: PathBuf, about: String| Set {
        name: name.to_owned(),
        paths: vec![path],
        about,
    };
    Ok(vec![
        of("/usr", PathBuf::from("/usr"), "the system and what is installed beside it".to_owned()),
        of(
            "Python packages",
            python.directory,
            format!("{} packages and what they need, installed", list.python.len()),
        ),
        of(
            "Wheels for Windows",
            wheels.directory,
            format!("{} packages, as downloaded", list.windows_wheels.packages.len()),
        ),
        of(
            "Node packages",
            node.directory,
            format!("{} packages and what they need, installed", list.node.len()),
        ),
    ])
}

/// A directory that is filled once for each content of the list.
struct Once {
    directory: PathBuf,
    content: String,
}

impl Once {
    fn install(&self, fill: impl Fn(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mark = self.directory.with_extension("list");
        if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == self.content) {
            return Ok(());
        }
        let _ = std::fs::remove_file(&mark);
        let _ = std::fs::remove_dir_all(&self.directory);
        std::fs::create_dir_all(&self.directory)?;
        fill(&self.directory)?;
        Ok(std::fs::write(mark, &self.content)?)
    }
}

fn install_python(directory: &Path, list: &[String]) -> anyhow::Result<()> {
    packages::ensure(&["python3", "python3-venv"])?;
    // Debian's own Python: another one first in the path may lack what a venv needs.
    run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(directory))?;
    run(pip(&directory.join("bin/python")).args(["install", "--only-binary=:all:"]).args(list))
}

fn download_wheels(python: &Path, directory: &Path, list: &Wheels) -> anyhow::Result<()> {
    run(pip(python)
        .args(["download", "--no-deps", "--only-binary=:all:"])
        .args(["--platform", &list.platform, "--python-version", &list.python_version, "--dest"])
        .arg(directory)
        .args(&list.packages))
}

fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    pip
}

fn install_node(directory: &Path, list: &[String]) -> anyhow::Result<()> {
    if !crate::command::exists("npm") {
        packages::ensure(&["npm"])?;
    }
    complain("installing Node packages");
    std::fs::write(directory.join("package.json"), "{ \"private\": true }\n")?;
    run(Command::new("npm")
        .current_dir(directory)
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .args(list))
}
