//! The settings of all outside scanners, by name: the part `[scanners.<name>]` of a server's file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clamd::ClamdConfig;
use crate::command::CommandConfig;
use crate::http::HttpConfig;

/// Outside scanners by the name of their engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScannersConfig(pub BTreeMap<String, ScannerConfig>);

/// One outside scanner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ScannerConfig {
    /// A ClamAV daemon, or another that speaks its protocol.
    Clamd(ClamdConfig),
    /// A program that is run once for each artifact.
    Command(Box<CommandConfig>),
    /// A service behind the contract of `docs/http-scanner.md`.
    Http(HttpConfig),
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Of one scanner.
    #[error("[scanners.{name}]: {why}")]
    Scanner {
        /// The scanner.
        name: String,
        /// What is not right, for people.
        why: String,
    },
    /// Called outside a Tokio runtime: nothing could be polled.
    #[error("outside scanners need a running Tokio runtime")]
    NoRuntime,
}

/// Checks that a number lies within its bounds; `what` is the setting's name.
pub(crate) fn within(what: &str, value: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("`{what}` is {value}; it must be between {least} and {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ScannersConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn each_kind_needs_little() {
        let config = parse(
            "[clamav]\nkind = \"clamd\"\naddress = \"unix:/run/clamav/clamd.ctl\"\n\
             [own]\nkind = \"http\"\nurl = \"http://scanner.example.com:8080\"\n\
             [ready]\nkind = \"command\"\nprofile = \"clamscan\"\n\
             [tool]\nkind = \"command\"\nprogram = \"/usr/bin/tool\"\narguments = [\"{file}\"]\n\
             exit_codes = { 0 = \"clean\", 1 = \"infected\" }\n",
        )
        .unwrap();
        assert_eq!(config.0.len(), 4);
        assert!(matches!(config.0["clamav"], ScannerConfig::Clamd(_)));
        assert!(matches!(config.0["own"], ScannerConfig::Http(_)));
        assert!(matches!(config.0["ready"], ScannerConfig::Command(_)));
        assert!(matches!(config.0["tool"], ScannerConfig::Command(_)));
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused_by_name() {
        let error = parse("[a]\nkind = \"clamd\"\nadress = \"unix:/x\"\n").unwrap_err();
        assert!(error.to_string().contains("adress"), "{error}");
        let error = parse("[a]\nkind = \"icap\"\n").unwrap_err();
        assert!(error.to_string().contains("icap"), "{error}");
    }

    #[test]
    fn printed_settings_do_not_hold_the_secret() {
        let config =
            parse("[a]\nkind = \"http\"\nurl = \"http://a.example.com\"\ntoken = \"hush-hush\"\n")
                .unwrap();
        for shown in [toml::to_string(&config).unwrap(), format!("{config:?}")] {
            assert!(!shown.contains("hush-hush"), "{shown}");
            assert!(shown.contains("redacted"), "{shown}");
        }
    }
}
