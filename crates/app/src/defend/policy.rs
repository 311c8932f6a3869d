//! `palisade policy`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use palisade_defender::agent;
use palisade_defender::policy::{Enforce, Trial};
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
        PolicyCommand::Explain { file, events, summary, any_host } => {
            let policy = agent::policy(Some(&file))?;
            explain(&policy, &events, summary, &enforce(any_host))
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

/// Bytes of a line at most.
const MAX_LINE: usize = 1 << 20;

fn explain(
    policy: &palisade_defender::policy::Policy,
    events: &Path,
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
    let mut line = Vec::new();
    loop {
        line.clear();
        let read =
            std::io::Read::take(&mut reader, MAX_LINE as u64).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        let explained = policy.explain(text.trim(), None, enforce);
        trial.add(&explained);
        if !summary {
            match &explained {
                Ok(explained) => say(&format!("{explained}\n"))?,
                Err(error) => complain(&error.to_string()),
            }
        }
    }
    if summary {
        say(&trial.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
