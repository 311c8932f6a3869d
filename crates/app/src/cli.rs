//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use palisade_model::EngineName;

use crate::defend::arguments::{DefendArguments, ModelsArguments, PolicyArguments};
use crate::role::Role;
use crate::text::parse_size;

/// Checks files for threats with many engines at once.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Scan files and directory trees; needs no server.
    Scan(Box<ScanArguments>),
    /// Serve the HTTP API and run every stage, or some of them.
    Serve(Box<ServeArguments>),
    /// Watch this host's containers: learn what they do, raise what is wrong, prevent what policy says.
    Defend(Box<DefendArguments>),
    /// Check a Defender's policy, and say what it would do.
    Policy(PolicyArguments),
    /// Look at and change what a Defender has learned of images.
    Models(ModelsArguments),
    /// Run engines on what others plan: one part of a distributed installation.
    Engine(Box<EngineArguments>),
    /// Make the log's topics on Kafka, and keep them as the settings say.
    Topics(TopicsArguments),
    /// Create, list and revoke API keys.
    Keys(KeysArguments),
    /// Look at messages that could not be worked on, and try them again.
    DeadLetters(DeadLettersArguments),
    /// Check YARA rules.
    Rules(RulesArguments),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: what was found and what could not be scanned.
    Table,
    /// One JSON array of reports, in the form of the HTTP API.
    Json,
    /// One JSON report a line, as soon as it is made.
    Jsonl,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 nothing found; 1 something found; 2 nothing found, but \
                        something could not be scanned, or the arguments are wrong.")]
pub(crate) struct ScanArguments {
    /// Files and directories; `-` for standard input.
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// How results are written.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,

    /// Engines to use, separated by commas [default: all].
    #[arg(long, short, value_delimiter = ',', value_name = "NAME")]
    pub(crate) engines: Vec<String>,

    /// YARA rules to use besides the built-in ones: a file or a directory (repeatable).
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,

    /// Leave the built-in YARA rules out.
    #[arg(long)]
    pub(crate) no_built_in_rules: bool,

    /// A list of hashes that are malicious: MD5, SHA-1 or SHA-256, one a line, or CSV (repeatable).
    #[arg(long, value_name = "FILE")]
    pub(crate) blocklist: Vec<PathBuf>,

    /// A list of hashes that are known good (repeatable).
    #[arg(long, value_name = "FILE")]
    pub(crate) allowlist: Vec<PathBuf>,

    /// A password to try on encrypted content (repeatable).
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) password: Vec<String>,

    /// The name under which standard input is reported.
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub(crate) stdin_name: String,

    /// Files scanned at once [default: two for each processor].
    #[arg(long, short = 'j', value_name = "N")]
    pub(crate) jobs: Option<usize>,

    /// Follow symbolic links found in directories.
    #[arg(long)]
    pub(crate) follow: bool,

    /// Stay on the file systems of the given paths.
    #[arg(long)]
    pub(crate) one_file_system: bool,

    /// Leave out files and directories of this name; `*` stands for anything (repeatable).
    #[arg(long, value_name = "NAME")]
    pub(crate) exclude: Vec<String>,

    /// List clean files too.
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Print no summary and no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    #[command(flatten)]
    pub(crate) jail: JailArguments,
}

/// Every bound is a flag. What goes over one is reported, never skipped in silence.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Largest file that is scanned.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "2GiB")]
    pub(crate) max_file_size: u64,

    /// Levels of nesting that are unpacked.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) max_depth: u32,

    /// Files that are unpacked from one scanned file, over all levels.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) max_files: u32,

    /// Largest unpacked file.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "1GiB")]
    pub(crate) max_unpacked_file_size: u64,

    /// Bytes that are unpacked from one scanned file, over all levels.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "4GiB")]
    pub(crate) max_unpacked_size: u64,

    /// Unpacked bytes for each packed byte of one container.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) max_ratio: u32,

    /// Seconds for one scanned file with everything in it.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,

    /// Seconds for one artifact (a file, or a file in it).
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) scan_timeout: u64,

    /// Seconds for the rules of one file over one artifact, where all rules together are slow.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) rule_timeout: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Jail")]
pub(crate) struct JailArguments {
    /// Memory of one worker.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "512MiB")]
    pub(crate) worker_memory: u64,

    /// Artifacts that a worker looks at before it is replaced; 1 for a fresh one each.
    #[arg(long, value_name = "N", default_value_t = crate::config::ARTIFACTS_PER_WORKER)]
    pub(crate) artifacts_per_worker: u32,

    /// Refuse to scan when this kernel lacks a wall of the jail.
    #[arg(long)]
    pub(crate) require_all_layers: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// Where everything is kept.
    #[arg(
        long,
        value_name = "DIR",
        env = "PALISADE_DATA",
        default_value = "palisade-data",
        global = true
    )]
    pub(crate) data: PathBuf,

    /// The server's settings, TOML: needed where its records are on PostgreSQL.
    #[arg(long, value_name = "FILE", env = "PALISADE_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where everything is kept [default: palisade-data].
    #[arg(long, value_name = "DIR", env = "PALISADE_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Where to listen [default: 127.0.0.1:8008].
    #[arg(long, value_name = "ADDR", env = "PALISADE_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Settings, TOML.
    #[arg(long, value_name = "FILE", env = "PALISADE_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// What this process does, separated by commas [default: everything].
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLE", env = "PALISADE_ROLES")]
    pub(crate) roles: Vec<Role>,

    /// Print the settings in force, and end.
    #[arg(long)]
    pub(crate) print_config: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    /// Engines to run: `yara`, `unpack`, or one that the settings declare.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<EngineName>,

    /// Where files of this process are kept (compiled rules) [default: palisade-data].
    #[arg(long, value_name = "DIR", env = "PALISADE_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Where to serve health and metrics [default: nowhere].
    #[arg(long, value_name = "ADDR", env = "PALISADE_LISTEN")]
    pub(crate) listen: Option<String>,

    /// Settings, TOML.
    #[arg(long, value_name = "FILE", env = "PALISADE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArguments {
    /// Settings, TOML.
    #[arg(long, value_name = "FILE", env = "PALISADE_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: TopicsCommand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Say what `apply` would do.
    Plan,
    /// Make missing topics, add partitions, set retention and replicas.
    Apply,
}

#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArgument {
    /// Scan and look up.
    User,
    /// Also manage keys and dead letters.
    Admin,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print its secret, once.
    Create {
        /// Whose it is or what it is for.
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value_t = RoleArgument::User)]
        role: RoleArgument,
        /// Requests a minute.
        #[arg(long, value_name = "N")]
        requests_per_minute: Option<u32>,
        /// Scans a day.
        #[arg(long, value_name = "N")]
        scans_per_day: Option<u32>,
    },
    /// List keys (never their secrets).
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a key back, at once.
    Revoke {
        /// Its id, from `keys list`.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadLettersArguments {
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, newest first.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one whole.
    Show {
        /// Its id, from `dead-letters list`.
        id: String,
    },
    /// Scan its request again, from the beginning.
    Retry {
        /// Its id, from `dead-letters list`.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RulesArguments {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Compile rules and print what is wrong with them; exit status 1 when something is.
    Check {
        /// Files and directories.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}
