//! The example scanner in a container of its own, and a server that it joins by five lines of settings.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use palisade_services::free_address;

use super::container::Container;
use super::embedded::{Settings, with_settings};
use super::{HARDENED, base};
use crate::root;
use palisade_services::Daemon;

const IMAGE: &str = "example-scanner:test";
/// Debian with Python, in the place of the usual base with Python.
const BASE: &str = "python-base:test";
const TOKEN: &str = "a-token-of-the-tests";

pub(super) fn test(daemon: &Daemon, samples: &Path) -> anyhow::Result<()> {
    build(daemon)?;
    let address = free_address();
    let (token, port) = (format!("SCANNER_TOKEN={TOKEN}"), address.port().to_string());
    let mut arguments = HARDENED.to_vec();
    arguments.extend(["--env", &token, IMAGE, "--listen", "127.0.0.1", "--port", &port]);
    let scanner = Container::run(daemon, "scanner", arguments)?;

    let home = tempfile::tempdir()?;
    let (settings, secret) = (home.path().join("palisade.toml"), home.path().join("token"));
    fs::write(&secret, TOKEN)?;
    let text = format!(
        "[scanners.example]\nkind = \"http\"\nurl = \"http://{address}\"\n\
         token_file = \"/run/secrets/scanner\"\nconcurrency = 4\n"
    );
    ensure!(text.lines().count() == 5, "docs/http-scanner.md says five lines");
    fs::write(&settings, text)?;
    let secret = format!("{}:/run/secrets/scanner:ro", secret.display());
    let settings = Settings { file: &settings, mounts: &[secret] };
    let (server, http) = scanner.explain(with_settings(daemon, "joined", &settings))?;
    let done = (|| {
        http.wait_until_ready()?;
        let threat = samples.join("threat.txt");
        fs::write(&threat, "before PALISADE-EXAMPLE-THREAT after")?;
        let report = http.scan("threat.txt", &threat)?;
        let entry = &report["scan_results"]["scan_details"]["example"];
        let found = entry["scan_result_i"] == 1 && entry["threat_found"] == "Example.Threat";
        ensure!(found, "the scanner's entry is {entry}");
        let result = &report["scan_results"]["scan_all_result_a"];
        ensure!(result == "Infected" && report["partial"] == false, "the report is {report}");
        server.stop()
    })();
    scanner.explain(server.explain(done))
}

fn build(daemon: &Daemon) -> anyhow::Result<()> {
    let context = tempfile::tempdir()?;
    let recipe = context.path().join("Dockerfile");
    let text = format!(
        "FROM {}\nRUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes \
         --no-install-recommends python3\n",
        base::IMAGE
    );
    fs::write(&recipe, text)?;
    daemon.build(&recipe, context.path(), BASE, &[])?;
    let example = root().join("deploy/examples/http-scanner");
    Ok(daemon.build(&example.join("Dockerfile"), &example, IMAGE, &[&base::argument(BASE)])?)
}
