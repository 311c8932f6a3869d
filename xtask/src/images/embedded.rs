//! The embedded form: everything in one container.

use std::path::Path;

use anyhow::{Context, ensure};
use palisade_services::free_address;
use serde_json::Value;

use super::container::Container;
use super::http::Server;
use super::{HARDENED, IMAGE, sample};
use palisade_services::Daemon;

pub(super) fn test(daemon: &Daemon, samples: &Path) -> anyhow::Result<()> {
    let address = free_address();
    let listen = format!("PALISADE_LISTEN={address}");
    let mut arguments = HARDENED.to_vec();
    arguments.extend(["--memory", "2g", "--pids-limit", "1024", "--env", &listen, IMAGE]);
    let container = Container::run(daemon, "embedded", arguments)?;
    container.explain((|| {
        container.wait_until_healthy()?;
        let server = container.server(address)?;
        privileges(&container)?;
        jail(&server.wait_until_ready()?)?;
        let report = server.scan(sample::NAME, &sample::infected(samples)?)?;
        sample::is_found(&report)?;
        container.stop()?;
        // What it had is in the volume.
        container.start()?;
        container.wait_until_healthy()?;
        let id = report["data_id"].as_str().context("a report without an id")?;
        sample::is_found(&server.get(&format!("/file/{id}"))?)?;
        container.stop()
    })())
}

/// That the process is nobody in particular and can become nobody else.
fn privileges(container: &Container<'_>) -> anyhow::Result<()> {
    let status = container.read("/proc/1/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.split_whitespace().next().unwrap_or_default().to_owned())
    };
    for (name, value) in [
        ("Uid", "10001"),
        ("Gid", "10001"),
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("NoNewPrivs", "1"),
        // The engine's default profile filters.
        ("Seccomp", "2"),
    ] {
        let found = field(name);
        ensure!(found.as_deref() == Some(value), "{name} is {found:?}, not {value}");
    }
    Ok(())
}

/// That the jail stands under the engine's default profile, but for namespaces, which that forbids: then
/// the server says so.
fn jail(checks: &[Value]) -> anyhow::Result<()> {
    let check = |layer: &str| {
        let name = format!("jail.{layer}");
        let check = checks.iter().find(|check| check["name"] == name.as_str());
        check.with_context(|| format!("readiness does not tell of {name}"))
    };
    for layer in ["seccomp", "landlock", "unprivileged", "limits"] {
        let check = check(layer)?;
        ensure!(check["ok"] == true, "a wall of the jail does not stand: {check}");
    }
    let network = check("network")?;
    let said = network["detail"].as_str().is_some_and(|detail| detail.contains("namespaces"));
    ensure!(network["ok"] == true || said, "what is wrong is not said: {network}");
    Ok(())
}

/// Settings of a server in a container, besides those of the image.
pub(super) struct Settings<'a> {
    /// A file.
    pub(super) file: &'a Path,
    /// Other mounts, as `--volume` has them.
    pub(super) mounts: &'a [String],
}

/// A server with these settings that is healthy.
pub(super) fn with_settings<'a>(
    daemon: &'a Daemon,
    name: &str,
    settings: &Settings<'_>,
) -> anyhow::Result<(Container<'a>, Server)> {
    let address = free_address();
    let mut arguments: Vec<String> = HARDENED.iter().map(|&flag| flag.to_owned()).collect();
    let file = format!("{}:/etc/palisade.toml:ro", settings.file.display());
    for mount in std::iter::once(&file).chain(settings.mounts) {
        arguments.extend(["--volume".to_owned(), mount.clone()]);
    }
    for variable in
        [format!("PALISADE_LISTEN={address}"), "PALISADE_CONFIG=/etc/palisade.toml".into()]
    {
        arguments.extend(["--env".to_owned(), variable]);
    }
    arguments.push(IMAGE.to_owned());
    let container = Container::run(daemon, name, arguments)?;
    container.wait_until_healthy()?;
    let server = container.server(address)?;
    Ok((container, server))
}
