//! Suite `images`: the container images, built and run as an operator does it, by a Docker engine of the
//! suite's own. What it makes is gone at the end; the base image is kept.
//!
//! All containers use the host's network, or none. So the engine needs neither a bridge nor rules of a packet
//! filter, and the servers of the distributed form are reached on the loopback.

mod base;
mod command_line;
mod container;
mod defender;
mod distributed;
mod embedded;
mod http;
mod sample;
mod scanner;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use palisade_services::{Bridge, Daemon};

use crate::command::{output, say};
use crate::{packages, root, services, target, up};

/// The image under test.
const IMAGE: &str = "palisade:test";

/// What makes it untrusted with anything that it does not need, as the README of the images says.
const HARDENED: &[&str] =
    &["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

pub(crate) fn images() -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("a Docker engine is started for this suite, which only root may do: run it as root");
    }
    packages::ensure(&["binutils", "docker-compose", "docker.io", "mmdebstrap", "util-linux"])?;
    services::install()?;
    let program = up::build()?;
    let home = target().join("images");
    std::fs::create_dir_all(&home)?;
    let base = base::tarball()?;
    let samples = tempfile::tempdir()?;
    sample::open_to_all(samples.path())?;

    let daemon = Daemon::start(&home, Bridge::None)?;
    say(&format!("a Docker engine runs (storage driver {})", daemon.driver()));
    step("build", || build(&daemon, &base, &program))?;
    step("command line", || command_line::test(&daemon, &program, samples.path()))?;
    step("defender", || defender::test(&daemon, &program))?;
    step("embedded", || embedded::test(&daemon, samples.path()))?;
    step("scanner", || scanner::test(&daemon, samples.path()))?;
    step("distributed", || distributed::test(&daemon, samples.path()))
}

fn step(name: &str, test: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let started = Instant::now();
    test().with_context(|| format!("images, {name}"))?;
    say(&format!("{name}: as it should be ({:.1} s)", started.elapsed().as_secs_f64()));
    Ok(())
}

/// The program without its debugging information.
fn strip(program: &Path, to: &Path) -> anyhow::Result<()> {
    output(Command::new("strip").args(["--strip-debug", "-o"]).arg(to).arg(program)).map(drop)
}

/// A compose client's progress is for terminals: it is shown when it fails.
fn quietly(compose: &mut Command) -> anyhow::Result<()> {
    let answer = compose.output().context("docker-compose cannot be run")?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(answer.status.success(), "docker-compose failed: {}\n{said}", answer.status);
    Ok(())
}

/// The image, by its recipe, from a base of our own around the binary without its debugging information.
fn build(daemon: &Daemon, base: &Path, program: &Path) -> anyhow::Result<()> {
    output(daemon.docker().arg("import").arg(base).arg(base::IMAGE))?;
    let context = tempfile::tempdir()?;
    strip(program, &context.path().join("palisade"))?;
    let recipe = root().join("deploy/images/Dockerfile");
    let version = format!("VERSION={}", env!("CARGO_PKG_VERSION"));
    daemon.build(&recipe, context.path(), IMAGE, &[&base::argument(base::IMAGE), &version])?;
    let size = output(daemon.docker().args(["image", "inspect", "-f", "{{.Size}}", IMAGE]))?;
    let size: u64 = size.trim().parse()?;
    say(&format!("the image has {} MB", size / 1_000_000));
    Ok(())
}
