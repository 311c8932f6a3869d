//! What every client of the broker has in common.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::KafkaConfig;
use crate::security::secure;
use crate::trouble::Trouble;

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
    /// A file that a setting names.
    #[error("{setting} {path} cannot be read")]
    File {
        /// Which setting.
        setting: &'static str,
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Two settings that go together.
    #[error("{missing} is not set: {because}")]
    Missing {
        /// Which setting is not there.
        missing: &'static str,
        /// Which other one asks for it.
        because: &'static str,
    },
    /// A setting that would secure the connection, and does not.
    #[error("{setting} has no effect: kafka.security = \"{security}\" {why}")]
    NoEffect {
        /// Which setting.
        setting: &'static str,
        /// As it stands in the settings.
        security: &'static str,
        /// What the protocol lacks, and what to set.
        why: &'static str,
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
        // A fetcher that was told of an old leader waits for the next look.
        .set("topic.metadata.refresh.interval.ms", "5000")
        .set("message.max.bytes", MAX_RECORD_BYTES.to_string());
    secure(config, &mut client)?;
    for (name, value) in &config.properties {
        client.set(name, value);
    }
    // Who asks for librdkafka's `debug` wants to read it.
    let asked = config.properties.contains_key("debug");
    client.set_log_level(if asked { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
    Ok(client)
}

/// Sends librdkafka's words to our log, and remembers why a broker was not reached.
#[derive(Debug, Clone)]
pub(crate) struct Words(pub(crate) Trouble);

impl ClientContext for Words {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.0.note(facility, text);
        say(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }
}

impl ConsumerContext for Words {}

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
