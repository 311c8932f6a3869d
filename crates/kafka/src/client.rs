//! What every client of the broker has in common.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use crate::KafkaConfig;

/// The longest that a question to the broker may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// The least room for a record beyond the largest payload: its key, headers, and the batch around it.
const OVERHEAD: usize = 64 << 10;

/// The largest record on a topic, in bytes.
pub(crate) const MAX_RECORD_BYTES: usize = palisade_ports::log::MAX_PAYLOAD_BYTES + OVERHEAD;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No broker is named.
    #[error("kafka.bootstrap is empty: name at least one broker, such as [\"127.0.0.1:9092\"]")]
    NoBroker,
    /// The password's file.
    #[error("kafka.password_file {path} cannot be read")]
    Password {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// librdkafka refuses a setting.
    #[error("Kafka's client refuses the settings")]
    Refused(#[source] KafkaError),
}

/// The settings that all clients share.
pub(crate) fn base(config: &KafkaConfig) -> Result<ClientConfig, ConfigError> {
    if config.bootstrap.is_empty() {
        return Err(ConfigError::NoBroker);
    }
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", config.bootstrap.join(","))
        .set("client.id", "palisade")
        .set("security.protocol", config.security.protocol())
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true")
        // A half-open connection after a cut is noticed by the requests on it, in this time.
        .set("socket.timeout.ms", "10000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
    let files = [
        ("ssl.ca.location", &config.ca_file),
        ("ssl.certificate.location", &config.certificate_file),
        ("ssl.key.location", &config.key_file),
    ];
    for (name, path) in files {
        if let Some(path) = path {
            client.set(name, path.to_string_lossy());
        }
    }
    if config.security.signs_in() {
        client.set("sasl.mechanism", config.mechanism.name());
        client.set("sasl.username", &config.username);
        if let Some(path) = &config.password_file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Password {
                path: path.display().to_string(),
                source,
            })?;
            client.set("sasl.password", text.lines().next().unwrap_or_default());
        }
    }
    for (name, value) in &config.properties {
        client.set(name, value);
    }
    client.set_log_level(RDKafkaLogLevel::Info);
    Ok(client)
}

/// Sends librdkafka's words to our log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words;

impl ClientContext for Words {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        say(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }
}

pub(crate) fn say(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(facility, "kafka: {text}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(facility, "kafka: {text}");
        }
    }
}

/// The client goes on by itself: these are news, not failures.
pub(crate) fn complain(error: &KafkaError, reason: &str) {
    tracing::warn!(%error, "kafka: {reason}");
}
