//! Debian packages that a task needs.

use std::process::Command;

use anyhow::bail;

use crate::command::{exists, output, run, say};

/// Makes sure that these packages are installed.
///
/// # Errors
/// When some are missing and cannot be installed: the message has the line to run.
pub(crate) fn ensure(packages: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install --yes --no-install-recommends {}", missing.join(" "));
    let root = rustix::process::geteuid().is_root();
    if !exists("apt-get") || (!root && !exists("sudo")) {
        bail!("these packages are needed: {}; run `{line}` as root", missing.join(", "));
    }
    say(&format!("installing {}", missing.join(", ")));
    // An index may be old, or not there on a fresh machine.
    apt(root, &["update", "--quiet"])?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(root, &arguments)
}

fn apt(root: bool, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = if root {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        sudo
    };
    run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    query.stderr(std::process::Stdio::null());
    query.output().is_ok_and(|answer| answer.stdout == b"installed")
}

/// A Python environment with these requirements, made once for each content of the file.
pub(crate) fn python(requirements: &std::path::Path) -> anyhow::Result<std::path::PathBuf> {
    ensure(&["python3", "python3-venv"])?;
    let text = std::fs::read_to_string(requirements)?;
    let environment = crate::target().join("test-python");
    let python = environment.join("bin").join("python");
    let mark = environment.join("requirements.txt");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == text) {
        return Ok(python);
    }
    let _ = std::fs::remove_dir_all(&environment);
    // Debian's own Python: another one first in the path may lack what a venv needs.
    run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&environment))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(requirements))?;
    std::fs::write(&mark, text)?;
    let version = output(Command::new(&python).arg("--version"))?;
    say(&format!("test environment: {}", version.trim()));
    Ok(python)
}
