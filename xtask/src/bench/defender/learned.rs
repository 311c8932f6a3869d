//! Services whose normal behaviour is learned, under their ordinary load tools: every incident is a false one.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use palisade_services::{Container, ContainerNetwork, Image, Mount, Options};

use super::Bench;
use super::agent::{Defender, Settings};
use super::nginx::{address, wrk};
use crate::bench::table::{Table, Target, say};
use crate::command::output;

/// Seconds of one turn of the three tools.
const TURN: u32 = 10;

/// How long a service may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Learning goes on until it is ended by hand.
const TABLES: &str = "\
[models.learning]
learning_ms = 86400000
";

/// Everybody on the bridge may come in: it leads nowhere.
const TRUST: &str = "local all all trust\nhost all all all trust\n";

/// The three, with their addresses.
struct Services<'a> {
    nginx: Container<'a>,
    redis: Container<'a>,
    postgres: Container<'a>,
}

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let settings = Settings { tables: TABLES, ..Settings::default() };
    let defender = Defender::start(bench, &settings)?;
    let services = Services::start(bench)?;
    services.prepare()?;
    let length = Duration::from_secs(u64::from(bench.arguments.minutes) * 60);
    say(&format!("learning for {} min under the same load", bench.arguments.minutes));
    services.load(length)?;
    let learning = defender.incidents(0);
    for container in [&services.nginx, &services.redis, &services.postgres] {
        finish(bench, &defender, container)?;
    }
    let from = defender.told().len();
    let turns = services.load(length)?;
    // What comes late belongs to it.
    std::thread::sleep(Duration::from_secs(5));
    let incidents = defender.incidents(from);
    let phases = defender.metrics()?.sum("models", &["phase=\"active\""]);
    let listed = if incidents.is_empty() { "none".to_owned() } else { incidents.join("; ") };
    let note = format!(
        "{} min of wrk, redis-benchmark and pgbench ({turns} turns), {phases} active models; told: {listed}; \
         while it learned {}{}",
        bench.arguments.minutes,
        learning.len(),
        if learning.is_empty() { String::new() } else { format!(": {}", learning.join("; ")) }
    );
    let none = Some(Target::AtMost(0.0));
    table.add("learned services: false incidents", incidents.len() as f64, "", none, note);
    Ok(())
}

/// Ends learning of a container's image; from then on what departs is told.
fn finish(bench: &Bench, defender: &Defender, container: &Container<'_>) -> anyhow::Result<()> {
    let image = container.inspect("{{.Image}}")?;
    let digest =
        image.trim_start_matches("sha256:").get(..12).context("an image's digest")?.to_owned();
    let models = |words: &[&str]| {
        let mut command = Command::new(&bench.binary);
        command.arg("models").arg("--state").arg(defender.state()).args(words);
        output(&mut command)
    };
    models(&["relearn", &digest]).and_then(|_| models(&["finish", &digest]))?;
    let listed = models(&["list"])?;
    let active = listed.lines().any(|line| line.starts_with(&digest) && line.contains("active"));
    ensure!(active, "the model of {digest} is not active:\n{listed}");
    Ok(())
}

impl<'a> Services<'a> {
    fn start(bench: &'a Bench) -> anyhow::Result<Self> {
        let on_bridge = |image| Options { network: ContainerNetwork::Bridge, ..Options::of(image) };
        let with = |image: Image, more: &[&str]| {
            let words: Vec<&str> = image.command().iter().chain(more).copied().collect();
            on_bridge(image).run(&words)
        };
        let redis = with(Image::Redis, &["--bind", "0.0.0.0", "--protected-mode", "no"]);
        let folder = bench.directory.join("postgres");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("pg_hba.conf"), TRUST)?;
        let mut postgres = with(
            Image::Postgres,
            &["-c", "listen_addresses=*", "-c", "hba_file=/settings/pg_hba.conf"],
        );
        postgres.user = Image::Postgres.user().map(str::to_owned);
        let folder = folder.display().to_string();
        postgres.mounts.push(Mount::Bind(folder, "/settings".to_owned()));
        let docker = &bench.docker;
        Ok(Self {
            nginx: docker.run(&on_bridge(Image::Nginx))?,
            redis: docker.run(&redis)?,
            postgres: docker.run(&postgres)?,
        })
    }

    /// Waits until all answer, and fills the database.
    fn prepare(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut fill = self.pgbench(&["--initialize", "--quiet"])?;
        while let Err(error) = output(&mut fill) {
            if started.elapsed() > PATIENCE {
                let logs = self.postgres.logs()?;
                return Err(error.context(format!("PostgreSQL does not answer:\n{logs}")));
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    fn pgbench(&self, words: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new("pgbench");
        let address = address(&self.postgres)?;
        command.args(["--host", &address, "--username", "postgres"]).args(words).arg("postgres");
        Ok(command)
    }

    /// The three tools in turn, again and again; gives the number of turns.
    fn load(&self, length: Duration) -> anyhow::Result<u32> {
        let started = Instant::now();
        let mut turns = 0;
        let redis = address(&self.redis)?;
        let nginx = address(&self.nginx)?;
        while started.elapsed() < length {
            let left = length.saturating_sub(started.elapsed()).as_secs();
            let seconds = u32::try_from(left).unwrap_or(TURN).clamp(1, TURN);
            let rate = wrk(&nginx, seconds)?;
            ensure!(rate > 0.0, "nginx answers nothing");
            let mut benchmark = Command::new("redis-benchmark");
            output(benchmark.args(["-h", &redis, "-n", "10000", "-q"]))?;
            output(&mut self.pgbench(&["--time", &seconds.to_string(), "--client", "4"])?)?;
            turns += 1;
        }
        Ok(turns)
    }
}
