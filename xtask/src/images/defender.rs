//! The Defender's image, by its recipe, run by its compose file. What it sees and does in its container
//! is shown by `crates/app/tests/it/defend`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use palisade_services::Daemon;

use super::container::{ended_in_order, state, tail};
use super::{base, quietly, strip};
use crate::command::output;
use crate::root;

/// The image under test.
const IMAGE: &str = "palisade-defender:test";

/// What Debian's docker-compose (1.29) does not know: it is newer. On hosts with cgroup v1 the first two
/// are what containers have, or of names only.
const NEWER: [&str; 2] = ["cgroup: host", "uts: host"];

/// What it writes when it sees all that it will see.
const READY: &str = "watching ";

/// How long that may take.
const START: Duration = Duration::from_secs(60);

pub(super) fn test(daemon: &Daemon, program: &Path) -> anyhow::Result<()> {
    let context = tempfile::tempdir()?;
    strip(program, &context.path().join("palisade"))?;
    let settings = root().join("deploy/defender/defend.toml");
    fs::copy(settings, context.path().join("defend.toml"))?;
    let recipe = root().join("deploy/images/defender.Dockerfile");
    daemon.build(&recipe, context.path(), IMAGE, &[&base::argument(base::IMAGE)])?;

    let home = tempfile::tempdir()?;
    let file = home.path().join("compose.yaml");
    fs::write(&file, here(daemon)?)?;
    let compose = || {
        let mut compose = daemon.compose();
        compose.args(["--project-name", "defender", "--file"]).arg(&file);
        compose.env("PALISADE_DEFENDER_IMAGE", IMAGE);
        compose
    };
    let done = runs(daemon, &compose);
    done.and(quietly(compose().args(["down", "--volumes"])))
}

fn runs(daemon: &Daemon, compose: &dyn Fn() -> Command) -> anyhow::Result<()> {
    let said = output(compose().args(["run", "--rm", "-T", "defender", "--check"]))?;
    let missing = said.lines().find(|line| line.contains(" MISSING: "));
    ensure!(missing.is_none(), "a capability is missing: {said}");
    ensure!(said.contains("/run/docker.sock (docker): answers"), "no runtime: {said}");

    quietly(compose().args(["up", "--detach"]))?;
    let id = output(compose().args(["ps", "--quiet", "defender"]))?;
    let id = id.trim();
    let started = Instant::now();
    while !tail(daemon, id).contains(READY) {
        if started.elapsed() > START || state(daemon, id)?["Running"] != true {
            bail!("it does not watch: {}", tail(daemon, id));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let models = output(compose().args(["exec", "-T", "defender", "palisade", "models", "list"]))?;
    ensure!(models.contains("DIGEST"), "no models: {models}");
    quietly(compose().arg("stop"))?;
    ended_in_order(&state(daemon, id)?)
}

/// The compose file for this engine and Debian's client: without what they do not know, with the engine's
/// own places. Everything else as it is.
fn here(daemon: &Daemon) -> anyhow::Result<String> {
    let written = fs::read_to_string(root().join("deploy/defender/compose.yaml"))?;
    for line in NEWER {
        ensure!(written.lines().any(|own| own.trim() == line), "no `{line}` in the compose file");
    }
    let data: PathBuf =
        output(daemon.docker().args(["info", "--format", "{{.DockerRootDir}}"]))?.trim().into();
    let mut text = String::new();
    for line in written.lines() {
        let name = line.trim().trim_start_matches("- ");
        // A limit that root of some hosts may not raise, and that kernels of today do not have.
        let left_out = NEWER.contains(&name)
            || ["ulimits:", "memlock: -1"].contains(&name)
            || (["BPF", "PERFMON"].contains(&name) && !knows(daemon, name)?);
        if !left_out {
            let place = |path: &Path| format!("- {}", path.display());
            let line = line
                .replace("- /run/docker.sock", &place(&daemon.socket()))
                .replace("- /run/containerd", &place(&daemon.runtime()))
                .replace("- /var/lib/docker", &place(&data));
            text.extend([line.as_str(), "\n"]);
        }
    }
    Ok(text)
}

/// Whether the engine can be asked for this capability.
fn knows(daemon: &Daemon, capability: &str) -> anyhow::Result<bool> {
    let mut create = daemon.docker();
    create.args(["create", "--cap-add", capability, IMAGE]);
    let made = create.output().context("the client cannot be run")?;
    if made.status.success() {
        let id = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        output(daemon.docker().args(["rm", "--volumes", &id]))?;
    }
    Ok(made.status.success())
}
