//! Arguments of `palisade defend`, `policy` and `models`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// How events are written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventFormat {
    /// For people: one line an event, incidents as a block.
    Pretty,
    /// One JSON object a line, with OCSF field names.
    Jsonl,
    /// One record a line, as `palisade policy explain` reads them.
    Record,
    /// Nothing.
    None,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Needs root, or the capabilities that --check lists. Exit status: 0 ended as told; 1 \
                        --check found that nothing is seen as it happens; 2 it could not start."
)]
pub(crate) struct DefendArguments {
    /// Settings, as TOML.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The policy, as TOML [default: raise incidents, prevent nothing].
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Rules in Falco's language, besides the built-in ones: a file or a directory (repeatable).
    #[arg(long, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,

    /// Leave the built-in rules out.
    #[arg(long)]
    pub(crate) no_built_in_rules: bool,

    /// Where behaviour models, queues and the audit log are kept.
    #[arg(long, value_name = "DIR", env = "PALISADE_DEFENDER_STATE")]
    pub(crate) state: Option<PathBuf>,

    /// How events and incidents are written to standard output [default: pretty on a terminal, else jsonl;
    /// none when the settings name outputs].
    #[arg(long, short, value_enum)]
    pub(crate) format: Option<EventFormat>,

    /// Which events are written, separated by commas: kinds, `all` or `none` [default: all with jsonl;
    /// with pretty those that people read].
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    pub(crate) events: Vec<String>,

    /// Write events and incidents to this file too, as JSON lines.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Watch processes outside containers too.
    #[arg(long)]
    pub(crate) host: bool,

    /// Serve metrics and health at this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Print what can be seen and done on this host, and end.
    #[arg(long)]
    pub(crate) check: bool,

    /// Run without the second process that lets go of every hook when this one stalls.
    #[arg(long)]
    pub(crate) no_watchdog: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a policy: what is wrong with it, what it says, and what this host cannot enforce of it.
    Check {
        /// The policy.
        file: PathBuf,
        /// Assume a host that can enforce everything.
        #[arg(long)]
        any_host: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what a policy would do about events, and why.
    Explain {
        /// The policy.
        file: PathBuf,
        /// Events as an output of format `record` writes them, one a line; `-` for standard input.
        events: PathBuf,
        /// The behaviour model of an image, for events of its containers: a file that `palisade models
        /// export` printed, or the image's name or the start of its digest, of the state directory.
        #[arg(long, value_name = "FILE|IMAGE")]
        model: Option<String>,
        /// The Defender's state directory, where the model is.
        #[arg(
            long,
            value_name = "DIR",
            env = "PALISADE_DEFENDER_STATE",
            default_value = "/var/lib/palisade/defender"
        )]
        state: PathBuf,
        /// Only the counts: which rules would have done what how often.
        #[arg(long)]
        summary: bool,
        /// Assume a host that can enforce everything.
        #[arg(long)]
        any_host: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    /// The Defender's state directory.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "PALISADE_DEFENDER_STATE",
        default_value = "/var/lib/palisade/defender"
    )]
    pub(crate) state: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// All models.
    List,
    /// One model, with what departed from it lately.
    Show {
        /// Its image: name, or the start of its digest.
        image: String,
    },
    /// Print a model as a file that can be read, changed and imported.
    Export {
        /// Its image: name, or the start of its digest.
        image: String,
    },
    /// Take a model from a file.
    Import {
        /// The file; `-` for standard input.
        file: PathBuf,
        /// Keep what is known and add what the file knows.
        #[arg(long)]
        merge: bool,
    },
    /// Learn more, until `finish`. What is known stays.
    Relearn {
        /// Its image: name, or the start of its digest.
        image: String,
    },
    /// End learning: from now on, what departs is an incident.
    Finish {
        /// Its image: name, or the start of its digest.
        image: String,
    },
    /// Accept what departed, by the numbers of `show`; all of it without any.
    Accept {
        /// Its image: name, or the start of its digest.
        image: String,
        /// Numbers.
        deviations: Vec<u64>,
        /// A fact, as incidents and `export` write it: `{"listening":"tcp/81"}`.
        #[arg(long, value_name = "JSON", conflicts_with = "deviations")]
        fact: Option<String>,
    },
    /// Put a model aside.
    Archive {
        /// Its image: name, or the start of its digest.
        image: String,
    },
    /// Remove a model and its file.
    Remove {
        /// Its image: name, or the start of its digest.
        image: String,
    },
}
