use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How to reach PostgreSQL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresConfig {
    /// `postgres://user@host:5432/database?sslmode=verify-full`; several hosts are tried in order.
    /// `sslmode` is `disable`, `prefer`, `require`, `verify-ca` or `verify-full`, as libpq has them.
    pub url: String,
    /// A file whose first line is the password; or it stands in the URL.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that sign the server's. Default: the system's. With it,
    /// `require` is `verify-ca`, and a URL without `sslmode` is `verify-full`.
    pub ca_file: Option<PathBuf>,
    /// Connections for what must be durable: PostgreSQL syncs the commits of several together.
    /// Default 4.
    pub durable_connections: u32,
    /// Connections for everything else. Default 4.
    pub connections: u32,
    /// A call ends after so many milliseconds, with an error. Default 10,000.
    pub timeout_ms: u64,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            password_file: None,
            ca_file: None,
            durable_connections: 4,
            connections: 4,
            timeout_ms: 10_000,
        }
    }
}

impl PostgresConfig {
    /// The same, fit to be printed: without a password.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut shown = self.clone();
        if let Some((scheme, rest)) = self.url.split_once("://")
            && let Some((user, place)) = rest.split_once('@')
            && let Some((name, _)) = user.split_once(':')
        {
            shown.url = format!("{scheme}://{name}:(hidden)@{place}");
        } else if self.url.contains("password") {
            shown.url = "(hidden)".to_owned();
        }
        shown
    }
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresConfig")
            .field("url", &self.redacted().url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_printed() {
        for url in ["postgres://me:secret@host/db", "host=h user=me password=secret"] {
            let config = PostgresConfig { url: url.to_owned(), ..PostgresConfig::default() };
            assert!(!config.redacted().url.contains("secret"), "{url}");
            assert!(!format!("{config:?}").contains("secret"), "{url}");
        }
        let config = PostgresConfig { url: "postgres://me@host/db".into(), ..Default::default() };
        assert_eq!(config.redacted(), config);
    }
}
