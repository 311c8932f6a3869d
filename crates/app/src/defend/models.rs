//! `palisade models`.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use palisade_defender::agent;
use palisade_defender::models::{ModelCommand, ModelReply, ModelView, Selector, Settings};

use super::arguments::{ModelsArguments, ModelsCommand};
use crate::text::{printable, say};

/// Bytes of an imported file at most.
const MAX_FILE: u64 = 16 << 20;

pub(crate) fn run(arguments: ModelsArguments) -> anyhow::Result<ExitCode> {
    let command = match arguments.command {
        ModelsCommand::List => ModelCommand::List,
        ModelsCommand::Show { image } => ModelCommand::Show(Selector(image)),
        ModelsCommand::Export { image } => ModelCommand::Export(Selector(image)),
        ModelsCommand::Import { file, merge } => ModelCommand::Import { text: read(&file)?, merge },
        ModelsCommand::Relearn { image } => ModelCommand::Relearn(Selector(image)),
        ModelsCommand::Finish { image } => ModelCommand::FinishLearning(Selector(image)),
        ModelsCommand::Accept { image, fact: Some(fact), .. } => ModelCommand::AcceptFact {
            model: Selector(image),
            fact: serde_json::from_str(&fact).context("this is no fact")?,
        },
        ModelsCommand::Accept { image, deviations, fact: None } => {
            ModelCommand::Accept { model: Selector(image), deviations }
        }
        ModelsCommand::Archive { image } => ModelCommand::Archive(Selector(image)),
        ModelsCommand::Remove { image } => ModelCommand::Remove(Selector(image)),
    };
    let reply = agent::command(&arguments.state, &Settings::default(), &command)?;
    if arguments.json {
        say(&format!("{}\n", serde_json::to_string_pretty(&reply)?))?;
    } else {
        print(&reply)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
    };
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text)
}

fn print(reply: &ModelReply) -> anyhow::Result<()> {
    match reply {
        ModelReply::Models(models) => {
            say(&format!("{:<12}  {:<10}  {:<7}  IMAGE\n", "DIGEST", "PHASE", "RUNNING"))?;
            for model in models {
                say(&line(model))?;
            }
        }
        ModelReply::Model { model, deviations } => {
            say(&line(model))?;
            for deviation in deviations {
                let what = printable(&deviation.what);
                say(&format!("  {:>4}  {:?}  {what}\n", deviation.number, deviation.severity))?;
            }
        }
        ModelReply::File(text) => say(text)?,
        other => say(&format!("{}\n", serde_json::to_string(other)?))?,
    }
    Ok(())
}

fn line(model: &ModelView) -> String {
    let digest = model.image.to_string();
    let digest = digest.trim_start_matches("sha256:").get(..12).unwrap_or_default();
    let phase = if model.archived.is_some() { "archived" } else { &model.phase };
    let running = if model.running { "yes" } else { "no" };
    format!("{digest:<12}  {phase:<10}  {running:<7}  {}\n", printable(&model.name))
}
