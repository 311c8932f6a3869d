use std::path::PathBuf;

use palisade_behaviour::Model;
use palisade_model::UnixMillis;
use palisade_model::event::{ContainerIdentity, ImageDigest};

use super::command::{DeviationView, ModelView, apply};
use super::{CommandError, ModelCommand, ModelReply, Models, Snapshot, Started, Store, StoreError};

/// Something about a model's file that somebody should know. The Defender goes on without it.
#[derive(Debug, thiserror::Error)]
#[error("behaviour model: {0}")]
pub struct Warning(#[from] pub StoreError);

/// The models of a running Defender with their directory. Only three of its calls touch the disk: a
/// container's start reads a file, [`Keeper::save`] writes, and commands do both.
#[derive(Debug)]
pub struct Keeper {
    models: Models,
    store: Store,
}

impl Keeper {
    /// Without any model in memory: each is read when a container of its image starts.
    pub fn new(store: Store) -> Self {
        Self { models: Models::new(store.settings().clone()), store }
    }

    /// The deciders' part: events, sensors, blind times, the ends of containers.
    pub fn models(&mut self) -> &mut Models {
        &mut self.models
    }

    /// The directory.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A container runs, or more is known of it. A damaged file is set aside, which the warning says, and
    /// the image learns anew.
    pub fn container_started(
        &mut self,
        container: &ContainerIdentity,
        now: UnixMillis,
    ) -> (Started, Option<Warning>) {
        let mut warning = None;
        let started = self.models.container_started(container, now, |image| {
            self.store.read(image, now).unwrap_or_else(|error| {
                warning = Some(Warning(error));
                None
            })
        });
        (started, warning)
    }

    /// Lets time pass and gives what is behind on disk; with `all`, everything that changed. Each is to be
    /// written ([`Store::write`], on a thread that may block) and told to [`Keeper::written`].
    pub fn behind(&mut self, all: bool, now: UnixMillis) -> Vec<Snapshot> {
        self.models.advance(now);
        self.models.to_write(all, now)
    }

    /// What came of writing a model. One that could not be written stays in memory and is tried again.
    pub fn written(
        &mut self,
        snapshot: &Snapshot,
        outcome: Result<PathBuf, StoreError>,
    ) -> Option<Warning> {
        self.models.written(&snapshot.image, outcome.is_ok());
        outcome.err().map(Warning)
    }

    /// Both at once: writes what is behind and waits for the disk.
    pub fn save(&mut self, all: bool, now: UnixMillis) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for snapshot in self.behind(all, now) {
            let outcome = self.store.write(&snapshot);
            warnings.extend(self.written(&snapshot, outcome));
        }
        warnings
    }

    /// Carries out a command. Models in memory are changed there and written at once; others on disk.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn command(
        &mut self,
        command: &ModelCommand,
        now: UnixMillis,
    ) -> Result<ModelReply, CommandError> {
        match command {
            ModelCommand::List => return self.list(now),
            ModelCommand::Import { text, merge } => return self.import(text, *merge, now),
            _ => {}
        }
        let Some(selector) = command.selector() else {
            return Err(CommandError::Unknown(String::new()));
        };
        // The models of images that run come first: older releases of the same name may lie on disk.
        let known = self.models.iter().map(|model| (model.image(), model.name().to_owned()));
        let image = match selector.choose(known) {
            Err(CommandError::Unknown(_)) => return self.store.command(command, now),
            other => other?,
        };
        let reply = match command {
            ModelCommand::Show(_) => return self.show(&image, &selector.0),
            ModelCommand::Export(_) => {
                let model = self.models.model(&image);
                return model
                    .map(|model| ModelReply::File(model.export()))
                    .ok_or_else(|| CommandError::Unknown(selector.0.clone()));
            }
            ModelCommand::Remove(_) => {
                if !self.models.let_go(&image) {
                    return Err(CommandError::Running);
                }
                self.store.remove(&image, now)?;
                return Ok(ModelReply::Removed);
            }
            ModelCommand::Accept { deviations, .. } => self.accept(&image, deviations)?,
            other => {
                let kept = self.models.change(&image);
                let kept = kept.ok_or_else(|| CommandError::Unknown(selector.0.clone()))?;
                apply(&mut kept.model, other, now)?
                    .ok_or_else(|| CommandError::Unknown(selector.0.clone()))?
            }
        };
        self.write_now(now)?;
        Ok(reply)
    }

    fn write_now(&mut self, now: UnixMillis) -> Result<(), StoreError> {
        for snapshot in self.models.to_write(false, now) {
            let written = self.store.write(&snapshot);
            self.models.written(&snapshot.image, written.is_ok());
            written?;
        }
        Ok(())
    }

    fn list(&self, now: UnixMillis) -> Result<ModelReply, CommandError> {
        let mut views: Vec<ModelView> = self.models.iter().map(ModelView::of).collect();
        let on_disk = self.store.models(now)?;
        let others = on_disk.iter().filter(|model| self.models.model(&model.image()).is_none());
        views.extend(others.map(ModelView::of));
        views.sort_by(|one, other| (&one.name, one.image).cmp(&(&other.name, other.image)));
        Ok(ModelReply::Models(views))
    }

    fn show(&self, image: &ImageDigest, name: &str) -> Result<ModelReply, CommandError> {
        let kept = self.models.kept(image);
        let kept = kept.ok_or_else(|| CommandError::Unknown(name.to_owned()))?;
        let deviations = kept.deviations.iter().map(|(number, time, deviation)| DeviationView {
            number: *number,
            time: *time,
            severity: deviation.severity,
            what: deviation.what.clone(),
            fact: deviation.fact.clone(),
        });
        let model = ModelView::of(&kept.model);
        Ok(ModelReply::Model { model, deviations: deviations.collect() })
    }

    fn import(
        &mut self,
        text: &str,
        merge: bool,
        now: UnixMillis,
    ) -> Result<ModelReply, CommandError> {
        let mut model = Model::import(text, self.store.settings().learning.clone(), now)?;
        let image = model.image();
        let Some(known) = self.models.model(&image) else {
            let text = text.to_owned();
            return self.store.command(&ModelCommand::Import { text, merge }, now);
        };
        if merge {
            let mut known = known.clone();
            // The images are the same: nothing else can go wrong.
            if known.merge(&model).is_ok() {
                model = known;
            }
        }
        self.models.replace(model, now);
        self.write_now(now)?;
        let model = self.models.model(&image);
        model
            .map(|model| ModelReply::Done(ModelView::of(model)))
            .ok_or_else(|| CommandError::Unknown(image.to_string()))
    }

    fn accept(&mut self, image: &ImageDigest, numbers: &[u64]) -> Result<ModelReply, CommandError> {
        let kept = self.models.change(image);
        let kept = kept.ok_or_else(|| CommandError::Unknown(image.to_string()))?;
        let remembered = |wanted: &u64| kept.deviations.iter().any(|(number, ..)| number == wanted);
        if let Some(unknown) = numbers.iter().find(|number| !remembered(number)) {
            return Err(CommandError::NoDeviation(*unknown));
        }
        let chosen = |number: u64| numbers.is_empty() || numbers.contains(&number);
        let mut accepted = 0;
        for (number, _, deviation) in &kept.deviations {
            if chosen(*number) {
                accepted += u64::from(kept.model.extend(&deviation.fact));
            }
        }
        kept.deviations.retain(|(number, ..)| !chosen(*number));
        Ok(ModelReply::Accepted(accepted))
    }
}
