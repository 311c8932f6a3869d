//! Settings of a server: one TOML file, each crate's own part under its name. Unknown keys are
//! refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use palisade_api::ApiConfig;
use palisade_callbacks::CallbacksConfig;
use palisade_jail::WorkerLimits;
use palisade_kafka::KafkaConfig;
use palisade_model::{EngineName, Severity};
use palisade_pipeline::engine_host::EngineHostConfig;
use palisade_pipeline::extractor::ExtractorConfig;
use palisade_pipeline::gateway::{GatewayConfig, Workflow};
use palisade_pipeline::janitor::RetentionConfig;
use palisade_pipeline::notifier::NotifierConfig;
use palisade_postgres::PostgresConfig;
use palisade_s3::S3Config;
use palisade_scanners::ScannersConfig;
use serde::{Deserialize, Serialize};

use crate::role::Role;

/// Artifacts that a worker looks at before it is replaced. See `docs/decisions` for what a fresh
/// worker costs.
pub(crate) const ARTIFACTS_PER_WORKER: u32 = 256;

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where everything is kept.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where requests, artifacts and reports are.
    pub(crate) storage: StorageKind,
    /// What this process does. Default: everything.
    pub(crate) roles: Vec<Role>,
    /// The engines that there are to be; one that is not heard of makes reports partial. With the role
    /// `engines`, this process hosts them. Default: all that are built in or declared here.
    pub(crate) engines: Option<Vec<EngineName>>,
    /// Where the keys that sign certificates and callbacks are: the same directory for every gateway of
    /// an installation. Made at the first start. Default: `data`.
    pub(crate) secrets: Option<PathBuf>,
    /// What this process is called among others. Default: the machine's name, and where storage is
    /// shared the process's number.
    pub(crate) host: Option<String>,
    pub(crate) kafka: KafkaConfig,
    pub(crate) s3: S3Config,
    pub(crate) postgres: PostgresConfig,
    pub(crate) logs: LogsConfig,
    pub(crate) api: ApiConfig,
    pub(crate) gateway: GatewayConfig,
    /// What requests may name in the header `rule`.
    pub(crate) workflows: BTreeMap<String, Workflow>,
    pub(crate) callbacks: CallbacksConfig,
    pub(crate) notifier: NotifierConfig,
    pub(crate) extractor: ExtractorConfig,
    pub(crate) engine_host: EngineHostConfig,
    pub(crate) jail: JailConfig,
    pub(crate) yara: YaraConfig,
    pub(crate) reputation: ReputationConfig,
    pub(crate) analyzers: AnalyzersConfig,
    pub(crate) retention: RetentionConfig,
    /// Scanners that are not ours, by the name that their engine has.
    pub(crate) scanners: ScannersConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("palisade-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8008)),
            storage: StorageKind::Embedded,
            roles: Role::ALL.to_vec(),
            engines: None,
            secrets: None,
            host: None,
            kafka: KafkaConfig::default(),
            s3: S3Config::default(),
            postgres: PostgresConfig::default(),
            logs: LogsConfig::default(),
            api: ApiConfig::default(),
            gateway: GatewayConfig::default(),
            workflows: BTreeMap::new(),
            callbacks: CallbacksConfig::default(),
            notifier: NotifierConfig::default(),
            extractor: ExtractorConfig::default(),
            engine_host: EngineHostConfig::default(),
            jail: JailConfig::default(),
            yara: YaraConfig::default(),
            reputation: ReputationConfig::default(),
            analyzers: AnalyzersConfig::default(),
            retention: RetentionConfig::default(),
            scanners: ScannersConfig::default(),
        }
    }
}

/// Where requests, artifacts and reports are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StorageKind {
    /// In the data directory, for one process.
    Embedded,
    /// On Kafka, S3 and PostgreSQL, for any number of processes.
    Distributed,
}

/// Log lines, on standard error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogsConfig {
    /// `text` or `json`.
    pub(crate) format: LogsFormat,
    /// In the form of `RUST_LOG`.
    pub(crate) filter: String,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self { format: LogsFormat::Text, filter: "info".to_owned() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogsFormat {
    Text,
    Json,
}

/// The jail of every engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct JailConfig {
    /// Workers of each engine. Default: the number of processors.
    pub(crate) workers: usize,
    /// Artifacts that a worker looks at before it is replaced; 1 for a fresh one each.
    pub(crate) artifacts_per_worker: u32,
    /// Refuse to start when this kernel lacks a wall of the jail.
    pub(crate) require_all_layers: bool,
    /// Of each worker.
    pub(crate) limits: WorkerLimits,
}

impl Default for JailConfig {
    fn default() -> Self {
        Self {
            workers: processors(),
            artifacts_per_worker: ARTIFACTS_PER_WORKER,
            require_all_layers: false,
            limits: WorkerLimits::default(),
        }
    }
}

/// The number of processors that this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct YaraConfig {
    /// Whether our own rules are used.
    pub(crate) built_in: bool,
    /// Files and directories with more. A change is noticed within a second.
    pub(crate) rules: Vec<PathBuf>,
    /// What a rule without `meta.severity` means.
    pub(crate) default_severity: Severity,
    /// Milliseconds for the rules of one file over one artifact, where all rules together are slow.
    pub(crate) rule_timeout_ms: u64,
}

impl Default for YaraConfig {
    fn default() -> Self {
        Self {
            built_in: true,
            rules: Vec::new(),
            default_severity: Severity::Malicious,
            rule_timeout_ms: 5_000,
        }
    }
}

/// The static analysers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AnalyzersConfig {
    /// Files (PEM) with certificates of authorities whose code signatures are trusted. Read at the
    /// start; at most 8.
    pub(crate) trusted_roots: Vec<PathBuf>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReputationConfig {
    /// Lists of hashes that are malicious. A change is noticed within a second.
    pub(crate) blocklists: Vec<PathBuf>,
    /// Lists of hashes that are known good.
    pub(crate) allowlists: Vec<PathBuf>,
}

impl Config {
    /// The same, fit to be printed: without secrets.
    pub(crate) fn redacted(&self) -> Self {
        Self { kafka: self.kafka.redacted(), postgres: self.postgres.redacted(), ..self.clone() }
    }

    /// Where this process keeps the keys that it signs with.
    pub(crate) fn secrets(&self) -> &Path {
        self.secrets.as_deref().unwrap_or(&self.data)
    }

    /// What this process is called among others.
    pub(crate) fn host_name(&self) -> String {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        match (&self.host, self.storage) {
            (Some(host), _) => host.clone(),
            // One server has the data directory, so the machine's name is name enough, and a
            // restarted server replaces what it told before.
            (None, StorageKind::Embedded) => machine,
            (None, StorageKind::Distributed) => format!("{machine}-{}", std::process::id()),
        }
    }

    /// From a file, or the defaults.
    pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the settings {} cannot be read", path.display()))?;
        toml::from_str(&text)
            .with_context(|| format!("the settings {} are not right", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_survive_their_own_text_form() {
        let text = toml::to_string(&Config::default()).unwrap();
        let config: Config = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&config).unwrap(), text);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name() {
        let error = toml::from_str::<Config>("[gateway]\nmax_uplaod_bytes = 1\n").unwrap_err();
        assert!(error.to_string().contains("max_uplaod_bytes"), "{error}");
    }
}
