use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Times, bounds and generalisation. Every bound that is hit is stated ([`Bound`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Container time to learn for, milliseconds: two containers that run for 30 minutes are an hour.
    pub learning_ms: u64,
    /// Least time to learn for in which at least one container ran, milliseconds: a hundred replicas
    /// that start together have shown an hour of container time before they took their first request.
    pub learning_least_ms: u64,
    /// Time to learn for after a change in the dry run, milliseconds in which a container ran.
    pub learning_after_change_ms: u64,
    /// Length of the dry run, milliseconds in which a container ran.
    pub dry_run_ms: u64,
    /// Time after which an archived model may be dropped, milliseconds. Longer than a month, so that
    /// what runs once a month need not learn anew.
    pub archived_ms: u64,
    /// Per cent of the learning time that a kind of event must have been visible for, to count as
    /// learned.
    pub coverage_percent: u64,

    /// Executables known, and executables of which written files are known.
    pub max_executables: usize,
    /// Hashes known of one executable path; above, any is accepted.
    pub max_hashes: usize,
    /// Parents known of one executable path; above, any is accepted.
    pub max_parents: usize,
    /// File patterns of one executable; above, the deepest directories are folded.
    pub max_files: usize,
    /// Files of one directory, written by one executable, above which the directory stands for them
    /// (`/var/log/*`).
    pub max_files_per_directory: usize,
    /// Subdirectories of one directory, written to by one executable, above which the directory and all
    /// below stands for them (`/var/cache/**`).
    pub max_directories_per_directory: usize,
    /// Directories of a path; below, all stands for what is there.
    pub max_depth: usize,
    /// Bytes of a path or name; what is longer is cut.
    pub max_text: usize,
    /// Ports listened on.
    pub max_listening: usize,
    /// Ports connected to.
    pub max_outbound: usize,
    /// Addresses connected to on one port, above which their networks (/24, /64) stand for them.
    pub max_addresses_per_port: usize,
    /// Networks connected to on one port, above which any address is accepted.
    pub max_networks_per_port: usize,
    /// Name patterns.
    pub max_names: usize,
    /// Names directly below one domain, above which the domain stands for them (`*.example.com`).
    pub max_names_per_domain: usize,
    /// Users.
    pub max_users: usize,
    /// System-call sequences of one executable.
    pub max_sequences: usize,
    /// Addresses remembered with the name that they were the answer for.
    pub max_resolved: usize,
    /// How long an answer is remembered, milliseconds. Longer than most times to live: programs keep
    /// connections and addresses.
    pub resolved_ms: u64,
    /// Containers of the image that run at the same time; more are not counted.
    pub max_containers: usize,
    /// Bytes of a file that is imported.
    pub max_document: usize,

    /// Ports from here on are one: `ephemeral`. Linux takes 32768 to 60999 by default
    /// (`net.ipv4.ip_local_port_range`).
    pub ephemeral_from: u16,
    /// Hexadecimal digits in a row, with at least one decimal digit among them, that are a number and
    /// not a word.
    pub hex_digits: usize,
    /// Directories whose files have names made at random, as prefixes that end in `/`.
    pub temporary: Vec<String>,
    /// Directories where a program's own files lie: a write there that was not learned is grave.
    pub protected: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        const HOUR: u64 = 3_600_000;
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            learning_ms: HOUR,
            learning_least_ms: HOUR / 6,
            learning_after_change_ms: 24 * HOUR,
            dry_run_ms: 24 * HOUR,
            archived_ms: 40 * 24 * HOUR,
            coverage_percent: 90,
            max_executables: 512,
            max_hashes: 8,
            max_parents: 32,
            max_files: 256,
            max_files_per_directory: 16,
            max_directories_per_directory: 16,
            max_depth: 12,
            max_text: 1_024,
            max_listening: 256,
            max_outbound: 256,
            max_addresses_per_port: 32,
            max_networks_per_port: 64,
            max_names: 512,
            max_names_per_domain: 32,
            max_users: 64,
            max_sequences: 4_096,
            max_resolved: 4_096,
            resolved_ms: HOUR,
            max_containers: 4_096,
            max_document: 8 << 20,
            ephemeral_from: 32_768,
            hex_digits: 8,
            temporary: list(&["/tmp/", "/var/tmp/", "/dev/shm/", "/run/", "/var/run/"]),
            protected: list(&[
                "/bin/", "/sbin/", "/lib/", "/lib64/", "/usr/", "/etc/", "/boot/", "/root/",
                "/opt/",
            ]),
        }
    }
}

/// A bound of [`Settings`] that was hit: what was generalised or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// `max_executables`: further executables are not comparable.
    Executables,
    /// `max_hashes`: any hash of that path is accepted.
    Hashes,
    /// `max_parents`: any parent of that path is accepted.
    Parents,
    /// `max_executables`, among those that write: what further executables write is not comparable.
    Writers,
    /// `max_files`: deep directories were folded.
    Files,
    /// `max_files` cannot be kept by folding: further files of that executable are not comparable.
    FilesFull,
    /// `max_listening`: further ports are not comparable.
    Listening,
    /// `max_outbound`: further ports are not comparable.
    Outbound,
    /// `max_addresses_per_port`: networks stand for addresses.
    Addresses,
    /// `max_networks_per_port`: any address of that port is accepted.
    Networks,
    /// `max_names`: further names are not comparable.
    Names,
    /// `max_users`: further users are not comparable.
    Users,
    /// `max_sequences` or `max_executables`: the score leaves them out.
    Sequences,
    /// `max_resolved`: connections to further answers are compared by their address.
    Resolved,
    /// `max_text`: a path or name was cut.
    Text,
    /// `max_containers`: further containers are not counted.
    Containers,
}

impl Bound {
    /// Every bound.
    pub const ALL: [Self; 16] = [
        Self::Executables,
        Self::Hashes,
        Self::Parents,
        Self::Writers,
        Self::Files,
        Self::FilesFull,
        Self::Listening,
        Self::Outbound,
        Self::Addresses,
        Self::Networks,
        Self::Names,
        Self::Users,
        Self::Sequences,
        Self::Resolved,
        Self::Text,
        Self::Containers,
    ];

    /// Its name in files and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Executables => "executables",
            Self::Hashes => "hashes",
            Self::Parents => "parents",
            Self::Writers => "writers",
            Self::Files => "files",
            Self::FilesFull => "files-full",
            Self::Listening => "listening",
            Self::Outbound => "outbound",
            Self::Addresses => "addresses",
            Self::Networks => "networks",
            Self::Names => "names",
            Self::Users => "users",
            Self::Sequences => "sequences",
            Self::Resolved => "resolved",
            Self::Text => "text",
            Self::Containers => "containers",
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Bound {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|bound| bound.as_str() == text).ok_or(())
    }
}
