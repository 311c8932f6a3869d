//! `palisade topics`: the log's topics on Kafka, as the settings say.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use palisade_kafka::{KafkaLog, TopicChange};
use palisade_model::{EngineName, Priority};
use palisade_ports::log::Topic;

use crate::cli::{TopicsArguments, TopicsCommand};
use crate::config::{Config, StorageKind};
use crate::engines;
use crate::text::say;

/// Exit status 1 when something cannot be done, or, for `plan`, is to be done.
pub(crate) fn run(arguments: TopicsArguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(arguments.config.as_deref())?;
    if config.storage != StorageKind::Distributed {
        bail!("the embedded log needs no topics made: set storage = \"distributed\" and [kafka]");
    }
    let apply = arguments.command == TopicsCommand::Apply;
    let log = KafkaLog::open(config.kafka.clone(), Arc::new(|_, _| {}))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topics = topics(engines::expected(&config)?);
    let changes = runtime.block_on(log.topics().reconcile(&topics, apply))?;
    for change in &changes {
        say(&line(change, apply))?;
    }
    let open =
        |change: &TopicChange| change.refused.is_some() || (!apply && !change.changes.is_empty());
    Ok(if changes.iter().any(open) { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn line(change: &TopicChange, apply: bool) -> String {
    let what = match (&change.refused, change.changes.as_slice(), apply) {
        (Some(why), _, _) => format!("REFUSED: {why}"),
        (None, [], _) => "as it should be".to_owned(),
        (None, changes, true) => format!("done: {}", changes.join("; ")),
        (None, changes, false) => format!("to do: {}", changes.join("; ")),
    };
    format!("{:<44}  {what}\n", change.name)
}

/// Every topic of an installation with these engines.
fn topics(engines: Vec<EngineName>) -> Vec<Topic> {
    let mut topics = vec![Topic::Results, Topic::Reports, Topic::DeadLetters];
    for priority in Priority::ALL {
        topics.push(Topic::Requests(priority));
        topics.extend(engines.iter().map(|engine| Topic::Commands(engine.clone(), priority)));
    }
    topics
}
