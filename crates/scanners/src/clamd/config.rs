use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::answer::Treatment;
use crate::config::within;

/// Settings of a `clamd` scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClamdConfig {
    /// `unix:/path/of/the/socket` or `tcp:host:port`.
    pub address: Address,
    /// How artifacts are given. Default `auto`.
    #[serde(default)]
    pub method: Method,
    /// Whether connections are kept and used again (`IDSESSION`). Default true.
    #[serde(default = "yes")]
    pub sessions: bool,
    /// Scans at once; clamd's own `MaxThreads` is 10 by default. Default 4, 1 to 256.
    #[serde(default = "four")]
    pub concurrency: usize,
    /// The largest artifact that is given to it, in bytes. It must not be above clamd's
    /// `StreamMaxLength`, `MaxFileSize` and `MaxScanSize`: clamd answers `OK` for what is larger than
    /// the last two, without looking (clamd.conf(5), `AlertExceedsMax`). Default 100 MiB.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// Milliseconds to connect. Default 1,000.
    #[serde(default = "second")]
    pub connect_timeout_ms: u64,
    /// Milliseconds between two polls of version and health. Default 5,000, at least 100.
    #[serde(default = "five_seconds")]
    pub poll_interval_ms: u64,
    /// Milliseconds for the answer to a poll. Default 5,000.
    #[serde(default = "five_seconds")]
    pub poll_timeout_ms: u64,
    /// Milliseconds after which an unused connection is closed; below clamd's `IdleTimeout` and
    /// `ReadTimeout` (30 s and 120 s by default). Default 5,000.
    #[serde(default = "five_seconds")]
    pub idle_ms: u64,
    /// What names that begin with `PUA.` count as (possibly unwanted applications). Default
    /// suspicious.
    #[serde(default = "suspicious")]
    pub pua: Treatment,
    /// What names that begin with `Heuristics.` count as, besides those about encryption and limits,
    /// which are no threats. Default suspicious.
    #[serde(default = "suspicious")]
    pub heuristics: Treatment,
    /// Files and directories on this host whose change is a change of definitions: for databases of
    /// the house, which clamd's version does not tell of. Default none.
    #[serde(default)]
    pub databases: Vec<PathBuf>,
}

/// How artifacts are given to clamd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `FILDES` on a Unix socket, `INSTREAM` over TCP.
    #[default]
    Auto,
    /// The bytes, over the connection.
    Instream,
    /// The memory file itself, over a Unix socket: nothing is copied.
    Fildes,
}

/// Where clamd listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A host and a port.
    Tcp(String),
}

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp", place)) if port(place).is_some() => Ok(Self::Tcp(place.to_owned())),
            _ => Err(format!("`{text}` is neither unix:/path nor tcp:host:port")),
        }
    }
}

fn port(place: &str) -> Option<u16> {
    let (host, port) = place.rsplit_once(':')?;
    if host.is_empty() { None } else { port.parse().ok() }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        match address {
            Address::Unix(path) => format!("unix:{}", path.display()),
            Address::Tcp(place) => format!("tcp:{place}"),
        }
    }
}

impl ClamdConfig {
    /// With the defaults.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            method: Method::Auto,
            sessions: yes(),
            concurrency: four(),
            max_bytes: max_bytes(),
            connect_timeout_ms: second(),
            poll_interval_ms: five_seconds(),
            poll_timeout_ms: five_seconds(),
            idle_ms: five_seconds(),
            pua: suspicious(),
            heuristics: suspicious(),
            databases: Vec::new(),
        }
    }

    /// Whether the memory file itself is passed.
    pub(super) fn passes_descriptors(&self) -> bool {
        match self.method {
            Method::Auto => matches!(self.address, Address::Unix(_)),
            Method::Instream => false,
            Method::Fildes => true,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.method == Method::Fildes && !matches!(self.address, Address::Unix(_)) {
            return Err("`method = \"fildes\"` needs a Unix socket".to_owned());
        }
        within("concurrency", self.concurrency as u64, 1, 256)?;
        within("connect_timeout_ms", self.connect_timeout_ms, 1, 600_000)?;
        within("poll_interval_ms", self.poll_interval_ms, 100, 86_400_000)?;
        within("poll_timeout_ms", self.poll_timeout_ms, 1, 600_000)?;
        within("idle_ms", self.idle_ms, 0, 600_000)
    }
}

fn yes() -> bool {
    true
}

fn four() -> usize {
    4
}

fn max_bytes() -> u64 {
    100 << 20
}

fn second() -> u64 {
    1_000
}

fn five_seconds() -> u64 {
    5_000
}

fn suspicious() -> Treatment {
    Treatment::Suspicious
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["unix:/run/clamav/clamd.ctl", "tcp:clamav.example.com:3310", "tcp:[::1]:3310"]
        {
            let address = Address::try_from(good.to_owned()).unwrap();
            assert_eq!(String::from(address), good);
        }
        for bad in ["", "unix:relative", "tcp:host", "tcp::3310", "tcp:host:99999", "http://x"] {
            assert!(Address::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn descriptors_do_not_travel_over_tcp() {
        let mut config = ClamdConfig::new(Address::Tcp("localhost:3310".to_owned()));
        assert!(!config.passes_descriptors());
        config.check().unwrap();
        config.method = Method::Fildes;
        assert!(config.check().is_err());
        config.method = Method::Auto;
        config.concurrency = 0;
        assert!(config.check().unwrap_err().contains("concurrency"));
    }
}
