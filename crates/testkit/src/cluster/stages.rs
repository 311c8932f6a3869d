//! Starting, killing and restarting.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use palisade_pipeline::aggregator::Aggregator;
use palisade_pipeline::artifacts::ArtifactCache;
use palisade_pipeline::engine_host::{EngineHost, tell_of};
use palisade_pipeline::extractor::Extractor;
use palisade_pipeline::janitor::{self, RetentionConfig};
use palisade_ports::{Engine, PortError};
use tokio::task::{JoinHandle, JoinSet};

use super::{Cluster, Stage, gateway, open};

/// Real time before a stage that failed starts again.
const PAUSE: Duration = Duration::from_millis(5);

impl Cluster {
    /// Kills a stage: its tasks are gone between two instructions, as with the death of a process.
    pub async fn kill(&mut self, stage: &Stage) {
        if let Some(task) = self.running.remove(stage) {
            task.abort();
            // Gone for sure: it has given up its place on the log.
            let _ = task.await;
        }
        self.faults.bury(&stage.to_string());
    }

    /// Starts a stage that is not running.
    pub fn wake(&mut self, stage: &Stage) {
        assert!(!self.running.contains_key(stage), "{stage} is running");
        if *stage == Stage::Gateway
            && let Some(open) = &mut self.open
        {
            // A new process, a new handle.
            open.gateway = gateway(&open.ports, &open.catalog, &self.faults, &self.config);
        }
        let task = self.spawn(stage);
        self.running.insert(stage.clone(), task);
    }

    /// Kills a stage and starts it again.
    pub async fn restart(&mut self, stage: &Stage) {
        self.kill(stage).await;
        self.wake(stage);
    }

    /// Kills everything, opens the data again and starts everything.
    pub async fn restart_all(&mut self) {
        self.kill_all().await;
        self.start_all().await;
    }

    /// Kills everything and opens the data again.
    pub async fn kill_all(&mut self) {
        for stage in self.stages() {
            self.kill(&stage).await;
        }
        self.faults.bury_all();
        // The old storage is let go of, not closed: what it had not written is lost. The new one
        // waits for the lock until the last thread of the old one has ended.
        self.open = None;
        let (clock, metrics, faults) = (&self.clock, &self.metrics, &self.faults);
        self.open = Some(open(&self.directory, clock, metrics, faults, &self.config).await);
    }

    /// Every stage of this cluster.
    pub fn stages(&self) -> Vec<Stage> {
        let engines =
            self.engines.iter().map(|engine| Stage::Engine(engine.name().as_str().to_owned()));
        [Stage::Gateway, Stage::Status, Stage::Extractor, Stage::Aggregator, Stage::Janitor]
            .into_iter()
            .chain(engines)
            .collect()
    }

    /// Starts every stage that does not sleep.
    pub async fn start_all(&mut self) {
        self.refresh().await;
        for stage in self.stages() {
            if !self.config.asleep.contains(&stage) {
                self.wake(&stage);
            }
        }
    }

    fn spawn(&self, stage: &Stage) -> JoinHandle<()> {
        let ports = self.faults.between(&stage.to_string(), &self.open().ports);
        let artifacts = Arc::new(ArtifactCache::new(Arc::clone(&ports.objects), self.config.cache));
        match stage {
            Stage::Gateway => {
                let gateway = self.open().gateway.clone();
                supervise(move || {
                    let gateway = gateway.clone();
                    async move { gateway.run("host").await }
                })
            }
            Stage::Status => {
                let catalog = self.open().catalog.clone();
                let engines: Vec<Arc<dyn Engine>> = self
                    .engines
                    .iter()
                    .chain([&self.prober])
                    .map(|engine| Arc::clone(engine) as Arc<dyn Engine>)
                    .collect();
                tokio::spawn(async move {
                    let mut tasks = JoinSet::new();
                    for engine in engines {
                        tasks.spawn(tell_of(engine, ports.clone(), "host".to_owned()));
                    }
                    tasks.spawn(catalog.run());
                    while tasks.join_next().await.is_some() {}
                })
            }
            Stage::Extractor => {
                let catalog = self.open().catalog.clone();
                let prober: Arc<dyn Engine> = Arc::clone(&self.prober) as _;
                let (workflow, config) =
                    (self.config.workflow.clone(), self.config.extractor.clone());
                supervise(move || {
                    Extractor::new(
                        ports.clone(),
                        catalog.clone(),
                        Arc::clone(&prober),
                        Arc::clone(&artifacts),
                        workflow.clone(),
                        config.clone(),
                    )
                    .run()
                })
            }
            Stage::Engine(name) => {
                let engine = self.engines.iter().find(|engine| engine.name().as_str() == name);
                let engine: Arc<dyn Engine> =
                    Arc::clone(engine.expect("an engine of this name")) as _;
                let config = self.config.host.clone();
                supervise(move || {
                    let (ports, engine) = (ports.clone(), Arc::clone(&engine));
                    EngineHost::new(ports, engine, Arc::clone(&artifacts), &config).run()
                })
            }
            Stage::Aggregator => supervise(move || Aggregator::new(ports.clone()).run()),
            Stage::Janitor => tokio::spawn(janitor::run(ports, RetentionConfig::default())),
        }
    }
}

/// Runs a stage for ever, as the application does.
fn supervise<F>(stage: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = Result<(), PortError>> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            // A failure is what some tests ask for; the next try is the answer to it.
            let _ = stage().await;
            tokio::time::sleep(PAUSE).await;
        }
    })
}
