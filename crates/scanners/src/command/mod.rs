//! `command`: asks a command-line scanner, one run for each artifact, without a shell and in a jail of
//! its own ([`palisade_jail::command`]).

mod config;
mod definitions;
#[cfg(test)]
mod profiles_tests;
mod reading;
mod structured;
mod update;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use palisade_jail::command::{ArtifactForm, CommandEnd, CommandError, CommandSpec, How, run};
use palisade_model::{Command, Definitions, EngineName};
use palisade_ports::engine::{Artifact, Opinion, ScanError};
use tokio::sync::RwLock;

pub(crate) use config::CommandForm;
pub use config::{CommandConfig, FileName, Give, UpdateForm, VersionForm};
use definitions::VersionReading;
pub use palisade_jail::command::Helper as JailHelper;
use reading::Reading;
pub use reading::{ExitMeaning, JsonForm, PatternForm, Stream};

use crate::answer::{Answer, Meaning};
use crate::outside::Scanner;
use crate::status::{PollError, Status, poll_every};

/// The file's name when it is not to tell anything.
const NEUTRAL_NAME: &str = "artifact.bin";

/// The longest extension that a file gets, in bytes.
const EXTENSION_BYTES: usize = 10;

/// Milliseconds for a version.
const VERSION_TIME_MS: u64 = 30_000;

/// SIGXCPU, on every architecture that we run on: out of processor time.
const SIGXCPU: i32 = 24;

/// The engine.
pub struct CommandEngine {
    name: EngineName,
    description: String,
    config: CommandConfig,
    helper: JailHelper,
    reading: Reading,
    version: Option<VersionReading>,
    /// Part of the version: other settings give other answers.
    settings: String,
    status: Status,
    /// Held by scans, and alone by an update that is to be alone.
    quiet: RwLock<()>,
    notes: Mutex<Notes>,
}

/// What its health shows besides.
#[derive(Default)]
struct Notes {
    /// Walls that its jail lacks.
    walls: String,
    /// How the last update went.
    update: String,
}

impl CommandEngine {
    /// Starts to poll, and to update where that is set; call it in a Tokio runtime.
    ///
    /// # Errors
    /// A setting that is not right.
    pub fn start(
        name: EngineName,
        config: &CommandConfig,
        helper: &JailHelper,
    ) -> Result<Arc<Self>, String> {
        config.check()?;
        let version = config.version.as_ref().map(VersionReading::new).transpose()?;
        let engine = Arc::new(Self {
            name,
            description: format!("the command {}", config.program.display()),
            reading: Reading::new(config)?,
            version,
            settings: definitions::of_settings(config)?,
            config: config.clone(),
            helper: helper.clone(),
            status: Status::new(),
            quiet: RwLock::new(()),
            notes: Mutex::default(),
        });
        let interval = Duration::from_secs(config.poll_seconds);
        poll_every(&engine, interval, |engine| async move { engine.poll().await });
        if let Some(update) = &config.update {
            update::start(&engine, update);
        }
        Ok(engine)
    }

    /// A run of `program` in the jail, with the settings that all runs have in common.
    fn spec(
        &self,
        program: PathBuf,
        arguments: Vec<String>,
        artifact: ArtifactForm,
    ) -> CommandSpec {
        CommandSpec {
            program,
            arguments,
            environment: self.config.variables(),
            artifact,
            read_paths: self.config.read_paths.clone(),
            write_paths: Vec::new(),
            network: self.config.network,
            user: self.config.user,
            limits: self.config.limits,
        }
    }

    async fn poll(&self) {
        match self.ask_version().await {
            Ok(mut definitions) => {
                definitions.version = format!("{}+{}", definitions.version, self.settings);
                self.status.answered(definitions, "");
            }
            Err(error) => self.status.failed(&error),
        }
        self.show_notes();
    }

    async fn ask_version(&self) -> Result<Definitions, PollError> {
        let config = self.config.clone();
        let files = tokio::task::spawn_blocking(move || definitions::of_files(&config)).await;
        let files = files.map_err(|error| error.to_string()).and_then(|files| files);
        // Without its files it cannot run either.
        let files = files.map_err(PollError::Absent)?;
        let (Some(form), Some(reading)) = (&self.config.version, &self.version) else {
            return Ok(files);
        };
        let program = form.program.clone().unwrap_or_else(|| self.config.program.clone());
        let spec = self.spec(program, form.arguments.clone(), ArtifactForm::None);
        let time = Duration::from_millis(VERSION_TIME_MS);
        let end = run(&self.helper, &spec, None, time).await;
        let end = end.map_err(|error| PollError::Absent(error.to_string()))?;
        self.see_walls(&end);
        if end.how == How::TimedOut {
            return Err(PollError::Slow(format!("no version in {VERSION_TIME_MS} ms")));
        }
        let told = reading.read(&end).ok_or_else(|| {
            PollError::Absent(format!("its version cannot be read ({:?})", end.how))
        })?;
        if self.config.databases.is_empty() {
            return Ok(told);
        }
        let version = format!("{}+{}", told.version, files.version);
        Ok(Definitions { version, time: told.time.max(files.time) })
    }

    /// Remembers which walls its jail lacks.
    fn see_walls(&self, end: &CommandEnd) {
        let missing = end.layers.missing();
        let walls = match missing.is_empty() {
            true => String::new(),
            false => format!("its jail lacks {}", missing.join(", ")),
        };
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.walls != walls {
            notes.walls = walls;
            drop(notes);
            self.show_notes();
        }
    }

    fn show_notes(&self) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = [notes.update.as_str(), notes.walls.as_str()];
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        self.status.note(&lines.join("; "));
    }

    /// How an update went.
    fn updated(&self, how: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).update = how;
        self.show_notes();
    }

    fn form(&self, command: &Command) -> ArtifactForm {
        let extension = &command.file_type.extension;
        let plain = extension.len() <= EXTENSION_BYTES
            && !extension.is_empty()
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let name = match self.config.file_name {
            FileName::Extension if plain => format!("artifact.{extension}"),
            FileName::Extension | FileName::Neutral => NEUTRAL_NAME.to_owned(),
        };
        match self.config.artifact {
            Give::File => ArtifactForm::File(name),
            Give::Memory => ArtifactForm::Memory,
            Give::Shared => {
                ArtifactForm::Shared { below: self.config.shared_directory.clone(), name }
            }
        }
    }

    async fn run(
        &self,
        command: &Command,
        artifact: &Artifact,
        timeout_ms: u64,
    ) -> Result<Opinion, ScanError> {
        let program = self.config.program.clone();
        let spec = self.spec(program, self.config.arguments.clone(), self.form(command));
        let time = Duration::from_millis(timeout_ms.min(self.config.time_limit_ms));
        let whole = tokio::time::Instant::now() + time;
        let quiet = tokio::time::timeout_at(whole, self.quiet.read()).await;
        let _quiet = quiet.map_err(|_| ScanError::TimedOut)?;
        let left = whole.saturating_duration_since(tokio::time::Instant::now());
        let end = match run(&self.helper, &spec, Some(artifact.file()), left).await {
            Ok(end) => end,
            Err(error) => {
                if matches!(error, CommandError::NotExecuted(_)) {
                    self.status.failed(&PollError::Absent(error.to_string()));
                }
                return Err(ScanError::Unavailable(error.to_string()));
            }
        };
        self.see_walls(&end);
        let answer = self.reading.read(&end, self.name.as_str());
        // What it found before it came to a bad end is found.
        if answer.meaning < Meaning::Suspicious {
            match end.how {
                How::TimedOut => return Err(ScanError::TimedOut),
                How::Signalled(SIGXCPU) => {
                    let answer = Answer { meaning: Meaning::TimedOut, ..answer };
                    return Ok(answer.opinion(self.name.as_str()));
                }
                How::Signalled(signal) => {
                    return Err(ScanError::WorkerDied(format!("it died by signal {signal}")));
                }
                How::Exited(_) | How::TooMuchOutput => {}
            }
        }
        Ok(answer.opinion(self.name.as_str()))
    }
}

#[async_trait]
impl Scanner for CommandEngine {
    fn name(&self) -> &EngineName {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn status(&self) -> &Status {
        &self.status
    }

    fn concurrency(&self) -> usize {
        self.config.concurrency
    }

    fn max_bytes(&self) -> u64 {
        self.config.max_bytes
    }

    async fn look(
        &self,
        command: &Command,
        artifact: &Artifact,
        _: u64,
        timeout_ms: u64,
    ) -> Result<(Opinion, Option<Definitions>), ScanError> {
        Ok((self.run(command, artifact, timeout_ms).await?, None))
    }
}
