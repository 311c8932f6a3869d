//! What the host asks of a helper, and what it hears.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Layers;

/// Bytes of a message between host and helper.
pub(super) const MESSAGE_BYTES: usize = 128 << 10;

/// Stands in an argument for the artifact's path.
pub(super) const FILE: &str = "{file}";

/// Stands in an argument for the private directory.
pub(super) const DIRECTORY: &str = "{directory}";

/// How the program gets the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactForm {
    /// It gets none.
    None,
    /// A file of this name in the private directory.
    File(String),
    /// The sealed memory file, as `/proc/self/fd/3`: nothing is copied.
    Memory,
    /// A file of this name in a new directory below this one, which others see too: for scanners
    /// whose daemon opens the file. The place of the private directory is then there.
    Shared {
        /// Where the new directory is made; the program's user must be able to.
        below: PathBuf,
        /// The file's name.
        name: String,
    },
}

/// Who the program runs as, where the host is root; otherwise as who the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// User id. Not 0.
    pub uid: u32,
    /// Group id. Not 0.
    pub gid: u32,
}

impl Default for User {
    /// nobody and nogroup.
    fn default() -> Self {
        Self { uid: 65_534, gid: 65_534 }
    }
}

/// What the program may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandLimits {
    /// Private writable memory of each of its processes, in bytes (`RLIMIT_DATA`). Default 2 GiB: a
    /// scanner loads its signatures for each run.
    pub memory_bytes: u64,
    /// Processor time of each of its processes, in seconds (`RLIMIT_CPU`): the last resort behind the
    /// time limit. Default 600.
    pub cpu_seconds: u64,
    /// Processes and threads at once. Default 64.
    pub processes: u64,
    /// Open files of each process. Default 256.
    pub open_files: u64,
    /// Bytes that it may write to its private directory, besides the artifact. Default 512 MiB. Where
    /// there is no mount namespace this is the bound of each file.
    pub scratch_bytes: u64,
    /// Bytes of its standard output, and of its standard error. Default 1 MiB.
    pub output_bytes: usize,
}

impl Default for CommandLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            cpu_seconds: 600,
            processes: 64,
            open_files: 256,
            scratch_bytes: 512 << 20,
            output_bytes: 1 << 20,
        }
    }
}

/// A program to run once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Its absolute path.
    pub program: PathBuf,
    /// Its arguments. `{file}` stands for the artifact's path, `{directory}` for the private directory.
    pub arguments: Vec<String>,
    /// Its whole environment, besides `PATH`, `HOME`, `TMPDIR` and `LANG`, which have plain values
    /// unless they are named here.
    pub environment: BTreeMap<String, String>,
    /// How it gets the artifact.
    pub artifact: ArtifactForm,
    /// What it may read and execute besides the system's programs and libraries.
    pub read_paths: Vec<PathBuf>,
    /// What it may write besides the private directory: for programs that fetch definitions.
    pub write_paths: Vec<PathBuf>,
    /// Whether it has the host's network.
    pub network: bool,
    /// Who it runs as.
    pub user: User,
    /// What it may take.
    pub limits: CommandLimits,
}

/// The host's one message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) spec: CommandSpec,
    /// The directory to use where there is no mount namespace, or the form asks for one that others
    /// see. The host removes it.
    pub(super) directory: PathBuf,
    /// The size of the artifact.
    pub(super) artifact_bytes: u64,
}

/// What the helper's side says, one JSON value on each line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    /// The program is about to be executed behind these walls.
    Walls(Layers),
    /// The program cannot be executed.
    NotExecuted(String),
    /// The jail could not be set up.
    Broken(String),
    /// It ended with this code.
    Exited(i32),
    /// It ended by this signal.
    Signalled(i32),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// Killed, because its time was over.
    TimedOut,
    /// Killed, because it wrote more than it may.
    TooMuchOutput,
}

/// A program's end, and what it said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnd {
    /// How.
    pub how: How,
    /// Its standard output, at most [`CommandLimits::output_bytes`].
    pub stdout: Vec<u8>,
    /// Its standard error, at most [`CommandLimits::output_bytes`].
    pub stderr: Vec<u8>,
    /// The walls that stood.
    pub layers: Layers,
}
