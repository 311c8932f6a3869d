use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::TopicsConfig;

/// How to reach Kafka.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Brokers to ask first, `host:port`.
    pub bootstrap: Vec<String>,
    /// What stands before the name of every topic and group, for several installations on one
    /// cluster: `staging.` makes `staging.palisade.requests`. Default: nothing.
    pub prefix: String,
    /// Transport and sign-in. Default `plaintext`.
    pub security: Security,
    /// Certificates (PEM) of the authorities that sign the brokers'. Default: the system's.
    pub ca_file: Option<PathBuf>,
    /// This client's certificate (PEM), where brokers ask for one.
    pub certificate_file: Option<PathBuf>,
    /// Its key (PEM).
    pub key_file: Option<PathBuf>,
    /// For `sasl-*`. Default `scram-sha-512`.
    pub mechanism: SaslMechanism,
    /// For `sasl-*`.
    pub username: String,
    /// A file whose first line is the password, for `sasl-*`.
    pub password_file: Option<PathBuf>,
    /// How long an append is tried before the caller hears that the log is not there, in
    /// milliseconds. Default 10,000.
    pub append_timeout_ms: u64,
    /// How long a member of a group may be silent before its partitions go to others, in
    /// milliseconds. Default 10,000; the broker's `group.min.session.timeout.ms` is the least.
    pub session_timeout_ms: u32,
    /// Memory for records that are being appended, in KiB. Default 65,536.
    pub producer_buffer_kib: u32,
    /// Memory for records fetched ahead, for each subscription, in KiB. Default 8,192.
    pub fetch_buffer_kib: u32,
    /// How topics are made.
    pub topics: TopicsConfig,
    /// Any other setting of librdkafka, by its name.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            bootstrap: Vec::new(),
            prefix: String::new(),
            security: Security::Plaintext,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            mechanism: SaslMechanism::ScramSha512,
            username: String::new(),
            password_file: None,
            append_timeout_ms: 10_000,
            session_timeout_ms: 10_000,
            producer_buffer_kib: 64 << 10,
            fetch_buffer_kib: 8 << 10,
            topics: TopicsConfig::default(),
            properties: BTreeMap::new(),
        }
    }
}

/// Settings of librdkafka that hold secrets: they are not printed.
fn is_secret(property: &str) -> bool {
    ["password", "secret", "pem"].iter().any(|word| property.contains(word))
}

impl std::fmt::Debug for KafkaConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaConfig")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl KafkaConfig {
    /// The same, fit to be printed.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut shown = self.clone();
        for (name, value) in &mut shown.properties {
            if is_secret(name) {
                "(hidden)".clone_into(value);
            }
        }
        shown
    }
}

/// Transport and sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// Neither.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without TLS.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl Security {
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    /// As it stands in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl-plaintext",
            Self::SaslSsl => "sasl-ssl",
        }
    }

    pub(crate) fn is_encrypted(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    pub(crate) fn signs_in(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How a password is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaslMechanism {
    /// As it is (RFC 4616): over TLS only.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl SaslMechanism {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}
