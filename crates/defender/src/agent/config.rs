//! The settings of a Defender: each part's own, under its name.

use std::path::{Path, PathBuf};

use palisade_model::event::KindSet;
use serde::Deserialize;

use crate::hashes::submit::SubmitSettings;
use crate::manners::limits::LimitSettings;
use crate::manners::watchdog::WatchdogSettings;
use crate::metrics::EndpointSettings;
use crate::output::OutputSettings;
use crate::{containers, detect, incidents, models};

/// All settings. Unknown keys are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where models and queues are kept. Default `/var/lib/palisade/defender`.
    pub state: PathBuf,
    /// The policy's file; absent: the default policy, which only alerts. Read again when it changes.
    pub policy: Option<PathBuf>,
    /// Rule files and folders of them (`*.yaml`, `*.yml`), after the built-in ones, in this order. Read
    /// again when they change.
    pub rules: Vec<PathBuf>,
    /// Whether the built-in rules are used. Default true.
    pub built_in_rules: bool,
    /// Processes outside containers are watched too. Default false.
    pub host: bool,
    /// The sensor.
    pub sensor: SensorSettings,
    /// Finding containers.
    pub containers: containers::Settings,
    /// Detection.
    pub detect: detect::DetectSettings,
    /// Behaviour models.
    pub models: models::Settings,
    /// Incidents.
    pub incidents: incidents::Settings,
    /// What is allowed with a reason.
    pub allow: Vec<incidents::Suppression>,
    /// Where events and incidents go.
    pub output: OutputSettings,
    /// Metrics and health; absent: no endpoint.
    pub metrics: Option<EndpointSettings>,
    /// The Defender's share of the machine.
    pub limits: LimitSettings,
    /// The watchdog.
    pub watchdog: WatchdogSettings,
    /// Proof that prevention is live.
    pub canary: CanarySettings,
    /// Hashing executables.
    pub hashes: HashSettings,
    /// Sending unknown executables to a `palisade serve`; absent: none is sent.
    pub submit: Option<SubmitSettings>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: PathBuf::from("/var/lib/palisade/defender"),
            policy: None,
            rules: Vec::new(),
            built_in_rules: true,
            host: false,
            sensor: SensorSettings::default(),
            containers: containers::Settings::default(),
            detect: detect::DetectSettings::default(),
            models: models::Settings::default(),
            incidents: incidents::Settings::default(),
            allow: Vec::new(),
            output: OutputSettings::default(),
            metrics: None,
            limits: LimitSettings::default(),
            watchdog: WatchdogSettings::default(),
            canary: CanarySettings::default(),
            hashes: HashSettings::default(),
            submit: None,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with its place.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| ConfigError::Toml { path: path.to_owned(), source: Box::new(source) })
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path} cannot be read", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{path} is not a configuration", path = .path.display())]
    Toml {
        /// Which.
        path: PathBuf,
        /// Why, with line and column.
        source: Box<toml::de::Error>,
    },
}

/// Settings of the sensor.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensorSettings {
    /// Whether BPF is used at all. Default true.
    pub bpf: bool,
    /// Bytes of the ring between kernel and Defender; a power of two. Default 4 MiB. It counts against the
    /// Defender's memory.
    pub ring_bytes: u32,
    /// Kinds of events that are watched. Default: all.
    pub kinds: KindSet,
    /// Names of files whose opening for reading is reported, beside those that the built-in rules need.
    pub sensitive_names: Vec<String>,
    /// Like events of one program within this time, milliseconds, are one. Default 1,000; 0: none is left
    /// out.
    pub dedup_ms: u64,
    /// Events a second of one kind in one container; those beyond are counted as lost. 0: no bound.
    /// Default 20,000.
    pub rate: u64,
    /// After the first event, further ones are waited for so long, milliseconds, and read together: waking
    /// the Defender for each would cost the containers more than all the rest. 0: none is waited for.
    /// Default 4.
    pub gather_ms: u64,
    /// Whether system calls are followed: sequences of three that an image was not learned to make are a
    /// score of its incidents. It costs every call of a container a look-up. Default false.
    pub sequences: bool,
    /// Processes that are kept with their ancestry. Default 32,768.
    pub processes: usize,
    /// Observations that wait for the decider; beyond it they are counted as lost. Default 16,384.
    pub waiting: usize,
}

impl Default for SensorSettings {
    fn default() -> Self {
        Self {
            bpf: true,
            ring_bytes: 4 << 20,
            kinds: KindSet::all(),
            sensitive_names: Vec::new(),
            dedup_ms: 1_000,
            rate: 20_000,
            gather_ms: 4,
            sequences: false,
            processes: 32_768,
            waiting: 16_384,
        }
    }
}

/// Settings of the canaries.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CanarySettings {
    /// Seconds between two canaries of one container whose executables are protected; 0: none. Default 60.
    pub seconds: u64,
}

impl Default for CanarySettings {
    fn default() -> Self {
        Self { seconds: 60 }
    }
}

/// Settings of hashing.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashSettings {
    /// Whether what runs in containers is hashed. Default true.
    pub enabled: bool,
    /// A file of SHA-256 hashes that are known to be bad, one a line, with a name behind it. The policy's
    /// `known_bad`, where it names one, comes first. Read again when it changes.
    pub known_bad: Option<PathBuf>,
    /// Executables larger than this many bytes are not hashed. Default 512 MiB.
    pub max_bytes: u64,
    /// Bytes that are hashed in a second. Default 64 MiB.
    pub bytes_per_second: u64,
    /// Versions of files whose hash is kept. Default 65,536; one costs about 130 bytes.
    pub max_cached: usize,
}

impl Default for HashSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            known_bad: None,
            max_bytes: 512 << 20,
            bytes_per_second: 64 << 20,
            max_cached: 65_536,
        }
    }
}
