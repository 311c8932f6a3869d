//! `palisade dead-letters`: works beside a running server.

use anyhow::Context;
use palisade_model::DeadLetter;
use palisade_ports::Records;

use crate::cli::{DataArguments, DeadLettersArguments, DeadLettersCommand};
use crate::serve::retry_beside;
use crate::stores::Beside;
use crate::text::{printable, say};

/// Letters listed.
const LISTED: u32 = 1_000;

pub(crate) fn run(arguments: DeadLettersArguments) -> anyhow::Result<()> {
    let DataArguments { data, config: settings } = arguments.data;
    if let DeadLettersCommand::Retry { id } = &arguments.command {
        retry_beside(&data, id)?;
        return Ok(say(&format!("{id} is at work again\n"))?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = Beside::open(settings.as_deref(), &data).await?;
        let done = act(stores.records(), arguments.command).await;
        stores.close().await;
        done
    })
}

async fn act(records: &dyn Records, command: DeadLettersCommand) -> anyhow::Result<()> {
    match command {
        DeadLettersCommand::List { json } => {
            let letters = records.dead_letters(LISTED).await?;
            if json {
                say(&format!("{}\n", serde_json::to_string_pretty(&letters)?))?;
            } else {
                list(&letters)?;
            }
        }
        DeadLettersCommand::Show { id } => {
            let letter = records
                .dead_letter(&id)
                .await?
                .with_context(|| format!("there is no dead letter `{id}`"))?;
            let mut shown = serde_json::to_value(&letter)?;
            // The message is JSON too: shown as such, not as text in text.
            if let Ok(message) = serde_json::from_str::<serde_json::Value>(&letter.payload) {
                shown["payload"] = message;
            }
            say(&format!("{}\n", serde_json::to_string_pretty(&shown)?))?;
        }
        DeadLettersCommand::Retry { .. } => {}
    }
    Ok(())
}

fn list(letters: &[DeadLetter]) -> anyhow::Result<()> {
    if letters.is_empty() {
        return Ok(say("no dead letters\n")?);
    }
    say(&format!("{:<40}  {:<24}  {:>8}  REASON\n", "ID", "TIME", "ATTEMPTS"))?;
    for letter in letters {
        say(&format!(
            "{:<40}  {:<24}  {:>8}  {}\n",
            printable(&letter.id),
            palisade_api::v4::timestamp(letter.time),
            letter.attempts,
            printable(&letter.reason),
        ))?;
    }
    Ok(())
}
