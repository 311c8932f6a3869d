//! What a Defender can see and do on this host: tried, printed, and let go again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use palisade_model::event::{ContainerIdentity, KindSet};
use palisade_sensor::ladder::Ladder;

use super::config::Config;
use super::run::AgentError;
use super::{eyes, now, sources};
use crate::containers::sockets::SocketStatus;
use crate::containers::{Discovery, Hierarchy, Host, Registry, first_look};
use crate::manners::capabilities::{self, Held};
use crate::policy::Enforce;

/// Why a check could not be made.
pub type CheckError = AgentError;

/// What was found.
pub struct Report {
    ladder: Ladder,
    enforce: Enforce,
    capabilities: Vec<(&'static capabilities::Needed, capabilities::Held)>,
    hierarchy: Hierarchy,
    sockets: Vec<SocketStatus>,
    containers: Vec<Arc<ContainerIdentity>>,
    seen: KindSet,
    rules: (usize, Vec<String>),
    policy: String,
}

/// The time that sockets have to answer.
const SOCKETS: Duration = Duration::from_millis(1_500);

/// Tries everything that a start would, and lets go of it again.
///
/// # Errors
///
/// As [`Agent::start`](super::Agent::start).
pub fn check(config: &Config) -> Result<Report, CheckError> {
    let policy = sources::policy(config.policy.as_deref())?;
    let root = &config.containers.host_root;
    let (detector, problems) =
        sources::detector(&config.rules, config.built_in_rules, &config.detect, root)?;
    let host = Arc::new(Host::open(&config.containers.host_root)?);
    let hierarchy = Hierarchy::find(&host, &config.containers)?;
    let capabilities = capabilities::held();
    let sight = eyes::open(config, &hierarchy, host.proc());
    let enforce = Enforce::from_ladder(&sight.ladder);
    let seen = sight.live(config.sensor.kinds);
    let mut registry = Registry::new(config.containers.clone(), hierarchy.number);
    for found in first_look(&host, &hierarchy, &config.containers) {
        registry.learn(found, now());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| AgentError::Io("threads cannot be started", error))?;
    let sockets = runtime.block_on(async {
        let (discovery, mut finder) =
            Discovery::start(config.containers.clone(), Arc::clone(&host), hierarchy.clone());
        let listen = async {
            while let Some(found) = finder.next().await {
                registry.learn(found, now());
            }
        };
        let _ = tokio::time::timeout(SOCKETS, listen).await;
        discovery.statuses()
    });
    let running = registry.running().map(|container| Arc::clone(&container.identity)).collect();
    let rules = detector.rules().rules().filter(|(_, rule)| rule.runs()).count();
    Ok(Report {
        ladder: sight.ladder,
        enforce,
        capabilities,
        hierarchy,
        sockets,
        containers: running,
        seen,
        rules: (rules, problems.iter().map(ToString::to_string).collect()),
        policy: policy.check(&enforce).to_string(),
    })
}

impl Report {
    /// What can be refused here.
    pub fn enforce(&self) -> Enforce {
        self.enforce
    }

    /// Whether events are seen as they happen.
    pub fn sees(&self) -> bool {
        self.ladder.has("process__exec")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "SENSOR (best rung: {})", self.ladder.best().number())?;
        write!(out, "{}", self.ladder)?;
        let names: Vec<&str> = self.seen.iter().map(|kind| kind.as_str()).collect();
        writeln!(out, "\nEVENTS\n{}", names.join(", "))?;
        writeln!(out, "\nPREVENTION\n{}", self.enforce)?;
        writeln!(out, "\nCAPABILITIES")?;
        for (needed, held) in &self.capabilities {
            let kept = match needed.when {
                capabilities::When::Always => "kept",
                capabilities::When::SetUp => "given up after the start",
            };
            let (name, reason) = (needed.name, needed.reason);
            match held {
                Held::Itself => writeln!(out, "{name:<16} there, {kept}: {reason}")?,
                Held::Within(wider) => writeln!(out, "{name:<16} in {wider}: {reason}")?,
                Held::Missing => writeln!(out, "{name:<16} MISSING: {}", needed.without)?,
            }
        }
        writeln!(out, "\nCONTAINERS")?;
        writeln!(
            out,
            "told apart by cgroup {} at {}",
            self.hierarchy.key,
            self.hierarchy.root.display()
        )?;
        for socket in &self.sockets {
            writeln!(out, "{socket}")?;
        }
        for container in &self.containers {
            writeln!(out, "{}  {}  {}", container.id.short(), container.shown(), container.image)?;
        }
        if self.containers.is_empty() {
            writeln!(out, "none runs now")?;
        }
        writeln!(out, "\nRULES\n{} run", self.rules.0)?;
        for problem in &self.rules.1 {
            writeln!(out, "{problem}")?;
        }
        write!(out, "\nPOLICY\n{}", self.policy)
    }
}
