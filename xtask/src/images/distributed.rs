//! The distributed form: `deploy/compose`, a container for each role and each engine, on real Kafka, S3 and
//! PostgreSQL.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, anyhow, ensure};
use palisade_services::{Postgres, S3, Servers, free_address};
use serde_json::{Value, json};

use super::container::{ended_in_order, state, tail, wait_until_healthy};
use super::http::Server;
use super::{IMAGE, quietly, sample};
use crate::command::output;
use crate::root;
use palisade_services::Daemon;

/// The compose file's services, with the names of their containers.
type Services = BTreeMap<String, String>;

pub(super) fn test(daemon: &Daemon, samples: &Path) -> anyhow::Result<()> {
    // It panics when one does not start.
    let servers = std::thread::spawn(Servers::start).join();
    let servers = servers.map_err(|_| anyhow!("a server of the distributed form did not start"))?;
    let home = tempfile::tempdir()?;
    sample::open_to_all(home.path())?;
    settings(home.path(), &servers)?;
    let file = root().join("deploy/compose/compose.yaml");
    let addresses = on_the_host(daemon, home.path(), &file)?;
    let compose = || {
        let mut compose = compose(daemon, home.path(), &file);
        compose.arg("--file").arg(home.path().join("host.json"));
        compose
    };
    let done = (|| {
        quietly(compose().args(["up", "--detach"]))?;
        let services = addresses.keys().map(|service| {
            let id = output(compose().args(["ps", "--quiet", service]))?;
            Ok((service.clone(), id.trim().to_owned()))
        });
        let services: Services = services.collect::<anyhow::Result<_>>()?;
        one_report(daemon, &services, &addresses, samples)?;
        quietly(compose().arg("stop"))?;
        for (service, id) in &services {
            ended_in_order(&state(daemon, id)?)
                .map_err(|error| anyhow!("{service}: {error:#}\n{}", tail(daemon, id)))?;
        }
        Ok(())
    })();
    let down = quietly(compose().args(["down", "--volumes"]));
    done.and(down)
}

/// One upload ends in one report, and every engine answers for it.
fn one_report(
    daemon: &Daemon,
    services: &Services,
    addresses: &BTreeMap<String, SocketAddr>,
    samples: &Path,
) -> anyhow::Result<()> {
    for id in services.values() {
        wait_until_healthy(daemon, id)?;
    }
    let gateway = services.get("gateway").context("the compose file has no gateway")?;
    let address = addresses.get("gateway").context("the compose file has no gateway")?;
    let key =
        output(daemon.docker().args(["exec", gateway, "cat", "/var/lib/palisade/admin-key"]))?;
    let server = Server::new(*address, key.trim());
    let done = (|| {
        server.wait_until_ready()?;
        let report = server.scan(sample::NAME, &sample::infected(samples)?)?;
        sample::is_found(&report)?;
        ensure!(report["partial"] == false, "the report is not whole: {report}");
        let answered = report["scan_results"]["scan_details"].as_object();
        for engine in services.keys().filter_map(|name| name.strip_prefix("engine-")) {
            let there = answered.is_some_and(|entries| entries.contains_key(engine));
            ensure!(there, "{engine} has no entry in the report: {report}");
        }
        Ok(())
    })();
    done.map_err(|error: anyhow::Error| anyhow!("{error:#}\n{}", tail(daemon, gateway)))
}

fn compose(daemon: &Daemon, home: &Path, file: &Path) -> Command {
    let mut compose = daemon.compose();
    compose
        .args(["--project-name", "palisade", "--project-directory"])
        .arg(home)
        .env("PALISADE_IMAGE", IMAGE)
        .arg("--file")
        .arg(file);
    compose
}

/// The files that the compose file mounts.
fn settings(home: &Path, servers: &Servers) -> anyhow::Result<()> {
    let secrets = home.join("secrets");
    fs::create_dir(&secrets)?;
    fs::write(secrets.join("s3"), S3::SECRET_KEY)?;
    fs::write(secrets.join("postgres"), Postgres::PASSWORD)?;
    let text = format!(
        "storage = \"distributed\"\n\
         [kafka]\nbootstrap = [\"{}\"]\n[kafka.topics.default]\npartitions = 2\n\
         [s3]\nbucket = \"{}\"\nendpoint = \"{}\"\nallow_http = true\naccess_key_id = \"{}\"\n\
         secret_key_file = \"/run/secrets/s3\"\nspool = \"/var/lib/palisade\"\n\
         [postgres]\nurl = \"{}\"\npassword_file = \"/run/secrets/postgres\"\n",
        servers.kafka.address(),
        S3::BUCKET,
        servers.s3.endpoint(),
        S3::ACCESS_KEY,
        servers.postgres.url("palisade").replace(&format!(":{}@", Postgres::PASSWORD), "@"),
    );
    Ok(fs::write(home.join("palisade.toml"), text)?)
}

/// Puts every service on the host's network, where the servers are, at an address of its own. The name is
/// part of how processes tell each other apart, and on the host's network all would have the host's.
fn on_the_host(
    daemon: &Daemon,
    home: &Path,
    file: &Path,
) -> anyhow::Result<BTreeMap<String, SocketAddr>> {
    let names = output(compose(daemon, home, file).args(["config", "--services"]))?;
    let mut addresses = BTreeMap::new();
    let mut services = serde_json::Map::<String, Value>::new();
    for name in names.lines() {
        let address = free_address();
        addresses.insert(name.to_owned(), address);
        let service = json!({
            "network_mode": "host",
            "hostname": name,
            "environment": { "PALISADE_LISTEN": address.to_string() },
        });
        services.insert(name.to_owned(), service);
    }
    let text = serde_json::to_string(&json!({ "services": services }))?;
    fs::write(home.join("host.json"), text)?;
    Ok(addresses)
}
