//! What an operator asks a server over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// How long engines may take to be heard of.
const READY: Duration = Duration::from_secs(60);

/// A server in a container.
pub(super) struct Server {
    address: SocketAddr,
    key: String,
}

impl Server {
    /// The one that answers there.
    pub(super) fn new(address: SocketAddr, key: &str) -> Self {
        Self { address, key: key.to_owned() }
    }

    fn ask(&self, path: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "100", "-H"])
            .arg(format!("apikey: {}", self.key))
            .arg(format!("http://{}{path}", self.address));
        curl
    }

    /// The answer, whatever its status.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer(&mut self.ask(path))
    }

    /// The report on a file.
    pub(super) fn scan(&self, name: &str, file: &Path) -> anyhow::Result<Value> {
        let mut upload = self.ask("/file/sync");
        upload.arg("-H").arg(format!("filename: {name}")).arg("--data-binary");
        answer(upload.arg(format!("@{}", file.display())))
    }

    /// The checks of readiness, when all that must be right are.
    pub(super) fn wait_until_ready(&self) -> anyhow::Result<Vec<Value>> {
        let started = Instant::now();
        loop {
            let answer = self.get("/readyz")?;
            if answer["ready"] == true {
                return Ok(answer["checks"].as_array().cloned().unwrap_or_default());
            }
            if started.elapsed() > READY {
                bail!("the server is not ready: {answer}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn answer(curl: &mut Command) -> anyhow::Result<Value> {
    let output = curl.stderr(Stdio::inherit()).output().context("curl cannot be run")?;
    ensure!(output.status.success(), "the server does not answer ({})", output.status);
    let body = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&body).with_context(|| format!("no JSON: {body}"))
}
