//! `palisade policy`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use palisade_defender::agent;
use palisade_defender::models::{ModelCommand, ModelReply, Selector, Settings};
use palisade_defender::policy::{Enforce, ImageModel, Trial};
use palisade_model::UnixMillis;
use palisade_sensor::ladder::Ladder;

use super::arguments::{PolicyArguments, PolicyCommand};
use crate::text::{complain, say};

pub(crate) fn run(arguments: PolicyArguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        PolicyCommand::Check { file, any_host, json } => {
            let policy = agent::policy(Some(&file))?;
            let check = policy.check(&enforce(any_host));
            if json {
                say(&format!("{}\n", serde_json::to_string_pretty(&check)?))?;
            } else {
                say(&check.to_string())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        PolicyCommand::Explain { file, events, model, state, summary, any_host } => {
            let policy = agent::policy(Some(&file))?;
            let model = model.map(|name| model_of(&name, &state)).transpose()?;
            explain(&policy, &events, model.as_ref(), summary, &enforce(any_host))
        }
    }
}

/// What this host can enforce, or what any could.
fn enforce(any_host: bool) -> Enforce {
    if any_host {
        return Enforce::all();
    }
    match agent::check(&agent::Config::default()) {
        Ok(report) => report.enforce(),
        Err(error) => {
            complain(&format!("what this host can enforce is not known: {error:#}"));
            Enforce::from_ladder(&Ladder::default())
        }
    }
}

/// The model in a file, or of the state directory: of a Defender that runs, or of its files.
fn model_of(name: &str, state: &Path) -> anyhow::Result<ImageModel> {
    let settings = Settings::default();
    let text = if Path::new(name).is_file() {
        super::models::read(Path::new(name))?
    } else {
        let command = ModelCommand::Export(Selector(name.to_owned()));
        match agent::command(state, &settings, &command)? {
            ModelReply::File(text) => text,
            _ => anyhow::bail!("the Defender gave no model"),
        }
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let now = UnixMillis(u64::try_from(now)?);
    ImageModel::import(&text, settings.learning, now)
        .with_context(|| format!("the model {name} cannot be used"))
}

/// Bytes of a line at most.
const MAX_LINE: usize = 1 << 20;

fn explain(
    policy: &palisade_defender::policy::Policy,
    events: &Path,
    model: Option<&ImageModel>,
    summary: bool,
    enforce: &Enforce,
) -> anyhow::Result<ExitCode> {
    let mut reader: Box<dyn BufRead> = if events == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(events)
            .with_context(|| format!("{} cannot be read", events.display()))?;
        Box::new(BufReader::new(file))
    };
    let mut trial = Trial::default();
    let (mut line, mut number) = (Vec::new(), 1_u64);
    loop {
        line.clear();
        let read =
            std::io::Read::take(&mut reader, MAX_LINE as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let own = number;
        // A longer line comes in pieces, which are none of them records.
        number += u64::from(line.ends_with(b"\n"));
        if text.trim().is_empty() {
            continue;
        }
        let explained = policy.explain(text.trim(), model, enforce);
        trial.add(&explained);
        if !summary {
            match &explained {
                Ok(explained) => say(&format!("{explained}\n"))?,
                Err(error) => complain(&format!("{} line {own}: {error}", events.display())),
            }
        }
    }
    if summary {
        say(&trial.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
