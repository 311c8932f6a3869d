//! What people may do with models, whether the Defender runs or not.

use palisade_behaviour::{Fact, Model};
use palisade_model::UnixMillis;
use palisade_model::event::{ImageDigest, IncidentSeverity, Kind};
use serde::{Deserialize, Serialize};

use super::{Snapshot, Store, StoreError};

/// Which image: its digest (`sha256:…`), the first 6 or more digits of it, or its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(pub String);

impl Selector {
    fn fits(&self, image: &ImageDigest, name: &str) -> bool {
        let wanted = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        let digits = wanted.len() >= 6 && wanted.bytes().all(|c| c.is_ascii_hexdigit());
        (digits && image.0.to_string().starts_with(&wanted.to_ascii_lowercase())) || name == self.0
    }

    /// The one of `models` that fits.
    pub(super) fn choose(
        &self,
        models: impl IntoIterator<Item = (ImageDigest, String)>,
    ) -> Result<ImageDigest, CommandError> {
        let mut fitting: Vec<_> =
            models.into_iter().filter(|(image, name)| self.fits(image, name)).collect();
        fitting.sort();
        fitting.dedup_by_key(|(image, _)| *image);
        match fitting.as_slice() {
            [] => Err(CommandError::Unknown(self.0.clone())),
            [(image, _)] => Ok(*image),
            several => {
                let list: Vec<String> = several
                    .iter()
                    .take(10)
                    .map(|(image, name)| format!("{image} {name}"))
                    .collect();
                Err(CommandError::Ambiguous(self.0.clone(), list.join(", ")))
            }
        }
    }
}

/// Something to do with models. Written as JSON for whoever carries it to a running Defender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelCommand {
    /// All models, one line each.
    List,
    /// One model, with its last deviations.
    Show(Selector),
    /// One model as a file.
    Export(Selector),
    /// A model from a file; it takes the place of what is known of its image.
    Import {
        /// The file.
        text: String,
        /// What is known stays, and what the file knows is added.
        merge: bool,
    },
    /// Learns more, until somebody says that it is enough. What is known stays.
    Relearn(Selector),
    /// Ends learning: the model compares from now on.
    FinishLearning(Selector),
    /// Accepts deviations by their numbers ([`ModelReply::Model`] lists them); none: all that are
    /// remembered.
    Accept {
        /// Which model.
        model: Selector,
        /// Their numbers.
        deviations: Vec<u64>,
    },
    /// Accepts a fact, as an incident or a list of deviations gives it.
    AcceptFact {
        /// Which model.
        model: Selector,
        /// What is known from now on.
        fact: Fact,
    },
    /// Puts a model aside. Not while a container of its image runs.
    Archive(Selector),
    /// Removes a model and its file. Not while a container of its image runs.
    Remove(Selector),
}

impl ModelCommand {
    /// The model that it names, if it names one.
    pub(super) fn selector(&self) -> Option<&Selector> {
        match self {
            Self::List | Self::Import { .. } => None,
            Self::Show(model)
            | Self::Export(model)
            | Self::Relearn(model)
            | Self::FinishLearning(model)
            | Self::Accept { model, .. }
            | Self::AcceptFact { model, .. }
            | Self::Archive(model)
            | Self::Remove(model) => Some(model),
        }
    }
}

/// A model for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelView {
    /// Its image.
    pub image: ImageDigest,
    /// The image's name.
    pub name: String,
    /// `learning`, `dry-run` or `active`.
    pub phase: String,
    /// Since when it is so.
    pub since: UnixMillis,
    /// Since when it is archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<UnixMillis>,
    /// Whether a container of its image runs.
    pub running: bool,
    /// Kinds of events that sensors see and that it did not learn: not compared until somebody has it
    /// relearn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_learned: Vec<Kind>,
    /// Bounds that were hit while learning, with how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<(String, u64)>,
}

impl ModelView {
    pub(super) fn of(model: &Model) -> Self {
        let bounds = model.bounds().iter().map(|(bound, &count)| (bound.to_string(), count));
        Self {
            image: model.image(),
            name: model.name().to_owned(),
            phase: model.phase().as_str().to_owned(),
            since: model.phase().since(),
            archived: model.archived(),
            running: model.is_running(),
            not_learned: model.not_learned().iter().collect(),
            bounds: bounds.collect(),
        }
    }
}

/// A deviation that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviationView {
    /// Its number in its model.
    pub number: u64,
    /// When it was first seen.
    pub time: UnixMillis,
    /// How grave.
    pub severity: IncidentSeverity,
    /// In words.
    pub what: String,
    /// As [`ModelCommand::AcceptFact`] takes it.
    pub fact: Fact,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelReply {
    /// All models, by name.
    Models(Vec<ModelView>),
    /// One model.
    Model {
        /// Itself.
        model: ModelView,
        /// Its last deviations. Empty while the Defender is not running: they are in memory only.
        deviations: Vec<DeviationView>,
    },
    /// One model as a file.
    File(String),
    /// It is done.
    Done(ModelView),
    /// So many facts are known that were not.
    Accepted(u64),
    /// It is gone.
    Removed,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No model fits.
    #[error("there is no model `{0}`")]
    Unknown(String),
    /// Several fit.
    #[error("`{0}` fits several models: {1}")]
    Ambiguous(String, String),
    /// A file that is no model.
    #[error("the file cannot be imported")]
    Import(#[from] palisade_behaviour::ImportError),
    /// No deviation has this number.
    #[error("no deviation {0} is remembered")]
    NoDeviation(u64),
    /// Deviations are remembered by a running Defender only.
    #[error("the Defender is not running: deviations are accepted as facts, or in the file")]
    NotRunning,
    /// A fact that no model can hold.
    #[error("that is not a fact that a model can hold")]
    Fact,
    /// A container of the image runs.
    #[error("a container of the image runs")]
    Running,
    /// The directory.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a command does to one model. `None`: nothing that changes it.
pub(super) fn apply(
    model: &mut Model,
    command: &ModelCommand,
    now: UnixMillis,
) -> Result<Option<ModelReply>, CommandError> {
    match command {
        ModelCommand::Relearn(_) => model.relearn(now),
        ModelCommand::FinishLearning(_) => model.finish_learning(now),
        ModelCommand::Archive(_) if model.is_running() => return Err(CommandError::Running),
        ModelCommand::Archive(_) => model.archive(now),
        ModelCommand::AcceptFact { fact, .. } => {
            if !fact.is_sound() {
                return Err(CommandError::Fact);
            }
            return Ok(Some(ModelReply::Accepted(u64::from(model.extend(fact)))));
        }
        _ => return Ok(None),
    }
    Ok(Some(ModelReply::Done(ModelView::of(model))))
}

impl Store {
    /// Carries out a command on the directory alone: while the Defender is not running, or for a model
    /// that it does not hold.
    ///
    /// # Errors
    /// [`CommandError`]; nothing is changed then, except that damaged files are set aside.
    pub fn command(
        &self,
        command: &ModelCommand,
        now: UnixMillis,
    ) -> Result<ModelReply, CommandError> {
        match command {
            ModelCommand::List => {
                let mut views: Vec<_> = self.models(now)?.iter().map(ModelView::of).collect();
                views.sort_by(|one, other| (&one.name, one.image).cmp(&(&other.name, other.image)));
                return Ok(ModelReply::Models(views));
            }
            ModelCommand::Import { text, merge } => {
                let mut model = Model::import(text, self.settings().learning.clone(), now)?;
                if *merge && let Some(mut known) = self.read(&model.image(), now)? {
                    // The images are the same: nothing else can go wrong.
                    if known.merge(&model).is_ok() {
                        model = known;
                    }
                }
                self.save(&model)?;
                return Ok(ModelReply::Done(ModelView::of(&model)));
            }
            _ => {}
        }
        let Some(selector) = command.selector() else {
            return Err(CommandError::Unknown(String::new()));
        };
        let models = self.models(now)?;
        let image =
            selector.choose(models.iter().map(|model| (model.image(), model.name().to_owned())))?;
        let model = models.into_iter().find(|model| model.image() == image);
        let mut model = model.ok_or_else(|| CommandError::Unknown(selector.0.clone()))?;
        match command {
            ModelCommand::Show(_) => {
                let model = ModelView::of(&model);
                Ok(ModelReply::Model { model, deviations: Vec::new() })
            }
            ModelCommand::Export(_) => Ok(ModelReply::File(model.export())),
            ModelCommand::Accept { .. } => Err(CommandError::NotRunning),
            ModelCommand::Remove(_) => {
                self.remove(&image, now)?;
                Ok(ModelReply::Removed)
            }
            other => {
                let reply = apply(&mut model, other, now)?;
                self.save(&model)?;
                reply.ok_or_else(|| CommandError::Unknown(selector.0.clone()))
            }
        }
    }

    /// Every model that can be read. Damaged files are set aside and left out.
    pub(super) fn models(&self, now: UnixMillis) -> Result<Vec<Model>, StoreError> {
        let mut models = Vec::new();
        for entry in self.entries()? {
            match self.read_entry(&entry, now) {
                Ok(model) => models.push(model),
                Err(damaged @ StoreError::Damaged { .. }) => tracing::warn!("{damaged}"),
                Err(other) => return Err(other),
            }
        }
        Ok(models)
    }

    pub(super) fn save(&self, model: &Model) -> Result<(), StoreError> {
        let (image, name, text) = (model.image(), model.name().to_owned(), model.export());
        self.write(&Snapshot { image, name, text }).map(|_| ())
    }
}
