use std::path::{Path, PathBuf};

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::config::within;

/// The longest token file, in bytes.
const TOKEN_BYTES: u64 = 8 << 10;

/// Settings of an `http` scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it is: `http://host:port` or `https://host:port`, with a path before `/scan` and
    /// `/info` if it has one.
    pub url: String,
    /// The bearer token. Prefer `token_file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file with the bearer token; white space around it is left out. Read at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// A PEM file with the certificates of the authorities to trust in place of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Scans at once, and connections kept. Default 4, 1 to 256.
    #[serde(default = "four")]
    pub concurrency: usize,
    /// The largest artifact that is given to it, in bytes; the scanner may state a smaller bound
    /// itself (`/info`). Default 100 MiB.
    #[serde(default = "max_bytes")]
    pub max_bytes: u64,
    /// The longest answer, in bytes. Default 1 MiB, at most 64 MiB.
    #[serde(default = "max_answer_bytes")]
    pub max_answer_bytes: usize,
    /// Milliseconds to connect. Default 1,000.
    #[serde(default = "second")]
    pub connect_timeout_ms: u64,
    /// Milliseconds between two polls of `/info`. Default 5,000, at least 100.
    #[serde(default = "five_seconds")]
    pub poll_interval_ms: u64,
    /// Milliseconds for the answer to a poll. Default 5,000.
    #[serde(default = "five_seconds")]
    pub poll_timeout_ms: u64,
    /// Milliseconds after which an unused connection is closed. Default 30,000.
    #[serde(default = "idle_ms")]
    pub idle_ms: u64,
    /// Whether the scanner is told the artifact's file name. Default false: names tell of people.
    #[serde(default)]
    pub tell_name: bool,
}

impl HttpConfig {
    /// With the defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            token_file: None,
            ca_file: None,
            concurrency: four(),
            max_bytes: max_bytes(),
            max_answer_bytes: max_answer_bytes(),
            connect_timeout_ms: second(),
            poll_interval_ms: five_seconds(),
            poll_timeout_ms: five_seconds(),
            idle_ms: idle_ms(),
            tell_name: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.token.is_some() && self.token_file.is_some() {
            return Err("both `token` and `token_file` are set".to_owned());
        }
        within("concurrency", self.concurrency as u64, 1, 256)?;
        within("max_answer_bytes", self.max_answer_bytes as u64, 1 << 10, 64 << 20)?;
        within("connect_timeout_ms", self.connect_timeout_ms, 1, 600_000)?;
        within("poll_interval_ms", self.poll_interval_ms, 100, 86_400_000)?;
        within("poll_timeout_ms", self.poll_timeout_ms, 1, 600_000)?;
        within("idle_ms", self.idle_ms, 0, 3_600_000)
    }

    /// The address of one of the contract's resources.
    pub(super) fn resource(&self, name: &str) -> Result<Uri, String> {
        let uri: Uri = self.url.parse().map_err(|e| format!("`url` is not one: {e}"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") || uri.authority().is_none() {
            return Err("`url` must begin with http://host or https://host".to_owned());
        }
        if uri.query().is_some() || uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err("`url` must have neither a query nor a user".to_owned());
        }
        let whole = format!("{}/{name}", self.url.trim_end_matches('/'));
        whole.parse().map_err(|e| format!("`url` is not one: {e}"))
    }

    /// The bearer token, from where it is.
    pub(super) fn bearer(&self) -> Result<Option<Secret>, String> {
        match &self.token_file {
            Some(path) => read_token(path).map(Some),
            None => Ok(self.token.clone()),
        }
    }
}

fn read_token(path: &Path) -> Result<Secret, String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(TOKEN_BYTES).read_to_string(&mut text))
        .map_err(|error| format!("the token {} cannot be read: {error}", path.display()))?;
    match text.trim() {
        "" => Err(format!("the token {} is empty", path.display())),
        token => Ok(Secret::new(token.to_owned())),
    }
}

fn four() -> usize {
    4
}

fn max_bytes() -> u64 {
    100 << 20
}

fn max_answer_bytes() -> usize {
    1 << 20
}

fn second() -> u64 {
    1_000
}

fn five_seconds() -> u64 {
    5_000
}

fn idle_ms() -> u64 {
    30_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let resource = |url: &str| HttpConfig::new(url).resource("scan").map(|u| u.to_string());
        assert_eq!(
            resource("http://a.example.com:8080").unwrap(),
            "http://a.example.com:8080/scan"
        );
        assert_eq!(resource("https://a.example.com/x/").unwrap(), "https://a.example.com/x/scan");
        for bad in ["", "a.example.com", "ftp://a.example.com", "http://a/?q=1", "http://u:p@a/"] {
            assert!(resource(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_comes_from_one_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "  hush\n").unwrap();
        let mut config = HttpConfig::new("http://a.example.com");
        config.token_file = Some(path.clone());
        assert_eq!(config.bearer().unwrap().unwrap().expose(), "hush");
        std::fs::write(&path, "\n").unwrap();
        assert!(config.bearer().unwrap_err().contains("empty"));
        config.token = Some(Secret::new("x".to_owned()));
        assert!(config.check().is_err());
    }
}
