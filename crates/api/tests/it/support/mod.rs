pub(crate) mod client;
mod held;
pub(crate) mod ports;
pub(crate) mod reports;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use palisade_api::{
    Api, ApiConfig, Check, DeadLetterRetry, Readiness, RetryError, Signer, hash_secret,
};
use palisade_model::{
    DeadLetter, KeyId, Report, ReportNotice, Request, RequestId, UnixMillis, wire,
};
use palisade_pipeline::Ports;
use palisade_pipeline::artifacts::{ArtifactCache, CacheConfig};
use palisade_pipeline::catalog::Catalog;
use palisade_pipeline::gateway::{Gateway, GatewayConfig, Workflows};
use palisade_ports::log::{Append, Durability, Topic};
use palisade_ports::records::{ApiKey, EngineState, EngineStatus, Role};
use palisade_ports::{Log, Records};
use palisade_telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use client::{Client, Request as Call};
use ports::{MemoryLog, MemoryObjects, MemoryRecords, SystemClock};

pub(crate) const USER: &str = "user-secret-0123456789abcdef0123456789abcdef";
pub(crate) const ADMIN: &str = "admin-secret-0123456789abcdef0123456789abcde";

/// The key that signs certificates here.
pub(crate) const SEED: [u8; 32] = [7; 32];

pub(crate) struct Setup {
    pub(crate) workflows: Workflows,
    pub(crate) callbacks: bool,
    pub(crate) api: ApiConfig,
    pub(crate) gateway: GatewayConfig,
    pub(crate) checks: Vec<Check>,
}

impl Default for Setup {
    fn default() -> Self {
        let gateway = GatewayConfig { measure_ms: 5, ..GatewayConfig::default() };
        let checks = vec![Check {
            name: "records".to_owned(),
            ok: true,
            required: true,
            detail: String::new(),
        }];
        let (workflows, callbacks) = (Workflows::default(), true);
        Self { workflows, callbacks, api: ApiConfig::default(), gateway, checks }
    }
}

pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) records: Arc<MemoryRecords>,
    pub(crate) objects: Arc<MemoryObjects>,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) metrics: Metrics,
    /// What callbacks say.
    pub(crate) bodies: Api,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<()>,
    gateway: tokio::task::JoinHandle<()>,
}

struct Checks(Vec<Check>);

#[async_trait]
impl Readiness for Checks {
    async fn checks(&self) -> Vec<Check> {
        self.0.clone()
    }
}

struct Retry(Arc<MemoryRecords>);

#[async_trait]
impl DeadLetterRetry for Retry {
    async fn retry(&self, letter: DeadLetter) -> Result<(), RetryError> {
        if self.0.remove_dead_letter(&letter.id).await? { Ok(()) } else { Err(RetryError::Unknown) }
    }
}

pub(crate) fn engine(name: &str, state: EngineState, detail: &str) -> EngineStatus {
    EngineStatus {
        engine: name.parse().unwrap(),
        host: "h".to_owned(),
        state,
        detail: detail.to_owned(),
        definitions: reports::definitions(),
        workers: 1,
        seen: ports::now(),
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let records = Arc::new(MemoryRecords::default());
        let objects = Arc::new(MemoryObjects::default());
        let log = Arc::new(MemoryLog::default());
        let metrics = Metrics::new();
        let ports = Ports {
            log: log.clone(),
            objects: objects.clone(),
            records: records.clone(),
            clock: Arc::new(SystemClock),
            metrics: metrics.clone(),
        };
        for (secret, role, id) in [(USER, Role::User, [1; 6]), (ADMIN, Role::Admin, [2; 6])] {
            let key = ApiKey {
                id: KeyId::new(id),
                name: format!("{role:?}"),
                role,
                requests_per_minute: None,
                scans_per_day: None,
                workflow: None,
                created: UnixMillis(0),
                revoked: None,
            };
            records.put_key(key, hash_secret(secret.as_bytes())).await.unwrap();
        }
        for name in ["filetype", "reputation", "unpack", "yara"] {
            records.put_engine(engine(name, EngineState::Up, "")).await.unwrap();
        }
        let catalog = Catalog::new(ports.clone());
        catalog.refresh().await.unwrap();
        tokio::spawn(catalog.clone().run());
        let artifacts = ArtifactCache::new(objects.clone(), CacheConfig::default());
        let gateway = Gateway::new(ports, catalog, Arc::new(artifacts), setup.gateway)
            .with_workflows(setup.workflows);
        let running = gateway.clone();
        let running = tokio::spawn(async move { running.run("test").await.unwrap() });
        let retry = Arc::new(Retry(records.clone()));
        let api = Api::new(gateway, setup.api, Arc::new(Checks(setup.checks)), Some(retry))
            .with_signer(Signer::new(SEED).unwrap());
        let api = if setup.callbacks { api.with_callbacks() } else { api };
        let bodies = api.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(palisade_api::serve(listener, api, async move {
            let _ = stopped.await;
        }));
        // The gateway hears of reports made from now on.
        log.subscribed().await;
        let stop = Some(stop);
        Self { address, records, objects, log, metrics, bodies, stop, served, gateway: running }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One call on a connection of its own.
    pub(crate) async fn call(&self, call: Call) -> client::Response {
        self.connect().await.call(&call).await
    }

    /// Uploads and gives the id.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> RequestId {
        let call = Call::post("/file").header("filename", name).body(bytes);
        let response = self.call(call).await;
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["data_id"].as_str().unwrap().parse().unwrap()
    }

    /// The request as it stands on the log.
    pub(crate) fn request(&self, id: RequestId) -> Request {
        let payloads = self.log.payloads();
        let requests = payloads.iter().filter_map(|p| wire::decode::<Request>(p).ok());
        requests.into_iter().find(|request| request.node.root == id).unwrap()
    }

    /// Does what the aggregator does.
    pub(crate) async fn finish(&self, id: RequestId, make: impl FnOnce(Request) -> Report) {
        let report = make(self.request(id));
        let notice = ReportNotice {
            request: id,
            verdict: report.verdict,
            partial: report.partial,
            finished: report.finished,
        };
        assert!(self.records.finish(report, None).await.unwrap());
        let append = Append {
            topic: Topic::Reports,
            key: id.as_bytes().to_vec().into(),
            payload: wire::encode(&notice).into(),
        };
        self.log.append(vec![append], Durability::Process).await.unwrap();
    }

    pub(crate) fn set_backlog(&self, waiting: u64) {
        self.log.backlog.store(waiting, Ordering::Relaxed);
    }

    /// Stops it and waits until everything is answered.
    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        (&mut self.served).await.unwrap();
    }

    pub(crate) fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.gateway.abort();
    }
}
