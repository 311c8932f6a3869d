//! The file form of a model: TOML, for people to read, review and correct. Every list is sorted, so
//! that two exports can be compared line by line.

use std::collections::BTreeMap;

use palisade_model::event::{ImageDigest, Kind, KindSet};
use palisade_model::{Sha256, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::learned::{Bounds, Learned, Program, name_to_path, note, path_to_name};
use crate::network::Network;
use crate::sequence::{self, Gram};
use crate::{Bound, LearningReason, Model, Phase, Port, Settings};

/// The version that is written. Every older one stays readable.
pub const VERSION: u32 = 1;

/// Bytes of one text in a file: a path of the kernel is at most that long (`PATH_MAX`).
pub(crate) const MAX_TEXT: usize = 4_096;

const HEADER: &str = "\
# What an image normally does, as Palisade learned it. May be edited: in paths, `*` is any name in a
# directory and `**` anything below it; `<n>`, `<hex>`, `<uuid>` and `<random>` are parts of names that
# change. A parent that is empty is outside the container. Times are milliseconds (since 1970).
";

/// A file that cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Longer than `max_document`.
    #[error("the file has {0} bytes; at most {1} are read (max_document)")]
    TooLarge(usize, usize),
    /// Not TOML, or not of this form.
    #[error("the file is not a behaviour model")]
    Form(#[source] toml::de::Error),
    /// Written by a newer Palisade.
    #[error("version {0} is newer than this program reads ({VERSION}); upgrade it")]
    TooNew(i64),
    /// A value that means nothing.
    #[error("`{value}` is not a {what}")]
    Value {
        /// What was expected.
        what: &'static str,
        /// What is there, cut to 80 characters.
        value: String,
    },
}

fn invalid(what: &'static str, value: &str) -> ImportError {
    ImportError::Value { what, value: value.chars().take(80).collect() }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    image: ImageDigest,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    /// Kinds of events that were visible while learning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sensors: Vec<String>,
    phase: PhaseDocument,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bounds: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "LearnedDocument::is_empty")]
    learned: LearnedDocument,
    #[serde(default, skip_serializing_if = "LearnedDocument::is_empty")]
    extended: LearnedDocument,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sequences: Vec<SequencesDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseDocument {
    state: String,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    container_ms: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    running_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    archived: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    visible_ms: BTreeMap<String, u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LearnedDocument {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listening: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    /// Bounds that make unknown things not comparable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    full: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outbound: Vec<OutboundDocument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    processes: Vec<ProcessDocument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FilesDocument>,
}

impl LearnedDocument {
    fn is_empty(&self) -> bool {
        self.users.is_empty()
            && self.listening.is_empty()
            && self.names.is_empty()
            && self.full.is_empty()
            && self.outbound.is_empty()
            && self.processes.is_empty()
            && self.files.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundDocument {
    port: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    /// Networks stand for addresses.
    #[serde(default, skip_serializing_if = "is_false")]
    folded: bool,
    /// Any address.
    #[serde(default, skip_serializing_if = "is_false")]
    any: bool,
    /// Any address that is the answer for one of the names.
    #[serde(default, skip_serializing_if = "is_false")]
    by_name: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessDocument {
    path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    any_hash: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parents: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    any_parent: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilesDocument {
    executable: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    full: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SequencesDocument {
    executable: String,
    calls: Vec<String>,
}

/// TOML's integers have a sign.
fn whole(number: u64) -> u64 {
    number.min(i64::MAX.unsigned_abs())
}

fn times(map: &BTreeMap<Kind, u64>) -> BTreeMap<String, u64> {
    map.iter().map(|(kind, &time)| (kind.to_string(), whole(time))).collect()
}

fn kind(name: &str) -> Result<Kind, ImportError> {
    let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
    found.ok_or_else(|| invalid("kind of event", name))
}

fn bound(name: &str) -> Result<Bound, ImportError> {
    name.parse::<Bound>().map_err(|()| invalid("bound", name))
}

/// A text that may stand in a model.
fn text<'a>(what: &'static str, value: &'a str) -> Result<&'a str, ImportError> {
    let fit = !value.is_empty() && value.len() <= MAX_TEXT && !value.chars().any(char::is_control);
    if fit { Ok(value) } else { Err(invalid(what, value)) }
}

impl From<&Learned> for LearnedDocument {
    fn from(learned: &Learned) -> Self {
        let outbound = learned.outbound.iter().map(|(port, remotes)| OutboundDocument {
            port: port.to_string(),
            addresses: remotes.iter().map(Network::to_string).collect(),
            folded: remotes.is_folded(),
            any: remotes.any,
            by_name: remotes.by_name,
        });
        let processes = learned.processes.iter().map(|(path, program)| ProcessDocument {
            path: path.clone(),
            hashes: program.hashes.iter().map(Sha256::to_string).collect(),
            any_hash: program.any_hash,
            parents: program.parents.iter().cloned().collect(),
            any_parent: program.any_parent,
        });
        let files = learned.files.iter().map(|(executable, set)| FilesDocument {
            executable: executable.clone(),
            paths: set.iter().map(str::to_owned).collect(),
            full: set.is_full(),
        });
        Self {
            users: learned.users.iter().copied().collect(),
            listening: learned.listening.iter().map(Port::to_string).collect(),
            names: learned.names.iter().map(path_to_name).collect(),
            full: learned.full.iter().map(Bound::to_string).collect(),
            outbound: outbound.collect(),
            processes: processes.collect(),
            files: files.collect(),
        }
    }
}

impl LearnedDocument {
    /// By the same ways as what is learned, so that the same bounds hold.
    fn read(&self, settings: &Settings, bounds: &mut Bounds) -> Result<Learned, ImportError> {
        let mut learned = Learned::default();
        for &uid in &self.users {
            learned.add_user(uid, settings, bounds);
        }
        for listening in &self.listening {
            learned.add_listening(port(listening)?, settings, bounds);
        }
        for name in &self.names {
            let name = text("name", name)?;
            if name.contains('/') {
                return Err(invalid("name", name));
            }
            learned.add_name(&name_to_path(name), settings, bounds);
        }
        for name in &self.full {
            learned.full.insert(bound(name)?);
        }
        for outbound in &self.outbound {
            let port = port(&outbound.port)?;
            if outbound.folded || outbound.any {
                learned.set_folded(port, outbound.any, settings, bounds);
            }
            for address in &outbound.addresses {
                let network =
                    address.parse::<Network>().map_err(|()| invalid("network", address))?;
                learned.add_network(port, network, settings, bounds);
            }
            if outbound.by_name {
                learned.add_by_name(port, settings, bounds);
            }
        }
        for process in &self.processes {
            let mut program = Program {
                any_hash: process.any_hash,
                any_parent: process.any_parent,
                ..Program::default()
            };
            for hash in &process.hashes {
                let hash: Result<Sha256, _> = hash.parse();
                program.hashes.insert(hash.map_err(|_| invalid("SHA-256", &process.path))?);
            }
            for parent in &process.parents {
                if !parent.is_empty() {
                    text("path", parent)?;
                }
                program.parents.insert(parent.clone());
            }
            learned.add_program(text("path", &process.path)?, &program, settings, bounds);
        }
        for files in &self.files {
            let executable = text("path", &files.executable)?;
            for path in &files.paths {
                if !path.starts_with('/') {
                    return Err(invalid("path", path));
                }
                learned.add_file(executable, text("path", path)?, settings, bounds);
            }
            if files.full {
                learned.set_files_full(executable);
            }
        }
        Ok(learned)
    }
}

fn port(text: &str) -> Result<Port, ImportError> {
    text.parse::<Port>().map_err(|()| invalid("port", text))
}

impl PhaseDocument {
    fn read(&self) -> Result<Phase, ImportError> {
        let since = UnixMillis(self.since);
        Ok(match self.state.as_str() {
            "learning" => {
                let name = self.reason.as_deref().unwrap_or("first");
                let reasons =
                    [LearningReason::First, LearningReason::Change, LearningReason::Manual];
                let reason = reasons.into_iter().find(|reason| reason.as_str() == name);
                Phase::Learning {
                    since,
                    reason: reason.ok_or_else(|| invalid("reason to learn", name))?,
                    container_ms: self.container_ms,
                    running_ms: self.running_ms,
                }
            }
            "dry-run" => Phase::DryRun { since, running_ms: self.running_ms },
            "active" => Phase::Active { since },
            other => return Err(invalid("state of a model", other)),
        })
    }
}

impl Model {
    /// The model as a file.
    pub fn export(&self) -> String {
        let (reason, container_ms, running_ms) = match self.phase {
            Phase::Learning { reason, container_ms, running_ms, .. } => {
                (Some(reason.as_str().to_owned()), container_ms, running_ms)
            }
            Phase::DryRun { running_ms, .. } => (None, 0, running_ms),
            Phase::Active { .. } => (None, 0, 0),
        };
        let sequences = self.sequences.iter().map(|(executable, grams)| SequencesDocument {
            executable: executable.to_owned(),
            calls: grams.iter().map(Gram::to_string).collect(),
        });
        let bounds = self.bounds.iter().map(|(bound, &count)| (bound.to_string(), whole(count)));
        let document = Document {
            version: VERSION,
            image: self.image,
            name: self.name.clone(),
            sensors: self.learned_kinds.iter().map(|kind| kind.to_string()).collect(),
            phase: PhaseDocument {
                state: self.phase.as_str().to_owned(),
                since: whole(self.phase.since().0),
                reason,
                container_ms: whole(container_ms),
                running_ms: whole(running_ms),
                archived: self.archived.map(|time| whole(time.0)),
                visible_ms: times(&self.live_ms),
            },
            bounds: bounds.collect(),
            learned: LearnedDocument::from(&self.base),
            extended: LearnedDocument::from(&self.extended),
            sequences: sequences.collect(),
        };
        // Only numbers beyond 63 bits and maps with keys that are not text can fail; there are none.
        let body = toml::to_string_pretty(&document).unwrap_or_default();
        format!("{HEADER}{body}")
    }

    /// A model from a file, as of `now`. It is held to `settings`: what is too much is generalised or
    /// left out as if it had been learned, and stated in [`Model::bounds`].
    ///
    /// # Errors
    /// [`ImportError`]; nothing is taken from a file with an error.
    pub fn import(
        text_of_file: &str,
        settings: Settings,
        now: UnixMillis,
    ) -> Result<Self, ImportError> {
        if text_of_file.len() > settings.max_document {
            return Err(ImportError::TooLarge(text_of_file.len(), settings.max_document));
        }
        let table: toml::Table = toml::from_str(text_of_file).map_err(ImportError::Form)?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(version) if version > i64::from(VERSION) => {
                return Err(ImportError::TooNew(version));
            }
            Some(version) if version < 1 => return Err(invalid("version", &version.to_string())),
            // An absent one is named by the form.
            _ => {}
        }
        let document: Document = table.try_into().map_err(ImportError::Form)?;

        if !document.name.is_empty() {
            text("name of an image", &document.name)?;
        }
        let mut model = Self::new(document.image, document.name, settings, now);
        model.phase = document.phase.read()?;
        model.archived = document.phase.archived.map(UnixMillis);
        for (name, &time) in &document.phase.visible_ms {
            model.live_ms.insert(kind(name)?, time);
        }
        let kinds: Result<KindSet, ImportError> =
            document.sensors.iter().map(|name| kind(name)).collect();
        model.learned_kinds = kinds?;
        let mut bounds = Bounds::new();
        for (name, &count) in &document.bounds {
            bounds.insert(bound(name)?, count);
        }
        model.base = document.learned.read(&model.settings, &mut bounds)?;
        model.extended = document.extended.read(&model.settings, &mut bounds)?;
        let (executables, grams) = (model.settings.max_executables, model.settings.max_sequences);
        for sequences in &document.sequences {
            let executable = text("path", &sequences.executable)?;
            for call in &sequences.calls {
                let gram = call.parse::<Gram>().map_err(|()| invalid("sequence of calls", call))?;
                let insertion = model.sequences.insert(executable, gram, executables, grams);
                if insertion == sequence::Insertion::Full {
                    note(&mut bounds, Bound::Sequences);
                }
            }
        }
        model.bounds = bounds;
        Ok(model)
    }
}
