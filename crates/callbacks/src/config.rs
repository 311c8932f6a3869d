use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// How a callback is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// As MetaDefender Cloud does.
    Post,
    /// As MetaDefender Core does.
    Put,
}

/// Settings of callbacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbacksConfig {
    /// Networks that may be called although they are not public, such as `10.1.0.0/16`. Default none.
    pub allow_networks: Vec<IpNet>,
    /// Whether only `https` URLs are called. Default false: what is told is signed, and inside one's
    /// own networks there often is no certificate.
    pub require_https: bool,
    /// A file of certificates (PEM) that are trusted beside those of the system. Default none.
    pub ca_file: Option<PathBuf>,
    /// Milliseconds for a whole try, from the name's resolution to the answer's head. Default 10,000;
    /// at most 60,000.
    pub timeout_ms: u64,
}

impl Default for CallbacksConfig {
    fn default() -> Self {
        Self { allow_networks: Vec::new(), require_https: false, ca_file: None, timeout_ms: 10_000 }
    }
}
