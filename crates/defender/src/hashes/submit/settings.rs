use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where to submit, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubmitSettings {
    /// The server: `https://HOST:PORT`, with `/v4` or without. Plain `http://` only to this machine,
    /// because files and the key go over it.
    pub url: String,
    /// A file with the API key, read for each request. None: no key.
    pub api_key_file: Option<PathBuf>,
    /// PEM certificates that the server's is checked with. None: the system's.
    pub ca_file: Option<PathBuf>,
    /// Only ELF files.
    pub only_elf: bool,
    /// Bytes of the largest file.
    pub max_bytes: u64,
    /// Files in a day by UTC.
    pub per_day: u64,
    /// Files that wait, each with an open descriptor; further ones are refused.
    pub max_queue: usize,
    /// Files that are worked on at the same time.
    pub workers: usize,
    /// Hashes remembered so that none is asked for twice.
    pub max_remembered: usize,
    /// Images of which nothing is submitted, as patterns with `*` and `?`.
    pub opt_out_images: Vec<String>,
    /// Time to connect, milliseconds.
    pub connect_timeout_ms: u64,
    /// Time for one request and its answer, milliseconds; also for the whole upload.
    pub request_timeout_ms: u64,
    /// Time between two questions for a result, milliseconds; each question may wait at the server too.
    pub poll_ms: u64,
    /// Time to a verdict, milliseconds.
    pub deadline_ms: u64,
    /// Bytes of an answer.
    pub max_answer_bytes: usize,
    /// Tries of each request.
    pub attempts: u32,
    /// Time before the second try, milliseconds; doubled for each further one.
    pub retry_ms: u64,
}

impl Default for SubmitSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            api_key_file: None,
            ca_file: None,
            only_elf: true,
            max_bytes: 100_000_000,
            per_day: 1_000,
            max_queue: 64,
            workers: 2,
            max_remembered: 16_384,
            opt_out_images: Vec::new(),
            connect_timeout_ms: 5_000,
            request_timeout_ms: 60_000,
            poll_ms: 1_000,
            deadline_ms: 600_000,
            max_answer_bytes: 1 << 20,
            attempts: 3,
            retry_ms: 1_000,
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Not an address of a server.
    #[error("`{0}` is not an address such as https://scan.example:8008")]
    Url(String),
    /// Plain HTTP to another machine.
    #[error("`{0}` would send files and the key unencrypted to another machine; use https")]
    Plain(String),
    /// Certificates.
    #[error("TLS: {0}")]
    Tls(String),
}
